package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrOptions: a report was asked for that there isn't.
var ErrOptions = errors.New("no such report")

// Layout is how a report is laid out.
type Layout string

// The layouts.
const (
	Writ   Layout = "writ"
	GitHub Layout = "github"
)

// By is the length of the periods of the layout "github".
type By string

// The lengths.
const (
	Year By = "year"
	Half By = "half"
)

// Rounding is what is done to small figures.
type Rounding string

const (
	// Small hides figures from 1 to 4: the default of the layout "writ", whose
	// reports state the rule.
	Small Rounding = "small"
	// Exact hides nothing: the layout "github" has no other, as its publisher.
	// National-security numbers stay in bands all the same.
	Exact Rounding = "exact"
)

// The tables of the layout "github".
const (
	ReceivedDisclosed = "received-disclosed"
	Accounts          = "accounts"
	Notifications     = "notifications"
	CrossBorder       = "cross-border"
	NationalTable     = "national-security"
)

var githubTables = []string{ReceivedDisclosed, Accounts, Notifications, CrossBorder, NationalTable}

// Options say which report is wanted.
type Options struct {
	From, To time.Time // days, both in the report; a case counts by when its demand was received, UTC
	Made     time.Time // the day on which the report is made: which lags are over, which clocks still run
	Layout   Layout    // default: Writ
	By       By        // layout "github" only; default: Year
	Table    string    // layout "github" only, and needed there
	Round    Rounding  // default: Small for Writ, Exact for GitHub
	Operator string    // who reports; shown as it is, may be empty

	// Structure of the national-security numbers; default: [Bands250]. Named,
	// it has to be lawful for the whole period; by default what can't be
	// reported yet is left out, and the report says so. The table
	// "national-security" counts as named.
	Structure Structure
	// Published are the reports that were published before: widths of bands
	// are never mixed across them.
	Published []Publication
	// Correction is the digest of the first report of this period, if this one
	// corrects it; zero: it corrects none.
	Correction [32]byte

	named       bool   // the structure was named
	first, past Moment // the report's days: from first on, before past
}

// Publication is a report that was published before, as far as the next one
// has to know it.
type Publication struct {
	From, To  time.Time
	Structure Structure // empty: it had no national-security numbers
}

// whole checks o and fills in the defaults.
func (o Options) whole() (Options, error) {
	bad := func(format string, args ...any) (Options, error) {
		return o, fmt.Errorf("%w: %s", ErrOptions, fmt.Sprintf(format, args...))
	}
	o.From, o.To, o.Made = day(o.From), day(o.To), day(o.Made)
	if o.Layout == "" {
		o.Layout = Writ
	}
	switch {
	case o.From.IsZero() || o.To.IsZero():
		return bad("say from which day to which")
	case o.From.Year() < 1971 || o.To.Year() > 9999:
		return bad("the period must lie between 1971 and 9999")
	case o.To.Before(o.From):
		return bad("it would end (%s) before it begins (%s)", o.To.Format(time.DateOnly), o.From.Format(time.DateOnly))
	case o.Made.IsZero():
		return bad("say on which day it is made")
	case o.Made.Before(o.From):
		return bad("its period, from %s, hasn't begun", o.From.Format(time.DateOnly))
	case len(o.Operator) > 200:
		return bad("the operator's name is longer than 200 bytes")
	}
	switch o.Layout {
	case Writ:
		if o.By != "" || o.Table != "" {
			return bad("the layout %q has neither tables nor years to choose; see the layout %q", Writ, GitHub)
		}
		if o.Round == "" {
			o.Round = Small
		}
	case GitHub:
		if o.By == "" {
			o.By = Year
		}
		if o.By != Year && o.By != Half {
			return bad("by %q; it is by %q or %q", o.By, Year, Half)
		}
		if !slices.Contains(githubTables, o.Table) {
			return bad("table %q; the tables are %s", o.Table, strings.Join(githubTables, ", "))
		}
		if o.Round == "" {
			o.Round = Exact
		}
		if o.Round != Exact {
			return bad("the layout %q prints exact figures only", GitHub)
		}
	default:
		return bad("layout %q; it is %q or %q", o.Layout, Writ, GitHub)
	}
	if o.Round != Small && o.Round != Exact {
		return bad("rounding %q; it is %q or %q", o.Round, Small, Exact)
	}
	o.first, o.past = Moment(o.From.Unix()), Moment(o.To.AddDate(0, 0, 1).Unix())
	o.named = o.Structure != "" || o.Table == NationalTable
	if o.Structure == "" {
		o.Structure = Bands250
	}
	if _, known := structures[o.Structure]; !known && o.Structure != ExactNumbers {
		return bad("structure %q; 50 USC 1874 has 1, 2, 3 and 4", o.Structure)
	}
	return o, nil
}

func day(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// covers tells whether m is in the report's period.
func (o *Options) covers(m Moment) bool {
	return m != 0 && m >= o.first && m < o.past
}

// period is a calendar year, or a half of one.
type period struct {
	year int
	half int // 1 or 2; 0: the whole year
}

func periodOf(m Moment, by By) period {
	y, month, _ := m.Time().Date()
	switch {
	case by == Year:
		return period{year: y}
	case month <= time.June:
		return period{y, 1}
	default:
		return period{y, 2}
	}
}

// days returns the first day of p and the day after its last.
func (p period) days() (from, until time.Time) {
	date := func(y int, m time.Month) time.Time { return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC) }
	switch p.half {
	case 1:
		return date(p.year, time.January), date(p.year, time.July)
	case 2:
		return date(p.year, time.July), date(p.year+1, time.January)
	default:
		return date(p.year, time.January), date(p.year+1, time.January)
	}
}

func (p period) months() string {
	return [...]string{"Jan-Dec", "Jan-Jun", "Jul-Dec"}[p.half]
}

func (p period) String() string {
	if p.half == 0 {
		return fmt.Sprint(p.year)
	}
	return fmt.Sprintf("%d, half %d", p.year, p.half)
}

// compareNewest sorts the newest period first.
func compareNewest(a, b period) int {
	if a.year != b.year {
		return b.year - a.year
	}
	return b.half - a.half
}

// inside tells whether the report's days hold the whole of p.
func (o *Options) inside(p period) bool {
	from, until := p.days()
	return !from.Before(o.From) && !until.After(o.To.AddDate(0, 0, 1))
}

// periods returns those that lie in the report's days whole, newest first.
func (o *Options) periods(by By) (out []period) {
	for y := o.To.Year(); y >= o.From.Year(); y-- {
		candidates := []period{{year: y}}
		if by == Half {
			candidates = []period{{y, 2}, {y, 1}}
		}
		for _, p := range candidates {
			if o.inside(p) {
				out = append(out, p)
			}
		}
	}
	return out
}
