package docket

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/law"
	"writ/internal/notice"
	"writ/internal/policy"
	"writ/internal/staff"
	"writ/internal/vault"
)

// reopenEach restarts everything above the records after every move: what a
// case is, and what it owes, must be in the records.
func TestRestartAfterEveryMove(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone"})
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: r.epoc(), Documents: []DocumentInput{{Kind: "order", Name: "epoc.pdf", Body: orderPDF}}})
	r.must(err)
	id := c.ID
	step := func(_ *Case, err error) {
		t.Helper()
		r.must(err)
		before, err := r.Case(r.ctx, id)
		r.must(err)
		r.reopen()
		after, err := r.Case(r.ctx, id)
		r.must(err)
		// The docket goes on by itself meanwhile: what was there must still be.
		events, err := r.Events(r.ctx, id)
		r.must(err)
		at := after.Head
		if after.Events > before.Events {
			copy(at[:], events[before.Events].Previous)
		}
		if after.Events < before.Events || at != before.Head {
			t.Fatal("the case is another after a restart")
		}
	}
	step(r.Authenticate(r.ctx, r.who("noor"), id, Authentication{Means: "national-system", Note: "verified", Genuine: true}))
	step(r.Preserve(r.ctx, r.who("noor"), id, r.clinic, wards(), time.Time{}, "Article 10(1)"))
	step(r.Identify(r.ctx, r.who("mira"), id, Subject{Customer: r.clinic, How: "by name"}))
	step(r.Scope(r.ctx, r.who("mira"), id, wards(), false, ""))
	step(r.SetSecrecy(r.ctx, r.who("mira"), id, SecrecySet{}))
	r.settled(id)
	step(r.Approve(r.ctx, r.who("mira"), id, Limits{}))
	step(r.DraftWrit(r.ctx, r.who("mira"), id))
	for _, name := range []string{"ada", "jun"} {
		c, err := r.Case(r.ctx, id)
		r.must(err)
		step(r.signed(name, c))
	}
	step(r.produced(id))
	_, _, err = r.Deliver(r.ctx, r.who("sam"), id, DeliverInput{Means: "national-system"})
	step(nil, err)
	step(r.Close(r.ctx, r.who("mira"), id, 1, ""))
	step(r.Lift(r.ctx, r.who("mira"), id, "released"))
	r.eventually("told once, and revealed", func() bool {
		c, err := r.Case(r.ctx, id)
		r.must(err)
		inbox, _, err := r.Notices.Inbox(r.ctx, r.clinic, "", 10)
		r.must(err)
		return len(inbox) == 1 && c.Revealed && !c.Notices[0].Accepted.IsZero()
	})
	r.reopen()
	if inbox, _, _ := r.Notices.Inbox(r.ctx, r.clinic, "", 10); len(inbox) != 1 {
		t.Errorf("the customer was told %d times", len(inbox))
	}
	v, err := r.Verify(r.ctx, id)
	r.must(err)
	if len(v.Complaint) > 0 {
		t.Error(v.Complaint)
	}
}

// TestDatedSecrecyLiftsByItself, also if the server was down when its day came.
func TestDatedSecrecyLiftsByItself(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone"})
	d := r.epoc()
	d.Instrument, d.Issuer, d.Channel = "us.warrant", Issuer{Name: "District Court of New Arden", Country: "US", Kind: "court"}, InPerson
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: d})
	r.must(err)
	id := c.ID
	_, err = r.Identify(r.ctx, r.who("mira"), id, Subject{Customer: r.clinic, How: "by name"})
	r.must(err)
	lawyer := r.who("mira")
	demand, _ := r.lawful(c)
	terms, _ := r.Law.Secrecy(demand)
	i := slices.IndexFunc(terms.Allowed, func(a law.SecrecyChange) bool { return a.Secrecy == writ.DatedOrder })
	if i < 0 {
		t.Fatal("a US warrant knows no dated order of silence")
	}
	facts := map[string]string{}
	for _, q := range terms.Allowed[i].Facts {
		facts[q] = "yes"
	}
	if len(facts) > 0 {
		_, err = r.Tell(r.ctx, lawyer, id, facts)
		r.must(err)
	}
	until := r.clock.now().Add(30 * 24 * time.Hour)
	_, err = r.SetSecrecy(r.ctx, lawyer, id, SecrecySet{Basis: writ.DatedOrder, Reason: "2705(b)", Harms: []string{"flight"}})
	refused(t, err, ErrLaw) // it takes an end
	_, err = r.SetSecrecy(r.ctx, lawyer, id, SecrecySet{Basis: writ.DatedOrder, Until: until, Reason: "2705(b)", Harms: []string{"flight"}})
	r.must(err)
	_, err = r.Notify(r.ctx, lawyer, id, noticeBefore)
	refused(t, err, ErrState)
	r.ends()
	r.clock.pass(31 * 24 * time.Hour)
	r.open()
	r.eventually("the customer is told", func() bool {
		inbox, _, err := r.Notices.Inbox(r.ctx, r.clinic, "", 10)
		r.must(err)
		return len(inbox) == 1
	})
}

// TestPreservationEndsByItsClock: what only it kept is gone then.
func TestPreservationEndsByItsClock(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone"})
	d := r.epoc()
	d.Instrument = "eu.epoc-pr"
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: d})
	r.must(err)
	_, err = r.Preserve(r.ctx, r.who("noor"), c.ID, r.clinic, wards(), r.clock.now().Add(60*24*time.Hour), "60 days")
	r.must(err)
	_, err = r.Vault.Delete(r.ctx, r.session, vault.DeleteInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: "letters/calder"}})
	r.must(err)
	r.clock.pass(59 * 24 * time.Hour)
	r.reopen()
	if names, err := r.Vault.Preservations(r.ctx); err != nil || len(names) != 1 {
		t.Fatalf("%v %v", names, err)
	}
	_, err = r.Extend(r.ctx, r.who("noor"), c.ID, r.clock.now().Add(31*24*time.Hour), "30 days more")
	r.must(err)
	r.clock.pass(30 * 24 * time.Hour)
	r.reopen()
	if names, err := r.Vault.Preservations(r.ctx); err != nil || len(names) != 1 {
		t.Fatalf("%v %v", names, err)
	}
	r.clock.pass(2 * 24 * time.Hour)
	r.reopen()
	r.eventually("the preservation ends", func() bool {
		names, err := r.Vault.Preservations(r.ctx)
		r.must(err)
		return len(names) == 0
	})
	c, err = r.Case(r.ctx, c.ID)
	r.must(err)
	if len(c.Preservations) > 0 {
		t.Error("the case still preserves something")
	}
}

// employed gives everybody of the cast its role and contact in the staff's
// records, and puts them on call.
func (r *rig) employed() {
	r.t.Helper()
	socket, err := r.Staff.Socket(r.ctx, "root")
	r.must(err)
	person := func(name string, role writ.Role) {
		id := writ.Person(name)
		r.must(r.Staff.AddPerson(r.ctx, socket, id, staff.Profile{Name: name, Contacts: []staff.Contact{{Kind: staff.ContactMail, To: name + "@fjordhost.example"}}}))
		_, err := r.Staff.Propose(r.ctx, socket, staff.Proposal{Person: id, Role: role})
		r.must(err)
	}
	for _, one := range cast {
		person(one.name, one.role)
	}
	var operators []staff.Identity
	for _, name := range []string{"olu.farren", "pia.sund"} {
		person(name, writ.RoleOperator)
		token, reg := staff.NewToken()
		_, err := r.Staff.RegisterToken(r.ctx, socket, staff.TokenRequest{Person: writ.Person(name), Roles: []writ.Role{writ.RoleOperator}}, reg)
		r.must(err)
		by, err := r.Staff.Authenticate(r.ctx, token, netip.MustParseAddr("192.0.2.9"), r.clock.now())
		r.must(err)
		operators = append(operators, by)
	}
	for _, role := range []writ.Role{writ.RoleIntake, writ.RoleCounsel} {
		holders, err := r.Staff.Holders(r.ctx, role, r.clock.now())
		r.must(err)
		r.must(r.Staff.SetRota(r.ctx, operators[0], role, staff.Rota{Standing: holders}))
	}
}

// TestPaging: when half of an emergency's eight hours is gone the persons on
// call are told, one more each round, until somebody moves the case.
func TestPaging(t *testing.T) {
	r := newRig(t)
	r.employed()
	c, err := r.Rehearse(r.ctx, r.who("noor"), "eu.epoc")
	r.must(err)
	pages := func() int {
		list, _, err := r.Notices.List(r.ctx, notice.Filter{Case: c.ID})
		r.must(err)
		return len(list)
	}
	r.clock.pass(3*time.Hour + 50*time.Minute)
	r.reopen()
	if n := pages(); n != 0 {
		t.Fatalf("%d pages before half of the time was gone", n)
	}
	r.clock.pass(20 * time.Minute)
	r.reopen()
	r.eventually("somebody is paged", func() bool { return pages() == 1 })
	r.clock.pass(16 * time.Minute)
	r.reopen()
	r.eventually("the case has a second round", func() bool {
		c, err := r.Case(r.ctx, c.ID)
		r.must(err)
		return len(c.Pages) == 2
	})
	_, err = r.Authenticate(r.ctx, r.who("noor"), c.ID, Authentication{Means: "national-system", Note: "verified", Genuine: true})
	r.must(err)
	before := pages()
	r.clock.pass(16 * time.Minute)
	r.reopen()
	time.Sleep(50 * time.Millisecond)
	if n := pages(); n != before {
		t.Errorf("%d pages after somebody took the case up, want %d", n, before)
	}
	list, _, err := r.Notices.List(r.ctx, notice.Filter{Case: c.ID})
	r.must(err)
	for _, m := range list {
		if strings.Contains(m.Message.Subject, "harbour") {
			t.Error("a page names the customer")
		}
	}
	rehearsal, err := r.Rehearsed(r.ctx, c.ID)
	r.must(err)
	if rehearsal.PagedAt.IsZero() || rehearsal.Due.Sub(rehearsal.Began) < 7*time.Hour {
		t.Errorf("the rehearsal's report: %+v", rehearsal)
	}
	_, err = r.Approve(r.ctx, r.who("mira"), c.ID, Limits{})
	if err == nil {
		t.Error("a drill was approved without anything in it")
	}
}

// TestWaiver: without witnesses, and while a statutory clock runs, two persons
// may go on; alone nobody may.
func TestWaiver(t *testing.T) {
	r, id := ready(t)
	c := r.minted(id, Limits{})
	w := policy.Waiver{V: 1, Case: id, Writ: c.Writ.Digest, Reason: "the witnesses are away", Deadline: r.clock.now().Add(8 * time.Hour).UTC().Truncate(time.Second),
		At: r.clock.now().UTC().Truncate(time.Second), NotAfter: r.clock.now().Add(4 * time.Hour).UTC().Truncate(time.Second)}
	payload, err := w.Encode()
	r.must(err)
	signed := func(names ...string) []byte {
		e := policy.NewEnvelope(policy.TypeWaiver, payload)
		for _, name := range names {
			e.Add(r.people[name].sign(policy.TypeWaiver, payload))
		}
		b, err := e.Encode()
		r.must(err)
		return b
	}
	_, err = r.Waive(r.ctx, r.who("mira"), id, signed("mira"))
	refused(t, err, policy.ErrQuorum)
	_, err = r.Waive(r.ctx, r.who("mira"), id, signed("ada", "jun"))
	refused(t, err, policy.ErrQuorum)
	_, err = r.Waive(r.ctx, r.who("mira"), id, signed("mira", "ada"))
	r.must(err)
	_, err = r.produced(id)
	r.must(err)
}
