package door

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/signin"
	"writ/internal/staff"
)

// Door lets people in.
type Door struct {
	Signin *signin.Signin
	Staff  *staff.Staff
	// Named is how an account is shown to its owner: a customer's or authority's
	// name beside the user's; for staff the person's.
	Named func(ctx context.Context, a signin.Account) string
	// Within puts who else than staff asks into a context: a customer's user, an
	// authority's officer.
	Within func(ctx context.Context, s signin.Session) context.Context
	URL    string // the console's address, to whose name passkeys are bound
	Plain  bool   // no TLS: a cookie without Secure, on loopback only
	Log    *slog.Logger
}

// cookie is the session's name. The prefix makes browsers refuse it from anything
// but this very host over TLS.
func (d *Door) cookie() string {
	if d.Plain {
		return "writ"
	}
	return "__Host-writ"
}

// set gives the browser a session; a session ends on the server, and with the
// browser.
func (d *Door) set(w http.ResponseWriter, secret string) {
	c := &http.Cookie{Name: d.cookie(), Value: secret, Path: "/", HttpOnly: true, Secure: !d.Plain, SameSite: http.SameSiteLaxMode}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (d *Door) secret(r *http.Request) string {
	c, err := r.Cookie(d.cookie())
	if err != nil || len(c.Value) > 256 {
		return ""
	}
	return c.Value
}

// session is a request's, or [signin.ErrNoSession].
func (d *Door) session(r *http.Request) (signin.Session, error) {
	secret := d.secret(r)
	if secret == "" {
		return signin.Session{}, signin.ErrNoSession
	}
	return d.Signin.Session(r.Context(), secret, remote(r), r.UserAgent())
}

// Who implements the console's Guard.
func (d *Door) Who(r *http.Request) (page.Visitor, context.Context, error) {
	s, err := d.session(r)
	if errors.Is(err, signin.ErrNoSession) {
		return page.Visitor{Addr: remote(r)}, r.Context(), nil
	}
	if err != nil {
		return page.Visitor{}, nil, err
	}
	return d.visitor(r, s)
}

func (d *Door) visitor(r *http.Request, s signin.Session) (page.Visitor, context.Context, error) {
	a := s.Account
	v := page.Visitor{
		Kind: page.Kind(a.Kind), Name: d.Named(r.Context(), a), Person: a.Person, Customer: a.Customer, Authority: a.Authority,
		Session: s.ID, Fresh: s.Fresh, Addr: remote(r),
	}
	if a.Kind != signin.KindStaff {
		return v, d.Within(r.Context(), s), nil
	}
	who, err := d.Signin.Identity(r.Context(), s)
	if errors.Is(err, staff.ErrRole) || errors.Is(err, signin.ErrNoSession) { // they left, or hold no role any more
		return page.Visitor{Addr: remote(r)}, r.Context(), nil
	}
	if err != nil {
		return page.Visitor{}, nil, err
	}
	who.Addr = v.Addr
	for _, h := range who.Roles {
		v.Roles = append(v.Roles, h.Role)
	}
	return v, api.As(r.Context(), who), nil
}

// Refused implements the console's Guard. Who isn't signed in is no one's affair:
// anybody can ask for any address, and the trail is not theirs to fill.
func (d *Door) Refused(ctx context.Context, who page.Visitor, route, why string) error {
	if who.Kind == page.Nobody {
		return nil
	}
	return d.Staff.Append(ctx, staff.Entry{
		Who: who.Person, By: "session " + who.Session, Act: "console." + route, Outcome: staff.Refused, Why: why, Addr: who.Addr,
	})
}

// Verify implements the console's Guard.
func (d *Door) Verify(w http.ResponseWriter, r *http.Request, _ page.Visitor, ceremony, response string) (page.Visitor, context.Context, error) {
	s, err := d.session(r)
	if err != nil {
		return page.Visitor{}, nil, notSignedIn(err)
	}
	secret, s, err := d.Signin.FinishStepUp(r.Context(), s, ceremony, []byte(response))
	if err != nil {
		return page.Visitor{}, nil, problem(err)
	}
	d.set(w, secret)
	return d.visitor(r, s)
}

func notSignedIn(err error) error {
	if errors.Is(err, signin.ErrNoSession) {
		return &api.Problem{Status: http.StatusUnauthorized, Title: "Unauthorized", Code: "sign-in", Detail: "you are not signed in any more"}
	}
	return err
}

// remote is the client's address.
func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap().WithZone("")
}

// home is where somebody's work is.
func home(v page.Visitor) string {
	switch {
	case v.Kind == page.Customer:
		return "/my"
	case v.Kind == page.Officer:
		return "/agency"
	case v.Kind != page.Staff:
		return "/"
	case v.Has(writ.RoleCustodian):
		return "/custodian"
	case v.Has(writ.RoleIntake), v.Has(writ.RoleCounsel), v.Has(writ.RoleProduction):
		return "/docket"
	case v.Has(writ.RoleOperator):
		return "/operator"
	case v.Has(writ.RoleAuditor):
		return "/operator/audit"
	}
	return "/me"
}
