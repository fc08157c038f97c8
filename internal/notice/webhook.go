package notice

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"writ"
)

// WebhookConfig says which addresses webhooks may reach beyond public ones.
// Customers choose the URLs: without this guard one could make the server knock
// at doors that only it can see (https://owasp.org/www-community/attacks/Server_Side_Request_Forgery).
type WebhookConfig struct {
	// Allow are networks of the operator's own that webhooks may reach although
	// they aren't public.
	Allow []netip.Prefix
	// Roots are the certificates to trust instead of the system's.
	Roots *x509.CertPool
	// Timeout is of one delivery; default 30 seconds.
	Timeout time.Duration
	// PlainLoopback allows http to 127.0.0.0/8 and ::1, for tests.
	PlainLoopback bool
}

// Bounds of what a webhook may answer.
const (
	maxAnswer        = 4 << 10
	maxAnswerHeaders = 16 << 10
)

// errNotPublic: a webhook's host is at an address that it may not reach.
var errNotPublic = errors.New("its host is at an address that webhooks may not reach")

type webhooks struct {
	config WebhookConfig
	client *http.Client
}

func newWebhooks(c WebhookConfig) *webhooks {
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	h := &webhooks{config: c}
	dialer := &net.Dialer{Control: h.control}
	h.client = &http.Client{
		// No proxy: it would resolve and dial for us, past the guard. No
		// connection is kept: one attempt is one connection, so that the
		// transport repeats nothing by itself.
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, DisableCompression: true,
			MaxResponseHeaderBytes: maxAnswerHeaders, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Roots}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return h
}

// control looks at the address that is dialled, after the name was resolved, so
// that no second answer of the DNS gets around it.
func (h *webhooks) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errNotPublic
	}
	ip := at.Addr().Unmap().WithZone("")
	for _, allowed := range h.config.Allow {
		if allowed.Contains(ip) {
			return nil
		}
	}
	if h.config.PlainLoopback && ip.IsLoopback() || public(ip) {
		return nil
	}
	return errNotPublic
}

// notPublic are the networks that are nobody's on the Internet, and those that
// carry an IPv4 address inside, beyond what netip knows (IANA's special-purpose
// registries, RFC 6890). Metadata services are at link-local and unique local
// addresses.
var notPublic = func() (list []netip.Prefix) {
	for _, p := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
		"2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10"} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}()

func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// webhookBody is what is posted: type, timestamp and data as
// standardwebhooks.com has them. docs/notices.md describes it.
type webhookBody struct {
	Type      Kind        `json:"type"`
	Timestamp string      `json:"timestamp"` // RFC 3339, of the message
	Data      webhookData `json:"data"`
}

type webhookData struct {
	Case        writ.CaseID         `json:"case,omitempty"` // not when sealed
	Sealed      bool                `json:"sealed"`
	Language    string              `json:"language"`
	Subject     string              `json:"subject"`
	Text        string              `json:"text"`
	Attachments []webhookAttachment `json:"attachments"`
}

type webhookAttachment struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content []byte `json:"content"` // base64
}

func (p parcel) json(c writ.CaseID) ([]byte, error) {
	body := webhookBody{Type: p.kind, Timestamp: p.date.Format(time.RFC3339), Data: webhookData{Sealed: p.sealed, Language: p.language,
		Subject: p.subject, Text: p.text, Attachments: []webhookAttachment{}}}
	if !p.sealed {
		body.Data.Case = c
	}
	for _, a := range p.attachments {
		body.Data.Attachments = append(body.Data.Attachments, webhookAttachment{a.Name, a.MIME, a.Body})
	}
	return json.Marshal(body)
}

// marking is a request's body that writes the mark down before its first byte
// is read. Without its body no receiver takes a request for a message. The
// transport reads it in a goroutine that may outlive the request: once it is
// shut it gives nothing and marks nothing any more.
type marking struct {
	mu      sync.Mutex
	content []byte // what was not read yet
	mark    func() error
	marked  bool
	err     error // of mark
	closed  bool
}

// Read implements io.Reader.
func (m *marking) Read(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, io.ErrClosedPipe
	}
	if !m.marked && m.err == nil {
		m.err = m.mark()
		m.marked = m.err == nil
	}
	if m.err != nil {
		return 0, m.err
	}
	if len(m.content) == 0 {
		return 0, io.EOF
	}
	n := copy(b, m.content)
	m.content = m.content[n:]
	return n, nil
}

// Close implements io.Closer; the transport may call it before the end.
func (m *marking) Close() error { return nil }

// shut ends it, and tells whether it was marked, whether all of it was read,
// and why not.
func (m *marking) shut() (marked, whole bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return m.marked, len(m.content) == 0, m.err
}

// send posts a parcel.
func (h *webhooks) send(ctx context.Context, address string, p parcel, secret *secretRecord, c writ.CaseID, now time.Time, mark func() error) outcome {
	content, err := p.json(c)
	if err != nil {
		return outcome{broken: err}
	}
	ctx, cancel := context.WithTimeout(ctx, h.config.Timeout)
	defer cancel()
	body := &marking{content: content, mark: mark}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
	if err != nil {
		return failed(NotConfigured, "the webhook's URL can't be used")
	}
	name := "msg_" + p.name
	req.ContentLength = int64(len(content))
	req.Header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Writ"}, "Webhook-Id": {name},
		"Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)}, "Webhook-Signature": {secret.sign(name, now, content)}}
	if p.repeat {
		req.Header.Set("Writ-Repeat", "possible")
	}
	resp, err := h.client.Do(req)
	marked, whole, broken := body.shut()
	if err != nil {
		switch {
		case errors.Is(broken, errStopped):
			return outcome{stopped: true}
		case broken != nil:
			return outcome{broken: broken}
		}
		return unanswered(err, marked, whole)
	}
	defer resp.Body.Close()
	io.CopyN(io.Discard, resp.Body, maxAnswer)
	return answered(resp, now)
}

// unanswered says why there was no answer. The error of net/http names the URL,
// which may hold a secret of the receiver's: what is kept does not.
func unanswered(err error, marked, whole bool) outcome {
	var untrusted *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.Is(err, errNotPublic):
		return failed(NotPublic, "%v", errNotPublic)
	case errors.As(err, &untrusted):
		return failed(NoTLS, "its certificate doesn't verify")
	case errors.As(err, &noTLS), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return failed(NoTLS, "it doesn't speak TLS")
	case marked && whole:
		out := failed(NoAnswer, "the message went out, and no answer came")
		out.doubtful = true
		return out
	case marked:
		return failed(NoConnection, "the connection broke off before the message was out")
	}
	return failed(NoConnection, "couldn't reach it")
}

// answered judges an answer. 2xx accepts; 410 says never again.
func answered(resp *http.Response, now time.Time) outcome {
	var out outcome
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return outcome{accepted: true, code: code}
	case code >= 300 && code < 400:
		out = failed(Redirected, "it answers %d and points elsewhere; redirects aren't followed", code)
	case code == http.StatusGone:
		out = failed(Refused, "it answers 410: it is gone for good")
		out.permanent = true
	default:
		out = failed(Later, "it answers %d", code)
		out.after = retryAfter(resp.Header.Get("Retry-After"), now)
	}
	out.code = resp.StatusCode
	return out
}

// retryAfter reads the header of RFC 9110, 10.2.3; 0 if there is none.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
