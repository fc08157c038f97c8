package law

import (
	"testing"
	"time"
)

func TestMonths(t *testing.T) {
	berlin, err := zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		months     int
		start, due string
	}{
		{1, "2026-01-31T12:00:00Z", "2026-02-28T23:00:00Z"}, // the last day of a shorter month
		{1, "2028-01-31T12:00:00Z", "2028-02-29T23:00:00Z"},
		{12, "2028-02-29T12:00:00Z", "2029-02-28T23:00:00Z"},
		{1, "2026-02-28T12:00:00Z", "2026-03-28T23:00:00Z"},
		{2, "2026-12-30T12:00:00Z", "2027-02-28T23:00:00Z"},
		{6, "2026-01-15T12:00:00Z", "2026-07-15T22:00:00Z"},
	} {
		start, err := time.Parse(time.RFC3339, c.start)
		if err != nil {
			t.Fatal(err)
		}
		if got := (period{Months: c.months}).after(start, berlin).Format(time.RFC3339); got != c.due {
			t.Errorf("%d months after %s: %s, want %s", c.months, c.start, got, c.due)
		}
	}
}

// TestEaster: against the known dates.
func TestEaster(t *testing.T) {
	for _, day := range []string{"2018-04-01", "2019-04-21", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2028-04-16", "2038-04-25"} {
		want, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		if got := easter(want.Year()); !got.Equal(want) {
			t.Errorf("%d: %s, want %s", want.Year(), got.Format(time.DateOnly), day)
		}
	}
}

func TestOuterSkipsHolidays(t *testing.T) {
	c := &calendar{Weekend: []string{"Saturday", "Sunday"}, Fixed: []string{"12-25", "12-26"}, Easter: []int{-2, 1}}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	for start, want := range map[string]string{
		"2026-12-15T09:00:00Z": "2026-12-29T00:00:00Z", // the 25th, a Friday: Saturday, Sunday, then Monday the 28th
		"2026-03-24T09:00:00Z": "2026-04-08T00:00:00Z", // Good Friday, 3 April, and Easter Monday
		"2026-11-02T09:00:00Z": "2026-11-13T00:00:00Z", // a Thursday
	} {
		at, err := time.Parse(time.RFC3339, start)
		if err != nil {
			t.Fatal(err)
		}
		if got := (period{Days: 10}).outer(at, time.UTC, c).Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", start, got, want)
		}
	}
	for _, bad := range []*calendar{{Weekend: []string{"Caturday"}}, {Fixed: []string{"02-30"}}} {
		if bad.check() == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
