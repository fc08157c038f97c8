package law_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/law"
	"writ/packs"
)

const strictHouse = `
house: "2026-11"
disable: [us.emergency]
questions:
  house.business: {ask: "Is the customer a business that can answer for itself?", article: "House rule 2"}
instruments:
  us.subpoena: {issuers: [grand-jury], matters: [criminal], secrecy: [dated-order], review_days: 30}
  us.warrant: {classes: [content], two_persons: true}
  eu.epoc: {review_days: 60, two_persons: true}
clocks:
  us.nsl.reciprocal: {days: 20}
rules:
  - id: house.window
    article: "House rule 1"
    source: "decided by the board of Fjordhost on 3 November 2026"
    verified: true
    instruments: [us.*]
    title: "The demand names the time that it covers."
    require: {all: [{field: from, set: true}, {field: until, set: true}]}
    otherwise: counsel
    fail: "The demand names no time that it covers."
    settle: "ask for a time"
  - id: house.business
    article: "House rule 2"
    source: "decided by the board of Fjordhost on 3 November 2026"
    verified: true
    instruments: [us.subpoena]
    title: "The customer can't be asked directly."
    require: {not: {fact: house.business}}
    otherwise: fail
    fail: "The customer is a business that can answer for itself."
    settle: "refer the agency to the customer"
`

// TestHouse: stricter rules bind, and say that they are the house's.
func TestHouse(t *testing.T) {
	l := load(t, strictHouse)
	received := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	d := law.Demand{Instrument: "us.subpoena", Issuer: law.Authority{Kind: "agency", Country: "US"}, Provider: law.Provider{Country: "US"}, Received: received,
		Matter: "civil", Classes: []writ.DataClass{"subscriber"}, Identifiers: 1, Order: true, Deadline: received.Add(time.Hour), Secrecy: writ.TellAfter}
	facts := law.Facts{"us.six-fields": law.Yes, "us.form": law.Yes, "us.gag-lifted": law.Yes, "house.business": law.Yes}
	got := map[string]law.Finding{}
	for _, f := range l.NeedsDetermination(l.Review(d, facts)) {
		got[f.Rule] = f
	}
	for rule, outcome := range map[string]law.Outcome{"us.subpoena.issuer": law.Fail, "us.subpoena.matter": law.Fail, "us.subpoena.secrecy": law.Fail, "house.window": law.Counsel, "house.business": law.Fail} {
		if got[rule].Outcome != outcome {
			t.Errorf("%s: %+v", rule, got[rule])
		}
		if got[rule].House != strings.HasPrefix(rule, "house.") {
			t.Errorf("%s: house %v", rule, got[rule].House)
		}
	}
	if len(got) != 5 {
		t.Errorf("%+v", got)
	}
	if w, _ := l.Instrument("us.warrant"); len(w.Classes) != 1 || w.Classes[0].Class != writ.ClassContent {
		t.Errorf("%+v", w.Classes)
	}
	if e, _ := l.Instrument("us.emergency"); e.Enabled {
		t.Error("us.emergency is still on")
	}
	e := epoc(received, "UTC")
	if terms, _ := l.Secrecy(e); !terms.Review.Equal(time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("review %s", terms.Review)
	}
	if !slices.ContainsFunc(l.Review(e, nil), func(f law.Finding) bool { return f.Rule == "eu.epoc.two-persons" && f.Outcome == law.Counsel }) {
		t.Error("two persons aren't asked for")
	}
	n := law.Demand{Instrument: "us.nsl", Received: received}
	if c := clock(t, l, n, "us.nsl.reciprocal", []law.Event{{Kind: law.SecrecyChallenged, At: received}}, received); !c.Due.Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("due %s", c.Due)
	}
	if !slices.ContainsFunc(l.Questions("us.subpoena"), func(q law.Question) bool { return q.ID == "house.business" && q.Ask != "" && q.Article != "" }) {
		t.Error("the house's question isn't asked")
	}
	all := l.Packs()
	if last := all[len(all)-1]; last.Name != "house" || last.Version != "2026-11" || len(last.SHA256) != 64 {
		t.Errorf("%+v", last)
	}
	// What a house says never leaks into a Law without it.
	if plain, _ := load(t, "").Instrument("us.emergency"); !plain.Enabled {
		t.Error("the packs themselves were changed")
	}
}

// TestHouseLaxer: every way to be laxer is refused, with which rule and why.
func TestHouseLaxer(t *testing.T) {
	rule := func(instruments, otherwise string) string {
		return "rules: [{id: house.x, article: a1, source: s1, verified: true, instruments: [" + instruments + "], title: tt, require: {field: order, is: true}, otherwise: " + otherwise + ", fail: ff, settle: ss}]"
	}
	for body, want := range map[string]string{
		"disable: [eu.epoc]":                                "disable: eu.epoc can't be rejected",
		"disable: [domestic]":                               "disable: domestic can't be rejected",
		"instruments: {us.subpoena: {classes: [content]}}":  "instruments.us.subpoena.classes: the pack doesn't reach content data",
		"instruments: {us.subpoena: {issuers: [police]}}":   "instruments.us.subpoena.issuers: the pack doesn't allow police",
		"instruments: {us.warrant: {matters: [civil]}}":     "instruments.us.warrant.matters: the pack doesn't allow civil",
		"instruments: {us.warrant: {secrecy: [statutory]}}": "instruments.us.warrant.secrecy: the pack doesn't allow statutory",
		"instruments: {us.warrant: {review_days: 181}}":     "instruments.us.warrant.review_days: 181 is later",
		"instruments: {us.emergency: {two_persons: false}}": "instruments.us.emergency.two_persons: the pack asks for two",
		"instruments: {eu.epoc: {classes: [subscriber]}}":   "stay as the law has them",
		"instruments: {domestic: {matters: [criminal]}}":    "stay as the law has them",
		"instruments: {foreign.direct: {issuers: [court]}}": "the pack leaves them to counsel",
		"clocks: {us.emergency.afterwards: {days: 8}}":      "clocks.us.emergency.afterwards: not shorter",
		"clocks: {us.emergency.afterwards: {days: 7}}":      "not shorter",
		"clocks: {us.emergency.afterwards: {hours: 2000}}":  "not shorter",
		"clocks: {us.preservation.hold: {days: 10}}":        "how long data are kept is the law's to say",
		"clocks: {eu.epoc-pr.hold: {days: 600}}":            "how long data are kept is the law's to say",
		"clocks: {us.return-date: {days: 1}}":               "its end is the order's own",
		rule("eu.epoc", "fail"):                             "eu.epoc can't be rejected",
		rule(`"*"`, "fail"):                                 "can't be rejected",
	} {
		_, err := law.Load(packs.FS, []byte("house: h1\n"+body))
		if !errors.Is(err, law.ErrLaxer) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "house rules: ") {
			t.Errorf("%s:\n got  %v\n want %s", body, err, want)
		}
	}
	for _, fine := range []string{rule("eu.epoc", "counsel"), rule("us.subpoena, us.warrant", "fail"), "clocks: {us.emergency.afterwards: {days: 6}}", "disable: [uk.ipa]", ""} {
		if _, err := law.Load(packs.FS, []byte("house: h1\n"+fine)); err != nil {
			t.Errorf("%s: %v", fine, err)
		}
	}
}

// TestHouseMistakes: what isn't laxer but wrong is refused too.
func TestHouseMistakes(t *testing.T) {
	for body, want := range map[string]string{
		"enable: [uk.copo]":                           "additional properties 'enable' not allowed",
		"disable: [us.nothing]":                       `no pack has the instrument "us.nothing"`,
		"instruments: {us.nothing: {review_days: 1}}": `no pack has the instrument "us.nothing"`,
		"clocks: {us.nothing: {days: 1}}":             `no pack has the clock "us.nothing"`,
		"clocks: {us.nothing: {days: 1, hours: 1}}":   "maxProperties",
		"house: h2": "stands twice",
		"- a":       "couldn't read it as YAML",
		"questions: {tc.agreement: {ask: aa, article: bb}}": "question tc.agreement is defined twice",
		"questions: {house.q: {ask: aa, article: bb}}":      "question house.q: nothing asks it",
		"rules: [{id: eu.channel, article: a1, source: s1, verified: true, instruments: [us.nsl], title: tt, require: {field: order, is: true}, otherwise: counsel, fail: ff, settle: ss}]": `begin with "house."`,
		"rules: [{id: house.x, article: a1, source: s1, verified: true, instruments: [us.nsl], title: tt, require: {shell: rm}, otherwise: counsel, fail: ff, settle: ss}]":                 "line 2",
		"rules: [{id: house.x, source: s1, verified: true, instruments: [us.nsl], title: tt, require: {field: order, is: true}, otherwise: counsel, fail: ff, settle: ss}]":                 "article",
		"rules: [{id: house.x, article: a1, source: s1, verified: maybe, instruments: [us.nsl], title: tt, require: {field: order, is: true}, otherwise: counsel, fail: ff, settle: ss}]":   "verified",
		"rules: [{id: house.x, article: a1, source: s1, verified: true, instruments: [us.nsl], title: tt, require: {fact: house.unheard}, otherwise: counsel, fail: ff, settle: ss}]":       `"house.unheard" is asked for and nowhere defined`,
		"x: &a [1]\ny: *a":                "aliases",
		"# " + strings.Repeat("x", 1<<20): "larger than",
		"---\nhouse: h2":                  "more than one YAML document",
	} {
		_, err := law.Load(packs.FS, []byte("house: h1\n"+body))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s:\n got  %v\n want %s", body, err, want)
		}
	}
}
