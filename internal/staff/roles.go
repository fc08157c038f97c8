package staff

import (
	"context"
	"errors"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// Sets of roles that acts take.
var (
	operators = []writ.Role{writ.RoleOperator}
	caseRoles = []writ.Role{writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction}
	allRoles  = append(slices.Clone(caseRoles), writ.RoleOperator, writ.RoleAuditor)
)

// Conflict says whether one person may not have both roles in one case. The
// roles operator and auditor have no part in a case.
func Conflict(a, b writ.Role) bool {
	return a != b && slices.Contains(caseRoles, a) && slices.Contains(caseRoles, b)
}

// Assignment is one role of one person over time. It is in force from the later
// of From and DecidedAt, if it was confirmed, to the earliest of Until, EndedAt
// and the day on which the person leaves.
type Assignment struct {
	ID         string
	Person     writ.Person
	Role       writ.Role
	For        writ.Person // whose deputy the person is; empty: in their own right
	From       time.Time
	Until      time.Time // zero: until it is ended
	ProposedBy string    // a person, or "socket" and the account
	ProposedAt time.Time
	DecidedBy  string // who confirmed or refused; empty while it waits
	DecidedAt  time.Time
	Refused    bool
	EndedBy    string
	EndedAt    time.Time // when it ends before Until; zero if it was not ended
}

func (a *assignmentRecord) assignment(p writ.Person) Assignment {
	return Assignment{
		ID: a.ID, Person: p, Role: a.Role, For: a.For, From: fromNano(a.From), Until: fromNano(a.Until),
		ProposedBy: a.ProposedBy, ProposedAt: fromNano(a.ProposedAt), DecidedBy: a.DecidedBy, DecidedAt: fromNano(a.DecidedAt),
		Refused: a.Refused, EndedBy: a.EndedBy, EndedAt: fromNano(a.EndedAt),
	}
}

// Held is a role that a person holds at some moment.
type Held struct {
	Role       writ.Role
	For        writ.Person // whose deputy; empty: in their own right
	Assignment string
	Until      time.Time // when it ends, as known now; zero if it has no end
}

// in says whether an assignment is in force, apart from whom it is for.
func (a *assignmentRecord) in(at int64, left int64) bool {
	return a.DecidedAt != 0 && !a.Refused && at >= max(a.From, a.DecidedAt) && (a.end(left) == 0 || at < a.end(left))
}

// end is when an assignment ends, 0 if never.
func (a *assignmentRecord) end(left int64) int64 {
	end := int64(0)
	for _, t := range [...]int64{a.Until, a.EndedAt, left} {
		if t != 0 && (end == 0 || t < end) {
			end = t
		}
	}
	return end
}

// ownRole says whether a person holds a role in their own right.
func (r *personRecord) ownRole(role writ.Role, at int64) bool {
	return r != nil && slices.ContainsFunc(r.Assignments, func(a assignmentRecord) bool {
		return a.Role == role && a.For == "" && a.in(at, r.Left)
	})
}

// held lists a person's roles. find returns another person, nil if unknown. A
// deputy's roles are there only while the other holds them in their own right, so
// that deputies have no deputies.
func (r *personRecord) held(at int64, find func(writ.Person) (*personRecord, error)) ([]Held, error) {
	var list []Held
	for _, a := range r.Assignments {
		if !a.in(at, r.Left) {
			continue
		}
		if a.For != "" {
			principal, err := find(a.For)
			if err != nil {
				return nil, err
			}
			if !principal.ownRole(a.Role, at) {
				continue
			}
		}
		list = append(list, Held{Role: a.Role, For: a.For, Assignment: a.ID, Until: fromNano(a.end(r.Left))})
	}
	return list, nil
}

func finder(ctx context.Context, r records.Reader) func(writ.Person) (*personRecord, error) {
	return func(id writ.Person) (*personRecord, error) {
		p, err := getPerson(ctx, r, id)
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		return p, err
	}
}

// Roles returns the roles that a person held at a time, or will hold then as
// things stand. The past is never changed: the same question about a past moment
// has the same answer for ever. Somebody who is not known holds none.
func (s *Staff) Roles(ctx context.Context, id writ.Person, at time.Time) ([]Held, error) {
	return rolesIn(ctx, s.store, id, at)
}

func rolesIn(ctx context.Context, r records.Reader, id writ.Person, at time.Time) ([]Held, error) {
	find := finder(ctx, r)
	p, err := find(id)
	if err != nil || p == nil {
		return nil, err
	}
	return p.held(nano(at), find)
}

// Holds says whether a person held a role at a time, in their own right or as
// whose deputy.
func (s *Staff) Holds(ctx context.Context, id writ.Person, role writ.Role, at time.Time) (bool, error) {
	held, err := s.Roles(ctx, id, at)
	return slices.ContainsFunc(held, func(h Held) bool { return h.Role == role }), err
}

// Holders returns who held a role at a time, in order of their names.
func (s *Staff) Holders(ctx context.Context, role writ.Role, at time.Time) ([]writ.Person, error) {
	all, err := allPersons(ctx, s.store)
	if err != nil {
		return nil, err
	}
	return all.holders(role, at)
}

func (all people) find(id writ.Person) (*personRecord, error) { return all.by[id], nil }

func (all people) holders(role writ.Role, at time.Time) ([]writ.Person, error) {
	var list []writ.Person
	for _, id := range all.order {
		held, err := all.by[id].held(nano(at), all.find)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(held, func(h Held) bool { return h.Role == role }) {
			list = append(list, id)
		}
	}
	return list, nil
}
