package vault

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/records"
)

// scopeOf is a scope over content of all times.
func scopeOf(buckets ...policy.BucketScope) policy.Scope {
	return policy.Scope{Buckets: buckets, Classes: []writ.DataClass{writ.ClassContent}}
}

// preserve sets a preservation, of all times.
func (r *rig) preserve(s Session, id string, buckets ...policy.BucketScope) Preservation {
	r.t.Helper()
	p, err := r.Preserve(r.ctx, id, s.Customer, scopeOf(buckets...))
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// preserved returns what a preservation keeps, by bucket, key and size, in
// order; what is gone for its owner has a "-" before it.
func (r *rig) preserved(id string) (all []string) {
	r.t.Helper()
	page, err := r.Preserved(r.ctx, id, "", 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, item := range page.Items {
		text := fmt.Sprintf("%s/%s %d", item.Bucket, item.Key, item.Size)
		if !item.Gone.IsZero() {
			text = "-" + text
		}
		all = append(all, text)
	}
	return all
}

func (r *rig) wantPreserved(id string, want ...string) {
	r.t.Helper()
	got := r.preserved(id)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.t.Fatalf("%s keeps %q, not %q", id, got, want)
	}
}

func (r *rig) tag(s Session, bucket writ.BucketName, key writ.ObjectKey, tags map[string]string) {
	r.t.Helper()
	if _, err := r.SetTags(r.ctx, s, ObjectRef{Bucket: bucket, Key: key}, tags); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) removeAll(s Session, bucket writ.BucketName, keys ...writ.ObjectKey) {
	r.t.Helper()
	for _, key := range keys {
		if _, err := r.Delete(r.ctx, s, DeleteInput{ObjectRef: ObjectRef{Bucket: bucket, Key: key}}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// TestPreserveExactly puts what is in scope beside what is not, before and
// after the preservation is set, and deletes all of it.
func TestPreserveExactly(t *testing.T) {
	r := newRig(t)
	for _, bucket := range []writ.BucketName{"ward-seven", "ward-eight", "ward-nine"} {
		r.bucket(r.clinic, bucket, Unversioned)
	}
	keys := []writ.ObjectKey{"letters/a", "letters/b", "letter", "letters", "one", "one\x01", "one/two", "photos/\u00ff", "z"}
	fill := func(size int) {
		for _, bucket := range []writ.BucketName{"ward-seven", "ward-eight", "ward-nine"} {
			for _, key := range keys {
				r.put(r.clinic, bucket, key, strings.Repeat("x", size))
			}
		}
	}
	fill(1)
	r.preserve(r.clinic, "p",
		policy.BucketScope{Bucket: "ward-seven", Prefixes: []string{"letters/", "photos/", "letters/a"}, Objects: []policy.ObjectScope{{Key: "one"}, {Key: "letters/b"}}},
		policy.BucketScope{Bucket: "ward-eight", Objects: []policy.ObjectScope{{Key: "z", Version: writ.NullVersion}, {Key: "one", Version: "01ARZ3NDEKTSV4RRFFQ69G5FAV"}}},
	)
	fill(2)
	for _, bucket := range []writ.BucketName{"ward-seven", "ward-eight", "ward-nine"} {
		r.removeAll(r.clinic, bucket, keys...)
	}
	var want []string
	for size := 1; size <= 2; size++ {
		for _, name := range []string{"ward-seven/letters/a", "ward-seven/letters/b", "ward-seven/one", "ward-seven/photos/\u00ff", "ward-eight/z"} {
			want = append(want, fmt.Sprintf("-%s %d", name, size))
		}
	}
	r.wantPreserved("p", want...)
	totals, err := r.PreservedTotals(r.ctx, "p")
	if err != nil || totals.Versions != 10 || totals.Bytes != 15 || totals.Gone != 10 || totals.GoneBytes != 15 || totals.Newest.Before(totals.Oldest) {
		t.Fatalf("totals are %+v (%v)", totals, err)
	}
	// A bucket that goes takes nothing of it along, and another's of the same
	// name comes under nothing.
	if err := r.DeleteBucket(r.ctx, r.clinic, "ward-seven"); err != nil {
		t.Fatal(err)
	}
	r.bucket(r.press, "ward-seven", Unversioned)
	r.put(r.press, "ward-seven", "letters/a", "of another")
	r.wantPreserved("p", want...)
	if _, err := r.Preserve(r.ctx, "p", r.clinic.Customer, r.scope("p")); err != nil {
		t.Fatalf("to set it again after a bucket went is %v", err)
	}
	r.restart()
	r.wantPreserved("p", want...)
	if err := r.Release(r.ctx, "p"); err != nil {
		t.Fatal(err)
	}
	if n := len(r.keys("qiPN")); n != 0 {
		t.Fatalf("%d records of it are left", n)
	}
	r.wantClean()
}

// scope returns a preservation's scope as it is stored.
func (r *rig) scope(id string) policy.Scope {
	r.t.Helper()
	p, err := r.Preservation(r.ctx, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return p.Scope
}

// TestPreserveTime: a version's own time decides, and not when it is looked at.
func TestPreserveTime(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", VersioningEnabled)
	at := func(key writ.ObjectKey) time.Time { return r.put(r.clinic, "ward-seven", key, string(key)).Modified }
	at("before")
	r.clock.advance(time.Hour)
	from := at("first")
	at("second")
	r.clock.advance(time.Hour)
	s := scopeOf(policy.BucketScope{Bucket: "ward-seven"})
	s.From, s.Until = from, r.clock.now().Add(time.Hour).In(time.FixedZone("", 7200))
	if _, err := r.Preserve(r.ctx, "p", r.clinic.Customer, s); err != nil {
		t.Fatal(err)
	}
	at("third")
	r.clock.advance(time.Hour)
	at("after")
	r.restart()
	if _, err := r.Preserve(r.ctx, "p", r.clinic.Customer, s); err != nil {
		t.Fatal(err)
	}
	r.removeAll(r.clinic, "ward-seven", "before", "first", "second", "third", "after")
	r.wantPreserved("p", "ward-seven/first 5", "ward-seven/second 6", "ward-seven/third 5")
	if err := r.ShredCustomer(r.ctx, r.clinic.Customer); err != nil {
		t.Fatal(err)
	}
	if err := r.ResumeRemovals(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.wantPreserved("p", "-ward-seven/first 5", "-ward-seven/second 6", "-ward-seven/third 5")
}

// TestPreserveTags changes tags in every order: a version is in scope that
// carried all of them at any moment since the preservation was set.
func TestPreserveTags(t *testing.T) {
	for _, restart := range []bool{false, true} {
		r := newRig(t)
		r.bucket(r.clinic, "ward-seven", Unversioned)
		calder := map[string]string{"patient": "calder", "ward": "7"}
		tagged := func(key writ.ObjectKey, tags map[string]string) {
			_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "ward-seven", Key: key, Body: strings.NewReader("x"), Size: 1, Draft: Draft{Tags: tags}})
			if err != nil {
				t.Fatal(err)
			}
		}
		maybe := func() {
			if restart {
				r.restart()
			}
		}
		tagged("had before", calder)
		r.tag(r.clinic, "ward-seven", "had before", nil)
		tagged("has", calder)
		tagged("other value", map[string]string{"patient": "osei", "ward": "7"})
		tagged("half", map[string]string{"patient": "calder"})
		tagged("will have", nil)
		r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "ward-seven", Tags: calder})
		maybe()
		tagged("new", calder)
		maybe()
		tagged("new without", nil)
		r.tag(r.clinic, "ward-seven", "will have", calder)
		maybe()
		for _, key := range []writ.ObjectKey{"has", "new", "will have", "half", "other value"} {
			r.tag(r.clinic, "ward-seven", key, map[string]string{"patient": "nobody"})
		}
		maybe()
		r.removeAll(r.clinic, "ward-seven", "had before", "has", "other value", "half", "new", "will have", "new without")
		r.wantPreserved("p", "-ward-seven/has 1", "-ward-seven/new 1", "-ward-seven/will have 1")
		page, err := r.Preserved(r.ctx, "p", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items { // so that the scope still covers it, and a list stays the same
			if !maps.Equal(item.Tags, calder) || !r.scope("p").Covers(item.Item) {
				t.Fatalf("%s has the tags %v", item.Key, item.Tags)
			}
		}
		r.wantClean()
	}
}

// TestPreservedListStaysTheSame: what a writ was signed for is listed once more
// when a production goes on, and must be the same to the byte, whatever the
// owner has done meanwhile.
func TestPreservedListStaysTheSame(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", Unversioned)
	for _, key := range []writ.ObjectKey{"tagged", "tagged later", "deleted", "overwritten"} {
		r.put(r.clinic, "ward-seven", key, string(key))
	}
	r.tag(r.clinic, "ward-seven", "tagged", map[string]string{"ward": "7"})
	s := scopeOf(policy.BucketScope{Bucket: "ward-seven"})
	s.Until = r.clock.now().Add(time.Nanosecond)
	if _, err := r.Preserve(r.ctx, "p", r.clinic.Customer, s); err != nil {
		t.Fatal(err)
	}
	list := r.opening(r.clinic, "p").items
	for _, key := range []writ.ObjectKey{"tagged", "tagged later"} {
		r.tag(r.clinic, "ward-seven", key, map[string]string{"ward": "8"})
	}
	r.put(r.clinic, "ward-seven", "overwritten", "anew")
	r.removeAll(r.clinic, "ward-seven", "deleted")
	if _, err := r.RotateCustomer(r.ctx, r.clinic.Customer, RotateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.removeAll(r.clinic, "ward-seven", "tagged later")
	r.restart()
	if again := r.opening(r.clinic, "p").items; !reflect.DeepEqual(list, again) {
		t.Fatalf("the list was\n%+v\nand is\n%+v", list, again)
	}
}

// TestPreserveReadsOldRecords writes a pin in the form that it had when its
// scope was one bucket, prefix, key or version.
func TestPreserveReadsOldRecords(t *testing.T) {
	for _, c := range []struct {
		old  pinRecord
		want policy.BucketScope
		keys []string
	}{
		{pinRecord{Bucket: "kept"}, policy.BucketScope{Bucket: "kept"}, []string{"a/1", "a/2", "b"}},
		{pinRecord{Bucket: "kept", Prefix: "a/"}, policy.BucketScope{Bucket: "kept", Prefixes: []string{"a/"}}, []string{"a/1", "a/2"}},
		{pinRecord{Bucket: "kept", Key: "b"}, policy.BucketScope{Bucket: "kept", Objects: []policy.ObjectScope{{Key: "b"}}}, []string{"b"}},
		{pinRecord{Bucket: "kept", Key: "b", Version: "null"}, policy.BucketScope{Bucket: "kept", Objects: []policy.ObjectScope{{Key: "b", Version: "null"}}}, []string{"b"}},
	} {
		r := newRig(t)
		r.bucket(r.clinic, "kept", Unversioned)
		c.old.Since = r.clock.now().UnixNano()
		var b records.Batch
		b.Put(pinKey(r.clinic.Customer, "old"), encode(c.old))
		b.Put(pinNameKey("old"), []byte(r.clinic.Customer))
		if err := r.records.Apply(r.ctx, &b); err != nil {
			t.Fatal(err)
		}
		r.restart()
		r.preserve(r.clinic, "old", c.want) // the same, said anew
		var want []string
		for _, key := range []string{"a/1", "a/2", "b"} {
			r.put(r.clinic, "kept", writ.ObjectKey(key), "x")
			r.removeAll(r.clinic, "kept", writ.ObjectKey(key))
			if slices.Contains(c.keys, key) {
				want = append(want, "-kept/"+key+" 1")
			}
		}
		var bare records.Batch // nor was there anything said of the versions under it
		for _, key := range r.keys("i") {
			bare.Put(key, nil)
		}
		if err := r.records.Apply(r.ctx, &bare); err != nil {
			t.Fatal(err)
		}
		r.wantPreserved("old", want...)
		if err := r.Release(r.ctx, "old"); err != nil {
			t.Fatal(err)
		}
		r.wantClean()
	}
}

// TestPreserveGoesOnAfterACrash stops a preservation after its record was made
// and before anything was kept, and a release likewise.
func TestPreserveGoesOnAfterACrash(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "kept", Unversioned)
	for i := range 250 {
		r.put(r.clinic, "kept", writ.ObjectKey(fmt.Sprintf("k%03d", i)), "x")
	}
	s := scopeOf(policy.BucketScope{Bucket: "kept"})
	set := func() {
		if _, err := r.notePin(r.ctx, "p", r.clinic.Customer, s); err != nil {
			t.Fatal(err)
		}
		r.restart()
	}
	// The background finds it.
	set()
	if err := r.keepAll(r.ctx, ""); err != nil {
		t.Fatal(err)
	}
	if n := len(r.preserved("p")); n != 250 {
		t.Fatalf("%d versions are kept", n)
	}
	// A release that stopped half-way says so, and goes on.
	if err := r.update(r.ctx, func(tx records.Tx) error { tx.Delete(pinKey(r.clinic.Customer, "p")); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := r.releaseSome(r.ctx, "p"); err != nil {
		t.Fatal(err)
	}
	r.restart()
	if p, err := r.Preservation(r.ctx, "p"); err != nil || !p.Ending || p.Customer != r.clinic.Customer {
		t.Fatalf("a release under way shows as %+v (%v)", p, err)
	}
	_, err := r.Preserve(r.ctx, "p", r.clinic.Customer, s)
	wantError(t, err, ErrPreservationExists)
	if err := r.Release(r.ctx, "p"); err != nil {
		t.Fatal(err)
	}
	if n := len(r.keys("qiPN")); n != 0 {
		t.Fatalf("%d records of it are left", n)
	}
	// A removal of the data before anybody looked keeps them all the same.
	set()
	for i := range 250 {
		r.removeAll(r.clinic, "kept", writ.ObjectKey(fmt.Sprintf("k%03d", i)))
	}
	if totals, err := r.PreservedTotals(r.ctx, "p"); err != nil || totals.Gone != 250 {
		t.Fatalf("%+v (%v)", totals, err)
	}
	r.wantClean()
}

func TestPreservedSurvivesShred(t *testing.T) {
	r := newDiskRig(t)
	r.bucket(r.clinic, "kept", VersioningEnabled)
	r.minPart = 1
	r.put(r.clinic, "kept", "inline", "few bytes")
	r.put(r.clinic, "kept", "segment", string(pattern(1, 100_000)))
	r.put(r.clinic, "kept", "file", string(pattern(2, 3<<20)))
	ref := r.begin1(r.clinic, "kept", "parts")
	r.complete(r.clinic, ref, r.part(r.clinic, ref, 1, pattern(3, 5000)), r.part(r.clinic, ref, 2, pattern(4, 2<<20)))
	r.put(r.clinic, "kept", "not in scope", string(pattern(5, 100_000)))
	for _, key := range []writ.ObjectKey{"inline", "segment", "file", "parts"} {
		r.preserve(r.clinic, "pin."+string(key), policy.BucketScope{Bucket: "kept", Objects: []policy.ObjectScope{{Key: key}}})
	}
	if _, err := r.RotateCustomer(r.ctx, r.clinic.Customer, RotateOptions{Retire: true}); err != nil {
		t.Fatal(err)
	}
	if err := r.ShredCustomer(r.ctx, r.clinic.Customer); err != nil {
		t.Fatal(err)
	}
	_, err := r.read(r.clinic, ObjectRef{Bucket: "kept", Key: "not in scope"})
	wantError(t, err, ErrShredded)
	if err := r.ResumeRemovals(r.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reclaim(r.ctx, nil); err != nil {
		t.Fatal(err)
	}
	_, err = r.Bucket(r.ctx, "kept")
	wantError(t, err, ErrNoBucket)
	if n := len(r.keys("ovmSx")); n != 0 {
		t.Fatalf("%d records of versions and uploads are left", n)
	}
	report := r.wantClean()
	if report.Kept.Versions != 4 || report.Kept.Parts != 2 || report.Kept.Bytes < 5<<20 || report.Kept.Blobs != 4 ||
		report.Versions != 0 || report.Parts != 0 || report.Blobs != 0 || report.Bytes != 0 || report.Unopened != 0 {
		t.Fatalf("kept data are not all there: %+v", report)
	}
	for _, key := range []string{"inline", "segment", "file", "parts"} {
		page, err := r.Preserved(r.ctx, "pin."+key, "", 10)
		if err != nil || len(page.Items) != 1 || page.Items[0].Gone.IsZero() {
			t.Fatalf("pin of %s has %+v (%v)", key, page, err)
		}
		kept, err := getKept(r.ctx, r.records, page.Items[0].Blob)
		if err != nil {
			t.Fatal(err)
		}
		// The key is under the docket's: the customer's are no more.
		if _, err := r.gate.Unpin(r.ctx, r.clinic.Customer, page.Items[0].Blob, kept.Wrapped); !errors.Is(sealError(err), ErrShredded) {
			t.Fatalf("unpinning to a shredded customer gives %v", err)
		}
	}
	// When the pins end, nothing is left.
	for _, key := range []string{"inline", "segment", "file", "parts"} {
		if err := r.Release(r.ctx, "pin."+key); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.sweepDrops(r.ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(r.keys("ovmpxrdqiPN")); n != 0 {
		t.Fatalf("%d records are left after the pins: %q", n, r.keys("ovmpxrdqiPN"))
	}
	r.wantClean()
}

func TestReleaseKeepsWhatIsStillThere(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "kept", Unversioned)
	r.put(r.clinic, "kept", "a", string(pattern(1, 50_000)))
	for _, id := range []string{"x", "y"} {
		r.preserve(r.clinic, id, policy.BucketScope{Bucket: "kept"})
	}
	r.put(r.clinic, "kept", "a", "second")
	r.put(r.clinic, "kept", "b", "third")
	if err := r.Release(r.ctx, "x"); err != nil {
		t.Fatal(err)
	}
	_, err := r.Preserved(r.ctx, "x", "", 10)
	wantError(t, err, ErrNoPreservation)
	_, err = r.Preservation(r.ctx, "x")
	wantError(t, err, ErrNoPreservation)
	wantError(t, r.Release(r.ctx, "x"), ErrNoPreservation)
	page, err := r.Preserved(r.ctx, "y", "", 2)
	if err != nil || len(page.Items) != 2 || page.Next == "" {
		t.Fatalf("first page is %+v (%v)", page, err)
	}
	page, err = r.Preserved(r.ctx, "y", page.Next, 2)
	if err != nil || len(page.Items) != 1 || page.Next != "" {
		t.Fatalf("second page is %+v (%v)", page, err)
	}
	if err := r.Release(r.ctx, "y"); err != nil {
		t.Fatal(err)
	}
	r.want(r.clinic, ObjectRef{Bucket: "kept", Key: "a"}, "second")
	r.want(r.clinic, ObjectRef{Bucket: "kept", Key: "b"}, "third")
	r.put(r.clinic, "kept", "c", "after the pins")
	if n := len(r.keys("qiPN")); n != 0 {
		t.Fatalf("%d records of pins are left", n)
	}
	r.wantUsage(r.clinic)
	r.wantClean()
}

func TestPreserveRefuses(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "kept", Unversioned)
	r.bucket(r.press, "others", Unversioned)
	try := func(id string, s policy.Scope) error {
		_, err := r.Preserve(r.ctx, id, r.clinic.Customer, s)
		return err
	}
	whole := scopeOf(policy.BucketScope{Bucket: "kept"})
	for _, id := range []string{"", "a b", "a/b", "a\x00b", strings.Repeat("x", 129)} {
		wantError(t, try(id, whole), ErrPreservation)
	}
	wantError(t, try("a", policy.Scope{}), policy.ErrScope)
	traffic := whole
	traffic.Classes = []writ.DataClass{writ.ClassTraffic}
	wantError(t, try("a", traffic), policy.ErrScope)
	traffic.Buckets = nil
	wantError(t, try("a", traffic), ErrPreservation)
	for bucket, want := range map[writ.BucketName]error{"nowhere": ErrNoBucket, "others": ErrBucketOwner} {
		err := try("a", scopeOf(policy.BucketScope{Bucket: "kept"}, policy.BucketScope{Bucket: bucket}))
		wantError(t, err, want)
		var which *ScopeError
		if !errors.As(err, &which) || which.Bucket != bucket || which.Number != 2 || strings.Contains(err.Error(), string(bucket)) {
			t.Errorf("the error is %#v", err)
		}
	}
	_, err := r.Preserve(r.ctx, "a", writ.NewCustomerID(), whole)
	wantError(t, err, ErrNoCustomer)
	if n := len(r.keys("qiPN")); n != 0 {
		t.Fatalf("what was refused left %d records", n)
	}
	var first Preservation
	for i := range 2 {
		p, err := r.Preserve(r.ctx, "a", r.clinic.Customer, whole)
		if err != nil || i > 0 && !p.Since.Equal(first.Since) {
			t.Fatalf("set again it is %+v (%v)", p, err)
		}
		first = p
	}
	wantError(t, try("a", scopeOf(policy.BucketScope{Bucket: "kept", Prefixes: []string{"x"}})), ErrPreservationExists)
	later := whole
	later.Until = r.clock.now().Add(time.Hour)
	wantError(t, try("a", later), ErrPreservationExists)
	_, err = r.Preserve(r.ctx, "a", r.press.Customer, whole)
	wantError(t, err, ErrPreservationExists)
	if err := r.ShredCustomer(r.ctx, r.clinic.Customer); err != nil {
		t.Fatal(err)
	}
	wantError(t, try("b", whole), ErrShredded)
}

// TestPreserveRacesWrites sets a pin while versions come and go: whatever was there
// when Preserve returned is kept, however it goes later.
func TestPreserveRacesWrites(t *testing.T) {
	r := newRig(t)
	for round := range 20 {
		id := fmt.Sprintf("pin-%d", round)
		bucket := writ.BucketName(fmt.Sprintf("kept-%d", round))
		r.bucket(r.clinic, bucket, VersioningEnabled)
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := writ.ObjectKey(fmt.Sprint("k", i%5))
				v, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: bucket, Key: key, Body: strings.NewReader("body"), Size: 4})
				if err == nil && i%3 == 0 { // an older version comes to the head again
					_, err = r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: v.ObjectRef})
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		}()
		time.Sleep(time.Millisecond)
		_, err := r.Preserve(r.ctx, id, r.clinic.Customer, scopeOf(policy.BucketScope{Bucket: bucket}))
		close(stop)
		<-stopped
		if err == nil {
			err = r.keepAll(r.ctx, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range []byte{tagHead, tagVersion} {
			err := eachRecord(r.ctx, r.records, records.Prefix([]byte{tag}), func(e records.Entry) error {
				n, v, err := decodeVersion(e.Key, e.Value)
				if err != nil || v.Marker || n.bucket != bucket {
					return err
				}
				kept, err := getKept(r.ctx, r.records, v.Blob)
				if err == nil && (kept == nil || !slices.Contains(kept.Pins, id)) {
					t.Fatalf("round %d: a version is not under the pin", round)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Release(r.ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	r.wantUsage(r.clinic)
	r.wantClean()
}

// ownerOfJournal is the right by which a session reads its own journal.
func ownerOfJournal(s Session) (gate.Right, gate.Use) {
	return gate.Owner(s.Customer, s.Credential), gate.Use{Customer: s.Customer}
}

// TestReleaseLeavesNothing ends preservations while the background brings
// versions under them, and writes and changes of tags go on.
func TestReleaseLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "kept", Unversioned)
	write := func(i int) error {
		ref := ObjectRef{Bucket: "kept", Key: writ.ObjectKey(fmt.Sprintf("k%03d", i%120))}
		_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: ref.Bucket, Key: ref.Key, Body: strings.NewReader("y"), Size: 1})
		if err == nil {
			_, err = r.SetTags(r.ctx, r.clinic, ref, map[string]string{"x": fmt.Sprint(i % 2)})
		}
		return err
	}
	for round := range 15 {
		id := fmt.Sprint("p", round%2)
		b := policy.BucketScope{Bucket: "kept"}
		if round%2 == 1 {
			b.Tags = map[string]string{"x": "1"}
		}
		r.preserve(r.clinic, id, b)
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 60 {
				if err := write(round*31 + i); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			r.pins.mu.Lock()
			r.pins.walked = false // as after a restart
			r.pins.mu.Unlock()
			if err := r.keepAll(r.ctx, ""); err != nil {
				t.Error(err)
			}
		})
		err := r.Release(r.ctx, id)
		wg.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if keys := r.keys("qiPN"); len(keys) != 0 {
			t.Fatalf("round %d left %d records, such as %q", round, len(keys), keys[0])
		}
	}
	r.wantUsage(r.clinic)
	r.wantClean()
}
