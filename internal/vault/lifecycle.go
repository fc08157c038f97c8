package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"writ"
	"writ/internal/records"
)

// LifecycleRun says what one run of the lifecycle rules did.
type LifecycleRun struct {
	Buckets    int   // that have rules
	Expired    int64 // current versions, removed or put under a delete marker
	Markers    int64 // delete markers that nothing was left beneath, removed
	Noncurrent int64 // old versions removed
	Uploads    int64 // uploads aborted
}

// A lifecycleCursor says where a run stands in a bucket, by customer and
// bucket. It is there only while the run is.
type lifecycleCursor struct {
	Stage int    `cbor:"1,keyasint"` // index into lifecycleStages
	Start []byte `cbor:"2,keyasint"` // the first record not looked at yet
}

// lifecyclePage is how many records a run looks at between two notes of where
// it stands; lifecycleStep how many versions one transaction removes.
const (
	lifecyclePage = 500
	lifecycleStep = 50
)

// RunLifecycle applies the lifecycle rules of all buckets as of now. A run
// that was interrupted goes on where it stood. A bucket whose rules cannot be
// applied does not stop the others; its error is in the one returned.
func (v *Vault) RunLifecycle(ctx context.Context, now time.Time) (LifecycleRun, error) {
	unlock, err := v.jobs.lock(ctx, "lifecycle")
	if err != nil {
		return LifecycleRun{}, err
	}
	defer unlock()
	var run LifecycleRun
	var failed error
	err = eachRecord(ctx, v.records, records.Prefix([]byte{tagBucket}), func(e records.Entry) error {
		b, err := readBucket(writ.BucketName(e.Key[1:]), e.Value)
		if err == nil && b.Settings[SettingLifecycle] != nil {
			run.Buckets++
			err = v.runBucketLifecycle(ctx, b, now, &run)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("couldn't apply lifecycle rules of a bucket of %s: %w", b.Owner, err))
		}
		return ctx.Err()
	})
	err = errors.Join(err, failed)
	v.noteRun(ctx, JobLifecycle, err, func(r *runRecord) {
		r.Lifecycle = []int64{int64(run.Buckets), run.Expired, run.Markers, run.Noncurrent, run.Uploads}
	})
	return run, err
}

// lifecycleIfDue runs the rules if none ran to its end since the day began
// (UTC): rules count in days.
func (v *Vault) lifecycleIfDue(ctx context.Context) error {
	now := v.now().UTC()
	today := now.Format(time.DateOnly)
	switch last, err := v.records.Get(ctx, []byte{tagCursor}); {
	case err == nil && string(last) >= today:
		return nil
	case err != nil && !errors.Is(err, records.ErrNotFound):
		return recordsError(err)
	}
	run, err := v.RunLifecycle(ctx, now)
	if err != nil {
		return err
	}
	v.log.InfoContext(ctx, "applied lifecycle rules", "buckets", run.Buckets, "expired", run.Expired,
		"markers", run.Markers, "noncurrent", run.Noncurrent, "uploads", run.Uploads)
	var b records.Batch
	b.Put([]byte{tagCursor}, []byte(today))
	return recordsError(v.records.Apply(ctx, &b))
}

// A lifecycleJob is one run in one bucket.
type lifecycleJob struct {
	v     *Vault
	b     Bucket
	rules []LifecycleRule // the enabled ones
	now   time.Time
	run   *LifecycleRun
	// newer counts the old versions of lastKey that were passed, the newest
	// first, and so are newer than the next.
	lastKey writ.ObjectKey
	newer   int
}

// lifecycleStages are the passes over a bucket: its heads, its older versions,
// its uploads.
var lifecycleStages = []struct {
	prefix func(writ.CustomerID, writ.BucketName) []byte
	look   func(*lifecycleJob, context.Context, []records.Entry) error
	needed func(*LifecycleRule) bool
}{
	{headsPrefix, (*lifecycleJob).heads, func(r *LifecycleRule) bool {
		return r.ExpireDays > 0 || !r.ExpireDate.IsZero() || r.ExpireDeleteMarker
	}},
	{versionsPrefix, (*lifecycleJob).versions, func(r *LifecycleRule) bool { return r.NoncurrentDays > 0 }},
	{uploadsPrefix, (*lifecycleJob).uploads, func(r *LifecycleRule) bool { return r.AbortDays > 0 }},
}

func (v *Vault) runBucketLifecycle(ctx context.Context, b Bucket, now time.Time, run *LifecycleRun) error {
	l, err := ParseLifecycle(b.Settings[SettingLifecycle])
	if err != nil {
		return err
	}
	job := &lifecycleJob{v: v, b: b, now: now, run: run}
	for _, r := range l.Rules {
		if r.Enabled {
			job.rules = append(job.rules, r)
		}
	}
	cursor, err := v.lifecycleCursor(ctx, b)
	if err != nil {
		return err
	}
	for ; cursor.Stage < len(lifecycleStages); cursor = (lifecycleCursor{Stage: cursor.Stage + 1}) {
		if err := job.stage(ctx, &cursor); err != nil {
			return err
		}
	}
	var done records.Batch
	done.Delete(cursorKey(b.Owner, b.Name))
	return recordsError(v.records.Apply(ctx, &done))
}

func (v *Vault) lifecycleCursor(ctx context.Context, b Bucket) (c lifecycleCursor, err error) {
	value, err := v.records.Get(ctx, cursorKey(b.Owner, b.Name))
	if errors.Is(err, records.ErrNotFound) {
		return c, nil
	}
	if err != nil {
		return c, recordsError(err)
	}
	return c, decode(value, &c)
}

// stage does one pass from where the cursor stands.
func (j *lifecycleJob) stage(ctx context.Context, c *lifecycleCursor) error {
	s := lifecycleStages[c.Stage]
	needed := false
	for i := range j.rules {
		needed = needed || s.needed(&j.rules[i])
	}
	if !needed {
		return nil
	}
	r := records.Prefix(s.prefix(j.b.Owner, j.b.Name))
	if string(c.Start) > string(r.Start) {
		r.Start = c.Start
	}
	r.Limit = lifecyclePage
	return eachPage(ctx, j.v.records, r, func(page []records.Entry) error {
		if err := s.look(j, ctx, page); err != nil {
			return err
		}
		c.Start = j.resumeAt(page)
		var b records.Batch
		b.Put(cursorKey(j.b.Owner, j.b.Name), encode(c))
		if err := j.v.records.Apply(ctx, &b); err != nil {
			return recordsError(err)
		}
		return ctx.Err()
	})
}

// resumeAt returns where a run that is interrupted now goes on. Old versions
// are counted by key, so that it goes on with the first of the last key.
func (j *lifecycleJob) resumeAt(page []records.Entry) []byte {
	last := page[len(page)-1].Key
	if last[0] != tagVersion {
		return after(last)
	}
	return keyVersionsPrefix(j.b.Owner, j.b.Name, j.lastKey)
}

// expiry says for one version that it is due; it is looked at again in the
// transaction.
type expiry struct {
	n     name
	stamp stamp
	do    func(ctx context.Context, tx records.Tx, e expiry, ch *change) (done bool, err error)
	count *int64
}

// heads expires current versions, and delete markers that nothing is beneath.
func (j *lifecycleJob) heads(ctx context.Context, page []records.Entry) error {
	var due []expiry
	for _, e := range page {
		n, r, err := decodeVersion(e.Key, e.Value)
		if err != nil {
			return err
		}
		if j.headDue(n, r) {
			if r.Marker {
				due = append(due, expiry{n, r.Stamp, j.expireMarker, &j.run.Markers})
			} else {
				due = append(due, expiry{n, r.Stamp, j.expireCurrent, &j.run.Expired})
			}
		}
	}
	return j.expire(ctx, due)
}

// headDue reports whether a rule has the newest version of a key go.
func (j *lifecycleJob) headDue(n name, r *versionRecord) bool {
	made := time.Unix(0, r.Modified)
	for i := range j.rules {
		rule := &j.rules[i]
		if !rule.covers(string(n.key), r.Size, r.Draft.Tags) {
			continue
		}
		if r.Marker && rule.expiresMarker(made, j.now) || !r.Marker && rule.expires(made, j.now) {
			return true
		}
	}
	return false
}

// versions expires old versions.
func (j *lifecycleJob) versions(ctx context.Context, page []records.Entry) error {
	var due []expiry
	for _, e := range page {
		n, r, err := decodeVersion(e.Key, e.Value)
		if err != nil {
			return err
		}
		if n.key != j.lastKey {
			j.lastKey, j.newer = n.key, 0
		}
		for i := range j.rules {
			rule := &j.rules[i]
			if rule.covers(string(n.key), r.Size, r.Draft.Tags) && rule.expiresNoncurrent(time.Unix(0, r.Since), j.newer, j.now) {
				due = append(due, expiry{n, r.Stamp, j.expireNoncurrent, &j.run.Noncurrent})
				break
			}
		}
		j.newer++
	}
	return j.expire(ctx, due)
}

// uploads aborts uploads that were begun too long ago.
func (j *lifecycleJob) uploads(ctx context.Context, page []records.Entry) error {
	for _, e := range page {
		_, ref, err := parseUpload(e.Key)
		if err != nil {
			return err
		}
		aborted := false
		err = j.v.abort(ctx, j.b.Owner, ref, func(up *uploadRecord) bool {
			aborted = j.abortsNow(ref, up)
			return aborted
		})
		if err != nil && !errors.Is(err, ErrNoUpload) {
			return err
		}
		if aborted && err == nil {
			j.run.Uploads++
		}
	}
	return nil
}

func (j *lifecycleJob) abortsNow(ref UploadRef, up *uploadRecord) bool {
	for i := range j.rules {
		rule := &j.rules[i]
		if rule.AbortDays > 0 && rule.covers(string(ref.Key), 0, nil) && !j.now.Before(dueAfter(time.Unix(0, up.Begun), rule.AbortDays)) {
			return true
		}
	}
	return false
}

// expire removes what is due, a bounded number in a transaction.
func (j *lifecycleJob) expire(ctx context.Context, due []expiry) error {
	for len(due) > 0 {
		step := due[:min(lifecycleStep, len(due))]
		due = due[len(step):]
		done := make([]bool, len(step))
		err := j.v.change(ctx, j.b.Owner, func(tx records.Tx, ch *change) error {
			for i, e := range step {
				var err error
				if done[i], err = e.do(ctx, tx, e, ch); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, e := range step {
			if done[i] {
				*e.count++
			}
		}
	}
	return nil
}

// expireCurrent removes the current version if it is still that one: for ever
// without versioning, else by a delete marker, as its owner would.
func (j *lifecycleJob) expireCurrent(ctx context.Context, tx records.Tx, e expiry, ch *change) (bool, error) {
	f, err := find(ctx, tx, e.n, "")
	if errors.Is(err, ErrNoKey) || err == nil && f.Stamp != e.stamp {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	b, err := j.v.requireBucket(ctx, tx, j.b)
	if err != nil {
		return false, err
	}
	if b.Versioning == Unversioned {
		return true, j.v.remove(ctx, tx, e.n, f, ch)
	}
	if b.Versioning == VersioningSuspended && f.Null && f.locked(j.now, false) {
		return false, nil // the marker would take its place
	}
	_, err = j.v.makeVisible(ctx, tx, b, e.n.key, versionRecord{Marker: true}, nil, writeConditions{}, ch)
	return err == nil, err
}

// expireMarker removes a delete marker that is still the only version.
func (j *lifecycleJob) expireMarker(ctx context.Context, tx records.Tx, e expiry, ch *change) (bool, error) {
	f, err := find(ctx, tx, e.n, "")
	if errors.Is(err, ErrNoKey) || err == nil && f.Stamp != e.stamp {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r := records.Prefix(keyVersionsPrefix(e.n.owner, e.n.bucket, e.n.key))
	r.Limit, r.KeysOnly = 1, true
	older, _, err := tx.Scan(ctx, r)
	if err != nil || len(older) > 0 {
		return false, err
	}
	return true, j.v.remove(ctx, tx, e.n, f, ch)
}

// expireNoncurrent removes an old version unless it is locked, or has become
// the current one.
func (j *lifecycleJob) expireNoncurrent(ctx context.Context, tx records.Tx, e expiry, ch *change) (bool, error) {
	head, err := getVersion(ctx, tx, e.n.head())
	if err != nil || head == nil || head.Stamp == e.stamp {
		return false, err
	}
	r, err := getVersion(ctx, tx, e.n.version(e.stamp))
	if err != nil || r == nil || r.locked(j.now, false) {
		return false, err
	}
	return true, j.v.remove(ctx, tx, e.n, found{r, head}, ch)
}
