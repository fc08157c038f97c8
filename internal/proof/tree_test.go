package proof

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// TestSlots: for any number of slots, each path leads to the root, which is
// the one that the Go project's code makes, and to no other slot or value.
func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := make([][32]byte, rapid.IntRange(1, 200).Draw(t, "slots"))
		var hashes []tlog.Hash
		for i := range slots {
			slots[i] = random()
			added, err := tlog.StoredHashes(int64(i), slots[i][:], tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
				for _, n := range at {
					out = append(out, hashes[n])
				}
				return out, nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, added...)
		}
		root := SlotRoot(slots)
		want, err := tlog.TreeHash(int64(len(slots)), tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
			for _, n := range at {
				out = append(out, hashes[n])
			}
			return out, nil
		}))
		if err != nil || [32]byte(want) != root {
			t.Fatalf("root %x, want %x: %v", root, want, err)
		}
		i := rapid.IntRange(0, len(slots)-1).Draw(t, "i")
		path := SlotPath(slots, i)
		if got, err := RootOfSlot(slots[i], i, len(slots), path); err != nil || got != root {
			t.Fatalf("the path of slot %d leads to %x: %v", i, got, err)
		}
		if got, err := RootOfSlot(random(), i, len(slots), path); err != nil || got == root {
			t.Fatalf("another value leads to the root: %v", err)
		}
		if other := rapid.IntRange(0, len(slots)-1).Draw(t, "other"); other != i {
			if got, err := RootOfSlot(slots[i], other, len(slots), path); err == nil && got == root {
				t.Fatalf("slot %d passes for slot %d", i, other)
			}
		}
	})
	for _, bad := range [][2]int{{0, 0}, {-1, 4}, {4, 4}, {0, MaxSlots + 1}} {
		if _, err := RootOfSlot(random(), bad[0], bad[1], nil); !errors.Is(err, ErrSlot) {
			t.Errorf("slot %d of %d: %v", bad[0], bad[1], err)
		}
	}
}

// TestHeads: each head's path leads to the root, no other head's does, and
// nothing in a path tells how many there are: with one customer or with many it
// has 64 siblings, none of which comes back in the next batch.
func TestHeads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		heads := make([]Head, rapid.IntRange(0, 60).Draw(t, "heads"))
		crowded := rapid.Bool().Draw(t, "crowded")
		for i := range heads {
			heads[i] = Head{Label: random(), Seq: uint64(i), Head: random()}
			if crowded { // alike in all but the last bits of their places
				copy(heads[i].Label[:7], "crowded")
				heads[i].Label[7] = byte(i)
			}
		}
		m, err := NewHeadMap(random(), heads)
		if err != nil {
			t.Fatal(err)
		}
		next, err := NewHeadMap(random(), heads)
		if err != nil {
			t.Fatal(err)
		}
		if m.Root() == next.Root() {
			t.Fatal("two batches have one root")
		}
		for _, h := range heads {
			got, path, ok := m.Path(h.Label)
			if !ok || got != h {
				t.Fatalf("%v is found as %v", h, got)
			}
			if root, err := RootOfHead(h, path); err != nil || root != m.Root() {
				t.Fatalf("a head's path leads to %x: %v", root, err)
			}
			h.Seq++
			if root, err := RootOfHead(h, path); err != nil || root == m.Root() {
				t.Fatalf("another head leads to the root: %v", err)
			}
			if len(heads) == 1 {
				_, later, _ := next.Path(h.Label)
				for i := range path {
					if string(path[i]) == string(later[i]) {
						t.Fatalf("sibling %d is the same in two batches", i)
					}
				}
			}
		}
		if _, _, ok := m.Path(random()); ok {
			t.Fatal("a label that is not there was found")
		}
	})
	twice := []Head{{Label: [32]byte{1}}, {Label: [32]byte{1, 31: 9}}}
	if _, err := NewHeadMap(random(), twice); !errors.Is(err, ErrPlace) {
		t.Errorf("two heads in one place: %v", err)
	}
}

func TestStatements(t *testing.T) {
	good, err := Encode(KindBatch, noon, Batch{N: 1, From: noon, Slots: 1, Root: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Decode(good); err != nil || s.Kind != KindBatch || !s.At.Equal(noon) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{
		``, `{}`, `{"v":1,"kind":"batch","at":"2026-11-23T12:00:00Z"}`,
		`{"v":2,"kind":"batch","at":"2026-11-23T12:00:00Z","body":{}}`,
		`{"v":1,"kind":"key","at":"2026-11-23T12:00:00Z","body":{}}`,
		`{"v":1,"kind":"batch","kind":"policy","at":"2026-11-23T12:00:00Z","body":{}}`,
		`{"v":1,"kind":"batch","at":"2026-11-23T12:00:00Z","body":{"n":1,"N":2}}`,
		`{"v":1,"kind":"batch","at":"2026-11-23T12:00:00Z","body":{"slots":1,"\u017flot\u017f":2}}`,
		"{\"v\":1,\"kind\":\"batch\",\"at\":\"2026-11-23T12:00:00Z\",\"body\":\"\xff\"}",
		`{"v":1,"kind":"batch","at":"2026-11-23T12:00:00Z","body":{}} ` + `x`,
		`{"v":1,"kind":"batch","at":"2026-11-23T12:00:00Z","body":{},"more":1}`,
		`{"v":1,"kind":"batch","at":"yesterday","body":{}}`,
		`{"v":1,"kind":"batch","at":"2026-11-23T12:00:00Z","body":"` + strings.Repeat("x", MaxStatement) + `"}`,
		`{"v":1,"kind":"batch","at":"2026-11-23T12:00:00Z","body":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
	} {
		if s, err := Decode([]byte(bad)); !errors.Is(err, ErrForm) {
			t.Errorf("%.80s is read as %+v: %v", bad, s, err)
		}
	}
	if _, err := Encode(KindReport, time.Now(), strings.Repeat("x", MaxStatement)); !errors.Is(err, ErrForm) {
		t.Errorf("a statement that is too large: %v", err)
	}
	if _, err := Encode("key", noon, 1); !errors.Is(err, ErrForm) {
		t.Errorf("a hidden kind in public: %v", err)
	}
	if _, err := EncodeHidden(KindBatch, noon, 1); !errors.Is(err, ErrForm) {
		t.Errorf("a public kind in hiding: %v", err)
	}
}

func BenchmarkHeadMap(b *testing.B) {
	heads := make([]Head, 10_000)
	for i := range heads {
		heads[i] = Head{Label: random(), Seq: uint64(i), Head: random()}
	}
	for b.Loop() {
		m, err := NewHeadMap(random(), heads)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, ok := m.Path(heads[7].Label); !ok {
			b.Fatal("not found")
		}
	}
}
