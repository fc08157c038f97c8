package bag_test

import (
	"context"
	"io"
	"runtime"
	"testing"

	"writ/internal/bag"
)

// endless gives so many bytes without holding them.
type endless struct{ left int64 }

func (r *endless) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), r.left)
	clear(p[:n])
	r.left -= n
	return int(n), nil
}

// TestMemory packs an object that is much larger than what may be held, in
// both formats.
func TestMemory(t *testing.T) {
	const size, volume = 64 << 20, 4 << 20
	for _, p := range []party{somebody(t), rsaParty(t)} {
		t.Run(p.name, func(t *testing.T) {
			in := input(t.TempDir(), nil, p)
			in.VolumeBytes = volume
			o := thing{key: "large"}.object()
			o.Size = size
			o.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(&endless{size}), nil }
			in.Objects = func(yield func(bag.Object, error) bool) { yield(o, nil) }
			var before, most runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			calls := 0
			in.Progress = func(int64, int64) {
				if calls++; calls%50 != 0 {
					return
				}
				var now runtime.MemStats
				if runtime.ReadMemStats(&now); now.HeapAlloc > most.HeapAlloc {
					most = now
				}
			}
			mustWrite(t, in)
			if got := int64(most.HeapAlloc) - int64(before.HeapAlloc); got > size/4 {
				t.Errorf("%d bytes of heap for an object of %d in volumes of %d", got, int64(size), int64(volume))
			}
		})
	}
}
