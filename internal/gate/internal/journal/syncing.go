package journal

import (
	"errors"
	"fmt"
	"os"
	"time"

	"writ"
	"writ/internal/gate/internal/disk"
)

// manySyncs is from how many chains on the whole file system is synced at
// once instead of file by file.
const manySyncs = 32

// syncTo makes the entries up to number seq durable. Those who call it while
// another syncs wait, and are then mostly served by one more sync together.
func (c *chain) syncTo(seq uint64) error {
	c.syncing.Lock()
	defer c.syncing.Unlock()
	for try := 0; c.synced.Seq < seq; try++ {
		upTo, file, names, err := c.toSync()
		if err != nil {
			return err
		}
		if file != nil {
			err = file.Sync()
		}
		if errors.Is(err, os.ErrClosed) && try < 3 {
			continue // ended meanwhile, which synced it, or reopened
		}
		if err == nil && names {
			err = c.syncNames()
		}
		if err != nil {
			c.mu.Lock()
			c.suspect = true
			c.mu.Unlock()
			return fmt.Errorf("couldn't sync journal/%s: %w", c.label, disk.Full(err))
		}
		c.durable(upTo)
	}
	return nil
}

// durable notes that the chain is on the disk up to a head. The caller holds
// syncing.
func (c *chain) durable(upTo Head) {
	c.synced = upTo
	c.j.mu.Lock()
	c.j.moved[c.customer] = upTo
	c.j.mu.Unlock()
}

// toSync is what a sync has to make durable: the tail's file, whose entries
// go up to upTo, and the folder's names.
func (c *chain) toSync() (upTo Head, file *os.File, names bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(); err != nil {
		return Head{}, nil, false, err
	}
	if c.first != 0 {
		if err := c.open(); err != nil {
			return Head{}, nil, false, err
		}
	}
	names, c.names = c.names, false
	return c.head, c.file, names, nil
}

// syncNames makes the folder's names durable, and its own.
func (c *chain) syncNames() error {
	err := disk.SyncDir(c.dir())
	if err == nil {
		err = disk.SyncDir(c.j.dir)
	}
	if err != nil {
		c.mu.Lock()
		c.names = true
		c.mu.Unlock()
	}
	return err
}

// syncer syncs what was appended, until Close.
func (j *Journal) syncer() {
	tick := time.NewTicker(j.opts.SyncEvery)
	defer tick.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-tick.C:
			if err := j.syncDirty(); err != nil {
				j.opts.Log.Error("couldn't sync the journal", "error", err)
			}
		}
	}
}

// syncDirty syncs all chains that were appended to since it last did.
func (j *Journal) syncDirty() error {
	j.mu.Lock()
	dirty := make([]*chain, 0, len(j.dirty))
	for c := range j.dirty {
		c.users++
		dirty = append(dirty, c)
	}
	clear(j.dirty)
	j.mu.Unlock()

	var err error
	if len(dirty) > manySyncs {
		err = j.syncAll(dirty)
	} else {
		for _, c := range dirty {
			err = errors.Join(err, c.syncTo(c.newest().Seq))
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range dirty {
		c.users--
	}
	return err
}

// newest is where the chain stands, as far as is known.
func (c *chain) newest() Head {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.head
}

// syncAll syncs the file system that the journal is on.
func (j *Journal) syncAll(dirty []*chain) error {
	upTo := make([]Head, len(dirty))
	for i, c := range dirty {
		upTo[i] = c.newest()
	}
	err := syncFileSystem(j.dir)
	for i, c := range dirty {
		if err != nil {
			c.mu.Lock()
			c.suspect = true
			c.mu.Unlock()
			continue
		}
		c.syncing.Lock()
		if c.synced.Seq < upTo[i].Seq {
			c.durable(upTo[i])
		}
		c.syncing.Unlock()
	}
	return err
}

// Moved returns the durable heads of the journals that moved since it was
// last called, or since the journal was opened: all that was appended before
// the call is synced first, so that no head is ever told that a power cut
// could take back. On error nothing is told, and nothing forgotten.
func (j *Journal) Moved() (map[writ.CustomerID]Head, error) {
	if err := j.syncDirty(); err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	moved := j.moved
	j.moved = map[writ.CustomerID]Head{}
	return moved, nil
}

// sealer makes closed segments of ended tails, until Close.
func (j *Journal) sealer() {
	for {
		select {
		case <-j.stop:
			return
		case customer := <-j.sealing:
			if err := j.closeEnded(customer); err != nil && !errors.Is(err, ErrClosed) {
				j.opts.Log.Error("couldn't close a journal segment", "error", err)
			}
		}
	}
}

// closeEnded makes closed segments of a customer's ended tails.
func (j *Journal) closeEnded(customer writ.CustomerID) error {
	c, err := j.take(customer)
	if err != nil {
		return err
	}
	defer j.give(c, false)
	c.mu.Lock()
	err = c.load()
	active := c.first
	if active == 0 {
		active = c.head.Seq + 1
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.closeTails(active)
}
