package law

import (
	"fmt"
	"time"
)

// endOfDay is the instant at which a day ends in a zone: the first of the next.
// Where a zone has no midnight on that day, it is the day's first instant.
func endOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	next := time.Date(year, month, day+1, 0, 0, 0, 0, zone)
	if y, m, d := next.Date(); time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Before(time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)) {
		// Midnight was skipped, and time.Date went to the evening before.
		next = next.Add(time.Hour)
	}
	return next.UTC()
}

// after is when p has run out that began at start. Hours pass; days and months
// are counted by the calendar of the zone, without the day of the event, to the
// end of the last day. A month that lacks the day ends with its last
// (Regulation (EEC, Euratom) No 1182/71, Article 3(1) and (2)).
func (p period) after(start time.Time, zone *time.Location) time.Time {
	if p.Hours > 0 {
		return start.Add(time.Duration(p.Hours) * time.Hour)
	}
	year, month, day := start.In(zone).Date()
	if p.Months == 0 {
		return endOfDay(year, month, day+p.Days, zone)
	}
	last := time.Date(year, month+time.Month(p.Months)+1, 0, 0, 0, 0, 0, time.UTC)
	return endOfDay(last.Year(), last.Month(), min(day, last.Day()), zone)
}

// outer is the latest reading of when p has run out: hours begin with the next
// full hour, and a period in days doesn't end on a day without business (the
// same Regulation, Article 3(1) and (4)).
func (p period) outer(start time.Time, zone *time.Location, days *calendar) time.Time {
	if p.Hours > 0 {
		begin := start.Truncate(time.Hour)
		if begin.Before(start) {
			begin = begin.Add(time.Hour)
		}
		return begin.Add(time.Duration(p.Hours) * time.Hour)
	}
	due := p.after(start, zone)
	year, month, day := due.Add(-time.Second).In(zone).Date()
	// No calendar has so many days without business in a row.
	for range 30 {
		if !days.closed(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)) {
			break
		}
		year, month, day = time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC).Date()
	}
	return endOfDay(year, month, day, zone)
}

// check parses what the file says of days.
func (c *calendar) check() error {
	c.weekend, c.fixed, c.easter = map[time.Weekday]bool{}, map[string]bool{}, map[int]bool{}
	for _, name := range c.Weekend {
		found := false
		for d := time.Sunday; d <= time.Saturday; d++ {
			if d.String() == name {
				c.weekend[d], found = true, true
			}
		}
		if !found {
			return fmt.Errorf("no such day of the week: %q", name)
		}
	}
	for _, day := range c.Fixed {
		if _, err := time.Parse("2006-01-02", "2024-"+day); err != nil {
			return fmt.Errorf("not a day (MM-DD): %q", day)
		}
		c.fixed[day] = true
	}
	for _, n := range c.Easter {
		c.easter[n] = true
	}
	return nil
}

// closed tells whether a day (midnight UTC) is one without business.
func (c *calendar) closed(day time.Time) bool {
	if c == nil {
		return false
	}
	if c.weekend[day.Weekday()] || c.fixed[day.Format("01-02")] {
		return true
	}
	return len(c.easter) > 0 && c.easter[int(day.Sub(easter(day.Year())).Hours())/24]
}

// easter is Easter Sunday of a year of the Gregorian calendar (the anonymous
// algorithm of Nature, 1876), at midnight UTC.
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	h := (19*a + b - b/4 - (b-(b+8)/25+1)/3 + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}

// addDays moves the end of a period by days of the calendar. An end of a day
// stays one.
func addDays(due time.Time, days int, zone *time.Location) time.Time {
	y, m, d := due.Add(-time.Nanosecond).In(zone).Date()
	if endOfDay(y, m, d, zone).Equal(due) {
		return endOfDay(y, m, d+days, zone)
	}
	return due.In(zone).AddDate(0, 0, days).UTC()
}
