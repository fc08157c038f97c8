package signin

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/records"
	"writ/internal/signin/signintest"
	"writ/internal/staff"
)

func TestAccounts(t *testing.T) {
	for _, id := range []string{"staff/mira.lindqvist", "customer/c-0123456789abcdef0123/ines.calder", "officer/a-0123456789abcdef0123/jonas.weber"} {
		a, err := ParseAccount(id)
		if err != nil || a.ID() != id {
			t.Errorf("%s: %+v, %v", id, a, err)
		}
	}
	for _, id := range []string{
		"", "staff", "staff/", "staff/Mira", "staff/mira/x", "customer/c-0123456789abcdef0123", "customer/c-0123456789abcdef0123/", "customer/c-1/x",
		"customer/c-0123456789abcdef0123/a/b", "officer/a-0123456789abcdef012/x", "officer/a-0123456789ABCDEF0123/x", "officer/c-0123456789abcdef0123/x", "root/x",
		"customer/c-0123456789abcdef0123/in\x00es", "staff/mira\x00",
	} {
		if a, err := ParseAccount(id); err == nil {
			t.Errorf("%q is %+v", id, a)
		}
	}
	for _, a := range []Account{{}, {Kind: KindStaff, Person: mira, Name: "x"}, {Kind: KindCustomer, Customer: clinic, Person: mira, Name: "x"}} {
		if a.check() == nil {
			t.Errorf("%+v is well formed", a)
		}
	}
}

// TestSignIn: a person invites themself, enrols, signs out and in, verifies again;
// and the staff takes the session for theirs.
func TestSignIn(t *testing.T) {
	r := newRig(t)
	m := r.joined(mira)
	if m.session.Account != StaffAccount(mira) || m.session.Fresh.IsZero() || len(m.cookie) != 43 {
		t.Fatalf("%+v", m.session)
	}
	who := r.in(m.session)
	if who.Person != mira || who.Session != m.session.ID || who.Token != "" || !who.Has(writ.RoleCounsel) {
		t.Fatalf("%+v", who)
	}
	r.must(r.SignOut(r.ctx, m.session))
	if r.alive(m.cookie) {
		t.Error("a session outlives its sign-out")
	}
	cookie, session, err := r.signIn(m.key)
	r.must(err)
	if cookie == m.cookie || session.ID == m.session.ID {
		t.Error("a sign-in goes on with what was before it")
	}
	r.clock.add(staff.FreshFor + time.Second)
	r.refused(r.staff.RequireFresh(r.ctx, r.in(session), "sign-case", ""), staff.ErrFresh, "after a while")
	next, verified, err := r.stepUp(session, m.key)
	r.must(err)
	if next == cookie || verified.ID != session.ID || r.alive(cookie) || !r.alive(next) {
		t.Error("the cookie from before the step-up is still somebody's")
	}
	r.must(r.staff.RequireFresh(r.ctx, r.in(verified), "sign-case", ""))
	for act, text := range map[string]string{
		"sign-in": "by passkey", "step-up": "session " + session.ID, "sign-out": "who=mira.lindqvist", "passkey.enrol": "invited by mira.lindqvist", "sign-case": "refused",
	} {
		r.audited(act, text)
	}
}

// TestSecrets: no cookie, invitation or its like lies in the records.
func TestSecrets(t *testing.T) {
	r := newRig(t)
	inv, err := r.Invite(r.ctx, Person(r.as(theo)), StaffAccount(theo), false)
	r.must(err)
	m := r.joined(mira)
	for start := []byte{0}; ; {
		page, more, err := r.store.Scan(r.ctx, records.Range{Start: start})
		r.must(err)
		for _, e := range page {
			for _, s := range []string{m.cookie, inv.Secret, strings.TrimPrefix(inv.Secret, secretPrefix)} {
				if bytes.Contains(e.Value, []byte(s)) || bytes.Contains(e.Key, []byte(s)) {
					t.Errorf("a secret lies under %q", e.Key)
				}
			}
			start = append(bytes.Clone(e.Key), 0)
		}
		if !more {
			break
		}
	}
}

// TestHandle: what an authenticator keeps of an account is random, and the account's
// for ever.
func TestHandle(t *testing.T) {
	r := newRig(t)
	m := r.joined(mira)
	handle := m.key.Keys[0].Handle
	if len(handle) != 32 || bytes.Contains(handle, []byte("mira")) {
		t.Errorf("the handle is %q", handle)
	}
	_, _, err := r.stepUp(m.session, m.key)
	r.must(err)
	other := r.joined(theo)
	m.key.Handle = other.key.Keys[0].Handle
	_, _, err = r.signIn(m.key)
	r.refused(err, ErrRefused, "a passkey under another account's handle")
	r.audited("sign-in", errOther.Error())
}

// TestInviteAnother: an operator's invitation for somebody else signs nobody in until
// another operator has typed in the fingerprint that its owner reads out.
func TestInviteAnother(t *testing.T) {
	r := newRig(t)
	_, err := r.Invite(r.ctx, Person(r.as(noor)), StaffAccount(mira), false)
	r.refused(err, staff.ErrRole, "intake invites counsel")
	inv, err := r.Invite(r.ctx, Person(r.as(jun)), StaffAccount(mira), false)
	r.must(err)
	if !inv.Waits {
		t.Fatal("it does not wait")
	}
	key := signintest.New(origin)
	cookie, _, err := r.enrol(inv.Secret, key)
	var waits *Waits
	if !errors.As(err, &waits) || cookie != "" {
		t.Fatalf("%q, %v", cookie, err)
	}
	_, _, err = r.signIn(key)
	r.refused(err, ErrRefused, "a passkey that waits")
	r.audited("sign-in", errWaiting.Error())
	id, print := waits.Passkey.ID, waits.Passkey.Fingerprint
	r.refused(r.Confirm(r.ctx, r.as(jun), id, print), staff.ErrAlone, "the inviter")
	r.refused(r.Confirm(r.ctx, r.as(noor), id, print), staff.ErrRole, "somebody of another role")
	r.refused(r.Confirm(r.ctx, r.as(lena), id, "0000 0000 0000 0000"), ErrFingerprint, "another fingerprint")
	r.audited("passkey.confirm", "the fingerprint is another's")
	r.must(r.Confirm(r.ctx, r.as(lena), id, strings.ReplaceAll(print, " ", "")))
	r.refused(r.Confirm(r.ctx, r.as(lena), id, print), staff.ErrState, "twice")
	_, session, err := r.signIn(key)
	r.must(err)
	if session.Account.Person != mira {
		t.Errorf("%+v", session)
	}
	// An operator with a passkey that somebody invited can't confirm their own either.
	inv, err = r.Invite(r.ctx, Person(r.as(jun)), StaffAccount(lena), false)
	r.must(err)
	_, _, err = r.enrol(inv.Secret, signintest.New(origin))
	if !errors.As(err, &waits) {
		t.Fatal(err)
	}
	r.refused(r.Confirm(r.ctx, r.as(lena), waits.Passkey.ID, waits.Passkey.Fingerprint), staff.ErrAlone, "its owner")
	r.must(r.Decline(r.ctx, r.as(jun), waits.Passkey.ID))
	r.refused(r.Confirm(r.ctx, r.as(lena), waits.Passkey.ID, waits.Passkey.Fingerprint), staff.ErrNotFound, "one that was declined")
}

// TestGuessedFingerprints: a waiting passkey is dropped after a few.
func TestGuessedFingerprints(t *testing.T) {
	r := newRig(t)
	inv, err := r.Invite(r.ctx, Person(r.as(jun)), StaffAccount(mira), false)
	r.must(err)
	_, _, err = r.enrol(inv.Secret, signintest.New(origin))
	var waits *Waits
	if !errors.As(err, &waits) {
		t.Fatal(err)
	}
	for range maxWrong {
		r.refused(r.Confirm(r.ctx, r.as(lena), waits.Passkey.ID, "1111"), ErrFingerprint, "a guess")
	}
	r.refused(r.Confirm(r.ctx, r.as(lena), waits.Passkey.ID, waits.Passkey.Fingerprint), staff.ErrNotFound, "after the guesses")
}

// TestNarrowToken: a token that carries less than its person holds makes no passkey
// that carries all.
func TestNarrowToken(t *testing.T) {
	r := newRig(t)
	narrow, reg := staff.NewToken()
	_, err := r.staff.RegisterToken(r.ctx, r.as(jun), staff.TokenRequest{Person: rui, Roles: []writ.Role{writ.RoleAuditor}}, reg)
	r.must(err)
	r.must(r.staff.ConfirmToken(r.ctx, r.as(lena), reg.ID))
	r.tokens[rui] = narrow
	inv, err := r.Invite(r.ctx, Person(r.as(rui)), StaffAccount(rui), false)
	r.must(err)
	key := signintest.New(origin)
	_, _, err = r.enrol(inv.Secret, key)
	var waits *Waits
	if !inv.Waits || !errors.As(err, &waits) {
		t.Fatalf("a token of an auditor made an operator: %v", err)
	}
	r.must(r.Confirm(r.ctx, r.as(jun), waits.Passkey.ID, waits.Passkey.Fingerprint))
	if _, _, err := r.signIn(key); err != nil {
		t.Error(err)
	}
}

// TestRecovery: two people replace a lost passkey; the old one and its sessions end
// with the confirmation, not before.
func TestRecovery(t *testing.T) {
	r := newRig(t)
	old := r.joined(mira)
	_, err := r.Invite(r.ctx, Person(r.as(jun)), StaffAccount(mira), false)
	r.refused(err, staff.ErrExists, "another passkey for somebody who has one")
	inv, err := r.Invite(r.ctx, Person(r.as(jun)), StaffAccount(mira), true)
	r.must(err)
	key := signintest.New(origin)
	_, _, err = r.enrol(inv.Secret, key)
	var waits *Waits
	if !errors.As(err, &waits) || !r.alive(old.cookie) {
		t.Fatal(err)
	}
	r.must(r.Confirm(r.ctx, r.as(lena), waits.Passkey.ID, waits.Passkey.Fingerprint))
	if r.alive(old.cookie) {
		t.Error("a session of the lost passkey goes on")
	}
	_, _, err = r.signIn(old.key)
	r.refused(err, ErrRefused, "the lost passkey")
	if _, _, err := r.signIn(key); err != nil {
		t.Error(err)
	}
	r.audited("passkey.confirm", "in place of all passkeys from before")
	_, err = r.Invite(r.ctx, Person(r.as(mira)), StaffAccount(mira), true)
	r.refused(err, staff.ErrForm, "a recovery by oneself")
}

// TestBootstrap: the socket invites the first persons, the trail says so, and two
// operators with passkeys end it as two with tokens do.
func TestBootstrap(t *testing.T) {
	r := newFresh(t)
	for i, p := range []writ.Person{jun, lena} {
		r.named(p, writ.RoleOperator)
		inv, err := r.Invite(r.ctx, Person(r.socket()), StaffAccount(p), false)
		r.must(err)
		if inv.Waits {
			t.Fatal("the first persons wait for somebody")
		}
		r.enrolled(inv)
		if i == 0 {
			r.socket()
		}
	}
	_, err := r.staff.Socket(r.ctx, "root")
	r.refused(err, staff.ErrBootstrap, "the socket beside two operators")
	r.audited("passkey.invite", "bootstrap over the administration socket")
	r.audited("bootstrap.end", "two operators can sign in")
	_, err = r.Invite(r.ctx, Person(staff.Identity{Account: "root"}), StaffAccount(jun), true)
	r.refused(err, staff.ErrBootstrap, "the socket invites later")
	_, err = r.Invite(r.ctx, Machine("root"), StaffAccount(jun), true)
	r.refused(err, staff.ErrBootstrap, "the machine invites a person")
}

// TestCustomers: the operator brings the first user, users bring each other, and
// everybody of the customer sees who.
func TestCustomers(t *testing.T) {
	r := newRig(t)
	first := r.firstUser()
	for what, by := range map[string]Actor{"an operator": Person(r.as(jun)), "the machine": Machine("root")} {
		_, err := r.Invite(r.ctx, by, r.user("somebody"), false)
		r.refused(err, staff.ErrState, what+" invites a second user")
	}
	_, err := r.Invite(r.ctx, Person(r.as(mira)), r.user("somebody"), false)
	r.refused(err, staff.ErrRole, "counsel invites a user")
	inv, err := r.Invite(r.ctx, Browser(first.session), r.user("ravi.menon"), false)
	r.must(err)
	second := r.enrolled(inv)
	_, err = r.Invite(r.ctx, Browser(second.session), r.user("ines.calder"), false)
	r.refused(err, staff.ErrExists, "a user invites for another's account")
	_, err = r.Invite(r.ctx, Browser(second.session), r.user("ines.calder"), true)
	r.refused(err, staff.ErrForm, "a user recovers another's account")
	elsewhere := Account{Kind: KindCustomer, Customer: writ.NewCustomerID(), Name: "x"}
	_, err = r.Invite(r.ctx, Browser(first.session), elsewhere, false)
	r.refused(err, staff.ErrRole, "a user of another customer")
	_, err = r.Invite(r.ctx, Browser(first.session), StaffAccount(jun), false)
	r.refused(err, staff.ErrRole, "a user invites an operator")
	all, err := r.Colleagues(r.ctx, first.session.Account)
	r.must(err)
	if len(all) != 2 || all[1].InvitedBy != "socket root" && all[0].InvitedBy != "socket root" {
		t.Errorf("%+v", all)
	}
	if _, err := r.Identity(r.ctx, first.session); !errors.Is(err, ErrNoSession) {
		t.Error("a customer's user is a person of the staff")
	}
	// A colleague removes what was stolen; a recovery takes two operators.
	keys, err := r.Passkeys(r.ctx, second.session.Account)
	r.must(err)
	r.must(r.RemovePasskey(r.ctx, Browser(first.session), keys[0].ID))
	if r.alive(second.cookie) {
		t.Error("a session outlives its passkey")
	}
	inv, err = r.Invite(r.ctx, Person(r.as(jun)), r.user("ines.calder"), true)
	r.must(err)
	_, _, err = r.enrol(inv.Secret, signintest.New(origin))
	var waits *Waits
	if !errors.As(err, &waits) {
		t.Fatal(err)
	}
	r.refused(r.Confirm(r.ctx, r.as(jun), waits.Passkey.ID, waits.Passkey.Fingerprint), staff.ErrAlone, "the inviter")
	r.must(r.Confirm(r.ctx, r.as(lena), waits.Passkey.ID, waits.Passkey.Fingerprint))
	if r.alive(first.cookie) {
		t.Error("a session of the lost passkey goes on")
	}
	r.shredded = true
	if _, _, err := r.signIn(first.key); !errors.Is(err, ErrRefused) {
		t.Error("a user of a customer that is gone signs in")
	}
}

// TestOfficers: intake or counsel bring an officer, another of them confirms, and a
// suspended authority is out at once.
func TestOfficers(t *testing.T) {
	r := newRig(t)
	_, err := r.Invite(r.ctx, Person(r.as(jun)), r.officer("jonas.weber"), false)
	r.refused(err, staff.ErrRole, "an operator invites an officer")
	inv, err := r.Invite(r.ctx, Person(r.as(noor)), r.officer("jonas.weber"), false)
	r.must(err)
	key := signintest.New(origin)
	_, _, err = r.enrol(inv.Secret, key)
	var waits *Waits
	if !errors.As(err, &waits) {
		t.Fatal(err)
	}
	r.refused(r.Confirm(r.ctx, r.as(noor), waits.Passkey.ID, waits.Passkey.Fingerprint), staff.ErrAlone, "the inviter")
	r.refused(r.Confirm(r.ctx, r.as(jun), waits.Passkey.ID, waits.Passkey.Fingerprint), staff.ErrRole, "an operator")
	r.must(r.Confirm(r.ctx, r.as(mira), waits.Passkey.ID, waits.Passkey.Fingerprint))
	cookie, session, err := r.signIn(key)
	r.must(err)
	_, err = r.Invite(r.ctx, Browser(session), r.officer("somebody"), false)
	r.refused(err, staff.ErrRole, "an officer invites")
	r.must(r.staff.Suspend(r.ctx, r.as(mira), r.authority, "forged orders"))
	if r.alive(cookie) {
		t.Error("an officer of a suspended authority is still in")
	}
	_, _, err = r.signIn(key)
	r.refused(err, ErrRefused, "an officer of a suspended authority")
	_, err = r.Invite(r.ctx, Person(r.as(noor)), r.officer("somebody"), false)
	r.refused(err, staff.ErrState, "an invitation for a suspended authority")
}

// TestAnother: who is signed in adds a passkey, and does not remove the last way in.
func TestAnother(t *testing.T) {
	r := newRig(t)
	m := r.firstUser()
	keys, err := r.Passkeys(r.ctx, m.session.Account)
	r.must(err)
	r.refused(r.RemovePasskey(r.ctx, Browser(m.session), keys[0].ID), ErrLast, "the only way in")
	r.clock.add(staff.FreshFor + time.Second)
	_, _, err = r.BeginAnother(r.ctx, m.session, "phone")
	r.refused(err, staff.ErrFresh, "without a fresh verification")
	_, m.session, err = r.stepUp(m.session, m.key)
	r.must(err)
	options, id, err := r.BeginAnother(r.ctx, m.session, "phone")
	r.must(err)
	if _, err := m.key.Create(options); !errors.Is(err, signintest.ErrExcluded) {
		t.Error("one authenticator holds two passkeys of an account")
	}
	phone := signintest.New(origin)
	response, err := phone.Create(options)
	r.must(err)
	cookie, session, err := r.FinishEnrol(r.ctx, id, response, home, firefox)
	r.must(err)
	if session.ID != m.session.ID || !r.alive(cookie) {
		t.Error("it is another session")
	}
	for what, key := range map[string]*signintest.Authenticator{"the old": m.key, "the new": phone} {
		if cookie, session, err = r.stepUp(session, key); err != nil {
			t.Errorf("%s of two passkeys doesn't verify: %v", what, err)
		}
	}
	r.must(r.RenamePasskey(r.ctx, Browser(session), keys[0].ID, "old laptop"))
	r.must(r.RemovePasskey(r.ctx, Browser(session), keys[0].ID))
	if r.alive(cookie) {
		t.Error("a session outlives the passkey that began it")
	}
	_, _, err = r.signIn(m.key)
	r.refused(err, ErrRefused, "a removed passkey")
	if _, _, err := r.signIn(phone); err != nil {
		t.Error(err)
	}
	for _, label := range []string{strings.Repeat("x", 61), " x", "x\n", "\u202e"} {
		if _, _, err := r.BeginEnrol(r.ctx, "x", label, home); !errors.Is(err, staff.ErrForm) {
			t.Errorf("a label %q: %v", label, err)
		}
	}
}

// TestExpire: what is over goes, and what is in force stays.
func TestExpire(t *testing.T) {
	r := newRig(t)
	m := r.joined(mira)
	user := r.firstUser()
	unused, err := r.Invite(r.ctx, Person(r.as(theo)), StaffAccount(theo), false)
	r.must(err)
	inv, err := r.Invite(r.ctx, Person(r.as(jun)), StaffAccount(noor), false)
	r.must(err)
	_, _, err = r.enrol(inv.Secret, signintest.New(origin))
	var waits *Waits
	if !errors.As(err, &waits) {
		t.Fatal(err)
	}
	count := func(tag byte) int {
		n := 0
		r.must(r.eachKey(r.ctx, key(tag), func(string) error { n++; return nil }))
		return n
	}
	r.must(r.Expire(r.ctx))
	if count(tagSession) != 2 || count(tagInvitation) != 1 || count(tagPasskey) != 3 {
		t.Error("something went that was in force")
	}
	r.clock.add(time.Hour)
	r.must(r.Expire(r.ctx))
	if count(tagSession) != 1 || r.alive(m.cookie) || !r.alive(user.cookie) {
		t.Error("an idle session is kept, or another went")
	}
	r.clock.add(staff.ProposalLife)
	r.must(r.Expire(r.ctx))
	if count(tagSession)+count(tagCookie)+count(tagSessionsOf)+count(tagInvitation)+count(tagInvitationOf) != 0 || count(tagPasskey) != 2 {
		t.Error("something is kept that is over")
	}
	r.refused(r.Confirm(r.ctx, r.as(lena), waits.Passkey.ID, waits.Passkey.Fingerprint), staff.ErrNotFound, "a passkey that waited too long")
	_, err = r.Invitation(r.ctx, unused.Secret, home)
	r.refused(err, ErrInvitation, "an old invitation")
}
