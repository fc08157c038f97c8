package vault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/records"
)

// history does the same to a vault each time, as its clinic, and returns all
// that the clinic gets to see of it.
func history(r *rig) []string {
	var seen []string
	saw := func(what string, got any, err error) { seen = append(seen, fmt.Sprintf("%s: %+v, %v", what, got, err)) }
	// What is random by nature is named by when it was first seen.
	names := map[string]string{}
	named := func(s string) string {
		if s == "" || s == "null" {
			return s
		}
		if names[s] == "" {
			names[s] = fmt.Sprintf("#%d", len(names)+1)
		}
		return names[s]
	}
	version := func(v Version) string {
		return fmt.Sprintf("%s/%s %s latest=%v marker=%v %d %s %d %v", v.Bucket, v.Key, named(string(v.Version)), v.Latest, v.Marker, v.Size, named(v.ETag), v.Parts, v.Tags)
	}
	for _, bucket := range []writ.BucketName{"plain", "kept"} {
		put := func(key writ.ObjectKey, size int) Version {
			v, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: bucket, Key: key, Body: strings.NewReader(strings.Repeat("x", size)), Size: int64(size)})
			saw("put", version(v), err)
			return v
		}
		remove := func(in DeleteInput) {
			d, err := r.Delete(r.ctx, r.clinic, in)
			saw("delete", fmt.Sprintf("%s %v", named(string(d.Version)), d.Marker), err)
		}
		first := put("case/one", 100)
		put("case/two", 50_000)
		put("case/three", 3<<20)
		put("other", 7)
		put("case/one", 200)
		put("case/empty", 0)
		r.minPart = 1
		ref := r.begin1(r.clinic, bucket, "case/parts")
		a, b := r.part(r.clinic, ref, 1, pattern(1, 3000)), r.part(r.clinic, ref, 2, pattern(2, 40_000))
		saw("complete", version(r.complete(r.clinic, ref, a, b)), nil)
		_, err := r.SetTags(r.ctx, r.clinic, ObjectRef{Bucket: bucket, Key: "case/two"}, map[string]string{"ward": "4"})
		saw("tags", nil, err)
		remove(DeleteInput{ObjectRef: ObjectRef{Bucket: bucket, Key: "case/two"}})
		remove(DeleteInput{ObjectRef: first.ObjectRef})
		remove(DeleteInput{ObjectRef: ObjectRef{Bucket: bucket, Key: "case/parts"}})
		put("case/three", 10)
		many, err := r.DeleteMany(r.ctx, r.clinic, bucket, []DeleteInput{
			{ObjectRef: ObjectRef{Key: "case/empty"}}, {ObjectRef: ObjectRef{Key: "none"}},
		})
		saw("delete many", len(many), err)
		saw("lifecycle", nil, r.PutBucketSetting(r.ctx, r.clinic, bucket, SettingLifecycle, lifecycleOf(
			`<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`)))
		run, err := r.RunLifecycle(r.ctx, r.clock.now().Add(10*day))
		saw("lifecycle", run, err)
		put("case/late", 300)
		list, err := r.ListVersions(r.ctx, r.clinic, ListVersionsInput{Bucket: bucket, Max: 1000})
		for _, v := range list.Versions {
			saw("listed", version(v), nil)
			if v.Marker {
				continue
			}
			body, err := r.read(r.clinic, v.ObjectRef)
			saw("read", len(body), err)
		}
		saw("list", len(list.Versions), err)
		for _, key := range []writ.ObjectKey{"case/one", "case/two", "case/parts", "case/empty"} {
			_, err := r.Head(r.ctx, r.clinic, GetInput{ObjectRef: ObjectRef{Bucket: bucket, Key: key}})
			saw("head", nil, err)
		}
		u, err := r.Usage(r.ctx, r.clinic.Customer)
		saw("usage", u, err)
		saw("delete bucket", nil, r.DeleteBucket(r.ctx, r.clinic, bucket))
	}
	return seen
}

// TestPinsAreSilent runs one history on two vaults, one of them with pins of
// every kind, and compares all that the customer sees, its journal included.
func TestPinsAreSilent(t *testing.T) {
	without, with := newRig(t), newRig(t)
	for _, r := range []*rig{without, with} {
		r.bucket(r.clinic, "plain", Unversioned)
		r.bucket(r.clinic, "kept", VersioningEnabled)
		r.put(r.clinic, "plain", "case/one", "was there before")
	}
	for i, p := range []PinInput{{Bucket: "plain"}, {Bucket: "kept", Prefix: "case/"}, {Bucket: "plain", Key: "case/one"}} {
		p.ID = fmt.Sprintf("pin-%d", i)
		if _, err := with.Pin(with.ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	want, got := history(without), history(with)
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Fatalf("answer %d differs:\nwithout %s\nwith    %s", i, want[min(i, len(want)-1)], got[min(i, len(got)-1)])
		}
	}
	// Sweeping and checking find nothing amiss, in either.
	for _, r := range []*rig{without, with} {
		if _, err := r.Reclaim(r.ctx, nil); err != nil {
			t.Fatal(err)
		}
		r.wantClean()
	}
	journal := func(r *rig) (all []string) {
		right, use := ownerOfJournal(r.clinic)
		for e, err := range r.gate.Journal(r.ctx, right, use, gate.JournalQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprintf("%s %s %s/%s", e.Op, e.Reason, e.Bucket, e.Key))
		}
		return all
	}
	if a, b := journal(without), journal(with); !slices.Equal(a, b) {
		t.Fatalf("the customer's journals differ:\n%q\n%q", a, b)
	}
	// Every version with data that was in scope is kept.
	page, err := with.Pinned(with.ctx, "pin-0", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	gone := 0
	for _, p := range page.Versions {
		if !p.Gone.IsZero() {
			gone++
		}
	}
	// one (three times), two, three (twice), other, empty, parts, and late,
	// which the second run of lifecycle took.
	if len(page.Versions) != 10 || gone != 10 {
		t.Fatalf("%d versions are pinned, %d of them gone: %+v", len(page.Versions), gone, page.Versions)
	}
	if n := len(without.keys("qiPN")); n != 0 {
		t.Fatalf("the vault without pins has %d records of them", n)
	}
}

func TestPinnedSurvivesShred(t *testing.T) {
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
		if _, err := r.Pin(r.ctx, PinInput{ID: "pin." + string(key), Bucket: "kept", Key: key}); err != nil {
			t.Fatal(err)
		}
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
	if report.Unopened != 4 || report.Parts != 2 || report.Bytes < 5<<20 {
		t.Fatalf("kept data are not all there: %+v", report)
	}
	for _, key := range []string{"inline", "segment", "file", "parts"} {
		page, err := r.Pinned(r.ctx, "pin."+key, "", 10)
		if err != nil || len(page.Versions) != 1 || page.Versions[0].Gone.IsZero() {
			t.Fatalf("pin of %s has %+v (%v)", key, page, err)
		}
		kept, err := getKept(r.ctx, r.records, page.Versions[0].Blob)
		if err != nil {
			t.Fatal(err)
		}
		// The key is under the docket's: the customer's are no more.
		if _, err := r.gate.Unpin(r.ctx, r.clinic.Customer, page.Versions[0].Blob, kept.Wrapped); !errors.Is(sealError(err), ErrShredded) {
			t.Fatalf("unpinning to a shredded customer gives %v", err)
		}
	}
	// When the pins end, nothing is left.
	for _, key := range []string{"inline", "segment", "file", "parts"} {
		if err := r.Unpin(r.ctx, "pin."+key); err != nil {
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

func TestUnpinKeepsWhatIsStillThere(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "kept", Unversioned)
	r.put(r.clinic, "kept", "a", string(pattern(1, 50_000)))
	for _, id := range []string{"x", "y"} {
		if _, err := r.Pin(r.ctx, PinInput{ID: id, Bucket: "kept"}); err != nil {
			t.Fatal(err)
		}
	}
	r.put(r.clinic, "kept", "a", "second")
	r.put(r.clinic, "kept", "b", "third")
	if err := r.Unpin(r.ctx, "x"); err != nil {
		t.Fatal(err)
	}
	_, err := r.Pinned(r.ctx, "x", "", 10)
	wantError(t, err, ErrNoPin)
	wantError(t, r.Unpin(r.ctx, "x"), ErrNoPin)
	page, err := r.Pinned(r.ctx, "y", "", 2)
	if err != nil || len(page.Versions) != 2 || page.Next == "" {
		t.Fatalf("first page is %+v (%v)", page, err)
	}
	page, err = r.Pinned(r.ctx, "y", page.Next, 2)
	if err != nil || len(page.Versions) != 1 || page.Next != "" {
		t.Fatalf("second page is %+v (%v)", page, err)
	}
	if err := r.Unpin(r.ctx, "y"); err != nil {
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

func TestPinRefuses(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "kept", Unversioned)
	for _, p := range []PinInput{
		{ID: "", Bucket: "kept"}, {ID: "a b", Bucket: "kept"}, {ID: strings.Repeat("x", 129), Bucket: "kept"}, {ID: "a"},
		{ID: "a", Bucket: "kept", Version: "null"}, {ID: "a", Bucket: "kept", Key: "k", Prefix: "p"},
	} {
		_, err := r.Pin(r.ctx, p)
		wantError(t, err, ErrPinScope)
	}
	_, err := r.Pin(r.ctx, PinInput{ID: "a", Bucket: "nowhere"})
	wantError(t, err, ErrNoBucket)
	for range 2 {
		if _, err := r.Pin(r.ctx, PinInput{ID: "a", Bucket: "kept"}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = r.Pin(r.ctx, PinInput{ID: "a", Bucket: "kept", Prefix: "x"})
	wantError(t, err, ErrPinExists)
}

// TestPinRacesWrites sets a pin while versions come and go: whatever was there
// when Pin returned is kept, however it goes later.
func TestPinRacesWrites(t *testing.T) {
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
		_, err := r.Pin(r.ctx, PinInput{ID: id, Bucket: bucket})
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
		if err := r.Unpin(r.ctx, id); err != nil {
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
