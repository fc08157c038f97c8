package report

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"writ"
)

// year2026 are options of the layout "writ".
func year2026(round Rounding) Options {
	return Options{From: dayOf("2026-01-01"), To: dayOf("2026-12-31"), Made: dayOf("2027-02-01"), Round: round, Operator: "Fjordhost"}
}

// someCase draws a case that can be true, received in 2026.
func someCase(t *rapid.T, i int) Case {
	ids := []writ.Instrument{"us.subpoena", "us.2703d", "us.warrant", "us.emergency", "us.preservation", "us.nsl", "us.fisa", "eu.epoc", "eu.epoc-pr", "domestic", "mlat", "foreign.direct", "xx.own"}
	pick := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
	received := At(dayOf("2026-01-01")) + Moment(rapid.IntRange(0, 365*86400-1).Draw(t, "received"))
	c := Case{
		Ref: fmt.Sprintf("2026-%04d", i), Country: []string{"DE", "FR", "US", "IN", "BR"}[pick("country", 5)],
		Instrument: ids[pick("instrument", len(ids))], Matter: Criminal, Received: received,
		Specified: pick("specified", 4), Narrowed: pick("narrowed", 6) == 0,
		Outcome: []Outcome{Rejected, Withdrawn, Referred, Objected, Impossible, NoData, NonContent, NonContent, Content, Open}[pick("outcome", 10)],
		Clocks:  []Clock{{ID: []string{"ten days", "eight hours"}[pick("clock", 2)], Due: received + 1000, Met: received + Moment(pick("met", 2000))}},
	}
	in := instrumentOf(c.Instrument)
	c.Emergency = in.Emergency || pick("emergency", 5) == 0
	if strings.HasPrefix(string(c.Instrument), "eu.") {
		c.Asked = []writ.DataClass{writ.ClassSubscriber, writ.ClassTraffic, writ.ClassContent}[pick("asked", 3)]
		c.EU = &EU{Notified: pick("notified", 2) == 0, Remedy: pick("remedy", 9) == 0}
	}
	if c.Outcome == Content && (in.Reach == reachNonContent || c.Asked != "" && c.Asked != writ.ClassContent) {
		c.Outcome = NonContent
	}
	if c.Outcome.Disclosed() && in.Reach == reachNothing {
		c.Outcome = NoData
	}
	if c.Outcome != Open {
		c.Closed = received + Moment(pick("closed", 40))*86400
	}
	if c.Outcome.Disclosed() {
		c.Affected = pick("affected", 9)
		c.Notice = []Notice{Given, Gagged, Exigent, NoNotice, ByAuthority}[pick("notice", 5)]
		c.Secrecy = []writ.Secrecy{"", writ.TellBefore, writ.DatedOrder, writ.Statutory}[pick("secrecy", 4)]
		if c.Secrecy == writ.DatedOrder {
			c.SecrecyFrom = received
			c.SecrecyUntil = received + Moment(pick("days", 500))*86400
		}
	}
	return c
}

func someCases(t *rapid.T, most int) []Case {
	n := rapid.IntRange(0, most).Draw(t, "n")
	var out []Case
	for i := range n {
		out = append(out, someCase(t, i))
	}
	return out
}

// manyCases are n cases of 2026, always the same, as a docket has them: many
// of a few kinds, few of many.
func manyCases(n int) []Case {
	ids := []writ.Instrument{"us.subpoena", "us.subpoena", "domestic", "domestic", "domestic", "us.2703d", "us.warrant", "us.emergency", "us.preservation", "us.nsl", "eu.epoc", "eu.epoc", "eu.epoc-pr", "mlat", "foreign.direct"}
	outcomes := []Outcome{Rejected, Withdrawn, Referred, Objected, Impossible, NoData, NonContent, NonContent, NonContent, Open}
	places := slices.Sorted(maps.Keys(countries()))
	rnd := rand.New(rand.NewPCG(1, 2))
	out := make([]Case, n)
	for i := range out {
		c := Case{
			Ref: fmt.Sprintf("2026-%08d", i), Country: places[min(rnd.IntN(len(places)), rnd.IntN(len(places)), rnd.IntN(len(places)))],
			Instrument: ids[rnd.IntN(len(ids))], Matter: Criminal, Received: At(dayOf("2026-01-01")) + Moment(rnd.IntN(365*86400)),
			Outcome: outcomes[rnd.IntN(len(outcomes))], Specified: 1 + rnd.IntN(3),
		}
		in := instrumentOf(c.Instrument)
		c.Emergency = in.Emergency || rnd.IntN(20) == 0
		if strings.HasPrefix(string(c.Instrument), "eu.") {
			c.Asked = []writ.DataClass{writ.ClassSubscriber, writ.ClassTraffic, writ.ClassContent}[rnd.IntN(3)]
			c.EU = &EU{Notified: c.Asked == writ.ClassContent}
		}
		switch {
		case c.Outcome.Disclosed() && in.Reach == reachNothing:
			c.Outcome = NoData
		case c.Outcome.Disclosed() && in.Reach != reachNonContent && (c.Asked == "" || c.Asked == writ.ClassContent):
			c.Outcome = Content
		}
		if c.Outcome != Open {
			c.Closed = c.Received + Moment(rnd.IntN(40*86400))
		}
		if c.Outcome.Disclosed() {
			c.Affected, c.Notice = c.Specified, []Notice{Given, Gagged, ByAuthority}[rnd.IntN(3)]
			c.Secrecy, c.SecrecyFrom = writ.DatedOrder, c.Received
			c.SecrecyUntil = c.Received + Moment(rnd.IntN(500*86400))
		}
		for range 3 {
			c.Clocks = append(c.Clocks, Clock{ID: "clock " + string(rune('a'+rnd.IntN(9))), Due: c.Received + 100, Met: c.Received + Moment(rnd.IntN(120))})
		}
		out[i] = c
	}
	return out
}

func good() Case {
	return Case{
		Ref: "2026-7KQM-4ZT0", Country: "US", Instrument: "us.subpoena", Matter: Criminal, Outcome: NonContent, Notice: Gagged, Affected: 1,
		Received: At(dayOf("2026-03-01")), Closed: At(dayOf("2026-03-09")),
	}
}
