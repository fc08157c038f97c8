package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"writ/internal/proof"
	"writ/internal/records"
)

func fromMilli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// freeze makes the batch of the interval that ends at tick: it takes the first
// statements out of the outbox, draws their slots, and puts the batch into the
// queue. What it says is settled then, but for being late.
func (b *Book) freeze(ctx context.Context, tick time.Time) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	b.takeHeads(ctx)
	waiting, _, err := b.store.Scan(ctx, records.Range{
		Start: key(tagOutbox, ""), End: records.PrefixEnd(key(tagOutbox, "")), Limit: min(b.config.Slots-1, records.MaxLimit)})
	if err != nil {
		return fmt.Errorf("couldn't read the ledger's outbox: %w", err)
	}
	next := b.book
	r := &batchRecord{Slots: b.config.Slots}
	b.settleTime(&next, r, tick)
	next.Frozen++
	rand.Read(r.Seed[:])
	heads, err := b.headMap(ctx, r.mapFiller(), b.heads)
	if err != nil {
		return err
	}
	r.Heads = heads.Root()
	var change records.Batch
	if err := b.fill(&change, next.Frozen, r, waiting); err != nil {
		return err
	}
	b.writeHeads(&change, &next)
	change.Put(batchKey(next.Frozen), encodeRecord(r))
	queued := queuedRecord{Batch: next.Frozen}
	if next.Front == next.Queued { // nothing waits before it, so what it says is known
		if err := b.spell(&queued, &next, r); err != nil {
			return err
		}
	}
	change.Put(queueKey(next.Queued), encodeRecord(queued))
	next.Queued++
	if err := b.apply(ctx, &change, next); err != nil {
		return err
	}
	clear(b.moved)
	return nil
}

// settleTime writes when the batch is: its `at` never goes back.
func (b *Book) settleTime(next *bookRecord, r *batchRecord, tick time.Time) {
	now := tick.UnixMilli()
	r.Back = next.Frozen > 0 && now < next.Tick
	if r.Back {
		b.say.Warn("the clock went back", "from", fromMilli(next.Tick), "to", tick.UTC())
	}
	r.At = max(now, next.At)
	r.From = r.At - b.config.Interval.Milliseconds()
	if next.Frozen > 0 {
		r.From = next.BatchAt
	}
	next.At, next.Tick, next.BatchAt = r.At, now, r.At
}

// fill moves statements from the outbox into slots.
func (b *Book) fill(change *records.Batch, n uint64, r *batchRecord, waiting []records.Entry) error {
	r.Used = drawSlots(len(waiting), r.Slots)
	for i, e := range waiting {
		var out outboxRecord
		if err := decodeRecord(e.Value, &out); err != nil {
			return err
		}
		entry := entryRecord{ID: out.ID, Statement: out.Statement}
		rand.Read(entry.Salt[:])
		commitment := proof.Commitment(entry.Salt, entry.Statement)
		r.Commits = append(r.Commits, commitment[:]...)
		change.Delete(e.Key)
		change.Put(entryKey(n, r.Used[i]), encodeRecord(entry))
		change.Put(placeKey(out.ID), encodeRecord(placeRecord{Batch: n, Slot: r.Used[i]}))
	}
	return nil
}

// spell makes the leaf of a batch whose turn it is.
func (b *Book) spell(q *queuedRecord, next *bookRecord, r *batchRecord) error {
	slots, err := r.slots()
	if err != nil {
		return err
	}
	root := proof.SlotRoot(slots)
	body := proof.Batch{N: q.Batch, From: fromMilli(r.From), Slots: r.Slots, Root: root[:], Late: b.late(r), LateBefore: next.LateBefore, Unwitnessed: next.Unwitnessed}
	if r.Back {
		body.Clock = "back"
	}
	if q.Leaf, err = proof.Encode(proof.KindBatch, fromMilli(r.At), body); err != nil {
		return err
	}
	q.Late, next.LateBefore = body.Late, false
	q.Unwitnessed, next.Unwitnessed = body.Unwitnessed, false
	return nil
}

// late says whether more than an interval has gone by since the batch's time.
func (b *Book) late(r *batchRecord) bool {
	return b.config.Now().Sub(fromMilli(r.At)) > b.config.Interval
}

// takeHeads asks for the heads that moved. Without them the batch has those of
// the batch before: a journal that can't tell doesn't hold up the ledger.
func (b *Book) takeHeads(ctx context.Context) {
	moved, err := b.config.Heads(ctx)
	b.mu.Lock()
	b.status.HeadsFail = err
	b.mu.Unlock()
	if err != nil {
		b.say.Error("the journals' heads couldn't be read", "error", err.Error())
		return
	}
	for customer, head := range moved {
		if b.heads[customer] != head {
			b.heads[customer], b.moved[customer] = head, head
		}
	}
}
