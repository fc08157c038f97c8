package report

import (
	"cmp"
	"slices"
)

// The rule for small figures, stated in every report that follows it.
const smallRule = `Figures from 1 to 4 are not printed. A column whose total is so small is counted under "other outcomes" (content and non-content first become "disclosed"), a row under "other"; where these stay small they take in the next. ` +
	`Within the rows that are left "<5" stands for 1 to 4. So that sums don't give it back, other figures are hidden with it: "≥5" stands for 5 or more, "–" for any figure, zero too. ` +
	`Whatever is hidden could be another figure, and every sum that is printed would be the same.`

// smallest is the least figure, above zero, that is printed.
const smallest = 5

func isSmall(n int) bool { return n > 0 && n < smallest }

// A shown grid is a grid as it is printed: merged and, cell by cell, hidden.
type shown struct {
	id     string
	rule   Rounding
	axes   []axis
	lines  []shownLine // in order
	total  line
	few    bool   // all in all 1 to 4: nothing is printed but that
	closed []bool // per column: not printed by row at all
}

type shownLine struct {
	line
	hidden []bool // per column
}

// merging says how a grid's small rows and columns are put together. None of
// it depends on figures, so that what was merged doesn't tell how much it was.
type merging struct {
	parent                        func(key string) string // of a row; "" is the row of all others
	order                         func(a, b string) int   // of rows
	pair                          [2]string               // columns that become one, named pairTitle, before anything else
	pairID, pairTitle, otherTitle string                  // of merged columns
}

const (
	otherRow    = ""      // the key of the row of all others
	otherColumn = "other" // the id of the column of all others
)

// hide returns g as it may be printed.
func (g *grid) hide(m merging, rule Rounding) *shown {
	s := &shown{id: g.id, rule: rule, axes: slices.Clone(g.axes), total: g.total, closed: make([]bool, len(g.axes))}
	s.total.cell = slices.Clone(g.total.cell)
	for _, key := range g.keys() {
		l := *g.lines[key]
		l.cell = slices.Clone(l.cell)
		s.lines = append(s.lines, shownLine{line: l, hidden: make([]bool, len(l.cell))})
	}
	slices.SortFunc(s.lines, func(a, b shownLine) int { return m.order(a.key, b.key) })
	if rule == Exact {
		return s
	}
	if isSmall(s.total.sum) {
		s.few = true
		return s
	}
	s.mergeColumns(m)
	s.mergeRows(m)
	for i := s.cover(); i >= 0; i = s.cover() {
		if s.lines[i].key == otherRow {
			i = s.lastRow()
		}
		s.fold(i, otherRow, m)
	}
	return s
}

// mergeColumns puts columns with small totals together, until none is left.
func (s *shown) mergeColumns(m merging) {
	small := func(id string) bool { c := s.column(id); return c >= 0 && isSmall(s.total.cell[c]) }
	if small(m.pair[0]) || small(m.pair[1]) {
		s.joinColumns(m.pair[0], m.pair[1], m.pairID, m.pairTitle)
	}
	for {
		i := slices.IndexFunc(s.axes, func(a axis) bool { return !a.extra && a.id != otherColumn && small(a.id) })
		if i < 0 {
			if !small(otherColumn) {
				return
			}
			if i = s.nextColumn(m); i < 0 {
				return // one column is left: it is the sum itself
			}
		}
		id := s.axes[i].id
		if id == m.pair[0] || id == m.pair[1] {
			s.joinColumns(m.pair[0], m.pair[1], m.pairID, m.pairTitle)
			id = m.pairID
		}
		s.joinColumns(id, otherColumn, otherColumn, m.otherTitle)
	}
}

// nextColumn returns the last plain column that isn't the other one.
func (s *shown) nextColumn(m merging) int {
	for i, a := range slices.Backward(s.axes) {
		if !a.extra && a.id != otherColumn && a.id != m.pairID && a.id != m.pair[0] && a.id != m.pair[1] {
			return i
		}
	}
	return slices.IndexFunc(s.axes, func(a axis) bool { return !a.extra && a.id != otherColumn })
}

func (s *shown) column(id string) int {
	return slices.IndexFunc(s.axes, func(a axis) bool { return a.id == id })
}

// joinColumns makes one column of two, the second of which may not be there
// yet. It stands behind the plain columns.
func (s *shown) joinColumns(a, b, id, title string) {
	joined := axis{id: id, title: title}
	from, to := s.column(a), s.column(b)
	plain := 0
	for _, x := range s.axes {
		if !x.extra && x.id != a && x.id != b {
			plain++
		}
	}
	join := func(cells []int) []int {
		n := cells[from]
		if to >= 0 {
			n += cells[to]
		}
		var kept []int
		for c, v := range cells {
			if c != from && c != to {
				kept = append(kept, v)
			}
		}
		return slices.Insert(kept, plain, n)
	}
	for i := range s.lines {
		s.lines[i].cell = join(s.lines[i].cell)
		s.lines[i].hidden = make([]bool, len(s.lines[i].cell))
	}
	s.total.cell = join(s.total.cell)
	axes := slices.DeleteFunc(slices.Clone(s.axes), func(x axis) bool { return x.id == a || x.id == b })
	s.axes = slices.Insert(axes, plain, joined)
	s.closed = make([]bool, len(s.axes))
}

// mergeRows puts rows with small sums together: with their parent first, then
// with all others.
func (s *shown) mergeRows(m merging) {
	for i := 0; i < len(s.lines); {
		if l := s.lines[i]; isSmall(l.sum) && m.parent(l.key) != otherRow && m.parent(l.key) != l.key {
			s.fold(i, m.parent(l.key), m)
			i = 0
			continue
		}
		i++
	}
	// A parent that stayed small takes in its other children.
	for i := 0; i < len(s.lines); {
		l := s.lines[i]
		child := slices.IndexFunc(s.lines, func(x shownLine) bool { return x.key != l.key && m.parent(x.key) == l.key })
		if isSmall(l.sum) && l.key != otherRow && child >= 0 {
			s.fold(child, l.key, m)
			i = 0
			continue
		}
		i++
	}
	for {
		i := slices.IndexFunc(s.lines, func(l shownLine) bool { return l.key != otherRow && isSmall(l.sum) })
		if i < 0 {
			other := slices.IndexFunc(s.lines, func(l shownLine) bool { return l.key == otherRow })
			if other < 0 || !isSmall(s.lines[other].sum) || len(s.lines) == 1 {
				return
			}
			i = s.lastRow()
		}
		s.fold(i, otherRow, m)
	}
}

// lastRow returns the last row that isn't the one of all others.
func (s *shown) lastRow() int {
	for i, l := range slices.Backward(s.lines) {
		if l.key != otherRow {
			return i
		}
	}
	return 0
}

// fold adds row i to the row of key, which need not be there yet.
func (s *shown) fold(i int, key string, m merging) {
	from := s.lines[i]
	s.lines = slices.Delete(s.lines, i, i+1)
	to := slices.IndexFunc(s.lines, func(l shownLine) bool { return l.key == key })
	if to < 0 {
		from.key = key
		s.lines = append(s.lines, from)
		slices.SortFunc(s.lines, func(a, b shownLine) int {
			return cmp.Or(cmp.Compare(last(a), last(b)), m.order(a.key, b.key))
		})
		return
	}
	l := &s.lines[to]
	l.sum += from.sum
	l.seconds += from.seconds
	l.answered += from.answered
	for c := range l.cell {
		l.cell[c] += from.cell[c]
	}
}

// last puts the row of all others behind the others.
func last(l shownLine) int {
	if l.key == otherRow {
		return 1
	}
	return 0
}

// cover hides small cells, each within a set of hidden cells that could be
// other figures with all sums the same. It returns the row of a cell for which
// there is no such set, to be merged with another, or -1.
func (s *shown) cover() int {
	for i := range s.lines {
		clear(s.lines[i].hidden)
	}
	for c, a := range s.axes {
		s.closed[c] = a.extra && isSmall(s.total.cell[c])
	}
	if len(s.lines) <= 1 {
		return -1 // the one row is the total, of which nothing is small
	}
	for i := range s.lines {
		for c, a := range s.axes {
			switch {
			case s.closed[c] || !isSmall(s.lines[i].cell[c]):
			case a.extra:
				if !s.coverExtra(i, c) {
					s.closed[c] = true
				}
			case !s.coverPlain(i, c):
				return i
			}
		}
	}
	return -1
}

// movable tells whether a cell could be one more (step 1) or one less (step
// -1) and still be shown as it is.
func (s *shown) movable(i, c, step int) bool {
	n := s.lines[i].cell[c]
	switch {
	case n == 0 || s.closed[c]:
		return false
	case isSmall(n):
		return isSmall(n + step)
	case s.axes[c].demands && n+step > s.lines[i].sum:
		return false
	default:
		return n+step >= smallest
	}
}

// coverPlain hides the cell and three others, at the corners of a rectangle:
// one more here, one less there, and rows and columns add up as before. It
// takes the rectangle that hides the fewest cells that weren't hidden.
func (s *shown) coverPlain(i, c int) bool {
	best, bestK, bestD := 4, -1, -1
	for k := range s.lines {
		if best == 0 {
			break
		}
		for d, a := range s.axes {
			if k == i || d == c || a.extra {
				continue
			}
			for _, step := range [...]int{1, -1} {
				if !s.movable(i, c, step) || !s.movable(i, d, -step) || !s.movable(k, c, -step) || !s.movable(k, d, step) {
					continue
				}
				cost := 0
				for _, was := range [...]bool{s.lines[i].hidden[d], s.lines[k].hidden[c], s.lines[k].hidden[d]} {
					if !was {
						cost++
					}
				}
				if cost < best {
					best, bestK, bestD = cost, k, d
				}
			}
		}
	}
	if bestK < 0 {
		return false
	}
	for _, x := range [...][2]int{{i, c}, {i, bestD}, {bestK, c}, {bestK, bestD}} {
		s.lines[x[0]].hidden[x[1]] = true
	}
	return true
}

// coverExtra hides the cell and another of its column, which takes what it
// gives.
func (s *shown) coverExtra(i, c int) bool {
	best := -1
	for k := range s.lines {
		if k == i || !(s.movable(i, c, 1) && s.movable(k, c, -1) || s.movable(i, c, -1) && s.movable(k, c, 1)) {
			continue
		}
		if best < 0 || s.lines[k].hidden[c] && !s.lines[best].hidden[c] {
			best = k
		}
	}
	if best < 0 {
		return false
	}
	s.lines[i].hidden[c], s.lines[best].hidden[c] = true, true
	return true
}

// figure returns what is printed for a cell.
func (s *shown) figure(i, c int) figure {
	l := s.lines[i]
	switch {
	case s.closed[c]:
		return withheld
	case !l.hidden[c]:
		return number(l.cell[c])
	case isSmall(l.cell[c]):
		return few
	default:
		return some
	}
}

// totalFigure returns what is printed for a column's total.
func (s *shown) totalFigure(c int) figure {
	if s.closed[c] && isSmall(s.total.cell[c]) {
		return few
	}
	return number(s.total.cell[c])
}
