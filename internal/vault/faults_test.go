package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"writ"
	"writ/internal/blob"
	"writ/internal/records"
)

// A limitedDisk is how much room is left to a vault's stores, in bytes.
type limitedDisk struct{ left atomic.Int64 }

func (d *limitedDisk) take(n int) error {
	if d.left.Add(-int64(n)) < 0 {
		d.left.Add(int64(n))
		return fmt.Errorf("%w: %w", blob.ErrNoSpace, syscall.ENOSPC)
	}
	return nil
}

// limitedBlobs is a blob store on a limited disk.
type limitedBlobs struct {
	blob.Store
	disk *limitedDisk
}

func (b limitedBlobs) Put(ctx context.Context, sealed []byte) (blob.Ref, error) {
	if err := b.disk.take(len(sealed)); err != nil {
		return blob.Ref{}, err
	}
	return b.Store.Put(ctx, sealed)
}

func (b limitedBlobs) Create(ctx context.Context, hint int64) (blob.Upload, error) {
	u, err := b.Store.Create(ctx, hint)
	return limitedUpload{u, b.disk}, err
}

type limitedUpload struct {
	blob.Upload
	disk *limitedDisk
}

func (u limitedUpload) Write(p []byte) (int, error) {
	if err := u.disk.take(len(p)); err != nil {
		return 0, err
	}
	return u.Upload.Write(p)
}

// limitedRecords is a store of records on a limited disk: a transaction that
// only deletes always fits.
type limitedRecords struct {
	records.Store
	disk *limitedDisk
}

func (r limitedRecords) Update(ctx context.Context, fn func(records.Tx) error) error {
	return r.Store.Update(ctx, func(tx records.Tx) error {
		counted := &countedTx{Tx: tx}
		if err := fn(counted); err != nil {
			return err
		}
		if counted.deletes == 0 && r.disk.take(counted.bytes) != nil {
			return records.ErrNoSpace
		}
		return nil
	})
}

type countedTx struct {
	records.Tx
	bytes, deletes int
}

func (t *countedTx) Put(key, value []byte) {
	t.bytes += len(key) + len(value)
	t.Tx.Put(key, value)
}

func (t *countedTx) Delete(key []byte) {
	t.deletes++
	t.Tx.Delete(key)
}

// A full disk refuses, loses nothing that was acknowledged, leaves nothing
// that was not, lets go what is deleted, and goes on when space returns.
func TestFullDisk(t *testing.T) {
	for _, size := range []int{100, 4 << 10, inlineLimit + 1, segmentLimit + 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			disk := new(limitedDisk)
			disk.left.Store(1 << 20)
			r := assemble(t, openGate(t, t.TempDir()), limitedRecords{records.NewMemory(), disk}, limitedBlobs{blob.NewMemory(), disk})
			r.bucket(r.clinic, "scans", Unversioned)
			disk.left.Store(10 * int64(size+600))
			bodies := map[writ.ObjectKey][]byte{}
			put := func(i int) error {
				body := random(size)
				key := writ.ObjectKey(fmt.Sprint("object-", i))
				_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: key, Body: bytes.NewReader(body), Size: -1})
				if err == nil {
					bodies[key] = body
				}
				return err
			}
			failed := 0
			for i := range 30 {
				if err := put(i); err != nil {
					wantError(t, err, ErrNoSpace)
					failed++
				}
			}
			if len(bodies) < 5 || failed < 5 {
				t.Fatalf("%d stored, %d refused", len(bodies), failed)
			}
			owned := map[string]bool{}
			for _, key := range r.keys("r") {
				owned[string(key)] = true
			}
			for ref := range r.refs() {
				if _, err := r.blobs.Open(r.ctx, ref); err == nil && !owned[string(ownerKey(ref))] && !r.isDead(ref) {
					t.Fatalf("%v is an orphan", ref)
				}
			}
			r.wantUsage(r.clinic)
			for key, body := range bodies {
				r.want(r.clinic, ObjectRef{Bucket: "scans", Key: key}, string(body))
				if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "scans", Key: key}}); err != nil {
					t.Fatalf("deletion on a full disk: %v", err)
				}
			}
			disk.left.Store(100 * int64(size+600))
			for i := range 30 {
				if err := put(i); err != nil {
					t.Fatalf("when space has returned: %v", err)
				}
			}
			r.wantUsage(r.clinic)
		})
	}
}

// failingRecords commits, or not, and says that it failed.
type failingRecords struct {
	records.Store
	fail, commit atomic.Bool
}

var errDisk = errors.New("input/output error")

func (r *failingRecords) Update(ctx context.Context, fn func(records.Tx) error) error {
	if !r.fail.Load() {
		return r.Store.Update(ctx, fn)
	}
	if r.commit.Load() {
		if err := r.Store.Update(ctx, fn); err != nil {
			return err
		}
		return errDisk
	}
	return r.Store.Update(ctx, func(tx records.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errDisk
	})
}

// After a commit of which nobody knows whether it took place, usage is exact
// again, and no data are deleted that a record may name.
func TestCommitOfUnknownOutcome(t *testing.T) {
	for _, commits := range []bool{false, true} {
		t.Run(fmt.Sprint("commits ", commits), func(t *testing.T) {
			store := &failingRecords{Store: records.NewMemory()}
			r := assemble(t, openGate(t, t.TempDir()), store, blob.NewMemory())
			r.bucket(r.clinic, "scans", Unversioned)
			r.put(r.clinic, "scans", "a", "one")
			body := random(inlineLimit + 1)
			store.fail.Store(true)
			store.commit.Store(commits)
			_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: "b", Body: bytes.NewReader(body), Size: int64(len(body))})
			wantError(t, err, errDisk)
			store.fail.Store(false)
			if commits {
				r.want(r.clinic, ObjectRef{Bucket: "scans", Key: "b"}, string(body))
			}
			r.put(r.clinic, "scans", "c", "three")
			r.wantUsage(r.clinic)
		})
	}
}

// Flipped and cut bytes are an error that names the object, never bytes.
func TestDamagedBlobs(t *testing.T) {
	dir := t.TempDir()
	g := openGate(t, dir)
	rs, bs := openRooms(t, g, dir)
	r := assemble(t, g, rs, bs)
	r.bucket(r.clinic, "scans", Unversioned)
	for _, size := range []int{inlineLimit + 1, 200 << 10, segmentLimit + 1} {
		body := random(size)
		r.put(r.clinic, "scans", "a", string(body))
		head, err := getVersion(r.ctx, r.records, headKey(r.clinic.Customer, "scans", "a"))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []float64{0, 0.3, 0.99} {
			flip := func() { flipOnDisk(t, filepath.Join(dir, "blobs"), head.Blob, at) }
			flip()
			got, err := r.read(r.clinic, ObjectRef{Bucket: "scans", Key: "a"})
			wantError(t, err, ErrCorrupt)
			var object *ObjectError
			if !errors.As(err, &object) || object.Key != "a" {
				t.Fatalf("error does not name the object: %#v", err)
			}
			if bytes.Contains([]byte(err.Error()), []byte("scans")) {
				t.Fatalf("text of the error names the bucket: %v", err)
			}
			if !bytes.HasPrefix(body, got) {
				t.Fatal("wrong bytes were read")
			}
			flip()
		}
		r.want(r.clinic, ObjectRef{Bucket: "scans", Key: "a"}, string(body))
	}
}

// Data that are gone are an error that names the object, not an absence.
func TestMissingData(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	r.put(r.clinic, "scans", "inline", "x")
	r.put(r.clinic, "scans", "file", string(random(segmentLimit+1)))
	var b batch
	for _, key := range r.keys("d") {
		b.Delete(key)
	}
	if err := r.records.Apply(r.ctx, &b); err != nil {
		t.Fatal(err)
	}
	for ref := range r.refs() {
		if err := r.blobs.Delete(r.ctx, ref); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []writ.ObjectKey{"inline", "file"} {
		_, err := r.read(r.clinic, ObjectRef{Bucket: "scans", Key: key})
		var object *ObjectError
		if !errors.Is(err, ErrCorrupt) || !errors.As(err, &object) || object.Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// flipOnDisk flips one bit of a sealed object, at a share of what follows the
// header's magic in its file.
func flipOnDisk(t *testing.T, dir string, id writ.BlobID, at float64) {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		all, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		start := bytes.Index(all, id[:])
		if start < 0 {
			return nil
		}
		end := start + inlineLimit // within the smallest of the blobs
		place := start + 16 + int(at*float64(end-start-16))
		found = true
		_, err = f.WriteAt([]byte{all[place] ^ 4}, int64(place))
		return err
	})
	if err != nil || !found {
		t.Fatalf("couldn't flip a bit: found %v, error %v", found, err)
	}
}
