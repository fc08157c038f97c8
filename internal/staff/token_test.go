package staff

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/records"
	"writ/internal/throttle"
)

func TestTokenForm(t *testing.T) {
	form := regexp.MustCompile(`^writ_api_[0-9A-Za-z]{61}$`)
	seen := map[string]bool{}
	for range 200 {
		token, reg := NewToken()
		if !form.MatchString(token) || seen[token] || seen[reg.ID] {
			t.Fatalf("%d characters, or made twice", len(token))
		}
		seen[token], seen[reg.ID] = true, true
		if back, err := ParseRegistration(reg.String()); err != nil || back != reg {
			t.Fatalf("a registration came back as %v: %v", back, err)
		}
		if _, err := ParseRegistration(token); err == nil || !strings.Contains(err.Error(), "the token itself") || strings.Contains(err.Error(), token) {
			t.Fatalf("a token as a registration: %v", err)
		}
	}
	// The form is a promise to scanners: these are from docs/staff.md.
	for token, ok := range map[string]bool{
		"writ_api_000000000000" + strings.Repeat("0", 43) + checksum("writ_api_000000000000"+strings.Repeat("0", 43)): true,
		"writ_api_000000000000" + strings.Repeat("0", 43) + "000000":                                                  false,
	} {
		if _, err := parseToken(token); (err == nil) != ok {
			t.Errorf("%s: %v", token, err)
		}
	}
}

func FuzzToken(f *testing.F) {
	token, reg := NewToken()
	f.Add(token)
	f.Add(reg.String())
	f.Add(TokenPrefix)
	f.Add(strings.Repeat("é", tokenLength/2))
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := parseToken(s); err == nil {
			if !isTokenID(r.ID) || !strings.HasPrefix(s, TokenPrefix+r.ID) || checksum(s[:len(s)-sumLength]) != s[len(s)-sumLength:] {
				t.Fatalf("%q is read as %v", s, r)
			}
		}
		if r, err := ParseRegistration(s); err == nil && !strings.EqualFold(r.String(), s) {
			t.Fatalf("%q is read as %v", s, r)
		}
	})
}

// TestSecretsAreNotKept: nothing in the records gives a token back.
func TestSecretsAreNotKept(t *testing.T) {
	m := newTeam(t)
	issued, _, err := m.IssueToken(m.ctx, m.as(mira), TokenRequest{Person: mira, Roles: []writ.Role{writ.RoleCounsel}})
	m.must(err)
	m.sign(issued)
	_, err = m.Authenticate(m.ctx, issued[:len(issued)-1]+"x", home, m.clock.now())
	m.refused(err, ErrToken, "a mistyped token")
	for _, token := range []string{issued, m.tokens[mira]} {
		secret := token[len(TokenPrefix)+idLength : tokenLength-sumLength]
		m.must(each(m.ctx, m.store, records.Range{}, func(e records.Entry) (bool, error) {
			if strings.Contains(string(e.Key), secret[:20]) || strings.Contains(string(e.Value), secret[:20]) {
				t.Errorf("a secret is in record %q", e.Key)
			}
			return true, nil
		}))
	}
}

// forge makes a token with an id and another secret, well formed.
func forge(id string) string {
	body := TokenPrefix + id + randomBase62(secretLength)
	return body + checksum(body)
}

// TestEscalation tries every way to more than a token gives: a clear refusal, an
// audit entry, and nothing changed.
func TestEscalation(t *testing.T) {
	m := newTeam(t)
	bound, kept, err := m.IssueToken(m.ctx, m.as(mira), TokenRequest{Person: mira, Roles: []writ.Role{writ.RoleCounsel}, CIDRs: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}})
	m.must(err)
	short, shortKept, err := m.IssueToken(m.ctx, m.as(mira), TokenRequest{Person: mira, Roles: []writ.Role{writ.RoleCounsel}, Life: time.Hour})
	m.must(err)
	revoked, revokedKept, err := m.IssueToken(m.ctx, m.as(mira), TokenRequest{Person: mira, Roles: []writ.Role{writ.RoleCounsel}})
	m.must(err)
	m.must(m.RevokeToken(m.ctx, m.as(mira), revokedKept.ID))
	deputy, err := m.Propose(m.ctx, m.as(mira), Proposal{Person: esi, Role: writ.RoleCounsel, For: mira, Until: m.clock.now().Add(90 * time.Minute)})
	m.must(err)
	m.must(m.Confirm(m.ctx, m.as(jun), esi, deputy))
	deputyToken, reg := NewToken()
	_, err = m.RegisterToken(m.ctx, m.as(jun), TokenRequest{Person: esi, Roles: []writ.Role{writ.RoleCounsel}}, reg)
	m.must(err)
	m.must(m.ConfirmToken(m.ctx, m.as(lena), reg.ID))
	deputyThen, shortThen := m.sign(deputyToken), m.sign(short)
	m.must(m.Leave(m.ctx, m.as(jun), sam))
	theoThen := m.as(theo)
	for _, a := range mustPerson(m, theo).Assignments {
		m.must(m.End(m.ctx, m.as(jun), theo, a.ID, time.Time{}))
	}
	m.clock.add(2 * time.Hour)
	_, unknown := NewToken()
	elsewhere := netip.MustParseAddr("198.51.100.9")

	for i, c := range []struct {
		what  string
		token string
		addr  netip.Addr
		want  error
		id    string // that the audit trail names
	}{
		{"a forged checksum", bound[:tokenLength-1] + string(base62[(strings.IndexByte(base62, bound[tokenLength-1])+1)%62]), home, ErrTokenForm, ""},
		{"the id of another person's token", forge(kept.ID), home, ErrTokenSecret, kept.ID},
		{"a token that nobody has", forge(unknown.ID), home, ErrTokenUnknown, ""},
		{"from another network", bound, elsewhere, ErrTokenAddress, kept.ID},
		{"from no address", bound, netip.Addr{}, ErrTokenAddress, kept.ID},
		{"expired", short, home, ErrTokenExpired, shortKept.ID},
		{"revoked", revoked, home, ErrTokenRevoked, revokedKept.ID},
		{"of a person who left", m.tokens[sam], home, ErrTokenRole, ""},
		{"of a person without the role", m.tokens[theo], home, ErrTokenRole, ""},
		{"of a deputy after the end", deputyToken, home, ErrTokenRole, reg.ID},
		{"nothing", "", home, ErrTokenForm, ""},
		{"the hash", "writ_api_" + reg.String(), home, ErrTokenForm, ""},
		{"16 MiB", strings.Repeat("a", 16<<20), home, ErrTokenForm, ""},
	} {
		before := m.snapshot()
		_, err := m.Authenticate(m.ctx, c.token, c.addr, m.clock.add(time.Minute))
		m.refused(err, c.want, c.what)
		m.refused(err, ErrToken, c.what)
		if err == nil || err.Error() != ErrToken.Error() || fmt.Sprintf("%+v", err) == "" {
			t.Errorf("%s: the answer is %q", c.what, err)
		}
		all := m.entries(AuditFilter{Act: "sign-in"})
		if len(all) != i+1 {
			t.Fatalf("%s: %d audit entries", c.what, len(all))
		}
		e := all[i]
		if e.Outcome != Refused || e.Why != c.want.Error() || c.id != "" && e.Object != c.id || e.Addr != c.addr {
			t.Errorf("%s: the audit trail says %v", c.what, e)
		}
		if after := m.snapshot(); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%s changed something", c.what)
		}
	}

	// Acts by identities that are, or have become, too little.
	counsel := m.as(mira)
	forged := counsel
	forged.Roles = []Held{{Role: writ.RoleOperator}}
	borrowed := m.as(noor)
	borrowed.Person = jun
	stolen := Identity{Person: jun, Token: m.as(jun).Token, Account: "root"}
	stolen.Person = noor
	for what, by := range map[string]Identity{
		"a token of a lesser role": counsel, "roles that were added to an identity": forged, "another's name on a token": borrowed,
		"an operator's token under another name": stolen, "a token that has expired since": shortThen, "a deputy after the end": deputyThen,
		"who has lost the role since": theoThen, "nobody": {}, "a person over the socket": {Person: jun, Account: "root"}, "the socket": {Account: "root"},
	} {
		for act, try := range map[string]func() error{
			"person.add":   func() error { return m.AddPerson(m.ctx, by, "a.stranger", Profile{Name: "A"}) },
			"person.leave": func() error { return m.Leave(m.ctx, by, noor) },
			"role.propose": func() error {
				_, err := m.Propose(m.ctx, by, Proposal{Person: esi, Role: writ.RoleAuditor})
				return err
			},
			"token.register": func() error {
				_, err := m.RegisterToken(m.ctx, by, TokenRequest{Person: jun, Roles: operators}, unknown)
				return err
			},
			"audit.erase":      func() error { _, err := m.EraseAudit(m.ctx, by, ClassAct, m.clock.now().AddDate(-2, 0, 0)); return err },
			"something.docket": func() error { return m.Require(m.ctx, by, "something.docket", "2026-7KQM-4ZT0", writ.RoleOperator) },
		} {
			before, n := m.snapshot(), len(m.entries(AuditFilter{Act: act, Outcome: Refused}))
			err := try()
			if !isRefusal(err) {
				t.Errorf("%s: %s: %v", what, act, err)
			}
			if after := m.snapshot(); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("%s: %s changed something", what, act)
			}
			if got := len(m.entries(AuditFilter{Act: act, Outcome: Refused})); got != n+1 {
				t.Errorf("%s: %s left %d audit entries", what, act, got-n)
			}
		}
	}
	if _, err := m.Verify(m.ctx); err != nil {
		t.Error(err)
	}
}

func mustPerson(m *team, id writ.Person) Person {
	p, err := m.Person(m.ctx, id)
	m.must(err)
	return p
}

// TestIssuedTokensAreNoWider: what is issued with a token has no more than that
// token, and ends with it.
func TestIssuedTokensAreNoWider(t *testing.T) {
	m := newTeam(t)
	counsel := []writ.Role{writ.RoleCounsel}
	net24 := netip.MustParsePrefix("192.0.2.0/24")
	first, kept, err := m.IssueToken(m.ctx, m.as(mira), TokenRequest{Person: mira, Roles: counsel, CIDRs: []netip.Prefix{net24}})
	m.must(err)
	if got := kept.Expires.Sub(kept.Issued); got != DefaultTokenLife {
		t.Errorf("it lasts %v", got)
	}
	issue := func(q TokenRequest) error {
		q.Person = mira
		_, _, err := m.IssueToken(m.ctx, m.sign(first), q)
		return err
	}
	m.refused(issue(TokenRequest{Roles: counsel}), ErrRole, "from anywhere")
	m.refused(issue(TokenRequest{Roles: counsel, CIDRs: []netip.Prefix{netip.MustParsePrefix("192.0.0.0/16")}}), ErrRole, "from a wider network")
	m.refused(issue(TokenRequest{Roles: counsel, CIDRs: []netip.Prefix{net24, netip.MustParsePrefix("::/0")}}), ErrRole, "from one more network")
	m.refused(issue(TokenRequest{Roles: []writ.Role{writ.RoleIntake}}), ErrRole, "with another role")
	m.refused(issue(TokenRequest{Roles: []writ.Role{"root"}}), ErrRole, "with no role that there is")
	m.refused(issue(TokenRequest{}), ErrForm, "without a role")
	m.refused(issue(TokenRequest{Roles: counsel, Life: MaxTokenLife + 1}), ErrForm, "for more than a year")
	_, _, err = m.IssueToken(m.ctx, m.sign(first), TokenRequest{Person: theo, Roles: counsel})
	m.refused(err, ErrRole, "for somebody else")
	second, child, err := m.IssueToken(m.ctx, m.sign(first), TokenRequest{Person: mira, Roles: counsel, CIDRs: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}})
	m.must(err)
	m.sign(second)
	m.refused(m.RevokeToken(m.ctx, m.as(theo), kept.ID), ErrRole, "another counsel revokes it")
	m.must(m.RevokeToken(m.ctx, m.as(jun), kept.ID))
	_, err = m.Authenticate(m.ctx, second, home, m.clock.now())
	m.refused(err, ErrTokenRevoked, "what was issued with a revoked token")
	list, err := m.Tokens(m.ctx, mira)
	m.must(err)
	if len(list) != 3 || list[0].Parent == "" && list[1].Parent == "" || child.Parent != kept.ID {
		t.Errorf("the tokens are %+v", list)
	}
	for i := 0; err == nil; i++ {
		if i > maxTokens {
			t.Fatal("no end of tokens")
		}
		_, _, err = m.IssueToken(m.ctx, m.as(mira), TokenRequest{Person: mira, Roles: counsel, Life: time.Hour})
	}
	m.refused(err, ErrForm, "more tokens than are kept")
	m.clock.add(MaxTokenLife + 2*time.Hour)
	m.tokens[lena], m.tokens[jun] = m.registered(lena, writ.RoleOperator), m.registered(jun, writ.RoleOperator)
	_, reg := NewToken()
	_, err = m.RegisterToken(m.ctx, m.as(jun), TokenRequest{Person: mira, Roles: counsel}, reg)
	m.must(err)
	if list, _ := m.Tokens(m.ctx, mira); len(list) >= maxTokens {
		t.Errorf("%d tokens after a year", len(list))
	}
}

// TestLastUsed: known to the hour, without a write for each use.
func TestLastUsed(t *testing.T) {
	m := newTeam(t)
	id := m.as(mira).Token
	first, err := m.store.Get(m.ctx, usedKey(id))
	m.must(err)
	m.clock.add(59 * time.Minute)
	m.as(mira)
	if again, _ := m.store.Get(m.ctx, usedKey(id)); hex.EncodeToString(again) != hex.EncodeToString(first) {
		t.Error("a use within the hour was written down")
	}
	at := m.clock.add(time.Minute)
	m.as(mira)
	if list, err := m.Tokens(m.ctx, mira); err != nil || !list[0].LastUsed.Equal(at) {
		t.Errorf("last used at %v: %v", list[0].LastUsed, err)
	}
}

func TestThrottle(t *testing.T) {
	m := newTeam(t)
	v6 := func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)) }
	for i := range throttle.Burst {
		_, err := m.Authenticate(m.ctx, forge(randomBase62(idLength)), v6(i), m.clock.now())
		m.refused(err, ErrTokenUnknown, "a guess")
	}
	_, err := m.Authenticate(m.ctx, m.tokens[mira], v6(99), m.clock.now())
	m.refused(err, ErrThrottled, "one of the same /64")
	if err.Error() != ErrToken.Error() {
		t.Errorf("the answer is %q", err)
	}
	m.as(mira) // from elsewhere
	m.clock.add(throttle.Refill)
	if _, err := m.Authenticate(m.ctx, m.tokens[mira], v6(99), m.clock.now()); err != nil {
		t.Errorf("after a while: %v", err)
	}

	// A storm from everywhere: memory and audit trail stay bounded, and what was
	// left out is said.
	before := len(m.entries(AuditFilter{Act: "sign-in"}))
	for i := range 3 * throttle.MostRemembered / 2 {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		_, err := m.Authenticate(m.ctx, "writ_api_guess", addr, m.clock.now())
		m.refused(err, ErrTokenForm, "a guess")
	}
	if n := m.throttle.Remembered(); n > throttle.MostRemembered {
		t.Errorf("%d addresses are remembered", n)
	}
	m.clock.add(throttle.SaidRefill)
	_, err = m.Authenticate(m.ctx, "writ_api_guess", home, m.clock.now())
	m.refused(err, ErrTokenForm, "a guess")
	all := m.entries(AuditFilter{Act: "sign-in"})
	if n := len(all) - before; n > throttle.SaidBurst+2 {
		t.Errorf("%d entries", n)
	}
	if last := all[len(all)-1]; !strings.Contains(last.Why, "more such were not written down") {
		t.Errorf("the last is %v", last)
	}
}
