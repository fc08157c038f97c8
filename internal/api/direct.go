package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"writ/internal/staff"
)

type insideKey struct{}

// As says in a context who asks: by a session, or by a token. Only code of this
// process can put it there, and it does so for who has signed in; the office looks up
// itself what that one may do now.
func As(ctx context.Context, who staff.Identity) context.Context {
	return context.WithValue(ctx, insideKey{}, who)
}

// Within is the desk of code of this process at a handler of the office: no
// socket, no copy of a body. Who asks is in each call's context ([As]).
func Within(h http.Handler) *Desk {
	return &Desk{http: &http.Client{Transport: Direct{h}}, base: "http://writ"}
}

// Direct is an [http.RoundTripper] that calls a handler of this process. Answers
// stream: the handler runs as fast as its answer is read, and is told by its
// context and its writes when nobody reads it any more. A handler that aborts
// ([http.ErrAbortHandler]) or panics cuts its answer, as a server would.
type Direct struct{ Handler http.Handler }

// errPanic: a handler panicked. What with may be a customer's, and is not told.
var errPanic = errors.New("the request could not be served: this is a mistake in the program")

// RoundTrip implements [http.RoundTripper].
func (d Direct) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	out, in := io.Pipe()
	asked := r.Clone(ctx)
	asked.RequestURI = r.URL.RequestURI()
	if asked.Body == nil {
		asked.Body = http.NoBody
	}
	w := &answering{header: http.Header{}, started: make(chan struct{}), in: in}
	go func() {
		defer func() {
			switch p := recover(); p {
			case nil:
				w.WriteHeader(http.StatusOK)
				in.Close()
			case http.ErrAbortHandler:
				w.fail(io.ErrUnexpectedEOF)
			default:
				w.fail(errPanic)
			}
		}()
		d.Handler.ServeHTTP(w, asked)
	}()
	select {
	case <-w.started:
	case <-ctx.Done():
		cancel()
		out.CloseWithError(ctx.Err())
		return nil, ctx.Err()
	}
	if w.err != nil {
		cancel()
		return nil, w.err
	}
	resp := &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: &answered{PipeReader: out, cancel: cancel}, ContentLength: -1, Request: r,
	}
	if n, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil {
		resp.ContentLength = n
	}
	return resp, nil
}

// answered is an answer's body. Closing it ends what the handler does.
type answered struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (a *answered) Close() error {
	a.cancel()
	return a.PipeReader.Close()
}

// answering is what the handler writes to.
type answering struct {
	header  http.Header // the handler's
	once    sync.Once
	started chan struct{} // closed when the three below are set, once
	status  int
	sent    http.Header
	err     error
	in      *io.PipeWriter
}

func (w *answering) Header() http.Header { return w.header }

func (w *answering) WriteHeader(status int) {
	if status < 200 { // informational: nobody here waits for it
		return
	}
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.started)
	})
}

func (w *answering) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.in.Write(b)
}

// FlushError implements what [http.ResponseController] asks for: nothing is held.
func (w *answering) FlushError() error { return nil }

// fail ends an answer that is not whole.
func (w *answering) fail(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.started)
	})
	w.in.CloseWithError(err)
}
