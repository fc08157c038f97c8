package report

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"writ"
)

// A reader is somebody who wants the hidden figures, and has what is printed:
// every sum of it, and what "<5" and "≥5" mean.
type reader struct {
	sums, totals []int
	low, high    [][]int // what each cell can be by itself
}

// read takes a printed table apart: its columns from first on.
func read(t failer, s section, cols []int, sumColumn int) reader {
	t.Helper()
	var r reader
	for _, row := range s.Rows {
		var low, high []int
		for _, c := range cols {
			f := row.Cells[c]
			l, h := f.n, f.n
			switch f {
			case few:
				l, h = 1, smallest-1
			case some:
				l, h = smallest, math.MaxInt32
			case withheld:
				l, h = 0, math.MaxInt32
			}
			low, high = append(low, l), append(high, h)
		}
		if row.Total {
			r.totals = low
			continue
		}
		r.low, r.high = append(r.low, low), append(r.high, high)
		if sumColumn > 0 {
			r.sums = append(r.sums, row.Cells[sumColumn].n)
		}
	}
	return r
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// possible tells whether cell (i, c) could be v with everything else as
// printed. Rows and columns with bounds are a flow: it exists exactly if the
// largest one fills every row and every column.
func (r reader) possible(i, c, v int) bool {
	if v < r.low[i][c] || v > r.high[i][c] {
		return false
	}
	rows, cols := len(r.low), len(r.totals)
	left, right := slices.Clone(r.sums), slices.Clone(r.totals)
	room, flow := make([][]int, rows), make([][]int, rows)
	for a := range rows {
		room[a], flow[a] = make([]int, cols), make([]int, cols)
		for b := range cols {
			low, high := r.low[a][b], r.high[a][b]
			if a == i && b == c {
				low, high = v, v
			}
			left[a], right[b], room[a][b] = left[a]-low, right[b]-low, high-low
		}
	}
	if slices.Min(left) < 0 || slices.Min(right) < 0 {
		return false
	}
	for a := range rows {
		for left[a] > 0 {
			if !push(a, left, right, room, flow) {
				return false
			}
		}
	}
	return slices.Max(right) == 0
}

// push moves one unit from row a to a column that lacks one.
func push(a int, left, right []int, room, flow [][]int) bool {
	type node struct {
		col  bool
		at   int
		from *node
	}
	seenRow, seenCol := map[int]bool{a: true}, map[int]bool{}
	queue := []*node{{at: a}}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if n.col && right[n.at] > 0 {
			right[n.at]--
			left[a]--
			for ; n.from != nil; n = n.from {
				if n.col {
					room[n.from.at][n.at]--
					flow[n.from.at][n.at]++
				} else {
					room[n.at][n.from.at]++
					flow[n.at][n.from.at]--
				}
			}
			return true
		}
		if n.col {
			for b := range room {
				if !seenRow[b] && flow[b][n.at] > 0 {
					seenRow[b] = true
					queue = append(queue, &node{false, b, n})
				}
			}
			continue
		}
		for c := range right {
			if !seenCol[c] && room[n.at][c] > 0 {
				seenCol[c] = true
				queue = append(queue, &node{true, c, n})
			}
		}
	}
	return false
}

// secret checks that every figure hidden in a printed table could be another
// one, and that nothing from 1 to 4 is printed. What a cell can be is without
// gaps (the flows of a network), so that one more and one less are enough.
func secret(t failer, s section, s2 *shown) {
	t.Helper()
	if len(s.Rows) == 0 {
		return
	}
	for _, row := range s.Rows {
		for _, f := range row.Cells[1:] {
			if f.bare() && isSmall(f.n) {
				t.Fatalf("%s prints %d: %v", s.ID, f.n, s.Rows)
			}
		}
	}
	var plain []int
	for c, a := range s2.axes {
		if !a.extra {
			plain = append(plain, c+2)
		}
	}
	check := func(r reader, i, c, truth int) {
		if f := s.Rows[i].Cells[plain[c]]; f.bare() {
			return
		}
		if !r.possible(i, c, truth+1) && !r.possible(i, c, truth-1) {
			t.Fatalf("%s: row %d, column %d can only be %d:\n%v", s.ID, i, c, truth, s.Rows)
		}
	}
	all := read(t, s, plain, 1)
	for i := range s2.lines {
		for k := range plain {
			check(all, i, k, s2.lines[i].cell[plain[k]-2])
		}
	}
	// An extra column has its total for its only sum.
	for c, a := range s2.axes {
		if !a.extra || !s.Rows[len(s.Rows)-1].Cells[c+2].bare() {
			continue // a hidden total says nothing of rows that are hidden, all of them
		}
		one := read(t, s, []int{c + 2}, 0)
		for i := range one.low {
			if s.Rows[i].Cells[c+2].bare() {
				continue
			}
			truth, lows, highs := s2.lines[i].cell[c], 0, 0
			for k := range one.low {
				high := one.high[k][0]
				if a.demands {
					high = min(high, s2.lines[k].sum)
				}
				if k != i {
					lows, highs = lows+one.low[k][0], highs+high
				}
			}
			rest := one.totals[0]
			can := func(v int) bool {
				high := one.high[i][0]
				if a.demands {
					high = min(high, s2.lines[i].sum)
				}
				return v >= one.low[i][0] && v <= high && rest-v >= lows && rest-v <= highs
			}
			if !can(truth+1) && !can(truth-1) {
				t.Fatalf("%s: %s of row %d can only be %d:\n%v", s.ID, a.title, i, truth, s.Rows)
			}
		}
	}
}

// someGrid draws a grid full of small figures.
func someGrid(t *rapid.T) *grid {
	axes := slices.Clone(demandAxes[rapid.IntRange(0, 6).Draw(t, "axes"):])
	g := newGrid("grid", axes)
	figure := rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 3, 4, 4, 5, 5, 6, 9, 40})
	for r := range rapid.IntRange(1, 9).Draw(t, "rows") {
		key := []string{"us.subpoena", "us.warrant", "domestic", "domestic|emergency", "eu.epoc|content", "eu.epoc|traffic", "eu.epoc|content|emergency", "mlat", "xx.own"}[r]
		for c, a := range axes {
			n := figure.Draw(t, "n")
			if a.extra {
				l := g.line(key)
				if l.sum == 0 {
					g.count(l, 0) // a row is there because something was counted in it
				}
				if a.demands {
					n = min(n, l.sum)
				}
				g.measure(l, c, n)
				continue
			}
			for range n {
				g.count(g.line(key), c)
			}
		}
	}
	return g
}

// No hidden figure can be computed from what is printed.
func TestHiddenStaysHidden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := someGrid(t)
		r := &Refusal{}
		if g.check(r); len(r.Contradictions) > 0 {
			t.Fatal(r)
		}
		m := merging{
			order:  strings.Compare,
			parent: func(key string) string { id := rowInstrument(key); return map[bool]string{true: id}[id != key] },
			pair:   [2]string{"non-content", "content"}, pairID: "disclosed", pairTitle: "disclosed", otherTitle: "other outcomes",
		}
		shown := g.hide(m, Small)
		s := shown.section("grid", "instrument", "received", instrumentLabel, 0)
		secret(t, s, shown)
		sameTotals(t, s, g)
	})
}

// sameTotals checks that hiding changed no figure that is printed: the rows'
// sums and the total are true.
func sameTotals(t failer, s section, g *grid) {
	t.Helper()
	if len(s.Rows) == 0 {
		return
	}
	n := 0
	for _, r := range s.Rows[:len(s.Rows)-1] {
		n += r.Cells[1].n
	}
	if n != g.total.sum || s.Rows[len(s.Rows)-1].Cells[1].n != n {
		t.Fatalf("%d of %d: %v", n, g.total.sum, s.Rows)
	}
}

// The same of whole reports, whose tables share totals: both tables print the
// same total row, nothing hidden in it, so that neither says more of the other;
// and lists of what is in them repeat what they print.
func TestReportHides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cases := someCases(t, 120)
		if rapid.Bool().Draw(t, "more") {
			cases = append(cases, manyCases(rapid.IntRange(1, 400).Draw(t, "many"))...)
		}
		o, err := year2026(Small).whole()
		if err != nil {
			t.Fatal(err)
		}
		w := newWritTally(&o)
		for i := range cases {
			if !instrumentOf(cases[i].Instrument).NationalSecurity {
				w.add(&cases[i], instrumentOf(cases[i].Instrument), &Refusal{})
			}
		}
		r := &Report{o: o}
		w.write(r, newNational(&o), &Refusal{})
		byID := map[string]section{}
		for _, s := range r.sections {
			byID[s.ID] = s
			for _, row := range s.Rows {
				for _, f := range row.Cells[1:] {
					if f.bare() && isSmall(f.n) {
						t.Fatalf("%s prints %d: %v", s.ID, f.n, s.Rows)
					}
				}
			}
		}
		in, by := byID["instruments"], byID["countries"]
		if len(in.Rows) != 0 {
			a, b := in.Rows[len(in.Rows)-1], by.Rows[len(by.Rows)-1]
			if fmt.Sprint(a) != fmt.Sprint(b) || fmt.Sprint(in.Columns[1:]) != fmt.Sprint(by.Columns[1:]) {
				t.Fatalf("two totals: %v, %v", a, b)
			}
			disclosed, printed := 0, false
			for c, col := range in.Columns {
				if slices.Contains([]string{"disclosed", "content", "non-content"}, col.ID) {
					disclosed, printed = disclosed+a.Cells[c].n, true
				}
			}
			for _, id := range []string{"notices", "secrecy"} {
				s, there := byID[id]
				if there && !printed || len(s.Rows) > 0 && s.Rows[len(s.Rows)-1].Cells[1].n != disclosed {
					t.Fatalf("%s: %v of %d", id, s.Rows, disclosed)
				}
			}
			for _, id := range []string{"emergencies", "e-evidence"} {
				for _, row := range byID[id].Rows {
					i := slices.IndexFunc(in.Rows, hasName(row.Cells[0]))
					if i < 0 || in.Rows[i].Cells[1] != row.Cells[1] {
						t.Fatalf("%s says of %v what the instruments don't", id, row)
					}
					n := 0
					for c, col := range in.Columns {
						if slices.Contains([]string{"disclosed", "content", "non-content"}, col.ID) {
							n += in.Rows[i].Cells[c].n
							if !in.Rows[i].Cells[c].bare() && row.Cells[2].bare() {
								t.Fatalf("%s says of %v what is hidden", id, row)
							}
						}
					}
					if row.Cells[2].bare() && row.Cells[2].n != n {
						t.Fatalf("%s: %v", id, row)
					}
				}
			}
		}
	})
}

func hasName(name figure) func(row) bool {
	return func(r row) bool { return r.Cells[0] == name }
}

// The rule in one small example, as it is printed.
func TestSmallExample(t *testing.T) {
	var cases []Case
	add := func(n int, id writ.Instrument, country string, outcome Outcome) {
		for range n {
			c := good()
			c.Ref = fmt.Sprint(len(cases))
			c.Country, c.Outcome = country, outcome
			c.Instrument = id
			if !outcome.Disclosed() {
				c.Affected = 0
			}
			cases = append(cases, c)
		}
	}
	add(40, "domestic", "DE", NonContent)
	add(9, "domestic", "DE", Rejected)
	add(3, "mlat", "FR", NonContent)
	add(6, "mlat", "US", Rejected)
	add(2, "foreign.direct", "IN", Rejected)
	r, err := Make(slices.Values(cases), year2026(Small))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b, "csv"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"instruments,other,all,11\n",
		"instruments,other,non-content,<5\n",
		"instruments,other,rejected,≥5\n",
		"instruments,Domestic order,non-content,≥5\n",
		"instruments,total,rejected,17\n",
		"Figures from 1 to 4 are not printed.",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q isn't in\n%s", want, b.String())
		}
	}
}
