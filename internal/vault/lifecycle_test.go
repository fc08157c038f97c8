package vault

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"writ"
	"writ/internal/records"
)

func (r *rig) lifecycle(bucket writ.BucketName, rules ...string) {
	r.t.Helper()
	if err := r.PutBucketSetting(r.ctx, r.clinic, bucket, SettingLifecycle, lifecycleOf(rules...)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) runLifecycle(at time.Time) LifecycleRun {
	r.t.Helper()
	run, err := r.RunLifecycle(r.ctx, at)
	if err != nil {
		r.t.Fatal(err)
	}
	return run
}

// versionsOf returns how many versions, and how many delete markers, a key has.
func (r *rig) versionsOf(bucket writ.BucketName, key string) (versions, markers int) {
	r.t.Helper()
	page, err := r.ListVersions(r.ctx, r.clinic, ListVersionsInput{Bucket: bucket, Prefix: key, Max: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, v := range page.Versions {
		if v.Marker {
			markers++
		} else {
			versions++
		}
	}
	return versions, markers
}

func TestLifecycleExpiresAtMidnight(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	v := r.put(r.clinic, "scans", "logs/a", "old")
	r.put(r.clinic, "scans", "notes/a", "stays")
	if _, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: "logs/tagged", Body: emptyBody{}, Size: 0, Draft: Draft{Tags: map[string]string{"keep": "yes"}}}); err != nil {
		t.Fatal(err)
	}
	r.lifecycle("scans",
		`<Rule><ID>disabled</ID><Filter/><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>`,
		`<Rule><ID>logs</ID><Filter><And><Prefix>logs/</Prefix><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan></And></Filter><Status>Enabled</Status><Expiration><Days>2</Days></Expiration></Rule>`)
	due := dueAfter(v.Modified, 2)
	if run := r.runLifecycle(due.Add(-time.Nanosecond)); run.Expired != 0 {
		t.Fatalf("just before midnight: %+v", run)
	}
	if run := r.runLifecycle(due); run.Expired != 1 || run.Buckets != 1 {
		t.Fatalf("at midnight: %+v", run)
	}
	_, err := r.read(r.clinic, ObjectRef{Bucket: "scans", Key: "logs/a"})
	wantError(t, err, ErrNoKey)
	r.want(r.clinic, ObjectRef{Bucket: "scans", Key: "notes/a"}, "stays")
	r.want(r.clinic, ObjectRef{Bucket: "scans", Key: "logs/tagged"}, "")
	r.wantUsage(r.clinic)
	r.wantClean()
}

type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }

func TestLifecycleOfVersions(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", VersioningEnabled)
	for i := range 6 {
		r.put(r.clinic, "scans", "a", fmt.Sprint("body ", i))
		r.put(r.clinic, "scans", "b", fmt.Sprint("body ", i))
	}
	last := r.put(r.clinic, "scans", "a", "newest")
	r.lifecycle("scans",
		`<Rule><Filter><Prefix>a</Prefix></Filter><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>`,
		`<Rule><Filter><Prefix>b</Prefix></Filter><Status>Enabled</Status><Expiration><Days>3</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>10</NoncurrentDays></NoncurrentVersionExpiration></Rule>`)
	if run := r.runLifecycle(dueAfter(last.Modified, 1).Add(-1)); run.Noncurrent != 0 {
		t.Fatalf("before midnight: %+v", run)
	}
	if run := r.runLifecycle(dueAfter(last.Modified, 1)); run.Noncurrent != 4 || run.Expired != 0 {
		t.Fatalf("old versions: %+v", run)
	}
	if n, _ := r.versionsOf("scans", "a"); n != 3 {
		t.Fatalf("%d versions are left, not the current and two older", n)
	}
	r.want(r.clinic, last.ObjectRef, "newest")

	// The current version goes under a delete marker, then the older ones,
	// then the marker that nothing is beneath.
	r.clock.advance(4 * day)
	if run := r.runLifecycle(r.clock.now()); run.Expired != 1 {
		t.Fatalf("current version: %+v", run)
	}
	if n, m := r.versionsOf("scans", "b"); n != 6 || m != 1 {
		t.Fatalf("%d versions and %d markers", n, m)
	}
	if run := r.runLifecycle(r.clock.now()); run.Expired != 0 || run.Markers != 0 {
		t.Fatalf("a marker expired again: %+v", run)
	}
	r.clock.advance(12 * day)
	if run := r.runLifecycle(r.clock.now()); run.Noncurrent != 6 {
		t.Fatalf("older versions: %+v", run)
	}
	if run := r.runLifecycle(r.clock.now()); run.Markers != 1 {
		t.Fatalf("marker: %+v", run)
	}
	if n, m := r.versionsOf("scans", "b"); n+m != 0 {
		t.Fatalf("%d versions and %d markers are left", n, m)
	}
	r.wantUsage(r.clinic)
	r.wantClean()
}

func TestLifecycleObeysLocks(t *testing.T) {
	r := newRig(t)
	if _, err := r.CreateBucket(r.ctx, r.clinic, BucketOptions{Name: "locked", ObjectLock: true}); err != nil {
		t.Fatal(err)
	}
	held := r.put(r.clinic, "locked", "held", "1")
	kept := r.put(r.clinic, "locked", "kept", "1")
	for _, key := range []writ.ObjectKey{"held", "kept", "free"} {
		r.put(r.clinic, "locked", key, "2")
		r.put(r.clinic, "locked", key, "3")
	}
	if _, err := r.SetLegalHold(r.ctx, r.clinic, held.ObjectRef, true); err != nil {
		t.Fatal(err)
	}
	until := Retention{Mode: Governance, Until: r.clock.now().Add(100 * day)}
	if _, err := r.SetRetention(r.ctx, r.clinic, kept.ObjectRef, until, false); err != nil {
		t.Fatal(err)
	}
	r.lifecycle("locked", `<Rule><Filter/><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`)
	r.clock.advance(5 * day)
	if run := r.runLifecycle(r.clock.now()); run.Noncurrent != 3 {
		t.Fatalf("with locks: %+v", run)
	}
	r.want(r.clinic, held.ObjectRef, "1")
	r.want(r.clinic, kept.ObjectRef, "1")
	r.clock.advance(100 * day)
	if run := r.runLifecycle(r.clock.now()); run.Noncurrent != 1 {
		t.Fatalf("after the retention: %+v", run)
	}
	r.want(r.clinic, held.ObjectRef, "1")
}

func TestLifecycleAbortsUploads(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	ref := r.begin1(r.clinic, "scans", "tmp/a")
	r.part(r.clinic, ref, 1, pattern(1, 100_000))
	other := r.begin1(r.clinic, "scans", "a")
	r.lifecycle("scans", `<Rule><Filter><Prefix>tmp/</Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`)
	up, err := r.Upload(r.ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	if run := r.runLifecycle(dueAfter(up.Begun, 2).Add(-1)); run.Uploads != 0 {
		t.Fatalf("before midnight: %+v", run)
	}
	if run := r.runLifecycle(dueAfter(up.Begun, 2)); run.Uploads != 1 {
		t.Fatalf("at midnight: %+v", run)
	}
	_, err = r.Upload(r.ctx, ref)
	wantError(t, err, ErrNoUpload)
	if err := r.AbortUpload(r.ctx, r.clinic, other); err != nil {
		t.Fatal(err)
	}
	r.wantEmpty(r.clinic)
}

// TestLifecycleGoesOn interrupts a run again and again: together the runs do
// what one would.
func TestLifecycleGoesOn(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", VersioningEnabled)
	for i := range 700 {
		r.put(r.clinic, "scans", writ.ObjectKey(fmt.Sprintf("k%04d", i)), "1")
	}
	for range 9 {
		for i := range 100 {
			r.put(r.clinic, "scans", writ.ObjectKey(fmt.Sprintf("k%04d", i*7)), "2")
		}
	}
	r.lifecycle("scans", `<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>`)
	at := r.clock.now().Add(5 * day)
	var total LifecycleRun
	runs := 0
	for ; ; runs++ {
		ctx, cancel := context.WithCancel(r.ctx)
		interrupted := &interruptingStore{Store: r.records, cancel: cancel, left: 12}
		if runs < 200 {
			r.Vault.records = interrupted
		}
		run, err := r.RunLifecycle(ctx, at)
		r.Vault.records = r.records
		total.Expired += run.Expired
		total.Noncurrent += run.Noncurrent
		cancel()
		if err == nil {
			break
		}
	}
	// Every current version went under a marker. 100 keys then have ten old
	// versions, of which the three newest stay; 600 have one, which stays.
	if runs < 2 || total.Expired != 700 || total.Noncurrent != 700 {
		t.Fatalf("%d interrupted runs: %+v", runs, total)
	}
	for i := range 700 {
		want := 1
		if i%7 == 0 {
			want = 3
		}
		if n, m := r.versionsOf("scans", fmt.Sprintf("k%04d", i)); n != want || m != 1 {
			t.Fatalf("key %d has %d versions and %d markers, not %d and 1", i, n, m, want)
		}
	}
	if n := len(r.keys("L")); n != 0 {
		t.Fatalf("%d cursors are left", n)
	}
	r.wantUsage(r.clinic)
	r.wantClean()
}

// interruptingStore ends a context after a number of transactions.
type interruptingStore struct {
	records.Store
	cancel context.CancelFunc
	left   int
}

func (s *interruptingStore) Update(ctx context.Context, fn func(records.Tx) error) error {
	if s.left--; s.left < 0 {
		s.cancel()
		return context.Canceled
	}
	return s.Store.Update(ctx, fn)
}

func TestLifecycleIsDueOnceADay(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	r.lifecycle("scans", `<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`)
	r.put(r.clinic, "scans", "a", "x")
	for range 2 {
		if err := r.lifecycleIfDue(r.ctx); err != nil {
			t.Fatal(err)
		}
	}
	r.clock.advance(2 * day)
	if err := r.lifecycleIfDue(r.ctx); err != nil {
		t.Fatal(err)
	}
	_, err := r.read(r.clinic, ObjectRef{Bucket: "scans", Key: "a"})
	wantError(t, err, ErrNoKey)
}
