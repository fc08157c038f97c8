package docket

import (
	"fmt"
	"slices"
	"time"

	"writ"
)

// caseRoles are those of which one person holds at most one in a case.
var caseRoles = []writ.Role{writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction}

// who says which roles may do what; the docket itself, by a clock or because
// another room told it, may do what is marked so. It is the one table of
// powers.
var powers = map[Kind]struct {
	roles []writ.Role
	self  bool
}{
	Received:      {roles: []writ.Role{writ.RoleIntake, writ.RoleCounsel}, self: true}, // itself: an officer filed it, who is no person of the staff
	Imported:      {roles: []writ.Role{writ.RoleIntake, writ.RoleCounsel}},
	Amended:       {roles: []writ.Role{writ.RoleIntake, writ.RoleCounsel}},
	Attached:      {roles: []writ.Role{writ.RoleIntake, writ.RoleCounsel}, self: true}, // itself: its own records, and what an officer filed
	Authenticated: {roles: []writ.Role{writ.RoleIntake, writ.RoleCounsel}},
	Identified:    {roles: []writ.Role{writ.RoleCounsel}},
	Scoped:        {roles: []writ.Role{writ.RoleCounsel}},
	Preserved:     {roles: []writ.Role{writ.RoleIntake, writ.RoleCounsel}, self: true},
	Lifted:        {roles: []writ.Role{writ.RoleCounsel}, self: true},
	Answered:      {roles: []writ.Role{writ.RoleCounsel}},
	Reviewed:      {roles: []writ.Role{writ.RoleCounsel}},
	Proposed:      {roles: caseRoles},
	Seconded:      {roles: caseRoles},
	SecrecyBased:  {roles: []writ.Role{writ.RoleCounsel}, self: true},
	ClockMoved:    {roles: []writ.Role{writ.RoleIntake, writ.RoleCounsel}},
	Replied:       {roles: []writ.Role{writ.RoleCounsel}},
	Approved:      {roles: []writ.Role{writ.RoleCounsel}},
	Drafted:       {roles: []writ.Role{writ.RoleCounsel}},
	Signed:        {roles: []writ.Role{writ.RoleCustodian}},
	Refused:       {roles: []writ.Role{writ.RoleCustodian}},
	MintedWrit:    {self: true},
	Waived:        {roles: []writ.Role{writ.RoleCounsel}},
	Opened:        {roles: []writ.Role{writ.RoleProduction}},
	ExportAdded:   {roles: []writ.Role{writ.RoleCounsel}},
	Produced:      {roles: []writ.Role{writ.RoleProduction}},
	Delivered:     {roles: []writ.Role{writ.RoleProduction}},
	Fetched:       {self: true},
	Confirmed:     {roles: []writ.Role{writ.RoleProduction, writ.RoleIntake, writ.RoleCounsel}, self: true},
	NoticeQueued:  {roles: []writ.Role{writ.RoleCounsel}, self: true},
	NoticeDone:    {self: true},
	SecrecyLifted: {roles: []writ.Role{writ.RoleCounsel}, self: true},
	Revealed:      {self: true},
	// A customer is no person of the staff: who it was is in the event's body.
	CustomerObjected: {self: true},
	Considered:       {roles: []writ.Role{writ.RoleCounsel}},
	Paged:            {self: true},
	Closed:           {roles: []writ.Role{writ.RoleCounsel}},
	Erased:           {self: true},
}

// afterwards is what may still happen in a case that is closed.
var afterwards = []Kind{NoticeQueued, NoticeDone, SecrecyBased, SecrecyLifted, Revealed, Lifted, Fetched, Confirmed, ClockMoved, Erased, Paged, Attached, CustomerObjected, Considered}

// rehearsed is what a drill does not: what custodians would sign, and what would
// open, tell or produce.
var rehearsed = []Kind{Drafted, Signed, Refused, MintedWrit, Waived, Opened, ExportAdded, Produced, Delivered, Fetched, Confirmed, NoticeQueued, NoticeDone, Revealed, Preserved, CustomerObjected, Considered}

// allow checks who may do this, and whether the case is where it may be done.
func (c *Case) allow(e *Event) error {
	power, known := powers[e.Kind]
	switch {
	case !known:
		return fmt.Errorf("%w: event %d is of the unknown kind %q", ErrDamaged, e.Seq, e.Kind)
	case e.Seq != c.Events+1:
		return fmt.Errorf("%w: event %d comes after event %d", ErrDamaged, e.Seq, c.Events)
	case e.At.Before(c.Touched):
		return fmt.Errorf("%w: event %d is earlier than the one before", ErrDamaged, e.Seq)
	case (e.Kind == Received || e.Kind == Imported) != (c.Events == 0):
		return refuse(ErrState, "a case begins with its demand, once")
	}
	if e.By == "" {
		if !power.self || e.As != "" {
			return refuse(ErrRole, "%s takes a person", e.Kind)
		}
	} else if err := c.person(e, power.roles); err != nil {
		return err
	}
	switch {
	case c.Mark == Historic && e.Kind != Erased:
		return refuse(ErrHistoric, "the case was closed before it came here: it counts in reports and nothing else is done with it")
	case c.Mark == Drill && slices.Contains(rehearsed, e.Kind):
		return refuse(ErrState, "this is a drill: it opens nothing, tells nobody and produces nothing")
	case c.Closing != nil && !slices.Contains(afterwards, e.Kind):
		return refuse(ErrState, "the case is closed since %s", c.Closing.At.Format(time.RFC3339))
	}
	return nil
}

func (c *Case) person(e *Event, roles []writ.Role) error {
	if !slices.Contains(roles, e.As) {
		return refuse(ErrRole, "%s takes the role %s, not %s", e.Kind, oneOf(roles), e.As)
	}
	for _, p := range []writ.Person{e.By, e.For} {
		if before, ok := c.acted[p]; ok && p != "" && before != e.As && slices.Contains(caseRoles, e.As) {
			return refuse(ErrSeparation, "%s has acted as %s in this case, and cannot act as %s: let another person do it", p, before, e.As)
		}
	}
	return nil
}

// same says whether two who acted, each for itself or as a deputy, stand for
// one person.
func same(a, forA, b, forB writ.Person) bool {
	return a == b || forA != "" && (forA == b || forA == forB) || forB != "" && forB == a
}

func oneOf(roles []writ.Role) string {
	text := ""
	for i, r := range roles {
		switch {
		case i == 0:
		case i == len(roles)-1:
			text += " or "
		default:
			text += ", "
		}
		text += string(r)
	}
	return text
}
