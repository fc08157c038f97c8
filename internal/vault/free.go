package vault

import (
	"context"
	"errors"
	"fmt"

	"writ"
	"writ/internal/blob"
	"writ/internal/records"
)

// How space comes back.
//
// The transaction that removes the last record naming a blob returns what it
// freed; only after it is durable are the blobs deleted, so that a crash in
// between leaves blobs without a record, which [Vault.Reclaim] finds, and
// never a record without its blob. Parts of a version are too many for the
// transaction: it leaves a drop record, and [Vault.sweepDrops] removes part
// records and blobs in bounded steps, after a crash too.

// freed is what a transaction no longer names.
type freed struct {
	refs  []blob.Ref // blobs of versions and parts
	parts int        // uploads and versions whose parts have a drop record
}

func (f *freed) add(g freed) {
	f.refs = append(f.refs, g.refs...)
	f.parts += g.parts
}

// free deletes what a durable transaction freed. What cannot be deleted now
// is found by Reclaim or by the next sweep: the caller's work is done and its
// answer stands, so that free logs and does not fail.
func (v *Vault) free(ctx context.Context, f freed) {
	ctx = context.WithoutCancel(ctx)
	if len(f.refs) > 0 {
		if err := v.blobs.Delete(ctx, f.refs...); err != nil {
			v.log.WarnContext(ctx, "couldn't delete blobs; reclaim will find them", "blobs", len(f.refs), "error", err)
		}
	}
	if f.parts > 0 {
		v.upkeep.wake()
	}
}

// dropStep is how many parts one transaction of a drop removes.
const dropStep = 250

// sweepDrops removes the parts of all versions and uploads that were removed,
// but of those that are still being read. It returns how many parts went.
func (v *Vault) sweepDrops(ctx context.Context) (parts int, err error) {
	start := dropKey(writ.BlobID{})
	for {
		entries, more, err := v.records.Scan(ctx, records.Range{Start: start, End: dropEnd(), Limit: 100, KeysOnly: true})
		if err != nil {
			return parts, fmt.Errorf("couldn't list what is to be removed: %w", err)
		}
		for _, e := range entries {
			id, err := dropOf(e.Key)
			if err != nil {
				return parts, err
			}
			n, err := v.dropParts(ctx, id)
			parts += n
			if err != nil {
				return parts, err
			}
			start = after(e.Key)
		}
		if !more {
			return parts, nil
		}
	}
}

// dropParts removes the parts of one blob id and then its drop record. It
// does nothing while they are read. If the drop record names a customer, the
// parts were those of an upload and count in that customer's usage until they
// go.
func (v *Vault) dropParts(ctx context.Context, id writ.BlobID) (parts int, err error) {
	end, ok := v.reading.remove(id)
	if !ok {
		return 0, nil
	}
	defer end()
	owner, err := v.records.Get(ctx, dropKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("couldn't read what is to be removed: %w", recordsError(err))
	}
	run := func(fn func(records.Tx, *change) error) error {
		if len(owner) > 0 {
			return v.change(ctx, writ.CustomerID(owner), fn)
		}
		var ch change
		err := v.update(ctx, func(tx records.Tx) error { ch = change{}; return fn(tx, &ch) })
		if err == nil {
			v.free(ctx, ch.freed)
		}
		return err
	}
	for {
		var n int
		var last bool
		err := run(func(tx records.Tx, ch *change) (err error) {
			n, last, err = dropSome(ctx, tx, id, ch)
			if len(owner) == 0 {
				ch.Usage = Usage{}
			}
			return err
		})
		if err != nil {
			return parts, fmt.Errorf("couldn't remove parts: %w", err)
		}
		if parts += n; last {
			return parts, nil
		}
	}
}

// dropSome removes a bounded number of parts, and at last the drop record.
func dropSome(ctx context.Context, tx records.Tx, id writ.BlobID, ch *change) (parts int, last bool, err error) {
	entries, more, err := tx.Scan(ctx, records.Range{Start: partKey(id, 1), End: partsEnd(id), Limit: dropStep})
	if err != nil {
		return 0, false, err
	}
	for _, e := range entries {
		p, err := decodePart(e)
		if err != nil {
			return 0, false, err
		}
		tx.Delete(e.Key)
		disown(tx, p.Ref)
		ch.freed.refs = append(ch.freed.refs, p.Ref)
		ch.Bytes -= p.Size
	}
	if !more {
		tx.Delete(dropKey(id))
		tx.Delete(partsOwnerKey(id))
	}
	return len(entries), !more, nil
}
