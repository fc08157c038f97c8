package blob

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Kind says in which way a blob is kept.
type Kind uint8

const (
	Segment Kind = 1 // among others in a segment
	File    Kind = 2 // in a file of its own
)

// String returns "segment" or "file".
func (k Kind) String() string {
	switch k {
	case Segment:
		return "segment"
	case File:
		return "file"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Ref names one blob. Refs are comparable, and no Ref ever names two blobs:
// Volume is a random number that is drawn anew for each segment and file.
// The zero Ref names nothing.
type Ref struct {
	Kind   Kind
	Volume uint64 // the segment or the file
	Offset int64  // place in the segment, bytes; 0 in a file
	Length int64  // length of the blob, bytes
}

// IsZero reports whether r is the zero Ref.
func (r Ref) IsZero() bool { return r == Ref{} }

// String describes r for people: its form may change.
func (r Ref) String() string {
	if r.Kind == File {
		return fmt.Sprintf("file %016x (%d bytes)", r.Volume, r.Length)
	}
	return fmt.Sprintf("%v %016x at %d (%d bytes)", r.Kind, r.Volume, r.Offset, r.Length)
}

// ErrRef reports bytes that are no Ref.
var ErrRef = errors.New("not a blob reference")

// KeySize is the length in bytes of what [Ref.AppendKey] appends.
const KeySize = 1 + 8 + 8

// AppendKey appends kind, volume and offset, big-endian, to dst: a key of
// [KeySize] bytes that names the blob among all others, and by which the blobs
// of one volume lie together in order of their offset.
func (r Ref) AppendKey(dst []byte) []byte {
	dst = append(dst, byte(r.Kind))
	dst = binary.BigEndian.AppendUint64(dst, r.Volume)
	return binary.BigEndian.AppendUint64(dst, uint64(r.Offset))
}

// AppendBinary implements [encoding.BinaryAppender]: kind (1 byte), volume
// (8 bytes, big-endian), then offset (in a segment only) and length as
// unsigned varints. The form is stable: records keep it. It returns [ErrRef]
// for a Ref that cannot be of a store.
func (r Ref) AppendBinary(dst []byte) ([]byte, error) {
	if !r.valid() {
		return dst, fmt.Errorf("%w: %v", ErrRef, r)
	}
	dst = append(dst, byte(r.Kind))
	dst = binary.BigEndian.AppendUint64(dst, r.Volume)
	if r.Kind == Segment {
		dst = binary.AppendUvarint(dst, uint64(r.Offset))
	}
	return binary.AppendUvarint(dst, uint64(r.Length)), nil
}

// MarshalBinary implements [encoding.BinaryMarshaler] by AppendBinary.
func (r Ref) MarshalBinary() ([]byte, error) { return r.AppendBinary(nil) }

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]; it returns
// [ErrRef] if b is not exactly one Ref.
func (r *Ref) UnmarshalBinary(b []byte) error {
	ref, rest, err := DecodeRef(b)
	if err != nil {
		return err
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: %d bytes too many", ErrRef, len(rest))
	}
	*r = ref
	return nil
}

// DecodeRef reads a Ref that [Ref.AppendBinary] wrote from the front of b and
// returns what follows it. It returns [ErrRef] on anything else, overlong
// varints among it: each Ref has one form.
func DecodeRef(b []byte) (ref Ref, rest []byte, err error) {
	if len(b) < 9 {
		return Ref{}, b, fmt.Errorf("%w: too short", ErrRef)
	}
	r := Ref{Kind: Kind(b[0]), Volume: binary.BigEndian.Uint64(b[1:9])}
	rest = b[9:]
	if r.Kind == Segment {
		if r.Offset, rest, err = decodeLength(rest); err != nil {
			return Ref{}, b, err
		}
	}
	if r.Length, rest, err = decodeLength(rest); err != nil {
		return Ref{}, b, err
	}
	if !r.valid() {
		return Ref{}, b, fmt.Errorf("%w: values out of range", ErrRef)
	}
	return r, rest, nil
}

func decodeLength(b []byte) (int64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || (n > 1 && b[n-1] == 0) || int64(v) < 0 {
		return 0, b, fmt.Errorf("%w: bad length", ErrRef)
	}
	return int64(v), b[n:], nil
}

// valid reports whether a store could have returned r.
func (r Ref) valid() bool {
	switch r.Kind {
	case Segment:
		return r.Volume != 0 && r.Offset >= 0 && r.Length > 0 && r.Length <= MaxPut &&
			r.Offset <= 1<<62
	case File:
		return r.Volume != 0 && r.Offset == 0 && r.Length >= 0
	}
	return false
}
