package law_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"writ"
	"writ/internal/law"
	"writ/packs"
)

// golden is one case of packs/cases.
type golden struct {
	Case   string
	Demand struct {
		Instrument        writ.Instrument
		Issuer, Validator struct{ Kind, Country, Name string }
		Provider          struct{ Country, Zone string }
		Received, Signed  string
		Matter            string
		Classes           []writ.DataClass
		Emergency         bool
		Identifiers       int
		From, Until       string
		Order             bool
		Secrecy           writ.Secrecy
		SecrecyUntil      string `yaml:"secrecy_until"`
		Harms             []string
		Deadline          string
		Conflict          string
	}
	Facts  law.Facts
	Events []struct {
		Kind law.EventKind
		At   string
	}
	Now    string
	Expect struct {
		Findings []struct {
			Rule    string
			Outcome law.Outcome
			Article string
			Final   bool
		}
		Passes []string
		Clocks []struct {
			Clock     string
			State     law.State
			Due       string
			NotBefore string `yaml:"not_before"`
			Outer     string
			Strict    string
			Half      string
			Remaining string
		}
		Answers []string
		Secrecy writ.Secrecy
		Tells   law.Duty
		Review  string
		Pinned  *bool
	}
}

// TestGolden: the packs find what the golden cases say, and nothing else.
func TestGolden(t *testing.T) {
	l := load(t, "")
	names, err := fs.Glob(packs.FS, "cases/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	count, covered := 0, map[writ.Instrument]bool{}
	for _, name := range names {
		body, err := packs.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := law.Conforms(body, "cases"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var file struct{ Cases []golden }
		dec := yaml.NewDecoder(bytes.NewReader(body))
		dec.KnownFields(true)
		if err := dec.Decode(&file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, g := range file.Cases {
			count++
			covered[g.Demand.Instrument] = true
			t.Run(strings.TrimSuffix(strings.TrimPrefix(name, "cases/"), ".yaml")+"/"+g.Case, func(t *testing.T) { g.check(t, l) })
		}
	}
	if count < 40 {
		t.Errorf("only %d golden cases", count)
	}
	for _, i := range l.Instruments() {
		if !covered[i.ID] {
			t.Errorf("no golden case for %s", i.ID)
		}
	}
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	if s == "" {
		return time.Time{}
	}
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v.UTC()
}

func (g *golden) demand(t *testing.T) law.Demand {
	d := g.Demand
	return law.Demand{
		Instrument: d.Instrument, Issuer: law.Authority(d.Issuer), Validator: law.Authority(d.Validator),
		Provider: law.Provider{Country: d.Provider.Country, TimeZone: d.Provider.Zone},
		Received: at(t, d.Received), Signed: at(t, d.Signed), Matter: d.Matter, Classes: d.Classes, Emergency: d.Emergency,
		Identifiers: d.Identifiers, From: at(t, d.From), Until: at(t, d.Until), Order: d.Order, Secrecy: d.Secrecy,
		SecrecyUntil: at(t, d.SecrecyUntil), Harms: d.Harms, Deadline: at(t, d.Deadline), Conflict: d.Conflict,
	}
}

func (g *golden) check(t *testing.T, l *law.Law) {
	d := g.demand(t)
	g.checkFindings(t, l, d)
	g.checkClocks(t, l, d)
	if want := g.Expect.Answers; want != nil && !slices.Equal(l.Answers(d), want) {
		t.Errorf("answers %v, want %v", l.Answers(d), want)
	}
	terms, ok := l.Secrecy(d)
	if !ok {
		t.Fatal("no terms of secrecy")
	}
	if want := g.Expect.Secrecy; want != "" && terms.Default != want {
		t.Errorf("secrecy %s, want %s", terms.Default, want)
	}
	if want := g.Expect.Tells; want != "" && terms.Duty != want {
		t.Errorf("tells %s, want %s", terms.Duty, want)
	}
	if want := g.Expect.Review; want != "" && !terms.Review.Equal(at(t, want)) {
		t.Errorf("review %s, want %s", terms.Review.Format(time.RFC3339), want)
	}
	if want := g.Expect.Pinned; want != nil {
		from, pinned := l.PinFrom(d)
		if pinned != *want || pinned && !from.Equal(d.Received) {
			t.Errorf("pinned %v from %s", pinned, from)
		}
	}
}

func (g *golden) checkFindings(t *testing.T, l *law.Law, d law.Demand) {
	var got, want []string
	passed := map[string]bool{}
	for _, f := range l.Review(d, g.Facts) {
		if f.Why == "" || f.Article == "" || f.Source == "" || f.Verified == "" {
			t.Errorf("%s lacks why, article, source or verified: %+v", f.Rule, f)
		}
		if f.Outcome == law.Pass {
			passed[f.Rule] = true
			continue
		}
		if f.Settle == "" {
			t.Errorf("%s doesn't say what would settle it", f.Rule)
		}
		got = append(got, fmt.Sprintf("%s %s (%s) %v", f.Rule, f.Outcome, f.Article, f.Final))
	}
	for _, f := range g.Expect.Findings {
		want = append(want, fmt.Sprintf("%s %s (%s) %v", f.Rule, f.Outcome, f.Article, f.Final))
	}
	if !slices.Equal(got, want) {
		t.Errorf("findings that don't pass:\n got  %s\n want %s", strings.Join(got, "\n      "), strings.Join(want, "\n      "))
	}
	for _, id := range g.Expect.Passes {
		if !passed[id] {
			t.Errorf("%s doesn't pass", id)
		}
	}
}

func (g *golden) checkClocks(t *testing.T, l *law.Law, d law.Demand) {
	var events []law.Event
	for _, e := range g.Events {
		events = append(events, law.Event{Kind: e.Kind, At: at(t, e.At)})
	}
	clocks := l.Clocks(d, events, at(t, g.Now))
	var got, want []string
	for n, c := range clocks {
		line := fmt.Sprintf("%s %s due %s", c.ID, c.State, stamp(c.Due))
		if n < len(g.Expect.Clocks) {
			w := g.Expect.Clocks[n]
			if w.NotBefore != "" || !c.NotBefore.IsZero() {
				line += " not before " + stamp(c.NotBefore)
			}
			if w.Outer != "" {
				line += " outer " + stamp(c.Outer)
			}
			if w.Strict != "" || !c.Strict.IsZero() {
				line += " strict " + stamp(c.Strict)
			}
			if w.Half != "" {
				line += " half " + stamp(c.Half)
			}
			if w.Remaining != "" {
				line += " remaining " + c.Remaining.String()
			}
		}
		got = append(got, line)
	}
	for n, w := range g.Expect.Clocks {
		line := fmt.Sprintf("%s %s due %s", w.Clock, w.State, stamp(at(t, w.Due)))
		if w.NotBefore != "" || n < len(clocks) && !clocks[n].NotBefore.IsZero() {
			line += " not before " + stamp(at(t, w.NotBefore))
		}
		if w.Outer != "" {
			line += " outer " + stamp(at(t, w.Outer))
		}
		if w.Strict != "" || n < len(clocks) && !clocks[n].Strict.IsZero() {
			line += " strict " + stamp(at(t, w.Strict))
		}
		if w.Half != "" {
			line += " half " + stamp(at(t, w.Half))
		}
		if w.Remaining != "" {
			line += " remaining " + w.Remaining
		}
		want = append(want, line)
	}
	if !slices.Equal(got, want) {
		t.Errorf("clocks:\n got  %s\n want %s", strings.Join(got, "\n      "), strings.Join(want, "\n      "))
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}
