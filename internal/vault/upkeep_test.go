package vault

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"writ/internal/policy"
)

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 6000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: not within a minute", what)
}

func TestUpkeep(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	r.bucket(r.clinic, "kept", Unversioned)
	r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "kept"})
	r.lifecycle("scans", `<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`)
	r.put(r.clinic, "scans", "expires", "x")
	stop := r.StartUpkeep(r.ctx, Upkeep{Reclaim: 20 * time.Millisecond, Lifecycle: 20 * time.Millisecond})
	defer stop()

	r.minPart = 1
	ref := r.begin1(r.clinic, "scans", "parts")
	r.complete(r.clinic, ref, r.part(r.clinic, ref, 1, pattern(1, 100)))
	if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "scans", Key: "parts"}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "parts of a deleted version go", func() bool { return len(r.keys("px")) == 0 })

	r.put(r.clinic, "kept", "a", "x")
	eventually(t, "a new version is kept", func() bool { return len(r.keys("q")) == 1 })

	r.clock.advance(3 * day)
	eventually(t, "lifecycle runs when a day has begun", func() bool {
		page, err := r.List(r.ctx, r.clinic, ListInput{Bucket: "scans", Max: 10})
		return err == nil && len(page.Versions) == 0
	})

	if err := r.ShredCustomer(r.ctx, r.clinic.Customer); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a shredded customer's data go", func() bool { return len(r.keys("ovmS")) == 0 })
	if len(r.keys("q")) != 1 {
		t.Fatal("what was pinned went too")
	}
	stop()
	r.wantClean()
}

// TestPinnedIsKeptAtTheLatestWhenItGoes makes versions in a pin's scope and
// removes them before the background has looked, in every way, and after a
// restart.
func TestPinnedIsKeptAtTheLatestWhenItGoes(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "kept", Unversioned)
	r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "kept"})
	r.put(r.clinic, "kept", "deleted", "x")
	if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "kept", Key: "deleted"}}); err != nil {
		t.Fatal(err)
	}
	r.put(r.clinic, "kept", "overwritten", "x")
	r.put(r.clinic, "kept", "overwritten", "y")
	r.put(r.clinic, "kept", "shredded", "z")
	r.restart()
	if _, err := r.RotateCustomer(r.ctx, r.clinic.Customer, RotateOptions{Retire: true}); err != nil {
		t.Fatal(err)
	}
	if err := r.ShredCustomer(r.ctx, r.clinic.Customer); err != nil {
		t.Fatal(err)
	}
	if err := r.ResumeRemovals(r.ctx); err != nil {
		t.Fatal(err)
	}
	page, err := r.Preserved(r.ctx, "p", "", 100)
	if err != nil || len(page.Items) != 4 {
		t.Fatalf("%d versions are kept (%v): %+v", len(page.Items), err, page.Items)
	}
	for _, v := range page.Items {
		if v.Gone.IsZero() {
			t.Fatalf("%s is not gone", v.Key)
		}
	}
	r.wantClean()
}

func TestEpochs(t *testing.T) {
	var e epochs
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := e.wait(ctx); err != nil {
		t.Fatal(err)
	}
	before := e.begin()
	if err := e.wait(ctx); err != context.DeadlineExceeded {
		t.Fatalf("wait did not wait: %v", err)
	}
	after := e.begin()
	var waited atomic.Bool
	done := make(chan error)
	go func() {
		err := e.wait(context.Background())
		if !waited.Load() {
			t.Error("wait did not wait for all that began before")
		}
		done <- err
	}()
	before()
	time.Sleep(10 * time.Millisecond)
	waited.Store(true)
	later := e.begin()
	after()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	later()
}
