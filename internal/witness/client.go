package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"writ/internal/config"
)

// ErrAnswer: what the witness answered is not an answer of the protocol, or
// not signed by the key that is pinned for it.
var ErrAnswer = errors.New("the witness's answer is not usable")

// Prove gives the consistency proof (RFC 6962, 2.1.2) between two sizes of a
// log, from 0 < from < to.
type Prove func(ctx context.Context, from, to uint64) ([][]byte, error)

// Cosignature is a witness's signature on a checkpoint, verified.
type Cosignature struct {
	Line []byte    // the signature line, as it is added to the signed note
	Time time.Time // when the witness says it signed
}

// The bounds of an answer.
const (
	maxAnswer  = 64 << 10
	answerTime = 5 * time.Second
	// A witness may be asked by several processes of one log, so that its
	// size moves between two requests. It doesn't do so for ever.
	maxAsks = 4
)

// Client asks one witness. Its methods may be called at once, but a log asks
// for one checkpoint after the other.
type Client struct {
	base     *url.URL
	verifier note.Verifier
	http     *http.Client
	timeout  time.Duration

	mu   sync.Mutex        // guards below
	last map[string]uint64 // by origin: the largest size that the witness cosigned, as this client saw
}

// NewClient pins a witness's verifier key. The URL is the witness's submission
// prefix; plain http is for loopback only. The HTTP client may be nil, and
// never follows redirects; the timeout is for one call in all, 0 is 5 s.
// Errors: [ErrPlaintext].
func NewClient(base, vkey string, httpClient *http.Client, timeout time.Duration) (*Client, error) {
	v, err := ParseVerifierKey(vkey)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%.200q is not a witness's URL", base)
	}
	if u.Scheme == "http" && !config.Loopback(net.JoinHostPort(u.Hostname(), "80")) {
		return nil, fmt.Errorf("%w: %s is not loopback", ErrPlaintext, u.Host)
	}
	if httpClient == nil {
		httpClient = &http.Client{}
	}
	if timeout == 0 {
		timeout = answerTime
	}
	own := *httpClient
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: u, verifier: v, http: &own, timeout: timeout, last: map[string]uint64{}}, nil
}

// Name is the witness's, as in its verifier key.
func (c *Client) Name() string { return c.verifier.Name() }

// Cosign asks for a cosignature on a checkpoint that the log has signed, and
// verifies it with the pinned key. Where the witness names another size than
// was thought, it is asked again with a proof from there. Errors: those of
// [Witness.Add], but whatever a 5xx stands for is [ErrUnavailable];
// [ErrAnswer]; [SizeError] if the witness names a size that is larger than the
// checkpoint's; [ErrRolledBack] if it names a smaller one than it has cosigned
// for this client; the error of prove.
func (c *Client) Cosign(ctx context.Context, signed []byte, prove Prove) (Cosignature, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	split := bytes.LastIndex(signed, []byte("\n\n"))
	if split < 0 {
		return Cosignature{}, fmt.Errorf("%w: the checkpoint is not a signed note", ErrMalformed)
	}
	cp, err := parseCheckpoint(string(signed[:split+1]))
	if err != nil {
		return Cosignature{}, err
	}
	c.mu.Lock()
	known := c.last[cp.Origin]
	c.mu.Unlock()
	old := min(known, cp.Size)
	for range maxAsks {
		var cosig Cosignature
		cosig, err = c.ask(ctx, cp, signed, old, prove)
		var size *SizeError
		switch {
		case err == nil:
			c.mu.Lock()
			c.last[cp.Origin] = max(c.last[cp.Origin], cp.Size)
			c.mu.Unlock()
			return cosig, nil
		case !errors.As(err, &size) || size.Size > cp.Size:
			return Cosignature{}, c.named(err)
		case size.Size < known:
			return Cosignature{}, c.named(fmt.Errorf("%w: it names size %d after it cosigned %d", ErrRolledBack, size.Size, known))
		case size.Size == old:
			return Cosignature{}, c.named(fmt.Errorf("%w: it names the size that it was asked with", ErrAnswer))
		}
		old = size.Size
	}
	return Cosignature{}, c.named(fmt.Errorf("%w: it names another size each time: %w", ErrAnswer, err))
}

func (c *Client) named(err error) error { return fmt.Errorf("witness %s: %w", c.Name(), err) }

// ask makes one request.
func (c *Client) ask(ctx context.Context, cp checkpoint, signed []byte, old uint64, prove Prove) (Cosignature, error) {
	var proof [][]byte
	if old > 0 && old < cp.Size {
		var err error
		if proof, err = prove(ctx, old, cp.Size); err != nil {
			return Cosignature{}, fmt.Errorf("couldn't prove consistency from %d to %d: %w", old, cp.Size, err)
		}
	}
	body := formatRequest(old, proof, signed)
	resp, answer, err := c.do(ctx, http.MethodPost, "add-checkpoint", body)
	if err != nil {
		return Cosignature{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return Cosignature{}, refusal(resp, answer, cp.Size)
	}
	return c.verify(signed, answer)
}

// do asks and reads no more than an answer can be.
func (c *Client) do(ctx context.Context, method, path string, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't make a request: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if len(answer) > maxAnswer {
		return nil, nil, fmt.Errorf("%w: more than %d bytes", ErrAnswer, maxAnswer)
	}
	return resp, answer, nil
}

// refusal is what a status other than 200 says.
func refusal(resp *http.Response, answer []byte, size uint64) error {
	if resp.StatusCode == http.StatusConflict && resp.Header.Get("Content-Type") == sizeType {
		named, err := parseSize(strings.TrimSuffix(string(answer), "\n"))
		if err != nil {
			return fmt.Errorf("%w: it names no size", ErrAnswer)
		}
		return &SizeError{named}
	}
	for _, s := range statuses {
		if s.status == resp.StatusCode && s.status != http.StatusServiceUnavailable {
			return fmt.Errorf("%w (size %d)", s.err, size)
		}
	}
	if resp.StatusCode >= 500 {
		return fmt.Errorf("%w: it answers %d", ErrUnavailable, resp.StatusCode)
	}
	return fmt.Errorf("%w: it answers %d", ErrAnswer, resp.StatusCode)
}

// verify takes the pinned key's signature out of the answer; others are
// ignored, as the protocol asks.
func (c *Client) verify(signed, answer []byte) (Cosignature, error) {
	text := signed[:bytes.LastIndex(signed, []byte("\n\n"))+2]
	n, err := note.Open(append(bytes.Clone(text), answer...), note.VerifierList(c.verifier))
	if err != nil {
		return Cosignature{}, fmt.Errorf("%w: no cosignature by the pinned key: %w", ErrAnswer, err)
	}
	at, err := tnote.CoSigV1Timestamp(n.Sigs[0])
	if err != nil || at.Unix() < 0 {
		return Cosignature{}, fmt.Errorf("%w: its time cannot be read", ErrAnswer)
	}
	return Cosignature{Line: fmt.Appendf(nil, "— %s %s\n", n.Sigs[0].Name, n.Sigs[0].Base64), Time: at}, nil
}

// Latest asks for the newest checkpoint of a log that the witness cosigned,
// and verifies the cosignature; the log's own signature is the caller's to
// verify. Not every witness answers this. Errors: [ErrUnknownLog] also if
// nothing was cosigned; [ErrAnswer], [ErrUnavailable].
func (c *Client) Latest(ctx context.Context, origin string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, answer, err := c.do(ctx, http.MethodGet, OriginHash(origin)+"/checkpoint", nil)
	if err != nil {
		return nil, c.named(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, c.named(refusal(resp, answer, 0))
	}
	n, err := note.Open(answer, note.VerifierList(c.verifier))
	if err != nil {
		return nil, c.named(fmt.Errorf("%w: no cosignature by the pinned key: %w", ErrAnswer, err))
	}
	cp, err := parseCheckpoint(n.Text)
	if err != nil || cp.Origin != origin {
		return nil, c.named(fmt.Errorf("%w: it is not a checkpoint of this log", ErrAnswer))
	}
	return answer, nil
}
