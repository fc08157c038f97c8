package vault

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"writ/internal/blob"
	"writ/internal/seal"
)

// Where bytes are kept, by their number. The limits were measured: see
// docs/performance.md.
const (
	// inlineLimit is up to how many bytes of plaintext lie in a record. They
	// cost one sync instead of two, but are written at least twice, to the
	// records' log and to their tables. Of 8 writers at once, a durable Put
	// took 0.27 ms inline and 0.46 ms in a segment at 4 KiB, 0.46 and 0.46 ms
	// at 8 KiB.
	inlineLimit = 8 << 10
	// segmentLimit is up to how many bytes of plaintext share a segment of
	// the blob store, and a sync, with others. Sealed they are in memory
	// until then. At 1 MiB, 8 writers stored 10% more in segments on an idle
	// machine, and 13% less beside others that filled the system's cache,
	// which a file of its own goes past.
	segmentLimit = 512 << 10
	// MaxObject is the largest object, and MaxPut the largest in one piece,
	// in bytes, as with S3.
	MaxObject = 5 << 40
)

// A stored body is sealed and durable, or sealed in memory if it is inline.
type stored struct {
	size int64 // bytes of plaintext
	ref  blob.Ref
	data *buffer // inline: the value of its record, but for the identity
}

// inlineRoom is how much of a record of inline data comes before the sealed
// object: the identity and its length.
func inlineRoom(n name) int { return 2 + len(n.version(stamp{})) }

// fillIdentity writes the identity into the room before the sealed object.
func fillIdentity(data, identity []byte) {
	binary.BigEndian.PutUint16(data, uint16(len(identity)))
	copy(data[2:], identity)
}

// sealBody seals a body of size bytes (-1 if that is not known) and stores
// it. Up to inlineLimit bytes stay in memory behind room bytes, unless room is
// below zero; all else is durable on return, and the caller's to delete. The
// body is read to its end; one that breaks off, or is not as long as
// declared, leaves nothing behind.
func (v *Vault) sealBody(ctx context.Context, key *seal.Key, s seal.Stream, body io.Reader, size int64, room int) (stored, error) {
	in := &declared{ctx: ctx, body: body, size: size}
	if size >= 0 && size <= inlineLimit && room >= 0 {
		return sealInline(key, s, in, room)
	}
	st := &stage{ctx: ctx, blobs: v.blobs, size: size, keep: seal.SealedSize(segmentLimit)}
	defer st.discard()
	w, err := seal.NewWriter(st, key, s)
	if err != nil {
		return stored{}, blobError(err)
	}
	defer w.Abandon()
	if _, err := w.ReadFrom(in); err != nil {
		if in.err != nil {
			return stored{}, in.err
		}
		return stored{}, fmt.Errorf("couldn't store body: %w", blobError(err))
	}
	if err := w.Close(); err != nil {
		return stored{}, fmt.Errorf("couldn't store body: %w", blobError(err))
	}
	out := stored{size: in.read}
	if st.upload == nil && in.read <= inlineLimit && room >= 0 {
		out.data = st.inline(room)
		return out, nil
	}
	if out.ref, err = st.commit(); err != nil {
		return stored{}, fmt.Errorf("couldn't store body: %w", blobError(err))
	}
	return out, nil
}

// sealInline seals a small body in one piece.
func sealInline(key *seal.Key, s seal.Stream, in *declared, room int) (stored, error) {
	plain := getBuffer(inlineLimit + 1)
	defer plain.put()
	p := plain.b[:cap(plain.b)]
	n := 0
	for {
		m, err := in.Read(p[n:])
		n += m
		if err == io.EOF {
			break
		}
		if err != nil {
			return stored{}, err
		}
	}
	clearAfter := p[:n]
	defer clear(clearAfter)
	data := getBuffer(room + int(seal.SealedSize(int64(n))))
	data.b = seal.Seal(data.b[:room], key, s, p[:n])
	return stored{size: int64(n), data: data}, nil
}

// declared reads a body and holds it against its declared size. It remembers
// its error, so that it can be told from those of where the bytes go.
type declared struct {
	ctx  context.Context
	body io.Reader
	size int64 // -1 if unknown
	read int64
	err  error
}

func (d *declared) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if err := d.ctx.Err(); err != nil {
		d.err = err
		return 0, err
	}
	n, err := d.body.Read(p)
	d.read += int64(n)
	switch {
	case d.size >= 0 && d.read > d.size:
		d.err = ErrTooLong
		return 0, d.err
	case d.read > MaxObject:
		d.err = ErrTooLarge
		return 0, d.err
	case err == io.EOF && d.read < d.size:
		d.err = ErrIncomplete
		return n, d.err
	case err == io.EOF:
		return n, io.EOF
	case err != nil:
		d.err = fmt.Errorf("couldn't read body: %w", err)
		return n, d.err
	}
	return n, nil
}

// A stage takes sealed bytes and decides where they go: as long as they are
// few they stay in memory; when they become more than keep, or are known to,
// they go to a blob of their own.
type stage struct {
	ctx   context.Context
	blobs blob.Store
	size  int64 // of the plaintext, -1 if unknown
	keep  int64 // sealed bytes

	memory *buffer
	upload blob.Upload
}

// Write implements [io.Writer].
func (s *stage) Write(p []byte) (int, error) {
	if s.upload == nil && s.memory == nil {
		if s.size > segmentLimit {
			if err := s.create(); err != nil {
				return 0, err
			}
		} else {
			s.memory = getBuffer(int(seal.SealedSize(max(s.size, inlineLimit))))
		}
	}
	if s.upload == nil {
		if int64(len(s.memory.b)+len(p)) <= s.keep {
			s.memory.append(p)
			return len(p), nil
		}
		if err := s.create(); err != nil {
			return 0, err
		}
		if _, err := s.upload.Write(s.memory.b); err != nil {
			return 0, err
		}
		s.memory.put()
		s.memory = nil
	}
	return s.upload.Write(p)
}

func (s *stage) create() (err error) {
	hint := int64(-1)
	if s.size >= 0 {
		hint = seal.SealedSize(s.size)
	}
	s.upload, err = s.blobs.Create(s.ctx, hint)
	return err
}

// commit makes the bytes a durable blob.
func (s *stage) commit() (blob.Ref, error) {
	if s.upload == nil {
		return s.blobs.Put(s.ctx, s.memory.b)
	}
	ref, err := s.upload.Commit(s.ctx)
	if err == nil {
		s.upload = nil
	}
	return ref, err
}

// inline moves the bytes behind room bytes.
func (s *stage) inline(room int) *buffer {
	data := getBuffer(room + len(s.memory.b))
	data.b = append(data.b[:room], s.memory.b...)
	return data
}

// discard gives up what was not committed.
func (s *stage) discard() {
	if s.upload != nil {
		s.upload.Discard()
		s.upload = nil
	}
	if s.memory != nil {
		s.memory.put()
		s.memory = nil
	}
}

// A buffer is borrowed from a pool for its size.
type buffer struct {
	b    []byte
	pool *sync.Pool
}

// bufferSizes are those that are pooled: one for inline data, others up to a
// sealed body of segmentLimit bytes.
var bufferSizes = [...]int{inlineLimit + 4<<10, 72 << 10, 264 << 10, segmentLimit + 8<<10}

var bufferPools [len(bufferSizes)]sync.Pool

// getBuffer returns an empty buffer with room for n bytes at least.
func getBuffer(n int) *buffer {
	for i, size := range bufferSizes {
		if n <= size {
			if b, ok := bufferPools[i].Get().(*buffer); ok {
				b.b = b.b[:0]
				return b
			}
			return &buffer{b: make([]byte, 0, size), pool: &bufferPools[i]}
		}
	}
	return &buffer{b: make([]byte, 0, n)}
}

// append appends to the buffer; it grows through the pools.
func (b *buffer) append(p []byte) {
	if len(b.b)+len(p) > cap(b.b) {
		wider := getBuffer(len(b.b) + len(p))
		wider.b = append(wider.b, b.b...)
		old := &buffer{b: b.b, pool: b.pool}
		b.b, b.pool = wider.b, wider.pool
		old.put()
	}
	b.b = append(b.b, p...)
}

// put gives the buffer back.
func (b *buffer) put() {
	if b.pool != nil {
		b.pool.Put(b)
	}
}
