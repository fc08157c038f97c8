package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"writ/internal/staff"
)

// idp is a small identity provider, over real HTTP, that lies on request.
type idp struct {
	*httptest.Server
	key    *ecdsa.PrivateKey // in its published keys
	sign   *ecdsa.PrivateKey // with which it signs
	change func(claims map[string]any)
	now    func() time.Time

	mu    sync.Mutex // guards codes
	codes map[string]url.Values
}

func newIDP(t *testing.T, now func() time.Time) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{key: key, sign: key, now: now, codes: map[string]url.Values{}, change: func(map[string]any) {}}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		b, _ := p.key.PublicKey.Bytes()
		answer(w, map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one", "x": b64(b[1:33]), "y": b64(b[33:])}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		p.mu.Lock()
		asked := p.codes[r.Form.Get("code")]
		delete(p.codes, r.Form.Get("code"))
		p.mu.Unlock()
		sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
		if asked == nil || asked.Get("code_challenge_method") != "S256" || asked.Get("code_challenge") != b64(sum[:]) {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]any{"error": "invalid_grant"})
			return
		}
		claims := map[string]any{
			"iss": p.URL, "aud": "writ-console", "sub": "4711", "nonce": asked.Get("nonce"), "preferred_username": "mira.lindqvist",
			"iat": p.now().Unix(), "exp": p.now().Add(time.Minute).Unix(),
		}
		p.change(claims)
		answer(w, map[string]any{"access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": p.jwt(claims)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (p *idp) jwt(claims map[string]any) string {
	head, _ := json.Marshal(map[string]any{"alg": "ES256", "kid": "one", "typ": "JWT"})
	body, _ := json.Marshal(claims)
	text := b64(head) + "." + b64(body)
	sum := sha256.Sum256([]byte(text))
	r, s, _ := ecdsa.Sign(rand.Reader, p.sign, sum[:])
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + b64(sig)
}

// visit is a browser that signs in at the provider, and what it is sent back with.
func (p *idp) visit(t *testing.T, where string) url.Values {
	t.Helper()
	u, err := url.Parse(where)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("client_id") != "writ-console" || q.Get("response_type") != "code" || q.Get("nonce") == "" || q.Get("code_challenge") == "" || !strings.Contains(q.Get("scope"), "openid") {
		t.Errorf("the browser was sent with %v", q)
	}
	code := secret()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	return url.Values{"state": {q.Get("state")}, "code": {code}}
}

func withProvider(t *testing.T) (*rig, *idp) {
	r := newRig(t)
	p := newIDP(t, r.clock.now)
	r.oidc = &OIDC{Issuer: p.URL, Client: "writ-console", Secret: "of the client", Redirect: origin + "/sign-in/back"}
	r.restart()
	return r, p
}

// TestOIDC: a person with a role is in, not verified; a passkey of theirs verifies.
func TestOIDC(t *testing.T) {
	r, p := withProvider(t)
	where, state, err := r.OIDCStart(r.ctx, home)
	r.must(err)
	back := p.visit(t, where)
	cookie, session, err := r.OIDCFinish(r.ctx, state, back, home, firefox)
	r.must(err)
	if session.Account != StaffAccount(mira) || session.By != "oidc" || !session.Fresh.IsZero() || !r.alive(cookie) {
		t.Errorf("%+v", session)
	}
	r.audited("sign-in", "by oidc")
	_, _, err = r.OIDCFinish(r.ctx, state, back, home, firefox)
	r.refused(err, ErrCeremony, "a replayed state")
	r.refused(r.staff.RequireFresh(r.ctx, r.in(session), "sign-case", ""), staff.ErrFresh, "the provider alone")
	_, _, err = r.BeginStepUp(r.ctx, session)
	r.refused(err, ErrNoPasskey, "without a passkey")
	_, err = r.Invite(r.ctx, Person(r.in(session)), StaffAccount(mira), false)
	r.refused(err, staff.ErrFresh, "the provider alone enrols a passkey")
	_, _, err = r.BeginAnother(r.ctx, session, "")
	r.refused(err, staff.ErrFresh, "the provider alone enrols a passkey")
	m := r.joined(mira)
	_, session, err = r.stepUp(session, m.key)
	r.must(err)
	r.must(r.staff.RequireFresh(r.ctx, r.in(session), "sign-case", ""))
}

// TestOIDCRefuses: whatever the provider's answer is not, it lets nobody in.
func TestOIDCRefuses(t *testing.T) {
	r, p := withProvider(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.must(err)
	set := func(name string, v any) func(map[string]any) { return func(c map[string]any) { c[name] = v } }
	none := func(map[string]any) {}
	for what, one := range map[string]struct {
		change func(map[string]any)
		sign   *ecdsa.PrivateKey
		back   func(url.Values)
		why    string
	}{
		"another nonce":      {change: set("nonce", "x"), why: "another sign-in"},
		"no nonce":           {change: func(c map[string]any) { delete(c, "nonce") }, why: "another sign-in"},
		"another audience":   {change: set("aud", "another-client"), why: "not valid"},
		"another issuer":     {change: set("iss", "https://id.elsewhere.example"), why: "not valid"},
		"expired":            {change: set("exp", r.clock.now().Add(-time.Second).Unix()), why: "not valid"},
		"another key":        {change: none, sign: other, why: "not valid"},
		"nobody":             {change: set("preferred_username", ""), why: "names nobody"},
		"no text":            {change: set("preferred_username", []string{"mira.lindqvist"}), why: "names nobody"},
		"no such person":     {change: set("preferred_username", "esi.mensah"), why: "holds no role"},
		"not quite a person": {change: set("preferred_username", "Mira.Lindqvist"), why: "names nobody"},
		"a mail address":     {change: set("preferred_username", "mira.lindqvist@elsewhere.example"), why: "names nobody"},
		"another code":       {change: none, back: func(v url.Values) { v.Set("code", "x") }, why: "no token"},
		"no code":            {change: none, back: func(v url.Values) { v.Del("code") }, why: "refused"},
		"an error":           {change: none, back: func(v url.Values) { v.Set("error", "access_denied") }, why: "refused"},
		"a mixed-up answer":  {change: none, back: func(v url.Values) { v.Set("iss", "https://id.elsewhere.example") }, why: "another identity provider's"},
	} {
		r.clock.add(10 * time.Minute)
		p.change, p.sign = one.change, p.key
		if what == "expired" {
			p.change = set("exp", r.clock.now().Add(-time.Second).Unix())
		}
		if one.sign != nil {
			p.sign = one.sign
		}
		where, state, err := r.OIDCStart(r.ctx, home)
		r.must(err)
		back := p.visit(t, where)
		if one.back != nil {
			one.back(back)
		}
		cookie, _, err := r.OIDCFinish(r.ctx, state, back, home, firefox)
		r.refused(err, ErrRefused, what)
		if cookie != "" || err.Error() != ErrRefused.Error() {
			t.Errorf("%s is told: %v", what, err)
		}
		if line, _, _ := strings.Cut(r.entries("sign-in"), "\n"); !strings.Contains(line, one.why) {
			t.Errorf("%s: the audit trail says %s", what, line)
		}
	}
	p.change, p.sign = none, p.key

	// A state belongs to one browser, for five minutes.
	where, state, err := r.OIDCStart(r.ctx, home)
	r.must(err)
	back := p.visit(t, where)
	_, others, err := r.OIDCStart(r.ctx, home)
	r.must(err)
	for what, cookie := range map[string]string{"another browser": others, "no cookie": ""} {
		_, _, err = r.OIDCFinish(r.ctx, cookie, back, home, firefox)
		r.refused(err, ErrCeremony, what)
	}
	_, _, err = r.OIDCFinish(r.ctx, "", url.Values{"state": {""}, "code": {"x"}}, home, firefox)
	r.refused(err, ErrCeremony, "no state at all")
	r.clock.add(ceremonyLife)
	_, _, err = r.OIDCFinish(r.ctx, state, back, home, firefox)
	r.refused(err, ErrCeremony, "after five minutes")
	if all, err := r.Sessions(r.ctx, StaffAccount(mira)); err != nil || len(all) > 0 {
		t.Errorf("somebody is in: %+v, %v", all, err)
	}
}

// TestOIDCAway: without the provider nobody comes by it, and the rest goes on; when
// it returns it is found.
func TestOIDCAway(t *testing.T) {
	r := newRig(t)
	if _, _, err := r.OIDCStart(r.ctx, home); !errors.Is(err, ErrNoProvider) || r.HasProvider() {
		t.Error(err)
	}
	p := newIDP(t, r.clock.now)
	p.Close()
	r.oidc = &OIDC{Issuer: p.URL, Client: "writ-console", Redirect: origin + "/sign-in/back"}
	r.restart()
	if _, _, err := r.OIDCStart(r.ctx, home); !errors.Is(err, ErrNoProvider) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Error(err)
	}
	r.joined(mira)
	for _, bad := range []OIDC{
		{Issuer: "http://id.fjordhost.example", Client: "x", Redirect: origin}, {Issuer: "id", Client: "x", Redirect: origin},
		{Issuer: "https://id.fjordhost.example", Redirect: origin}, {Issuer: "https://id.fjordhost.example", Client: "x", Redirect: "/back"},
	} {
		if _, err := newProvider(bad, r.clock.now); !errors.Is(err, staff.ErrForm) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestOrigins: a console where passkeys would not be safe is no console.
func TestOrigins(t *testing.T) {
	for o, ok := range map[string]bool{
		"https://writ.fjordhost.example": true, "https://writ.fjordhost.example:9444": true, "https://office.writ.fjordhost.example": true,
		"http://writ.fjordhost.example": false, "https://fjordhost.example": false, "https://evilwrit.fjordhost.example": false,
		"https://writ.fjordhost.example/": false, "writ.fjordhost.example": false, "": false,
	} {
		if err := checkOrigin(o, domain); (err == nil) != ok {
			t.Errorf("%q: %v", o, err)
		}
	}
	if checkOrigin("http://localhost:9444", "localhost") != nil {
		t.Error("this machine alone, over plain HTTP, is refused")
	}
}
