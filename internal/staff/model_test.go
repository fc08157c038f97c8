package staff

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/throttle"
)

// The model says who holds what by the plain words of the promise, from lists of
// what was done. It knows nothing of records.
type model struct {
	*team
	t       *rapid.T
	given   []*modelRole
	tokens  []*modelToken
	left    map[writ.Person]time.Time
	waiting []*modelRole // proposed, not decided
	past    []question
	begun   time.Time
}

type modelRole struct {
	id         string
	person     writ.Person
	role       writ.Role
	principal  writ.Person
	proposedBy writ.Person
	proposedAt time.Time
	from       time.Time // when it is in force
	until      time.Time
	ended      time.Time
}

type modelToken struct {
	token, id string
	person    writ.Person
	roles     []writ.Role
	expires   time.Time
	revoked   bool
	parent    *modelToken
}

// question is an answer of the past, which must stay.
type question struct {
	person writ.Person
	at     time.Time
	answer string
}

func (g *modelRole) at(t time.Time, left map[writ.Person]time.Time) bool {
	gone, isGone := left[g.person]
	return !t.Before(g.from) && (g.until.IsZero() || t.Before(g.until)) && (g.ended.IsZero() || t.Before(g.ended)) && !(isGone && !t.Before(gone))
}

func (m *model) holds(p writ.Person, t time.Time) (list []string) {
	for _, g := range m.given {
		if g.person != p || !g.at(t, m.left) {
			continue
		}
		if g.principal != "" && !slices.ContainsFunc(m.given, func(o *modelRole) bool {
			return o.person == g.principal && o.principal == "" && o.role == g.role && o.at(t, m.left)
		}) {
			continue
		}
		list = append(list, string(g.role)+" for "+string(g.principal))
	}
	slices.Sort(list)
	return list
}

func (m *model) answer(p writ.Person, at time.Time) string {
	held, err := m.Roles(m.ctx, p, at)
	m.must(err)
	var list []string
	for _, h := range held {
		list = append(list, string(h.Role)+" for "+string(h.For))
	}
	slices.Sort(list)
	return fmt.Sprint(list)
}

var modelPeople = []writ.Person{noor, mira, theo, sam, esi, "a.newcomer"}

func (m *model) somebody() writ.Person { return rapid.SampledFrom(modelPeople).Draw(m.t, "person") }
func (m *model) operator() writ.Person {
	return rapid.SampledFrom([]writ.Person{jun, lena}).Draw(m.t, "operator")
}

func (m *model) propose(*rapid.T) {
	now := m.clock.now()
	g := &modelRole{person: m.somebody(), role: rapid.SampledFrom(caseRoles).Draw(m.t, "role"), proposedBy: m.operator(), proposedAt: now}
	p := Proposal{Person: g.person, Role: g.role}
	if rapid.Bool().Draw(m.t, "deputy") {
		p.For = m.somebody()
		p.From = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(m.t, "from")) * time.Hour)
		p.Until = p.From.Add(time.Duration(rapid.IntRange(1, 48).Draw(m.t, "until")) * time.Hour)
	}
	id, err := m.Propose(m.ctx, m.as(g.proposedBy), p)
	_, gone := m.left[p.Person]
	_, principalGone := m.left[p.For]
	own := p.For == "" || slices.Contains(m.holds(p.For, later(p.From, now)), string(p.Role)+" for ") && !principalGone && p.For != p.Person
	if (err == nil) != (!gone && own) {
		m.t.Fatalf("%+v: %v", p, err)
	}
	if err != nil {
		return
	}
	g.id, g.principal, g.from, g.until = id, p.For, later(p.From, now), p.Until
	m.waiting = append(m.waiting, g)
}

// undrawn tells rapid that a move can't be made from here, so that it draws
// another: of the sequence this step is left out, of the tests none.
func undrawn(t *rapid.T, why string) { t.Skip(why) }

func (m *model) confirm(t *rapid.T) {
	if len(m.waiting) == 0 {
		undrawn(t, "nothing waits")
	}
	i := rapid.IntRange(0, len(m.waiting)-1).Draw(t, "which")
	g, by, now := m.waiting[i], m.operator(), m.clock.now()
	err := m.Confirm(m.ctx, m.as(by), g.person, g.id)
	_, gone := m.left[g.person]
	_, principalGone := m.left[g.principal]
	ok := by != g.proposedBy && !gone && !principalGone && now.Sub(g.proposedAt) <= ProposalLife && (g.until.IsZero() || g.until.After(now)) &&
		(g.principal == "" || slices.Contains(m.holds(g.principal, later(g.from, now)), string(g.role)+" for "))
	if (err == nil) != ok {
		t.Fatalf("%+v confirmed by %s at %v: %v", g, by, now, err)
	}
	if ok {
		g.from = later(g.from, now)
		m.given = append(m.given, g)
		m.waiting = slices.Delete(m.waiting, i, i+1)
	}
}

func (m *model) end(t *rapid.T) {
	if len(m.given) == 0 {
		undrawn(t, "no role")
	}
	g, now := rapid.SampledFrom(m.given).Draw(t, "which"), m.clock.now()
	at := now.Add(time.Duration(rapid.IntRange(-3, 10).Draw(t, "when")) * time.Hour)
	err := m.End(m.ctx, m.as(m.operator()), g.person, g.id, at)
	at = later(at, now)
	_, gone := m.left[g.person]
	ok := !gone && (g.until.IsZero() || g.until.After(at)) && (g.ended.IsZero() || g.ended.After(at))
	if (err == nil) != ok {
		t.Fatalf("%+v ended at %v: %v", g, at, err)
	}
	if ok {
		g.ended = at
	}
}

func (m *model) leave(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "seldom") > 0 {
		undrawn(t, "seldom")
	}
	p := m.somebody()
	err := m.Leave(m.ctx, m.as(m.operator()), p)
	if _, gone := m.left[p]; (err == nil) == gone {
		t.Fatalf("%s leaves: %v", p, err)
	} else if !gone {
		m.left[p] = m.clock.now()
	}
}

func (m *model) register(t *rapid.T) {
	p, roles := m.somebody(), rapid.SliceOfNDistinct(rapid.SampledFrom(caseRoles), 1, 2, rapid.ID).Draw(t, "roles")
	life := time.Duration(rapid.IntRange(1, 72).Draw(t, "hours")) * time.Hour
	token, reg := NewToken()
	_, err := m.RegisterToken(m.ctx, m.as(jun), TokenRequest{Person: p, Roles: roles, Life: life}, reg)
	_, gone := m.left[p]
	if (err == nil) != (!gone && m.all(p, roles)) {
		t.Fatalf("%s registers %v: %v", p, roles, err)
	}
	if err != nil {
		return
	}
	m.must(m.ConfirmToken(m.ctx, m.as(lena), reg.ID))
	m.tokens = append(m.tokens, &modelToken{token: token, id: reg.ID, person: p, roles: roles, expires: m.clock.now().Add(life)})
}

// all says whether a person holds all of the roles now, in whichever way.
func (m *model) all(p writ.Person, roles []writ.Role) bool {
	held := m.roles(p)
	return !slices.ContainsFunc(roles, func(r writ.Role) bool { return !held[r] })
}

func (m *model) roles(p writ.Person) map[writ.Role]bool {
	held := map[writ.Role]bool{}
	for _, text := range m.holds(p, m.clock.now()) {
		for _, r := range caseRoles {
			if len(text) >= len(r)+5 && text[:len(r)+5] == string(r)+" for " {
				held[r] = true
			}
		}
	}
	return held
}

// gives is what a token gives now.
func (m *model) gives(k *modelToken) (roles []writ.Role) {
	for p := k; p != nil; p = p.parent {
		if p.revoked {
			return nil
		}
	}
	if !m.clock.now().Before(k.expires) {
		return nil
	}
	held := m.roles(k.person)
	for _, r := range k.roles {
		if held[r] {
			roles = append(roles, r)
		}
	}
	return roles
}

func (m *model) issue(t *rapid.T) {
	if len(m.tokens) == 0 {
		undrawn(t, "no token")
	}
	k := rapid.SampledFrom(m.tokens).Draw(t, "with")
	roles := rapid.SliceOfNDistinct(rapid.SampledFrom(caseRoles), 1, 2, rapid.ID).Draw(t, "roles")
	token, kept, err := m.IssueToken(m.ctx, Identity{Person: k.person, Token: k.id}, TokenRequest{Person: k.person, Roles: roles, Life: time.Hour})
	given := m.gives(k)
	ok := !slices.ContainsFunc(roles, func(r writ.Role) bool { return !slices.Contains(given, r) })
	if (err == nil) != ok {
		t.Fatalf("%v issued with %v: %v", roles, given, err)
	}
	if ok {
		m.tokens = append(m.tokens, &modelToken{token: token, id: kept.ID, person: k.person, roles: roles, expires: kept.Expires, parent: k})
	}
}

func (m *model) revoke(t *rapid.T) {
	if len(m.tokens) == 0 {
		undrawn(t, "no token")
	}
	k := rapid.SampledFrom(m.tokens).Draw(t, "which")
	m.must(m.RevokeToken(m.ctx, m.as(m.operator()), k.id))
	k.revoked = true
}

func (m *model) wait(t *rapid.T) {
	if m.clock.now().Sub(m.begun) > 300*24*time.Hour {
		undrawn(t, "the operators' tokens last a year")
	}
	m.clock.add(time.Duration(rapid.IntRange(1, 20).Draw(t, "minutes")) * time.Minute * time.Duration(rapid.SampledFrom([]int{1, 60, 600}).Draw(t, "times")))
}

// check asks about now, about the past and about what every token gives.
func (m *model) check(t *rapid.T) {
	now := m.clock.add(time.Nanosecond) // what was done is past
	for _, p := range modelPeople {
		want := fmt.Sprint(m.holds(p, now))
		if got := m.answer(p, now); got != want {
			t.Fatalf("%s at %v: %s, not %s", p, now, got, want)
		}
		m.past = append(m.past, question{p, now, want})
	}
	q := rapid.SampledFrom(m.past).Draw(t, "past")
	if got := m.answer(q.person, q.at); got != q.answer {
		t.Fatalf("%s at %v was %s and is %s", q.person, q.at, q.answer, got)
	}
	for _, k := range m.tokens {
		want := m.gives(k)
		by, err := m.Authenticate(m.ctx, k.token, home, now)
		m.throttle = throttle.Throttle{} // the property is about roles
		if (err == nil) != (len(want) > 0) {
			t.Fatalf("%+v: %v", k, err)
		}
		var got []writ.Role
		for _, h := range by.Roles {
			if !slices.Contains(got, h.Role) {
				got = append(got, h.Role)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if err == nil && (by.Person != k.person || !slices.Equal(got, want)) {
			t.Fatalf("a token of %s gives %s %v, not %v", k.person, by.Person, got, want)
		}
	}
	m.clock.add(time.Nanosecond)
}

// TestModel: whatever is proposed, confirmed, ended, issued and revoked, in any
// order, persons and tokens have exactly the roles that the words promise, and
// answers about the past never change.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{team: newOperators(t), t: t, left: map[writ.Person]time.Time{}}
		m.begun = m.clock.now()
		for _, p := range modelPeople {
			m.must(m.AddPerson(m.ctx, m.as(jun), p, Profile{Name: string(p)}))
		}
		t.Repeat(map[string]func(*rapid.T){
			"propose": m.propose, "propose another": m.propose, "confirm": m.confirm, "confirm another": m.confirm, "end": m.end, "leave": m.leave,
			"register": m.register, "issue": m.issue, "revoke": m.revoke, "wait": m.wait, "": m.check,
		})
		if _, err := m.Verify(m.ctx); err != nil {
			t.Fatal(err)
		}
	})
}
