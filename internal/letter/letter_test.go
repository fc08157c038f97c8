package letter

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"writ"
	"writ/internal/policy"
	"writ/internal/printable"
)

var update = flag.Bool("update", false, "write the golden letters anew")

func loaded(t testing.TB) *Set {
	t.Helper()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func made(t testing.TB, s *Set, lang string, k Kind) Document {
	t.Helper()
	d, err := s.Make(lang, headFor(k), sample(k))
	if err != nil {
		t.Fatalf("%s, %s: %v", k, lang, err)
	}
	return d
}

// TestGolden holds every letter in every language to a text that a lawyer can
// read in the tree.
func TestGolden(t *testing.T) {
	s := loaded(t)
	for _, lang := range Languages() {
		for _, k := range Kinds() {
			text := made(t, s, lang, k).Text()
			file := filepath.Join("testdata", "golden", lang, string(k)+".txt")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if text != string(want) {
				t.Errorf("%s is not the letter that is made (-update writes it anew):\n%s", file, text)
			}
			checkText(t, text)
			if strings.ContainsAny(text, "{}") {
				t.Errorf("%s: a field was left unfilled", file)
			}
		}
	}
}

// checkText holds a text to what a terminal may be shown.
func checkText(t interface{ Errorf(string, ...any) }, text string) {
	for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if columnsOf(l) > Width {
			t.Errorf("a line has %d columns: %q", columnsOf(l), l)
		}
		if printable.Line(l) != l {
			t.Errorf("a terminal would obey %q", l)
		}
	}
}

// TestSpeaksEachLanguage: no text of one language is left in another's file.
func TestSpeaksEachLanguage(t *testing.T) {
	s := loaded(t)
	for _, lang := range Languages()[1:] {
		for k, english := range s.texts["en"] {
			for id, p := range english.Text {
				for i := range p {
					same := p[i] == s.texts[lang][k].Text[id][i]
					if same && strings.Count(p[i], " ") > 2 {
						t.Errorf("%s/%s: %s is in English", lang, k, id)
					}
				}
			}
		}
	}
}

func TestRequired(t *testing.T) {
	s := loaded(t)
	for _, k := range Kinds() {
		empty, err := New(k)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Make("en", headFor(k), empty); !errors.Is(err, ErrField) {
			t.Errorf("%s is made from nothing: %v", k, err)
		}
		full := reflect.New(reflect.TypeOf(sample(k)))
		full.Elem().Set(reflect.ValueOf(sample(k)))
		for name, f := range fieldsOf(full.Elem().Type()) {
			if !rulesOf(f).required {
				continue
			}
			lacking := reflect.New(full.Elem().Type())
			lacking.Elem().Set(full.Elem())
			lacking.Elem().FieldByIndex(f.Index).SetZero()
			_, err := s.Make("de", headFor(k), lacking.Interface().(Data))
			if !errors.Is(err, ErrField) || !strings.Contains(err.Error(), name+":") {
				t.Errorf("%s without %s: %v", k, name, err)
			}
		}
	}
	if _, err := New("love"); err == nil {
		t.Error("there is a kind of which nobody knows")
	}
}

// TestBounds: every text that is too long, and every list, is refused by name.
func TestBounds(t *testing.T) {
	s := loaded(t)
	for _, k := range Kinds() {
		full := reflect.New(reflect.TypeOf(sample(k)))
		for name, f := range fieldsOf(full.Elem().Type()) {
			full.Elem().Set(reflect.ValueOf(sample(k)))
			v := full.Elem().FieldByIndex(f.Index)
			switch v.Kind() {
			case reflect.String:
				v.SetString(strings.Repeat("x", 64<<10))
			case reflect.Slice:
				v.Set(reflect.MakeSlice(v.Type(), 11_001, 11_001))
			default:
				continue
			}
			_, err := s.Make("fr", headFor(k), full.Interface().(Data))
			if !errors.Is(err, ErrField) || !strings.Contains(err.Error(), name+":") {
				t.Errorf("%s with a boundless %s: %v", k, name, err)
			}
		}
	}
	h := headFor("no-data")
	for name, change := range map[string]func(*Head){
		"case":      func(h *Head) { h.Case = "7" },
		"date":      func(h *Head) { h.Date = h.Date.AddDate(-2026, 0, 0) },
		"sender":    func(h *Head) { h.Sender = Party{} },
		"addressee": func(h *Head) { h.Addressee.Lines = make([]string, 99) },
		"signatory": func(h *Head) { h.Signatory = strings.Repeat("x", 501) },
	} {
		bad := h
		change(&bad)
		if _, err := s.Make("en", bad, sample("no-data")); !errors.Is(err, ErrField) || !strings.Contains(err.Error(), name) {
			t.Errorf("a letter with a bad %s: %v", name, err)
		}
	}
	book := custodySample(MaxObjects)
	for i := range book.Objects {
		book.Objects[i].Key = writ.ObjectKey(strings.Repeat("\u202e", 341))
	}
	if _, err := s.Make("en", headFor("custody"), book); !errors.Is(err, ErrField) || !strings.Contains(err.Error(), "list fewer") {
		t.Errorf("a chain of custody that fills a book: %v", err)
	}
	if _, err := s.Make("nl", h, sample("no-data")); !errors.Is(err, ErrField) {
		t.Errorf("a letter in Dutch: %v", err)
	}
	if _, err := s.Make("en", h, nil); !errors.Is(err, ErrField) {
		t.Errorf("a letter without data: %v", err)
	}
	if _, err := s.Make("en", h, (*NoData)(nil)); !errors.Is(err, ErrField) {
		t.Errorf("a letter without data: %v", err)
	}
}

// TestConsistent: what contradicts itself makes no letter.
func TestConsistent(t *testing.T) {
	s := loaded(t)
	both, neither := notice, notice
	both.CopyReason = "sealed"
	neither.CopyAttached = false
	alone := sample("determination").(Determination)
	alone.Second = alone.First
	lay := sample("determination").(Determination)
	lay.FirstRole, lay.SecondRole = writ.RoleIntake, writ.RoleProduction
	lost := custodySample(2)
	lost.Omitted = 0
	many := sample("authorisation").(Authorisation)
	many.Threshold = 4
	open := sample("authorisation").(Authorisation)
	open.Buckets = []Bucket{{Bucket: "ward-seven", Extent: ExtentPrefix}}
	unknown := sample("authorisation").(Authorisation)
	unknown.Secrecy = "whispered"
	negative := sample("delivery").(Delivery)
	negative.Size = -1
	backwards := sample("preservation").(Preservation)
	backwards.Until = backwards.Since.AddDate(0, 0, -1)
	for name, d := range map[string]Data{
		"copy and reason": NoticeBefore{Notice: both}, "neither": NoticeBefore{Notice: neither}, "one person": alone, "no counsel": lay,
		"objects lost": lost, "four of three": many, "prefix without a prefix": open, "unknown basis": unknown, "negative": negative, "backwards": backwards,
	} {
		if _, err := s.Make("es", headFor(d.Kind()), d); !errors.Is(err, ErrField) {
			t.Errorf("%s: %v", name, err)
		}
		p := reflect.New(reflect.TypeOf(d))
		p.Elem().Set(reflect.ValueOf(d))
		if _, err := s.Make("es", headFor(d.Kind()), p.Interface().(Data)); !errors.Is(err, ErrField) {
			t.Errorf("%s, by a pointer: %v", name, err)
		}
	}
}

// TestJSON: data come from JSON as the names in the texts say.
func TestJSON(t *testing.T) {
	s := loaded(t)
	for _, k := range Kinds() {
		raw, err := json.Marshal(sample(k))
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(k)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, d); err != nil {
			t.Fatal(err)
		}
		doc, err := s.Make("en", headFor(k), d)
		if err != nil {
			t.Fatal(err)
		}
		if doc.Text() != made(t, s, "en", k).Text() {
			t.Errorf("%s: JSON lost something", k)
		}
	}
}

// TestBucketsOf: a custodian reads every restriction of what is signed, and
// is told of a bucket that is open as a whole.
func TestBucketsOf(t *testing.T) {
	s := loaded(t)
	scope := policy.Scope{Buckets: []policy.BucketScope{
		{Bucket: "ward-seven", Prefixes: []string{"patients/", "=cmd"}, Objects: []policy.ObjectScope{{Key: "a\u202eb", Version: "v1"}}, Tags: map[string]string{"ward": "7", "kind": "scan"}},
		{Bucket: "mill-street-books", Tags: map[string]string{"year": "2026"}},
		{Bucket: "open-all"},
	}}
	a := sample("authorisation").(Authorisation)
	a.Buckets = BucketsOf(scope)
	doc, err := s.Make("en", headFor("authorisation"), a)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for _, b := range doc.Blocks {
		if table, ok := b.(Table); ok {
			for _, r := range table.Rows {
				text += strings.Join(r, " ") + "\n"
			}
		}
	}
	for _, want := range []string{
		"ward-seven keys beginning with patients/", "ward-seven keys beginning with =cmd", "ward-seven this object a<U+202E>b v1",
		"ward-seven and only if tagged kind=scan", "ward-seven and only if tagged ward=7",
		"mill-street-books all objects", "mill-street-books and only if tagged year=2026", "open-all all objects",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestMatch(t *testing.T) {
	for want, tags := range map[string][]string{
		"de": {"de-AT"}, "fr": {"fr-CA, en;q=0.5"}, "es": {"es-419"}, "en": {"ja", "nb-NO"},
	} {
		if got := Match(tags...); got != want {
			t.Errorf("%q: %s, want %s", tags, got, want)
		}
	}
	for _, tags := range [][]string{nil, {""}, {"\x1b[2J"}, {strings.Repeat("x-", 1<<20)}} {
		if got := Match(tags...); got != "en" {
			t.Errorf("%.20q: %s", tags, got)
		}
	}
	if got := Match("ja", "de-CH"); got != "de" {
		t.Errorf("the second language that a customer reads is passed over for %s", got)
	}
}

func TestHouse(t *testing.T) {
	house := func(name, yaml string) (*Set, error) {
		return LoadHouse(fstest.MapFS{name: {Data: []byte(yaml)}})
	}
	s, err := house("de/acknowledgement.yaml", "text: {contact: 'Rufen Sie an: {contact}', preserved: ''}\nbefore: {opening: 'Guten Tag.'}\nafter: {review: 'Zu {reference}: in Arbeit.'}\n")
	if err != nil {
		t.Fatal(err)
	}
	text := made(t, s, "de", "acknowledgement").Text()
	for _, want := range []string{"Rufen Sie an: legal@fjordhost.example", "Guten Tag.", "Zu 3 KLs 412/26: in Arbeit."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "gegen Löschung") {
		t.Error("a text that the house left out is there")
	}
	if made(t, s, "en", "acknowledgement").Text() != made(t, loaded(t), "en", "acknowledgement").Text() {
		t.Error("a house's German text changed the English one")
	}
	for why, f := range map[string][2]string{
		"a must is removed":     {"en/notice-late.yaml", "text: {advice: ''}"},
		"a must is changed":     {"en/custody.yaml", "text: {attachments_head: Exports}"},
		"an unknown text":       {"en/no-data.yaml", "text: {greeting: Hello}"},
		"an unknown field":      {"en/no-data.yaml", "text: {note: '{password}'}"},
		"an unknown key":        {"en/no-data.yaml", "txt: {note: x}"},
		"a title":               {"en/no-data.yaml", "title: x"},
		"a brace alone":         {"en/no-data.yaml", "text: {note: 'a { b'}"},
		"a list for a text":     {"en/no-data.yaml", "text: {note: [a, b]}"},
		"a place unknown":       {"en/no-data.yaml", "after: {nowhere: x}"},
		"a field beside":        {"en/no-data.yaml", "after: {note: '{x}'}"},
		"an unknown kind":       {"en/love.yaml", "text: {}"},
		"an unknown language":   {"nl/no-data.yaml", "text: {}"},
		"words":                 {"en/words.yaml", "name: x"},
		"another file":          {"README.md", "x"},
		"a file without end":    {"en/no-data.yaml", strings.Repeat("# x\n", 1<<17)},
		"a template of methods": {"en/no-data.yaml", "text: {note: '{{.Kind}}'}"},
	} {
		if _, err := house(f[0], f[1]); !errors.Is(err, ErrTemplate) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// TestLoadRefuses: a translation that says less or other than English does
// not load.
func TestLoadRefuses(t *testing.T) {
	whole := fstest.MapFS{}
	for _, lang := range append(Languages(), ".") {
		entries, err := builtIn.ReadDir("templates/" + lang)
		if lang == "." {
			entries, err = builtIn.ReadDir("templates")
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			name := filepath.ToSlash(filepath.Join(lang, e.Name()))
			raw, err := builtIn.ReadFile("templates/" + name)
			if err != nil {
				t.Fatal(err)
			}
			whole[name] = &fstest.MapFile{Data: raw}
		}
	}
	if _, err := load(whole); err != nil {
		t.Fatal(err)
	}
	for why, c := range map[string][3]string{
		"a column unknown":      {"kinds.yaml", "\"extent:4\"", "\"extend:4\""},
		"a field is missing":    {"de/clarification.yaml", "{deadline}", "bald"},
		"a text is missing":     {"fr/no-data.yaml", "  note: ", "  # note: "},
		"a text too many":       {"es/no-data.yaml", "text:", "text:\n  other: x"},
		"a month is missing":    {"es/words.yaml", "enero, ", ""},
		"a label is missing":    {"fr/words.yaml", "  contact: ", "  contract: "},
		"a step is missing":     {"de/review.yaml", "    - \"Wann ist die nächste Prüfung fällig?\"\n", ""},
		"a date without a year": {"en/words.yaml", "{day} {month} {year}", "{day} {month}"},
		"a field unknown":       {"kinds.yaml", "facts: [instrument, due=deadline, missing]", "facts: [instrument, due=deadline, mising]"},
		"a column's width":      {"kinds.yaml", "\"identifier:4\"", "\"identifier:4000\""},
		"a kind is missing":     {"kinds.yaml", "\npage:\n", "\npager:\n"},
		"a marking unknown":     {"kinds.yaml", "marking: internal", "marking: infernal"},
	} {
		broken := fstest.MapFS{}
		for name, f := range whole {
			broken[name] = f
		}
		before := string(whole[c[0]].Data)
		after := strings.Replace(before, c[1], c[2], 1)
		if after == before {
			t.Fatalf("%s: the test changes nothing", why)
		}
		broken[c[0]] = &fstest.MapFile{Data: []byte(after)}
		if _, err := load(broken); !errors.Is(err, ErrTemplate) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestWords(t *testing.T) {
	s := loaded(t)
	for _, c := range [][2]string{
		{s.words["en"].number(1234567), "1,234,567"},
		{s.words["de"].number(1234567), "1.234.567"},
		{s.words["fr"].number(1234), "1\u00a0234"},
		{s.words["es"].number(1234), "1234"},
		{s.words["es"].number(12345), "12\u00a0345"},
		{s.words["en"].number(999), "999"},
		{s.words["en"].size(1), "1\u00a0byte"},
		{s.words["en"].size(0), "0\u00a0bytes"},
		{s.words["de"].size(1536), "1.536\u00a0Bytes (1,5\u00a0KiB)"},
		{s.words["fr"].size(1 << 30), "1\u00a0073\u00a0741\u00a0824\u00a0octets (1,0\u00a0Gio)"},
		{s.words["fr"].date(received), "1er septembre 2026"},
		{s.words["de"].date(received), "1. September 2026"},
		{s.words["es"].date(received), "1 de septiembre de 2026"},
		{s.words["de"].time(received, berlin), "2026-09-01T09:30:00Z (1. September 2026, 11:30 Uhr, UTC+02:00)"},
		{s.words["de"].time(received, nil), "2026-09-01T09:30:00Z"},
		{s.words["en"].duration(8 * 3600e9), "8\u00a0hours"},
		{s.words["de"].duration(25*3600e9 + 60e9), "1\u00a0Tag, 1\u00a0Stunde und 1\u00a0Minute"},
		{s.words["es"].duration(-1), "0\u00a0minutos"},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
}

func TestShown(t *testing.T) {
	for in, want := range map[string]string{
		"plain <b>": "plain <b>", "a\u202eb": "a<U+202E>b", "a\x00b": "a<U+0000>b", "\x1b[2J": "<U+001B>[2J",
		"a\xffb": "a<0xFF>b", "a\u3164b": "a<U+3164>b", "a\ufe0fb": "a<U+FE0F>b", "a\u200bb": "a<U+200B>b", "a\u2800b": "a<U+2800>b",
		"\ufffd": "<U+FFFD>", "\U000e0041": "<U+E0041>", "a\u2028b": "a<U+2028>b", "a\u00a0b": "a\u00a0b",
	} {
		if got := shown(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"a b": "a b", "a  b ": "a <U+0020>b<U+0020>", "a\u00a0b": "a<U+00A0>b", " ": "<U+0020>", "a\nb": "a<U+000A>b"} {
		if got := exact(in); got != want {
			t.Errorf("exact %q: %q, want %q", in, got, want)
		}
	}
	if got := prose("e\u0301\r\nb\u2003c\u202f:"); got != "é\nb c\u00a0:" {
		t.Errorf("%q", got)
	}
}

// hostile is what an authority might write to make a letter lie.
var hostile = []string{
	"<script>alert(1)</script>", "\x1b[2J\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "\u202etxet neddih\u202c", "a\x00b",
	"=cmd|'/C calc'!A0", "{{.Secret}} {reference} {", "(unbalanced) \\ \\) Tj ET", "\r\nBcc: all@fjordhost.example", "\xff\xfe", "漢字 и ελληνικά",
	"Z" + strings.Repeat("\u0301", 200), "/JS (app.alert) /URI", "%PDF-1.7 endobj stream",
}

func TestHostile(t *testing.T) {
	s := loaded(t)
	for _, h := range hostile {
		d := sample("rejection").(Rejection)
		d.Authority, d.Reference = h, h
		d.Grounds = []Ground{{Article: h, Reason: h + "\n" + h}}
		head := headFor("rejection")
		head.Addressee = Party{Name: h, Lines: []string{h}}
		head.YourReference = h
		doc, err := s.Make("de", head, d)
		if err != nil {
			t.Fatal(err)
		}
		checkText(t, doc.Text())
		raw, err := doc.PDF()
		if err != nil {
			t.Fatal(err)
		}
		checkPassive(t, raw)
	}
	for _, line := range []string{strings.Repeat("x", 64<<10), strings.Repeat("\u202e", 64<<10), strings.Repeat("W ", 32<<10)} {
		doc := Document{Lang: "en", Date: received, Title: line[:300], Sender: Party{Name: line[:300]}, Addressee: Party{Name: line[:6000], Lines: []string{line[:6000]}}, Marking: line[:300], Footer: line[:300], Running: line, Info: []Fact{{Label: line[:300], Value: line[:3000]}}}
		doc.Blocks = []Block{Paragraph(line), Heading(line[:600]), List{Items: []string{line[:6000]}}, Facts{{line[:3000], line[:9000], true}}, Table{[]Column{{line[:90], 1, true, true}, {"b", 3, false, false}}, [][]string{{line[:9000], line[:6000]}, {line[:9]}}}, Signature{line[:300], line[:300], line[:300]}}
		checkText(t, doc.Text())
		raw, err := doc.PDF()
		if err != nil {
			t.Fatal(err)
		}
		checkPassive(t, raw)
	}
}

// TestTogether: letters are made by many at once, from the same fonts.
func TestTogether(t *testing.T) {
	s := loaded(t)
	want, err := made(t, s, "de", "delivery").PDF()
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			doc, err := s.Make("de", headFor("delivery"), sample("delivery"))
			if err != nil {
				return err
			}
			got, err := doc.PDF()
			if err == nil && !bytes.Equal(got, want) {
				err = errors.New("letters made at once differ")
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func BenchmarkCustody(b *testing.B) {
	s := loaded(b)
	data := custodySample(MaxObjects)
	for b.Loop() {
		doc, err := s.Make("en", headFor("custody"), data)
		if err != nil {
			b.Fatal(err)
		}
		raw, err := doc.PDF()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(raw)), "bytes")
	}
}

func BenchmarkLetter(b *testing.B) {
	s := loaded(b)
	for b.Loop() {
		doc, err := s.Make("en", headFor("objection"), sample("objection"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := doc.PDF(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDeterminism(t *testing.T) {
	for _, k := range []Kind{"custody", "delivery"} {
		var first []byte
		for range 3 {
			raw, err := made(t, loaded(t), "fr", k).PDF()
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = raw
			}
			if !bytes.Equal(raw, first) {
				t.Fatalf("%s: the same letter gives other bytes", k)
			}
		}
	}
}

// TestAnyText: whatever the strings, text stays within its columns, shows
// everything, and two different exact values never look the same.
func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		doc := Document{Title: a, Sender: Party{Name: b}, Info: []Fact{{a, b, true}}, Blocks: []Block{
			Paragraph(a), Heading(b), List{true, []string{a, b}}, Facts{{a, b, false}, {b, a, true}},
			Table{[]Column{{a, 3, false, false}, {b, 1, true, true}}, [][]string{{a, b}, {b, a, a}, {}}}, Signature{a, b, a},
		}}
		checkText(t, doc.Text())
		if a != b && exact(a) == exact(b) && !strings.Contains(a+b, "<") {
			t.Fatalf("%q and %q look the same", a, b)
		}
	})
}

func FuzzText(f *testing.F) {
	for _, h := range hostile {
		f.Add(h)
	}
	s, err := Load()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, h string) {
		d := sample("no-data").(NoData)
		d.Note, d.Searches[0].Identifier, d.Reference = h, h, h
		doc, err := s.Make("fr", headFor("no-data"), d)
		if err != nil {
			if !errors.Is(err, ErrField) {
				t.Fatal(err)
			}
			return
		}
		checkText(t, doc.Text())
	})
}

func ExampleSet_Make() {
	set, err := Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, err := set.Make(Match("de-AT"), headFor("page"), sample("page"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(doc.Title)
	// Output: Eine Frist braucht Sie
}

// TestSheet: what custodians are shown can be made from what they sign, in
// every language, and says how many of how many must sign.
func TestSheet(t *testing.T) {
	set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	a := policy.Authorisation{
		Case: "2026-7KQM-4ZT0", Instrument: "eu.epoc", Issuer: policy.Issuer{Name: "Tribunal de Valbrume", Country: "FR"},
		Customer: "c-0123456789abcdef0123", Limits: policy.Limits{Objects: 2, Bytes: 34, NotAfter: at.AddDate(0, 0, 14)},
		Scope:   policy.Scope{Buckets: []policy.BucketScope{{Bucket: "ward-seven", Prefixes: []string{"letters/"}}}, Classes: []writ.DataClass{writ.ClassContent}},
		Secrecy: policy.Silence{Basis: writ.AuthorityTells}, At: at,
	}
	custodians := policy.Set{Number: 7, Threshold: 2, Members: []policy.Member{
		{Person: "ada.okafor", Role: writ.RoleCustodian}, {Person: "jun.park", Role: writ.RoleCustodian}, {Person: "jun.park", Role: writ.RoleCustodian},
		{Person: "lena.virtanen", Role: writ.RoleCustodian}, {Person: "mira.lindqvist", Role: writ.RoleCounsel},
	}}
	for _, lang := range Languages() {
		if _, err := set.Sheet(lang, a, "", custodians, []byte("{}")); err != nil {
			t.Errorf("%s: %v", lang, err)
		}
	}
	text, err := set.Sheet("en", a, "harbour-clinic", custodians, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"c-0123456789abcdef0123", "harbour-clinic", "Tribunal de Valbrume", "ward-seven", "letters/", "2 of 3 custodians",
		"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the sheet does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "Received") {
		t.Error("the sheet says when the demand was received, which is not in what is signed")
	}
}
