package vault

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
// under the docket's key, made when the pin is set or in the transaction that
// makes the version. When the version goes, in whatever way, the same
// transaction looks whether there is a kept record: then the version's record
// moves into it, and the ownership of the blob with it, instead of being
// dropped. Usage, listings, answers and errors never look at kept records, so
// that they cannot differ. Each removal looks, pinned or not, so that the time
// does not differ by more than the noise of a disk.
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

// pins are the pins in force, by customer, as of each customer's epoch
// record. They are few: the list of a whole customer is kept in memory.
type pins struct {
	mu   sync.Mutex // guards all
	of   map[writ.CustomerID]map[string]*pinRecord
	asOf map[writ.CustomerID]uint64 // epoch at which they were read
}

// settle prepares a version that tx is about to make: it comes under the pins
// that cover it, and its data key under the customer's newest KEK. It may
// change r.Wrapped. tx depends on the customer's epoch, so that it conflicts
// with a pin that is set, or a rotation that begins, meanwhile.
func (v *Vault) settle(ctx context.Context, tx records.Tx, n name, r *versionRecord) error {
	if r.Marker {
		return nil
	}
	epoch, err := readEpoch(ctx, tx, n.owner)
	if err != nil {
		return err
	}
	if r.Wrapped, err = v.rewrap(ctx, n.owner, r.Blob, r.Wrapped); err != nil {
		return err
	}
	scopes, err := v.pinsOf(ctx, n.owner, epoch)
	if err != nil {
		return err
	}
	for id, p := range scopes {
		if p.covers(n, r.id()) {
			if err := v.keep(ctx, tx, id, n, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// rewrap moves a wrapped data key to the customer's newest KEK; one that lies
// there already comes back as it is.
func (v *Vault) rewrap(ctx context.Context, customer writ.CustomerID, id writ.BlobID, wrapped []byte) ([]byte, error) {
	moved, err := v.gate.Rewrap(ctx, customer, id, wrapped)
	return moved, sealError(err)
}

// release removes what of a version lies outside its record, in the
// transaction that removes the record, unless the version is kept: then the
// record moves into its kept record, and the data stay. What it returns goes
// to [Vault.free] once the transaction is durable.
func (v *Vault) release(ctx context.Context, tx records.Tx, r *versionRecord) (freed, error) {
	if r.Marker {
		return freed{}, nil
	}
	kept, err := getKept(ctx, tx, r.Blob)
	if err != nil {
		return freed{}, err
	}
	if kept == nil {
		return v.drop(tx, r)
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
func (v *Vault) drop(tx records.Tx, r *versionRecord) (f freed, err error) {
	ref, isBlob, err := r.ref()
	switch {
	case err != nil:
		return f, err
	case isBlob:
		v.disown(tx, ref)
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

// pinsOf returns the customer's pins as of an epoch that the caller's
// transaction has read, from memory when that is new enough.
func (v *Vault) pinsOf(ctx context.Context, customer writ.CustomerID, epoch uint64) (map[string]*pinRecord, error) {
	v.pins.mu.Lock()
	have, ok := v.pins.of[customer]
	asOf := v.pins.asOf[customer]
	v.pins.mu.Unlock()
	if epoch == 0 {
		return nil, nil // never had one
	}
	if ok && asOf == epoch {
		return have, nil
	}
	read, asOf, err := v.readPins(ctx, customer)
	if err != nil {
		return nil, err
	}
	v.pins.mu.Lock()
	defer v.pins.mu.Unlock()
	if v.pins.of == nil {
		v.pins.of, v.pins.asOf = make(map[writ.CustomerID]map[string]*pinRecord), make(map[writ.CustomerID]uint64)
	}
	v.pins.of[customer], v.pins.asOf[customer] = read, asOf
	return read, nil
}

// readPins reads the customer's pins and the epoch that they are of.
func (v *Vault) readPins(ctx context.Context, customer writ.CustomerID) (map[string]*pinRecord, uint64, error) {
	snap, err := v.records.Snapshot(ctx)
	if err != nil {
		return nil, 0, recordsError(err)
	}
	defer snap.Close()
	epoch, err := readEpoch(ctx, snap, customer)
	if err != nil {
		return nil, 0, err
	}
	all := make(map[string]*pinRecord)
	err = eachRecord(ctx, snap, records.Prefix(pinPrefix(customer)), func(e records.Entry) error {
		p := new(pinRecord)
		if err := decode(e.Value, p); err != nil {
			return err
		}
		all[string(e.Key[len(pinPrefix(customer)):])] = p
		return nil
	})
	return all, epoch, err
}

// readEpoch reads a customer's epoch: 0 if it never had a pin or a rotation.
func readEpoch(ctx context.Context, r records.Reader, customer writ.CustomerID) (uint64, error) {
	value, err := r.Get(ctx, epochKey(customer))
	if errors.Is(err, records.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, recordsError(err)
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("%w: epoch of a customer", ErrCorrupt)
	}
	return binary.BigEndian.Uint64(value), nil
}

// bumpEpoch makes every transaction that settles a version of the customer,
// and has not committed yet, start again.
func bumpEpoch(ctx context.Context, tx records.Tx, customer writ.CustomerID) error {
	epoch, err := readEpoch(ctx, tx, customer)
	if err != nil {
		return err
	}
	tx.Put(epochKey(customer), binary.BigEndian.AppendUint64(nil, epoch+1))
	return nil
}
