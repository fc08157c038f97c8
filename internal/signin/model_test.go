package signin

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/signin/signintest"
	"writ/internal/staff"
	"writ/internal/throttle"
)

// The model: who may sign in, as one would write it down on paper.
type (
	modelKey struct {
		of     writ.Person
		device *signintest.Authenticator
		gone   bool
	}
	modelSession struct {
		of          writ.Person
		key         *modelKey
		session     Session
		cookie      string
		past        []string // its cookies from before
		began, seen time.Time
		fresh       time.Time
		gone        bool
	}
	modelInvitation struct {
		of     writ.Person
		secret string
		made   time.Time
		gone   bool
	}
	model struct {
		*rig
		people      []writ.Person
		keys        []*modelKey
		sessions    []*modelSession
		invitations []*modelInvitation
		roles       map[writ.Person]bool
	}
)

// TestModel does what people do in any order, and holds after each step every cookie,
// invitation and passkey that ever was against the model.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{rig: newRig(t), people: []writ.Person{mira, theo}, roles: map[writ.Person]bool{mira: true, theo: true}}
		t.Repeat(map[string]func(*rapid.T){
			"invite": m.invite, "enrol": m.enrols, "sign in": m.signsIn, "step up": m.stepsUp, "sign out": m.signsOut, "revoke": m.revokes,
			"revoke all": m.revokesAll, "remove": m.removes, "time": m.passes, "restart": func(*rapid.T) { m.restart() }, "end role": m.endsRole, "expire": func(*rapid.T) { m.must(m.Expire(m.ctx)) },
			"": m.holds,
		})
	})
}

func (m *model) now() time.Time { return m.clock.now() }

// in says whether a session is in force, by the model.
func (m *model) in(s *modelSession) bool {
	if !s.gone && (!m.roles[s.of] || !m.now().Before(s.began.Add(life)) || m.now().Sub(s.seen) >= idle) {
		s.gone = true // and for good
	}
	return !s.gone
}

func (m *model) valid(i *modelInvitation) bool {
	return !i.gone && m.roles[i.of] && m.now().Before(i.made.Add(InvitationLife))
}

// undrawn tells rapid that a move can't be made from here, so that it draws
// another: of the sequence this step is left out, of the tests none.
func undrawn(t *rapid.T, why string) { t.Skip(why) }

func draw[T any](t *rapid.T, all []T, what string) T {
	if len(all) == 0 {
		undrawn(t, "there is none")
	}
	return rapid.SampledFrom(all).Draw(t, what)
}

func (m *model) invite(t *rapid.T) {
	p := draw(t, m.people, "person")
	if !m.roles[p] {
		undrawn(t, "a token without its role")
	}
	inv, err := m.Invite(m.ctx, Person(m.as(p)), StaffAccount(p), false)
	m.must(err)
	for _, i := range m.invitations {
		i.gone = i.gone || i.of == p
	}
	m.invitations = append(m.invitations, &modelInvitation{of: p, secret: inv.Secret, made: m.now()})
}

func (m *model) enrols(t *rapid.T) {
	i := draw(t, m.invitations, "invitation")
	if m.count(i.of) >= maxPasskeys-1 {
		undrawn(t, "enough")
	}
	k := &modelKey{of: i.of, device: signintest.New(origin)}
	cookie, session, err := m.enrol(i.secret, k.device)
	m.forgive()
	if !m.valid(i) {
		if !errors.Is(err, ErrInvitation) {
			t.Fatalf("an invitation that is not valid: %v", err)
		}
		return
	}
	m.must(err)
	i.gone = true
	m.keys = append(m.keys, k)
	m.began(k, cookie, session)
}

func (m *model) count(p writ.Person) (n int) {
	for _, k := range m.keys {
		if k.of == p && !k.gone {
			n++
		}
	}
	return n
}

// forgive forgets failures: the property is about who may sign in.
func (m *model) forgive() { m.throttle = throttle.Throttle{} }

func (m *model) began(k *modelKey, cookie string, session Session) {
	now := m.now()
	m.sessions = append(m.sessions, &modelSession{of: k.of, key: k, session: session, cookie: cookie, began: now, seen: now, fresh: now})
}

func (m *model) signsIn(t *rapid.T) {
	k := draw(t, m.keys, "passkey")
	open := 0
	for _, s := range m.sessions {
		if s.of == k.of && m.in(s) {
			open++
		}
	}
	if open >= maxSessions-2 {
		undrawn(t, "enough")
	}
	cookie, session, err := m.rig.signIn(k.device)
	m.forgive()
	if k.gone || !m.roles[k.of] {
		if !errors.Is(err, ErrRefused) {
			t.Fatalf("a passkey that is gone, or whose owner is: %v", err)
		}
		return
	}
	m.must(err)
	m.began(k, cookie, session)
}

func (m *model) stepsUp(t *rapid.T) {
	s := draw(t, m.sessions, "session")
	keys := []*modelKey{}
	for _, k := range m.keys {
		if k.of == s.of && !k.gone {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		undrawn(t, "no passkey")
	}
	cookie, session, err := m.stepUp(s.session, draw(t, keys, "passkey").device)
	m.forgive()
	if !m.in(s) {
		if !errors.Is(err, ErrNoSession) {
			t.Fatalf("a session that is over was verified: %v", err)
		}
		return
	}
	m.must(err)
	s.past, s.cookie, s.session, s.seen, s.fresh = append(s.past, s.cookie), cookie, session, m.now(), m.now()
}

func (m *model) signsOut(t *rapid.T) {
	s := draw(t, m.sessions, "session")
	m.must(m.SignOut(m.ctx, s.session))
	s.gone = true
}

func (m *model) revokes(t *rapid.T) {
	s := draw(t, m.sessions, "session")
	err := m.Revoke(m.ctx, Person(m.as(lena)), s.session.ID)
	if err != nil && (m.in(s) || !errors.Is(err, staff.ErrNotFound)) {
		t.Fatal(err)
	}
	s.gone = true
}

func (m *model) revokesAll(t *rapid.T) {
	p := draw(t, m.people, "person")
	m.must(m.RevokeAll(m.ctx, Person(m.as(lena)), StaffAccount(p)))
	for _, s := range m.sessions {
		s.gone = s.gone || s.of == p
	}
}

func (m *model) removes(t *rapid.T) {
	k := draw(t, m.keys, "passkey")
	all, err := m.Passkeys(m.ctx, StaffAccount(k.of))
	m.must(err)
	for _, p := range all {
		rec, err := getPasskey(m.ctx, m.store, p.ID)
		m.must(err)
		if string(rec.Credential) == string(k.device.Keys[0].ID) {
			m.must(m.RemovePasskey(m.ctx, Person(m.as(jun)), p.ID))
			k.gone = true
			for _, s := range m.sessions {
				s.gone = s.gone || s.key == k
			}
			return
		}
	}
	if !k.gone {
		t.Fatal("a passkey is not in its owner's list")
	}
}

func (m *model) passes(t *rapid.T) {
	m.clock.add(rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second, 4 * time.Minute, 25 * time.Minute, idle, 5 * time.Hour, InvitationLife}).Draw(t, "time"))
}

func (m *model) endsRole(t *rapid.T) {
	p := draw(t, m.people, "person")
	if !m.roles[p] || rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
		undrawn(t, "not now")
	}
	held, err := m.staff.Roles(m.ctx, p, m.now())
	m.must(err)
	m.must(m.staff.End(m.ctx, m.rig.as(jun), p, held[0].Assignment, m.now()))
	m.roles[p] = false
}

// holds compares everything.
func (m *model) holds(t *rapid.T) {
	open := map[writ.Person]int{}
	for _, s := range m.sessions {
		want := m.in(s)
		got, err := m.Session(m.ctx, s.cookie, home, firefox)
		if (err == nil) != want {
			t.Fatalf("session %s is %v, not %v", s.session.ID, err, want)
		}
		if err != nil {
			continue
		}
		open[s.of]++
		if m.now().Sub(s.seen) >= seenEvery {
			s.seen = m.now()
		}
		if got.Account != StaffAccount(s.of) || !got.Fresh.Equal(s.fresh) {
			t.Fatalf("session %+v, not %s verified at %v", got, s.of, s.fresh)
		}
		err = m.staff.RequireFresh(m.ctx, staff.Identity{Person: s.of, Session: got.ID}, "sign-case", "")
		if (err == nil) != (m.now().Sub(s.fresh) <= staff.FreshFor) {
			t.Fatalf("verified at %v, now %v: %v", s.fresh, m.now(), err)
		}
		for _, old := range s.past {
			if m.alive(old) {
				t.Fatal("a cookie from before a verification is somebody's")
			}
		}
	}
	for _, p := range m.people {
		if all, err := m.Sessions(m.ctx, StaffAccount(p)); err != nil || len(all) != open[p] {
			t.Fatalf("%s has %d sessions, not %d: %v", p, len(all), open[p], err)
		}
		if all, err := m.Passkeys(m.ctx, StaffAccount(p)); err != nil || len(all) != m.count(p) {
			t.Fatalf("%s has %d passkeys, not %d: %v", p, len(all), m.count(p), err)
		}
	}
	for _, i := range m.invitations {
		if _, err := m.Invitation(m.ctx, i.secret, home); (err == nil) != m.valid(i) {
			t.Fatalf("an invitation of %s: %v", i.of, err)
		}
		m.forgive()
	}
}
