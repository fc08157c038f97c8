package custodian_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"

	"writ"
	"writ/internal/api/apitest"
	offline "writ/internal/custodian"
	"writ/internal/policy"
	"writ/internal/policy/policytest"
	"writ/internal/testenv/authenticator"
)

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
