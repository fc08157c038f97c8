package s3_test

import (
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

// What goes in comes out, in every size that is stored in its own way.
func TestPutGet(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	for _, size := range []int{0, 1, 4 << 10, 64 << 10, 64<<10 + 1, 1 << 20, 3<<20 + 7} {
		body := strings.Repeat("harbour-", size/8+1)[:size]
		info := r.put(r.clinic, "records", "ward/7", body)
		if strings.Contains(info.ETag, `"`) || !strings.Contains(info.ETag, "-") {
			t.Errorf("ETag %q could be taken for an MD5", info.ETag)
		}
		got, err := r.read(r.clinic, "records", "ward/7", minio.GetObjectOptions{})
		if err != nil || got != body {
			t.Fatalf("size %d: got %d bytes, %v", size, len(got), err)
		}
	}
}
