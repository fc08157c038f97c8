package vault

import (
	"context"
	"errors"
	"fmt"

	"writ"
	"writ/internal/gate"
	"writ/internal/records"
)

// ShredCustomer destroys a customer's keys: when it returns, nothing of that
// customer ever opens again, but for what was pinned before. What lies on the
// disk goes in the background, and with it buckets and credentials; the
// customer's record stays, so that its name is not given to another. Shredding
// again finishes what was interrupted.
func (v *Vault) ShredCustomer(ctx context.Context, id writ.CustomerID) error {
	unlock, err := v.jobs.lock(ctx, "rotate "+string(id))
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := getCustomer(ctx, v.records, id); err != nil {
		return err
	}
	if err := v.keepAll(ctx, id); err != nil {
		return fmt.Errorf("couldn't prepare shredding: %w", err)
	}
	if err := v.gate.Shred(ctx, id); err != nil && !errors.Is(err, gate.ErrShredded) {
		return fmt.Errorf("couldn't shred customer's keys: %w", sealError(err))
	}
	// A write that has its key already fails from here on, or has committed
	// and is found by the removal.
	if err := v.epochs.wait(ctx); err != nil {
		return err
	}
	var access []records.Entry
	err = v.update(ctx, func(tx records.Tx) error {
		customer, err := getCustomer(ctx, tx, id)
		if err != nil {
			return err
		}
		if customer.Shredded.IsZero() {
			customer.Shredded = v.now().UTC()
			tx.Put(customerKey(id), encode(customer))
		}
		tx.Put(removalKey(id), nil)
		tx.Delete(rotationKey(id))
		r := records.Prefix(accessPrefix(id))
		r.Limit, r.KeysOnly = records.MaxLimit, true
		if access, _, err = tx.Scan(ctx, r); err != nil {
			return err
		}
		for _, e := range access {
			tx.Delete(e.Key)
			tx.Delete(credentialKey(credentialOf(e.Key)))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't note shredding: %w", err)
	}
	gone := make(map[writ.CredentialID]bool)
	for _, e := range access {
		gone[credentialOf(e.Key)] = true
	}
	v.signing.forget(func(scope signingScope, _ signingKey) bool { return gone[scope.access] })
	v.upkeep.wake()
	return nil
}

func credentialOf(key []byte) writ.CredentialID { return writ.CredentialID(key[1+customerLength:]) }

// removalStep is how many versions of a shredded customer one transaction
// removes.
const removalStep = 100

// ResumeRemovals removes what lies on the disk of customers that were
// shredded.
func (v *Vault) ResumeRemovals(ctx context.Context) error {
	var failed error
	err := eachRecord(ctx, v.records, records.Prefix(removalPrefix()), func(e records.Entry) error {
		id := writ.CustomerID(e.Key[len(removalPrefix()):])
		if err := v.removeCustomerData(ctx, id); err != nil {
			failed = errors.Join(failed, fmt.Errorf("couldn't remove data of %s: %w", id, err))
		}
		return ctx.Err()
	})
	return errors.Join(err, failed)
}

// removeCustomerData removes a shredded customer's versions, uploads and
// buckets. It ignores locks: the data were destroyed with their key.
func (v *Vault) removeCustomerData(ctx context.Context, id writ.CustomerID) error {
	unlock, err := v.jobs.lock(ctx, "remove "+string(id))
	if err != nil {
		return err
	}
	defer unlock()
	// Older versions first: a head whose removal would bring an older one to
	// its place has none by then.
	for _, scope := range [][]byte{join(tagVersion, string(id)), join(tagHead, string(id))} {
		r := records.Prefix(scope)
		r.Limit = removalStep
		err := eachPage(ctx, v.records, r, func(page []records.Entry) error {
			return v.change(ctx, id, func(tx records.Tx, ch *change) error { return v.removePage(ctx, tx, page, ch) })
		})
		if err != nil {
			return err
		}
	}
	r := records.Prefix(join(tagUpload, string(id)))
	r.KeysOnly = true
	err = eachRecord(ctx, v.records, r, func(e records.Entry) error {
		owner, ref, err := parseUpload(e.Key)
		if err != nil {
			return err
		}
		if err := v.abort(ctx, owner, ref, nil); err != nil && !errors.Is(err, ErrNoUpload) {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.removeBuckets(ctx, id)
}

// removePage removes what is still there of a page of versions.
func (v *Vault) removePage(ctx context.Context, tx records.Tx, page []records.Entry, ch *change) error {
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
		if err := v.vanish(ctx, tx, n, r, ch); err != nil {
			return err
		}
		tx.Delete(e.Key)
	}
	return nil
}

// removeBuckets removes a shredded customer's buckets and the note that its
// data are to be removed.
func (v *Vault) removeBuckets(ctx context.Context, id writ.CustomerID) error {
	var names []writ.BucketName
	err := v.update(ctx, func(tx records.Tx) error {
		names = names[:0]
		r := records.Prefix(ownedPrefix(id))
		r.Limit, r.KeysOnly = records.MaxLimit, true
		owned, more, err := tx.Scan(ctx, r)
		if err != nil {
			return err
		}
		for _, e := range owned {
			name := writ.BucketName(e.Key[1+customerLength:])
			tx.Delete(bucketKey(name))
			tx.Delete(cursorKey(id, name))
			tx.Delete(e.Key)
			names = append(names, name)
		}
		if !more {
			tx.Delete(removalKey(id))
		}
		return nil
	})
	for _, name := range names {
		v.buckets.drop(name)
	}
	return err
}
