package staff

import (
	"context"
	"fmt"

	"writ/internal/records"
)

// Verify hashes the whole trail again, and holds it against heads that were kept
// elsewhere, if any are given. Without them it finds what was edited, dropped or
// reordered; who can write every record could cut the end off or write all anew,
// which only a head from before shows. It returns where the trail stands. Errors:
// [ErrChain], which says where.
func (s *Staff) Verify(ctx context.Context, known ...Head) (Head, error) {
	if err := s.settle(ctx); err != nil {
		return Head{}, err
	}
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return Head{}, fmt.Errorf("couldn't read the audit trail: %w", err)
	}
	defer snap.Close()
	stored, err := readHead(ctx, snap)
	if err != nil {
		return Head{}, err
	}
	v := verifier{reader: snap, known: map[uint64][][32]byte{}, gone: map[Class]uint64{}, erased: map[Class]uint64{}}
	for _, h := range known {
		v.known[h.Seq] = append(v.known[h.Seq], h.Hash)
	}
	if err := each(ctx, snap, records.Prefix(key(tagEntry)), func(e records.Entry) (bool, error) { return true, v.next(ctx, e) }); err != nil {
		return Head{}, err
	}
	if v.head != stored {
		return Head{}, fmt.Errorf("%w: its last entry is number %d, and its head is another", ErrChain, v.head.Seq)
	}
	return Head{Seq: v.head.Seq, Hash: v.head.Hash}, v.end()
}

// verifier follows the chain.
type verifier struct {
	reader records.Reader
	head   auditHead
	known  map[uint64][][32]byte
	gone   map[Class]uint64 // newest entry without a body
	erased map[Class]uint64 // up to which an erasure says that entries are gone
}

func (v *verifier) next(ctx context.Context, e records.Entry) error {
	broken := func(why string) error {
		return fmt.Errorf("%w: entry %d %s", ErrChain, v.head.Seq+1, why)
	}
	var f auditFrame
	if err := decodeRecord(e.Value, &f); err != nil {
		return broken("is damaged")
	}
	if seq, err := seqIn(e.Key); err != nil || seq != v.head.Seq+1 || f.Seq != seq {
		return broken("is missing or stands elsewhere")
	}
	if f.Previous != v.head.Hash {
		return broken("doesn't follow the one before")
	}
	if f.At < v.head.At {
		return broken("is from before the one before")
	}
	if err := v.body(ctx, &f); err != nil {
		return fmt.Errorf("%w: entry %d %w", ErrChain, f.Seq, err)
	}
	v.head = auditHead{Seq: f.Seq, Hash: f.hash(), At: f.At}
	for _, h := range v.known[f.Seq] {
		if h != v.head.Hash {
			return fmt.Errorf("%w: entry %d is not the one that was there when the head was kept", ErrChain, f.Seq)
		}
	}
	delete(v.known, f.Seq)
	return nil
}

// body checks what an entry says, and that it is found by it.
func (v *verifier) body(ctx context.Context, f *auditFrame) error {
	if len(f.Body) == 0 {
		if len(f.Salt) != 0 {
			return fmt.Errorf("lost its text")
		}
		v.gone[f.Class] = f.Seq
		return nil
	}
	if bodyHash(f.Salt, f.Body) != f.BodyHash {
		return fmt.Errorf("was edited")
	}
	var b auditBody
	if err := decodeRecord(f.Body, &b); err != nil || b.class() != f.Class {
		return fmt.Errorf("was edited")
	}
	if b.Erased != "" {
		v.erased[b.Erased] = max(v.erased[b.Erased], b.Through)
	}
	for _, k := range b.indexes(f.Seq) {
		if there, err := has(ctx, v.reader, k); err != nil {
			return err
		} else if !there {
			return fmt.Errorf("is hidden from searches")
		}
	}
	return nil
}

// end checks what can be said only when all was read.
func (v *verifier) end() error {
	for class, seq := range v.gone {
		if class == ClassErasure || seq > v.erased[class] {
			return fmt.Errorf("%w: entry %d is empty, and no erasure says so", ErrChain, seq)
		}
	}
	delete(v.known, 0)
	for seq := range v.known {
		return fmt.Errorf("%w: entry %d is not there any more", ErrChain, seq)
	}
	return nil
}
