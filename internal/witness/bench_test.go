package witness

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
)

// BenchmarkAdd is how many larger trees a witness cosigns a second, each on the
// disk before it is signed: for one log, and for many at once, which share
// writes.
func BenchmarkAdd(b *testing.B) {
	for _, logs := range []int{1, 16, 100} {
		b.Run(fmt.Sprintf("logs=%d", logs), func(b *testing.B) {
			var origins []string
			for i := range logs {
				origins = append(origins, fmt.Sprintf("log%d.example", i))
			}
			r := newRig(b, origins...)
			bodies := make([][][]byte, logs)
			per := b.N/logs + 1
			for i, l := range r.logs {
				l.grow(per, "honest")
				for size := range uint64(per) {
					bodies[i] = append(bodies[i], l.request(b, size, size+1))
				}
			}
			b.ResetTimer()
			var next atomic.Int64
			done := make(chan error, logs)
			for range logs {
				go func() {
					for _, body := range bodies[next.Add(1)-1] {
						if _, err := r.Add(b.Context(), body); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range logs {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(per*logs)/b.Elapsed().Seconds(), "cosignatures/s")
		})
	}
}

// BenchmarkClient is one log's way through HTTP and back.
func BenchmarkClient(b *testing.B) {
	r := newRig(b, origin)
	l := r.logs[0]
	l.grow(b.N, "honest")
	c, err := NewClient(r.serve(b), r.vkey, &http.Client{}, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for size := range uint64(b.N) {
		if _, err := c.Cosign(b.Context(), l.checkpoint(size+1), l.prove); err != nil {
			b.Fatal(err)
		}
	}
}
