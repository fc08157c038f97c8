package report

import (
	"maps"
	"slices"
)

// axis is a column of a grid. The plain columns of a line add up to the line's
// sum; the extra ones behind them are measures of their own, which only add up
// downward.
type axis struct {
	id, title string
	extra     bool
	demands   bool // extra, and counts demands: at most the line's sum
}

// grid counts cases by rows and columns. Cells, sums of rows, totals of columns
// and the grand total are counted each by itself, so that check can compare.
type grid struct {
	id    string
	axes  []axis
	lines map[string]*line
	total line
}

// line is one row of a grid.
type line struct {
	key  string
	sum  int
	cell []int
	// For averages: seconds from receipt to answer, and of how many.
	seconds  int64
	answered int
}

func newGrid(id string, axes []axis) *grid {
	return &grid{id: id, axes: axes, lines: map[string]*line{}, total: line{cell: make([]int, len(axes))}}
}

// line returns the row of a key.
func (g *grid) line(key string) *line {
	l := g.lines[key]
	if l == nil {
		l = &line{key: key, cell: make([]int, len(g.axes))}
		g.lines[key] = l
	}
	return l
}

// count counts one case in a plain column.
func (g *grid) count(l *line, col int) {
	l.cell[col]++
	l.sum++
	g.total.cell[col]++
	g.total.sum++
}

// measure adds to an extra column.
func (g *grid) measure(l *line, col, n int) {
	l.cell[col] += n
	g.total.cell[col] += n
}

func (g *grid) keys() []string { return slices.Sorted(maps.Keys(g.lines)) }

// check compares rows with their sums and columns with their totals.
func (g *grid) check(r *Refusal) {
	down := line{cell: make([]int, len(g.axes))}
	for _, key := range g.keys() {
		l, across := g.lines[key], 0
		for c, n := range l.cell {
			down.cell[c] += n
			if !g.axes[c].extra {
				across += n
			} else if g.axes[c].demands && n > l.sum {
				r.blame("", "%s, %s: %d %s of %d", g.id, key, n, g.axes[c].title, l.sum)
			}
		}
		if across != l.sum {
			r.blame("", "%s, %s: its row adds up to %d, not to its sum of %d", g.id, key, across, l.sum)
		}
		down.sum += l.sum
	}
	if down.sum != g.total.sum {
		r.blame("", "%s: its rows add up to %d, not to the total of %d", g.id, down.sum, g.total.sum)
	}
	for c, n := range down.cell {
		if n != g.total.cell[c] {
			r.blame("", "%s, %s: the column adds up to %d, not to the total of %d", g.id, g.axes[c].title, n, g.total.cell[c])
		}
	}
}
