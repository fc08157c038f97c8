package cases

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
)

// How much a page shows.
const (
	laneCases = 6
	pageCases = 50
)

// docketPage is the board, or the table.
type docketPage struct {
	Board   api.Board
	View    string // board, table
	Table   api.CasePage
	Filter  filter
	Laws    []writ.Instrument
	Stages  []string
	Roles   []writ.Role
	Marks   []string
	Orders  []string
	First   string // address of the first page, if this is another
	Refused error
}

// filter is what a table shows, as its form has it.
type filter struct {
	State, Stage, Waits, Instrument, Country, Mark, Text, From, To, Order string
	Late, Silent, Mine, Today                                             bool
}

// Any says whether anything narrows the table.
func (f filter) Any() bool { return f != filter{State: f.State, Order: f.Order} || f.State != "open" }

// More says whether one of the rarer fields narrows the table.
func (f filter) More() bool {
	return f.Country+f.Mark+f.From+f.To != "" || f.Order != orders[0] || f.Late || f.Silent || f.Mine || f.Today
}

var (
	stages = []string{"received", "authenticated", "reviewed", "approved", "signing", "minted", "opening", "produced", "delivered", "confirmed", "answered", "closed"}
	marks  = []string{"ordinary", "drill", "historic"}
	orders = []string{"deadline", "newest", "review"}
)

// docket shows the board, or the same cases as a table.
func (h *room) docket(v *page.Visit) error {
	p := docketPage{View: "board", Stages: stages, Roles: byAny, Marks: marks, Orders: orders}
	table := v.Query("view") == "table"
	each := laneCases
	if table {
		p.View, each = "table", 1
	}
	var err error
	if p.Board, err = h.Desk.Board(v.Context(), api.BoardInput{Each: each}); err != nil {
		return err
	}
	for i := range p.Board.Lanes {
		page.Visible(&p.Board.Lanes[i].Cases)
	}
	if table {
		if p.Laws, err = h.instruments(v.Context()); err != nil {
			return err
		}
		if err := h.table(v, &p); err != nil {
			return err
		}
	}
	if part := v.Part(); part == "docket" || part == "table" {
		return v.Fragment("docket", part, p)
	}
	if p.Refused != nil {
		return v.Again("docket", p, p.Refused)
	}
	return v.Render("docket", p)
}

// table fills in the cases that a filter takes. A filter that the interface
// refuses leaves it empty, with the reason.
func (h *room) table(v *page.Visit, p *docketPage) error {
	f := filter{
		State: v.Query("state"), Stage: v.Query("stage"), Waits: v.Query("waits"), Instrument: v.Query("instrument"), Country: v.Query("country"),
		Mark: v.Query("mark"), Text: v.Query("text"), From: v.Query("from"), To: v.Query("to"), Order: v.Query("order"),
		Late: v.Query("late") == "yes", Silent: v.Query("silent") == "yes", Mine: v.Query("mine") == "yes", Today: v.Query("today") == "yes",
	}
	if f.State != "all" {
		f.State = "open"
	}
	if !slices.Contains(orders, f.Order) {
		f.Order = orders[0]
	}
	p.Filter = f
	in := api.ListInput{
		Open: f.State == "open", Stage: f.Stage, Waits: f.Waits, Instrument: f.Instrument, Country: f.Country, Mark: f.Mark, Text: f.Text,
		Order: f.Order, Late: f.Late, Silent: f.Silent, Mine: f.Mine, After: v.Query("after"), Limit: pageCases,
	}
	days := map[string]*time.Time{f.From: &in.From, f.To: &in.To}
	for day, at := range days {
		if t, err := time.ParseInLocation(time.DateOnly, day, h.zone()); err == nil {
			*at = t
		}
	}
	if !in.To.IsZero() {
		in.To = in.To.AddDate(0, 0, 1) // the day that is named belongs to it
	}
	if f.Today {
		y, m, d := v.Now().In(h.zone()).Date()
		in.DueBy = time.Date(y, m, d, 23, 59, 59, 0, h.zone())
	}
	var err error
	p.Table, err = h.Desk.Cases(v.Context(), in)
	if refused := problem(err); refused != nil && refused.Status < 500 {
		p.Refused = refused
		return nil
	}
	page.Visible(&p.Table.Cases)
	if in.After != "" {
		q := v.R.URL.Query()
		q.Del("after")
		q.Del("done")
		p.First = "/docket?" + q.Encode()
	}
	return err
}

// secrecyPage is the register of cases of which the customer must not know.
type secrecyPage struct {
	Table   api.CasePage
	Overdue map[writ.CaseID]bool
	First   string
}

// secrecy shows the register, by when each silence ends or is looked at again.
func (h *room) secrecy(v *page.Visit) error {
	var p secrecyPage
	var err error
	p.Table, err = h.Desk.Cases(v.Context(), api.ListInput{Order: "review", After: v.Query("after"), Limit: pageCases})
	if err != nil {
		return err
	}
	page.Visible(&p.Table.Cases)
	p.Overdue = map[writ.CaseID]bool{}
	for _, c := range p.Table.Cases {
		p.Overdue[c.Case] = !c.Look.IsZero() && !c.Look.After(v.Now())
	}
	if v.Query("after") != "" {
		p.First = "/docket/secrecy"
	}
	return v.Render("secrecy", p)
}

// drillPage is a page of rehearsals.
type drillPage struct {
	Drills []drill
	Next   writ.CaseID
	First  string
}

type drill struct {
	Row  api.CaseRow
	Went docket.Rehearsal
}

// drillCases is how many drills a page shows: each is read whole.
const drillCases = 15

// drills shows rehearsals and how they went, the newest first.
func (h *room) drills(v *page.Visit) error {
	list, err := h.Desk.Cases(v.Context(), api.ListInput{Mark: "drill", Order: "newest", After: v.Query("after"), Limit: drillCases})
	if err != nil {
		return err
	}
	p := drillPage{Next: list.Next}
	for _, c := range list.Cases {
		one := drill{Row: c}
		err := h.Desk.Do(v.Context(), "GET", "cases/"+url.PathEscape(string(c.Case))+"/drill", nil, &one.Went)
		var refused *api.Problem
		if err != nil && !(errors.As(err, &refused) && refused.Status < 500) { // one that was erased has no steps
			return err
		}
		page.Visible(&one)
		p.Drills = append(p.Drills, one)
	}
	if v.Query("after") != "" {
		p.First = "/docket/drills"
	}
	return v.Render("drills", p)
}

// Lane is where the table shows what a lane begins with.
func (p docketPage) Lane(l docket.Lane) string {
	q := url.Values{"view": {"table"}}
	switch l {
	case docket.LaneIntake, docket.LaneCounsel, docket.LaneCustodian, docket.LaneProduction:
		q.Set("waits", string(l))
	case docket.LaneAuthority:
		q.Set("stage", "delivered")
	case docket.LaneWitnesses:
		q.Set("stage", "minted")
	case docket.LaneSilent:
		return "/docket/secrecy"
	case docket.LaneClosed:
		q.Set("state", "all")
		q.Set("stage", "closed")
		q.Set("order", "newest")
	}
	return "/docket?" + q.Encode()
}

// Live is where a browser hears of changes after those that the page shows.
func (p docketPage) Live() string {
	return "/docket/live?after=" + strconv.FormatUint(p.Board.Revision, 10)
}
