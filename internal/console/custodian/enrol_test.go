package custodian_test

import (
	"bytes"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"writ/internal/api/apitest"
	"writ/internal/policy"
	"writ/internal/policy/policytest"
	"writ/internal/testenv/authenticator"
)

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
