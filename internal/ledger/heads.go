package ledger

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"writ"
	"writ/internal/proof"
	"writ/internal/records"
)

// fewestHeads is how many changes at least lie between two full lists.
const fewestHeads = 256

// appendHeads writes a list of heads; see the layout.
func appendHeads(b []byte, customers []writ.CustomerID, heads map[writ.CustomerID]JournalHead) []byte {
	for _, c := range customers {
		h := heads[c]
		b = append(b, c...)
		b = binary.BigEndian.AppendUint64(b, h.Seq)
		b = append(b, h.Hash[:]...)
	}
	return b
}

// readHeads lays a list of heads over others.
func readHeads(b []byte, over map[writ.CustomerID]JournalHead) error {
	if len(b)%headLength != 0 {
		return fmt.Errorf("%w: a list of journal heads", ErrRecords)
	}
	for ; len(b) > 0; b = b[headLength:] {
		rest := b[customerLength:headLength]
		over[writ.CustomerID(b[:customerLength])] = JournalHead{Seq: binary.BigEndian.Uint64(rest), Hash: [32]byte(rest[8:])}
	}
	return nil
}

// writeHeads adds what moved to a change, and all heads if it is time. The
// caller has the turn.
func (b *Book) writeHeads(change *records.Batch, next *bookRecord) {
	if len(b.moved) > 0 {
		change.Put(movedKey(next.Frozen), appendHeads(nil, slices.Sorted(maps.Keys(b.moved)), b.moved))
	}
	next.Moved += uint64(len(b.moved))
	if next.Heads != 0 && next.Moved < max(fewestHeads, uint64(len(b.heads))) {
		return
	}
	next.Heads, next.Moved = next.Frozen, 0
	all := slices.Sorted(maps.Keys(b.heads))
	for page, some := range slices.Collect(slices.Chunk(all, headsPage)) {
		change.Put(headsPageKey(next.Frozen, page), appendHeads(nil, some, b.heads))
	}
	if len(all) == 0 {
		change.Put(headsPageKey(next.Frozen, 0), nil)
	}
}

// headsAt reads the heads at batch n; none at batch 0. Errors: [ErrForeign] if
// the newest batches up to n are not known.
func (b *Book) headsAt(ctx context.Context, n uint64) (map[writ.CustomerID]JournalHead, error) {
	heads := map[writ.CustomerID]JournalHead{}
	if n == 0 {
		return heads, nil
	}
	full, err := b.fullBefore(ctx, n)
	if err != nil || full == 0 {
		return heads, err
	}
	if err := b.each(ctx, records.Prefix(headsKey(full)), func(e records.Entry) error { return readHeads(e.Value, heads) }); err != nil {
		return heads, err
	}
	changes := records.Range{Start: movedKey(full + 1), End: movedKey(n + 1)}
	if err := b.each(ctx, changes, func(e records.Entry) error { return readHeads(e.Value, heads) }); err != nil {
		return heads, err
	}
	return heads, nil
}

// fullBefore is the batch of the newest full list at or before n.
func (b *Book) fullBefore(ctx context.Context, n uint64) (uint64, error) {
	found, _, err := b.store.Scan(ctx, records.Range{Start: key(tagHeads, ""), End: headsKey(n + 1), Limit: 1, Reverse: true, KeysOnly: true})
	if err != nil {
		return 0, fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	if len(found) == 0 {
		return 0, ErrForeign
	}
	return numberIn(found[0].Key)
}

// each calls fn with every record of a range.
func (b *Book) each(ctx context.Context, r records.Range, fn func(records.Entry) error) error {
	for {
		entries, more, err := b.store.Scan(ctx, r)
		if err != nil {
			return fmt.Errorf("couldn't read the ledger's records: %w", err)
		}
		for _, e := range entries {
			if err := fn(e); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		r.Start = append(slices.Clone(entries[len(entries)-1].Key), 0)
	}
}

// headMap makes the map of heads of a batch.
func (b *Book) headMap(ctx context.Context, filler [32]byte, heads map[writ.CustomerID]JournalHead) (*proof.HeadMap, error) {
	all := make([]proof.Head, 0, len(heads))
	for customer, h := range heads {
		label, err := b.label(ctx, customer)
		if err != nil {
			return nil, err
		}
		all = append(all, proof.Head{Label: label, Seq: h.Seq, Head: h.Hash})
	}
	return proof.NewHeadMap(filler, all)
}

// label is a customer's label in this log.
func (b *Book) label(ctx context.Context, customer writ.CustomerID) ([32]byte, error) {
	b.mu.Lock()
	label, ok := b.labels[customer]
	b.mu.Unlock()
	if ok {
		return label, nil
	}
	k, err := b.LabelKey(ctx, customer)
	if err != nil {
		return [32]byte{}, err
	}
	label = proof.Label(k, b.origin)
	b.mu.Lock()
	b.labels[customer] = label
	b.mu.Unlock()
	return label, nil
}

// LabelKey is the key by which a customer finds its journal's head in every
// batch ([proof.Label]). It is made at the first call, and given to that
// customer only.
func (b *Book) LabelKey(ctx context.Context, customer writ.CustomerID) (k [32]byte, err error) {
	if len(customer) != customerLength {
		return k, fmt.Errorf("%.40q is not a customer's id", string(customer))
	}
	err = records.Retry(ctx, b.store, func(tx records.Tx) error {
		value, err := tx.Get(ctx, labelKey(customer))
		switch {
		case err == nil && len(value) == len(k):
			copy(k[:], value)
			return nil
		case err == nil:
			return fmt.Errorf("%w: a label key", ErrRecords)
		case !errors.Is(err, records.ErrNotFound):
			return err
		}
		rand.Read(k[:])
		tx.Put(labelKey(customer), k[:])
		return nil
	})
	if err != nil {
		return k, fmt.Errorf("couldn't read a label key: %w", err)
	}
	return k, nil
}
