package custodian_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"writ"
	"writ/internal/api"
	"writ/internal/console"
	"writ/internal/console/consoletest"
	"writ/internal/console/custodian"
	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/policy"
	"writ/internal/policy/policytest"
	"writ/internal/testenv/authenticator"
)

// rig serves the pages under the name that the passkeys of tests are for.
func rig(t *testing.T) *consoletest.Rig {
	t.Helper()
	return consoletest.New(t, func(r *consoletest.Rig) []page.Room {
		return []page.Room{custodian.Room(custodian.Rooms{Desk: r.Desk, Where: func() (string, string) { return policytest.RP, policytest.Origin }})}
	})
}

// enrolled puts a set in force that has passkeys beside the keys of the one
// before, signed by its quorum.
func enrolled(r *consoletest.Rig, members ...policy.Member) {
	r.T.Helper()
	now, err := r.House.Desk("mira").Custodians(r.Ctx)
	r.Must(err)
	next, digest := *now.Set, now.Set.Digest()
	next.Number, next.Previous, next.At = next.Number+1, digest[:], r.Now().UTC().Truncate(time.Second)
	next.Members = append(next.Members, members...)
	payload, err := next.Encode()
	r.Must(err)
	e := policy.NewEnvelope(policy.TypeSet, payload)
	for _, p := range []writ.Person{"ada.okafor", "jun.park"} {
		e.Add(r.Sign(p, policy.TypeSet, payload))
	}
	envelope, err := e.Encode()
	r.Must(err)
	_, err = r.House.Desk("mira").SetCustodians(r.Ctx, envelope)
	r.Must(err)
}

func passkeys(r *consoletest.Rig) {
	r.T.Helper()
	enrolled(r, policytest.New("ada.okafor").Member(r.T, writ.RoleCustodian, true), policytest.New("jun.park").Member(r.T, writ.RoleCustodian, false))
}

func drafted(r *consoletest.Rig) string {
	r.T.Helper()
	r.Put("letters/1.txt", "Ines Calder, ward seven: discharged")
	return r.Drafted("7 Gs 431/26")
}

// asked is what a person is asked to sign.
func asked(r *consoletest.Rig, who, id string) api.ToSign {
	r.T.Helper()
	ask, err := r.House.Desk(who).ToSign(r.Ctx, id)
	r.Must(err)
	return ask
}

var b64 = base64.RawURLEncoding.EncodeToString

// answered is an assertion as console.js posts it.
func answered(p policytest.Passkey, challenge []byte, how ...func(*authenticator.Ceremony)) string {
	a := p.Passkey.Sign(challenge, how...)
	b, _ := json.Marshal(map[string]any{"id": b64(p.ID), "rawId": b64(p.ID), "type": "public-key", "response": map[string]string{
		"clientDataJSON": b64(a.ClientData), "authenticatorData": b64(a.AuthData), "signature": b64(a.Sig),
	}})
	return string(b)
}

// options are what a page gives the browser.
type options struct {
	Challenge string                    `json:"challenge"`
	RP        string                    `json:"rpId"`
	Allow     []struct{ ID string }     `json:"allowCredentials"`
	Verify    string                    `json:"userVerification"`
	User      struct{ ID, Name string } `json:"user"`
}

func (o options) bytes(t *testing.T) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(o.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ready(t *testing.T, body string) (o options) {
	t.Helper()
	m := regexp.MustCompile(`data-ready="([^"]*)"`).FindStringSubmatch(body)
	if m == nil {
		t.Fatal("the page asks no passkey")
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestPages: every page in every language, without a raw key, and the list, the
// numbers and the sheet as they are.
func TestPages(t *testing.T) {
	r := rig(t)
	passkeys(r)
	one := drafted(r)
	ask := asked(r, "jun", one)
	_, err := r.House.Desk("ada").Move(r.Ctx, one, "decline", api.DeclineInput{Digest: ask.Digest, Reason: "the prefix covers other patients"})
	r.Must(err)
	sig := r.Sign("lena.virtanen", ask.Type, ask.Payload)
	_, err = r.House.Desk("lena").Move(r.Ctx, one, "sign", api.SignInput{Digest: ask.Digest, Key: sig.KeyID, Sig: sig.Sig})
	r.Must(err)
	for _, lang := range page.Languages {
		for _, c := range []struct{ who, path string }{
			{"jun", "/custodian"}, {"lena", "/custodian"}, {"ada", "/custodian"}, {"jun", "/custodian/" + one}, {"ada", "/custodian/" + one}, {"lena", "/custodian/" + one},
			{"jun", "/custodian/history"}, {"lena", "/custodian/history"}, {"ada", "/custodian/history"}, {"jun", "/custodian/set"}, {"mira", "/custodian/set"},
		} {
			got := r.Get(c.who, c.path, "Accept-Language", lang)
			if got.Status != 200 || !strings.Contains(got.Body, `<html lang="`+lang+`"`) || strings.Count(got.Body, "<h1") != 1 {
				t.Errorf("%s %s as %s: %d", lang, c.path, c.who, got.Status)
			}
			text := strings.ReplaceAll(got.Body, "writ.fjordhost.example", "")
			if found := raw.FindString(text); found != "" {
				t.Errorf("%s %s shows the key %s", lang, c.path, found)
			}
			for _, bad := range []string{"ZgotmplZ", "<no value>", "%!", " style=", "<script>"} {
				if strings.Contains(text, bad) {
					t.Errorf("%s %s shows %q", lang, c.path, bad)
				}
			}
			if n := len(got.Body); n > 60<<10 {
				t.Errorf("%s %s has %d bytes", lang, c.path, n)
			}
		}
	}
	wants := func(who, path string, texts ...string) {
		t.Helper()
		body := html.UnescapeString(r.Get(who, path).Body)
		for _, text := range texts {
			if !strings.Contains(body, text) {
				t.Errorf("%s as %s doesn't say %q", path, who, text)
			}
		}
	}
	wants("jun", "/custodian", one, "harbour-clinic", "ward-seven", "letters/", "Tribunal de Valbrume, FR", "1 object", "1 of 2 signed", "(lena.virtanen)", "one was made off line", "1 custodian declined")
	wants("lena", "/custodian", "No writ waits for your signature.", "You have signed; others have not yet.")
	wants("ada", "/custodian", "you declined")
	sheet := ask.Sheet
	wants("jun", "/custodian/"+one, append(strings.Split(strings.TrimSpace(sheet), "\n")[:20], ask.Digest, "harbour-clinic · ", "epoc.pdf", "the prefix covers other patients",
		"writ custodian sign "+one+".writ --key KEYFILE", "writ --server "+policytest.Origin+" --token-file TOKENFILE custodian approve "+one, "/docket/"+one+"?part=documents")...)
	wants("lena", "/custodian/history", "signed", one, policy.KeyID(r.Keys["lena.virtanen"].Public().(ed25519.PublicKey)))
	wants("ada", "/custodian/history", "declined", "the prefix covers other patients")
	wants("jun", "/custodian/set", policytest.New("jun.park").Card(t).Fingerprint, "stays on its device", "outside the operator", "1 passkey of yours is in the set already")
}

// raw is a message's key, as a page would show one that a language lacks.
var raw = regexp.MustCompile(`(custodian|done)\.[a-z][a-z-]*(\.[a-z-]+)?`)

// TestDecline: a refusal has its reason, keeps what was typed, and is on record.
func TestDecline(t *testing.T) {
	r := rig(t)
	one := drafted(r)
	ask := asked(r, "ada", one)
	for name, c := range map[string]struct {
		form   url.Values
		status int
	}{
		"no reason":  {url.Values{"digest": {ask.Digest}}, 422},
		"too long":   {url.Values{"digest": {ask.Digest}, "reason": {strings.Repeat("x", 20_000)}}, 422},
		"no digest":  {url.Values{"reason": {"typed"}}, 422},
		"other case": {url.Values{"digest": {hex.EncodeToString(make([]byte, 32))}, "reason": {"typed"}}, 409},
	} {
		got := r.Post("ada", "/custodian/"+one+"/decline", c.form)
		if got.Status != c.status || !strings.Contains(got.Body, `role="alert"`) || c.form.Get("reason") == "typed" && !strings.Contains(got.Body, ">typed</textarea>") {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	got := r.Post("ada", "/custodian/"+one+"/decline", url.Values{"digest": {ask.Digest}, "reason": {"the prefix covers other patients"}})
	if got.Status != 303 || !strings.HasSuffix(got.Head.Get("Location"), "custodian-declined") {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	c, err := r.House.Desk("mira").Case(r.Ctx, one)
	r.Must(err)
	if len(c.Writ.Refused) != 1 || c.Writ.Refused[0].By != "ada.okafor" || c.Writ.Refused[0].Reason != "the prefix covers other patients" {
		t.Errorf("the case has %+v", c.Writ.Refused)
	}
	if body := r.Get("ada", "/custodian/"+one+"?done=custodian-declined").Body; !strings.Contains(body, "your reason is on record") || !strings.Contains(body, "You may still sign it") {
		t.Error("the page doesn't say what was done")
	}
}

// TestStanding: who acted in the case otherwise, or has no key, is told so and
// shown no form; whoever sends one is refused.
func TestStanding(t *testing.T) {
	r := rig(t)
	one := drafted(r)
	r.Hire("theo", "theo.brandt", writ.RoleCustodian)
	r.Hire("sam", "sam.ortiz", writ.RoleCustodian)
	for who, says := range map[string]string{"theo": "You have acted in this case as counsel", "sam": "You have no custodian’s key"} {
		for _, path := range []string{"/custodian", "/custodian/" + one} {
			if body := r.Get(who, path).Body; !strings.Contains(body, says) || strings.Contains(body, `action="/custodian/`) {
				t.Errorf("%s at %s isn't told %q, or has a form", who, path, says)
			}
		}
	}
	ask := asked(r, "ada", one)
	if got := r.Post("theo", "/custodian/"+one+"/decline", url.Values{"digest": {ask.Digest}, "reason": {"x"}}); got.Status != 403 {
		t.Errorf("counsel of the case declines: %d", got.Status)
	}
	if got := r.Get("ada", "/custodian/2026-AAAA-AAAA"); got.Status != 404 {
		t.Errorf("a case that isn't there: %d", got.Status)
	}
	for _, bad := range []string{"x", "%1b%5b2J", "%3Cscript%3E", strings.Repeat("a", 5000)} {
		if got := r.Get("ada", "/custodian/"+bad); got.Status != 404 || strings.Contains(alert(got.Body), "\x1b") || strings.Contains(alert(got.Body), "<script>") {
			t.Errorf("%.20s: %d", bad, got.Status)
		}
	}
}

// alert is what a page says was wrong.
func alert(body string) string {
	return regexp.MustCompile(`(?s)<div class="note bad" role="alert">.*?</div>`).FindString(body)
}

// TestRoles: no other role gets in, and nobody who isn't signed in.
func TestRoles(t *testing.T) {
	r := rig(t)
	one := drafted(r)
	in := map[string]string{"signers": "ada jun lena", "sets": "ada jun lena mira theo", "counsel": "mira theo"}
	for _, c := range []struct{ method, path, in string }{
		{"GET", "/custodian", "signers"}, {"GET", "/custodian/history", "signers"}, {"GET", "/custodian/" + one, "signers"}, {"GET", "/custodian/" + one + "/file", "signers"},
		{"POST", "/custodian/" + one + "/confirm", "signers"}, {"POST", "/custodian/" + one + "/sign", "signers"}, {"POST", "/custodian/" + one + "/offline", "signers"},
		{"POST", "/custodian/" + one + "/decline", "signers"}, {"GET", "/custodian/" + one + "/waiver", "sets"}, {"POST", "/custodian/" + one + "/waiver", "sets"}, {"POST", "/custodian/" + one + "/waiver/open", "sets"},
		{"POST", "/custodian/" + one + "/waiver/sign", "sets"}, {"POST", "/custodian/" + one + "/waiver/file", "sets"}, {"POST", "/custodian/" + one + "/waiver/send", "counsel"},
		{"GET", "/custodian/set", "sets"}, {"POST", "/custodian/set/passkey", "sets"},
		{"POST", "/custodian/set/proof", "sets"}, {"POST", "/custodian/set/card", "sets"},
	} {
		for _, who := range []string{"", "ada", "jun", "lena", "mira", "theo", "noor", "sam", "esi", "jun operator", "customer", "officer"} {
			got := r.Get(who, c.path)
			if c.method == "POST" {
				got = r.Post(who, c.path, url.Values{})
			}
			refused := got.Status == 401 || got.Status == 403 || got.Status == 303 && strings.HasPrefix(got.Head.Get("Location"), "/sign-in")
			may := false
			for _, name := range strings.Fields(in[c.in]) {
				may = may || name == who
			}
			if refused == may {
				t.Errorf("%s %s as %q: %d", c.method, c.path, who, got.Status)
			}
		}
	}
}

// TestNameless: a server without a name neither makes passkeys nor asks any.
func TestNameless(t *testing.T) {
	r := consoletest.New(t, func(r *consoletest.Rig) []page.Room {
		return []page.Room{custodian.Room(custodian.Rooms{Desk: r.Desk})}
	})
	passkeys(r)
	one := drafted(r)
	if body := r.Get("jun", "/custodian/"+one).Body; strings.Contains(body, "data-ready") || !strings.Contains(body, policytest.Origin) {
		t.Error("a page of no name asks a passkey, or doesn't say where it signs")
	}
	if body := r.Get("jun", "/custodian/set").Body; strings.Contains(body, "data-passkey") || !strings.Contains(body, "this server has no name") {
		t.Error("a server of no name makes passkeys")
	}
	if got := r.Post("jun", "/custodian/set/passkey", url.Values{"response": {"{}"}}); got.Status != 422 {
		t.Errorf("a passkey for no name: %d", got.Status)
	}
}

// TestHostile: whatever authorities and colleagues write is shown, not obeyed.
func TestHostile(t *testing.T) {
	r := rig(t)
	long := strings.Repeat("wörter", 20_000/7)
	nasty := `"><script>alert(1)</script>` + "\u202egnp.exe"
	r.Put("letters/1.txt", "Ines Calder")
	id := r.Drafted(nasty, func(d *docket.Demand) { d.Issuer.Name = `"><script>alert(2)</script>` })
	ask := asked(r, "ada", id)
	for _, reason := range []string{nasty + "\x1b[2J" + "\nsecond line", long} {
		_, err := r.House.Desk("lena").Move(r.Ctx, id, "decline", api.DeclineInput{Digest: ask.Digest, Reason: reason})
		if err != nil && reason == long {
			continue // over the docket's own bound
		}
		r.Must(err)
	}
	for _, path := range []string{"/custodian", "/custodian/" + id, "/custodian/history"} {
		for _, who := range []string{"ada", "lena"} {
			body := r.Get(who, path).Body
			for _, bad := range []string{"<script>alert", "\u202e", "\x1b"} {
				if strings.Contains(body, bad) {
					t.Errorf("%s as %s obeys %q", path, who, bad)
				}
			}
		}
	}
	if body := r.Get("ada", "/custodian/"+id).Body; !strings.Contains(body, `\u202egnp.exe`) || !strings.Contains(body, "&lt;script&gt;") {
		t.Error("what was written is not shown")
	}
}

// TestStale: who was verified long ago confirms first, and is shown no form that
// signs.
func TestStale(t *testing.T) {
	r := rig(t)
	passkeys(r)
	one := drafted(r)
	c, err := console.New(console.Config{Operator: "Fjordhost", Version: "test", Guard: stale{r}, Now: r.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Rooms: []page.Room{custodian.Room(custodian.Rooms{Desk: r.Desk, Where: func() (string, string) { return policytest.RP, policytest.Origin }})}})
	r.Must(err)
	mux := http.NewServeMux()
	c.Register(mux)
	body := serve(mux, "GET", "/custodian/"+one, nil).Body.String()
	if !strings.Contains(body, `action="/custodian/`+one+`/confirm"`) || !strings.Contains(body, `data-options="/step-up/options"`) {
		t.Error("the page doesn't ask who it is")
	}
	if strings.Contains(body, "data-ready") || strings.Contains(body, "/sign\"") || strings.Contains(body, "/offline\"") {
		t.Error("the page has a form that signs")
	}
	got := serve(mux, "POST", "/custodian/"+one+"/confirm", url.Values{"ceremony": {"c"}, "response": {"r"}})
	if got.Code != 303 || got.Header().Get("Location") != "/custodian/"+one+"#sign" {
		t.Errorf("confirmed: %d %s", got.Code, got.Header().Get("Location"))
	}
}

// stale is somebody who was verified ten minutes ago.
type stale struct{ r *consoletest.Rig }

// Who implements [console.Guard].
func (g stale) Who(r *http.Request) (page.Visitor, context.Context, error) {
	who := g.r.Identity("jun")
	v := page.Visitor{Kind: page.Staff, Name: "jun.park", Person: who.Person, Roles: []writ.Role{writ.RoleCustodian}, Session: "TESTSESSION", Fresh: g.r.Now().Add(-10 * time.Minute)}
	return v, api.As(r.Context(), who), nil
}

// Refused implements [console.Guard].
func (g stale) Refused(context.Context, page.Visitor, string, string) error { return nil }

// Verify implements [console.Guard].
func (g stale) Verify(_ http.ResponseWriter, r *http.Request, who page.Visitor, _, _ string) (page.Visitor, context.Context, error) {
	who.Fresh = g.r.Now()
	return who, r.Context(), nil
}

func serve(h http.Handler, method, path string, form url.Values) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// created is the authenticator data of a new credential (WebAuthn, 6.1), with its
// key as CTAP2 spells a COSE_Key.
func created(p policytest.Passkey) []byte {
	rp, spki := sha256.Sum256([]byte(p.RP)), p.Public()
	head := append(rp[:], authenticator.UserPresent|authenticator.UserVerified|authenticator.NewCredential, 0, 0, 0, 0)
	head = append(head, make([]byte, 16)...)
	head = binary.BigEndian.AppendUint16(head, uint16(len(p.ID)))
	return slices.Concat(head, p.ID, []byte("\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"), spki[27:59], []byte("\x22\x58\x20"), spki[59:])
}

// attestation is what navigator.credentials.create returns, without attestation.
func attestation(auth []byte) []byte {
	b, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": auth})
	if err != nil {
		panic(err) // texts and bytes
	}
	return b
}
