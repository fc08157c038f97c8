package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"writ"
	"writ/internal/records"
)

// CreateBucket makes a bucket of the session's customer. Names are global:
// [ErrBucketExists] if it is another customer's, [ErrBucketOwnedByYou] if it
// is its own.
func (v *Vault) CreateBucket(ctx context.Context, s Session, o BucketOptions) (Bucket, error) {
	if !validBucketName(o.Name) {
		return Bucket{}, ErrBucketName
	}
	if s.Customer == "" {
		return Bucket{}, ErrNotPermitted
	}
	if err := v.admit(ctx, s.Customer); err != nil {
		return Bucket{}, err
	}
	now := v.now().UTC()
	record := bucketRecord{Owner: s.Customer, Created: now, Settings: maps.Clone(o.Settings)}
	if o.ObjectLock {
		record.Versioning = VersioningEnabled
		record.Lock = ObjectLock{Enabled: true, Since: now}
	}
	value := encode(record)
	err := v.update(ctx, func(tx records.Tx) error {
		if customer, err := getCustomer(ctx, tx, s.Customer); err != nil {
			return err
		} else if !customer.Shredded.IsZero() {
			return ErrShredded
		}
		switch before, err := v.requireBucket(ctx, tx, Bucket{Name: o.Name}); {
		case err == nil && before.Owner == s.Customer:
			return ErrBucketOwnedByYou
		case err == nil:
			return ErrBucketExists
		case !errors.Is(err, ErrNoBucket):
			return err
		}
		tx.Put(bucketKey(o.Name), value)
		tx.Put(ownedKey(s.Customer, o.Name), nil)
		return nil
	})
	if err != nil {
		return Bucket{}, fmt.Errorf("couldn't create bucket: %w", err)
	}
	v.buckets.drop(o.Name)
	return readBucket(o.Name, value)
}

// validBucketName reports whether a name keeps the rules of S3.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func validBucketName(name writ.BucketName) bool {
	s := string(name)
	if len(s) < 3 || len(s) > 63 || strings.Contains(s, "..") || strings.HasPrefix(s, "xn--") {
		return false
	}
	alphanumeric := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
	for i := range len(s) {
		if !alphanumeric(s[i]) && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	if !alphanumeric(s[0]) || !alphanumeric(s[len(s)-1]) {
		return false
	}
	_, err := netip.ParseAddr(s)
	return err != nil
}

// Bucket returns a bucket, from memory as a rule, or [ErrNoBucket].
func (v *Vault) Bucket(ctx context.Context, name writ.BucketName) (Bucket, error) {
	b, epoch, ok := v.buckets.get(name)
	if ok {
		return b, nil
	}
	value, err := v.records.Get(ctx, bucketKey(name))
	if errors.Is(err, records.ErrNotFound) {
		return Bucket{}, ErrNoBucket
	}
	if err != nil {
		return Bucket{}, fmt.Errorf("couldn't read bucket: %w", recordsError(err))
	}
	if b, err = readBucket(name, value); err != nil {
		return Bucket{}, err
	}
	v.buckets.keep(name, b, epoch)
	return b, nil
}

func readBucket(name writ.BucketName, value []byte) (Bucket, error) {
	var r bucketRecord
	if err := decode(value, &r); err != nil {
		return Bucket{}, err
	}
	b := Bucket{
		Name: name, Owner: r.Owner, Created: r.Created, Versioning: r.Versioning, Lock: r.Lock,
		Settings: r.Settings, raw: value,
	}
	if policy := r.Settings[SettingPolicy]; len(policy) > 0 {
		b.grant = sha256.Sum256(policy)
	} else {
		b.grant = sha256.Sum256(r.Settings[SettingACL])
	}
	return b, nil
}

// requireBucket makes the transaction depend on the bucket's record, and
// returns the bucket as it is now: what b says, unless it was changed since b
// was read. [ErrNoBucket] if it went, or went and is another customer's.
func (v *Vault) requireBucket(ctx context.Context, tx records.Tx, b Bucket) (Bucket, error) {
	value, err := tx.Get(ctx, bucketKey(b.Name))
	if errors.Is(err, records.ErrNotFound) {
		return Bucket{}, ErrNoBucket
	}
	if err != nil {
		return Bucket{}, err
	}
	if b.raw != nil && bytes.Equal(value, b.raw) {
		return b, nil
	}
	now, err := readBucket(b.Name, value)
	if err == nil && b.Owner != "" && now.Owner != b.Owner {
		return Bucket{}, ErrNoBucket
	}
	return now, err
}

// DeleteBucket deletes a bucket in which there is no version and no delete
// marker, and aborts the uploads that were under way in it.
func (v *Vault) DeleteBucket(ctx context.Context, s Session, name writ.BucketName) error {
	b, err := v.Bucket(ctx, name)
	if err != nil {
		return err
	}
	if err := v.admit(ctx, b.Owner); err != nil {
		return err
	}
	// Uploads that nobody completed do not keep a bucket; they go with it, but
	// only if it goes.
	if err := v.requireEmptyBucket(ctx, v.records, b, false); err != nil {
		return err
	}
	if err := v.abortAll(ctx, b.Owner, name); err != nil {
		return fmt.Errorf("couldn't abort the bucket's uploads: %w", err)
	}
	err = v.update(ctx, func(tx records.Tx) error {
		if _, err := v.requireBucket(ctx, tx, b); err != nil {
			return err
		}
		if err := v.requireEmptyBucket(ctx, tx, b, true); err != nil {
			return err
		}
		tx.Delete(bucketKey(name))
		tx.Delete(ownedKey(b.Owner, name))
		return nil
	})
	v.buckets.drop(name)
	if err != nil {
		return fmt.Errorf("couldn't delete bucket: %w", err)
	}
	return nil
}

// requireEmptyBucket returns [ErrBucketNotEmpty] if the bucket has a version,
// a delete marker or, where they count, an upload. A key that has any version
// has a head.
func (v *Vault) requireEmptyBucket(ctx context.Context, from records.Reader, b Bucket, uploads bool) error {
	prefixes := [][]byte{headsPrefix(b.Owner, b.Name)}
	if uploads {
		prefixes = append(prefixes, uploadsPrefix(b.Owner, b.Name))
	}
	for _, prefix := range prefixes {
		r := records.Prefix(prefix)
		r.Limit, r.KeysOnly = 1, true
		entries, _, err := from.Scan(ctx, r)
		if err != nil {
			return fmt.Errorf("couldn't look into bucket: %w", recordsError(err))
		}
		if len(entries) > 0 {
			return ErrBucketNotEmpty
		}
	}
	return nil
}

// Buckets lists a customer's buckets in order of name: at most max of them (1
// to [MaxList]) whose name begins with prefix, after the name that the page
// before gave.
func (v *Vault) Buckets(ctx context.Context, customer writ.CustomerID, prefix string, afterName writ.BucketName, max int) (BucketPage, error) {
	r := records.Prefix(ownedKey(customer, writ.BucketName(prefix)))
	if start := after(ownedKey(customer, afterName)); afterName != "" && bytes.Compare(start, r.Start) > 0 {
		r.Start = start
	}
	r.Limit, r.KeysOnly = pageSize(max), true
	entries, more, err := v.records.Scan(ctx, r)
	if err != nil {
		return BucketPage{}, fmt.Errorf("couldn't list buckets: %w", recordsError(err))
	}
	var page BucketPage
	for _, e := range entries {
		name := writ.BucketName(e.Key[1+customerLength:])
		b, err := v.Bucket(ctx, name)
		if errors.Is(err, ErrNoBucket) {
			continue // deleted since the page was read
		}
		if err != nil {
			return BucketPage{}, err
		}
		page.Buckets = append(page.Buckets, b)
		if more {
			page.Next = name
		}
	}
	return page, nil
}

// BucketSetting returns a bucket's document of that name, or [ErrNoSetting].
// It may not be changed.
func (v *Vault) BucketSetting(ctx context.Context, name writ.BucketName, setting Setting) ([]byte, error) {
	b, err := v.Bucket(ctx, name)
	if err != nil {
		return nil, err
	}
	value, ok := b.Settings[setting]
	if !ok {
		return nil, ErrNoSetting
	}
	return value, nil
}

// PutBucketSetting attaches a document to a bucket, or takes it away if value
// is nil.
func (v *Vault) PutBucketSetting(ctx context.Context, s Session, name writ.BucketName, setting Setting, value []byte) error {
	return v.changeBucket(ctx, name, func(r *bucketRecord) error {
		if value == nil {
			delete(r.Settings, setting)
			return nil
		}
		if r.Settings == nil {
			r.Settings = make(map[Setting][]byte)
		}
		r.Settings[setting] = slices.Clone(value)
		return nil
	})
}

// SetVersioning enables or suspends versioning. It fails with [ErrVersioning]
// if that is to turn it off, or to suspend it under object lock.
func (v *Vault) SetVersioning(ctx context.Context, s Session, name writ.BucketName, to Versioning) error {
	return v.changeBucket(ctx, name, func(r *bucketRecord) error {
		if to == Unversioned && r.Versioning != Unversioned || to != VersioningEnabled && r.Lock.Enabled || to > VersioningSuspended {
			return ErrVersioning
		}
		r.Versioning = to
		return nil
	})
}

// SetObjectLock enables object lock, which stays, and sets the retention that
// new versions get by default, or none if that is nil. It fails with
// [ErrLockVersioning] unless versioning is enabled.
func (v *Vault) SetObjectLock(ctx context.Context, s Session, name writ.BucketName, byDefault *DefaultRetention) error {
	if d := byDefault; d != nil && (d.Mode == NoLock || d.Mode > Compliance || d.Days < 0 || d.Years < 0 ||
		(d.Days > 0) == (d.Years > 0) || d.Days > 36500 || d.Years > 100) {
		return ErrRetention
	}
	return v.changeBucket(ctx, name, func(r *bucketRecord) error {
		if r.Versioning != VersioningEnabled {
			return ErrLockVersioning
		}
		if !r.Lock.Enabled {
			r.Lock.Enabled, r.Lock.Since = true, v.now().UTC()
		}
		r.Lock.Default = byDefault
		return nil
	})
}

// changeBucket changes a bucket's record. The bucket is new to everybody when
// it returns.
func (v *Vault) changeBucket(ctx context.Context, name writ.BucketName, fn func(*bucketRecord) error) error {
	b, err := v.Bucket(ctx, name)
	if err != nil {
		return err
	}
	if err := v.admit(ctx, b.Owner); err != nil {
		return err
	}
	err = v.update(ctx, func(tx records.Tx) error {
		if _, err := v.requireBucket(ctx, tx, b); err != nil {
			return err
		}
		value, err := tx.Get(ctx, bucketKey(name))
		if err != nil {
			return err
		}
		var r bucketRecord
		if err := decode(value, &r); err != nil {
			return err
		}
		if err := fn(&r); err != nil {
			return err
		}
		tx.Put(bucketKey(name), encode(r))
		return nil
	})
	v.buckets.drop(name)
	if err != nil {
		return fmt.Errorf("couldn't change bucket: %w", err)
	}
	return nil
}
