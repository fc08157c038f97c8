package blob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"sync"

	"writ/internal/groupcommit"
)

// growStep is how many bytes an open segment allocates at a time. Allocating
// ahead lets an fsync leave out the file's length, and keeps segments in one
// piece on the disk.
const growStep = 16 << 20

// What was stored a moment ago is often read at once, and stays in the system's
// cache; what came before is read again when it is asked for. Without this the
// cache grows by all that is written until it has taken all memory, and
// writing pays for every page that it takes.
const (
	cachedTail = 64 << 20
	cachedStep = 4 << 20
)

var (
	errFull    = errors.New("segment is full")
	errRetired = errors.New("segment takes no more blobs")
)

// writer appends to one segment. Writers reserve room under its mutex, write
// at the same time, each into its own room, and then share an fsync.
//
// It ends in one of two ways. Retired when full, it is sealed as soon as the
// last write is through. Failed by an fsync that failed, it is left as it
// is: after such an error nobody knows which pages reached the disk, and a
// second fsync that succeeds would prove nothing. Its older blobs stay
// readable; a restart finds again what is there.
type writer struct {
	volume uint64
	path   string
	f      *os.File
	limit  int64 // length at which it is full
	syncs  groupcommit.Group
	closed chan struct{} // closed when it was sealed or given up

	uncached int64 // the system was told to forget up to here; only a sync touches it

	mu       sync.Mutex // guards all below
	end      int64      // where the next entry goes
	room     int64      // allocated up to here; beyond the file's end where the system cannot allocate
	entries  []entry    // the durable ones, in no order
	writing  int        // writes not yet finished
	retired  bool       // takes no more blobs
	failed   error      // why it must not be synced any more
	sealing  bool       // seal was called
	drain    func()     // called once, when it is retired and nobody writes
	damages  []error    // what a scan found when the store was opened
	readonly bool       // damaged when the store was opened: never written to again
}

func newWriter(volume uint64, path string, f *os.File, limit int64, syncFile func(*os.File) error) *writer {
	w := &writer{volume: volume, path: path, f: f, limit: limit, closed: make(chan struct{}), end: startSize}
	w.syncs.Sync = func() error {
		if err := w.failure(); err != nil {
			return err
		}
		before := w.used()
		err := syncFile(f)
		if err != nil {
			w.fail(err)
			return err
		}
		w.uncache(before)
		return nil
	}
	return w
}

// uncache gives back the memory in which the system keeps what was written a
// while ago: up to an offset it is on the disk. One sync runs at a time, and so
// does this.
func (w *writer) uncache(durable int64) {
	if to := durable - cachedTail; to-w.uncached >= cachedStep {
		dropCache(w.f, w.uncached, to-w.uncached)
		w.uncached = to
	}
}

// append writes one blob and returns when it is durable. It returns errFull
// or errRetired if the blob must go to another segment.
func (w *writer) append(sealed []byte) (entry, error) {
	e, err := w.reserve(int64(len(sealed)))
	if err != nil {
		return entry{}, err
	}
	h := encodeHeader(magicEntry, w.volume, e, crc32.Checksum(sealed, castagnoli))
	err = writeTwo(w.f, h[:], sealed, e.offset)
	if err != nil {
		// What lies in this room now is unknown; nothing may follow it.
		w.retire()
	} else {
		err = w.syncs.Wait()
	}
	w.finish(e, err)
	return e, err
}

// reserve takes room for a blob of length bytes. When the disk is full it
// changes nothing.
func (w *writer) reserve(length int64) (entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retired || w.failed != nil {
		return entry{}, errRetired
	}
	need := w.end + span(length)
	if need > w.limit && w.end > startSize {
		return entry{}, errFull
	}
	if need > w.room {
		if err := w.grow(need); err != nil {
			return entry{}, err
		}
	}
	e := entry{w.end, length}
	w.end = need
	w.writing++
	return e, nil
}

// grow allocates up to need at least; w.mu is held.
func (w *writer) grow(need int64) error {
	to := max(need, min(w.room+growStep, w.limit))
	can, err := preallocate(w.f, w.room, to-w.room)
	if err != nil && to > need {
		// On a disk that is almost full, a whole step may not fit.
		to = need
		can, err = preallocate(w.f, w.room, to-w.room)
	}
	if err != nil {
		return fmt.Errorf("couldn't extend segment: %w", err)
	}
	if !can {
		to = 1<<63 - 1
	}
	w.room = to
	return nil
}

// finish ends the write of e, which err ended.
func (w *writer) finish(e entry, err error) {
	w.mu.Lock()
	w.writing--
	if err == nil {
		w.entries = append(w.entries, e)
	}
	drain := w.drained()
	w.mu.Unlock()
	if drain {
		w.drain()
	}
}

// retire lets nothing more begin.
func (w *writer) retire() {
	w.mu.Lock()
	w.retired = true
	drain := w.drained()
	w.mu.Unlock()
	if drain {
		w.drain()
	}
}

// drained reports, once, that the writer is retired and nobody writes; w.mu
// is held.
func (w *writer) drained() bool {
	if !w.retired || w.writing > 0 || w.sealing {
		return false
	}
	w.sealing = true
	return true
}

// fail notes that an fsync failed: nothing is written or synced any more.
func (w *writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = fmt.Errorf("couldn't sync segment: %w", err)
	}
	w.retired = true
}

func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// snapshot returns the durable entries in order, the length used, and what
// was found damaged when the store was opened.
func (w *writer) snapshot() (entries []entry, end int64, damages []error) {
	w.mu.Lock()
	entries, end, damages = slices.Clone(w.entries), w.end, w.damages
	w.mu.Unlock()
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.offset, b.offset) })
	return entries, end, damages
}

// used returns the length used.
func (w *writer) used() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.end
}

// await waits until w, which was retired, is sealed or given up.
func (w *writer) await(ctx context.Context) error {
	select {
	case <-w.closed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// seal writes the table, frees unused room and makes all durable. Nobody
// writes any more. It returns the length of the file. If it fails the segment
// is as it was, and seal may be tried again.
func (w *writer) seal(syncFile func(*os.File) error) (int64, error) {
	entries, end, _ := w.snapshot()
	if err := w.failure(); err != nil {
		return 0, err
	}
	table := encodeTable(w.volume, end, entries)
	size := end + int64(len(table))
	if err := w.f.Truncate(end); err != nil {
		return 0, fmt.Errorf("couldn't cut segment: %w", err)
	}
	if _, err := w.f.WriteAt(table, end); err != nil {
		return 0, errors.Join(fmt.Errorf("couldn't write table of segment: %w", err), w.f.Truncate(end))
	}
	if err := syncFile(w.f); err != nil {
		w.fail(err)
		return 0, w.failure()
	}
	// Read-only is the sign that saves reading the trailer at the next start.
	if err := w.f.Chmod(sealedMode); err != nil {
		return 0, fmt.Errorf("couldn't mark segment as sealed: %w", err)
	}
	return size, nil
}

// park makes the segment ready to be continued by a later start.
func (w *writer) park() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return w.f.Close()
	}
	// Room that is given back is allocated again by the next start.
	return errors.Join(w.f.Truncate(w.end), w.f.Close())
}
