package docket

import (
	"cmp"
	"strings"
	"time"

	"writ"
)

// Row is a case in a list.
type Row struct {
	Case       writ.CaseID
	Mark       Mark
	Stage      string
	Reference  string
	Instrument writ.Instrument
	Issuer     string
	Country    string
	Authority  writ.AuthorityID
	Emergency  bool
	Classes    []writ.DataClass
	Customer   writ.CustomerID
	Received   time.Time
	Touched    time.Time
	Clock      string
	Due        time.Time
	Late       bool
	Secrecy    writ.Secrecy
	SilentTo   time.Time
	Lifted     time.Time
	Look       time.Time // when an open secrecy is to be looked at again
	Outcome    string
	Waits      []writ.Role // for whom it waits
	Preserved  bool
	Events     uint32
}

// Filter chooses cases of a list. What is zero chooses all.
type Filter struct {
	Stage      string
	Open       bool // only cases that are not closed
	Late       bool
	Silent     bool   // only those of which the customer must not know
	Mark       string // "ordinary", "drill", "historic"
	Instrument writ.Instrument
	Country    string
	Authority  writ.AuthorityID
	Filed      writ.AuthorityID // whose officers filed them
	Customer   writ.CustomerID
	Waits      writ.Role
	Person     writ.Person // who has acted in it
	From, To   time.Time   // of receipt
	DueBy      time.Time   // whose first deadline is at or before
	Text       string      // in reference, issuer or identifiers; case does not matter
	Order      string      // "deadline" or "", "newest", "review": silent ones, by when that is looked at or ends
	Newest     bool        // the same as the order "newest"
	After      writ.CaseID // the last case of the page before
	Limit      int         // at most 1,000; 0 is 100
}

// List returns cases, by deadline (those without one last, newest first) or in
// another order, and whether more follow.
func (d *Docket) List(f Filter) (rows []Row, more bool) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	f.Limit = min(f.Limit, 1000)
	f.Text = strings.ToLower(f.Text)
	now := micro(d.now())
	x := d.index
	x.mu.RLock()
	defer x.mu.RUnlock()
	ranks, due := f.ranking(&x.ranks)
	ranks.walk(x.cases[f.After], func(s *summary) bool {
		switch {
		case due && f.over(s, now):
			return false // all others are due later
		case !f.takes(s, now):
			return true
		}
		more = len(rows) == f.Limit
		if !more {
			rows = append(rows, s.row(now))
		}
		return !more
	})
	return rows, more
}

// ranking chooses the shortest order that has all that the filter takes, and
// says whether it is by deadline.
func (f *Filter) ranking(r *rankings) (_ *ranking, due bool) {
	switch {
	case f.Order == "review":
		return r.silence, false
	case f.Newest || f.Order == "newest":
		return r.received, false
	case f.Open:
		return r.open, true
	}
	return r.due, true
}

// over says that a case, and each behind it by deadline, is due later than asked
// for.
func (f *Filter) over(s *summary, now int64) bool {
	due := s.due()
	return f.Late && (due == 0 || due > now) || !f.DueBy.IsZero() && (due == 0 || due > micro(f.DueBy))
}

func byDeadline(a, b *summary) int {
	x, y := a.due(), b.due()
	switch {
	case (x == 0) != (y == 0):
		if x == 0 {
			return 1
		}
		return -1
	case x != y:
		return cmp.Compare(x, y)
	}
	return byReceipt(a, b)
}

func byReceipt(a, b *summary) int {
	if a.Received != b.Received {
		return cmp.Compare(b.Received, a.Received)
	}
	return cmp.Compare(a.ID, b.ID)
}

func (f *Filter) takes(s *summary, now int64) bool {
	switch {
	case f.Stage != "" && s.Stage != f.Stage,
		f.Open && !s.open(),
		f.over(s, now),
		f.Silent && !s.silent(),
		f.Instrument != "" && s.Instrument != f.Instrument,
		f.Country != "" && s.Country != f.Country,
		f.Authority != "" && s.Authority != f.Authority,
		f.Filed != "" && s.Filed != f.Filed,
		f.Customer != "" && s.Customer != f.Customer,
		f.Waits != "" && !has(s.Waits, f.Waits),
		f.Person != "" && !has(s.Persons, f.Person),
		!f.From.IsZero() && s.Received < micro(f.From),
		!f.To.IsZero() && s.Received >= micro(f.To):
		return false
	case f.Mark == "ordinary" && s.Mark != "", f.Mark != "" && f.Mark != "ordinary" && string(s.Mark) != f.Mark:
		return false
	}
	return f.Text == "" || strings.Contains(s.find, f.Text)
}

// due is the first deadline of an open case that runs, or that is over and was
// not kept; 0 if there is none.
func (s *summary) due() int64 {
	if s.Over != 0 && s.open() && (s.Due == 0 || s.Over < s.Due) {
		return s.Over
	}
	return s.Due
}

func (s *summary) silent() bool {
	return s.Mark == "" && s.Lifted == 0 && s.Basis != writ.TellBefore && s.Basis != writ.TellAfter
}

func (s *summary) row(now int64) Row {
	due, clock := s.due(), s.Clock
	if due != s.Due {
		clock = s.Missed
	}
	return Row{
		Case: s.ID, Mark: s.Mark, Stage: s.Stage, Reference: s.Reference, Instrument: s.Instrument,
		Issuer: s.Issuer, Country: s.Country, Authority: s.Authority, Emergency: s.Emergency, Classes: s.Classes,
		Customer: s.Customer, Received: from(s.Received), Touched: from(s.Touched), Clock: clock, Due: from(due),
		Late: due != 0 && due <= now, Secrecy: s.Basis, SilentTo: from(s.SilentTo), Lifted: from(s.Lifted),
		Look: from(s.Look), Outcome: s.Outcome, Waits: s.Waits, Preserved: s.Preserved, Events: s.Events,
	}
}
