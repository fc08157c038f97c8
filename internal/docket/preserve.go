package docket

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/policy"
	"writ/internal/records"
)

// preservationName is the vault's name for what a case preserves.
func preservationName(id writ.CaseID, n int) string { return fmt.Sprintf("%s.%d", id, n) }

// caseOf is the case of a preservation's name.
func caseOf(name string) (writ.CaseID, bool) {
	id, _, ok := strings.Cut(name, ".")
	if !ok {
		return "", false
	}
	c, err := writ.ParseCaseID(id)
	return c, err == nil
}

// Preserve keeps what is in scope, unseen: the customer's deletes and
// overwrites succeed, and the sealed bytes stay. It is written down first, and
// repeated at the next start if it was interrupted. An earlier preservation of
// the case is replaced: what both cover is kept throughout.
func (d *Docket) Preserve(ctx context.Context, who Actor, id writ.CaseID, customer writ.CustomerID, s policy.Scope, until time.Time, why string) (*Case, error) {
	s.From, s.Until, until = utc(s.From), utc(s.Until), utc(until)
	if err := s.Check(); err != nil {
		return nil, err
	}
	if err := note("reason", why, true); err != nil {
		return nil, err
	}
	if !s.Opens() {
		return nil, refuse(ErrBounds, "only objects are preserved, and the scope names no bucket: what the store knows of a customer stays with the customer")
	}
	if !until.IsZero() && !until.After(d.now()) {
		return nil, refuse(ErrBounds, "a preservation ends in the future, or when it is lifted")
	}
	var set Preservation
	var before []Preservation
	c, err := d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		if err := within(s, &c.Demand); err != nil {
			return nil, err
		}
		if c.Subject != nil && c.Subject.Customer != customer {
			return nil, refuse(ErrBounds, "the case is about another customer's data")
		}
		set = Preservation{ID: preservationName(id, int(c.Events)+1), Customer: customer, Scope: s, Until: until, Why: why}
		before = slices.Clone(c.Preservations)
		return []draft{{kind: Preserved, body: set}}, nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.Vault.Preserve(ctx, set.ID, customer, s); err != nil {
		if _, undo := d.self(context.WithoutCancel(ctx), id, func(records.Tx, *Case) ([]draft, error) {
			return []draft{{kind: Lifted, body: lifting{set.ID, "it could not be set"}}}, nil
		}); undo != nil {
			d.Log.Error("a preservation that could not be set is still in a case", "error", undo.Error())
		}
		return nil, err
	}
	for _, old := range before {
		if c, err = d.unpreserve(ctx, nil, id, old.ID, "replaced by "+set.ID); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Extend gives a case's preservation another end.
func (d *Docket) Extend(ctx context.Context, who Actor, id writ.CaseID, until time.Time, why string) (*Case, error) {
	until = utc(until)
	if err := note("reason", why, true); err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		if len(c.Preservations) == 0 {
			return nil, refuse(ErrState, "nothing is preserved in this case")
		}
		p := c.Preservations[len(c.Preservations)-1]
		p.Until, p.Why = until, why
		return []draft{{kind: Preserved, body: p}}, nil
	})
}

// Unpreserve lifts a case's preservation: what only it kept is gone for good.
func (d *Docket) Unpreserve(ctx context.Context, who Actor, id writ.CaseID, why string) (*Case, error) {
	if err := note("reason", why, true); err != nil {
		return nil, err
	}
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(c.Preservations) == 0 {
		return nil, refuse(ErrState, "nothing is preserved in this case")
	}
	for _, p := range c.Preservations {
		if c, err = d.unpreserve(ctx, &who, id, p.ID, why); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// unpreserve writes down that a preservation ends, and ends it. Whatever
// interrupts it, the next start finds a preservation that no case has any
// more, and ends it.
func (d *Docket) unpreserve(ctx context.Context, who *Actor, id writ.CaseID, name, why string) (*Case, error) {
	c, err := d.write(ctx, who, id, func(records.Tx, *Case) ([]draft, error) {
		return []draft{{kind: Lifted, body: lifting{name, why}}}, nil
	})
	if err != nil {
		return nil, err
	}
	return c, d.Vault.Release(ctx, name)
}

// settlePreservations brings the vault to what the cases say: at the start,
// after whatever interrupted.
func (d *Docket) settlePreservations(ctx context.Context) error {
	kept, err := d.Vault.Preservations(ctx)
	if err != nil {
		return err
	}
	for _, name := range kept {
		id, ours := caseOf(name)
		if !ours {
			continue
		}
		c, err := readCase(ctx, d.Records, id)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(c.Preservations, func(p Preservation) bool { return p.ID == name }) {
			if err := d.Vault.Release(ctx, name); err != nil {
				return err
			}
		}
	}
	for _, s := range d.index.preserved() {
		c, err := readCase(ctx, d.Records, s)
		if err != nil {
			return err
		}
		for _, p := range c.Preservations {
			if _, err := d.Vault.Preserve(ctx, p.ID, p.Customer, p.Scope); err != nil {
				return err
			}
		}
	}
	return nil
}
