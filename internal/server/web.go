package server

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/ledger"
	"writ/internal/policy"
)

//go:embed web.html
var page string

var pageTemplate = template.Must(template.New("page").Parse(page))

// webPages is what the web listener serves: one page, the public log, the
// release and its source, and /healthz.
func (s *Server) webPages() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.frontPage)
	public, err := s.ledger.pages(s.program.says())
	if err != nil {
		return nil, err
	}
	mux.Handle(ledger.LogPath, public)
	mux.Handle(ledger.WellKnownPath, public)
	s.program.pages(mux)
	mux.Handle(api.OfficePath, s.officeHandler())
	mux.Handle(api.DeliveryPath, api.DeliveryHandler(s.office.docket))
	mux.HandleFunc("GET /healthz", healthy)
	return headers(mux), nil
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

// shownWitness is a witness as the page shows it.
type shownWitness struct {
	Name     string
	Outside  bool
	Cosigned *time.Time
}

// shownCustodian is a person of the custodians' set as the page shows it.
type shownCustodian struct {
	Person  string
	Outside bool
	Keys    []string // the kinds of keys that the person has
}

func (s *Server) frontPage(w http.ResponseWriter, r *http.Request) {
	l := s.ledger.Status()
	show := struct {
		Interval, Stopped, Waiting, Origin, Key, URL string
		Version, Standing, SHA256                    string
		Size                                         uint64
		BatchAt                                      *time.Time
		Witnesses                                    []shownWitness
		AnyOutside, Source, CustodiansOutside        bool
		Threshold                                    int
		Custodians                                   []shownCustodian
	}{
		Interval: l.Interval, Stopped: l.Stopped, Waiting: l.Waiting, Origin: l.Origin, Key: l.Key, URL: "https://" + r.Host,
		Version: s.version, Standing: string(s.program.standing), SHA256: s.program.SHA256,
		Size: l.Size, BatchAt: l.BatchAt, AnyOutside: len(l.Outside) > 0, Source: s.program.source != nil,
	}
	outside := map[string]bool{}
	for _, name := range l.Outside {
		outside[name] = true
	}
	for _, witness := range l.Witnesses {
		show.Witnesses = append(show.Witnesses, shownWitness{witness.Name, outside[witness.Name], witness.Cosigned})
	}
	if set, ok := s.rooms.Gate.Custodians(); ok {
		show.Threshold = set.Threshold
		show.Custodians = shownCustodians(set)
		show.CustodiansOutside = slices.ContainsFunc(show.Custodians, func(c shownCustodian) bool { return c.Outside })
	}
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, show); err != nil {
		http.Error(w, "couldn't make the page", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(body.Bytes())
}

// shownCustodians are the custodians of a set in its order, each person once.
func shownCustodians(set policy.Set) (all []shownCustodian) {
	for _, m := range set.Members {
		if m.Role != writ.RoleCustodian {
			continue
		}
		i := slices.IndexFunc(all, func(c shownCustodian) bool { return c.Person == string(m.Person) })
		if i < 0 {
			i = len(all)
			all = append(all, shownCustodian{Person: string(m.Person), Outside: m.Outside})
		}
		kind := "a key on line"
		switch {
		case m.Passkey != nil:
			kind = "a passkey in a browser"
		case m.Offline:
			kind = "a key kept off line"
		}
		if !slices.Contains(all[i].Keys, kind) {
			all[i].Keys = append(all[i].Keys, kind)
		}
	}
	return all
}

// headers forbids what the page doesn't need, which is everything but its own
// style.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
