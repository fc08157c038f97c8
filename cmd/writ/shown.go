package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"writ/internal/printable"
)

// stamp is RFC 3339 in UTC, to the second; "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}

// left says how long it is to a deadline, or how late it is.
func left(due, now time.Time) string {
	if due.IsZero() {
		return ""
	}
	if d := due.Sub(now); d >= 0 {
		return span(d) + " left"
	}
	return "late by " + span(now.Sub(due))
}

// span is a duration in its two largest units.
func span(d time.Duration) string {
	minutes := int64(d / time.Minute)
	switch {
	case minutes >= 48*60:
		return fmt.Sprintf("%d d %d h", minutes/1440, minutes%1440/60)
	case minutes >= 60:
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	}
	return fmt.Sprintf("%d min", minutes)
}

// parseMoment reads a time that a person gave: RFC 3339, or a day, which
// begins at midnight in UTC.
func parseMoment(what, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is no time, such as 2026-11-24T12:00:00Z or 2026-11-24", what, text)
}

// shown is a text that others wrote, safe to show on one line of a terminal.
func shown[T ~string](s T) string { return printable.Line(string(s)) }

// shownAll are several, with commas between.
func shownAll[T ~string](all []T) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = shown(s)
	}
	return strings.Join(out, ", ")
}

// printLines prints a text of many lines, each safe to show.
func printLines(w io.Writer, text string) error {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(shown(strings.TrimRight(line, "\n")) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// clip cuts a text for a table; --json has all of it.
func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
