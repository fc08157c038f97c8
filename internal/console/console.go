package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
)

// Guard says who looks at a page.
type Guard interface {
	// Who is the visitor of a request, and the context in which the office's
	// interface knows them. Nobody's session is no error. An error is the
	// records', or that of a session that must not go on.
	Who(r *http.Request) (page.Visitor, context.Context, error)
	// Refused writes down that a visitor was refused a route.
	Refused(ctx context.Context, who page.Visitor, route, why string) error
	// Verify ends a ceremony of a passkey that came with a form, so that the
	// visitor is freshly verified; w gets the new cookie.
	Verify(w http.ResponseWriter, r *http.Request, who page.Visitor, ceremony, response string) (page.Visitor, context.Context, error)
}

// Config is what a console serves.
type Config struct {
	Operator string // name of who runs the server
	Version  string
	Zone     *time.Location
	Names    page.Names
	Guard    Guard
	Rooms    []page.Room
	Plain    bool // no TLS: cookies without Secure, on loopback only
	Bare     bool // nobody signs in here, and there are no other pages to go to
	Now      func() time.Time
	Log      *slog.Logger
}

// Console is the pages of a server.
type Console struct {
	cfg    Config
	site   *page.Site
	routes []Served
}

// Served is a route with the room that it is of.
type Served struct {
	Room string
	page.Route
}

// New makes a console. Errors are those of [page.New], and two routes of one name.
func New(cfg Config) (*Console, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Console{cfg: cfg}
	var err error
	c.site, err = page.New(page.Config{
		Operator: cfg.Operator, Version: cfg.Version, Zone: cfg.Zone, Names: cfg.Names, Now: cfg.Now, Log: cfg.Log, Rooms: cfg.Rooms, Bare: cfg.Bare,
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't make the console: %w", err)
	}
	names := map[string]bool{}
	for _, r := range append([]page.Room{{Name: "page", Routes: c.common()}}, cfg.Rooms...) {
		for _, route := range r.Routes {
			if names[route.Name] {
				return nil, fmt.Errorf("two routes of the console are named %s", route.Name)
			}
			names[route.Name] = true
			c.routes = append(c.routes, Served{r.Name, route})
		}
	}
	return c, nil
}

// Routes are all routes, in the order of their rooms.
func (c *Console) Routes() []Served { return c.routes }

// Register puts all pages into a mux. Addresses that others of the server's
// handlers serve are left alone.
func (c *Console) Register(mux *http.ServeMux) {
	crossed := http.NewCrossOriginProtection()
	crossed.SetDenyHandler(http.HandlerFunc(c.crossed))
	for i := range c.routes {
		r := &c.routes[i]
		pattern := r.Method + " " + r.Path
		if r.Path == "/" {
			pattern += "{$}"
		}
		mux.Handle(pattern, c.guarded(crossed.Handler(c.admit(r))))
	}
	mux.Handle("GET "+page.AssetPath, c.guarded(c.site.Assets()))
	mux.Handle("/", c.guarded(http.HandlerFunc(c.lost)))
}

// policy is what pages may do, see the package's comment. Documents of cases are
// shown in frames of this origin, whose own policy is a sandbox.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; " +
	"frame-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// guarded sets the headers of all pages.
func (c *Console) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// admit lets a route's audience in.
func (c *Console) admit(s *Served) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer paced(w, s)()
		who, ctx, err := c.cfg.Guard.Who(r)
		if err != nil {
			c.site.Visit(w, r, page.Visitor{}).Fail(err)
			return
		}
		if !s.For.Admits(who) {
			c.refuse(w, r.WithContext(ctx), who, s)
			return
		}
		if r, who, err = c.verified(w, r.WithContext(ctx), who, s); err != nil {
			c.site.Visit(w, r, who).Fail(err)
			return
		}
		c.site.Handler(s.Room, &s.Route, who)(w, r)
	})
}

// refuse asks who isn't signed in to do so, and refuses others.
func (c *Console) refuse(w http.ResponseWriter, r *http.Request, who page.Visitor, s *Served) {
	v := c.site.Visit(w, r, who)
	if who.Kind == page.Nobody && r.Method == http.MethodGet {
		if err := v.See("/sign-in?back="+url.QueryEscape(r.URL.RequestURI()), ""); err != nil {
			v.Fail(err)
		}
		return
	}
	why := "it takes " + s.For.String()
	if err := c.cfg.Guard.Refused(r.Context(), who, s.Name, why); err != nil {
		v.Fail(err)
		return
	}
	status, code := http.StatusForbidden, "forbidden"
	if who.Kind == page.Nobody {
		status, code = http.StatusUnauthorized, "sign-in"
	}
	v.Fail(&api.Problem{Status: status, Title: http.StatusText(status), Code: code, Detail: "this takes " + s.For.String()})
}

// verified ends the ceremony of a passkey that came with a form, if one did. The
// route's own function sees a visitor who is freshly verified, or isn't.
func (c *Console) verified(w http.ResponseWriter, r *http.Request, who page.Visitor, s *Served) (*http.Request, page.Visitor, error) {
	if r.Method != http.MethodPost || !s.Fresh || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return r, who, nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, page.DefaultBody)
	if err := r.ParseForm(); err != nil {
		return r, who, &api.Problem{Status: http.StatusBadRequest, Title: "Bad Request", Code: "form", Detail: page.ErrForm.Error()}
	}
	ceremony, response := r.PostForm.Get("ceremony"), r.PostForm.Get("response")
	if ceremony == "" || response == "" {
		return r, who, nil
	}
	fresh, ctx, err := c.cfg.Guard.Verify(w, r, who, ceremony, response)
	if err != nil {
		return r, who, err
	}
	return r.WithContext(ctx), fresh, nil
}

// crossed answers a form that another site sent.
func (c *Console) crossed(w http.ResponseWriter, r *http.Request) {
	c.site.Visit(w, r, page.Visitor{}).Fail(&api.Problem{
		Status: http.StatusForbidden, Title: "Forbidden", Code: "cross-origin", Detail: "this form was sent by another site, and nothing was done",
	})
}

// lost answers at addresses where nothing is.
func (c *Console) lost(w http.ResponseWriter, r *http.Request) {
	who, ctx, err := c.cfg.Guard.Who(r)
	if err != nil {
		who = page.Visitor{}
		ctx = r.Context()
	}
	c.site.Visit(w, r.WithContext(ctx), who).Fail(&api.Problem{
		Status: http.StatusNotFound, Title: "Not Found", Code: "not-found", Detail: "there is nothing at this address",
	})
}

// Paces of requests. A reader may be slow; one that stands still is given up.
const (
	bodyTime  = time.Minute      // for a form
	sendTime  = time.Minute      // for a page
	slowest   = 16 << 10         // bytes a second that an upload keeps up
	longAfter = 30 * time.Second // for an upload, beside its length
)

// paced gives a request a time in which its body must come and its answer be
// taken.
func paced(w http.ResponseWriter, s *Served) (done func()) {
	control := http.NewResponseController(w)
	now := time.Now()
	read := bodyTime
	if s.Body > page.DefaultBody {
		read = longAfter + time.Duration(s.Body/slowest)*time.Second
	}
	// What cannot be bounded so is no connection of a stranger's.
	control.SetReadDeadline(now.Add(read))
	if !s.Stream {
		control.SetWriteDeadline(now.Add(read + sendTime))
	}
	return func() { control.SetReadDeadline(time.Time{}); control.SetWriteDeadline(time.Time{}) }
}
