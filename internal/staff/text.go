package staff

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// checkText refuses text of a wrong length, and text that does not stand on a
// line as it is: control characters, line feeds, and what turns the direction
// of writing, with which one name is made to look like another.
func checkText(what, s string, least, most int) error {
	if len(s) < least || len(s) > most {
		return fmt.Errorf("%w: %s has %d to %d bytes, not %d", ErrForm, what, least, most, len(s))
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrForm, what)
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return fmt.Errorf("%w: %s holds a character that doesn't print (%U)", ErrForm, what, r)
		}
	}
	if strings.TrimSpace(s) != s {
		return fmt.Errorf("%w: %s begins or ends with a space", ErrForm, what)
	}
	return nil
}

// clip cuts text to at most n bytes, at a character's boundary, and makes it
// UTF-8 without zero bytes.
func clip(s string, n int) string {
	if len(s) > n {
		cut := n
		for cut > 0 && cut > n-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
	return s
}
