// Package client holds a server to what it has published: its [Transport] is an
// [http.RoundTripper] that sends a request only after it has verified, against
// keys that you have pinned, that
//
//   - the server's public log is the one you know, its newest checkpoint is
//     fresh, cosigned by the witnesses that your policy asks for, and only
//     appended to since you looked last;
//   - the policy statement in force is the one that you saw before;
//   - the release that the server says it runs is in that log, and is one that
//     you accept.
//
// It verifies before the first request and again after a while; whatever fails
// then, no request leaves, and its error says in a sentence what does not hold.
//
// # What this proves, and what not
//
// It proves what was published: that a program with this source was announced to
// everybody, and that an honest server cannot be given another program without
// saying so in a log that others watch. It does not prove what runs on a machine
// that its operator has altered: such a machine can name any release. Against
// that there are keys that never come to the server.
//
// Verification and requests are connections of their own, tied together by the
// server's name and its certificate only: machines behind one name must show one
// log. A base of your own brings its own trust, which the pins' roots don't
// change. And a state file belongs to one process: of two that share it, the
// last to write is remembered. What a refused server showed is not remembered,
// only what verified.
//
// The pins are yours to get by another way than from the server: in a contract,
// on paper, from a witness. docs/ledger.md describes the formats.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrRefused is in every error of a server that does not verify.
var ErrRefused = errors.New("the server is refused")

// The bounds, unless the pins say otherwise.
const (
	DefaultMaxAge = 10 * time.Minute
	DefaultEvery  = time.Minute

	verifyTime = time.Minute // for one verification
)

// Pins is what is believed on nobody's word.
type Pins struct {
	// Site is the server's web address, where its log is
	// (https://quayside.example:9444). Required.
	Site string
	// LogKey is the verifier key of its log: one line NAME+HASH+KEY. Required.
	LogKey string
	// Policy is the witness policy, as lines. "" asks for no witness: then the
	// log could show somebody else another history.
	Policy string
	// Roots are the certificate authorities of the site; nil is the system's.
	Roots *x509.CertPool

	// MaxAge is how old the newest checkpoint may be; 0 is [DefaultMaxAge].
	MaxAge time.Duration
	// Every is how long a verification is good for; 0 is [DefaultEvery].
	Every time.Duration
	// State is a file that remembers what was seen, so that a rollback or a
	// fork is noticed after a restart too, and evidence is kept beside it. ""
	// remembers as long as the transport lives.
	State string

	// Hosts are the names of the servers that requests may go to; nil is the
	// site's own name, at any port.
	Hosts []string
	// Releases are the versions that are accepted; nil is any that is in the
	// log.
	Releases []string
	// AllowUnlogged accepts a build that is in no release, if the server's
	// policy says so.
	AllowUnlogged bool
	// AcceptPolicy is asked when the policy in force is another than the one
	// seen before, with the bodies of both statements (docs/ledger.md); nil
	// refuses.
	AcceptPolicy func(before, now []byte) bool
}

// Transport is an [http.RoundTripper] that refuses servers. It may be used from
// many goroutines: those that come while it verifies wait for the one
// verification.
type Transport struct {
	pins  Pins
	base  http.RoundTripper
	check *check
	now   func() time.Time

	mu      sync.Mutex
	until   time.Time     // how long the last verification is good
	running *verification // nil if none is under way
}

// verification is one that is under way.
type verification struct {
	done chan struct{}
	err  error // once done is closed
}

// New makes a transport over base; nil is a transport of its own, which trusts
// the pinned roots. Nothing is verified yet.
func New(p Pins, base http.RoundTripper) (*Transport, error) {
	if p.MaxAge == 0 {
		p.MaxAge = DefaultMaxAge
	}
	if p.Every == 0 {
		p.Every = DefaultEvery
	}
	c, err := newCheck(p)
	if err != nil {
		return nil, err
	}
	if p.Hosts == nil {
		p.Hosts = []string{c.site.URL().Hostname()}
	}
	if base == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSClientConfig = &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12}
		base = own
	}
	return &Transport{pins: p, base: base, check: c, now: time.Now}, nil
}

// RoundTrip implements [http.RoundTripper]. Nothing of the request reaches the
// network before the server has verified.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	err := t.allowed(req)
	if err == nil {
		err = t.verified(req.Context())
	}
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	return t.base.RoundTrip(req)
}

// allowed refuses requests to others than the server that is verified.
func (t *Transport) allowed(req *http.Request) error {
	if req.URL.Scheme != "https" { // what answers in plain text has proven no name
		return fmt.Errorf("%w: %s is asked in plain text", ErrRefused, req.URL.Hostname())
	}
	if host := req.URL.Hostname(); !slices.ContainsFunc(t.pins.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return fmt.Errorf("%w: %s is not the server that is verified", ErrRefused, host)
	}
	return nil
}

// Verify verifies the server now, whether or not it is time.
func (t *Transport) Verify(ctx context.Context) error {
	t.mu.Lock()
	t.until = time.Time{}
	t.mu.Unlock()
	return t.verified(ctx)
}

// verified returns nil while a verification is good, and else waits for one.
func (t *Transport) verified(ctx context.Context) error {
	t.mu.Lock()
	if t.running == nil && t.now().Before(t.until) {
		t.mu.Unlock()
		return nil
	}
	v := t.running
	if v == nil {
		v = &verification{done: make(chan struct{})}
		t.running = v
		// It goes on for others if the request that began it ends.
		go t.run(context.WithoutCancel(ctx), v)
	}
	t.mu.Unlock()
	select {
	case <-v.done:
		return v.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Transport) run(ctx context.Context, v *verification) {
	ctx, cancel := context.WithTimeout(ctx, verifyTime)
	defer cancel()
	begun := t.now()
	err := t.check.run(ctx, begun)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until, t.running = time.Time{}, nil
	if err == nil {
		t.until = begun.Add(t.pins.Every)
	}
	v.err = err
	close(v.done)
}
