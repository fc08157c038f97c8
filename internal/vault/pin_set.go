package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// Pin preserves what is in scope now, and what comes into it later, until
// [Vault.Unpin]. The same pin may be set again, which finishes one that was
// interrupted. When it returns, everything in scope that was there when it
// was called is preserved.
func (v *Vault) Pin(ctx context.Context, in PinInput) (Pin, error) {
	if err := in.check(); err != nil {
		return Pin{}, err
	}
	b, err := v.Bucket(ctx, in.Bucket)
	if err != nil {
		return Pin{}, err
	}
	record := pinRecord{Bucket: in.Bucket, Prefix: in.Prefix, Key: in.Key, Version: in.Version, Since: v.now().UnixNano()}
	err = v.update(ctx, func(tx records.Tx) error {
		key := pinKey(b.Owner, in.ID)
		before, err := findPin(ctx, tx, in.ID)
		switch {
		case err == nil && before.Customer == b.Owner && before.PinInput == in:
			record.Since = before.Since.UnixNano()
			return nil
		case err == nil:
			return ErrPinExists
		case !errors.Is(err, ErrNoPin):
			return err
		}
		tx.Put(key, encode(record))
		tx.Put(pinNameKey(in.ID), []byte(b.Owner))
		return nil
	})
	if err == nil {
		err = v.setPin(ctx, b.Owner, in.ID, &record)
	}
	if err == nil {
		err = v.epochs.wait(ctx)
	}
	if err != nil {
		return Pin{}, fmt.Errorf("couldn't set pin: %w", err)
	}
	// From here on, each new version in scope comes under the pin as it is
	// made; what was made before is in the records.
	if err := v.keepExisting(ctx, in.ID, b.Owner, &record); err != nil {
		return Pin{}, fmt.Errorf("couldn't bring existing versions under pin: %w", err)
	}
	return Pin{PinInput: in, Customer: b.Owner, Since: time.Unix(0, record.Since).UTC()}, nil
}

func (in PinInput) check() error {
	if len(in.ID) < 1 || len(in.ID) > 128 {
		return fmt.Errorf("%w: its name has not 1 to 128 characters", ErrPinScope)
	}
	for _, c := range []byte(in.ID) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return fmt.Errorf("%w: its name has a character other than letters, digits, \"-\", \".\" and \"_\"", ErrPinScope)
		}
	}
	switch {
	case in.Bucket == "":
		return fmt.Errorf("%w: it names no bucket", ErrPinScope)
	case in.Version != "" && in.Key == "":
		return fmt.Errorf("%w: it names a version and no key", ErrPinScope)
	case in.Key != "" && in.Prefix != "":
		return fmt.Errorf("%w: it names both a key and a prefix", ErrPinScope)
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
	for _, scope := range p.scopes(owner) {
		scope.Limit = pinStep
		err := eachPage(ctx, v.records, scope, func(page []records.Entry) error {
			return v.update(ctx, func(tx records.Tx) error { return v.keepPage(ctx, tx, id, p, page) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// scopes are the ranges in which versions under the pin lie. Heads come
// first: one that is superseded after it was looked at was kept, and one that
// is superseded before is met among the older versions. An older version that
// becomes the head again is settled, as a new one is.
func (p *pinRecord) scopes(owner writ.CustomerID) []records.Range {
	prefix := p.Prefix + string(p.Key)
	return []records.Range{
		records.Prefix(append(headsPrefix(owner, p.Bucket), prefix...)),
		records.Prefix(append(versionsPrefix(owner, p.Bucket), prefix...)),
	}
}

// keepPage brings what is still there of a page under a pin.
func (v *Vault) keepPage(ctx context.Context, tx records.Tx, id string, p *pinRecord, page []records.Entry) error {
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
		if r.Marker || !p.covers(n, r.id()) {
			continue
		}
		if err := v.keep(ctx, tx, id, n, r); err != nil {
			return err
		}
	}
	return nil
}

// Unpin ends a pin. Versions that their owner still has are no longer
// preserved; those that only the pin kept, and no other pin keeps, are
// removed for good. It may be called again if it was interrupted.
func (v *Vault) Unpin(ctx context.Context, id string) error {
	pin, err := findPin(ctx, v.records, id)
	if err != nil {
		return err
	}
	// First no new version comes under it.
	err = v.update(ctx, func(tx records.Tx) error {
		tx.Delete(pinKey(pin.Customer, id))
		return nil
	})
	if err == nil {
		err = v.setPin(ctx, pin.Customer, id, nil)
	}
	if err == nil {
		err = v.epochs.wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("couldn't end pin: %w", err)
	}
	for {
		var f freed
		var last bool
		err := v.update(ctx, func(tx records.Tx) error {
			f = freed{}
			entries, more, err := tx.Scan(ctx, records.Range{
				Start: pinnedPrefix(id), End: records.PrefixEnd(pinnedPrefix(id)), Limit: pinStep, KeysOnly: true,
			})
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
		if err != nil {
			return fmt.Errorf("couldn't release what was pinned: %w", err)
		}
		v.free(ctx, f)
		if last {
			return nil
		}
	}
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

// findPin reads a pin by its name. A pin that is being ended is found with
// its customer only.
func findPin(ctx context.Context, r records.Reader, id string) (Pin, error) {
	owner, err := r.Get(ctx, pinNameKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return Pin{}, ErrNoPin
	}
	if err != nil {
		return Pin{}, recordsError(err)
	}
	pin := Pin{PinInput: PinInput{ID: id}, Customer: writ.CustomerID(owner)}
	value, err := r.Get(ctx, pinKey(pin.Customer, id))
	if errors.Is(err, records.ErrNotFound) {
		return pin, nil
	}
	if err != nil {
		return Pin{}, recordsError(err)
	}
	var p pinRecord
	if err := decode(value, &p); err != nil {
		return Pin{}, err
	}
	pin.Bucket, pin.Prefix, pin.Key, pin.Version = p.Bucket, p.Prefix, p.Key, p.Version
	pin.Since = time.Unix(0, p.Since).UTC()
	return pin, nil
}

// PinnedPage is a page of what a pin preserves, in order of key; Next is the
// marker of the next page, "" if there is none.
type PinnedPage struct {
	Versions []PinnedVersion
	Next     string
}

// Pinned lists what a pin preserves, at most max versions (1 to 1,000) after
// the marker that the page before gave.
func (v *Vault) Pinned(ctx context.Context, id, after string, max int) (PinnedPage, error) {
	pin, err := findPin(ctx, v.records, id)
	if err != nil {
		return PinnedPage{}, err
	}
	if err := v.keepAll(ctx, pin.Customer); err != nil {
		return PinnedPage{}, err
	}
	snap, err := v.records.Snapshot(ctx)
	if err != nil {
		return PinnedPage{}, recordsError(err)
	}
	defer snap.Close()
	start := pinnedPrefix(id)
	if after != "" {
		start = append(append(start, after...), 0)
	}
	entries, more, err := snap.Scan(ctx, records.Range{
		Start: start, End: records.PrefixEnd(pinnedPrefix(id)), Limit: pageSize(max), KeysOnly: true,
	})
	if err != nil {
		return PinnedPage{}, recordsError(err)
	}
	var page PinnedPage
	for _, e := range entries {
		blobID, err := pinnedBlob(e.Key)
		if err != nil {
			return PinnedPage{}, err
		}
		kept, err := getKept(ctx, snap, blobID)
		if err != nil {
			return PinnedPage{}, err
		}
		if kept == nil {
			return PinnedPage{}, fmt.Errorf("pinned blob %s has no kept record: %w", blobID, ErrCorrupt)
		}
		pv := PinnedVersion{Blob: blobID, Bucket: kept.Bucket, Key: kept.Key, Version: kept.Version, Since: time.Unix(0, kept.Since).UTC()}
		if kept.Gone != 0 {
			pv.Gone = time.Unix(0, kept.Gone).UTC()
		}
		page.Versions = append(page.Versions, pv)
		if more {
			page.Next = string(e.Key[len(pinnedPrefix(id)):])
		}
	}
	return page, nil
}
