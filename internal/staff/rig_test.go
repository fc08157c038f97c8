package staff

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"sync"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/records"
)

// The cast. The two operators are custodians too, in other cases.
const (
	jun, lena = writ.Person("jun.park"), writ.Person("lena.virtanen")
	noor      = writ.Person("noor.adeyemi")
	mira      = writ.Person("mira.lindqvist")
	theo      = writ.Person("theo.brandt")
	sam       = writ.Person("sam.ortiz")
	esi       = writ.Person("esi.mensah")
)

var home = netip.MustParseAddr("192.0.2.7")

// clock goes where the test puts it.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return c.at
}

// test is what runs a rig: a test, a benchmark, or one try of a property.
type test interface {
	rapid.TB
	Cleanup(func())
}

// rig is a staff with its store and clock, in the hands of a test.
type rig struct {
	test
	*Staff
	ctx   context.Context
	store records.Store
	clock *clock
}

func newRig(t test) *rig {
	t.Helper()
	c := &clock{at: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	store := records.NewMemory()
	t.Cleanup(func() { store.Close() })
	s, err := New(store, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, s, context.Background(), store, c}
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

func (r *rig) socket() Identity {
	r.Helper()
	by, err := r.Socket(r.ctx, "root")
	r.must(err)
	return by
}

// person names a person with roles, on the socket.
func (r *rig) person(id writ.Person, roles ...writ.Role) {
	r.Helper()
	r.must(r.AddPerson(r.ctx, r.socket(), id, Profile{Name: string(id)}))
	for _, role := range roles {
		_, err := r.Propose(r.ctx, r.socket(), Proposal{Person: id, Role: role})
		r.must(err)
	}
}

// registered makes a token for a person, on the socket.
func (r *rig) registered(id writ.Person, roles ...writ.Role) string {
	r.Helper()
	token, reg := NewToken()
	_, err := r.RegisterToken(r.ctx, r.socket(), TokenRequest{Person: id, Roles: roles, Life: MaxTokenLife}, reg)
	r.must(err)
	return token
}

func (r *rig) sign(token string) Identity {
	r.Helper()
	by, err := r.Authenticate(r.ctx, token, home, r.clock.now())
	r.must(err)
	return by
}

// team is a server with all its people, past its bootstrap.
type team struct {
	*rig
	tokens map[writ.Person]string
}

func newTeam(t test) *team {
	t.Helper()
	m := &team{newRig(t), map[writ.Person]string{}}
	m.begin(noor, writ.RoleIntake)
	m.begin(mira, writ.RoleCounsel)
	m.begin(theo, writ.RoleCounsel)
	m.begin(sam, writ.RoleProduction)
	m.person(esi)
	m.operators()
	return m
}

// newOperators is a server with its two operators and nobody else.
func newOperators(t test) *team {
	t.Helper()
	m := &team{newRig(t), map[writ.Person]string{}}
	m.operators()
	return m
}

func (m *team) operators() {
	m.Helper()
	m.begin(jun, writ.RoleOperator)
	m.begin(lena, writ.RoleAuditor, writ.RoleOperator) // the second operator's token ends the bootstrap
}

// begin names a person with roles and a token, on the socket.
func (m *team) begin(id writ.Person, roles ...writ.Role) {
	m.Helper()
	m.person(id, roles...)
	m.tokens[id] = m.registered(id, roles...)
}

func (m *team) as(id writ.Person) Identity {
	m.Helper()
	return m.sign(m.tokens[id])
}

// entries are all of the audit trail, the oldest first.
func (r *rig) entries(f AuditFilter) (all []Entry) {
	r.Helper()
	for before := uint64(0); ; {
		page, next, err := r.Audit(r.ctx, f, before, 7)
		r.must(err)
		for _, e := range page {
			all = append([]Entry{e}, all...)
		}
		if next == 0 {
			return all
		}
		before = next
	}
}

// snapshot is all records but the audit trail's.
func (r *rig) snapshot() map[string]string {
	r.Helper()
	all := map[string]string{}
	r.must(each(r.ctx, r.store, records.Prefix([]byte{tagStaff}), func(e records.Entry) (bool, error) {
		switch e.Key[1] {
		case tagQueue, tagHead, tagEntry, tagIndex:
		default:
			all[string(e.Key)] = string(e.Value)
		}
		return true, nil
	}))
	return all
}

func sha(b []byte) [32]byte { return sha256.Sum256(b) }
