package docket

import (
	"iter"
	"slices"

	"writ"
	"writ/internal/report"
)

// Cases are all cases as reports see them, in the order of their receipt.
// Drills are none.
func (d *Docket) Cases() iter.Seq[report.Case] {
	d.index.mu.RLock()
	all := make([]*summary, 0, len(d.index.cases))
	for _, s := range d.index.cases {
		if s.Mark != Drill {
			all = append(all, s)
		}
	}
	d.index.mu.RUnlock()
	slices.SortFunc(all, func(a, b *summary) int { return -byReceipt(a, b) })
	return func(yield func(report.Case) bool) {
		for _, s := range all {
			if !yield(s.counted()) {
				return
			}
		}
	}
}

// counted is a case as a report counts it.
func (s *summary) counted() report.Case {
	moment := func(us int64) report.Moment {
		if us == 0 {
			return 0
		}
		return report.At(from(us))
	}
	c := report.Case{
		Ref: string(s.ID), Country: s.Country, Instrument: s.Instrument, Matter: report.Matter(s.Matter), Asked: highest(s.Classes),
		Outcome: report.Open, Notice: report.Notice(s.Notice), Secrecy: s.Basis, Received: moment(s.Received), Answered: moment(s.Delivered),
		Closed: moment(s.Closed), Specified: s.Accounts, Affected: s.Affected, Emergency: s.Emergency, Narrowed: s.Narrowed, Historic: s.Mark == Historic,
	}
	if s.Mark == Historic {
		c.Ref = s.Reference
	}
	if s.Outcome != "" {
		c.Outcome = report.Outcome(s.Outcome)
	}
	if s.Basis == writ.AuthorityTells && c.Notice != report.Given {
		c.Notice = report.ByAuthority
	}
	if s.Basis != "" && s.Basis != writ.TellBefore && s.Basis != writ.TellAfter {
		c.SecrecyFrom, c.SecrecyUntil = moment(s.Received), moment(s.SilentTo)
		if s.Lifted != 0 {
			c.SecrecyUntil = moment(s.Lifted)
		}
	}
	for _, dl := range s.Deadlines {
		c.Clocks = append(c.Clocks, report.Clock{ID: dl.ID, Due: moment(dl.Due), Met: moment(dl.Met)})
	}
	if s.EU != nil {
		eu := report.EU(*s.EU)
		c.EU = &eu
	}
	return c
}

var protection = []writ.DataClass{writ.ClassSubscriber, writ.ClassIdentification, writ.ClassTraffic, writ.ClassContent}

// highest is the most protected of some classes.
func highest(classes []writ.DataClass) (out writ.DataClass) {
	best := -1
	for _, c := range classes {
		if i := slices.Index(protection, c); i > best {
			best, out = i, c
		}
	}
	return out
}
