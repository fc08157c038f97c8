package custodian

import (
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/policy"
)

// TestTerms: names of buckets, objects and tags are shown whole on the case's
// page and cut in lists, and none of them is obeyed.
func TestTerms(t *testing.T) {
	long := strings.Repeat("é", 10_000)
	a := policy.Authorisation{
		Issuer: policy.Issuer{Name: "Tribunal\u202e", Country: "FR"}, At: time.Now(), List: []byte{1, 2},
		Scope: policy.Scope{Buckets: []policy.BucketScope{
			{Bucket: "ward-seven", Prefixes: []string{"a\u202eb", "c\x1b[2J", long, "4"}, Objects: []policy.ObjectScope{{Key: "k\u2066", Version: "v"}}, Tags: map[string]string{"x\n": "\u200f", "a": "b"}},
			{Bucket: "two"}, {Bucket: "three"}, {Bucket: "four"}, {Bucket: "five"},
		}, Classes: []writ.DataClass{"content\u202e"}},
	}
	whole := termsOf(a)
	b := whole.Buckets[0]
	if len(whole.Buckets) != 5 || b.Prefixes[2] != long || b.Whole || !whole.Buckets[1].Whole || b.Tags[0] != "a = b" || whole.List != "0102" || b.Objects[0] != `"k\u2066" (v)` {
		t.Errorf("%+v", b)
	}
	short := whole.short()
	if len(short.Buckets) != 3 || short.More != 2 || len(short.Buckets[0].Prefixes) != 4 || len([]rune(short.Buckets[0].Prefixes[2])) != 80 || len(whole.Buckets[0].Prefixes[2]) < 10_000 {
		t.Errorf("%d buckets and %d more, %d prefixes", len(short.Buckets), short.More, len(short.Buckets[0].Prefixes))
	}
	for _, s := range []terms{whole, short} {
		for _, text := range append(append(append([]string{s.Issuer}, s.Classes...), s.Buckets[0].Prefixes...), append(s.Buckets[0].Objects, s.Buckets[0].Tags...)...) {
			if strings.ContainsAny(text, "\u202e\x1b\u2066\u200f\n") {
				t.Errorf("%q is obeyed", text[:min(40, len(text))])
			}
		}
	}
}
