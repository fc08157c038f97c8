package vault

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"writ"
	"writ/internal/policy"
)

// benchRig returns a rig on disk with a bucket of n objects of size bytes.
func benchRig(b *testing.B, n, size int) *rig {
	b.Helper()
	r := newDiskRig(b)
	r.bucket(r.clinic, "scans", VersioningEnabled)
	r.minPart = 1
	body := string(pattern(1, size))
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < n; i += 16 {
				r.put(r.clinic, "scans", writ.ObjectKey(fmt.Sprintf("k%06d", i)), body)
			}
		})
	}
	wg.Wait()
	return r
}

// manyParts begins an upload of n small parts.
func (r *rig) manyParts(n int) (UploadRef, []CompletePart) {
	r.t.Helper()
	ref := r.begin1(r.clinic, "scans", "parts")
	list := make([]CompletePart, n)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < n; i += 16 {
				list[i] = r.part(r.clinic, ref, i+1, pattern(uint64(i), 100))
			}
		})
	}
	wg.Wait()
	return ref, list
}

func BenchmarkCompleteTenThousandParts(b *testing.B) {
	r := benchRig(b, 0, 0)
	for b.Loop() {
		b.StopTimer()
		ref, list := r.manyParts(MaxParts)
		b.StartTimer()
		r.complete(r.clinic, ref, list...)
	}
}

func BenchmarkRangeOfTenThousandParts(b *testing.B) {
	r := benchRig(b, 0, 0)
	ref, list := r.manyParts(MaxParts)
	v := r.complete(r.clinic, ref, list...)
	for b.Loop() {
		r.stretch(v, 777_777, 150)
	}
}

// BenchmarkPutPreserved puts objects of 4 KiB by eight clients at a time, in
// turns into a vault where nothing is preserved and into one where the bucket
// is, with upkeep running in both, and reports how the rates compare: 1 is no
// difference.
func BenchmarkPutPreserved(b *testing.B) {
	plain, pinned := benchRig(b, 0, 0), benchRig(b, 0, 0)
	pinned.preserve(pinned.clinic, "p", policy.BucketScope{Bucket: "scans", Prefixes: []string{"k"}})
	defer plain.StartUpkeep(plain.ctx, Upkeep{})()
	defer pinned.StartUpkeep(pinned.ctx, Upkeep{})()
	const each = 500
	var n atomic.Int64
	round := func(r *rig) time.Duration {
		body := pattern(1, 4096)
		begun := time.Now()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range each / 8 {
					in := PutInput{Bucket: "scans", Key: writ.ObjectKey(fmt.Sprint("k", n.Add(1))), Body: bytes.NewReader(body), Size: 4096}
					if _, err := r.Put(r.ctx, r.clinic, in); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		return time.Since(begun)
	}
	var without, with time.Duration
	for b.Loop() {
		without += round(plain)
		with += round(pinned)
	}
	b.ReportMetric(float64(without)/float64(with), "of-plain-rate")
}

// BenchmarkProduce reads objects of 64 KiB as their owner, and as preserved
// versions, in turns, and reports how the rates compare. The opening is this
// package's own, over a real gate: it moves a key and opens it, where that of a
// writ opens it at once.
func BenchmarkProduce(b *testing.B) {
	const n = 1000
	r := benchRig(b, n, 64<<10)
	r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "scans"})
	o := r.opening(r.clinic, "p")
	var get, produce time.Duration
	for b.Loop() {
		begun := time.Now()
		for _, item := range o.items {
			object, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: ObjectRef{item.Bucket, item.Key, item.Version}})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, object.Body); err != nil {
				b.Fatal(err)
			}
			object.Body.Close()
		}
		get += time.Since(begun)
		begun = time.Now()
		for i, item := range o.items {
			if _, err := r.Produce(r.ctx, o, i, item, io.Discard); err != nil {
				b.Fatal(err)
			}
		}
		produce += time.Since(begun)
	}
	b.ReportMetric(float64(n*b.N)/produce.Seconds(), "objects/s")
	b.ReportMetric(float64(get)/float64(produce), "of-get-rate")
}

func BenchmarkRotate(b *testing.B) {
	r := benchRig(b, 20_000, 100)
	for b.Loop() {
		if n, err := r.RotateCustomer(r.ctx, r.clinic.Customer, RotateOptions{}); err != nil || n != 20_000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(20_000*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}

func BenchmarkFsck(b *testing.B) {
	for _, size := range []int{100, 100_000, 4 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			n := min(20_000, (256<<20)/size)
			r := benchRig(b, n, size)
			for b.Loop() {
				r.wantClean()
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "objects/s")
			b.ReportMetric(float64(n*size*b.N)/b.Elapsed().Seconds()/1e6, "MB/s")
		})
	}
}

func BenchmarkBackup(b *testing.B) {
	r := benchRig(b, 2000, 100_000)
	for b.Loop() {
		to := filepath.Join(b.TempDir(), fmt.Sprint("backup", time.Now().UnixNano()))
		if _, err := r.Backup(r.ctx, BackupOptions{Dir: to}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2000*0.1*float64(b.N)/b.Elapsed().Seconds(), "MB/s")
}

func BenchmarkLifecycle(b *testing.B) {
	r := benchRig(b, 20_000, 100)
	r.lifecycle("scans", `<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`)
	for b.Loop() {
		if run := r.runLifecycle(r.clock.now()); run.Expired != 0 {
			b.Fatal(run)
		}
	}
	b.ReportMetric(20_000*float64(b.N)/b.Elapsed().Seconds(), "looked/s")
}
