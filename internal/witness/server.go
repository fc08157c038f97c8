package witness

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"writ/internal/certs"
	"writ/internal/config"
)

// ErrPlaintext: without TLS a witness listens on loopback only.
var ErrPlaintext = errors.New("plaintext is refused")

// Listen listens with TLS by the certificate chain and key of two files (PEM,
// read again when they change), or in plaintext if both are "", which is
// refused on anything but loopback. Errors: [ErrPlaintext].
func Listen(addr, certFile, keyFile string, log *slog.Logger) (net.Listener, error) {
	plain := certFile == "" && keyFile == ""
	refused := fmt.Errorf("%w: %s is not loopback", ErrPlaintext, addr)
	if plain && !config.Loopback(addr) {
		return nil, refused
	}
	var files *certs.Files
	if !plain {
		var err error
		if files, err = certs.OpenFiles(certFile, keyFile, certs.DefaultPoll, time.Now, log); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		if files != nil {
			files.Close()
		}
		return nil, fmt.Errorf("couldn't listen: %w", err)
	}
	l = bound(l)
	if !plain {
		return &secured{tls.NewListener(l, certs.ServerConfig(files, "http/1.1")), files}, nil
	}
	if at, ok := l.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() { // whatever the name resolved to
		l.Close()
		return nil, refused
	}
	return l, nil
}

// secured is a listener that closes its certificates with it.
type secured struct {
	net.Listener
	files *certs.Files
}

func (s *secured) Close() error { return errors.Join(s.Listener.Close(), s.files.Close()) }

// Times that a client may take. A request is at most 64 KiB, so whoever is
// slower is not a log.
const (
	headerTime = 5 * time.Second
	readTime   = 10 * time.Second
	turnTime   = 10 * time.Second
	writeTime  = 30 * time.Second
	idleTime   = 3 * time.Minute // logs keep their connection from one minute to the next
	drainTime  = 10 * time.Second
)

// Serve answers requests until the context ends, then lets those that run come
// to their end. It closes the listener.
func (w *Witness) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           w.Handler(),
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       slog.NewLogLogger(w.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("couldn't go on serving: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		srv.Close()
	}
	<-ended
	return nil
}

// Handler is the witness's HTTP interface:
//
//	POST /add-checkpoint            tlog-witness
//	GET  /ORIGIN-HASH/checkpoint    the newest cosigned checkpoint of a log
//	GET  /healthz                   200, or 503 if the state can't be written
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", w.serveAdd)
	mux.HandleFunc("GET /{origin}/checkpoint", w.serveLatest)
	mux.HandleFunc("GET /healthz", w.serveHealth)
	return mux
}

func (w *Witness) serveAdd(rw http.ResponseWriter, req *http.Request) {
	if req.ContentLength > maxBody {
		refuse(rw, http.StatusRequestEntityTooLarge, fmt.Sprintf("more than %d bytes", maxBody))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, req.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		refuse(rw, http.StatusRequestEntityTooLarge, fmt.Sprintf("more than %d bytes", maxBody))
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		refuse(rw, http.StatusRequestTimeout, "the request came too slowly")
		return
	case err != nil:
		refuse(rw, http.StatusBadRequest, "the request ended early")
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), turnTime)
	defer cancel()
	line, err := w.Add(ctx, body)
	var size *SizeError
	switch {
	case err == nil:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Write(line)
	case errors.As(err, &size):
		rw.Header().Set("Content-Type", sizeType)
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", size.Size)
	default:
		status := statusOf(err)
		if status == http.StatusTooManyRequests {
			rw.Header().Set("Retry-After", "1")
		}
		w.log.Debug("refused", "status", status, "error", err.Error())
		http.Error(rw, err.Error(), status)
	}
}

// refuse answers a request of which not all was read, and ends the connection.
func refuse(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Connection", "close")
	http.Error(rw, text, status)
}

// sizeType is the type of an answer that is a tree's size.
const sizeType = "text/x.tlog.size"

// statuses are the refusals and how HTTP says them.
var statuses = []struct {
	err    error
	status int
}{
	{ErrMalformed, http.StatusBadRequest},
	{ErrSignature, http.StatusForbidden},
	{ErrUnknownLog, http.StatusNotFound},
	{ErrFork, http.StatusConflict},
	{ErrInconsistent, http.StatusUnprocessableEntity},
	{ErrTooFast, http.StatusTooManyRequests},
	{ErrRolledBack, http.StatusServiceUnavailable},
	{ErrUnavailable, http.StatusServiceUnavailable},
}

func statusOf(err error) int {
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	return http.StatusInternalServerError
}

func (w *Witness) serveLatest(rw http.ResponseWriter, req *http.Request) {
	note, err := w.Latest(req.PathValue("origin"))
	if err != nil || note == nil {
		http.Error(rw, "no checkpoint of such a log was cosigned", http.StatusNotFound)
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("Content-Length", strconv.Itoa(len(note)))
	rw.Header().Set("Cache-Control", "no-cache")
	rw.Write(note)
}

func (w *Witness) serveHealth(rw http.ResponseWriter, _ *http.Request) {
	if !w.store.healthy() {
		http.Error(rw, "the state couldn't be written", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(rw, "ok\n")
}
