package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A tail is the open end of a log: a header as a sealed object has it, with a
// magic of its own, then frames. Each frame is sealed when it is appended, so
// that a prefix is readable after a crash:
//
//	length  4 bytes, big endian, of the sealed record
//	check   4 bytes, CRC-32C of length, index and blob id
//	record  nonce ‖ ciphertext ‖ tag; additional data: label ‖ id ‖ part ‖ index
//
// The check tells a torn frame (its bytes end too early) from a changed length.

var tailMagic = [8]byte{'W', 'R', 'I', 'T', 0, 1, 'T', '\n'}

const (
	tailLabel  = format + " tail"
	frameFront = 8

	// MaxTailRecord bounds one record of a tail, in bytes of plaintext.
	MaxTailRecord = 1 << 20
)

// ErrTail: a frame of a tail was changed.
var ErrTail = errors.New("a frame of the log was changed")

// ErrTailLength: as [ErrTail], and what was changed is the frame's front, so
// that its length is not known. It comes together with ErrTail.
var ErrTailLength = errors.New("its length is not known")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// tail is what reader and writer share.
type tail struct {
	gcm   cipher.AEAD
	id    Stream
	index uint64
	ad    []byte
}

func newTail(gcm cipher.AEAD, s Stream) tail {
	ad := append([]byte(tailLabel), s.ID[:]...)
	ad = binary.BigEndian.AppendUint32(ad, s.Part)
	return tail{gcm: gcm, id: s, ad: binary.BigEndian.AppendUint64(ad, 0)}
}

// label is the additional data of the frame at the present index.
func (t *tail) label() []byte {
	binary.BigEndian.PutUint64(t.ad[len(t.ad)-8:], t.index)
	return t.ad
}

func (t *tail) check(length uint32) uint32 {
	var b [4 + 8 + 16]byte
	binary.BigEndian.PutUint32(b[:], length)
	binary.BigEndian.PutUint64(b[4:], t.index)
	copy(b[12:], t.id.ID[:])
	return crc32.Checksum(b[:], castagnoli)
}

// tailContent derives key and commitment of a tail.
func tailContent(k *Key, s Stream, salt []byte) (cipher.AEAD, [32]byte) {
	info := append([]byte(tailLabel), s.ID[:]...)
	info = binary.BigEndian.AppendUint32(info, s.Part)
	out, err := hkdf.Key(sha256.New, k.bytes(), salt, string(info), 2*KeySize)
	if err != nil {
		panic("seal: HKDF of 64 bytes cannot fail: " + err.Error())
	}
	content := keyOf((*[KeySize]byte)(out))
	defer content.Erase()
	return content.aead(), [32]byte(out[KeySize:])
}

// TailWriter appends sealed records, each with a single Write.
type TailWriter struct {
	tail
	dst   io.Writer
	frame []byte
}

// NewTailWriter writes the header of a new tail.
func NewTailWriter(dst io.Writer, k *Key, s Stream) (*TailWriter, error) {
	var salt [saltSize]byte
	rand.Read(salt[:])
	gcm, commitment := tailContent(k, s, salt[:])
	h := header(nil, s, salt[:], commitment[:])
	copy(h, tailMagic[:])
	if _, err := dst.Write(h); err != nil {
		return nil, err
	}
	return &TailWriter{tail: newTail(gcm, s), dst: dst}, nil
}

// Append seals one record of at most [MaxTailRecord] bytes and writes it with
// one Write. An error of the destination is no record: part of a frame may lie
// there, and the caller cuts it off before it appends again.
func (w *TailWriter) Append(record []byte) error {
	if len(record) > MaxTailRecord {
		return fmt.Errorf("a record of %d bytes is longer than %d", len(record), MaxTailRecord)
	}
	length := uint32(len(record) + ChunkOverhead)
	w.frame = binary.BigEndian.AppendUint32(w.frame[:0], length)
	w.frame = binary.BigEndian.AppendUint32(w.frame, w.check(length))
	w.frame = w.gcm.Seal(w.frame, nil, record, w.label())
	if _, err := w.dst.Write(w.frame); err != nil {
		return err
	}
	w.index++
	return nil
}

// FrameSize is how many bytes a record of n bytes takes in a tail.
func FrameSize(n int) int { return frameFront + n + ChunkOverhead }

// TailReader reads the records of a tail in order.
type TailReader struct {
	tail
	src    io.Reader
	sealed []byte
	plain  []byte
	offset int64
}

// OpenTail reads the header of a tail. [ErrTruncated] where not even the
// header is whole, [ErrFormat] and [ErrKey] as for objects.
func OpenTail(src io.Reader, k *Key, s Stream) (*TailReader, error) {
	h := make([]byte, HeaderSize)
	if _, err := io.ReadFull(src, h); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, ErrTruncated
		}
		return nil, err
	}
	want := header(nil, s, nil, nil)
	copy(want, tailMagic[:])
	if !bytes.Equal(h[:32], want) {
		return nil, ErrFormat
	}
	gcm, commitment := tailContent(k, s, h[32:64])
	if subtle.ConstantTimeCompare(commitment[:], h[64:96]) != 1 {
		return nil, ErrKey
	}
	return &TailReader{tail: newTail(gcm, s), src: src, offset: HeaderSize}, nil
}

// Next returns the next record, valid until the call after. It returns
// [io.EOF] at the end, which is where bytes end, where a frame is torn, or
// where zeros stand in the place of a frame's front (space that was reserved
// and not used); [ErrTail] where a frame was changed. Next does not look
// behind those zeros: whoever must know that nothing follows them reads on
// from [TailReader.Offset].
func (r *TailReader) Next() ([]byte, error) {
	var front [frameFront]byte
	if err := r.read(front[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(front[:])
	if front == [frameFront]byte{} {
		return nil, io.EOF
	}
	if binary.BigEndian.Uint32(front[4:]) != r.check(length) || length < ChunkOverhead || length > MaxTailRecord+ChunkOverhead {
		return nil, fmt.Errorf("%w, and %w: frame %d", ErrTail, ErrTailLength, r.index)
	}
	if cap(r.sealed) < int(length) {
		r.sealed = make([]byte, length)
	}
	sealed := r.sealed[:length]
	if err := r.read(sealed); err != nil {
		return nil, err
	}
	plain, err := r.gcm.Open(r.plain[:0], nil, sealed, r.label())
	if err != nil {
		return nil, fmt.Errorf("%w: frame %d", ErrTail, r.index)
	}
	r.plain = plain
	r.index++
	r.offset += int64(frameFront + length)
	return plain, nil
}

// read turns an end in the middle into a clean one: the frame is torn.
func (r *TailReader) read(p []byte) error {
	_, err := io.ReadFull(r.src, p)
	if err == io.ErrUnexpectedEOF {
		return io.EOF
	}
	return err
}

// laterFrames is how many frames may be missing before one that
// [TailReader.Later] finds.
const laterFrames = 4096

// Later reports whether b holds, anywhere, a whole frame of this tail that
// comes after the one at which Next ended. A writer that makes each frame
// durable before it writes the next leaves nothing readable behind a frame
// that a power cut tore; behind one that was changed afterwards it does.
func (r *TailReader) Later(b []byte) bool {
	for ; len(b) >= frameFront+ChunkOverhead; b = b[1:] {
		length := binary.BigEndian.Uint32(b)
		if length < ChunkOverhead || length > MaxTailRecord+ChunkOverhead || int64(length) > int64(len(b)-frameFront) {
			continue
		}
		sealed, later := b[frameFront:][:length], r.tail
		later.ad = bytes.Clone(r.ad)
		for later.index = r.index + 1; later.index <= r.index+laterFrames; later.index++ {
			if later.check(length) != binary.BigEndian.Uint32(b[4:]) {
				continue
			}
			if _, err := later.gcm.Open(nil, nil, sealed, later.label()); err == nil {
				return true
			}
		}
	}
	return false
}

// Offset is where the last whole record ends, counted from the header's first
// byte: what lies behind it may be cut before appending.
func (r *TailReader) Offset() int64 { return r.offset }

// Count is how many records were read.
func (r *TailReader) Count() uint64 { return r.index }

// Resume returns a writer that goes on behind the last record read. The
// destination must begin at [TailReader.Offset]; what lay there is cut or
// overwritten by the caller.
func (r *TailReader) Resume(dst io.Writer) *TailWriter {
	w := &TailWriter{tail: newTail(r.gcm, r.id), dst: dst}
	w.index = r.index
	return w
}
