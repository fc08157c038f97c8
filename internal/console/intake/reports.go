package intake

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/report"
)

// maxReport bounds a report that is read for its page, in bytes.
const maxReport = 8 << 20

// paper is a report in its canonical form.
type paper struct {
	Layout      string   `json:"layout"`
	From        string   `json:"from"`
	To          string   `json:"to"`
	Preliminary bool     `json:"preliminary"`
	Corrects    string   `json:"corrects"`
	Rounding    string   `json:"rounding"`
	Notes       []string `json:"notes"`
	Sections    []struct {
		ID      string `json:"id"`
		Title   string `json:"title"`
		Columns []struct {
			ID    string `json:"id"`
			Title string `json:"title"`
		} `json:"columns"`
		Rows []struct {
			Cells []json.RawMessage `json:"cells"`
			Total bool              `json:"total"`
		} `json:"rows"`
		Notes []string `json:"notes"`
	} `json:"sections"`
}

// tableView is a table of a report.
type tableView struct {
	ID, Title string
	Columns   []columnView
	Rows      []lineView
	Notes     []string
	Chart     *page.Chart
	Hidden    bool // the chart lacks figures that are hidden
}

type columnView struct {
	Title   string
	Figures bool // numbers, or what stands for one that is hidden
}

type lineView struct {
	Cells []string
	Total bool
}

// span is a period that is offered.
type span struct{ Label, From, To string }

// reportsPage is a report, or why there is none.
type reportsPage struct {
	look
	In             api.ReportInput
	Structures     []string
	Layouts        []string
	Tables         []string
	Spans          []span
	Asked          bool
	Paper          *paper
	Views          []tableView
	Problem        *api.Problem
	Contradictions []api.Contradiction
	More           int
	Published      []api.PublishedReport
	Before         *api.PublishedReport // the first of this very period
	Hidden         map[string]any       // what publishing takes
	Files          map[string]string    // addresses by format
}

// Case says whether a contradiction blames a case that has a page here.
func (reportsPage) Case(ref string) bool {
	id, err := api.CaseOf(ref)
	return err == nil && string(id) == ref
}

// reportInput is which report an address or a form asks for.
func reportInput(get func(string) string) api.ReportInput {
	in := api.ReportInput{From: get("from"), To: get("to"), Layout: get("layout"), Table: get("table"), By: get("by"), Structure: get("structure"), Corrects: get("corrects")}
	if in.Layout != string(report.GitHub) {
		in.Table, in.By = "", ""
	} else if in.Table == "" {
		in.Table = report.ReceivedDisclosed
	}
	return in
}

// values are the same as a query.
func reportValues(in api.ReportInput) url.Values {
	v := url.Values{}
	for name, s := range map[string]string{"from": in.From, "to": in.To, "layout": in.Layout, "table": in.Table, "by": in.By, "structure": in.Structure, "corrects": in.Corrects} {
		if s != "" {
			v.Set(name, s)
		}
	}
	return v
}

// spansAt are this year and its halves, and the year before.
func spansAt(now time.Time) []span {
	y := now.UTC().Year()
	year := func(y int) span { return span{strconv.Itoa(y), fmt.Sprintf("%d-01-01", y), fmt.Sprintf("%d-12-31", y)} }
	return []span{
		year(y - 1), {fmt.Sprintf("%d-01 – %d-06", y, y), fmt.Sprintf("%d-01-01", y), fmt.Sprintf("%d-06-30", y)},
		{fmt.Sprintf("%d-07 – %d-12", y, y), fmt.Sprintf("%d-07-01", y), fmt.Sprintf("%d-12-31", y)}, year(y),
	}
}

func (r Rooms) reportsPage(v *page.Visit, in api.ReportInput) (*reportsPage, error) {
	p := &reportsPage{
		In: in, Structures: []string{"1", "2", "3", "4"}, Layouts: []string{string(report.Writ), string(report.GitHub)}, Spans: spansAt(v.Now()),
		Tables: []string{report.ReceivedDisclosed, report.Accounts, report.Notifications, report.CrossBorder, report.NationalTable},
	}
	var err error
	if p.Published, err = r.Desk.PublishedReports(v.Context()); err != nil {
		return nil, err
	}
	slices.Reverse(p.Published)
	if p.Asked = in.From != "" && in.To != ""; !p.Asked {
		return p, nil
	}
	for i, one := range p.Published {
		if one.From == in.From && one.To == in.To && one.First {
			p.Before = &p.Published[i]
		}
	}
	p.Hidden = map[string]any{}
	q := reportValues(in)
	for name := range q {
		p.Hidden[name] = q.Get(name)
	}
	p.Files = map[string]string{}
	for _, format := range []string{"html", "csv", "json"} {
		q.Set("format", format)
		p.Files[format] = "/docket/reports/file?" + q.Encode()
	}
	return p, r.make(v, p)
}

// make fills the page with the report, or with what doesn't add up.
func (r Rooms) make(v *page.Visit, p *reportsPage) error {
	in := p.In
	in.Format = "json"
	body, err := r.Desk.Report(v.Context(), in)
	if problem, known := refused(err); known {
		p.Problem = problem
		if problem.Code != "contradiction" {
			return nil
		}
		found, err := r.Desk.Reconcile(v.Context(), p.In)
		if err != nil {
			return err
		}
		p.Contradictions, p.More = found.Contradictions, found.More
		if len(p.Contradictions) > 200 {
			p.More += len(p.Contradictions) - 200
			p.Contradictions = p.Contradictions[:200]
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer body.Close()
	p.Paper = &paper{}
	if err := json.NewDecoder(io.LimitReader(body, maxReport)).Decode(p.Paper); err != nil {
		return fmt.Errorf("couldn't read the report: %w", err)
	}
	for i := range p.Paper.Sections {
		p.Views = append(p.Views, viewOf(v.Words(), p.Paper, i))
	}
	return nil
}

// figure is a cell: a number as the language writes it, or what the report shows
// instead of one.
func figure(w *page.Words, cell json.RawMessage) (text string, n int64, bare bool) {
	if json.Unmarshal(cell, &n) == nil {
		return w.Number(n), n, true
	}
	if json.Unmarshal(cell, &text) != nil {
		return string(cell), 0, false
	}
	return text, 0, false
}

// hiddenFigures are what a report shows instead of a figure.
var hiddenFigures = []string{"<5", "≥5", "–"}

// viewOf shows a section: its table, and a chart of its first column of figures.
// Years and other names that look like figures are of no column but the first.
func viewOf(w *page.Words, p *paper, i int) tableView {
	s := &p.Sections[i]
	t := tableView{ID: s.ID, Title: s.Title, Notes: s.Notes}
	for _, c := range s.Columns {
		t.Columns = append(t.Columns, columnView{Title: c.Title})
	}
	var rows []page.ChartRow
	column := -1
	for _, row := range s.Rows {
		line := lineView{Total: row.Total}
		for j, cell := range row.Cells {
			text, n, bare := figure(w, cell)
			if j == 0 && bare {
				text = strconv.FormatInt(n, 10) // a year has no thousands
			}
			line.Cells = append(line.Cells, look{}.Line(text))
			if j > 0 && j < len(t.Columns) && (bare || slices.Contains(hiddenFigures, text)) {
				t.Columns[j].Figures = true
				if column < 0 {
					column = j
				}
			}
		}
		t.Rows = append(t.Rows, line)
	}
	if column < 0 || p.Layout != string(report.Writ) {
		return t
	}
	most := int64(0)
	for k, row := range s.Rows {
		if row.Total || column >= len(row.Cells) {
			continue
		}
		_, n, bare := figure(w, row.Cells[column])
		if !bare || n > math.MaxInt32 {
			t.Hidden = true
			continue
		}
		most = max(most, n)
		rows = append(rows, page.ChartRow{Label: t.Rows[k].Cells[0], Values: []int64{n}})
	}
	if len(rows) > 1 && most > 0 {
		title := t.Columns[column].Title
		t.Chart = page.NewChart(w, t.Title+": "+title, t.Columns[0].Title, []string{title}, nil, rows)
	} else {
		t.Hidden = false
	}
	return t
}

// reports previews a report.
func (r Rooms) reports(v *page.Visit) error {
	p, err := r.reportsPage(v, reportInput(v.Query))
	if err != nil {
		return err
	}
	return v.Render("reports", p)
}

var reportMedia = map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json", "html": "text/html; charset=utf-8"}

// reportFile is the report as a file, as it would be published.
func (r Rooms) reportFile(v *page.Visit) error {
	in := reportInput(v.Query)
	in.Format = v.Query("format")
	media, known := reportMedia[in.Format]
	if !known {
		return bad("a report is a file as html, csv or json")
	}
	body, err := r.Desk.Report(v.Context(), in)
	if err != nil {
		return err
	}
	defer body.Close()
	h := v.W.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="report.`+in.Format+`"`)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "no-store")
	if _, err := io.Copy(v.W, body); err != nil {
		return fmt.Errorf("couldn't read the report: %w", err)
	}
	return nil
}

// publish puts the report's digest into the public log.
func (r Rooms) publish(v *page.Visit) error {
	read, err := r.read(v)
	if err != nil {
		return err
	}
	in := reportInput(func(name string) string { return read.text(name, 128) })
	if read.err != nil {
		return read.err
	}
	if _, err := r.Desk.PublishReport(v.Context(), in); err != nil {
		if _, known := refused(err); !known {
			return err
		}
		p, wrong := r.reportsPage(v, in)
		if wrong != nil {
			return wrong
		}
		return v.Again("reports", p, err)
	}
	return v.See("/docket/reports?"+reportValues(in).Encode(), "intake-published")
}

// importPage is an import, and what came of it.
type importPage struct {
	look
	Result *api.Imported
	Most   int64
}

func (r Rooms) importing(v *page.Visit) error {
	return v.Render("import", importPage{Most: page.UploadBody})
}

// importFile enters the demands of a file.
func (r Rooms) importFile(v *page.Visit) error {
	p := importPage{Most: page.UploadBody}
	chosen, err := v.Uploads("file")
	if err != nil {
		return err
	}
	if len(chosen) != 1 {
		return v.Again("import", p, bad("choose one file of demands"))
	}
	from, err := chosen[0].Open()
	if err != nil {
		return v.Again("import", p, bad("the file did not arrive whole: choose it again"))
	}
	defer from.Close()
	got, err := r.Desk.Import(v.Context(), from)
	if err != nil {
		return v.Again("import", p, err)
	}
	p.Result = &got
	return v.Render("import", p)
}
