// Package journal keeps, per customer, every use of a key: who, by which
// right, what, when and from where. It is written before the key is
// released, sealed under the customer's own key, and chained, so that its
// owner can tell that nothing is missing.
//
// # On disk
//
// Each customer has a folder in journal/, named by an HMAC of its id
// ([Keys].Label), so that the disk does not show who the customers are. In
// it lie
//
//	<first>.tail   the open segment: sealed entry by entry as they come
//	<first>.seg    a closed segment: one sealed object
//	heads          where the chain stood at the end of each closed segment
//	recipient      the public key that closed segments are sealed to, if the
//	               customer gave one
//
// where <first> is the number of the segment's first entry, 16 hex digits. A
// segment begins with a head: 8 bytes of magic, the blob's id (16), the
// length of the wrapped data key (2, big endian) and that key, wrapped under
// the customer's key. In a tail, frames of [seal.TailWriter] follow, one an
// entry; in a closed segment a sealed object, whose plaintext is each entry
// with its length before it (4 bytes, big endian).
//
// Segments are dropped when their newest entry is older than the kept time.
// The heads stay for ever: they prove what was.
//
// # What is durable when
//
// When [Journal.Append] returns, the entry is in the operating system's
// hands: a kill of the process loses nothing. It is on the disk within one
// second, or before Append returns if the caller says so. A crash of the
// machine may cost what was appended in the last second; the chain then
// goes on from what is there.
//
// When an entry cannot be written, Append fails, and with it the use that
// was to be journaled ([disk.ErrNoSpace] when the disk is full). When what is there
// is damaged, Append fails with [ErrCorrupt] and changes nothing.
package journal

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"writ"
	"writ/internal/gate/internal/disk"
	"writ/internal/seal"
)

// The errors that callers tell apart.
var (
	// ErrCorrupt: a file of the journal is not as it was written.
	ErrCorrupt = errors.New("journal is damaged")
	// ErrClosed: the journal was closed.
	ErrClosed = disk.ErrClosed
)

// Keys are the keys of the journal's own segments. Gate implements it; the
// journal keeps no other key.
type Keys interface {
	// Generate makes a data key for a segment of the customer's journal.
	Generate(writ.CustomerID, writ.BlobID) (*seal.Key, []byte, error)
	// Unwrap opens the data key of one.
	Unwrap(writ.CustomerID, writ.BlobID, []byte) (*seal.Key, error)
	// Rewrap wraps one under the customer's newest key; what is so already
	// comes back as it is.
	Rewrap(writ.CustomerID, writ.BlobID, []byte) ([]byte, error)
	// Recipient is the SHA-256 of the public key that the customer's journal
	// is sealed to, zero if there is none.
	Recipient(writ.CustomerID) [32]byte
	// Label names the customer's folder.
	Label(writ.CustomerID) string
}

// Options are the settings of a journal; zero values mean the defaults.
type Options struct {
	Heads        *seal.Key        // seals the heads; required
	SyncEvery    time.Duration    // how often what was appended is synced; at most and by default half a second
	Keep         time.Duration    // how long segments are kept; default 90 days
	SegmentBytes int64            // a tail is closed when it is larger; default 4 MiB
	SegmentAge   time.Duration    // or older; default 7 days
	MaxFiles     int              // tails held open at once; default 1,024
	MaxStates    int              // customers remembered at once; default 16,384
	Now          func() time.Time // the clock
	Log          *slog.Logger     // for what fails in the background
}

func (o *Options) defaults() {
	orElse := func(d *time.Duration, or time.Duration) {
		if *d <= 0 {
			*d = or
		}
	}
	orElse(&o.SyncEvery, 500*time.Millisecond)
	o.SyncEvery = min(o.SyncEvery, 500*time.Millisecond)
	orElse(&o.SegmentAge, 7*24*time.Hour)
	orElse(&o.Keep, 90*24*time.Hour)
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 4 << 20
	}
	if o.MaxFiles <= 0 {
		o.MaxFiles = 1024
	}
	if o.MaxStates <= 0 {
		o.MaxStates = 16 << 10
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Journal is the open journals of all customers. It is safe for concurrent
// use; its folder must belong to one at a time.
type Journal struct {
	dir   string
	keys  Keys
	heads *seal.Box
	opts  Options
	stop  chan struct{}
	idle  sync.WaitGroup // syncer and sealer

	sealing chan writ.CustomerID // whose tails have ended

	// mu guards all below. A chain's own mutex may be held when it is taken,
	// never the other way round, except by TryLock.
	mu     sync.Mutex
	closed bool
	chains map[writ.CustomerID]*chain
	recent *list.List // of *chain, the latest used first
	files  int        // chains that hold a file open
	dirty  map[*chain]struct{}
	moved  map[writ.CustomerID]Head // durable heads that nobody has asked for yet; see Moved
}

// Written shows that an entry was appended. Only [Journal.Append] makes one
// that is [Written.OK]; gate releases no key without.
type Written struct{ seq uint64 }

// OK tells whether w came from an Append that succeeded.
func (w Written) OK() bool { return w.seq != 0 }

// Open opens the journal in dir, which is created if need be.
func Open(dir string, keys Keys, opts Options) (*Journal, error) {
	opts.defaults()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make the journal's folder: %w", disk.Full(err))
	}
	j := &Journal{
		dir: dir, keys: keys, heads: seal.NewBox(opts.Heads), opts: opts,
		stop: make(chan struct{}), sealing: make(chan writ.CustomerID, 1024),
		chains: map[writ.CustomerID]*chain{}, recent: list.New(), dirty: map[*chain]struct{}{}, moved: map[writ.CustomerID]Head{},
	}
	j.idle.Go(j.syncer)
	j.idle.Go(j.sealer)
	return j, nil
}

// Append writes an entry to the customer's journal: it sets Seq, Time and
// Previous of e, seals it and hands it to the operating system; with sync
// set it is on the disk as well when Append returns. An error means that
// nothing may be released.
func (j *Journal) Append(ctx context.Context, customer writ.CustomerID, e *Entry, sync bool) (Written, error) {
	if err := ctx.Err(); err != nil {
		return Written{}, err
	}
	if err := e.Check(); err != nil {
		return Written{}, err
	}
	c, err := j.take(customer)
	if err != nil {
		return Written{}, err
	}
	if err = c.append(e); err == nil && sync {
		err = c.syncTo(e.Seq)
	}
	j.give(c, err == nil && !sync)
	if err != nil {
		return Written{}, fmt.Errorf("couldn't write to the journal: %w", disk.Full(err))
	}
	return Written{e.Seq}, nil
}

// Sync makes a customer's journal durable as far as it is written.
func (j *Journal) Sync(customer writ.CustomerID) error {
	c, err := j.take(customer)
	if err != nil {
		return err
	}
	defer j.give(c, false)
	c.mu.Lock()
	err = c.load()
	seq := c.head.Seq
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.syncTo(seq)
}

// Close syncs everything and closes the files. It waits for uses under way.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	close(j.stop)
	j.idle.Wait()
	err := j.syncDirty()
	j.mu.Lock()
	all := make([]*chain, 0, len(j.chains))
	for _, c := range j.chains {
		all = append(all, c)
	}
	j.mu.Unlock()
	for _, c := range all {
		c.mu.Lock()
		c.forget()
		c.mu.Unlock()
	}
	return err
}
