package vault

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"writ"
	"writ/internal/blob"
	"writ/internal/policy"
	"writ/internal/records"
)

// fill makes objects of every kind and returns their bodies by key.
func (r *rig) fill(bucket writ.BucketName, n int) map[writ.ObjectKey]string {
	r.t.Helper()
	bodies := make(map[writ.ObjectKey]string)
	for i := range n {
		key := writ.ObjectKey(fmt.Sprintf("dir%d/%04d", i%3, i))
		size := []int{0, 300, 20_000, 70_000}[i%4]
		if i%50 == 7 {
			size = 2 << 20
		}
		bodies[key] = string(pattern(uint64(i), size))
		r.put(r.clinic, bucket, key, bodies[key])
	}
	r.minPart = 1
	ref := r.begin1(r.clinic, bucket, "parts")
	a, b := pattern(1, 3000), pattern(2, 2<<20)
	r.complete(r.clinic, ref, r.part(r.clinic, ref, 1, a), r.part(r.clinic, ref, 2, b))
	bodies["parts"] = string(a) + string(b)
	return bodies
}

func (r *rig) wantAll(bucket writ.BucketName, bodies map[writ.ObjectKey]string) {
	r.t.Helper()
	for key, body := range bodies {
		r.want(r.clinic, ObjectRef{Bucket: bucket, Key: key}, body)
	}
}

// TestRotationGoesOn kills a rotation again and again; when it is done, all
// data keys are under the newest key and the old ones may go.
func TestRotationGoesOn(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", VersioningEnabled)
	bodies := r.fill("scans", 400)
	older := r.put(r.clinic, "scans", "dir0/0000", "newer")
	bodies["dir0/0000"] = "newer"
	open := r.begin1(r.clinic, "scans", "open")
	first := r.part(r.clinic, open, 1, []byte("before, "))

	kills := 0
	for ; ; kills++ {
		ctx, cancel := context.WithCancel(r.ctx)
		if kills < 100 {
			r.Vault.records = &interruptingStore{Store: r.records, cancel: cancel, left: 2}
		}
		var err error
		if kills == 0 {
			_, err = r.RotateCustomer(ctx, r.clinic.Customer, RotateOptions{Retire: true})
		} else {
			r.restart()
			if kills < 100 {
				r.Vault.records = &interruptingStore{Store: r.records, cancel: cancel, left: 2}
			}
			err = r.ResumeRotations(ctx)
		}
		cancel()
		if err == nil {
			break
		}
		// Traffic in between, by the new key.
		r.Vault.records = r.records
		key := writ.ObjectKey(fmt.Sprint("between", kills))
		bodies[key] = "new"
		r.put(r.clinic, "scans", key, "new")
	}
	r.Vault.records = r.records
	if kills < 3 {
		t.Fatalf("rotation was killed only %d times", kills)
	}
	status, err := r.gate.KEK(r.clinic.Customer)
	if err != nil || status.KEK.Version != 2 || status.Oldest != 2 {
		t.Fatalf("after %d kills the keys are %+v (%v)", kills, status, err)
	}
	if n := len(r.keys("R")); n != 0 {
		t.Fatalf("%d rotations are left", n)
	}
	r.wantAll("scans", bodies)
	r.minPart = 1
	v := r.complete(r.clinic, open, first, r.part(r.clinic, open, 2, []byte("after")))
	r.want(r.clinic, v.ObjectRef, "before, after")
	if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: older.ObjectRef}); err != nil {
		t.Fatal(err)
	}
	r.want(r.clinic, ObjectRef{Bucket: "scans", Key: "dir0/0000"}, string(pattern(0, 0)))
	r.wantClean()
}

// TestWritesDuringRotation writes, reads and deletes while keys are rotated
// and the old ones retired: nothing stays under an old key.
func TestWritesDuringRotation(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", VersioningEnabled)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			time.Sleep(200 * time.Microsecond)
			key := writ.ObjectKey(fmt.Sprint("k", i%20))
			v := r.put(r.clinic, "scans", key, fmt.Sprint("body ", i))
			if i%4 == 0 { // an older version comes to the head again
				if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: v.ObjectRef}); err != nil {
					t.Error(err)
				}
				continue
			}
			r.want(r.clinic, v.ObjectRef, fmt.Sprint("body ", i))
		}
	}()
	for range 30 {
		time.Sleep(3 * time.Millisecond)
		if _, err := r.RotateCustomer(r.ctx, r.clinic.Customer, RotateOptions{Retire: true}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-stopped
	if report := r.wantClean(); report.Versions == 0 {
		t.Fatal("nothing was written")
	}
	r.wantUsage(r.clinic)
}

func TestShredLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", VersioningEnabled)
	r.bucket(r.press, "proofs", Unversioned)
	r.put(r.press, "proofs", "page", "theirs")
	r.fill("scans", 120)
	r.put(r.clinic, "scans", "dir0/0000", "again")
	r.part(r.clinic, r.begin1(r.clinic, "scans", "open"), 1, pattern(1, 100_000))
	credential, err := r.AddCredential(r.ctx, r.clinic.Customer)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.SigningKey(r.ctx, credential.ID, "20260101", "r", "s3"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.ShredCustomer(r.ctx, r.clinic.Customer); err != nil {
			t.Fatal(err)
		}
	}
	_, err = r.read(r.clinic, ObjectRef{Bucket: "scans", Key: "dir1/0001"})
	wantError(t, err, ErrShredded)
	_, err = r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: "late", Body: emptyBody{}, Size: 0})
	wantError(t, err, ErrShredded)
	_, _, err = r.SigningKey(r.ctx, credential.ID, "20260101", "r", "s3")
	wantError(t, err, ErrNoCredential)
	_, err = r.RotateCustomer(r.ctx, r.clinic.Customer, RotateOptions{})
	wantError(t, err, ErrShredded)
	if err := r.ResumeRemovals(r.ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.ResumeRotations(r.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.sweepDrops(r.ctx); err != nil {
		t.Fatal(err)
	}
	c, err := r.Customer(r.ctx, "harbour-clinic")
	if err != nil || c.Shredded.IsZero() {
		t.Fatalf("customer is %+v (%v)", c, err)
	}
	for _, tag := range "ovmBKRS" {
		for _, key := range r.keys(string(tag)) {
			if len(key) > 22 && writ.CustomerID(key[1:23]) == r.clinic.Customer {
				t.Fatalf("record %q is left", key)
			}
		}
	}
	if u, err := r.Usage(r.ctx, r.clinic.Customer); err != nil || u != (Usage{}) {
		t.Fatalf("usage is %+v (%v)", u, err)
	}
	r.want(r.press, ObjectRef{Bucket: "proofs", Key: "page"}, "theirs")
	// The bucket's name is free again.
	r.bucket(r.press, "scans", Unversioned)
	r.wantClean()
}

// TestShredStopsWritesUnderWay shreds between the granting of a key and the
// commit of its version.
func TestShredStopsWritesUnderWay(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	_, err := r.Put(r.ctx, r.clinic, PutInput{
		Bucket: "scans", Key: "a", Body: emptyBody{}, Size: 0,
		Checksum: func() (Checksum, error) { return Checksum{}, r.ShredCustomer(r.ctx, r.clinic.Customer) },
	})
	wantError(t, err, ErrShredded)
	if n := len(r.keys("od")); n != 0 {
		t.Fatalf("the write left %d records", n)
	}
}

// TestReclaimMoves lets reclaim rewrite segments while objects are read,
// pinned and made of parts.
func TestReclaimMoves(t *testing.T) {
	for _, kind := range []string{"memory", "disk"} {
		t.Run(kind, func(t *testing.T) {
			r := newReclaimRig(t, kind == "disk")
			r.bucket(r.clinic, "scans", Unversioned)
			r.minPart = 1
			bodies := make(map[writ.ObjectKey]string)
			for i := range 60 {
				key := writ.ObjectKey(fmt.Sprintf("k%02d", i))
				bodies[key] = string(pattern(uint64(i), 40_000))
				r.put(r.clinic, "scans", key, bodies[key])
			}
			ref := r.begin1(r.clinic, "scans", "parts")
			a, b := pattern(100, 50_000), pattern(101, 50_000)
			r.complete(r.clinic, ref, r.part(r.clinic, ref, 1, a), r.part(r.clinic, ref, 2, b))
			bodies["parts"] = string(a) + string(b)
			r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "scans", Objects: []policy.ObjectScope{{Key: "k01"}}})
			reader, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: ObjectRef{Bucket: "scans", Key: "parts"}})
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Body.Close()
			for i := range 60 {
				if i%6 != 0 {
					key := writ.ObjectKey(fmt.Sprintf("k%02d", i))
					delete(bodies, key)
					if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "scans", Key: key}}); err != nil {
						t.Fatal(err)
					}
				}
			}
			r.wantClean()
			moved := 0
			for range 4 {
				done, err := r.Reclaim(r.ctx, nil)
				if err != nil {
					t.Fatal(err)
				}
				moved += done.Moved
				r.wantClean()
			}
			if moved == 0 {
				t.Fatal("reclaim moved no blob")
			}
			r.wantAll("scans", bodies)
			page, err := r.Preserved(r.ctx, "p", "", 10)
			if err != nil || len(page.Items) != 1 || page.Items[0].Gone.IsZero() {
				t.Fatalf("pinned: %+v (%v)", page, err)
			}
			// Dead records go with their segments, some time later.
			r.Vault.graves.after = 0
			if _, err := r.Reclaim(r.ctx, nil); err != nil {
				t.Fatal(err)
			}
			there := make(map[uint64]bool)
			for ref := range r.refs() {
				there[ref.Volume] = true
			}
			for _, key := range r.keys("t") {
				if !there[binary.BigEndian.Uint64(key[2:])] {
					t.Fatal("a dead record outlived its segment")
				}
			}
			if n := len(r.keys("r")); n != 13 {
				t.Fatalf("%d blobs are owned", n)
			}
			r.wantClean()
		})
	}
}

// newReclaimRig returns a rig whose blob store reclaims small segments at
// once.
func newReclaimRig(t *testing.T, onDisk bool) *rig {
	t.Helper()
	opts := blob.Options{SegmentSize: 512 << 10, Grace: -1, Linger: -1}
	dir := t.TempDir()
	g := openGate(t, dir)
	if !onDisk {
		return assemble(t, g, records.NewMemory(), blob.NewMemoryWith(opts))
	}
	b, err := blob.Open(filepath.Join(dir, "blobs"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return assemble(t, g, records.NewMemory(), b)
}
