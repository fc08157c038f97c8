package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"writ"
	"writ/internal/console/consoletest"
	"writ/internal/console/page"
)

func rig(t *testing.T, extra ...page.Route) *consoletest.Rig {
	t.Helper()
	return consoletest.New(t, func(*consoletest.Rig) []page.Room {
		if extra == nil {
			return nil
		}
		return []page.Room{{Name: "planted", Routes: extra}}
	})
}

func say(text string) func(*page.Visit) error {
	return func(v *page.Visit) error {
		fmt.Fprint(v.W, text)
		return nil
	}
}

// TestAudience: a route answers to its audience and to nobody else, and who is
// refused is written down.
func TestAudience(t *testing.T) {
	r := rig(t,
		page.Route{Method: "GET", Path: "/for/counsel", Name: "planted-counsel", For: page.Holders(writ.RoleCounsel), Do: say("inside")},
		page.Route{Method: "POST", Path: "/for/counsel", Name: "planted-counsel-post", For: page.Holders(writ.RoleCounsel), Do: say("inside")},
		page.Route{Method: "GET", Path: "/for/staff", Name: "planted-staff", For: page.AllStaff, Do: say("inside")},
		page.Route{Method: "GET", Path: "/for/customers", Name: "planted-customers", For: page.Customers, Do: say("inside")},
		page.Route{Method: "GET", Path: "/for/officers", Name: "planted-officers", For: page.Officers, Do: say("inside")},
	)
	for path, in := range map[string]string{"/for/counsel": "mira", "/for/staff": "mira noor ada", "/for/customers": "customer", "/for/officers": "officer"} {
		for _, who := range []string{"", "mira", "noor", "ada", "customer", "officer"} {
			got := r.Get(who, path)
			switch {
			case who != "" && strings.Contains(in, who):
				if got.Status != 200 || got.Body != "inside" {
					t.Errorf("%s at %s: %d", who, path, got.Status)
				}
			case who == "":
				if got.Status != 303 || got.Head.Get("Location") != "/sign-in?back="+url.QueryEscape(path) {
					t.Errorf("nobody at %s: %d to %s", path, got.Status, got.Head.Get("Location"))
				}
			default:
				if got.Status != 403 || strings.Contains(got.Body, "inside") {
					t.Errorf("%s at %s: %d", who, path, got.Status)
				}
			}
		}
	}
	if got := r.Post("", "/for/counsel", nil); got.Status != 401 {
		t.Errorf("nobody posts: %d", got.Status)
	}
	if got := r.Post("noor", "/for/counsel", nil); got.Status != 403 {
		t.Errorf("intake posts: %d", got.Status)
	}
	refused := strings.Join(r.RefusedRoutes(), "\n")
	for _, want := range []string{"noor.adeyemi planted-counsel-post", "noor.adeyemi planted-counsel", "harbour-clinic planted-staff", " planted-counsel-post"} {
		if !strings.Contains(refused, want) {
			t.Errorf("not written down: %s", want)
		}
	}
}

// TestOtherSites: what another site sends is not done.
func TestOtherSites(t *testing.T) {
	done := 0
	r := rig(t, page.Route{Method: "POST", Path: "/planted", Name: "planted", For: page.AllStaff, Do: func(v *page.Visit) error {
		done++
		return v.See("/style", "")
	}})
	for name, headers := range map[string][]string{
		"cross-site":    {"Sec-Fetch-Site", "cross-site"},
		"same-site":     {"Sec-Fetch-Site", "same-site"},
		"old browser":   {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		"opaque origin": {"Sec-Fetch-Site", "", "Origin", "null"},
		"other port":    {"Sec-Fetch-Site", "", "Origin", "https://127.0.0.1:1"},
	} {
		if got := r.Post("mira", "/planted", nil, headers...); got.Status != 403 {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	if done != 0 {
		t.Fatalf("%d forms of other sites were done", done)
	}
	if got := r.Post("mira", "/planted", nil); got.Status != 303 || done != 1 {
		t.Errorf("an own form: %d", got.Status)
	}
}

// TestHeaders: every answer, of whatever route and status, allows what pages need
// and nothing else.
func TestHeaders(t *testing.T) {
	r := rig(t, page.Route{Method: "GET", Path: "/for/staff", Name: "planted-staff", For: page.AllStaff, Do: say("x")})
	for _, path := range []string{"/style", "/for/staff", "/nothing-here", "/assets/0/style.css"} {
		got := r.Get("", path)
		csp := got.Head.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") || strings.Contains(csp, "*") {
			t.Errorf("%s: policy %q", path, csp)
		}
		for _, name := range []string{"Strict-Transport-Security", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"} {
			if got.Head.Get(name) == "" {
				t.Errorf("%s has no %s", path, name)
			}
		}
	}
	if got := r.Get("", "/nothing-here"); got.Status != 404 || !strings.Contains(got.Body, "<main") {
		t.Errorf("an address without a page: %d", got.Status)
	}
}

// TestBodies: a form over its bound is refused, and so is what is no form.
func TestBodies(t *testing.T) {
	r := rig(t, page.Route{Method: "POST", Path: "/planted", Name: "planted", For: page.AllStaff, Body: 1000, Do: func(v *page.Visit) error {
		text, err := v.Text("a", 100)
		if err != nil {
			return err
		}
		return say(text)(v)
	}})
	for name, c := range map[string]struct {
		body, media string
		status      int
	}{
		"fits":        {"a=x", "", 200},
		"too long":    {"a=" + strings.Repeat("x", 101), "", 422},
		"too large":   {"a=" + strings.Repeat("x", 2000), "", 413},
		"no form":     {`{"a":"x"}`, "application/json", 400},
		"broken":      {"a=%zz", "", 400},
		"no UTF-8":    {"a=%ff", "", 422},
		"no boundary": {"a", "multipart/form-data", 400},
	} {
		media := c.media
		if media == "" {
			media = "application/x-www-form-urlencoded"
		}
		if got := r.Upload("mira", "/planted", media, strings.NewReader(c.body)); got.Status != c.status {
			t.Errorf("%s: %d, want %d", name, got.Status, c.status)
		}
	}
}

// TestPreferences: a reader's choices are kept, and nothing else is.
func TestPreferences(t *testing.T) {
	r := rig(t)
	got := r.Post("", "/preferences", url.Values{"lang": {"de"}, "theme": {"dark"}, "back": {"/style"}})
	if got.Status != http.StatusSeeOther || got.Head.Get("Location") != "/style" || len(got.Head.Values("Set-Cookie")) != 2 {
		t.Fatalf("%d %v", got.Status, got.Head)
	}
	body := r.Get("", "/style", "Cookie", "lang=de; theme=dark").Body
	if !strings.Contains(body, `<html lang="de" data-theme="dark">`) {
		t.Error("the choices are not followed")
	}
	for _, cookie := range got.Head.Values("Set-Cookie") {
		if !strings.Contains(cookie, "Secure") || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
			t.Errorf("a cookie: %s", cookie)
		}
	}
	if got := r.Post("", "/preferences", url.Values{"lang": {"<x>"}, "theme": {"\"><script>"}, "back": {"//evil.example"}}); got.Head.Get("Location") != "/" || strings.Contains(strings.Join(got.Head.Values("Set-Cookie"), ""), "script") {
		t.Errorf("%v", got.Head)
	}
}
