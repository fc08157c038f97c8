package vault

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/fxamacker/cbor/v2"

	"writ"
	"writ/internal/blob"
)

// The forms of the records that layout.go names. Fields are never renumbered,
// and numbers of fields that went are not given again.

type customerRecord struct {
	Name     string    `cbor:"1,keyasint"`
	Created  time.Time `cbor:"2,keyasint"`
	Shredded time.Time `cbor:"3,keyasint,omitzero"`
	Bytes    int64     `cbor:"4,keyasint,omitempty"` // quotas
	Objects  int64     `cbor:"5,keyasint,omitempty"`
	Requests int64     `cbor:"6,keyasint,omitempty"`
}

func (r *customerRecord) public(id writ.CustomerID) Customer {
	return Customer{
		ID: id, Name: r.Name, Created: r.Created, Shredded: r.Shredded,
		Quota: Quota{Bytes: r.Bytes, Objects: r.Objects, Requests: r.Requests},
	}
}

// credentialRecord holds the secret as it is: like every record's value it is
// sealed with its key as additional data.
type credentialRecord struct {
	Customer writ.CustomerID `cbor:"1,keyasint"`
	Secret   string          `cbor:"2,keyasint"`
	Created  time.Time       `cbor:"3,keyasint"`
}

type bucketRecord struct {
	Owner      writ.CustomerID    `cbor:"1,keyasint"`
	Created    time.Time          `cbor:"2,keyasint"`
	Versioning Versioning         `cbor:"3,keyasint,omitempty"`
	Lock       ObjectLock         `cbor:"4,keyasint,omitzero"`
	Settings   map[Setting][]byte `cbor:"5,keyasint,omitempty"`
}

// usageRecord is one share of a customer's usage: running sums, which may be
// below zero.
type usageRecord struct {
	Bytes   int64 `cbor:"1,keyasint"`
	Objects int64 `cbor:"2,keyasint"`
}

// versionRecord is one version. The fields from Blob on are not set in a
// delete marker.
type versionRecord struct {
	Stamp    stamp `cbor:"1,keyasint"`
	Modified int64 `cbor:"2,keyasint"` // Unix nanoseconds
	Null     bool  `cbor:"3,keyasint,omitempty"`
	Marker   bool  `cbor:"4,keyasint,omitempty"`
	NullAt   stamp `cbor:"5,keyasint,omitzero"` // of a head only
	// Since is when an older version was superseded, in Unix nanoseconds.
	Since int64 `cbor:"6,keyasint,omitempty"`

	Blob    writ.BlobID `cbor:"7,keyasint,omitzero"`
	Wrapped []byte      `cbor:"8,keyasint,omitempty"`
	Size    int64       `cbor:"9,keyasint,omitempty"` // bytes of plaintext
	// Where the data lie: one of Ref, and Parts with Index; neither, and they
	// are inline.
	Ref   []byte    `cbor:"10,keyasint,omitempty"` // [blob.Ref] in its binary form
	Parts int       `cbor:"11,keyasint,omitempty"`
	Index partIndex `cbor:"12,keyasint,omitempty"`

	ETag     [16]byte `cbor:"13,keyasint,omitzero"`
	Checksum Checksum `cbor:"14,keyasint,omitzero"`
	Draft    Draft    `cbor:"15,keyasint,omitzero"`
}

// inline reports whether the version's data lie in a record.
func (r *versionRecord) inline() bool { return !r.Marker && len(r.Ref) == 0 && r.Parts == 0 }

// ref returns where the version's one blob lies; ok is false if its data are
// inline or in parts.
func (r *versionRecord) ref() (ref blob.Ref, ok bool, err error) {
	if len(r.Ref) == 0 {
		return ref, false, nil
	}
	if ref, _, err = blob.DecodeRef(r.Ref); err != nil {
		return ref, false, fmt.Errorf("%w: reference to a blob: %w", ErrCorrupt, err)
	}
	return ref, true, nil
}

// id returns the version's id.
func (r *versionRecord) id() writ.VersionID {
	if r.Null {
		return writ.NullVersion
	}
	return r.Stamp.id()
}

// etag returns the ETag as clients see it: random hexadecimal digits, and the
// number of parts behind a dash, so that no client takes it for an MD5.
func (r *versionRecord) etag() string { return formatETag(r.ETag, max(r.Parts, 1)) }

func formatETag(random [16]byte, parts int) string {
	b := make([]byte, 0, 38)
	b = hex.AppendEncode(b, random[:])
	b = append(b, '-')
	return string(strconv.AppendInt(b, int64(parts), 10))
}

// public returns the version as callers see it.
func (r *versionRecord) public(n name, latest bool) Version {
	out := Version{
		ObjectRef: ObjectRef{Bucket: n.bucket, Key: n.key, Version: r.id()},
		Owner:     n.owner,
		Latest:    latest,
		Marker:    r.Marker,
		Modified:  time.Unix(0, r.Modified).UTC(),
	}
	if r.Marker {
		return out
	}
	out.Size, out.ETag, out.Parts = r.Size, r.etag(), r.Parts
	out.Meta, out.Tags, out.Class = r.Draft.Meta, r.Draft.Tags, r.Draft.Class
	out.Retention, out.LegalHold = r.Draft.Retention, r.Draft.LegalHold
	out.Checksum = r.Checksum
	return out
}

// forms encodes times to the nanosecond and maps in one order.
var forms = func() cbor.EncMode {
	mode, err := cbor.EncOptions{Sort: cbor.SortCanonical, Time: cbor.TimeRFC3339Nano}.EncMode()
	if err != nil {
		panic(err) // the options above are constant
	}
	return mode
}()

// encode returns a record's value.
func encode(record any) []byte {
	value, err := forms.Marshal(record)
	if err != nil {
		panic(fmt.Sprintf("vault: a record cannot be encoded: %v", err)) // all forms can
	}
	return value
}

// decode reads a record's value; what it cannot read is [ErrCorrupt].
func decode(value []byte, record any) error {
	if err := cbor.Unmarshal(value, record); err != nil {
		return fmt.Errorf("%w: a record does not decode", ErrCorrupt)
	}
	return nil
}
