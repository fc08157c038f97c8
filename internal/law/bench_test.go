package law_test

import (
	"testing"
	"time"

	"writ"
	"writ/internal/law"
)

// BenchmarkReview reviews the demand with the most rules, with half of its
// questions answered.
func BenchmarkReview(b *testing.B) {
	l := load(b, strictHouse)
	d := law.Demand{Instrument: "us.warrant", Issuer: law.Authority{Kind: "court", Country: "US"}, Provider: law.Provider{Country: "DE", TimeZone: "Europe/Berlin"},
		Received: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), Matter: "criminal", Classes: []writ.DataClass{"subscriber", "traffic", "content"}, Identifiers: 3, Order: true,
		Secrecy: writ.DatedOrder, SecrecyUntil: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), Harms: []string{"us.flight"}, Conflict: "GB"}
	facts := law.Facts{"us.particular": law.Yes, "us.conflict-looked-at": law.Yes, "tc.personal": law.Yes}
	b.ReportAllocs()
	for b.Loop() {
		l.Review(d, facts)
	}
}

// BenchmarkClocks stands the clocks of a demand with a history.
func BenchmarkClocks(b *testing.B) {
	l := load(b, "")
	d := epoc(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), "Europe/Berlin")
	d.Conflict = "CH"
	var events []law.Event
	for n, kind := range []law.EventKind{law.AuthorityNotified, law.ClarificationAsk, law.Clarified, law.Suspended, law.Resumed, law.AuthorityCleared, law.Produced} {
		events = append(events, law.Event{Kind: kind, At: d.Received.Add(time.Duration(n) * time.Hour)})
	}
	now := d.Received.Add(48 * time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		l.Clocks(d, events, now)
	}
}

// BenchmarkLoad reads and checks all packs, as the server does at its start.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load(b, strictHouse)
	}
}
