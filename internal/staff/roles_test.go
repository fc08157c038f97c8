package staff

import (
	"slices"
	"strings"
	"testing"
	"time"

	"writ"
)

func TestBootstrap(t *testing.T) {
	r := newRig(t)
	by := r.socket()
	r.must(r.AddPerson(r.ctx, by, jun, Profile{Name: "Jun Park"}))
	_, err := r.Propose(r.ctx, by, Proposal{Person: jun, Role: writ.RoleOperator})
	r.must(err)
	token := r.registered(jun, writ.RoleOperator)
	// One operator alone gives nobody a role, not even over both ways.
	r.must(r.AddPerson(r.ctx, r.sign(token), lena, Profile{Name: "Lena Virtanen"}))
	id, err := r.Propose(r.ctx, r.sign(token), Proposal{Person: lena, Role: writ.RoleOperator})
	r.must(err)
	r.refused(r.Confirm(r.ctx, r.sign(token), lena, id), ErrAlone, "confirming one's own proposal")
	r.refused(r.Confirm(r.ctx, by, lena, id), ErrRole, "the socket confirms")
	_, _, err = r.AddAuthority(r.ctx, by, Description{Name: "Landgericht Falkenmoor", Country: "DE", Kind: Court})
	r.refused(err, ErrRole, "the socket adds an authority")

	_, err = r.Propose(r.ctx, by, Proposal{Person: lena, Role: writ.RoleOperator})
	r.must(err)
	second := r.registered(lena, writ.RoleOperator)
	_, err = r.Socket(r.ctx, "root")
	r.refused(err, ErrBootstrap, "the socket of a server with two operators")
	r.refused(r.AddPerson(r.ctx, by, noor, Profile{Name: "Noor"}), ErrBootstrap, "an identity from before")

	var said, ended bool
	for _, e := range r.entries(AuditFilter{}) {
		said = said || e.Act == "role.propose" && e.By == "socket root" && strings.HasPrefix(e.Why, byBootstrap) && e.Who == ""
		ended = ended || e.Act == "bootstrap.end"
	}
	if !said || !ended {
		t.Error("the audit trail doesn't say that the socket did it")
	}

	// Operators without tokens: the socket gives them new ones, and nothing else.
	r.must(r.RevokeToken(r.ctx, r.sign(second), r.sign(second).Token))
	by = r.socket()
	r.refused(r.AddPerson(r.ctx, by, noor, Profile{Name: "Noor"}), ErrRole, "a person by recovery")
	_, reg := NewToken()
	_, err = r.RegisterToken(r.ctx, by, TokenRequest{Person: lena, Roles: []writ.Role{writ.RoleOperator, writ.RoleCounsel}}, reg)
	r.refused(err, ErrRole, "a case role by recovery")
	r.sign(r.registered(lena, writ.RoleOperator))
	if all := r.entries(AuditFilter{Act: "token.register"}); !strings.HasPrefix(all[len(all)-1].Why, byRecovery) {
		t.Errorf("recovery is written down as %v", all[len(all)-1])
	}
	_, err = r.Socket(r.ctx, "root")
	r.refused(err, ErrBootstrap, "the socket after recovery")
}

// TestGivenByTwo: no operator alone gives anybody a case role, in any way.
func TestGivenByTwo(t *testing.T) {
	m := newTeam(t)
	for _, p := range []writ.Person{jun, noor} { // oneself, and somebody else
		id, err := m.Propose(m.ctx, m.as(jun), Proposal{Person: p, Role: writ.RoleProduction})
		m.must(err)
		m.refused(m.Confirm(m.ctx, m.as(jun), p, id), ErrAlone, "confirming one's own proposal")
		m.refused(m.Confirm(m.ctx, m.as(mira), p, id), ErrRole, "counsel confirms")
		if ok, err := m.Holds(m.ctx, p, writ.RoleProduction, m.clock.add(time.Second)); ok || err != nil {
			t.Fatalf("%s has a role that nobody confirmed: %v", p, err)
		}
		m.must(m.Confirm(m.ctx, m.as(lena), p, id))
		if ok, _ := m.Holds(m.ctx, p, writ.RoleProduction, m.clock.add(time.Second)); !ok {
			t.Fatalf("%s has no role", p)
		}
		m.refused(m.Confirm(m.ctx, m.as(lena), p, id), ErrState, "confirming twice")
	}
	// The role came with no token: jun's carries what it carried.
	if m.as(jun).Has(writ.RoleProduction) {
		t.Error("a token carries a role that it wasn't made for")
	}
	_, _, err := m.IssueToken(m.ctx, m.as(jun), TokenRequest{Person: jun, Roles: []writ.Role{writ.RoleProduction}})
	m.refused(err, ErrRole, "a token with a role that the one at hand lacks")

	// A token in another's name is worth nothing without the second operator.
	token, reg := NewToken()
	_, err = m.RegisterToken(m.ctx, m.as(jun), TokenRequest{Person: mira, Roles: []writ.Role{writ.RoleCounsel}}, reg)
	m.must(err)
	_, err = m.Authenticate(m.ctx, token, home, m.clock.now())
	m.refused(err, ErrTokenPending, "a token that nobody confirmed")
	m.refused(m.ConfirmToken(m.ctx, m.as(jun), reg.ID), ErrAlone, "confirming what one registered")
	m.must(m.ConfirmToken(m.ctx, m.as(lena), reg.ID))
	if by := m.sign(token); by.Person != mira || !by.Has(writ.RoleCounsel) {
		t.Errorf("the token is %+v", by)
	}

	// A proposal that waited too long is none.
	id, err := m.Propose(m.ctx, m.as(jun), Proposal{Person: esi, Role: writ.RoleCounsel})
	m.must(err)
	if list, err := m.Proposed(m.ctx); err != nil || len(list) != 1 || list[0].ID != id {
		t.Errorf("waiting: %v, %v", list, err)
	}
	m.clock.add(ProposalLife + time.Second)
	m.refused(m.Confirm(m.ctx, m.as(lena), esi, id), ErrState, "an old proposal")
	if list, _ := m.Proposed(m.ctx); len(list) != 0 {
		t.Errorf("waiting: %v", list)
	}
}

func TestLastOperators(t *testing.T) {
	m := newTeam(t)
	m.refused(m.Leave(m.ctx, m.as(jun), lena), ErrLastOperators, "the second last operator leaves")
	p, err := m.Person(m.ctx, lena)
	m.must(err)
	i := slices.IndexFunc(p.Assignments, func(a Assignment) bool { return a.Role == writ.RoleOperator })
	m.refused(m.End(m.ctx, m.as(lena), lena, p.Assignments[i].ID, time.Time{}), ErrLastOperators, "the second last operator's role ends")
	id, err := m.Propose(m.ctx, m.as(jun), Proposal{Person: theo, Role: writ.RoleOperator})
	m.must(err)
	m.must(m.Confirm(m.ctx, m.as(lena), theo, id))
	m.must(m.Leave(m.ctx, m.as(jun), lena))
	m.refused(m.SetProfile(m.ctx, m.as(jun), lena, Profile{Name: "Lena"}), ErrState, "changing who left")
	m.refused(m.AddPerson(m.ctx, m.as(jun), lena, Profile{Name: "Lena again"}), ErrExists, "a name used twice")
}

func TestDeputy(t *testing.T) {
	m := newTeam(t)
	now := m.clock.now()
	week := Proposal{Person: esi, Role: writ.RoleCounsel, For: mira, From: now.Add(time.Hour), Until: now.Add(7 * 24 * time.Hour)}
	bad := week
	bad.Until = time.Time{}
	_, err := m.Propose(m.ctx, m.as(jun), bad)
	m.refused(err, ErrForm, "a deputy without an end")
	bad = week
	bad.Role = writ.RoleOperator
	_, err = m.Propose(m.ctx, m.as(jun), bad)
	m.refused(err, ErrForm, "a deputy of an operator")
	bad = week
	bad.For = noor
	_, err = m.Propose(m.ctx, m.as(jun), bad)
	m.refused(err, ErrForm, "a deputy in a role that the other lacks")
	_, err = m.Propose(m.ctx, m.as(theo), week)
	m.refused(err, ErrRole, "somebody else names mira's deputy")

	id, err := m.Propose(m.ctx, m.as(mira), week) // mira herself names her deputy
	m.must(err)
	m.refused(m.Confirm(m.ctx, m.as(mira), esi, id), ErrRole, "mira confirms it herself")
	m.must(m.Confirm(m.ctx, m.as(jun), esi, id))
	holds := func(at time.Time) string {
		held, err := m.Roles(m.ctx, esi, at)
		m.must(err)
		if len(held) == 0 {
			return ""
		}
		return string(held[0].Role) + " for " + string(held[0].For)
	}
	for at, want := range map[time.Duration]string{0: "", time.Hour - 1: "", time.Hour: "counsel for mira.lindqvist", 7*24*time.Hour - 1: "counsel for mira.lindqvist", 7 * 24 * time.Hour: ""} {
		if got := holds(now.Add(at)); got != want {
			t.Errorf("after %v: %q, not %q", at, got, want)
		}
	}
	// A deputy has no deputy.
	_, err = m.Propose(m.ctx, m.as(jun), Proposal{Person: sam, Role: writ.RoleCounsel, For: esi, From: now.Add(2 * time.Hour), Until: now.Add(3 * time.Hour)})
	m.refused(err, ErrForm, "a deputy's deputy")
	// mira may end it, and without mira's role there is none.
	m.clock.add(2 * time.Hour)
	m.must(m.Leave(m.ctx, m.as(jun), mira))
	if got := holds(m.clock.now()); got != "" {
		t.Errorf("the deputy of somebody who left is %q", got)
	}
	if got := holds(m.clock.now().Add(-time.Minute)); got != "counsel for mira.lindqvist" {
		t.Errorf("history changed: %q", got)
	}
}

func TestPrincipalEndsDeputy(t *testing.T) {
	m := newTeam(t)
	id, err := m.Propose(m.ctx, m.as(mira), Proposal{Person: esi, Role: writ.RoleCounsel, For: mira, Until: m.clock.now().Add(time.Hour)})
	m.must(err)
	m.must(m.Confirm(m.ctx, m.as(lena), esi, id))
	m.refused(m.End(m.ctx, m.as(theo), esi, id, time.Time{}), ErrRole, "another counsel ends it")
	m.must(m.End(m.ctx, m.as(mira), esi, id, time.Time{}))
	if ok, _ := m.Holds(m.ctx, esi, writ.RoleCounsel, m.clock.now()); ok {
		t.Error("the deputy is one still")
	}
}

func TestConflict(t *testing.T) {
	for _, a := range allRoles {
		for _, b := range allRoles {
			inCase := slices.Contains(caseRoles, a) && slices.Contains(caseRoles, b) && a != b
			if Conflict(a, b) != inCase {
				t.Errorf("Conflict(%s, %s)", a, b)
			}
		}
	}
}

func TestHostileProfiles(t *testing.T) {
	m := newTeam(t)
	for what, p := range map[string]Profile{
		"no name":                  {},
		"a long name":              {Name: strings.Repeat("n", 101)},
		"a terminal's escape":      {Name: "Noor\x1b[2J"},
		"an override of direction": {Name: "Noor \u202egnp.exe"},
		"no language":              {Name: "N", Languages: []string{"Klingon!"}},
		"a webhook in clear":       {Name: "N", Contacts: []Contact{{ContactWebhook, "http://pager.fjordhost.example/"}}},
		"a webhook with a user":    {Name: "N", Contacts: []Contact{{ContactWebhook, "https://a:b@pager.fjordhost.example/"}}},
		"a mail with a header":     {Name: "N", Contacts: []Contact{{ContactMail, "a@fjordhost.example\r\nBcc: b@c.example"}}},
		"a mail with a name":       {Name: "N", Contacts: []Contact{{ContactMail, "Noor <noor@fjordhost.example>"}}},
		"an unknown capacity":      {Name: "N", Company: "owner"},
	} {
		m.refused(m.SetProfile(m.ctx, m.as(noor), noor, p), ErrForm, what)
	}
	good := Profile{Name: "Noor Adeyemi", Languages: []string{"de", "fr-be"}, Contacts: []Contact{{ContactWebhook, "https://pager.fjordhost.example/secret-path"}}}
	m.must(m.SetProfile(m.ctx, m.as(noor), noor, good))
	m.refused(m.SetProfile(m.ctx, m.as(mira), noor, good), ErrRole, "changing somebody else")
	good.Company = LegalRepresentative
	m.refused(m.SetProfile(m.ctx, m.as(noor), noor, good), ErrRole, "changing one's own capacity")
	m.must(m.SetProfile(m.ctx, m.as(jun), noor, good))
	p, err := m.Person(m.ctx, noor)
	m.must(err)
	if p.Company != LegalRepresentative || p.Languages[1] != "fr-BE" {
		t.Errorf("it is %+v", p.Profile)
	}
	for _, e := range m.entries(AuditFilter{Object: string(noor)}) {
		if strings.Contains(e.String(), "secret-path") {
			t.Errorf("the audit trail holds a contact: %v", e)
		}
	}
	if people, err := m.Persons(m.ctx); err != nil || len(people) != 7 || people[0].ID != esi {
		t.Errorf("%d persons: %v", len(people), err)
	}
}
