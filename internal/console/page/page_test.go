package page

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"writ/internal/api"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func site(t *testing.T, rooms ...Room) *Site {
	t.Helper()
	s, err := New(Config{Operator: "Fernhill Hosting", Version: "test", Now: func() time.Time { return noon }, Rooms: rooms})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// room is a room with one page.
func testRoom(html string, messages map[string]string) Room {
	files := fstest.MapFS{"templates/one.html": {Data: []byte(html)}}
	for _, l := range Languages {
		text := messages[l]
		if text == "" {
			text = messages["en"]
		}
		files["messages/"+l+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	return Room{Name: "test", Files: files}
}

const whole = `{{define "title"}}x{{end}}{{define "content"}}`

// TestEveryPageSpeaksEveryLanguage renders the common pages in each.
func TestEveryPageSpeaksEveryLanguage(t *testing.T) {
	s := site(t)
	for _, l := range Languages {
		r := httptest.NewRequest("GET", "/style", nil)
		r.Header.Set("Accept-Language", l)
		w := httptest.NewRecorder()
		if err := s.Visit(w, r, Visitor{}).Sample(); err != nil {
			t.Fatal(err)
		}
		body := w.Body.String()
		if w.Code != 200 || !strings.Contains(body, `<html lang="`+l+`"`) {
			t.Errorf("%s: status %d, and not in it", l, w.Code)
		}
		for _, lost := range []string{"style.", "layout.", "ZgotmplZ", "<no value>", "%!"} {
			if strings.Contains(strings.ReplaceAll(body, "style.css", ""), lost) {
				t.Errorf("%s: the page shows %q", l, lost)
			}
		}
	}
}

// TestMissingMessages: what a template asks for and a language lacks stops the
// site from being made.
func TestMissingMessages(t *testing.T) {
	for name, r := range map[string]Room{
		"no such key":     testRoom(whole+`{{t "x.gone"}}{{end}}`, map[string]string{"en": "x.there: a"}),
		"in a branch":     testRoom(whole+`{{if .D}}{{range list 1}}{{template "badge" (dict "text" (t "x.gone"))}}{{end}}{{end}}{{end}}`, map[string]string{"en": "x.there: a"}),
		"no such family":  testRoom(whole+`{{tf "gone" .D}}{{end}}`, map[string]string{"en": "x.there: a"}),
		"one language":    testRoom(whole+`{{end}}`, map[string]string{"en": "x.a: a", "de": "x.b: b"}),
		"another's place": testRoom(whole+`{{end}}`, map[string]string{"en": "x.a: 'a {n}'", "fr": "x.a: 'a {m}'"}),
		"counts not":      testRoom(whole+`{{end}}`, map[string]string{"en": "x.a: {one: a, other: b}", "fr": "x.a: a"}),
		"half a count":    testRoom(whole+`{{end}}`, map[string]string{"en": "x.a: {one: a}"}),
		"twice":           testRoom(whole+`{{end}}`, map[string]string{"en": "layout.skip: a"}),
		"no such part":    testRoom(whole+`{{if .D}}{{template "gone" .}}{{end}}{{end}}`, map[string]string{"en": "x.a: a"}),
		"no content":      testRoom(`{{define "title"}}x{{end}}`, map[string]string{"en": "x.a: a"}),
	} {
		if _, err := New(Config{Rooms: []Room{r}}); err == nil {
			t.Errorf("%s: the site was made", name)
		}
	}
}

// TestNothingFillsTwice: what is filled into a message is no place itself, and in
// markup it is escaped.
func TestNothingFillsTwice(t *testing.T) {
	s := site(t, testRoom(whole+`{{t "x.a" "a" "{b}" "b" "<i>"}}|{{th "x.h" "a" "<script>"}}{{end}}`, map[string]string{"en": "x.a: '{a} {b}'\nx.h: '<b>{a}</b>'"}))
	r := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	v := s.Visit(w, r, Visitor{})
	v.room = s.rooms["test"]
	if err := v.Render("one", nil); err != nil {
		t.Fatal(err)
	}
	if want := "{b} &lt;i&gt;|<b>&lt;script&gt;</b>"; !strings.Contains(w.Body.String(), want) {
		t.Errorf("not filled as %s", want)
	}
}

func TestFormats(t *testing.T) {
	s := site(t)
	for _, c := range []struct{ lang, number, size, date, left, days string }{
		{"en", "1,234,567", "1.2\u00a0MiB", "1 December 2026", "in 2 days 3 h", "1 day"},
		{"de", "1.234.567", "1,2\u00a0MiB", "1. Dezember 2026", "in 2 Tagen 3 Std.", "1 Tag"},
		{"fr", "1\u00a0234\u00a0567", "1,2\u00a0MiB", "1 décembre 2026", "dans 2 jours 3 h", "1 jour"},
		{"es", "1.234.567", "1,2\u00a0MiB", "1 de diciembre de 2026", "dentro de 2 días 3 h", "1 día"},
	} {
		w := s.words[c.lang]
		for got, want := range map[string]string{
			w.Number(1234567): c.number, w.Size(1234567): c.size, w.Date(noon): c.date, w.Left(noon.Add(51 * time.Hour)): c.left, w.Span(24 * time.Hour): c.days,
		} {
			if strings.ReplaceAll(got, "\u00a0", " ") != strings.ReplaceAll(want, "\u00a0", " ") {
				t.Errorf("%s: %q, want %q", c.lang, got, want)
			}
		}
	}
}

// TestBack: no address leads out of the console.
func TestBack(t *testing.T) {
	for _, out := range []string{"", "//evil.example", "https://evil.example/", "/\\evil.example", "\\/evil", "javascript:alert(1)", "evil", "/a\r\nSet-Cookie: a=b", "/\t/evil.example", "http:/a", "///evil.example", "/" + strings.Repeat("a", 2000)} {
		if got := Back(out, "/home"); got != "/home" {
			t.Errorf("%q leads to %q", out, got)
		}
		r := httptest.NewRequest("GET", "/", nil)
		w := httptest.NewRecorder()
		if err := site(t).Visit(w, r, Visitor{}).See(out, ""); err == nil && len(out) < 2000 {
			t.Errorf("a page sends to %q", out)
		}
	}
	if got := Back("/docket?late=1", "/"); got != "/docket?late=1" {
		t.Errorf("an own address leads to %q", got)
	}
}

// TestProblemsTellNothing: an error that no room meant for readers is not shown.
func TestProblemsTellNothing(t *testing.T) {
	s := site(t)
	for _, c := range []struct {
		err    error
		status int
		shown  string
		hidden string
	}{
		{&api.Problem{Status: 409, Code: "x", Detail: "the case is closed", Hint: "open another"}, 409, "the case is closed", ""},
		{http.ErrBodyNotAllowed, 500, "the operator", http.ErrBodyNotAllowed.Error()},
	} {
		w := httptest.NewRecorder()
		s.Visit(w, httptest.NewRequest("GET", "/", nil), Visitor{}).Fail(c.err)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.shown) || c.hidden != "" && strings.Contains(w.Body.String(), c.hidden) {
			t.Errorf("%v: status %d: %s", c.err, w.Code, w.Body)
		}
	}
}

// TestAssets: each is served for ever under its version, and nothing else is.
func TestAssets(t *testing.T) {
	s := site(t)
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.Assets().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	path, err := s.assets.path("style.css")
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(path); w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("the style: %d %v", w.Code, w.Header())
	}
	for _, p := range []string{"/assets/0000/style.css", "/assets/" + s.assets.version + "/../page.go", "/assets/" + s.assets.version + "/", "/assets/style.css"} {
		if w := ask(p); w.Code != 404 {
			t.Errorf("%s: %d", p, w.Code)
		}
	}
}
