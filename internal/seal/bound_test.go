package seal

import (
	"errors"
	"io"
	"testing"

	"writ"
)

// TestBound: a content key seals 2^32 chunks and not one more. Nobody can
// write 256 TiB in a test: the writer is moved to where they end.
func TestBound(t *testing.T) {
	w, err := NewWriter(io.Discard, NewKey(), Stream{ID: writ.NewBlobID()})
	if err != nil {
		t.Fatal(err)
	}
	w.index = maxChunks - 1
	if _, err := w.Write(make([]byte, ChunkSize)); err != nil {
		t.Fatalf("the last chunk that fits: %v", err)
	}
	if _, err := w.Write([]byte{0}); err != nil {
		t.Fatal(err) // held back
	}
	if err := w.Close(); !errors.Is(err, ErrTooLong) {
		t.Errorf("a chunk too many: %v", err)
	}
}
