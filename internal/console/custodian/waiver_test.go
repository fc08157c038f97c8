package custodian_test

import (
	"bytes"
	"html"
	"mime/multipart"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"writ"
	"writ/internal/api/apitest"
	"writ/internal/console/page"
	"writ/internal/policy"
	"writ/internal/policy/policytest"
	"writ/internal/testenv/authenticator"
)

var hiddenEnvelope = regexp.MustCompile(`name="envelope" value="([^"]*)"`)

// TestWaiver: drawn up in the browser, signed by counsel's passkey there and by a
// custodian off line, handed in by counsel; nothing less is taken.
func TestWaiver(t *testing.T) {
	r := rig(t)
	enrolled(r, policytest.New("mira.lindqvist").Member(t, writ.RoleCounsel, false), policytest.New("jun.park").Member(t, writ.RoleCustodian, false))
	one := drafted(r)
	at := "/custodian/" + one + "/waiver"
	if body := r.Get("mira", at).Body; !strings.Contains(body, "no quorum has signed yet") || strings.Contains(body, `action="/custodian/`) {
		t.Error("a case without a writ has a waiver")
	}
	draw := url.Values{"reason": {"witness-1 is down since 09:00"}, "hours": {"8"}}
	if got := r.Post("mira", at, draw); got.Status != 409 {
		t.Errorf("a waiver of no writ: %d", got.Status)
	}
	ask := asked(r, "jun", one)
	for who, p := range map[string]writ.Person{"lena": "lena.virtanen", "ada": "ada.okafor"} {
		sig := r.Sign(p, ask.Type, ask.Payload)
		_, err := r.House.Desk(who).Move(r.Ctx, one, "sign", map[string]any{"digest": ask.Digest, "key": sig.KeyID, "sig": sig.Sig})
		r.Must(err)
	}
	if body := r.Get("jun", "/custodian/"+one).Body; !strings.Contains(body, at) {
		t.Error("the writ's page doesn't lead to the waiver")
	}
	for name, c := range map[string]url.Values{
		"no reason": {"hours": {"8"}}, "no hours": {"reason": {"x"}}, "a week": {"reason": {"x"}, "hours": {"168"}}, "less than none": {"reason": {"x"}, "hours": {"-1"}},
		"two lines": {"reason": {"x\ny"}, "hours": {"8"}}, "long": {"reason": {strings.Repeat("x", 20_000)}, "hours": {"8"}},
	} {
		if got := r.Post("mira", at, c); got.Status != 422 || !strings.Contains(got.Body, `role="alert"`) {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	before := r.Kept()
	got := r.Post("mira", at, draw)
	if got.Status != 200 || !strings.Contains(got.Body, "witness-1 is down since 09:00") || !strings.Contains(got.Body, "0 of 2 signed") {
		t.Fatalf("drawn up: %d %s", got.Status, got.Body)
	}
	envelope := html.UnescapeString(hiddenEnvelope.FindStringSubmatch(got.Body)[1])
	e, err := policy.ParseEnvelope([]byte(envelope))
	r.Must(err)
	for _, lang := range page.Languages {
		for _, body := range []string{r.Post("mira", at, draw, "Accept-Language", lang).Body, r.Get("jun", at, "Accept-Language", lang).Body, r.Get("jun", "/custodian/"+one, "Accept-Language", lang).Body} {
			if found := raw.FindString(strings.ReplaceAll(body, "writ.fjordhost.example", "")); found != "" || !strings.Contains(body, `<html lang="`+lang+`"`) {
				t.Errorf("%s shows the key %q", lang, found)
			}
		}
	}
	o, mira := ready(t, got.Body), policytest.New("mira.lindqvist")
	challenge := policy.Challenge(policy.TypeWaiver, e.Payload)
	if o.Challenge != b64(challenge[:]) || o.Allow[0].ID != b64(mira.ID) {
		t.Fatalf("the page asks %+v", o)
	}
	sign := func(who, text, response string) apitest.Reply {
		return r.Post(who, at+"/sign", url.Values{"envelope": {text}, "response": {response}})
	}
	writs := policy.Challenge(ask.Type, ask.Payload)
	for name, c := range map[string]struct {
		who, text, response string
		status              int
	}{
		"the writ's challenge": {"mira", envelope, answered(mira, writs[:]), 403},
		"another page":         {"mira", envelope, answered(mira, challenge[:], func(c *authenticator.Ceremony) { c.Origin = "https://docs.fjordhost.example" }), 403},
		"another's passkey":    {"mira", envelope, answered(policytest.New("jun.park"), challenge[:]), 422},
		"somebody else":        {"jun", envelope, answered(mira, challenge[:]), 422},
		"another case":         {"mira", strings.Replace(envelope, "x", "y", 1), answered(mira, challenge[:]), 422},
		"no waiver":            {"mira", "{}", answered(mira, challenge[:]), 422},
		"no answer":            {"mira", envelope, "", 422},
	} {
		if got := sign(c.who, c.text, c.response); got.Status != c.status {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	got = sign("mira", envelope, answered(mira, challenge[:]))
	if got.Status != 200 || !strings.Contains(got.Body, "1 of 2 signed") || strings.Contains(got.Body, "/waiver/send") {
		t.Fatalf("mira signs: %d", got.Status)
	}
	half := html.UnescapeString(hiddenEnvelope.FindStringSubmatch(got.Body)[1])
	if got := r.Post("mira", at+"/send", url.Values{"envelope": {half}}); got.Status != 403 || !strings.Contains(got.Body, "two persons") {
		t.Errorf("one person's: %d", got.Status)
	}
	file := r.Post("mira", at+"/file", url.Values{"envelope": {half}})
	if file.Status != 200 || file.Body != half {
		t.Errorf("the file: %d", file.Status)
	}
	r.Unchanged(before, "a waiver that nobody handed in")
	// The other signs off line, as writ custodian waiver sign does.
	e, err = policy.ParseEnvelope([]byte(half))
	r.Must(err)
	e.Add(r.Sign("ada.okafor", policy.TypeWaiver, e.Payload))
	whole, err := e.Encode()
	r.Must(err)
	open := func(body []byte) apitest.Reply {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		f, err := w.CreateFormFile("signed", "waiver.json")
		r.Must(err)
		f.Write(body)
		w.Close()
		return r.Upload("mira", at+"/open", w.FormDataContentType(), &b)
	}
	for name, body := range map[string][]byte{"nothing": nil, "a script": []byte("<script>"), "a set": []byte(`{"payloadType":"x"}`), "large": bytes.Repeat([]byte("x"), 100<<10)} {
		if got := open(body); got.Status != 422 {
			t.Errorf("%s is opened: %d", name, got.Status)
		}
	}
	if got := open(whole); got.Status != 200 || !strings.Contains(got.Body, "2 of 2 signed") || !strings.Contains(got.Body, at+"/send") {
		t.Fatalf("opened: %d", got.Status)
	}
	if got := r.Post("ada", at+"/send", url.Values{"envelope": {string(whole)}}); got.Status != 403 {
		t.Errorf("a custodian hands in: %d", got.Status)
	}
	if got := r.Post("mira", at+"/send", url.Values{"envelope": {string(whole)}}); got.Status != 303 || !strings.HasSuffix(got.Head.Get("Location"), "custodian-waived") {
		t.Fatalf("handed in: %d %s", got.Status, got.Body)
	}
	c, err := r.House.Desk("mira").Case(r.Ctx, one)
	r.Must(err)
	if !c.Writ.Waived || !strings.Contains(r.Get("mira", at).Body, "A waiver was handed in") {
		t.Error("the docket has no waiver")
	}
}
