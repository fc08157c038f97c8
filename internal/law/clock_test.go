package law_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/law"
)

var (
	zoneNames = []string{"", "Europe/Berlin", "Europe/Dublin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "Asia/Kathmandu"}
	genZone   = rapid.SampledFrom(zoneNames)
	genTime   = rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(1_500_000_000, 2_500_000_000).Draw(t, "unix"), 0).UTC()
	})
	genKind = rapid.SampledFrom([]law.EventKind{law.ClarificationAsk, law.Clarified, law.Suspended, law.Resumed, law.Extended, law.OrderConfirmed,
		law.AuthorityNotified, law.AuthorityCleared, law.AuthorityRefused, law.Objected, law.Produced, law.Answered, law.Withdrawn, law.Released})
)

func clock(t testing.TB, l *law.Law, d law.Demand, id string, events []law.Event, now time.Time) law.Clock {
	t.Helper()
	for _, c := range l.Clocks(d, events, now) {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no clock %s", id)
	return law.Clock{}
}

func epoc(received time.Time, zone string) law.Demand {
	return law.Demand{Instrument: "eu.epoc", Provider: law.Provider{Country: "DE", TimeZone: zone}, Received: received, Classes: []writ.DataClass{"content"}}
}

// TestPausesKeepTheTime: however often a clock is stopped and started, by one
// or several causes at once, it runs exactly as long as the law says.
func TestPausesKeepTheTime(t *testing.T) {
	l := load(t, "")
	rapid.Check(t, func(t *rapid.T) {
		d := epoc(genTime.Draw(t, "received"), genZone.Draw(t, "zone"))
		id := "eu.epoc.produce"
		if d.Emergency = rapid.Bool().Draw(t, "emergency"); d.Emergency {
			id = "eu.epoc.produce-emergency"
		}
		late := d.Received.Add(20000 * time.Hour)
		whole := clockOf(t, l, d, id, nil, d.Received)
		law0 := whole.Due.Sub(whole.Start)
		// The pauses, and beside them the same bookkeeping done naively.
		var events []law.Event
		held := map[law.EventKind]bool{}
		at, ran := d.Received, time.Duration(0)
		for range rapid.IntRange(0, 12).Draw(t, "events") {
			step := law0 / 100 * time.Duration(rapid.SampledFrom([]int{0, 1, 7, 20, 33}).Draw(t, "step"))
			if len(held) == 0 {
				step = min(step, max(0, law0-ran-time.Second))
				ran += step
			}
			at = at.Add(step)
			kind := rapid.SampledFrom([]law.EventKind{law.ClarificationAsk, law.Suspended, law.Clarified, law.Resumed}).Draw(t, "kind")
			events = append(events, law.Event{Kind: kind, At: at})
			switch kind {
			case law.ClarificationAsk, law.Suspended:
				held[kind] = true
			case law.Clarified:
				delete(held, law.ClarificationAsk)
			case law.Resumed:
				delete(held, law.Suspended)
			}
		}
		if len(held) > 0 {
			c := clockOf(t, l, d, id, events, late)
			if c.State != law.Paused || !c.Due.IsZero() || c.Remaining != law0-ran {
				t.Fatalf("suspended after %s of %s: %+v", ran, law0, c)
			}
			return
		}
		c := clockOf(t, l, d, id, events, at)
		if want := at.Add(law0 - ran); !c.Due.Equal(want) || c.State != law.Running {
			t.Fatalf("ran %s of %s: due %s, want %s (%s)", ran, law0, c.Due, want, c.State)
		}
		if c.Half.Before(c.Start) || c.Half.After(c.Due) {
			t.Fatalf("half at %s, between %s and %s", c.Half, c.Start, c.Due)
		}
		if !c.Strict.IsZero() && c.Strict.After(c.Due) {
			t.Fatalf("strict %s is later than %s", c.Strict, c.Due)
		}
		// Half, measured by the clock itself, is half of the law's time.
		if h := clockOf(t, l, d, id, events, c.Half); h.State == law.Running {
			if rest := h.Remaining; (rest - law0/2).Abs() > time.Second {
				t.Fatalf("at half %s remain of %s", rest, law0)
			}
		}
	})
}

func clockOf(t *rapid.T, l *law.Law, d law.Demand, id string, events []law.Event, now time.Time) law.Clock {
	for _, c := range l.Clocks(d, events, now) {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no clock %s", id)
	return law.Clock{}
}

// TestMonotone: who received a demand later is never due earlier, and a day of
// the calendar is always whole: ten days are ten days and a rest of a day.
func TestMonotone(t *testing.T) {
	l := load(t, "")
	rapid.Check(t, func(t *rapid.T) {
		zone := genZone.Draw(t, "zone")
		a, b := genTime.Draw(t, "a"), genTime.Draw(t, "b")
		if rapid.Bool().Draw(t, "near") {
			b = a.Add(time.Duration(rapid.Int64Range(-48*3600, 48*3600).Draw(t, "apart")) * time.Second)
		}
		if b.Before(a) {
			a, b = b, a
		}
		for id, d := range map[string]law.Demand{
			"eu.epoc.produce":           epoc(time.Time{}, zone),
			"eu.epoc.produce-emergency": {Instrument: "eu.epoc", Emergency: true, Provider: law.Provider{TimeZone: zone}},
			"eu.epoc-pr.hold":           {Instrument: "eu.epoc-pr", Provider: law.Provider{TimeZone: zone}},
			"us.preservation.hold":      {Instrument: "us.preservation", Provider: law.Provider{TimeZone: zone}},
		} {
			d.Received = a
			first := clockOf(t, l, d, id, nil, a)
			d.Received = b
			second := clockOf(t, l, d, id, nil, b)
			if second.Due.Before(first.Due) {
				t.Fatalf("%s in %q: received %s due %s, received %s due %s", id, zone, a, first.Due, b, second.Due)
			}
			if !first.Outer.IsZero() && !first.Outer.After(first.Due) {
				t.Fatalf("%s: outer %s isn't later than %s", id, first.Outer, first.Due)
			}
		}
		d := epoc(a, zone)
		long := clockOf(t, l, d, "eu.epoc.produce", nil, a).Due.Sub(a)
		// A zone may skip a whole day or gain an hour.
		if long < 10*24*time.Hour-25*time.Hour || long > 11*24*time.Hour+2*time.Hour {
			t.Fatalf("ten days in %q from %s last %s", zone, a, long)
		}
		d.Emergency = true
		if long := clockOf(t, l, d, "eu.epoc.produce-emergency", nil, a).Due.Sub(a); long != 8*time.Hour {
			t.Fatalf("eight hours last %s", long)
		}
	})
}

// TestAnyHistory: whatever happened in whatever order, the clocks are the same
// for the same events, look at nothing after now, and hold what they promise.
func TestAnyHistory(t *testing.T) {
	l := load(t, "")
	rapid.Check(t, func(t *rapid.T) {
		d := epoc(genTime.Draw(t, "received"), genZone.Draw(t, "zone"))
		d.Instrument = rapid.SampledFrom([]writ.Instrument{"eu.epoc", "eu.epoc-pr", "us.preservation", "us.warrant", "us.emergency", "de.98"}).Draw(t, "instrument")
		d.Emergency = rapid.Bool().Draw(t, "emergency")
		d.Conflict = rapid.SampledFrom([]string{"", "GB", "CH"}).Draw(t, "conflict")
		d.Issuer.Kind = "police"
		if rapid.Bool().Draw(t, "dated") {
			d.Deadline = d.Received.Add(time.Duration(rapid.IntRange(-10, 100).Draw(t, "deadline")) * time.Hour)
		}
		var events []law.Event
		for range rapid.IntRange(0, 15).Draw(t, "n") {
			events = append(events, law.Event{Kind: genKind.Draw(t, "kind"), At: d.Received.Add(time.Duration(rapid.IntRange(-5, 2000).Draw(t, "at")) * time.Hour)})
		}
		// No two at one instant, so that their order is theirs.
		slices.SortStableFunc(events, func(a, b law.Event) int { return a.At.Compare(b.At) })
		events = slices.CompactFunc(events, func(a, b law.Event) bool { return a.At.Equal(b.At) })
		now := d.Received.Add(time.Duration(rapid.IntRange(0, 2200).Draw(t, "now")) * time.Hour)
		clocks := l.Clocks(d, events, now)
		shuffled := rapid.Permutation(events).Draw(t, "shuffled")
		past := slices.DeleteFunc(slices.Clone(shuffled), func(e law.Event) bool { return e.At.After(now) })
		if !slices.Equal(clocks, l.Clocks(d, shuffled, now)) || !slices.Equal(clocks, l.Clocks(d, past, now)) {
			t.Fatal("the order of the arguments, or the future, changed a clock")
		}
		for _, c := range clocks {
			switch {
			case c.Remaining < 0:
				t.Fatalf("%+v", c)
			case c.State == law.Missed && (c.Holds || !now.After(c.Due)):
				t.Fatalf("missed before its end: %+v at %s", c, now)
			case c.State == law.Running && !c.Due.IsZero() && now.After(c.Due):
				t.Fatalf("runs past its end: %+v at %s", c, now)
			case c.State == law.Met && !c.Due.IsZero() && c.At.After(c.Due):
				t.Fatalf("met too late: %+v", c)
			case c.Article == "" || c.Title == "" || c.Verified == "":
				t.Fatalf("says not what it rests on: %+v", c)
			}
		}
	})
}

// TestEmergencyIsNotSuspendedByNotification (Articles 8(4) and 10(4)).
func TestEmergencyIsNotSuspendedByNotification(t *testing.T) {
	l := load(t, "")
	received := time.Date(2026, 11, 2, 21, 20, 0, 0, time.UTC)
	d := epoc(received, "Europe/Berlin")
	d.Emergency = true
	plain := clock(t, l, d, "eu.epoc.produce-emergency", nil, received)
	for _, kind := range []law.EventKind{law.AuthorityNotified, law.AuthorityRefused} {
		c := clock(t, l, d, "eu.epoc.produce-emergency", []law.Event{{Kind: kind, At: received.Add(time.Hour)}}, received.Add(2*time.Hour))
		if c.State != law.Running || !c.Due.Equal(plain.Due) || !c.NotBefore.IsZero() {
			t.Errorf("%s: %+v", kind, c)
		}
	}
}

// TestLongerNights: eight hours are eight hours in both nights in which the
// clocks change, and ten days end with a day of the provider's.
func TestChangingClocks(t *testing.T) {
	l := load(t, "")
	for _, c := range []struct{ received, due string }{
		{"2026-03-28T23:30:00Z", "2026-03-29T07:30:00Z"}, // forward
		{"2026-10-24T23:30:00Z", "2026-10-25T07:30:00Z"}, // back
		{"2028-02-28T22:00:00Z", "2028-02-29T06:00:00Z"}, // into the leap day
	} {
		d := epoc(at(t, c.received), "Europe/Berlin")
		d.Emergency = true
		if got := clock(t, l, d, "eu.epoc.produce-emergency", nil, d.Received); !got.Due.Equal(at(t, c.due)) {
			t.Errorf("%s: due %s, want %s", c.received, got.Due, c.due)
		}
	}
	for _, c := range []struct{ zone, received, due string }{
		{"Europe/Berlin", "2026-10-20T14:05:00Z", "2026-10-30T23:00:00Z"},
		{"Europe/Berlin", "2026-10-20T22:30:00Z", "2026-10-31T23:00:00Z"}, // already the 21st in Berlin
		{"America/New_York", "2026-10-20T22:30:00Z", "2026-10-31T04:00:00Z"},
		{"America/Sao_Paulo", "2017-10-04T12:00:00Z", "2017-10-15T03:00:00Z"}, // a day without midnight
		{"Nowhere/Atlantis", "2026-10-20T14:05:00Z", "2026-10-31T00:00:00Z"},  // counts as UTC, and Review says so
	} {
		d := epoc(at(t, c.received), c.zone)
		if got := clock(t, l, d, "eu.epoc.produce", nil, d.Received); !got.Due.Equal(at(t, c.due)) {
			t.Errorf("%s in %s: due %s, want %s", c.received, c.zone, got.Due.Format(time.RFC3339), c.due)
		}
	}
}

// TestUnknownZoneIsSaid: a deadline counted in the wrong zone is no secret.
func TestUnknownZoneIsSaid(t *testing.T) {
	l := load(t, "")
	for zone, said := range map[string]bool{"": false, "Europe/Berlin": false, "Nowhere/Atlantis": true, "Local": true, "../../etc/passwd": true} {
		got := slices.ContainsFunc(l.Review(epoc(time.Now(), zone), nil), func(f law.Finding) bool { return f.Rule == "provider.zone" && f.Outcome == law.Counsel })
		if got != said {
			t.Errorf("%q: said %v", zone, got)
		}
	}
}
