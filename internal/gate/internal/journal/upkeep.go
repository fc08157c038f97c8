package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"writ"
	"writ/internal/access"
	"writ/internal/gate/internal/disk"
)

// Finish closes the customer's tail at once, so that the heads say where the
// journal ends, before its keys are destroyed.
func (j *Journal) Finish(customer writ.CustomerID) error {
	c, err := j.take(customer)
	if err != nil {
		return err
	}
	defer j.give(c, false)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(); err != nil {
		return err
	}
	return c.closeActive()
}

// Forget drops what is in memory of a customer's journal, keys above all.
func (j *Journal) Forget(customer writ.CustomerID) {
	c, err := j.take(customer)
	if err != nil {
		return
	}
	defer j.give(c, false)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
}

// Rewrap wraps the data keys of all of a customer's segments under the
// customer's newest key. It can be stopped and done again.
func (j *Journal) Rewrap(ctx context.Context, customer writ.CustomerID) error {
	if err := j.Finish(customer); err != nil {
		return err
	}
	c, err := j.take(customer)
	if err != nil {
		return err
	}
	defer j.give(c, false)
	c.closing.Lock()
	defer c.closing.Unlock()
	found, err := c.list()
	if err != nil {
		return err
	}
	for _, first := range found.closed {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.rewrap(first); err != nil {
			return c.damage(first, closedEnd, err)
		}
	}
	return disk.SyncDir(c.dir())
}

// rewrap writes a closed segment again with its data key wrapped anew; the
// sealed bytes stay as they are.
func (c *chain) rewrap(first uint64) error {
	path := filepath.Join(c.dir(), segmentName(first, closedEnd))
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h, err := readHead(f, access.ClosedMagic)
	if err != nil {
		return err
	}
	if h.Sealed() {
		return nil // not under the KEK
	}
	old := h.Size()
	moved, err := c.j.keys.Rewrap(c.customer, h.Blob, h.Wrapped)
	if err != nil || string(moved) == string(h.Wrapped) {
		return err
	}
	h.Wrapped = moved
	info, err := f.Stat()
	if err != nil {
		return err
	}
	to, err := os.OpenFile(path+unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return disk.Full(err)
	}
	_, err = to.Write(h.Append(nil, access.ClosedMagic))
	if err == nil {
		_, err = io.Copy(to, io.NewSectionReader(f, int64(old), info.Size()-int64(old)))
	}
	if err != nil {
		to.Close()
		os.Remove(path + unfinished)
		return disk.Full(err)
	}
	if err := disk.SyncClose(to); err != nil {
		return err
	}
	step("segment rewrapped")
	return os.Rename(path+unfinished, path)
}

// Expire drops closed segments whose newest entry is older than the kept
// time, and closes tails that are older than a segment may be. Of a customer
// whose keys are gone ([Shredded] says so) it drops all that was not written
// to for the kept time. It goes on after errors and returns them all.
func (j *Journal) Expire(ctx context.Context, customers []writ.CustomerID, shredded func(writ.CustomerID) bool) error {
	var failed error
	for _, customer := range customers {
		if err := ctx.Err(); err != nil {
			return errors.Join(failed, err)
		}
		if err := j.expire(customer, shredded(customer)); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

func (j *Journal) expire(customer writ.CustomerID, shredded bool) error {
	// A look that does not push the busy chains out of memory.
	probe := &chain{j: j, customer: customer, label: j.keys.Label(customer)}
	found, err := probe.list()
	if err != nil || len(found.tails)+len(found.closed) == 0 {
		return err
	}
	if shredded {
		return probe.dropUnreadable(found)
	}
	heads, err := probe.readHeads()
	if err != nil {
		return err
	}
	cutoff := j.opts.Now().Add(-j.opts.Keep)
	for _, h := range heads {
		if !h.at.Before(cutoff) {
			break
		}
		err := os.Remove(filepath.Join(probe.dir(), segmentName(h.first, closedEnd)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("couldn't drop a journal segment: %w", err)
		}
	}
	if len(found.tails) == 0 {
		return nil
	}
	if err := probe.readRecipient(); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(probe.dir(), segmentName(found.tails[0], tailEnd)))
	if err != nil || len(found.tails) == 1 && j.opts.Now().Sub(info.ModTime()) < probe.maxAge() {
		return nil // closed meanwhile, or appended to of late: Append sees to its age
	}
	return j.closeOld(customer)
}

// closeOld closes the tails of a customer that nothing was written to for
// long.
func (j *Journal) closeOld(customer writ.CustomerID) error {
	c, err := j.take(customer)
	if err != nil {
		return err
	}
	defer j.give(c, false)
	c.mu.Lock()
	err = c.load()
	if err == nil && c.first != 0 && j.opts.Now().Sub(c.began) >= c.maxAge() {
		err = c.end()
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return j.closeEnded(customer)
}

// dropUnreadable drops the segments of a customer whose keys are gone, once
// they have lain for the kept time.
func (c *chain) dropUnreadable(found segments) error {
	drop := func(first uint64, end string) error {
		path := filepath.Join(c.dir(), segmentName(first, end))
		info, err := os.Stat(path)
		if err != nil || c.j.opts.Now().Sub(info.ModTime()) < c.j.opts.Keep {
			return nil
		}
		return os.Remove(path)
	}
	var failed error
	for _, first := range found.tails {
		failed = errors.Join(failed, drop(first, tailEnd))
	}
	for _, first := range found.closed {
		failed = errors.Join(failed, drop(first, closedEnd))
	}
	return failed
}
