package law

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"writ"
)

// Duty is when the provider has to tell the customer.
type Duty string

// The duties. Only the first two are the provider's to fulfil.
const (
	TellBefore Duty = "before" // before anything is produced
	TellAfter  Duty = "after"  // after production
	TellNobody Duty = "none"   // while the basis holds
)

// Terms are the terms of secrecy of one demand.
type Terms struct {
	Basis
	Default writ.Secrecy    `json:"default"`
	Now     writ.Secrecy    `json:"now"` // the demand's, or the default
	Duty    Duty            `json:"duty"`
	Allowed []SecrecyChange `json:"allowed"`
	// Review is when silence without an end is to be looked at again; zero
	// where it has an end, or isn't asked for.
	Review time.Time `json:"review,omitzero"`
}

// Secrecy says on which basis the demand's customer is told or not, and which
// bases counsel may change to. It reports false for an instrument of no pack.
func (l *Law) Secrecy(d Demand) (Terms, bool) {
	i := l.byID[d.Instrument]
	if i == nil {
		return Terms{}, false
	}
	t := Terms{Basis: i.Secrecy.Basis, Default: i.Secrecy.Default, Now: d.Secrecy, Allowed: slices.Clone(i.Secrecy.Allowed)}
	if t.Now == "" {
		t.Now = t.Default
	}
	t.Duty = dutyOf(t.Now)
	if t.Duty == TellNobody && d.SecrecyUntil.IsZero() && !d.Received.IsZero() {
		t.Review = period{Days: i.Secrecy.ReviewDays}.after(d.Received, zoneOf(d.Provider))
	}
	return t, true
}

func dutyOf(s writ.Secrecy) Duty {
	switch s {
	case writ.TellBefore:
		return TellBefore
	case writ.TellAfter:
		return TellAfter
	}
	return TellNobody
}

// secrecy is what Review finds of the basis that the demand has.
func (l *Law) secrecy(i *Instrument, d *Demand, facts Facts) (found []Finding) {
	if d.Secrecy == "" {
		return nil
	}
	rule := string(i.ID) + ".secrecy"
	if d.Secrecy == i.Secrecy.Default && !slices.ContainsFunc(i.Secrecy.Allowed, func(c SecrecyChange) bool { return c.Secrecy == d.Secrecy }) {
		return []Finding{i.Secrecy.Basis.finding(rule, Pass, fmt.Sprintf("The basis of secrecy is %s, as the pack sets it.", d.Secrecy))}
	}
	for _, c := range i.Secrecy.Allowed {
		if c.Secrecy == d.Secrecy {
			return []Finding{l.change(rule, c, d, facts)}
		}
	}
	f := i.Secrecy.Basis.finding(rule, Fail, fmt.Sprintf("This instrument knows no secrecy on the basis %s.", d.Secrecy))
	f.Settle = "choose " + strings.Join(append([]string{string(i.Secrecy.Default)}, basesOf(i.Secrecy.Allowed)...), ", ")
	return []Finding{f}
}

func basesOf(changes []SecrecyChange) (names []string) {
	for _, c := range changes {
		names = append(names, string(c.Secrecy))
	}
	return names
}

// change judges a basis against what it needs.
func (l *Law) change(rule string, c SecrecyChange, d *Demand, facts Facts) Finding {
	f := c.Basis.finding(rule, Pass, fmt.Sprintf("The basis of secrecy %s has what it needs.", c.Secrecy))
	fail := func(why, settle string) { f.Outcome, f.Why, f.Settle = Fail, why, settle }
	for _, need := range c.Needs {
		switch {
		case need == "end" && d.SecrecyUntil.IsZero():
			fail("An order of silence with a date has no date on record.", "enter the end that the order names, or choose another basis")
		case need == "end" && !d.SecrecyUntil.After(d.Received):
			fail("The silence ended before the demand came in.", "check the end that the order names")
		case need == "harm" && len(d.Harms) == 0:
			fail("The order of silence names none of the harms that the law asks for.", "enter the harms that the order names")
		}
	}
	for _, harm := range d.Harms {
		if !l.harm(harm) {
			fail(fmt.Sprintf("%q is none of the harms that the law knows.", harm), "enter the harm by the pack's id")
		}
	}
	if f.Outcome != Pass {
		return f
	}
	for _, id := range c.Facts {
		switch facts[id] {
		case Yes:
		case No:
			fail("Not so: "+l.questions[id].Ask, "choose another basis of secrecy")
			return f
		default:
			f.Open = append(f.Open, id)
		}
	}
	if len(f.Open) > 0 {
		f.Outcome, f.Why, f.Settle = Counsel, "What this basis of secrecy needs is not known.", l.answers(f.Open)
		return f
	}
	if c.MaxDays > 0 && !d.SecrecyUntil.IsZero() && d.SecrecyUntil.Sub(d.Received) > time.Duration(c.MaxDays)*24*time.Hour {
		f.Outcome = Counsel
		f.Why = fmt.Sprintf("The silence lasts longer than %d days from receipt.", c.MaxDays)
		f.Settle = "ask for the exceptional circumstances, or for a shorter order"
	}
	return f
}
