package report

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"writ"
)

func letter(i int, day string) Case {
	return Case{Ref: fmt.Sprint("n", i), Country: "US", Instrument: "us.nsl", Matter: NationalSecurity, Outcome: NoData, Received: At(dayOf(day)), Closed: At(dayOf(day)), Specified: 7}
}

func TestBand(t *testing.T) {
	for _, x := range []struct {
		n, width int
		want     string
	}{{0, 250, "0-249"}, {249, 250, "0-249"}, {250, 250, "250-499"}, {0, 1000, "0-999"}, {1000, 1000, "1000-1999"}, {99, 100, "0-99"}, {500, 500, "500-999"}} {
		if got := band(x.n, x.width); got != x.want {
			t.Errorf("%d in %d: %s", x.n, x.width, got)
		}
	}
}

// Each structure has its cells, its width, and its lag to the day.
func TestStructures(t *testing.T) {
	var cases []Case
	for i := range 260 {
		c := letter(i, "2025-02-01")
		if i%2 == 1 {
			c.Instrument, c.Asked = "us.fisa", writ.ClassTraffic
		}
		cases = append(cases, c)
	}
	for _, x := range []struct {
		structure    Structure
		to           string
		made, before string
		want         []string
	}{
		{Bands1000, "2025-06-30", "2025-12-28", "2025-12-27", []string{"0-999", "0-999", "0-999", "0-999", "0-999", "0-999"}},
		{Bands500, "2025-06-30", "2025-12-28", "2025-12-27", []string{"0-499", "500-999", "0-499", "0-499", "0-499", "500-999"}},
		{Bands250, "2025-06-30", "2025-07-01", "2025-06-30", []string{"250-499", "1750-1999"}},
		{Bands100, "2025-12-31", "2027-01-01", "2026-12-31", []string{"200-299", "1800-1899"}},
	} {
		o := Options{From: dayOf("2025-01-01"), To: dayOf(x.to), Made: dayOf(x.made), Layout: GitHub, Table: NationalTable, Structure: x.structure}
		r, err := Make(slices.Values(cases), o)
		if err != nil {
			t.Fatal(x.structure, err)
		}
		var got []string
		for _, row := range r.sections[0].Rows {
			got = append(got, row.Cells[3].String())
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("structure %s: %v", x.structure, got)
		}
		o.Made = dayOf(x.before)
		var refusal *Refusal
		if _, err := Make(slices.Values(cases), o); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "before "+x.made) {
			t.Errorf("structure %s a day early: %v", x.structure, err)
		}
		// By default what is too early is left out, and that is said.
		r, err = Make(slices.Values(cases), Options{From: o.From, To: o.To, Made: dayOf("2025-05-01")})
		if err != nil {
			t.Fatal(err)
		}
		last := r.sections[len(r.sections)-1]
		if len(last.Rows) != 0 || !strings.Contains(strings.Join(last.Notes, " "), "Not yet reported: 2025, half 1") || r.Publication().Structure != "" {
			t.Errorf("%+v", last)
		}
	}
}

// The first order on a new service is deferred for 540 days, then counted.
func TestFirstOrder(t *testing.T) {
	var cases []Case
	for i := range 500 {
		c := letter(i, "2025-01-10")
		c.Instrument, c.Asked, c.NewService = "us.fisa", writ.ClassContent, i == 0
		cases = append(cases, c)
	}
	for made, want := range map[string]string{"2026-07-03": "0-499", "2026-07-04": "500-999"} {
		r, err := Make(slices.Values(cases), Options{From: dayOf("2025-01-01"), To: dayOf("2025-06-30"), Made: dayOf(made), Layout: GitHub, Table: NationalTable, Structure: Bands500})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.sections[0].Rows[2].Cells[3].String(); got != want {
			t.Errorf("made %s: %s, want %s", made, got, want)
		}
	}
}

func TestNationalRefusals(t *testing.T) {
	o := Options{From: dayOf("2025-01-01"), To: dayOf("2025-12-31"), Made: dayOf("2027-01-01")}
	exact := o
	exact.Structure = ExactNumbers
	refused(t, nil, exact, "", "exact national-security numbers")
	mixed := o
	mixed.Structure = Bands500
	mixed.Published = []Publication{{From: dayOf("2025-07-01"), To: dayOf("2026-06-30"), Structure: Bands250}}
	refused(t, nil, mixed, "", "would mix widths")
	mixed.Published[0].From = dayOf("2026-01-01") // of other days
	if _, err := Make(slices.Values([]Case(nil)), mixed); err != nil {
		t.Error(err)
	}
	split := o
	split.Structure = Bands1000
	c := letter(1, "2025-01-10")
	c.Instrument = "us.fisa"
	refused(t, []Case{c}, split, "n1", "isn't said what this one asks for")
	cut := o
	cut.Structure, cut.To = Bands250, dayOf("2025-05-31")
	refused(t, []Case{c}, cut, "n1", "isn't in the report whole")

	// Another width among the lines is found, whatever made it.
	n := newNational(&Options{Structure: Bands250})
	for _, b := range []string{"0-499", "17", "1-250", "250-498"} {
		r := &Refusal{}
		if n.mixed([]bandLine{{period{2025, 1}, "x", "0-249"}, {period{2025, 2}, "x", b}}, r); len(r.Contradictions) != 1 {
			t.Errorf("%s: %v", b, r)
		}
	}
}

// Letters and orders change nothing but their own bands: two dockets, one with
// and one without them, give the same report.
func TestNationalLeavesNoTrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cases := someCases(t, 60)
		without := slices.DeleteFunc(slices.Clone(cases), func(c Case) bool { return instrumentOf(c.Instrument).NationalSecurity })
		for _, format := range Formats() {
			var outs []string
			for _, some := range [][]Case{cases, without} {
				r, err := Make(slices.Values(some), year2026(Exact))
				if err != nil {
					t.Fatal(err)
				}
				var b bytes.Buffer
				if err := r.Write(&b, format); err != nil {
					t.Fatal(err)
				}
				outs = append(outs, b.String())
			}
			if bands := regexp.MustCompile(`\d+-249\b`); bands.ReplaceAllString(outs[0], "") != bands.ReplaceAllString(outs[1], "") {
				t.Fatalf("%s:\n%s\n%s", format, outs[0], outs[1])
			}
		}
	})
}
