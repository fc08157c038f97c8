package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/policy"
	"writ/internal/records"
)

// Preserve keeps, until [Vault.Release], every version in scope: those that
// are there now, and those that come later and were made before the scope's
// end. When it returns, everything in scope that was there when it was called
// is kept. It is in force for all buckets at once or not at all; called again
// with the same scope it finishes what was interrupted, and changes nothing
// if nothing was.
//
// id is the docket's name for it: 1 to 128 letters, digits, "-", "." or "_".
// Errors: [ErrPreservation], [policy.ErrScope], [ErrPreservationExists],
// [ErrNoCustomer], [ErrShredded], and as a [*ScopeError], [ErrNoBucket] and
// [ErrBucketOwner]. Buckets must be there when it is first called; what was
// kept of one that is deleted later stays.
func (v *Vault) Preserve(ctx context.Context, id string, customer writ.CustomerID, s policy.Scope) (Preservation, error) {
	if err := checkPreservation(id, s); err != nil {
		return Preservation{}, err
	}
	unlock, err := v.jobs.lock(ctx, "preservation "+id)
	if err != nil {
		return Preservation{}, err
	}
	defer unlock()
	record, err := v.notePin(ctx, id, customer, s)
	if err == nil {
		err = v.setPin(ctx, customer, id, record)
	}
	if err == nil {
		err = v.epochs.wait(ctx)
	}
	if err != nil {
		return Preservation{}, fmt.Errorf("couldn't set preservation: %w", err)
	}
	// From here on, each new version in scope comes under the pin as it is
	// made; what was made before is in the records.
	if err := v.keepExisting(ctx, id, customer, record); err != nil {
		return Preservation{}, fmt.Errorf("couldn't preserve existing versions: %w", err)
	}
	return record.public(id, customer), nil
}

// notePin makes the pin's record, or returns the one that is there, if it says
// the same.
func (v *Vault) notePin(ctx context.Context, id string, customer writ.CustomerID, s policy.Scope) (record *pinRecord, err error) {
	err = v.update(ctx, func(tx records.Tx) error {
		record = newPinRecord(s, v.now())
		owner, before, err := findPin(ctx, tx, id)
		switch {
		case errors.Is(err, ErrNoPreservation):
		case err != nil:
			return err
		case owner != customer || before == nil || !before.same(record):
			return ErrPreservationExists
		default:
			record = before
			return nil
		}
		if err := v.preservable(ctx, tx, customer, s); err != nil {
			return err
		}
		tx.Put(pinKey(customer, id), encode(record))
		tx.Put(pinNameKey(id), []byte(customer))
		return nil
	})
	return record, err
}

// same reports whether two pins have the same scope, however they are stored.
func (p *pinRecord) same(o *pinRecord) bool {
	a, b := newPinRecord(p.scope(), time.Time{}), newPinRecord(o.scope(), time.Time{})
	return bytes.Equal(encode(a), encode(b))
}

// preservable checks that customer and buckets are there and belong together.
func (v *Vault) preservable(ctx context.Context, tx records.Tx, customer writ.CustomerID, s policy.Scope) error {
	c, err := getCustomer(ctx, tx, customer)
	switch {
	case err != nil:
		return err
	case !c.Shredded.IsZero():
		return ErrShredded
	}
	for i, b := range s.Buckets {
		value, err := tx.Get(ctx, bucketKey(b.Bucket))
		if errors.Is(err, records.ErrNotFound) {
			return &ScopeError{Number: i + 1, Bucket: b.Bucket, Err: ErrNoBucket}
		}
		if err != nil {
			return recordsError(err)
		}
		there, err := readBucket(b.Bucket, value)
		if err != nil {
			return err
		}
		if there.Owner != customer {
			return &ScopeError{Number: i + 1, Bucket: b.Bucket, Err: ErrBucketOwner}
		}
	}
	return nil
}

// pinStep is how many versions come under a pin, or from under it, in one
// transaction.
const pinStep = 100

// keepExisting brings the versions in scope that are there under a pin. The
// list is read outside of the transactions: a version that is not on it any
// more was made after the pin was set, or has gone before.
func (v *Vault) keepExisting(ctx context.Context, id string, owner writ.CustomerID, p *pinRecord) error {
	s := p.scope()
	for _, scope := range p.scopes(owner) {
		scope.Limit = pinStep
		err := eachPage(ctx, v.records, scope, func(page []records.Entry) error {
			return v.update(ctx, func(tx records.Tx) error { return v.keepPage(ctx, tx, id, s, page) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keepPage brings what is still there of a page, and in scope, under a pin.
func (v *Vault) keepPage(ctx context.Context, tx records.Tx, id string, s policy.Scope, page []records.Entry) error {
	for _, e := range page {
		value, err := tx.Get(ctx, e.Key)
		if errors.Is(err, records.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		n, r, err := decodeVersion(e.Key, value)
		if err != nil {
			return err
		}
		if r.Marker || !s.Covers(itemOf(n, r)) {
			continue
		}
		if err := v.keep(ctx, tx, id, n, r); err != nil {
			return err
		}
	}
	return nil
}

// Release ends a preservation. Versions that their owner still has are no
// longer preserved; those that only this kept are removed for good. It is to
// be called again if it was interrupted. [ErrNoPreservation] if there is none,
// as after it has ended.
func (v *Vault) Release(ctx context.Context, id string) error {
	unlock, err := v.jobs.lock(ctx, "preservation "+id)
	if err != nil {
		return err
	}
	defer unlock()
	// Whoever is bringing versions under pins is to end first.
	unlockKeep, err := v.jobs.lock(ctx, keepJob)
	if err != nil {
		return err
	}
	defer unlockKeep()
	customer, _, err := findPin(ctx, v.records, id)
	if err != nil {
		return err
	}
	// First no new version comes under it.
	err = v.update(ctx, func(tx records.Tx) error {
		tx.Delete(pinKey(customer, id))
		return nil
	})
	if err == nil {
		err = v.setPin(ctx, customer, id, nil)
	}
	if err == nil {
		err = v.epochs.wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("couldn't end preservation: %w", err)
	}
	for {
		last, err := v.releaseSome(ctx, id)
		if err != nil {
			return fmt.Errorf("couldn't release what was preserved: %w", err)
		}
		if last {
			return nil
		}
	}
}

// releaseSome takes a bounded number of versions from under a pin; with the
// last of them its name goes.
func (v *Vault) releaseSome(ctx context.Context, id string) (last bool, err error) {
	var f freed
	err = v.update(ctx, func(tx records.Tx) error {
		f = freed{}
		r := records.Prefix(pinnedPrefix(id))
		r.Limit, r.KeysOnly = pinStep, true
		entries, more, err := tx.Scan(ctx, r)
		if err != nil {
			return err
		}
		for _, e := range entries {
			blobID, err := pinnedBlob(e.Key)
			if err != nil {
				return err
			}
			g, err := v.unkeep(ctx, tx, id, blobID)
			if err != nil {
				return err
			}
			f.add(g)
			tx.Delete(e.Key)
		}
		if last = !more; last {
			tx.Delete(pinNameKey(id))
		}
		return nil
	})
	if err == nil {
		v.free(ctx, f)
	}
	return last, err
}

// unkeep takes one version from under a pin.
func (v *Vault) unkeep(ctx context.Context, tx records.Tx, id string, blobID writ.BlobID) (freed, error) {
	kept, err := getKept(ctx, tx, blobID)
	if err != nil || kept == nil {
		return freed{}, err
	}
	if i, found := slices.BinarySearch(kept.Pins, id); found {
		kept.Pins = slices.Delete(kept.Pins, i, i+1)
	}
	if len(kept.Pins) > 0 {
		tx.Put(keptKey(blobID), encode(kept))
		return freed{}, nil
	}
	tx.Delete(keptKey(blobID))
	if kept.Gone == 0 {
		return freed{}, nil
	}
	var r versionRecord
	if err := decode(kept.Record, &r); err != nil {
		return freed{}, err
	}
	return drop(tx, &r)
}

// findPin reads a pin by its name. Of one that is being ended there is only
// the customer.
func findPin(ctx context.Context, r records.Reader, id string) (customer writ.CustomerID, p *pinRecord, err error) {
	owner, err := r.Get(ctx, pinNameKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return "", nil, ErrNoPreservation
	}
	if err != nil {
		return "", nil, recordsError(err)
	}
	customer = writ.CustomerID(owner)
	value, err := r.Get(ctx, pinKey(customer, id))
	if errors.Is(err, records.ErrNotFound) {
		return customer, nil, nil
	}
	if err != nil {
		return "", nil, recordsError(err)
	}
	p = new(pinRecord)
	return customer, p, decode(value, p)
}
