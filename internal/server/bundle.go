package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"writ"
	"writ/internal/access"
	"writ/internal/bundle"
	"writ/internal/gate"
	"writ/internal/ledger"
	"writ/internal/s3"
	"writ/internal/vault"
)

// bundlesAtOnce bounds how many bundles are made at a time: the proofs of each
// batch take as much work as there are customers.
const bundlesAtOnce = 2

// ownJournal answers a customer that asks for its own journal.
func (s *Server) ownJournal(ctx context.Context, session vault.Session, ask s3.JournalAsk) (func(io.Writer) error, error) {
	select {
	case s.bundles <- struct{}{}:
	default:
		return nil, vault.ErrSlowDown
	}
	write, err := s.makeBundle(ctx, session, ask)
	if err != nil {
		<-s.bundles
		return nil, err
	}
	return func(w io.Writer) error {
		defer func() { <-s.bundles }()
		return write(w)
	}, nil
}

func (s *Server) makeBundle(ctx context.Context, session vault.Session, ask s3.JournalAsk) (func(io.Writer) error, error) {
	entries := s.rooms.Vault.Journal(ctx, session, gate.JournalQuery{AfterSeq: ask.After})
	return s.ledger.bundle(ctx, session.Customer, ask.After, ask.FromBatch, entries)
}

// bundle prepares the bundle of a customer's journal: its entries after one,
// and the batches from one on that show it at that entry or later. The reading
// is journaled when it begins, which is before this returns.
func (l *Ledger) bundle(ctx context.Context, id writ.CustomerID, after, fromBatch uint64, entries iter.Seq2[access.Entry, error]) (func(io.Writer) error, error) {
	labelKey, err := l.Book.LabelKey(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the journal's label: %w", err)
	}
	if fromBatch, err = l.firstBatch(ctx, id, after, fromBatch); err != nil {
		return nil, err
	}
	// The head is read before the entries are begun, so that they reach it.
	head, err := l.rooms.Gate.JournalHead(id)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the journal's head: %w", err)
	}
	next, stop := iter.Pull2(sealedLines(entries))
	first, err, any := next() // journals the reading
	var sealed *bundle.Sealed
	if err != nil && !errors.As(err, &sealed) {
		stop()
		return nil, err
	}
	begun := err // nil, or a sealed segment
	previous, found := access.Genesis(id).Hash, after == 0
	switch {
	case found:
	case any && err == nil && first.Seq == after+1 && after <= head.Seq:
		previous, found = first.Previous, true
	default:
		previous, found, err = l.committed(ctx, id, after, fromBatch)
	}
	if !found {
		stop()
		return nil, errors.Join(fmt.Errorf("%w: entry %d", s3.ErrNotKept, after+1), err)
	}
	h := bundle.Header{V: 1, Origin: l.Origin(), Customer: id, LabelKey: labelKey[:], After: after, Previous: previous[:], FromBatch: fromBatch}
	rest := func(yield func(access.Entry, error) bool) {
		for e, err, ok := first, begun, any; ok; e, err, ok = next() {
			if !yield(e, err) {
				return
			}
		}
	}
	return func(w io.Writer) error {
		defer stop()
		return bundle.Write(w, h, head, rest, l.batches(ctx, id, fromBatch))
	}, nil
}

// committed is the hash of an entry that a batch shows: the one before the first
// batch of a bundle, or that batch.
func (l *Ledger) committed(ctx context.Context, id writ.CustomerID, seq, batch uint64) (hash [32]byte, found bool, err error) {
	page, err := l.Book.Batches(ctx, id, max(batch, 2)-1, 2)
	if err != nil {
		return hash, false, fmt.Errorf("couldn't read the ledger's batches: %w", err)
	}
	for _, b := range page {
		if b.Head != nil && b.Head.Seq == seq {
			return b.Head.Hash, true, nil
		}
	}
	return hash, false, nil
}

// sealedLines makes entries that are sealed to the customer's own key what a
// bundle holds of them.
func sealedLines(entries iter.Seq2[access.Entry, error]) iter.Seq2[access.Entry, error] {
	return func(yield func(access.Entry, error) bool) {
		for e, err := range entries {
			var sealed *gate.JournalSealed
			if errors.As(err, &sealed) {
				segment, lost := sealed.Segment()
				err = &bundle.Sealed{From: sealed.From, To: sealed.To, Segment: segment}
				if lost != nil {
					err = lost
				}
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// pageOfBatches is how many batches are asked of the book at once: each holds
// some kilobytes of proof, and takes as long as there are customers.
const pageOfBatches = 64

// firstBatch is the first batch from one on that shows the customer's journal at
// an entry or later; one more than the newest if there is none. Once a batch
// does, all do. What is lost may be one.
func (l *Ledger) firstBatch(ctx context.Context, id writ.CustomerID, after, from uint64) (uint64, error) {
	low, high := max(from, 1), l.Book.Status().Batch+1
	mid := low // which it is mostly
	for low < high {
		page, err := l.Book.Batches(ctx, id, mid, 1)
		if err != nil {
			return 0, fmt.Errorf("couldn't read the ledger's batches: %w", err)
		}
		if len(page) == 1 && (page[0].Lost || page[0].Head != nil && page[0].Head.Seq >= after) {
			high = mid
		} else {
			low = mid + 1
		}
		mid = low + (high-low)/2
	}
	return low, nil
}

// batches are the lines of a bundle from a batch on. One of which nothing can be
// shown any more has no path.
func (l *Ledger) batches(ctx context.Context, id writ.CustomerID, from uint64) iter.Seq2[bundle.Batch, error] {
	return func(yield func(bundle.Batch, error) bool) {
		for {
			page, err := l.Book.Batches(ctx, id, from, pageOfBatches)
			if err != nil {
				yield(bundle.Batch{}, fmt.Errorf("couldn't read the ledger's batches: %w", err))
				return
			}
			for _, b := range page {
				one := bundle.Batch{N: b.N, Index: b.Index, Slots: b.Slots, SlotPath: b.Path, Path: b.HeadPath}
				switch {
				case b.Head != nil:
					one.Seq, one.Head = b.Head.Seq, b.Head.Hash[:]
				case !b.Lost:
					yield(one, fmt.Errorf("batch %d does not show the journal, and one before it did: %w", b.N, ledger.ErrRecords))
					return
				}
				if !yield(one, nil) {
					return
				}
				from = b.N + 1
			}
			if len(page) == 0 {
				return
			}
		}
	}
}
