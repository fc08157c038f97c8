package api_test

import (
	"net/url"
	"strings"
	"testing"

	"writ/internal/api"
	"writ/internal/api/apitest"
	"writ/internal/docket"
	"writ/internal/letter"
)

// TestAuthorityHistory: each version stays, with who made it and by what.
func TestAuthorityHistory(t *testing.T) {
	h := apitest.NewHouse(t)
	noor, mira := h.Desk("noor"), h.Desk("mira")
	var a api.Authority
	h.Must(noor.Do(h.Ctx, "POST", "authorities", api.AuthorityInput{Name: "Landgericht Falkenmoor", Country: "DE", Kind: "court"}, &a))
	path := "authorities/" + string(a.ID)
	h.Must(mira.Do(h.Ctx, "POST", path+"/suspend", api.ReasonInput{Reason: "its seal was stolen"}, nil))
	h.Must(mira.Do(h.Ctx, "PUT", path, api.AuthorityInput{Name: "Amtsgericht Falkenmoor", Country: "DE", Kind: "court", Version: 2}, nil))
	var all []api.Authority
	h.Must(noor.Do(h.Ctx, "GET", path+"/history", nil, &all))
	var got []string
	for _, v := range all {
		got = append(got, string(v.By)+" "+v.What+" "+v.Name)
	}
	if want := "mira.lindqvist authority.change Amtsgericht Falkenmoor, mira.lindqvist authority.suspend Landgericht Falkenmoor, noor.adeyemi authority.add Landgericht Falkenmoor"; strings.Join(got, ", ") != want {
		t.Errorf("the history is %q", got)
	}
	if err := noor.Do(h.Ctx, "GET", "authorities/a-00000000000000000000/history", nil, &all); err == nil {
		t.Error("an authority that isn't there has a history")
	}
}

// TestDraftAsPDF: a draft's PDF is given and attached to nothing; who may not
// write a letter gets none.
func TestDraftAsPDF(t *testing.T) {
	h := apitest.NewHouse(t)
	c, err := h.Desk("noor").Receive(h.Ctx, api.DemandInput{Demand: h.EPOC("2026/41")})
	h.Must(err)
	in := docket.LetterInput{Kind: "acknowledgement", Language: "fr", Draft: true, PDF: true}
	out, err := h.Desk("mira").WriteLetter(h.Ctx, string(c.Case), in)
	h.Must(err)
	if !strings.HasPrefix(string(out.PDF), "%PDF") || out.Document != nil || out.Text == "" {
		t.Errorf("the draft: %d bytes of PDF, document %v", len(out.PDF), out.Document)
	}
	in.PDF = false
	out, err = h.Desk("mira").WriteLetter(h.Ctx, string(c.Case), in)
	h.Must(err)
	if out.PDF != nil {
		t.Error("a PDF came unasked")
	}
	in.PDF = true
	if out, err := h.Desk("sam").WriteLetter(h.Ctx, string(c.Case), in); err == nil || out.PDF != nil {
		t.Error("production wrote a letter")
	}
	if got, err := h.Desk("mira").Case(h.Ctx, string(c.Case)); err != nil || len(got.Documents) != 0 {
		t.Errorf("a draft was attached: %v %v", got.Documents, err)
	}
	var kinds api.LetterKinds
	h.Must(h.Desk("noor").Do(h.Ctx, "GET", "letters", nil, &kinds))
	if len(kinds.Kinds) != len(letter.Kinds()) || len(kinds.Languages) != 4 {
		t.Errorf("%d kinds in %d languages", len(kinds.Kinds), len(kinds.Languages))
	}
}

// TestReconcile: what contradicts itself is told with the case to blame, and only
// to who may see reports.
func TestReconcile(t *testing.T) {
	h := apitest.NewHouse(t)
	year := api.ReportInput{From: "2025-01-01", To: "2025-12-31"}
	clean, err := h.Desk("esi").Reconcile(h.Ctx, year)
	if h.Must(err); len(clean.Contradictions) != 0 {
		t.Fatalf("an empty docket contradicts itself: %+v", clean)
	}
	_, err = h.Desk("noor").Import(h.Ctx, strings.NewReader(`{"ref":"2025/7","received":"2025-05-02","agency":{"name":"District Court of New Arden","country":"US"},"instrument":"us.subpoena","matter":"criminal","accounts_specified":1,"closed":{"at":"2025-05-30","outcome":"content","notice":"given","accounts_affected":1}}`+"\n"))
	h.Must(err)
	got, err := h.Desk("esi").Reconcile(h.Ctx, year)
	h.Must(err)
	if len(got.Contradictions) == 0 || got.Contradictions[0].Ref != "2025/7" {
		t.Errorf("content on a subpoena: %+v", got)
	}
	if _, err := h.Desk("jun operator").Reconcile(h.Ctx, year); err == nil {
		t.Error("an operator sees the docket's figures")
	}
	if _, err := h.Desk("esi").Reconcile(h.Ctx, api.ReportInput{From: "2025-12-31", To: "2025-01-01"}); err == nil {
		t.Error("a period that ends before it begins")
	}
}

// TestPublishedReports: what was published is listed, the first of its period
// marked, so that a correction can name it.
func TestPublishedReports(t *testing.T) {
	h := apitest.NewHouse(t)
	year := api.ReportInput{From: "2025-01-01", To: "2025-12-31"}
	first, err := h.Desk("mira").PublishReport(h.Ctx, year)
	h.Must(err)
	if _, err := h.Desk("mira").PublishReport(h.Ctx, year); err == nil {
		t.Fatal("a second report of a period names no first")
	}
	_, err = h.Desk("noor").Import(h.Ctx, strings.NewReader(`{"ref":"2025/7","received":"2025-05-02","agency":{"name":"District Court of New Arden","country":"US"},"instrument":"us.warrant","matter":"criminal","accounts_specified":1,"closed":{"at":"2025-05-30","outcome":"rejected","notice":"none","accounts_affected":0}}`+"\n"))
	h.Must(err)
	year.Corrects = first.Digest
	second, err := h.Desk("mira").PublishReport(h.Ctx, year)
	h.Must(err)
	all, err := h.Desk("esi").PublishedReports(h.Ctx)
	h.Must(err)
	if len(all) != 2 || all[0].Digest != first.Digest || !all[0].First || all[1].Digest != second.Digest || all[1].First || all[0].At.IsZero() {
		t.Errorf("published: %+v", all)
	}
}

// TestAlikeAuthorities: a name that nobody enrolled is held against those that are
// there, and leaves nothing; a key finds its owner alone.
func TestAlikeAuthorities(t *testing.T) {
	h := apitest.NewHouse(t)
	noor := h.Desk("noor")
	var a api.Authority
	h.Must(noor.Do(h.Ctx, "POST", "authorities", api.AuthorityInput{Name: "Landgericht Falkenmoor", Country: "DE", Kind: "court"}, &a))
	h.Must(noor.Do(h.Ctx, "POST", "authorities/"+string(a.ID)+"/keys", map[string]string{"kind": "age", "text": h.Court.Recipient().String()}, &a))
	before := h.Kept()
	ask := func(name string) (all []api.Lookalike) {
		t.Helper()
		h.Must(noor.Do(h.Ctx, "GET", "authorities/alike?"+url.Values{"name": {name}, "country": {"DE"}}.Encode(), nil, &all))
		return all
	}
	if got := ask("Landgericht Falkenmo\u043er"); len(got) != 1 || got[0].Kind != "look-alike" || got[0].Other != a.ID {
		t.Errorf("a Cyrillic letter: %+v", got)
	}
	if got := ask("Tribunal de Valbrume"); len(got) != 0 {
		t.Errorf("another name: %+v", got)
	}
	var page api.AuthorityPage
	h.Must(noor.Do(h.Ctx, "GET", "authorities?key="+strings.ToUpper(a.Keys[0].Fingerprint), nil, &page))
	if len(page.Authorities) != 1 || page.Authorities[0].ID != a.ID {
		t.Errorf("by its key: %+v", page)
	}
	h.Must(noor.Do(h.Ctx, "GET", "authorities?key="+a.Keys[0].Fingerprint[:32], nil, &page))
	if len(page.Authorities) != 0 {
		t.Error("half a fingerprint finds an authority")
	}
	h.Unchanged(before, "looking")
}
