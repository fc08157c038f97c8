//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/chromedp/chromedp"
	"github.com/minio/minio-go/v7"

	"writ"
	"writ/internal/api"
	datafolder "writ/internal/folder"
	"writ/internal/policy"
	"writ/internal/testenv/browser"
)

// visitor is somebody at a browser of their own.
type visitor struct {
	*browser.Browser
	s    *stage
	name string
}

// stage is a running server whose people work in browsers.
type stage struct {
	*bureau
	url   string
	first *browser.Browser
}

// dump of the page for a failure.
func (v *visitor) text() string { return browser.Eval[string](v.Browser, "document.body.innerText") }

func (v *visitor) open(path string) {
	v.s.t.Helper()
	v.Open(v.s.url + path)
}

// goes does something in the page that leads to another page, and waits for it.
func (v *visitor) goes(script string) {
	v.s.t.Helper()
	browser.Eval[bool](v.Browser, "window.here = true")
	if !browser.Eval[bool](v.Browser, script) {
		v.s.t.Fatalf("%s: nothing to do by %s at %s:\n%s", v.name, script, browser.Take(v.Browser, chromedp.Location()), v.text())
	}
	for range 600 {
		// While a page goes and another comes there is none to ask.
		state, err := chromedp.Run(v.Ctx, chromedp.Evaluate[string](`!window.here && document.readyState === "complete" ? "there" : [...document.querySelectorAll("form [role=alert]:not([hidden])")].map((e) => e.innerText).join()`))
		if err == nil && state == "there" {
			return
		}
		if err == nil && state != "" {
			v.s.t.Fatalf("%s: %s", v.name, state)
		}
		time.Sleep(25 * time.Millisecond)
	}
	v.s.t.Fatalf("%s: the page stays:\n%s", v.name, v.text())
}

// send fills a form of the page in and presses its button, as a person does; fields
// are names and values, a name may come twice. What asks again is said yes to.
func (v *visitor) send(action string, fields ...string) {
	v.s.t.Helper()
	pairs, err := json.Marshal(append([]string{}, fields...))
	if err != nil {
		v.s.t.Fatal(err)
	}
	press := fmt.Sprintf(`(() => {
		const form = [...document.forms].find((f) => f.method === "post" && (f.getAttribute("action") === %q || !f.hasAttribute("action") && location.pathname === %q));
		if (!form) return false;
		const fields = %s, seen = {};
		for (let i = 0; i < fields.length; i += 2) {
			const all = form.querySelectorAll('[name="' + fields[i] + '"]');
			if (!all.length) throw new Error("no field " + fields[i]);
			for (const e of all) {
				if (e.type === "checkbox" || e.type === "radio") { if (e.value === fields[i + 1]) e.checked = true }
				else if (e.tagName === "BUTTON") { }
				else if (!seen[fields[i]]) e.value = fields[i + 1];
			}
			seen[fields[i]] = true;
		}
		const button = [...form.querySelectorAll("button")].find((b) => fields.includes(b.value) && b.value) || form.querySelector("button.primary") || form.querySelector("button:not([formaction])");
		setTimeout(() => button.click());
		return true;
	})()`, action, action, pairs)
	v.goes(press)
	if again := fmt.Sprintf(`(() => { const f = [...document.forms].find((f) => f.getAttribute("action") === %q && f.querySelector('[name=sure]')); if (!f) return false; const b = f.querySelector("button"); setTimeout(() => b.click()); return true })()`, action); browser.Eval[bool](v.Browser, fmt.Sprintf(`!![...document.forms].find((f) => f.getAttribute("action") === %q && f.querySelector('[name=sure]'))`, action)) {
		v.goes(again)
	}
	if alert := browser.Eval[string](v.Browser, "document.querySelector('main > .note.bad')?.innerText ?? ''"); alert != "" {
		v.s.t.Fatalf("%s at %s: %s", v.name, action, alert)
	}
}

// move makes a move of a case by its form.
func (v *visitor) move(id, move string, fields ...string) {
	v.s.t.Helper()
	v.open("/docket/" + id + "/" + move)
	v.send("/docket/"+id+"/"+move, fields...)
}

// shows fails the test unless the page says something.
func (v *visitor) shows(texts ...string) {
	v.s.t.Helper()
	page := v.text()
	for _, want := range texts {
		if !strings.Contains(page, want) {
			v.s.t.Errorf("%s does not see %q at %s:\n%s", v.name, want, browser.Take(v.Browser, chromedp.Location()), page)
		}
	}
}

// enters lets somebody in for the first time: the invitation, then the passkey.
func (s *stage) enters(name, secret string) *visitor {
	s.t.Helper()
	b := s.first
	if name != "noor" {
		b = s.first.Another()
	}
	v := &visitor{b, s, name}
	v.open("/enrol")
	b.Authenticator()
	v.send("/enrol/look", "code", secret)
	v.send("/enrol", "label", "key of "+name)
	v.shows("My account")
	return v
}

// TestTheStoryInBrowsers: a demand from its receipt to its end, clicked through by
// the people whose work it is, each at a browser and with a passkey of their own;
// the authority fetches, the customer reads the notice, and a stranger checks.
func TestTheStoryInBrowsers(t *testing.T) {
	server := run(t, "--ledger-interval", "1s", "--provider-name", "Fjordhost", "--provider-time-zone", "Europe/Berlin", "--provider-contact", "legal@fjordhost.example")
	cred := server.customer("harbour-clinic")
	client := server.client(cred, server.s3)
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(client.MakeBucket(ctx, "ward-seven", minio.MakeBucketOptions{}))
	for i := range 3 {
		body := fmt.Sprintf("letter %d: she may go home", i)
		_, err := client.PutObject(ctx, "ward-seven", fmt.Sprintf("letters/%d.txt", i), strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
		must(err)
	}
	s := newStage(t, server)
	socket, err := api.Dial(ctx, datafolder.Folder(server.data))
	must(err)
	defer socket.Close()
	first, err := socket.InviteUser(ctx, "harbour-clinic", "cleo", false)
	must(err)

	noor, mira, theo := s.enters("noor", s.invited("noor")), s.enters("mira", s.invited("mira")), s.enters("theo", s.invited("theo"))
	jun, sam := s.enters("jun", s.invited("jun")), s.enters("sam", s.invited("sam"))
	cleo, olu := s.enters("cleo", first.Secret), s.enters("olu", s.invited("olu"))

	// A custodian will sign in the browser: the quorum takes the passkey into its set.
	s.passkeyOf(jun)

	// Intake enters the order.
	noor.open("/intake/eu.epoc")
	noor.Inspect("story-intake")
	order := filepath.Join(t.TempDir(), "order.pdf")
	must(os.WriteFile(order, []byte("%PDF-1.7\n% an order of the Tribunal de Valbrume\n"), 0o600))
	now := time.Now().In(mustZone(t, "Europe/Berlin"))
	noor.Do(chromedp.SetUploadFiles(chromedp.CSS(`input[type=file][name=order]`), []string{order}))
	noor.send("/intake/eu.epoc", "reference", "7 Gs 412/26", "issuer", "Tribunal de Valbrume", "country", "FR", "kind", "court", "channel", "national-system",
		"received", now.Add(-time.Minute).Format("2006-01-02T15:04"), "signed", now.AddDate(0, 0, -1).Format("2006-01-02"), "matter", "criminal", "offence", "fraud",
		"classes", "content", "identifiers", "harbour-clinic", "language", "fr")
	id := strings.TrimPrefix(browser.Eval[string](noor.Browser, "location.pathname"), "/intake/received/")
	if _, err := writ.ParseCaseID(id); err != nil {
		t.Fatalf("after entering it: %s", noor.text())
	}
	noor.move(id, "authenticate", "means", "national-system", "genuine", "yes", "note", "seal verified by the system")
	noor.move(id, "preserve", "customer", "harbour-clinic", "places", "ward-seven/letters/", "why", "Article 10(1)")

	// Counsel judges it, two determine, and it is approved.
	mira.open("/docket")
	mira.shows("7 Gs 412/26")
	mira.Inspect("story-board")
	mira.move(id, "identify", "customer", "harbour-clinic", "how", "the account's name")
	mira.open("/docket/" + id + "/scope")
	mira.send("/docket/"+id+"/scope", "classes", "content", "b.0.bucket", "ward-seven", "b.0.p.0", "letters/", "do", "save")
	mira.move(id, "secrecy", "basis", "")
	mira.move(id, "review")
	c := s.look(id)
	var open []string
	for _, f := range c.Findings {
		if f.Outcome != "pass" {
			open = append(open, "rules", f.Rule)
		}
	}
	if len(open) > 0 {
		mira.move(id, "determine", append(open, "reason", "read and judged")...)
		theo.move(id, "second", "reason", "agreed")
	}
	mira.move(id, "approve")
	mira.move(id, "draft")
	mira.open("/docket/" + id)
	mira.Inspect("story-case")

	// One custodian signs off line, the other in the browser.
	ada, done := s.desk("ada")
	defer done()
	must(s.signCase(ada, "ada", id))
	jun.open("/custodian")
	jun.shows(id)
	jun.open("/custodian/" + id)
	jun.Inspect("story-custodian")
	jun.send("/custodian/" + id + "/sign")
	for n := 0; s.look(id).Writ.Minted.IsZero(); n++ { // once it is in a published batch
		if n == 400 {
			t.Fatalf("both signed, and there is no writ: %+v %+v\n%s", s.look(id).Needs, s.look(id).Writ, jun.text())
		}
		time.Sleep(25 * time.Millisecond)
	}

	// Production packs it for the court, and hands over a code.
	court, err := age.GenerateX25519Identity()
	must(err)
	sam.move(id, "produce", "recipients", court.Recipient().String())
	sam.shows("The package is made.")
	if c := s.look(id); c.Production == nil || c.Production.Objects != 3 {
		t.Fatalf("packed: %+v", c.Production)
	}
	sam.move(id, "deliver", "means", "download", "times", "3")
	code := browser.Eval[string](sam.Browser, `[...document.querySelectorAll("main code")].map((e) => e.innerText).find((t) => t.length === 32) ?? ""`)
	if code == "" {
		t.Fatalf("no code: %s", sam.text())
	}

	// The court fetches it, with nothing but the code.
	court2 := &visitor{s.first.Another(), s, "court"}
	court2.open("/agency/fetch?case=" + id)
	court2.send("/agency/fetch", "code", code)
	court2.shows("SHA-256")
	court2.Inspect("story-package")
	if n := browser.Eval[int](court2.Browser, `Promise.all([...document.querySelectorAll("a[download]")].map((a) => fetch(a.href).then((r) => r.ok ? 1 : 0))).then((all) => all.reduce((a, b) => a + b, 0))`); n == 0 {
		t.Error("no file comes")
	}

	// The customer knows nothing until secrecy ends, and then reads it all.
	sam.move(id, "confirm", "note", "the court's registry")
	mira.move(id, "reply", "answer", "answered", "reason", "the package was fetched")
	s.told(mira, cleo, id)

	// A stranger checks.
	stranger := &visitor{s.first.Another(), s, "stranger"}
	for _, path := range []string{"/", "/ledger", "/custody", "/policy", "/check"} {
		stranger.open(path)
		if strings.Contains(stranger.text(), "7 Gs 412/26") || strings.Contains(stranger.text(), "harbour-clinic") {
			t.Errorf("%s tells of the case", path)
		}
	}
	stranger.open("/docket/" + id)
	stranger.shows("Sign in")

	d, done := s.desk("noor")
	defer done()
	var authority struct {
		ID string `json:"id"`
	}
	must(d.Do(ctx, http.MethodPost, "authorities", api.AuthorityInput{Name: "Tribunal de Valbrume", Country: "FR", Kind: "court"}, &authority))
	c = s.look(id)
	s.gallery(map[string]string{
		"case": id, "instrument": "eu.epoc", "document": c.Documents[0].ID.String(), "kind": "acknowledgement", "index": "1", "bucket": "ward-seven",
		"customer": "harbour-clinic", "person": "mira.lindqvist", "authority": authority.ID, "demand": id,
	}, map[string]*visitor{
		"stranger": stranger, "intake": noor, "counsel": mira, "custodian": jun, "production": sam, "customer": cleo, "operator": olu, "any": mira, "who": mira,
	})
}

// told ends the secrecy, if there is one, and looks at what the customer gets.
func (s *stage) told(mira, cleo *visitor, id string) {
	s.t.Helper()
	cleo.open("/my/notices")
	before := cleo.text()
	if strings.Contains(before, "7 Gs 412/26") {
		s.t.Errorf("told too early: %s", before)
	}
	mira.open("/docket/" + id)
	mira.move(id, "lift", "reason", "the authority has told the clinic")
	for range 200 {
		cleo.open("/my/notices")
		if strings.Count(cleo.text(), "\n") > strings.Count(before, "\n") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	cleo.Inspect("story-notices")
	cleo.goes(`(() => { const a = document.querySelector('main a[href^="/my/notices/"]'); if (!a) return false; setTimeout(() => a.click()); return true })()`)
	cleo.shows("Tribunal de Valbrume")
	cleo.Inspect("story-notice")
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// newStage names the people, and starts a browser that trusts the server's
// certificate.
func newStage(t *testing.T, server *server) *stage {
	t.Helper()
	s := &stage{bureau: newBureau(server)}
	c, err := api.Dial(context.Background(), datafolder.Folder(server.data))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	at, err := c.Server(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	u := url.URL{Scheme: "https", Host: strings.Replace(at.Web, "127.0.0.1", "localhost", 1)}
	s.url = u.String()
	var leaf *x509.Certificate
	for _, name := range []string{"localhost"} {
		conn, err := tls.Dial("tcp", at.Web, &tls.Config{ServerName: name, InsecureSkipVerify: true}) // whatever it shows is what the browser is told to trust
		if err != nil {
			t.Fatal(err)
		}
		leaf = conn.ConnectionState().PeerCertificates[0]
		conn.Close()
	}
	s.first = browser.New(t, leaf)
	return s
}

// invited is an invitation that somebody made for themself, with a token of theirs.
func (s *stage) invited(name string) string {
	s.t.Helper()
	d, done := s.desk(name)
	defer done()
	var inv api.Invited
	if err := d.Do(context.Background(), http.MethodPost, "invitations", map[string]any{"person": s.person(name)}, &inv); err != nil {
		s.t.Fatal(err)
	}
	return inv.Secret
}

// person is somebody's full name.
func (s *stage) person(first string) writ.Person {
	for full := range people {
		if strings.HasPrefix(full, first+".") {
			return writ.Person(full)
		}
	}
	s.t.Fatal("nobody is called", first)
	return ""
}

// look is the case as it stands.
func (s *stage) look(id string) api.Case {
	s.t.Helper()
	d, done := s.desk("mira")
	defer done()
	c, err := d.Case(context.Background(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// passkeyOf makes somebody a passkey that signs writs, in their browser, and has
// the quorum put it into the next set.
func (s *stage) passkeyOf(v *visitor) {
	s.t.Helper()
	v.open("/custodian/set")
	v.send("/custodian/set/passkey")
	v.send("/custodian/set/proof")
	card, err := policy.ParsePasskeyCard([]byte(browser.Eval[string](v.Browser, `document.getElementById("f-card").value`)))
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := policy.NewPasskeyMember(card, writ.RoleCustodian, false)
	if err != nil {
		s.t.Fatal(err)
	}
	digest := s.set.Digest()
	next := s.set
	next.Number, next.Previous, next.At, next.Members = 2, digest[:], time.Now().UTC().Truncate(time.Second), append(slices.Clone(s.set.Members), m)
	payload, err := next.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	e := policy.NewEnvelope(policy.TypeSet, payload)
	for _, name := range []string{"ada", "jun"} {
		e.Add(s.sign(name, policy.TypeSet, payload))
	}
	envelope, err := e.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	d, done := s.desk("mira")
	defer done()
	if _, err := d.SetCustodians(context.Background(), bytes.TrimSpace(envelope)); err != nil {
		s.t.Fatal(err)
	}
}
