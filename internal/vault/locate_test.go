package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/policy"
)

// traces is all that a search might leave: records, and the customer's journal.
func (r *rig) traces() (all []string) {
	r.t.Helper()
	for tag := range 256 {
		for _, key := range r.keys(string([]byte{byte(tag)})) {
			value, err := r.records.Get(r.ctx, key)
			all = append(all, fmt.Sprintf("%x %x %v", key, value, err))
		}
	}
	head, err := r.gate.JournalHead(r.clinic.Customer)
	return append(all, fmt.Sprint(head, err))
}

func TestLocate(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", VersioningEnabled)
	r.bucket(r.clinic, "ward-eight", Unversioned)
	r.bucket(r.press, "others", Unversioned)
	r.put(r.press, "others", "letters/a", "theirs")
	tagged := func(key writ.ObjectKey, body string, tags map[string]string) Version {
		v, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "ward-seven", Key: key, Body: strings.NewReader(body), Size: int64(len(body)), Draft: Draft{Tags: tags}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := tagged("letters/a", "one", map[string]string{"patient": "Ines Calder"})
	r.clock.advance(time.Hour)
	second := tagged("letters/a", "second", map[string]string{"patient": "Ines Calder", "ward": "7"})
	tagged("letters/b", "gone now", nil)
	r.removeAll(r.clinic, "ward-seven", "letters/b")
	tagged("photos/a", "elsewhere", nil)
	r.clock.advance(time.Hour)
	r.put(r.clinic, "ward-eight", "letters/a", "unversioned")
	if err := r.SetQuota(r.ctx, r.clinic.Customer, Quota{Requests: 1}); err != nil { // nothing here is a request
		t.Fatal(err)
	}
	before := r.traces()
	s := scopeOf(policy.BucketScope{Bucket: "ward-seven", Prefixes: []string{"letters/"}}, policy.BucketScope{Bucket: "ward-eight"},
		policy.BucketScope{Bucket: "others"}, policy.BucketScope{Bucket: "nowhere"})
	got, err := r.Locate(r.ctx, r.clinic.Customer, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	seven := got.Buckets[0]
	if seven.Keys != 2 || seven.Current != (Amount{1, 6}) || seven.Older != (Amount{2, 11}) || seven.Markers != 1 ||
		!seven.Oldest.Equal(first.Modified) || !seven.Newest.After(second.Modified) || seven.Versioning != "Enabled" ||
		!slices.Equal(seven.Tags, []TagCount{{"patient", 2}, {"ward", 1}}) {
		t.Errorf("ward-seven: %+v", seven)
	}
	if eight := got.Buckets[1]; !eight.Found || eight.Keys != 1 || eight.Current != (Amount{1, 11}) || eight.Older != (Amount{}) {
		t.Errorf("ward-eight: %+v", eight)
	}
	for _, b := range got.Buckets[2:] { // another's bucket looks as none does
		if !reflect.DeepEqual(b, LocatedBucket{Bucket: b.Bucket}) {
			t.Errorf("%s: %+v", b.Bucket, b)
		}
	}
	if got.Total() != (Amount{4, 28}) {
		t.Errorf("in all %+v", got.Total())
	}
	text, err := json.Marshal(got)
	if err != nil || strings.Contains(string(text), "letters/") || strings.Contains(string(text), "Calder") {
		t.Errorf("it tells names of objects or values of tags: %s (%v)", text, err)
	}
	// By time, version and tag.
	narrow := func(change func(*policy.Scope)) Amount {
		s := scopeOf(policy.BucketScope{Bucket: "ward-seven"})
		change(&s)
		l, err := r.Locate(r.ctx, r.clinic.Customer, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l.Total()
	}
	if a := narrow(func(s *policy.Scope) { s.Until = second.Modified }); a != (Amount{1, 3}) {
		t.Errorf("until the second: %+v", a)
	}
	if a := narrow(func(s *policy.Scope) { s.Buckets[0].Tags = map[string]string{"ward": "7"} }); a != (Amount{1, 6}) {
		t.Errorf("by tag: %+v", a)
	}
	if a := narrow(func(s *policy.Scope) {
		s.Buckets[0].Objects = []policy.ObjectScope{{Key: "letters/a", Version: first.ObjectRef.Version}}
	}); a != (Amount{1, 3}) {
		t.Errorf("by version: %+v", a)
	}
	if !slices.Equal(before, r.traces()) {
		t.Error("locating left a trace")
	}
	_, err = r.Locate(r.ctx, r.clinic.Customer, policy.Scope{}, nil)
	wantError(t, err, policy.ErrScope)
	_, err = r.Locate(r.ctx, writ.NewCustomerID(), s, nil)
	wantError(t, err, ErrNoCustomer)
}

func TestLocateIsBoundedAndStops(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", Unversioned)
	for i := range 2100 {
		_, err := r.Put(r.ctx, r.clinic, PutInput{
			Bucket: "ward-seven", Key: writ.ObjectKey(fmt.Sprintf("k%04d", i)), Body: strings.NewReader("x"), Size: 1,
			Draft: Draft{Tags: map[string]string{fmt.Sprint("tag", i): ""}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s := scopeOf(policy.BucketScope{Bucket: "ward-seven"})
	ctx, cancel := context.WithCancel(r.ctx)
	calls := 0
	_, err := r.Locate(ctx, r.clinic.Customer, s, func(string, int64, int64) { calls++; cancel() })
	if calls != 1 || !errors.Is(err, context.Canceled) {
		t.Fatalf("%d reports, then %v", calls, err)
	}
	got, err := r.Locate(r.ctx, r.clinic.Customer, s, nil)
	if err != nil || got.Total().Versions != 2100 || len(got.Buckets[0].Tags) != maxTagNames || !got.Buckets[0].MoreTags {
		t.Fatalf("%d versions, %d names of tags (%v)", got.Total().Versions, len(got.Buckets[0].Tags), err)
	}
}

// TestLocateCountsWhatPreserveKeeps draws buckets and scopes, and compares
// what is located and what is kept with a plain walk over all versions.
func TestLocateCountsWhatPreserveKeeps(t *testing.T) {
	n := 0
	r := newRig(t)
	rapid.Check(t, func(t *rapid.T) {
		n++
		bucket, id := writ.BucketName(fmt.Sprint("bucket-", n)), fmt.Sprint("p-", n)
		r.bucket(r.clinic, bucket, []Versioning{Unversioned, VersioningEnabled}[n%2])
		key := rapid.SampledFrom([]string{"a", "a/", "a/b", "a/b/c", "ab", "a\x01", "b", "b\u00ff", "\u00ff"})
		tags := rapid.SampledFrom([]map[string]string{nil, {"x": "1"}, {"x": "2"}, {"x": "1", "y": "1"}})
		for range rapid.IntRange(0, 12).Draw(t, "puts") {
			k := writ.ObjectKey(key.Draw(t, "key"))
			if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
				r.removeAll(r.clinic, bucket, k)
				continue
			}
			_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: bucket, Key: k, Body: strings.NewReader("x"), Size: 1, Draft: Draft{Tags: tags.Draw(t, "tags")}})
			if err != nil {
				t.Fatal(err)
			}
		}
		b := policy.BucketScope{Bucket: bucket, Tags: tags.Draw(t, "of scope")}
		b.Prefixes = rapid.SliceOfN(key, 0, 3).Draw(t, "prefixes")
		for _, k := range rapid.SliceOfN(key, 0, 3).Draw(t, "objects") {
			b.Objects = append(b.Objects, policy.ObjectScope{Key: writ.ObjectKey(k)})
		}
		s := scopeOf(b)
		var want Amount
		keys := map[writ.ObjectKey]bool{}
		page, err := r.ListVersions(r.ctx, r.clinic, ListVersionsInput{Bucket: bucket})
		if err != nil {
			t.Fatal(err)
		}
		for _, listed := range page.Versions {
			f, err := find(r.ctx, r.records, name{r.clinic.Customer, bucket, listed.Key}, listed.ObjectRef.Version)
			if err != nil {
				t.Fatal(err)
			}
			if s.Covers(itemOf(name{r.clinic.Customer, bucket, listed.Key}, f.versionRecord)) {
				keys[listed.Key] = true
				if !listed.Marker {
					want.Versions++
					want.Bytes += listed.Size
				}
			}
		}
		got, err := r.Locate(r.ctx, r.clinic.Customer, s, nil)
		if err != nil || got.Total() != want || got.Buckets[0].Keys != int64(len(keys)) {
			t.Fatalf("located %+v, not %+v of %d keys (%v)", got, want, len(keys), err)
		}
		if _, err := r.Preserve(r.ctx, id, r.clinic.Customer, s); err != nil {
			t.Fatal(err)
		}
		if totals, err := r.PreservedTotals(r.ctx, id); err != nil || totals.Versions != want.Versions || totals.Bytes != want.Bytes {
			t.Fatalf("kept %+v, not %+v (%v)", totals, want, err)
		}
		if err := r.Release(r.ctx, id); err != nil {
			t.Fatal(err)
		}
	})
	r.wantClean()
}

func TestIdentify(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", Unversioned)
	credential, err := r.AddCredential(r.ctx, r.clinic.Customer)
	if err != nil {
		t.Fatal(err)
	}
	// A customer may have the name of another's bucket.
	same := r.customer("ward-seven")
	before := r.traces()
	for text, want := range map[string][]Identified{
		"harbour-clinic":           {{By: ByName, Customer: r.clinic.Customer}},
		" harbour-clinic\n":        {{By: ByName, Customer: r.clinic.Customer}},
		string(r.clinic.Customer):  {{By: ByID, Customer: r.clinic.Customer}},
		string(credential.ID):      {{By: ByCredential, Customer: r.clinic.Customer, Credential: credential.ID}},
		"ward-seven":               {{By: ByName, Customer: same.Customer}, {By: ByBucket, Customer: r.clinic.Customer, Bucket: "ward-seven"}},
		"s3://ward-seven/letters/": {{By: ByBucket, Customer: r.clinic.Customer, Bucket: "ward-seven", Path: "letters/"}},
		"arn:aws:s3:::ward-seven":  {{By: ByBucket, Customer: r.clinic.Customer, Bucket: "ward-seven"}},
		"https://s3.fjordhost.example/ward-seven/letters/a%20b?versionId=1": {{By: ByBucket, Customer: r.clinic.Customer, Bucket: "ward-seven", Path: "letters/a b"}},
		"harbour": nil, "HARBOUR-CLINIC": nil, "": nil, "https://": nil, "https://%zz": nil, "s3://": nil, "ward\x00seven": nil,
		string(writ.NewCustomerID()): nil, strings.Repeat("x", 5000): nil,
	} {
		for i := range want {
			if want[i].Name = "harbour-clinic"; want[i].Customer == same.Customer {
				want[i].Name = "ward-seven"
			}
		}
		got, err := r.Identify(r.ctx, text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v, not %+v (%v)", text, got, want, err)
		}
	}
	if !slices.Equal(before, r.traces()) {
		t.Error("it left a trace")
	}
	if err := r.ShredCustomer(r.ctx, r.clinic.Customer); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Identify(r.ctx, "harbour-clinic"); err != nil || len(got) != 1 || got[0].Shredded.IsZero() {
		t.Errorf("a shredded customer is %+v (%v)", got, err)
	}
}

func TestSubscriberRecord(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", Unversioned)
	r.put(r.clinic, "ward-seven", "letters/a", "Ines Calder")
	credential, err := r.AddCredential(r.ctx, r.clinic.Customer)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetQuota(r.ctx, r.clinic.Customer, Quota{Bytes: 1000, Objects: 10, Requests: 5}); err != nil {
		t.Fatal(err)
	}
	before := r.traces()
	got, err := r.SubscriberRecord(r.ctx, r.clinic.Customer)
	if err != nil {
		t.Fatal(err)
	}
	if got.Customer != r.clinic.Customer || got.Name != "harbour-clinic" || got.Created.IsZero() || !got.Shredded.IsZero() ||
		got.Quota != (SubscriberQuota{1000, 10, 5}) || got.Usage != (SubscriberUsage{11, 1}) ||
		len(got.Credentials) != 1 || got.Credentials[0].AccessKey != credential.ID || len(got.Buckets) != 1 || got.Buckets[0].Bucket != "ward-seven" {
		t.Fatalf("%+v", got)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{credential.Secret, "letters", "Calder"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("it holds %q: %s", secret, text)
		}
	}
	if !slices.Equal(before, r.traces()) {
		t.Error("it left a trace")
	}
	_, err = r.SubscriberRecord(r.ctx, writ.NewCustomerID())
	wantError(t, err, ErrNoCustomer)
	if got, err := r.SubscriberRecord(r.ctx, r.press.Customer); err != nil || got.Credentials == nil || got.Buckets == nil {
		t.Errorf("a customer with nothing has %+v (%v)", got, err)
	}
}
