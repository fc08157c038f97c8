package report

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"sync"
	"time"
)

//go:embed data/report.html
var reportHTML string

var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Parse(reportHTML))
})

// htmlPage is what data/report.html shows.
type htmlPage struct {
	Title, Operator, From, To, Corrects string
	Preliminary                         bool
	Notes                               []string
	Sections                            []htmlSection
}

type htmlSection struct {
	ID, Title string
	Columns   []htmlCell
	Rows      [][]htmlCell
	Notes     []string
	Chart     *chart
}

type htmlCell struct {
	Text   string
	Figure bool // set to the right
	Head   bool // the row's name
	Total  bool
}

// chart is a chart of bars, in units of the SVG.
type chart struct {
	ID, Title, Text string
	Width, Height   int
	Bars            []bar
}

type bar struct {
	Label, Value string
	Y, Middle    int
	Width        int
	After        int // where the value stands
}

const (
	barHeight  = 18
	barPitch   = 26
	labelWidth = 300
	barWidth   = 400 // of the longest
	valueWidth = 60
	maxBars    = 25
	maxLabel   = 44 // runes of a label in a chart; the table has all of it
)

// html writes one page that needs nothing else: no script, no font, no image.
func (r *Report) html(b *bytes.Buffer) {
	p := htmlPage{Title: "Transparency report", Operator: r.o.Operator, From: r.o.From.Format(time.DateOnly), To: r.o.To.Format(time.DateOnly), Preliminary: r.Preliminary(), Notes: r.notes}
	if first, ok := r.Correction(); ok {
		p.Corrects = hex.EncodeToString(first[:])
	}
	for i := range r.sections {
		p.Sections = append(p.Sections, r.sections[i].page())
	}
	if err := page().Execute(b, p); err != nil { // the data can't make it fail, and a buffer takes everything
		panic(fmt.Sprintf("couldn't write a report as HTML: %v", err))
	}
}

func (s *section) page() htmlSection {
	out := htmlSection{ID: s.ID, Title: s.Title, Notes: s.Notes}
	if len(s.Rows) == 0 {
		return out
	}
	for i, c := range s.Columns {
		out.Columns = append(out.Columns, htmlCell{Text: c.Title, Figure: !s.leftward(i)})
	}
	for _, r := range s.Rows {
		var cells []htmlCell
		for i, f := range r.Cells {
			cells = append(cells, htmlCell{Text: f.String(), Figure: !s.leftward(i), Head: i == 0, Total: r.Total})
		}
		out.Rows = append(out.Rows, cells)
	}
	out.Chart = s.bars()
	return out
}

// bars draws one column of a section; nil if there is nothing to draw. What is
// hidden has no bar: its length would give it back.
func (s *section) bars() *chart {
	if s.chart == 0 {
		return nil
	}
	longest, rows := 0, 0
	for _, r := range s.Rows {
		if !r.Total {
			longest = max(longest, r.Cells[s.chart].n)
			rows++
		}
	}
	if longest == 0 {
		return nil
	}
	what := s.Columns[s.chart].Title
	c := &chart{ID: "chart-" + s.ID, Title: s.Title + ": " + what, Text: "Bars, one a row of the table beside it."}
	if rows > maxBars {
		c.Text = fmt.Sprintf("Bars of the first %d rows of the table beside it, which has %d.", maxBars, rows)
	}
	for _, r := range s.Rows {
		if r.Total || len(c.Bars) == maxBars {
			continue
		}
		f, y := r.Cells[s.chart], len(c.Bars)*barPitch
		width := f.n * barWidth / longest
		c.Bars = append(c.Bars, bar{Label: short(r.Cells[0].String()), Value: f.String(), Y: y, Middle: y + barHeight - 4, Width: width, After: labelWidth + width + 6})
	}
	c.Width, c.Height = labelWidth+barWidth+valueWidth, len(c.Bars)*barPitch
	return c
}

func short(s string) string {
	if r := []rune(s); len(r) > maxLabel {
		return string(r[:maxLabel-1]) + "…"
	}
	return s
}
