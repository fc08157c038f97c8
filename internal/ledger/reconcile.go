package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"writ/internal/proof"
	"writ/internal/records"
)

// reconcile holds the log against the records at start. The caller has the
// turn. What is in the log and the records don't know yet is the front of the
// queue, which [Book.place] finds; or the records are older than the log, and
// that is refused or, if so configured, adopted.
func (b *Book) reconcile(ctx context.Context) error {
	if err := CheckLog(ctx, b.log, b.config.LogKey, b.book.Next, b.book.Root); err != nil {
		return err
	}
	size, err := b.log.Size(ctx)
	if err != nil {
		return err
	}
	if size == b.book.Next {
		return b.showBatch(ctx)
	}
	// Appended one by one, at most one leaf can be in the log unknown.
	if size == b.book.Next+1 {
		leaf, err := b.log.Pending(ctx, b.book.Next)
		if err != nil {
			return err
		}
		front, err := b.firstQueued(ctx)
		if err != nil {
			return err
		}
		if front != nil && bytes.Equal(front.Leaf, leaf) {
			return b.showBatch(ctx)
		}
	}
	if !b.config.Adopt {
		return fmt.Errorf("%w (the log has %d leaves, the records know %d)", ErrOlderRecords, size, b.book.Next)
	}
	if err := b.adopt(ctx, size); err != nil {
		return err
	}
	return b.showBatch(ctx)
}

// showBatch puts the time of the newest published batch into the status.
func (b *Book) showBatch(ctx context.Context) error {
	if b.book.Published < b.book.First {
		return nil
	}
	r, err := b.batch(ctx, b.book.Published)
	if err != nil {
		return fmt.Errorf("%w: batch %d: %w", ErrRecords, b.book.Published, err)
	}
	b.status.BatchAt = fromMilli(r.At)
	return nil
}

// CheckLog holds a log against what is known of it: the size and root up to
// which its leaves were published and accounted for. It says what is wrong, and
// what to do. Errors: [ErrDamaged].
func CheckLog(ctx context.Context, l Log, logKey string, size uint64, root []byte) error {
	v, err := proof.NewVerifier(proof.Trust{LogKey: logKey})
	if err != nil {
		return err
	}
	signed, err := l.Checkpoint(ctx)
	if err != nil {
		return err
	}
	cp, err := v.Checkpoint(signed)
	if err != nil {
		return fmt.Errorf("%w: %w; put back the file or run `writ ledger recover`", ErrDamaged, err)
	}
	switch {
	case cp.Size < size && cp.Size == 0:
		return fmt.Errorf("%w: it is empty, and %d leaves were published: it was lost; put it back or run `writ ledger recover`", ErrDamaged, size)
	case cp.Size < size:
		return fmt.Errorf("%w: it publishes %d leaves, and %d were published: it was restored from an older backup; put back the newest or run `writ ledger recover`", ErrDamaged, cp.Size, size)
	}
	for _, at := range []struct {
		size uint64
		root []byte
	}{{cp.Size, cp.Root}, {size, root}} {
		if at.size == 0 {
			continue
		}
		got, err := rootAt(ctx, l.Tile, at.size)
		if err != nil {
			return fmt.Errorf("%w; run `writ ledger recover`", err)
		}
		if !bytes.Equal(got[:], at.root) {
			return fmt.Errorf("%w: its tiles don't lead to the root of the %d leaves that were published: they were changed; run `writ ledger recover`", ErrDamaged, at.size)
		}
	}
	return nil
}

// firstQueued reads the first queued leaf, nil if there is none. The caller has
// the turn.
func (b *Book) firstQueued(ctx context.Context) (*queuedRecord, error) {
	if b.book.Front == b.book.Queued {
		return nil, nil
	}
	value, err := b.store.Get(ctx, queueKey(b.book.Front))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ledger's queue: %w", err)
	}
	q := new(queuedRecord)
	return q, decodeRecord(value, q)
}

// adopt numbers on from what the log holds. Batches that the records don't know
// become foreign ones; queued leaves that are in the log are taken for
// published; what was queued and is not in the log is written down anew. The
// caller has the turn.
func (b *Book) adopt(ctx context.Context, size uint64) error {
	waiting := map[string]queuedRecord{}
	err := b.each(ctx, records.Prefix(key(tagQueue, "")), func(e records.Entry) error {
		var q queuedRecord
		if err := decodeRecord(e.Value, &q); err != nil {
			return err
		}
		if q.Leaf != nil {
			waiting[string(q.Leaf)] = q
		}
		return nil
	})
	if err != nil {
		return err
	}
	next := b.book
	next.Frozen = next.Published
	for index := next.Next; index < size; index++ {
		leaf, err := b.log.Pending(ctx, index)
		if err != nil {
			return err
		}
		var change records.Batch
		if err := b.adoptLeaf(ctx, &change, &next, index, leaf, waiting[string(leaf)]); err != nil {
			return err
		}
		if err := b.store.Apply(ctx, &change); err != nil {
			return fmt.Errorf("couldn't write the ledger's records: %w", err)
		}
		delete(waiting, string(leaf))
	}
	checkpoint, err := b.log.Await(ctx, size-1)
	if err != nil {
		return err
	}
	root, err := b.rootOf(ctx, checkpoint, size)
	if err != nil {
		return err
	}
	next.Next, next.Root, next.Heads, next.Moved, next.LateBefore = size, root[:], 0, 0, false
	b.say.Warn("the ledger's records were older than the log, and were brought up to it", "leaves", size-b.book.Next, "batch", next.Published)
	var change records.Batch
	if _, err := b.requeue(ctx, &change, &next); err != nil {
		return err
	}
	return b.apply(ctx, &change, next)
}

// adoptLeaf takes one leaf of the log into the records.
func (b *Book) adoptLeaf(ctx context.Context, change *records.Batch, next *bookRecord, index uint64, leaf []byte, known queuedRecord) error {
	s, err := proof.Decode(leaf)
	if err != nil {
		return fmt.Errorf("%w: leaf %d: %w", ErrDamaged, index, err)
	}
	next.At = max(next.At, s.At.UnixMilli())
	switch {
	case s.Kind == proof.KindBatch:
		var body proof.Batch
		if err := proof.Unmarshal(s.Body, &body); err != nil {
			return fmt.Errorf("%w: leaf %d: %w", ErrDamaged, index, err)
		}
		if body.N != next.Frozen+1 {
			if next.Frozen != 0 {
				return fmt.Errorf("%w: leaf %d is batch %d, and batch %d was expected", ErrDamaged, index, body.N, next.Frozen+1)
			}
			next.First = body.N // a log that goes on after a break
		}
		next.Frozen, next.Published, next.BatchAt, next.Tick = body.N, body.N, s.At.UnixMilli(), s.At.UnixMilli()
		r := &batchRecord{From: body.From.UnixMilli(), At: s.At.UnixMilli(), Slots: body.Slots, Foreign: true}
		if known.Batch == body.N {
			if r, err = b.batch(ctx, body.N); err != nil {
				return err
			}
		}
		r.Index = index
		change.Put(batchKey(body.N), encodeRecord(r))
	case s.Kind == proof.KindPolicy:
		var body proof.Policy
		if err := proof.Unmarshal(s.Body, &body); err != nil {
			return fmt.Errorf("%w: leaf %d: %w", ErrDamaged, index, err)
		}
		body.Previous, body.Break = nil, nil
		plain, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("couldn't encode the policy: %w", err)
		}
		hash := sha256.Sum256(leaf)
		change.Put(policyKey(), encodeRecord(policyRecord{Hash: hash, Body: plain}))
		change.Put(placeKey(policyID(hash)), encodeRecord(placeRecord{Index: index, Origin: b.origin}))
	case known.ID != "":
		change.Put(placeKey(known.ID), encodeRecord(placeRecord{Index: index, Origin: b.origin}))
	}
	return nil
}
