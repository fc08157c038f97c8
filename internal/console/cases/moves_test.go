package cases

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/policy"
	"writ/internal/staff"
)

// upload attaches a file by the form.
func (r *rig) upload(as, id, kind, name string, body []byte) (status int, page string) {
	r.T.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.WriteField("kind", kind)
	f, err := w.CreateFormFile("file", name)
	r.Must(err)
	f.Write(body)
	r.Must(w.Close())
	got := r.Upload(as, "/docket/"+id+"/attach", w.FormDataContentType(), &b)
	return got.Status, got.Body
}

// TestACaseByItsForms brings a demand from its receipt to its close by forms
// alone, each filled in by who must do it.
func TestACaseByItsForms(t *testing.T) {
	r := newRig(t)
	r.Put("letters/0001", "she may go home")
	id := r.received("7 Gs 412/26")
	if status, body := r.upload("noor", id, "order", "epoc.pdf", pdf); status != 303 {
		t.Fatal(status, note(body))
	}
	r.does("noor", id, "authenticate", "means", "national-system", "genuine", "yes", "note", "seal verified by the system")
	amend := []string{"reference", "7 Gs 413/26", "instrument", "eu.epoc", "issuer", "Tribunal de Valbrume", "country", "fr", "issuer-kind", "court", "channel", "national-system",
		"received", local(r.state(id).Demand.Received, r.Desk.Zone()), "matter", "criminal", "offence", "fraud", "classes", "content", "identifiers", "harbour-clinic", "accounts", "1", "reason", "a digit was wrong"}
	before := r.state(id).Demand
	r.does("noor", id, "amend", amend...)
	if d := r.state(id).Demand; d.Reference != "7 Gs 413/26" || !d.Received.Equal(before.Received) || d.Issuer.Country != "FR" || !slices.Equal(d.Identifiers, before.Identifiers) {
		t.Errorf("amended: %+v", d)
	}
	r.does("noor", id, "preserve", "customer", "harbour-clinic", "places", "ward-seven/letters/", "why", "Article 10(1)")
	r.does("noor", id, "extend", "until", r.Now().AddDate(0, 2, 0).Format("2006-01-02T15:04"), "why", "asked for")
	if c := r.state(id); len(c.Preservations) != 1 || c.Preservations[0].Until.IsZero() || c.Preservations[0].Scope.Buckets[0].Prefixes[0] != "letters/" {
		t.Errorf("preserved: %+v", c.Preservations)
	}
	r.does("noor", id, "clock", "event", "authority-notified", "note", "by the system")
	r.does("mira", id, "identify", "customer", "harbour-clinic", "how", "the account's name")
	_, err := r.House.Desk("mira").Move(r.Ctx, id, "scope", api.ScopeInput{Scope: policy.Scope{Buckets: []policy.BucketScope{{Bucket: "ward-seven", Prefixes: []string{"letters/"}}}, Classes: []writ.DataClass{writ.ClassContent}}})
	r.Must(err)
	r.does("mira", id, "secrecy", "basis", "")
	c := r.state(id)
	var facts []string
	for _, q := range c.Questions {
		facts = append(facts, "fact."+q.ID, "no")
	}
	r.does("mira", id, "facts", facts...)
	r.does("mira", id, "review")
	c = r.state(id)
	if c.Facts[c.Questions[0].ID] != "no" || len(c.Findings) == 0 {
		t.Fatalf("%v %v", c.Facts, c.Findings)
	}
	open := standing(&c)
	if len(open) > 0 {
		var rules []string
		for _, f := range open {
			rules = append(rules, f.Rule)
		}
		values := []string{"reason", "read and judged", "sure", "yes"}
		for _, rule := range rules {
			values = append(values, "rules", rule)
		}
		r.does("mira", id, "determine", values...)
		n := r.state(id).Determinations[0].Number
		if status, body := r.form("mira", id, "second", "proposal", fmt.Sprint(n), "sure", "yes"); status != 403 || note(body) == "" {
			t.Errorf("the first of two seconds: %d %s", status, note(body))
		}
		r.does("theo", id, "second", "proposal", fmt.Sprint(n), "reason", "agreed", "sure", "yes")
	}
	r.does("mira", id, "approve", "objects", "5", "mebibytes", "3", "sure", "yes")
	if a := r.state(id).Approval; a == nil || a.Objects != 5 || a.Bytes != 3<<20 || a.By != "mira.lindqvist" {
		t.Errorf("approved: %+v", a)
	}
	r.does("mira", id, "draft")
	for first, person := range map[string]writ.Person{"ada": "ada.okafor", "jun": "jun.park"} {
		desk := r.House.Desk(first)
		sheet, err := desk.ToSign(r.Ctx, id)
		r.Must(err)
		sig := r.Sign(person, sheet.Type, sheet.Payload)
		_, err = desk.Move(r.Ctx, id, "sign", api.SignInput{Digest: sheet.Digest, Key: sig.KeyID, Sig: sig.Sig})
		r.Must(err)
	}
	if status, body := r.form("mira", id, "waive", "envelope", "{}", "sure", "yes"); status < 400 || note(body) == "" {
		t.Errorf("a waiver that nobody signed: %d", status)
	}
	status, body := r.form("sam", id, "produce", "recipients", r.Court.Recipient().String())
	if status != 303 && (status != 200 || !strings.Contains(body, "The package is made.")) {
		t.Fatalf("produced: %d %s", status, note(body))
	}
	if c = r.state(id); c.Production == nil || c.Production.Objects != 1 {
		t.Fatalf("%+v", c.Production)
	}
	got := r.Get("sam", "/docket/"+id+"/package/"+c.Production.Volumes[0].Name)
	if got.Status != 200 || int64(len(got.Body)) != c.Production.Volumes[0].Size || !strings.HasPrefix(got.Head.Get("Content-Disposition"), "attachment") {
		t.Errorf("the package: %d, %d bytes", got.Status, len(got.Body))
	}
	r.does("noor", id, "clock", "event", "authority-cleared")
	status, body = r.form("sam", id, "deliver", "means", "download", "times", "2")
	if status != 200 || !strings.Contains(body, "One-time code") {
		t.Fatalf("delivered: %d %s", status, note(body))
	}
	r.does("sam", id, "confirm", "note", "the court's registry, by telephone")
	r.does("mira", id, "reply", "answer", "answered", "reason", "the package was fetched")
	r.does("mira", id, "lift", "reason", "the authority has told the clinic", "sure", "yes")
	r.does("mira", id, "close", "affected", "1", "note", "done")
	if c = r.state(id); c.Closing == nil || c.Closing.Affected != 1 || c.Lifted.IsZero() || c.Confirmed.IsZero() {
		t.Errorf("closed: %+v", c.Closing)
	}
}

// TestTheCodeIsShownOnceAndNotSqueezed: the page of a one-time code is not
// compressed beside what a stranger chose, is kept by nobody, and no other page
// has the code.
func TestTheCodeIsShownOnce(t *testing.T) {
	r := newRig(t)
	r.Put("letters/0001", "she may go home")
	id := string(r.Produced("7 Gs 412/26").Case)
	got := r.Post("sam", "/docket/"+id+"/deliver", url.Values{"means": {"download"}}, "Accept-Encoding", "gzip")
	if got.Status != 200 || got.Head.Get("Content-Encoding") != "" || got.Head.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", got.Status, got.Head)
	}
	_, rest, _ := strings.Cut(got.Body, "One-time code</dt><dd><code>")
	code, _, found := strings.Cut(rest, "<")
	if !found || len(code) != 32 {
		t.Fatalf("the code is %q", code)
	}
	for _, part := range parts {
		if strings.Contains(r.Get("sam", "/docket/"+id+"?part="+part).Body, code) {
			t.Errorf("%s shows the code", part)
		}
	}
}

// TestApprovalsAreAskedTwice: what approves does nothing before it was shown in
// words, and the second page holds the form.
func TestApprovalsAreAskedTwice(t *testing.T) {
	r := newRig(t)
	r.Put("letters/0001", "she may go home")
	id := r.story()["review"]
	before := r.state(id).CaseRow.Events
	for _, m := range moves {
		if !m.fresh && !m.sure {
			continue
		}
		if got := r.Get("mira", "/docket/"+id+"/"+m.name); got.Status != 200 {
			t.Errorf("%s: %d", m.name, got.Status)
		}
	}
	status, body := r.form("mira", id, "approve", "objects", "4321", "mebibytes", "7", "officer", `theo"><script>`)
	if status != 200 || !strings.Contains(body, "4,321") || !strings.Contains(body, `name="mebibytes" value="7"`) || strings.Contains(body, "<script>t") || strings.Contains(body, `theo"><script`) {
		t.Errorf("asked: %d %s", status, note(body))
	}
	status, body = r.form("mira", id, "lift", "reason", "why not")
	if status != 200 || !strings.Contains(body, "why not") || !strings.Contains(body, `value="yes"`) {
		t.Errorf("asked: %d", status)
	}
	if now := r.state(id); now.CaseRow.Events != before {
		t.Error("something was done before it was meant")
	}
}

// powersGolden are the interface's powers, as its own golden file has them.
func powersGolden(t *testing.T) map[string][]string {
	f, err := os.Open("../../api/testdata/powers.txt")
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

// TestFormsTakeTheInterfacesRoles: a form is for exactly those whom the
// interface lets make the move.
func TestFormsTakeTheInterfacesRoles(t *testing.T) {
	golden := powersGolden(t)
	for _, m := range moves {
		want, known := golden[m.name+"-case"]
		if !known {
			want, known = golden[m.name]
		}
		if !known {
			t.Errorf("the interface has no operation %s", m.name)
		}
		var got []string
		for _, role := range m.roles {
			got = append(got, string(role))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s takes %v, and the interface %v", m.name, got, want)
		}
	}
}

// TestNobodyElseGetsIn: every address, asked by everybody who may not.
func TestNobodyElseGetsIn(t *testing.T) {
	r := newRig(t)
	id := r.received("7 Gs 412/26")
	roles := map[string]writ.Role{"noor": writ.RoleIntake, "mira": writ.RoleCounsel, "ada": writ.RoleCustodian, "sam": writ.RoleProduction, "esi": writ.RoleAuditor, "jun operator": writ.RoleOperator, "customer": "", "officer": "", "": ""}
	before := r.Kept()
	for _, route := range Room(r.rooms()).Routes {
		path := strings.NewReplacer("{case}", id, "{document}", strings.Repeat("0", 32), "{file}", "package.json").Replace(route.Path)
		for who, role := range roles {
			if role != "" && (len(route.For.Roles) == 0 || slices.Contains(route.For.Roles, role)) {
				continue
			}
			var status int
			if route.Method == "GET" {
				status = r.Get(who, path).Status
			} else {
				status = r.Post(who, path, url.Values{"reason": {"x"}}).Status
			}
			want := 403
			if who == "" {
				want = map[string]int{"GET": 303, "POST": 401}[route.Method]
			}
			if status != want {
				t.Errorf("%q at %s %s: %d, want %d", who, route.Method, route.Path, status, want)
			}
		}
	}
	r.Unchanged(before, "refusals")
}

func (r *rig) rooms() Rooms { return Rooms{Desk: r.Desk} }

// TestSeparationInWords: who has acted in a case as something else is told so
// instead of being shown the form, and the interface refuses what they send.
func TestSeparationInWords(t *testing.T) {
	r := newRig(t)
	id := r.received("7 Gs 412/26")
	// Noor becomes counsel too, and has acted as intake.
	jun, lena := r.House.Desk("jun operator"), r.House.Desk("lena operator")
	var p api.Person
	r.Must(jun.Do(r.Ctx, "POST", "persons/noor.adeyemi/roles", api.RoleInput{Role: writ.RoleCounsel}, &p))
	for _, a := range p.Assignments {
		if a.Role == writ.RoleCounsel {
			r.Must(lena.Do(r.Ctx, "POST", "persons/noor.adeyemi/roles/"+a.ID+"/confirm", nil, nil))
		}
	}
	token, reg := staff.NewToken()
	r.Must(jun.Do(r.Ctx, "POST", "tokens/register", api.RegisterInput{TokenInput: api.TokenInput{Person: "noor.adeyemi", Roles: []writ.Role{writ.RoleIntake, writ.RoleCounsel}}, Registration: reg.String()}, nil))
	r.Must(lena.Do(r.Ctx, "POST", "tokens/"+reg.ID+"/confirm", nil, nil))
	r.Tokens["noor"] = token
	got := r.Get("noor", "/docket/"+id+"/identify")
	if got.Status != 200 || !strings.Contains(got.Body, "You have acted as intake in this case") || strings.Contains(got.Body, `name="customer"`) {
		t.Errorf("the form: %d", got.Status)
	}
	status, body := r.form("noor", id, "identify", "customer", "harbour-clinic", "how", "its name")
	if status != 403 || !strings.Contains(note(body), "has acted as intake in this case") {
		t.Errorf("sent: %d %s", status, note(body))
	}
	if r.state(id).Subject != nil {
		t.Error("the case has a subject")
	}
}

// hostile is what an authority might write.
var hostile = "<script>alert(1)</script>\"'`{{.}}\u202egnp.exe\u2066"

// TestHostileTexts: whatever others write in whatever field, no page is changed
// by it, and nothing turns the direction of writing.
func TestHostileTexts(t *testing.T) {
	r := newRig(t)
	long := strings.Repeat("W", 15_000)
	id := r.received(hostile, func(d *docket.Demand) {
		d.Issuer.Name, d.Offence, d.Identifiers, d.Note, d.Remedy = hostile, hostile, []string{hostile, strings.Repeat("x", 500)}, hostile+"\n"+long, hostile
		d.Validator = &docket.Issuer{Name: hostile, Country: "FR", Kind: hostile}
	})
	noor, mira := r.House.Desk("noor"), r.House.Desk("mira")
	_, err := noor.Attach(r.Ctx, id, "order", hostile+".pdf", "", "", pdf)
	r.Must(err)
	_, err = noor.Move(r.Ctx, id, "authenticate", api.AuthenticateInput{Means: "signature", Note: hostile + long, Genuine: true})
	r.Must(err)
	_, err = mira.Move(r.Ctx, id, "identify", api.IdentifyInput{Customer: "harbour-clinic", How: hostile})
	r.Must(err)
	_, err = mira.Move(r.Ctx, id, "secrecy", api.SecrecyInput{Reason: hostile})
	r.Must(err)
	_, err = mira.Move(r.Ctx, id, "clock", docket.ClockEvent{Event: "authority-notified", Time: r.Now(), Note: hostile})
	r.Must(err)
	_, err = mira.Move(r.Ctx, id, "reply", api.ReplyInput{Answer: "objected", Reason: hostile, Grounds: []string{hostile}})
	r.Must(err)
	document := r.state(id).Documents[0].ID.String()
	paths := []string{"/docket", "/docket?view=table", "/docket/secrecy", "/docket/" + id + "/documents/" + document, "/docket?view=table&text=" + url.QueryEscape(hostile), "/docket/" + id + "/identify?find=" + url.QueryEscape(hostile)}
	for _, part := range parts {
		paths = append(paths, "/docket/"+id+"?part="+part)
	}
	for _, m := range moves {
		if holdsName(m, "counsel") {
			paths = append(paths, "/docket/"+id+"/"+m.name)
		}
	}
	for _, path := range paths {
		got := r.Get("mira", path)
		if got.Status >= 500 {
			t.Errorf("%s: %d", path, got.Status)
		}
		if strings.Contains(got.Body, "<script>a") || strings.Contains(got.Body, `alert(1)</script>"`) {
			t.Errorf("%s is changed by what it shows", path)
		}
		// Fields are filled with what is there, to be sent back as it is.
		shown := regexpFields.ReplaceAllString(got.Body, "")
		if strings.ContainsAny(shown, "\u202e\u2066") {
			t.Errorf("%s is turned round: %q", path, around(shown, "\u202e"))
		}
		if n := len(got.Body); n > 400_000 {
			t.Errorf("%s has %d bytes", path, n)
		}
	}
	status, body := r.form("mira", id, "reply", "answer", "objected", "reason", strings.Repeat("y", 20_000))
	if status != 422 || note(body) == "" {
		t.Errorf("20,000 characters: %d", status)
	}
}

func around(s, what string) string {
	i := strings.Index(s, what)
	return s[max(0, i-120):min(len(s), i+60)]
}

// TestRefusalsAreShown: what the interface refuses comes back with the form as it
// was filled in, and the reason.
func TestRefusalsAreShown(t *testing.T) {
	r := newRig(t)
	id := r.received("7 Gs 412/26")
	for _, c := range []struct {
		as, move string
		values   []string
		status   int
		says     string
		kept     string
	}{
		{"noor", "authenticate", []string{"means", "call-back", "note", "rang them", "genuine", "yes"}, 409, "", "rang them"},
		{"noor", "authenticate", []string{"means", "mail", "note", "wrote", "genuine", "yes"}, 422, "", "wrote"},
		{"mira", "identify", []string{"customer", "nobody-at-all", "how", "a guess"}, 404, "nobody-at-all", "a guess"},
		{"mira", "reply", []string{"answer", "rejected", "reason", "we don't want to"}, 409, "does not know the answer", "we don"},
		{"mira", "close", []string{"affected", "3"}, 409, "", `value="3"`},
		{"mira", "close", []string{"affected", "-3"}, 422, "number", ""},
		{"mira", "facts", nil, 422, "no answer", ""},
		{"mira", "secrecy", []string{"until", "tomorrow"}, 422, "no time", ""},
		{"mira", "notify", []string{"kind", "before"}, 409, "", ""},
		{"noor", "extend", []string{"why", "longer"}, 409, "nothing is preserved", "longer"},
		{"mira", "approve", []string{"sure", "yes"}, 409, "", ""},
		{"sam", "produce", nil, 409, "", ""},
		{"sam", "deliver", []string{"means", "carrier-pigeon"}, 422, "", ""},
		{"mira", "second", []string{"proposal", "7", "sure", "yes"}, 422, "no proposal", ""},
	} {
		status, body := r.form(c.as, id, c.move, c.values...)
		if status != c.status || note(body) == "" || !strings.Contains(body, c.says) || !strings.Contains(body, c.kept) {
			t.Errorf("%s %v: %d, want %d, says %q: %s", c.move, c.values, status, c.status, c.says, note(body))
		}
	}
	if status, body := r.form("mira", "2026-0000-0000", "review"); status != 404 {
		t.Errorf("no case: %d %s", status, note(body))
	}
}

// TestLive: who listens hears that something changed, hears nothing else, and is
// not heard any more when the session is over.
func TestLive(t *testing.T) {
	over := false
	r := newRig(t, func(rooms *Rooms) { rooms.Alive = func(p pageVisitor) bool { return !over } })
	id := r.received("7 Gs 412/26")
	b, err := r.House.Desk("mira").Board(r.Ctx, api.BoardInput{})
	r.Must(err)
	ctx, cancel := context.WithTimeout(r.Ctx, 20*time.Second)
	defer cancel()
	lines := r.listen(ctx, "mira", fmt.Sprintf("/docket/live?after=%d", b.Revision))
	first := <-lines
	if !strings.HasPrefix(first, "retry:") {
		t.Fatalf("it begins with %q", first)
	}
	r.does("noor", id, "authenticate", "means", "national-system", "genuine", "yes", "note", "seal verified")
	heard := ""
	for l := range lines {
		heard += l + "\n"
		if strings.HasPrefix(l, "data:") {
			break
		}
	}
	if !strings.Contains(heard, "event: docket\n") || strings.Contains(heard, id) || strings.Contains(heard, "Gs") {
		t.Errorf("heard %q", heard)
	}
	over = true
	r.does("noor", id, "clock", "event", "authority-notified")
	for l := range lines {
		if strings.HasPrefix(l, "event:") {
			t.Errorf("after its end: %q", l)
		}
	}
	// A browser that shows the newest is told nothing, and one that has an old
	// picture is told at once.
	over = false
	ctx2, cancel2 := context.WithTimeout(r.Ctx, 8*time.Second)
	defer cancel2()
	told := ""
	for l := range r.listen(ctx2, "mira", "/docket/live?after=1") {
		if told += l; strings.HasPrefix(l, "data:") {
			break
		}
	}
	if !strings.Contains(told, "event: docket") {
		t.Errorf("an old picture is told %q", told)
	}
}

// TestStreamsAreBounded: one session listens in so many windows, and no more.
func TestStreamsAreBounded(t *testing.T) {
	s := newStreams()
	var ends []func()
	for range mostOfSession {
		end, ok := s.begin("a")
		if !ok {
			t.Fatal("refused too early")
		}
		ends = append(ends, end)
	}
	if _, ok := s.begin("a"); ok {
		t.Error("one session listens without bound")
	}
	if _, ok := s.begin("b"); !ok {
		t.Error("another session is refused for it")
	}
	ends[0]()
	if _, ok := s.begin("a"); !ok {
		t.Error("what ended counts on")
	}
	for i := range mostStreams {
		s.begin(fmt.Sprint(i))
	}
	if _, ok := s.begin("z"); ok {
		t.Error("all together listen without bound")
	}
}
