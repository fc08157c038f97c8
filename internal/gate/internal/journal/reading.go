package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"writ"
	"writ/internal/access"
)

// Query chooses entries. The zero value chooses all that are kept.
type Query struct {
	Since    time.Time // entries at or after; zero: from the first kept
	Until    time.Time // entries before; zero: to the newest
	AfterSeq uint64    // entries with a higher number
}

// Gap is the error for entries that should be there and are not.
type Gap struct{ From, To uint64 }

// Error says which entries are missing.
func (g *Gap) Error() string {
	return fmt.Sprintf("journal entries %d to %d are missing", g.From, g.To)
}

// Is makes a gap an [ErrCorrupt].
func (g *Gap) Is(target error) bool { return target == ErrCorrupt }

// Head tells where the customer's journal stands. Of a customer whose keys
// are gone it tells what the heads say.
func (j *Journal) Head(customer writ.CustomerID) (Head, error) {
	c, err := j.take(customer)
	if err != nil {
		return Head{}, err
	}
	defer j.give(c, false)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err = c.load(); err == nil {
		return c.head, nil
	}
	heads, e := c.readHeads()
	if e != nil || len(heads) == 0 || errors.Is(err, ErrCorrupt) {
		return Head{}, err
	}
	return heads[len(heads)-1].head, nil
}

// errStop ends a reading that its consumer has enough of.
var errStop = errors.New("enough")

// Read gives the customer's entries that q chooses, oldest first, up to the
// newest at the time of the call, and checks the chain as far as it reads. A
// damaged segment and a [Gap] are errors in between; after them the reading
// goes on with what can be read. Entries that were dropped because the kept
// time was over are no gap.
func (j *Journal) Read(ctx context.Context, customer writ.CustomerID, q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		c, err := j.take(customer)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer j.give(c, false)
		r := reading{c: c, ctx: ctx, q: q, yield: yield}
		if err := r.begin(); err != nil {
			yield(Entry{}, err)
			return
		}
		r.run()
	}
}

// reading is one run through a customer's segments.
type reading struct {
	c     *chain
	ctx   context.Context
	q     Query
	yield func(Entry, error) bool

	upTo   Head               // where the chain stood at the beginning
	firsts []uint64           // of the segments
	ends   map[uint64]closing // heads by the number of the segment's first entry
	at     Head               // what was read or skipped so far
	lost   bool               // at is not known: the next segment is believed where it begins
}

func (r *reading) begin() error {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if err := r.c.load(); err != nil {
		return err
	}
	found, err := r.c.list()
	if err != nil {
		return err
	}
	heads, err := r.c.readHeads()
	if err != nil {
		return err
	}
	r.upTo, r.firsts, r.at = r.c.head, found.all(), access.Genesis(r.c.customer)
	r.ends = make(map[uint64]closing, len(heads))
	for _, h := range heads {
		r.ends[h.first] = h
	}
	return nil
}

// run goes through the segments. It ends early when the consumer has enough.
func (r *reading) run() {
	for i, first := range r.firsts {
		if first > r.upTo.Seq {
			break
		}
		if !r.missing(first) {
			return
		}
		if i+1 < len(r.firsts) && r.firsts[i+1] <= r.q.AfterSeq+1 || r.olderThanAsked(first) {
			r.skip(first)
			continue
		}
		err := r.segment(first)
		if err == errStop {
			return
		}
		if errors.Is(err, errSealed) {
			err = r.sealed(first)
		}
		if err != nil {
			if !r.yield(Entry{}, err) {
				return
			}
			r.skip(first)
		}
	}
	r.missing(r.upTo.Seq + 1)
}

// olderThanAsked tells whether a closed segment ends before q.Since.
func (r *reading) olderThanAsked(first uint64) bool {
	end, ok := r.ends[first]
	return ok && !r.q.Since.IsZero() && end.at.Before(r.q.Since)
}

// skip moves on past a segment without having read it to its end.
func (r *reading) skip(first uint64) {
	if end, ok := r.ends[first]; ok {
		r.at = end.head
		return
	}
	r.lost = true
}

// missing accounts for the entries between what was read and first: dropped
// after the kept time, or a gap. It is false when the consumer has enough.
func (r *reading) missing(first uint64) bool {
	if r.lost {
		return true
	}
	cutoff := r.c.j.opts.Now().Add(-r.c.j.opts.Keep)
	from := uint64(0) // of a gap
	for r.at.Seq+1 < first {
		end, ok := r.ends[r.at.Seq+1]
		if !ok {
			if from == 0 {
				from = r.at.Seq + 1
			}
			r.lost = true
			return r.yield(Entry{}, &Gap{From: from, To: first - 1})
		}
		expired := end.at.Before(cutoff)
		if !expired && from == 0 {
			from = end.first
		}
		if expired && from != 0 {
			if !r.yield(Entry{}, &Gap{From: from, To: end.first - 1}) {
				return false
			}
			from = 0
		}
		r.at = end.head
	}
	if from != 0 && first-1 > r.q.AfterSeq {
		return r.yield(Entry{}, &Gap{From: from, To: first - 1})
	}
	return true
}

// segment reads one segment, closed or tail.
func (r *reading) segment(first uint64) error {
	err := r.c.readFile(first, closedEnd, func(f *os.File) error { return r.c.readClosed(f, r.entry) })
	if errors.Is(err, fs.ErrNotExist) {
		err = r.c.readFile(first, tailEnd, r.tail)
	}
	if errors.Is(err, fs.ErrNotExist) { // closed meanwhile
		err = r.c.readFile(first, closedEnd, func(f *os.File) error { return r.c.readClosed(f, r.entry) })
	}
	if errors.Is(err, errStop) {
		return errStop
	}
	return err
}

// sealed names the entries of a segment that the server cannot read.
func (r *reading) sealed(first uint64) error {
	end, ok := r.ends[first]
	if !ok { // its closing is being recorded
		end.head.Seq = r.upTo.Seq
	}
	return &Sealed{From: first, To: end.head.Seq, path: filepath.Join(r.c.dir(), segmentName(first, closedEnd))}
}

func (r *reading) tail(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, _, err = r.c.readTail(f, info.Size(), r.entry)
	if err == access.ErrTorn { // its first entry is being written
		return nil
	}
	return err
}

// entry takes one entry in its stored form.
func (r *reading) entry(b []byte) error {
	if err := r.ctx.Err(); err != nil {
		r.yield(Entry{}, err)
		return errStop
	}
	if r.at.Seq == r.upTo.Seq {
		return nil // appended since
	}
	e, err := decode(b)
	if err != nil {
		return err
	}
	if r.lost {
		r.at, r.lost = Head{Seq: e.Seq - 1, Hash: e.Previous}, false
	}
	if _, err := follow(&r.at, b); err != nil {
		return err
	}
	if !r.q.Until.IsZero() && !e.Time.Before(r.q.Until) {
		return errStop
	}
	if e.Seq <= r.q.AfterSeq || e.Time.Before(r.q.Since) {
		return nil
	}
	if !r.yield(e, nil) {
		return errStop
	}
	return nil
}
