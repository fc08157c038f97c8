//go:build linux

package browser_test

import (
	"bytes"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"writ/internal/testenv/browser"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"

// pages serves what the tests look at, under a strict policy.
func pages(t *testing.T) *httptest.Server {
	t.Helper()
	served := map[string][2]string{
		"/":       {"text/html", "<!doctype html><html lang=en><title>Quayside</title><link rel=icon href=/icon.svg><link rel=stylesheet href=/style.css><body><p id=p>calm</p>"},
		"/inline": {"text/html", "<!doctype html><html lang=en><title>Inline</title><link rel=icon href=/icon.svg><body><script>document.title = 'ran'</script>"},
		// Headless Chromium doesn't ask for icons, others do.
		"/icon.svg":  {"image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>"},
		"/style.css": {"text/css", "body { background: white } @media (prefers-color-scheme: dark) { body { background: black } }"},
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := served[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", page[0])
		_, _ = w.Write([]byte(page[1]))
	}))
	t.Cleanup(s.Close)
	return s
}

// named is the server's address under a name.
func named(s *httptest.Server, name string) string {
	return strings.Replace(s.URL, "127.0.0.1", name, 1)
}

// TestWatches: what a page must not do is seen, each kind by itself, and a calm
// page has no problems.
func TestWatches(t *testing.T) {
	s := pages(t)
	b := browser.New(t, s.Certificate())
	b.Open(s.URL + "/")
	if got := browser.Take(b, chromedp.TextContent(chromedp.CSS("#p"))); got != "calm" {
		t.Errorf("the page says %q", got)
	}
	if p := b.Problems(); p != nil {
		t.Errorf("a calm page: %q", p)
	}
	for _, c := range []struct{ does, says string }{
		{`console.error("overboard", 7)`, "logged an error: overboard 7"},
		{`console.assert(false, "afloat")`, "logged an error: afloat"},
		{`new Promise(r => { setTimeout(() => { r(); throw new Error("adrift") }) })`, "nobody caught: Error: adrift"},
		{`Promise.reject(new Error("aground")), 0`, "nobody caught: Error: aground"},
		{`fetch("/nowhere").then(() => 0)`, "404"},
		{`fetch("https://tidewater.example/").catch(() => 0)`, "Content-Security-Policy forbids: connect-src https://tidewater.example"},
		{`location.assign("https://tidewater.example/"), new Promise(r => setTimeout(r, 300))`, "asked another host: https://tidewater.example/"},
	} {
		_, _ = chromedp.Run(b.Ctx, chromedp.Evaluate[any](c.does, chromedp.EvalAwaitPromise))
		if p := strings.Join(b.Problems(), "\n"); !strings.Contains(p, c.says) {
			t.Errorf("%s is seen as %q, which doesn't say %q", c.does, p, c.says)
		}
		b.Open(s.URL + "/")
		b.Problems()
	}
	b.Open(s.URL + "/inline")
	if p := strings.Join(b.Problems(), "\n"); !strings.Contains(p, "script-src") || browser.Eval[string](b, "document.title") != "Inline" {
		t.Errorf("an inline script: %q", p)
	}
}

// TestOthersAreDistrusted: a certificate that was not named is refused.
func TestOthersAreDistrusted(t *testing.T) {
	s := pages(t)
	b := browser.New(t)
	if err := chromedp.Do(b.Ctx, chromedp.Navigate(s.URL+"/")); err == nil || !strings.Contains(err.Error(), "CERT") {
		t.Errorf("a page of nobody's: %v", err)
	}
	b.Problems()
}

const register = `navigator.credentials.create({publicKey: {
	rp: {name: "Quayside"}, user: {id: new Uint8Array([7]), name: "noor", displayName: "Noor Adeyemi"},
	challenge: new Uint8Array(32), pubKeyCredParams: [{type: "public-key", alg: -7}],
	authenticatorSelection: {residentKey: "required", userVerification: "required"},
}}).then(c => c.type, e => e.name)`

// TestPasskeys: a passkey is made under a domain's name, by who is verified, in
// this tab alone; another person's tab has neither it nor the cookies.
func TestPasskeys(t *testing.T) {
	s := pages(t)
	b := browser.New(t, s.Certificate())
	b.Open(named(s, "console.quayside.example") + "/")
	a := b.Authenticator()
	a.Verify(false)
	if got := browser.Eval[string](b, register); got != "NotAllowedError" || len(a.Passkeys()) != 0 {
		t.Errorf("who was not verified got %q and %d passkeys", got, len(a.Passkeys()))
	}
	a.Verify(true)
	if got := browser.Eval[string](b, register); got != "public-key" || len(a.Passkeys()) != 1 {
		t.Errorf("who was verified got %q and %d passkeys", got, len(a.Passkeys()))
	}
	browser.Eval[string](b, `document.cookie = "a=b; Secure"`)
	other := b.Another()
	other.Open(named(s, "console.quayside.example") + "/")
	if got := browser.Eval[string](other, "document.cookie"); got != "" {
		t.Errorf("another person has the cookie %q", got)
	}
	if got := other.Authenticator().Passkeys(); len(got) != 0 {
		t.Errorf("another person has %d passkeys", len(got))
	}
	a.Lose()
}

// TestScreenshots: a picture has the width and the theme that were asked for.
func TestScreenshots(t *testing.T) {
	s := pages(t)
	b := browser.New(t, s.Certificate())
	b.Open(s.URL + "/")
	for theme, want := range map[string]uint32{"light": 0xffff, "dark": 0} {
		file := filepath.Join(t.TempDir(), theme+".png")
		b.Screenshot(file, theme, 360)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if red, _, _, _ := m.At(300, 300).RGBA(); red != want || m.Bounds().Dx() != 360 {
			t.Errorf("%s: a picture of %d pixels, red %#x", theme, m.Bounds().Dx(), red)
		}
	}
}

// TestAxe: what keeps people out is found, and a page without it is let be.
func TestAxe(t *testing.T) {
	s := pages(t)
	b := browser.New(t, s.Certificate())
	b.Open(s.URL + "/")
	if found := b.Axe(); len(found) != 0 {
		t.Errorf("a plain page: %s", strings.Join(found, "; "))
	}
	browser.Eval[string](b, `document.body.innerHTML = '<main><h1>x</h1><img src="data:,"><input><p>hard to read</p></main>'; document.querySelector('p').style.color = '#bbb'`)
	found := strings.Join(b.Axe(), "; ")
	for _, want := range []string{"image-alt", "label", "color-contrast"} {
		if !strings.Contains(found, want) {
			t.Errorf("%s was not found: %s", want, found)
		}
	}
	b.Problems() // the style in the element, and the picture that is none
}
