package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"writ/internal/proof"
	"writ/internal/records"
)

// requeue adds to a change that what is queued, and not in the log, is written
// down anew: statements of batches go back to the front of the outbox, policies
// are dropped, since the next start states the one in force, and others get the
// time of now. It returns the hash of the newest policy that is left, nil if
// there is none. The caller has the turn.
func (b *Book) requeue(ctx context.Context, change *records.Batch, next *bookRecord) (policy []byte, err error) {
	var again []queuedRecord
	err = b.each(ctx, records.Prefix(key(tagQueue, "")), func(e records.Entry) error {
		var q queuedRecord
		if err := decodeRecord(e.Value, &q); err != nil {
			return err
		}
		change.Delete(e.Key)
		if q.Batch != 0 {
			// What a leaf was to say in public, and is not in the log, another says.
			next.Unwitnessed = next.Unwitnessed || q.Unwitnessed && q.Batch > next.Published
			return b.unfreeze(ctx, change, q.Batch, next.Published)
		}
		again = append(again, q)
		return nil
	})
	if err != nil {
		return nil, err
	}
	next.Front = next.Queued
	dropped := map[[32]byte][]byte{} // hashes of policies, and what came before each
	for _, q := range again {
		if err := b.restate(ctx, change, next, q, dropped); err != nil {
			return nil, err
		}
	}
	last, err := b.lastPolicy(ctx)
	if err != nil || last == nil {
		return nil, err
	}
	policy = last.Hash[:]
	for len(policy) == 32 {
		before, gone := dropped[[32]byte(policy)]
		if !gone {
			break
		}
		policy = before
		change.Delete(policyKey())
		if len(before) == 32 {
			change.Put(policyKey(), encodeRecord(policyRecord{Hash: [32]byte(before)}))
		}
	}
	return policy, nil
}

// restate queues a public statement again, unless it is in the log, or a
// policy.
func (b *Book) restate(ctx context.Context, change *records.Batch, next *bookRecord, q queuedRecord, dropped map[[32]byte][]byte) error {
	value, err := b.store.Get(ctx, placeKey(q.ID))
	if err != nil {
		return fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	var place placeRecord
	if err := decodeRecord(value, &place); err != nil || !place.Queued {
		return err
	}
	s, err := proof.Decode(q.Leaf)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRecords, err)
	}
	if s.Kind == proof.KindPolicy {
		var p proof.Policy
		if err := proof.Unmarshal(s.Body, &p); err != nil {
			return fmt.Errorf("%w: %w", ErrRecords, err)
		}
		change.Delete(placeKey(q.ID))
		dropped[sha256.Sum256(q.Leaf)] = p.Previous
		return nil
	}
	leaf, err := b.encodePublic(next, s.Kind, s.Body)
	if err != nil {
		return err
	}
	b.queueLeaf(change, next, q.ID, leaf)
	return nil
}

// unfreeze puts the statements of a batch that is not in the log back into the
// outbox, before all that came later, unless the batch is in the log after all.
func (b *Book) unfreeze(ctx context.Context, change *records.Batch, n, published uint64) error {
	r, err := b.batch(ctx, n)
	if err != nil {
		return err
	}
	if n <= published && !r.Foreign {
		return nil
	}
	at := uint64(time.UnixMilli(r.From).UnixNano())
	err = b.each(ctx, records.Prefix(entriesKey(n)), func(e records.Entry) error {
		var entry entryRecord
		if err := decodeRecord(e.Value, &entry); err != nil {
			return err
		}
		st := early(at)
		at++
		change.Delete(e.Key)
		change.Put(outboxKey(st), encodeRecord(outboxRecord{ID: entry.ID, Statement: entry.Statement}))
		change.Put(placeKey(entry.ID), encodeRecord(placeRecord{Stamp: st[:]}))
		return nil
	})
	if err != nil {
		return err
	}
	change.Delete(movedKey(n))
	if !r.Foreign { // the number is another batch's now
		change.Delete(batchKey(n))
	}
	return b.each(ctx, records.Prefix(headsKey(n)), func(e records.Entry) error { change.Delete(e.Key); return nil })
}
