package vault

import (
	"context"
	"fmt"
	"time"

	"writ"
	"writ/internal/records"
)

// Delete deletes an object or one version of it. What does not exist is
// deleted without error, as with S3, unless a condition says that it must.
// [ErrLocked] if a retention or a legal hold keeps the version.
func (v *Vault) Delete(ctx context.Context, s Session, in DeleteInput) (Deleted, error) {
	b, err := v.begin(ctx, in.Bucket, in.Key)
	if err != nil {
		return Deleted{}, err
	}
	var d Deleted
	err = v.changeObject(ctx, nameIn(b, in.Key), func(tx records.Tx, ch *change) error {
		d, err = v.deleteIn(ctx, tx, b, in, ch)
		return err
	})
	if err != nil {
		return Deleted{}, fmt.Errorf("couldn't delete object: %w", err)
	}
	return d, nil
}

// deleteGroup is how many deletions of DeleteMany share a transaction.
const deleteGroup = 100

// DeleteMany deletes several objects or versions of one bucket, in their
// order, a group of them in one transaction. Of each it says what was done,
// or why not; an error of its own is about the bucket.
func (v *Vault) DeleteMany(ctx context.Context, s Session, bucket writ.BucketName, ins []DeleteInput) ([]Deleted, error) {
	b, err := v.Bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	if err := v.admit(ctx, b.Owner); err != nil {
		return nil, err
	}
	out := make([]Deleted, len(ins))
	for at := 0; at < len(ins); at += deleteGroup {
		end := min(at+deleteGroup, len(ins))
		group, done := ins[at:end], out[at:end]
		err := v.change(ctx, b.Owner, func(tx records.Tx, ch *change) error {
			for i, in := range group {
				in.Bucket = bucket
				done[i], err = v.deleteIn(ctx, tx, b, in, ch)
				if err != nil && !refusal(err) {
					return err
				}
				done[i].Err = err
			}
			return nil
		})
		if err != nil {
			for i := range done {
				done[i] = Deleted{Err: fmt.Errorf("couldn't delete object: %w", err)}
			}
		}
	}
	return out, nil
}

// deleteIn deletes one object or version in a transaction. An error that is a
// [refusal] comes before anything was written.
func (v *Vault) deleteIn(ctx context.Context, tx records.Tx, b Bucket, in DeleteInput, ch *change) (Deleted, error) {
	if err := checkKey(in.Key); err != nil {
		return Deleted{}, err
	}
	b, err := v.requireBucket(ctx, tx, b)
	if err != nil {
		return Deleted{}, err
	}
	n := nameIn(b, in.Key)
	f, err := find(ctx, tx, n, in.Version)
	if err != nil && !isMissing(err) {
		return Deleted{}, err
	}
	if err := in.judge(f.versionRecord); err != nil {
		return Deleted{}, err
	}
	if in.Version == "" && b.Versioning != Unversioned {
		marker, err := v.succeed(ctx, tx, b, n, f.head, versionRecord{Marker: true}, nil, ch)
		if err != nil {
			return Deleted{}, err
		}
		return Deleted{Version: marker.Version, Marker: true}, nil
	}
	if f.versionRecord == nil {
		return Deleted{Version: in.Version}, nil
	}
	if f.locked(v.now(), in.BypassGovernance) {
		return Deleted{}, ErrLocked
	}
	return Deleted{Version: in.Version, Marker: f.Marker && in.Version != ""}, v.remove(ctx, tx, n, f, ch)
}

// judge holds a deletion's conditions against the version that it is about,
// nil if there is none.
func (in *DeleteInput) judge(r *versionRecord) error {
	if in.IfMatch == "" && in.IfMatchModified.IsZero() && in.IfMatchSize == nil {
		return nil
	}
	if r == nil || r.Marker {
		return ErrNoKey
	}
	modified := time.Unix(0, r.Modified).Truncate(time.Second)
	switch {
	case in.IfMatch != "" && !matches(in.IfMatch, r.etag()),
		!in.IfMatchModified.IsZero() && !modified.Equal(in.IfMatchModified.Truncate(time.Second)),
		in.IfMatchSize != nil && *in.IfMatchSize != r.Size:
		return ErrPrecondition
	}
	return nil
}
