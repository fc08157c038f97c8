package report

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"writ/internal/printable"
)

// csv writes the layout "github" as its publisher's files are, and the layout
// "writ" one figure a line: section, row, column, value.
func (r *Report) csv(b *bytes.Buffer) {
	w := csv.NewWriter(b)
	w.UseCRLF = r.crlf
	put := func(cells ...string) {
		for i, c := range cells {
			cells[i] = printable.Cell(c)
		}
		_ = w.Write(cells) // a buffer takes everything
	}
	if r.o.Layout == GitHub {
		for _, s := range r.sections {
			var head []string
			for _, c := range s.Columns {
				head = append(head, c.ID)
			}
			put(head...)
			for _, row := range s.Rows {
				var cells []string
				for _, f := range row.Cells {
					cells = append(cells, f.String())
				}
				put(cells...)
			}
		}
		w.Flush()
		return
	}
	put("section", "row", "column", "value")
	for _, h := range r.head() {
		put("report", h[0], "", h[1])
	}
	for _, s := range r.sections {
		for _, row := range s.Rows {
			key, values := s.split(row)
			for i, f := range values {
				put(s.ID, key, s.Columns[len(s.Columns)-len(values)+i].ID, f.String())
			}
		}
		for _, n := range s.Notes {
			put(s.ID, "", "note", n)
		}
	}
	for _, n := range r.notes {
		put("report", "", "note", n)
	}
	w.Flush()
}

// split returns a row's name and its figures. The national-security numbers
// have two columns of names.
func (s *section) split(r row) (string, []figure) {
	names := 1
	if s.ID == NationalTable {
		names = 2
	}
	var key []string
	for _, f := range r.Cells[:names] {
		key = append(key, f.String())
	}
	return strings.Join(key, ": "), r.Cells[names:]
}

// head returns what a report says of itself.
func (r *Report) head() (out [][2]string) {
	if r.o.Operator != "" {
		out = append(out, [2]string{"operator", r.o.Operator})
	}
	out = append(out, [2]string{"from", r.o.From.Format(time.DateOnly)}, [2]string{"to", r.o.To.Format(time.DateOnly)})
	if first, ok := r.Correction(); ok {
		out = append(out, [2]string{"corrects", hex.EncodeToString(first[:])})
	}
	if r.Preliminary() {
		out = append(out, [2]string{"preliminary", "yes"})
	}
	return out
}

// table writes for a terminal.
func (r *Report) table(b *bytes.Buffer) {
	for _, h := range r.head() {
		fmt.Fprintf(b, "%-12s %s\n", h[0], printable.Line(h[1]))
	}
	for _, s := range r.sections {
		fmt.Fprintf(b, "\n%s\n", printable.Line(s.Title))
		s.table(b)
		for _, n := range s.Notes {
			wrap(b, n)
		}
	}
	if len(r.notes) > 0 {
		b.WriteByte('\n')
	}
	for _, n := range r.notes {
		wrap(b, n)
	}
}

// table writes the rows in columns: text to the left, figures to the right.
func (s *section) table(b *bytes.Buffer) {
	if len(s.Rows) == 0 {
		return
	}
	lines := [][]string{nil}
	for _, c := range s.Columns {
		lines[0] = append(lines[0], printable.Line(c.Title))
	}
	for _, row := range s.Rows {
		var cells []string
		for _, f := range row.Cells {
			cells = append(cells, printable.Line(f.String()))
		}
		lines = append(lines, cells)
	}
	wide := make([]int, len(s.Columns))
	for _, cells := range lines {
		for i, c := range cells {
			wide[i] = max(wide[i], utf8.RuneCountInString(c))
		}
	}
	for _, cells := range lines {
		var line strings.Builder
		for i, c := range cells {
			pad := strings.Repeat(" ", wide[i]-utf8.RuneCountInString(c))
			if s.leftward(i) {
				line.WriteString("  " + c + pad)
			} else {
				line.WriteString("  " + pad + c)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// leftward tells whether a column holds text: one that has a cell of words
// that aren't in the place of a figure.
func (s *section) leftward(col int) bool {
	for _, r := range s.Rows {
		switch f := r.Cells[col]; {
		case f.bare(), f == few, f == some, f == withheld:
		default:
			return strings.ContainsFunc(f.text, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' })
		}
	}
	return false
}

// wrap writes a note in lines of up to 96 characters.
func wrap(b *bytes.Buffer, text string) {
	line := ""
	for _, word := range strings.Fields(printable.Line(text)) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > 96 {
			b.WriteString("  " + line + "\n")
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	b.WriteString("  " + line + "\n")
}
