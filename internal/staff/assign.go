package staff

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// ProposalLife is how long a proposal waits for its confirmation.
const ProposalLife = 7 * 24 * time.Hour

// MaxDeputy is the longest that a deputy is named for.
const MaxDeputy = 366 * 24 * time.Hour

// Proposal is a role that somebody should get.
type Proposal struct {
	Person writ.Person
	Role   writ.Role
	For    writ.Person // makes the person this one's deputy; Until must be set
	From   time.Time   // default and earliest: when it is confirmed
	Until  time.Time   // zero: until it is ended
}

func (p *Proposal) check(now time.Time) error {
	if !slices.Contains(allRoles, p.Role) {
		return fmt.Errorf("%w: %q is not a role (one of %q)", ErrForm, clip(string(p.Role), 20), allRoles)
	}
	if !p.Until.IsZero() && (!p.Until.After(now) || !p.Until.After(p.From)) {
		return fmt.Errorf("%w: the role would end before it begins", ErrForm)
	}
	if tooFar := now.AddDate(100, 0, 0); p.From.After(tooFar) || p.Until.After(tooFar) {
		return fmt.Errorf("%w: more than 100 years ahead", ErrForm)
	}
	if p.For == "" {
		return nil
	}
	switch begin := later(p.From, now); {
	case p.For == p.Person:
		return fmt.Errorf("%w: nobody is their own deputy", ErrForm)
	case p.Until.IsZero() || p.Until.Sub(begin) > MaxDeputy:
		return fmt.Errorf("%w: a deputy is named until a day within a year", ErrForm)
	case p.Role == writ.RoleOperator || p.Role == writ.RoleAuditor:
		return fmt.Errorf("%w: deputies act in cases: the role %s is given in its own right", ErrForm, p.Role)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Propose proposes a role for a person; a second operator must confirm it. It
// takes an operator; a deputy may also be proposed by the one who is to be
// represented. On the socket of a server without operators it is confirmed at
// once. It returns the assignment's id.
func (s *Staff) Propose(ctx context.Context, by Identity, p Proposal) (string, error) {
	if err := p.check(s.now()); err != nil {
		return "", err
	}
	id := rand.Text()[:12]
	a := &act{name: "role.propose", object: string(p.Person), why: p.words(), roles: operators, socket: true}
	if p.For != "" && p.For == by.Person {
		a.roles = []writ.Role{writ.RoleOperator, p.Role} // of the token at hand too
	}
	err := s.change(ctx, by, a, func(tx records.Tx, now time.Time, bootstrap bool) error {
		r, err := s.present(ctx, tx, p.Person, now)
		if err != nil {
			return err
		}
		if len(r.Assignments) >= maxAssignments {
			return fmt.Errorf("%w: %s has had %d assignments, and no more are kept", ErrForm, p.Person, maxAssignments)
		}
		if err := s.checkPrincipal(ctx, tx, p, now); err != nil {
			return err
		}
		rec := assignmentRecord{ID: id, Role: p.Role, For: p.For, From: nano(later(p.From, now)), Until: nano(p.Until), ProposedBy: by.name(), ProposedAt: nano(now)}
		if bootstrap {
			rec.DecidedBy, rec.DecidedAt = by.name(), nano(now)
		}
		r.Assignments = append(r.Assignments, rec)
		tx.Put(personKey(p.Person), encodeRecord(r))
		if bootstrap {
			return s.endBootstrap(ctx, tx, by, now)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// words say what is proposed, for the audit trail.
func (p *Proposal) words() string {
	text := string(p.Role)
	if p.For != "" {
		text += " for " + string(p.For)
	}
	if !p.From.IsZero() {
		text += " from " + p.From.UTC().Format(time.RFC3339)
	}
	if !p.Until.IsZero() {
		text += " until " + p.Until.UTC().Format(time.RFC3339)
	}
	return text
}

// checkPrincipal checks that whom a deputy is to act for has the role to give.
func (s *Staff) checkPrincipal(ctx context.Context, tx records.Reader, p Proposal, now time.Time) error {
	if p.For == "" {
		return nil
	}
	principal, err := s.present(ctx, tx, p.For, now)
	if err != nil {
		return err
	}
	if !principal.ownRole(p.Role, nano(later(p.From, now))) {
		return fmt.Errorf("%w: %s doesn't hold the role %s in their own right", ErrForm, p.For, p.Role)
	}
	return nil
}

// name is who it was, where it is kept beside what they did.
func (i Identity) name() string {
	if i.Person == "" {
		return i.By()
	}
	return string(i.Person)
}

// Confirm confirms a proposal. It takes an operator other than the one who
// proposed it. Errors: [ErrAlone]; [ErrState] if it was decided or has waited
// longer than [ProposalLife].
func (s *Staff) Confirm(ctx context.Context, by Identity, p writ.Person, assignment string) error {
	return s.decide(ctx, by, p, assignment, false)
}

// Decline refuses a proposal. It takes an operator, who may be the one who
// proposed it.
func (s *Staff) Decline(ctx context.Context, by Identity, p writ.Person, assignment string) error {
	return s.decide(ctx, by, p, assignment, true)
}

func (s *Staff) decide(ctx context.Context, by Identity, p writ.Person, assignment string, refuse bool) error {
	a := &act{name: "role.confirm", object: string(p), roles: operators, fresh: !refuse}
	if refuse {
		a.name = "role.decline"
	}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, _ bool) error {
		r, err := s.present(ctx, tx, p, now)
		if err != nil {
			return err
		}
		rec, err := r.assignment(p, assignment)
		if err != nil {
			return err
		}
		proposal := Proposal{Person: p, Role: rec.Role, For: rec.For, From: fromNano(rec.From), Until: fromNano(rec.Until)}
		a.why = proposal.words()
		switch {
		case rec.DecidedAt != 0 || rec.EndedAt != 0:
			return fmt.Errorf("%w: it was decided already", ErrState)
		case refuse:
		case now.Sub(fromNano(rec.ProposedAt)) > ProposalLife:
			return fmt.Errorf("%w: it was proposed more than seven days ago: propose it again", ErrState)
		case rec.ProposedBy == string(by.Person):
			return fmt.Errorf("%w: you proposed it: another operator confirms", ErrAlone)
		default:
			if err := proposal.check(now); err != nil {
				return err
			}
			if err := s.checkPrincipal(ctx, tx, proposal, now); err != nil {
				return err
			}
		}
		rec.DecidedBy, rec.DecidedAt, rec.Refused = by.name(), nano(now), refuse
		tx.Put(personKey(p), encodeRecord(r))
		return nil
	})
}

// assignment finds one of a person's assignments.
func (r *personRecord) assignment(p writ.Person, id string) (*assignmentRecord, error) {
	for i := range r.Assignments {
		if r.Assignments[i].ID == id {
			return &r.Assignments[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %s has no such assignment", ErrNotFound, p)
}

// End ends a role now, or at a time ahead. It takes an operator, or the person,
// or whom the person is deputy for. History stays. Errors: [ErrLastOperators].
func (s *Staff) End(ctx context.Context, by Identity, p writ.Person, assignment string, at time.Time) error {
	a := &act{name: "role.end", object: string(p), roles: operators, self: p}
	if rec, err := getPerson(ctx, s.store, p); err == nil {
		if r, err := rec.assignment(p, assignment); err == nil && r.For == by.Person && r.For != "" {
			a.self = r.For // a deputy's principal never changes
		}
	}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, _ bool) error {
		r, err := s.present(ctx, tx, p, now)
		if err != nil {
			return err
		}
		rec, err := r.assignment(p, assignment)
		if err != nil {
			return err
		}
		end := nano(later(at, now))
		if was := rec.end(r.Left); rec.Refused || was != 0 && was <= end {
			return fmt.Errorf("%w: it ends before that anyway", ErrState)
		}
		if rec.Role == writ.RoleOperator && rec.DecidedAt != 0 {
			if err := keepsOperators(ctx, tx, "", rec.ID, now); err != nil {
				return err
			}
		}
		a.why = string(rec.Role) + " at " + fromNano(end).Format(time.RFC3339)
		rec.EndedBy, rec.EndedAt = by.name(), end
		tx.Put(personKey(p), encodeRecord(r))
		return nil
	})
}

// Proposed returns the proposals that wait for their confirmation, the oldest
// first.
func (s *Staff) Proposed(ctx context.Context) ([]Assignment, error) {
	all, err := allPersons(ctx, s.store)
	if err != nil {
		return nil, err
	}
	now, list := s.now(), []Assignment(nil)
	for _, id := range all.order {
		p := all.by[id]
		for _, a := range p.Assignments {
			if a.DecidedAt == 0 && a.EndedAt == 0 && !p.gone(now) && now.Sub(fromNano(a.ProposedAt)) <= ProposalLife {
				list = append(list, a.assignment(id))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Assignment) int { return a.ProposedAt.Compare(b.ProposedAt) })
	return list, nil
}
