package custodian

import (
	"strings"

	"writ/internal/printable"
)

// line is a text of one line as it may be shown.
func line[T ~string](s T) string { return printable.Line(string(s)) }

// lines is a text of several lines as it may be shown.
func lines(s string) string {
	all := strings.Split(strings.ReplaceAll(s, "\t", " "), "\n")
	for i, l := range all {
		all[i] = printable.Line(l)
	}
	return strings.Join(all, "\n")
}

// brief is the beginning of a line, for lists: the whole is on the case's page.
func brief[T ~string](s T) string {
	const most = 80
	if r := []rune(line(s)); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return line(s)
}

func each[T ~string](all []T, show func(T) string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = show(s)
	}
	return out
}
