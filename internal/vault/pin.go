package vault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"writ"
	"writ/internal/policy"
)

// Silent preservation.
//
// A pin keeps versions that an authority asked to preserve, those that are
// there and those that come later, against everything that their owner may
// do, without the owner's noticing. For each version in its scope there is a
// kept record, apart from the version's own, with the data key re-wrapped
// under the docket's key. It is made when the pin is set; for a version that
// comes later shortly after it was made, so that making it takes no longer;
// and at the latest in the transaction that removes the version or takes the
// tag away by which it is in scope, or before the customer's keys are
// shredded. When the version goes, in whatever way, its record moves into the
// kept record, in the same transaction, and the ownership of the blob with
// it, instead of being dropped. Usage, listings, answers and errors never
// look at kept records, so that they cannot differ. Each removal looks for a
// kept record, pinned or not, and then writes one record in place of another.
//
// A version is in scope by its tags if it carries all of them at any moment
// from when the pin is in force; losing one later does not let it go.
//
// Delete markers hold no data and are not kept; parts of an upload are kept
// from the moment that they become a version.

// A Preservation is what is being preserved, and since when. docs/preservation.md
// says what that means.
type Preservation struct {
	ID       string          `json:"id"` // the docket's name for it
	Customer writ.CustomerID `json:"customer"`
	Scope    policy.Scope    `json:"scope"`
	Since    time.Time       `json:"since"` // when it came into force
	// Ending says that [Vault.Release] was called and is to be called again,
	// since it was interrupted. Of the rest only ID and Customer are known.
	Ending bool `json:"ending,omitempty"`
}

// Errors of preservations, beside [policy.ErrScope].
var (
	ErrPreservation       = errors.New("preservation is not well formed")
	ErrPreservationExists = errors.New("preservation of that name exists with another scope, or is being lifted")
	ErrNoPreservation     = errors.New("no such preservation")
	ErrBucketOwner        = errors.New("bucket is another customer's")
)

// A ScopeError says which bucket of a scope an error is about. Its text does
// not name it, so that it may be logged.
type ScopeError struct {
	Number int // counted from 1
	Bucket writ.BucketName
	Err    error
}

// Error implements error.
func (e *ScopeError) Error() string {
	return fmt.Sprintf("bucket %d of the scope: %v", e.Number, e.Err)
}

// Unwrap returns what is wrong.
func (e *ScopeError) Unwrap() error { return e.Err }

// checkPreservation says whether a preservation can be set.
func checkPreservation(id string, s policy.Scope) error {
	if len(id) < 1 || len(id) > 128 {
		return fmt.Errorf("%w: its name has not 1 to 128 characters", ErrPreservation)
	}
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return fmt.Errorf("%w: its name has a character other than letters, digits, \"-\", \".\" and \"_\"", ErrPreservation)
		}
	}
	if err := s.Check(); err != nil {
		return err
	}
	if !s.Has(writ.ClassContent) {
		return fmt.Errorf("%w: it keeps content, and the scope does not name that class", ErrPreservation)
	}
	return nil
}

// pinRecord is a pin as stored, under its customer and id. Fields 1 to 4 are
// its scope as it was written before there was more than one bucket to it:
// the whole bucket, a prefix, a key, or a key and its version. They are read
// and never written.
type pinRecord struct {
	Bucket  writ.BucketName  `cbor:"1,keyasint,omitempty"`
	Prefix  string           `cbor:"2,keyasint,omitempty"`
	Key     writ.ObjectKey   `cbor:"3,keyasint,omitempty"`
	Version writ.VersionID   `cbor:"4,keyasint,omitempty"`
	Since   int64            `cbor:"5,keyasint"` // Unix nanoseconds
	Buckets []pinBucket      `cbor:"6,keyasint,omitempty"`
	From    time.Time        `cbor:"7,keyasint,omitzero"`
	Until   time.Time        `cbor:"8,keyasint,omitzero"`
	Classes []writ.DataClass `cbor:"9,keyasint,omitempty"`
}

// pinBucket is a [policy.BucketScope] as stored.
type pinBucket struct {
	Bucket   writ.BucketName   `cbor:"1,keyasint"`
	Prefixes []string          `cbor:"2,keyasint,omitempty"`
	Objects  []pinObject       `cbor:"3,keyasint,omitempty"`
	Tags     map[string]string `cbor:"4,keyasint,omitempty"`
}

// pinObject is a [policy.ObjectScope] as stored.
type pinObject struct {
	Key     writ.ObjectKey `cbor:"1,keyasint"`
	Version writ.VersionID `cbor:"2,keyasint,omitempty"`
}

// newPinRecord is a scope as it is to be stored.
func newPinRecord(s policy.Scope, since time.Time) *pinRecord {
	r := &pinRecord{Since: since.UnixNano(), Classes: slices.Clone(s.Classes)}
	if !s.From.IsZero() {
		r.From = s.From.UTC()
	}
	if !s.Until.IsZero() {
		r.Until = s.Until.UTC()
	}
	for _, b := range s.Buckets {
		stored := pinBucket{Bucket: b.Bucket, Prefixes: slices.Clone(b.Prefixes), Tags: maps.Clone(b.Tags)}
		for _, o := range b.Objects {
			stored.Objects = append(stored.Objects, pinObject(o))
		}
		r.Buckets = append(r.Buckets, stored)
	}
	return r
}

// scope returns what the pin is about, however it was stored.
func (p *pinRecord) scope() policy.Scope {
	if p.Bucket != "" {
		b := policy.BucketScope{Bucket: p.Bucket}
		if p.Prefix != "" {
			b.Prefixes = []string{p.Prefix}
		}
		if p.Key != "" {
			b.Objects = []policy.ObjectScope{{Key: p.Key, Version: p.Version}}
		}
		return policy.Scope{Buckets: []policy.BucketScope{b}, Classes: []writ.DataClass{writ.ClassContent}}
	}
	s := policy.Scope{From: p.From, Until: p.Until, Classes: p.Classes}
	for _, stored := range p.Buckets {
		b := policy.BucketScope{Bucket: stored.Bucket, Prefixes: stored.Prefixes, Tags: stored.Tags}
		for _, o := range stored.Objects {
			b.Objects = append(b.Objects, policy.ObjectScope(o))
		}
		s.Buckets = append(s.Buckets, b)
	}
	return s
}

// public returns the pin as callers see it.
func (p *pinRecord) public(id string, customer writ.CustomerID) Preservation {
	return Preservation{ID: id, Customer: customer, Scope: p.scope(), Since: time.Unix(0, p.Since).UTC()}
}

// itemOf is a version as scopes see it.
func itemOf(n name, r *versionRecord) policy.Item {
	return policy.Item{
		Bucket: n.bucket, Key: n.key, Version: r.id(), Blob: r.Blob, Size: r.Size,
		Made: time.Unix(0, r.Modified).UTC(), Tags: r.Draft.Tags,
	}
}
