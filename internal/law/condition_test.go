package law

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"writ"
)

var testCompiler = compiler{
	questions: map[string]Question{"q.a": {}, "q.b": {}, "q.c": {}},
	groups:    map[string][]string{"north": {"SE", "FI"}},
}

func compiled(t *testing.T, text string) (*cond, error) {
	t.Helper()
	var c cond
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return nil, err
	}
	return &c, testCompiler.compile(&c, 0)
}

// TestCondition: each operator, and what is unknown.
func TestCondition(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 10, n, 0, 0, 0, 0, time.UTC) }
	full := Demand{Issuer: Authority{Kind: "court", Country: "SE"}, Validator: Authority{Country: "SE"}, Provider: Provider{Country: "DE"}, Matter: "civil",
		Identifiers: 2, Emergency: true, Received: day(10), Signed: day(8), Classes: []writ.DataClass{"traffic", "content"}, Harms: []string{"x"}}
	facts := Facts{"q.a": Yes, "q.b": No}
	for text, want := range map[string][2]tri{ // of full, of the empty demand
		`{field: issuer.kind, is: court}`:                     {yes, unknown},
		`{field: issuer.kind, in: [judge, prosecutor]}`:       {no, unknown},
		`{field: issuer.country, group: north}`:               {yes, unknown},
		`{field: provider.country, group: north}`:             {no, unknown},
		`{field: issuer.country, same-as: validator.country}`: {yes, unknown},
		`{field: issuer.country, same-as: provider.country}`:  {no, unknown},
		`{field: issuer.kind, set: true}`:                     {yes, no},
		`{field: deadline, set: false}`:                       {yes, yes},
		`{field: identifiers, at-least: 2}`:                   {yes, no},
		`{field: identifiers, at-most: 1}`:                    {no, yes},
		`{field: identifiers, is: 2}`:                         {yes, no},
		`{field: emergency, is: true}`:                        {yes, no},
		`{field: classes, includes: [content, subscriber]}`:   {yes, unknown},
		`{field: classes, only: [content]}`:                   {no, unknown},
		`{field: classes, only: [content, traffic]}`:          {yes, unknown},
		`{field: harms, includes: [x]}`:                       {yes, unknown},
		`{field: signed, not-after: received}`:                {yes, unknown},
		`{field: received, not-after: signed}`:                {no, unknown},
		`{field: received, within: {of: signed, days: 2}}`:    {yes, unknown},
		`{field: received, within: {of: signed, days: 1}}`:    {no, unknown},
		`{fact: q.a}`:                       {yes, yes},
		`{fact: q.b}`:                       {no, no},
		`{fact: q.c}`:                       {unknown, unknown},
		`{not: {fact: q.c}}`:                {unknown, unknown},
		`{not: {fact: q.b}}`:                {yes, yes},
		`{all: [{fact: q.a}, {fact: q.c}]}`: {unknown, unknown},
		`{all: [{fact: q.c}, {fact: q.b}]}`: {no, no},
		`{any: [{fact: q.c}, {fact: q.a}]}`: {yes, yes},
		`{any: [{fact: q.b}, {fact: q.c}]}`: {unknown, unknown},
		`{any: [{fact: q.b}, {all: [{fact: q.a}, {not: {fact: q.b}}]}]}`:     {yes, yes},
		`{all: [{field: matter, is: civil}, {field: issuer.kind, in: [x]}]}`: {no, unknown},
	} {
		c, err := compiled(t, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.ask(&full, facts, nil); got != want[0] {
			t.Errorf("%s: %d, want %d", text, got, want[0])
		}
		if got := c.ask(&Demand{}, facts, nil); got != want[1] {
			t.Errorf("%s of nothing: %d, want %d", text, got, want[1])
		}
	}
}

// TestConditionRefused: what the language doesn't know never loads.
func TestConditionRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{exec: rm}`:                                 `no such operator in a condition: "exec"`,
		`{field: matter, matches: ".*"}`:             `no such operator in a condition: "matches"`,
		`{all: [{fact: q.a}, {fcat: q.b}]}`:          `no such operator in a condition: "fcat"`,
		`yes`:                                        "a condition is a mapping",
		`{}`:                                         "exactly one of",
		`{fact: q.a, not: {fact: q.b}}`:              "exactly one of",
		`{fact: q.a, is: yes}`:                       "an operator stands without a field",
		`{fact: q.unheard}`:                          `fact "q.unheard" is asked for and nowhere defined`,
		`{field: password, set: true}`:               `no such field: "password"`,
		`{field: matter}`:                            "has 0 operators",
		`{field: matter, is: civil, set: true}`:      "has 2 operators",
		`{field: matter, is: 1}`:                     "is a text",
		`{field: matter, is: [civil]}`:               "is takes a word",
		`{field: emergency, is: "true"}`:             "is a flag",
		`{field: emergency, set: true}`:              "is a flag",
		`{field: matter, at-least: 1}`:               "is a text",
		`{field: classes, in: [content]}`:            "is a list",
		`{field: issuer.country, group: south}`:      `no such group of countries: "south"`,
		`{field: issuer.country, same-as: received}`: "can't be compared",
		`{field: received, not-after: nothing}`:      "can't be compared",
		`{field: received, within: {of: signed}}`:    "within needs days",
		`{all: []}`:                                  "at least one condition",
		strings.Repeat("{not: ", 40) + "{fact: q.a}" + strings.Repeat("}", 40): "deeper than",
	} {
		if _, err := compiled(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestOpenIsWhatMatters: a question whose answer can't change the outcome is not
// said to be open.
func TestOpenIsWhatMatters(t *testing.T) {
	for text, want := range map[string][]string{
		`{fact: q.c}`:                       {"q.c"},
		`{any: [{fact: q.c}, {fact: q.a}]}`: nil,
		`{all: [{fact: q.c}, {fact: q.b}]}`: nil,
		`{all: [{any: [{fact: q.c}, {fact: q.a}]}, {field: matter, is: civil}]}`:               nil,
		`{all: [{fact: q.c}, {any: [{fact: q.c}, {fact: q.b}]}, {not: {all: [{fact: q.c}]}}]}`: {"q.c"},
		`{any: [{all: [{fact: q.c}, {fact: q.b}]}, {fact: q.b}, {field: matter, is: civil}]}`:  nil,
	} {
		c, err := compiled(t, text)
		if err != nil {
			t.Fatal(err)
		}
		var open []string
		c.ask(&Demand{}, Facts{"q.a": Yes, "q.b": No}, &open)
		if !slices.Equal(open, want) {
			t.Errorf("%s: %v, want %v", text, open, want)
		}
	}
}

// genCond makes any condition over the three facts.
func genCond(depth int) *rapid.Generator[*cond] {
	return rapid.Custom(func(t *rapid.T) *cond {
		shape := "fact"
		if depth > 0 {
			shape = rapid.SampledFrom([]string{"fact", "not", "all", "any"}).Draw(t, "shape")
		}
		switch shape {
		case "not":
			return &cond{Not: genCond(depth-1).Draw(t, "not")}
		case "all":
			return &cond{All: rapid.SliceOfN(genCond(depth-1), 1, 3).Draw(t, "all")}
		case "any":
			return &cond{Any: rapid.SliceOfN(genCond(depth-1), 1, 3).Draw(t, "any")}
		}
		return &cond{Fact: rapid.SampledFrom([]string{"q.a", "q.b", "q.c"}).Draw(t, "fact")}
	})
}

// TestUnknownNeverDecides: what a condition says with facts missing stays true
// however they are answered; and where it says unknown, it names facts that are
// indeed open.
func TestUnknownNeverDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := genCond(4).Draw(t, "cond")
		facts := Facts{}
		for _, id := range []string{"q.a", "q.b", "q.c"} {
			if a := rapid.SampledFrom([]Answer{Yes, No, Unknown, "maybe", ""}).Draw(t, id); a != "" {
				facts[id] = a
			}
		}
		var open []string
		before := c.ask(&Demand{}, facts, &open)
		answered := Facts{}
		for _, id := range []string{"q.a", "q.b", "q.c"} {
			answered[id] = facts[id]
			if facts[id] != Yes && facts[id] != No {
				answered[id] = rapid.SampledFrom([]Answer{Yes, No}).Draw(t, "later "+id)
			}
		}
		after := c.ask(&Demand{}, answered, nil)
		if before != unknown && before != after {
			t.Fatalf("%d became %d by an answer", before, after)
		}
		if after == unknown {
			t.Fatal("unknown with every fact answered")
		}
		if before == unknown && len(open) == 0 {
			t.Fatal("unknown, and nothing is open")
		}
		for _, id := range open {
			if facts[id] == Yes || facts[id] == No || !slices.Contains([]string{"q.a", "q.b", "q.c"}, id) {
				t.Fatalf("%s is said to be open", id)
			}
		}
	})
}
