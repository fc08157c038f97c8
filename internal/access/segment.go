package access

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"writ"
	"writ/internal/seal"
)

// ErrSegment: a closed segment of a journal is not as it was written.
var ErrSegment = errors.New("a segment of the journal is damaged")

// ClosedMagic is what a closed segment begins with.
const ClosedMagic = "writjsg1"

const (
	maxWrapped = 2048
	maxStored  = 16 << 10 // of an entry, in bytes

	// sealedForm is the first byte of a data key that is sealed to the
	// customer's own key; the forms of the keyring are 1 to 3.
	sealedForm = 4
)

// SegmentHead is what a segment begins with: 8 bytes of magic, the id of its
// blob (16), the length of its data key as it is wrapped (2, big endian), and
// that key.
type SegmentHead struct {
	Blob    writ.BlobID
	Wrapped []byte
}

// Size is the head's length in bytes.
func (h SegmentHead) Size() int { return 8 + 16 + 2 + len(h.Wrapped) }

// Append adds the head as it lies to b.
func (h SegmentHead) Append(b []byte, magic string) []byte {
	b = append(b, magic...)
	b = append(b, h.Blob[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.Wrapped)))
	return append(b, h.Wrapped...)
}

// Sealed says whether the segment's key is the customer's own to open.
func (h SegmentHead) Sealed() bool {
	return len(h.Wrapped) == 1+seal.SealedKeySize && h.Wrapped[0] == sealedForm
}

// ErrTorn: a segment's head is shorter than it says. Of a segment that a crash
// interrupted at its making, that is no damage.
var ErrTorn = errors.New("segment's head is cut short")

// ReadSegmentHead reads a head. Errors: [ErrTorn], [ErrSegment].
func ReadSegmentHead(r io.ReaderAt, magic string) (h SegmentHead, err error) {
	var fixed [8 + 16 + 2]byte
	if _, err := r.ReadAt(fixed[:], 0); err != nil {
		return h, ErrTorn
	}
	n := int(binary.BigEndian.Uint16(fixed[24:]))
	if string(fixed[:8]) != magic || n > maxWrapped {
		return h, ErrSegment
	}
	h.Blob, h.Wrapped = writ.BlobID(fixed[8:24]), make([]byte, n)
	if _, err := r.ReadAt(h.Wrapped, int64(len(fixed))); err != nil {
		return h, ErrTorn
	}
	return h, nil
}

// ClosedEntries gives the entries of a closed segment of so many bytes, head
// included, whose key is open, in their stored form: each lies with its length
// before it (4 bytes, big endian) in one sealed object. Errors: [ErrSegment],
// those of entry.
func ClosedEntries(f io.ReaderAt, size int64, h SegmentHead, key *seal.Key, entry func([]byte) error) error {
	size -= int64(h.Size())
	sealed, err := seal.NewReader(io.NewSectionReader(f, int64(h.Size()), size), size, key, seal.Stream{ID: h.Blob})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSegment, err)
	}
	plain := sealed.Range(0, sealed.Size())
	defer plain.Close()
	r := bufio.NewReaderSize(plain, seal.ChunkSize)
	for {
		var n [4]byte
		if _, err := io.ReadFull(r, n[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("%w: %w", ErrSegment, err)
		}
		b := make([]byte, min(binary.BigEndian.Uint32(n[:]), maxStored))
		if _, err := io.ReadFull(r, b); err != nil {
			return fmt.Errorf("%w: %w", ErrSegment, err)
		}
		if err := entry(b); err != nil {
			return err
		}
	}
}

// SealTo makes a data key for a segment and seals it to the customer's own key:
// the byte 4, then [seal.Recipient.Wrap].
func SealTo(r *seal.Recipient, customer writ.CustomerID, blob writ.BlobID) (*seal.Key, []byte, error) {
	key := seal.NewKey()
	sealed, err := r.Wrap(sealedContext(customer, blob), key)
	if err != nil {
		key.Erase()
		return nil, nil, err
	}
	return key, append([]byte{sealedForm}, sealed...), nil
}

// OpenSealed gives the entries of a segment that is sealed to the customer's
// own key, in their stored form. [ErrSegment] if it is not of that key and
// customer, or was changed. It is for the customer: the server has no
// identity.
func OpenSealed(id *seal.Identity, customer writ.CustomerID, segment []byte, entry func([]byte) error) error {
	f := bytes.NewReader(segment)
	h, err := ReadSegmentHead(f, ClosedMagic)
	if err != nil {
		return ErrSegment
	}
	if !h.Sealed() {
		return fmt.Errorf("%w: it is not sealed to a customer's key", ErrSegment)
	}
	key, err := seal.UnwrapSealed(id, sealedContext(customer, h.Blob), h.Wrapped[1:])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSegment, err)
	}
	defer key.Erase()
	return ClosedEntries(f, f.Size(), h, key, entry)
}

// sealedContext is what a segment's data key is bound to:
// "writ/journal-segment/v1\n", the customer's id with its length before it (1
// byte), and the blob's id.
func sealedContext(customer writ.CustomerID, blob writ.BlobID) []byte {
	b := append([]byte("writ/journal-segment/v1\n"), byte(len(customer)))
	b = append(b, customer...)
	return append(b, blob[:]...)
}
