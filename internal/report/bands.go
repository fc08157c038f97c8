package report

import (
	"fmt"
	"time"

	"writ"
)

// Structure is one of the four ways in which 50 USC 1874(a) lets a provider
// publish how many demands of US national security it got.
type Structure string

// The structures; ExactNumbers is none of them, and always refused.
const (
	Bands1000    Structure = "1" // half-years in bands of 1000: letters, and orders with and without content
	Bands500     Structure = "2" // the same in bands of 500
	Bands250     Structure = "3" // half-years in bands of 250: all process, all selectors
	Bands100     Structure = "4" // years in bands of 100: the same two
	ExactNumbers Structure = "exact"
)

// structureRule is what the law says of one structure. Lags run from the end of
// the period, in days and in years; those of structures 1 and 2 are the orders'
// (50 USC 1874(b)), whose letters come out with them.
type structureRule struct {
	width    int
	by       By
	split    bool // letters, content orders and non-content orders apart
	lag      int
	lagYears int
	firstLag int // for the first order on a new service, from its receipt
	words    string
}

var structures = map[Structure]structureRule{
	Bands1000: {1000, Half, true, 180, 0, 540, "structure (1) of 50 USC 1874(a): half-years in bands of 1000, orders not before 180 days, the first order on a new service not before 540"},
	Bands500:  {500, Half, true, 180, 0, 540, "structure (2) of 50 USC 1874(a): half-years in bands of 500, orders not before 180 days, the first order on a new service not before 540"},
	Bands250:  {250, Half, false, 0, 0, 0, "structure (3) of 50 USC 1874(a): half-years in bands of 250, letters and orders together"},
	Bands100:  {100, Year, false, 0, 1, 0, "structure (4) of 50 USC 1874(a): years in bands of 100, letters and orders together, not before a year after their end"},
}

// band returns the band of n. The first begins at zero.
func band(n, width int) string {
	low := n / width * width
	return fmt.Sprintf("%d-%d", low, low+width-1)
}

// The cells of a structure.
const (
	cellLetters = iota
	cellLetterSelectors
	cellContent
	cellContentSelectors
	cellNonContent
	cellNonContentSelectors
	cells
)

// national counts letters and orders of US national security, and nothing else.
type national struct {
	o    *Options
	rule structureRule
	at   map[period]*[cells]int
}

func newNational(o *Options) *national {
	return &national{o: o, rule: structures[o.Structure], at: map[period]*[cells]int{}}
}

// add counts c, whose demand was received within the report's days.
func (n *national) add(c *Case, r *Refusal) {
	if n.rule.width == 0 {
		return
	}
	if c.NewService && n.o.Made.Before(c.Received.Time().AddDate(0, 0, n.rule.firstLag)) {
		return // deferred by law; a period's lag is looked at in rows
	}
	p := periodOf(c.Received, n.rule.by)
	if !n.o.inside(p) {
		if n.o.named {
			r.blame(c.Ref, "%s isn't in the report whole, and national-security numbers are for whole periods only", p)
		}
		return
	}
	got := n.at[p]
	if got == nil {
		got = new([cells]int)
		n.at[p] = got
	}
	cell := cellLetters
	switch {
	case !n.rule.split || c.Instrument == "us.nsl":
	case c.Asked == writ.ClassContent || c.Outcome == Content:
		cell = cellContent
	case c.Asked != "":
		cell = cellNonContent
	default:
		r.blame(c.Ref, "structure (%s) tells content from non-content orders, and it isn't said what this one asks for", n.o.Structure)
	}
	got[cell]++
	got[cell+1] += selectors(c)
}

// selectors returns how many a demand targets: the accounts that it names, or
// those that it turned out to mean where they are more.
func selectors(c *Case) int { return max(c.Specified, c.Affected) }

// ready tells whether p can be reported on the day the report is made, and else
// from which day on.
func (n *national) ready(p period) (time.Time, bool) {
	_, until := p.days()
	from := until.AddDate(n.rule.lagYears, 0, n.rule.lag)
	return from, !n.o.Made.Before(from)
}

// bandLine is one band.
type bandLine struct {
	period period
	what   string
	band   string
}

// lines returns the bands, the newest period first, and the periods of which
// it is too early to say anything.
func (n *national) lines(r *Refusal) (out []bandLine, early []period) {
	if n.o.Structure == ExactNumbers {
		r.blame("", "exact national-security numbers were asked for; 50 USC 1874 has bands only")
		return nil, nil
	}
	n.refuseMixed(r)
	names := []string{"National security letters and orders received", "Affected accounts"}
	if n.rule.split {
		names = []string{
			"National security letters received", "Customer selectors targeted by letters",
			"Orders for content received", "Customer selectors targeted by orders for content",
			"Orders for non-content received", "Customer selectors targeted by orders for non-content",
		}
	}
	for _, p := range n.o.periods(n.rule.by) {
		from, ready := n.ready(p)
		if !ready {
			early = append(early, p)
			if n.o.named {
				r.blame("", "national-security numbers of %s can't be reported in structure (%s) before %s", p, n.o.Structure, from.Format(time.DateOnly))
			}
			continue
		}
		got := n.at[p]
		if got == nil {
			got = new([cells]int)
		}
		for i, name := range names {
			out = append(out, bandLine{p, name, band(got[i], n.rule.width)})
		}
	}
	return out, early
}

// refuseMixed refuses another structure than that of reports published about
// days that this one is about too: two widths of one period narrow each other.
func (n *national) refuseMixed(r *Refusal) {
	for _, p := range n.o.Published {
		overlap := !day(p.To).Before(n.o.From) && !day(p.From).After(n.o.To)
		if p.Structure != "" && p.Structure != n.o.Structure && overlap {
			r.blame("", "national-security numbers from %s to %s are published in structure (%s) already; structure (%s) would mix widths",
				p.From.Format(time.DateOnly), p.To.Format(time.DateOnly), p.Structure, n.o.Structure)
		}
	}
}

// mixed refuses lines whose bands aren't all of the structure's one width. It
// looks at what will be printed, not at what counted it.
func (n *national) mixed(lines []bandLine, r *Refusal) {
	for _, l := range lines {
		var low, high int
		_, err := fmt.Sscanf(l.band, "%d-%d", &low, &high)
		if err != nil || high-low+1 != n.rule.width || low%n.rule.width != 0 {
			r.blame("", "%s, %s: %q isn't a band of %d", l.period, l.what, l.band, n.rule.width)
		}
	}
}

// Structures returns those that a program may offer.
func Structures() []Structure { return []Structure{Bands1000, Bands500, Bands250, Bands100} }
