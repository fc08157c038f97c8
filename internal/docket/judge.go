package docket

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/law"
	"writ/internal/records"
)

// Tell notes counsel's answers to the questions that law asks: yes, no or
// unknown.
func (d *Docket) Tell(ctx context.Context, who Actor, id writ.CaseID, facts map[string]string) (*Case, error) {
	if len(facts) == 0 || len(facts) > 200 {
		return nil, refuse(ErrBounds, "there are 1 to 200 answers at once")
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		asked := map[string]bool{}
		for _, q := range d.Law.Questions(c.Demand.Instrument) {
			asked[q.ID] = true
		}
		for q := range facts {
			if !asked[q] {
				return nil, refuse(ErrBounds, "law does not ask %q of %s; see the questions of the case", q, c.Demand.Instrument)
			}
		}
		return []draft{{kind: Answered, body: factsGiven{facts}}}, nil
	})
}

// lawful is a case as law sees it.
func (d *Docket) lawful(c *Case) (law.Demand, law.Facts) {
	m := c.Demand
	out := law.Demand{
		Instrument: m.Instrument, Issuer: law.Authority{Kind: m.Issuer.Kind, Country: m.Issuer.Country, Name: m.Issuer.Name},
		Provider: law.Provider{Country: d.Provider.Country, TimeZone: d.Provider.TimeZone},
		Received: m.Received, Signed: m.Signed, Matter: m.Matter, Classes: m.Classes, Emergency: m.Emergency,
		Identifiers: m.Accounts, From: m.From, Until: m.Until, Order: c.order() != nil,
		Secrecy: m.Secrecy, SecrecyUntil: m.SecrecyUntil, Harms: m.Harms, Deadline: m.Deadline,
	}
	if m.Validator != nil {
		out.Validator = law.Authority{Kind: m.Validator.Kind, Country: m.Validator.Country, Name: m.Validator.Name}
	}
	if c.Secrecy != nil {
		out.Secrecy, out.SecrecyUntil = c.Secrecy.Basis, c.Secrecy.Until
		if len(c.Secrecy.Harms) > 0 {
			out.Harms = c.Secrecy.Harms
		}
	}
	facts := law.Facts{}
	for k, v := range c.Facts {
		facts[k] = law.Answer(v)
	}
	return out, facts
}

// events are what moves a case's clocks, in the order in which it happened.
func (c *Case) events() []law.Event {
	all := []law.Event{{Kind: law.Received, At: c.Demand.Received}}
	for _, e := range c.Clocks {
		all = append(all, law.Event{Kind: law.EventKind(e.Event), At: e.Time})
	}
	for _, r := range c.Replies {
		switch {
		case r.Answer == "objected":
			all = append(all, law.Event{Kind: law.Objected, At: r.At})
		case r.Answer == "withdrawn":
			all = append(all, law.Event{Kind: law.Withdrawn, At: r.At})
		case r.Final:
			all = append(all, law.Event{Kind: law.Answered, At: r.At})
		}
	}
	if len(c.Deliveries) > 0 {
		all = append(all, law.Event{Kind: law.Produced, At: c.Deliveries[0].At})
	}
	slices.SortStableFunc(all, func(a, b law.Event) int { return a.At.Compare(b.At) })
	return all
}

// ClocksOf are a case's deadlines.
func (d *Docket) ClocksOf(c *Case) []law.Clock {
	demand, _ := d.lawful(c)
	return d.Law.Clocks(demand, c.events(), d.now())
}

// Questions are what law asks counsel of a case.
func (d *Docket) Questions(c *Case) []law.Question { return d.Law.Questions(c.Demand.Instrument) }

// Review holds the demand against law, as the case stands.
func (d *Docket) Review(ctx context.Context, who Actor, id writ.CaseID) (*Case, error) {
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		return []draft{{kind: Reviewed, body: d.review(c)}}, nil
	})
}

func (d *Docket) review(c *Case) Review {
	demand, facts := d.lawful(c)
	out := Review{Digest: c.decided(), Findings: []Finding{}}
	for _, f := range d.Law.Review(demand, facts) {
		out.Findings = append(out.Findings, Finding{
			Rule: f.Rule, Article: f.Article, Outcome: string(f.Outcome), Text: f.Why, Settle: f.Settle, Open: f.Open, Final: f.Final, Verified: string(f.Verified),
		})
	}
	out.Findings = append(out.Findings, d.house(c)...)
	for _, p := range d.Law.Packs() {
		if p.Enabled {
			out.Packs = append(out.Packs, p.Name+" "+p.Version+" "+p.SHA256)
		}
	}
	return out
}

// house are the findings that rest on what the docket itself has seen: how
// often this authority asks, and what looks like another demand.
func (d *Docket) house(c *Case) (out []Finding) {
	sum := d.summarise(c)
	add := func(rule, text, settle string) {
		out = append(out, Finding{Rule: rule, Article: "house rule", Outcome: string(law.Counsel), Text: text, Settle: settle, Verified: "true"})
	}
	if n := d.index.lately(sum.Authority, c.Demand.Received.Add(-24*time.Hour)); sum.Authority != "" && n > d.House.Velocity {
		add("house.velocity", fmt.Sprintf("%s has made %d demands within a day, more than %d", c.Demand.Issuer.Name, n, d.House.Velocity),
			"call the authority back; two persons determine that it is in order")
	}
	targets, orders := d.index.alike(&sum)
	var elsewhere []string
	for _, s := range targets {
		if s.Mark == "" && s.Issuer != c.Demand.Issuer.Name && s.Closed == 0 {
			elsewhere = append(elsewhere, string(s.ID))
		}
	}
	if len(elsewhere) > 0 {
		add("house.same-target", "other authorities ask for the same target in "+strings.Join(first(elsewhere, 5), ", "),
			"look whether one of the demands is forged, or whether the two should know of each other")
	}
	var reused []string
	for _, s := range orders {
		if s.Mark == "" {
			reused = append(reused, string(s.ID))
		}
	}
	if len(reused) > 0 {
		add("house.reused-order", "the same document was the order in "+strings.Join(first(reused, 5), ", "),
			"an order is for one case: make sure that it was not copied")
	}
	return out
}

func first[T any](all []T, n int) []T { return all[:min(n, len(all))] }

// Propose is the first half of a determination by two, one of them counsel:
// that findings are overcome, with the reason. It overcomes nothing of the
// gate's own.
func (d *Docket) Propose(ctx context.Context, who Actor, id writ.CaseID, rules []string, reason string) (*Case, error) {
	if err := note("reason", reason, true); err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		if c.Review == nil {
			return nil, refuse(ErrState, "the demand was not reviewed")
		}
		standing := c.Standing()
		for _, rule := range rules {
			i := slices.IndexFunc(standing, func(f Finding) bool { return f.Rule == rule })
			if i < 0 {
				return nil, refuse(ErrState, "no finding %s stands against it", rule)
			}
			if standing[i].Final {
				return nil, refuse(ErrLaw, "%s (%s): no determination passes this", standing[i].Text, standing[i].Article)
			}
		}
		if len(rules) == 0 {
			return nil, refuse(ErrBounds, "name the findings that are determined on")
		}
		return []draft{{kind: Proposed, body: Proposal{Rules: rules, Reason: reason, Digest: c.Review.Digest}}}, nil
	})
}

// Second is the other half. It is bound to the very proposal.
func (d *Docket) Second(ctx context.Context, who Actor, id writ.CaseID, proposal int, reason string) (*Case, error) {
	if err := note("reason", reason, false); err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(tx records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		b, err := tx.Get(ctx, eventKey(id, uint32(proposal)))
		if err != nil {
			return nil, refuse(ErrState, "there is no proposal %d", proposal)
		}
		hash := hashEvent(b)
		return []draft{{kind: Seconded, body: second{Proposal: proposal, Digest: hash[:], Reason: reason}}}, nil
	})
}

// MoveClock notes what starts, stops, extends or ends a clock.
func (d *Docket) MoveClock(ctx context.Context, who Actor, id writ.CaseID, e ClockEvent) (*Case, error) {
	e.Time = utc(e.Time)
	if err := note("note", e.Note, false); err != nil {
		return nil, err
	}
	switch law.EventKind(e.Event) {
	case law.ClarificationAsk, law.Clarified, law.ObjectionSettled, law.AuthorityNotified, law.AuthorityCleared, law.AuthorityRefused,
		law.Suspended, law.Resumed, law.Extended, law.OrderConfirmed, law.SecrecyChallenged, law.SecrecySettled, law.Released:
	default:
		return nil, refuse(ErrBounds, "%q moves no clock; see writ case clock --help", e.Event)
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		switch {
		case e.Time.Before(c.Demand.Received):
			return nil, refuse(ErrBounds, "that was before the demand was received")
		case e.Time.After(d.now().Add(time.Minute)):
			return nil, refuse(ErrBounds, "that lies in the future")
		}
		return []draft{{kind: ClockMoved, body: e}}, nil
	})
}

// Reply notes an answer to the authority other than data: with the letter or
// form that says it.
func (d *Docket) Reply(ctx context.Context, who Actor, id writ.CaseID, r Reply) (*Case, error) {
	if err := note("reason", r.Reason, true); err != nil {
		return nil, err
	}
	if err := lines("ground", r.Grounds, maxHarms); err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(tx records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		demand, _ := d.lawful(c)
		if answers := d.Law.Answers(demand); !slices.Contains(answers, r.Answer) {
			return nil, refuse(ErrLaw, "%s does not know the answer %q; it knows %s", c.Demand.Instrument, r.Answer, strings.Join(answers, ", "))
		}
		for _, doc := range r.Documents {
			if !slices.ContainsFunc(c.Documents, func(have Document) bool { return have.ID == doc }) {
				return nil, refuse(ErrNoDocument, "the case has no document %s", doc)
			}
		}
		drafts := []draft{{kind: Replied, body: r}}
		// Whoever is sent to the customer, the customer hears of it at once.
		if r.Answer == "referred" && c.Subject != nil && !c.secret() && c.Mark == "" {
			queued, err := d.notify(ctx, tx, c, noticeReferred, d.now(), proven{})
			if err != nil {
				return nil, err
			}
			drafts = append(drafts, queued)
		}
		return drafts, nil
	})
}
