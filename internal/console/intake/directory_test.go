package intake

import (
	"net/url"
	"strings"
	"testing"

	"writ"
	"writ/internal/api"
)

// TestDirectoryForms: each form of the directory has its effect in the interface,
// with two people where two are needed.
func TestDirectoryForms(t *testing.T) {
	r := rig(t)
	got := r.Post("noor", "/authorities", url.Values{"name": {"Landgericht Falkenmoor"}, "country": {"de"}, "kind": {"court"}, "aliases": {"LG\nLG Falkenmoor"}, "domains": {"falkenmoor.example"},
		"mails": {"post@falkenmoor.example"}, "names": {"fr Tribunal de Falkenmoor"}})
	if got.Status != 303 {
		t.Fatalf("%d %s", got.Status, excerpt(got.Body))
	}
	at := strings.Split(got.Head.Get("Location"), "?")[0]
	now := func() (a api.Authority) {
		t.Helper()
		r.Must(r.House.Desk("noor").Do(r.Ctx, "GET", strings.TrimPrefix(at, "/"), nil, &a))
		return a
	}
	if a := now(); a.Country != "DE" || len(a.Aliases) != 2 || a.Names["fr"] != "Tribunal de Falkenmoor" || len(a.Domains) != 1 || len(a.Mails) != 1 {
		t.Errorf("%+v", a)
	}
	post := func(who, what string, form url.Values, status int, says string) {
		t.Helper()
		got := r.Post(who, at+what, form)
		if got.Status != status || says != "" && !strings.Contains(got.Body, says) {
			t.Errorf("%s %s %v: %d, want %d with %q: %s", who, what, form, got.Status, status, says, excerpt(got.Body))
		}
	}
	phone := url.Values{"phone": {"+49 30 555 0100"}, "where": {"switchboard"}, "source": {"register"}, "detail": {"justice register, read 2026-11-24"}}
	post("noor", "/call-backs", phone, 303, "")
	of := url.Values{"of": {now().CallBacks[0].ID}}
	post("noor", "/call-backs/verify", of, 403, "another person")
	if now().CallBacks[0].VerifiedBy != "" {
		t.Error("one person verified their own number")
	}
	if body := r.Get("noor", at).Body; strings.Contains(body, at+"/call-backs/verify") {
		t.Error("who took a number down is offered to verify it")
	}
	post("mira", "/call-backs/verify", of, 303, "")
	phone.Set("source", "demand")
	post("noor", "/call-backs", phone, 422, "justice register, read 2026-11-24\"") // the form again, filled in
	post("noor", "/keys", url.Values{"keykind": {"age"}, "key": {r.Court.Recipient().String()}}, 303, "")
	post("noor", "/keys", url.Values{"keykind": {"age"}, "key": {"age1nonsense"}}, 422, "age1nonsense")
	key := url.Values{"of": {now().Keys[0].Fingerprint}}
	post("noor", "/keys/verify", key, 403, "another person")
	post("mira", "/keys/verify", key, 303, "")
	if a := now(); !a.Keys[0].Usable || a.CallBacks[0].VerifiedBy != "mira.lindqvist" {
		t.Errorf("%+v", a)
	}
	shows(t, "by its key", r.Get("esi", "/authorities?key="+now().Keys[0].Fingerprint), 200, "Landgericht Falkenmoor", "1 of 1 usable")
	shows(t, "by another", r.Get("esi", "/authorities?key=00"), 200, "No authority fits")
	post("mira", "/keys/revoke", key, 303, "")
	post("mira", "/keys/verify", url.Values{}, 422, "names none")
	post("noor", "/call-backs/remove", of, 303, "")
	post("noor", "/suspend", url.Values{"reason": {""}}, 422, "reason")
	post("noor", "/suspend", url.Values{"reason": {"its seal was stolen"}}, 303, "")
	shows(t, "suspended", r.Get("noor", at), 200, "Do not deal with this authority", "Counsel ends a suspension")
	post("noor", "/resume", url.Values{"reason": {"found"}}, 403, "")
	post("mira", "/resume", url.Values{"reason": {"found"}}, 303, "")
	version := itoa(int(now().Version))
	change := url.Values{"name": {"Amtsgericht Falkenmoor"}, "country": {"DE"}, "kind": {"court"}, "version": {version}}
	post("mira", "/change", change, 303, "")
	post("noor", "/change", change, 409, "somebody changed the authority meanwhile")
	change.Set("names", "nonsense")
	post("noor", "/change", change, 422, "is no name in another language")
	if a := now(); a.Name != "Amtsgericht Falkenmoor" || len(a.Aliases) != 0 {
		t.Errorf("%+v", a)
	}
	shows(t, "its history", r.Get("esi", at), 200, "Key revoked", "Suspension ended", "Number removed", "Landgericht Falkenmoor")
	if body := r.Get("esi", at).Body; strings.Contains(body, "<button class=\"danger\"") || strings.Contains(body, at+"/change") {
		t.Error("an auditor is offered what they may not do")
	}
}

// TestDirectorySearch: lists by pages, whole and as parts, and says when a search
// is none.
func TestDirectorySearch(t *testing.T) {
	r := rig(t)
	for i := range 60 {
		added1(r, "Amtsgericht Nummer "+itoa(100+i))
	}
	first := r.Get("noor", "/authorities?name=amtsgericht")
	shows(t, "the first page", first, 200, "Amtsgericht Nummer 100", "after=", "name=amtsgericht")
	if strings.Contains(first.Body, "Nummer 159") {
		t.Error("all are on one page")
	}
	_, rest, _ := strings.Cut(first.Body, `rel="next" href="`)
	next, _, _ := strings.Cut(rest, `"`)
	shows(t, "the second", r.Get("noor", strings.ReplaceAll(next, "&amp;", "&")), 200, "Amtsgericht Nummer 159", "First page")
	part := r.Get("noor", "/authorities?name=nummer+105", "HX-Request", "true", "HX-Target", "list")
	shows(t, "a part", part, 200, "Nummer 105")
	if strings.Contains(part.Body, "<html") {
		t.Error("the part is a whole page")
	}
	for _, q := range []string{"country=XX", "after=nonsense", "status=gone", "country=%3Cscript%3Ealert(1)%3C/script%3E"} {
		got := r.Get("noor", "/authorities?"+q)
		shows(t, q, got, 200, `role="alert"`)
		unharmed(t, q, got.Body)
	}
	shows(t, "another country", r.Get("noor", "/authorities?country=fr"), 200, "No authority fits")
}

// TestHostileDirectory: a name is text, and one that looks like another is warned of.
func TestHostileDirectory(t *testing.T) {
	r := rig(t)
	added1(r, "Landgericht Falkenmoor")
	a := added1(r, "Landgericht Falkenmo\u043er")
	shows(t, "a look-alike", r.Get("noor", "/authorities/"+string(a.ID)), 200, "looks the same, in other characters", "A warning stops nothing")
	evil := "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
	var b api.Authority
	r.Must(r.House.Desk("noor").Do(r.Ctx, "POST", "authorities", api.AuthorityInput{Name: evil, Country: "DE", Kind: "court", Aliases: []string{evil}, Parent: writ.AuthorityID(a.ID)}, &b))
	for _, path := range []string{"/authorities", "/authorities/" + string(b.ID), "/authorities/" + string(b.ID) + "/change", "/intake/eu.epoc?find=script&authority=" + string(b.ID)} {
		got := r.Get("noor", path)
		shows(t, path, got, 200)
		unharmed(t, path, got.Body)
	}
	got := r.Post("noor", "/authorities", url.Values{"name": {hostile}, "country": {"DE"}, "kind": {"court"}})
	if got.Status != 422 {
		t.Errorf("a name that turns the direction of writing: %d", got.Status)
	}
	unharmed(t, "the form again", strings.ReplaceAll(strings.ReplaceAll(got.Body, "\u202e", ""), "\u200b", ""))
}
