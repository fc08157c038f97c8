package intake

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"writ/internal/api"
	"writ/internal/docket"
)

// impossible is the form of Annex III, filled in.
func impossible() url.Values {
	return url.Values{
		"language": {"fr"}, "to": {"12 rue du Port\nValbrume"}, "f.certificate": {"EPOC-1"}, "f.issuing_state": {"FR"}, "f.provider": {"Fjordhost"}, "f.representative": {"Fjordhost"},
		"f.contact_person": {"legal desk"}, "f.contact": {"+49 30 555 0199"}, "f.classes": {"content"}, "f.preserved": {"yes"},
		"f.reasons.0": {"1"}, "f.reasons.0.reason": {"incomplete"}, "f.reasons.0.article": {"Article 10(6)"}, "f.reasons.0.detail": {"no account is named"},
	}
}

// TestLetter: a draft shows the letter and keeps nothing; written, it is a document
// of the case, in the language that was chosen.
func TestLetter(t *testing.T) {
	r := rig(t)
	c := received(r, "2026/41")
	path := "/docket/" + string(c.Case) + "/letters/eu-impossibility"
	shows(t, "the form", r.Get("mira", path), 200, `name="f.certificate" value="2026/41"`, `name="f.reasons.0"`, `value="third-country"`)
	before := r.Kept()
	form := impossible()
	form.Set("do", "draft")
	got := r.Post("mira", path, form)
	shows(t, "the draft", got, 200, "<pre class=\"letter\"", "no account is named", "Article 10(6)", `value="EPOC-1"`)
	part := r.Post("mira", path, form, "HX-Request", "true", "HX-Target", "draft")
	shows(t, "its part", part, 200, "<pre")
	if strings.Contains(part.Body, "<html") {
		t.Error("the part is a whole page")
	}
	pdf := r.Post("mira", path+"/pdf", form)
	if pdf.Status != 200 || !strings.HasPrefix(pdf.Body, "%PDF") || pdf.Head.Get("Content-Type") != "application/pdf" || !strings.Contains(pdf.Head.Get("Content-Security-Policy"), "sandbox") || pdf.Head.Get("X-Frame-Options") != "SAMEORIGIN" {
		t.Errorf("the PDF: %d %v", pdf.Status, pdf.Head)
	}
	r.Unchanged(before, "drafts")
	form.Set("do", "write")
	if got := r.Post("mira", path, form); got.Status != 303 || !strings.Contains(got.Head.Get("Location"), "done=intake-letter") {
		t.Fatalf("%d %s", got.Status, excerpt(got.Body))
	}
	if docs := caseNow(r, c.Case).Documents; len(docs) != 1 || docs[0].Kind != "letter" || docs[0].Name != "eu-impossibility-fr.pdf" {
		t.Errorf("%+v", docs)
	}
	shows(t, "the list", r.Get("mira", "/docket/"+string(c.Case)+"/letters"), 200, "eu-impossibility-fr.pdf")
}

// TestLetterRows: rows come and go by their buttons; what is written in the others
// stays.
func TestLetterRows(t *testing.T) {
	r := rig(t)
	c := received(r, "2026/41")
	path := "/docket/" + string(c.Case) + "/letters/eu-impossibility"
	form := impossible()
	form.Set("do", "add reasons")
	got := r.Post("mira", path, form)
	shows(t, "one more", got, 200, `name="f.reasons.1"`, "no account is named")
	for i := range 12 {
		form.Set("f.reasons."+itoa(i), "1")
		form.Set("f.reasons."+itoa(i)+".article", "Article "+itoa(i))
	}
	if got := r.Post("mira", path, form); strings.Contains(got.Body, `name="f.reasons.10"`) {
		t.Error("there are more reasons than the form takes")
	}
	form.Set("do", "drop reasons 0")
	got = r.Post("mira", path, form)
	if strings.Contains(got.Body, "no account is named") || !strings.Contains(got.Body, "Article 9") {
		t.Error("another row went than the first")
	}
	for _, do := range []string{"drop reasons 99", "drop reasons -1", "drop nothing 0", "add nothing", "drop", "add a b c d"} {
		form := impossible()
		form.Set("do", do)
		shows(t, do, r.Post("mira", path, form), 200, "no account is named")
	}
}

// TestLetterRefusals: what is missing is said, nothing is lost and nothing kept.
func TestLetterRefusals(t *testing.T) {
	r := rig(t)
	c := received(r, "2026/41")
	path := "/docket/" + string(c.Case) + "/letters/eu-impossibility"
	before := r.Kept()
	for name, f := range map[string]struct{ field, value, says string }{
		"no provider": {"f.provider", "", "provider: it is required"}, "no reason": {"f.reasons.0.article", "", "article: it is required"},
		"unknown": {"f.reasons.0.reason", "tired", "is not known"}, "too long": {"f.contact", strings.Repeat("x", 600), "at most 500"}, "class": {"f.classes", "everything", "is not known"},
	} {
		form := impossible()
		form.Set(f.field, f.value)
		form.Set("do", "write")
		shows(t, name, r.Post("mira", path, form), 422, f.says, `value="EPOC-1"`)
		form.Set("do", "draft")
		shows(t, name+", a draft", r.Post("mira", path, form), 200, f.says, `value="EPOC-1"`)
		if got := r.Post("mira", path+"/pdf", form); got.Status != 422 || strings.Contains(got.Body, "%PDF") {
			t.Errorf("%s, as PDF: %d", name, got.Status)
		}
	}
	clarify := url.Values{"do": {"write"}, "language": {"en"}, "f.questions": {"Which account?\n\nWhich period?"}, "f.reply_by": {"tomorrow"}}
	shows(t, "no time", r.Post("mira", "/docket/"+string(c.Case)+"/letters/clarification", clarify), 422, "is no time", "Which period?")
	r.Unchanged(before, "refused letters")
	clarify.Set("f.reply_by", "2026-12-20T12:00")
	clarify.Set("do", "draft")
	shows(t, "a list", r.Post("mira", "/docket/"+string(c.Case)+"/letters/clarification", clarify), 200, "2.  Which period?", "2026-12-20T11:00:00Z")
	for _, kind := range []string{"notice-late", "custody", "nothing", "..%2fapi"} {
		if got := r.Get("mira", "/docket/"+string(c.Case)+"/letters/"+kind); got.Status != 404 {
			t.Errorf("%s: %d", kind, got.Status)
		}
	}
}

// TestLettersFit: each instrument and stage has the letters that it may take.
func TestLettersFit(t *testing.T) {
	r := rig(t)
	offered := func(id any) string {
		body := r.Get("mira", "/docket/"+fmt.Sprint(id)+"/letters").Body
		cards, _, _ := strings.Cut(body, "<details")
		return cards
	}
	eu := received(r, "2026/41")
	d := r.EPOC("26-SW-118")
	d.Instrument, d.Channel, d.Issuer.Country, d.Issuer.Kind = "us.warrant", docket.InPerson, "US", "court"
	us, err := r.House.Desk("noor").Receive(r.Ctx, api.DemandInput{Demand: d})
	r.Must(err)
	for name, c := range map[string]struct {
		page, kind string
		fits       bool
	}{
		"an EU order is never rejected": {offered(eu.Case), "rejection", false}, "a warrant may be": {offered(us.Case), "rejection", true},
		"Annex III is the EU's": {offered(us.Case), "eu-impossibility", false}, "and of an EU order": {offered(eu.Case), "eu-impossibility", true},
		"nothing is delivered yet": {offered(us.Case), "delivery", false}, "nothing is preserved yet": {offered(us.Case), "preservation", false}, "all acknowledge": {offered(eu.Case), "acknowledgement", true},
		"a referral": {offered(us.Case), "referral", true}, "an EU order isn't referred": {offered(eu.Case), "referral", false},
	} {
		if strings.Contains(c.page, "/letters/"+c.kind+`"`) != c.fits {
			t.Errorf("%s: %s", name, c.kind)
		}
	}
	identified(r, eu)
	r.Put("letters/1", "a letter")
	_, err = r.House.Desk("noor").Move(r.Ctx, string(eu.Case), "preserve", api.PreserveInput{Customer: "harbour-clinic", Scope: wards, Why: "Article 10(1)"})
	r.Must(err)
	if page := offered(eu.Case); !strings.Contains(page, `/letters/preservation"`) || !strings.Contains(page, `/letters/eu-extension"`) {
		t.Error("what is preserved is not confirmed")
	}
	shows(t, "with what is known", r.Get("mira", "/docket/"+string(eu.Case)+"/letters/preservation"), 200, "ward-seven, letters/*")
}
