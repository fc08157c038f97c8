package vault

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func mustTime(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func lifecycleOf(rules ...string) []byte {
	return []byte(`<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + strings.Join(rules, "") + `</LifecycleConfiguration>`)
}

func TestParseLifecycle(t *testing.T) {
	l, err := ParseLifecycle(lifecycleOf(
		`<Rule><ID>scans</ID><Filter><And><Prefix>scans/</Prefix><Tag><Key>kind</Key><Value>draft</Value></Tag><ObjectSizeGreaterThan>10</ObjectSizeGreaterThan><ObjectSizeLessThan>1000</ObjectSizeLessThan></And></Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>`,
		`<Rule><ID>old</ID><Prefix>logs/</Prefix><Status>Disabled</Status><Expiration><Date>2026-03-01T00:00:00.000Z</Date></Expiration></Rule>`,
		`<Rule><Filter/><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`,
	))
	if err != nil {
		t.Fatal(err)
	}
	scans, old, rest := l.Rules[0], l.Rules[1], l.Rules[2]
	if !scans.Enabled || scans.ExpireDays != 30 || scans.NoncurrentDays != 7 || scans.NewerNoncurrent != 2 {
		t.Errorf("first rule is %+v", scans)
	}
	if old.Enabled || old.Prefix != "logs/" || !old.ExpireDate.Equal(mustTime(t, "2026-03-01T00:00:00Z")) {
		t.Errorf("second rule is %+v", old)
	}
	if !rest.ExpireDeleteMarker || rest.AbortDays != 3 || !rest.covers("anything", 0, nil) {
		t.Errorf("third rule is %+v", rest)
	}
	draft := map[string]string{"kind": "draft", "ward": "4"}
	for _, c := range []struct {
		key  string
		size int64
		tags map[string]string
		want bool
	}{
		{"scans/a", 11, draft, true},
		{"scans/a", 10, draft, false},
		{"scans/a", 999, draft, true},
		{"scans/a", 1000, draft, false},
		{"scan", 11, draft, false},
		{"scans/a", 11, map[string]string{"kind": "final"}, false},
		{"scans/a", 11, nil, false},
	} {
		if got := scans.covers(c.key, c.size, c.tags); got != c.want {
			t.Errorf("covers(%q, %d, %v) = %v", c.key, c.size, c.tags, got)
		}
	}
}

func TestParseLifecycleRefuses(t *testing.T) {
	const head, tail = `<Rule><Filter><Prefix>a</Prefix></Filter><Status>Enabled</Status>`, `</Rule>`
	for name, c := range map[string]struct {
		body      []byte
		malformed bool
	}{
		"no xml":              {[]byte("days: 3"), true},
		"no rule":             {lifecycleOf(), true},
		"too many rules":      {lifecycleOf(strings.Repeat(head+`<Expiration><Days>1</Days></Expiration>`+tail, 1001)), true},
		"no action":           {lifecycleOf(head + tail), false},
		"zero days":           {lifecycleOf(head + `<Expiration><Days>0</Days></Expiration>` + tail), false},
		"days and date":       {lifecycleOf(head + `<Expiration><Days>1</Days><Date>2026-01-01T00:00:00Z</Date></Expiration>` + tail), true},
		"not midnight":        {lifecycleOf(head + `<Expiration><Date>2026-01-01T01:00:00Z</Date></Expiration>` + tail), false},
		"bad date":            {lifecycleOf(head + `<Expiration><Date>tomorrow</Date></Expiration>` + tail), true},
		"newer without days":  {lifecycleOf(head + `<NoncurrentVersionExpiration><NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration>` + tail), false},
		"transition":          {lifecycleOf(head + `<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>` + tail), false},
		"abort by tag":        {lifecycleOf(`<Rule><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`), false},
		"two terms, no and":   {lifecycleOf(`<Rule><Filter><Prefix>a</Prefix><ObjectSizeLessThan>5</ObjectSizeLessThan></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`), true},
		"and of one":          {lifecycleOf(`<Rule><Filter><And><Prefix>a</Prefix></And></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`), true},
		"no filter":           {lifecycleOf(`<Rule><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`), true},
		"same id twice":       {lifecycleOf(`<Rule><ID>x</ID><Prefix/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`, `<Rule><ID>x</ID><Prefix/><Status>Enabled</Status><Expiration><Days>2</Days></Expiration></Rule>`), false},
		"empty range of size": {lifecycleOf(`<Rule><Filter><And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>6</ObjectSizeLessThan></And></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`), false},
		"status":              {lifecycleOf(`<Rule><Prefix/><Status>on</Status><Expiration><Days>1</Days></Expiration></Rule>`), true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseLifecycle(c.body)
			var rule *LifecycleError
			switch {
			case err == nil:
				t.Fatal("it was taken")
			case c.malformed != errors.Is(err, ErrLifecycle), c.malformed == errors.As(err, &rule):
				t.Fatalf("error of the wrong kind: %v", err)
			}
		})
	}
}

func TestLifecycleDates(t *testing.T) {
	// The example of S3's guide: made on 15 January at 10:30, 3 days, due at
	// midnight of the 19th.
	for _, c := range []struct{ made, due string }{
		{"2026-01-15T10:30:00Z", "2026-01-19T00:00:00Z"},
		{"2026-01-15T00:00:00Z", "2026-01-19T00:00:00Z"},
		{"2026-01-15T23:59:59Z", "2026-01-19T00:00:00Z"},
		{"2026-01-15T23:30:00-02:00", "2026-01-20T00:00:00Z"}, // the 16th, 01:30 UTC
		{"2028-02-27T12:00:00Z", "2028-03-02T00:00:00Z"},      // a leap year
	} {
		if got := dueAfter(mustTime(t, c.made), 3); !got.Equal(mustTime(t, c.due)) {
			t.Errorf("made %s: due %s, want %s", c.made, got, c.due)
		}
	}
	due := mustTime(t, "2026-01-19T00:00:00Z")
	rule := LifecycleRule{ExpireDays: 3, NoncurrentDays: 3, NewerNoncurrent: 2}
	made := mustTime(t, "2026-01-15T10:30:00Z")
	if rule.expires(made, due.Add(-1)) || !rule.expires(made, due) {
		t.Error("expiry is not exactly at midnight")
	}
	if rule.expiresNoncurrent(made, 2, due.Add(-1)) || !rule.expiresNoncurrent(made, 2, due) {
		t.Error("expiry of old versions is not exactly at midnight")
	}
	if rule.expiresNoncurrent(made, 1, due.Add(1000*day)) {
		t.Error("one of the old versions to be kept expired")
	}
	onDate := LifecycleRule{ExpireDate: due}
	if onDate.expires(made, due.Add(-1)) || !onDate.expires(made, due) || !onDate.expires(due.Add(day), due.Add(2*day)) {
		t.Error("a date does not expire all that exists from then on")
	}
	if (&LifecycleRule{}).expires(made, due.Add(1000*day)) || (&LifecycleRule{}).expiresMarker(made, due) {
		t.Error("a rule without expiry expires")
	}
	if !(&LifecycleRule{ExpireDeleteMarker: true}).expiresMarker(due, due) || rule.expiresMarker(made, due.Add(-1)) || !rule.expiresMarker(made, due) {
		t.Error("delete markers expire at the wrong time")
	}
}
