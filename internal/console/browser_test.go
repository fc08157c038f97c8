//go:build linux

package console_test

import (
	"strings"
	"testing"

	"writ/internal/testenv/browser"
)

// TestStyleInABrowser: every component, as it is read on a telephone and on a desk,
// in light and dark, keeps nobody out and breaks no rule of the page.
func TestStyleInABrowser(t *testing.T) {
	r := rig(t)
	b := browser.New(t, r.Server.Certificate())
	b.Open(r.Server.URL + "/style")
	b.Inspect("style")
	if got := browser.Eval[string](b, "typeof htmx"); got != "object" {
		t.Errorf("htmx is %q", got)
	}
	// A script that somebody got into a page doesn't run, and the browser says so.
	ran := browser.Eval[bool](b, `(() => { const s = document.createElement("script"); s.textContent = "window.ran = true"; document.body.append(s); return !!window.ran })()`)
	if breaches := strings.Join(b.Problems(), " "); ran || !strings.Contains(breaches, "script-src") {
		t.Errorf("a planted script ran: %t; %s", ran, breaches)
	}
}
