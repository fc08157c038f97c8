package custodian_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"writ"
	"writ/internal/api"
	"writ/internal/api/apitest"
	"writ/internal/console"
	"writ/internal/console/consoletest"
	"writ/internal/console/custodian"
	"writ/internal/console/page"
	offline "writ/internal/custodian"
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

// TestSignInBrowser: the page's challenge is the one of the very bytes, and what
// the passkey answers is a signature; whatever else it answers is none.
func TestSignInBrowser(t *testing.T) {
	r := rig(t)
	passkeys(r)
	one := drafted(r)
	two := r.Drafted("7 Gs 432/26")
	ask, p := asked(r, "jun", one), policytest.New("jun.park")
	body := r.Get("jun", "/custodian/"+one).Body
	o := ready(t, body)
	want := policy.Challenge(policy.TypeAuthorisation, ask.Payload)
	if o.Challenge != b64(want[:]) || o.RP != policytest.RP || o.Verify != "required" || len(o.Allow) != 1 || o.Allow[0].ID != b64(p.ID) {
		t.Fatalf("the page asks %+v", o)
	}
	for _, text := range []string{"A page could show you one writ", "At least one custodian must still sign off line", "never counts as made off line"} {
		if !strings.Contains(body, text) {
			t.Errorf("the page doesn't say %q", text)
		}
	}
	post := func(who, id, digest, response string) apitest.Reply {
		return r.Post(who, "/custodian/"+id+"/sign", url.Values{"digest": {digest}, "ceremony": {""}, "response": {response}})
	}
	other := asked(r, "jun", two)
	challenge := func(payloadType string, payload []byte) []byte {
		c := policy.Challenge(payloadType, payload)
		return c[:]
	}
	before := r.Kept()
	for name, c := range map[string]struct {
		who, digest, response string
		status                int
		says                  string
	}{
		"another challenge":      {"jun", ask.Digest, answered(p, challenge(other.Type, other.Payload)), 403, "signed something else"},
		"a sign-in":              {"jun", ask.Digest, answered(p, make([]byte, 32)), 403, "signed something else"},
		"a set's challenge":      {"jun", ask.Digest, answered(p, challenge(policy.TypeSet, ask.Payload)), 403, "signed something else"},
		"another page":           {"jun", ask.Digest, answered(p, o.bytes(t), func(c *authenticator.Ceremony) { c.Origin = "https://evil.fjordhost.example" }), 403, "another origin"},
		"a touch alone":          {"jun", ask.Digest, answered(p, o.bytes(t), func(c *authenticator.Ceremony) { c.Flags = authenticator.UserPresent }), 403, "did not verify its user"},
		"in a frame":             {"jun", ask.Digest, answered(p, o.bytes(t), func(c *authenticator.Ceremony) { c.Rest = `,"crossOrigin":true` }), 403, "within another"},
		"what isn't shown":       {"jun", other.Digest, answered(p, o.bytes(t)), 409, "fetch it again"},
		"no digest":              {"jun", "", answered(p, o.bytes(t)), 422, "SHA-256"},
		"another's passkey":      {"jun", ask.Digest, answered(policytest.New("ada.okafor"), o.bytes(t)), 422, "none of yours"},
		"somebody else":          {"ada", ask.Digest, answered(p, o.bytes(t)), 422, "none of yours"},
		"who has no passkey":     {"lena", ask.Digest, answered(p, o.bytes(t)), 422, "none of yours"},
		"nothing":                {"jun", ask.Digest, "", 422, "no passkey answered"},
		"no JSON":                {"jun", ask.Digest, "<script>", 422, "can&#39;t be read"},
		"padded base64":          {"jun", ask.Digest, `{"id":"QQ==","response":{}}`, 422, "can&#39;t be read"},
		"an answer without sign": {"jun", ask.Digest, fmt.Sprintf(`{"id":%q,"response":{}}`, b64(p.ID)), 422, ""},
		"huge":                   {"jun", ask.Digest, `{"id":"` + strings.Repeat("A", 40<<10) + `"}`, 422, "at most"},
	} {
		got := post(c.who, one, c.digest, c.response)
		if got.Status != c.status || !strings.Contains(got.Body, c.says) || !strings.Contains(got.Body, `role="alert"`) {
			t.Errorf("%s: %d, and says %q: %v", name, got.Status, c.says, strings.Contains(got.Body, c.says))
		}
	}
	r.Unchanged(before, "what was refused")

	good := answered(p, o.bytes(t))
	if got := post("jun", one, ask.Digest, good); got.Status != 303 || got.Head.Get("Location") != "/custodian/"+one+"?done=custodian-signed" {
		t.Fatalf("jun signs: %d %s", got.Status, got.Body)
	}
	if now := asked(r, "jun", one); len(now.Signed) != 1 || now.Offline {
		t.Fatalf("after jun: %+v", now.Signed)
	}
	// Two passkeys are no quorum; the page says so, and nothing is in force.
	ada := policytest.New("ada.okafor")
	if got := post("ada", one, ask.Digest, answered(ada, o.bytes(t))); got.Status != 303 || !strings.HasSuffix(got.Head.Get("Location"), "custodian-signed") {
		t.Fatalf("ada signs: %d", got.Status)
	}
	if body := r.Get("ada", "/custodian/"+one).Body; !strings.Contains(body, "2 of 2 signed") || !strings.Contains(body, "one off line is still missing") {
		t.Error("the page doesn't say that one off line is missing")
	}
	// The same answer in another case is none.
	if got := post("jun", two, other.Digest, good); got.Status != 403 {
		t.Errorf("an answer again, in another case: %d", got.Status)
	}
}

// TestSignOffLine: the file of the page, signed by the program of a custodian's
// own machine, is the signature that was missing.
func TestSignOffLine(t *testing.T) {
	r := rig(t)
	passkeys(r)
	one := drafted(r)
	two := r.Drafted("7 Gs 432/26")
	got := r.Get("lena", "/custodian/"+one+"/file")
	if got.Status != 200 || got.Head.Get("Content-Disposition") != `attachment; filename="`+one+`.writ"` {
		t.Fatalf("the file: %d %v", got.Status, got.Head)
	}
	req, err := offline.ParseRequest([]byte(got.Body))
	r.Must(err)
	ask := asked(r, "lena", one)
	if string(req.Case) != one || !bytes.Equal(req.Payload, ask.Payload) || req.Set.Number != 2 {
		t.Fatalf("the file has %+v", req)
	}
	upload := func(who, id string, body []byte) apitest.Reply {
		t.Helper()
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		f, err := w.CreateFormFile("signed", "x.writ")
		r.Must(err)
		f.Write(body)
		w.Close()
		return r.Upload(who, "/custodian/"+id+"/offline", w.FormDataContentType(), &b)
	}
	signed := func(p writ.Person, change func(*offline.Request)) []byte {
		mine := req
		sig := r.Sign(p, policy.TypeAuthorisation, req.Payload)
		mine.Signature = &sig
		if change != nil {
			change(&mine)
		}
		b, err := mine.Encode()
		r.Must(err)
		return b
	}
	before := r.Kept()
	for name, c := range map[string]struct {
		who, id string
		body    []byte
		status  int
		says    string
	}{
		"not signed":       {"lena", one, []byte(got.Body), 422, "is not signed"},
		"another case":     {"lena", two, signed("lena.virtanen", nil), 422, "not of " + two},
		"another's":        {"ada", one, signed("lena.virtanen", nil), 403, "lena.virtanen&#39;s"},
		"a stranger's key": {"lena", one, signed("lena.virtanen", func(q *offline.Request) { q.Signature.KeyID = strings.Repeat("0", 64) }), 403, ""},
		"other bytes":      {"lena", one, signed("lena.virtanen", func(q *offline.Request) { q.Payload = asked(r, "lena", two).Payload }), 409, "fetch it again"},
		"other signature":  {"lena", one, signed("lena.virtanen", func(q *offline.Request) { q.Signature.Sig[0] ^= 1 }), 403, ""},
		"counsel's":        {"lena", one, signed("mira.lindqvist", nil), 403, ""},
		"no file":          {"lena", one, nil, 422, "off line"},
		"something else":   {"lena", one, []byte("%PDF-1.7\x1b[2J"), 422, "not the file"},
		"large":            {"lena", one, bytes.Repeat([]byte(" "), offline.MaxRequest+1), 422, "more than"},
	} {
		got := upload(c.who, c.id, c.body)
		if got.Status != c.status || !strings.Contains(got.Body, c.says) || !strings.Contains(got.Body, `role="alert"`) || strings.Contains(got.Body, "\x1b") {
			t.Errorf("%s: %d, and says %q: %v", name, got.Status, c.says, strings.Contains(got.Body, c.says))
		}
	}
	r.Unchanged(before, "what was refused")
	if got := upload("lena", one, bytes.Repeat([]byte(" "), 1<<20)); got.Status != 413 {
		t.Errorf("past the bound: %d", got.Status)
	}
	// Jun by passkey, lena off line: the quorum.
	p := policytest.New("jun.park")
	r.Post("jun", "/custodian/"+one+"/sign", url.Values{"digest": {ask.Digest}, "response": {answered(p, asked(r, "jun", one).Challenge)}})
	if got := upload("lena", one, signed("lena.virtanen", nil)); got.Status != 303 || !strings.HasSuffix(got.Head.Get("Location"), "custodian-minted") {
		t.Fatalf("lena hands in: %d %s", got.Status, got.Body)
	}
	c, err := r.House.Desk("mira").Case(r.Ctx, one)
	r.Must(err)
	if c.Writ == nil || c.Writ.Minted.IsZero() {
		t.Fatal("the docket has no writ")
	}
	body := r.Get("lena", "/custodian/"+one+"?done=custodian-minted").Body
	if !strings.Contains(body, "The writ is in force since") || strings.Contains(body, "data-passkey") || strings.Contains(body, `action="/custodian/`+one+`/`) {
		t.Error("a writ in force is still to be signed")
	}
}

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

// TestEnrol: a passkey that the browser made and that signs its card leaves the
// card, for this person and these pages; each step verifies all of it again.
func TestEnrol(t *testing.T) {
	r := rig(t)
	o := ready(t, r.Get("jun", "/custodian/set").Body)
	if o.User.Name != "jun.park signs writs" || len(o.User.ID) < 40 {
		t.Errorf("the passkey is named %+v", o.User)
	}
	if again := ready(t, r.Get("jun", "/custodian/set").Body); again.User.ID == o.User.ID {
		t.Error("two passkeys have one user handle: the second would take the first's place")
	}
	p := policytest.New("jun.park")
	before := r.Kept()
	made := func(who string, change func(auth []byte) []byte) apitest.Reply {
		auth := created(p)
		if change != nil {
			auth = change(auth)
		}
		b, _ := json.Marshal(map[string]any{"id": b64(p.ID), "response": map[string]string{"clientDataJSON": b64([]byte("{}")), "attestationObject": b64(attestation(auth))}})
		return r.Post(who, "/custodian/set/passkey", url.Values{"ceremony": {""}, "response": {string(b)}})
	}
	for name, change := range map[string]func([]byte) []byte{
		"nothing":         func([]byte) []byte { return nil },
		"cut":             func(b []byte) []byte { return b[:60] },
		"cut in the key":  func(b []byte) []byte { return b[:len(b)-5] },
		"another page's":  func(b []byte) []byte { b[0] ^= 1; return b },
		"not verified":    func(b []byte) []byte { b[32] &^= authenticator.UserVerified; return b },
		"no credential":   func(b []byte) []byte { b[32] &^= authenticator.NewCredential; return b },
		"another id":      func(b []byte) []byte { b[55] ^= 1; return b },
		"a huge id":       func(b []byte) []byte { b[53], b[54] = 0xff, 0xff; return b },
		"another curve":   func(b []byte) []byte { b[len(b)-77+6] = 2; return b },
		"off the curve":   func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"no authData key": func([]byte) []byte { return []byte{0} },
	} {
		if got := made("jun", change); got.Status != 422 || !strings.Contains(got.Body, `role="alert"`) {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	for name, response := range map[string]string{"no answer": "", "no JSON": "{", "no object": `{"id":"QQ","response":{"attestationObject":"QQ"}}`, "bomb": `{"id":"QQ","response":{"attestationObject":"` + b64(bytes.Repeat([]byte{0x81}, 20_000)) + `"}}`} {
		if got := r.Post("jun", "/custodian/set/passkey", url.Values{"response": {response}}); got.Status != 422 {
			t.Errorf("%s: %d", name, got.Status)
		}
	}

	got := made("jun", nil)
	if got.Status != 200 || !strings.Contains(got.Body, "Now the passkey signs its card") {
		t.Fatalf("made: %d %s", got.Status, got.Body)
	}
	card := p.Card(t)
	challenge, err := card.Challenge()
	r.Must(err)
	if o := ready(t, got.Body); o.Challenge != b64(challenge[:]) || o.Allow[0].ID != b64(p.ID) {
		t.Fatalf("the card's challenge is %+v", o)
	}
	hidden := html.UnescapeString(regexp.MustCompile(`name="card" value="([^"]*)"`).FindStringSubmatch(got.Body)[1])
	prove := func(who, card, response string) apitest.Reply {
		return r.Post(who, "/custodian/set/proof", url.Values{"card": {card}, "response": {response}})
	}
	good := answered(p, challenge[:])
	for name, c := range map[string]struct{ who, card, response string }{
		"another person":      {"ada", hidden, good},
		"another name":        {"jun", strings.Replace(hidden, "jun.park", "lena.virtanen", 1), good},
		"another origin":      {"jun", strings.Replace(hidden, "writ.fjord", "docs.fjord", 1), good},
		"another challenge":   {"jun", hidden, answered(p, make([]byte, 32))},
		"another passkey":     {"jun", hidden, answered(policytest.New("ada.okafor"), challenge[:])},
		"another page":        {"jun", hidden, answered(p, challenge[:], func(c *authenticator.Ceremony) { c.Origin = "https://docs.fjordhost.example" })},
		"another fingerprint": {"jun", strings.Replace(hidden, card.Fingerprint, strings.Repeat("0", 64), 1), good},
		"no answer":           {"jun", hidden, ""},
		"no card":             {"jun", "", good},
		"a large card":        {"jun", hidden + strings.Repeat(" ", policy.MaxCard), good},
	} {
		if got := prove(c.who, c.card, c.response); got.Status != 422 || strings.Contains(got.Body, "The card of your passkey") {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	done := prove("jun", hidden, good)
	if done.Status != 200 || !strings.Contains(done.Body, "Nothing is in force yet") {
		t.Fatalf("proved: %d %s", done.Status, done.Body)
	}
	text := html.UnescapeString(regexp.MustCompile(`(?s)<textarea id="f-card"[^>]*>(.*?)</textarea>`).FindStringSubmatch(done.Body)[1])
	back, err := policy.ParsePasskeyCard([]byte(text))
	if err != nil || back.Fingerprint != card.Fingerprint || back.Person != "jun.park" {
		t.Fatalf("the card is %q: %v", text, err)
	}
	file := r.Post("jun", "/custodian/set/card", url.Values{"card": {text}})
	if file.Status != 200 || file.Body != text+"\n" || file.Head.Get("Content-Disposition") != `attachment; filename="passkey.json"` {
		t.Errorf("the file: %d %v", file.Status, file.Head)
	}
	for name, c := range map[string]struct{ who, card string }{"another's": {"ada", text}, "unproved": {"jun", hidden}, "a page": {"jun", "<html>"}, "nothing": {"jun", ""}} {
		if got := r.Post(c.who, "/custodian/set/card", url.Values{"card": {c.card}}); got.Status != 422 {
			t.Errorf("%s is handed out: %d", name, got.Status)
		}
	}
	r.Unchanged(before, "an enrolment")
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

// TestLook serves the pages for somebody who wants to see them.
func TestLook(t *testing.T) {
	if os.Getenv("WRIT_LOOK") == "" {
		return
	}
	r := rig(t)
	passkeys(r)
	one := drafted(r)
	r.Drafted("7 Gs 432/26")
	three := r.Drafted("7 Gs 433/26")
	ask := asked(r, "jun", three)
	sig := r.Sign("jun.park", ask.Type, ask.Payload)
	_, err := r.House.Desk("jun").Move(r.Ctx, three, "sign", api.SignInput{Digest: ask.Digest, Key: sig.KeyID, Sig: sig.Sig})
	r.Must(err)
	ask = asked(r, "lena", one)
	_, err = r.House.Desk("lena").Move(r.Ctx, one, "decline", api.DeclineInput{Digest: ask.Digest, Reason: "the prefix covers other patients"})
	r.Must(err)
	fmt.Fprintln(os.Stderr, "case", one)
	r.Look()
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
