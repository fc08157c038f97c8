package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"writ"
	"writ/internal/access"
	"writ/internal/bundle"
	"writ/internal/proof"
	"writ/internal/seal"
)

// Asked is what a customer wants to see in a bundle, and knows already.
type Asked struct {
	Customer writ.CustomerID // "" takes any
	Since    *uint64         // the chain must be unbroken after this entry
	Before   *Journal        // of the last visit
	// Newer reads the log's newest checkpoint, for a bundle that is newer than
	// the one at hand; nil if it may not be.
	Newer func(context.Context) (*Log, error)
	Lost  bool           // batches of which the server can show nothing are no refusal
	Key   *seal.Identity // opens what is sealed to the customer's own key; nil if there is none
	// Entry is given every entry, oldest first, when the chain up to it holds.
	// Whether it was committed to is known at the end only.
	Entry func(access.Entry) error
}

// Checked is what a bundle proves.
type Checked struct {
	Customer  writ.CustomerID `json:"customer"`
	After     uint64          `json:"after"`         // asked for, or where the last visit's proof ended
	Since     uint64          `json:"since"`         // the chain is unbroken from the entry after this one
	Gap       *bundle.Gap     `json:"gap,omitempty"` // dropped before
	Entries   uint64          `json:"entries"`
	Seq       uint64          `json:"seq"`       // newest entry
	Committed uint64          `json:"committed"` // newest entry that a batch shows
	FromBatch uint64          `json:"from_batch"`
	Batches   uint64          `json:"batches"` // how many
	Batch     uint64          `json:"batch"`   // number of the newest
	At        time.Time       `json:"at"`      // its time
	Late      uint64          `json:"late"`    // how many were published late
	Lost      uint64          `json:"lost"`    // how many the server can show nothing of
	Behind    uint64          `json:"behind"`  // published since, and not in the bundle
	Remember  *Journal        `json:"-"`       // for the next visit
}

// Head is where the bundle ends.
func (c *Checked) Head() access.Head {
	return access.Head{Seq: c.Seq, Hash: [32]byte(c.Remember.Head)}
}

// Journal checks a bundle against the log: that every batch in it is the log's
// and shows this customer's head, and that what was seen before is still there.
// Errors: those of [bundle.Reader], [ErrJournal], [proof.ErrSlot],
// [proof.ErrInclusion], those of [Log.Leaf].
func (l *Log) Journal(ctx context.Context, in io.Reader, asked Asked) (*Checked, error) {
	r, err := bundle.NewReader(in)
	if err != nil {
		return nil, err
	}
	if asked.Key != nil {
		r.Unseal(asked.Key)
	}
	c := &checking{log: l, asked: asked, r: r}
	if err := c.begin(); err != nil {
		return nil, err
	}
	for {
		item, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = c.item(ctx, item)
		}
		if err != nil {
			return nil, err
		}
	}
	return c.end(ctx, l)
}

// checking is one run through a bundle.
type checking struct {
	log   *Log
	asked Asked
	r     *bundle.Reader
	label [32]byte
	out   Checked
	shown access.Head // by the newest batch
	index uint64      // of the newest batch
	seen  bool        // what was seen before has been passed
}

// begin compares the header with what is pinned.
func (c *checking) begin() error {
	h := c.r.Header()
	c.label = proof.Label([32]byte(h.LabelKey), h.Origin)
	c.out = Checked{Customer: h.Customer, After: h.After, Since: h.After, FromBatch: h.FromBatch}
	before := c.asked.Before
	switch {
	case h.Origin != c.log.Checkpoint.Origin:
		return fmt.Errorf("%w: it is of the log %.100q", ErrJournal, h.Origin)
	case c.asked.Customer != "" && h.Customer != c.asked.Customer:
		return fmt.Errorf("%w: it is of another customer, %s", ErrJournal, h.Customer)
	case c.asked.Since != nil && h.After != *c.asked.Since && (before == nil || h.After > *c.asked.Since):
		return fmt.Errorf("%w: it begins after entry %d, not after %d", ErrJournal, h.After, *c.asked.Since)
	case before == nil:
		c.shown = c.r.Head()
		return nil
	case !bytes.Equal(before.Label, c.label[:]):
		return fmt.Errorf("%w: the customer's label is another than at the last visit", ErrJournal)
	case h.After > before.Proven:
		return fmt.Errorf("%w: it begins after entry %d, and the last visit ended with %d", ErrJournal, h.After, before.Proven)
	case h.FromBatch > before.Batches+1:
		return fmt.Errorf("%w: it begins with batch %d, and the last visit ended with %d", ErrJournal, h.FromBatch, before.Batches)
	}
	c.shown = c.r.Head()
	return c.remembered()
}

// remembered compares the chain with what the last visit saw of it.
func (c *checking) remembered() error {
	at, before := c.r.Head(), c.asked.Before
	if before == nil {
		return nil
	}
	for _, known := range []access.Head{before.Anchor(), {Seq: before.Seq, Hash: [32]byte(before.Head)}} {
		if at.Seq == known.Seq && at.Hash != known.Hash {
			return fmt.Errorf("%w: entry %d is another than at the last visit", access.ErrChain, at.Seq)
		}
	}
	c.seen = c.seen || at.Seq == before.Seq
	return nil
}

func (c *checking) item(ctx context.Context, item bundle.Item) error {
	switch {
	case item.Batch != nil:
		return c.batch(ctx, item.Batch)
	case item.Lost != nil:
		return c.lost(ctx, item.Lost)
	case item.Gap != nil:
		return c.gap(item.Gap)
	case item.Sealed != nil:
		return fmt.Errorf("%w: %w", ErrSealed, item.Sealed)
	}
	c.out.Entries++
	if err := c.remembered(); err != nil {
		return err
	}
	if c.asked.Entry != nil {
		return c.asked.Entry(*item.Entry)
	}
	return nil
}

// gap: entries that are no longer kept may be missing only where nobody said
// that the chain must hold.
func (c *checking) gap(g *bundle.Gap) error {
	switch before := c.asked.Before; {
	case c.asked.Since != nil && *c.asked.Since < g.To:
		return fmt.Errorf("%w: entries %d to %d are no longer kept", access.ErrChain, g.From, g.To)
	case before != nil && before.Seq < g.To:
		return fmt.Errorf("%w: entries %d to %d are no longer kept, and the last visit saw up to %d", access.ErrChain, g.From, g.To, before.Seq)
	}
	c.out.Gap, c.out.Since = g, g.To
	return nil
}

// leaf reads the batch of a number off the log.
func (c *checking) leaf(ctx context.Context, n, index uint64) (batch proof.Batch, err error) {
	wrong := func(format string, args ...any) (proof.Batch, error) {
		return batch, fmt.Errorf("%w: batch %d %s", proof.ErrInclusion, n, fmt.Sprintf(format, args...))
	}
	if c.out.Batches > 0 && index <= c.index {
		return wrong("is said to be at index %d, and the one before was at %d", index, c.index)
	}
	if index >= c.log.Checkpoint.Size && c.asked.Newer != nil {
		newer, err := c.asked.Newer(ctx)
		if err != nil {
			return batch, err
		}
		c.log = newer
	}
	if index >= c.log.Checkpoint.Size {
		return wrong("is said to be at index %d, and the log has %d leaves", index, c.log.Checkpoint.Size)
	}
	leaf, err := c.log.Leaf(ctx, index)
	if err != nil {
		return batch, err
	}
	s, err := proof.Decode(leaf)
	if err == nil && s.Kind != proof.KindBatch {
		return wrong("is said to be at index %d, where there is a %s", index, s.Kind)
	}
	if err == nil {
		err = proof.Unmarshal(s.Body, &batch)
	}
	if err != nil {
		return batch, fmt.Errorf("leaf %d: %w", index, err)
	}
	if batch.N != n {
		return wrong("is said to be at index %d, where there is batch %d", index, batch.N)
	}
	if batch.Late {
		c.out.Late++
	}
	c.index, c.out.Batches, c.out.Batch, c.out.At = index, c.out.Batches+1, n, s.At
	return batch, nil
}

// lost takes a batch of which nothing is shown.
func (c *checking) lost(ctx context.Context, l *bundle.Lost) error {
	if _, err := c.leaf(ctx, l.N, l.Index); err != nil {
		return err
	}
	if !c.asked.Lost {
		return fmt.Errorf("%w: batch %d", ErrLost, l.N)
	}
	c.out.Lost++
	return nil
}

// batch proves a batch against the log.
func (c *checking) batch(ctx context.Context, b *bundle.Batch) error {
	batch, err := c.leaf(ctx, b.N, b.Index)
	if err != nil {
		return err
	}
	if batch.Slots != b.Slots {
		return fmt.Errorf("%w: batch %d has %d slots, not %d", proof.ErrSlot, b.N, batch.Slots, b.Slots)
	}
	root, err := b.Root(c.label)
	if err != nil {
		return err
	}
	if !bytes.Equal(root[:], batch.Root) {
		return fmt.Errorf("%w: batch %d doesn't show this customer's journal at entry %d", proof.ErrSlot, b.N, b.Seq)
	}
	c.shown = access.Head{Seq: b.Seq, Hash: [32]byte(b.Head)}
	return nil
}

// end looks at what is not in the bundle. first is the log as it was before the
// bundle was asked for: what it has published must be there.
func (c *checking) end(ctx context.Context, first *Log) (*Checked, error) {
	before, at := c.asked.Before, c.r.Head()
	if before != nil && !c.seen {
		return nil, fmt.Errorf("%w: it ends with entry %d, and the last visit saw up to %d", access.ErrChain, at.Seq, before.Seq)
	}
	newest, err := first.newestBatch(ctx)
	if err != nil {
		return nil, err
	}
	if c.out.Batches == 0 {
		c.out.Batch = c.r.Newest()
	}
	c.out.Committed = c.shown.Seq
	if newest > c.out.Batch {
		c.out.Behind = newest - c.out.Batch
	}
	if newest < c.out.Batch && c.out.Batches == 0 {
		return nil, fmt.Errorf("%w: it begins with batch %d, and the log has published %d", ErrJournal, c.out.FromBatch, newest)
	}
	c.out.Seq = at.Seq
	c.out.Remember = &Journal{
		Label: c.label[:], Seq: at.Seq, Head: at.Hash[:], Proven: c.shown.Seq, Hash: c.shown.Hash[:], Batches: c.out.Batch,
	}
	return &c.out, nil
}

// newestBatch is the number of the newest batch in the log; 0 if there is none.
func (l *Log) newestBatch(ctx context.Context) (uint64, error) {
	for i := l.Checkpoint.Size; i > 0; i-- {
		leaf, err := l.Leaf(ctx, i-1)
		if err != nil {
			return 0, err
		}
		f, err := factOf(leaf)
		if err != nil {
			return 0, fmt.Errorf("leaf %d: %w", i-1, err)
		}
		if f.kind == proof.KindBatch {
			return f.batch.N, nil
		}
	}
	return 0, nil
}
