package letter

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// wrap breaks s into lines no wider than limit by the measure of size: at
// spaces, and within a word that is wider than a line. Non-breaking spaces
// come out as spaces.
func wrap(s string, limit float64, size func(rune) float64) []string {
	var lines []string
	var line strings.Builder
	var used float64
	flush := func() {
		lines = append(lines, strings.ReplaceAll(line.String(), string(nbsp), " "))
		line.Reset()
		used = 0
	}
	space := size(' ')
	for word := range strings.SplitSeq(s, " ") {
		if word == "" {
			continue
		}
		var w float64
		for _, r := range word {
			w += size(r)
		}
		if used > 0 && used+space+w > limit {
			flush()
		}
		if used > 0 {
			line.WriteByte(' ')
			used += space
		}
		for _, r := range word {
			if n := size(r); used > 0 && used+n > limit {
				flush()
				line.WriteRune(r)
				used = n
			} else {
				line.WriteRune(r)
				used += n
			}
		}
	}
	if line.Len() > 0 || len(lines) == 0 {
		flush()
	}
	return lines
}

// columns is how many columns of a terminal r takes.
func columns(r rune) float64 {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

func columnsOf(s string) (n int) {
	for _, r := range s {
		n += int(columns(r))
	}
	return n
}
