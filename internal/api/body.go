package api

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const (
	// stall is how long a request's body may stand still. A slow line may take
	// as long as it needs; one that is dead is given up.
	stall = 30 * time.Second
	// drained is how much of a body that was refused is still read, in bytes, so
	// that its sender reads the answer instead of a broken connection.
	drained = 64 << 20
)

// patient gives each request a body that may take as long as it comes, and an
// answer that is kept nowhere and rendered nowhere.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &arriving{ReadCloser: r.Body, control: http.NewResponseController(w)}
		r.Body = body
		next.ServeHTTP(w, r)
		io.CopyN(io.Discard, body, drained)
	})
}

// arriving is a body that must go on arriving. Its deadline is renewed at each
// read, but for none after its end: net/http then waits for the client to go
// away, and takes a deadline for that.
type arriving struct {
	io.ReadCloser
	control *http.ResponseController
	err     error // that ended it
}

func (b *arriving) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	b.control.SetReadDeadline(time.Now().Add(stall)) // what cannot be bounded so is no connection
	n, b.err = b.ReadCloser.Read(p)
	return n, b.err
}

// Close leaves the rest of the body to whoever drains it.
func (b *arriving) Close() error { return nil }

// stream is a request's body as it comes: nothing of it is held in memory.
type stream struct{ body io.Reader }

// Resolve implements [huma.Resolver].
func (s *stream) Resolve(hc huma.Context) []error {
	s.body = hc.BodyReader()
	return nil
}

// streamBody describes such a body.
func streamBody(media string) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{media: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
}

// fits refuses a request that says itself that it is too large.
func fits(hc huma.Context) *Problem {
	most := hc.Operation().MaxBodyBytes
	n, err := strconv.ParseInt(hc.Header("Content-Length"), 10, 64)
	if err != nil || most <= 0 || n < most {
		return nil
	}
	return &Problem{
		Status: http.StatusRequestEntityTooLarge, Title: "Request Entity Too Large", Code: "too-large",
		Detail: fmt.Sprintf("the request has %d bytes, and this operation takes fewer than %d; nothing was kept", n, most),
		Hint:   "send it in parts; files are attached to a case one by one",
	}
}
