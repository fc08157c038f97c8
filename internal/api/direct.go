package api

import (
	"context"
	"errors"
	"io"
	"net/http"
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
	return &Desk{http: &http.Client{Transport: direct{h}}, base: "http://writ"}
}

// direct calls a handler as if it were a server. An answer streams: the caller
// reads what the handler writes, as it writes it.
type direct struct{ handler http.Handler }

var errGone = errors.New("the reader is gone")

// RoundTrip implements [http.RoundTripper].
func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	in := req.Clone(ctx)
	in.RequestURI = in.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	from, to := io.Pipe()
	w := &directWriter{header: http.Header{}, to: to, begun: make(chan struct{})}
	go func() {
		defer func() {
			if recover() != nil { // as net/http does: the handler's fault ends its answer, nothing else
				to.CloseWithError(io.ErrUnexpectedEOF)
			}
			w.WriteHeader(http.StatusOK)
			to.Close()
			if req.Body != nil {
				req.Body.Close()
			}
		}()
		d.handler.ServeHTTP(w, in)
	}()
	select {
	case <-w.begun:
	case <-ctx.Done():
		from.CloseWithError(errGone)
		cancel()
		return nil, ctx.Err()
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: &directBody{from, cancel}, ContentLength: -1, Request: req,
	}, nil
}

type directWriter struct {
	header, sent http.Header
	to           *io.PipeWriter
	once         sync.Once
	begun        chan struct{} // closed once status and sent are set
	status       int
}

// Header implements [http.ResponseWriter].
func (w *directWriter) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *directWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	})
}

// Write implements [http.ResponseWriter].
func (w *directWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.to.Write(b)
}

// Flush implements [http.Flusher]: nothing is held back.
func (w *directWriter) Flush() { w.WriteHeader(http.StatusOK) }

// directBody is an answer; closing it early tells the handler to stop.
type directBody struct {
	*io.PipeReader
	cancel context.CancelFunc
}

// Close implements [io.Closer].
func (b *directBody) Close() error {
	err := b.PipeReader.CloseWithError(errGone)
	b.cancel()
	return err
}
