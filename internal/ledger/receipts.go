package ledger

import (
	"context"
	"errors"
	"fmt"

	"writ"
	"writ/internal/proof"
	"writ/internal/records"
)

// Receipt returns the receipt of a statement. Errors: [ErrPending] if it is not
// published yet, [ErrNoStatement] if there is none of that id, [ErrOldLog].
func (b *Book) Receipt(ctx context.Context, id string) (*proof.Receipt, error) {
	value, err := b.store.Get(ctx, placeKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return nil, ErrNoStatement
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	var place placeRecord
	if err := decodeRecord(value, &place); err != nil {
		return nil, err
	}
	switch {
	case place.Stamp != nil || place.Queued:
		return nil, ErrPending
	case place.Batch != 0:
		return b.hiddenReceipt(ctx, place.Batch, place.Slot)
	case place.Origin != b.origin:
		return nil, ErrOldLog
	}
	return b.leafReceipt(ctx, place.Index)
}

// Await waits until a statement is published and returns its receipt. Errors:
// those of [Book.Receipt], [ErrPending] if ctx ends first, and what stops the
// book for good.
func (b *Book) Await(ctx context.Context, id string) (*proof.Receipt, error) {
	for {
		b.mu.Lock()
		changed, sticky, waiting := b.changed, b.status.Sticky, b.status.Waiting
		b.mu.Unlock()
		r, err := b.Receipt(ctx, id)
		if !errors.Is(err, ErrPending) {
			return r, err
		}
		if sticky != nil {
			return nil, fmt.Errorf("%w: %w", ErrPending, sticky)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if waiting != nil {
				return nil, fmt.Errorf("%w: %w", ErrPending, waiting)
			}
			return nil, fmt.Errorf("%w: %w", ErrPending, ctx.Err())
		}
	}
}

// leafReceipt proves a leaf under the newest checkpoint.
func (b *Book) leafReceipt(ctx context.Context, index uint64) (*proof.Receipt, error) {
	checkpoint, err := b.log.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	size, err := SizeOf(checkpoint)
	if err != nil {
		return nil, err
	}
	leaf, err := b.log.Leaf(ctx, index)
	if err != nil {
		return nil, err
	}
	path, err := b.log.Prove(ctx, index, size)
	if err != nil {
		return nil, err
	}
	return proof.NewReceipt(leaf, index, path, checkpoint)
}

// publishedBatch reads a batch that is published in this log and whose slots
// are known. Errors: [ErrPending], [ErrOldLog], [ErrForeign], [ErrNoStatement].
func (b *Book) publishedBatch(ctx context.Context, n uint64) (*batchRecord, error) {
	published, first := b.span()
	r, err := b.batch(ctx, n)
	switch {
	case err != nil:
		return nil, err
	case n > published:
		return nil, ErrPending
	case n < first:
		return nil, ErrOldLog
	case r.Foreign:
		return nil, ErrForeign
	}
	return r, nil
}

// span is the newest published batch, and the first of this log.
func (b *Book) span() (published, first uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status.Batch, b.since
}

func (b *Book) hiddenReceipt(ctx context.Context, n uint64, slot int) (*proof.Receipt, error) {
	batch, err := b.publishedBatch(ctx, n)
	if err != nil {
		return nil, err
	}
	value, err := b.store.Get(ctx, entryKey(n, slot))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	var entry entryRecord
	if err := decodeRecord(value, &entry); err != nil {
		return nil, err
	}
	slots, err := batch.slots()
	if err != nil {
		return nil, err
	}
	r, err := b.leafReceipt(ctx, batch.Index)
	if err != nil {
		return nil, err
	}
	r.Hidden = &proof.HiddenProof{Body: entry.Statement, Salt: entry.Salt[:], Slot: slot, Slots: batch.Slots, Path: proof.SlotPath(slots, slot)}
	return r, nil
}

// BatchHead is what a published batch says of one customer's journal.
type BatchHead struct {
	N     uint64   // number of the batch
	Index uint64   // of its leaf
	Slots int      // of the batch
	Path  [][]byte // from slot 0 to the batch's root

	// Head is nil if the customer had no journal then, or if what was in the
	// batch is lost (Lost).
	Head     *JournalHead
	HeadPath [][]byte // from the head to slot 0, 64 siblings
	Lost     bool
}

// maxBatches is how many batches one call returns at most.
const maxBatches = 1000

// Batches returns what the published batches from number `from` on, up to
// limit, say of a customer's journal. Batches of a log that has ended are
// ErrOldLog.
func (b *Book) Batches(ctx context.Context, customer writ.CustomerID, from uint64, limit int) ([]BatchHead, error) {
	published, _ := b.span()
	from = max(from, 1)
	label, err := b.label(ctx, customer)
	if err != nil {
		return nil, err
	}
	var all []BatchHead
	var heads map[writ.CustomerID]JournalHead
	for n := from; n <= published && len(all) < min(limit, maxBatches); n++ {
		r, err := b.publishedBatch(ctx, n)
		if errors.Is(err, ErrForeign) {
			r, err = b.batch(ctx, n)
		}
		if err != nil {
			return nil, err
		}
		if r.Foreign {
			all, heads = append(all, BatchHead{N: n, Index: r.Index, Slots: r.Slots, Lost: true}), nil
			continue
		}
		if heads, err = b.advance(ctx, heads, n); err != nil {
			return nil, err
		}
		m, err := b.mapOf(ctx, n, r, heads)
		if err != nil {
			return nil, err
		}
		one, err := batchHead(n, r, label, m)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// advance makes the heads at batch n out of those at batch n-1, or, if there are
// none, reads them.
func (b *Book) advance(ctx context.Context, heads map[writ.CustomerID]JournalHead, n uint64) (map[writ.CustomerID]JournalHead, error) {
	if heads == nil {
		return b.headsAt(ctx, n)
	}
	value, err := b.store.Get(ctx, movedKey(n))
	if errors.Is(err, records.ErrNotFound) {
		return heads, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	return heads, readHeads(value, heads)
}

func batchHead(n uint64, r *batchRecord, label [32]byte, m *proof.HeadMap) (BatchHead, error) {
	slots, err := r.slots()
	if err != nil {
		return BatchHead{}, err
	}
	out := BatchHead{N: n, Index: r.Index, Slots: r.Slots, Path: proof.SlotPath(slots, 0)}
	if head, path, ok := m.Path(label); ok {
		out.Head, out.HeadPath = &JournalHead{Seq: head.Seq, Hash: head.Head}, path
	}
	return out, nil
}

// mapOf makes the map of a batch from its heads, and holds it against what was
// published.
func (b *Book) mapOf(ctx context.Context, n uint64, r *batchRecord, heads map[writ.CustomerID]JournalHead) (*proof.HeadMap, error) {
	m, err := b.headMap(ctx, r.mapFiller(), heads)
	if err != nil {
		return nil, err
	}
	if m.Root() != r.Heads {
		return nil, fmt.Errorf("%w: the journal heads of batch %d", ErrRecords, n)
	}
	return m, nil
}

// mapAt is the map of a batch. The last one is kept, since many customers ask
// for their heads in the newest batch.
func (b *Book) mapAt(ctx context.Context, n uint64, r *batchRecord) (*proof.HeadMap, error) {
	b.mu.Lock()
	last := b.lastMap
	b.mu.Unlock()
	if last.n == n {
		return last.m, nil
	}
	heads, err := b.headsAt(ctx, n)
	if err != nil {
		return nil, err
	}
	m, err := b.mapOf(ctx, n, r, heads)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.lastMap = keptMap{n, m}
	b.mu.Unlock()
	return m, nil
}

// keptMap is a map that was made for a batch.
type keptMap struct {
	n uint64
	m *proof.HeadMap
}

// HeadReceipt returns the receipt of a customer's journal head in batch n.
// Errors: [ErrPending], [ErrOldLog], [ErrForeign]; [ErrNoStatement] if there is
// no such batch or the customer had no journal then.
func (b *Book) HeadReceipt(ctx context.Context, customer writ.CustomerID, n uint64) (*proof.Receipt, error) {
	batch, err := b.publishedBatch(ctx, n)
	if err != nil {
		return nil, err
	}
	label, err := b.label(ctx, customer)
	if err != nil {
		return nil, err
	}
	m, err := b.mapAt(ctx, n, batch)
	if err != nil {
		return nil, err
	}
	one, err := batchHead(n, batch, label, m)
	if err != nil {
		return nil, err
	}
	if one.Head == nil {
		return nil, ErrNoStatement
	}
	r, err := b.leafReceipt(ctx, batch.Index)
	if err != nil {
		return nil, err
	}
	r.Hidden = &proof.HiddenProof{Slot: 0, Slots: batch.Slots, Path: one.Path}
	r.Head = &proof.JournalProof{Label: label[:], Seq: one.Head.Seq, Head: one.Head.Hash[:], Path: one.HeadPath}
	return r, nil
}
