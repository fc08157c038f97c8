package vault

import (
	"fmt"
	"sync"
	"testing"

	"writ"
)

// TestUploadsDuringRotation begins, fills, completes, copies and aborts
// uploads while keys are rotated and the old ones retired: each completed
// object opens, under a key that is still there; and a shred then leaves
// nothing of them.
func TestUploadsDuringRotation(t *testing.T) {
	r := newRig(t)
	r.minPart = 1
	r.bucket(r.clinic, "scans", VersioningEnabled)
	var mu sync.Mutex
	whole := map[ObjectRef]string{}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				ref := r.begin1(r.clinic, "scans", writ.ObjectKey(fmt.Sprint("w", w, "/", i%7)))
				one := r.part(r.clinic, ref, 1, pattern(uint64(i), 100))
				if i%5 == 4 {
					if err := r.AbortUpload(r.ctx, r.clinic, ref); err != nil {
						t.Error(err)
					}
					continue
				}
				two := r.part(r.clinic, ref, 2, pattern(uint64(i+1), 50))
				v := r.complete(r.clinic, ref, one, two)
				body := string(pattern(uint64(i), 100)) + string(pattern(uint64(i+1), 50))
				r.want(r.clinic, v.ObjectRef, body)
				mu.Lock()
				whole[v.ObjectRef] = body
				mu.Unlock()
			}
		})
	}
	completed := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(whole)
	}
	for n := 0; n < 8; n++ {
		for had := completed(); completed() == had; { // each rotation meets uploads under way
			if t.Failed() {
				break
			}
			if _, err := r.RotateCustomer(r.ctx, r.clinic.Customer, RotateOptions{Retire: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	wg.Wait()
	if _, err := r.RotateCustomer(r.ctx, r.clinic.Customer, RotateOptions{Retire: true}); err != nil {
		t.Fatal(err)
	}
	for ref, body := range whole {
		r.want(r.clinic, ref, body)
	}
	r.wantClean()
	r.wantUsage(r.clinic)
	if err := r.ShredCustomer(r.ctx, r.clinic.Customer); err != nil {
		t.Fatal(err)
	}
	for ref := range whole {
		if got, err := r.read(r.clinic, ref); err == nil {
			t.Fatalf("after a shred, %d bytes open", len(got))
		}
	}
}
