package bundle

import (
	"fmt"
	"time"

	"writ/internal/access"
)

// progress is how far a bundle has come; reader and writer hold to it alike.
type progress struct {
	header Header
	head   access.Head
	known  bool // head.Hash is: not so between a gap and what follows it
	last   time.Time
	gap    Gap
	lines  bool   // an entry was there
	batch  uint64 // number of the next one
	shown  uint64 // entry that the batch before showed

	// inside are the hashes of the entries of the last sealed segment, where it
	// was opened: the batches that show them stand behind it.
	inside map[uint64][32]byte
}

func begin(h Header) progress {
	return progress{header: h, head: access.Head{Seq: h.After, Hash: [32]byte(h.Previous)}, known: true, batch: h.FromBatch, shown: h.After}
}

// entry takes the next entry, in its stored form.
func (p *progress) entry(stored []byte) (access.Entry, error) {
	e, err := access.Decode(stored)
	if err != nil {
		return e, fmt.Errorf("after entry %d: %w", p.head.Seq, err)
	}
	if !p.known && e.Seq == p.head.Seq+1 {
		p.head.Hash, p.known = e.Previous, true
	}
	if _, err := p.head.Follow(stored); err != nil {
		return e, err
	}
	if e.Time.Before(p.last) {
		return e, fmt.Errorf("%w: entry %d is older than the one before", access.ErrChain, e.Seq)
	}
	p.last, p.lines = e.Time, true
	return e, nil
}

// dropped takes the gap.
func (p *progress) dropped(g Gap) error {
	if p.lines || p.gap.To != 0 || g.From != p.head.Seq+1 || g.To < g.From {
		return fmt.Errorf("%w: entries %d to %d are missing after entry %d", access.ErrChain, g.From, g.To, p.head.Seq)
	}
	p.gap, p.head, p.known = g, access.Head{Seq: g.To}, false
	return nil
}

// numbered takes the number of the next batch.
func (p *progress) numbered(n uint64) error {
	if n != p.batch {
		return fmt.Errorf("%w: batch %d follows where %d should", ErrBatch, n, p.batch)
	}
	p.batch++
	return nil
}

// passed takes entries that are sealed, and stay so.
func (p *progress) passed(s *Sealed) error {
	if s.From > p.head.Seq+1 || s.To <= p.head.Seq {
		return fmt.Errorf("%w: entries %d to %d are sealed, and entry %d was the last", access.ErrChain, s.From, s.To, p.head.Seq)
	}
	p.head, p.known, p.lines, p.inside = access.Head{Seq: s.To}, false, true, nil
	return nil
}

// opened takes entries that were sealed and are not any more, and returns those
// that are new.
func (p *progress) opened(s *Sealed, all [][]byte) (news []access.Entry, err error) {
	if s.From > p.head.Seq+1 || s.To <= p.head.Seq {
		return nil, p.passed(s)
	}
	p.inside = make(map[uint64][32]byte, len(all))
	for _, stored := range all {
		if l, ok := access.LinkOf(stored); ok && l.Seq <= p.head.Seq {
			continue // of before the bundle's beginning
		}
		e, err := p.entry(stored)
		if err != nil {
			return nil, err
		}
		news = append(news, e)
		p.inside[e.Seq] = p.head.Hash
	}
	if p.head.Seq != s.To {
		return nil, fmt.Errorf("%w: a sealed segment ends with entry %d, and says %d", access.ErrChain, p.head.Seq, s.To)
	}
	return news, nil
}

// took takes the next batch.
func (p *progress) took(b *Batch) error {
	if err := b.check(); err != nil {
		return err
	}
	if err := p.numbered(b.N); err != nil {
		return err
	}
	switch {
	case b.Seq < p.shown:
		return fmt.Errorf("%w: batch %d shows entry %d, after one has shown entry %d", ErrHead, b.N, b.Seq, p.shown)
	case !p.known && b.Seq == p.head.Seq:
		p.head.Hash, p.known = [32]byte(b.Head), true
	case !p.known && b.Seq < p.head.Seq: // its entry was dropped
	case b.Seq < p.head.Seq && p.inside[b.Seq] == [32]byte(b.Head) && p.inside[b.Seq] != [32]byte{}: // in the segment before
	case b.Seq != p.head.Seq:
		return fmt.Errorf("%w: batch %d shows entry %d, and stands behind entry %d", ErrBatch, b.N, b.Seq, p.head.Seq)
	case [32]byte(b.Head) != p.head.Hash:
		return fmt.Errorf("%w: batch %d has another hash for entry %d", ErrHead, b.N, b.Seq)
	}
	p.shown = b.Seq
	return nil
}

// ended takes the end.
func (p *progress) ended(e *End) error {
	switch {
	case len(e.Head) != 32:
		return fmt.Errorf("%w: the end has a hash of %d bytes", ErrForm, len(e.Head))
	case e.Seq != p.head.Seq:
		return fmt.Errorf("%w: the end is entry %d, and entry %d was the last", ErrHead, e.Seq, p.head.Seq)
	case p.known && [32]byte(e.Head) != p.head.Hash:
		return fmt.Errorf("%w: the end has another hash for entry %d", ErrHead, e.Seq)
	case e.Batches != p.batch-1:
		return fmt.Errorf("%w: the end is batch %d, and batch %d was the last", ErrBatch, e.Batches, p.batch-1)
	}
	p.head.Hash = [32]byte(e.Head)
	return nil
}
