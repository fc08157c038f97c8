package signin

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"writ"
	"writ/internal/records"
	"writ/internal/signin/signintest"
	"writ/internal/staff"
	"writ/internal/throttle"
)

// TestLyingBrowser: another origin, another domain, a frame, nobody there, no
// finger: none of it enrols, signs in or verifies.
func TestLyingBrowser(t *testing.T) {
	lies := map[string]func(*signintest.Authenticator){
		"another origin":         func(a *signintest.Authenticator) { a.Origin = "https://writ.fjordhost.example" },
		"another site":           func(a *signintest.Authenticator) { a.Origin = "https://writ.fjordhost.example.evil.example:9444" },
		"plain HTTP":             func(a *signintest.Authenticator) { a.Origin = "http://writ.fjordhost.example:9444" },
		"another domain":         func(a *signintest.Authenticator) { a.RPID = "fjordhost.example" },
		"a frame":                func(a *signintest.Authenticator) { a.Cross = true },
		"nobody there":           func(a *signintest.Authenticator) { a.Absent = true },
		"no finger and no PIN":   func(a *signintest.Authenticator) { a.Unproved = true },
		"not even a fingerprint": func(a *signintest.Authenticator) { a.Absent, a.Unproved = true, true },
	}
	r := newRig(t)
	m := r.joined(mira)
	for what, lie := range lies {
		r.clock.add(10 * time.Minute) // failures are forgotten
		var err error
		m.cookie, m.session, err = r.signIn(m.key)
		r.must(err)
		liar := m.key.Clone()
		lie(liar)
		_, _, err = r.signIn(liar)
		r.refused(err, ErrRefused, "signing in: "+what)
		if err.Error() != ErrRefused.Error() {
			t.Errorf("%s is told: %v", what, err)
		}
		_, _, err = r.stepUp(m.session, liar)
		r.refused(err, ErrRefused, "verifying: "+what)
		inv, err := r.Invite(r.ctx, Person(r.as(theo)), StaffAccount(theo), false)
		r.must(err)
		fresh := signintest.New(origin)
		lie(fresh)
		_, _, err = r.enrol(inv.Secret, fresh)
		r.refused(err, ErrRefused, "enrolling: "+what)
		if keys, err := r.Passkeys(r.ctx, StaffAccount(theo)); err != nil || len(keys) > 0 {
			t.Errorf("%s enrolled a passkey: %v", what, err)
		}
	}
}

// TestCeremonies: each is finished once, by what it was begun for, in its time.
func TestCeremonies(t *testing.T) {
	r := newRig(t)
	m, other := r.joined(mira), r.joined(theo)
	finish := func(id string, response []byte) error {
		_, _, err := r.FinishSignIn(r.ctx, id, response, home, firefox)
		return err
	}
	options, id, err := r.BeginSignIn(r.ctx, home)
	r.must(err)
	response, err := m.key.Get(options)
	r.must(err)
	r.must(finish(id, response))
	r.refused(finish(id, response), ErrCeremony, "a replayed ceremony")
	_, id, err = r.BeginSignIn(r.ctx, home)
	r.must(err)
	r.refused(finish(id, response), ErrRefused, "the answer to another ceremony")
	r.refused(finish(id, response), ErrCeremony, "a ceremony that failed")
	r.refused(finish("", response), ErrCeremony, "no ceremony")

	options, id, err = r.BeginSignIn(r.ctx, home)
	r.must(err)
	response, err = m.key.Get(options)
	r.must(err)
	_, _, err = r.FinishStepUp(r.ctx, m.session, id, response)
	r.refused(err, ErrCeremony, "a sign-in finished as a verification")
	options, id, err = r.BeginStepUp(r.ctx, m.session)
	r.must(err)
	response, err = m.key.Get(options)
	r.must(err)
	_, _, err = r.FinishStepUp(r.ctx, other.session, id, response)
	r.refused(err, ErrCeremony, "a verification finished in another session")

	options, id, err = r.BeginSignIn(r.ctx, home)
	r.must(err)
	response, err = other.key.Get(options)
	r.must(err)
	stolen, stolenID, err := r.BeginStepUp(r.ctx, m.session)
	r.must(err)
	_ = stolen
	_, _, err = r.FinishStepUp(r.ctx, m.session, stolenID, response)
	r.refused(err, ErrRefused, "somebody else's passkey in a verification")

	r.clock.add(ceremonyLife)
	r.refused(finish(id, response), ErrCeremony, "after five minutes")
	options, id, err = r.BeginSignIn(r.ctx, home)
	r.must(err)
	response, err = m.key.Get(options)
	r.must(err)
	r.clock.add(-time.Second)
	r.refused(finish(id, response), ErrCeremony, "when the clock went back")
	r.clock.add(time.Second)

	options, id, err = r.BeginSignIn(r.ctx, home)
	r.must(err)
	response, err = m.key.Get(options)
	r.must(err)
	r.restart()
	r.refused(finish(id, response), ErrCeremony, "after a restart")
	r.refused(finish(id, []byte(strings.Repeat("[", 100_000))), ErrCeremony, "nonsense")
	_, id, err = r.BeginSignIn(r.ctx, home)
	r.must(err)
	r.refused(finish(id, []byte(strings.Repeat("[", 100_000))), ErrRefused, "nonsense")
}

// TestFlood: ceremonies are bounded for each network and as a whole.
func TestFlood(t *testing.T) {
	r := newRig(t)
	for range maxOfNetwork {
		_, _, err := r.BeginSignIn(r.ctx, home)
		r.must(err)
	}
	_, _, err := r.BeginSignIn(r.ctx, home)
	r.refused(err, ErrTooMany, "one network's")
	for i := range maxCeremonies + 100 {
		one := &ceremony{kind: signingIn}
		if r.ceremonies.begin(one, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), r.clock.now()) == "" {
			t.Fatal("another network waits for that")
		}
	}
	if len(r.ceremonies.by) > maxCeremonies || len(r.ceremonies.order) > 2*maxCeremonies || len(r.ceremonies.of) > maxCeremonies {
		t.Errorf("%d ceremonies, %d in order, of %d networks", len(r.ceremonies.by), len(r.ceremonies.order), len(r.ceremonies.of))
	}
	r.clock.add(ceremonyLife)
	_, _, err = r.BeginSignIn(r.ctx, home)
	r.must(err)
	if len(r.ceremonies.by) != 1 {
		t.Errorf("%d ceremonies are left that are over", len(r.ceremonies.by))
	}
}

// TestClone: a counter that goes back locks the passkey and ends its sessions.
func TestClone(t *testing.T) {
	r := newRig(t)
	m := r.joined(mira)
	copied := m.key.Clone()
	cookie, _, err := r.signIn(m.key)
	r.must(err)
	_, _, err = r.signIn(copied)
	r.refused(err, ErrRefused, "a copy")
	if r.alive(cookie) || r.alive(m.cookie) {
		t.Error("a session of a copied passkey goes on")
	}
	m.key.Counter += 10
	_, _, err = r.signIn(m.key)
	r.refused(err, ErrRefused, "a copied passkey")
	r.audited("sign-in", "counter went back")
	keys, err := r.Passkeys(r.ctx, StaffAccount(mira))
	r.must(err)
	if keys[0].Cloned.IsZero() {
		t.Error("the list does not say it")
	}
	// Authenticators without a counter have none to go back.
	m = r.joined(mira)
	m.key.Step = 0
	m.key.Counter = 0
	for range 3 {
		if _, _, err := r.signIn(m.key); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStolenCookie: in another browser it ends; from another network it approves
// nothing; and the thief has nothing once its owner verifies.
func TestStolenCookie(t *testing.T) {
	r := newRig(t)
	m := r.joined(mira)
	s, err := r.Session(r.ctx, m.cookie, train, firefox)
	r.must(err)
	if !s.Fresh.IsZero() || s.Addr != train {
		t.Errorf("%+v", s)
	}
	r.refused(r.staff.RequireFresh(r.ctx, r.in(s), "sign-case", ""), staff.ErrFresh, "from another network")
	r.audited("session.move", "addr=198.51.100.9")
	if _, err := r.Session(r.ctx, m.cookie, netip.MustParseAddr("198.51.100.200"), firefox); err != nil {
		t.Error(err)
	}
	_, _, err = r.stepUp(s, m.key)
	r.must(err)
	if r.alive(m.cookie) {
		t.Error("the stolen cookie is still good")
	}

	m = r.joined(theo)
	_, err = r.Session(r.ctx, m.cookie, home, chrome)
	r.refused(err, ErrNoSession, "in another browser")
	if r.alive(m.cookie) {
		t.Error("a cookie that was copied is still good")
	}
	r.audited("session.end", "another browser")

	m = r.joined(noor)
	for i := range 4 * maxMoves {
		addr := home
		if i%2 == 0 {
			addr = train
		}
		r.Session(r.ctx, m.cookie, addr, firefox)
	}
	if r.alive(m.cookie) {
		t.Error("a session goes to and fro without end")
	}
	for _, cookie := range []string{"", "x", m.session.ID, strings.Repeat("A", 43), strings.Repeat("A", 1<<20)} {
		if r.alive(cookie) {
			t.Errorf("%.50q is a cookie", cookie)
		}
	}
	updated := strings.ReplaceAll(firefox, "145.0", "146.0")
	m = r.joined(noor)
	if _, err := r.Session(r.ctx, m.cookie, home, updated); err != nil {
		t.Error("an update of the browser ends its sessions")
	}
}

// TestEnds: sessions end when idle, when their time is over, when the role ends, when
// the person leaves; and the clock, put back, gives nobody more.
func TestEnds(t *testing.T) {
	r := newRig(t)
	m := r.joined(mira)
	r.clock.add(idle - time.Second)
	if !r.alive(m.cookie) {
		t.Error("it ended early")
	}
	r.clock.add(idle)
	if r.alive(m.cookie) {
		t.Error("an idle session goes on")
	}
	m = r.joined(mira)
	for range 24 * 4 {
		r.clock.add(15 * time.Minute)
		if on := r.alive(m.cookie); on != r.clock.now().Before(m.session.Ends) {
			t.Fatalf("at %v of %v: %v", r.clock.now(), m.session.Ends, on)
		}
	}
	for what, back := range map[string]time.Duration{"a second": -time.Second, "a day": -24 * time.Hour} {
		m = r.joined(theo)
		r.clock.add(2 * time.Minute)
		s, err := r.Session(r.ctx, m.cookie, home, firefox) // seen now
		r.must(err)
		r.clock.add(back)
		if _, err := r.Identity(r.ctx, s); !errors.Is(err, ErrNoSession) {
			t.Errorf("the clock went back by %s: %v", what, err)
		}
		if r.alive(m.cookie) {
			t.Errorf("a session goes on when the clock went back by %s", what)
		}
		r.clock.add(-back)
		if r.alive(m.cookie) {
			t.Error("it comes back with the clock")
		}
	}
	inv, err := r.Invite(r.ctx, Person(r.as(theo)), StaffAccount(theo), false)
	r.must(err)
	r.clock.add(-time.Hour)
	_, err = r.Invitation(r.ctx, inv.Secret, home)
	r.refused(err, ErrInvitation, "an invitation of a time ahead")
	r.clock.add(time.Hour)

	m = r.joined(mira)
	who := r.in(m.session)
	held, err := r.staff.Roles(r.ctx, mira, r.clock.now())
	r.must(err)
	r.must(r.staff.End(r.ctx, r.as(jun), mira, held[0].Assignment, r.clock.now()))
	_, err = r.staff.Renew(r.ctx, who)
	r.refused(err, ErrNoSession, "an identity from before the role ended")
	r.refused(r.staff.Require(r.ctx, who, "case", "", writ.RoleCounsel), ErrNoSession, "a role that ended")
	if r.alive(m.cookie) {
		t.Error("a session outlives its person's last role")
	}
	_, _, err = r.signIn(m.key)
	r.refused(err, ErrRefused, "somebody without a role")
	m = r.joined(noor)
	who = r.in(m.session)
	r.must(r.staff.Leave(r.ctx, r.as(jun), noor))
	r.refused(r.staff.SetProfile(r.ctx, who, noor, staff.Profile{Name: "x"}), ErrNoSession, "somebody who left")
	if r.alive(m.cookie) {
		t.Error("a session outlives its person's time here")
	}
}

// TestStaffTakesNoOther: a session is its person's, and no claim of anything else.
func TestStaffTakesNoOther(t *testing.T) {
	r := newRig(t)
	m, user := r.joined(jun), r.firstUser()
	good := r.in(m.session)
	for what, who := range map[string]staff.Identity{
		"another's session":      {Person: lena, Session: m.session.ID, Fresh: good.Fresh},
		"a customer's session":   {Person: jun, Session: user.session.ID},
		"no such session":        {Person: jun, Session: "AAAAAAAAAAAA"},
		"nobody's":               {Session: m.session.ID},
		"a session and a token":  {Person: jun, Session: m.session.ID, Token: r.as(jun).Token},
		"a session and a socket": {Person: jun, Session: m.session.ID, Account: "root"},
		"a cookie as its id":     {Person: jun, Session: m.cookie},
		"nothing":                {Person: jun},
	} {
		who.Roles = good.Roles
		if err := r.staff.AddPerson(r.ctx, who, "esi.mensah", staff.Profile{Name: "Esi"}); !errors.Is(err, staff.ErrRole) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r.must(r.staff.AddPerson(r.ctx, good, "esi.mensah", staff.Profile{Name: "Esi"}))
	r.audited("person.add", "session "+m.session.ID)

	// What it says of its own freshness does not count.
	id, err := r.staff.Propose(r.ctx, r.as(lena), staff.Proposal{Person: "esi.mensah", Role: writ.RoleAuditor})
	r.must(err)
	r.clock.add(staff.FreshFor + time.Second)
	good.Fresh = r.clock.now()
	r.refused(r.staff.Confirm(r.ctx, good, "esi.mensah", id), staff.ErrFresh, "a claimed verification")
	_, _, err = r.staff.IssueToken(r.ctx, good, staff.TokenRequest{Person: jun, Roles: []writ.Role{writ.RoleOperator}})
	r.refused(err, staff.ErrFresh, "a token without a fresh verification")
	_, m.session, err = r.stepUp(m.session, m.key)
	r.must(err)
	r.must(r.staff.Confirm(r.ctx, r.in(m.session), "esi.mensah", id))
	token, kept, err := r.staff.IssueToken(r.ctx, r.in(m.session), staff.TokenRequest{Person: jun, Roles: []writ.Role{writ.RoleOperator}})
	r.must(err)
	if _, err := r.staff.Authenticate(r.ctx, token, home, r.clock.now()); err != nil || kept.Confirmed.IsZero() {
		t.Errorf("%+v, %v", kept, err)
	}
	_, _, err = r.staff.IssueToken(r.ctx, r.in(m.session), staff.TokenRequest{Person: jun, Roles: []writ.Role{writ.RoleCounsel}})
	r.refused(err, staff.ErrRole, "a token wider than the roles held")
	_, _, err = r.staff.IssueToken(r.ctx, r.in(m.session), staff.TokenRequest{Person: lena, Roles: []writ.Role{writ.RoleOperator}})
	r.refused(err, staff.ErrRole, "a token for somebody else")
	who := r.in(m.session)
	r.must(r.Revoke(r.ctx, Person(r.as(lena)), m.session.ID))
	r.refused(r.staff.AddPerson(r.ctx, who, "sam.ortiz", staff.Profile{Name: "Sam"}), ErrNoSession, "a revoked session")
	r.audited("session.end", "revoked by lena.virtanen")
}

// TestInvitations: one use, three days, one at a time; and who guesses must wait.
func TestInvitations(t *testing.T) {
	r := newRig(t)
	invite := func() string {
		inv, err := r.Invite(r.ctx, Person(r.as(theo)), StaffAccount(theo), false)
		r.must(err)
		return inv.Secret
	}
	first, second := invite(), invite()
	_, err := r.Invitation(r.ctx, first, home)
	r.refused(err, ErrInvitation, "one that another replaced")
	if a, err := r.Invitation(r.ctx, second, home); err != nil || a != StaffAccount(theo) {
		t.Errorf("%+v, %v", a, err)
	}
	// Two browsers begin with the same invitation; one of them enrols.
	one, two := signintest.New(origin), signintest.New(origin)
	optionsOne, idOne, err := r.BeginEnrol(r.ctx, second, "", home)
	r.must(err)
	optionsTwo, idTwo, err := r.BeginEnrol(r.ctx, second, "", home)
	r.must(err)
	responseOne, err := one.Create(optionsOne)
	r.must(err)
	responseTwo, err := two.Create(optionsTwo)
	r.must(err)
	_, _, err = r.FinishEnrol(r.ctx, idOne, responseOne, home, firefox)
	r.must(err)
	_, _, err = r.FinishEnrol(r.ctx, idTwo, responseTwo, home, firefox)
	r.refused(err, ErrInvitation, "an invitation used twice")
	_, _, err = r.BeginEnrol(r.ctx, second, "", home)
	r.refused(err, ErrInvitation, "a used invitation")
	third := invite()
	r.clock.add(InvitationLife)
	_, _, err = r.BeginEnrol(r.ctx, third, "", home)
	r.refused(err, ErrInvitation, "after three days")

	// The one who lost the inviting role meanwhile is no longer asked; the invited
	// one must still hold theirs.
	fourth := invite()
	held, err := r.staff.Roles(r.ctx, theo, r.clock.now())
	r.must(err)
	r.must(r.staff.End(r.ctx, r.as(jun), theo, held[0].Assignment, r.clock.now()))
	_, _, err = r.BeginEnrol(r.ctx, fourth, "", home)
	r.refused(err, ErrInvitation, "of somebody without a role")

	r.clock.add(time.Hour)
	for i := range throttle.Burst {
		_, err = r.Invitation(r.ctx, fmt.Sprintf("%s%043d", secretPrefix, i), train)
		r.refused(err, ErrInvitation, "a guess")
	}
	inv, err := r.Invite(r.ctx, Person(r.as(mira)), StaffAccount(mira), false)
	r.must(err)
	_, err = r.Invitation(r.ctx, inv.Secret, train)
	r.refused(err, ErrTooMany, "the right one after many guesses")
	_, _, err = r.BeginSignIn(r.ctx, train)
	r.refused(err, ErrTooMany, "a sign-in after many guesses")
	if _, err = r.Invitation(r.ctx, inv.Secret, home); err != nil {
		t.Error("another network waits for that")
	}
}

// TestAtOnce: of many who finish with one invitation one enrols, and sessions that
// are touched, verified and revoked at the same time end up whole.
func TestAtOnce(t *testing.T) {
	r := newRig(t)
	inv, err := r.Invite(r.ctx, Person(r.as(theo)), StaffAccount(theo), false)
	r.must(err)
	var finished sync.WaitGroup
	var in atomic.Int32
	begun := map[string][]byte{}
	for range 8 {
		options, id, err := r.BeginEnrol(r.ctx, inv.Secret, "", home)
		r.must(err)
		begun[id], err = signintest.New(origin).Create(options)
		r.must(err)
	}
	for id, response := range begun {
		finished.Go(func() {
			if _, _, err := r.FinishEnrol(r.ctx, id, response, home, firefox); err == nil {
				in.Add(1)
			}
		})
	}
	finished.Wait()
	if in.Load() != 1 {
		t.Errorf("%d enrolled with one invitation", in.Load())
	}
	m := r.joined(mira)
	m.key.Step = 1
	r.clock.add(2 * time.Minute)
	options, id, err := r.BeginStepUp(r.ctx, m.session)
	r.must(err)
	response, err := m.key.Get(options)
	r.must(err)
	for i := range 8 {
		finished.Go(func() {
			if i == 4 {
				r.FinishStepUp(r.ctx, m.session, id, response)
				return
			}
			r.Session(r.ctx, m.cookie, home, firefox)
		})
	}
	finished.Wait()
	if r.alive(m.cookie) {
		t.Error("the cookie from before the verification came back")
	}
	if all, err := r.Sessions(r.ctx, StaffAccount(mira)); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestTooManySessions: the oldest goes.
func TestTooManySessions(t *testing.T) {
	r := newRig(t)
	m := r.joined(mira)
	for range maxSessions {
		r.clock.add(time.Second)
		_, _, err := r.signIn(m.key)
		r.must(err)
	}
	if all, err := r.Sessions(r.ctx, StaffAccount(mira)); err != nil || len(all) != maxSessions || r.alive(m.cookie) {
		t.Errorf("%d sessions, %v", len(all), err)
	}
	r.must(r.RevokeAll(r.ctx, Person(r.as(mira)), StaffAccount(mira)))
	if all, err := r.Sessions(r.ctx, StaffAccount(mira)); err != nil || len(all) != 0 {
		t.Errorf("%d sessions, %v", len(all), err)
	}
	r.refused(r.RevokeAll(r.ctx, Person(r.as(mira)), StaffAccount(jun)), staff.ErrRole, "counsel ends an operator's sessions")
}

// TestRestart: sessions, passkeys and invitations survive it, on a disk too, whatever
// was just being done.
func TestRestart(t *testing.T) {
	r := newRig(t)
	m := r.joined(mira)
	inv, err := r.Invite(r.ctx, Person(r.as(theo)), StaffAccount(theo), false)
	r.must(err)
	r.restart()
	if !r.alive(m.cookie) {
		t.Error("a session ended with the server")
	}
	r.in(m.session)
	r.enrolled(inv)
	if _, _, err := r.signIn(m.key); err != nil {
		t.Error(err)
	}
}

// TestKilledBetween: whatever transaction fails, an invitation and its passkey, a
// verification and its cookie come together or not at all.
func TestKilledBetween(t *testing.T) {
	r := newRig(t)
	inv, err := r.Invite(r.ctx, Person(r.as(theo)), StaffAccount(theo), false)
	r.must(err)
	m := r.joined(mira)
	failing := &failingStore{Store: r.Records}
	r.Records = failing
	for n := range 10 {
		failing.in.Store(int32(n))
		r.enrol(inv.Secret, signintest.New(origin)) // may fail anywhere
		r.stepUp(m.session, m.key)
		failing.in.Store(-1)
		keys, err := r.Passkeys(r.ctx, StaffAccount(theo))
		r.must(err)
		_, invited := r.Invitation(r.ctx, inv.Secret, home)
		if (len(keys) == 1) == (invited == nil) {
			t.Fatalf("after %d transactions: %d passkeys, and the invitation: %v", n, len(keys), invited)
		}
		ids, recs, err := r.sessionsOf(r.ctx, r.store, StaffAccount(mira))
		r.must(err)
		at, err := r.store.Get(r.ctx, key(tagCookie, string(recs[ids[0]].Cookie)))
		if err != nil || string(at) != ids[0] {
			t.Fatalf("after %d transactions: the session has no cookie: %v", n, err)
		}
		if len(keys) == 1 {
			return
		}
		r.clock.add(time.Minute)
	}
	t.Error("it never came through")
}

// failingStore is killed before the n-th transaction from now commits.
type failingStore struct {
	records.Store
	in atomic.Int32
}

var errKilled = errors.New("killed")

func (f *failingStore) Update(ctx context.Context, fn func(records.Tx) error) error {
	return f.Store.Update(ctx, func(tx records.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if f.in.Load() >= 0 && f.in.Add(-1) < 0 {
			f.in.Store(0)
			return errKilled
		}
		return nil
	})
}

// TestKinds: a ceremony is of no use for anything but what it was begun for, and ends
// when that is tried.
func TestKinds(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	kinds := []ceremonyKind{enrolling, signingIn, steppingUp, atProvider}
	for _, begun := range kinds {
		for _, tried := range kinds {
			var c ceremonies
			id := c.begin(&ceremony{kind: begun}, home, now)
			if got := c.take(id, tried, now); (got != nil) != (begun == tried) {
				t.Errorf("a ceremony of kind %d is taken as %d", begun, tried)
			}
			if c.take(id, begun, now) != nil {
				t.Errorf("a ceremony of kind %d, tried as %d, goes on", begun, tried)
			}
		}
	}
}
