package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"writ"
	"writ/internal/records"
	"writ/internal/staff"
)

// OIDC is an identity provider by which persons of the staff may sign in. It names
// persons who are there already, and gives nobody a role. Whoever runs it can sign in
// as anybody whom it names; therefore nothing is approved without a passkey of ours.
type OIDC struct {
	Issuer   string // https URL
	Client   string
	Secret   string // of the client; empty for a public client
	Redirect string // https URL of the console, where the provider sends browsers back
	Claim    string // which claim of the ID token is the person's name here, letter for letter; default preferred_username
	HTTP     *http.Client
}

const (
	maxProvider  = 1 << 20          // bytes of one answer of the provider's
	providerWait = 15 * time.Second // for one answer
)

// provider is the identity provider, found when it is first needed: that it is away
// must not keep the server from starting.
type provider struct {
	OIDC
	now   func() time.Time
	mu    sync.Mutex // guards found
	found *oidc.Provider
}

func newProvider(c OIDC, now func() time.Time) (*provider, error) {
	for _, text := range []string{c.Issuer, c.Redirect} {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost") {
			return nil, fmt.Errorf("%w: %q is not an address of an identity provider or of the console (https://…)", staff.ErrForm, text)
		}
	}
	if c.Client == "" {
		return nil, fmt.Errorf("%w: an identity provider needs the client's id", staff.ErrForm)
	}
	if c.Claim == "" {
		c.Claim = "preferred_username"
	}
	base := http.DefaultTransport
	if c.HTTP != nil && c.HTTP.Transport != nil {
		base = c.HTTP.Transport
	}
	c.HTTP = &http.Client{Transport: bounded{base}, Timeout: providerWait, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &provider{OIDC: c, now: now}, nil
}

// bounded reads no more of an answer than an identity provider has to say.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxProvider), resp.Body}
	}
	return resp, err
}

// at returns the provider's description and the settings of our client.
func (p *provider) at(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found == nil {
		// The description outlives the request: its keys are fetched by this context.
		found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.HTTP), p.Issuer)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: couldn't read the provider's description: %w", ErrNoProvider, err)
		}
		p.found = found
	}
	return p.found, &oauth2.Config{ClientID: p.Client, ClientSecret: p.Secret, RedirectURL: p.Redirect, Endpoint: p.found.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "profile"}}, nil
}

// HasProvider says whether persons can sign in by an identity provider.
func (s *Signin) HasProvider() bool { return s.provider != nil }

// OIDCStart begins to sign a person of the staff in at the identity provider: it
// returns where the browser goes, and a state that the caller keeps in a cookie of
// that browser (HttpOnly, Secure, SameSite=Lax, of this way only). Errors:
// [ErrNoProvider], [ErrTooMany].
func (s *Signin) OIDCStart(ctx context.Context, addr netip.Addr) (where, state string, err error) {
	if s.provider == nil {
		return "", "", ErrNoProvider
	}
	if !s.throttle.Free(clean(addr), s.now()) {
		return "", "", ErrTooMany
	}
	_, client, err := s.provider.at(ctx)
	if err != nil {
		s.Log.Warn("the identity provider can't be reached", "error", err.Error())
		return "", "", ErrNoProvider
	}
	one := &ceremony{kind: atProvider, nonce: secret(), verifier: oauth2.GenerateVerifier()}
	if state = s.ceremonies.begin(one, clean(addr), s.now()); state == "" {
		return "", "", ErrTooMany
	}
	return client.AuthCodeURL(state, oidc.Nonce(one.nonce), oauth2.S256ChallengeOption(one.verifier)), state, nil
}

// OIDCFinish takes what the provider sent the browser back with, and the state of the
// browser's cookie. The session is not verified by passkey: what approves something
// takes [Signin.BeginStepUp]. Errors: [ErrRefused], [ErrCeremony], [ErrNoProvider].
func (s *Signin) OIDCFinish(ctx context.Context, state string, back url.Values, addr netip.Addr, agent string) (cookie string, session Session, err error) {
	if s.provider == nil {
		return "", Session{}, ErrNoProvider
	}
	addr = clean(addr)
	if !s.throttle.Free(addr, s.now()) {
		return "", Session{}, ErrTooMany
	}
	if state == "" || subtle.ConstantTimeCompare([]byte(state), []byte(back.Get("state"))) != 1 {
		return "", Session{}, ErrCeremony
	}
	one := s.ceremonies.take(state, atProvider, s.now())
	if one == nil {
		return "", Session{}, ErrCeremony
	}
	a, err := s.named(ctx, one, back)
	if err == nil {
		err = records.Retry(ctx, s.Records, func(tx records.Tx) error {
			if why, err := s.stands(ctx, tx, a); err != nil {
				return err
			} else if why != "" {
				return &refusal{why}
			}
			cookie, session, err = s.enter(ctx, tx, a, "oidc", false, addr, agent)
			return err
		})
	}
	var r *refusal
	switch {
	case errors.As(err, &r):
		return "", Session{}, errors.Join(r, s.refuse(ctx, "sign-in", a, "oidc", r.why, addr))
	case err != nil:
		return "", Session{}, err
	}
	return cookie, session, nil
}

// named asks the provider who it was. The error is a [*refusal] unless the provider
// is away.
func (s *Signin) named(ctx context.Context, one *ceremony, back url.Values) (Account, error) {
	p := s.provider
	if back.Get("error") != "" || back.Get("code") == "" {
		return Account{}, &refusal{"the identity provider refused"}
	}
	if iss := back.Get("iss"); iss != "" && iss != p.Issuer { // RFC 9207: another provider's answer
		return Account{}, &refusal{"the answer is another identity provider's"}
	}
	found, client, err := p.at(ctx)
	if err != nil {
		s.Log.Warn("the identity provider can't be reached", "error", err.Error())
		return Account{}, ErrNoProvider
	}
	ctx = oidc.ClientContext(ctx, p.HTTP)
	token, err := client.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(one.verifier))
	if err != nil {
		return Account{}, &refusal{"the identity provider gave no token for the code"}
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.Verifier(&oidc.Config{ClientID: p.Client, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		s.Log.Debug("an ID token was refused", "error", err.Error())
		return Account{}, &refusal{"the ID token is not valid"}
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(one.nonce)) != 1 {
		return Account{}, &refusal{"the ID token is of another sign-in"}
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return Account{}, &refusal{"the ID token is not valid"}
	}
	return s.person(claims)
}

// person reads the claim that names the person, letter for letter.
func (s *Signin) person(claims map[string]any) (Account, error) {
	name, _ := claims[s.provider.Claim].(string)
	p, err := writ.ParsePerson(name)
	if err != nil {
		return Account{}, &refusal{"the claim names nobody"}
	}
	return StaffAccount(p), nil
}
