package journal

import (
	"errors"
	"fmt"
	"io"
	"time"

	"writ/internal/access"
)

// The entries of a journal, and where it stands: their form is access's.
type (
	Entry = access.Entry
	Head  = access.Head
)

// ErrEntry: an entry's text is too long to be journaled.
var ErrEntry = access.ErrEntry

// follow moves h on by an entry's stored form, as [Head.Follow]; what doesn't
// follow was not written here: [ErrCorrupt].
func follow(h *Head, b []byte) (time.Time, error) {
	at, err := h.Follow(b)
	if err != nil {
		return at, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return at, nil
}

// readHead reads a segment's head, as [access.ReadSegmentHead].
func readHead(r io.ReaderAt, magic string) (access.SegmentHead, error) {
	h, err := access.ReadSegmentHead(r, magic)
	if errors.Is(err, access.ErrSegment) {
		return h, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return h, err
}

// decode reads an entry's stored form, as [access.Decode].
func decode(b []byte) (Entry, error) {
	e, err := access.Decode(b)
	if err != nil {
		return e, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return e, nil
}
