package blob

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestUploadSizes: whatever its length, and however it is written, an upload
// reads back as it was; also where the cache cannot be passed by.
func TestUploadSizes(t *testing.T) {
	d, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r := rand.New(rand.NewPCG(5, 6))
	ctx := context.Background()
	for _, size := range []int{1, 511, 4095, 4096, 4097, 512<<10 - 1, 512 << 10, 512<<10 + 1, 1 << 20, 3<<20 + 12345} {
		for _, hint := range []int64{0, int64(size), 8 << 20} {
			body := make([]byte, size)
			for i := range body {
				body[i] = byte(r.Uint32())
			}
			u, err := d.Create(ctx, hint)
			if err != nil {
				t.Fatal(err)
			}
			if hint == 0 { // the sink of file systems that write through the cache only
				p := u.(*upload)
				if err := p.out.close(); err != nil {
					t.Fatal(err)
				}
				f, err := os.OpenFile(p.path, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				p.out = &buffered{f: f}
			}
			for rest := body; len(rest) > 0; {
				n := min(len(rest), 1+r.IntN(200<<10))
				if _, err := u.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			ref, err := u.Commit(ctx)
			if err != nil {
				t.Fatal(err)
			}
			u.Discard()
			in, err := d.Open(ctx, ref)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.NewSectionReader(in, 0, in.Size()))
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes with hint %d read back as %d others: %v", size, hint, len(got), err)
			}
			if err := in.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	u, err := d.Create(ctx, 0) // given up while a step is written
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(make([]byte, 1200<<10)); err != nil {
		t.Fatal(err)
	}
	u.Discard()
	if left, err := filepath.Glob(filepath.Join(d.dir, "tmp", "*")); err != nil || len(left) > 0 {
		t.Errorf("a discarded upload left %v: %v", left, err)
	}
}
