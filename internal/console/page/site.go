package page

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"writ/internal/api"
)

// Files are a room's templates/ and messages/.
type Files = fs.FS

// Config is what a site is made from.
type Config struct {
	Operator string         // name of who runs the server, "" if it doesn't say
	Version  string         // of the program
	Zone     *time.Location // where times are read; nil is UTC
	Names    Names          // what instruments, classes, … are called; nil: as they are
	Now      func() time.Time
	Log      *slog.Logger
	Rooms    []Room
	Bare     bool // nobody signs in here, and there are no other pages to go to
}

// Names gives what the packs and roles are called in a language; "" if it has no
// name for it.
type Names interface {
	Name(lang, family, key string) string
}

// Site renders pages. It does not change, and may be used by many at once.
type Site struct {
	cfg    Config
	now    func() time.Time
	words  map[string]*Words
	rooms  map[string]*room
	assets *assets
	menu   []Entry
	zone   *time.Location
}

// New makes a site. Errors: a template that can't be read, a message that a
// language lacks, a name used twice.
func New(cfg Config) (*Site, error) {
	s := &Site{cfg: cfg, now: cfg.Now, rooms: map[string]*room{}, zone: cfg.Zone}
	if s.zone == nil {
		s.zone = time.UTC
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.cfg.Log == nil {
		s.cfg.Log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.assets, err = openAssets(cfg.Rooms); err != nil {
		return nil, err
	}
	all := append([]Room{{Name: "page", Files: own}}, cfg.Rooms...)
	if s.words, err = readWords(all); err != nil {
		return nil, err
	}
	for _, w := range s.words {
		w.site = s
	}
	for _, r := range all {
		if s.rooms[r.Name] != nil {
			return nil, fmt.Errorf("two rooms of the console are named %s", r.Name)
		}
		if s.rooms[r.Name], err = openRoom(s, r); err != nil {
			return nil, fmt.Errorf("couldn't read the pages of %s: %w", r.Name, err)
		}
		s.menu = append(s.menu, r.Menu...)
	}
	return s, s.check()
}

// check looks that every text of every template and menu is there in each
// language.
func (s *Site) check() error {
	var errs []error
	for _, name := range sorted(s.rooms) {
		for _, use := range s.rooms[name].uses {
			for _, lang := range Languages {
				if err := s.words[lang].has(use.key, use.family); err != nil {
					errs = append(errs, fmt.Errorf("%s/%s: %w", name, use.file, err))
				}
			}
		}
	}
	for _, e := range s.menu {
		for _, lang := range Languages {
			if err := s.words[lang].has(e.Message, false); err != nil {
				errs = append(errs, fmt.Errorf("menu: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

// Handler serves one route of a room to somebody whom the console has let in.
func (s *Site) Handler(room string, route *Route, who Visitor) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		most := route.Body
		if most == 0 {
			most = DefaultBody
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		v := s.Visit(w, r, who)
		v.route, v.room = route, s.rooms[room]
		err := route.Do(v)
		if r.MultipartForm != nil {
			r.MultipartForm.RemoveAll()
		}
		if err != nil {
			v.Fail(err)
		}
	}
}

// Visit is a request as a page sees it, in the room that has the common pages.
func (s *Site) Visit(w http.ResponseWriter, r *http.Request, who Visitor) *Visit {
	v := &Visit{W: w, R: r, Visitor: who, site: s, room: s.rooms["page"]}
	v.Lang = language(r)
	if c, err := r.Cookie(themeCookie); err == nil && slices.Contains(Themes, c.Value) {
		v.Theme = c.Value
	}
	return v
}

// Fail shows why something did not work.
func (v *Visit) Fail(err error) {
	p := problemOf(err)
	if p.Status >= 500 {
		v.site.cfg.Log.Error("a page could not be made", "page", v.R.Pattern, "error", err.Error())
	}
	if err := v.refuse(p); err != nil {
		http.Error(v.W, p.Detail, p.Status)
	}
}

// refuse renders a problem as a page of its own.
func (v *Visit) refuse(p *api.Problem) error {
	home := *v
	home.room = v.site.rooms["page"]
	return home.render(p.Status, "problem", p, p)
}

// problemOf is an error as a visitor reads it. What no room meant for a reader is
// not shown.
func problemOf(err error) *api.Problem {
	var p *api.Problem
	if errors.As(err, &p) {
		return p
	}
	return &api.Problem{Status: http.StatusInternalServerError, Title: "Internal Server Error", Code: "internal", Detail: "this could not be done; the operator's log says why"}
}

// Render shows a page of the room.
func (v *Visit) Render(name string, data any) error {
	return v.render(http.StatusOK, name, data, nil)
}

// Again shows a page of the room once more, with what was wrong at its top and
// the form as it was filled in. An error that is no problem of the visitor's is
// returned.
func (v *Visit) Again(name string, data any, problem error) error {
	p := problemOf(problem)
	if p.Status >= 500 {
		return problem
	}
	return v.render(p.Status, name, data, p)
}

// Fragment shows one block of a page, without the layout.
func (v *Visit) Fragment(name, block string, data any) error {
	return v.execute(http.StatusOK, name, block, v.frame(data, nil), false)
}

func (v *Visit) render(status int, name string, data any, p *api.Problem) error {
	return v.execute(status, name, "layout", v.frame(data, p), true)
}

func (v *Visit) execute(status int, name, block string, f *Frame, whole bool) error {
	t, err := v.room.page(name, v.Lang)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := t.ExecuteTemplate(&body, block, f); err != nil {
		return fmt.Errorf("couldn't make the page %s: %w", name, err)
	}
	return v.write(status, body.Bytes())
}

// write answers with HTML. Pages are squeezed where the reader takes it: nothing
// in them is a secret that stands beside what a stranger could choose, except on
// pages that say so by [Visit.Secret].
func (v *Visit) write(status int, body []byte) error {
	h := v.W.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Language", v.Lang)
	h.Add("Vary", "Accept-Encoding, Accept-Language, Cookie, HX-Request, HX-Target")
	if len(body) > 1024 && !v.secret && acceptsGzip(v.R) {
		var packed bytes.Buffer
		z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
		if err != nil {
			return err
		}
		z.Write(body) // to memory
		if err := z.Close(); err != nil {
			return err
		}
		body = packed.Bytes()
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	v.W.WriteHeader(status)
	if v.R.Method != http.MethodHead {
		v.W.Write(body) // whoever is gone is gone
	}
	return nil
}

// Secret says that the page shows a secret: it is not compressed, so that its
// length tells nothing (BREACH).
func (v *Visit) Secret() { v.secret = true }

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.TrimSpace(q) != "q=0" {
			return true
		}
	}
	return false
}
