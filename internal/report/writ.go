package report

import (
	"cmp"
	"strconv"
	"strings"

	"writ"
)

const unrecorded = "unrecorded"

// The columns of demands: what became of them, then what is measured besides.
var demandAxes = []axis{
	{id: "rejected", title: "rejected"},
	{id: "withdrawn", title: "withdrawn"},
	{id: "referred", title: "referred"},
	{id: "objected", title: "objected"},
	{id: "impossible", title: "impossible"},
	{id: "no-data", title: "no data"},
	{id: "non-content", title: "non-content"},
	{id: "content", title: "content"},
	{id: "open", title: "open"},
	{id: "narrowed", title: "narrowed", extra: true, demands: true},
	{id: "accounts-specified", title: "accounts specified", extra: true},
	{id: "accounts-affected", title: "accounts affected", extra: true},
}

var (
	outcomeColumn = columnsOf(demandAxes)
	noticeAxes    = []axis{
		{id: string(Given), title: "told"}, {id: string(Gagged), title: "silenced"}, {id: string(Exigent), title: "put off, lives in danger"},
		{id: string(ByAuthority), title: "the authority tells"}, {id: string(NoNotice), title: "not told"},
	}
	noticeColumn = columnsOf(noticeAxes)
	lengthAxes   = []axis{
		{id: "no-secrecy", title: "no secrecy"}, {id: "90", title: "up to 90 days"}, {id: "180", title: "up to 180 days"}, {id: "365", title: "up to a year"},
		{id: "longer", title: "longer"}, {id: "endless", title: "without end"}, {id: unrecorded, title: "not recorded"},
	}
	lengthColumn = columnsOf(lengthAxes)
	keptAxes     = []axis{{id: "refused", title: "refused"}, {id: "ended", title: "ended"}, {id: "open", title: "open"}}
	clockAxes    = []axis{{id: "kept", title: "kept"}, {id: "missed", title: "missed"}, {id: "running", title: "running"}}
	secrecyRows  = []axis{
		{id: string(writ.TellBefore), title: "the provider tells before"}, {id: string(writ.TellAfter), title: "the provider tells after"},
		{id: string(writ.AuthorityTells), title: "the authority tells"}, {id: string(writ.DatedOrder), title: "order with an end"},
		{id: string(writ.Conditional), title: "while a condition holds"}, {id: string(writ.Statutory), title: "statute, without end"},
		{id: unrecorded, title: "not recorded"},
	}
	secrecyRow = columnsOf(secrecyRows)
)

func columnsOf(axes []axis) map[string]int {
	out := make(map[string]int, len(axes))
	for i, a := range axes {
		out[a.id] = i
	}
	return out
}

// writTally counts cases for the layout "writ".
type writTally struct {
	o                                                   *Options
	instruments, countries, notices, secrecy, kept, due *grid
	// Orders of e-Evidence, counted by what Article 28 wants known.
	eu       eumeasures
	historic bool             // some of the cases were imported
	keys     map[rowID]string // rows of the instruments, as they are named
}

// rowID is what makes a row of the instruments.
type rowID struct {
	instrument writ.Instrument
	asked      writ.DataClass
	emergency  bool
}

type eumeasures struct{ notified, refused, conflict, remedy int }

func newWritTally(o *Options) *writTally {
	return &writTally{
		o:           o,
		instruments: newGrid("instruments", demandAxes),
		countries:   newGrid("countries", demandAxes),
		notices:     newGrid("notices", noticeAxes),
		secrecy:     newGrid("secrecy", lengthAxes),
		kept:        newGrid("preservations", keptAxes),
		due:         newGrid("clocks", clockAxes),
		keys:        map[rowID]string{},
	}
}

func (t *writTally) add(c *Case, in *instrument, _ *Refusal) {
	if c.Received == 0 {
		return // blamed already: what never came counts nowhere
	}
	t.historic = t.historic || c.Historic
	for _, k := range c.Clocks {
		t.due.count(t.due.line(k.ID), t.clock(k))
	}
	if c.EU != nil {
		t.eu.add(c.EU)
	}
	if c.Preservation || in.Reach == reachNothing {
		col := 1
		switch {
		case c.Outcome == Open:
			col = 2
		case c.Outcome == Rejected || c.Outcome == Objected || c.Outcome == Impossible:
			col = 0
		}
		t.kept.count(t.kept.line(string(c.Instrument)), col)
		return
	}
	col, ok := outcomeColumn[string(c.Outcome)]
	if !ok {
		return // blamed already
	}
	for i, g := range [...]*grid{t.instruments, t.countries} {
		l := g.line([...]string{t.rowKey(c, in), c.Country}[i])
		g.count(l, col)
		if c.Narrowed {
			g.measure(l, outcomeColumn["narrowed"], 1)
		}
		g.measure(l, outcomeColumn["accounts-specified"], c.Specified)
		g.measure(l, outcomeColumn["accounts-affected"], c.Affected)
		if answered := cmp.Or(c.Answered, c.Closed); c.Outcome.Disclosed() && answered != 0 {
			l.seconds += int64(answered - c.Received)
			l.answered++
		}
	}
	if !c.Outcome.Disclosed() {
		return
	}
	if col, ok := noticeColumn[string(c.Notice)]; ok {
		t.notices.count(t.notices.line("all"), col)
	}
	t.secrecy.count(t.secrecy.line(cmp.Or(string(c.Secrecy), unrecorded)), lengthColumn[length(c)])
}

func (m *eumeasures) add(eu *EU) {
	for _, x := range []struct {
		is bool
		n  *int
	}{{eu.Notified, &m.notified}, {eu.Refused, &m.refused}, {eu.Conflict, &m.conflict}, {eu.Remedy, &m.remedy}} {
		if x.is {
			*x.n++
		}
	}
}

// clock returns the column of a clock on the day the report is made.
func (t *writTally) clock(k Clock) int {
	switch {
	case k.Met != 0 && k.Met <= k.Due:
		return 0
	case k.Met != 0 || k.Due < At(t.o.Made):
		return 1
	default:
		return 2
	}
}

// rowKey returns a demand's row: the instrument; of e-Evidence with the class
// of data, as Article 28 wants it; and emergencies apart.
func (t *writTally) rowKey(c *Case, in *instrument) string {
	id := rowID{c.Instrument, c.Asked, c.Emergency && !in.Emergency}
	key, known := t.keys[id]
	if known {
		return key
	}
	key = string(id.instrument)
	if strings.HasPrefix(key, "eu.") && id.asked != "" {
		key += "|" + string(id.asked)
	}
	if id.emergency {
		key += "|emergency"
	}
	t.keys[id] = key
	return key
}

// rowInstrument returns the instrument of a row.
func rowInstrument(key string) string {
	id, _, _ := strings.Cut(key, "|")
	return id
}

func isEmergencyRow(key string) bool {
	return strings.HasSuffix(key, "|emergency") || instrumentOf(writ.Instrument(key)).Emergency
}

// length returns the column of how long a customer isn't told.
func length(c *Case) string {
	switch {
	case c.Secrecy == writ.TellBefore || c.Secrecy == writ.TellAfter:
		return "no-secrecy"
	case c.Secrecy == "" || c.SecrecyFrom == 0 && c.SecrecyUntil == 0 && c.Secrecy == writ.DatedOrder:
		return unrecorded
	case c.SecrecyUntil == 0:
		return "endless"
	}
	from := cmp.Or(c.SecrecyFrom, c.Received)
	for _, days := range []int{90, 180, 365} {
		if c.SecrecyUntil <= At(from.Time().AddDate(0, 0, days)) {
			return strconv.Itoa(days)
		}
	}
	return "longer"
}

// check compares the grids within themselves and with each other.
func (t *writTally) check(r *Refusal) {
	for _, g := range []*grid{t.instruments, t.countries, t.notices, t.secrecy, t.kept, t.due} {
		g.check(r)
	}
	in, by := t.instruments.total, t.countries.total
	if in.sum != by.sum {
		r.blame("", "%d demands by instrument, but %d by country", in.sum, by.sum)
	}
	for c, n := range in.cell {
		if n != by.cell[c] {
			r.blame("", "%s: %d by instrument, but %d by country", demandAxes[c].title, n, by.cell[c])
		}
	}
	disclosed := in.cell[outcomeColumn["non-content"]] + in.cell[outcomeColumn["content"]]
	for _, g := range []*grid{t.notices, t.secrecy} {
		if g.total.sum != disclosed {
			r.blame("", "%s of %d disclosures, but %d were made", g.id, g.total.sum, disclosed)
		}
	}
	if disclosed > in.sum {
		r.blame("", "%d disclosed of %d received", disclosed, in.sum)
	}
}
