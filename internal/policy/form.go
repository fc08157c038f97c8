package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"writ/internal/proof"
)

// read decodes a payload, and only the one spelling that encode writes.
func read(b []byte, to any) error {
	if len(b) > MaxPayload {
		return fmt.Errorf("%w: it has more than %d bytes", ErrForm, MaxPayload)
	}
	if err := proof.Unmarshal(b, to); err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	again, err := json.Marshal(to)
	if err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("%w: it can be spelled in another way", ErrForm)
	}
	return nil
}

// encode is the one spelling of a value, which must read back as it is; again is
// an empty one of the same type.
func encode(v, again any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return b, read(b, again)
}

// bad is an [ErrForm] that says what is wrong.
func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrForm, fmt.Sprintf(format, args...))
}

// line says whether a text is one line of least to most bytes that can be
// shown as it is.
func line(s string, least, most int) bool {
	if len(s) < least || len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// utc says whether a time is set, and in UTC, so that it has one spelling.
func utc(t time.Time) bool {
	_, offset := t.Zone()
	return !t.IsZero() && offset == 0 && t.Year() >= 2000 && t.Year() < 3000
}
