package docket

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/vault"
)

// TestContentUnderStatutorySecrecy is an EPOC for content from its receipt to
// the day on which the customer learns of it.
func TestContentUnderStatutorySecrecy(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone", "letters/moss": "come back in May", "scans/calder": "not asked for"})
	id := r.reviewed(r.epoc(), wards())
	// The customer deletes; what is preserved stays.
	_, err := r.Vault.Delete(r.ctx, r.session, vault.DeleteInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: "letters/calder"}})
	r.must(err)
	r.minted(id, Limits{})
	before, err := r.Config.Gate.JournalHead(r.clinic)
	r.must(err)
	c, err := r.produced(id)
	r.must(err)
	if c.Production.Objects != 2 {
		t.Fatalf("%d objects were produced, want the 2 in scope", c.Production.Objects)
	}
	after, err := r.Config.Gate.JournalHead(r.clinic)
	r.must(err)
	if before != after {
		t.Error("the customer's journal moved under secrecy")
	}
	_, objects := r.unpacked(id)
	if objects["letters/calder"] != "the fever is gone" || objects["letters/moss"] != "come back in May" || len(objects) != 2 {
		t.Errorf("the package holds %v", objects)
	}
	_, _, err = r.Deliver(r.ctx, r.who("sam"), id, DeliverInput{Means: "national-system"})
	r.must(err)
	_, err = r.Close(r.ctx, r.who("mira"), id, 1, "")
	r.must(err)
	if inbox, _, err := r.Notices.Inbox(r.ctx, r.clinic, "", 10); err != nil || len(inbox) > 0 {
		t.Fatalf("the customer was told under secrecy: %v %v", inbox, err)
	}
	_, err = r.Lift(r.ctx, r.who("mira"), id, "the authority released it")
	r.must(err)
	r.eventually("the notice is accepted", func() bool {
		c, err := r.Case(r.ctx, id)
		r.must(err)
		return len(c.Notices) == 1 && !c.Notices[0].Accepted.IsZero() && c.Revealed
	})
	inbox, _, err := r.Notices.Inbox(r.ctx, r.clinic, "", 10)
	r.must(err)
	if len(inbox) != 1 {
		t.Fatalf("%d messages in the inbox, want 1", len(inbox))
	}
	opened := 0
	for e, err := range r.Config.Gate.Journal(r.ctx, gate.Owner(r.clinic, r.session.Credential), gate.Use{Customer: r.clinic}, gate.JournalQuery{}) {
		r.must(err)
		if e.Reason == writ.ReasonWrit {
			opened++
			if !strings.Contains(e.Principal, string(id)) {
				t.Errorf("the entry names %q, not the case", e.Principal)
			}
		}
	}
	if opened != 2 {
		t.Errorf("the journal shows %d openings after secrecy, want 2", opened)
	}
	v, err := r.Verify(r.ctx, id)
	r.must(err)
	if len(v.Complaint) > 0 {
		t.Errorf("the log does not have the case's events: %v", v.Complaint)
	}
}

// TestReferral is a subpoena whose customer is told at once.
func TestReferral(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", nil)
	d := Demand{
		Reference: "26-SW-118", Instrument: "us.subpoena", Issuer: Issuer{Name: "District Court of New Arden", Country: "US", Kind: "court"},
		Channel: InPerson, Received: r.clock.now(), Matter: "criminal", Classes: []writ.DataClass{writ.ClassSubscriber}, Identifiers: []string{"harbour-clinic"}, Accounts: 1,
	}
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: d, Documents: []DocumentInput{{Kind: "order", Name: "subpoena.pdf", Body: orderPDF}}})
	r.must(err)
	_, err = r.Identify(r.ctx, r.who("mira"), c.ID, Subject{Customer: r.clinic, How: "the account's name"})
	r.must(err)
	_, err = r.SetSecrecy(r.ctx, r.who("mira"), c.ID, SecrecySet{Basis: writ.TellBefore, Window: 10 * 24 * time.Hour})
	r.must(err)
	_, err = r.Reply(r.ctx, r.who("mira"), c.ID, Reply{Answer: "referred", Reason: "it is the customer's data to give", Final: true})
	r.must(err)
	r.eventually("the customer is told", func() bool {
		inbox, _, err := r.Notices.Inbox(r.ctx, r.clinic, "", 10)
		r.must(err)
		return len(inbox) == 1
	})
	c, err = r.Close(r.ctx, r.who("mira"), c.ID, 0, "")
	r.must(err)
	if c.Closing.Outcome != "referred" {
		t.Errorf("the outcome is %s", c.Closing.Outcome)
	}
}

// TestAccountAndTraffic is a demand for what the store itself knows: it takes a
// writ too, and opens no content.
func TestAccountAndTraffic(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone"})
	d := r.epoc()
	d.Classes = []writ.DataClass{writ.ClassSubscriber, writ.ClassTraffic}
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: d, Documents: []DocumentInput{{Kind: "order", Name: "epoc.pdf", Body: orderPDF}}})
	r.must(err)
	id := c.ID
	_, err = r.Authenticate(r.ctx, r.who("noor"), id, Authentication{Means: "national-system", Note: "verified", Genuine: true})
	r.must(err)
	_, err = r.Identify(r.ctx, r.who("mira"), id, Subject{Customer: r.clinic, How: "by name"})
	r.must(err)
	_, err = r.Scope(r.ctx, r.who("mira"), id, policy.Scope{Classes: d.Classes}, false, "")
	r.must(err)
	_, err = r.SetSecrecy(r.ctx, r.who("mira"), id, SecrecySet{})
	r.must(err)
	r.settled(id)
	r.minted(id, Limits{})
	c, err = r.produced(id)
	r.must(err)
	_, objects := r.unpacked(id)
	if !strings.Contains(objects["records/subscriber.json"], "harbour-clinic") {
		t.Errorf("the customer's record is not in the package: %v", objects)
	}
	journal := objects["records/journal.jsonl"]
	if !strings.Contains(journal, "ward-seven") || strings.Contains(journal, "calder") {
		t.Errorf("the journal is not there, or names objects: %s", journal)
	}
	if c.Production.Objects != 2 {
		t.Errorf("%d objects, want the two records", c.Production.Objects)
	}
	_, _, err = r.Deliver(r.ctx, r.who("sam"), id, DeliverInput{Means: "national-system"})
	r.must(err)
	c, err = r.Close(r.ctx, r.who("mira"), id, 1, "")
	r.must(err)
	if c.Closing.Outcome != "non-content" {
		t.Errorf("the outcome is %s", c.Closing.Outcome)
	}
}

// TestToldBefore: where the provider tells before, nothing is approved until the
// customer was told and had its time to object; what opens then is in its
// journal at once.
func TestToldBefore(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone"})
	d := r.epoc()
	d.Instrument, d.Issuer, d.Channel = "us.warrant", Issuer{Name: "District Court of New Arden", Country: "US", Kind: "court"}, InPerson
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: d, Documents: []DocumentInput{{Kind: "order", Name: "warrant.pdf", Body: orderPDF}}})
	r.must(err)
	id := c.ID
	_, err = r.Authenticate(r.ctx, r.who("noor"), id, Authentication{Means: "in-person", Note: "served by an officer", Genuine: true})
	r.must(err)
	_, err = r.Preserve(r.ctx, r.who("noor"), id, r.clinic, wards(), time.Time{}, "before it is told")
	r.must(err)
	_, err = r.Identify(r.ctx, r.who("mira"), id, Subject{Customer: r.clinic, How: "by name"})
	r.must(err)
	_, err = r.Scope(r.ctx, r.who("mira"), id, wards(), false, "")
	r.must(err)
	_, err = r.SetSecrecy(r.ctx, r.who("mira"), id, SecrecySet{Basis: writ.TellBefore, Window: 7 * 24 * time.Hour, Reason: "no order of silence"})
	r.must(err)
	r.settled(id)
	_, err = r.Approve(r.ctx, r.who("mira"), id, Limits{})
	refused(t, err, ErrState)
	_, err = r.Notify(r.ctx, r.who("mira"), id, noticeBefore)
	r.must(err)
	r.eventually("the notice is accepted", func() bool {
		c, err := r.Case(r.ctx, id)
		r.must(err)
		return !c.Notices[0].Accepted.IsZero()
	})
	_, err = r.Approve(r.ctx, r.who("mira"), id, Limits{})
	refused(t, err, ErrState)
	r.clock.pass(8 * 24 * time.Hour)
	r.minted(id, Limits{})
	_, err = r.produced(id)
	r.must(err)
	opened := 0
	for e, err := range r.Config.Gate.Journal(r.ctx, gate.Owner(r.clinic, r.session.Credential), gate.Use{Customer: r.clinic}, gate.JournalQuery{}) {
		r.must(err)
		if e.Reason == writ.ReasonWrit {
			opened++
		}
	}
	if opened != 1 {
		t.Errorf("%d openings in the journal of a customer who is told, want 1", opened)
	}
}

// TestScopeCountsWhatIsPreserved: what the customer deleted or wrote over since
// it was preserved is counted, so that the limits which follow from the count are
// those of what a writ opens.
func TestScopeCountsWhatIsPreserved(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone", "letters/moss": "come back in May"})
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: r.epoc(), Documents: []DocumentInput{{Kind: "order", Name: "epoc.pdf", Body: orderPDF}}})
	r.must(err)
	_, err = r.Preserve(r.ctx, r.who("noor"), c.ID, r.clinic, wards(), time.Time{}, "Article 10(1)")
	r.must(err)
	_, err = r.Vault.Delete(r.ctx, r.session, vault.DeleteInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: "letters/calder"}})
	r.must(err)
	_, err = r.Identify(r.ctx, r.who("mira"), c.ID, Subject{Customer: r.clinic, How: "the account's name"})
	r.must(err)
	c, err = r.Scope(r.ctx, r.who("mira"), c.ID, wards(), false, "")
	r.must(err)
	if c.Scoping.Objects != 2 || c.Scoping.Bytes != int64(len("the fever is gone")+len("come back in May")) {
		t.Errorf("%d objects of %d bytes are in scope", c.Scoping.Objects, c.Scoping.Bytes)
	}
}

// TestExportOfAnotherSystem: what Writ does not keep goes the same way, and
// the package says which of it the gate did not enforce.
func TestExportOfAnotherSystem(t *testing.T) {
	r, id := ready(t)
	export := "ticket;subject\n4711;letters do not print\n"
	_, err := r.Export(r.ctx, r.who("mira"), id, DocumentInput{Kind: "export", Name: "tickets.csv", Body: []byte(export)}, "help desk", "counsel's query")
	r.must(err)
	r.settled(id)
	r.minted(id, Limits{})
	_, err = r.produced(id)
	r.must(err)
	folder, objects := r.unpacked(id)
	if objects["not-enforced-by-the-gate/tickets.csv"] != export || objects["letters/moss"] != "come back in May" || len(objects) != 3 {
		t.Errorf("the package holds %v", objects)
	}
	b, err := os.ReadFile(filepath.Join(folder, "custody.json"))
	r.must(err)
	var record custodyRecord
	r.must(json.Unmarshal(b, &record))
	if record.Objects != 2 || record.Bytes != int64(len("the fever is gone"+"come back in May")) {
		t.Errorf("the chain of custody says that the gate opened %d objects of %d bytes", record.Objects, record.Bytes)
	}
	if len(record.Exports) != 1 || record.Exports[0].System != "help desk" {
		t.Errorf("the export is not labelled: %+v", record.Exports)
	}
}

// TestAnotherSystemsContent: content that Writ does not keep goes the same way:
// approval, quorum, commitments; no object opens. What is attached afterwards
// voids the approval.
func TestAnotherSystemsContent(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone"})
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: r.epoc(), Documents: []DocumentInput{{Kind: "order", Name: "epoc.pdf", Body: orderPDF}}})
	r.must(err)
	id := c.ID
	_, err = r.Authenticate(r.ctx, r.who("noor"), id, Authentication{Means: "national-system", Note: "verified", Genuine: true})
	r.must(err)
	_, err = r.Identify(r.ctx, r.who("mira"), id, Subject{Customer: r.clinic, How: "by name"})
	r.must(err)
	_, err = r.Scope(r.ctx, r.who("mira"), id, policy.Scope{Classes: []writ.DataClass{writ.ClassContent}, Elsewhere: true}, false, "")
	r.must(err)
	_, err = r.SetSecrecy(r.ctx, r.who("mira"), id, SecrecySet{})
	r.must(err)
	r.settled(id)
	_, err = r.Approve(r.ctx, r.who("mira"), id, Limits{})
	r.must(err)
	mail := "From: calder@harbour-clinic.example\n\nOn Friday.\n"
	_, err = r.Export(r.ctx, r.who("mira"), id, DocumentInput{Kind: "export", Name: "mail.mbox", Body: []byte(mail)}, "mail", "counsel's query")
	r.must(err)
	_, err = r.DraftWrit(r.ctx, r.who("mira"), id)
	refused(t, err, ErrChanged)
	r.settled(id)
	r.minted(id, Limits{})
	_, err = r.Export(r.ctx, r.who("mira"), id, DocumentInput{Kind: "export", Name: "more.mbox", Body: []byte(mail)}, "mail", "")
	refused(t, err, ErrState)
	_, err = r.produced(id)
	r.must(err)
	if _, objects := r.unpacked(id); len(objects) != 1 || objects["not-enforced-by-the-gate/mail.mbox"] != mail {
		t.Errorf("the package holds %v", objects)
	}
	_, _, err = r.Deliver(r.ctx, r.who("sam"), id, DeliverInput{Means: "national-system"})
	r.must(err)
	c, err = r.Close(r.ctx, r.who("mira"), id, 1, "")
	r.must(err)
	if c.Closing.Outcome != "content" {
		t.Errorf("the outcome is %s", c.Closing.Outcome)
	}
	_, err = r.Lift(r.ctx, r.who("mira"), id, "released")
	r.must(err)
	r.eventually("the case is revealed", func() bool {
		c, err := r.Case(r.ctx, id)
		r.must(err)
		return c.Revealed
	})
}
