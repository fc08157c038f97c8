// Package vault keeps customers, their credentials, buckets and objects. It
// is what an S3 store is without HTTP.
//
// # How it stands on the rooms beneath
//
// Names, metadata and small objects are records ([records.Store]); larger
// objects and parts are blobs ([blob.Store]). Every object has a data key of
// its own, which only the [gate.Gate] gives out, to a right that it checks
// and a use that it writes into the owner's journal first. What lies in
// records and blobs is sealed (package seal) before it gets there.
//
// # What a caller may rely on
//
// When a method that changes something returns nil, the change is durable and
// every later read sees it. Data are durable before the record that names
// them, and that record is written in one transaction together with
// everything that hangs on it: who owns the blob, what the customer uses, the
// version that goes. A reader sees a version whole or not at all, and goes on
// reading one that is deleted meanwhile. Conditions are judged in the
// transaction that commits. A body that breaks off leaves nothing behind.
//
// Memory is bounded for each call, whatever the size of an object, the number
// of its parts or the length of a listing.
//
// # Access
//
// A [Session] says who asks. The vault does not judge policies and ACLs; the
// front does, before it calls. The vault decides by which right a key is
// asked for: the owner's, or one that the owner granted, named in the journal
// by the digest of the policy or ACL in force.
//
// Objects belong to the bucket's owner, whoever put them there: they are
// wrapped under the owner's key, count as the owner's usage, and their uses
// are in the owner's journal.
package vault

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"writ"
	"writ/internal/blob"
	"writ/internal/gate"
	"writ/internal/records"
)

// Config is what a vault is made of.
type Config struct {
	Gate    *gate.Gate
	Records records.Store
	Blobs   blob.Store
	Now     func() time.Time // nil means [time.Now]
	Log     *slog.Logger     // nil discards
}

// A Vault is safe for use by several goroutines at once. There is one for a
// data folder at a time: what it keeps in memory of the records (buckets,
// usage, credentials) assumes that nobody else writes them.
type Vault struct {
	gate    *gate.Gate
	records records.Store
	blobs   blob.Store
	now     func() time.Time
	log     *slog.Logger

	stamps   stamps
	buckets  cache[writ.BucketName, Bucket]
	signing  cache[signingScope, signingKey]
	accounts accounts
	turns    turns

	epochs  epochs
	pins    pins
	reading reading
	jobs    jobs
	graves  graves
	upkeep  upkeep
	minPart int64 // [MinPartSize], but in tests
}

// New returns a vault over rooms that it does not close. It reads nothing:
// a vault of a million objects is ready at once.
func New(cfg Config) (*Vault, error) {
	if cfg.Gate == nil || cfg.Records == nil || cfg.Blobs == nil {
		return nil, errors.New("a vault needs a gate, records and blobs")
	}
	v := &Vault{gate: cfg.Gate, records: cfg.Records, blobs: cfg.Blobs, now: cfg.Now, log: cfg.Log, minPart: MinPartSize}
	if v.now == nil {
		v.now = time.Now
	}
	if v.log == nil {
		v.log = slog.New(slog.DiscardHandler)
	}
	v.graves.after = buriedAfter
	v.buckets.limit, v.signing.limit = 4096, 4096
	return v, nil
}

// update runs a transaction until it does not conflict. fn may run several
// times. Errors have the vault's names.
func (v *Vault) update(ctx context.Context, fn func(tx records.Tx) error) error {
	defer v.epochs.begin()()
	return recordsError(records.Retry(ctx, v.records, fn))
}

// right is by which right the session has keys of the bucket's data.
func (v *Vault) right(s Session, b Bucket) gate.Right {
	if s.Customer == b.Owner && !s.Presigned {
		return gate.Owner(b.Owner, s.Credential)
	}
	by := gate.GrantBy{Principal: string(s.Customer), Presigned: s.Presigned}
	if s.Customer == "" {
		by.Principal = gate.Anonymous
	}
	if s.Customer != b.Owner {
		by.PolicyDigest = b.grant
	}
	return gate.Grant(b.Owner, by)
}

// use says for the journal what a key is wanted for.
// The entry of a "put" has no version, which is only certain when it commits;
// it is tied to those of later uses by the blob's id.
func (v *Vault) use(s Session, op string, n name, version writ.VersionID, id writ.BlobID) gate.Use {
	return gate.Use{
		Customer: n.owner, Op: op, Bucket: n.bucket, Key: n.key, Version: version,
		Blob: id, Addr: s.Addr, Request: s.Request,
	}
}
