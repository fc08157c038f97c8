package customer_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"writ"
	"writ/internal/console/page"
)

// paths are addresses of every page that is only looked at.
func (a *account) paths(id writ.CaseID) []string {
	a.T.Helper()
	all := []string{
		"/my", "/my/buckets", "/my/buckets/ward-seven", "/my/buckets/ward-seven?prefix=letters%2F", "/my/buckets/ward-seven?prefix=odd%2F", "/my/journal", "/my/journal?right=writ",
		"/my/journal/days", "/my/journal/days?days=90", "/my/notices", "/my/demands", "/my/proofs", "/my/credentials", "/my/keys", "/my/contacts",
	}
	if id == "" {
		return all
	}
	all = append(all, "/my/buckets/ward-eight", "/my/buckets/ward-seven/object?key=letters%2Fquince", "/my/buckets/ward-seven/delete?key=letters%2Fquince", "/my/demands/"+string(id))
	for _, text := range hostile {
		all = append(all, "/my/buckets/ward-seven/object?key="+url.QueryEscape("odd/"+text))
	}
	list, err := a.own().Notices(a.Ctx, "", 0)
	a.Must(err)
	for _, n := range list.Notices {
		all = append(all, "/my/notices/"+url.PathEscape(n.ID))
	}
	made, err := a.own().AddCredential(a.Ctx)
	a.Must(err)
	return append(all, "/my/credentials/"+string(made.AccessKey)+"/remove")
}

var regexpNext = regexp.MustCompile(`rel="next" href="([^"]+)"`)

var raw = regexp.MustCompile(`customer\.[a-z]|done\.[a-z]|ZgotmplZ|%!|&lt;nil&gt;|<script>alert|<img src=x|[\x{202e}\x{2066}\x07]`)

// TestPagesInEachLanguage: every page is there in each language, bare and dressed,
// with one heading, no message's bare key, and nothing of what others wrote that a
// browser would obey; and it is small.
func TestPagesInEachLanguage(t *testing.T) {
	a := open(t)
	look := func(id writ.CaseID) {
		seen := map[string]string{}
		for _, lang := range page.Languages {
			for _, path := range a.paths(id) {
				got := a.Get("customer", path, "Accept-Language", lang)
				if got.Status != 200 || !strings.Contains(got.Body, `<html lang="`+lang+`"`) {
					t.Errorf("%s in %s: %d", path, lang, got.Status)
					continue
				}
				if found := raw.FindString(got.Body); found != "" {
					t.Errorf("%s in %s shows %q", path, lang, found)
				}
				if n := strings.Count(got.Body, "<h1"); n != 1 {
					t.Errorf("%s has %d first headings", path, n)
				}
				if strings.Contains(got.Body, " style=") || strings.Contains(got.Body, "<style") || strings.Contains(got.Body, " onclick") {
					t.Errorf("%s has style or script inside", path)
				}
				if len(got.Body) > 60<<10 {
					t.Errorf("%s has %d bytes", path, len(got.Body))
				}
				main := got.Body[strings.Index(got.Body, `<main`):]
				if lang != "en" && main == seen[path] {
					t.Errorf("%s is the same in %s as in English", path, lang)
				}
				if lang == "en" {
					seen[path] = main
				}
			}
		}
	}
	look("")
	look(a.dress())
}

// TestNobodyElse: no other kind of visitor comes to any of the room's routes.
func TestNobodyElse(t *testing.T) {
	a := open(t)
	n := 0
	for _, r := range a.Console.Routes() {
		if r.Room != "customer" {
			continue
		}
		n++
		path := strings.NewReplacer("{bucket}", "ward-seven", "{case}", "2026-0000-0000", "{id}", "x", "{name}", "y").Replace(r.Path)
		for _, who := range []string{"", "mira", "noor", "ada", "sam", "jun operator", "esi", "officer"} {
			want := 403
			switch {
			case who == "" && r.Method == "GET":
				want = 303
			case who == "":
				want = 401
			}
			send := func() int {
				if r.Method == "GET" {
					return a.Get(who, path).Status
				}
				return a.Post(who, path, url.Values{}).Status
			}
			if got := send(); got != want {
				t.Errorf("%q at %s %s: %d", who, r.Method, r.Path, got)
			}
		}
	}
	if n < 25 {
		t.Errorf("only %d routes were tried", n)
	}
}

// TestOthers: what is another customer's, or nobody's, is answered as what is not
// there.
func TestOthers(t *testing.T) {
	a := open(t)
	for _, path := range []string{
		"/my/buckets/proofs", "/my/buckets/none", "/my/buckets/proofs/object?key=a", "/my/buckets/ward-seven/object?key=a", "/my/buckets/ward-seven/object", "/my/buckets/proofs/download?key=a",
		"/my/buckets/ward-seven/download?key=a", "/my/demands/2026-0000-0000", "/my/demands/x", "/my/notices/x", "/my/notices/x/files/y", "/my/credentials/WRITOTHERCREDENTIAL0/remove",
		"/my/buckets/ward-seven/object?key=" + strings.Repeat("a", 1025), "/my/buckets/ward-seven/delete?key=%ff",
	} {
		if got := a.Get("customer", path); got.Status != 404 || !strings.Contains(got.Body, "<main") {
			t.Errorf("%.80s: %d", path, got.Status)
		}
	}
	for _, path := range []string{"/my/journal?right=king", "/my/journal?from=yesterday", "/my/journal?before=x", "/my/journal?bucket=" + strings.Repeat("a", 64)} {
		if got := a.Get("customer", path); got.Status != 422 || !strings.Contains(got.Body, "can&#39;t be read") {
			t.Errorf("%.80s: %d", path, got.Status)
		}
	}
}
