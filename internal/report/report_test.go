package report

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
)

// Rows add up, and what is disclosed never exceeds what was received.
func TestAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cases := someCases(t, 60)
		r, err := Make(slices.Values(cases), year2026(Exact))
		if err != nil {
			t.Fatal(err)
		}
		received, disclosed := 0, 0
		for _, c := range cases {
			if !instrumentOf(c.Instrument).NationalSecurity && instrumentOf(c.Instrument).Reach != reachNothing {
				received++
				if c.Outcome.Disclosed() {
					disclosed++
				}
			}
		}
		for _, s := range r.sections {
			if s.ID != "instruments" && s.ID != "countries" || len(s.Rows) == 0 {
				continue
			}
			total := s.Rows[len(s.Rows)-1].Cells
			if total[1].n != received || total[1+7].n+total[1+8].n != disclosed || disclosed > received {
				t.Fatalf("%s: %v, of %d received and %d disclosed", s.ID, total, received, disclosed)
			}
			for c := 1; c < len(total); c++ {
				n := 0
				for _, r := range s.Rows[:len(s.Rows)-1] {
					n += r.Cells[c].n
				}
				if n != total[c].n {
					t.Fatalf("%s, %s: %d of %d", s.ID, s.Columns[c].Title, n, total[c].n)
				}
			}
		}
		for _, table := range githubTables {
			o := githubOptions(table, Half, "2026-01-01", "2026-12-31")
			o.Made = dayOf("2027-02-01")
			got, err := Make(slices.Values(cases), o)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range got.sections[0].Rows {
				if table == ReceivedDisclosed && row.Cells[4].n > row.Cells[3].n {
					t.Fatalf("%v", row)
				}
			}
		}
	})
}

// Any one number that is counted can't be another without a refusal.
func TestCorruptSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cases := someCases(t, 30)
		cases = append(cases, someCase(t, 30))
		by := rapid.IntRange(1, 3).Draw(t, "by")

		o, err := year2026(Exact).whole()
		if err != nil {
			t.Fatal(err)
		}
		w := newWritTally(&o)
		g := newGitHubTally(&Options{Layout: GitHub, By: Half, Table: Accounts, From: o.From, To: o.To})
		for i := range cases {
			w.add(&cases[i], instrumentOf(cases[i].Instrument), &Refusal{})
			g.add(&cases[i], instrumentOf(cases[i].Instrument), &Refusal{})
		}
		for _, count := range []tally{w, g} {
			r := &Refusal{}
			if count.check(r); len(r.Contradictions) > 0 {
				t.Fatal(r)
			}
		}

		var numbers []*int
		for _, grid := range []*grid{w.instruments, w.countries, w.notices, w.secrecy, w.kept, w.due} {
			lines := []*line{&grid.total}
			for _, k := range grid.keys() {
				lines = append(lines, grid.lines[k])
			}
			for _, l := range lines {
				numbers = append(numbers, &l.sum)
				for c := range l.cell {
					numbers = append(numbers, &l.cell[c])
				}
			}
		}
		for _, n := range numbers {
			*n += by
			r := &Refusal{}
			if w.check(r); len(r.Contradictions) == 0 {
				t.Fatalf("a number that was %d is %d, and nothing was found", *n-by, *n)
			}
			*n -= by
		}
		for _, p := range g.periods {
			for _, s := range []*sum{&p.received, &p.disclosed, &p.accounts, &p.notices, &p.countries} {
				check := func(what string) {
					r := &Refusal{}
					if g.check(r); len(r.Contradictions) == 0 {
						t.Fatalf("%s was changed, and nothing was found", what)
					}
				}
				s.all += by
				check("a total")
				s.all -= by
				for k := range s.rows {
					s.rows[k] += by
					check(k)
					s.rows[k] -= by
				}
			}
		}
	})
}

func TestContradictions(t *testing.T) {
	for what, change := range map[string]func(*Case){
		"closed (2026-02-28) before it was received (2026-03-01)":            func(c *Case) { c.Closed = At(dayOf("2026-02-28")) },
		"answered (2026-02-28) before it was received (2026-03-01)":          func(c *Case) { c.Answered = At(dayOf("2026-02-28")) },
		"disclosed, but never received":                                      func(c *Case) { c.Received = 0 },
		"it has an end, but was never received":                              func(c *Case) { c.Received, c.Outcome, c.Affected = 0, Rejected, 0 },
		"1 accounts affected, but nothing was disclosed (rejected)":          func(c *Case) { c.Outcome = Rejected },
		"content disclosed on a US subpoena, which can't reach content":      func(c *Case) { c.Outcome = Content },
		"disclosed on a demand to preserve":                                  func(c *Case) { c.Instrument = "us.preservation" },
		"content disclosed, but only subscriber data were asked for":         func(c *Case) { c.Instrument, c.Outcome, c.Asked = "eu.epoc", Content, writ.ClassSubscriber },
		"closed (2026-03-09) without an outcome":                             func(c *Case) { c.Outcome, c.Affected = Open, 0 },
		"imported as closed, but it has no outcome":                          func(c *Case) { c.Outcome, c.Affected, c.Historic = Open, 0, true },
		`"burnt" is no outcome`:                                              func(c *Case) { c.Outcome = "burnt" },
		`"maybe" is no notice`:                                               func(c *Case) { c.Notice = "maybe" },
		"what its customer was told isn't recorded":                          func(c *Case) { c.Notice = "" },
		`country is "ZZ"`:                                                    func(c *Case) { c.Country = "ZZ" },
		"it has no instrument":                                               func(c *Case) { c.Instrument = "" },
		"a US search warrant in a civil matter":                              func(c *Case) { c.Instrument, c.Matter = "us.warrant", Civil },
		"its secrecy ends (2026-03-01) before it begins (2026-04-01)":        func(c *Case) { c.SecrecyFrom, c.SecrecyUntil = At(dayOf("2026-04-01")), At(dayOf("2026-03-01")) },
		`the clock "ten days" was met (2026-02-01) before the demand was re`: func(c *Case) { c.Clocks = []Clock{{"ten days", c.Received, At(dayOf("2026-02-01"))}} },
		"-1 accounts specified":                                              func(c *Case) { c.Specified = -1 },
	} {
		c := good()
		change(&c)
		for _, o := range []Options{year2026(Small), githubOptions(ReceivedDisclosed, Year, "2026-01-01", "2026-12-31")} {
			refused(t, []Case{c}, o, c.Ref, what)
		}
	}
	twice := refused(t, []Case{good(), good()}, year2026(Small), good().Ref, "two cases have this ref")
	if len(twice.Contradictions) != 1 || !strings.Contains(twice.Error(), "case 2026-7KQM-4ZT0: counted twice") {
		t.Error(twice)
	}
}

// What is outside of the period contradicts nobody.
func TestOtherTimes(t *testing.T) {
	c := good()
	c.Outcome = "burnt"
	o := year2026(Small)
	o.From, o.To = dayOf("2025-01-01"), dayOf("2025-12-31")
	if _, err := Make(slices.Values([]Case{c}), o); err != nil {
		t.Error(err)
	}
	for day, in := range map[string]bool{"2026-01-01": true, "2026-12-31": true, "2025-12-31": false, "2027-01-01": false} {
		c := good()
		c.Received = At(dayOf(day)) + 86399
		c.Closed = c.Received + 1
		got := csvOf(t, []Case{c}, githubOptions(ReceivedDisclosed, Year, "2026-01-01", "2026-12-31"))
		if strings.Contains(got, "2026,") != in {
			t.Errorf("%s: %q", day, got)
		}
	}
}

func TestRefusalIsBounded(t *testing.T) {
	var cases []Case
	for range 5000 {
		c := good()
		c.Ref = "\x1b[2Jevil"
		cases = append(cases, c)
	}
	r := refused(t, cases, year2026(Small), cases[0].Ref, "twice")
	if len(r.Contradictions) != maxContradictions || r.More != 5000-1-maxContradictions {
		t.Error(len(r.Contradictions), r.More)
	}
	if s := r.Error(); strings.Contains(s, "\x1b") || strings.Count(s, "\n") != maxPrinted+1 || !strings.Contains(s, "4999 contradictions") {
		t.Errorf("%q", s)
	}
}

func TestOptions(t *testing.T) {
	for what, change := range map[string]func(*Options){
		"say from which day":    func(o *Options) { o.From = time.Time{} },
		"would end":             func(o *Options) { o.To = dayOf("2025-01-01") },
		"on which day it is ma": func(o *Options) { o.Made = time.Time{} },
		"hasn't begun":          func(o *Options) { o.Made = dayOf("2025-01-01") },
		"layout":                func(o *Options) { o.Layout = "gitlab" },
		"neither tables":        func(o *Options) { o.Table = Accounts },
		"the tables are":        func(o *Options) { o.Layout = GitHub; o.Round = "" },
		"exact figures only":    func(o *Options) { o.Layout, o.Table, o.Round = GitHub, Accounts, Small },
		"it is by":              func(o *Options) { o.Layout, o.Table, o.Round, o.By = GitHub, Accounts, "", "week" },
		"rounding":              func(o *Options) { o.Round = "some" },
		"has 1, 2, 3 and 4":     func(o *Options) { o.Structure = "5" },
	} {
		o := year2026(Small)
		change(&o)
		if _, err := Make(slices.Values([]Case(nil)), o); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r, err := Make(slices.Values([]Case(nil)), year2026(Small))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(&bytes.Buffer{}, "pdf"); !errors.Is(err, ErrOptions) {
		t.Error(err)
	}
}

// A period that is cut would be printed under a whole one's name.
func TestCutPeriod(t *testing.T) {
	refused(t, []Case{good()}, githubOptions(ReceivedDisclosed, Year, "2026-01-01", "2026-09-30"), good().Ref, "2026, which isn't in the report whole")
	o := githubOptions(ReceivedDisclosed, Half, "2026-01-01", "2026-07-01") // nothing came on the last day
	if got := csvOf(t, []Case{good()}, o); !strings.Contains(got, "2026,1,criminal or") {
		t.Error(got)
	}
}

// What the publisher has no row for has one of its own: nothing is left out.
func TestOtherInstruments(t *testing.T) {
	var cases []Case
	for i, id := range []writ.Instrument{"mlat", "eu.epoc", "domestic", "us.emergency", "us.preservation", "us.subpoena"} {
		c := good()
		c.Ref, c.Instrument = fmt.Sprint(i), id
		if id == "eu.epoc" {
			c.Country, c.Notice = "DE", ByAuthority
		}
		if id == "us.preservation" {
			c.Outcome, c.Affected = NoData, 0
		}
		cases = append(cases, c)
	}
	want := "year,type,count_requests_received,count_disclosed\r\n2026,criminal or government agency subpoena,1,1\r\n2026,exigent circumstances,1,1\r\n2026,European Production Order,1,1\r\n2026,Domestic order,1,1\r\n2026,Mutual legal assistance,1,1\r\n"
	if got := csvOf(t, cases, githubOptions(ReceivedDisclosed, Year, "2026-01-01", "2026-12-31")); got != want {
		t.Errorf("%q", got)
	}
	want = "year,type,count\n2026,gag order,4\n2026,no notification,1\n"
	if got := csvOf(t, cases, githubOptions(Notifications, Year, "2026-01-01", "2026-12-31")); got != want {
		t.Errorf("%q", got)
	}
}

func TestDigestAndCorrection(t *testing.T) {
	make2 := func(o Options, cases ...Case) *Report {
		r, err := Make(slices.Values(cases), o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := make2(year2026(Small), good())
	if again := make2(year2026(Small), good()); again.Digest() != first.Digest() {
		t.Error("one report has two digests")
	}
	if _, corrects := first.Correction(); corrects {
		t.Error("the first report corrects something")
	}
	o := year2026(Small)
	o.Correction = first.Digest()
	second := make2(o, good())
	if second.Digest() == first.Digest() {
		t.Error("a correction has the first report's digest")
	}
	if got, ok := second.Correction(); !ok || got != first.Digest() {
		t.Error("the correction doesn't name the first report")
	}
	sum := first.Digest()
	for _, format := range Formats() {
		var b bytes.Buffer
		if err := second.Write(&b, format); err != nil || !strings.Contains(b.String(), hex.EncodeToString(sum[:])) {
			t.Errorf("%s doesn't name the first report: %v", format, err)
		}
	}
	var doc struct {
		Sections []struct{ Rows []struct{ Cells []any } }
	}
	var b bytes.Buffer
	if err := first.Write(&b, "json"); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Error(err)
	}
}

// Text that others wrote stays text: in HTML, on a terminal, in a spreadsheet.
func TestHostileText(t *testing.T) {
	var cases []Case
	evil := []string{`<script>alert(1)</script>`, "\x1b[2J\x07", "=HYPERLINK(1)", `"><img src=x onerror=1>`, "a\r\nb,c"}
	for i := range 40 {
		c := good()
		c.Ref, c.Instrument = fmt.Sprint(i), writ.Instrument(evil[i%len(evil)])
		c.Clocks = []Clock{{ID: evil[i%len(evil)], Due: c.Received}}
		c.Secrecy = writ.Secrecy(evil[i%len(evil)])
		cases = append(cases, c)
	}
	o := year2026(Exact)
	o.Operator = "=1+1<script>\x1b[31m"
	r, err := Make(slices.Values(cases), o)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range Formats() {
		var b bytes.Buffer
		if err := r.Write(&b, f); err != nil {
			t.Fatal(err)
		}
		out[f] = b.String()
	}
	if s := out["html"]; strings.Contains(s, "<script") || strings.Contains(s, "<img") {
		t.Error("HTML of others' is in the page")
	}
	if strings.ContainsAny(out["table"], "\x1b\x07\r") {
		t.Error("a terminal would obey")
	}
	lines, err := csv.NewReader(strings.NewReader(out["csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		for _, cell := range l {
			if strings.HasPrefix(cell, "=") || strings.Contains(cell, "\x1b") {
				t.Errorf("%q", cell)
			}
		}
	}
}

// The page needs nothing from elsewhere, runs nothing, and says its charts in
// words.
func TestPage(t *testing.T) {
	cases := manyCases(600)
	r, err := Make(slices.Values(cases), year2026(Small))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b, "html"); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(&b)
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	count := map[string]int{}
	ids := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, opens := token.(xml.StartElement)
		if !opens {
			continue
		}
		count[e.Name.Local]++
		for _, a := range e.Attr {
			switch name := a.Name.Local; {
			case name == "id":
				ids[a.Value]++
			case name == "src" || name == "href" || strings.HasPrefix(name, "on"):
				t.Errorf("<%s %s=%q>", e.Name.Local, name, a.Value)
			}
		}
	}
	if count["script"]+count["link"]+count["img"]+count["iframe"] > 0 {
		t.Error(count)
	}
	if count["svg"] < 2 || count["title"] != count["svg"]+1 || count["desc"] != count["svg"] || count["table"] < count["svg"] {
		t.Error(count)
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("two elements are %q", id)
		}
	}
	if !strings.Contains(reportHTML, "@media print") || !strings.Contains(reportHTML, "prefers-color-scheme: dark") {
		t.Error("not for paper, or not for the dark")
	}
}

func BenchmarkMake(b *testing.B) {
	cases := manyCases(100_000)
	for _, o := range []Options{year2026(Small), {Layout: GitHub, Table: ReceivedDisclosed, By: Half, From: dayOf("2026-01-01"), To: dayOf("2026-12-31"), Made: dayOf("2027-02-01")}} {
		b.Run(string(cmp.Or(o.Layout, Writ)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := Make(slices.Values(cases), o)
				if err != nil {
					b.Fatal(err)
				}
				if err := r.Write(io.Discard, "html"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
