// Package consoletest serves rooms of the console over a real office, with its
// people, for tests. Who looks is said by the request itself, a header or a value
// of the query, instead of a session: how people sign in is tested elsewhere.
package consoletest

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/api/apitest"
	"writ/internal/console"
	"writ/internal/console/page"
	"writ/internal/staff"
)

// AsHeader, or the value "as" of the query, is who looks: a first name of
// [apitest.Team], "jun operator", "customer" (of the house's one customer),
// "officer", or nothing.
const AsHeader = "Test-As"

// Rig is a console in a house.
type Rig struct {
	*apitest.House
	Console *console.Console
	Server  *httptest.Server
	Desk    *api.Desk // asks the house's office as who the context says
	// Authority is the officer's; make may enrol one.
	Authority writ.AuthorityID

	mu      sync.Mutex
	refused []string // routes refused, as "who route"
}

// New serves rooms; make gets the rig, its Desk set, and returns them.
func New(t testing.TB, make func(*Rig) []page.Room) *Rig {
	t.Helper()
	r := &Rig{House: apitest.NewHouse(t), Authority: "test-authority"}
	office := api.OfficeHandler(r.Office)
	r.Desk = api.Within(office)
	zone, err := time.LoadLocation("Europe/Berlin")
	r.Must(err)
	r.Console, err = console.New(console.Config{
		Operator: "Fjordhost", Version: "test", Zone: zone, Guard: (*guard)(r), Rooms: make(r), Now: r.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	r.Must(err)
	mux := http.NewServeMux()
	mux.Handle(api.OfficePath, office)
	mux.Handle(api.DeliveryPath, api.DeliveryHandler(r.Docket))
	r.Console.Register(mux)
	r.Server = httptest.NewUnstartedServer(mux)
	r.Server.EnableHTTP2 = true
	r.Server.StartTLS()
	t.Cleanup(r.Server.Close)
	return r
}

// guard says who looks by what the request says.
type guard Rig

// Who implements [console.Guard].
func (g *guard) Who(r *http.Request) (page.Visitor, context.Context, error) {
	name := cmp.Or(r.Header.Get(AsHeader), r.URL.Query().Get("as"))
	if c, err := r.Cookie("as"); name == "" && err == nil {
		name, _ = url.QueryUnescape(c.Value)
	}
	switch name {
	case "":
		return page.Visitor{}, r.Context(), nil
	case "customer":
		return page.Visitor{Kind: page.Customer, Name: "harbour-clinic", Customer: g.Owner.Customer, Session: "TESTSESSION", Fresh: g.Now()}, r.Context(), nil
	case "officer":
		return page.Visitor{Kind: page.Officer, Name: "Tribunal de Valbrume", Authority: g.Authority, Session: "TESTSESSION", Fresh: g.Now()},
			api.AsOfficer(r.Context(), api.AnOfficer{Authority: g.Authority, Session: "TESTSESSION"}), nil
	}
	who, err := g.Staff.Authenticate(r.Context(), g.Tokens[name], g.Owner.Addr, g.Now())
	if err != nil {
		return page.Visitor{}, nil, fmt.Errorf("nobody is called %s: %w", name, err)
	}
	v := page.Visitor{Kind: page.Staff, Name: string(who.Person), Person: who.Person, Session: "TESTSESSION", Fresh: g.Now(), Addr: who.Addr}
	for _, h := range who.Roles {
		v.Roles = append(v.Roles, h.Role)
	}
	return v, api.As(r.Context(), who), nil
}

// Refused implements [console.Guard].
func (g *guard) Refused(_ context.Context, who page.Visitor, route, _ string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = append(g.refused, who.Name+" "+route)
	return nil
}

// Verify implements [console.Guard].
func (g *guard) Verify(_ http.ResponseWriter, r *http.Request, who page.Visitor, _, _ string) (page.Visitor, context.Context, error) {
	return who, r.Context(), nil
}

// As is a context in which the office knows somebody of the team.
func (r *Rig) As(name string) context.Context {
	r.T.Helper()
	who, err := r.Staff.Authenticate(r.Ctx, r.Tokens[name], r.Owner.Addr, r.Now())
	r.Must(err)
	return api.As(r.Ctx, who)
}

// Identity is somebody of the team, as the staff knows them now.
func (r *Rig) Identity(name string) staff.Identity {
	r.T.Helper()
	who, err := r.Staff.Authenticate(r.Ctx, r.Tokens[name], r.Owner.Addr, r.Now())
	r.Must(err)
	return who
}

// RefusedRoutes are the routes that were refused, as "who route".
func (r *Rig) RefusedRoutes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.refused...)
}

// Get reads a page as somebody; redirects are not followed. Headers are names and
// values.
func (r *Rig) Get(as, path string, headers ...string) apitest.Reply {
	r.T.Helper()
	return r.send(as, http.MethodGet, path, nil, "", headers)
}

// Post sends a form as somebody, from the console's own origin.
func (r *Rig) Post(as, path string, form url.Values, headers ...string) apitest.Reply {
	r.T.Helper()
	return r.send(as, http.MethodPost, path, strings.NewReader(form.Encode()), "application/x-www-form-urlencoded",
		append([]string{"Sec-Fetch-Site", "same-origin", "Origin", r.Server.URL}, headers...))
}

// Upload sends a form with a file, whose body the caller has written.
func (r *Rig) Upload(as, path, media string, body io.Reader) apitest.Reply {
	r.T.Helper()
	return r.send(as, http.MethodPost, path, body, media, []string{"Sec-Fetch-Site", "same-origin"})
}

func (r *Rig) send(as, method, path string, body io.Reader, media string, headers []string) apitest.Reply {
	r.T.Helper()
	req, err := http.NewRequestWithContext(r.Ctx, method, r.Server.URL+path, body)
	r.Must(err)
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	if as != "" {
		req.Header.Set(AsHeader, as)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	pool := x509.NewCertPool()
	pool.AddCert(r.Server.Certificate())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return r.Send(client, req)
}

// Look leaves the console running for ten minutes, for somebody who wants to see its
// pages; it prints the address. Pages are opened as somebody by "as" in the query:
// /docket?as=mira. It is for tests behind the tag look, which no run of all tests has.
func (r *Rig) Look() {
	fmt.Fprintf(os.Stderr, "the console is at %s\n", r.Server.URL)
	time.Sleep(10 * time.Minute)
}
