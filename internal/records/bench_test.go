package records_test

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"writ/internal/records"
	"writ/internal/seal"
)

// BenchmarkApply is durable commits of one record of 4 KiB.
func BenchmarkApply(b *testing.B) {
	for _, writers := range []int{1, 8, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := openDisk(b, b.TempDir(), seal.NewKey())
			defer s.Close()
			value := make([]byte, 4096)
			var next atomic.Uint64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for {
						n := next.Add(1)
						if n > uint64(b.N) {
							return
						}
						var batch records.Batch
						batch.Put(binary.BigEndian.AppendUint64(nil, n), value)
						if err := s.Apply(b.Context(), &batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}
