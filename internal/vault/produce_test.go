package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"writ"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/records"
	"writ/internal/seal"
)

// An unpinning is an [Opening] over a real gate, for a customer that still has
// its keys: it moves the docket's wrapped key back under the customer's and
// opens that by the owner's right. What a writ adds to it (list, budget,
// expiry, quorum) is the gate's own to test.
type unpinning struct {
	r     *rig
	s     Session
	items []policy.Item
	over  func() // if not nil, runs between the key's release and the first stream
	read  []int  // items read, in order

}

func (o *unpinning) Read(ctx context.Context, n int, wrapped gate.Wrapped,
	fn func(open func(part uint32, src io.ReaderAt, sealedSize int64) (io.ReadCloser, error)) error) error {
	o.read = append(o.read, n)
	item := o.items[n]
	back, err := o.r.gate.Unpin(ctx, o.s.Customer, item.Blob, wrapped)
	if err != nil {
		return err
	}
	use := gate.Use{Customer: o.s.Customer, Op: "test", Bucket: item.Bucket, Key: item.Key, Version: item.Version, Blob: item.Blob}
	key, err := o.r.gate.Open(ctx, gate.Owner(o.s.Customer, o.s.Credential), use, back)
	if err != nil {
		return err
	}
	defer key.Erase()
	if o.over != nil {
		o.over()
	}
	return fn(func(part uint32, src io.ReaderAt, sealedSize int64) (io.ReadCloser, error) {
		opened, err := seal.NewReader(src, sealedSize, key, seal.Stream{ID: item.Blob, Part: part})
		if err != nil {
			return nil, err
		}
		return opened.Range(0, opened.Size()), nil
	})
}

// opening lists a preservation and returns an opening of all of it.
func (r *rig) opening(s Session, id string) *unpinning {
	r.t.Helper()
	page, err := r.Preserved(r.ctx, id, "", 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	o := &unpinning{r: r, s: s}
	for _, item := range page.Items {
		o.items = append(o.items, item.Item)
	}
	return o
}

// everyKind puts a version of every kind that data may have, and returns their
// bodies.
func (r *rig) everyKind(s Session, bucket writ.BucketName) map[writ.ObjectKey]string {
	r.minPart = 1
	bodies := map[writ.ObjectKey]string{
		"empty": "", "inline": "few bytes", "segment": string(pattern(1, 100_000)), "file": string(pattern(2, 3<<20)),
	}
	for key, body := range bodies {
		r.put(s, bucket, key, body)
	}
	ref := r.begin1(s, bucket, "parts")
	parts := [][]byte{pattern(3, 5000), pattern(4, 2<<20), pattern(5, 70_000), []byte("end")}
	var list []CompletePart
	for i, part := range parts {
		list = append(list, r.part(s, ref, 2*i+1, part))
	}
	r.complete(s, ref, list...)
	bodies["parts"] = string(bytes.Join(parts, nil))
	return bodies
}

// wantProduced produces every item of an opening and compares.
func (r *rig) wantProduced(o *unpinning, bodies map[writ.ObjectKey]string) {
	r.t.Helper()
	if len(o.items) != len(bodies) {
		r.t.Fatalf("%d items, not %d", len(o.items), len(bodies))
	}
	for n, item := range o.items {
		var out bytes.Buffer
		written, err := r.Produce(r.ctx, o, n, item, &out)
		if err != nil || written != item.Size || out.String() != bodies[item.Key] {
			r.t.Fatalf("%s: %d bytes of %d (%v)", item.Key, written, item.Size, err)
		}
	}
}

func TestProduce(t *testing.T) {
	for _, disk := range []bool{false, true} {
		t.Run(fmt.Sprint("disk=", disk), func(t *testing.T) {
			r := newReclaimRig(t, disk)
			r.bucket(r.clinic, "ward-seven", Unversioned)
			bodies := r.everyKind(r.clinic, "ward-seven")
			r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "ward-seven"})
			before := r.opening(r.clinic, "p")
			r.wantProduced(before, bodies) // while their owner has them
			if _, err := r.RotateCustomer(r.ctx, r.clinic.Customer, RotateOptions{Retire: true}); err != nil {
				t.Fatal(err)
			}
			r.wantProduced(before, bodies)
			// Gone for their owner, and moved on the disk.
			for i := range 40 {
				r.put(r.clinic, "ward-seven", writ.ObjectKey(fmt.Sprint("other", i)), string(pattern(9, 100_000)))
			}
			for key := range bodies {
				r.removeAll(r.clinic, "ward-seven", key)
			}
			if err := r.Release(r.ctx, "p"); err != nil { // and one that keeps nothing more
				t.Fatal(err)
			}
			for n, item := range before.items {
				_, err := r.Produce(r.ctx, before, n, item, io.Discard)
				wantError(t, err, ErrNotPreserved)
			}
			r.wantClean()
		})
	}
}

func TestProduceWhatIsGone(t *testing.T) {
	r := newReclaimRig(t, true)
	r.bucket(r.clinic, "ward-seven", Unversioned)
	bodies := r.everyKind(r.clinic, "ward-seven")
	r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "ward-seven"})
	before := r.opening(r.clinic, "p")
	for key := range bodies {
		r.removeAll(r.clinic, "ward-seven", key)
	}
	if err := r.DeleteBucket(r.ctx, r.clinic, "ward-seven"); err != nil {
		t.Fatal(err)
	}
	r.wantProduced(before, bodies) // by the list made before
	r.wantProduced(r.opening(r.clinic, "p"), bodies)
	// Shredded: all that fails is this test's way to the key, the customer's own.
	if err := r.ShredCustomer(r.ctx, r.clinic.Customer); err != nil {
		t.Fatal(err)
	}
	_, err := r.Produce(r.ctx, before, 0, before.items[0], io.Discard)
	wantError(t, err, gate.ErrShredded)
}

// TestProduceOnlyTheItem: a list that names another version than the one that
// its blob id belongs to opens nothing, and nothing is asked of the gate.
func TestProduceOnlyTheItem(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", VersioningEnabled)
	r.put(r.clinic, "ward-seven", "a", "one")
	r.put(r.clinic, "ward-seven", "a", "two")
	not := r.put(r.clinic, "ward-seven", "not preserved", "xyz")
	r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "ward-seven", Objects: []policy.ObjectScope{{Key: "a"}}})
	o := r.opening(r.clinic, "p")
	item, other := o.items[0], o.items[1]
	for name, change := range map[string]func(*policy.Item){
		"bucket":  func(i *policy.Item) { i.Bucket = "ward-eight" },
		"key":     func(i *policy.Item) { i.Key = "b" },
		"version": func(i *policy.Item) { i.Version = other.Version },
		"size":    func(i *policy.Item) { i.Size++ },
		"time":    func(i *policy.Item) { i.Made = i.Made.Add(1) },
		"blob":    func(i *policy.Item) { i.Blob = other.Blob },
	} {
		changed := item
		change(&changed)
		if n, err := r.Produce(r.ctx, o, 0, changed, io.Discard); n != 0 || !errors.Is(err, ErrItem) {
			t.Errorf("another %s: %d bytes, %v", name, n, err)
		}
	}
	f, err := find(r.ctx, r.records, name{r.clinic.Customer, "ward-seven", "not preserved"}, not.ObjectRef.Version)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Produce(r.ctx, o, 0, itemOf(name{r.clinic.Customer, "ward-seven", "not preserved"}, f.versionRecord), io.Discard)
	wantError(t, err, ErrNotPreserved)
	item.Blob = writ.NewBlobID()
	_, err = r.Produce(r.ctx, o, 0, item, io.Discard)
	wantError(t, err, ErrNotPreserved)
	if len(o.read) != 0 {
		t.Fatalf("the opening was asked %d times", len(o.read))
	}
}

// TestProduceDamaged: what is damaged is an error and never wrong bytes, and
// what is missing is seen before the opening is asked.
func TestProduceDamaged(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", Unversioned)
	bodies := r.everyKind(r.clinic, "ward-seven")
	r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "ward-seven"})
	for key := range bodies {
		r.removeAll(r.clinic, "ward-seven", key)
	}
	o := r.opening(r.clinic, "p")
	for ref := range r.refs() {
		if err := r.blobs.Delete(r.ctx, ref); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range r.keys("d") { // inline data
		value, err := r.records.Get(r.ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		value[len(value)-1] ^= 1
		var b records.Batch
		b.Put(key, value)
		if err := r.records.Apply(r.ctx, &b); err != nil {
			t.Fatal(err)
		}
	}
	for n, item := range o.items {
		var out bytes.Buffer
		asked := len(o.read)
		_, err := r.Produce(r.ctx, o, n, item, &out)
		if item.Key == "segment" { // it is there until its segment is reclaimed
			continue
		}
		if !errors.Is(err, ErrCorrupt) || !strings.HasPrefix(bodies[item.Key], out.String()) || out.Len() > 0 && int64(out.Len()) == item.Size {
			t.Errorf("%s: %d bytes, %v", item.Key, out.Len(), err)
		}
		if item.Key == "file" && len(o.read) != asked {
			t.Error("the opening was asked for what is missing")
		}
	}
	report := r.fsck()
	if !report.Clean() || report.Kept.Damage.Count == 0 {
		t.Errorf("to the store's own check it is clean=%v, to the docket %d things are damaged", report.Clean(), report.Kept.Damage.Count)
	}
}

// brokenWriter takes some bytes and fails.
type brokenWriter struct{ left int }

var errBroken = errors.New("broken pipe")

func (w *brokenWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	if w.left -= n; n < len(p) {
		return n, errBroken
	}
	return n, nil
}

func TestProduceStops(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", Unversioned)
	r.everyKind(r.clinic, "ward-seven")
	r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "ward-seven", Objects: []policy.ObjectScope{{Key: "parts"}, {Key: "file"}}})
	o := r.opening(r.clinic, "p")
	for n, item := range o.items {
		written, err := r.Produce(r.ctx, o, n, item, &brokenWriter{left: 200_000})
		if written != 200_000 || !errors.Is(err, errBroken) {
			t.Errorf("%s: %d bytes, %v", item.Key, written, err)
		}
		ctx, cancel := context.WithCancel(r.ctx)
		o.over = cancel
		_, err = r.Produce(ctx, o, n, item, io.Discard)
		wantError(t, err, context.Canceled)
		o.over = nil
	}
	if len(r.Vault.reading.readers) != 0 {
		t.Error("somebody still holds the parts")
	}
}

// TestProduceWhileAllMoves deletes, reclaims and rotates while everything is
// produced again and again, also in the middle of an opening.
func TestProduceWhileAllMoves(t *testing.T) {
	r := newReclaimRig(t, true)
	r.bucket(r.clinic, "ward-seven", VersioningEnabled)
	bodies := r.everyKind(r.clinic, "ward-seven")
	for i := range 30 {
		bodies[writ.ObjectKey(fmt.Sprintf("more/%d", i))] = string(pattern(uint64(i), 40_000))
		r.put(r.clinic, "ward-seven", writ.ObjectKey(fmt.Sprintf("more/%d", i)), bodies[writ.ObjectKey(fmt.Sprintf("more/%d", i))])
	}
	r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "ward-seven", Prefixes: []string{"more/", "empty", "inline", "segment", "file", "parts"}})
	o := r.opening(r.clinic, "p")
	page, err := r.ListVersions(r.ctx, r.clinic, ListVersionsInput{Bucket: "ward-seven"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for i, v := range page.Versions {
			filler := r.put(r.clinic, "ward-seven", "filler", string(pattern(99, 90_000)))
			for _, ref := range []ObjectRef{v.ObjectRef, filler.ObjectRef} {
				if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ref}); err != nil {
					t.Error(err)
				}
			}
			if _, err := r.Reclaim(r.ctx, nil); err != nil {
				t.Error(err)
			}
			if i%10 == 0 {
				if _, err := r.RotateCustomer(r.ctx, r.clinic.Customer, RotateOptions{}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true // and once more
		default:
		}
		r.wantProduced(o, bodies)
	}
	wg.Wait()
	// In the middle: the key is out, the first stream is not opened yet.
	for n, item := range o.items {
		o.over = func() {
			if _, err := r.Reclaim(r.ctx, nil); err != nil {
				t.Error(err)
			}
		}
		var out strings.Builder
		if _, err := r.Produce(r.ctx, o, n, item, &out); err != nil || out.String() != bodies[item.Key] {
			t.Fatalf("%s: %v", item.Key, err)
		}
	}
	r.wantClean()
}

// TestProduceOrphanedKept: a kept record whose owner's version is missing ends
// in an error, not in a search without end.
func TestProduceOrphanedKept(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", Unversioned)
	r.put(r.clinic, "ward-seven", "a", "one")
	r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "ward-seven"})
	o := r.opening(r.clinic, "p")
	var b records.Batch
	b.Delete(headKey(r.clinic.Customer, "ward-seven", "a"))
	if err := r.records.Apply(r.ctx, &b); err != nil {
		t.Fatal(err)
	}
	_, err := r.Produce(r.ctx, o, 0, o.items[0], io.Discard)
	wantError(t, err, ErrCorrupt)
	_, err = r.Preserved(r.ctx, "p", "", 10)
	wantError(t, err, ErrCorrupt)
}
