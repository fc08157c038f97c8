package docket

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/records"
)

// ready is a rig with a bucket and a case that waits for its approval.
func ready(t *testing.T) (*rig, writ.CaseID) {
	t.Helper()
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone", "letters/moss": "come back in May"})
	return r, r.reviewed(r.epoc(), wards())
}

// drafted brings a case to where custodians sign.
func (r *rig) drafted(id writ.CaseID, l Limits) *Case {
	r.t.Helper()
	_, err := r.Approve(r.ctx, r.who("mira"), id, l)
	r.must(err)
	c, err := r.DraftWrit(r.ctx, r.who("mira"), id)
	r.must(err)
	return c
}

func TestNoQuorum(t *testing.T) {
	r, id := ready(t)
	c := r.drafted(id, Limits{})
	if c = r.signs("ada", c); c.Writ != nil {
		t.Fatal("one custodian made a writ")
	}
	_, err := r.produced(id)
	refused(t, err, ErrState)
}

func TestOnePersonTwice(t *testing.T) {
	r, id := ready(t)
	c := r.drafted(id, Limits{})
	c = r.signs("ada", c)
	if _, err := r.signed("ada", c); err == nil {
		t.Error("one custodian signed twice")
	}
	// By another's hand, with her key: the key is hers, whoever brings it.
	s := r.people["ada"].sign(policy.TypeAuthorisation, c.Draft.Payload)
	_, err := r.Sign(r.ctx, r.who("jun"), id, Signature{Key: s.KeyID, Sig: s.Sig, Digest: c.Draft.Digest})
	refused(t, err, ErrSeparation)
}

func TestSignatureOverAnotherScope(t *testing.T) {
	r, id := ready(t)
	c := r.drafted(id, Limits{})
	a, err := policy.ParseAuthorisation(c.Draft.Payload)
	r.must(err)
	a.Scope.Buckets[0].Prefixes = nil
	wider, err := a.Encode()
	r.must(err)
	s := r.people["ada"].sign(policy.TypeAuthorisation, wider)
	for _, digest := range [][]byte{c.Draft.Digest, sum256(wider)} {
		if _, err := r.Sign(r.ctx, r.who("ada"), id, Signature{Key: s.KeyID, Sig: s.Sig, Digest: digest}); err == nil {
			t.Error("a signature over another scope was taken")
		}
	}
}

func TestExpired(t *testing.T) {
	r, id := ready(t)
	r.minted(id, Limits{Until: r.clock.now().Add(time.Hour)})
	r.clock.pass(2 * time.Hour)
	_, err := r.produced(id)
	refused(t, err, policy.ErrExpired)
}

// TestApprovedAnew: a writ that ran out is replaced by another, of its own
// quorum; the old one opens nothing.
func TestApprovedAnew(t *testing.T) {
	r, id := ready(t)
	r.minted(id, Limits{Until: r.clock.now().Add(time.Hour)})
	r.clock.pass(2 * time.Hour)
	_, err := r.produced(id)
	refused(t, err, policy.ErrExpired)
	r.minted(id, Limits{})
	_, err = r.produced(id)
	r.must(err)
	if _, objects := r.unpacked(id); len(objects) != 2 {
		t.Errorf("the package holds %v", objects)
	}
}

func TestReplayedInAnotherCase(t *testing.T) {
	r, id := ready(t)
	c := r.minted(id, Limits{})
	other := r.reviewed(r.epoc(), wards())
	d := r.drafted(other, Limits{})
	// The envelope of the first case, put into the second by hand.
	_, err := r.self(r.ctx, other, func(records.Tx, *Case) ([]draft, error) {
		return []draft{{kind: MintedWrit, body: minting{Envelope: c.Writ.Envelope, Digest: d.Draft.Digest, Statement: c.Writ.Statement}}}, nil
	})
	r.must(err)
	if _, err := r.produced(other); err == nil {
		t.Fatal("a writ opened in another case")
	}
}

func TestObjectAfterTheTimeRange(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "in time"})
	s := wards()
	s.Until = r.clock.now().Add(time.Minute)
	id := r.reviewed(r.epoc(), s)
	r.clock.pass(2 * time.Minute)
	r.put("ward-seven", "letters/late", "too late")
	r.minted(id, Limits{Objects: 10, Bytes: 1000})
	c, err := r.produced(id)
	r.must(err)
	_, objects := r.unpacked(id)
	if c.Production.Objects != 1 || objects["letters/late"] != "" {
		t.Errorf("the package holds %v", objects)
	}
}

func TestBudget(t *testing.T) {
	r, id := ready(t)
	r.minted(id, Limits{Objects: 1, Bytes: 1000})
	_, err := r.produced(id)
	refused(t, err, ErrBounds)
}

// TestEventStoreEditedByHand edits the records of a case in every way that
// could help: the docket finds what no longer follows, and what was made to
// follow the gate refuses and the log gives away.
func TestEventStoreEditedByHand(t *testing.T) {
	r, id := ready(t)
	c := r.drafted(id, Limits{})
	c = r.signs("ada", c)
	before := c.Events
	t.Run("one event changed", func(t *testing.T) {
		old, err := r.records.Get(r.ctx, eventKey(id, 1))
		r.must(err)
		var b records.Batch
		b.Put(eventKey(id, 1), []byte(strings.Replace(string(old), "Valbrume", "Valbrune", 1)))
		r.must(r.records.Apply(r.ctx, &b))
		_, err = r.Case(r.ctx, id)
		refused(t, err, ErrDamaged)
		b = records.Batch{}
		b.Put(eventKey(id, 1), old)
		r.must(r.records.Apply(r.ctx, &b))
	})
	t.Run("an event dropped", func(t *testing.T) {
		old, err := r.records.Get(r.ctx, eventKey(id, 3))
		r.must(err)
		var b records.Batch
		b.Delete(eventKey(id, 3))
		r.must(r.records.Apply(r.ctx, &b))
		_, err = r.Case(r.ctx, id)
		refused(t, err, ErrDamaged)
		b = records.Batch{}
		b.Put(eventKey(id, 3), old)
		r.must(r.records.Apply(r.ctx, &b))
	})
	t.Run("a writ put in, with a chain that fits", func(t *testing.T) {
		e := policy.NewEnvelope(policy.TypeAuthorisation, c.Draft.Payload)
		e.Add(policy.Signature{KeyID: c.Signatures[0].Key, Sig: c.Signatures[0].Sig})
		envelope, err := e.Encode()
		r.must(err)
		body, err := json.Marshal(minting{Envelope: envelope, Digest: c.Draft.Digest, Statement: policy.CommitWrit(id, [32]byte(c.Draft.Digest)).ID})
		r.must(err)
		forged, err := encodeEvent(&Event{Case: id, Seq: before + 1, At: r.now(), Kind: MintedWrit, Body: body, Previous: c.Head[:]})
		r.must(err)
		var b records.Batch
		b.Put(eventKey(id, before+1), forged)
		r.must(r.records.Apply(r.ctx, &b))
		if _, err := r.produced(id); err == nil {
			t.Fatal("a writ that was written by hand opened something")
		}
		v, err := r.Verify(r.ctx, id)
		r.must(err)
		if len(v.Complaint) == 0 {
			t.Error("the log does not give the forged event away")
		}
	})
}

func TestRevokedBetweenSignatureAndOpening(t *testing.T) {
	r, id := ready(t)
	r.minted(id, Limits{})
	set, _ := r.Config.Gate.Custodians()
	next := set
	digest := set.Digest()
	next.Number, next.Previous, next.At = 2, digest[:], r.clock.now().UTC().Truncate(time.Second)
	next.Members = slices.DeleteFunc(slices.Clone(set.Members), func(m policy.Member) bool { return m.Person == "jun.park" })
	payload, err := next.Encode()
	r.must(err)
	e := policy.NewEnvelope(policy.TypeSet, payload)
	e.Add(r.people["ada"].sign(policy.TypeSet, payload))
	e.Add(r.people["lena"].sign(policy.TypeSet, payload))
	envelope, err := e.Encode()
	r.must(err)
	r.must(r.SetCustodians(r.ctx, r.who("mira"), envelope))
	if _, err := r.produced(id); !errors.Is(err, policy.ErrSet) && !errors.Is(err, policy.ErrQuorum) {
		t.Fatalf("a revoked custodian's signature opened it: %v", err)
	}
}

func TestTwoProductionsAtOnce(t *testing.T) {
	r, id := ready(t)
	r.minted(id, Limits{})
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		group.Go(func() { _, errs[i] = r.produced(id) })
	}
	group.Wait()
	made := 0
	for _, err := range errs {
		switch {
		case err == nil:
			made++
		case !errors.Is(err, ErrState):
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d productions were made at once", made)
	}
}

// TestNotCommitted takes the ledger's word away: what nobody committed to the
// gate does not open.
func TestNotCommitted(t *testing.T) {
	r, id := ready(t)
	c := r.minted(id, Limits{})
	list := []policy.Item{}
	r.must(r.preserved(r.ctx, c.Preservations[0].ID, func(i policy.Item) error { list = append(list, i); return nil }))
	if _, err := r.Config.Gate.Begin(r.ctx, id, gate.Evidence{Envelope: c.Writ.Envelope}, list); err == nil {
		t.Fatal("the gate opened what nobody had committed to")
	}
}

func TestSeparation(t *testing.T) {
	r, id := ready(t)
	both := Actor{Person: "noor.adeyemi", Roles: []writ.Role{writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction}, Via: "test"}
	_, err := r.Approve(r.ctx, both, id, Limits{})
	refused(t, err, ErrSeparation)
	_, err = r.Approve(r.ctx, r.who("noor"), id, Limits{})
	refused(t, err, ErrRole)
	_, err = r.Approve(r.ctx, r.who("ada"), id, Limits{})
	refused(t, err, ErrRole)
	operator := Actor{Person: "olu.farren", Roles: []writ.Role{writ.RoleOperator}, Via: "test"}
	for name, do := range map[string]func() error{
		"look":    func() error { _, err := r.Look(r.ctx, operator, id); return err },
		"list":    func() error { _, _, err := r.Listed(operator, Filter{}); return err },
		"locate":  func() error { _, err := r.Locate(r.ctx, operator, string(r.clinic), wards()); return err },
		"history": func() error { _, err := r.History(r.ctx, operator, id); return err },
	} {
		if err := do(); !errors.Is(err, ErrRole) {
			t.Errorf("%s: an operator may: %v", name, err)
		}
	}
}

// TestChangedMeanwhile: whatever a decision rests on may not change behind it.
func TestChangedMeanwhile(t *testing.T) {
	r, id := ready(t)
	c := r.drafted(id, Limits{})
	wider := wards()
	wider.Buckets[0].Prefixes = nil
	_, err := r.Scope(r.ctx, r.who("mira"), id, wider, false, "")
	r.must(err)
	if _, err := r.signed("ada", c); err == nil {
		t.Error("a custodian signed what counsel had changed")
	}
	_, err = r.Approve(r.ctx, r.who("mira"), id, Limits{})
	refused(t, err, ErrChanged)
}

// TestDeterminationAlone: one person never overcomes a finding.
func TestDeterminationAlone(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", nil)
	d := r.epoc()
	d.Issuer.Kind = "prosecutor" // may not order content: Article 4(2)
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: d, Documents: []DocumentInput{{Kind: "order", Name: "epoc.pdf", Body: orderPDF}}})
	r.must(err)
	id := c.ID
	_, err = r.Authenticate(r.ctx, r.who("noor"), id, Authentication{Means: "national-system", Note: "verified", Genuine: true})
	r.must(err)
	_, err = r.Identify(r.ctx, r.who("mira"), id, Subject{Customer: r.clinic, How: "by name"})
	r.must(err)
	_, err = r.Scope(r.ctx, r.who("mira"), id, wards(), false, "")
	r.must(err)
	_, err = r.SetSecrecy(r.ctx, r.who("mira"), id, SecrecySet{})
	r.must(err)
	c, err = r.Review(r.ctx, r.who("mira"), id)
	r.must(err)
	failed := 0
	for _, f := range c.Standing() {
		if f.Outcome == "fail" {
			failed++
		}
	}
	if failed == 0 {
		t.Fatal("a prosecutor may order content")
	}
	_, err = r.Approve(r.ctx, r.who("mira"), id, Limits{})
	refused(t, err, ErrLaw)
	var rules []string
	for _, f := range c.Standing() {
		if !f.Final {
			rules = append(rules, f.Rule)
		}
	}
	if len(rules) == 0 {
		return
	}
	c, err = r.Propose(r.ctx, r.who("mira"), id, rules, "it is all the same")
	r.must(err)
	_, err = r.Second(r.ctx, r.who("mira"), id, c.Determinations[0].Number, "")
	refused(t, err, ErrSeparation)
	_, err = r.Approve(r.ctx, r.who("mira"), id, Limits{})
	refused(t, err, ErrLaw)
}

func TestHostileInput(t *testing.T) {
	r := newRig(t)
	for name, in := range map[string]func(*Intake){
		"an order of 50 MB": func(i *Intake) {
			i.Documents = []DocumentInput{{Kind: "order", Name: "a.pdf", Body: make([]byte, 50<<20)}}
		},
		"an empty order":      func(i *Intake) { i.Documents = []DocumentInput{{Kind: "order", Name: "a.pdf"}} },
		"a long reference":    func(i *Intake) { i.Demand.Reference = strings.Repeat("x", 513) },
		"a reference of NULs": func(i *Intake) { i.Demand.Reference = "a\x00b" },
		"no text":             func(i *Intake) { i.Demand.Issuer.Name = "\xff" },
		"a future receipt":    func(i *Intake) { i.Demand.Received = r.clock.now().Add(time.Hour) },
		"no class":            func(i *Intake) { i.Demand.Classes = nil },
		"a class twice":       func(i *Intake) { i.Demand.Classes = append(i.Demand.Classes, i.Demand.Classes[0]) },
		"an unknown pack":     func(i *Intake) { i.Demand.Instrument = "xx.warrant" },
		"a disabled pack":     func(i *Intake) { i.Demand.Instrument = "uk.copo" },
		"too many names":      func(i *Intake) { i.Demand.Identifiers = make([]string, 300) },
	} {
		intake := Intake{Demand: r.epoc()}
		in(&intake)
		if _, err := r.Receive(r.ctx, r.who("noor"), intake); !errors.Is(err, ErrBounds) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rows, _ := r.List(Filter{}); len(rows) > 0 {
		t.Errorf("%d cases were made of nothing", len(rows))
	}
	entries, _, err := r.records.Scan(context.Background(), records.Range{Start: key(tagDocument), End: []byte{tagDocket + 1}, Limit: 10})
	r.must(err)
	for _, e := range entries {
		if e.Key[1] == tagDocument || e.Key[1] == tagPiece {
			t.Error("a refused document is still in the records")
		}
	}
}
