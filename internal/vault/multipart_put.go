package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/records"
	"writ/internal/seal"
)

// BeginUpload starts an upload: the gate grants the one data key that all
// its parts are sealed under.
func (v *Vault) BeginUpload(ctx context.Context, s Session, in BeginInput) (Upload, error) {
	b, err := v.Bucket(ctx, in.Bucket)
	if err != nil {
		return Upload{}, err
	}
	if err := checkKey(in.Key); err != nil {
		return Upload{}, err
	}
	if err := v.newRetention(b, &versionRecord{Draft: in.Draft}); err != nil {
		return Upload{}, err
	}
	if err := v.admit(ctx, b.Owner); err != nil {
		return Upload{}, err
	}
	if in.ChecksumAlgorithm != "" {
		if _, err := newWholeChecksum(in.ChecksumAlgorithm, in.ChecksumComposite); err != nil {
			return Upload{}, fmt.Errorf("%w: %w", ErrChecksumType, err)
		}
	}
	now := v.now()
	ref := UploadRef{Bucket: in.Bucket, Key: in.Key, ID: newUploadID(now, in.Bucket, in.Key)}
	up := uploadRecord{
		Blob:      writ.NewBlobID(),
		Initiator: s.Customer,
		Begun:     now.UnixNano(),
		Draft:     in.Draft,
		Algorithm: in.ChecksumAlgorithm,
		Composite: in.ChecksumComposite,
	}
	key, wrapped, err := v.gate.Seal(ctx, v.right(s, b), v.use(s, "begin", nameIn(b, in.Key), "", up.Blob))
	if err != nil {
		return Upload{}, sealError(err)
	}
	key.Erase()
	up.Wrapped = wrapped
	err = v.update(ctx, func(tx records.Tx) error {
		if _, err := v.requireBucket(ctx, tx, b); err != nil {
			return err
		}
		moved, err := v.rewrap(ctx, b.Owner, up.Blob, up.Wrapped)
		if err != nil {
			return err
		}
		up.Wrapped = moved
		tx.Put(uploadKey(b.Owner, ref), encode(up))
		tx.Put(partsOwnerKey(up.Blob), uploadKey(b.Owner, ref))
		return nil
	})
	if err != nil {
		return Upload{}, fmt.Errorf("couldn't begin upload: %w", err)
	}
	return up.public(b.Owner, ref), nil
}

// newUploadID returns a UUID of version 7 (RFC 9562, section 5.7): uploads
// that begin later sort later, to a quarter of a microsecond (section 6.2,
// method 3). Its last 48 bits are a
// digest of the rest and of the upload's name, so that the id of another
// upload, or of none, is known without a look at the records; a marker in a
// listing stays good when its upload ends.
func newUploadID(now time.Time, bucket writ.BucketName, key writ.ObjectKey) string {
	var id [16]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(id[:6], ms[2:])
	fraction := now.UnixNano() % int64(time.Millisecond) << 12 / int64(time.Millisecond)
	binary.BigEndian.PutUint16(id[6:], uint16(fraction))
	rand.Read(id[8:10]) // never fails
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	copy(id[10:], uploadDigest(id[:10], bucket, key))
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func uploadDigest(id []byte, bucket writ.BucketName, key writ.ObjectKey) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "writ/upload/v1\x00%s\x00%s\x00", bucket, key)
	h.Write(id)
	return h.Sum(nil)[:6]
}

// validUploadID reports whether id is the id of an upload of that name, in the
// one form that it has, which it must be before it becomes part of a record's
// key.
func validUploadID(id string, bucket writ.BucketName, key writ.ObjectKey) bool {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' || strings.ToLower(id) != id {
		return false
	}
	raw, err := hex.DecodeString(id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:])
	return err == nil && bytes.Equal(raw[10:], uploadDigest(raw[:10], bucket, key))
}

// Upload returns an upload that was begun and neither completed nor aborted.
func (v *Vault) Upload(ctx context.Context, ref UploadRef) (Upload, error) {
	b, up, err := v.findUpload(ctx, ref)
	if err != nil {
		return Upload{}, err
	}
	return up.public(b.Owner, ref), nil
}

func (v *Vault) findUpload(ctx context.Context, ref UploadRef) (Bucket, uploadRecord, error) {
	b, err := v.Bucket(ctx, ref.Bucket)
	if err != nil {
		return Bucket{}, uploadRecord{}, err
	}
	up, err := getUpload(ctx, v.records, b.Owner, ref)
	return b, up, err
}

// getUpload reads an upload's record, in a transaction or outside.
func getUpload(ctx context.Context, r records.Reader, owner writ.CustomerID, ref UploadRef) (up uploadRecord, err error) {
	if !validUploadID(ref.ID, ref.Bucket, ref.Key) {
		return up, ErrNoUpload
	}
	value, err := r.Get(ctx, uploadKey(owner, ref))
	if errors.Is(err, records.ErrNotFound) {
		return up, ErrNoUpload
	}
	if err != nil {
		return up, fmt.Errorf("couldn't read upload: %w", recordsError(err))
	}
	return up, decode(value, &up)
}

// PutPart stores one part. A part with the same number replaces the one
// before; until then that one stays. When PutPart returns without error the
// part is durable. A part that arrives too late, because the upload was
// completed or aborted meanwhile, gets [ErrNoUpload] and leaves nothing.
func (v *Vault) PutPart(ctx context.Context, s Session, in PartInput) (Part, error) {
	if in.Number < 1 || in.Number > MaxParts {
		return Part{}, ErrPartNumber
	}
	if in.Size > MaxPartSize {
		return Part{}, ErrPartTooLarge
	}
	var part Part
	err := v.withUpload(ctx, in.UploadRef, func(b Bucket, up uploadRecord) error {
		if err := v.admit(ctx, b.Owner); err != nil {
			return err
		}
		a, err := v.account(ctx, b.Owner)
		if err != nil {
			return err
		}
		if err := a.expect(in.Size); err != nil {
			return err
		}
		use := v.use(s, "part", nameIn(b, in.Key), "", up.Blob)
		use.Length = max(in.Size, 0)
		key, err := v.gate.Open(ctx, v.right(s, b), use, up.Wrapped)
		if err != nil {
			return sealError(err)
		}
		defer key.Erase()
		part, err = v.storePart(ctx, b, up, key, in)
		return err
	})
	return part, err
}

// CopyPart stores a part whose bytes are those of an object, or of a stretch
// of it. They are opened by the session's right to the source's bucket and
// sealed anew under the upload's key. What is wrong with the source is a
// [*SourceError].
func (v *Vault) CopyPart(ctx context.Context, s Session, in CopyPartInput) (CopiedPart, error) {
	if in.Number < 1 || in.Number > MaxParts {
		return CopiedPart{}, ErrPartNumber
	}
	if _, _, err := v.findUpload(ctx, in.UploadRef); err != nil {
		return CopiedPart{}, err
	}
	source, err := v.get(ctx, s, "copy-from", GetInput{ObjectRef: in.Source, Conditions: in.Conditions, Range: in.Range})
	if errors.Is(err, ErrNotModified) {
		err = ErrPrecondition // a copy has no other answer
	}
	if err != nil {
		return CopiedPart{}, &SourceError{Err: err}
	}
	defer source.Body.Close()
	put := PartInput{UploadRef: in.UploadRef, Number: in.Number, Body: source.Body, Size: source.Length}
	if in.Sum != nil {
		put.Body, put.Checksum = in.Sum(source.Body)
	}
	part, err := v.PutPart(ctx, s, put)
	return CopiedPart{Part: part, Source: source.Version}, err
}

// withUpload calls fn with an upload's record, once more if its key was
// retired between reading the record and using it.
func (v *Vault) withUpload(ctx context.Context, ref UploadRef, fn func(Bucket, uploadRecord) error) error {
	for try := 0; ; try++ {
		b, up, err := v.findUpload(ctx, ref)
		if err != nil {
			return err
		}
		if err := fn(b, up); !errors.Is(err, gate.ErrNoKEK) || try > 0 {
			return err
		}
	}
}

// storePart seals a part's body under the upload's key and makes it count.
func (v *Vault) storePart(ctx context.Context, b Bucket, up uploadRecord, key *seal.Key, in PartInput) (Part, error) {
	body, err := v.sealBody(ctx, key, seal.Stream{ID: up.Blob, Part: uint32(in.Number)}, in.Body, in.Size, -1)
	if err != nil {
		return Part{}, err
	}
	counts := false
	defer func() {
		if !counts {
			v.abandon(ctx, body.ref)
		}
	}()
	p := partEntry{Number: uint16(in.Number), Ref: body.ref}
	p.Size, p.Modified, p.ETag = body.size, v.now().UnixNano(), newETag()
	if p.Size > MaxPartSize {
		return Part{}, ErrPartTooLarge
	}
	if p.partRecord.Ref, err = body.ref.MarshalBinary(); err != nil {
		return Part{}, err
	}
	if in.Checksum != nil {
		if p.Checksum, err = in.Checksum(); err != nil {
			return Part{}, err
		}
	}
	if up.Algorithm != "" && p.Checksum.Algorithm != up.Algorithm {
		return Part{}, ErrPartChecksum
	}
	err = v.commitPart(ctx, b, in.UploadRef, &p)
	counts = err == nil || errors.Is(err, errUncertain) // what may have become durable is fsck's to judge
	if err != nil {
		return Part{}, err
	}
	return p.public(), nil
}

// commitPart makes a part count, in one transaction with the upload's record:
// if the upload was completed or aborted meanwhile, it does not.
func (v *Vault) commitPart(ctx context.Context, b Bucket, ref UploadRef, p *partEntry) error {
	return v.change(ctx, b.Owner, func(tx records.Tx, ch *change) error {
		ch.enforce = true
		up, err := getUpload(ctx, tx, b.Owner, ref)
		if err != nil {
			return err
		}
		key := partKey(up.Blob, p.Number)
		before, err := readPart(ctx, tx, key)
		if err != nil {
			return err
		}
		ch.Bytes = p.Size
		if before != nil {
			disown(tx, before.Ref)
			ch.freed.refs = append(ch.freed.refs, before.Ref)
			ch.Bytes -= before.Size
		}
		tx.Put(key, encode(p.partRecord))
		tx.Put(ownerKey(p.Ref), key)
		return nil
	})
}

// AbortUpload ends an upload and removes its parts.
func (v *Vault) AbortUpload(ctx context.Context, s Session, ref UploadRef) error {
	b, err := v.Bucket(ctx, ref.Bucket)
	if err != nil {
		return err
	}
	if err := v.admit(ctx, b.Owner); err != nil {
		return err
	}
	return v.abort(ctx, b.Owner, ref, nil)
}

// abort removes the upload's record, so that no part counts any more, then
// its parts. If that is interrupted, the drop record finishes it. when, if not
// nil, must agree that the upload as it is now is to be aborted.
func (v *Vault) abort(ctx context.Context, owner writ.CustomerID, ref UploadRef, when func(*uploadRecord) bool) error {
	var id writ.BlobID
	err := v.update(ctx, func(tx records.Tx) error {
		up, err := getUpload(ctx, tx, owner, ref)
		if err != nil {
			return err
		}
		if when != nil && !when(&up) {
			return nil
		}
		id = up.Blob
		tx.Delete(uploadKey(owner, ref))
		tx.Put(dropKey(id), []byte(owner))
		tx.Put(partsOwnerKey(id), dropKey(id))
		return nil
	})
	if err != nil || id == (writ.BlobID{}) {
		return err
	}
	if _, err := v.dropParts(context.WithoutCancel(ctx), id); err != nil {
		v.log.WarnContext(ctx, "couldn't remove the parts of an aborted upload yet", "error", err)
	}
	return nil
}
