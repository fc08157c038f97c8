package operator_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/api/apitest"
	"writ/internal/console/consoletest"
	"writ/internal/console/operator"
	"writ/internal/console/page"
	"writ/internal/notice"
	"writ/internal/staff"
	"writ/internal/vault"
)

// rig is the room over a house.
type rig struct{ *consoletest.Rig }

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{consoletest.New(t, func(r *consoletest.Rig) []page.Room { return []page.Room{operator.Room(operator.Rooms{Desk: r.Desk})} })}
}

const (
	jun  = "jun operator"
	lena = "lena operator"
)

// shown gets a page that must be there.
func (r *rig) shown(as, path string, headers ...string) string {
	r.T.Helper()
	got := r.Get(as, path, headers...)
	if got.Status != 200 {
		r.T.Fatalf("%s: %d %s", path, got.Status, trouble(got.Body))
	}
	return got.Body
}

// done posts a form that must be done, and returns the page that it leads to.
func (r *rig) done(as, path string, form url.Values) string {
	r.T.Helper()
	got := r.Post(as, path, form)
	if got.Status != 303 {
		r.T.Fatalf("%s: %d %s", path, got.Status, trouble(got.Body))
	}
	return r.shown(as, got.Head.Get("Location"))
}

// refused posts a form that must not be done, for a reason.
func (r *rig) refused(as, path string, form url.Values, status int, why string) {
	r.T.Helper()
	got := r.Post(as, path, form)
	if got.Status != status || !strings.Contains(got.Body, why) {
		r.T.Errorf("%s: %d, want %d and %q: %s", path, got.Status, status, why, trouble(got.Body))
	}
}

var note = regexp.MustCompile(`(?s)<div class="note bad" role="alert">(.*?)</div>`)

func trouble(body string) string {
	if m := note.FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return body[:min(len(body), 300)]
}

// idle waits until no work on the store runs.
func (r *rig) idle() {
	r.T.Helper()
	for until := time.Now().Add(20 * time.Second); len(r.Keeper.Running()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			r.T.Fatal("work on the store does not end")
		}
	}
}

// furnished has what pages show: objects, days, contacts, a message, shifts, a
// proposal, tokens and a finished check.
func (r *rig) furnished() {
	r.T.Helper()
	r.Put("letters/calder", "the fever is gone")
	for i, name := range []string{"mill-street-books", "quayside-press"} {
		c, err := r.Vault.AddCustomer(r.Ctx, name)
		r.Must(err)
		_, err = r.Notices.SetContacts(r.Ctx, c.ID, []notice.Contact{{Kind: notice.ByMail, Address: fmt.Sprintf("legal%d@mill-street-books.example", i)}, {Kind: notice.ByInbox}})
		r.Must(err)
	}
	r.Must(r.Vault.ShredCustomer(r.Ctx, r.customer("quayside-press").ID))
	r.Pass(24 * time.Hour)
	r.Must(r.Vault.NoteDay(r.Ctx))
	r.Must(r.Keeper.Begin("check"))
	r.idle()
	desk := r.Desk
	ctx := r.As(jun)
	r.Must(desk.Do(ctx, "PUT", "persons/ines.calder", api.PersonInput{Name: "Ines Calder", Languages: []string{"es"}, Company: staff.OutsideCounsel, Firm: "Calder & Moss"}, nil))
	r.Must(desk.Do(ctx, "POST", "persons/ines.calder/roles", api.RoleInput{Role: writ.RoleCounsel}, nil))
	from := r.Now().UTC().Truncate(time.Hour)
	r.Must(desk.Do(ctx, "PUT", "on-call/counsel", map[string]any{"standing": []string{"theo.brandt"}, "shifts": []api.Shift{{Person: "mira.lindqvist", From: from, Until: from.Add(24 * time.Hour)}}}, nil))
}

func (r *rig) customer(name string) vault.Customer {
	r.T.Helper()
	c, err := r.Vault.Customer(r.Ctx, name)
	r.Must(err)
	return c
}

// pages are the addresses of all pages, and who sees them.
func (r *rig) pages() map[string]string {
	return map[string]string{
		"/operator": jun, "/operator/upkeep": jun, "/operator/settings": jun, "/operator/notices": jun,
		"/operator/customers": jun, "/operator/customers?find=nobody": jun, "/operator/customers/harbour-clinic": jun,
		"/operator/customers/quayside-press": jun, "/operator/customers/mill-street-books/contacts": jun,
		"/operator/people": jun, "/operator/people/ines.calder": jun, "/operator/people/mira.lindqvist": lena, "/operator/on-call": "mira",
		"/operator/audit": "esi", "/operator/audit?outcome=refused": jun, "/operator/audit/verify": "esi", "/docket/damage": "mira",
	}
}

// TestPages: each page is there in each language, with words and one heading, and
// within the size that pages may have.
func TestPages(t *testing.T) {
	r := newRig(t)
	r.furnished()
	for path, who := range r.pages() {
		for _, lang := range page.Languages {
			body := r.shown(who, path, "Cookie", "lang="+lang)
			if !strings.Contains(body, `<html lang="`+lang+`"`) || strings.Count(body, "<h1") != 1 {
				t.Errorf("%s in %s: its language, or its heading", path, lang)
			}
			for _, lost := range []string{"operator.", "done.", "ZgotmplZ", "<no value>", "%!", "style=", "<script>"} {
				if strings.Contains(body, lost) {
					at := strings.Index(body, lost)
					t.Errorf("%s in %s shows %q: …%s…", path, lang, lost, body[max(0, at-60):min(len(body), at+60)])
				}
			}
			if len(body) > 90_000 {
				t.Errorf("%s in %s has %d bytes", path, lang, len(body))
			}
		}
	}
}

// TestParts: what a browser asks again is the part alone.
func TestParts(t *testing.T) {
	r := newRig(t)
	for path, part := range map[string]string{"/operator": "health", "/operator/upkeep": "work", "/operator/customers/harbour-clinic": "rotation", "/operator/audit": "entries"} {
		body := r.shown(jun, path, "HX-Request", "true", "HX-Target", part)
		if strings.Contains(body, "<html") || !strings.HasPrefix(strings.TrimSpace(body), `<div id="`+part+`"`) {
			t.Errorf("%s: %s", path, body[:min(len(body), 200)])
		}
	}
}

// TestNobodyElse: no role but a page's own gets in, whatever the address, and none
// who is no staff.
func TestNobodyElse(t *testing.T) {
	r := newRig(t)
	for _, route := range r.Console.Routes() {
		if route.Room != "operator" {
			continue
		}
		path := strings.NewReplacer("{customer}", "harbour-clinic", "{person}", "mira.lindqvist", "{assignment}", "x", "{token}", "x", "{role}", "counsel", "{job}", "check").Replace(route.Path)
		for _, who := range []string{"", "noor", "mira", "ada", "sam", "esi", jun, "customer", "officer"} {
			role := map[string]writ.Role{"noor": "intake", "mira": "counsel", "ada": "custodian", "sam": "production", "esi": "auditor", jun: "operator"}[who]
			may := false
			for _, one := range route.For.Roles {
				may = may || one == role && role != ""
			}
			if may {
				continue
			}
			status := 403
			if who == "" {
				status = map[string]int{"GET": 303, "POST": 401}[route.Method]
			}
			var got apitest.Reply
			if route.Method == "GET" {
				got = r.Get(who, path)
			} else {
				got = r.Post(who, path, nil)
			}
			if got.Status != status {
				t.Errorf("%q at %s %s: %d", who, route.Method, path, got.Status)
			}
		}
	}
	if got := r.Get("mira", "/operator"); strings.Contains(got.Body, "harbour-clinic") {
		t.Error("counsel is shown operators' pages")
	}
}

// TestUpkeep: what is begun on a page runs, and is refused with its reason.
func TestUpkeep(t *testing.T) {
	r := newRig(t)
	r.Put("letters/calder", "the fever is gone")
	if body := r.done(jun, "/operator/upkeep/check", nil); !strings.Contains(body, "goes on by itself") {
		t.Error("it is not said that it has begun")
	}
	r.idle()
	r.done(jun, "/operator/upkeep/reclaim", nil)
	r.idle()
	if body := r.shown(jun, "/operator/upkeep"); strings.Count(body, "ended well") != 2 || !strings.Contains(body, "1 version looked at") {
		t.Error("how they ended is not shown")
	}
	r.refused(jun, "/operator/upkeep/shred", nil, 422, "path.job")
	r.done(jun, "/operator/customers/harbour-clinic/rotate", nil)
	r.idle()
	if k, err := r.Gate.KEK(r.Owner.Customer); err != nil || k.KEK.Version != 2 {
		t.Errorf("%+v %v", k, err)
	}
	r.Must(r.Vault.ShredCustomer(r.Ctx, r.Owner.Customer))
	r.refused(jun, "/operator/customers/harbour-clinic/rotate", nil, 410, "gone for good")
	if body := r.shown(jun, "/operator/customers/harbour-clinic"); strings.Contains(body, "/rotate") || !strings.Contains(body, "Nothing of this customer opens again") {
		t.Error("keys that are gone can be rotated")
	}
	if got := r.Get(jun, "/operator/customers/nobody"); got.Status != 404 {
		t.Errorf("no such customer: %d", got.Status)
	}
}

// TestCustomers: a list goes on behind its page, and a name leads to its customer.
func TestCustomers(t *testing.T) {
	r := newRig(t)
	for i := range 60 {
		_, err := r.Vault.AddCustomer(r.Ctx, fmt.Sprintf("mill-street-%02d", i))
		r.Must(err)
	}
	body := r.shown(jun, "/operator/customers")
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(body)
	if next == nil || !strings.Contains(body, "mill-street-48") || strings.Contains(body, "mill-street-49") {
		t.Fatal("the first page is not the first 50")
	}
	if body := r.shown(jun, next[1]); !strings.Contains(body, "mill-street-59") || strings.Contains(body, "mill-street-48<") || strings.Contains(body, `rel="next"`) {
		t.Error("the second page is not the rest")
	}
	if got := r.Get(jun, "/operator/customers?find=mill-street-07"); got.Status != 303 || got.Head.Get("Location") != "/operator/customers/"+string(r.customer("mill-street-07").ID) {
		t.Errorf("%d %s", got.Status, got.Head.Get("Location"))
	}
}

// TestContacts: contacts are added and taken away, the secret of a webhook is shown
// once, and both are in the audit trail.
func TestContacts(t *testing.T) {
	r := newRig(t)
	at := "/operator/customers/" + string(r.Owner.Customer) + "/contacts"
	r.done(jun, at, url.Values{"kind": {"mail"}, "address": {"legal@clinic.example"}, "language": {"de"}})
	got := r.Post(jun, at, url.Values{"kind": {"webhook"}, "address": {"https://hooks.clinic.example/writ"}})
	secret := regexp.MustCompile(`<code>(whsec_[^<]+)</code>`).FindStringSubmatch(got.Body)
	if got.Status != 200 || secret == nil || got.Head.Get("Content-Encoding") != "" {
		t.Fatalf("%d %s", got.Status, trouble(got.Body))
	}
	if body := r.shown(jun, at); strings.Contains(body, secret[1]) || !strings.Contains(body, "legal@clinic.example") {
		t.Error("the secret is shown again, or a contact is lost")
	}
	r.refused(jun, at, url.Values{"kind": {"mail"}, "address": {"nobody"}}, 422, "mail address")
	r.refused(jun, at, url.Values{"kind": {"pigeon"}, "address": {"x"}}, 422, "")
	r.done(jun, at+"/remove", url.Values{"kind": {"mail"}, "address": {"legal@clinic.example"}})
	r.refused(jun, at+"/remove", url.Values{"kind": {"mail"}, "address": {"legal@clinic.example"}}, 409, "not there any more")
	list, err := r.Notices.Contacts(r.Ctx, r.Owner.Customer)
	if err != nil || len(list) != 2 || list[0].Kind != notice.ByInbox || list[1].Kind != notice.ByWebhook { // the inbox that was there
		t.Errorf("%+v %v", list, err)
	}
	if trail, _, err := r.Staff.Audit(r.Ctx, staff.AuditFilter{Act: "set-contacts"}, 0, 100); err != nil || len(trail) != 4 {
		t.Errorf("%d entries, %v", len(trail), err)
	}
}

// TestPeople: somebody is named, gets a role by two operators and a token by two,
// changes, and leaves.
func TestPeople(t *testing.T) {
	r := newRig(t)
	profile := url.Values{"id": {"ines.calder"}, "name": {"Ines Calder"}, "company": {"outside-counsel"}, "firm": {"Calder & Moss"}, "languages": {"es, en"}, "mails": {"ines@calder.example"}}
	r.done(jun, "/operator/people", profile)
	r.refused(jun, "/operator/people", profile, 409, "not used again")
	r.refused(jun, "/operator/people", url.Values{"id": {"mira.lindqvist"}, "name": {"Somebody Else"}}, 409, "not used again")
	r.refused(jun, "/operator/people", url.Values{"id": {"No Such Name"}, "name": {"x"}}, 422, "")
	r.refused(jun, "/operator/people", url.Values{"id": {""}, "name": {"x"}}, 422, "short name")
	at := "/operator/people/ines.calder"
	body := r.done(jun, at+"/roles", url.Values{"role": {"counsel"}})
	if strings.Contains(body, "/confirm") || !strings.Contains(body, "another operator confirms it") {
		t.Error("who proposed a role may confirm it")
	}
	role := r.assignment("ines.calder")
	r.refused(jun, at+"/roles/"+role+"/confirm", nil, 403, "")
	confirm := at + "/roles/" + role + "/confirm"
	if body := r.shown(lena, "/operator/people"); !strings.Contains(body, `action="`+confirm+`"`) || !strings.Contains(body, `data-passkey="get"`) {
		t.Error("the second operator is not asked")
	}
	r.done(lena, confirm, url.Values{"ceremony": {"x"}, "response": {"x"}})
	r.refused(lena, confirm, nil, 409, "")

	_, reg := staff.NewToken()
	token := url.Values{"registration": {reg.String()}, "roles": {"counsel"}, "days": {"30"}, "label": {"desk"}, "networks": {"192.0.2.0/24"}}
	r.done(jun, at+"/tokens", token)
	r.refused(jun, at+"/tokens", url.Values{"registration": {"nonsense"}, "roles": {"counsel"}}, 422, "")
	r.refused(jun, at+"/tokens", url.Values{"registration": {reg.String()}, "roles": {"counsel"}, "days": {"9000"}}, 422, "365")
	id, _, _ := strings.Cut(reg.String(), ":")
	r.refused(jun, at+"/tokens/"+id+"/confirm", nil, 403, "")
	r.done(lena, at+"/tokens/"+id+"/confirm", nil)
	if body := r.shown(lena, at); !strings.Contains(body, "valid") || !strings.Contains(body, "192.0.2.0/24") {
		t.Error("the token is not shown")
	}
	r.done(lena, at+"/tokens/"+id+"/revoke", nil)

	r.done(jun, at, url.Values{"name": {"Ines C. Calder"}, "company": {"employee"}, "mails": {"ines@calder.example\r\nines@fjordhost.example"}, "webhooks": {"https://pages.calder.example/x"}})
	p, err := r.Staff.Person(r.Ctx, "ines.calder")
	if err != nil || p.Name != "Ines C. Calder" || len(p.Contacts) != 3 || p.Firm != "" {
		t.Errorf("%+v %v", p, err)
	}
	r.refused(jun, "/operator/people/nobody.here", url.Values{"name": {"x"}}, 404, "")
	r.refused(jun, at, url.Values{"name": {"x"}, "mails": {"nobody"}}, 422, "mail address")
	r.done(jun, at+"/roles/"+role+"/end", nil)
	r.done(jun, at+"/roles", url.Values{"role": {"auditor"}, "until": {"2099-12-31"}})
	r.done(lena, at+"/roles/"+r.assignment("ines.calder")+"/decline", nil)
	r.refused(jun, at+"/roles", url.Values{"role": {"counsel"}, "for": {"mira.lindqvist"}}, 422, "within a year")
	r.refused(jun, at+"/roles", url.Values{"role": {"counsel"}, "until": {"tomorrow"}}, 422, "2026-11-30")
	r.done(jun, at+"/roles", url.Values{"role": {"intake"}})
	r.Pass(staff.ProposalLife + time.Hour)
	if body := r.shown(lena, at); !strings.Contains(body, "lapsed") || strings.Contains(body, "/"+r.assignment("ines.calder")+"/confirm") {
		t.Error("a proposal that lapsed can be confirmed")
	}
	r.refused(jun, at+"/leave", url.Values{"sure": {"ines"}}, 422, "short name")
	r.done(jun, at+"/leave", url.Values{"sure": {"ines.calder"}})
	if body := r.shown(jun, at); !strings.Contains(body, "left on") || strings.Contains(body, at+"/leave") {
		t.Error("who has left is shown as here")
	}
	r.refused(jun, "/operator/people/lena.virtanen/leave", url.Values{"sure": {"lena.virtanen"}}, 409, "two operators must remain")
}

// assignment is the newest role of a person.
func (r *rig) assignment(p writ.Person) string {
	r.T.Helper()
	one, err := r.Staff.Person(r.Ctx, p)
	r.Must(err)
	return one.Assignments[len(one.Assignments)-1].ID
}

// TestOnCall: the order and shifts are set, in the operator's own time, and gaps
// are shown.
func TestOnCall(t *testing.T) {
	r := newRig(t)
	r.done(jun, "/operator/on-call/counsel/standing", url.Values{"order": {"mira.lindqvist\r\ntheo.brandt"}})
	r.refused(jun, "/operator/on-call/counsel/standing", url.Values{"order": {"nobody.here"}}, 404, "")
	year := r.Now().Year() + 1
	shift := url.Values{"person": {"theo.brandt"}, "from": {fmt.Sprintf("%d-07-01T08:00", year)}, "until": {fmt.Sprintf("%d-07-02T08:00", year)}}
	r.done("mira", "/operator/on-call/counsel/shifts", shift)
	rota, err := r.Staff.Rota(r.Ctx, writ.RoleCounsel)
	if err != nil || len(rota.Standing) != 2 || len(rota.Shifts) != 1 || !rota.Shifts[0].From.Equal(time.Date(year, 7, 1, 6, 0, 0, 0, time.UTC)) {
		t.Fatalf("%+v %v", rota, err)
	}
	r.refused("mira", "/operator/on-call/counsel/shifts", url.Values{"person": {"theo.brandt"}, "from": {"2027-07-02T08:00"}, "until": {"2027-07-01T08:00"}}, 422, "ends after it begins")
	r.refused("mira", "/operator/on-call/counsel/shifts", url.Values{"person": {"theo.brandt"}}, 422, "a beginning and an end")
	r.refused(jun, "/operator/on-call/juggler/standing", url.Values{"order": {""}}, 422, "")
	remove := url.Values{"person": {"theo.brandt"}, "from": {fmt.Sprint(rota.Shifts[0].From.UnixNano())}, "until": {fmt.Sprint(rota.Shifts[0].Until.UnixNano())}}
	body := r.shown(jun, "/operator/on-call")
	if !strings.Contains(body, `value="`+remove.Get("from")+`"`) || !strings.Contains(body, "Nobody would be paged now") {
		t.Error("the shift can't be removed, or a role without anybody is not told")
	}
	r.done(jun, "/operator/on-call/counsel/shifts/remove", remove)
	r.refused(jun, "/operator/on-call/counsel/shifts/remove", remove, 409, "not there any more")
}

// TestAudit: the trail is filtered, paged, verified and saved, each entry once.
func TestAudit(t *testing.T) {
	r := newRig(t)
	for i := range 70 {
		r.Must(r.Staff.Append(r.Ctx, staff.Entry{Who: "noor.adeyemi", By: "token x", Act: "look", Object: fmt.Sprintf("thing-%02d", i)}))
	}
	r.Must(r.Staff.Append(r.Ctx, staff.Entry{Who: "noor.adeyemi", By: "token x", Act: "formula", Object: `=HYPERLINK("http://evil.example")`, Why: "a,\"b\"\nc", Outcome: staff.Refused}))
	body := r.shown("esi", "/operator/audit?act=look")
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(body)
	if next == nil || !strings.Contains(body, "thing-69") || strings.Contains(body, "thing-19<") || strings.Contains(body, "bootstrap") {
		t.Fatal("the first page is not the newest 50 looks")
	}
	if body := r.shown("esi", strings.ReplaceAll(next[1], "&amp;", "&")); !strings.Contains(body, "thing-19") || !strings.Contains(body, "thing-00") || strings.Contains(body, "thing-20<") {
		t.Error("the second page is not the rest")
	}
	if body := r.shown("esi", "/operator/audit?outcome=refused&who=noor.adeyemi"); !strings.Contains(body, "formula") || strings.Contains(body, "thing-") {
		t.Error("refusals are not filtered")
	}
	tomorrow := r.Now().Add(48 * time.Hour).Format(time.DateOnly)
	if body := r.shown("esi", "/operator/audit?from="+tomorrow); !strings.Contains(body, "No entry matches") {
		t.Error("what was before is shown")
	}
	if body := r.shown("esi", "/operator/audit?act=look&until="+r.Now().Add(24*time.Hour).Format(time.DateOnly)); !strings.Contains(body, "thing-69") {
		t.Error("the last day does not count")
	}
	if got := r.Get("esi", "/operator/audit?from=yesterday"); got.Status != 422 {
		t.Errorf("no day: %d", got.Status)
	}
	head, err := r.Staff.Verify(r.Ctx)
	if body := r.shown("esi", "/operator/audit/verify"); err != nil || !strings.Contains(body, fmt.Sprintf("%x", head.Hash)) {
		t.Errorf("the head is not shown: %v", err)
	}

	file := r.Get("esi", "/operator/audit/export?form=csv")
	rows, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
	if err != nil || len(rows) != int(head.Seq)+1 || !strings.Contains(file.Head.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d rows of %d: %v", len(rows), head.Seq, err)
	}
	if got := rows[1]; got[5] != `'=HYPERLINK("http://evil.example")` || got[4] != "formula" {
		t.Errorf("a formula gets into a spreadsheet: %q", got)
	}
	lines := r.Get("esi", "/operator/audit/export?form=ndjson&act=look")
	n := 0
	for line := range strings.Lines(lines.Body) {
		var e api.AuditEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Act != "look" {
			t.Fatalf("%s: %v", line, err)
		}
		n++
	}
	if n != 70 {
		t.Errorf("%d lines", n)
	}
	if got := r.Get("esi", "/operator/audit/export?form=exe"); got.Status != 422 {
		t.Errorf("another form: %d", got.Status)
	}
}

// TestExportIsWhole: an export goes behind the interface's pages.
func TestExportIsWhole(t *testing.T) {
	r := newRig(t)
	for i := range 1100 {
		r.Must(r.Staff.Append(r.Ctx, staff.Entry{Who: "noor.adeyemi", By: "token x", Act: "look", Object: fmt.Sprint(i)}))
	}
	if n := strings.Count(r.Get("esi", "/operator/audit/export?form=ndjson&act=look").Body, "\n"); n != 1100 {
		t.Errorf("%d of 1100 entries", n)
	}
}

// TestHostile: what others wrote is shown and never obeyed, in every field that
// somebody else than the reader fills.
func TestHostile(t *testing.T) {
	r := newRig(t)
	for _, text := range []string{`"><script>alert(1)</script>`, `' onfocus=alert(1) x='`, "a\u202egnp.exe", "{{.}}"} {
		short := text[:min(len(text), 60)]
		r.Must(r.Staff.Append(r.Ctx, staff.Entry{Who: writ.Person(short), By: text, Act: "look", Object: text, Why: strings.Repeat(text, 700), Outcome: staff.Refused}))
		if _, err := r.Vault.AddCustomer(r.Ctx, text); err == nil {
			r.clean("/operator/customers", text)
			r.clean("/operator/customers/"+url.PathEscape(text), text)
			r.clean("/operator/customers/"+url.PathEscape(text)+"/contacts", text)
			r.clean("/operator/notices", text)
		}
		got := r.Post(jun, "/operator/people", url.Values{"id": {"hostile.person"}, "name": {text}, "firm": {text}})
		if got.Status == 303 {
			r.clean("/operator/people", text)
			r.clean("/operator/people/hostile.person", text)
			r.Must(r.Staff.Leave(r.Ctx, r.Identity(jun), "hostile.person"))
		} else {
			r.cleanBody("a refused form", got.Body, text)
		}
		r.clean("/operator/audit", text)
		r.clean("/operator/audit?who="+url.QueryEscape(text)+"&act="+url.QueryEscape(text)+"&object="+url.QueryEscape(text), text)
		r.clean("/operator/customers?find="+url.QueryEscape(text+" no"), text)
	}
	long := strings.Repeat("x", 20_000)
	r.refused(jun, "/operator/people", url.Values{"id": {"ines.calder"}, "name": {long}}, 422, "at most")
	r.refused(jun, "/operator/on-call/counsel/standing", url.Values{"order": {long}}, 422, "at most")
	r.refused(jun, "/operator/people/mira.lindqvist/leave", url.Values{"sure": {long}}, 422, "at most")
	if got := r.Get(jun, "/operator/audit?who="+long); got.Status != 200 {
		t.Errorf("a long filter: %d", got.Status)
	}
}

func (r *rig) clean(path, text string) {
	r.T.Helper()
	r.cleanBody(path, r.shown(jun, path), text)
}

func (r *rig) cleanBody(path, body, text string) {
	r.T.Helper()
	for _, bad := range []string{"<script>alert", "onfocus=alert(1) x=''", "' onfocus", `"><script`} {
		if strings.Contains(body, bad) {
			r.T.Errorf("%s obeys %q", path, text)
		}
	}
	if strings.ContainsRune(text, '\u202e') {
		for _, field := range regexp.MustCompile(`(?s)>[^<]*\x{202e}[^<]*<`).FindAllString(body, -1) {
			r.T.Errorf("%s turns the direction of writing: %q", path, field)
		}
	}
}

// TestSilence: pages of operators are the same whether something is preserved under
// a secret order or not; counsel's page tells.
func TestSilence(t *testing.T) {
	passing := regexp.MustCompile(`\d+ (min|h|seconds?|days?)( \d+ (min|h))?|\d\d:\d\d(:\d\d)?|20\d\d-\d\d-\d\dT[^"]*|[A-Za-z0-9_-]{22}|127\.0\.0\.1:\d+|<p class="figure">\d+</p>|/tmp/[^<"]*|<dd>\d+</dd>|<dd>[\d,]+</dd>`)
	run := func(secret bool) (string, *rig) {
		r := newRig(t)
		r.Put("letters/calder", "the fever is gone")
		if secret {
			c, err := r.House.Desk("noor").Receive(r.Ctx, api.DemandInput{Demand: r.EPOC("7 Gs 412/26")})
			r.Must(err)
			id := string(c.Case)
			_, err = r.House.Desk("noor").Attach(r.Ctx, id, "order", "epoc.pdf", "", "", []byte("%PDF-1.7\n% an order\n"))
			r.Must(err)
			_, err = r.House.Desk("noor").Move(r.Ctx, id, "authenticate", api.AuthenticateInput{Means: "national-system", Note: "seal verified", Genuine: true})
			r.Must(err)
			_, err = r.House.Desk("noor").Move(r.Ctx, id, "preserve", api.PreserveInput{Customer: "harbour-clinic", Scope: apitest.Wards, Why: "Article 10(1)"})
			r.Must(err)
		}
		_, err := r.Vault.Delete(r.Ctx, r.Owner, vault.DeleteInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: "letters/calder"}})
		r.Must(err)
		r.Must(r.Keeper.Begin("check"))
		r.idle()
		var seen strings.Builder
		for _, path := range []string{"/operator", "/operator/upkeep", "/operator/customers", "/operator/customers/harbour-clinic", "/operator/notices", "/operator/people", "/operator/on-call"} {
			fmt.Fprintf(&seen, "%s\n%s\n", path, passing.ReplaceAllString(r.shown(jun, path), ""))
		}
		return seen.String(), r
	}
	without, bare := run(false)
	with, r := run(true)
	if with != without {
		a, b := strings.Split(without, "\n"), strings.Split(with, "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("with a preservation:\n%s\nwithout:\n%s", b[i], a[i])
			}
		}
		t.Fatal("pages differ in length")
	}
	if body := r.shown("mira", "/docket/damage"); !strings.Contains(body, "All that the last check looked at is whole") || !strings.Contains(body, "<dd>1</dd>") {
		t.Error("counsel is not told that all is whole")
	}
	if body := bare.shown("mira", "/docket/damage"); !strings.Contains(body, "<dd>0</dd>") {
		t.Error("counsel is told of something where nothing is")
	}
}
