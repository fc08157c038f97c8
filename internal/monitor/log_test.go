package monitor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ/internal/monitor/monitortest"
	"writ/internal/proof"
)

// TestScan: an honest log of several bundles is read, whole and bit by bit.
func TestScan(t *testing.T) {
	r := newRig(t, 520)
	r.policy(func(p *proof.Policy) { p.TLSMin = "1.3" })
	_, err := r.Batch(func(b *proof.Batch) { b.Late, b.Clock = true, "back" })
	r.must(err)
	_, err = r.Say(proof.KindRelease, proof.Release{Version: "1.0", Binaries: []proof.Binary{}})
	r.must(err)
	_, err = r.Say(proof.KindReport, map[string]int{"received": 0})
	r.must(err)
	r.publish()
	whole, err := r.scan(Folder(r.dir))
	r.must(err)
	if whole.Leaves != r.Size() || whole.Batches != 521 || whole.Batch != 521 || whole.Late != 1 || whole.LateOnes[0].N != 521 || whole.Back != 1 ||
		whole.Policies != 2 || whole.Policy.Policy.TLSMin != "1.3" || whole.Releases != 1 || whole.Reports != 1 {
		t.Errorf("%+v", whole)
	}
	// A story goes on where it was, also in the middle of a bundle.
	var part Story
	l := r.open(Folder(r.dir))
	for i := range uint64(300) {
		leaf, err := l.Leaf(t.Context(), i)
		r.must(err)
		f, err := factOf(leaf)
		r.must(err)
		r.must(part.add(f))
	}
	var dones []uint64
	r.must(l.Scan(t.Context(), &part, func(done, of uint64) { dones = append(dones, done) }))
	if !reflect.DeepEqual(part, whole) || dones[len(dones)-1] != whole.Leaves {
		t.Errorf("in two parts: %+v\nat once: %+v", part, whole)
	}
}

// TestTamperedLog changes a byte in each file of a log: it is noticed by who
// re-hashes it, and by who reads a leaf that it is about.
func TestTamperedLog(t *testing.T) {
	r := newRig(t, 600)
	for _, name := range []string{
		"tile/entries/000", "tile/entries/001", "tile/entries/002.p/89",
		"tile/0/002.p/89", "tile/1/000.p/2",
	} {
		for _, change := range []func([]byte) []byte{
			func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b },
			func(b []byte) []byte { return b[:len(b)-3] },
			func(b []byte) []byte { return nil },
			func(b []byte) []byte { return bytes.Repeat(b, 3000) },
		} {
			undo := r.edit(name, change)
			if _, err := r.scan(Folder(r.dir)); !errors.Is(err, ErrTile) && !errors.Is(err, ErrSource) {
				t.Errorf("%s: %v", name, err)
			}
			undo()
		}
	}
	undo := r.edit("tile/entries/001", func(b []byte) []byte { b[300] ^= 1; return b })
	if _, err := r.open(Folder(r.dir)).Leaf(t.Context(), 256); !errors.Is(err, ErrTile) || !strings.Contains(err.Error(), "leaves 256 to 511") {
		t.Errorf("a changed leaf: %v", err)
	}
	if _, err := r.open(Folder(r.dir)).Leaf(t.Context(), 3); err != nil {
		t.Errorf("a leaf beside it: %v", err)
	}
	undo()
	if _, err := r.open(Folder(r.dir)).Leaf(t.Context(), 601); !errors.Is(err, proof.ErrInclusion) {
		t.Errorf("a leaf behind the last: %v", err)
	}
	// Partial tiles may be gone where the full one is there, and no others.
	more := r.Clone()
	for range 300 {
		_, err := more.Batch(nil)
		r.must(err)
	}
	signed, err := os.ReadFile(filepath.Join(r.dir, "checkpoint"))
	r.must(err)
	r.must(more.Publish(r.dir))
	r.must(os.WriteFile(filepath.Join(r.dir, "checkpoint"), signed, 0o644))
	r.must(os.RemoveAll(filepath.Join(r.dir, "tile/entries/002.p")))
	r.must(os.RemoveAll(filepath.Join(r.dir, "tile/0/002.p")))
	if s, err := r.scan(Folder(r.dir)); err != nil || s.Leaves != 601 {
		t.Errorf("partial tiles gone: %v", err)
	}
	r.must(os.Remove(filepath.Join(r.dir, "tile/0/002")))
	if _, err := r.scan(Folder(r.dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a tile gone: %v", err)
	}
}

// TestStory: what a log must not say.
func TestStory(t *testing.T) {
	for name, c := range map[string]struct {
		say  func(*rig) error
		want error
	}{
		"a batch left out": {func(r *rig) error { _, err := r.Batch(func(b *proof.Batch) { b.N++ }); return err }, ErrStory},
		"a batch twice":    {func(r *rig) error { _, err := r.Batch(func(b *proof.Batch) { b.N-- }); return err }, ErrStory},
		"a batch from later": {func(r *rig) error {
			_, err := r.Batch(func(b *proof.Batch) { b.From = r.now.Add(time.Hour) })
			return err
		}, ErrStory},
		"a batch without slots":  {func(r *rig) error { _, err := r.Batch(func(b *proof.Batch) { b.Slots = 0 }); return err }, proof.ErrForm},
		"a batch with half root": {func(r *rig) error { _, err := r.Batch(func(b *proof.Batch) { b.Root = b.Root[:16] }); return err }, proof.ErrForm},
		"a clock that is ahead":  {func(r *rig) error { _, err := r.Batch(func(b *proof.Batch) { b.Clock = "ahead" }); return err }, proof.ErrForm},
		"time going back": {func(r *rig) error {
			leaf, err := proof.Encode(proof.KindReport, r.now.Add(-30*time.Hour), struct{}{})
			r.must(err)
			_, err = r.Add(leaf)
			return err
		}, ErrStory},
		"a policy that follows none": {func(r *rig) error { _, err := r.Policy(func(p *proof.Policy) { p.Previous = nil }); return err }, ErrStory},
		"a policy that follows another": {func(r *rig) error {
			_, err := r.Policy(func(p *proof.Policy) { p.Previous = make([]byte, 32) })
			return err
		}, ErrStory},
		"a break in the middle": {func(r *rig) error {
			_, err := r.Policy(func(p *proof.Policy) { p.Break = &proof.Break{Origin: monitortest.Origin} })
			return err
		}, ErrStory},
		"no statement":  {func(r *rig) error { _, err := r.Add([]byte("tidewater-press")); return err }, proof.ErrForm},
		"an empty leaf": {func(r *rig) error { _, err := r.Add(nil); return err }, proof.ErrForm},
		"a hidden kind": {func(r *rig) error {
			_, err := r.Add([]byte(`{"v":1,"kind":"opening","at":"2026-11-23T12:00:00Z","body":{}}`))
			return err
		}, proof.ErrForm},
		"a leaf too large": {func(r *rig) error { _, err := r.Add(bytes.Repeat([]byte(" "), 5000)); return err }, proof.ErrForm},
		"a field twice": {func(r *rig) error {
			_, err := r.Add([]byte(`{"v":1,"kind":"report","at":"2036-11-23T12:00:00Z","body":{"a":1,"a":2}}`))
			return err
		}, proof.ErrForm},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 3)
			r.must(c.say(r))
			r.publish()
			if _, err := r.scan(Folder(r.dir)); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	// A log that goes on from another says so first, and then counts on.
	r := newRig(t, 0)
	l, err := monitortest.New(r.now)
	r.must(err)
	r.Ledger, r.dir = l, t.TempDir()
	r.policy(func(p *proof.Policy) {
		p.Previous = make([]byte, 32) // in the old log
		p.Break = &proof.Break{Origin: "ledger.old.example", Size: 9, Reason: "fire"}
	})
	_, err = r.Batch(func(b *proof.Batch) { b.N = 77 })
	r.must(err)
	r.publish()
	if s, err := r.scan(Folder(r.dir)); err != nil || s.Batch != 77 || !s.Break {
		t.Errorf("after a break: %+v, %v", s, err)
	}
}

// TestPlainBatch: what is read by hand is read as everything else.
func TestPlainBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "at"))
		root := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "root")
		b := proof.Batch{
			N: rapid.Uint64Range(0, 1<<59).Draw(t, "n"), From: at.Add(-time.Minute).UTC(), Slots: rapid.IntRange(1, proof.MaxSlots).Draw(t, "slots"),
			Root: root, Late: rapid.Bool().Draw(t, "late"), LateBefore: rapid.Bool().Draw(t, "late before"), Unwitnessed: rapid.Bool().Draw(t, "unwitnessed"), Clock: rapid.SampledFrom([]string{"", "back"}).Draw(t, "clock"),
		}
		leaf, err := proof.Encode(proof.KindBatch, at, b)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := plainBatch(leaf)
		if !ok {
			t.Fatalf("%s is not read by hand", leaf)
		}
		b.Root = nil
		if got.kind != proof.KindBatch || !got.at.Equal(at.Truncate(time.Millisecond)) || !reflect.DeepEqual(got.batch, b) {
			t.Fatalf("%s is read as %+v", leaf, got)
		}
		// One byte more, less or another: by hand as by the decoder, or not by hand.
		bad := bytes.Clone(leaf)
		i := rapid.IntRange(0, len(bad)-1).Draw(t, "where")
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 0:
			bad[i] = rapid.Byte().Draw(t, "byte")
		case 1:
			bad = append(bad[:i], bad[i+1:]...)
		default:
			bad = append(bad[:i+1], bad[i:]...)
		}
		agree(t, bad)
	})
}

type fataler interface{ Fatalf(string, ...any) }

// agree checks that a leaf which is read by hand is read alike by the decoder.
func agree(t fataler, leaf []byte) {
	got, ok := plainBatch(leaf)
	if !ok {
		return
	}
	s, err := proof.Decode(leaf)
	var b proof.Batch
	if err == nil {
		err = proof.Unmarshal(s.Body, &b)
	}
	if err == nil {
		err = checkBatch(&b, len(b.Root))
	}
	b.Root = nil
	if err != nil || s.Kind != proof.KindBatch || !s.At.Equal(got.at) || !b.From.Equal(got.batch.From) || fmt.Sprint(b.N, b.Slots, b.Late, b.Clock) !=
		fmt.Sprint(got.batch.N, got.batch.Slots, got.batch.Late, got.batch.Clock) {
		t.Fatalf("%s is read by hand as %+v, and else as %+v: %v", leaf, got, b, err)
	}
}

// FuzzLeaf: whatever a log holds, reading it ends, and by hand as otherwise.
func FuzzLeaf(f *testing.F) {
	leaf, err := proof.Encode(proof.KindBatch, time.Now(), proof.Batch{N: 1, Slots: 16, Root: make([]byte, 32), Late: true, Clock: "back"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(leaf)
	f.Fuzz(func(t *testing.T, leaf []byte) {
		agree(t, leaf)
		factOf(leaf)
	})
}
