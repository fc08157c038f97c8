package docket

import (
	"context"
	"slices"
	"time"

	"writ"
	"writ/internal/policy"
	"writ/internal/records"
	"writ/internal/vault"
)

// Intake is a demand as it comes in, with the files that came with it.
type Intake struct {
	Demand    Demand
	Drill     bool
	Documents []DocumentInput
}

// Receive enters a demand: its case begins, and its clock with the receipt
// time of the channel. Files are kept with it or not at all.
func (d *Docket) Receive(ctx context.Context, who Actor, in Intake) (*Case, error) {
	in.Demand.utc()
	id := writ.NewCaseID(in.Demand.Received.UTC().Year())
	if err := d.receivable(who, &in); err != nil {
		d.refused(ctx, &who, id, err)
		return nil, err
	}
	drafts := []draft{{kind: Received, body: received{Demand: in.Demand, Mark: markOf(in.Drill), Via: who.Via}}}
	var kept []DocumentID
	for _, file := range in.Documents {
		doc, err := file.describe()
		if err == nil {
			err = d.keep(ctx, id, doc, file.Body)
		}
		if err != nil {
			d.dropAll(ctx, kept)
			return nil, err
		}
		kept = append(kept, doc.ID)
		drafts = append(drafts, draft{kind: Attached, body: doc})
	}
	c, err := d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if c.Events > 0 {
			return nil, refuse(ErrState, "a case of this id is there already: enter the demand again")
		}
		return drafts, nil
	})
	if err != nil {
		d.dropAll(ctx, kept)
	}
	return c, err
}

func (d *Docket) dropAll(ctx context.Context, ids []DocumentID) {
	for _, id := range ids {
		if err := d.drop(context.WithoutCancel(ctx), id); err != nil {
			d.Log.Warn("couldn't remove a document that belongs to no case", "error", err.Error())
		}
	}
}

func markOf(drill bool) Mark {
	if drill {
		return Drill
	}
	return ""
}

// maxFiles is how many files come with a demand at once.
const maxFiles = 32

func (d *Docket) receivable(who Actor, in *Intake) error {
	if _, err := who.as(&Case{}, Received); err != nil {
		return err
	}
	if err := in.Demand.check(d.now()); err != nil {
		return err
	}
	if len(in.Documents) > maxFiles {
		return refuse(ErrBounds, "%d files came with it, more than %d: attach the others later", len(in.Documents), maxFiles)
	}
	i, known := d.Law.Instrument(in.Demand.Instrument)
	switch {
	case !known:
		return refuse(ErrBounds, "no law pack knows the instrument %q", in.Demand.Instrument)
	case !i.Enabled && !in.Drill:
		return refuse(ErrBounds, "the instrument %s is shipped disabled: counsel enables it in a copy of the packs, after reading it (docket.packs)", in.Demand.Instrument)
	}
	return nil
}

// Amend corrects a demand: what was entered wrongly, or became clear later.
func (d *Docket) Amend(ctx context.Context, who Actor, id writ.CaseID, demand Demand, reason string) (*Case, error) {
	demand.utc()
	if err := demand.check(d.now()); err != nil {
		return nil, err
	}
	if err := note("reason", reason, true); err != nil {
		return nil, err
	}
	if _, known := d.Law.Instrument(demand.Instrument); !known {
		return nil, refuse(ErrBounds, "no law pack knows the instrument %q", demand.Instrument)
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		return []draft{{kind: Amended, body: amendment{Demand: demand, Reason: reason}}}, here(c)
	})
}

// authenticating are the means by which a demand is found genuine. Mail is
// none: it is where forged emergency requests come from.
var authenticating = []string{"national-system", "portal", "call-back", "certificate", "in-person", "signature"}

// Authenticate notes how it was made sure that a demand is the authority's. A
// call goes to the directory's contact, never to one that the demand names.
func (d *Docket) Authenticate(ctx context.Context, who Actor, id writ.CaseID, a Authentication) (*Case, error) {
	if !slices.Contains(authenticating, a.Means) {
		return nil, refuse(ErrBounds, "%q does not show that a demand is genuine; it is one of national-system, portal, call-back, certificate, in-person, signature", a.Means)
	}
	if err := note("account of what was done", a.Note, true); err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		switch {
		case a.Means == "national-system" && c.Demand.Channel != NationalSystem:
			return nil, refuse(ErrState, "the demand came by %s, not through a national system", c.Demand.Channel)
		case a.Means == "portal":
			if err := d.filedInPortal(ctx, c); err != nil {
				return nil, err
			}
		case a.Means == "call-back":
			contact, err := d.callBack(ctx, c.Demand.Issuer)
			if err != nil {
				return nil, err
			}
			a.Contact = contact
		}
		return []draft{{kind: Authenticated, body: a}}, nil
	})
}

// callBack is the directory's own contact of an authority.
func (d *Docket) callBack(ctx context.Context, i Issuer) (string, error) {
	if i.Authority == "" {
		return "", refuse(ErrState, "the authority is not in the directory: add it with a call-back contact from an independent source, and amend the demand")
	}
	a, err := d.Staff.Authority(ctx, i.Authority)
	if err != nil {
		return "", err
	}
	if a.Suspended {
		return "", refuse(ErrState, "%s is suspended in the directory: counsel must resume it first", a.Name)
	}
	for _, c := range a.CallBacks {
		if c.Verified() {
			return c.Phone + " " + c.Where, nil
		}
	}
	return "", refuse(ErrState, "the directory has no verified call-back contact of %s: find one from an independent source, not in the demand, and let a second person verify it", a.Name)
}

// Identify says whose data the demand is about.
func (d *Docket) Identify(ctx context.Context, who Actor, id writ.CaseID, s Subject) (*Case, error) {
	if err := note("account of how it was found", s.How, true); err != nil {
		return nil, err
	}
	if _, err := d.Vault.Customer(ctx, string(s.Customer)); err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		return []draft{{kind: Identified, body: s}}, here(c)
	})
}

// Scope says exactly which data are in scope. It counts what is there, and
// looks at no content.
func (d *Docket) Scope(ctx context.Context, who Actor, id writ.CaseID, s policy.Scope, narrow bool, reason string) (*Case, error) {
	s.From, s.Until = utc(s.From), utc(s.Until)
	if err := s.Check(); err != nil {
		return nil, err
	}
	if err := note("reason", reason, narrow); err != nil {
		return nil, err
	}
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.Subject == nil {
		return nil, refuse(ErrState, "say first whose data it is")
	}
	total, err := d.inScope(ctx, c, s)
	if err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		if err := within(s, &c.Demand); err != nil {
			return nil, err
		}
		return []draft{{kind: Scoped, body: Scoping{Scope: s, Objects: total.Versions, Bytes: total.Bytes, Reason: reason, Narrow: narrow}}}, nil
	})
}

// inScope counts what is in a scope. What is preserved counts, whether or not
// the customer still has it: it is what a writ opens.
func (d *Docket) inScope(ctx context.Context, c *Case, s policy.Scope) (total vault.Amount, err error) {
	if len(c.Preservations) == 0 || !s.Opens() {
		found, err := d.Vault.Locate(ctx, c.Subject.Customer, s, nil)
		return found.Total(), err
	}
	list, err := d.openable(ctx, c, s)
	for _, i := range list {
		total.Versions++
		total.Bytes += i.Size
	}
	return total, err
}

// within refuses a scope that is wider than what was asked for.
func within(s policy.Scope, d *Demand) error {
	for _, class := range s.Classes {
		if !d.has(class) {
			return refuse(ErrBounds, "the demand does not ask for %s data", class)
		}
	}
	switch {
	case !d.From.IsZero() && (s.From.IsZero() || s.From.Before(d.From)):
		return refuse(ErrBounds, "the demand asks for nothing before %s", d.From.Format(time.RFC3339))
	case !d.Until.IsZero() && (s.Until.IsZero() || s.Until.After(d.Until)):
		return refuse(ErrBounds, "the demand asks for nothing from %s on", d.Until.Format(time.RFC3339))
	}
	return nil
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Round(0)
}
