package docket

import (
	"context"
	"maps"
	"slices"

	"writ"
	"writ/internal/policy"
	"writ/internal/vault"
)

// What a person looks at is in the operator's audit trail before it is shown.

// Look returns a case to a person.
func (d *Docket) Look(ctx context.Context, who Actor, id writ.CaseID) (*Case, error) {
	if err := d.audited(ctx, who, "view-case", string(id)); err != nil {
		return nil, err
	}
	return d.Case(ctx, id)
}

// History returns the events of a case to a person.
func (d *Docket) History(ctx context.Context, who Actor, id writ.CaseID) ([]Event, error) {
	if err := d.audited(ctx, who, "view-case", string(id)); err != nil {
		return nil, err
	}
	return d.Events(ctx, id)
}

// Listed returns cases to a person who holds a role in cases.
func (d *Docket) Listed(who Actor, f Filter) (rows []Row, more bool, err error) {
	if err := who.sees(); err != nil {
		return nil, false, err
	}
	rows, more = d.List(f)
	return rows, more, nil
}

// Identifying says which customers a text may mean. Who asked is in the audit
// trail; the customer's journal has nothing.
func (d *Docket) Identifying(ctx context.Context, who Actor, text string) ([]vault.Identified, error) {
	if err := d.audited(ctx, who, "identify", ""); err != nil {
		return nil, err
	}
	return d.Vault.Identify(ctx, text)
}

// Locate counts what is in a scope, and looks at no content.
func (d *Docket) Locate(ctx context.Context, who Actor, customer string, s policy.Scope) (vault.Located, error) {
	c, err := d.Vault.Customer(ctx, customer)
	if err != nil {
		return vault.Located{}, err
	}
	if err := d.audited(ctx, who, "locate", string(c.ID)); err != nil {
		return vault.Located{}, err
	}
	if err := s.Check(); err != nil {
		return vault.Located{}, err
	}
	return d.Vault.Locate(ctx, c.ID, s, nil)
}

// Row is a case as lists show it.
func (d *Docket) Row(c *Case) Row {
	s := d.summarise(c)
	return s.row(micro(d.now()))
}

// Alike are the other cases that name the same target, or rest on the same
// document.
func (d *Docket) Alike(c *Case) (sameTarget, sameOrder []Row) {
	s := d.summarise(c)
	targets, orders := d.index.alike(&s)
	now := micro(d.now())
	rows := func(all []summary) (out []Row) {
		for _, s := range all {
			out = append(out, s.row(now))
		}
		slices.SortFunc(out, func(a, b Row) int { return b.Received.Compare(a.Received) })
		return first(out, 20)
	}
	return rows(targets), rows(orders)
}

// Current says whether a digest is that of what decisions rest on now.
func (c *Case) Current(digest []byte) bool { return slices.Equal(digest, c.decided()) }

// Signers are the custodians whose signatures are over the draft in force.
func (c *Case) Signers() []writ.Person { return c.signers() }

// SignedOffline tells whether one of them signed with a key that a set has as
// kept off line.
func (c *Case) SignedOffline(set policy.Set) bool {
	return c.Draft != nil && slices.ContainsFunc(set.Signed(c.envelope()), func(m policy.Member) bool { return m.Role == writ.RoleCustodian && m.Offline })
}

// Acted are the case roles in which persons have acted here.
func (c *Case) Acted() map[writ.Person]writ.Role { return maps.Clone(c.acted) }

// Secret says whether the customer must not learn of the case now.
func (c *Case) Secret() bool { return c.secret() }

// Sees lets a person who holds a role in cases look at something, and notes it.
func (d *Docket) Sees(ctx context.Context, who Actor, act, object string) error {
	return d.audited(ctx, who, act, object)
}

// Counts says whether a person may see reports.
func (d *Docket) Counts(who Actor) error {
	if has(who.Roles, writ.RoleAuditor) {
		return nil
	}
	return who.sees()
}

// MaySteer says whether a person may take a message back, or send it elsewhere:
// counsel may, and it is in the audit trail as action.
func (d *Docket) MaySteer(ctx context.Context, who Actor, action, id string) error {
	var err error
	if !has(who.Roles, writ.RoleCounsel) {
		err = refuse(ErrRole, "this takes the role counsel, which %s does not hold", who.Person)
	}
	if e := d.audit(ctx, who, action, id, err); err == nil {
		err = e
	}
	return err
}
