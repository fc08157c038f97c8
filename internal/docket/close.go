package docket

import (
	"context"

	"writ"
	"writ/internal/records"
)

// Close ends a case. Its outcome is what the authority got, as reports count
// it; what the customer is still owed stays owed.
func (d *Docket) Close(ctx context.Context, who Actor, id writ.CaseID, affected int, text string) (*Case, error) {
	if err := note("note", text, false); err != nil {
		return nil, err
	}
	c, err := d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		outcome, err := c.outcome()
		if err != nil {
			return nil, err
		}
		disclosed := outcome == "content" || outcome == "non-content"
		switch {
		case affected < 0 || affected > 1_000_000:
			return nil, refuse(ErrBounds, "%d is no number of accounts", affected)
		case disclosed && affected == 0:
			return nil, refuse(ErrBounds, "data were disclosed, so at least one account is affected: say how many")
		case !disclosed && affected > 0:
			return nil, refuse(ErrBounds, "nothing was disclosed, so no account is affected")
		case c.Secrecy != nil && c.Secrecy.Basis == writ.TellAfter && disclosed && len(c.Notices) == 0 && c.Mark == "":
			return nil, refuse(ErrState, "the customer is to be told after production, and was not")
		}
		return []draft{{kind: Closed, body: Closing{Outcome: outcome, Affected: affected, Note: text}}}, nil
	})
	if err != nil {
		return nil, err
	}
	// What was preserved for this case alone goes, unless its time was set.
	for _, p := range c.Preservations {
		if !p.Until.IsZero() {
			continue
		}
		if c, err = d.unpreserve(ctx, nil, id, p.ID, "the case was closed"); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// outcome is what the authority got, in the words of reports.
func (c *Case) outcome() (string, error) {
	if c.Production != nil {
		if len(c.Deliveries) == 0 {
			return "", refuse(ErrState, "the package was not delivered")
		}
		if has(c.Production.Classes, writ.ClassContent) && c.Production.Objects > 0 {
			return "content", nil
		}
		return "non-content", nil
	}
	if c.Mark == Drill {
		return "drill", nil
	}
	r := c.final()
	if r == nil {
		return "", refuse(ErrState, "the authority has neither data nor a final answer")
	}
	switch r.Answer {
	case "rejected", "withdrawn", "referred", "no-data", "objected", "impossible":
		return r.Answer, nil
	}
	return "", refuse(ErrState, "%s is no end of a case without data", r.Answer)
}
