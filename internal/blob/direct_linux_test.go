package blob

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Where a write past the cache is refused after all, here for its odd place,
// the upload goes on through it.
func TestDirectRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blob")
	f, out, err := openSink(path)
	if err != nil {
		t.Fatal(err)
	}
	d, ok := out.(*direct)
	if !ok {
		return // a file system without writes past the cache: TestUploadSizes holds there
	}
	want := bytes.Repeat([]byte("sealed"), 1000)
	if err := d.writeAt(want, 1); err != nil {
		t.Fatal(err)
	}
	d.at = 1 + int64(len(want))
	if err := d.write([]byte("more")); err != nil {
		t.Fatal(err)
	}
	if err := d.finish((*os.File).Sync); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(got, append(append([]byte{0}, want...), "more"...)) {
		t.Errorf("%d bytes of %d: %v", len(got), 1+len(want)+4, err)
	}
}
