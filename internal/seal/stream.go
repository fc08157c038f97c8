package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// magic opens every sealed object: 'W' 'R' 'I' 'T', format version, kind.
var magic = [8]byte{'W', 'R', 'I', 'T', 0, 1, 'S', '\n'}

const saltSize = 32

// header writes the 96 bytes: magic, blob id, part, 4 zero, salt, commitment.
func header(dst []byte, s Stream, salt, commitment []byte) []byte {
	dst = append(dst, magic[:]...)
	dst = append(dst, s.ID[:]...)
	dst = binary.BigEndian.AppendUint32(dst, s.Part)
	dst = append(dst, 0, 0, 0, 0)
	dst = append(dst, salt...)
	return append(dst, commitment...)
}

// openHeader checks a header against what it should name and returns the
// cipher of the chunks.
func openHeader(h []byte, k *Key, s Stream) (cipher.AEAD, error) {
	if len(h) < HeaderSize {
		return nil, ErrTruncated
	}
	var want [32]byte
	if !bytes.Equal(h[:32], header(want[:0], s, nil, nil)) {
		return nil, ErrFormat
	}
	gcm, commitment := s.content(k, h[32:64])
	if subtle.ConstantTimeCompare(commitment[:], h[64:96]) != 1 {
		return nil, ErrKey
	}
	return gcm, nil
}

// label is the additional data of a chunk: format ‖ blob id ‖ part ‖ chunk
// index ‖ last. Only index and last change from chunk to chunk.
type label struct {
	b [len(format) + 16 + 4 + 8 + 1]byte
}

func newLabel(s Stream) *label {
	l := new(label)
	n := copy(l.b[:], format)
	n += copy(l.b[n:], s.ID[:])
	binary.BigEndian.PutUint32(l.b[n:], s.Part)
	return l
}

func (l *label) of(index int64, last bool) []byte {
	binary.BigEndian.PutUint64(l.b[len(l.b)-9:], uint64(index))
	l.b[len(l.b)-1] = 0
	if last {
		l.b[len(l.b)-1] = 1
	}
	return l.b[:]
}

// buffers of one plaintext chunk and its sealed form, shared by all streams.
var (
	plainBuffers  = sync.Pool{New: func() any { return new([ChunkSize]byte) }}
	sealedBuffers = sync.Pool{New: func() any { return new([sealedChunk]byte) }}
)

// ErrClosed is returned by a [Writer] that was closed.
var ErrClosed = errors.New("the sealed stream is closed")

// Writer seals what is written to it. It holds one chunk back, since only
// [Writer.Close] knows which is the last.
type Writer struct {
	dst    io.Writer
	gcm    cipher.AEAD
	label  *label
	plain  *[ChunkSize]byte
	sealed *[sealedChunk]byte
	beside [512]byte // read behind a full chunk, by ReadFrom only
	n      int       // bytes in plain
	index  int64     // of the chunk in plain
	err    error
}

// NewWriter writes the header of a new sealed object to dst and returns a
// writer of its plaintext. Nothing but Close ends the object: a reader refuses
// what was not closed.
func NewWriter(dst io.Writer, k *Key, s Stream) (*Writer, error) {
	var salt [saltSize]byte
	rand.Read(salt[:])
	gcm, commitment := s.content(k, salt[:])
	var h [HeaderSize]byte
	if _, err := dst.Write(header(h[:0], s, salt[:], commitment[:])); err != nil {
		return nil, err
	}
	return &Writer{
		dst: dst, gcm: gcm, label: newLabel(s),
		plain: plainBuffers.Get().(*[ChunkSize]byte), sealed: sealedBuffers.Get().(*[sealedChunk]byte),
	}, nil
}

// Write seals p. Errors are those of the destination, and stay.
func (w *Writer) Write(p []byte) (int, error) {
	done := 0
	for len(p) > 0 {
		if w.err != nil {
			return done, w.err
		}
		if w.n == ChunkSize {
			if err := w.flush(false); err != nil {
				return done, err
			}
		}
		// A whole chunk with more behind it need not be copied.
		if w.n == 0 && len(p) > ChunkSize {
			if err := w.emit(p[:ChunkSize], false); err != nil {
				return done, err
			}
			p, done = p[ChunkSize:], done+ChunkSize
			continue
		}
		n := copy(w.plain[w.n:], p)
		w.n += n
		p, done = p[n:], done+n
	}
	return done, w.err
}

// ReadFrom seals all of r without a buffer of its own ([io.ReaderFrom]).
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	var done int64
	for {
		if w.err != nil {
			return done, w.err
		}
		// A full chunk is held back until something follows it: it may be
		// the last. What follows is read beside it.
		into := w.plain[w.n:]
		if w.n == ChunkSize {
			into = w.beside[:]
		}
		n, err := r.Read(into)
		if n > 0 && w.n == ChunkSize {
			if err := w.flush(false); err != nil {
				return done, err
			}
			copy(w.plain[:], w.beside[:n])
		}
		w.n += n
		done += int64(n)
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
}

// Close seals the last chunk, which may be empty only in an empty object. It
// does not close the destination. Only a nil error says that the object is
// whole; after one, Close returns [ErrClosed].
func (w *Writer) Close() error {
	if w.plain == nil {
		return w.err
	}
	err := w.err
	if err == nil {
		err = w.flush(true)
	}
	w.release()
	if w.err == nil {
		w.err = ErrClosed
	}
	return err
}

// Abandon gives the writer's buffers back without ending the object.
func (w *Writer) Abandon() {
	if w.plain != nil {
		w.release()
		w.err = ErrClosed
	}
}

func (w *Writer) release() {
	clear(w.plain[:])
	clear(w.beside[:])
	plainBuffers.Put(w.plain)
	sealedBuffers.Put(w.sealed)
	w.plain, w.sealed = nil, nil
}

func (w *Writer) flush(last bool) error {
	err := w.emit(w.plain[:w.n], last)
	w.n = 0
	return err
}

func (w *Writer) emit(plain []byte, last bool) error {
	if w.index >= maxChunks {
		w.err = ErrTooLong
		return w.err
	}
	sealed := w.gcm.Seal(w.sealed[:0], nil, plain, w.label.of(w.index, last))
	n, err := w.dst.Write(sealed)
	if err == nil && n < len(sealed) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = err
		return err
	}
	w.index++
	return nil
}

// Seal appends a whole sealed object to dst; for objects that are in memory.
func Seal(dst []byte, k *Key, s Stream, plaintext []byte) []byte {
	var salt [saltSize]byte
	rand.Read(salt[:])
	gcm, commitment := s.content(k, salt[:])
	dst = slices.Grow(dst, int(SealedSize(int64(len(plaintext)))))
	dst = header(dst, s, salt[:], commitment[:])
	l := newLabel(s)
	for index := int64(0); ; index++ {
		last := len(plaintext) <= ChunkSize
		chunk := plaintext[:min(ChunkSize, len(plaintext))]
		dst = gcm.Seal(dst, nil, chunk, l.of(index, last))
		if last {
			return dst
		}
		plaintext = plaintext[ChunkSize:]
	}
}

// Open appends the plaintext of a whole sealed object to dst; on an error it
// returns none of it, and leaves none of it behind dst either.
func Open(dst []byte, k *Key, s Stream, sealed []byte) ([]byte, error) {
	size, err := PlainSize(int64(len(sealed)))
	if err != nil {
		return nil, err
	}
	gcm, err := openHeader(sealed, k, s)
	if err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, int(size)) // once, so that no plaintext is left in outgrown memory
	out, rest, l := dst, sealed[HeaderSize:], newLabel(s)
	for index := int64(0); len(rest) > 0; index++ {
		chunk := rest[:min(sealedChunk, len(rest))]
		rest = rest[len(chunk):]
		more, err := gcm.Open(out, nil, chunk, l.of(index, len(rest) == 0))
		if err != nil {
			clear(out[len(dst):]) // what opened before it
			return nil, &ChunkError{s.Part, index}
		}
		out = more
	}
	return out, nil
}

// Reader opens any range of a sealed object. It may be used by several
// goroutines at once.
type Reader struct {
	src    io.ReaderAt
	gcm    cipher.AEAD
	stream Stream
	size   int64 // of the plaintext
	sealed int64
}

// NewReader reads the header, checks that it names the stream and that the
// key is the committed one, and returns a reader of the plaintext. sealedSize
// is the whole length of the sealed bytes.
func NewReader(src io.ReaderAt, sealedSize int64, k *Key, s Stream) (*Reader, error) {
	size, err := PlainSize(sealedSize)
	if err != nil {
		return nil, err
	}
	var h [HeaderSize]byte
	if err := readFull(src, h[:], 0); err != nil {
		return nil, fmt.Errorf("couldn't read the header of a sealed object: %w", err)
	}
	gcm, err := openHeader(h[:], k, s)
	if err != nil {
		return nil, err
	}
	if size == 0 { // no read will ever touch the one chunk: open it now
		var chunk [ChunkOverhead]byte
		if err := readFull(src, chunk[:], HeaderSize); err != nil {
			return nil, fmt.Errorf("couldn't read the chunk of an empty object: %w", err)
		}
		if _, err := gcm.Open(nil, nil, chunk[:], newLabel(s).of(0, true)); err != nil {
			return nil, &ChunkError{s.Part, 0}
		}
	}
	return &Reader{src: src, gcm: gcm, stream: s, size: size, sealed: sealedSize}, nil
}

// readFull reads all of p; a source that ends early is truncated.
func readFull(src io.ReaderAt, p []byte, off int64) error {
	n, err := src.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		return ErrTruncated
	}
	return err
}

// Size returns the length of the plaintext.
func (r *Reader) Size() int64 { return r.size }

// ReadAt implements [io.ReaderAt]. It opens only the chunks that p touches.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("couldn't read at %d: before the beginning", off)
	}
	if off >= r.size {
		return 0, io.EOF
	}
	want := min(int64(len(p)), r.size-off)
	section := r.Range(off, want)
	defer section.Close()
	n, err := io.ReadFull(section, p[:want])
	if err != nil {
		return n, err
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Range returns a reader of n bytes from off, cut at the end of the object;
// off and n below zero count as zero. Close gives its buffers back; it does
// not close the source.
func (r *Reader) Range(off, n int64) *Section {
	off = min(max(0, off), r.size)
	n = min(max(0, n), r.size-off)
	return &Section{r: r, off: off, end: off + n, label: newLabel(r.stream)}
}

// readAhead is how many chunks are read from the source at once: 256 KiB.
const readAhead = 4

var aheadBuffers = sync.Pool{New: func() any { return new([readAhead * sealedChunk]byte) }}

// Section is a range of a sealed object. It is an [io.ReadCloser] and an
// [io.WriterTo], for one goroutine.
type Section struct {
	r     *Reader
	off   int64 // of the next plaintext byte
	end   int64
	label *label
	ahead *[readAhead * sealedChunk]byte
	raw   []byte // of ahead: sealed chunks read, not opened yet
	index int64  // of the first chunk in raw
	open  *[ChunkSize]byte
	used  int    // how much of open ever held plaintext
	plain []byte // of open: opened, not returned yet
	err   error
}

// Read implements [io.Reader].
func (s *Section) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := s.fill(); err != nil {
		return 0, err
	}
	n := copy(p, s.plain)
	s.plain = s.plain[n:]
	s.off += int64(n)
	return n, nil
}

// WriteTo implements [io.WriterTo]: each chunk is written with one Write, from
// the buffer in which it was opened.
func (s *Section) WriteTo(w io.Writer) (int64, error) {
	var done int64
	for {
		err := s.fill()
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		n, err := w.Write(s.plain)
		if err == nil && n < len(s.plain) {
			err = io.ErrShortWrite
		}
		s.plain = s.plain[n:]
		s.off += int64(n)
		done += int64(n)
		if err != nil {
			return done, err
		}
	}
}

// Close gives the buffers back.
func (s *Section) Close() error {
	if s.ahead != nil {
		aheadBuffers.Put(s.ahead)
		clear(s.open[:s.used])
		plainBuffers.Put(s.open)
		s.ahead, s.open = nil, nil
	}
	s.raw, s.plain = nil, nil
	if s.err == nil {
		s.err = ErrClosed
	}
	return nil
}

// fill makes plain hold at least one byte, or returns why it cannot.
func (s *Section) fill() error {
	if len(s.plain) > 0 {
		return nil
	}
	if s.err != nil {
		return s.err
	}
	if s.off >= s.end {
		return io.EOF
	}
	if len(s.raw) == 0 {
		if err := s.load(); err != nil {
			s.err = err
			return err
		}
	}
	size := min(sealedChunk, len(s.raw))
	chunk := s.raw[:size]
	s.raw = s.raw[size:]
	last := (s.index+1)*ChunkSize >= s.r.size
	// Not in place: the nonce in front would make the cipher move each chunk.
	plain, err := s.r.gcm.Open(s.open[:0], nil, chunk, s.label.of(s.index, last))
	if err != nil {
		s.err = &ChunkError{s.r.stream.Part, s.index}
		return s.err
	}
	s.used = max(s.used, len(plain))
	start := s.index * ChunkSize
	s.index++
	s.plain = plain[s.off-start : min(int64(len(plain)), s.end-start)]
	return nil
}

// load reads the next few sealed chunks from the source.
func (s *Section) load() error {
	if s.ahead == nil {
		s.ahead = aheadBuffers.Get().(*[readAhead * sealedChunk]byte)
		s.open = plainBuffers.Get().(*[ChunkSize]byte)
	}
	s.index = s.off / ChunkSize
	lastIndex := (s.end - 1) / ChunkSize
	from := HeaderSize + s.index*sealedChunk
	to := min(s.r.sealed, HeaderSize+(lastIndex+1)*sealedChunk)
	s.raw = s.ahead[:min(int64(len(s.ahead)), to-from)]
	if err := readFull(s.r.src, s.raw, from); err != nil {
		return fmt.Errorf("couldn't read chunk %d of part %d: %w", s.index, s.r.stream.Part, err)
	}
	return nil
}
