package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"writ"
	"writ/internal/access"
	"writ/internal/gate/internal/disk"
)

// minFrame is less than any entry takes in a segment, in bytes.
const minFrame = 64

// SetAside makes a customer's journal usable again that does not load: the
// files that are damaged, and what follows them, get names that end in
// ".damaged"; entries before the first damage are kept. The chain goes on
// behind a gap of at least as many numbers as entries may have been lost, so
// that none is given twice; every reading reports it until the kept time is
// over. Nothing is done to a journal that loads.
func (j *Journal) SetAside(customer writ.CustomerID) error {
	c, err := j.take(customer)
	if err != nil {
		return err
	}
	defer j.give(c, false)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
	if err := c.load(); !errors.Is(err, ErrCorrupt) {
		return err
	}
	if err := c.setAside(); err != nil {
		return fmt.Errorf("couldn't set journal/%s aside: %w", c.label, err)
	}
	c.suspect = false
	return c.load()
}

func (c *chain) setAside() error {
	c.closing.Lock()
	defer c.closing.Unlock()
	heads, err := c.readHeads()
	if errors.Is(err, ErrCorrupt) {
		heads, err = c.rebuildHeads()
	}
	if err != nil {
		return err
	}
	found, err := c.list()
	if err != nil {
		return err
	}
	at, lost, damaged := c.start(heads), uint64(0), false
	for _, first := range found.all() {
		if first <= at.Seq {
			continue
		}
		if !damaged {
			done, err := c.salvage(found, first, at, len(heads))
			if done.head.Seq > at.Seq {
				heads, at = append(heads, done), done.head
			}
			if err == nil {
				continue
			}
			if !errors.Is(err, ErrCorrupt) {
				return err
			}
			damaged = true
		}
		n, err := c.putAside(found, first)
		if err != nil {
			return err
		}
		lost = max(lost, max(first, at.Seq)-at.Seq) + n
	}
	if lost == 0 {
		return nil
	}
	gap := closing{first: at.Seq + 1, head: Head{Seq: at.Seq + lost}, at: c.j.opts.Now()}
	gap.head.Hash = sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("writ/journal-gap/v1"), at.Hash[:]...), gap.head.Seq))
	return c.appendHead(len(heads), gap)
}

// salvage closes the segment that begins with entry first as far as it can be
// read, and fails with [ErrCorrupt] if that is not all of it.
func (c *chain) salvage(found segments, first uint64, at Head, index int) (closing, error) {
	done := closing{first: first, head: at}
	if first != at.Seq+1 {
		return done, c.damage(first, tailEnd, ErrCorrupt)
	}
	for _, n := range found.closed {
		if n == first { // whole or not at all: it is sealed as one
			return done, c.damage(first, closedEnd, ErrCorrupt)
		}
	}
	tail := filepath.Join(c.dir(), segmentName(first, tailEnd))
	closed := filepath.Join(c.dir(), segmentName(first, closedEnd))
	damage := c.writeClosed(tail, closed+unfinished, &done, true)
	if damage != nil && !errors.Is(damage, ErrCorrupt) || done.head.Seq == at.Seq {
		os.Remove(closed + unfinished)
		return done, damage
	}
	if damage != nil { // the tail first, or the next load would take it for closed and remove it
		if err := os.Rename(tail, tail+asideEnd); err != nil {
			return done, err
		}
	}
	if err := os.Rename(closed+unfinished, closed); err != nil {
		return done, err
	}
	if err := disk.SyncDir(c.dir()); err != nil {
		return done, err
	}
	if err := c.appendHead(index, done); err != nil {
		return done, err
	}
	return done, damage
}

// putAside renames what is left of a segment, and returns how many entries it
// may have held at most.
func (c *chain) putAside(found segments, first uint64) (uint64, error) {
	entries := uint64(1)
	for _, end := range []string{tailEnd, tailEnd + asideEnd, closedEnd} {
		path := filepath.Join(c.dir(), segmentName(first, end))
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		entries += uint64(info.Size() / minFrame)
		if filepath.Ext(path) != asideEnd && !(end == closedEnd && c.exists(first, tailEnd+asideEnd)) {
			if err := os.Rename(path, path+asideEnd); err != nil {
				return 0, err
			}
		}
	}
	return entries, disk.SyncDir(c.dir())
}

func (c *chain) exists(first uint64, end string) bool {
	_, err := os.Stat(filepath.Join(c.dir(), segmentName(first, end)))
	return err == nil
}

// rebuildHeads sets damaged heads aside and makes new ones from the closed
// segments that can be read, in order, up to the first that cannot. What the
// old heads said of dropped segments is lost, and reading reports it as a gap.
func (c *chain) rebuildHeads() ([]closing, error) {
	path := filepath.Join(c.dir(), headsName)
	aside := fmt.Sprintf("%s.%d%s", path, c.j.opts.Now().UnixNano(), asideEnd)
	if err := os.Rename(path, aside); err != nil {
		return nil, err
	}
	found, err := c.list()
	if err != nil {
		return nil, err
	}
	var heads []closing
	for _, first := range found.closed {
		done := closing{first: first}
		if n := len(heads); n > 0 && heads[n-1].head.Seq+1 != first {
			return heads, nil
		}
		err := c.readFile(first, closedEnd, func(f *os.File) error {
			return c.readClosed(f, func(b []byte) (err error) {
				if l, ok := access.LinkOf(b); ok && done.head.Seq == 0 {
					done.head = Head{Seq: l.Seq - 1, Hash: l.Previous}
				}
				done.at, err = follow(&done.head, b)
				return err
			})
		})
		if errors.Is(err, ErrCorrupt) || errors.Is(err, errSealed) {
			return heads, nil
		}
		if err == nil {
			err = c.appendHead(len(heads), done)
		}
		if err != nil {
			return heads, err
		}
		heads = append(heads, done)
	}
	return heads, nil
}
