package letter

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const nbsp = '\u00a0'

// shown returns s with everything that cannot be seen as its number: control
// and format characters, line ends, what turns the direction of writing,
// bytes that are no UTF-8. Only the space and the non-breaking space are left
// among what is blank.
func shown(s string) string {
	return show(s, func(r rune) bool { return r == nbsp || visible(r) })
}

// exact is shown for what is copied as it stands, such as the name of an
// object: a non-breaking space is not taken for a space there, nor is a space
// where none would be seen.
func exact(s string) string {
	s = show(s, visible)
	last := byte(' ')
	var b strings.Builder
	for i := range len(s) {
		if s[i] == ' ' && (last == ' ' || i == len(s)-1) {
			b.WriteString(number(' '))
		} else {
			b.WriteByte(s[i])
		}
		last = s[i]
	}
	return b.String()
}

// prose is shown for text that people typed: composed (NFC), its unusual
// spaces made usual, its line ends those of paragraphs.
func prose(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", " ", "\u202f", string(nbsp)).Replace(s)
	if utf8.ValidString(s) {
		s = norm.NFC.String(s)
	}
	s = strings.Map(func(r rune) rune {
		if r != nbsp && unicode.Is(unicode.Zs, r) {
			return ' '
		}
		return r
	}, s)
	return show(s, func(r rune) bool { return r == nbsp || r == '\n' || visible(r) })
}

func show(s string, keep func(rune) bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "<0x%02X>", s[i])
		case keep(r):
			b.WriteRune(r)
		default:
			b.WriteString(number(r))
		}
		i += n
	}
	return b.String()
}

func number(r rune) string { return fmt.Sprintf("<U+%04X>", r) }

// visible says whether r leaves a mark that a reader can see, or is a space.
// strconv.IsPrint lets fillers and selectors pass that are blank all the same.
func visible(r rune) bool {
	return strconv.IsPrint(r) && r != utf8.RuneError &&
		!unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) &&
		r != '\u2800' // a Braille cell without dots
}
