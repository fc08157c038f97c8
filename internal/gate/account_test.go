package gate_test

import (
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/policy"
)

// traffic is a writ for the customer's journal and no content.
func (c *court) traffic(told bool, from, until time.Time) policy.Authorisation {
	a := c.authorisation()
	a.Scope = policy.Scope{Classes: []writ.DataClass{writ.ClassTraffic}, From: from, Until: until}
	a.Limits.Objects, a.Limits.Bytes, a.Nonce = 0, 0, policy.NewNonce()
	if told {
		a.Secrecy = policy.Silence{Basis: writ.TellBefore, Told: true, Why: "nothing forbids it"}
	}
	return a
}

// TestTrafficUnderAWrit: the journal opens under a writ that reaches traffic
// data, within its time; secrecy leaves no trace in it; content doesn't open.
func TestTrafficUnderAWrit(t *testing.T) {
	c := newCourt(t)
	b := c.put("letters/a", 1000)
	c.pass(time.Hour)
	middle := c.now().UTC()
	c.pass(time.Hour)
	c.put("letters/b", 1000)

	a := c.traffic(false, time.Time{}, middle)
	ev := c.evidence(a, nil)
	before, err := c.g.JournalHead(c.customer)
	must(t, err)
	o, err := c.g.Begin(ctx, aCase, ev, nil)
	must(t, err)
	n := 0
	for e, err := range o.Journal(ctx) {
		must(t, err)
		if !e.Time.Before(middle) {
			t.Errorf("entry %d is of %s, after the writ's time", e.Seq, e.Time)
		}
		n++
	}
	if n == 0 {
		t.Error("the writ opened nothing of the journal")
	}
	after, err := c.g.JournalHead(c.customer)
	must(t, err)
	if before != after {
		t.Error("the customer's journal shows the reading, under secrecy")
	}
	if len(c.docket("journal")) == 0 {
		t.Error("the docket's journal doesn't show the reading")
	}
	if err := o.Read(ctx, 0, b.wrapped, nil); err == nil {
		t.Error("content opens under a writ for traffic data")
	}
	must(t, o.Close())
	for _, err := range o.Journal(ctx) {
		wants(t, "after its end", err, gate.ErrOver)
	}

	told := c.traffic(true, time.Time{}, time.Time{})
	o, err = c.g.Begin(ctx, aCase, c.evidence(told, nil), nil)
	must(t, err)
	defer o.Close()
	seen := false
	for e, err := range o.Journal(ctx) {
		must(t, err)
		seen = seen || e.Op == "journal" && e.Reason == writ.ReasonWrit
	}
	if !seen {
		t.Error("the customer, who is told, doesn't find the reading in its journal")
	}
}

// TestElsewhereIsNotHere: a writ for another system's data opens nothing here.
func TestElsewhereIsNotHere(t *testing.T) {
	c := newCourt(t)
	a := c.traffic(false, time.Time{}, time.Time{})
	a.Scope.Elsewhere = true
	o, err := c.g.Begin(ctx, aCase, c.evidence(a, nil), nil)
	must(t, err)
	defer o.Close()
	for _, err := range o.Journal(ctx) {
		wants(t, "a writ for another system", err, gate.ErrOutOfScope)
	}
}

// TestContentIsNotTraffic: a writ for content doesn't open the journal.
func TestContentIsNotTraffic(t *testing.T) {
	c := newCourt(t)
	list := items(c.put("letters/a", 1000))
	o, err := c.g.Begin(ctx, aCase, c.evidence(c.authorisation(), list), list)
	must(t, err)
	defer o.Close()
	for _, err := range o.Journal(ctx) {
		wants(t, "a writ for content", err, gate.ErrOutOfScope)
	}
}
