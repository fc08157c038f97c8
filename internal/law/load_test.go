package law_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"writ/internal/law"
	"writ/packs"
)

// copied is the shipped folder, to be changed.
func copied(t testing.TB) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{}
	err := fs.WalkDir(packs.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := packs.FS.ReadFile(path)
		m[path] = &fstest.MapFile{Data: body}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPackMistakes: each mistake that a lawyer can make in a pack is refused by
// a sentence that names the file and the place.
func TestPackMistakes(t *testing.T) {
	for _, c := range []struct{ file, old, new, want string }{
		{"mlat.yaml", "pack: mlat", "pack: other", `the pack calls itself "other"`},
		{"mlat.yaml", "verified: false", "verified: perhaps", "line "},
		{"mlat.yaml", "    verified: false\n    instruments: [mlat]", "    instruments: [mlat]", "verified"},
		{"mlat.yaml", "    article: \"the treaty in question\"\n", "", "article"},
		{"mlat.yaml", "otherwise: counsel", "otherwise: pass", "otherwise"},
		{"mlat.yaml", "require: {fact: mlat.executed}", "require: {fact: mlat.exected}", `rule mlat.executed: require: fact "mlat.exected" is asked for and nowhere defined`},
		{"mlat.yaml", "require: {fact: mlat.executed}", "require: {exec: ls}", "rules.0.require"},
		{"mlat.yaml", "require: {fact: mlat.executed}", "require: {field: issuer.kind, at-least: 3}", "rule mlat.executed: require: field issuer.kind is a text"},
		{"mlat.yaml", "require: {fact: mlat.executed}", "require: {field: issuer.country, group: moon}", `no such group of countries: "moon"`},
		{"mlat.yaml", "id: mlat.grounds", "id: mlat.executed", "the id mlat.executed is taken by mlat"},
		{"mlat.yaml", "id: mlat.grounds", "id: mlat.order", "the id mlat.order is taken by the instrument itself"},
		{"mlat.yaml", "id: mlat.date", "id: eu.epoc.produce", "the id eu.epoc.produce is taken by eu-e-evidence"},
		{"mlat.yaml", "instruments: [mlat]", "instruments: [malt]", `no pack has the instrument "malt"`},
		{"mlat.yaml", "  - id: mlat\n", "  - id: domestic\n", "defined twice"},
		{"mlat.yaml", "  mlat.grounds:", "  domestic.remedy:", "question domestic.remedy is defined twice"},
		{"mlat.yaml", "  mlat.grounds:\n", "  mlat.spare: {ask: aa, article: bb}\n  mlat.grounds:\n", "question mlat.spare: nothing asks it"},
		{"mlat.yaml", "{class: traffic,", "{class: content,", "class content stands twice"},
		{"mlat.yaml", "basis: tell-after", "basis: tell-before", "secrecy tell-before is allowed twice"},
		{"mlat.yaml", "needs: [reasons, end]", "needs: [reasons]", "secrecy dated-order needs an end"},
		{"mlat.yaml", "default: conditional", "default: dated-order", "by default"},
		{"mlat.yaml", "facts: [mlat.silence-over]", "facts: [mlat.silence]", `fact "mlat.silence" is asked for and nowhere defined`},
		{"mlat.yaml", "answers: [answered, ", "answers: [", "answers"},
		{"mlat.yaml", "runs: {deadline: true}", "runs: {deadline: true, days: 3}", "runs"},
		{"mlat.yaml", "runs: {deadline: true}", "runs: {days: 0}", "runs"},
		{"mlat.yaml", "    met: [produced, answered]\n", "", "nothing meets it"},
		{"mlat.yaml", "from: received", "from: sunrise", "from"},
		{"mlat.yaml", "    from: received\n", "    when: {fact: mlat.grounds}\n    from: received\n", "not on facts"},
		{"mlat.yaml", "enabled: true", "enabled: false", "a disabled pack says why_disabled"},
		{"mlat.yaml", "enabled: true", "enabled: true\nenabled: true", "stands twice"},
		{"mlat.yaml", "enabled: true", "enabled: true\napplies: \"2026-02-31\"", "is no day"},
		{"mlat.yaml", "title: \"Mutual", "title: \"\\u001b[2JMutual", "title"},
		{"eu-e-evidence.yaml", "for: impossible", "for: rejected", `is for "rejected", which is no answer`},
		{"us-sca.yaml", "met: [order-confirmed]", "met: [answered]", "an order is wanted afterwards, and no clock asks for it"},
		{"us-sca.yaml", "id: us.flight", "id: us.life", "harm us.life is defined twice"},
		{"data/calendars.yaml", "default:", "FR:", "no default calendar"},
		{"data/calendars.yaml", "05-01", "13-01", "not a day"},
		{"data/countries.yaml", "in: [AU, GB]", "in: [Australia]", "data/countries.yaml"},
	} {
		m := copied(t)
		body := string(m[c.file].Data)
		if !strings.Contains(body, c.old) {
			t.Errorf("%s has no %q", c.file, c.old)
			continue
		}
		m[c.file] = &fstest.MapFile{Data: []byte(strings.Replace(body, c.old, c.new, 1))}
		_, err := law.Load(m, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q:\n got  %v\n want %s", c.new, c.old, err, c.want)
			continue
		}
		if strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("more than one line: %q", err)
		}
	}
}

// TestFolderMistakes: a folder without packs, or without what they refer to.
func TestFolderMistakes(t *testing.T) {
	if _, err := law.Load(fstest.MapFS{}, nil); err == nil {
		t.Error("an empty folder is a law")
	}
	m := copied(t)
	for name := range m {
		if !strings.Contains(name, "/") && strings.HasSuffix(name, ".yaml") {
			delete(m, name)
		}
	}
	if _, err := law.Load(m, nil); err == nil || !strings.Contains(err.Error(), "there are no law packs") {
		t.Errorf("%v", err)
	}
	m = copied(t)
	m["mlat.yaml"] = &fstest.MapFile{Data: make([]byte, 2<<20)}
	if _, err := law.Load(m, nil); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
	// A schema beside the packs is not asked: it could be laxer.
	m = copied(t)
	m["schema.json"] = &fstest.MapFile{Data: []byte(`{}`)}
	m["mlat.yaml"] = &fstest.MapFile{Data: []byte("pack: mlat\n")}
	if _, err := law.Load(m, nil); err == nil {
		t.Error("a pack's own schema was asked")
	}
}

// TestCounselEnables: whoever confirmed the law switches a pack on in its file.
func TestCounselEnables(t *testing.T) {
	m := copied(t)
	m["uk-copo.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(string(m["uk-copo.yaml"].Data), "enabled: false", "enabled: true", 1))}
	l, err := law.Load(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if i, _ := l.Instrument("uk.copo"); !i.Enabled {
		t.Error("still off")
	}
}

func FuzzHouse(f *testing.F) {
	f.Add([]byte(strictHouse))
	f.Add([]byte("house: h\nrules: []\n"))
	m := copied(f)
	few := fstest.MapFS{}
	for _, name := range []string{"budapest-2ap.yaml", "us-national-security.yaml", "data/countries.yaml", "data/calendars.yaml"} {
		few[name] = m[name]
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		l, err := law.Load(few, body)
		if (l == nil) == (err == nil) {
			t.Fatal("neither a law nor an error, or both")
		}
		if err != nil {
			return
		}
		use(l)
	})
}

// smallPack has one of everything.
const smallPack = `
pack: mlat
version: "2026-01-01"
title: tt
enabled: true
questions: {q.x: {ask: aa, article: b}}
harms: [{id: h.x, text: tt, article: a, source: ss, verified: false}]
instruments:
  - {id: i.x, title: tt, article: a, source: ss, verified: true, issuers: {kinds: [court], article: a, source: ss, verified: true},
     classes: [{class: content, needs: nn, article: a, source: ss, verified: true}], matters: [civil],
     pin: {on_receipt: true, article: a, source: ss, verified: true}, order: {need: required, article: a, source: ss, verified: true}, answers: [answered],
     secrecy: {default: statutory, review_days: 3, article: a, source: ss, verified: true, allowed: [{basis: dated-order, needs: [reasons, end], article: a, source: ss, verified: true}]},
     emergency: {two_persons: false, voluntary: false, article: a, source: ss, verified: true}}
rules: [{id: r.x, article: a, source: ss, verified: true, instruments: [i.x], title: tt, when: {not: {field: matter, is: civil}}, require: {any: [{fact: q.x}, {field: identifiers, at-least: 2}]}, otherwise: fail, fail: ff, settle: ss}]
clocks: [{id: c.x, article: a, source: ss, verified: true, instruments: [i.x], title: tt, from: received, runs: {months: 3}, met: [produced], suspended: [{by: suspended, until: resumed, article: a, source: ss, verified: true}]}]
`

func FuzzPack(f *testing.F) {
	f.Add([]byte(smallPack))
	f.Add([]byte("pack: mlat\nversion: \"2026-01-01\"\ntitle: t1\nenabled: true\n"))
	m := copied(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		other := fstest.MapFS{"mlat.yaml": &fstest.MapFile{Data: body}}
		for _, name := range []string{"data/countries.yaml", "data/calendars.yaml"} {
			other[name] = m[name]
		}
		if l, err := law.Load(other, nil); err == nil {
			use(l)
		}
	})
}

// use asks a law everything, about every instrument.
func use(l *law.Law) {
	for _, i := range l.Instruments() {
		d := law.Demand{Instrument: i.ID, Received: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)}
		l.NeedsDetermination(l.Review(d, nil))
		l.Clocks(d, []law.Event{{Kind: law.Produced, At: d.Received}}, d.Received)
		l.Secrecy(d)
		l.Questions(i.ID)
	}
}
