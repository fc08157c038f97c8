package monitor

import (
	"net/http"
	"testing"
)

// BenchmarkScan re-hashes a log; a leaf is an operation. The log is honest and
// of batches only, as nearly all of one is.
func BenchmarkScan(b *testing.B) {
	const leaves = 200_000
	r := newRig(b, 0)
	r.batches(leaves - 1)
	r.publish()
	for name, src := range map[string]Source{"folder": Folder(r.dir), "http": r.site(http.FileServer(http.Dir(r.dir)))} {
		b.Run(name, func(b *testing.B) {
			l := r.open(src)
			b.ReportAllocs()
			for b.Loop() {
				clear(l.tiles)
				if err := l.Scan(b.Context(), new(Story), nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(leaves)*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
		})
	}
}
