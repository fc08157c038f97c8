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
	Grant    []use // newest openings by what the customer granted
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

// overview looks at the newest of everything: never at the whole journal.
func (p *pages) overview(v *page.Visit) error {
	own, d := p.Own(v), overviewPage{Days: outDays}
	var err error
	if d.Status, err = own.Status(v.Context()); err != nil {
		return err
	}
	d.Name = shown(d.Status.Name)
	since := v.Now().AddDate(0, 0, -outDays)
	for right, to := range map[writ.Reason]*[]use{writ.ReasonWrit: &d.Writ, writ.ReasonGrant: &d.Grant} {
		list, err := own.Journal(v.Context(), api.MyJournalQuery{Right: string(right), From: since, Limit: outMost})
		if isCode(err, "busy") || isCode(err, "shredded") {
			d.Busy = true
			continue
		}
		if err != nil {
			return err
		}
		for _, u := range usesOf(list.Entries) {
			if u.Sealed == nil && (!u.Damaged || right == writ.ReasonWrit) { // these come by every right
				*to = append(*to, u)
			}
		}
		d.More = d.More || list.Cut
	}
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
