package blob

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// segmentsOf returns the paths of the segments in dir, the largest first.
func segmentsOf(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "segments", "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list, func(a, b string) int { return int(sizeOf(t, b) - sizeOf(t, a)) })
	return list
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// alter rewrites the file at path, whatever its mode.
func alter(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, info.Mode().Perm()); err != nil {
		t.Fatal(err)
	}
}

// sealedSegment returns a folder with one sealed segment of five blobs.
func sealedSegment(t *testing.T) (dir string, refs []Ref) {
	t.Helper()
	dir = t.TempDir()
	d := openTest(t, dir, small())
	for i := range 5 {
		refs = append(refs, put(t, d, random(uint64(i), 2000)))
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if _, err := d.Checkpoint(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	closeTest(t, d)
	return copied, refs
}

// Every bit of the framing of a sealed segment counts: each flip is found by
// Walk, and none ever yields wrong bytes or hides an intact blob.
func TestFlippedFraming(t *testing.T) {
	dir, refs := sealedSegment(t)
	path := segmentsOf(t, dir)[0]
	var places []int64
	add := func(from, n int64) {
		for i := range n {
			places = append(places, from+i)
		}
	}
	add(0, 16)
	for _, ref := range refs {
		add(ref.Offset, headerSize)
	}
	table := refs[4].Offset + span(refs[4].Length)
	add(table, sizeOf(t, path)-table)
	for n, place := range places {
		bit := byte(1) << (n % 8)
		alter(t, path, func(b []byte) []byte { b[place] ^= bit; return b })
		checkDamaged(t, dir, refs, fmt.Sprintf("flip at %d", place))
		alter(t, path, func(b []byte) []byte { b[place] ^= bit; return b })
	}
	d := openTest(t, dir, small())
	if got, err := walk(d); err != nil || len(got) != len(refs) {
		t.Fatalf("restored, Walk saw %d blobs: %v", len(got), err)
	}
}

// checkDamaged opens a damaged store and checks that it says so.
func checkDamaged(t *testing.T, dir string, refs []Ref, what string) {
	t.Helper()
	d, err := Open(dir, small())
	if err != nil {
		t.Fatalf("%s: couldn't open: %v", what, err)
	}
	defer d.Close()
	seen, err := walk(d)
	var damage *DamageError
	if !errors.Is(err, ErrCorrupt) || !errors.As(err, &damage) {
		t.Fatalf("%s: Walk found nothing: %v", what, err)
	}
	readable := 0
	for i, ref := range refs {
		got, err := read(d, ref)
		switch {
		case err == nil:
			readable++
			if string(got) != string(random(uint64(i), 2000)) {
				t.Fatalf("%s: other bytes were read", what)
			}
			if !slices.Contains(seen, ref) {
				t.Fatalf("%s: Walk did not see the intact %v", what, ref)
			}
		case !errors.Is(err, ErrCorrupt):
			t.Fatalf("%s: %v", what, err)
		}
	}
	if readable < len(refs)-1 {
		t.Fatalf("%s: %d of %d blobs are readable", what, readable, len(refs))
	}
	owners := &owned{refs: make(map[Ref][]byte)}
	for _, ref := range refs {
		owners.refs[ref] = nil
	}
	if done, _ := d.Reclaim(t.Context(), owners, nil); done != (Reclaimed{}) {
		t.Fatalf("%s: Reclaim: %+v", what, done)
	}
}

// A segment whose content is not certain is not removed, even if nothing that
// is still known of it is owned.
func TestReclaimKeepsUncertainSegment(t *testing.T) {
	for name, place := range map[string]func(size int64) int64{
		"start":   func(int64) int64 { return 3 },
		"table":   func(size int64) int64 { return size - trailerSize - 5 },
		"trailer": func(size int64) int64 { return size - 1 },
	} {
		dir, _ := sealedSegment(t)
		path := segmentsOf(t, dir)[0]
		alter(t, path, func(b []byte) []byte { b[place(int64(len(b)))] ^= 1; return b })
		d := openTest(t, dir, small())
		done, err := d.Reclaim(t.Context(), &owned{}, nil)
		if !errors.Is(err, ErrCorrupt) || done != (Reclaimed{}) {
			t.Errorf("%s: Reclaim: %+v, %v", name, done, err)
		}
		sizeOf(t, path)
	}
}

func TestTruncated(t *testing.T) {
	dir, refs := sealedSegment(t)
	path := segmentsOf(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{0, 10, startSize, refs[2].Offset, refs[2].Offset + 50, refs[4].Offset + 2000, int64(len(whole)) - 1} {
		alter(t, path, func([]byte) []byte { return whole[:n] })
		d, err := Open(dir, small())
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if _, err := walk(d); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: Walk: %v", n, err)
		}
		for i, ref := range refs {
			got, err := read(d, ref)
			if err == nil && string(got) != string(random(uint64(i), 2000)) || err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("cut at %d: %v: %d bytes, %v", n, ref, len(got), err)
			}
		}
		d.Close()
	}
}

func TestMissingSegment(t *testing.T) {
	dir, refs := sealedSegment(t)
	d := openTest(t, dir, small())
	if err := os.Remove(segmentsOf(t, dir)[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := walk(d); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("Walk: %v", err)
	}
	if _, err := read(d, refs[0]); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Open: %v", err)
	}
}

func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	d := openTest(t, dir, small())
	ref, good := uploadTest(t, d, random(1, 5000)), uploadTest(t, d, random(2, 5000))
	path := d.files.path(ref)
	for _, n := range []int64{0, 4999, 5001} {
		if err := os.Truncate(path, n); err != nil {
			t.Fatal(err)
		}
		if _, err := read(d, ref); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("a file of %d bytes was read: %v", n, err)
		}
		refs, err := walk(d)
		if !errors.Is(err, ErrCorrupt) || len(refs) != 1 || refs[0] != good {
			t.Fatalf("Walk: %v, %v", refs, err)
		}
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := walk(d); err == nil || !strings.Contains(err.Error(), "notes.txt") {
		t.Fatalf("Walk: %v", err)
	}
}

// A blob that rotted is not copied by Reclaim as if it were sound.
func TestReclaimKeepsRottenBlob(t *testing.T) {
	dir, refs := sealedSegment(t)
	path := segmentsOf(t, dir)[0]
	alter(t, path, func(b []byte) []byte { b[refs[1].Offset+headerSize+77] ^= 4; return b })
	d := openTest(t, dir, small())
	owners := &owned{refs: map[Ref][]byte{refs[1]: nil, refs[3]: nil}}
	for range 2 {
		_, err := d.Reclaim(t.Context(), owners, nil)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), refs[1].String()) {
			t.Fatalf("Reclaim: %v", err)
		}
	}
	if _, ok := owners.refs[refs[1]]; !ok {
		t.Fatal("the rotten blob was moved")
	}
	if _, err := read(d, refs[1]); err != nil {
		t.Fatal(err)
	}
	if _, ok := owners.refs[refs[3]]; ok {
		t.Fatal("the sound blob was not moved")
	}
}

// torn is an open segment as a crash may leave it.
func torn(t *testing.T) (dir string, refs []Ref) {
	t.Helper()
	dir = t.TempDir()
	d := openTest(t, dir, small())
	for i := range 6 {
		refs = append(refs, put(t, d, random(uint64(i), 2000)))
	}
	closeTest(t, d)
	return dir, refs
}

// Blobs that were being written when the machine stopped leave holes, torn
// blobs and unused room; the store opens, says nothing, and goes on.
func TestTornTails(t *testing.T) {
	const victim = 4 // was being written; 5 behind it was acknowledged
	for name, change := range map[string]func(b []byte, ref, last Ref) []byte{
		"nothing of it": func(b []byte, ref, _ Ref) []byte {
			clear(b[ref.Offset : ref.Offset+span(ref.Length)])
			return b
		},
		"header lost": func(b []byte, ref, _ Ref) []byte {
			clear(b[ref.Offset : ref.Offset+entryAlign])
			return b
		},
		"blob lost": func(b []byte, ref, _ Ref) []byte {
			clear(b[ref.Offset+entryAlign : ref.Offset+span(ref.Length)])
			return b
		},
		"unused room": func(b []byte, _, _ Ref) []byte { return append(b, make([]byte, 1<<20)...) },
		"torn behind the last": func(b []byte, _, last Ref) []byte {
			h := encodeHeader(magicEntry, last.Volume, entry{last.Offset + span(last.Length), 5000}, 0)
			return append(append(b, h[:]...), "torn"...)
		},
		"torn without its header": func(b []byte, _, _ Ref) []byte {
			return append(append(b, make([]byte, entryAlign)...), random(9, 3000)...)
		},
		"torn table": func(b []byte, _, last Ref) []byte {
			return append(b, encodeTable(last.Volume, int64(len(b)), []entry{{512, 2000}})[:50]...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, refs := torn(t)
			alter(t, segmentsOf(t, dir)[0], func(b []byte) []byte { return change(b, refs[victim], refs[5]) })
			var added []Ref
			for range 3 {
				d := openTest(t, dir, small())
				for i, ref := range refs {
					if i != victim {
						want(t, d, ref, random(uint64(i), 2000))
					}
				}
				for _, ref := range added {
					want(t, d, ref, random(7, 30_000))
				}
				if _, err := walk(d); err != nil {
					t.Fatalf("a crash is reported as damage: %v", err)
				}
				added = append(added, put(t, d, random(7, 30_000)))
				closeTest(t, d)
			}
		})
	}
}

// A crash while a segment is made leaves a file in which nothing was put.
func TestUnbornSegment(t *testing.T) {
	for _, content := range [][]byte{nil, make([]byte, 100), make([]byte, 5000)} {
		dir, refs := torn(t)
		if err := os.WriteFile(filepath.Join(dir, "segments", segmentName(42)), content, 0o600); err != nil {
			t.Fatal(err)
		}
		d := openTest(t, dir, small())
		if got, err := walk(d); err != nil || len(got) != len(refs) {
			t.Fatalf("Walk saw %d blobs: %v", len(got), err)
		}
		closeTest(t, d)
	}
}

// A flipped header in an open segment is no crash: it is said at each start,
// and nothing of that segment is cut off or overwritten.
func TestFlippedOpenSegment(t *testing.T) {
	dir, refs := torn(t)
	path := segmentsOf(t, dir)[0]
	alter(t, path, func(b []byte) []byte { b[refs[2].Offset+25] ^= 1; return b })
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d := openTest(t, dir, small())
		put(t, d, random(50, 100))
		if _, err := walk(d); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("Walk: %v", err)
		}
		for i, ref := range refs {
			if i != 2 {
				want(t, d, ref, random(uint64(i), 2000))
			}
		}
		if _, err := read(d, refs[2]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("Open: %v", err)
		}
		if _, err := d.Reclaim(t.Context(), &owned{}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Checkpoint(t.Context(), filepath.Join(t.TempDir(), "copy")); err != nil {
			t.Fatal(err)
		}
		closeTest(t, d)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Fatalf("the damaged segment was changed: %v", err)
	}
}
