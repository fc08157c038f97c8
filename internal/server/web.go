package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"writ/internal/api"
	"writ/internal/ledger"
)

// webPages is what the web listener serves: the console's pages, the public log,
// the release and its source, the office, and /healthz.
func (s *Server) webPages() (http.Handler, error) {
	mux := http.NewServeMux()
	log, err := s.ledger.pages(s.program.says())
	if err != nil {
		return nil, err
	}
	mux.Handle(ledger.LogPath, log)
	mux.Handle(ledger.WellKnownPath, log)
	s.program.pages(mux)
	office := s.officeHandler()
	mux.Handle(api.OfficePath, office)
	mux.Handle(api.DeliveryPath, api.DeliveryHandler(s.office.docket))
	mux.HandleFunc("GET /healthz", healthy)
	if s.pages, err = s.console(office); err != nil {
		return nil, err
	}
	s.pages.Register(mux)
	return headers(mux), nil
}

// follow lets the pages of the public log go on with it, until the web listener is
// told to stop: readers who watch it are let go first.
func (s *Server) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	s.web.RegisterOnShutdown(cancel)
	s.serving.Go(func() { s.index.Follow(ctx) })
}

// pages serve the public log to anybody.
func (l *Ledger) pages(released string) (http.Handler, error) {
	p := ledger.Public{LogKey: l.Key, Policy: l.Policy(), Release: released}
	explanation, err := os.ReadFile(filepath.Join(l.rooms.Folder.Ledger(), "break"))
	switch {
	case err == nil:
		p.Break = explanation
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("couldn't read the explanation of a break: %w", err)
	}
	return ledger.Handler(l.Log, p)
}

// headers forbids a browser what no answer needs. The pages' own headers allow what
// they need (package console).
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
