package page

import "fmt"

// Chart is figures as bars, one for each row, and as a table. It is drawn on the
// server: a page needs no script and no style of its own for it.
type Chart struct {
	Title  string
	Of     string   // what rows are: "Day"
	Series []string // what the values of a row are
	Rows   []ChartRow

	Width, Height, Base int
	Bars                []Bar
}

// ChartRow is one bar: a value for each series.
type ChartRow struct {
	Label  string
	Values []int64
}

// Bar is a row as it is drawn, its values on top of each other.
type Bar struct{ Parts []Part }

// Part is a rectangle.
type Part struct {
	X, Y, W, H int
	Tone       string // class: good, warn, bad, calm
	Label      string
}

// MaxRows is how many bars a chart has at most.
const MaxRows = 400

// NewChart draws bars; tones has a class for each series. Negative values count
// as 0, and rows after the first [MaxRows] are left out.
func NewChart(w *Words, title, of string, series, tones []string, rows []ChartRow) *Chart {
	const height, step, gap = 120, 12, 2
	rows = rows[:min(len(rows), MaxRows)]
	c := &Chart{Title: title, Of: of, Series: series, Rows: rows, Width: max(1, len(rows)) * step, Height: height + 2, Base: height + 1}
	most := int64(1)
	for _, r := range rows {
		sum := int64(0)
		for _, v := range r.Values {
			sum += max(0, v)
		}
		most = max(most, sum)
	}
	for i, r := range rows {
		var b Bar
		top := height + 1
		for j, v := range r.Values {
			if v <= 0 {
				continue
			}
			h := max(2, int(float64(v)/float64(most)*float64(height-4))) // what is there is seen
			top -= h
			p := Part{X: i*step + gap/2, Y: max(0, top), W: step - gap, H: h, Label: fmt.Sprintf("%s: %s", r.Label, w.Number(v))}
			if j < len(tones) {
				p.Tone = tones[j]
			}
			if len(series) > 1 && j < len(series) {
				p.Label = fmt.Sprintf("%s, %s: %s", r.Label, series[j], w.Number(v))
			}
			b.Parts = append(b.Parts, p)
		}
		c.Bars = append(c.Bars, b)
	}
	return c
}
