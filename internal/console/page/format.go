package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

const nbsp = "\u00a0"

// Number is a whole number as the language groups its digits (CLDR).
func (w *Words) Number(n int64) string {
	return message.NewPrinter(w.tag).Sprint(number.Decimal(n))
}

// Share is a part of a whole in percent, at most one digit after the point.
func (w *Words) Share(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	return message.NewPrinter(w.tag).Sprint(number.Percent(float64(part)/float64(whole), number.MaxFractionDigits(1)))
}

// Size is bytes in the largest unit of 1,024 that leaves at least one.
func (w *Words) Size(n int64) string {
	if n < 1024 {
		return w.Number(n) + nbsp + "B"
	}
	f, unit := float64(n), -1
	for f >= 1024 && unit < 4 {
		f, unit = f/1024, unit+1
	}
	digits := 1
	if f >= 100 {
		digits = 0
	}
	return message.NewPrinter(w.tag).Sprint(number.Decimal(f, number.MaxFractionDigits(digits))) + nbsp + [...]string{"KiB", "MiB", "GiB", "TiB", "PiB"}[unit]
}

// Date is a day where the operator's deadlines are read.
func (w *Words) Date(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return w.day(t.In(w.site.zone))
}

func (w *Words) day(t time.Time) string {
	return w.Say("date.day", "day", strconv.Itoa(t.Day()), "month", w.Say("date.month."+strconv.Itoa(int(t.Month()))), "year", strconv.Itoa(t.Year()))
}

// Moment is a day and a time there, with the zone's abbreviation.
func (w *Words) Moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	t = t.In(w.site.zone)
	clock := t.Format("15:04")
	if t.Second() != 0 {
		clock = t.Format("15:04:05")
	}
	return w.Say("date.moment", "day", w.day(t), "clock", clock, "zone", t.Format("MST"))
}

// Span is how long something takes, in its two largest units.
func (w *Words) Span(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	if d < time.Minute {
		return w.Say("span.seconds", "n", int64(d/time.Second))
	}
	minutes := int64(d / time.Minute)
	parts := []struct {
		n   int64
		key string
	}{{minutes / (24 * 60), "span.days"}, {minutes / 60 % 24, "span.hours"}, {minutes % 60, "span.minutes"}}
	var out []string
	for _, p := range parts {
		if p.n > 0 {
			out = append(out, w.Say(p.key, "n", p.n))
		}
		if len(out) == 2 || len(out) == 1 && p.n == 0 {
			break
		}
	}
	return strings.Join(out, " ")
}

// Left is how far away a time is: "in 3 days", "2 hours ago".
func (w *Words) Left(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	d := t.Sub(w.site.now())
	if d < 0 {
		return w.Say("span.past", "span", w.Span(d))
	}
	return w.Say("span.ahead", "span", w.Span(d))
}

// machine is a time for <time datetime>.
func machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// short is the first characters of a digest or id, for tables; the whole stands in
// a title.
func short(s any) string {
	text := fmt.Sprint(s)
	if len(text) > 12 {
		return text[:12] + "…"
	}
	return text
}
