package blob

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// BenchmarkStore compares what a blob of some size costs in a segment, in a
// file of its own, and in a bare file (create, write, fsync, close: without a
// durable name). All three are durable when they return.
func BenchmarkStore(b *testing.B) {
	for _, size := range []int{16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
		for _, appenders := range []int{1, 8} {
			name := fmt.Sprintf("%dKiB/%d", size>>10, appenders)
			b.Run("segment/"+name, func(b *testing.B) { benchPut(b, size, appenders) })
			b.Run("file/"+name, func(b *testing.B) { benchUpload(b, size, appenders) })
			b.Run("bare/"+name, func(b *testing.B) { benchBare(b, size, appenders) })
		}
	}
}

// BenchmarkUpload compares a large upload with a bare write and fsync.
func BenchmarkUpload(b *testing.B) {
	for _, appenders := range []int{1, 8} {
		name := fmt.Sprintf("16MiB/%d", appenders)
		b.Run("upload/"+name, func(b *testing.B) { benchUpload(b, 16<<20, appenders) })
		b.Run("bare/"+name, func(b *testing.B) { benchBare(b, 16<<20, appenders) })
	}
}

// BenchmarkRead opens and reads a blob of 64 KiB from a segment.
func BenchmarkRead(b *testing.B) {
	d := benchDisk(b)
	ref, err := d.Put(b.Context(), make([]byte, 64<<10))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(ref.Length)
	buf := make([]byte, ref.Length)
	for b.Loop() {
		r, err := d.Open(b.Context(), ref)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.ReadAt(buf, 0); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// benchDir returns a folder on the disk that WRIT_BENCH_DIR names, as the
// usual temporary folder may be in memory.
func benchDir(b *testing.B) string {
	dir, err := os.MkdirTemp(os.Getenv("WRIT_BENCH_DIR"), "blobs")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func benchDisk(b *testing.B) *Disk {
	d, err := Open(benchDir(b), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	return d
}

// share runs fn b.N times in all, from several goroutines.
func share(b *testing.B, size, goroutines int, fn func(blob []byte) error) {
	b.SetBytes(int64(size))
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan error)
	b.ResetTimer()
	for range goroutines {
		go func() {
			blob := make([]byte, size)
			rand.Read(blob)
			var err error
			for err == nil && left.Add(-1) >= 0 {
				err = fn(blob)
			}
			done <- err
		}()
	}
	for range goroutines {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "blobs/s")
}

func benchPut(b *testing.B, size, appenders int) {
	d := benchDisk(b)
	share(b, size, appenders, func(blob []byte) error {
		_, err := d.Put(b.Context(), blob)
		return err
	})
}

func benchUpload(b *testing.B, size, appenders int) {
	d := benchDisk(b)
	share(b, size, appenders, func(blob []byte) error {
		u, err := d.Create(b.Context(), int64(size))
		if err != nil {
			return err
		}
		defer u.Discard()
		for len(blob) > 0 {
			n := min(64<<10, len(blob))
			if _, err := u.Write(blob[:n]); err != nil {
				return err
			}
			blob = blob[n:]
		}
		_, err = u.Commit(b.Context())
		return err
	})
}

func benchBare(b *testing.B, size, appenders int) {
	dir := benchDir(b)
	var n atomic.Int64
	share(b, size, appenders, func(blob []byte) error {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(n.Add(1))))
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Write(blob); err != nil {
			return err
		}
		return f.Sync()
	})
}
