package docket

import (
	"context"
	"slices"
	"time"

	"writ"
	"writ/internal/law"
	"writ/internal/records"
)

// SetSecrecy sets the one basis on which the customer is told. The
// instrument's pack has a default; counsel changes it to what the pack allows,
// with reasons.
func (d *Docket) SetSecrecy(ctx context.Context, who Actor, id writ.CaseID, s SecrecySet) (*Case, error) {
	s.Until, s.Review = utc(s.Until), utc(s.Review)
	if err := lines("harm", s.Harms, maxHarms); err != nil {
		return nil, err
	}
	if s.Window < 0 || s.Window > 90*24*time.Hour {
		return nil, refuse(ErrBounds, "a customer's time to object is up to 90 days")
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		set, err := d.secrecy(c, s)
		if err != nil {
			return nil, err
		}
		return []draft{{kind: SecrecyBased, body: set}}, nil
	})
}

// secrecy completes a basis by what law says, and refuses one that it does not
// know.
func (d *Docket) secrecy(c *Case, s SecrecySet) (SecrecySet, error) {
	demand, _ := d.lawful(c)
	demand.Secrecy, demand.SecrecyUntil, demand.Harms = "", time.Time{}, nil
	terms, ok := d.Law.Secrecy(demand)
	if !ok {
		return s, refuse(ErrLaw, "law does not know the instrument %s", c.Demand.Instrument)
	}
	if s.Basis == "" {
		s.Basis = terms.Default
	}
	if s.Basis != terms.Default {
		if err := changeable(terms, s, c); err != nil {
			return s, err
		}
	}
	if s.Reason == "" {
		s.Reason = "as the instrument has it: " + terms.Article
	}
	open := s.Until.IsZero() && s.Basis != writ.TellBefore && s.Basis != writ.TellAfter
	if open && s.Review.IsZero() {
		s.Review = d.now().Add(d.House.ReviewEvery)
	}
	if !open {
		s.Review = time.Time{}
	}
	return s, nil
}

// changeable says whether counsel may choose another basis than the pack's,
// and whether what that takes is there.
func changeable(t law.Terms, s SecrecySet, c *Case) error {
	i := slices.IndexFunc(t.Allowed, func(a law.SecrecyChange) bool { return a.Secrecy == s.Basis })
	if i < 0 {
		return refuse(ErrLaw, "%s does not know the basis %q; the default is %s", c.Demand.Instrument, s.Basis, t.Default)
	}
	change := t.Allowed[i]
	for _, need := range change.Needs {
		switch {
		case need == "reasons" || need == "condition":
			if err := note("reason", s.Reason, true); err != nil {
				return err
			}
		case need == "end" && s.Until.IsZero():
			return refuse(ErrLaw, "%s takes an end (%s)", s.Basis, change.Article)
		case need == "harm" && len(s.Harms) == 0:
			return refuse(ErrLaw, "%s takes a named harm (%s)", s.Basis, change.Article)
		}
	}
	for _, q := range change.Facts {
		if c.Facts[q] != "yes" {
			return refuse(ErrLaw, "%s takes the answer yes to %s (%s)", s.Basis, q, change.Article)
		}
	}
	return nil
}

// Lift ends secrecy: the customer is told, and gets what was committed to and
// when. It cannot be taken back.
func (d *Docket) Lift(ctx context.Context, who Actor, id writ.CaseID, why string) (*Case, error) {
	if err := note("reason", why, true); err != nil {
		return nil, err
	}
	return d.lift(ctx, &who, id, why)
}

func (d *Docket) lift(ctx context.Context, who *Actor, id writ.CaseID, why string) (*Case, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	file, all, err := d.proofs(ctx, c)
	if err != nil {
		return nil, err
	}
	return d.write(ctx, who, id, func(tx records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		if c.Subject == nil {
			return nil, refuse(ErrState, "nobody has said whose data it is, so there is nobody to tell")
		}
		drafts := []draft{{kind: SecrecyLifted, body: secrecyLifting{why}}}
		c.liftedWhy = why
		if c.Mark == "" {
			queued, err := d.notify(ctx, tx, c, noticeLate, d.now(), proven{file, all})
			if err != nil {
				return nil, err
			}
			drafts = append(drafts, queued)
		}
		return drafts, nil
	})
}
