package api_test

import (
	"bufio"
	"context"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/api/apitest"
	"writ/internal/signin"
	"writ/internal/signin/signintest"
	"writ/internal/staff"
)

var desktop = netip.MustParseAddr("192.0.2.7")

const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"

// seat is somebody at a browser: their passkey, and the desk behind their session.
type seat struct {
	*house
	key     *signintest.Authenticator
	session signin.Session
	desk    *api.Desk
}

// enrol uses an invitation.
func (h *house) enrol(secret string) *seat {
	h.T.Helper()
	options, id, err := h.Signin.BeginEnrol(h.Ctx, secret, "laptop", desktop)
	h.Must(err)
	s := &seat{house: h, key: signintest.New(apitest.Origin), desk: api.Within(api.OfficeHandler(h.Office))}
	response, err := s.key.Create(options)
	h.Must(err)
	_, s.session, err = h.Signin.FinishEnrol(h.Ctx, id, response, desktop, agent)
	h.Must(err)
	return s
}

// sits lets somebody with a token enrol a passkey by the interface.
func (h *house) sits(who string, p writ.Person) *seat {
	h.T.Helper()
	var inv api.Invited
	h.Must(h.Desk(who).Do(h.Ctx, "POST", "invitations", api.InviteInput{Person: p}, &inv))
	return h.enrol(inv.Secret)
}

// ctx is who sits there, as the office knows them.
func (s *seat) ctx() context.Context {
	s.T.Helper()
	who, err := s.Signin.Identity(s.Ctx, s.session)
	s.Must(err)
	return api.As(s.Ctx, who)
}

// verify touches the key again.
func (s *seat) verify() {
	s.T.Helper()
	options, id, err := s.Signin.BeginStepUp(s.Ctx, s.session)
	s.Must(err)
	response, err := s.key.Get(options)
	s.Must(err)
	_, s.session, err = s.Signin.FinishStepUp(s.Ctx, s.session, id, response)
	s.Must(err)
}

// TestSessionAtTheOffice: who sits at a browser is a person with their roles, in the
// docket too; and nobody once the session has ended.
func TestSessionAtTheOffice(t *testing.T) {
	h := newHouse(t)
	s := h.sits("noor", "noor.adeyemi")
	var me api.Me
	h.Must(s.desk.Do(s.ctx(), "GET", "me", nil, &me))
	if me.Person != "noor.adeyemi" || me.Session != s.session.ID || me.Token != "" || me.Fresh.IsZero() || len(me.Roles) != 1 {
		t.Errorf("%+v", me)
	}
	c, err := s.desk.Receive(s.ctx(), api.DemandInput{Demand: h.EPOC("7 Gs 501/26")})
	h.Must(err)
	events, err := s.desk.Events(s.ctx(), string(c.Case))
	h.Must(err)
	if events[0].By != "noor.adeyemi" {
		t.Errorf("the first event is %+v", events[0])
	}
	all, _, err := h.Staff.Audit(h.Ctx, staff.AuditFilter{Object: string(c.Case)}, 0, 10)
	h.Must(err)
	if len(all) == 0 || all[0].By != "session "+s.session.ID {
		t.Errorf("the audit trail has %v", all)
	}
	isCode(t, s.desk.Do(s.ctx(), "GET", "audit", nil, nil), 403, "role")
	stale := s.ctx()
	var sessions []api.SessionInfo
	h.Must(s.desk.Do(stale, "GET", "sessions", nil, &sessions))
	if len(sessions) != 1 || !sessions[0].Here || sessions[0].Browser != "Firefox on Linux" {
		t.Errorf("%+v", sessions)
	}
	h.Must(h.Desk("jun operator").Do(h.Ctx, "DELETE", "sessions/"+s.session.ID, nil, nil))
	isCode(t, s.desk.Do(stale, "GET", "me", nil, nil), 401, "session")
	isCode(t, s.desk.Do(api.As(h.Ctx, staff.Identity{Person: "mira.lindqvist", Session: s.session.ID, Roles: []staff.Held{{Role: writ.RoleCounsel}}}), "GET", "cases", nil, nil), 401, "session")
}

// TestFreshTable: what approves takes a fresh verification from a session, and is
// refused and audited without; nothing else does.
func TestFreshTable(t *testing.T) {
	h := newHouse(t)
	c, err := h.Desk("noor").Receive(h.Ctx, api.DemandInput{Demand: h.EPOC("7 Gs 502/26")})
	h.Must(err)
	want := map[string]bool{}
	f, err := os.Open("testdata/fresh.txt")
	h.Must(err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name := strings.TrimSpace(lines.Text()); name != "" && name[0] != '#' {
			want[name] = true
		}
	}
	seats := []*seat{h.sits("noor", "noor.adeyemi"), h.sits("mira", "mira.lindqvist"), h.sits("ada", "ada.okafor"), h.sits("sam", "sam.ortiz"), h.sits("esi", "esi.mensah")}

	tried := map[string]bool{}
	h.Pass(staff.FreshFor + time.Second)
	for _, op := range h.described() {
		if strings.Contains(op.Description, "fresh verification") != want[op.ID] {
			t.Errorf("the description of %s: %q", op.ID, op.Description)
		}
		if op.ID == "leave" || op.ID == "revoke-sessions" {
			continue
		}
		for _, s := range seats {
			path := parameter.ReplaceAllString(strings.ReplaceAll(op.Path, "{case}", string(c.Case)), "nobody")
			var body any
			if op.Method == "POST" || op.Method == "PUT" {
				body = struct{}{}
			}
			err := s.desk.Do(s.ctx(), op.Method, strings.TrimPrefix(path, "/api/v1/"), body, nil)
			p, _ := err.(*api.Problem)
			if stepUp := p != nil && p.Code == "step-up"; stepUp && (!want[op.ID] || p.Status != http.StatusForbidden) {
				t.Errorf("%s: %+v", op.ID, p)
			} else if stepUp {
				tried[op.ID] = true
			} else if want[op.ID] && (p == nil || p.Code != "role") {
				t.Errorf("%s may %s without a fresh verification: %v", s.session.Account.ID(), op.ID, err)
			}
		}
	}
	for name := range want {
		if !tried[name] && name != "confirm-role" && name != "confirm-token" && name != "set-contacts" {
			t.Errorf("nobody was asked to verify for %s", name)
		}
	}
	all, _, err := h.Staff.Audit(h.Ctx, staff.AuditFilter{Who: "mira.lindqvist", Act: "approve-case", Outcome: staff.Refused}, 0, 10)
	h.Must(err)
	if len(all) == 0 || !strings.Contains(all[0].Why, "passkey") {
		t.Errorf("the audit trail has %v", all)
	}
	// With the key touched again it goes on to what else is missing.
	mira := seats[1]
	mira.verify()
	_, err = mira.desk.Move(mira.ctx(), string(c.Case), "approve", api.ApproveInput{})
	if p, _ := err.(*api.Problem); p == nil || p.Code == "step-up" {
		t.Errorf("freshly verified: %v", err)
	}
}

// TestPasskeysByTheInterface: two persons bring a third, and only who is asked by its
// owner can confirm.
func TestPasskeysByTheInterface(t *testing.T) {
	h := newHouse(t)
	jun, lena := h.Desk("jun operator"), h.Desk("lena operator")
	var inv api.Invited
	h.Must(jun.Do(h.Ctx, "POST", "invitations", api.InviteInput{Person: "theo.brandt"}, &inv))
	if inv.Account != "staff/theo.brandt" || !inv.Waits || inv.Secret == "" {
		t.Errorf("%+v", inv)
	}
	options, id, err := h.Signin.BeginEnrol(h.Ctx, inv.Secret, "key ring", desktop)
	h.Must(err)
	response, err := signintest.New(apitest.Origin).Create(options)
	h.Must(err)
	_, _, err = h.Signin.FinishEnrol(h.Ctx, id, response, desktop, agent)
	waits, ok := err.(*signin.Waits)
	if !ok {
		t.Fatal(err)
	}
	var list []api.AccountPasskey
	h.Must(lena.Do(h.Ctx, "GET", "passkeys/waiting", nil, &list))
	if len(list) != 1 || list[0].Fingerprint != "" || list[0].Label != "key ring" || list[0].InvitedBy != "jun.park" {
		t.Errorf("%+v", list)
	}
	h.Must(h.Desk("theo").Do(h.Ctx, "GET", "passkeys", nil, &list))
	if len(list) != 1 || list[0].Fingerprint != waits.Passkey.Fingerprint {
		t.Errorf("its owner sees %+v", list)
	}
	h.Must(h.Desk("mira").Do(h.Ctx, "GET", "passkeys/waiting", nil, &list))
	if len(list) != 0 {
		t.Errorf("counsel sees %+v", list)
	}
	path := "passkeys/" + waits.Passkey.ID
	type print struct {
		Fingerprint string `json:"fingerprint"`
	}
	right := print{waits.Passkey.Fingerprint}
	isCode(t, h.Desk("mira").Do(h.Ctx, "POST", path+"/confirm", right, nil), 403, "role")
	isCode(t, jun.Do(h.Ctx, "POST", path+"/confirm", right, nil), 403, "separation")
	isCode(t, lena.Do(h.Ctx, "POST", path+"/confirm", print{"1234 1234 1234 1234"}, nil), 409, "fingerprint")
	h.Must(lena.Do(h.Ctx, "POST", path+"/confirm", right, nil))
	isCode(t, jun.Do(h.Ctx, "PUT", path, map[string]string{"label": "x"}, nil), 403, "role")
	h.Must(h.Desk("theo").Do(h.Ctx, "PUT", path, map[string]string{"label": "blue key ring"}, nil))
	isCode(t, h.Desk("mira").Do(h.Ctx, "GET", "passkeys?account=staff/theo.brandt", nil, nil), 403, "role")
	isCode(t, jun.Do(h.Ctx, "GET", "passkeys?account=nobody", nil, nil), 422, "form")
	h.Must(h.Desk("theo").Do(h.Ctx, "DELETE", path, nil, nil)) // a token is left

	inv = api.Invited{}
	// A customer's first user, and what others learn of customers by trying.
	h.Must(jun.Do(h.Ctx, "POST", "invitations", api.InviteInput{Customer: "harbour-clinic", Name: "ines.calder"}, &inv))
	if inv.Waits {
		t.Errorf("%+v", inv)
	}
	user := h.enrol(inv.Secret)
	isCode(t, jun.Do(h.Ctx, "POST", "invitations", api.InviteInput{Customer: "harbour-clinic", Name: "ravi.menon"}, nil), 409, "state")
	for _, name := range []string{"harbour-clinic", "nobody-at-all"} {
		isCode(t, h.Desk("mira").Do(h.Ctx, "POST", "invitations", api.InviteInput{Customer: name, Name: "x"}, nil), 403, "role")
	}
	isCode(t, user.desk.Do(api.As(h.Ctx, staff.Identity{Session: user.session.ID}), "GET", "me", nil, nil), 401, "session")
	h.Must(jun.Do(h.Ctx, "DELETE", "sessions?account="+user.session.Account.ID(), nil, nil))
	if all, err := h.Signin.Sessions(h.Ctx, user.session.Account); err != nil || len(all) > 0 {
		t.Errorf("%+v, %v", all, err)
	}
	isCode(t, jun.Do(h.Ctx, "POST", "invitations", api.InviteInput{Person: "theo.brandt", Name: "x"}, nil), 422, "form")
}

// TestNoSignin: an office without a console says so.
func TestNoSignin(t *testing.T) {
	h := newHouse(t)
	office := h.Office
	office.Signin = nil
	desk := api.Within(api.OfficeHandler(office))
	who, err := h.Staff.Authenticate(h.Ctx, h.Tokens["noor"], desktop, h.Now())
	h.Must(err)
	for _, path := range []string{"passkeys", "sessions"} {
		isCode(t, desk.Do(api.As(h.Ctx, who), "GET", path, nil, nil), 409, "no-signin")
	}
	isCode(t, desk.Do(api.As(h.Ctx, who), "POST", "invitations", api.InviteInput{Person: "noor.adeyemi"}, nil), 409, "no-signin")
}
