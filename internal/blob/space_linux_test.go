package blob

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"writ/internal/testenv"
)

// putUntilFull puts blobs from several goroutines until the disk is full.
func putUntilFull(t *testing.T, d *Disk, all *owned, size int) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 10_000 {
				b := random(uint64(w*10_000+i), size)
				ref, err := d.Put(t.Context(), b)
				if err != nil {
					if !errors.Is(err, ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) {
						t.Errorf("a full disk gives %v", err)
					}
					return
				}
				all.mu.Lock()
				all.refs[ref] = b
				all.mu.Unlock()
			}
			t.Error("the disk was never full")
		})
	}
	wg.Wait()
}

func wantAll(t *testing.T, d *Disk, all *owned) {
	t.Helper()
	for ref, b := range all.refs {
		want(t, d, ref, b)
	}
	refs, err := walk(d)
	if err != nil {
		t.Fatalf("Walk: %v", err)
	}
	if len(refs) < len(all.refs) {
		t.Fatalf("Walk saw %d of %d blobs", len(refs), len(all.refs))
	}
}

// On a full disk every write says so and leaves nothing; when space returns
// all is as before, with and without a restart.
func TestDiskFull(t *testing.T) {
	dir := testenv.Disk(t, 12<<20)
	opts := small()
	opts.SegmentSize = 1 << 20
	d := openTest(t, filepath.Join(dir, "blobs"), opts)
	all := &owned{refs: make(map[Ref][]byte)}
	var files []Ref
	for i := range 4 {
		files = append(files, uploadTest(t, d, random(uint64(i), 1<<20)))
	}
	putUntilFull(t, d, all, 20_000)
	wantAll(t, d, all)
	wantFull(t, d)

	// Space returns through the delete of a file.
	if err := d.Delete(t.Context(), files[0]); err != nil {
		t.Fatal(err)
	}
	b := random(99, 50_000)
	all.refs[put(t, d, b)] = b
	putUntilFull(t, d, all, 5000)
	wantAll(t, d, all)

	// A restart on a full disk.
	closeTest(t, d)
	d = openTest(t, filepath.Join(dir, "blobs"), opts)
	wantAll(t, d, all)
	putUntilFull(t, d, all, 30_000)

	// Space returns through Reclaim, which has little room to copy to.
	n := 0
	for ref := range all.refs {
		if n++; n%8 != 0 {
			delete(all.refs, ref)
		}
	}
	all.refs[files[1]], all.refs[files[2]] = random(1, 1<<20), random(2, 1<<20)
	for range 12 {
		if _, err := d.Reclaim(t.Context(), all, nil); err != nil && !errors.Is(err, ErrNoSpace) {
			t.Fatal(err)
		}
	}
	wantAll(t, d, all)
	if u := d.Usage(); u.SegmentBytes > 4<<20 || u.Files != 2 {
		t.Fatalf("after Reclaim: %+v", u)
	}
	for i := range 40 {
		b := random(uint64(i), 70_000)
		all.refs[put(t, d, b)] = b
	}
	file := uploadTest(t, d, random(5, 1<<20))
	all.refs[file] = random(5, 1<<20)
	wantAll(t, d, all)
}

// The reserve stays free whatever is put, and is there for Reclaim to use.
func TestReserve(t *testing.T) {
	dir := testenv.Disk(t, 12<<20)
	opts := small()
	opts.Reserve = 4 << 20
	d := openTest(t, filepath.Join(dir, "blobs"), opts)
	u, err := d.Create(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Discard()
	for range 200 {
		if _, err = u.Write(random(1, 64<<10)); err != nil {
			break
		}
		time.Sleep(time.Millisecond) // free space is asked for every 10 ms
	}
	if !errors.Is(err, ErrNoSpace) {
		t.Fatalf("an upload went on into the reserve: %v", err)
	}
	u.Discard()
	time.Sleep(20 * time.Millisecond)

	all := &owned{refs: make(map[Ref][]byte)}
	for i := range 1000 {
		b := random(uint64(i), 20_000)
		ref, putErr := d.Put(t.Context(), b)
		if err = putErr; err != nil {
			break
		}
		all.refs[ref] = b
		time.Sleep(100 * time.Microsecond)
	}
	var free syscall.Statfs_t
	if statErr := syscall.Statfs(dir, &free); statErr != nil {
		t.Fatal(statErr)
	}
	if left := int64(free.Bavail) * free.Bsize; !errors.Is(err, ErrNoSpace) || left < 3<<20 {
		t.Fatalf("%d bytes are left of the reserve, %v", left, err)
	}
	if _, err := d.Create(t.Context(), 1<<20); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("Create: %v", err)
	}
	// Half of each segment dies; moving the rest needs the reserve.
	n := 0
	for ref := range all.refs {
		if n++; n%2 == 0 {
			delete(all.refs, ref)
		}
	}
	if done, err := d.Reclaim(t.Context(), all, nil); err != nil || done.Moved == 0 {
		t.Fatalf("Reclaim: %+v, %v", done, err)
	}
	wantAll(t, d, all)
}

// wantFull tries each kind of upload on a full disk.
func wantFull(t *testing.T, d *Disk) {
	t.Helper()
	if u, err := d.Create(t.Context(), 8<<20); !errors.Is(err, ErrNoSpace) {
		if err == nil {
			u.Discard()
		}
		t.Errorf("Create of 8 MiB: %v", err)
	}
	u, err := d.Create(t.Context(), 0)
	if err != nil {
		if !errors.Is(err, ErrNoSpace) {
			t.Errorf("Create: %v", err)
		}
		return
	}
	defer u.Discard()
	for range 100 {
		if _, err = u.Write(random(1, 64<<10)); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrNoSpace) {
		t.Errorf("Write: %v", err)
	}
	if _, err := u.Commit(t.Context()); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Commit after a Write that failed: %v", err)
	}
	if list, err := os.ReadDir(filepath.Join(d.dir, "tmp")); err != nil || len(list) > 0 {
		t.Errorf("failed uploads are still there: %v, %v", list, err)
	}
}

// A checkpoint on another file system is a copy.
func TestCheckpointElsewhere(t *testing.T) {
	d := openTest(t, t.TempDir(), small())
	ref, file := put(t, d, random(1, 1000)), uploadTest(t, d, random(2, 1000))
	dir := filepath.Join(testenv.Disk(t, 4<<20), "copy")
	done, err := d.Checkpoint(t.Context(), dir)
	if err != nil || done.Copied != done.Bytes || done.Files != 1 || done.Segments != 1 {
		t.Fatalf("Checkpoint: %+v, %v", done, err)
	}
	c := openTest(t, dir, small())
	want(t, c, ref, random(1, 1000))
	want(t, c, file, random(2, 1000))
	closeTest(t, c)
	uploadTest(t, d, random(3, 5<<20))
	if _, err := d.Checkpoint(t.Context(), filepath.Join(filepath.Dir(dir), "second")); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("Checkpoint to a full disk: %v", err)
	}
}
