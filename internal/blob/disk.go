package blob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"writ/internal/space"
)

// Permissions of what lies in the folder. A sealed segment is read-only, as
// nothing is ever written to it again.
const (
	folderMode = 0o700
	fileMode   = 0o600
	sealedMode = 0o400
)

// Disk is the [Store] in a folder; see [Open].
//
// The folder holds segments/, with one file for each segment; files/00 to
// files/ff, with one file for each large blob, named by its volume and length
// in hex; and tmp/, with uploads in progress, emptied at each start.
type Disk struct {
	dir      string
	opts     Options
	handles  *handles
	files    *files
	room     space.Watch
	syncFile func(*os.File) error // syncData; tests make it fail

	// life is read-locked by each call and locked by Close.
	life   sync.RWMutex
	ended  bool               // guarded by life
	ctx    context.Context    // ends when Close begins
	cancel context.CancelFunc // of ctx

	background sync.WaitGroup // sealing, and counting files
	reclaiming sync.Mutex     // held by Reclaim, so that one runs at a time
	rolling    sync.Mutex     // held while a segment is made; taken before mu
	holds      holds

	mu       sync.Mutex // guards all below
	segments map[uint64]*segment
	current  *writer // nil if there is none yet
}

// segment is what is known of one segment. Its fields are guarded by Disk.mu.
type segment struct {
	volume  uint64
	size    int64     // length of the file, once sealed
	changed time.Time // when it was sealed
	open    *writer   // nil once sealed
	movedAt time.Time // when Reclaim moved its last blob away; zero if it did not
}

// Open opens the store in the folder dir, and makes it if it is not there.
// Only one store may have a folder open at a time; the caller sees to that
// (the server by a lock on its data folder).
//
// After a crash Open scans the segments that were not sealed, at most a few,
// and goes on with the last one. Nothing else is read, so that a large store
// is ready as quickly as a small one.
//
// # What belongs in a segment
//
// Blobs of up to 512 KiB. Durable blobs a second with 1 and with 8 appenders,
// on two cores of an AMD EPYC, ext4 on a shared virtio disk, while other work
// ran (BenchmarkStore and BenchmarkUpload, medians of five rounds in turn, when
// files were still written through the system's cache; the disk is noisy,
// single rounds differ by a factor of three). A bare file is create, write,
// fsync, close, without a durable name:
//
//	            segment        file        bare file
//	 16 KiB   2367  2035     504   784     788  2241
//	 64 KiB    940  2993     378   757     586  1329
//	256 KiB    455  1300     278  1212     427  1484
//	  1 MiB    303   880     204   541     167   317
//	 16 MiB                   50    45      21    15
//
// Past the cache a file of 1 MiB costs half of the processor time that a
// segment's bytes do, takes no memory from others, needs no copy of the whole,
// and gives its space back by itself when it is deleted.
func Open(dir string, opts Options) (*Disk, error) { return openDisk(dir, opts, syncData) }

var _ Store = (*Disk)(nil)

func openDisk(dir string, opts Options, syncFile func(*os.File) error) (*Disk, error) {
	d := &Disk{dir: dir, opts: opts.withDefaults(), syncFile: syncFile, segments: make(map[uint64]*segment)}
	d.handles = newHandles(d.opts.Handles)
	d.files = newFiles(dir)
	d.room.Dir = dir
	d.ctx, d.cancel = context.WithCancel(context.Background())
	if err := makeFolders(dir); err != nil {
		return nil, fmt.Errorf("couldn't make folders for blobs: %w", spaceError(err))
	}
	if err := d.files.discardUploads(); err != nil {
		return nil, fmt.Errorf("couldn't remove unfinished uploads: %w", err)
	}
	if err := d.loadSegments(); err != nil {
		return nil, fmt.Errorf("couldn't open segments: %w", err)
	}
	d.background.Go(func() { d.files.count(d.ctx) })
	return d, nil
}

// makeFolders makes the folders of a store that are not there, durably. tmp/
// is made last: where it is, all others were durable once.
func makeFolders(dir string) error {
	tmp := filepath.Join(dir, "tmp")
	_, err := os.Stat(tmp)
	changed := err != nil
	folders := []string{filepath.Join(dir, "segments"), filepath.Join(dir, "files")}
	for shard := range shards {
		folders = append(folders, shardPath(dir, shard))
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return err
	}
	for _, folder := range folders {
		switch err := os.Mkdir(folder, folderMode); {
		case err == nil:
			changed = true
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	if !changed {
		return nil
	}
	for _, folder := range []string{filepath.Join(dir, "files"), dir, filepath.Dir(dir)} {
		if err := syncDir(folder); err != nil {
			return err
		}
	}
	return os.MkdirAll(tmp, folderMode)
}

func (d *Disk) segmentPath(volume uint64) string {
	return filepath.Join(d.dir, "segments", segmentName(volume))
}

func segmentName(volume uint64) string { return fmt.Sprintf("%016x.seg", volume) }

// begin begins a call; end must follow if it returned nil.
func (d *Disk) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.life.RLock()
	if d.ended {
		d.life.RUnlock()
		return ErrClosed
	}
	return nil
}

func (d *Disk) end() { d.life.RUnlock() }

// Put implements [Store].
func (d *Disk) Put(ctx context.Context, sealed []byte) (Ref, error) {
	if err := checkPut(sealed); err != nil {
		return Ref{}, err
	}
	if err := d.begin(ctx); err != nil {
		return Ref{}, err
	}
	defer d.end()
	defer d.opts.Traffic.Begin()()
	if err := d.spare(int64(len(sealed))); err != nil {
		return Ref{}, err
	}
	return d.put(sealed)
}

// spare fails with [ErrNoSpace] if n more bytes would reach into the reserve.
func (d *Disk) spare(n int64) error {
	if d.opts.Reserve > 0 && d.room.Free()-n < d.opts.Reserve {
		return fmt.Errorf("%w: %d bytes are kept free", ErrNoSpace, d.opts.Reserve)
	}
	return nil
}

// put is Put without the checks of life.
func (d *Disk) put(sealed []byte) (Ref, error) {
	for {
		w, err := d.writer()
		if err != nil {
			return Ref{}, fmt.Errorf("couldn't begin segment: %w", spaceError(err))
		}
		e, err := w.append(sealed)
		switch {
		case err == nil:
			return e.ref(w.volume), nil
		case errors.Is(err, errFull), errors.Is(err, errRetired):
			d.retire(w)
		default:
			return Ref{}, fmt.Errorf("couldn't store blob: %w", spaceError(err))
		}
	}
}

// writer returns the segment that takes blobs, a new one if need be.
func (d *Disk) writer() (*writer, error) {
	if w := d.currentWriter(); w != nil {
		return w, nil
	}
	d.rolling.Lock()
	defer d.rolling.Unlock()
	if w := d.currentWriter(); w != nil {
		return w, nil
	}
	w, err := d.newSegment()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.segments[w.volume] = &segment{volume: w.volume, open: w}
	d.current = w
	return w, nil
}

func (d *Disk) currentWriter() *writer {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.current
}

// newSegment makes a segment whose start and directory entry are durable.
func (d *Disk) newSegment() (_ *writer, err error) {
	volume := newVolume()
	path := d.segmentPath(volume)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(path)
		}
	}()
	if _, err := f.Write(encodeStart(volume)); err != nil {
		return nil, err
	}
	w := d.newWriter(volume, f)
	w.room = startSize
	if err := d.syncFile(f); err != nil {
		return nil, err
	}
	return w, syncDir(filepath.Dir(path))
}

func (d *Disk) newWriter(volume uint64, f *os.File) *writer {
	w := newWriter(volume, d.segmentPath(volume), f, d.opts.SegmentSize, d.syncFile)
	w.syncs.Traffic = d.opts.Traffic
	w.drain = func() { d.background.Go(func() { d.seal(w) }) }
	return w
}

// retire lets no more blobs go to w: it is sealed as soon as its last write
// is through.
func (d *Disk) retire(w *writer) {
	d.mu.Lock()
	if d.current == w {
		d.current = nil
	}
	d.mu.Unlock()
	w.retire()
}

// seal seals w, which nobody writes to. If that fails the segment stays open
// but unused: its blobs are readable, and the next start tries again.
func (d *Disk) seal(w *writer) {
	defer close(w.closed)
	d.mu.Lock()
	if d.current == w {
		d.current = nil // it was an error that retired it
	}
	d.mu.Unlock()
	size, err := w.seal(d.syncFile)
	w.f.Close()
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.segments[w.volume]; s != nil {
		s.open, s.size, s.changed = nil, size, d.opts.Now()
	}
}

// Open implements [Store].
func (d *Disk) Open(ctx context.Context, ref Ref) (Reader, error) {
	if err := d.begin(ctx); err != nil {
		return nil, err
	}
	defer d.end()
	switch {
	case !ref.valid():
		return nil, fmt.Errorf("%w: %v", ErrNotFound, ref)
	case ref.Kind == File:
		return d.files.open(ref)
	}
	return d.openInSegment(ref)
}

func (d *Disk) openInSegment(ref Ref) (Reader, error) {
	h, err := d.acquire(ref.Volume)
	if err != nil {
		return nil, openError(ref, err)
	}
	if err := checkEntry(h.f, ref); err != nil {
		d.handles.release(h)
		return nil, err
	}
	r := &segmentReader{SectionReader: io.NewSectionReader(h.f, ref.Offset+headerSize, ref.Length)}
	r.release = func() { d.handles.release(h) }
	return r, nil
}

// acquire returns a handle of a segment that is in the store.
func (d *Disk) acquire(volume uint64) (*handle, error) {
	d.mu.Lock()
	known := d.segments[volume] != nil
	d.mu.Unlock()
	if !known {
		return nil, fs.ErrNotExist
	}
	return d.handles.acquire(volume, d.segmentPath(volume))
}

func openError(ref Ref, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %v", ErrNotFound, ref)
	}
	return fmt.Errorf("couldn't open blob: %w", err)
}

// segmentReader reads one blob through the shared handle of its segment.
type segmentReader struct {
	*io.SectionReader
	closed  atomic.Bool
	release func()
}

func (r *segmentReader) Close() error {
	if r.closed.CompareAndSwap(false, true) {
		r.release()
	}
	return nil
}

func (r *segmentReader) ReadAt(p []byte, off int64) (int, error) {
	if r.closed.Load() {
		return 0, fs.ErrClosed
	}
	n, err := r.SectionReader.ReadAt(p, off)
	if errors.Is(err, io.EOF) && off+int64(n) < r.Size() {
		err = fmt.Errorf("%w: segment ends too early", ErrCorrupt)
	}
	return n, err
}

// Delete implements [Store].
func (d *Disk) Delete(ctx context.Context, refs ...Ref) error {
	if err := d.begin(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	defer d.end()
	var errs []error
	for _, ref := range refs {
		if ref.Kind != File || !ref.valid() {
			continue // blobs in segments die with their records
		}
		errs = append(errs, d.holds.unless(func() error { return d.files.remove(ref) }))
	}
	return errors.Join(errs...)
}

// Hold implements [Store].
func (d *Disk) Hold() (release func()) { return d.holds.hold() }

// Usage implements [Store].
func (d *Disk) Usage() Usage {
	var u Usage
	u.Files, u.FileBytes, u.Counting = d.files.usage()
	d.mu.Lock()
	defer d.mu.Unlock()
	u.Segments = len(d.segments)
	for _, s := range d.segments {
		if s.open == nil {
			u.SegmentBytes += s.size
			continue
		}
		u.SegmentBytes += s.open.used()
	}
	return u
}

// Close implements [Store].
func (d *Disk) Close() error {
	d.cancel()
	d.life.Lock()
	defer d.life.Unlock()
	if d.ended {
		return nil
	}
	d.ended = true
	d.background.Wait()
	d.handles.close()
	if d.current == nil {
		return nil
	}
	if err := d.current.park(); err != nil {
		return fmt.Errorf("couldn't close segment: %w", err)
	}
	return nil
}

// list returns the segments in order of their volume, as they are now.
func (d *Disk) list() []segment {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]segment, 0, len(d.segments))
	for _, s := range d.segments {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b segment) int { return cmp.Compare(a.volume, b.volume) })
	return list
}
