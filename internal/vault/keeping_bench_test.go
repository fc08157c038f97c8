package vault

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"writ"
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

func BenchmarkPutUnderPin(b *testing.B) {
	for _, kind := range []string{"plain", "pinned"} {
		b.Run(kind, func(b *testing.B) {
			r := benchRig(b, 0, 0)
			if kind == "pinned" {
				if _, err := r.Pin(r.ctx, PinInput{ID: "p", Bucket: "scans"}); err != nil {
					b.Fatal(err)
				}
			}
			body := pattern(1, 4096)
			b.SetParallelism(8)
			var n atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					key := writ.ObjectKey(fmt.Sprint("k", n.Add(1)))
					_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: key, Body: bytes.NewReader(body), Size: 4096})
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
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
