package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/api/apitest"
	"writ/internal/docket"
	"writ/internal/staff"
)

// golden reads who may do what, as people read it.
func golden(t *testing.T) map[string][]string {
	t.Helper()
	f, err := os.Open("testdata/powers.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] != "#" {
			out[words[0]] = words[1:]
		}
	}
	return out
}

// operation is one of the description.
type operation struct {
	ID, Method, Path string
	Summary          string
	Security         []map[string][]string
	Description      string
}

// described reads the description as it is served, to nobody in particular.
func (h *house) described() (all []operation) {
	h.T.Helper()
	r := h.Ask("", "GET", "/api/openapi.json", nil, "")
	var d struct {
		OpenAPI  string `json:"openapi"`
		Info     struct{ Title, Version string }
		Security []map[string][]string
		Paths    map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string
			Description string
			Security    []map[string][]string
		}
		Components struct {
			SecuritySchemes map[string]struct{ Type, Scheme string }
			Schemas         map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(r.Body), &d); err != nil || r.Status != 200 {
		h.T.Fatalf("the description: %d %v", r.Status, err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1") || d.Info.Title == "" || d.Info.Version == "" || d.Components.SecuritySchemes["token"].Scheme != "bearer" {
		h.T.Errorf("the description is %s of %+v, with %+v", d.OpenAPI, d.Info, d.Components.SecuritySchemes)
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(r.Body, -1) {
		if d.Components.Schemas[ref[1]] == nil {
			h.T.Errorf("the description refers to %s, which it has not", ref[1])
		}
	}
	for path, methods := range d.Paths {
		for method, op := range methods {
			if op.Security == nil {
				op.Security = d.Security
			}
			all = append(all, operation{op.OperationID, strings.ToUpper(method), path, op.Summary, op.Security, op.Description})
		}
	}
	return all
}

var parameter = regexp.MustCompile(`\{[a-z]+\}`)

// try sends an operation's request, well aimed and with nothing in it.
func (h *house) try(who string, op operation, id writ.CaseID) apitest.Reply {
	h.T.Helper()
	path := strings.ReplaceAll(op.Path, "{case}", string(id))
	path = parameter.ReplaceAllString(path, "nobody")
	var body io.Reader
	media := ""
	if op.Method == "POST" || op.Method == "PUT" {
		body, media = strings.NewReader("{}"), "application/json"
	}
	return h.Ask(who, op.Method, path, body, media)
}

// TestPowers holds every operation against the table, with the token of each
// role: allowed, or refused with 403, an audit entry, and nothing changed.
func TestPowers(t *testing.T) {
	h := newHouse(t)
	c, err := h.Desk("noor").Receive(h.Ctx, api.DemandInput{Demand: h.EPOC("7 Gs 413/26")})
	h.Must(err)
	table, all := golden(t), h.described()
	for _, op := range all {
		if table[op.ID] == nil {
			t.Errorf("the table does not say who may %s (%s %s)", op.ID, op.Method, op.Path)
		}
		if op.ID == "" || op.Summary == "" || len(op.Security) == 0 || op.Description == "" {
			t.Errorf("the description says too little of %s %s: %+v", op.Method, op.Path, op)
		}
	}
	if len(all) != len(table) {
		t.Errorf("%d operations, and %d in the table", len(all), len(table))
	}
	for who, role := range map[string]string{
		"noor": "intake", "mira": "counsel", "ada": "custodian", "sam": "production", "esi": "auditor", "jun operator": "operator",
	} {
		before, refusals, refused := h.Kept(), h.Refusals(), 0
		var later []operation
		for _, op := range all {
			if powers := table[op.ID]; powers[0] == "anybody" || slices.Contains(powers, role) {
				later = append(later, op)
				continue
			}
			refused++
			if r := h.try(who, op, c.Case); r.Status != 403 || !strings.Contains(r.Head.Get("Content-Type"), "problem+json") || !strings.Contains(r.Body, `"code":"role"`) {
				t.Errorf("%s may %s: %d %s", role, op.ID, r.Status, r.Body)
			}
		}
		h.Unchanged(before, role)
		if n := h.Refusals() - refusals; n != refused {
			t.Errorf("%s was refused %d times, and %d are in the audit trail", role, refused, n)
		}
		for _, op := range later {
			r := h.try(who, op, c.Case)
			if r.Status == 401 || r.Status >= 500 || r.Status == 403 && table[op.ID][0] != "anybody" {
				t.Errorf("%s may not %s: %d %s", role, op.ID, r.Status, r.Body)
			}
		}
	}
}

// TestNoToken: nothing but the description is for strangers, and nobody learns
// whether something is there.
func TestNoToken(t *testing.T) {
	h := newHouse(t)
	c, err := h.Desk("noor").Receive(h.Ctx, api.DemandInput{Demand: h.EPOC("7 Gs 413/26")})
	h.Must(err)
	before := h.Kept()
	want := ""
	for _, op := range h.described() {
		for _, header := range []string{"", "Basic bm9vcjpub29y", "bearer " + h.Tokens["noor"], "Bearer"} {
			path := parameter.ReplaceAllString(strings.ReplaceAll(op.Path, "{case}", string(c.Case)), "nobody")
			r := h.Ask("", op.Method, path, nil, "", "Authorization", header)
			if want == "" {
				want = r.Body
			}
			if r.Status != 401 || r.Head.Get("WWW-Authenticate") == "" || r.Body != want {
				t.Errorf("%s with %q: %d %q %s", op.ID, header, r.Status, r.Head.Get("WWW-Authenticate"), r.Body)
			}
		}
	}
	for _, path := range []string{"/api/openapi", "/api/openapi/../v1/cases", "/api/openapi.json/v1", "/api/openapi%2e%2e/v1/cases", "/api/nothing"} {
		if r := h.Ask("", "GET", path, nil, ""); r.Status == 200 {
			t.Errorf("%s is open: %s", path, r.Body)
		}
	}
	h.Unchanged(before, "without a token")
}

// TestTokensThatEnded: expired, revoked, of somebody who left, unconfirmed, from
// elsewhere, or mistyped: one answer to all.
func TestTokensThatEnded(t *testing.T) {
	h := newHouse(t)
	op := h.Desk("jun operator")
	whoami := func(who string) int { return h.Ask(who, "GET", "/api/v1/me", nil, "").Status }
	if whoami("noor") != 200 {
		t.Fatal("a good token is refused")
	}
	h.Tokens["mistyped"] = h.Tokens["noor"][:len(h.Tokens["noor"])-1] + "!"
	h.Tokens["pending"] = h.Register(op, "noor.adeyemi", writ.RoleIntake)
	var made api.Token
	h.Must(h.Desk("theo").Do(h.Ctx, "POST", "tokens", api.TokenInput{Person: "theo.brandt", Roles: []writ.Role{writ.RoleCounsel}}, &made))
	h.Tokens["revoked"] = made.Secret
	if whoami("revoked") != 200 {
		t.Error("a token that its owner made is refused")
	}
	h.Must(h.Desk("theo").Do(h.Ctx, "DELETE", "tokens/"+made.ID, nil, nil))
	h.Must(h.Desk("mira").Do(h.Ctx, "POST", "tokens", api.TokenInput{Person: "mira.lindqvist", Roles: []writ.Role{writ.RoleCounsel}, From: []string{"192.0.2.0/24"}}, &made))
	h.Tokens["elsewhere"] = made.Secret
	h.Must(op.Do(h.Ctx, "POST", "persons/esi.mensah/leave", nil, nil))
	for _, who := range []string{"mistyped", "pending", "revoked", "elsewhere", "esi"} {
		if got := whoami(who); got != 401 {
			t.Errorf("%s: %d", who, got)
		}
	}
	// A token never makes a wider one, nor one for somebody else.
	for _, in := range []api.TokenInput{
		{Person: "theo.brandt", Roles: []writ.Role{writ.RoleCounsel, writ.RoleOperator}}, {Person: "mira.lindqvist", Roles: []writ.Role{writ.RoleCounsel}},
	} {
		isCode(t, h.Desk("theo").Do(h.Ctx, "POST", "tokens", in, nil), 403, "role")
	}
	// Whoever registered a token does not confirm it.
	var list []api.Token
	h.Must(op.Do(h.Ctx, "GET", "persons/noor.adeyemi/tokens", nil, &list))
	isCode(t, op.Do(h.Ctx, "POST", "tokens/"+list[0].ID+"/confirm", nil, nil), 403, "separation")
	h.Must(h.Desk("lena operator").Do(h.Ctx, "POST", "tokens/"+list[0].ID+"/confirm", nil, nil))
	if whoami("pending") != 200 {
		t.Error("two operators put a token in force, and it is refused")
	}
	// Many failures from one address: not even a good token is read for a while.
	for range 12 {
		whoami("mistyped")
	}
	if got := whoami("noor"); got != 401 {
		t.Errorf("after many failures: %d", got)
	}
	h.Pass(10 * time.Minute)
	if got := whoami("noor"); got != 200 {
		t.Errorf("when the time is over: %d", got)
	}
	h.Pass(100 * 24 * time.Hour)
	if got := whoami("noor"); got != 401 {
		t.Errorf("expired: %d", got)
	}
}

// TestSocket: the account that runs the server names the first operators and has
// no right from then on; a token is worth there what it is elsewhere.
func TestSocket(t *testing.T) {
	h := newHouse(t)
	isCode(t, h.Socket.At("").Do(h.Ctx, "GET", "me", nil, nil), 401, "token")
	isCode(t, h.Socket.At("").Do(h.Ctx, "PUT", "persons/sam.ortiz", api.PersonInput{Name: "Sam"}, nil), 401, "token")
	c, err := h.Socket.At(h.Tokens["noor"]).Receive(h.Ctx, api.DemandInput{Demand: h.EPOC("7 Gs 414/26")})
	h.Must(err)
	if _, err := h.Socket.At(h.Tokens["jun operator"]).Case(h.Ctx, string(c.Case)); err == nil {
		t.Error("an operator sees a case")
	} else {
		isCode(t, err, 403, "role")
	}
	var me api.Me
	h.Must(h.Socket.At(h.Tokens["mira"]).Do(h.Ctx, "GET", "me", nil, &me))
	if me.Person != "mira.lindqvist" || me.Account == "" || len(me.Roles) != 1 {
		t.Errorf("whoami: %+v", me)
	}
	entries, _, err := h.Staff.Audit(h.Ctx, staff.AuditFilter{Act: "bootstrap.end"}, 0, 10)
	if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].By, "socket ") {
		t.Errorf("the end of the bootstrap: %+v %v", entries, err)
	}
}

// endless is a body of so many bytes that does not say how many they are.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range n {
		p[i] = 'x'
	}
	e.left -= n
	return n, nil
}

// TestTooLarge: an order of 50 MB is refused in a sentence, whether it says its
// length or not, and nothing of it is kept.
func TestTooLarge(t *testing.T) {
	h := newHouse(t)
	c, err := h.Desk("noor").Receive(h.Ctx, api.DemandInput{Demand: h.EPOC("7 Gs 415/26")})
	h.Must(err)
	before := h.Kept()
	const much = 50 << 20
	documents := "/api/v1/cases/" + string(c.Case) + "/documents?kind=order&name=epoc.pdf"
	for what, body := range map[string]func() io.Reader{
		"its length known":   func() io.Reader { return strings.NewReader(strings.Repeat("x", much)) },
		"its length unknown": func() io.Reader { return &endless{much} },
	} {
		for _, path := range []string{documents, "/api/v1/cases", "/api/v1/cases/" + string(c.Case) + "/amend", "/api/v1/locate"} {
			media := "application/json"
			if path == documents {
				media = "application/octet-stream"
			}
			r := h.Ask("noor", "POST", path, body(), media)
			if r.Status != 413 || !strings.Contains(r.Body, `"detail"`) {
				t.Errorf("%s, %s: %d %s", path, what, r.Status, r.Body)
			}
		}
	}
	h.Unchanged(before, "50 MB")
	// As much as may be is taken.
	if _, err := h.Desk("noor").Attach(h.Ctx, string(c.Case), "order", "epoc.pdf", "", "", make([]byte, docket.MaxDocument)); err != nil {
		t.Error(err)
	}
}

// TestMalformed: what is no request is refused, and changes nothing.
func TestMalformed(t *testing.T) {
	h := newHouse(t)
	c, err := h.Desk("noor").Receive(h.Ctx, api.DemandInput{Demand: h.EPOC("7 Gs 416/26")})
	h.Must(err)
	before := h.Kept()
	at := "/api/v1/cases/" + string(c.Case)
	for _, one := range []struct{ path, body string }{
		{"/api/v1/cases", ``}, {"/api/v1/cases", `{`}, {"/api/v1/cases", `[]`}, {"/api/v1/cases", `null`}, {"/api/v1/cases", `{"demand":{}}`},
		{"/api/v1/cases", strings.Repeat(`[`, 100_000)},
		{at + "/authenticate", `{"means":"mail","note":"it came by mail","genuine":true}`},
		{at + "/authenticate", `{"means":"call-back","note":"x","genuine":"yes"}`},
		{at + "/authenticate", `{"means":"in-person","note":"x","genuine":true,"role":"counsel"}`},
		{at + "/confirm", `{"note":"` + strings.Repeat("x", 100_000) + `"}`},
		{at + "/documents?kind=letter&name=x", "x"}, {at + "/documents?kind=order", "x"}, {at + "/documents?kind=order&name=x", ""},
		{at + "/documents?kind=order&name=a%00b", "x"},
		{"/api/v1/import", "{}\n"}, {"/api/v1/import", "not JSON\n"},
	} {
		r := h.Ask("noor", "POST", one.path, strings.NewReader(one.body), "application/json")
		if r.Status < 400 || r.Status >= 500 || !strings.Contains(r.Head.Get("Content-Type"), "problem+json") {
			t.Errorf("%s %.60s: %d %s", one.path, one.body, r.Status, r.Body)
		}
	}
	h.Unchanged(before, "malformed requests")
}

// TestPathTricks: a case, a document or a file is itself or nothing.
func TestPathTricks(t *testing.T) {
	h := newHouse(t)
	h.Put("letters/1.txt", "Ines Calder")
	c := h.Produced("7 Gs 417/26")
	other, err := h.Desk("noor").Receive(h.Ctx, api.DemandInput{Demand: h.EPOC("7 Gs 418/26")})
	h.Must(err)
	mine, theirs := "/api/v1/cases/"+string(c.Case), "/api/v1/cases/"+string(other.Case)
	doc := c.Documents[0].ID.String()
	if r := h.Ask("mira", "GET", mine+"/documents/"+doc, nil, ""); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	for _, path := range []string{
		theirs + "/documents/" + doc, theirs + "/package/package.json", "/api/v1/cases/2026-0000-0000/documents/" + doc,
		mine + "/documents/..", mine + "/documents/%2e%2e", mine + "/documents/..%2f" + doc, mine + "/documents/" + doc + "%00", mine + "/documents/" + strings.ToUpper(doc) + "0",
		mine + "/package/..%2f" + string(other.Case) + "%2fpackage.json", mine + "/package/%2e%2e%2froot.key", mine + "/package/..%2f..%2froot.key",
		mine + "/package/package.json%00", mine + "/package/.", mine + "/package/%2e", mine + "/package/list.json", mine + "/package/%2fetc%2fpasswd",
		"/api/v1/cases/" + strings.ReplaceAll(string(c.Case), "-", "%00"), "/api/v1/cases/..%2f..", "/api/v1/cases/" + strings.Repeat("9", 4000),
	} {
		for _, who := range []string{"mira", "sam"} {
			r := h.Ask(who, "GET", path, nil, "")
			if r.Status < 400 && !strings.HasSuffix(path, "/documents/..") && !strings.Contains(path, "%2e%2e") && !strings.HasSuffix(path, "/.") && !strings.HasSuffix(path, "/%2e") || r.Status >= 500 || strings.Contains(r.Body, "Ines") {
				t.Errorf("%s by %s: %d %.200s", path, who, r.Status, r.Body)
			}
		}
	}
}

// TestHostileText: what authorities send is JSON or a file to keep, never a page
// of ours.
func TestHostileText(t *testing.T) {
	h := newHouse(t)
	const script = `<script>alert(1)</script>`
	d := h.EPOC(script + "=cmd|' /C calc'!A0")
	d.Issuer.Name = `Tribunal "` + script
	c, err := h.Desk("noor").Receive(h.Ctx, api.DemandInput{Demand: d})
	h.Must(err)
	id := string(c.Case)
	name := "\"; filename=evil.html; x=\"" + script + "é.html"
	c, err = h.Desk("noor").Attach(h.Ctx, id, "order", name, "", "", []byte("<html>"+script))
	h.Must(err)
	paths := []string{"/api/v1/cases/" + id, "/api/v1/cases", "/api/v1/cases/" + id + "/events", "/api/v1/cases/" + id + "/documents/" + c.Documents[0].ID.String()}
	for _, format := range []string{"table", "csv", "json", "html"} {
		paths = append(paths, "/api/v1/report?from=2020-01-01&to=2030-12-31&format="+format)
	}
	for _, path := range paths {
		r := h.Ask("mira", "GET", path, nil, "", "Accept", "text/html")
		csp := r.Head.Get("Content-Security-Policy")
		if r.Status != 200 || r.Head.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(csp, "sandbox") || !strings.Contains(csp, "default-src 'none'") || r.Head.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, r.Status, r.Head)
		}
		if media := r.Head.Get("Content-Type"); strings.HasPrefix(media, "text/html") != strings.HasSuffix(path, "html") || strings.HasPrefix(media, "text/html") && strings.Contains(r.Body, script) {
			t.Errorf("%s is %s, and holds a script", path, media)
		}
		if strings.Contains(path, "/documents/") {
			if got := r.Head.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; filename*=UTF-8''%22%3B%20filename%3Devil.html") || strings.Contains(got, `"`) {
				t.Errorf("the disposition: %s", got)
			}
		}
	}
}

// TestContactsOfStaff: where somebody is paged is for themselves and operators.
func TestContactsOfStaff(t *testing.T) {
	h := newHouse(t)
	const hook = "https://pager.fjordhost.example/secret-part-of-it"
	h.Must(h.Desk("mira").Do(h.Ctx, "PUT", "persons/mira.lindqvist", api.PersonInput{Name: "Mira", Contacts: []api.StaffContact{{Kind: staff.ContactWebhook, To: hook}}}, nil))
	for who, sees := range map[string]bool{"mira": true, "jun operator": true, "noor": false, "esi": false} {
		if r := h.Ask(who, "GET", "/api/v1/persons", nil, ""); strings.Contains(r.Body, hook) != sees {
			t.Errorf("%s sees where mira is paged: %v", who, !sees)
		}
	}
	isCode(t, h.Desk("noor").Do(h.Ctx, "PUT", "persons/mira.lindqvist", api.PersonInput{Name: "Mira"}, nil), 403, "role")
}

// TestImportStreams: a long file is read as it comes; a bad line says which it
// is, and what came before it is kept.
func TestImportStreams(t *testing.T) {
	h := newHouse(t)
	read, write := io.Pipe()
	go func() {
		for n := range 3000 {
			fmt.Fprintf(write, `{"ref":"R-%d","received":"2022-03-01","agency":{"name":"Landgericht Falkenmoor","country":"DE"},"instrument":"domestic","matter":"criminal","accounts_specified":1,"closed":{"at":"2022-03-09","outcome":"no-data","notice":"none"}}`+"\n", n)
		}
		write.Close()
	}()
	out, err := h.Desk("noor").Import(h.Ctx, read)
	if err != nil || out.Historic != 3000 {
		t.Fatalf("%+v %v", out, err)
	}
	isCode(t, func() error { _, err := h.Desk("noor").Import(h.Ctx, strings.NewReader("{\"ref\":1}\n")); return err }(), 422, "import")
	page, err := h.Desk("mira").Cases(h.Ctx, api.ListInput{Mark: "historic", Limit: 7})
	if err != nil || len(page.Cases) != 7 || page.Next == "" {
		t.Errorf("%d %q %v", len(page.Cases), page.Next, err)
	}
	seen := map[writ.CaseID]bool{}
	for q := (api.ListInput{Mark: "historic", Limit: 1000}); ; q.After = string(page.Next) {
		page, err = h.Desk("mira").Cases(h.Ctx, q)
		h.Must(err)
		for _, c := range page.Cases {
			seen[c.Case] = true
		}
		if page.Next == "" {
			break
		}
	}
	if len(seen) != 3000 {
		t.Errorf("the pages hold %d cases", len(seen))
	}
}

// TestContactsOfCustomers: who is told where is the operator's to keep, and each
// change is in the audit trail.
func TestContactsOfCustomers(t *testing.T) {
	h := newHouse(t)
	op := h.Desk("jun operator")
	in := map[string]any{"contacts": []api.CustomerContact{{Kind: "inbox"}}}
	h.Must(op.Do(h.Ctx, "PUT", "customers/harbour-clinic/contacts", in, nil))
	list, _, err := h.Staff.Audit(h.Ctx, staff.AuditFilter{Act: "set-contacts"}, 0, 10)
	if err != nil || len(list) != 1 || list[0].Who != "jun.park" || !strings.HasPrefix(list[0].Object, "c-") {
		t.Errorf("%+v %v", list, err)
	}
	var page api.InboxPage
	h.Must(op.Do(h.Ctx, "GET", "customers/harbour-clinic/inbox", nil, &page))
	isCode(t, op.Do(h.Ctx, "GET", "customers/nobody/inbox", nil, &page), 404, "no-customer")
	isCode(t, op.Do(h.Ctx, "PUT", "customers/harbour-clinic/contacts", map[string]any{"contacts": []api.CustomerContact{{Kind: "webhook", Address: "http://127.0.0.1/"}}}, nil), 422, "contact")
}

// TestLaw: an instrument in full is there for any token.
func TestLaw(t *testing.T) {
	h := newHouse(t)
	var all api.LawState
	h.Must(h.Desk("esi").Do(h.Ctx, "GET", "law", nil, &all))
	for _, i := range all.Instruments {
		var one api.InstrumentState
		h.Must(h.Desk("esi").Do(h.Ctx, "GET", "law/"+string(i.ID), nil, &one))
		if one.ID != i.ID || one.Title == "" {
			t.Errorf("%s: %+v", i.ID, one)
		}
	}
	var epoc api.InstrumentState
	h.Must(h.Desk("esi").Do(h.Ctx, "GET", "law/eu.epoc", nil, &epoc))
	if len(epoc.Clocks) == 0 || len(epoc.EmergencyClocks) == 0 || len(epoc.Questions) == 0 || len(epoc.Forms) == 0 {
		t.Errorf("%+v", epoc)
	}
	isCode(t, h.Desk("esi").Do(h.Ctx, "GET", "law/us.nothing", nil, nil), 404, "no-instrument")
}

// TestDelivery attacks the endpoint of authorities.
func TestDelivery(t *testing.T) {
	h := newHouse(t)
	for n := range 3 {
		h.Put(writ.ObjectKey(fmt.Sprintf("letters/%d.txt", n)), strings.Repeat("Ines Calder ", 500))
	}
	c := h.Produced("7 Gs 419/26")
	other := h.Produced("7 Gs 420/26")
	id, volume := string(c.Case), c.Production.Volumes[0]
	agency, stranger := certificate(t), certificate(t)
	sam := h.Desk("sam")
	byCode, err := sam.Deliver(h.Ctx, id, api.DeliverInput{Means: "download", Times: 2})
	h.Must(err)
	otherCode, err := sam.Deliver(h.Ctx, string(other.Case), api.DeliverInput{Means: "download"})
	h.Must(err)
	at := "/delivery/" + id + "/" + volume.Name
	var nothing string
	refused := func(what string, r apitest.Reply) {
		t.Helper()
		if nothing == "" {
			nothing = r.Body
		}
		if r.Status != 404 || r.Body != nothing {
			t.Errorf("%s: %d %.200s", what, r.Status, r.Body)
		}
	}
	refused("no code", h.fetch(nil, "", "GET", at))
	refused("a wrong code", h.fetch(nil, strings.Repeat("a", 32), "GET", at))
	refused("another case's code", h.fetch(nil, otherCode.Code, "GET", at))
	refused("a person's token", h.fetch(nil, h.Tokens["sam"], "GET", at))
	refused("a case that is none", h.fetch(nil, byCode.Code, "GET", "/delivery/nothing/"+volume.Name))
	refused("another file", h.fetch(nil, byCode.Code, "GET", "/delivery/"+id+"/..%2froot.key"))
	refused("another case's folder", h.fetch(nil, byCode.Code, "GET", "/delivery/"+id+"/..%2f"+string(other.Case)+"%2fpackage.json"))
	refused("no certificate was named", h.fetch(h.Client(agency), "", "GET", at))
	refused("two ranges", h.fetch(nil, byCode.Code, "GET", at, "Range", "bytes=0-0,2-3"))
	refused("a receipt by nobody", h.fetch(nil, "", "POST", "/delivery/"+id+"/receipt"))

	// A range counts as many bytes as it gives, however the request is dressed.
	fetched := func() int {
		now, err := h.Desk("mira").Case(h.Ctx, id)
		h.Must(err)
		return now.Deliveries[0].Fetched
	}
	r := h.fetch(nil, byCode.Code, "GET", at, "Range", "bytes=0-9")
	if r.Status != 206 || len(r.Body) != 10 || r.Head.Get("ETag") != `"`+volume.SHA256+`"` || r.Head.Get("Cache-Control") != "no-store" {
		t.Errorf("a range: %d, %d bytes, %v", r.Status, len(r.Body), r.Head)
	}
	if r := h.fetch(nil, byCode.Code, "GET", at, "Range", "bytes=10-", "If-Range", r.Head.Get("ETag")); r.Status != 206 || int64(len(r.Body)) != volume.Size-10 {
		t.Errorf("going on: %d, %d bytes", r.Status, len(r.Body))
	}
	if r := h.fetch(nil, byCode.Code, "HEAD", at); r.Status != 200 || r.Head.Get("Content-Length") != fmt.Sprint(volume.Size) {
		t.Errorf("the headers: %d %v", r.Status, r.Head)
	}
	// That was once in all, of two times. If-Range with another tag asks for all of
	// it, and is counted so: then it is over.
	if r := h.fetch(nil, byCode.Code, "GET", at, "Range", "bytes=0-0", "If-Range", `"x"`); r.Status != 200 || int64(len(r.Body)) != volume.Size {
		t.Errorf("If-Range: %d, %d bytes", r.Status, len(r.Body))
	}
	before := fetched()
	refused("a third time", h.fetch(nil, byCode.Code, "GET", at, "Range", "bytes=0-0", "If-Range", `"x"`))
	refused("one byte more", h.fetch(nil, byCode.Code, "GET", at, "Range", "bytes=0-0"))
	if got := fetched(); got != before {
		t.Errorf("what was refused was counted: %d, %d", before, got)
	}

	// By certificate: the handshake proves who it is, the delivery names it.
	byCertificate, err := sam.Deliver(h.Ctx, id, api.DeliverInput{Means: "download", Certificate: digest(agency), Until: h.Now().Add(time.Hour)})
	h.Must(err)
	if byCertificate.Code != "" {
		t.Error("a delivery by certificate has a code")
	}
	if r := h.fetch(h.Client(agency), "", "GET", at); r.Status != 200 || int64(len(r.Body)) != volume.Size {
		t.Errorf("by certificate: %d", r.Status)
	}
	refused("another certificate", h.fetch(h.Client(stranger), "", "GET", at))
	refused("its digest as a code", h.fetch(nil, digest(agency), "GET", at))
	refused("the certificate in another case", h.fetch(h.Client(agency), "", "GET", "/delivery/"+string(other.Case)+"/package.json"))
	h.Pass(2 * time.Hour)
	refused("expired", h.fetch(h.Client(agency), "", "GET", at))
	if r := h.Ask("sam", "POST", "/api/v1/cases/"+id+"/deliver", strings.NewReader(`{"means":"download","certificate":"beef"}`), "application/json"); r.Status != 422 {
		t.Errorf("a certificate that is none: %d", r.Status)
	}
}

// TestEndedBody: a production that takes long is not cut off because its request
// had arrived long before, nor a request that was read to its end.
func TestEndedBody(t *testing.T) {
	h := newHouse(t)
	req, err := http.NewRequestWithContext(h.Ctx, "POST", h.TLS.URL+"/api/v1/locate", strings.NewReader(`{"customer":"harbour-clinic","scope":{"buckets":[{"bucket":"ward-seven"}],"classes":["content"]}}`))
	h.Must(err)
	req.Header.Set("Authorization", "Bearer "+h.Tokens["mira"])
	req.Header.Set("Content-Type", "application/json")
	c := h.Client()
	for range 3 { // on one connection
		again := req.Clone(h.Ctx)
		again.Body, _ = req.GetBody()
		if r := h.Send(c, again); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
}
