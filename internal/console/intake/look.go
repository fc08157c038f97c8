package intake

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/printable"
)

// look is what all pages of this room have.
type look struct{}

// Line is a text of others as one line; what can't be seen is a number.
func (look) Line(v any) string { return printable.Line(fmt.Sprint(v)) }

// Text is a text of others of several lines.
func (look) Text(v any) string {
	lines := strings.Split(strings.ReplaceAll(fmt.Sprint(v), "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = printable.Line(l)
	}
	return strings.Join(lines, "\n")
}

// Date is a day in a form's field.
func (look) Date(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format(time.DateOnly)
}

// bad is a mistake in a form, in one sentence.
func bad(format string, args ...any) *api.Problem {
	return &api.Problem{Status: http.StatusUnprocessableEntity, Title: http.StatusText(http.StatusUnprocessableEntity), Code: "form", Detail: fmt.Sprintf(format, args...)}
}

// refused says whether an error is an answer to what was asked, which a page
// shows, and not a fault.
func refused(err error) (*api.Problem, bool) {
	var p *api.Problem
	return p, errors.As(err, &p) && p.Status < http.StatusInternalServerError
}

// reading reads a form; the first mistake in it stays in err.
type reading struct {
	form url.Values
	zone *time.Location // of times without one
	err  error
}

func (r *reading) fail(format string, args ...any) {
	if r.err == nil {
		r.err = bad(format, args...)
	}
}

// raw is a value as it was sent, at most so many bytes.
func (r *reading) raw(name string, most int) string {
	s := strings.ReplaceAll(r.form.Get(name), "\r\n", "\n")
	if len(s) > most || !utf8.ValidString(s) {
		r.fail("%s takes at most %d bytes of text", name, most)
		return ""
	}
	return s
}

// text is a value without spaces around it.
func (r *reading) text(name string, most int) string { return strings.TrimSpace(r.raw(name, most)) }

// lines are the lines of a text that aren't empty.
func (r *reading) lines(name string, most int) (out []string) {
	for l := range strings.SplitSeq(r.raw(name, most), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// several are all values of a name, at most 64.
func (r *reading) several(name string) []string {
	all := r.form[name]
	if len(all) > 64 {
		r.fail("%s has more than 64 values", name)
		return nil
	}
	for _, s := range all {
		if len(s) > 512 || !utf8.ValidString(s) {
			r.fail("%s takes at most 512 bytes of text", name)
			return nil
		}
	}
	return all
}

// number is a whole number, 0 if nothing was said.
func (r *reading) number(name string) int64 {
	s := r.text(name, 20)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		r.fail("%s is no number", name)
	}
	return n
}

// day is a day where deadlines are read, as the moment at which it begins.
func (r *reading) day(name string) time.Time {
	s := r.text(name, 40)
	if s == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, s, r.zone)
	if err != nil {
		r.fail("%s is no day, such as 2026-11-24", name)
	}
	return t
}

// moment is a day and a time in a zone.
func (r *reading) moment(name string, zone *time.Location) time.Time {
	s := r.text(name, 40)
	if s == "" {
		return time.Time{}
	}
	t, err := localTime(s, zone)
	if err != nil {
		r.fail("%s: %s", name, err)
	}
	return t
}

// zoned is the zone that a form names: of the IANA database, or an offset such as
// +02:00; where deadlines are read if it names none.
func (r *reading) zoned(name string) *time.Location {
	s := r.text(name, 64)
	if s == "" {
		return r.zone
	}
	if t, err := time.Parse("Z07:00", s); err == nil {
		_, offset := t.Zone()
		return time.FixedZone(s, offset)
	}
	zone, err := time.LoadLocation(s)
	if err != nil || s == "Local" {
		r.fail("%q is no time zone, such as Europe/Berlin or +02:00", s)
		return r.zone
	}
	return zone
}

// localTime is what a field of a day and a time says in a zone. An hour that the
// change of clocks leaves out is none, and one that comes twice must say its
// offset: a deadline must not hang on a guess.
func localTime(text string, zone *time.Location) (time.Time, error) {
	const minute, second = "2006-01-02T15:04", "2006-01-02T15:04:05"
	layout := second
	if len(text) == len(minute) {
		layout = minute
	}
	t, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return t, errors.New("this is no time, such as 2026-11-24T09:30")
	}
	if t.Format(layout) != text {
		return t, errors.New("this time doesn't exist there: clocks were put forward over it")
	}
	for _, d := range []time.Duration{-time.Hour, time.Hour} {
		if t.Add(d).In(zone).Format(layout) == text {
			return t, errors.New("this hour came twice there: give the zone as an offset, such as +02:00 or +01:00")
		}
	}
	return t, nil
}

// read opens the posted form.
func (r Rooms) read(v *page.Visit) (*reading, error) {
	form, err := v.Form()
	if err != nil {
		return nil, err
	}
	return &reading{form: form, zone: r.Desk.Zone()}, nil
}
