package journal

import (
	"container/list"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"writ"
	"writ/internal/access"
	"writ/internal/gate/internal/disk"
	"writ/internal/seal"
)

// chain is one customer's journal, as far as it is in memory.
type chain struct {
	j        *Journal
	customer writ.CustomerID
	label    string

	place *list.Element // guarded by j.mu
	users int           // guarded by j.mu

	// closing serializes what closes, rewrites or drops segments that are not
	// appended to. It may be taken under mu, never the other way round.
	closing sync.Mutex

	// recipient is the public key that closed segments are sealed to, nil if
	// there is none. It is written under mu and closing, and read under either.
	recipient *seal.Recipient

	// syncing is held by the one that syncs for all who wait; it is taken
	// before mu.
	syncing sync.Mutex
	synced  Head // guarded by syncing: the entries up to it are on the disk

	// mu guards all below.
	mu      sync.Mutex
	loaded  bool
	head    Head
	last    time.Time // of the newest entry
	first   uint64    // of the tail; 0 when there is none
	began   time.Time // when the tail was begun, or its first entry written
	size    int64     // of the tail's file
	tail    *seal.TailWriter
	file    *os.File // nil when closed; reopened when needed
	names   bool     // the folder's names are to be synced
	suspect bool     // a sync failed: the tail is read back before it is trusted
	buf     []byte   // access.Domain, then an entry's stored form
}

func (c *chain) dir() string { return filepath.Join(c.j.dir, c.label) }

// append writes one entry.
func (c *chain) append(e *Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.j.opts.Now()
	if err := c.ready(now); err != nil {
		return err
	}
	e.Seq, e.Previous = c.head.Seq+1, c.head.Hash
	if e.Time = now.UTC(); e.Time.Before(c.last) {
		e.Time = c.last
	}
	c.buf = e.Append(append(c.buf[:0], access.Domain...))
	stored := c.buf[len(access.Domain):]
	if err := c.tail.Append(stored); err != nil {
		c.undo()
		return err
	}
	c.size += int64(seal.FrameSize(len(stored)))
	c.head, c.last = Head{Seq: e.Seq, Hash: sha256.Sum256(c.buf)}, e.Time
	return nil
}

// undo cuts off what a failed append may have left. If that fails too, the
// chain is read anew before it is used again.
func (c *chain) undo() {
	if c.file == nil || c.file.Truncate(c.size) != nil {
		c.forget()
	}
}

// Write appends to the tail's file: the tail's writer calls it once an entry.
func (c *chain) Write(b []byte) (int, error) {
	if err := c.open(); err != nil {
		return 0, err
	}
	return c.file.Write(b)
}

// open opens the tail's file if it is closed. The caller holds mu.
func (c *chain) open() error {
	if c.file != nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(c.dir(), segmentName(c.first, tailEnd)), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("couldn't open a journal's tail: %w", err)
	}
	c.hold(f)
	return nil
}

// hold makes f the chain's file. The caller holds mu.
func (c *chain) hold(f *os.File) {
	c.file = f
	c.j.mu.Lock()
	c.j.files++
	c.j.mu.Unlock()
}

// closeLocked closes the tail's file; it is opened again when needed. The
// caller holds mu and j.mu.
func (c *chain) closeLocked() {
	if c.file != nil {
		c.file.Close()
		c.file = nil
		c.j.files--
	}
}

// forgetLocked drops all that load read. The caller holds mu and j.mu.
func (c *chain) forgetLocked() {
	c.closeLocked()
	c.loaded, c.tail, c.first = false, nil, 0
}

// forget is forgetLocked for who holds mu only.
func (c *chain) forget() {
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	c.forgetLocked()
}

// ready makes the chain ready for one more entry: read from the disk, and
// with a tail that is neither too large nor too old.
func (c *chain) ready(now time.Time) error {
	if err := c.load(); err != nil {
		return err
	}
	if c.suspect {
		if err := c.readBack(); err != nil {
			return err
		}
	}
	if c.first != 0 && c.size < c.maxBytes() && now.Sub(c.began) < c.maxAge() {
		return nil
	}
	if err := c.end(); err != nil {
		return err
	}
	return c.begin()
}

// end ends the tail, if there is one: what is in it becomes durable, and the
// sealer makes a closed segment of it.
func (c *chain) end() error {
	if c.first == 0 {
		return nil
	}
	if c.head.Seq < c.first { // nothing in it yet: go on with it
		return nil
	}
	if err := c.open(); err != nil {
		return err
	}
	if err := c.file.Sync(); err != nil {
		c.suspect = true
		return fmt.Errorf("couldn't sync a journal's tail: %w", disk.Full(err))
	}
	c.dropTail()
	select {
	case c.j.sealing <- c.customer:
	default: // the next load, or Expire, finds it
	}
	return nil
}

// dropTail leaves the chain without a tail. The caller holds mu.
func (c *chain) dropTail() {
	c.j.mu.Lock()
	c.closeLocked()
	c.j.mu.Unlock()
	c.first, c.tail = 0, nil
}

// begin begins a new tail.
func (c *chain) begin() error {
	if c.first != 0 {
		c.began = c.j.opts.Now()
		return nil
	}
	h := access.SegmentHead{Blob: writ.NewBlobID()}
	key, wrapped, err := c.j.keys.Generate(c.customer, h.Blob)
	if err != nil {
		return err
	}
	defer key.Erase()
	h.Wrapped = wrapped
	if err := os.MkdirAll(c.dir(), 0o700); err != nil {
		return fmt.Errorf("couldn't make a journal's folder: %w", err)
	}
	first := c.head.Seq + 1
	path := filepath.Join(c.dir(), segmentName(first, tailEnd))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't create a journal's tail: %w", err)
	}
	c.hold(f)
	c.first, c.began, c.names = first, c.j.opts.Now(), true
	if _, err = f.Write(h.Append(nil, tailMagic)); err == nil {
		c.tail, err = seal.NewTailWriter(c, key, seal.Stream{ID: h.Blob})
	}
	if err != nil {
		c.dropTail()
		os.Remove(path)
		return fmt.Errorf("couldn't begin a journal's tail: %w", err)
	}
	c.size = int64(h.Size()) + seal.HeaderSize
	return nil
}

// load reads where the chain stands, and finishes what a crash interrupted:
// every tail but the newest becomes a closed segment. The caller holds mu.
func (c *chain) load() error {
	if c.loaded {
		return nil
	}
	c.closing.Lock()
	defer c.closing.Unlock()
	if err := c.readRecipient(); err != nil {
		return err
	}
	heads, err := c.readHeads()
	if err != nil {
		return err
	}
	at := c.start(heads)
	found, err := c.list()
	if err != nil {
		return err
	}
	if heads, at, err = c.adopt(found, heads, at); err != nil {
		return err
	}
	for i, first := range found.tails {
		switch {
		case first <= at.Seq: // closed before the crash, and recorded
			err = os.Remove(filepath.Join(c.dir(), segmentName(first, tailEnd)))
		case first != at.Seq+1:
			err = fmt.Errorf("entries %d to %d of journal/%s are missing: %w", at.Seq+1, first-1, c.label, ErrCorrupt)
		case i < len(found.tails)-1:
			var done closing
			if done, err = c.closeTail(first, at, len(heads)); err == nil {
				heads, at, c.last = append(heads, done), done.head, done.at
			}
		default:
			at, err = c.resume(first, at)
		}
		if err != nil {
			return err
		}
	}
	c.head, c.loaded = at, true
	return nil
}

// start is where the chain stood after the last closed segment.
func (c *chain) start(heads []closing) Head {
	if n := len(heads); n > 0 {
		c.last = heads[n-1].at
		return heads[n-1].head
	}
	return access.Genesis(c.customer)
}

// adopt records the closed segments that a crash left without a record.
func (c *chain) adopt(found segments, heads []closing, at Head) ([]closing, Head, error) {
	for _, first := range found.closed {
		if first <= at.Seq {
			continue
		}
		done := closing{first: first, head: at}
		err := c.readFile(first, closedEnd, func(f *os.File) error {
			return c.readClosed(f, func(b []byte) (err error) {
				done.at, err = follow(&done.head, b)
				return err
			})
		})
		if errors.Is(err, errSealed) && slices.Contains(found.tails, first) { // its tail is closed again
			if err := os.Remove(filepath.Join(c.dir(), segmentName(first, closedEnd))); err != nil {
				return heads, at, fmt.Errorf("couldn't remove an unfinished segment: %w", err)
			}
			break
		}
		if errors.Is(err, errSealed) {
			err = c.damage(first, closedEnd, ErrCorrupt) // nothing says where it leads
		}
		if err == nil {
			err = c.appendHead(len(heads), done)
		}
		if err != nil {
			return heads, at, err
		}
		heads, at, c.last = append(heads, done), done.head, done.at
	}
	return heads, at, nil
}

// readFile opens a segment's file for use and names the segment in its error.
func (c *chain) readFile(first uint64, end string, use func(*os.File) error) error {
	f, err := os.Open(filepath.Join(c.dir(), segmentName(first, end)))
	if err != nil {
		return fmt.Errorf("couldn't open journal/%s/%s: %w", c.label, segmentName(first, end), err)
	}
	defer f.Close()
	if err := use(f); err != nil {
		return c.damage(first, end, err)
	}
	return nil
}

// resume takes up the newest tail where it ends; what a crash left of one
// more entry, which nobody waited for any more, is cut off.
func (c *chain) resume(first uint64, at Head) (Head, error) {
	path := filepath.Join(c.dir(), segmentName(first, tailEnd))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return at, fmt.Errorf("couldn't open a journal's tail: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return at, fmt.Errorf("couldn't read a journal's tail: %w", err)
	}
	before := at
	h, r, err := c.readTail(f, info.Size(), func(b []byte) error {
		t, err := follow(&at, b)
		if err != nil {
			return err
		}
		if at.Seq == first {
			c.began = t
		}
		c.last = t
		return nil
	})
	if err == access.ErrTorn { // never got as far as its first entry
		f.Close()
		if err := os.Remove(path); err != nil {
			return before, fmt.Errorf("couldn't remove an unfinished tail: %w", err)
		}
		return before, nil
	}
	size := int64(0)
	if err == nil {
		size = int64(h.Size()) + r.Offset()
		if size < info.Size() {
			err = f.Truncate(size)
		}
	}
	if err != nil {
		f.Close()
		return before, c.damage(first, tailEnd, err)
	}
	if at == before {
		c.began = c.j.opts.Now()
	}
	c.hold(f)
	c.first, c.size, c.tail, c.names = first, size, r.Resume(c), true
	return at, nil
}

// readBack makes a closed segment of a tail whose sync failed, from what can
// be read of it, and checks that this is all that was appended.
func (c *chain) readBack() error {
	want := c.head
	c.forget()
	if err := c.load(); err != nil {
		return err
	}
	if c.first != 0 && c.head.Seq >= c.first {
		if err := c.closeActive(); err != nil {
			return err
		}
	}
	if c.head != want {
		return fmt.Errorf("entries up to %d of journal/%s were lost by the disk: %w", want.Seq, c.label, ErrCorrupt)
	}
	c.suspect = false
	return nil
}

// closeActive makes a closed segment of the tail at once. The caller holds
// mu; the chain is loaded.
func (c *chain) closeActive() error {
	if c.first == 0 || c.head.Seq < c.first {
		return nil
	}
	c.dropTail()
	return c.closeTails(0)
}

// closeTails makes closed segments of all tails before the one that begins
// with entry active (0: of all).
func (c *chain) closeTails(active uint64) error {
	c.closing.Lock()
	defer c.closing.Unlock()
	found, err := c.list()
	if err != nil {
		return err
	}
	heads, err := c.readHeads()
	if err != nil {
		return err
	}
	at := access.Genesis(c.customer)
	if n := len(heads); n > 0 {
		at = heads[n-1].head
	}
	for _, first := range found.tails {
		if first <= at.Seq || active != 0 && first >= active {
			continue
		}
		done, err := c.closeTail(first, at, len(heads))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.EOF) {
			return c.damage(first, tailEnd, ErrCorrupt)
		}
		if err != nil {
			return err
		}
		heads, at = append(heads, done), done.head
	}
	return nil
}
