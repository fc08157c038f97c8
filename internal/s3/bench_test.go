package s3_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

// BenchmarkGet is downloads over TLS, signed anew each: client and server
// share the processor.
func BenchmarkGet(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20} {
		b.Run(byteSize(size), func(b *testing.B) {
			r := newRig(b)
			r.bucket(r.clinic, "scans")
			r.put(r.clinic, "scans", "scan", strings.Repeat("s", size))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				object, _, _, err := (&minio.Core{Client: r.clinic.client}).GetObject(r.ctx, "scans", "scan", minio.GetObjectOptions{})
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, object); err != nil || n != int64(size) {
					b.Fatal(n, err)
				}
				object.Close()
			}
		})
	}
}

// BenchmarkPut is uploads over TLS.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20} {
		b.Run(byteSize(size), func(b *testing.B) {
			r := newRig(b)
			r.bucket(r.clinic, "scans")
			body := strings.Repeat("s", size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if answer, text := r.do(r.clinic, "PUT", "/scans/scan", body); answer.StatusCode != http.StatusOK {
					b.Fatal(answer.Status, text)
				}
			}
		})
	}
}

func byteSize(n int) string {
	if n >= 1<<20 {
		return itoa(n>>20) + "MiB"
	}
	return itoa(n>>10) + "KiB"
}
