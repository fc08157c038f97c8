package vault

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"writ"
	"writ/internal/records"
)

var benchSizes = []struct {
	name string
	size int
}{{"4KiB", 4 << 10}, {"16KiB", 16 << 10}, {"64KiB", 64 << 10}, {"1MiB", 1 << 20}, {"16MiB", 16 << 20}}

// BenchmarkPut stores durable objects, 8 at once.
func BenchmarkPut(b *testing.B) {
	for _, c := range benchSizes {
		b.Run(c.name, func(b *testing.B) {
			r := newDiskRig(b)
			r.bucket(r.clinic, "scans", Unversioned)
			body := random(c.size)
			b.SetBytes(int64(c.size))
			b.SetParallelism(4)
			b.ReportAllocs()
			var n atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					in := PutInput{Bucket: "scans", Key: writ.ObjectKey(fmt.Sprintf("object-%08d", n.Add(1))), Body: bytes.NewReader(body), Size: int64(c.size)}
					if _, err := r.Put(r.ctx, r.clinic, in); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkGet reads objects that were stored before, 8 at once.
func BenchmarkGet(b *testing.B) {
	for _, c := range benchSizes {
		b.Run(c.name, func(b *testing.B) {
			r := newDiskRig(b)
			r.bucket(r.clinic, "scans", Unversioned)
			body := string(random(c.size))
			count := min(200, 64<<20/c.size)
			for i := range count {
				r.put(r.clinic, "scans", writ.ObjectKey(fmt.Sprintf("object-%08d", i)), body)
			}
			b.SetBytes(int64(c.size))
			b.SetParallelism(4)
			b.ReportAllocs()
			var n atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					key := writ.ObjectKey(fmt.Sprintf("object-%08d", int(n.Add(1))%count))
					o, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: ObjectRef{Bucket: "scans", Key: key}})
					if err != nil {
						b.Error(err)
						return
					}
					if _, err := o.Body.(io.WriterTo).WriteTo(io.Discard); err != nil {
						b.Error(err)
					}
					o.Body.Close()
				}
			})
		})
	}
}

// BenchmarkList lists 1,000 of a million keys on disk, from a random place,
// plainly and with a delimiter that makes a common prefix of every 1,000.
func BenchmarkList(b *testing.B) {
	const count = 1_000_000
	r := newDiskRig(b)
	r.bucket(r.clinic, "scans", Unversioned)
	sample := r.put(r.clinic, "scans", "sample", string(random(4<<10)))
	value, err := r.records.Get(r.ctx, headKey(r.clinic.Customer, "scans", sample.Key))
	if err != nil {
		b.Fatal(err)
	}
	key := func(i int) string { return fmt.Sprintf("patient-%04d/scan-%04d", i/1000, i%1000) }
	for at := 0; at < count; at += 10_000 {
		var batch records.Batch
		for i := range 10_000 {
			batch.Put(headKey(r.clinic.Customer, "scans", writ.ObjectKey(key(at+i))), value)
		}
		if err := r.records.Apply(r.ctx, &batch); err != nil {
			b.Fatal(err)
		}
	}
	for name, delimiter := range map[string]string{"plain": "", "delimiter": "/"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				in := ListInput{Bucket: "scans", Delimiter: delimiter}
				if delimiter == "" {
					in.After = key(rand.IntN(count - 1001))
				}
				page, err := r.List(r.ctx, r.clinic, in)
				if err != nil || len(page.Versions)+len(page.Prefixes) != 1000 {
					b.Fatalf("%d and %d listed, error %v", len(page.Versions), len(page.Prefixes), err)
				}
			}
		})
	}
}
