package blob

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// Memory is a [Store] in memory, for tests: it behaves as the one on disk
// does, volumes and moves included, and forgets all when it is dropped.
type Memory struct {
	opts    Options
	reclaim sync.Mutex // held by Reclaim, so that one runs at a time

	mu      sync.Mutex // guards all below
	blobs   map[Ref]memoryBlob
	current uint64 // the open segment, 0 if none
	end     int64  // where its next blob goes
	holds   int
	doomed  []Ref // deleted while held
	closed  bool
}

type memoryBlob struct {
	data []byte
	at   time.Time // when it was stored
}

// NewMemory returns an empty store in memory, with small segments (1 MiB) and
// otherwise default options.
func NewMemory() *Memory { return NewMemoryWith(Options{SegmentSize: 1 << 20}) }

// NewMemoryWith returns an empty store in memory with opts, of which
// SegmentSize, Grace, Dead and Now have a meaning here.
func NewMemoryWith(opts Options) *Memory {
	return &Memory{opts: opts.withDefaults(), blobs: make(map[Ref]memoryBlob)}
}

var _ Store = (*Memory)(nil)

// Put implements [Store].
func (m *Memory) Put(ctx context.Context, sealed []byte) (Ref, error) {
	if err := ctx.Err(); err != nil {
		return Ref{}, err
	}
	if err := checkPut(sealed); err != nil {
		return Ref{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Ref{}, ErrClosed
	}
	return m.put(sealed), nil
}

// put appends to the open segment; m.mu is held.
func (m *Memory) put(sealed []byte) Ref {
	room := span(int64(len(sealed)))
	if m.current == 0 || m.end+room > m.opts.SegmentSize {
		m.current, m.end = newVolume(), startSize
	}
	ref := Ref{Kind: Segment, Volume: m.current, Offset: m.end, Length: int64(len(sealed))}
	m.end += room
	m.blobs[ref] = memoryBlob{slices.Clone(sealed), m.opts.Now()}
	return ref
}

// checkPut checks the length of what was given to Put.
func checkPut(sealed []byte) error {
	if len(sealed) == 0 {
		return fmt.Errorf("couldn't store blob: it is empty")
	}
	if len(sealed) > MaxPut {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(sealed), MaxPut)
	}
	return nil
}

// newVolume draws the number of a new segment or file. Numbers are random, so
// that none comes back after a crash or a removal: a Delete that was put off
// must never meet another blob.
func newVolume() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails (crypto/rand, since Go 1.24)
		if v := binary.BigEndian.Uint64(b[:]); v != 0 {
			return v
		}
	}
}

// Create implements [Store].
func (m *Memory) Create(ctx context.Context, sizeHint int64) (Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	return &memoryUpload{store: m}, nil
}

type memoryUpload struct {
	store *Memory
	data  []byte
	done  bool
}

func (u *memoryUpload) Write(p []byte) (int, error) {
	if u.done {
		return 0, ErrClosed
	}
	u.data = append(u.data, p...)
	return len(p), nil
}

func (u *memoryUpload) Commit(ctx context.Context) (Ref, error) {
	if u.done {
		return Ref{}, ErrClosed
	}
	u.done = true
	if err := ctx.Err(); err != nil {
		u.data = nil
		return Ref{}, err
	}
	m := u.store
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Ref{}, ErrClosed
	}
	ref := Ref{Kind: File, Volume: newVolume(), Length: int64(len(u.data))}
	m.blobs[ref] = memoryBlob{u.data, m.opts.Now()}
	return ref, nil
}

func (u *memoryUpload) Discard() { u.done, u.data = true, nil }

// Open implements [Store].
func (m *Memory) Open(ctx context.Context, ref Ref) (Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	b, ok := m.blobs[ref]
	if !ok {
		return nil, fmt.Errorf("%w: %v", ErrNotFound, ref)
	}
	return &memoryReader{data: b.data}, nil
}

type memoryReader struct{ data []byte }

func (r *memoryReader) Size() int64  { return int64(len(r.data)) }
func (r *memoryReader) Close() error { return nil }

func (r *memoryReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("couldn't read blob: negative offset %d", off)
	}
	if off >= int64(len(r.data)) {
		return 0, io.EOF
	}
	n := copy(p, r.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, refs ...Ref) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	for _, ref := range refs {
		if ref.Kind == File {
			m.remove(ref)
		}
	}
	return nil
}

// remove removes refs, or notes them while held; m.mu is held.
func (m *Memory) remove(refs ...Ref) {
	if m.holds > 0 {
		m.doomed = append(m.doomed, refs...)
		return
	}
	for _, ref := range refs {
		delete(m.blobs, ref)
	}
}

// Walk implements [Store].
func (m *Memory) Walk(ctx context.Context, fn func(Ref) error) error {
	refs, err := m.refs()
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(ref); err != nil {
			return err
		}
	}
	return nil
}

// refs returns all refs in order of kind, volume and offset.
func (m *Memory) refs() ([]Ref, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	return slices.SortedFunc(maps.Keys(m.blobs), compareRefs), nil
}

// Hold implements [Store].
func (m *Memory) Hold() (release func()) {
	m.mu.Lock()
	m.holds++
	m.mu.Unlock()
	return sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.holds--; m.holds == 0 {
			doomed := m.doomed
			m.doomed = nil
			m.remove(doomed...)
		}
	})
}

// Usage implements [Store].
func (m *Memory) Usage() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	var u Usage
	segments := make(map[uint64]bool)
	for ref := range m.blobs {
		if ref.Kind == File {
			u.Files++
			u.FileBytes += ref.Length
			continue
		}
		segments[ref.Volume] = true
		u.SegmentBytes += ref.Length
	}
	u.Segments = len(segments)
	return u
}

// Close implements [Store].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
