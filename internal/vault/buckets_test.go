package vault

import (
	"errors"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/records"
)

type batch = records.Batch

func TestBuckets(t *testing.T) {
	r := newRig(t)
	for _, name := range []writ.BucketName{"", "ab", "Scans", "scans_", "-scans", "scans.", "a..b", "192.0.2.7", "a/b", "a\x00b", writ.BucketName(strings.Repeat("a", 64))} {
		_, err := r.CreateBucket(r.ctx, r.clinic, BucketOptions{Name: name})
		wantError(t, err, ErrBucketName)
	}
	r.bucket(r.clinic, "scans", Unversioned)
	r.bucket(r.clinic, "letters", Unversioned)
	r.bucket(r.press, "proofs", Unversioned)
	_, err := r.CreateBucket(r.ctx, r.clinic, BucketOptions{Name: "scans"})
	wantError(t, err, ErrBucketOwnedByYou)
	_, err = r.CreateBucket(r.ctx, r.press, BucketOptions{Name: "scans"})
	wantError(t, err, ErrBucketExists)
	_, err = r.CreateBucket(r.ctx, Session{}, BucketOptions{Name: "nobodys"})
	wantError(t, err, ErrNotPermitted)
	page, err := r.Buckets(r.ctx, r.clinic.Customer, "", "", 1)
	if err != nil || len(page.Buckets) != 1 || page.Buckets[0].Name != "letters" || page.Next != "letters" {
		t.Fatalf("page is %+v, error %v", page, err)
	}
	page, err = r.Buckets(r.ctx, r.clinic.Customer, "s", page.Next, 10)
	if err != nil || len(page.Buckets) != 1 || page.Buckets[0].Name != "scans" || page.Next != "" {
		t.Fatalf("page is %+v, error %v", page, err)
	}
	r.put(r.clinic, "scans", "a", "x")
	wantError(t, r.DeleteBucket(r.ctx, r.clinic, "scans"), ErrBucketNotEmpty)
	if err := r.DeleteBucket(r.ctx, r.clinic, "letters"); err != nil {
		t.Fatal(err)
	}
	_, err = r.Bucket(r.ctx, "letters")
	wantError(t, err, ErrNoBucket)
	// The name is free for anybody, and nothing of the old bucket shows.
	r.bucket(r.press, "letters", Unversioned)
	if b, err := r.Bucket(r.ctx, "letters"); err != nil || b.Owner != r.press.Customer {
		t.Fatalf("bucket is %+v, error %v", b, err)
	}
	for _, key := range []writ.ObjectKey{"", "a\x00b", "\xff", writ.ObjectKey(strings.Repeat("k", 1025))} {
		_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: key, Body: strings.NewReader("")})
		wantError(t, err, ErrKey)
	}
	long := writ.ObjectKey(strings.Repeat("k", 1024))
	r.put(r.clinic, "scans", long, "x")
	r.want(r.clinic, ObjectRef{Bucket: "scans", Key: long}, "x")
}

func TestBucketSettings(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	_, err := r.BucketSetting(r.ctx, "scans", SettingCORS)
	wantError(t, err, ErrNoSetting)
	_, err = r.BucketSetting(r.ctx, "nowhere", SettingCORS)
	wantError(t, err, ErrNoBucket)
	for _, value := range []string{"one", "two", ""} {
		if err := r.PutBucketSetting(r.ctx, r.clinic, "scans", SettingCORS, []byte(value)); err != nil {
			t.Fatal(err)
		}
		if got, err := r.BucketSetting(r.ctx, "scans", SettingCORS); err != nil || string(got) != value {
			t.Fatalf("setting is %q, not %q, error %v", got, value, err)
		}
	}
	if err := r.PutBucketSetting(r.ctx, r.clinic, "scans", SettingCORS, nil); err != nil {
		t.Fatal(err)
	}
	_, err = r.BucketSetting(r.ctx, "scans", SettingCORS)
	wantError(t, err, ErrNoSetting)
}

// A write that began before a bucket changed is judged by what it is when the
// write commits.
func TestWritesSeeTheBucketAsItIs(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	change := func() (Checksum, error) {
		return Checksum{}, r.SetVersioning(r.ctx, r.clinic, "scans", VersioningEnabled)
	}
	v, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: "a", Body: strings.NewReader("x"), Size: 1, Checksum: change})
	if err != nil || v.ObjectRef.Version == writ.NullVersion {
		t.Fatalf("version is %q, error %v", v.ObjectRef.Version, err)
	}
	remove := func() (Checksum, error) {
		if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: v.ObjectRef}); err != nil {
			return Checksum{}, err
		}
		if err := r.DeleteBucket(r.ctx, r.clinic, "scans"); err != nil {
			return Checksum{}, err
		}
		r.bucket(r.press, "scans", Unversioned)
		return Checksum{}, nil
	}
	_, err = r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: "b", Body: strings.NewReader("x"), Size: 1, Checksum: remove})
	wantError(t, err, ErrNoBucket)
	if n := len(r.keys("ovd")); n != 0 {
		t.Fatalf("%d records came into another's bucket", n)
	}
}

func TestObjectLock(t *testing.T) {
	r := newRig(t)
	if _, err := r.CreateBucket(r.ctx, r.clinic, BucketOptions{Name: "evidence", ObjectLock: true}); err != nil {
		t.Fatal(err)
	}
	wantError(t, r.SetVersioning(r.ctx, r.clinic, "evidence", VersioningSuspended), ErrVersioning)
	for _, d := range []DefaultRetention{{}, {Mode: Governance}, {Mode: Governance, Days: 1, Years: 1}, {Mode: Governance, Days: -1}, {Mode: 3, Days: 1}} {
		wantError(t, r.SetObjectLock(r.ctx, r.clinic, "evidence", &d), ErrRetention)
	}
	if err := r.SetObjectLock(r.ctx, r.clinic, "evidence", &DefaultRetention{Mode: Governance, Days: 2}); err != nil {
		t.Fatal(err)
	}
	v := r.put(r.clinic, "evidence", "a", "x")
	if v.Retention.Mode != Governance || v.Retention.Until.Sub(r.clock.now().Add(2*day)).Abs() > time.Minute {
		t.Fatalf("retention is %+v", v.Retention)
	}
	// The object may be deleted, its version not.
	d, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "evidence", Key: "a"}})
	if err != nil || !d.Marker {
		t.Fatalf("deletion left %+v, error %v", d, err)
	}
	_, err = r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: v.ObjectRef})
	wantError(t, err, ErrLocked)
	many, err := r.DeleteMany(r.ctx, r.clinic, "evidence", []DeleteInput{{ObjectRef: v.ObjectRef}, {ObjectRef: ObjectRef{Key: "a", Version: d.Version}}})
	if err != nil || !errors.Is(many[0].Err, ErrLocked) || many[1].Err != nil || !many[1].Marker {
		t.Fatalf("deletion of many: %+v, error %v", many, err)
	}
	r.clock.advance(49 * time.Hour)
	if _, err = r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: v.ObjectRef}); err != nil {
		t.Fatalf("after the retention: %v", err)
	}

	own := Retention{Mode: Compliance, Until: r.clock.now().Add(time.Hour)}
	v, err = r.Put(r.ctx, r.clinic, PutInput{Bucket: "evidence", Key: "b", Body: strings.NewReader("x"), Size: 1, Draft: Draft{Retention: own}})
	if err != nil || v.Retention.Mode != Compliance {
		t.Fatalf("retention is %+v, error %v", v.Retention, err)
	}
	_, err = r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: v.ObjectRef, BypassGovernance: true})
	wantError(t, err, ErrLocked)
	_, err = r.Put(r.ctx, r.clinic, PutInput{Bucket: "evidence", Key: "c", Body: strings.NewReader(""), Draft: Draft{Retention: Retention{Mode: Governance, Until: r.clock.now()}}})
	wantError(t, err, ErrRetention)

	r.bucket(r.clinic, "scans", VersioningEnabled)
	_, err = r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: "b", Body: strings.NewReader("x"), Size: 1, Draft: Draft{LegalHold: true}})
	wantError(t, err, ErrNoLock)
	if err := r.SetObjectLock(r.ctx, r.clinic, "scans", nil); err != nil {
		t.Fatal(err)
	}
	_, err = r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: "b", Body: strings.NewReader("x"), Size: 1, Draft: Draft{LegalHold: true}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestConditionalDeletes(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	v := r.put(r.clinic, "scans", "a", "one")
	ref := ObjectRef{Bucket: "scans", Key: "a"}
	one, three := int64(1), int64(3)
	for _, in := range []DeleteInput{
		{IfMatch: "x"}, {IfMatchSize: &one}, {IfMatchModified: v.Modified.Add(time.Hour)}, {IfMatch: v.ETag, IfMatchSize: &one},
	} {
		in.ObjectRef = ref
		_, err := r.Delete(r.ctx, r.clinic, in)
		wantError(t, err, ErrPrecondition)
	}
	in := DeleteInput{ObjectRef: ref, IfMatch: v.ETag, IfMatchSize: &three, IfMatchModified: v.Modified}
	if _, err := r.Delete(r.ctx, r.clinic, in); err != nil {
		t.Fatal(err)
	}
	_, err := r.Delete(r.ctx, r.clinic, in)
	wantError(t, err, ErrNoKey)
	in.ObjectRef.Version = "not a version"
	_, err = r.Delete(r.ctx, r.clinic, in)
	wantError(t, err, ErrVersion)
}
