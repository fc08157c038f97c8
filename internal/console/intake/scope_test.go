package intake

import (
	"net/url"
	"strings"
	"testing"

	"writ"
	"writ/internal/api"
	"writ/internal/policy"
)

func scopeValues() url.Values {
	return url.Values{"classes": {"content"}, "b.0.bucket": {"ward-seven"}, "b.0.p.0": {"letters/"}, "do": {"save"}}
}

// TestScope: what the form says is what the case's scope is, to the last space.
func TestScope(t *testing.T) {
	r := rig(t)
	r.Put("letters/1", "a letter")
	c := received(r, "2026/41")
	path := "/docket/" + string(c.Case) + "/scope"
	shows(t, "without a customer", r.Get("mira", path), 200, "First say whose data it is")
	shows(t, "saved without one", r.Post("mira", path, scopeValues()), 409, `value="letters/"`)
	identified(r, c)
	form := scopeValues()
	for name, v := range map[string]string{"b.0.p.1": "scans ", "b.0.p.2": "", "b.0.o.0.key": " spaced key ", "b.0.o.1.key": "one", "b.0.o.1.version": "", "b.0.t.0.name": "ward", "b.0.t.0.value": "seven", "b.1.bucket": "",
		"from": "2026-01-01", "until": "2026-03-31", "narrow": "yes", "reason": "the scans are of others"} {
		form.Set(name, v)
	}
	got := r.Post("mira", path, form)
	if got.Status != 303 || got.Head.Get("Location") != "/docket/"+string(c.Case)+"?done=intake-scoped" {
		t.Fatalf("%d %s %s", got.Status, got.Head.Get("Location"), excerpt(got.Body))
	}
	s := caseNow(r, c.Case).Scope
	if s == nil || len(s.Scope.Buckets) != 1 {
		t.Fatalf("%+v", s)
	}
	b := s.Scope.Buckets[0]
	if b.Bucket != "ward-seven" || len(b.Prefixes) != 2 || b.Prefixes[1] != "scans " || len(b.Objects) != 2 || b.Objects[0].Key != " spaced key " || b.Tags["ward"] != "seven" ||
		s.Scope.Until.In(berlin()).Format("2006-01-02 15:04") != "2026-04-01 00:00" || !s.Narrow || s.Reason != "the scans are of others" {
		t.Errorf("%+v", s)
	}
	shows(t, "shown again", r.Get("mira", path), 200, `value="scans "`, `value=" spaced key "`, `value="2026-03-31"`, `name="narrow" value="yes" checked`, "the scans are of others")
	// Set again as it is shown, it is the same.
	again, err := formOf(s.Scope, berlin()), error(nil)
	again.fromWhen, again.untilWhen = s.Scope.From, s.Scope.Until
	same, err := again.scope()
	r.Must(err)
	if len(same.Buckets) != 1 || len(same.Buckets[0].Objects) != 2 || same.Buckets[0].Objects[0].Key != " spaced key " {
		t.Errorf("it changed by being shown: %+v", same)
	}
}

// TestScopeRows: each button changes its row and nothing else, and sets nothing.
func TestScopeRows(t *testing.T) {
	r := rig(t)
	c := received(r, "2026/41")
	identified(r, c)
	path := "/docket/" + string(c.Case) + "/scope"
	before := r.Kept()
	for do, want := range map[string]struct{ has, hasNot string }{
		"add-bucket": {`name="b.1.bucket"`, `name="b.2.bucket"`}, "drop-bucket 0": {"Add a bucket", `name="b.0.bucket"`}, "add-prefix 0": {`name="b.0.p.2"`, `name="b.0.p.3"`},
		"drop-prefix 0 0": {`name="b.0.p.0" value="scans/"`, "letters/"}, "add-object 0": {`name="b.0.o.1.version"`, `name="b.0.o.2.key"`}, "drop-object 0 0": {"Add an object", `name="b.0.o.0.key"`},
		"add-tag 0": {`name="b.0.t.0.value"`, `name="b.0.t.1.name"`}, "count": {`name="b.0.p.1"`, `name="b.0.p.2"`},
		"drop-prefix 0 99": {`name="b.0.p.1"`, `name="b.0.p.2"`}, "drop-bucket -1": {`name="b.0.bucket"`, `name="b.1.bucket"`}, "drop-bucket 7": {`name="b.0.bucket"`, `name="b.1.bucket"`},
		"drop-bucket": {`name="b.0.bucket"`, `name="b.1.bucket"`}, "<script>": {`name="b.0.bucket"`, "<script>alert"}, "drop-tag 0 x": {`name="b.0.bucket"`, `name="b.1.bucket"`},
	} {
		form := scopeValues()
		form.Set("b.0.p.1", "scans/")
		form.Set("b.0.o.0.key", "one")
		form.Set("do", do)
		got := r.Post("mira", path, form)
		shows(t, do, got, 200, want.has)
		if strings.Contains(got.Body, want.hasNot) {
			t.Errorf("%s leaves or makes %s", do, want.hasNot)
		}
	}
	r.Unchanged(before, "changing rows")
	many := scopeValues()
	for i := range policy.MaxBuckets {
		many.Set("b."+itoa(i)+".bucket", "bucket-"+itoa(i))
	}
	many.Set("do", "add-bucket")
	if got := r.Post("mira", path, many); strings.Contains(got.Body, `name="b.`+itoa(policy.MaxBuckets)+`.bucket"`) {
		t.Error("there are more buckets than a scope has")
	}
}

// TestScopeCounts: what the form covers is counted as it stands, and the page says
// where it goes beyond the order.
func TestScopeCounts(t *testing.T) {
	r := rig(t)
	r.Put("letters/1", "a letter")
	r.Put("letters/2", "another")
	r.Put("scans/1", strings.Repeat("x", 3000))
	d := r.EPOC("2026/41")
	d.From, d.Until = r.Now().AddDate(-1, 0, 0), r.Now().AddDate(0, -1, 0)
	c, err := r.House.Desk("noor").Receive(r.Ctx, api.DemandInput{Demand: d})
	r.Must(err)
	identified(r, c)
	path := "/docket/" + string(c.Case) + "/scope"
	form := scopeValues()
	form.Set("do", "count")
	got := r.Post("mira", path, form, "HX-Request", "true", "HX-Target", "count")
	shows(t, "prefix", got, 200, "2 versions", "15", "period is narrower than this scope", "Much larger than the order", "0 (0")
	if strings.Contains(got.Body, "<html") {
		t.Error("the part is a whole page")
	}
	form.Set("b.0.p.0", "")
	form["classes"] = []string{"content", "traffic"}
	shows(t, "whole bucket", r.Post("mira", path, form), 200, "3 versions", "The whole bucket ward-seven", "does not ask for traffic data")
	form.Set("b.0.bucket", "nothing-here")
	shows(t, "no such bucket", r.Post("mira", path, form), 200, "has no such bucket")
	form.Set("until", d.Until.In(berlin()).Format("2006-01-02"))
	form.Set("from", d.From.In(berlin()).AddDate(0, 0, 1).Format("2006-01-02"))
	form.Set("until", d.Until.In(berlin()).AddDate(0, 0, -1).Format("2006-01-02"))
	if got := r.Post("mira", path, form); strings.Contains(got.Body, "period is narrower") {
		t.Error("a scope within the order's time is said to go beyond it")
	}
}

// TestScopeRefusals: what can't be a scope is said with its reason, the form stays
// filled in, and a row without its bucket is no whole store.
func TestScopeRefusals(t *testing.T) {
	r := rig(t)
	c := received(r, "2026/41")
	identified(r, c)
	path := "/docket/" + string(c.Case) + "/scope"
	before := r.Kept()
	for name, f := range map[string]struct {
		set  map[string]string
		says string
	}{
		"no bucket, with a prefix": {map[string]string{"b.0.bucket": ""}, "name is missing"}, "no bucket": {map[string]string{"b.0.bucket": "", "b.0.p.0": ""}, "names no bucket"},
		"twice": {map[string]string{"b.1.bucket": "ward-seven"}, "twice"}, "version without key": {map[string]string{"b.0.o.0.key": "", "b.0.o.0.version": "v1"}, "has no key"},
		"tag twice": {map[string]string{"b.0.t.0.name": "a", "b.0.t.0.value": "1", "b.0.t.1.name": "a", "b.0.t.1.value": "2"}, "twice"}, "value alone": {map[string]string{"b.0.t.0.name": "", "b.0.t.0.value": "1"}, "has no name"},
		"ends before": {map[string]string{"from": "2026-03-01", "until": "2026-02-01"}, "ends before it begins"}, "elsewhere": {map[string]string{"elsewhere": "yes"}, "nothing of this store"},
		"no reason": {map[string]string{"narrow": "yes"}, "reason"}, "day": {map[string]string{"from": "soon"}, "is no day"}, "class": {map[string]string{"classes": "everything"}, "reaches no content"},
		"long key": {map[string]string{"b.0.o.0.key": strings.Repeat("k", 1100)}, "at most"},
	} {
		form := scopeValues()
		for k, v := range f.set {
			form.Set(k, v)
		}
		got := r.Post("mira", path, form)
		if got.Status != 422 && got.Status != 409 || !strings.Contains(got.Body, f.says) {
			t.Errorf("%s: %d, without %q: %s", name, got.Status, f.says, excerpt(got.Body))
		}
		form.Set("do", "count")
		if got := r.Post("mira", path, form); name != "no reason" && (got.Status != 200 || !strings.Contains(got.Body, f.says)) {
			t.Errorf("%s, counted: %d, without %q", name, got.Status, f.says)
		}
	}
	r.Unchanged(before, "refused scopes")
}

// TestScopeUnfit: a scope with names that a form would lose can't be saved by it,
// nor changed by being looked at.
func TestScopeUnfit(t *testing.T) {
	r := rig(t)
	c := received(r, "2026/41")
	identified(r, c)
	s := policy.Scope{Classes: []writ.DataClass{writ.ClassContent}, Buckets: []policy.BucketScope{{Bucket: "ward-seven", Objects: []policy.ObjectScope{{Key: writ.ObjectKey("two\nlines" + hostile)}}}}}
	_, err := r.House.Desk("mira").Move(r.Ctx, string(c.Case), "scope", api.ScopeInput{Scope: s})
	r.Must(err)
	got := r.Get("mira", "/docket/"+string(c.Case)+"/scope")
	shows(t, "it", got, 200, "which a form would lose", `value="save" disabled`)
	unharmed(t, "it", strings.ReplaceAll(strings.ReplaceAll(got.Body, "\u202e", ""), "\u200b", ""))
}
