package intake

import (
	"strings"
	"testing"

	"writ/internal/api"
	"writ/internal/console/consoletest"
)

// furnished is a house in which every page has something to show.
func furnished(t *testing.T) (r *consoletest.Rig, paths map[string]string) {
	r = rig(t)
	r.Put("letters/1", "a letter")
	r.Put("letters/2", strings.Repeat("x", 5000))
	r.Put("scans/1", "a scan")
	a := added1(r, "Landgericht Falkenmoor")
	noor, mira := r.House.Desk("noor"), r.House.Desk("mira")
	r.Must(noor.Do(r.Ctx, "POST", "authorities/"+string(a.ID)+"/call-backs", api.CallBack{Phone: "+49 30 555 0100", Where: "switchboard", Source: "register", Detail: "justice register, read 2026-11-24"}, &a))
	r.Must(mira.Do(r.Ctx, "POST", "authorities/"+string(a.ID)+"/call-backs/"+a.CallBacks[0].ID+"/verify", nil, nil))
	r.Must(noor.Do(r.Ctx, "POST", "authorities/"+string(a.ID)+"/keys", map[string]string{"kind": "age", "text": r.Court.Recipient().String()}, &a))
	added1(r, "Amtsgericht Falkenmoor")
	c := received(r, "2026/41")
	identified(r, c)
	_, err := mira.Move(r.Ctx, string(c.Case), "scope", api.ScopeInput{Scope: wards})
	r.Must(err)
	_, err = noor.Import(r.Ctx, strings.NewReader(old))
	r.Must(err)
	_, err = mira.PublishReport(r.Ctx, api.ReportInput{From: "2024-01-01", To: "2024-12-31"})
	r.Must(err)
	id := string(c.Case)
	return r, map[string]string{
		"/intake": "noor", "/intake/eu.epoc": "noor", "/intake/us.subpoena": "noor", "/intake/us.emergency": "noor", "/intake/domestic": "noor", "/intake/uk.copo": "noor",
		"/intake/received/" + id: "noor", "/docket/" + id + "/scope": "mira", "/docket/" + id + "/letters": "mira",
		"/docket/" + id + "/letters/eu-impossibility": "mira", "/docket/" + id + "/letters/clarification": "mira", "/docket/" + id + "/letters/no-data": "mira",
		"/authorities": "noor", "/authorities/new": "noor", "/authorities/" + string(a.ID): "mira", "/authorities/" + string(a.ID) + "/change": "noor",
		"/docket/reports": "mira", "/docket/reports?from=2025-01-01&to=2025-12-31": "mira", "/docket/import": "noor", "/law": "mira", "/law/eu.epoc": "mira", "/law/us.emergency": "mira",
	}
}

// old is a year of demands that were closed before they came here.
const old = `{"ref":"2025/1","received":"2025-03-08","agency":{"name":"Staatsanwaltschaft Falkenmoor","country":"DE"},"instrument":"domestic","matter":"criminal","accounts_specified":2,"closed":{"at":"2025-03-20","outcome":"non-content","notice":"given","accounts_affected":1}}
{"ref":"2025/2","received":"2025-05-02","agency":{"name":"District Court of New Arden","country":"US"},"instrument":"us.warrant","matter":"criminal","accounts_specified":1,"closed":{"at":"2025-05-30","outcome":"rejected","notice":"none","accounts_affected":0}}
`

// TestPagesSpeakEveryLanguage: each page in each language, without a raw key and
// within the bounds of a page.
func TestPagesSpeakEveryLanguage(t *testing.T) {
	r, paths := furnished(t)
	for path, as := range paths {
		for _, lang := range []string{"en", "de", "fr", "es"} {
			got := r.Get(as, path, "Cookie", "lang="+lang)
			if got.Status != 200 || !strings.Contains(got.Body, `<html lang="`+lang+`"`) {
				t.Errorf("%s in %s: %d %s", path, lang, got.Status, excerpt(got.Body))
				continue
			}
			_, main, _ := strings.Cut(got.Body, "<main")
			for _, lost := range []string{">intake.", "\"intake.", "ZgotmplZ", "<no value>", "%!", "{n}", "{case}"} {
				if strings.Contains(main, lost) {
					i := strings.Index(main, lost)
					t.Errorf("%s in %s shows %q: %s", path, lang, lost, main[max(0, i-80):min(len(main), i+80)])
				}
			}
			if strings.Count(main, "<h1") != 1 {
				t.Errorf("%s in %s has %d first headings", path, lang, strings.Count(main, "<h1"))
			}
			for _, bad := range []string{" style=", "<script", " onclick", "http://", "https://"} {
				if strings.Contains(main, bad) {
					t.Errorf("%s in %s has %q", path, lang, bad)
				}
			}
			if len(got.Body) > 100_000 {
				t.Errorf("%s has %d bytes", path, len(got.Body))
			}
		}
	}
}

// TestNobodyElse: each route is for those who may, and for nobody else.
func TestNobodyElse(t *testing.T) {
	r, _ := furnished(t)
	c := received(r, "2026/42")
	id := string(c.Case)
	everyone := []string{"", "noor", "mira", "ada", "sam", "esi", "jun operator", "customer", "officer"}
	for _, c := range []struct{ method, path, in string }{
		{"GET", "/intake", "noor mira"}, {"GET", "/intake/eu.epoc", "noor mira"}, {"POST", "/intake/eu.epoc", "noor mira"}, {"GET", "/intake/received/" + id, "noor mira"},
		{"GET", "/docket/" + id + "/scope", "mira"}, {"POST", "/docket/" + id + "/scope", "mira"},
		{"GET", "/docket/" + id + "/letters", "noor mira"}, {"GET", "/docket/" + id + "/letters/clarification", "noor mira"},
		{"POST", "/docket/" + id + "/letters/clarification", "noor mira"}, {"POST", "/docket/" + id + "/letters/clarification/pdf", "noor mira"},
		{"GET", "/authorities", "noor mira ada sam esi jun"}, {"GET", "/authorities/new", "noor mira"}, {"POST", "/authorities", "noor mira"},
		{"GET", "/authorities/a-00000000000000000000", "noor mira ada sam esi jun"}, {"POST", "/authorities/a-00000000000000000000/suspend", "noor mira"},
		{"POST", "/authorities/a-00000000000000000000/resume", "mira"}, {"POST", "/authorities/a-00000000000000000000/keys", "noor mira"},
		{"POST", "/authorities/a-00000000000000000000/keys/verify", "noor mira"}, {"POST", "/authorities/a-00000000000000000000/keys/revoke", "noor mira"},
		{"POST", "/authorities/a-00000000000000000000/call-backs", "noor mira"}, {"POST", "/authorities/a-00000000000000000000/call-backs/verify", "noor mira"},
		{"POST", "/authorities/a-00000000000000000000/call-backs/remove", "noor mira"}, {"POST", "/authorities/a-00000000000000000000/change", "noor mira"},
		{"GET", "/docket/reports", "mira esi"}, {"GET", "/docket/reports/file?format=csv", "mira esi"}, {"POST", "/docket/reports/publish", "mira esi"},
		{"GET", "/docket/import", "noor mira"}, {"POST", "/docket/import", "noor mira"}, {"GET", "/law", "noor mira ada sam esi jun"}, {"GET", "/law/eu.epoc", "noor mira ada sam esi jun"},
	} {
		for _, who := range everyone {
			status := 0
			if c.method == "GET" {
				status = r.Get(who, c.path).Status
			} else {
				status = r.Post(who, c.path, nil).Status
			}
			first, _, _ := strings.Cut(who, " ")
			switch may := first != "" && strings.Contains(c.in, first); {
			case who == "" && c.method == "GET" && status != 303, who == "" && c.method == "POST" && status != 401:
				t.Errorf("nobody at %s %s: %d", c.method, c.path, status)
			case who != "" && may == (status == 403):
				t.Errorf("%s at %s %s: %d", who, c.method, c.path, status)
			}
		}
	}
}

// TestNotThere: what isn't there is said so, whatever an address holds.
func TestNotThere(t *testing.T) {
	r := rig(t)
	for _, path := range []string{"/intake/no.such", "/intake/..%2f..%2fcases", "/intake/received/2026-0000-0000", "/intake/received/x", "/docket/2026-7KQM-4ZT0/scope", "/docket/x/letters",
		"/authorities/a-00000000000000000000", "/authorities/..%2fcases", "/authorities/a-0000000000000000000g", "/law/no.such", "/law/%2e%2e"} {
		if got := r.Get("mira", path); got.Status != 404 && got.Status != 301 && got.Status != 307 {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
}
