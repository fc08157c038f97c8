package api_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/staff"
)

// bureau is a house with two enrolled authorities, and an officer of each.
type bureau struct {
	*house
	desk           *api.OfficerDesk
	court, other   writ.AuthorityID
	jonas, another context.Context
}

func newBureau(t *testing.T) *bureau {
	b := &bureau{house: newHouse(t)}
	b.court, b.other = b.Enrolled("Tribunal de Valbrume"), b.Enrolled("Landgericht Falkenmoor")
	b.desk = api.OfficerWithin(b.Officers())
	b.jonas = api.AsOfficer(b.Ctx, api.AnOfficer{Authority: b.court, Session: "SESSIONONE"})
	b.another = api.AsOfficer(b.Ctx, api.AnOfficer{Authority: b.other, Session: "SESSIONTWO"})
	return b
}

func filing(reference string) api.FileInput {
	return api.FileInput{
		Reference: reference, Instrument: "eu.epoc", Signed: time.Now().Add(-24 * time.Hour), Matter: "criminal", Offence: "fraud",
		Classes: []writ.DataClass{writ.ClassContent}, Identifiers: []string{"harbour-clinic"}, Language: "fr", Note: "as agreed by telephone",
	}
}

var orderFile = api.Enclosure{Kind: "order", Name: "epoc.pdf", Body: []byte("%PDF-1.7\n% an order\n")}

// coded is a problem's, "" for none.
func coded(err error) string {
	var p *api.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestOfficerStory: an officer files a demand, intake takes it up, counsel asks,
// the officer answers, and the package is ready; of all that happens inside
// nothing else is seen.
func TestOfficerStory(t *testing.T) {
	b := newBureau(t)
	b.Put("letters/1.txt", "Ines Calder, ward seven: discharged")
	me, err := b.desk.Me(b.jonas)
	if b.Must(err); me.Authority != b.court || me.Suspended || me.Provider != "Fjordhost" {
		t.Fatalf("%+v", me)
	}
	filed, err := b.desk.File(b.jonas, filing("7 Gs 412/26"), []api.Enclosure{orderFile})
	b.Must(err)
	id := string(filed.Case)
	if filed.State != "received" || len(filed.Files) != 1 || filed.Due == nil || filed.Demand.Note != "as agreed by telephone" || time.Since(filed.Received) > time.Minute {
		t.Fatalf("%+v", filed)
	}
	// The case is intake's, as any: received, authenticated by nobody.
	c, err := b.Desk("noor").Case(b.Ctx, id)
	b.Must(err)
	if c.Stage != "received" || c.Demand.Channel != docket.Portal || c.Demand.Issuer.Authority != b.court || c.Demand.Issuer.Name != "Tribunal de Valbrume" || c.Authentication != nil {
		t.Fatalf("%+v", c)
	}
	b.Carry(id, "portal")
	seen, err := b.desk.Demand(b.jonas, id)
	if b.Must(err); seen.State != "taken-up" {
		t.Fatal(seen.State)
	}
	// The order can't be exchanged under counsel's hands; a letter can be sent.
	if _, err := b.desk.Attach(b.jonas, id, orderFile); coded(err) != "state" {
		t.Errorf("another order: %v", err)
	}
	if _, err = b.Desk("mira").Move(b.Ctx, id, "letters", docket.LetterInput{Kind: "clarification", Fields: json.RawMessage(`{"questions":["Which year?"]}`)}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Desk("mira").Move(b.Ctx, id, "letters", docket.LetterInput{Kind: "acknowledgement"})
	b.Must(err)
	seen, err = b.desk.Demand(b.jonas, id)
	if b.Must(err); !seen.Asked || len(seen.Letters) != 2 || seen.Letters[0].Kind != "clarification" || !seen.Letters[0].Asks {
		t.Fatalf("%+v", seen)
	}
	pdf, err := b.desk.Document(b.jonas, id, seen.Letters[0].ID.String())
	b.Must(err)
	if body, _ := io.ReadAll(pdf); !bytes.HasPrefix(body, []byte("%PDF-")) {
		t.Error("the letter is no PDF")
	}
	seen, err = b.desk.Attach(b.jonas, id, api.Enclosure{Kind: "correspondence", Name: "answer.txt", Body: []byte("2026")})
	if b.Must(err); seen.Asked || len(seen.Files) != 2 {
		t.Fatalf("%+v", seen)
	}
	b.Packed(id)
	if seen, err = b.desk.Demand(b.jonas, id); err != nil || seen.State != "taken-up" {
		t.Fatal(seen.State, err)
	}
	_, err = b.Desk("sam").Deliver(b.Ctx, id, api.DeliverInput{Means: "download", Note: "told by telephone"})
	b.Must(err)
	seen, err = b.desk.Demand(b.jonas, id)
	if b.Must(err); seen.State != "ready" || len(seen.Deliveries) != 1 || !seen.Deliveries[0].ByCode {
		t.Fatalf("%+v", seen)
	}
	page, err := b.desk.Demands(b.jonas, "", 0)
	if b.Must(err); len(page.Demands) != 1 || page.Demands[0].Case != filed.Case {
		t.Fatalf("%+v", page)
	}
	all, _ := json.Marshal([]any{page, seen})
	for _, secret := range []string{"mira", "noor", "theo", "ada.okafor", "read and judged", "the seal is", "Article 10(1)", "ward-seven", "the account's name", "told by telephone", "c-", "findings", "secrecy\""} {
		if bytes.Contains(all, []byte(secret)) {
			t.Errorf("an officer sees %q: %s", secret, all)
		}
	}
	b.Pass(20 * 24 * time.Hour)
	if seen, err = b.desk.Demand(b.jonas, id); err != nil || seen.State != "delivered" || !seen.Deliveries[0].Over {
		t.Errorf("after its time: %s %v", seen.State, err)
	}
	var acts []string
	list, _, err := b.Staff.Audit(b.Ctx, staff.AuditFilter{}, 0, staff.MaxPage)
	b.Must(err)
	for _, e := range list {
		if e.By == "session SESSIONONE" {
			acts = append(acts, e.Act)
		}
	}
	if got := strings.Join(acts, " "); !strings.Contains(got, "file-demand") || !strings.Contains(got, "attach-filed") || !strings.Contains(got, "view-filed") {
		t.Errorf("the audit trail has %q", got)
	}
}

// TestOfficerOthers: of another authority's demand, of a case that intake entered
// and of one that is not there the answer is one, to every operation.
func TestOfficerOthers(t *testing.T) {
	b := newBureau(t)
	filed, err := b.desk.File(b.jonas, filing("7 Gs 412/26"), []api.Enclosure{orderFile})
	b.Must(err)
	entered, err := b.Desk("noor").Receive(b.Ctx, api.DemandInput{Demand: func() docket.Demand {
		d := b.EPOC("8 Gs 1/26")
		d.Issuer.Authority = b.court
		return d
	}()})
	b.Must(err)
	before := b.Kept()
	for name, ask := range map[string]func(ctx context.Context, id string) error{
		"look":   func(ctx context.Context, id string) error { _, err := b.desk.Demand(ctx, id); return err },
		"attach": func(ctx context.Context, id string) error { _, err := b.desk.Attach(ctx, id, orderFile); return err },
		"document": func(ctx context.Context, id string) error {
			_, err := b.desk.Document(ctx, id, filed.Files[0].ID.String())
			return err
		},
		"list": func(ctx context.Context, id string) error { _, err := b.desk.Demands(ctx, id, 0); return err },
	} {
		for what, c := range map[string]struct {
			ctx context.Context
			id  string
		}{
			"another's": {b.another, string(filed.Case)}, "entered by intake": {b.jonas, string(entered.Case)},
			"none": {b.jonas, "2026-0000-0000"}, "no number": {b.jonas, "x"},
		} {
			if err := ask(c.ctx, c.id); coded(err) != "no-demand" || err.Error() != "your authority filed no such demand here" {
				t.Errorf("%s of one that is %s: %v", name, what, err)
			}
		}
	}
	if page, err := b.desk.Demands(b.another, "", 0); err != nil || len(page.Demands) != 0 {
		t.Errorf("another sees %d demands, %v", len(page.Demands), err)
	}
	if _, err := b.Desk("noor").Move(b.Ctx, string(entered.Case), "authenticate", api.AuthenticateInput{Means: "portal", Note: "x", Genuine: true}); coded(err) != "state" {
		t.Errorf("a demand that nobody filed is authenticated by the portal: %v", err)
	}
	b.Unchanged(before, "refused officers")
	// A document of the case that is no letter to the authority and was not filed.
	c, err := b.Desk("noor").Attach(b.Ctx, string(filed.Case), "correspondence", "acknowledgement-en.pdf", "", "", []byte("internal"))
	b.Must(err)
	if _, err := b.desk.Document(b.jonas, string(filed.Case), c.Documents[1].ID.String()); coded(err) != "no-document" {
		t.Errorf("an internal document: %v", err)
	}
}

// TestOfficerRefused: who is nobody, suspended or too large gets nothing in.
func TestOfficerRefused(t *testing.T) {
	b := newBureau(t)
	before := b.Kept()
	long := strings.Repeat("\u202e<script>\"'&", 1600) // some 20,000 bytes
	change := func(fn func(*api.FileInput)) api.FileInput { in := filing("7 Gs 412/26"); fn(&in); return in }
	for name, in := range map[string]api.FileInput{
		"long reference":  change(func(in *api.FileInput) { in.Reference = long }),
		"long note":       change(func(in *api.FileInput) { in.Note = long }),
		"long identifier": change(func(in *api.FileInput) { in.Identifiers = []string{long} }),
		"no identifier":   change(func(in *api.FileInput) { in.Identifiers = nil }),
		"many":            change(func(in *api.FileInput) { in.Identifiers = make([]string, 300) }),
		"no instrument":   change(func(in *api.FileInput) { in.Instrument = "us.nothing" }),
		"a zero byte":     change(func(in *api.FileInput) { in.Offence = "a\x00b" }),
	} {
		if got, err := b.desk.File(b.jonas, in, nil); err == nil || got.Case != "" {
			t.Errorf("%s was filed as %s", name, got.Case)
		}
	}
	for name, f := range map[string]api.Enclosure{
		"a letter": {Kind: "letter", Name: "acknowledgement-en.pdf", Body: []byte("x")}, "an export": {Kind: "export", Name: "x", Body: []byte("x")},
		"empty": {Kind: "order", Name: "x"}, "long name": {Kind: "order", Name: long, Body: []byte("x")},
	} {
		if _, err := b.desk.File(b.jonas, filing("1"), []api.Enclosure{f}); err == nil {
			t.Errorf("%s was filed", name)
		}
	}
	for name, who := range map[string]api.AnOfficer{
		"nobody": {}, "no authority": {Session: "S"}, "no way in": {Authority: b.court}, "two ways in": {Authority: b.court, Session: "S", Certificate: "C"},
	} {
		if _, err := b.desk.Me(api.AsOfficer(b.Ctx, who)); coded(err) != "officer" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.desk.File(api.AsOfficer(b.Ctx, api.AnOfficer{Authority: "a-00000000000000000000", Session: "S"}), filing("1"), nil); coded(err) != "role" {
		t.Errorf("an authority that is not there: %v", err)
	}
	b.Unchanged(before, "refused filings")
	filed, err := b.desk.File(b.jonas, filing("\u202e<script>alert(1)</script>"), nil)
	b.Must(err)
	if _, err := b.desk.Attach(b.jonas, string(filed.Case), api.Enclosure{Kind: "other", Name: "big", Body: make([]byte, docket.MaxDocument+1)}); coded(err) != "too-large" {
		t.Errorf("too large: %v", err)
	}
	// Suspended: from that moment, whoever signed in before.
	b.Must(b.Desk("noor").Do(b.Ctx, "POST", "authorities/"+string(b.court)+"/suspend", map[string]string{"reason": "its seal was stolen"}, nil))
	before = b.Kept()
	for name, err := range map[string]error{
		"file":        func() error { _, err := b.desk.File(b.jonas, filing("2"), nil); return err }(),
		"list":        func() error { _, err := b.desk.Demands(b.jonas, "", 0); return err }(),
		"look":        func() error { _, err := b.desk.Demand(b.jonas, string(filed.Case)); return err }(),
		"attach":      func() error { _, err := b.desk.Attach(b.jonas, string(filed.Case), orderFile); return err }(),
		"instruments": func() error { _, err := b.desk.Instruments(b.jonas); return err }(),
	} {
		if coded(err) != "suspended" {
			t.Errorf("%s by a suspended authority: %v", name, err)
		}
	}
	b.Unchanged(before, "a suspended authority")
	if me, err := b.desk.Me(b.jonas); err != nil || !me.Suspended {
		t.Errorf("it is not told: %+v %v", me, err)
	}
	if _, err := b.Desk("noor").Move(b.Ctx, string(filed.Case), "authenticate", api.AuthenticateInput{Means: "portal", Note: "x", Genuine: true}); coded(err) != "suspended" {
		t.Errorf("a demand of a suspended authority is authenticated: %v", err)
	}
}

// TestOfficerPages: a list goes on where the page before ended.
func TestOfficerPages(t *testing.T) {
	b := newBureau(t)
	for _, ref := range []string{"1", "2", "3"} {
		_, err := b.desk.File(b.jonas, filing(ref), nil)
		b.Must(err)
	}
	var refs []string
	for after := ""; ; {
		p, err := b.desk.Demands(b.jonas, after, 2)
		b.Must(err)
		for _, d := range p.Demands {
			refs = append(refs, d.Demand.Reference)
		}
		if p.Next == "" {
			break
		}
		after = string(p.Next)
	}
	if strings.Join(refs, " ") != "3 2 1" {
		t.Errorf("%q", refs)
	}
}

// TestOfficerPowers: the description names each operation that the golden table
// has, and no other.
func TestOfficerPowers(t *testing.T) {
	text, err := os.ReadFile("testdata/officer-powers.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, power, ok := strings.Cut(line, " "); ok && name != "#" {
			want[name] = strings.TrimSpace(power)
		}
	}
	w := httptest.NewRecorder()
	newHouse(t).Officers().ServeHTTP(w, httptest.NewRequest("GET", "/officer/v1/openapi.json", nil))
	var d struct {
		Paths map[string]map[string]struct{ OperationID, Description string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range d.Paths {
		for _, op := range path {
			n++
			if op.Description != "Takes: "+want[op.OperationID]+"." || want[op.OperationID] == "" {
				t.Errorf("%s: %q, want %q", op.OperationID, op.Description, want[op.OperationID])
			}
		}
	}
	if n != len(want) {
		t.Errorf("%d operations, %d in the table", n, len(want))
	}
}

// TestOfficerByCertificate: on the listener for deliveries the certificate says
// who asks, and no header does.
func TestOfficerByCertificate(t *testing.T) {
	b := newBureau(t)
	theirs, strange := certificate(t), certificate(t)
	id := b.Enrolled("Parquet de Valbrume", sum(theirs.Certificate[0]))
	server := httptest.NewUnstartedServer(api.OfficersByCertificate(b.Staff, b.Officers()))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	me := func(shown ...tls.Certificate) (int, string) {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: shown}}
		defer tr.CloseIdleConnections()
		req, _ := http.NewRequestWithContext(b.Ctx, "GET", server.URL+"/officer/v1/me", nil)
		req.Header.Set("Authorization", "Bearer "+b.Tokens["mira"])
		r := b.Send(&http.Client{Transport: tr}, req)
		return r.Status, r.Body
	}
	if status, body := me(theirs); status != 200 || !strings.Contains(body, string(id)) {
		t.Errorf("%d %s", status, body)
	}
	for name, shown := range map[string][]tls.Certificate{"a stranger's": {strange}, "none": nil} {
		if status, body := me(shown...); status != 401 || strings.Contains(body, "authority\":") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// TestOfficerBounds: an authority files so many demands a day, and so many files to
// each; another authority is not concerned.
func TestOfficerBounds(t *testing.T) {
	b := newBureau(t)
	var id string
	for i := range 200 {
		filed, err := b.desk.File(b.jonas, filing("1"), nil)
		if err != nil {
			t.Fatalf("demand %d: %v", i+1, err)
		}
		id = string(filed.Case)
	}
	if _, err := b.desk.File(b.jonas, filing("1"), nil); coded(err) != "velocity" {
		t.Errorf("the 201st of a day: %v", err)
	}
	if _, err := b.desk.File(b.another, filing("1"), nil); err != nil {
		t.Errorf("another authority's first: %v", err)
	}
	for i := range 32 {
		if _, err := b.desk.Attach(b.jonas, id, orderFile); err != nil {
			t.Fatalf("file %d: %v", i+1, err)
		}
	}
	if _, err := b.desk.Attach(b.jonas, id, orderFile); coded(err) != "state" {
		t.Errorf("the 33rd file: %v", err)
	}
	b.Pass(25 * time.Hour)
	if _, err := b.desk.File(b.jonas, filing("1"), nil); err != nil {
		t.Errorf("the next day: %v", err)
	}
}
