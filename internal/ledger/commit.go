package ledger

import (
	"context"
	"errors"
	"fmt"

	"writ/internal/proof"
	"writ/internal/records"
)

// maxID is the most bytes of a statement's id.
const maxID = 200

func checkID(id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("a statement's id has 1 to %d bytes, not %d", maxID, len(id))
	}
	return nil
}

// Commit writes a hidden statement down: durable on return, in the next batch
// that has room. A statement whose id is there is left as it is, and the call
// succeeds: who doesn't know whether a call came through repeats it.
func (b *Book) Commit(ctx context.Context, id, kind string, body any) error {
	return records.Retry(ctx, b.store, func(tx records.Tx) error { return b.CommitTx(ctx, tx, id, kind, body) })
}

// CommitTx is Commit inside a transaction of the caller's: the statement is
// written down if and when that commits. It reads and writes nothing that other
// statements touch, so that transactions with different ids don't conflict
// here. Errors: [proof.ErrForm] if the statement is too large or its kind is
// public; then nothing was written.
func (b *Book) CommitTx(ctx context.Context, tx records.Tx, id, kind string, body any) error {
	if err := checkID(id); err != nil {
		return err
	}
	at, when := b.stamps.next(b.config.Now())
	statement, err := proof.EncodeHidden(kind, when, body)
	if err != nil {
		return err
	}
	switch _, err := tx.Get(ctx, placeKey(id)); {
	case err == nil:
		return nil
	case !errors.Is(err, records.ErrNotFound):
		return fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	tx.Put(placeKey(id), encodeRecord(placeRecord{Stamp: at[:]}))
	tx.Put(outboxKey(at), encodeRecord(outboxRecord{ID: id, Statement: statement}))
	return nil
}

// Publish writes a public statement down, in the records first, and waits until
// it is published. A statement whose id is there is left as it is, and its
// receipt returned. If ctx ends first the statement is published all the same,
// if the call came that far: repeat it. Errors: [proof.ErrForm]; [ErrPending] if
// ctx ends first; what stops the book for good.
func (b *Book) Publish(ctx context.Context, id, kind string, body any) (*proof.Receipt, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	if kind == proof.KindBatch || kind == proof.KindPolicy {
		return nil, fmt.Errorf("%w: the ledger itself makes statements of kind %s", proof.ErrForm, kind)
	}
	if err := b.enqueue(ctx, id, kind, body); err != nil {
		return nil, err
	}
	return b.Await(ctx, id)
}

// enqueue puts a public statement into the queue, if its id is new.
func (b *Book) enqueue(ctx context.Context, id, kind string, body any) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	switch _, err := b.store.Get(ctx, placeKey(id)); {
	case err == nil:
		return nil
	case !errors.Is(err, records.ErrNotFound):
		return fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	var batch records.Batch
	next := b.book
	leaf, err := b.encodePublic(&next, kind, body)
	if err != nil {
		return err
	}
	b.queueLeaf(&batch, &next, id, leaf)
	return b.apply(ctx, &batch, next)
}

// encodePublic makes the leaf of a public statement of now. The caller has the
// turn.
func (b *Book) encodePublic(next *bookRecord, kind string, body any) ([]byte, error) {
	at := max(b.config.Now().UnixMilli(), next.At)
	leaf, err := proof.Encode(kind, fromMilli(at), body)
	if err != nil {
		return nil, err
	}
	next.At = at
	return leaf, nil
}

// queueLeaf adds the records of a public statement to a change.
func (b *Book) queueLeaf(batch *records.Batch, next *bookRecord, id string, leaf []byte) {
	batch.Put(queueKey(next.Queued), encodeRecord(queuedRecord{Leaf: leaf, ID: id}))
	batch.Put(placeKey(id), encodeRecord(placeRecord{Queued: true, Origin: b.origin}))
	next.Queued++
}

// apply makes a change durable together with the new bookRecord. The caller has
// the turn.
func (b *Book) apply(ctx context.Context, batch *records.Batch, next bookRecord) error {
	batch.Put(bookKey(), encodeRecord(next))
	// A change that is half known would leave memory and records apart.
	if err := b.store.Apply(context.WithoutCancel(ctx), batch); err != nil {
		return fmt.Errorf("couldn't write the ledger's records: %w", err)
	}
	b.book = next
	b.stamps.behind(stamp{}, fromMilli(next.At))
	b.show()
	b.wake()
	return nil
}
