package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"writ"
	"writ/internal/blob"
	"writ/internal/gate"
	"writ/internal/records"
)

// FsckOptions says how to check a store.
type FsckOptions struct {
	// Repair removes orphans: what no version names. It mends nothing else,
	// for there is nothing to mend it from but a backup.
	Repair bool
	// Shallow leaves out the opening of chunks.
	Shallow bool
	// Settle is how long to wait before what has no owner is called an
	// orphan, since it may be the blob of a write under way. 0 means two
	// seconds.
	Settle   time.Duration
	Progress Progress
}

// A Report says what fsck looked at and what it found. All but Kept is for
// whoever runs the store, and is the same whether something is preserved or
// not. So it counts what customers have: neither blobs that only wait to be
// reclaimed nor those that only a preservation keeps.
type Report struct {
	Versions int64 // with data
	Uploads  int64
	Parts    int64
	Blobs    int64
	Bytes    int64 // of sealed data that were opened, or seen where they are not to be opened
	Unopened int64 // versions whose key the store has not any more

	Damage  Findings // what was stored and is not whole
	Orphans Findings // what is stored and nothing names
	Removed int64    // orphans removed

	Kept KeptReport // for the docket only
}

// A KeptReport says what fsck found of preserved versions that are gone for
// their owner. They are not opened, since that needs a writ: only that all of
// them is there, and of the right size, was looked at.
type KeptReport struct {
	Versions int64
	Parts    int64
	Blobs    int64
	Bytes    int64 // of sealed data
	Damage   Findings
}

// Clean reports whether there is neither damage nor an orphan in what
// customers have.
func (r *Report) Clean() bool { return r.Damage.Count+r.Orphans.Count == 0 }

// maxFindings bounds a list of findings; all are counted.
const maxFindings = 1000

// Findings are what was found of one kind.
type Findings struct {
	Count int64
	List  []Finding // the first 1,000
}

func (f *Findings) add(one ...Finding) {
	f.Count += int64(len(one))
	f.List = append(f.List, one[:min(len(one), maxFindings-len(f.List))]...)
}

// A Finding is one thing that is not as it should be. Fields that do not
// apply are empty.
type Finding struct {
	Problem  Problem
	Customer writ.CustomerID
	Bucket   writ.BucketName
	Key      writ.ObjectKey
	Version  writ.VersionID
	Upload   string
	Part     int
	Blob     string // where it lies
	Detail   string
}

// A Problem is what may be wrong.
type Problem string

// The problems that fsck finds.
const (
	MissingBlob   Problem = "blob is missing"
	MissingPart   Problem = "part is missing"
	MissingData   Problem = "inline data are missing"
	MissingBucket Problem = "bucket is missing"
	MissingOwner  Problem = "blob is not listed as owned"
	DamagedData   Problem = "data do not open"
	DamagedKey    Problem = "data key does not open"
	DamagedBlob   Problem = "framing of a blob is damaged"
	DamagedRecord Problem = "record does not open"
	WrongSize     Problem = "size differs from the record's"
	WrongUsage    Problem = "usage differs from the sum of what is there"
	OrphanBlob    Problem = "blob has no record"
	OrphanOwner   Problem = "blob's owner is gone"
	OrphanParts   Problem = "parts have no upload and no version"
	OrphanData    Problem = "inline data have no version"
	OrphanKept    Problem = "kept version has no pin"
)

// fsck is one check.
type fsck struct {
	v         *Vault
	o         FsckOptions
	r         *Report
	verifiers map[writ.CustomerID]*gate.Verifier
	buckets   map[writ.BucketName]writ.CustomerID
	sums      map[writ.CustomerID]*Usage
	named     map[blob.Ref]bool    // by a record, though not listed as owned: no orphans
	namedIDs  map[writ.BlobID]bool // likewise, of parts
	total     int64                // bytes that customers have, about
	pins      map[string]int64     // findings of kept versions, by pin
}

// Fsck checks that every record has its blob, that every blob has its record,
// that every chunk opens, and that what customers use is counted right. It
// changes nothing, unless to remove orphans, but notes what it found
// ([Vault.LastRun]), and may run while traffic does: what looks wrong is looked at again before it is called so. The keys are
// used inside the gate, which gives out neither key nor plaintext; it is
// journaled with each customer as op "verify".
//
// The error is about the check itself. What is wrong with the store is in the
// report.
func (v *Vault) Fsck(ctx context.Context, o FsckOptions) (Report, error) {
	unlock, err := v.jobs.lock(ctx, "fsck")
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	if o.Settle <= 0 {
		o.Settle = 2 * time.Second
	}
	var r Report
	f := v.newFsck(o, &r)
	err = f.run(ctx)
	v.noteCheck(ctx, &r, f.pins, o.Shallow, err)
	return r, err
}

func (v *Vault) newFsck(o FsckOptions, r *Report) *fsck {
	return &fsck{
		v: v, o: o, r: r,
		verifiers: make(map[writ.CustomerID]*gate.Verifier),
		buckets:   make(map[writ.BucketName]writ.CustomerID),
		sums:      make(map[writ.CustomerID]*Usage),
		named:     make(map[blob.Ref]bool),
		namedIDs:  make(map[writ.BlobID]bool),
		pins:      make(map[string]int64),
	}
}

func (f *fsck) run(ctx context.Context) error {
	before, err := f.usage(ctx)
	if err != nil {
		return err
	}
	for _, u := range before {
		f.total += u.Bytes
	}
	for _, pass := range []func(context.Context) error{
		f.versions, f.uploads, f.parts, f.data, f.kept, f.owners, f.blobs,
	} {
		if err := pass(ctx); err != nil {
			return fmt.Errorf("couldn't check everything: %w", err)
		}
	}
	return f.compareUsage(ctx, before)
}

// each calls fn with every record of a tag. Records that do not open are
// findings, and the others are still looked at, unless the keys do not open
// either.
func (f *fsck) each(ctx context.Context, tag byte, fn func(records.Entry) error) error {
	r := records.Prefix([]byte{tag})
	r.Limit = 250
	for {
		page, more, err := f.v.records.Scan(ctx, r)
		if errors.Is(err, records.ErrCorrupt) {
			page, more, err = f.each1(ctx, r)
		}
		if errors.Is(err, records.ErrCorrupt) {
			f.damage(tag == tagKept, Finding{Problem: DamagedRecord, Detail: fmt.Sprintf("a stretch of the records with tag %q: %v", tag, err)})
			return nil
		}
		if err != nil {
			return recordsError(err)
		}
		for _, e := range page {
			if err := fn(e); err != nil {
				return err
			}
		}
		if !more || len(page) == 0 {
			return nil
		}
		r.Start = after(page[len(page)-1].Key)
	}
}

// each1 reads a page record by record. Those that do not open have no value.
func (f *fsck) each1(ctx context.Context, r records.Range) (page []records.Entry, more bool, err error) {
	r.KeysOnly = true
	page, more, err = f.v.records.Scan(ctx, r)
	if err != nil {
		return nil, false, err
	}
	for i := range page {
		value, err := f.v.records.Get(ctx, page[i].Key)
		switch {
		case errors.Is(err, records.ErrCorrupt):
			f.damage(page[i].Key[0] == tagKept, f.locate(page[i].Key, Finding{Problem: DamagedRecord, Detail: err.Error()}))
		case errors.Is(err, records.ErrNotFound):
		case err != nil:
			return nil, false, err
		default:
			page[i].Value = value
			if value == nil {
				page[i].Value = []byte{}
			}
		}
	}
	kept := page[:0:0]
	for i, e := range page {
		if e.Value != nil || i == len(page)-1 {
			kept = append(kept, e)
		}
	}
	return kept, more, nil
}

// damage notes a finding where it belongs: what is wrong with preserved data
// is for the docket.
func (f *fsck) damage(kept bool, list ...Finding) {
	if kept {
		f.r.Kept.Damage.add(list...)
		return
	}
	f.r.Damage.add(list...)
}

// locate adds to a finding what the key of a record says.
func (f *fsck) locate(key []byte, one Finding) Finding {
	switch key[0] {
	case tagHead:
		if n, err := parseHead(key); err == nil {
			one.Customer, one.Bucket, one.Key = n.owner, n.bucket, n.key
		}
	case tagVersion:
		if n, at, err := parseVersion(key); err == nil {
			one.Customer, one.Bucket, one.Key, one.Version = n.owner, n.bucket, n.key, at.id()
		}
	case tagUpload:
		if owner, ref, err := parseUpload(key); err == nil {
			one.Customer, one.Bucket, one.Key, one.Upload = owner, ref.Bucket, ref.Key, ref.ID
		}
	case tagPart:
		if id, number, err := parsePart(key); err == nil {
			one.Part, one.Blob = int(number), id.String()
		}
	}
	if one.Detail == "" && one.Customer == "" && one.Blob == "" {
		one.Detail = fmt.Sprintf("record with tag %q", key[0])
	}
	return one
}

// verifier returns who opens a customer's data inside the gate; nil if its
// keys were destroyed.
func (f *fsck) verifier(ctx context.Context, customer writ.CustomerID) (*gate.Verifier, error) {
	if one, ok := f.verifiers[customer]; ok {
		return one, nil
	}
	one, err := f.v.gate.Verifier(ctx, customer)
	if err != nil && !errors.Is(err, gate.ErrShredded) {
		return nil, fmt.Errorf("couldn't begin to verify: %w", sealError(err))
	}
	f.verifiers[customer] = one
	return one, nil
}

func (f *fsck) sum(customer writ.CustomerID) *Usage {
	if f.sums[customer] == nil {
		f.sums[customer] = new(Usage)
	}
	return f.sums[customer]
}

// usage returns what the records say that each customer uses.
func (f *fsck) usage(ctx context.Context) (map[writ.CustomerID]Usage, error) {
	all := make(map[writ.CustomerID]Usage)
	err := f.each(ctx, tagUsage, func(e records.Entry) error {
		if len(e.Value) == 0 || len(e.Key) < 1+customerLength {
			return nil
		}
		var u usageRecord
		if err := decode(e.Value, &u); err != nil {
			return err
		}
		id := writ.CustomerID(e.Key[1 : 1+customerLength])
		sum := all[id]
		sum.Bytes += u.Bytes
		sum.Objects += u.Objects
		all[id] = sum
		return nil
	})
	return all, err
}

// compareUsage holds the sums of what was found against what is counted, for
// customers of which nothing changed meanwhile.
func (f *fsck) compareUsage(ctx context.Context, before map[writ.CustomerID]Usage) error {
	now, err := f.usage(ctx)
	if err != nil {
		return err
	}
	for id := range f.sums {
		if _, ok := now[id]; !ok {
			now[id] = Usage{}
		}
	}
	for id, counted := range now {
		if found := *f.sum(id); counted == before[id] && counted != found {
			f.r.Damage.add(Finding{Problem: WrongUsage, Customer: id, Detail: fmt.Sprintf(
				"%d bytes in %d objects are counted, %d in %d are there", counted.Bytes, counted.Objects, found.Bytes, found.Objects)})
		}
	}
	return nil
}

// refText describes a blob for people.
func refText(ref blob.Ref) string { return ref.String() }
