package customer

import (
	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

const (
	outDays = 30 // days that the overview looks back for openings that stand out
	outMost = 5  // of each right, and of notices
)

// overviewPage is what /my shows.
type overviewPage struct {
	Status   api.MyStatus
	Name     string
	Writ     []use // newest openings under law
	Openings bool  // one of them at least can be read
	More     bool  // the journal goes on behind what was looked through
	Notices  []noticeView
	New      int          // notices that lie in the inbox unread
	Demands  []demandView // the newest
	Demanded int          // all
	Days     int
	Busy     bool // the journal is being read too often at once
	Told     int
	Objected int // objections to the newest demands
}

// overview looks at the newest of everything: never at the whole journal. What was
// opened by what the customer granted comes after it, as a part of the journal's
// page: it may be much, and each looking takes its time.
func (p *pages) overview(v *page.Visit) error {
	own, d := p.Own(v), overviewPage{Days: outDays}
	var err error
	if d.Status, err = own.Status(v.Context()); err != nil {
		return err
	}
	d.Name = shown(d.Status.Name)
	list, err := own.Journal(v.Context(), api.MyJournalQuery{Right: string(writ.ReasonWrit), From: v.Now().AddDate(0, 0, -outDays), Limit: outMost})
	switch {
	case isCode(err, "busy"), isCode(err, "shredded"):
		d.Busy = true
	case err != nil:
		return err
	}
	for _, u := range usesOf(list.Entries) {
		if u.Sealed == nil { // those come by every right
			d.Writ = append(d.Writ, u)
			d.Openings = d.Openings || !u.Damaged
		}
	}
	d.More = list.Cut
	all, err := p.told(v)
	if err != nil {
		return err
	}
	d.Told = len(all)
	for _, n := range all {
		if n.New {
			d.New++
		}
	}
	d.Notices = all[:min(outMost, len(all))]
	if d.Demands, err = p.allDemands(v); err != nil {
		return err
	}
	d.Demanded = len(d.Demands)
	d.Demands = d.Demands[:min(outMost, len(d.Demands))]
	for i, one := range d.Demands {
		m, err := own.Demand(v.Context(), writ.CaseID(one.Case))
		if err != nil {
			return err
		}
		d.Demands[i].Objections = demandOf(m).Objections
		d.Objected += len(m.Objections)
	}
	return v.Render("overview", d)
}
