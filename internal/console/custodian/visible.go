package custodian

import "writ/internal/printable"

// line is a text of one line as it may be shown.
func line[T ~string](s T) string { return printable.Line(string(s)) }

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
