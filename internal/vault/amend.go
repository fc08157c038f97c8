package vault

import (
	"context"
	"fmt"
	"maps"
	"time"

	"writ/internal/records"
)

// SetTags gives a version other tags, or none. It returns the version.
func (v *Vault) SetTags(ctx context.Context, s Session, ref ObjectRef, tags map[string]string) (Version, error) {
	return v.amend(ctx, ref, func(_ Bucket, r *versionRecord) error {
		r.Draft.Tags = maps.Clone(tags)
		return nil
	})
}

// SetRetention changes a version's retention; the zero one takes it away. A
// retention under compliance may only become longer; one under governance may
// become anything for who may bypass it, else longer too. [ErrLocked] if it
// may not, [ErrRetention] if it makes no sense, [ErrNoLock] in a bucket
// without object lock.
func (v *Vault) SetRetention(ctx context.Context, s Session, ref ObjectRef, to Retention, bypassGovernance bool) (Version, error) {
	return v.amend(ctx, ref, func(b Bucket, r *versionRecord) error {
		if !b.Lock.Enabled {
			return ErrNoLock
		}
		now := v.now()
		if to.Mode > Compliance || to.Mode != NoLock && !to.Until.After(now) {
			return ErrRetention
		}
		if to.Mode == NoLock {
			to.Until = time.Time{}
		}
		from := r.Draft.Retention
		inForce := from.Mode != NoLock && from.Until.After(now)
		weaker := to.Mode < from.Mode || to.Until.Before(from.Until)
		if inForce && weaker && (from.Mode == Compliance || !bypassGovernance) {
			return ErrLocked
		}
		to.Until = to.Until.UTC()
		r.Draft.Retention = to
		return nil
	})
}

// SetLegalHold puts a version under a legal hold, or takes it away.
func (v *Vault) SetLegalHold(ctx context.Context, s Session, ref ObjectRef, on bool) (Version, error) {
	return v.amend(ctx, ref, func(b Bucket, r *versionRecord) error {
		if !b.Lock.Enabled {
			return ErrNoLock
		}
		r.Draft.LegalHold = on
		return nil
	})
}

// amend changes what is said of a version, and nothing else of it.
func (v *Vault) amend(ctx context.Context, ref ObjectRef, fn func(Bucket, *versionRecord) error) (Version, error) {
	b, err := v.begin(ctx, ref.Bucket, ref.Key)
	if err != nil {
		return Version{}, err
	}
	n := nameIn(b, ref.Key)
	var out Version
	err = v.changeObject(ctx, n, func(tx records.Tx, ch *change) error {
		b, err := v.requireBucket(ctx, tx, b)
		if err != nil {
			return err
		}
		f, err := findData(ctx, tx, n, ref.Version)
		if err != nil {
			return err
		}
		before := *f.versionRecord
		if err := fn(b, f.versionRecord); err != nil {
			return err
		}
		if err := v.retag(ctx, tx, n, &before, f.versionRecord, ch); err != nil {
			return err
		}
		out = f.public(n, f.latest())
		tx.Put(f.key(n), encode(f.versionRecord))
		return nil
	})
	if err != nil {
		return Version{}, fmt.Errorf("couldn't change version: %w", err)
	}
	return out, nil
}
