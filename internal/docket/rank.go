package docket

import (
	"cmp"

	"github.com/google/btree"

	"writ"
)

// Lane says what a case waits for, as a board shows it.
type Lane string

// The lanes. A case that is open is in at least one of the first six; the last two
// are of those that are closed, which may be in both.
const (
	LaneIntake     Lane = "intake"
	LaneCounsel    Lane = "counsel"
	LaneCustodian  Lane = "custodian"
	LaneProduction Lane = "production"
	LaneAuthority  Lane = "authority" // it has the package, or was asked and its clock stands
	LaneWitnesses  Lane = "witnesses" // the public log has not published what its opening waits for
	LaneSilent     Lane = "silent"    // closed, and the customer must not know of it
	LaneClosed     Lane = "closed"    // closed lately
)

// Lanes are all lanes, in the order of a case's way.
var Lanes = []Lane{LaneIntake, LaneCounsel, LaneCustodian, LaneProduction, LaneWitnesses, LaneAuthority, LaneSilent, LaneClosed}

// stands says whether an open case is in a lane: it is in that of each role that
// it waits for, for two may work at once. Whether it waits for the log is known
// only when somebody looks.
func (s *summary) stands(l Lane) bool {
	authority := s.Stage == "delivered" || s.Asked
	switch {
	case !s.open():
		return false
	case l == LaneAuthority:
		return authority
	case l == LaneCounsel && len(s.Waits) == 0 && !authority:
		return true // of no case nobody thinks
	case l == LaneProduction && s.Stage == "delivered":
		return false // it only waits for the authority's word
	case l == LaneWitnesses:
		return false
	}
	return has(s.Waits, writ.Role(l))
}

func (s *summary) open() bool { return s.Closed == 0 && s.Mark != Historic && s.Stage != stageErased }

// next is when a silence is to be looked at, or ends; those without a day come
// last.
func (s *summary) next() int64 {
	switch {
	case s.SilentTo != 0 && (s.Look == 0 || s.SilentTo < s.Look):
		return s.SilentTo
	case s.Look != 0:
		return s.Look
	}
	return 1<<63 - 1
}

func bySilence(a, b *summary) int {
	if c := cmp.Compare(a.next(), b.next()); c != 0 {
		return c
	}
	return byReceipt(a, b)
}

func byWake(a, b *summary) int {
	if c := cmp.Compare(a.Wake, b.Wake); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

func byClosing(a, b *summary) int {
	if c := cmp.Compare(b.Closed, a.Closed); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

// ranking keeps cases in an order, so that a page of a list costs what the page
// costs and not what the docket does.
type ranking struct {
	order func(a, b *summary) int
	takes func(*summary) bool
	tree  *btree.BTreeG[*summary]
}

func newRanking(order func(a, b *summary) int, takes func(*summary) bool) *ranking {
	return &ranking{order, takes, btree.NewG(32, func(a, b *summary) bool { return order(a, b) < 0 })}
}

// move takes a case from where it stood, if it did, to where it stands.
func (r *ranking) move(before, now *summary) {
	if before != nil && r.takes(before) {
		r.tree.Delete(before)
	}
	if now != nil && r.takes(now) {
		r.tree.ReplaceOrInsert(now)
	}
}

// walk gives the cases behind one, or all, until yield says no.
func (r *ranking) walk(after *summary, yield func(*summary) bool) {
	if after == nil {
		r.tree.Ascend(yield)
		return
	}
	r.tree.AscendGreaterOrEqual(after, func(s *summary) bool { return s.ID == after.ID || yield(s) })
}

// rankings are all orders in which the docket is read.
type rankings struct {
	due, received *ranking // all cases
	open          *ranking // by deadline
	silence       *ranking // of which the customer must not know
	wake          *ranking // in which the docket itself has something to do
	lanes         map[Lane]*ranking
	waits         map[string]waiting // open cases by the roles for which they wait
}

// waiting is how many cases wait for the same roles.
type waiting struct {
	roles []writ.Role
	n     int
}

func newRankings() rankings {
	any := func(*summary) bool { return true }
	r := rankings{
		due: newRanking(byDeadline, any), received: newRanking(byReceipt, any), open: newRanking(byDeadline, (*summary).open),
		silence: newRanking(bySilence, (*summary).silent),
		wake:    newRanking(byWake, func(s *summary) bool { return s.Wake != 0 }), lanes: map[Lane]*ranking{}, waits: map[string]waiting{},
	}
	for _, l := range Lanes {
		r.lanes[l] = newRanking(byDeadline, func(s *summary) bool { return s.stands(l) })
	}
	r.lanes[LaneSilent] = newRanking(bySilence, func(s *summary) bool { return s.Closed != 0 && s.silent() })
	r.lanes[LaneClosed] = newRanking(byClosing, func(s *summary) bool { return s.Closed != 0 && s.Mark != Historic })
	return r
}

func (r *rankings) move(before, now *summary) {
	for _, one := range []*ranking{r.due, r.received, r.open, r.silence, r.wake} {
		one.move(before, now)
	}
	for _, one := range r.lanes {
		one.move(before, now)
	}
	r.wait(before, -1)
	r.wait(now, 1)
}

func (r *rankings) wait(s *summary, n int) {
	if s == nil || !s.open() || len(s.Waits) == 0 {
		return
	}
	key := oneOf(s.Waits)
	w := r.waits[key]
	w.roles, w.n = s.Waits, w.n+n
	r.waits[key] = w
}
