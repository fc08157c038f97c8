package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"writ"
	"writ/internal/records"
)

// RotateOptions says how to rotate a customer's keys.
type RotateOptions struct {
	// Retire destroys the old versions of the customer's key-encryption key
	// once nothing in this store is wrapped under them. Copies of the records
	// taken before, such as backups, then open only with a copy of keys/ that
	// is as old as they are: leave it out unless those are not needed.
	Retire   bool
	Progress Progress
}

// A rotation is the record of one that is under way, by customer: where it
// stands, so that it goes on after a restart.
type rotation struct {
	Version uint32 `cbor:"1,keyasint"` // of the key that all are re-wrapped to
	Cursor  []byte `cbor:"2,keyasint"` // the first record not looked at yet
	Done    int64  `cbor:"3,keyasint"` // data keys re-wrapped
	Retire  bool   `cbor:"4,keyasint"`
}

// rotateStep is how many records one transaction re-wraps.
const rotateStep = 100

// RotateCustomer makes a new version of the customer's key-encryption key and
// re-wraps every data key of the customer under it, while traffic goes on. If
// an earlier rotation was interrupted, it goes on where that stood, and makes
// no new key. It returns how many data keys the rotation re-wrapped.
func (v *Vault) RotateCustomer(ctx context.Context, id writ.CustomerID, o RotateOptions) (int64, error) {
	unlock, err := v.jobs.lock(ctx, "rotate "+string(id))
	if err != nil {
		return 0, err
	}
	defer unlock()
	r, found, err := v.rotationOf(ctx, id)
	if err != nil {
		return 0, err
	}
	if !found {
		if r.Version, err = v.gate.Rotate(ctx, id); err != nil {
			return 0, fmt.Errorf("couldn't rotate key: %w", sealError(err))
		}
		r.Retire = o.Retire
	}
	if o.Retire && !r.Retire {
		r.Retire = true
	}
	err = v.update(ctx, func(tx records.Tx) error {
		tx.Put(rotationKey(id), encode(r))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("couldn't note rotation: %w", err)
	}
	// From here on, whatever is made is wrapped under the newest key (see
	// settle); what was made before is found by the walk.
	if err := v.epochs.wait(ctx); err != nil {
		return 0, err
	}
	usage, err := v.Usage(ctx, id)
	if err != nil {
		return 0, err
	}
	return v.continueRotation(ctx, id, r, usage.Objects, o.Progress)
}

// ResumeRotations goes on with the rotations that were interrupted.
func (v *Vault) ResumeRotations(ctx context.Context) error {
	var failed error
	err := eachRecord(ctx, v.records, records.Prefix(rotationPrefix()), func(e records.Entry) error {
		id := writ.CustomerID(e.Key[len(rotationPrefix()):])
		if _, err := v.RotateCustomer(ctx, id, RotateOptions{}); err != nil {
			failed = errors.Join(failed, fmt.Errorf("customer %s: %w", id, err))
		}
		return ctx.Err()
	})
	return errors.Join(err, failed)
}

func (v *Vault) rotationOf(ctx context.Context, id writ.CustomerID) (r rotation, found bool, err error) {
	value, err := v.records.Get(ctx, rotationKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return r, false, nil
	}
	if err != nil {
		return r, false, recordsError(err)
	}
	return r, true, decode(value, &r)
}

// continueRotation walks over all records of the customer that hold a wrapped
// key, a transaction at a time. total is about how many there are.
func (v *Vault) continueRotation(ctx context.Context, id writ.CustomerID, r rotation, total int64, progress Progress) (int64, error) {
	for _, scope := range wrappedScopes(id) {
		if string(r.Cursor) >= string(scope.End) {
			continue
		}
		if string(r.Cursor) > string(scope.Start) {
			scope.Start = r.Cursor
		}
		scope.Limit = rotateStep
		err := eachPage(ctx, v.records, scope, func(page []records.Entry) error {
			if err := v.rewrapPage(ctx, id, page, &r); err != nil {
				return err
			}
			progress.report("rotate", r.Done, max(total, r.Done))
			return ctx.Err()
		})
		if err != nil {
			return r.Done, fmt.Errorf("couldn't re-wrap data keys: %w", err)
		}
		r.Cursor = scope.End
	}
	if r.Retire {
		if err := v.gate.Retire(ctx, id, r.Version); err != nil {
			return r.Done, fmt.Errorf("couldn't retire old keys: %w", sealError(err))
		}
	}
	err := v.update(ctx, func(tx records.Tx) error {
		tx.Delete(rotationKey(id))
		return nil
	})
	if err != nil {
		return r.Done, fmt.Errorf("couldn't end rotation: %w", err)
	}
	return r.Done, nil
}

// rewrapPage re-wraps what is still there of a page, and moves the cursor
// behind it, in one transaction.
func (v *Vault) rewrapPage(ctx context.Context, id writ.CustomerID, page []records.Entry, r *rotation) error {
	var next rotation
	err := v.update(ctx, func(tx records.Tx) error {
		next = *r
		for _, e := range page {
			value, err := tx.Get(ctx, e.Key)
			if errors.Is(err, records.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			moved, err := v.rewrapRecord(ctx, id, e.Key, value)
			if err != nil {
				return err
			}
			if moved != nil {
				tx.Put(e.Key, moved)
				next.Done++
			}
		}
		next.Cursor = after(page[len(page)-1].Key)
		tx.Put(rotationKey(id), encode(next))
		return nil
	})
	if err == nil {
		*r = next
	}
	return err
}

// rewrapRecord returns a record with its data key under the customer's newest
// KEK; nil if it has none, or has it so already.
func (v *Vault) rewrapRecord(ctx context.Context, id writ.CustomerID, key, value []byte) ([]byte, error) {
	if key[0] == tagUpload {
		var up uploadRecord
		if err := decode(value, &up); err != nil {
			return nil, err
		}
		moved, err := v.rewrap(ctx, id, up.Blob, up.Wrapped)
		if err != nil || bytes.Equal(moved, up.Wrapped) {
			return nil, err
		}
		up.Wrapped = moved
		return encode(up), nil
	}
	_, r, err := decodeVersion(key, value)
	if err != nil || r.Marker {
		return nil, err
	}
	moved, err := v.rewrap(ctx, id, r.Blob, r.Wrapped)
	if err != nil || bytes.Equal(moved, r.Wrapped) {
		return nil, err
	}
	r.Wrapped = moved
	return encode(r), nil
}
