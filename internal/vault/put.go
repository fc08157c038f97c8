package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"writ"
	"writ/internal/records"
	"writ/internal/seal"
)

// Put stores an object. The body is read to its end, whatever comes of it but
// for errors that were clear before. When Put returns nil the version is
// durable and the current one; when it fails there is nothing of it. Errors
// of Body and of Checksum are returned wrapped.
func (v *Vault) Put(ctx context.Context, s Session, in PutInput) (Version, error) {
	return v.put(ctx, s, "put", in)
}

// put is Put under the name of the operation that the journal has.
func (v *Vault) put(ctx context.Context, s Session, op string, in PutInput) (Version, error) {
	b, err := v.begin(ctx, in.Bucket, in.Key)
	if err != nil {
		return Version{}, err
	}
	n := nameIn(b, in.Key)
	conditions := writeConditions{ifMatch: in.IfMatch, ifNoneMatch: in.IfNoneMatch}
	if err := v.foresee(ctx, b, n, in, conditions); err != nil {
		return Version{}, err
	}
	id := writ.NewBlobID()
	use := v.use(s, op, n, "", id)
	use.Length = max(in.Size, 0)
	key, wrapped, err := v.gate.Seal(ctx, v.right(s, b), use)
	if err != nil {
		return Version{}, fmt.Errorf("couldn't get a key: %w", sealError(err))
	}
	body, err := v.sealBody(ctx, key, seal.Stream{ID: id}, in.Body, in.Size, inlineRoom(n))
	key.Erase()
	if err != nil {
		return Version{}, err
	}
	r := versionRecord{Blob: id, Wrapped: wrapped, Size: body.size, ETag: newETag(), Draft: in.Draft}
	return v.finishPut(ctx, b, in, r, body, conditions)
}

// finishPut makes a stored body visible, or gives it up.
func (v *Vault) finishPut(ctx context.Context, b Bucket, in PutInput, r versionRecord, body stored, c writeConditions) (made Version, err error) {
	var data []byte
	if body.data != nil {
		data = body.data.b
		defer body.data.put()
	} else {
		defer func() {
			// What may have become durable is fsck's to judge.
			if err != nil && !errors.Is(err, errUncertain) {
				v.abandon(ctx, body.ref)
			}
		}()
		if r.Ref, err = body.ref.AppendBinary(nil); err != nil {
			return Version{}, err
		}
	}
	if in.Checksum != nil {
		if r.Checksum, err = in.Checksum(); err != nil {
			return Version{}, err
		}
	}
	err = v.changeObject(ctx, nameIn(b, in.Key), func(tx records.Tx, ch *change) error {
		ch.enforce = true
		made, err = v.makeVisible(ctx, tx, b, in.Key, r, data, c, ch)
		return err
	})
	if err != nil {
		return Version{}, fmt.Errorf("couldn't store object: %w", err)
	}
	return made, nil
}

// begin checks what every operation on an object must: the key's form, that
// the bucket is there, that its owner may still ask.
func (v *Vault) begin(ctx context.Context, bucket writ.BucketName, key writ.ObjectKey) (Bucket, error) {
	if err := checkKey(key); err != nil {
		return Bucket{}, err
	}
	b, err := v.Bucket(ctx, bucket)
	if err != nil {
		return Bucket{}, err
	}
	return b, v.admit(ctx, b.Owner)
}

// foresee fails where it is clear before the body is read that the write
// must. That it does not says nothing: all is judged again at the end.
func (v *Vault) foresee(ctx context.Context, b Bucket, n name, in PutInput, c writeConditions) error {
	if in.Size > MaxObject {
		return ErrTooLarge
	}
	if !b.Lock.Enabled && (in.Retention.Mode != NoLock || in.LegalHold) {
		return ErrNoLock
	}
	if in.Retention.Mode != NoLock && !in.Retention.Until.After(v.now()) {
		return ErrRetention
	}
	a, err := v.account(ctx, b.Owner)
	if err != nil {
		return err
	}
	// Without versioning the object that is replaced makes room.
	if b.Versioning == VersioningEnabled {
		if err := a.expect(in.Size); err != nil {
			return err
		}
	}
	if c.none() {
		return nil
	}
	head, err := getVersion(ctx, v.records, n.head())
	if err != nil {
		return err
	}
	return c.judge(head)
}

// newETag returns the random part of an ETag. It is not the blob's id, which
// stands in the sealed bytes on the disk: what a client shows must not point
// to them.
func newETag() (random [16]byte) {
	rand.Read(random[:]) // never fails
	return random
}
