package signin

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/records"
	"writ/internal/signin/signintest"
	"writ/internal/staff"
	"writ/internal/vault"
)

// The cast: two operators, intake, counsel, and a customer's and an authority's
// people.
const (
	jun, lena = writ.Person("jun.park"), writ.Person("lena.virtanen")
	rui       = writ.Person("rui.falk")
	noor      = writ.Person("noor.adeyemi")
	mira      = writ.Person("mira.lindqvist")
	theo      = writ.Person("theo.brandt")

	clinic = writ.CustomerID("c-0123456789abcdef0123")

	domain  = "writ.fjordhost.example"
	origin  = "https://writ.fjordhost.example:9444"
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
	chrome  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)

var (
	home  = netip.MustParseAddr("192.0.2.7")
	train = netip.MustParseAddr("198.51.100.9")
)

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type test interface {
	rapid.TB
	Cleanup(func())
}

// rig is the room over a real staff and real records, in the hands of a test.
type rig struct {
	test
	*Signin
	ctx       context.Context
	store     records.Store
	staff     *staff.Staff
	clock     *clock
	tokens    map[writ.Person]string
	authority writ.AuthorityID
	shredded  bool
	oidc      *OIDC
}

// newFresh is a server on which nobody was named yet.
func newFresh(t test) *rig {
	t.Helper()
	r := &rig{test: t, ctx: context.Background(), store: records.NewMemory(), clock: &clock{at: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}, tokens: map[writ.Person]string{}}
	t.Cleanup(func() { r.store.Close() })
	r.restart()
	return r
}

// restart opens everything anew over the same records.
func (r *rig) restart() {
	r.Helper()
	var err error
	r.staff, err = staff.New(r.store, r.clock.now)
	r.must(err)
	r.Signin, err = New(r.ctx, Config{
		Records: r.store, Staff: r.staff, Name: "Fjordhost", RPID: domain, Origins: []string{origin}, OIDC: r.oidc, Now: r.clock.now,
		Customer: func(_ context.Context, id writ.CustomerID) error {
			if id != clinic || r.shredded {
				return vault.ErrNoCustomer
			}
			return nil
		},
	})
	r.must(err)
}

// newRig is a server with its people, past its bootstrap.
func newRig(t test) *rig {
	t.Helper()
	r := newFresh(t)
	r.named(noor, writ.RoleIntake)
	r.named(mira, writ.RoleCounsel)
	r.named(theo, writ.RoleCounsel)
	r.named(rui, writ.RoleOperator, writ.RoleAuditor)
	r.named(jun, writ.RoleOperator)
	r.named(lena, writ.RoleOperator)
	for p, role := range map[writ.Person]writ.Role{noor: writ.RoleIntake, mira: writ.RoleCounsel, theo: writ.RoleCounsel, jun: writ.RoleOperator, lena: writ.RoleOperator} {
		if p != lena {
			r.tokens[p] = r.register(r.socket(), p, role)
		}
	}
	r.tokens[lena] = r.register(r.socket(), lena, writ.RoleOperator) // ends the bootstrap
	id, _, err := r.staff.AddAuthority(r.ctx, r.as(noor), staff.Description{Name: "Landgericht Falkenmoor", Country: "DE", Kind: staff.Court})
	r.must(err)
	r.authority = id
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) refused(err, want error, what string) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Errorf("%s: %v, not %q", what, err, want)
	}
}

func (r *rig) socket() staff.Identity {
	r.Helper()
	by, err := r.staff.Socket(r.ctx, "root")
	r.must(err)
	return by
}

func (r *rig) named(p writ.Person, roles ...writ.Role) {
	r.Helper()
	r.must(r.staff.AddPerson(r.ctx, r.socket(), p, staff.Profile{Name: string(p)}))
	for _, role := range roles {
		_, err := r.staff.Propose(r.ctx, r.socket(), staff.Proposal{Person: p, Role: role})
		r.must(err)
	}
}

func (r *rig) register(by staff.Identity, p writ.Person, roles ...writ.Role) string {
	r.Helper()
	token, reg := staff.NewToken()
	_, err := r.staff.RegisterToken(r.ctx, by, staff.TokenRequest{Person: p, Roles: roles, Life: staff.MaxTokenLife}, reg)
	r.must(err)
	return token
}

// as is a person with their token.
func (r *rig) as(p writ.Person) staff.Identity {
	r.Helper()
	by, err := r.staff.Authenticate(r.ctx, r.tokens[p], home, r.clock.now())
	r.must(err)
	return by
}

// in is a person with a session.
func (r *rig) in(s Session) staff.Identity {
	r.Helper()
	by, err := r.Identity(r.ctx, s)
	r.must(err)
	return by
}

func (r *rig) user(name string) Account {
	return Account{Kind: KindCustomer, Customer: clinic, Name: name}
}

func (r *rig) officer(name string) Account {
	return Account{Kind: KindOfficer, Authority: r.authority, Name: name}
}

// enrol uses an invitation with an authenticator.
func (r *rig) enrol(secret string, a *signintest.Authenticator) (string, Session, error) {
	r.Helper()
	options, id, err := r.BeginEnrol(r.ctx, secret, "laptop", home)
	if err != nil {
		return "", Session{}, err
	}
	response, err := a.Create(options)
	r.must(err)
	return r.FinishEnrol(r.ctx, id, response, home, firefox)
}

// signIn signs in with an authenticator.
func (r *rig) signIn(a *signintest.Authenticator) (string, Session, error) {
	r.Helper()
	options, id, err := r.BeginSignIn(r.ctx, home)
	if err != nil {
		return "", Session{}, err
	}
	response, err := a.Get(options)
	r.must(err)
	return r.FinishSignIn(r.ctx, id, response, home, firefox)
}

func (r *rig) stepUp(s Session, a *signintest.Authenticator) (string, Session, error) {
	r.Helper()
	options, id, err := r.BeginStepUp(r.ctx, s)
	if err != nil {
		return "", Session{}, err
	}
	response, err := a.Get(options)
	r.must(err)
	return r.FinishStepUp(r.ctx, s, id, response)
}

// member is somebody with a passkey, signed in.
type member struct {
	key     *signintest.Authenticator
	cookie  string
	session Session
}

// joined enrols a person by a token of theirs.
func (r *rig) joined(p writ.Person) *member {
	r.Helper()
	inv, err := r.Invite(r.ctx, Person(r.as(p)), StaffAccount(p), false)
	r.must(err)
	return r.enrolled(inv)
}

func (r *rig) enrolled(inv Invitation) *member {
	r.Helper()
	m := &member{key: signintest.New(origin)}
	var err error
	m.cookie, m.session, err = r.enrol(inv.Secret, m.key)
	r.must(err)
	return m
}

// firstUser enrols the first user of the clinic.
func (r *rig) firstUser() *member {
	r.Helper()
	inv, err := r.Invite(r.ctx, Machine("root"), r.user("ines.calder"), false)
	r.must(err)
	return r.enrolled(inv)
}

func (r *rig) alive(cookie string) bool {
	r.Helper()
	_, err := r.Session(r.ctx, cookie, home, firefox)
	if err != nil && !errors.Is(err, ErrNoSession) {
		r.Fatal(err)
	}
	return err == nil
}

// entries are the audit entries of an act, the newest first, on a line each.
func (r *rig) entries(act string) string {
	r.Helper()
	all, _, err := r.staff.Audit(r.ctx, staff.AuditFilter{Act: act}, 0, 1000)
	r.must(err)
	var text strings.Builder
	for _, e := range all {
		text.WriteString(e.String() + "\n")
	}
	return text.String()
}

// audited says whether the trail has an entry of an act with a text in it.
func (r *rig) audited(act, text string) {
	r.Helper()
	if !strings.Contains(r.entries(act), text) {
		r.Errorf("the audit trail says of %s:\n%snot %q", act, r.entries(act), text)
	}
}
