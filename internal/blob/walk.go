package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Walk implements [Store]. It reads the table of each segment and the header
// of each entry, and asks each file for its length; it reads no blob.
func (d *Disk) Walk(ctx context.Context, fn func(Ref) error) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	ctx, cancel := d.until(ctx)
	defer cancel()
	var found damages
	for _, s := range d.list() {
		if err := d.walkSegment(ctx, s, fn, &found); err != nil {
			return err
		}
	}
	if err := d.strangers(&found); err != nil {
		return err
	}
	for i := range d.files.shards {
		if err := d.files.walk(ctx, i, fn, &found); err != nil {
			return err
		}
	}
	return found.err()
}

// until returns a context that ends with ctx or when the store is closed.
func (d *Disk) until(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(d.ctx, func() { cancel(ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

func (d *Disk) walkSegment(ctx context.Context, s segment, fn func(Ref) error, found *damages) error {
	h, err := d.acquire(s.volume)
	if err != nil {
		if d.has(s.volume) {
			found.add(segmentDamage(s.volume, missing(err)))
		}
		return nil // reclaimed meanwhile
	}
	defer d.handles.release(h)
	entries, damaged := contents(h.f, s)
	for _, err := range damaged {
		found.add(err)
	}
	for _, e := range entries {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		ref := e.ref(s.volume)
		if err := checkEntry(h.f, ref); err != nil {
			found.add(err)
			continue
		}
		if err := fn(ref); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether the store has the segment.
func (d *Disk) has(volume uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.segments[volume] != nil
}

func segmentDamage(volume uint64, reason string) error {
	return &DamageError{Ref{Kind: Segment, Volume: volume}, reason}
}

func missing(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "the file is missing"
	}
	return "the file can't be opened"
}

// contents returns the entries of s, in order, and what is damaged in the
// framing around them. If the table is of no use, the entries are found by a
// scan, so that as many blobs as possible stay in sight.
func contents(f *os.File, s segment) (entries []entry, damaged []error) {
	if s.open != nil {
		entries, _, damaged = s.open.snapshot()
		return entries, damaged
	}
	var start [startSize]byte
	if _, err := f.ReadAt(start[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, []error{segmentDamage(s.volume, "the file can't be read")}
	}
	if err := checkStart(start[:], s.volume); err != nil {
		damaged = append(damaged, segmentDamage(s.volume, err.Error()))
	}
	entries, err := readTable(f, s.volume)
	if err == nil {
		return entries, damaged
	}
	damaged = append(damaged, segmentDamage(s.volume, err.Error()))
	info, err := f.Stat()
	if err != nil {
		return nil, append(damaged, segmentDamage(s.volume, "the file can't be read"))
	}
	found, err := scan(f, s.volume, info.Size())
	if err != nil {
		damaged = append(damaged, segmentDamage(s.volume, "the file can't be read"))
	}
	return found.entries, append(damaged, found.damages...)
}

// checkEntry checks the header of ref.
func checkEntry(f *os.File, ref Ref) error {
	_, err := readHeader(f, ref)
	return err
}

// readHeader reads the header of ref. Its error is a [*DamageError].
func readHeader(f *os.File, ref Ref) (header, error) {
	var b [headerSize]byte
	if _, err := f.ReadAt(b[:], ref.Offset); err != nil && !errors.Is(err, io.EOF) {
		return header{}, &DamageError{ref, "the header can't be read"}
	}
	h, err := decodeHeader(b[:], ref.Volume, ref.Offset)
	if err != nil || h.table || h.length != ref.Length {
		return header{}, &DamageError{ref, errHeader.Error()}
	}
	return h, nil
}

// strangers reports files among the segments that are none.
func (d *Disk) strangers(found *damages) error {
	list, err := os.ReadDir(filepath.Join(d.dir, "segments"))
	if err != nil {
		return fmt.Errorf("couldn't list segments: %w", err)
	}
	for _, file := range list {
		if _, ok := parseSegmentName(file.Name()); !ok {
			found.add(strangerError("segments", file.Name()))
		}
	}
	return nil
}

func strangerError(folder, name string) error {
	return fmt.Errorf("%s holds %q, which is not of the store", folder, name)
}

// walk walks the files of one shard.
func (s *files) walk(ctx context.Context, i int, fn func(Ref) error, found *damages) error {
	sh := &s.shards[i]
	refs, strangers, err := sh.list()
	if err != nil {
		return err
	}
	for _, name := range strangers {
		found.add(strangerError(fmt.Sprintf("files/%02x", i), name))
	}
	for _, ref := range refs {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		_, size, err := s.age(ref)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // removed meanwhile
		case err != nil:
			found.add(&DamageError{ref, "the file can't be read"})
			continue
		case size != ref.Length:
			found.add(&DamageError{ref, fmt.Sprintf("the file has %d bytes", size)})
			continue
		}
		if err := fn(ref); err != nil {
			return err
		}
	}
	return nil
}
