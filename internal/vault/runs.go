package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"writ"
	"writ/internal/records"
)

// A Job is a long task that the store takes up from time to time, or when asked.
type Job string

// The jobs whose last run is noted.
const (
	JobCheck     Job = "check"     // [Vault.Fsck]
	JobReclaim   Job = "reclaim"   // [Vault.Reclaim]
	JobLifecycle Job = "lifecycle" // [Vault.RunLifecycle]
)

// Jobs are all of them.
var Jobs = []Job{JobCheck, JobReclaim, JobLifecycle}

// A Run is how a job ended the last time. It is the same whether something is
// preserved or not: when a run began is left out, because how long it took is not.
type Run struct {
	Job       Job
	Ended     time.Time
	Failed    string        // why it did not end well, by the kind of fault; "" if it did
	Shallow   bool          // a check that opened no chunk
	Check     Report        // without Kept, and the first of its findings only
	Lifecycle *LifecycleRun // of a run of the rules
}

// A KeptCheck is what the last check found of preserved versions. It is for the
// docket only.
type KeptCheck struct {
	Ended    time.Time
	Versions int64            // that were looked at: those that are gone for their owner
	Damaged  int64            // things that are not as they should be
	Pins     map[string]int64 // of those, by the preservation that keeps it
}

// Counts of findings that a note keeps: it lies in one record.
const (
	notedFindings = 100
	notedPins     = 10_000
)

type runRecord struct {
	Ended     int64           `cbor:"1,keyasint"` // Unix nanoseconds
	Failed    string          `cbor:"2,keyasint,omitempty"`
	Shallow   bool            `cbor:"3,keyasint,omitempty"`
	Counts    []int64         `cbor:"4,keyasint,omitempty"` // of a check, in the order of counts
	Damage    []findingRecord `cbor:"5,keyasint,omitempty"`
	Orphans   []findingRecord `cbor:"6,keyasint,omitempty"`
	Lifecycle []int64         `cbor:"7,keyasint,omitempty"`
}

type findingRecord struct {
	Problem  Problem         `cbor:"1,keyasint"`
	Customer writ.CustomerID `cbor:"2,keyasint,omitempty"`
	Bucket   writ.BucketName `cbor:"3,keyasint,omitempty"`
	Key      writ.ObjectKey  `cbor:"4,keyasint,omitempty"`
	Version  writ.VersionID  `cbor:"5,keyasint,omitempty"`
	Upload   string          `cbor:"6,keyasint,omitempty"`
	Part     int             `cbor:"7,keyasint,omitempty"`
	Blob     string          `cbor:"8,keyasint,omitempty"`
	Detail   string          `cbor:"9,keyasint,omitempty"`
}

type keptCheckRecord struct {
	Ended    int64            `cbor:"1,keyasint"`
	Versions int64            `cbor:"2,keyasint"`
	Damaged  int64            `cbor:"3,keyasint"`
	Pins     map[string]int64 `cbor:"4,keyasint,omitempty"`
}

// counts are the figures of a report, in the order in which they are noted.
func (r *Report) counts() []*int64 {
	return []*int64{&r.Versions, &r.Uploads, &r.Parts, &r.Blobs, &r.Bytes, &r.Unopened, &r.Damage.Count, &r.Orphans.Count, &r.Removed}
}

func noted(f Findings) (out []findingRecord) {
	for _, one := range f.List[:min(len(f.List), notedFindings)] {
		out = append(out, findingRecord(one))
	}
	return out
}

func findings(list []findingRecord) (out []Finding) {
	for _, one := range list {
		out = append(out, Finding(one))
	}
	return out
}

// noteRun writes down how a job ended. What it was about goes on without the
// note, if that can't be written.
func (v *Vault) noteRun(ctx context.Context, job Job, failed error, fill func(*runRecord)) {
	r := runRecord{Ended: v.now().UnixNano()}
	if err := plainly(failed); err != nil {
		r.Failed = err.Error()
	}
	fill(&r)
	var b records.Batch
	b.Put(runKey(job), encode(r))
	v.note(ctx, &b)
}

func (v *Vault) note(ctx context.Context, b *records.Batch) {
	if err := v.records.Apply(context.WithoutCancel(ctx), b); err != nil {
		v.log.ErrorContext(ctx, "how upkeep ended could not be noted", "error", plainly(recordsError(err)))
	}
}

// noteCheck writes down what a check found, and apart from it what it found of
// preserved versions.
func (v *Vault) noteCheck(ctx context.Context, r *Report, pins map[string]int64, shallow bool, failed error) {
	v.noteRun(ctx, JobCheck, failed, func(n *runRecord) {
		n.Shallow, n.Damage, n.Orphans = shallow, noted(r.Damage), noted(r.Orphans)
		for _, c := range r.counts() {
			n.Counts = append(n.Counts, *c)
		}
	})
	if failed != nil { // the last whole look at them stands
		return
	}
	var b records.Batch
	b.Put(keptCheckKey(), encode(keptCheckRecord{v.now().UnixNano(), r.Kept.Versions, r.Kept.Damage.Count, pins}))
	v.note(ctx, &b)
}

// LastRun says how a job ended the last time; ok is false if it never ran.
func (v *Vault) LastRun(ctx context.Context, job Job) (run Run, ok bool, err error) {
	var r runRecord
	if ok, err = v.readNote(ctx, runKey(job), &r); !ok || err != nil {
		return run, false, err
	}
	run = Run{Job: job, Ended: time.Unix(0, r.Ended).UTC(), Failed: r.Failed, Shallow: r.Shallow}
	counts := run.Check.counts()
	for i, n := range r.Counts[:min(len(r.Counts), len(counts))] {
		*counts[i] = n
	}
	run.Check.Damage.List, run.Check.Orphans.List = findings(r.Damage), findings(r.Orphans)
	if l := r.Lifecycle; len(l) == 5 {
		run.Lifecycle = &LifecycleRun{int(l[0]), l[1], l[2], l[3], l[4]}
	}
	return run, true, nil
}

// LastKeptCheck says what the last check that came to its end found of preserved
// versions; ok is false if none ever did. It is for the docket only.
func (v *Vault) LastKeptCheck(ctx context.Context) (c KeptCheck, ok bool, err error) {
	var r keptCheckRecord
	if ok, err = v.readNote(ctx, keptCheckKey(), &r); !ok || err != nil {
		return c, false, err
	}
	return KeptCheck{time.Unix(0, r.Ended).UTC(), r.Versions, r.Damaged, r.Pins}, true, nil
}

func (v *Vault) readNote(ctx context.Context, key []byte, into any) (ok bool, err error) {
	value, err := v.records.Get(ctx, key)
	if errors.Is(err, records.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("couldn't read how upkeep ended: %w", recordsError(err))
	}
	return true, decode(value, into)
}

// A Rotation is one that is under way.
type Rotation struct {
	Version   uint32 // of the key that all are re-wrapped to
	Rewrapped int64  // data keys so far
	Objects   int64  // of the customer, about as many as there are data keys
	Retire    bool
}

// Rotation says how far the rotation of a customer's keys is; ok is false if none
// is under way.
func (v *Vault) Rotation(ctx context.Context, id writ.CustomerID) (r Rotation, ok bool, err error) {
	record, ok, err := v.rotationOf(ctx, id)
	if err != nil || !ok {
		return r, false, err
	}
	u, err := v.Usage(ctx, id)
	return Rotation{record.Version, record.Done, max(u.Objects, record.Done), record.Retire}, err == nil, err
}

// Rotations are the customers whose keys are being rotated, at most so many.
func (v *Vault) Rotations(ctx context.Context, max int) (ids []writ.CustomerID, err error) {
	r := records.Prefix(rotationPrefix())
	r.Limit, r.KeysOnly = pageSize(max), true
	page, _, err := v.records.Scan(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("couldn't list rotations: %w", recordsError(err))
	}
	for _, e := range page {
		ids = append(ids, writ.CustomerID(e.Key[len(rotationPrefix()):]))
	}
	return ids, nil
}
