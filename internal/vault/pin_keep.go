package vault

import (
	"context"
	"errors"
	"maps"
	"slices"

	"writ"
	"writ/internal/records"
)

// keptRecord is one version under at least one pin, by its blob id.
type keptRecord struct {
	Pins     []string        `cbor:"1,keyasint"` // sorted
	Customer writ.CustomerID `cbor:"2,keyasint"`
	Bucket   writ.BucketName `cbor:"3,keyasint"`
	Key      writ.ObjectKey  `cbor:"4,keyasint"`
	Version  writ.VersionID  `cbor:"5,keyasint"`
	Wrapped  []byte          `cbor:"6,keyasint"` // under the docket's key
	Since    int64           `cbor:"7,keyasint"` // Unix nanoseconds
	Gone     int64           `cbor:"8,keyasint,omitempty"`
	Record   []byte          `cbor:"9,keyasint,omitempty"` // the version's, as it was when it went
}

func (k *keptRecord) name() name {
	return name{owner: k.Customer, bucket: k.Bucket, key: k.Key}
}

// pinnedRecord says how one version came under one pin.
type pinnedRecord struct {
	Tags map[string]string `cbor:"1,keyasint,omitempty"` // that it carried then
}

// settle prepares a version that is about to be made, or to become the head
// again, in a transaction: its data key comes under the customer's newest KEK,
// which may change r.Wrapped, and it is noted if a pin covers it.
func (v *Vault) settle(ctx context.Context, n name, r *versionRecord, ch *change) error {
	if r.Marker {
		return nil
	}
	wrapped, err := v.rewrap(ctx, n.owner, r.Blob, r.Wrapped)
	if err != nil {
		return err
	}
	r.Wrapped = wrapped
	return v.noteCovered(ctx, n, r, ch)
}

// noteCovered notes a version if a pin covers it, to be kept once the
// transaction is durable.
func (v *Vault) noteCovered(ctx context.Context, n name, r *versionRecord, ch *change) error {
	covering, err := v.covering(ctx, n, r)
	if len(covering) > 0 {
		ch.covered = append(ch.covered, coming{n, r.Stamp})
	}
	return err
}

// rewrap moves a wrapped data key to the customer's newest KEK; one that lies
// there already comes back as it is.
func (v *Vault) rewrap(ctx context.Context, customer writ.CustomerID, id writ.BlobID, wrapped []byte) ([]byte, error) {
	moved, err := v.gate.Rewrap(ctx, customer, id, wrapped)
	return moved, sealError(err)
}

// retag does in the transaction that changes a version's tags what pins ask
// for: what is in scope by the tags that it has till now is kept with those,
// what comes into scope by the new ones is noted.
func (v *Vault) retag(ctx context.Context, tx records.Tx, n name, before, after *versionRecord, ch *change) error {
	if maps.Equal(before.Draft.Tags, after.Draft.Tags) {
		return nil
	}
	if err := v.keepCovered(ctx, tx, n, before); err != nil {
		return err
	}
	return v.noteCovered(ctx, n, after, ch)
}

// letGo removes what of a version lies outside its record, in the transaction
// that removes the record, unless a pin covers it: then the record moves into
// its kept record, and the data stay. What it returns goes to [Vault.free]
// once the transaction is durable.
func (v *Vault) letGo(ctx context.Context, tx records.Tx, n name, r *versionRecord) (freed, error) {
	if r.Marker {
		return freed{}, nil
	}
	if err := v.keepCovered(ctx, tx, n, r); err != nil {
		return freed{}, err
	}
	kept, err := getKept(ctx, tx, r.Blob)
	if err != nil {
		return freed{}, err
	}
	if kept == nil {
		return drop(tx, r)
	}
	kept.Gone, kept.Record = v.now().UnixNano(), encode(r)
	tx.Put(keptKey(r.Blob), encode(kept))
	ref, isBlob, err := r.ref()
	switch {
	case err != nil:
		return freed{}, err
	case isBlob:
		tx.Put(ownerKey(ref), keptKey(r.Blob))
	case r.Parts > 0:
		tx.Put(partsOwnerKey(r.Blob), keptKey(r.Blob))
	} // inline data name their blob id in their key
	return freed{}, nil
}

// drop gives up the data of a version that nothing names any more.
func drop(tx records.Tx, r *versionRecord) (f freed, err error) {
	ref, isBlob, err := r.ref()
	switch {
	case err != nil:
		return f, err
	case isBlob:
		disown(tx, ref)
		f.refs = append(f.refs, ref)
	case r.Parts > 0:
		tx.Put(dropKey(r.Blob), nil)
		tx.Put(partsOwnerKey(r.Blob), dropKey(r.Blob))
		f.parts++
	case r.inline():
		tx.Delete(dataKey(r.Modified, r.Blob))
	}
	return f, nil
}

// keepCovered brings a version under all pins that cover it. Once the
// customer's keys are shredded, what was not kept before is no more.
func (v *Vault) keepCovered(ctx context.Context, tx records.Tx, n name, r *versionRecord) error {
	covering, err := v.covering(ctx, n, r)
	if err != nil {
		return err
	}
	for _, id := range covering {
		if err := v.keep(ctx, tx, id, n, r); err != nil && !errors.Is(err, ErrShredded) {
			return err
		}
	}
	return nil
}

// keep brings a version under a pin.
func (v *Vault) keep(ctx context.Context, tx records.Tx, id string, n name, r *versionRecord) error {
	kept, err := getKept(ctx, tx, r.Blob)
	if err != nil {
		return err
	}
	if kept == nil {
		wrapped, err := v.gate.Pin(ctx, n.owner, r.Blob, r.Wrapped)
		if err != nil {
			return sealError(err)
		}
		kept = &keptRecord{
			Customer: n.owner, Bucket: n.bucket, Key: n.key, Version: r.id(),
			Wrapped: wrapped, Since: v.now().UnixNano(),
		}
	}
	i, found := slices.BinarySearch(kept.Pins, id)
	if found {
		return nil
	}
	kept.Pins = slices.Insert(kept.Pins, i, id)
	tx.Put(keptKey(r.Blob), encode(kept))
	tx.Put(pinnedKey(id, n, r.Blob), encode(pinnedRecord{Tags: r.Draft.Tags}))
	return nil
}

// getKept reads a kept record; nil if there is none.
func getKept(ctx context.Context, r records.Reader, id writ.BlobID) (*keptRecord, error) {
	value, err := r.Get(ctx, keptKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, recordsError(err)
	}
	var kept keptRecord
	return &kept, decode(value, &kept)
}

// version returns the record of a kept version, the owner's or, when that is
// gone, the one that it left. It fails with [errTransientRead] if the owner's
// went since the kept record was read.
func (k *keptRecord) version(ctx context.Context, from records.Reader, id writ.BlobID) (*versionRecord, error) {
	if k.Gone != 0 {
		r := new(versionRecord)
		return r, decode(k.Record, r)
	}
	f, err := find(ctx, from, k.name(), k.Version)
	switch {
	case isMissing(err):
		return nil, errTransientRead
	case err != nil:
		return nil, err
	case f.Blob != id: // another null version has come to its place
		return nil, errTransientRead
	}
	return f.versionRecord, nil
}
