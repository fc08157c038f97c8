package blob_test

import (
	"path/filepath"
	"testing"

	"writ/internal/blob"
	"writ/internal/blob/blobtest"
)

func TestMemoryConformance(t *testing.T) {
	blobtest.Conformance(t, func(t *testing.T, opts blob.Options) blob.Store {
		s := blob.NewMemoryWith(opts)
		t.Cleanup(func() { s.Close() })
		return s
	})
}

func TestDiskConformance(t *testing.T) {
	blobtest.Conformance(t, func(t *testing.T, opts blob.Options) blob.Store {
		s, err := blob.Open(filepath.Join(t.TempDir(), "blobs"), opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}
