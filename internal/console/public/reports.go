package public

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/printable"
	"writ/internal/proof"
)

// reportsPerPage is how many published reports the list shows; each is read, for its
// figures.
const reportsPerPage = 24

// published is a report as the list shows it.
type published struct {
	entry
	Kept     bool   // its bytes are here
	Counted  bool   // whether it prints how many demands it has in all
	Received int64  // that many
	By       string // digest of the report that corrects it
}

// Digest is the report's.
func (p published) Digest() string { return p.Report.Digest }

// From and To are its days.
func (p published) From() time.Time { return day(p.Report.From) }

// To is its last day.
func (p published) To() time.Time { return day(p.Report.To) }

// day is noon of a day, which is that day where the operator is too.
func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}
	}
	return t.Add(12 * time.Hour)
}

// reportsPage is what /reports shows.
type reportsPage struct {
	Reports []published
	Chart   *page.Chart // of all periods that can be drawn; nil if there are fewer than two
	First   bool
	Next    uint64
	Read    uint64
}

func (p *pages) reports(v *page.Visit) error {
	read, size, err := p.caughtUp(v)
	if err != nil {
		return err
	}
	d := reportsPage{First: true}
	if read < size {
		d.Read = read
	}
	before := size
	if n, err := strconv.ParseUint(v.Query("before"), 10, 63); err == nil && n < size {
		before, d.First = n, false
	}
	places := p.Index.before(proof.KindReport, before, reportsPerPage+1)
	if len(places) > reportsPerPage {
		places = places[:reportsPerPage]
		d.Next = places[reportsPerPage-1]
	}
	all, err := p.read(v, places)
	if err != nil {
		return err
	}
	corrected := map[string]string{} // by the first report of its days: the newest that corrects it
	for _, e := range all {
		one := published{entry: e, By: corrected[e.Report.Digest]}
		if first := e.Report.Corrects; first != "" {
			one.By = corrected[first]
			if corrected[first] == "" {
				corrected[first] = e.Report.Digest
			}
		}
		doc, err := p.document(v, e.Report.Digest)
		switch {
		case err == nil:
			one.Kept = true
			one.Received, one.Counted = doc.received()
		case !errors.Is(err, docket.ErrNoReport):
			return err
		}
		d.Reports = append(d.Reports, one)
	}
	d.Chart = drawn(v, d.Reports)
	return v.Render("reports", d)
}

// drawn is a chart of the periods, the oldest first; corrected reports are none.
func drawn(v *page.Visit, reports []published) *page.Chart {
	var rows []page.ChartRow
	w := v.Words()
	for i := len(reports) - 1; i >= 0; i-- {
		r := reports[i]
		if !r.Counted || r.By != "" {
			continue
		}
		label := w.Say("public.period", "from", w.Date(r.From()), "to", w.Date(r.To()))
		rows = append(rows, page.ChartRow{Label: label, Values: []int64{r.Received}})
	}
	if len(rows) < 2 {
		return nil
	}
	return page.NewChart(w, w.Say("public.reports.chart"), w.Say("public.reports.days"),
		[]string{w.Say("public.reports.received")}, []string{""}, rows)
}

// document is a report's canonical form (docs/reports.md).
type document struct {
	Layout      string          `json:"layout"`
	Table       string          `json:"table"`
	Operator    string          `json:"operator"`
	From        string          `json:"from"`
	To          string          `json:"to"`
	Preliminary bool            `json:"preliminary"`
	Corrects    string          `json:"corrects"`
	Notes       []string        `json:"notes"`
	Sections    []reportSection `json:"sections"`
}

type reportSection struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Columns []struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	} `json:"columns"`
	Rows []struct {
		Cells []cell `json:"cells"`
		Total bool   `json:"total"`
	} `json:"rows"`
	Notes []string    `json:"notes"`
	Chart *page.Chart `json:"-"`
}

// cell is a figure, or text.
type cell struct {
	N    int64
	Bare bool // it is a number
	Text string
}

// UnmarshalJSON reads a number or a text.
func (c *cell) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &c.Text); err != nil {
			return err
		}
		c.Text = printable.Line(c.Text)
		return nil
	}
	c.Bare = true
	return json.Unmarshal(b, &c.N)
}

// document reads the report of a digest, as it was published.
func (p *pages) document(v *page.Visit, digest string) (d document, err error) {
	paper, err := p.paperOf(v, digest)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(paper.JSON, &d); err != nil {
		return d, fmt.Errorf("couldn't read a published report: %w", err)
	}
	return d, nil
}

func (p *pages) paperOf(v *page.Visit, digest string) (docket.Paper, error) {
	b, err := hex.DecodeString(digest)
	if err != nil || len(b) != 32 {
		return docket.Paper{}, docket.ErrNoReport
	}
	return p.Server.Paper(v.Context(), [32]byte(b))
}

// received is how many demands the report has in all, if it prints that.
func (d document) received() (n int64, printed bool) {
	for _, s := range d.Sections {
		if s.ID != "instruments" {
			continue
		}
		for _, r := range s.Rows {
			if !r.Total {
				continue
			}
			for i, c := range r.Cells {
				if i < len(s.Columns) && s.Columns[i].ID == "all" && c.Bare {
					return c.N, true
				}
			}
		}
	}
	return 0, false
}

// bars are a section's rows by their first column of numbers; nil if there is
// nothing to compare. What is hidden has no bar: its length would give it back.
func (s reportSection) bars(v *page.Visit) *page.Chart {
	at := -1
	for i, c := range s.Columns {
		if c.ID == "all" {
			at = i
		}
	}
	if at < 1 {
		return nil
	}
	var rows []page.ChartRow
	most := int64(0)
	for _, r := range s.Rows {
		if r.Total || len(r.Cells) <= at || !r.Cells[at].Bare {
			continue
		}
		rows = append(rows, page.ChartRow{Label: r.Cells[0].Text, Values: []int64{r.Cells[at].N}})
		most = max(most, r.Cells[at].N)
	}
	if len(rows) < 2 || most == 0 || most == math.MaxInt64 {
		return nil
	}
	return page.NewChart(v.Words(), s.Title+": "+s.Columns[at].Title, s.Columns[0].Title, []string{s.Columns[at].Title}, []string{""}, rows)
}

// reportPage is what /reports/{digest} shows.
type reportPage struct {
	published
	Document document
	URL      string
}

func (p *pages) report(v *page.Visit) error {
	e, err := p.stated(v)
	if err != nil {
		return err
	}
	d := reportPage{published: published{entry: e}, URL: address(v)}
	doc, err := p.document(v, e.Report.Digest)
	if err != nil && !errors.Is(err, docket.ErrNoReport) {
		return err
	}
	if d.Kept = err == nil; d.Kept {
		for i := range doc.Sections {
			doc.Sections[i].Chart = doc.Sections[i].bars(v)
		}
		d.Document = doc
	}
	return v.Render("report", d)
}

// stated is the statement of the report that the path names. What the log doesn't
// have was not published, whatever is kept of it.
func (p *pages) stated(v *page.Visit) (e entry, err error) {
	digest := v.Path("digest")
	_, size, err := p.caughtUp(v)
	if err != nil {
		return e, err
	}
	if len(digest) == 64 {
		for _, place := range p.Index.before(proof.KindReport, size, math.MaxInt) {
			leaf, err := p.Log.Leaf(v.Context(), place)
			if err != nil {
				return e, fmt.Errorf("couldn't read entry %d: %w", place, err)
			}
			if bytes.Contains(leaf, []byte(`"digest":"`+digest+`"`)) {
				return readEntry(place, leaf), nil
			}
		}
	}
	return e, missing("no report of this digest was published here", "/reports lists those that were")
}

// paper gives a report out, byte for byte as it was published.
func (p *pages) paper(v *page.Visit) error {
	e, err := p.stated(v)
	if err != nil {
		return err
	}
	kept, err := p.paperOf(v, e.Report.Digest)
	if errors.Is(err, docket.ErrNoReport) {
		return missing("the bytes of this report are not kept here", "it was published before they were; its digest is in the log")
	}
	if err != nil {
		return err
	}
	name := "transparency-" + day(e.Report.From).Format(time.DateOnly) + "-" + day(e.Report.To).Format(time.DateOnly)
	const forever = "public, max-age=31536000, immutable"
	switch v.Path("file") {
	case "report.json":
		give(v, kept.JSON, "application/json", name+".json", forever)
	case "report.csv":
		give(v, kept.CSV, "text/csv; charset=utf-8", name+".csv", forever)
	default:
		return missing("a report has the files report.json and report.csv", "")
	}
	return nil
}

// Figures says that a column has numbers, or what stands for one.
func (s reportSection) Figures(i int) bool {
	for _, r := range s.Rows {
		if i < len(r.Cells) && r.Cells[i].Bare {
			return true
		}
	}
	return false
}

// Column is what a column is called; "" behind the last.
func (s reportSection) Column(i int) string {
	if i >= len(s.Columns) {
		return ""
	}
	return s.Columns[i].Title
}
