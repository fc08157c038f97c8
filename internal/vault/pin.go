package vault

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/records"
)

// Silent preservation.
//
// A pin keeps versions that an authority asked to preserve, those that are
// there and those that come later, against everything that their owner may
// do, without the owner's noticing. For each version in its scope there is a
// kept record, apart from the version's own, with the data key re-wrapped
// under the docket's key. It is made when the pin is set; for a version that
// comes later shortly after it was made, so that making it takes no longer;
// and at the latest in the transaction that removes the version, or before
// the customer's keys are shredded. When the version goes, in whatever way,
// its record moves into the kept record, in the same transaction, and the
// ownership of the blob with it, instead of being dropped. Usage, listings,
// answers and errors never look at kept records, so that they cannot differ.
// Each removal looks for a kept record, pinned or not, and then writes one
// record in place of another.
//
// Delete markers hold no data and are not kept; parts of an upload are kept
// from the moment that they become a version.

// PinInput says what to preserve. Bucket is needed; of the others none (the
// whole bucket), Prefix, Key (all its versions, also later ones), or Key and
// Version (that one only).
type PinInput struct {
	ID      string // the docket's name for it: 1 to 128 letters, digits, "-", "." or "_"
	Bucket  writ.BucketName
	Prefix  string
	Key     writ.ObjectKey
	Version writ.VersionID
}

// A Pin is what is being preserved.
type Pin struct {
	PinInput
	Customer writ.CustomerID // whose bucket it was when the pin was set
	Since    time.Time
}

// A PinnedVersion is one version under a pin.
type PinnedVersion struct {
	Blob    writ.BlobID
	Bucket  writ.BucketName
	Key     writ.ObjectKey
	Version writ.VersionID
	Since   time.Time // when it came under its first pin
	Gone    time.Time // when its owner's copy went; zero while it is there
}

// Errors of pins.
var (
	ErrPinExists = errors.New("pin of that name exists with another scope")
	ErrNoPin     = errors.New("no such pin")
	ErrPinScope  = errors.New("scope of the pin is not well formed")
)

// pinRecord is a pin as stored, under its customer and id.
type pinRecord struct {
	Bucket  writ.BucketName `cbor:"1,keyasint"`
	Prefix  string          `cbor:"2,keyasint,omitempty"`
	Key     writ.ObjectKey  `cbor:"3,keyasint,omitempty"`
	Version writ.VersionID  `cbor:"4,keyasint,omitempty"`
	Since   int64           `cbor:"5,keyasint"` // Unix nanoseconds
}

func (p *pinRecord) covers(n name, version writ.VersionID) bool {
	return p.Bucket == n.bucket && strings.HasPrefix(string(n.key), p.Prefix) &&
		(p.Key == "" || p.Key == n.key) && (p.Version == "" || p.Version == version)
}

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
	covering, err := v.covering(ctx, n, r.id())
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

// release removes what of a version lies outside its record, in the
// transaction that removes the record, unless a pin covers it: then the record
// moves into its kept record, and the data stay. What it returns goes to
// [Vault.free] once the transaction is durable.
func (v *Vault) release(ctx context.Context, tx records.Tx, n name, r *versionRecord) (freed, error) {
	if r.Marker {
		return freed{}, nil
	}
	covering, err := v.covering(ctx, n, r.id())
	if err != nil {
		return freed{}, err
	}
	for _, id := range covering {
		err := v.keep(ctx, tx, id, n, r)
		if err != nil && !errors.Is(err, ErrShredded) { // what was not kept before is no more
			return freed{}, err
		}
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
	tx.Put(pinnedKey(id, n, r.Blob), nil)
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
