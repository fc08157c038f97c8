package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// small are options with small segments and no waiting.
func small() Options {
	return Options{SegmentSize: 256 << 10, Grace: -1, Linger: -1, Handles: 3}
}

func openTest(t *testing.T, dir string, opts Options) *Disk {
	t.Helper()
	d, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(b)
	return b
}

func put(t *testing.T, d *Disk, b []byte) Ref {
	t.Helper()
	ref, err := d.Put(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func uploadTest(t *testing.T, d *Disk, b []byte) Ref {
	t.Helper()
	u, err := d.Create(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Discard()
	if _, err := u.Write(b); err != nil {
		t.Fatal(err)
	}
	ref, err := u.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func read(d *Disk, ref Ref) ([]byte, error) {
	r, err := d.Open(context.Background(), ref)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}

func want(t *testing.T, d *Disk, ref Ref, b []byte) {
	t.Helper()
	got, err := read(d, ref)
	if err != nil {
		t.Fatalf("couldn't read %v: %v", ref, err)
	}
	if !bytes.Equal(got, b) {
		t.Fatalf("%v: other bytes than were put", ref)
	}
}

func walk(d *Disk) (refs []Ref, err error) {
	err = d.Walk(context.Background(), func(ref Ref) error {
		refs = append(refs, ref)
		return nil
	})
	return refs, err
}

func closeTest(t *testing.T, d *Disk) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// owned is an Owners that owns the refs in it and moves them.
type owned struct {
	mu   sync.Mutex
	refs map[Ref][]byte
}

func (o *owned) Owned(_ context.Context, refs []Ref) ([]bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	answer := make([]bool, len(refs))
	for i, ref := range refs {
		_, answer[i] = o.refs[ref]
	}
	return answer, nil
}

func (o *owned) Move(_ context.Context, from, to Ref) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, ok := o.refs[from]
	if ok {
		delete(o.refs, from)
		o.refs[to] = b
	}
	return ok, nil
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	all := make(map[Ref][]byte)
	for run := range 5 {
		d := openTest(t, dir, small())
		for ref, b := range all {
			want(t, d, ref, b)
		}
		for i := range 30 {
			b := random(uint64(run*100+i), 1+i*700)
			all[put(t, d, b)] = b
		}
		b := random(uint64(run), 100_000)
		all[uploadTest(t, d, b)] = b
		if refs, err := walk(d); err != nil || len(refs) != len(all) {
			t.Fatalf("Walk saw %d of %d blobs: %v", len(refs), len(all), err)
		}
		closeTest(t, d)
	}
	list, err := filepath.Glob(filepath.Join(dir, "segments", "*"))
	if err != nil {
		t.Fatal(err)
	}
	// 5 runs of 315 KB: each run goes on with the open segment of the last.
	if len(list) > 9 {
		t.Fatalf("%d segments: restarts begin new ones", len(list))
	}
	for _, path := range list {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 300<<10 {
			t.Errorf("%s keeps %d bytes: unused room was not given back", path, info.Size())
		}
	}
}

// A sealed segment whose mode was lost, as by a careless copy, is known again.
func TestReopenLostMode(t *testing.T) {
	dir := t.TempDir()
	d := openTest(t, dir, small())
	var refs []Ref
	for i := range 60 {
		refs = append(refs, put(t, d, random(uint64(i), 10_000)))
	}
	closeTest(t, d)
	list, _ := filepath.Glob(filepath.Join(dir, "segments", "*"))
	for _, path := range list {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d = openTest(t, dir, small())
	for i, ref := range refs {
		want(t, d, ref, random(uint64(i), 10_000))
	}
	if got, err := walk(d); err != nil || len(got) != len(refs) {
		t.Fatalf("Walk saw %d of %d: %v", len(got), len(refs), err)
	}
	sealed := 0
	for _, path := range list {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm() == sealedMode {
			sealed++
		}
	}
	if sealed < 2 {
		t.Fatalf("%d segments were marked again", sealed)
	}
}

func TestUnfinishedUploadIsGoneAfterRestart(t *testing.T) {
	dir := t.TempDir()
	d := openTest(t, dir, small())
	u, err := d.Create(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(random(1, 500)); err != nil {
		t.Fatal(err)
	}
	d.Close()
	openTest(t, dir, small())
	if list, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(list) != 0 {
		t.Fatalf("an unfinished upload is still there")
	}
}

// After an fsync that failed nobody may believe that segment again; the store
// goes on with another.
func TestFailedSync(t *testing.T) {
	broken := errors.New("input/output error")
	var mu sync.Mutex
	var fail bool
	var failed []string
	syncFile := func(f *os.File) error {
		mu.Lock()
		defer mu.Unlock()
		if slices.Contains(failed, f.Name()) {
			t.Errorf("%s is synced again after a sync failed", filepath.Base(f.Name()))
		}
		if fail {
			failed = append(failed, f.Name())
			return broken
		}
		return syncData(f)
	}
	dir := t.TempDir()
	d, err := openDisk(dir, small(), syncFile)
	if err != nil {
		t.Fatal(err)
	}
	before := put(t, d, random(1, 1000))
	mu.Lock()
	fail = true
	mu.Unlock()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := d.Put(t.Context(), random(2, 1000)); !errors.Is(err, broken) {
				t.Errorf("Put through a failed sync: %v", err)
			}
		})
	}
	wg.Wait()
	mu.Lock()
	fail = false
	mu.Unlock()
	after := put(t, d, random(3, 1000))
	if after.Volume == before.Volume {
		t.Fatal("the segment whose sync failed takes blobs again")
	}
	want(t, d, before, random(1, 1000))
	want(t, d, after, random(3, 1000))
	if refs, err := walk(d); err != nil || len(refs) != 2 {
		t.Fatalf("Walk: %v, %v", refs, err)
	}
	if _, err := d.Reclaim(t.Context(), &owned{refs: map[Ref][]byte{before: nil, after: nil}}, nil); err != nil {
		t.Fatal(err)
	}
	closeTest(t, d)
	d = openTest(t, dir, small())
	want(t, d, before, random(1, 1000))
	want(t, d, after, random(3, 1000))
}

// A Linger keeps the old place of a moved blob readable for a while.
func TestLinger(t *testing.T) {
	var ahead time.Duration
	opts := small()
	opts.Linger = time.Minute
	opts.Now = func() time.Time { return time.Now().Add(ahead) }
	d := openTest(t, t.TempDir(), opts)
	owners := &owned{refs: make(map[Ref][]byte)}
	var kept Ref
	for i := range 60 {
		ref := put(t, d, random(uint64(i), 10_000))
		if i == 3 {
			kept = ref
			owners.refs[ref] = random(3, 10_000)
		}
	}
	if done, err := d.Reclaim(t.Context(), owners, nil); err != nil || done.Moved != 1 {
		t.Fatalf("Reclaim: %+v, %v", done, err)
	}
	want(t, d, kept, random(3, 10_000))
	if _, err := d.Reclaim(t.Context(), owners, nil); err != nil {
		t.Fatal(err)
	}
	want(t, d, kept, random(3, 10_000))
	ahead = 2 * time.Minute
	if done, err := d.Reclaim(t.Context(), owners, nil); err != nil || done.Segments != 1 {
		t.Fatalf("Reclaim: %+v, %v", done, err)
	}
	if _, err := read(d, kept); !errors.Is(err, ErrNotFound) {
		t.Fatalf("the old place is still there: %v", err)
	}
	for ref, b := range owners.refs {
		want(t, d, ref, b)
	}
}

// Checkpoints leave short segments; many of them are merged.
func TestMergeSmall(t *testing.T) {
	d := openTest(t, t.TempDir(), small())
	owners := &owned{refs: make(map[Ref][]byte)}
	for i := range smallMany + 3 {
		b := random(uint64(i), 1000)
		owners.refs[put(t, d, b)] = b
		if _, err := d.Checkpoint(t.Context(), filepath.Join(t.TempDir(), fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := d.Reclaim(t.Context(), owners, nil); err != nil || done.Segments != smallMany+3 {
		t.Fatalf("Reclaim: %+v, %v", done, err)
	}
	if u := d.Usage(); u.Segments != 1 {
		t.Fatalf("%d segments are left", u.Segments)
	}
	for ref, b := range owners.refs {
		want(t, d, ref, b)
	}
}

// Readers and the bound on open handles do not get in each other's way.
func TestHandles(t *testing.T) {
	opts := small()
	d := openTest(t, t.TempDir(), opts)
	var refs []Ref
	for i := range 200 {
		refs = append(refs, put(t, d, random(uint64(i), 10_000)))
	}
	var open []Reader
	for _, ref := range refs {
		r, err := d.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, r)
	}
	for i, r := range open {
		if got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size())); err != nil || !bytes.Equal(got, random(uint64(i), 10_000)) {
			t.Fatalf("blob %d: %v", i, err)
		}
		for range 2 {
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.ReadAt(make([]byte, 1), 0); err == nil {
			t.Fatal("a closed reader reads")
		}
	}
	d.handles.mu.Lock()
	defer d.handles.mu.Unlock()
	if n := len(d.handles.byVol); n > opts.Handles || n != d.handles.idle.Len() {
		t.Fatalf("%d handles are open, %d idle", n, d.handles.idle.Len())
	}
}
