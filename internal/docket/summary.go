package docket

import (
	"crypto/sha256"
	"slices"
	"strings"

	"writ"
	"writ/internal/law"
)

// summarise is what lists, reports and clocks read of a case.
func (d *Docket) summarise(c *Case) summary {
	m := c.Demand
	s := summary{
		ID: c.ID, Mark: c.Mark, Stage: c.Stage(), Reference: m.Reference, Instrument: m.Instrument, Issuer: m.Issuer.Name,
		Country: m.Issuer.Country, Authority: m.Issuer.Authority, Matter: m.Matter, Emergency: m.Emergency, Classes: m.Classes,
		Accounts: m.Accounts, Began: micro(c.Began), Received: micro(m.Received), Touched: micro(c.Touched), Events: c.Events,
		Preserved: len(c.Preservations) > 0, Subjects: strings.Join(m.Identifiers, " "),
		Narrowed: c.Scoping != nil && c.Scoping.Narrow, Lifted: micro(c.SecrecyLifted),
	}
	if c.Filed != nil {
		s.Filed = c.Filed.Authority
	}
	if c.Subject != nil {
		s.Customer = c.Subject.Customer
	}
	for _, id := range m.Identifiers {
		sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(id))))
		s.Targets = append(s.Targets, [8]byte(sum[:8]))
	}
	if o := c.order(); o != nil {
		s.Order = o.SHA256
	}
	if c.Secrecy != nil {
		s.Basis, s.SilentTo, s.Look, s.SilentFrom = c.Secrecy.Basis, micro(c.Secrecy.Until), micro(c.Secrecy.Review), micro(m.Received)
	}
	if n := len(c.Replies); n > 0 {
		s.Answer = c.Replies[n-1].Answer
	}
	if len(c.Deliveries) > 0 {
		s.Delivered = micro(c.Deliveries[0].At)
	}
	switch {
	case c.Waiver != nil || c.Production != nil:
	case c.Opening != nil:
		s.Awaits = c.Opening.Statement
	case c.Writ != nil:
		s.Awaits = c.Writ.Statement
	}
	if c.Closing != nil {
		s.Closed, s.Outcome, s.Affected = micro(c.Closing.At), c.Closing.Outcome, c.Closing.Affected
	}
	if h := c.Historic; h != nil {
		s.Closed, s.Outcome, s.Affected, s.Notice = micro(h.At), h.Outcome, h.Affected, h.Notice
	} else {
		s.Notice = c.told()
	}
	if strings.HasPrefix(string(m.Instrument), "eu.") {
		s.EU = c.european()
	}
	for person := range c.acted {
		s.Persons = append(s.Persons, person)
	}
	slices.Sort(s.Persons)
	if c.Mark != Historic {
		s.clocks(d.ClocksOf(c), c.Closing == nil && c.final() == nil && len(c.Deliveries) == 0)
		for _, n := range d.Needs(c) {
			if n.Role != "" && !has(s.Waits, n.Role) {
				s.Waits = append(s.Waits, n.Role)
			}
		}
	}
	s.wake(c)
	return s
}

// told is what became of telling the customer, in the report's words.
func (c *Case) told() string {
	for _, n := range c.Notices {
		if !n.Accepted.IsZero() {
			return "given"
		}
	}
	switch {
	case c.secret() && c.Secrecy != nil:
		return "gagged"
	case c.Demand.Emergency:
		return "exigent"
	}
	return "none"
}

// clocks notes the first deadline that runs, and all of them for reports; waits
// says whether the authority still waits for its answer.
func (s *summary) clocks(all []law.Clock, waits bool) {
	for _, c := range all {
		s.Asked = s.Asked || c.State == law.Paused
		if c.State == law.Running && !c.Holds && !c.Due.IsZero() && (s.Due == 0 || micro(c.Due) < s.Due) {
			s.Due, s.Half, s.Clock = micro(c.Due), micro(c.Half), c.ID
		}
		// What is late stays late, whatever else happens in the case, until it is
		// done; one that was done late has the time at which it was.
		if waits && c.State == law.Missed && c.At.Equal(c.Due) && (s.Over == 0 || micro(c.Due) < s.Over) {
			s.Over, s.Missed = micro(c.Due), c.ID
		}
		if c.State == law.Met || c.State == law.Missed || c.State == law.Running && !c.Holds {
			s.Deadlines = append(s.Deadlines, deadline{ID: c.ID, Due: micro(c.Due), Met: micro(c.At)})
		}
	}
}

// wake is when the docket itself has something to do: page somebody, end a
// preservation, lift a dated secrecy, remind of an open one.
func (s *summary) wake(c *Case) {
	sooner := func(us int64) {
		if us != 0 && (s.Wake == 0 || us < s.Wake) {
			s.Wake = us
		}
	}
	if c.Mark == Historic {
		return
	}
	if c.Closing == nil && c.final() == nil {
		sooner(s.nextPage(c))
	}
	for _, p := range c.Preservations {
		sooner(micro(p.Until))
	}
	if c.secret() && c.Secrecy != nil && c.Subject != nil {
		if c.Secrecy.Basis == writ.DatedOrder {
			sooner(micro(c.Secrecy.Until))
		}
		if !c.reminded() {
			sooner(micro(c.Secrecy.Review))
		}
	}
	if !c.SecrecyLifted.IsZero() && c.Opening != nil && !c.Revealed {
		sooner(micro(c.SecrecyLifted))
	}
}

// european is what the statistics of e-Evidence count of a case.
func (c *Case) european() *euFacts {
	eu := new(euFacts)
	for _, e := range c.Clocks {
		switch law.EventKind(e.Event) {
		case law.AuthorityNotified:
			eu.Notified = true
		case law.AuthorityRefused:
			eu.Refused = true
		}
	}
	for _, r := range c.Replies {
		for _, g := range r.Grounds {
			eu.Conflict = eu.Conflict || r.Answer == "objected" && strings.Contains(g, "17")
		}
	}
	return eu
}
