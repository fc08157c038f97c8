package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"writ"
)

// write prints the grids, each with its small figures hidden.
func (t *writTally) write(to *Report, nat *national, r *Refusal) {
	others := merging{
		order: func(a, b string) int { return cmp.Compare(a, b) }, parent: func(string) string { return otherRow },
		otherTitle: "other",
	}
	demands := others
	demands.pair, demands.pairID, demands.pairTitle, demands.otherTitle = [2]string{"non-content", "content"}, "disclosed", "disclosed", "other outcomes"
	byInstrument := demands
	byInstrument.parent = func(key string) string {
		if id := rowInstrument(key); id != key {
			return id
		}
		return otherRow
	}
	byInstrument.order = func(a, b string) int {
		return cmp.Or(compareInstruments(writ.Instrument(rowInstrument(a)), writ.Instrument(rowInstrument(b))), cmp.Compare(a, b))
	}
	byCountry := demands
	byCountry.order = func(a, b string) int {
		return cmp.Or(cmp.Compare(countries()[a].name, countries()[b].name), cmp.Compare(a, b))
	}

	round := t.o.Round
	instruments, byPlace := t.instruments.hide(byInstrument, round), t.countries.hide(byCountry, round)
	add := func(s section) { to.sections = append(to.sections, s) }
	add(instruments.section("Demands by instrument", "instrument", "received", instrumentLabel, 1))
	add(byPlace.section("Demands by country of the authority", "country", "received", countryLabel, 1))
	add(emergencies(instruments))
	if instruments.showsDisclosed() {
		add(t.notices.hide(others, round).section("What customers were told of disclosures", "", "disclosures", func(string) string { return "all disclosures" }, 0))
		basis := others
		basis.order = func(a, b string) int {
			return cmp.Or(cmp.Compare(secrecyRow[a], secrecyRow[b]), cmp.Compare(a, b))
		}
		add(t.secrecy.hide(basis, round).section("Disclosures by basis and length of secrecy", "basis", "disclosures", secrecyLabel, 1))
	}
	keptBy := byInstrument
	keptBy.pair = [2]string{}
	add(t.kept.hide(keptBy, round).section("Demands to preserve data", "instrument", "received", instrumentLabel, 0))
	add(t.due.hide(others, round).section("Clocks", "clock", "clocks", plainLabel, 2))
	add(article28(instruments))
	add(t.measures())
	t.national(to, nat, r)
	t.remarks(to)
}

// remarks says how the figures were made.
func (t *writTally) remarks(to *Report) {
	to.notes = append(to.notes,
		"A demand counts in the period in which it was received, whenever it was closed. Disclosed means that content or other data were handed over.",
		"Demands to preserve data, and letters and orders of US national security, are in their own tables only.")
	if t.historic {
		to.notes = append(to.notes, "Historic cases, imported after their end, are among these: how they were handled isn't in this docket.")
	}
	if t.o.Round == Small {
		to.notes = append(to.notes, smallRule)
	}
	if to.Preliminary() {
		to.notes = append(to.notes, "Preliminary: the period wasn't over when this was made.")
	}
}

// national adds the national-security numbers.
func (t *writTally) national(to *Report, nat *national, r *Refusal) {
	s := section{ID: NationalTable, Title: "US national security", Columns: []column{{"period", "period"}, {"what", "what"}, {"band", "band"}}}
	lines, early := nat.lines(r)
	nat.mixed(lines, r)
	for _, l := range lines {
		s.Rows = append(s.Rows, row{Cells: []figure{words(l.period.String()), words(l.what), words(l.band)}})
	}
	s.Notes = append(s.Notes, "In "+structures[t.o.Structure].words+". Every period has its band, also one in which nothing came.")
	for _, p := range early {
		s.Notes = append(s.Notes, fmt.Sprintf("Not yet reported: %s.", p))
	}
	if len(lines) == 0 && len(early) == 0 {
		s.Notes = append(s.Notes, "No whole period lies in this report.")
	}
	to.sections = append(to.sections, s)
}

// showsDisclosed tells whether the total of disclosures is printed, or can be
// added up: only then may it be broken down.
func (s *shown) showsDisclosed() bool {
	return !s.few && (s.column("disclosed") >= 0 || s.column("content") >= 0)
}

func plainLabel(key string) string { return key }

func secrecyLabel(key string) string {
	if i, known := secrecyRow[key]; known {
		return secrecyRows[i].title
	}
	return key
}

func countryLabel(key string) string { return countries()[key].name + " (" + key + ")" }

func instrumentLabel(key string) string {
	parts := strings.Split(key, "|")
	parts[0] = instrumentOf(writ.Instrument(parts[0])).Name
	return strings.Join(parts, ", ")
}

// section prints a grid: its rows, and their total.
func (s *shown) section(title, rows, sum string, label func(string) string, chart int) section {
	out := section{ID: s.id, Title: title, chart: chart}
	if s.few {
		out.Notes = append(out.Notes, "Fewer than 5 in all; nothing more is printed of them.")
		return out
	}
	if s.total.sum == 0 {
		out.Notes = append(out.Notes, "None.")
		return out
	}
	out.Columns = append(out.Columns, column{cmp.Or(rows, "row"), rows}, column{"all", sum})
	for _, a := range s.axes {
		out.Columns = append(out.Columns, column{a.id, a.title})
	}
	for i, l := range s.lines {
		cells := []figure{words(s.name(l.key, label)), number(l.sum)}
		for c := range s.axes {
			cells = append(cells, s.figure(i, c))
		}
		out.Rows = append(out.Rows, row{Cells: cells})
	}
	cells := []figure{words("total"), number(s.total.sum)}
	for c := range s.axes {
		cells = append(cells, s.totalFigure(c))
	}
	out.Rows = append(out.Rows, row{Cells: cells, Total: true})
	return out
}

// name returns what a row is called. Where some of an instrument's demands have
// rows of their own, the row of its others says so.
func (s *shown) name(key string, label func(string) string) string {
	if key == otherRow {
		return "other"
	}
	if slices.ContainsFunc(s.lines, func(l shownLine) bool { return strings.HasPrefix(l.key, key+"|") }) {
		return label(key) + ", others"
	}
	return label(key)
}

// emergencies lists the emergencies among the rows that are printed: it says
// nothing that they don't.
func emergencies(s *shown) section {
	out := section{ID: "emergencies", Title: "Emergencies", chart: 1}
	if !s.few {
		for i, l := range s.lines {
			if l.key == otherRow || !isEmergencyRow(l.key) {
				continue
			}
			out.Rows = append(out.Rows, row{Cells: []figure{words(s.name(l.key, instrumentLabel)), number(l.sum), s.disclosed(i)}})
		}
	}
	if out.Rows == nil {
		out.Notes = append(out.Notes, "None that is printed on its own.")
		return out
	}
	out.Columns = []column{{"instrument", "instrument"}, {"all", "received"}, {"disclosed", "disclosed"}}
	return out
}

// disclosed returns how many of a row were disclosed, if both of what it is
// made of are printed.
func (s *shown) disclosed(i int) figure {
	n := 0
	for _, id := range []string{"disclosed", "non-content", "content"} {
		c := s.column(id)
		if c < 0 {
			continue
		}
		f := s.figure(i, c)
		if !f.bare() {
			return withheld
		}
		n += f.n
	}
	if s.column("disclosed") < 0 && s.column("content") < 0 {
		return withheld
	}
	return number(n)
}

// round prints a figure that can be computed from others that are printed.
func (s *shown) round(n int) figure {
	if s.rule == Small && isSmall(n) {
		return few
	}
	return number(n)
}

// article28 lists the orders of e-Evidence among the rows that are printed,
// by class of data, with what came of them and how long that took on average.
func article28(s *shown) section {
	out := section{ID: "e-evidence", Title: "European Production Orders (Regulation (EU) 2023/1543, Article 28)"}
	if !s.few {
		for i, l := range s.lines {
			if !strings.HasPrefix(l.key, "eu.") {
				continue
			}
			fulfilled, not, days := s.disclosed(i), withheld, withheld
			if fulfilled.bare() {
				not = s.round(l.sum - fulfilled.n)
				if fulfilled.n >= smallest && l.answered == fulfilled.n {
					days = words(strconv.FormatFloat(float64(l.seconds)/86400/float64(l.answered), 'f', 1, 64))
				}
			}
			out.Rows = append(out.Rows, row{Cells: []figure{words(s.name(l.key, instrumentLabel)), number(l.sum), fulfilled, not, days}})
		}
	}
	if out.Rows == nil {
		out.Notes = append(out.Notes, "None that is printed on its own.")
		return out
	}
	out.Columns = []column{{"order", "order"}, {"all", "received"}, {"fulfilled", "fulfilled"}, {"not-fulfilled", "not, or not yet"}, {"days", "days to answer, on average"}}
	return out
}

// measures lists figures of e-Evidence that no sum is made of: each can be
// hidden by itself.
func (t *writTally) measures() section {
	out := section{ID: "e-evidence-measures", Title: "e-Evidence: notifications, refusals, conflicts, remedies", Columns: []column{{"what", "what"}, {"orders", "orders"}}}
	for _, m := range []struct {
		what string
		n    int
	}{
		{"enforcing authority notified (Article 8)", t.eu.notified},
		{"ground for refusal raised by it (Article 12)", t.eu.refused},
		{"objection for a conflict of laws (Article 17)", t.eu.conflict},
		{"legal remedy used (Article 18)", t.eu.remedy},
	} {
		f := number(m.n)
		if t.o.Round == Small && isSmall(m.n) {
			f = few
		}
		out.Rows = append(out.Rows, row{Cells: []figure{words(m.what), f}})
	}
	return out
}
