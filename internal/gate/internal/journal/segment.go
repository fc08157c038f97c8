package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"writ"
	"writ/internal/access"
	"writ/internal/gate/internal/disk"
	"writ/internal/seal"
)

// The names and the magic of the two kinds of segment.
const (
	tailEnd    = ".tail"
	closedEnd  = ".seg"
	unfinished = ".new"
	asideEnd   = ".damaged"

	tailMagic = "writjtl1"
)

func segmentName(first uint64, end string) string { return fmt.Sprintf("%016x%s", first, end) }

// segments are the numbers of the first entries of a folder's segments,
// ascending.
type segments struct{ tails, closed []uint64 }

// all is every segment once, ascending.
func (s segments) all() []uint64 {
	both := slices.Concat(s.tails, s.closed)
	slices.Sort(both)
	return slices.Compact(both)
}

// list looks into the customer's folder; a missing one has no segments.
func (c *chain) list() (s segments, err error) {
	entries, err := os.ReadDir(c.dir()) // in order of name
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("couldn't look into a journal's folder: %w", err)
	}
	for _, e := range entries {
		end := filepath.Ext(e.Name())
		n, err := strconv.ParseUint(strings.TrimSuffix(e.Name(), end), 16, 64)
		switch {
		case err != nil || n == 0 || segmentName(n, end) != e.Name():
		case end == tailEnd:
			s.tails = append(s.tails, n)
		case end == closedEnd:
			s.closed = append(s.closed, n)
		}
	}
	return s, nil
}

// damage names the segment in an error.
func (c *chain) damage(first uint64, end string, err error) error {
	return fmt.Errorf("journal/%s/%s: %w", c.label, segmentName(first, end), err)
}

// key opens the data key of a segment.
func (c *chain) key(h access.SegmentHead) (*seal.Key, error) {
	if h.Sealed() {
		return nil, errSealed
	}
	return c.j.keys.Unwrap(c.customer, h.Blob, h.Wrapped)
}

// readTail gives the entries in the first limit bytes of a tail, in their
// stored form, and the reader at their end. access.ErrTorn if not even the tail's
// head is whole.
func (c *chain) readTail(f *os.File, limit int64, entry func([]byte) error) (access.SegmentHead, *seal.TailReader, error) {
	h, err := readHead(f, tailMagic)
	if err != nil {
		return h, nil, err
	}
	key, err := c.key(h)
	if err != nil {
		return h, nil, err
	}
	defer key.Erase()
	sealed := io.NewSectionReader(f, int64(h.Size()), max(0, limit-int64(h.Size())))
	r, err := seal.OpenTail(bufio.NewReaderSize(sealed, readAhead), key, seal.Stream{ID: h.Blob})
	if errors.Is(err, seal.ErrTruncated) {
		return h, nil, access.ErrTorn
	}
	if err != nil {
		return h, nil, readFault(err)
	}
	for {
		record, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return h, r, readFault(err)
		}
		if err := entry(record); err != nil {
			return h, r, err
		}
	}
	return h, r, endsClean(sealed, r.Offset())
}

// readAhead is how much of a segment is read at once.
const readAhead = 128 << 10

// readFault tells damage from a disk that doesn't read.
func readFault(err error) error {
	if errors.Is(err, seal.ErrTail) || errors.Is(err, seal.ErrFormat) || errors.Is(err, seal.ErrKey) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return fmt.Errorf("couldn't read a journal segment: %w", err)
}

// endsClean checks that behind the last entry there is nothing, a frame cut
// short, or only zeros: an end among zeros is one only if nothing follows.
func endsClean(sealed *io.SectionReader, end int64) error {
	b := make([]byte, max(0, sealed.Size()-end))
	if _, err := sealed.ReadAt(b, end); err != nil && err != io.EOF {
		return fmt.Errorf("couldn't read a journal segment: %w", err)
	}
	if len(b) >= 8 && disk.AllZero(b[:8]) && !disk.AllZero(b) {
		return ErrCorrupt
	}
	return nil
}

// readClosed gives the entries of a closed segment in their stored form.
func (c *chain) readClosed(f *os.File, entry func([]byte) error) error {
	h, err := readHead(f, access.ClosedMagic)
	if err == access.ErrTorn {
		return ErrCorrupt
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("couldn't read a journal segment: %w", err)
	}
	key, err := c.key(h)
	if err != nil {
		return err
	}
	defer key.Erase()
	err = access.ClosedEntries(f, info.Size(), h, key, entry)
	if errors.Is(err, access.ErrSegment) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// closeTail makes a closed segment of the tail that begins with entry
// first, which must continue the chain at from. It can be stopped after any
// step and done again.
func (c *chain) closeTail(first uint64, from Head, index int) (closing, error) {
	done := closing{first: first, head: from}
	if first != from.Seq+1 {
		return done, c.damage(first, tailEnd, &Gap{From: from.Seq + 1, To: first - 1})
	}
	path := filepath.Join(c.dir(), segmentName(first, tailEnd))
	closed := filepath.Join(c.dir(), segmentName(first, closedEnd))
	err := c.writeClosed(path, closed+unfinished, &done, false)
	if err != nil {
		os.Remove(closed + unfinished)
		return done, c.damage(first, tailEnd, err)
	}
	step("closed segment written")
	if err := os.Rename(closed+unfinished, closed); err != nil {
		return done, fmt.Errorf("couldn't put a journal segment in place: %w", disk.Full(err))
	}
	if err := disk.SyncDir(c.dir()); err != nil {
		return done, err
	}
	step("closed segment in place")
	if err := c.appendHead(index, done); err != nil {
		return done, err
	}
	step("closing recorded")
	if err := os.Remove(path); err != nil {
		return done, fmt.Errorf("couldn't remove a journal's tail: %w", err)
	}
	return done, nil
}

// writeClosed seals the entries of the tail at path into a new file, durable
// on return, and moves done to the end of them. With salvage set, a damage
// after the first entry ends the new file there; the error is returned still.
func (c *chain) writeClosed(path, to string, done *closing, salvage bool) error {
	tail, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("couldn't open: %w", err)
	}
	defer tail.Close()
	info, err := tail.Stat()
	if err != nil {
		return fmt.Errorf("couldn't read: %w", err)
	}
	h := access.SegmentHead{Blob: writ.NewBlobID()}
	key, wrapped, err := c.closedKey(h.Blob)
	if err != nil {
		return err
	}
	defer key.Erase()
	h.Wrapped = wrapped
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't create a closed segment: %w", disk.Full(err))
	}
	begun := done.head.Seq
	err = c.reseal(tail, info.Size(), f, h, key, done, salvage)
	if err != nil && !(salvage && done.head.Seq > begun) {
		f.Close()
		return disk.Full(err)
	}
	if e := disk.SyncClose(f); e != nil {
		return e
	}
	return err
}

func (c *chain) reseal(tail *os.File, size int64, f *os.File, h access.SegmentHead, key *seal.Key, done *closing, salvage bool) error {
	if _, err := f.Write(h.Append(nil, access.ClosedMagic)); err != nil {
		return err
	}
	w, err := seal.NewWriter(f, key, seal.Stream{ID: h.Blob})
	if err != nil {
		return err
	}
	_, _, err = c.readTail(tail, size, func(b []byte) error {
		at, err := follow(&done.head, b)
		if err != nil {
			return err
		}
		done.at = at
		if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b)))); err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
	if err == nil && done.head.Seq < done.first {
		err = fmt.Errorf("a closed tail is empty: %w", ErrCorrupt)
	}
	if errors.Is(err, ErrCorrupt) && salvage && done.head.Seq >= done.first {
		if e := w.Close(); e != nil {
			return e
		}
		return err
	}
	if err != nil {
		w.Abandon()
		return err
	}
	return w.Close()
}

// step is called between the steps of closing a segment, so that a test can
// stop the world there. It does nothing otherwise.
var step = func(string) {}
