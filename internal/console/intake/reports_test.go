package intake

import (
	"net/url"
	"strings"
	"testing"

	"writ/internal/api"
)

const year = "from=2025-01-01&to=2025-12-31"

// many are demands of a year in which figures are large enough to be printed.
func many() string {
	var b strings.Builder
	for i := range 40 {
		country, instrument, outcome := "DE", "domestic", "non-content"
		if i%2 == 0 {
			country, instrument, outcome = "US", "us.warrant", "content"
		}
		b.WriteString(`{"ref":"2025/` + itoa(i) + `","received":"2025-03-08","agency":{"name":"Court","country":"` + country + `"},"instrument":"` + instrument + `","matter":"criminal","accounts_specified":2,"closed":{"at":"2025-03-20","outcome":"` + outcome + `","notice":"given","accounts_affected":1}}` + "\n")
	}
	return b.String()
}

// TestReports: a period is previewed in each layout, as tables and charts, and as
// files that are the interface's own.
func TestReports(t *testing.T) {
	r := rig(t)
	_, err := r.House.Desk("noor").Import(r.Ctx, strings.NewReader(many()))
	r.Must(err)
	shows(t, "no period", r.Get("esi", "/docket/reports"), 200, "2025", "No report was published yet")
	got := r.Get("esi", "/docket/reports?"+year)
	shows(t, "the layout writ", got, 200, "Everything adds up", "Demands by instrument", "<svg", ">40<", `action="/docket/reports/publish"`, `data-passkey="get"`, `name="from" value="2025-01-01"`)
	for _, table := range []string{"received-disclosed", "accounts", "notifications", "cross-border", "national-security"} {
		shows(t, table, r.Get("esi", "/docket/reports?"+year+"&layout=github&table="+table), 200, "Everything adds up", ">2025<")
	}
	shows(t, "a lawful structure", r.Get("esi", "/docket/reports?"+year+"&structure=1"), 200, "0-999")
	for format, want := range map[string]string{"csv": "section,row,column,value", "json": `"layout": "writ"`, "html": "<!"} {
		file := r.Get("esi", "/docket/reports/file?"+year+"&format="+format)
		if file.Status != 200 || !strings.Contains(strings.ToLower(file.Body), strings.ToLower(want)) || !strings.HasPrefix(file.Head.Get("Content-Disposition"), "attachment") || !strings.HasPrefix(file.Head.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %d %v %.80s", format, file.Status, file.Head, file.Body)
		}
	}
	for _, q := range []string{"from=2025-12-31&to=2025-01-01", "from=x&to=y", year + "&structure=9", year + "&layout=other", year + "&layout=github&table=nothing", year + "&corrects=zz", "from=2099-01-01&to=2099-12-31"} {
		got := r.Get("esi", "/docket/reports?"+q)
		shows(t, q, got, 200, `role="alert"`)
		if strings.Contains(got.Body, "data-passkey") {
			t.Errorf("%s: what isn't made is offered to be published", q)
		}
	}
	if got := r.Get("esi", "/docket/reports/file?"+year+"&format=exe"); got.Status != 422 {
		t.Errorf("a file of no kind: %d", got.Status)
	}
}

// TestContradictions: what does not add up is listed with the case to blame, and
// nothing is offered to be published.
func TestContradictions(t *testing.T) {
	r := rig(t)
	_, err := r.House.Desk("noor").Import(r.Ctx, strings.NewReader(strings.Replace(strings.Replace(many(), `"us.warrant"`, `"us.subpoena"`, 1), `"2025/0"`, `"<script>alert(1)</script>"`, 1)))
	r.Must(err)
	got := r.Get("mira", "/docket/reports?"+year)
	shows(t, "content on a subpoena", got, 200, "1 contradiction", "&lt;script&gt;alert(1)")
	unharmed(t, "it", got.Body)
	if strings.Contains(got.Body, "data-passkey") || strings.Contains(got.Body, "Everything adds up") {
		t.Error("a report that doesn't add up is offered")
	}
	if got := r.Post("mira", "/docket/reports/publish", url.Values{"from": {"2025-01-01"}, "to": {"2025-12-31"}}); got.Status != 409 {
		t.Errorf("published all the same: %d", got.Status)
	}
}

// TestPublish: a report's digest goes into the log once; a second of the period is
// a correction and names the first.
func TestPublish(t *testing.T) {
	r := rig(t)
	form := url.Values{"from": {"2025-01-01"}, "to": {"2025-12-31"}}
	got := r.Post("esi", "/docket/reports/publish", form)
	if got.Status != 303 || !strings.Contains(got.Head.Get("Location"), "done=intake-published") {
		t.Fatalf("%d %s", got.Status, excerpt(got.Body))
	}
	all, err := r.House.Desk("esi").PublishedReports(r.Ctx)
	r.Must(err)
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	page := r.Get("esi", "/docket/reports?"+year)
	shows(t, "after it", page, 200, all[0].Digest, "A report of this period was published", "Correct it")
	if strings.Contains(page.Body, "data-passkey") {
		t.Error("a second report is offered without naming the first")
	}
	shows(t, "a second", r.Post("esi", "/docket/reports/publish", form), 409, "a report of this period was published")
	_, err = r.House.Desk("noor").Import(r.Ctx, strings.NewReader(many()))
	r.Must(err)
	shows(t, "a correction", r.Get("esi", "/docket/reports?"+year+"&corrects="+all[0].Digest), 200, "data-passkey", `name="corrects" value="`+all[0].Digest+`"`)
	form.Set("corrects", all[0].Digest)
	if got := r.Post("mira", "/docket/reports/publish", form); got.Status != 303 {
		t.Errorf("a correction: %d %s", got.Status, excerpt(got.Body))
	}
	shows(t, "both", r.Get("esi", "/docket/reports"), 200, "correction")
}

// TestImport: the result is told; what is wrong is told with its line, and what
// came before it is kept.
func TestImport(t *testing.T) {
	r := rig(t)
	shows(t, "forty", send(r, "noor", "/docket/import", nil, chosen{"file", "demands.jsonl", many()}), 200, "What came of it", "<dd>40</dd>")
	shows(t, "again", send(r, "mira", "/docket/import", nil, chosen{"file", "demands.jsonl", many()}), 200, "<dd>40</dd>", "<dd>0</dd>")
	got := send(r, "noor", "/docket/import", nil, chosen{"file", "demands.jsonl", strings.ReplaceAll(old, "2025/", "older/") + `{"ref":"` + "<script>alert(1)</script>" + `"}` + "\n"})
	shows(t, "a mistake", got, 422, "line 3", "What was read before that line is kept")
	unharmed(t, "a mistake", got.Body)
	page, err := r.House.Desk("mira").Cases(r.Ctx, api.ListInput{Mark: "historic", Limit: 1000})
	r.Must(err)
	if len(page.Cases) != 42 {
		t.Errorf("%d historic cases", len(page.Cases))
	}
	for name, files := range map[string][]chosen{"none": nil, "two": {{"file", "a", old}, {"file", "b", old}}} {
		shows(t, name, send(r, "noor", "/docket/import", nil, files...), 422, "choose one file")
	}
}

// TestLaw: an instrument's page says who, what, when and how sure that is.
func TestLaw(t *testing.T) {
	r := rig(t)
	shows(t, "all", r.Get("esi", "/law"), 200, "European Production Order (EPOC)", "not in force", "from memory, not verified", "/law/us.nsl")
	shows(t, "an EU order", r.Get("esi", "/law/eu.epoc"), 200, "may not reject it", "Annex III", "investigating judge", "the issuing authority tells", "Emergency", "eu.released", "data in scope are preserved at once", "Art 12(1)")
	shows(t, "an emergency", r.Get("ada", "/law/us.emergency"), 200, "may always refuse", "takes two persons", "rejected")
	if strings.Contains(r.Get("esi", "/law/eu.epoc").Body, `href="/intake/eu.epoc"`) {
		t.Error("an auditor is sent to a form that isn't for them")
	}
}
