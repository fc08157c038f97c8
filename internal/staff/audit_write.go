package staff

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"writ/internal/records"
)

// chainAtOnce is how many waiting entries one transaction takes into the chain.
const chainAtOnce = 500

// AppendTx writes an entry down in a transaction of the caller's, if and when that
// commits. It reads nothing, and writes under a key of its own, so that it makes
// no transactions conflict. The entry takes its place in the chain when the trail
// is next written or read. Errors: [ErrForm] if the act has no proper name.
func (s *Staff) AppendTx(_ context.Context, tx records.Tx, e Entry) error {
	k, v, err := s.queued(e)
	if err != nil {
		return err
	}
	tx.Put(k, v)
	return nil
}

func (s *Staff) queued(e Entry) (k, v []byte, err error) {
	body, _, err := e.body()
	if err != nil {
		return nil, nil, err
	}
	k = binary.BigEndian.AppendUint64(key(tagQueue), uint64(nano(s.now())))
	var chance [8]byte
	rand.Read(chance[:])
	return append(k, chance[:]...), encodeRecord(body), nil
}

// Append writes an entry down: durable and in the chain on return.
func (s *Staff) Append(ctx context.Context, e Entry) error {
	k, v, err := s.queued(e)
	if err != nil {
		return err
	}
	// What was refused is written down even if the one who was has hung up.
	ctx = context.WithoutCancel(ctx)
	var b records.Batch
	b.Put(k, v)
	if err := s.store.Apply(ctx, &b); err != nil {
		return fmt.Errorf("couldn't write the audit trail: %w", err)
	}
	return s.settle(ctx)
}

// settle takes all entries that wait into the chain. Writers that come together
// queue for the turn, and the first takes the entries of all.
func (s *Staff) settle(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	s.turn.Lock()
	defer s.turn.Unlock()
	for {
		over := records.Prefix(key(tagQueue))
		over.Limit = chainAtOnce
		// The range is not part of the transaction: who adds to it meanwhile must
		// not make it conflict.
		waiting, more, err := s.store.Scan(ctx, over)
		if err != nil {
			return fmt.Errorf("couldn't read the audit trail: %w", err)
		}
		if len(waiting) == 0 {
			return nil
		}
		if err := records.Retry(ctx, s.store, func(tx records.Tx) error { return chain(ctx, tx, waiting) }); err != nil {
			return fmt.Errorf("couldn't write the audit trail: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// chain moves waiting entries into the chain.
func chain(ctx context.Context, tx records.Tx, waiting []records.Entry) error {
	head, err := readHead(ctx, tx)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		// Another process on the same records may have taken it meanwhile.
		v, err := tx.Get(ctx, w.Key)
		if errors.Is(err, records.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := link(tx, &head, w.Key, v); err != nil {
			return err
		}
	}
	tx.Put(key(tagHead), encodeRecord(head))
	return nil
}

// link gives one entry its place.
func link(tx records.Tx, head *auditHead, k, v []byte) error {
	var body auditBody
	if err := decodeRecord(v, &body); err != nil {
		return err
	}
	if len(k) != 2+8+8 {
		return fmt.Errorf("%w: a key of the audit trail's queue", ErrRecords)
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	frame := auditFrame{
		Seq: head.Seq + 1, At: max(head.At, int64(binary.BigEndian.Uint64(k[2:]))), Class: body.class(),
		BodyHash: bodyHash(salt, v), Previous: head.Hash, Salt: salt, Body: v,
	}
	tx.Put(entryKey(frame.Seq), encodeRecord(frame))
	for _, i := range body.indexes(frame.Seq) {
		tx.Put(i, nil)
	}
	tx.Delete(k)
	*head = auditHead{Seq: frame.Seq, Hash: frame.hash(), At: frame.At}
	return nil
}

func readHead(ctx context.Context, r records.Reader) (auditHead, error) {
	var head auditHead
	err := get(ctx, r, key(tagHead), "the audit trail's head", &head)
	if errors.Is(err, ErrNotFound) {
		// An empty trail has no head. A trail whose head was removed would be
		// begun anew over its entries.
		entries, _, scanErr := r.Scan(ctx, records.Range{Start: key(tagEntry), End: key(tagEntry + 1), Limit: 1, KeysOnly: true})
		if scanErr != nil {
			return head, fmt.Errorf("couldn't read the audit trail: %w", scanErr)
		}
		if len(entries) > 0 {
			return head, fmt.Errorf("%w: its head is missing", ErrChain)
		}
		return head, nil
	}
	return head, err
}

// Head returns where the trail stands, with all that was written down before the
// call.
func (s *Staff) Head(ctx context.Context) (Head, error) {
	if err := s.settle(ctx); err != nil {
		return Head{}, err
	}
	h, err := readHead(ctx, s.store)
	return Head{Seq: h.Seq, Hash: h.Hash}, err
}
