// Package printable makes text that others wrote safe to show: on a terminal
// that obeys escape sequences, in a cell of a spreadsheet that computes
// formulas. It changes what is shown, never what is kept.
package printable

import (
	"strconv"
	"strings"
	"unicode"
)

// Line returns s as it is if all of it can be printed on one line of a
// terminal, else quoted as Go does: control characters, escapes, line feeds,
// and what turns the direction of writing are shown instead of obeyed.
func Line(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) && !space(r) || r == unicode.ReplacementChar {
			return strconv.Quote(s)
		}
	}
	return s
}

// Text is [Line] for each line of a text of several; a tab is a space.
func Text(s string) string {
	if Line(s) == s {
		return s
	}
	lines := strings.Split(strings.ReplaceAll(s, "\t", " "), "\n")
	for i, l := range lines {
		lines[i] = Line(l)
	}
	return strings.Join(lines, "\n")
}

// space says that a character is one of the spaces that don't break a line,
// which languages write before signs and between digits.
func space(r rune) bool { return r == '\u00a0' || r == '\u202f' }

// Cell returns s as the text of a cell of CSV that no spreadsheet takes for a
// formula: what begins like one gets an apostrophe before it, and control
// characters go. Quoting for CSV itself is encoding/csv's.
// https://owasp.org/www-community/attacks/CSV_Injection
func Cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' && r != '\n' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	if trimmed := strings.TrimLeft(s, " \t\n\u00a0"); trimmed != "" && strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", first(trimmed)) || strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\n") {
		return "'" + s
	}
	return s
}

func first(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}
