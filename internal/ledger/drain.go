package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/transparency-dev/formats/log"

	"writ/internal/records"
)

// look is how long one wait for publication lasts before the status says why it
// waits.
const look = 250 * time.Millisecond

// drainAll publishes what is queued, until ctx ends or nothing is published any
// more for good.
func (b *Book) drainAll(ctx context.Context) {
	for {
		err := b.drain(ctx)
		if b.sticky() != nil || ctx.Err() != nil {
			return
		}
		var again <-chan time.Time
		if err != nil {
			b.wait(err)
			b.say.Warn("the ledger couldn't publish", "error", err.Error())
			again = time.After(time.Second)
		}
		select {
		case <-b.wakeUp:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// drain publishes what is queued, one after the other.
func (b *Book) drain(ctx context.Context) error {
	for {
		if err := b.sticky(); err != nil {
			return err
		}
		number, q, err := b.first(ctx)
		if err != nil || q == nil {
			return err
		}
		index, err := b.place(ctx, q)
		if err != nil {
			return b.judge(err)
		}
		checkpoint, err := b.awaitLog(ctx, index)
		if err != nil {
			return b.judge(err)
		}
		if err := b.finish(ctx, number, q, index, checkpoint); err != nil {
			return err
		}
	}
}

// judge keeps an error that no repeat helps against.
func (b *Book) judge(err error) error {
	if errors.Is(err, ErrRolledBack) || errors.Is(err, ErrOlderRecords) || errors.Is(err, ErrDamaged) {
		b.fail(err)
	}
	return err
}

// first is the first queued leaf, nil if there is none. A batch whose turn has
// come is spelled out, and that is durable, before it is returned.
func (b *Book) first(ctx context.Context) (uint64, *queuedRecord, error) {
	b.turn.Lock()
	defer b.turn.Unlock()
	number := b.book.Front
	q, err := b.firstQueued(ctx)
	if err != nil || q == nil {
		return 0, nil, err
	}
	b.turnOf(number)
	if q.Leaf != nil {
		return number, q, nil
	}
	r, err := b.batch(ctx, q.Batch)
	if err != nil {
		return 0, nil, err
	}
	next := b.book
	if err := b.spell(q, &next, r); err != nil {
		return 0, nil, err
	}
	var change records.Batch
	change.Put(queueKey(number), encodeRecord(q))
	return number, q, b.apply(ctx, &change, next)
}

// place appends a queued leaf, unless it is in the log already, and returns its
// index. Errors: [ErrOlderRecords] if the log has another leaf there.
func (b *Book) place(ctx context.Context, q *queuedRecord) (uint64, error) {
	b.turn.Lock()
	index := b.book.Next
	b.turn.Unlock()
	size, err := b.log.Size(ctx)
	if err != nil {
		return 0, err
	}
	if size == index {
		at, err := b.log.Add(ctx, q.Leaf)
		if err != nil {
			return 0, err
		}
		if at == index {
			return index, nil
		}
		size = at + 1
	}
	if size < index {
		return 0, fmt.Errorf("%w: %d of its leaves are gone; run `writ ledger recover`", ErrDamaged, index-size)
	}
	there, err := b.log.Pending(ctx, index)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(there, q.Leaf) {
		return 0, fmt.Errorf("%w (leaf %d)", ErrOlderRecords, index)
	}
	return index, nil
}

// awaitLog waits until a leaf is published, and says in the status why not.
func (b *Book) awaitLog(ctx context.Context, index uint64) ([]byte, error) {
	for {
		slice, cancel := context.WithTimeout(ctx, look)
		checkpoint, err := b.log.Await(slice, index)
		cancel()
		if err == nil || !errors.Is(err, ErrUnpublished) || ctx.Err() != nil {
			return checkpoint, err
		}
		b.wait(err)
	}
}

// finish makes it durable that a queued leaf is published.
func (b *Book) finish(ctx context.Context, number uint64, q *queuedRecord, index uint64, checkpoint []byte) error {
	root, err := b.rootOf(ctx, checkpoint, index+1)
	if err != nil {
		return err
	}
	b.turn.Lock()
	defer b.turn.Unlock()
	next := b.book
	next.Front, next.Next, next.Root = number+1, index+1, root[:]
	var change records.Batch
	change.Delete(queueKey(number))
	var at int64
	if q.Batch == 0 {
		change.Put(placeKey(q.ID), encodeRecord(placeRecord{Index: index, Origin: b.origin}))
	} else {
		r, err := b.batch(ctx, q.Batch)
		if err != nil {
			return err
		}
		r.Index, at = index, r.At
		change.Put(batchKey(q.Batch), encodeRecord(r))
		next.Published = q.Batch
		next.LateBefore = next.LateBefore || b.late(r) && !q.Late
	}
	if err := b.apply(ctx, &change, next); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if at != 0 {
		b.status.BatchAt = fromMilli(at)
	}
	return nil
}

// rootOf is the root of the first size leaves, under a checkpoint that covers
// them.
func (b *Book) rootOf(ctx context.Context, checkpoint []byte, size uint64) ([32]byte, error) {
	cp, _, _, err := log.ParseCheckpoint(checkpoint, b.origin, b.key)
	if err != nil || len(cp.Hash) != 32 {
		return [32]byte{}, fmt.Errorf("%w: its checkpoint is not signed by %s", ErrDamaged, b.origin)
	}
	if cp.Size == size {
		return [32]byte(cp.Hash), nil
	}
	return rootAt(ctx, b.log.Tile, size)
}

// batch reads the record of a batch.
func (b *Book) batch(ctx context.Context, n uint64) (*batchRecord, error) {
	value, err := b.store.Get(ctx, batchKey(n))
	if errors.Is(err, records.ErrNotFound) {
		return nil, ErrNoStatement
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	r := new(batchRecord)
	return r, decodeRecord(value, r)
}

// turnOf and wait keep what the status says of the leaf whose turn it is.
func (b *Book) turnOf(number uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.front != number || b.status.Since.IsZero() {
		b.front, b.status.Since, b.status.Waiting = number, b.config.Now(), nil
	}
}

func (b *Book) wait(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.status.Queued > 0 {
		b.status.Waiting = err
	}
}
