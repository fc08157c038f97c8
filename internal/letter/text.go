package letter

import (
	"fmt"
	"strings"

	"writ/internal/printable"
)

// Width is how many columns a line of [Document.Text] has at most.
const Width = 78

// Text is the document as plain text for mail and terminals: lines of at most
// [Width] columns that hold nothing which a terminal obeys.
func (d Document) Text() string {
	t := textWriter{colon: ":"}
	if d.Lang == "fr" { // French sets a space before it
		t.colon = " :"
	}
	t.head(d)
	for _, b := range d.Blocks {
		t.block(b)
	}
	if d.Footer != "" {
		t.line(strings.Repeat("-", Width))
		t.wrapped(0, "", d.Footer)
	}
	return strings.TrimRight(t.String(), "\n") + "\n"
}

type textWriter struct {
	strings.Builder
	colon string // after a name, before its value
}

// line ends what every line goes through, so that no way of writing passes
// the terminal's guard.
func (t *textWriter) line(s string) {
	t.WriteString(printable.Line(strings.TrimRight(s, " ")))
	t.WriteByte('\n')
}

// wrapped writes s with its lines indented, the first one behind a mark.
func (t *textWriter) wrapped(indent int, mark, s string) {
	for i, l := range wrap(shown(s), float64(Width-indent), columns) {
		if i > 0 {
			mark = ""
		}
		t.line(pad(mark, indent) + l)
	}
}

func (t *textWriter) gap() { t.WriteByte('\n') }

func (t *textWriter) head(d Document) {
	t.party(d.Sender)
	if d.Marking != "" {
		t.gap()
		t.wrapped(0, "", strings.ToUpper(d.Marking))
	}
	if d.Addressee.Name != "" {
		t.gap()
		t.party(d.Addressee)
	}
	t.gap()
	t.facts(d.Info)
	t.gap()
	title := wrap(shown(d.Title), Width, columns)
	widest := 0
	for _, l := range title {
		t.line(l)
		widest = max(widest, columnsOf(l))
	}
	t.line(strings.Repeat("=", widest))
	t.gap()
}

func (t *textWriter) party(p Party) {
	t.wrapped(0, "", p.Name)
	for _, l := range p.Lines {
		t.wrapped(0, "", l)
	}
}

func (t *textWriter) block(b Block) {
	switch b := b.(type) {
	case Paragraph:
		t.wrapped(0, "", string(b))
	case Heading:
		lines := wrap(shown(string(b)), Width, columns)
		for _, l := range lines {
			t.line(l)
		}
		t.line(strings.Repeat("-", columnsOf(lines[len(lines)-1])))
	case List:
		for i, item := range b.Items {
			mark := "-"
			if b.Numbered {
				mark = fmt.Sprintf("%d.", i+1)
			}
			t.wrapped(max(4, len(mark)+1), mark, item)
		}
	case Facts:
		t.facts(b)
	case Table:
		t.table(b)
	case Signature:
		t.signature(b)
	}
	t.gap()
}

func (t *textWriter) signature(s Signature) {
	if s.Closing != "" {
		t.wrapped(0, "", s.Closing)
		t.gap()
	}
	for _, l := range []string{s.Name, s.Function} {
		if l != "" {
			t.wrapped(0, "", l)
		}
	}
}

// facts puts values beside their names, and below a name that is too long, or
// where a value that is copied would be broken beside it.
func (t *textWriter) facts(facts []Fact) {
	const most, below = 30, 4
	indent := below
	for _, f := range facts {
		if n := columnsOf(t.label(f)) + 2; n <= most {
			indent = max(indent, n)
		}
	}
	for _, f := range facts {
		label, at := t.label(f), indent
		if n := columnsOf(shown(f.Value)); f.Exact && n > Width-indent && n <= Width-below {
			at = below
		}
		if columnsOf(label)+2 > at {
			t.wrapped(0, "", label)
			label = ""
		}
		t.wrapped(at, label, f.Value)
	}
}

func (t *textWriter) label(f Fact) string { return shown(f.Label) + t.colon }

func (t *textWriter) table(b Table) {
	widths := shares(b, Width-2*(len(b.Columns)-1))
	var head []string
	for _, c := range b.Columns {
		head = append(head, c.Head)
	}
	t.row(b, widths, head)
	var rule []string
	for _, w := range widths {
		rule = append(rule, strings.Repeat("-", w))
	}
	t.line(strings.Join(rule, "  "))
	for _, r := range b.Rows {
		t.row(b, widths, r)
	}
}

func (t *textWriter) row(b Table, widths []int, cells []string) {
	lines := make([][]string, len(widths))
	height := 0
	for i, w := range widths {
		if i < len(cells) {
			lines[i] = wrap(shown(cells[i]), float64(w), columns)
		}
		height = max(height, len(lines[i]))
	}
	for y := range height {
		var row []string
		for i, w := range widths {
			cell := ""
			if y < len(lines[i]) {
				cell = lines[i][y]
			}
			if b.Columns[i].Right {
				cell = strings.Repeat(" ", max(0, w-columnsOf(cell))) + cell
			}
			row = append(row, pad(cell, w))
		}
		t.line(strings.Join(row, "  "))
	}
}

// shares divides a width among columns by their shares, each at least 4.
func shares(b Table, total int) []int {
	sum := 0
	for _, c := range b.Columns {
		sum += max(1, c.Width)
	}
	widths := make([]int, len(b.Columns))
	left := total
	for i, c := range b.Columns {
		widths[i] = max(4, total*max(1, c.Width)/sum)
		left -= widths[i]
	}
	if n := len(widths); n > 0 && left > 0 {
		widths[n-1] += left
	}
	return widths
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-columnsOf(s))) }
