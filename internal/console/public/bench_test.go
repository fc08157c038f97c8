package public_test

import (
	"testing"

	"writ/internal/console/public"
)

// BenchmarkIndex reads a log of 100,000 entries from its beginning.
func BenchmarkIndex(b *testing.B) {
	const leaves = 100_000
	log := filled(b, leaves)
	b.ReportAllocs()
	for b.Loop() {
		read, _, err := public.NewIndex(log).ReadAll(b.Context())
		if err != nil || read != leaves {
			b.Fatal(read, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/leaves, "ns/entry")
}
