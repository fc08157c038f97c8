package server

import (
	"flag"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"writ"
	"writ/internal/api"
	"writ/internal/console"
	"writ/internal/console/page"
	"writ/internal/folder"
	"writ/internal/signin"
	"writ/internal/signin/signintest"
	"writ/internal/staff"
)

var updateRoutes = flag.Bool("update-routes", false, "write testdata/routes.txt anew")

// visitors are people at browsers of a running server: each has a session, begun
// with a passkey.
type visitors struct {
	t       *testing.T
	s       *Server
	origin  string
	cookies map[string]string // by role, "customer", "officer"
	who     map[string]page.Visitor
}

var loopback = netip.MustParseAddr("127.0.0.1")

// newVisitors lets one person of each role in, on a fresh server, and a user of a
// customer's and an officer of an authority's.
func newVisitors(t *testing.T, s *Server) *visitors {
	t.Helper()
	v := &visitors{t: t, s: s, origin: s.consoleURL(), cookies: map[string]string{}, who: map[string]page.Visitor{"": {}}}
	c, err := api.Dial(t.Context(), folder.Folder(s.cfg.Data))
	v.must(err)
	defer c.Close()
	socket := c.At("")
	people := []writ.Role{writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction, writ.RoleAuditor, writ.RoleOperator}
	for _, role := range people { // the operator last: with two of them the socket's right ends
		id := writ.Person(string(role) + ".one")
		v.must(socket.Do(t.Context(), "PUT", "persons/"+string(id), api.PersonInput{Name: string(id)}, nil))
		v.must(socket.Do(t.Context(), "POST", "persons/"+string(id)+"/roles", api.RoleInput{Role: role}, nil))
		v.enter(string(role), signin.Machine("root"), signin.StaffAccount(id))
		v.who[string(role)] = page.Visitor{Kind: page.Staff, Person: id, Roles: []writ.Role{role}}
	}
	customer, err := s.rooms.Vault.AddCustomer(t.Context(), "harbour-clinic")
	v.must(err)
	v.enter("customer", signin.Machine("root"), signin.Account{Kind: signin.KindCustomer, Customer: customer.ID, Name: "cleo"})
	v.who["customer"] = page.Visitor{Kind: page.Customer, Customer: customer.ID}
	return v
}

func (v *visitors) must(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}

// enter invites somebody, enrols a passkey for them and keeps the session.
func (v *visitors) enter(name string, by signin.Actor, a signin.Account) {
	v.t.Helper()
	in := v.s.office.signin
	inv, err := in.Invite(v.t.Context(), by, a, false)
	v.must(err)
	options, id, err := in.BeginEnrol(v.t.Context(), inv.Secret, "key", loopback)
	v.must(err)
	made, err := signintest.New(v.origin).Create(options)
	v.must(err)
	v.cookies[name], _, err = in.FinishEnrol(v.t.Context(), id, made, loopback, "")
	v.must(err)
}

// ask sends a request as one of them.
func (v *visitors) ask(as, method, path string) (status int, location string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, "https://"+v.s.Status().Web+path, nil)
	v.must(err)
	req.Host = strings.TrimPrefix(v.origin, "https://")
	if method != http.MethodGet {
		req.Body = http.NoBody
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if v.cookies[as] != "" {
		req.Header.Set("Cookie", "__Host-writ="+v.cookies[as])
	}
	client := trusting(v.t, v.s)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	v.must(err)
	resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

var placeholder = regexp.MustCompile(`\{[a-z]+(\.\.\.)?\}`)

// TestRoutes: the table of who may use which address of the console is what
// somebody has read and agreed to.
func TestRoutes(t *testing.T) {
	s := start(t, configure(t))
	var table strings.Builder
	table.WriteString("# Who may use which address of the console. A line that is new or other is agreed to by\n# go test ./internal/server -run TestRoutes -update-routes\n\n")
	for _, r := range s.pages.Routes() {
		more := ""
		if r.Fresh {
			more += "  with the passkey again"
		}
		if r.Body != 0 {
			more += fmt.Sprintf("  up to %d KiB", r.Body>>10)
		}
		if r.Stream {
			more += "  as long as it takes"
		}
		fmt.Fprintf(&table, "%-4s %-46s %-26s %s%s\n", r.Method, r.Path, r.Name, r.For, more)
	}
	file := filepath.Join("testdata", "routes.txt")
	if *updateRoutes {
		if err := os.WriteFile(file, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != table.String() {
		t.Errorf("the routes are not those of %s:\n%s", file, table.String())
	}
}

// TestEveryRouteAgainstEveryone: each address answers to whom its table names, and
// refuses everybody else, whoever they are; each refusal of somebody who is known
// is in the audit trail.
func TestEveryRouteAgainstEveryone(t *testing.T) {
	s := start(t, configure(t))
	v := newVisitors(t, s)
	for _, r := range s.pages.Routes() {
		if r.Name == "sign-out" || strings.HasPrefix(r.Name, "session") { // they would end what the others go on with
			continue
		}
		path := placeholder.ReplaceAllString(r.Path, "2026-7KQM-4ZT0")
		for who, visitor := range v.who {
			if r.Stream && r.Method == http.MethodGet && r.For.Admits(visitor) { // it goes on until its reader goes
				continue
			}
			before := v.refusals(r.Route.Name)
			status, to := v.ask(who, r.Method, path)
			v.judge(r, who, visitor, status, to, v.refusals(r.Route.Name)-before)
		}
	}
}

func (v *visitors) judge(r console.Served, who string, visitor page.Visitor, status int, to string, refused int) {
	v.t.Helper()
	admitted := r.For.Admits(visitor)
	switch {
	case status >= 500:
		v.t.Errorf("%s as %q: %d", r.Name, who, status)
	case admitted && who != "" && status == http.StatusUnauthorized,
		!admitted && who == "" && r.Method == http.MethodGet && (status != http.StatusSeeOther || !strings.HasPrefix(to, "/sign-in?back="+url.QueryEscape("/"))),
		!admitted && who == "" && r.Method == http.MethodPost && status != http.StatusUnauthorized,
		!admitted && who != "" && status != http.StatusForbidden:
		v.t.Errorf("%s as %q, who is admitted: %t: %d to %q", r.Name, who, admitted, status, to)
	case !admitted && who != "" && refused != 1, admitted && refused != 0:
		v.t.Errorf("%s as %q, who is admitted: %t: %d refusals in the trail", r.Name, who, admitted, refused)
	}
}

// refusals counts those of a route in the audit trail.
func (v *visitors) refusals(route string) int {
	v.t.Helper()
	list, _, err := v.s.office.staff.Audit(v.t.Context(), staff.AuditFilter{Act: "console." + route, Outcome: staff.Refused}, 0, 1000)
	v.must(err)
	return len(list)
}

// TestRolesEndAtOnce: who loses a role is out of its pages with the next request,
// and who leaves is out.
func TestRolesEndAtOnce(t *testing.T) {
	s := start(t, configure(t))
	v := newVisitors(t, s)
	if status, _ := v.ask("counsel", "GET", "/me"); status != http.StatusOK {
		t.Fatalf("counsel at home: %d", status)
	}
	p, err := s.office.staff.Person(t.Context(), "counsel.one")
	v.must(err)
	session, err := s.office.signin.Session(t.Context(), v.cookies["operator"], loopback, "")
	v.must(err)
	operator, err := s.office.signin.Identity(t.Context(), session)
	v.must(err)
	v.must(s.office.staff.End(t.Context(), operator, "counsel.one", p.Assignments[0].ID, s.rooms.now()))
	if status, to := v.ask("counsel", "GET", "/me"); status != http.StatusSeeOther || !strings.HasPrefix(to, "/sign-in") {
		t.Errorf("counsel whose role ended: %d to %s", status, to)
	}
}
