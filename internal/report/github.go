package report

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"writ"
)

//go:embed data/github.yaml
var githubYAML []byte

// githubLayout is data/github.yaml.
type githubLayout struct {
	Types                []githubType     `yaml:"types"`
	TypeOrder            map[int][]string `yaml:"type_order"`
	Notices              []githubNotice   `yaml:"notices"`
	CountriesByCodeSince int              `yaml:"countries_by_code_since"`
	CountryOrder         map[int][]string `yaml:"country_order"`
	LF                   []string         `yaml:"lf"`
}

type githubType struct {
	Name       string          `yaml:"name"`
	Instrument writ.Instrument `yaml:"instrument"`
	Matters    []Matter        `yaml:"matters"`
	Countries  bool            `yaml:"countries"` // its countries have a table of their own
}

type githubNotice struct {
	Name    string   `yaml:"name"`
	Notices []Notice `yaml:"notices"`
}

var github = sync.OnceValue(func() *githubLayout {
	l := new(githubLayout)
	strictYAML(githubYAML, l)
	return l
})

// typeOf returns a demand's row, if the publisher has one for it, and whether
// its country has a row too.
func (l *githubLayout) typeOf(c *Case) (name string, known, countries bool) {
	for _, t := range l.Types {
		if t.Instrument == c.Instrument && (t.Matters == nil || slices.Contains(t.Matters, c.Matter)) {
			return t.Name, true, t.Countries
		}
	}
	return "", false, false
}

func (l *githubLayout) noticeOf(n Notice) string {
	for _, row := range l.Notices {
		if slices.Contains(row.Notices, n) {
			return row.Name
		}
	}
	return string(n)
}

// sum is a figure by rows, and the same figure counted apart from them.
type sum struct {
	rows map[string]int
	all  int
}

func (s *sum) add(row string, n int) {
	if s.rows == nil {
		s.rows = map[string]int{}
	}
	s.rows[row] += n
	s.all += n
}

func (s *sum) adds() bool {
	n := 0
	for _, v := range s.rows {
		n += v
	}
	return n == s.all
}

// githubPeriod is what is counted of one period.
type githubPeriod struct {
	received, disclosed, accounts, notices, countries sum
	crossBorder                                       int
	blame                                             map[string]string // row: the last case disclosed without receipt
}

type githubTally struct {
	o       *Options
	layout  *githubLayout
	periods map[period]*githubPeriod
	kept    int // demands to preserve
	extra   map[string]writ.Instrument
}

func newGitHubTally(o *Options) *githubTally {
	return &githubTally{o: o, layout: github(), periods: map[period]*githubPeriod{}, extra: map[string]writ.Instrument{}}
}

func (t *githubTally) add(c *Case, kind *instrument, r *Refusal) {
	if c.Preservation || kind.Reach == reachNothing {
		t.kept++ // asks for no disclosure: the publisher's tables have no place for it
		return
	}
	when := c.Received
	if when == 0 {
		when = c.Closed
	}
	p := periodOf(when, t.o.By)
	at := t.periods[p]
	if at == nil {
		at = &githubPeriod{blame: map[string]string{}}
		t.periods[p] = at
		if !t.o.inside(p) && t.o.Table != NationalTable {
			r.blame(c.Ref, "it counts in %s, which isn't in the report whole; ask for whole periods", p)
		}
	}
	row, known, abroad := t.layout.typeOf(c)
	if !known {
		row = kind.Name
		t.extra[row] = c.Instrument
	}
	if c.Received != 0 {
		at.received.add(row, 1)
		if abroad {
			at.countries.add(c.Country, 1)
			at.crossBorder++
		}
	}
	if c.Outcome.Disclosed() {
		at.disclosed.add(row, 1)
		at.accounts.add(row, c.Affected)
		at.notices.add(t.layout.noticeOf(c.Notice), 1)
		if c.Received == 0 {
			at.blame[row] = c.Ref
		}
	}
}

func (t *githubTally) check(r *Refusal) {
	for _, p := range slices.SortedFunc(maps.Keys(t.periods), compareNewest) {
		at := t.periods[p]
		for _, row := range slices.Sorted(maps.Keys(at.disclosed.rows)) {
			if d, n := at.disclosed.rows[row], at.received.rows[row]; d > n {
				r.blame(at.blame[row], "%s, %s: %d disclosed of %d received", p, row, d, n)
			}
		}
		for _, s := range []struct {
			what string
			sum
		}{{"received", at.received}, {"disclosed", at.disclosed}, {"accounts affected", at.accounts}, {"notifications", at.notices}, {"cross-border requests", at.countries}} {
			if !s.adds() {
				r.blame("", "%s, %s: the rows don't add up to the total of %d", p, s.what, s.all)
			}
		}
		if at.notices.all != at.disclosed.all {
			r.blame("", "%s: notifications of %d disclosures, but %d were made", p, at.notices.all, at.disclosed.all)
		}
		if at.countries.all != at.crossBorder {
			r.blame("", "%s: %d cross-border requests by country, but %d were received", p, at.countries.all, at.crossBorder)
		}
	}
}

func (t *githubTally) write(to *Report, nat *national, r *Refusal) {
	to.crlf = !slices.Contains(t.layout.LF, t.o.Table)
	s := section{ID: t.o.Table, Title: t.o.Table}
	head := func(ids ...string) {
		for _, id := range ids {
			s.Columns = append(s.Columns, column{id, id})
		}
	}
	add := func(cells ...figure) { s.Rows = append(s.Rows, row{Cells: cells}) }
	if t.o.Table == NationalTable {
		head("year", "month_range", "type", "count")
		lines, _ := nat.lines(r)
		nat.mixed(lines, r)
		for _, l := range lines {
			add(number(l.period.year), words(l.period.months()), words(l.what), words(l.band))
		}
		s.Notes = append(s.Notes, "In "+structures[t.o.Structure].words+".")
		to.sections = []section{s}
		return
	}
	head("year")
	if t.o.By == Half {
		head("half")
	}
	head(map[string][]string{
		ReceivedDisclosed: {"type", "count_requests_received", "count_disclosed"},
		Accounts:          {"count_accounts_affected"},
		Notifications:     {"type", "count"},
		CrossBorder:       {"government", "government_iso2_code", "count"},
	}[t.o.Table]...)
	for _, p := range slices.SortedFunc(maps.Keys(t.periods), compareNewest) {
		at := t.periods[p]
		for _, cells := range t.rows(p, at) {
			lead := []figure{number(p.year)}
			if t.o.By == Half {
				lead = append(lead, number(p.half))
			}
			add(append(lead, cells...)...)
		}
	}
	to.sections = []section{s}
	if t.kept > 0 {
		to.notes = append(to.notes, fmt.Sprintf("%d demands to preserve data are not counted: they ask for no disclosure.", t.kept))
	}
}

// rows returns a table's rows of one period. As in the published tables, what
// is zero has no row.
func (t *githubTally) rows(p period, at *githubPeriod) (out [][]figure) {
	switch t.o.Table {
	case ReceivedDisclosed:
		for _, name := range t.typeNames(p.year) {
			if n := at.received.rows[name]; n > 0 {
				out = append(out, []figure{words(name), number(n), number(at.disclosed.rows[name])})
			}
		}
	case Accounts:
		if at.accounts.all > 0 {
			out = append(out, []figure{number(at.accounts.all)})
		}
	case Notifications:
		for _, row := range t.layout.Notices {
			if n := at.notices.rows[row.Name]; n > 0 {
				out = append(out, []figure{words(row.Name), number(n)})
			}
		}
	case CrossBorder:
		for _, code := range t.countryCodes(p.year, at.countries.rows) {
			out = append(out, []figure{words(githubCountry(code)), words(code), number(at.countries.rows[code])})
		}
	}
	return out
}

// typeNames returns the rows of a year in order: the publisher's, then ours.
func (t *githubTally) typeNames(year int) []string {
	names := slices.Clone(t.layout.TypeOrder[year])
	if names == nil {
		for _, x := range t.layout.Types {
			names = append(names, x.Name)
		}
	}
	return append(names, slices.SortedFunc(maps.Keys(t.extra), func(a, b string) int {
		return compareInstruments(t.extra[a], t.extra[b])
	})...)
}

func (t *githubTally) countryCodes(year int, rows map[string]int) []string {
	first := t.layout.CountryOrder[year]
	place := func(code string) int {
		if i := slices.Index(first, code); i >= 0 {
			return i
		}
		return len(first)
	}
	return slices.SortedFunc(maps.Keys(rows), func(a, b string) int {
		switch {
		case place(a) != place(b):
			return place(a) - place(b)
		case year >= t.layout.CountriesByCodeSince:
			return strings.Compare(a, b)
		default:
			return strings.Compare(githubCountry(a), githubCountry(b))
		}
	})
}

// githubCountry returns a country's name as the publisher spells it.
func githubCountry(code string) string {
	c := countries()[code]
	if c.github != "" {
		return c.github
	}
	return c.name
}
