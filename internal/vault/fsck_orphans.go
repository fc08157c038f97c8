package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"writ"
	"writ/internal/blob"
	"writ/internal/records"
)

// parts checks that the parts of every blob id have an upload, a version, a
// kept version or a drop record, and counts those of uploads.
func (f *fsck) parts(ctx context.Context) error {
	var id writ.BlobID
	var owned bool
	var counts writ.CustomerID // whose usage the parts count in; "" if they do as a version
	return f.each(ctx, tagPart, func(e records.Entry) error {
		this, number, err := parsePart(e.Key)
		if err != nil || e.Value == nil {
			return nil
		}
		if this != id {
			id = this
			if owned, counts, err = f.partsOwner(ctx, id); err != nil {
				return err
			}
			if !owned {
				if err := f.orphanParts(ctx, id); err != nil {
					return err
				}
			}
		}
		if owned && counts != "" && number > 0 {
			if p, err := decodePart(e); err == nil {
				f.sum(counts).Bytes += p.Size
			}
		}
		return nil
	})
}

// partsOwner looks whether the record that the parts of id name is there and
// names them.
func (f *fsck) partsOwner(ctx context.Context, id writ.BlobID) (owned bool, counts writ.CustomerID, err error) {
	if f.namedIDs[id] {
		return true, "", nil
	}
	identity, err := f.v.records.Get(ctx, partsOwnerKey(id))
	if err != nil || len(identity) == 0 {
		owned, err = judge(false, err)
		return owned, "", err
	}
	switch identity[0] {
	case tagUpload:
		owner, _, err := parseUpload(identity)
		if err != nil {
			return false, "", nil
		}
		up, err := f.readUpload(ctx, identity)
		owned, err = judge(err == nil && up.Blob == id, err)
		return owned, owner, err
	case tagVersion:
		_, r, err := findIdentity(ctx, f.v.records, identity)
		owned, err = judge(r != nil && r.Blob == id, err)
		return owned, "", err
	case tagDrop:
		customer, err := f.v.records.Get(ctx, dropKey(id))
		owned, err = judge(err == nil, err)
		return owned, writ.CustomerID(customer), err
	case tagKept:
		kept, err := getKept(ctx, f.v.records, id)
		owned, err = judge(kept != nil && kept.Gone != 0, err)
		return owned, "", err
	}
	return false, "", nil
}

func (f *fsck) readUpload(ctx context.Context, key []byte) (up uploadRecord, err error) {
	value, err := f.v.records.Get(ctx, key)
	if err != nil {
		return up, err
	}
	return up, decode(value, &up)
}

// judge says whether something is owned, given what was read of its owner and
// with what error. An owner's record that is damaged is a finding elsewhere;
// what it named is no orphan, for a backup may have the record whole. Other
// errors end the check.
func judge(owned bool, err error) (bool, error) {
	switch {
	case err == nil:
		return owned, nil
	case errors.Is(err, records.ErrNotFound):
		return false, nil
	case errors.Is(err, records.ErrCorrupt), errors.Is(err, ErrCorrupt):
		return true, nil
	}
	return false, recordsError(err)
}

func (f *fsck) orphanParts(ctx context.Context, id writ.BlobID) error {
	// A version that was completed or dropped since the owner was read has
	// another owner now.
	if owned, _, err := f.partsOwner(ctx, id); err != nil || owned {
		return err
	}
	f.r.Orphans.add(Finding{Problem: OrphanParts, Blob: id.String()})
	if !f.o.Repair {
		return nil
	}
	err := f.v.update(ctx, func(tx records.Tx) error {
		tx.Put(dropKey(id), nil)
		tx.Put(partsOwnerKey(id), dropKey(id))
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := f.v.dropParts(ctx, id); err != nil {
		return err
	}
	f.r.Removed++
	return nil
}

// data checks that all inline data have their version.
func (f *fsck) data(ctx context.Context) error {
	return f.each(ctx, tagData, func(e records.Entry) error {
		if e.Value == nil {
			return nil
		}
		owned, err := f.dataOwned(ctx, f.v.records, e)
		if err != nil || owned {
			return err
		}
		orphan := false
		err = f.v.update(ctx, func(tx records.Tx) error {
			orphan = false
			if _, err := tx.Get(ctx, e.Key); errors.Is(err, records.ErrNotFound) {
				return nil
			} else if err != nil {
				return err
			}
			owned, err := f.dataOwned(ctx, tx, e)
			if err != nil || owned {
				return err
			}
			if orphan = true; f.o.Repair {
				tx.Delete(e.Key)
			}
			return nil
		})
		if err != nil || !orphan {
			return err
		}
		f.r.Orphans.add(Finding{Problem: OrphanData, Detail: fmt.Sprintf("%d bytes", len(e.Value))})
		if f.o.Repair {
			f.r.Removed++
		}
		return nil
	})
}

func (f *fsck) dataOwned(ctx context.Context, from records.Reader, e records.Entry) (bool, error) {
	identity, _, err := dataOwner(e.Value)
	if err != nil {
		return false, nil
	}
	_, r, err := findIdentity(ctx, from, identity)
	if err != nil {
		return judge(false, err)
	}
	if r != nil && r.inline() && bytes.Equal(dataKey(r.Modified, r.Blob), e.Key) {
		return true, nil
	}
	var id writ.BlobID
	copy(id[:], e.Key[len(e.Key)-len(id):])
	kept, err := getKept(ctx, from, id)
	return judge(kept != nil && kept.Gone != 0, err)
}

// owners checks that every owner entry's record is there and names the blob.
func (f *fsck) owners(ctx context.Context) error {
	return f.each(ctx, tagOwner, func(e records.Entry) error {
		if e.Value == nil {
			return nil
		}
		named, err := f.names(ctx, f.v.records, e)
		if err != nil || named {
			return err
		}
		orphan := false
		err = f.v.update(ctx, func(tx records.Tx) error {
			orphan = false
			now, err := tx.Get(ctx, e.Key)
			if errors.Is(err, records.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			named, err := f.names(ctx, tx, records.Entry{Key: e.Key, Value: now})
			if err != nil || named {
				return err
			}
			if orphan = true; f.o.Repair {
				tx.Delete(e.Key) // the blob itself is then an orphan, and is met as one
			}
			return nil
		})
		if err != nil || !orphan {
			return err
		}
		one := Finding{Problem: OrphanOwner, Blob: fmt.Sprintf("%x", e.Key[1:])}
		if len(e.Value) > 0 && e.Value[0] != tagKept { // whose it was, unless a preservation's
			one = f.locate(e.Value, one)
		}
		f.r.Orphans.add(one)
		if f.o.Repair {
			f.r.Removed++
		}
		return nil
	})
}

// names reports whether the record that an owner entry points to names the
// blob.
func (f *fsck) names(ctx context.Context, from records.Reader, e records.Entry) (bool, error) {
	if len(e.Value) == 0 {
		return false, nil
	}
	var ref blob.Ref
	switch e.Value[0] {
	case tagVersion:
		_, r, err := findIdentity(ctx, from, e.Value)
		if err != nil || r == nil {
			return judge(false, err)
		}
		if ref, _, err = r.ref(); err != nil {
			return judge(false, err)
		}
	case tagPart:
		p, err := readPart(ctx, from, e.Value)
		if err != nil || p == nil {
			return judge(false, err)
		}
		ref = p.Ref
	case tagKept:
		id, err := keptOf(e.Value)
		if err != nil {
			return false, nil
		}
		kept, err := getKept(ctx, from, id)
		if err != nil || kept == nil || kept.Gone == 0 {
			return judge(false, err)
		}
		var r versionRecord
		if err := decode(kept.Record, &r); err != nil {
			return judge(false, err)
		}
		if ref, _, err = r.ref(); err != nil {
			return judge(false, err)
		}
	default:
		return false, nil
	}
	return bytes.Equal(ownerKey(ref), e.Key), nil
}

// maxSuspects bounds how many blobs without an owner are remembered for a
// second look. Of more than that, the next fsck finds the rest.
const maxSuspects = 1 << 18

// blobs checks that every blob is owned, or was deleted and waits for its
// space to be reclaimed.
func (f *fsck) blobs(ctx context.Context) error {
	var suspects []blob.Ref
	damage := f.v.blobs.Walk(ctx, func(ref blob.Ref) error {
		state, err := f.state(ctx, ref)
		switch {
		case err != nil:
			return err
		case state == blobOwned:
			f.r.Blobs++
		case state == blobKept:
			f.r.Kept.Blobs++
		case state == blobUnowned && len(suspects) < maxSuspects:
			suspects = append(suspects, ref)
		}
		return nil
	})
	if damage != nil && !errors.Is(damage, blob.ErrCorrupt) {
		return fmt.Errorf("couldn't walk over blobs: %w", blobError(damage))
	}
	if err := f.framing(ctx, damage); err != nil {
		return err
	}
	if len(suspects) == 0 {
		return nil
	}
	select { // a write under way names its blob soon
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(f.o.Settle):
	}
	for _, ref := range suspects {
		if err := f.suspect(ctx, ref); err != nil {
			return err
		}
	}
	return nil
}

// framing takes the damage of a walk as findings.
func (f *fsck) framing(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, err := range list {
		one := Finding{Problem: DamagedBlob, Detail: err.Error()}
		state := blobOwned
		var where *blob.DamageError
		if errors.As(err, &where) {
			one.Blob, one.Detail = refText(where.Ref), where.Reason
			if state, err = f.state(ctx, where.Ref); err != nil {
				return err
			}
		}
		f.damage(state == blobKept, one)
	}
	return nil
}

type blobState int

const (
	blobOwned   blobState = iota // a version or an upload has it
	blobKept                     // only a preservation has it
	blobDeleted                  // nobody has, and its space is to be reclaimed
	blobUnowned
)

func (f *fsck) state(ctx context.Context, ref blob.Ref) (blobState, error) {
	owner, err := ownerOf(ctx, f.v.records, ref)
	switch {
	case err != nil && !errors.Is(err, records.ErrCorrupt):
		return 0, err
	case err != nil, f.named[ref]: // what is wrong with those is found elsewhere
		return blobOwned, nil
	case len(owner) > 0:
		return f.ownedBy(ctx, owner)
	}
	_, err = f.v.records.Get(ctx, deadKey(ref))
	if dead, err := judge(err == nil, err); err != nil || dead {
		return blobDeleted, err
	}
	return blobUnowned, nil
}

// ownedBy says whose a blob is whose owner entry holds that identity.
func (f *fsck) ownedBy(ctx context.Context, owner []byte) (blobState, error) {
	if owner[0] == tagPart { // the parts' own owner says
		id, _, err := parsePart(owner)
		if err != nil {
			return blobOwned, nil // found elsewhere
		}
		owner, err = f.v.records.Get(ctx, partsOwnerKey(id))
		if known, err := judge(err == nil, err); err != nil || !known || len(owner) == 0 {
			return blobOwned, err
		}
	}
	switch owner[0] {
	case tagKept:
		return blobKept, nil
	case tagDrop:
		return blobDeleted, nil
	}
	return blobOwned, nil
}

// suspect looks again at a blob without an owner.
func (f *fsck) suspect(ctx context.Context, ref blob.Ref) error {
	state, err := f.state(ctx, ref)
	if err != nil || state != blobUnowned {
		return err
	}
	r, err := f.v.blobs.Open(ctx, ref)
	if errors.Is(err, blob.ErrNotFound) {
		return nil // deleted meanwhile
	}
	if err == nil {
		r.Close()
	}
	f.r.Orphans.add(Finding{Problem: OrphanBlob, Blob: refText(ref)})
	if f.o.Repair {
		f.v.abandon(ctx, ref)
		f.r.Removed++
	}
	return nil
}
