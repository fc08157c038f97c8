package report

import (
	"writ"
)

// examiner finds what can't be true of single cases.
type examiner struct {
	refs map[string]struct{}
	r    *Refusal
}

func (e *examiner) examine(c *Case, in *instrument) {
	blame := func(format string, args ...any) { e.r.blame(c.Ref, format, args...) }
	if c.Ref == "" {
		blame("a case has no ref, so that nobody can say which it is")
	} else if _, twice := e.refs[c.Ref]; twice {
		blame("counted twice: two cases have this ref")
	}
	e.refs[c.Ref] = struct{}{}

	if _, ok := countries()[c.Country]; !ok {
		blame("the authority's country is %q, not a code of ISO 3166-1", c.Country)
	}
	if c.Instrument == "" {
		blame("it has no instrument")
	}
	if c.Matter == Civil && (c.Instrument == "us.2703d" || c.Instrument == "us.warrant") {
		blame("a %s in a civil matter: there is no such thing", in.Name)
	}
	e.times(c, blame)
	e.outcome(c, in, blame)
}

func (e *examiner) times(c *Case, blame func(string, ...any)) {
	switch {
	case c.Received == 0 && c.Outcome.Disclosed():
		blame("disclosed, but never received: there would be more disclosed than received")
	case c.Received == 0:
		blame("it has an end, but was never received")
	case c.Closed != 0 && c.Closed < c.Received:
		blame("closed (%s) before it was received (%s)", c.Closed.day(), c.Received.day())
	case c.Answered != 0 && c.Answered < c.Received:
		blame("answered (%s) before it was received (%s)", c.Answered.day(), c.Received.day())
	}
	if c.SecrecyFrom != 0 && c.SecrecyUntil != 0 && c.SecrecyUntil < c.SecrecyFrom {
		blame("its secrecy ends (%s) before it begins (%s)", c.SecrecyUntil.day(), c.SecrecyFrom.day())
	}
	for _, k := range c.Clocks {
		if k.Due == 0 || k.ID == "" {
			blame("a clock without a name or without a time at which it is due")
		} else if k.Met != 0 && k.Met < c.Received {
			blame("the clock %q was met (%s) before the demand was received (%s)", k.ID, k.Met.day(), c.Received.day())
		}
	}
}

func (e *examiner) outcome(c *Case, in *instrument, blame func(string, ...any)) {
	switch c.Outcome {
	case Open:
		if c.Closed != 0 {
			blame("closed (%s) without an outcome", c.Closed.day())
		}
		if c.Historic {
			blame("imported as closed, but it has no outcome")
		}
	case Rejected, Withdrawn, Referred, Objected, Impossible, NoData, NonContent, Content:
	default:
		blame("%q is no outcome", c.Outcome)
	}
	switch {
	case c.Specified < 0 || c.Affected < 0 || c.Specified > maxAccounts || c.Affected > maxAccounts:
		blame("%d accounts specified and %d affected: not from 0 to %d", c.Specified, c.Affected, maxAccounts)
	case c.Affected > 0 && !c.Outcome.Disclosed():
		blame("%d accounts affected, but nothing was disclosed (%s)", c.Affected, c.Outcome)
	}
	preserves := c.Preservation || in.Reach == reachNothing
	switch {
	case c.Outcome.Disclosed() && preserves:
		blame("disclosed on a demand to preserve")
	case c.Outcome == Content && in.Reach == reachNonContent:
		blame("content disclosed on a %s, which can't reach content", in.Name)
	case c.Outcome == Content && c.Asked != "" && c.Asked != writ.ClassContent:
		blame("content disclosed, but only %s data were asked for", c.Asked)
	}
	switch c.Notice {
	case Given, Gagged, Exigent, NoNotice, ByAuthority, "":
	default:
		blame("%q is no notice", c.Notice)
	}
	if c.Outcome.Disclosed() && c.Notice == "" {
		blame("disclosed, but what its customer was told isn't recorded")
	}
}
