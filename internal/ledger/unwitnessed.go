package ledger

import (
	"context"
	"errors"
	"fmt"

	"writ/internal/records"
)

// Kept returns a hidden statement as it was written down, whether it is
// published yet or not. It is what the gate holds on to while witnesses are
// away. Errors: [ErrNoStatement], also if the statement is a public one.
func (b *Book) Kept(ctx context.Context, id string) ([]byte, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	var statement []byte
	err := records.Retry(ctx, b.store, func(tx records.Tx) (err error) { // a batch may take it out of the outbox meanwhile
		statement, err = kept(ctx, tx, id)
		return err
	})
	return statement, err
}

func kept(ctx context.Context, tx records.Tx, id string) ([]byte, error) {
	var place placeRecord
	if err := get(ctx, tx, placeKey(id), &place); err != nil {
		return nil, err
	}
	switch {
	case place.Stamp != nil:
		var out outboxRecord
		var at stamp
		if copy(at[:], place.Stamp) != len(at) {
			return nil, fmt.Errorf("%w: where a statement waits", ErrRecords)
		}
		err := get(ctx, tx, outboxKey(at), &out)
		return out.Statement, err
	case place.Batch != 0:
		var entry entryRecord
		err := get(ctx, tx, entryKey(place.Batch, place.Slot), &entry)
		return entry.Statement, err
	}
	return nil, ErrNoStatement
}

func get(ctx context.Context, tx records.Tx, key []byte, to any) error {
	value, err := tx.Get(ctx, key)
	if errors.Is(err, records.ErrNotFound) {
		return ErrNoStatement
	}
	if err != nil {
		return fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	return decodeRecord(value, to)
}

// MarkUnwitnessed has the next batch that is spelled out say in public that
// something was opened under law while the witnesses were away. That is durable
// when it returns, whatever becomes of the server then.
func (b *Book) MarkUnwitnessed(ctx context.Context) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	if b.book.Unwitnessed {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	next := b.book
	next.Unwitnessed = true
	return b.apply(ctx, new(records.Batch), next)
}
