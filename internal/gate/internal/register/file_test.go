package register

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/seal"
)

func aFile(dir string, key *seal.Key) *file {
	return &file{path: filepath.Join(dir, "list"), magic: "writtest", box: seal.NewBox(key), most: 100}
}

// TestFileKeepsRecords appends at random, cuts the end as a crash would, and
// reads again: what was acknowledged is there, in order, and goes on.
func TestFileKeepsRecords(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, key := t.TempDir(), seal.NewKey()
		var want [][]byte
		f := aFile(dir, key)
		for range rapid.IntRange(1, 5).Draw(rt, "starts") {
			for _, b := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 100), 1, 4).Draw(rt, "records") {
				if err := f.append(b); err != nil {
					rt.Fatal(err)
				}
				want = append(want, b)
			}
			if rapid.Bool().Draw(rt, "crash") { // in the midst of one more
				whole, _ := os.ReadFile(f.path)
				if err := f.append([]byte("never acknowledged")); err != nil {
					rt.Fatal(err)
				}
				torn, _ := os.ReadFile(f.path)
				tail := torn[len(whole):]
				cut := rapid.IntRange(0, len(tail)-1).Draw(rt, "cut")
				if tail = bytes.Clone(tail[:cut]); rapid.Bool().Draw(rt, "zeros") {
					clear(tail)
				}
				if err := os.WriteFile(f.path, append(whole, tail...), 0o600); err != nil {
					rt.Fatal(err)
				}
			}
			f = aFile(dir, key)
			var got [][]byte
			if err := f.load(func(b []byte) error { got = append(got, bytes.Clone(b)); return nil }); err != nil {
				rt.Fatal(err)
			}
			if len(got) != len(want) || !bytes.Equal(bytes.Join(got, []byte("|")), bytes.Join(want, []byte("|"))) {
				rt.Fatalf("%q came back as %q", want, got)
			}
		}
	})
}

// TestFileRefusesOtherHistories: a record that was left out, doubled, swapped,
// or taken from another run of the same file.
func TestFileRefusesOtherHistories(t *testing.T) {
	dir, key := t.TempDir(), seal.NewKey()
	write := func(texts ...string) []byte {
		os.Remove(filepath.Join(dir, "list"))
		f := aFile(dir, key)
		for _, s := range texts {
			if err := f.append([]byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const record = 4 + overhead + 1
	one, other := write("a", "b", "c"), write("a", "x", "c")
	at := func(b []byte, n int) []byte { return b[8+n*record : 8+(n+1)*record] }
	join := func(parts ...[]byte) []byte { return append([]byte("writtest"), bytes.Join(parts, nil)...) }
	for name, b := range map[string][]byte{
		"left out":      join(at(one, 0), at(one, 2)),
		"doubled":       join(at(one, 0), at(one, 0)),
		"swapped":       join(at(one, 1), at(one, 0)),
		"another's end": join(at(one, 0), at(one, 1), at(other, 2)),
		"another's":     join(at(one, 0), at(other, 1)),
		"another magic": append([]byte("writcus1"), one[8:]...),
		"short":         one[:4],
		"empty":         {},
	} {
		if err := os.WriteFile(filepath.Join(dir, "list"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := aFile(dir, key).load(func([]byte) error { return nil }); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRecords: what was registered is there again, and counted once.
func TestRecords(t *testing.T) {
	dir, root := t.TempDir(), seal.NewKey()
	key := func(room string) *seal.Key { return root.Derive(nil, room) }
	r, err := Open(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	if r.Begun() || r.Behind() {
		t.Error("something is there already")
	}
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	digest, list := [32]byte{1}, [32]byte{2}
	const c writ.CaseID = "2026-7KQM-4ZT0"
	if err := r.Tell(digest, list, 1, 1, at); err == nil {
		t.Error("told of a list that is not registered")
	}
	for range 2 {
		if err := r.AddList(digest, list, c, 3, 50, 7, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.AddList(digest, [32]byte{3}, c, 1, 5, 9, at), r.Tell(digest, list, 2, 40, at), r.Mark(11, at)); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Register{r, again} {
		w := r.Writ(digest)
		if w == nil || w.Case != c || w.Objects != 4 || w.Bytes != 55 || len(w.Lists) != 2 || *w.Lists[list] != (List{3, 50, at, 2, 40}) || r.Seq() != 11 {
			t.Errorf("%+v, up to %d", w, r.Seq())
		}
		if r.Writ([32]byte{9}) != nil {
			t.Error("another writ")
		}
	}
	if _, err := Open(dir, func(string) *seal.Key { return seal.NewKey() }); !IsDamaged(err) {
		t.Errorf("under another key: %v", err)
	}
}
