//go:build linux

package agency_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/testenv/browser"
)

// TestInABrowser: every page keeps nobody out, in light and dark, on a telephone
// and on a desk; a package is fetched as an officer does it.
func TestInABrowser(t *testing.T) {
	r := rig(t)
	r.Put("letters/1.txt", "Ines Calder, ward seven: discharged")
	b := browser.New(t, r.Server.Certificate())
	b.Open(r.Server.URL + "/agency?as=officer")
	b.Inspect("no demands")
	id := file(t, r, demand("7 Gs 412/26"), order, api.Enclosure{Kind: "form", Name: "annex-i.xml", Body: []byte("<x/>")})
	_, err := r.House.Desk("mira").Move(r.Ctx, id, "letters", docket.LetterInput{Kind: "acknowledgement"})
	r.Must(err)
	for _, at := range []string{"/agency", "/agency/new", "/agency/" + id, "/agency/fetch"} {
		b.Open(r.Server.URL + at + "?as=officer")
		b.Inspect(at)
	}
	c, code := delivered(r)
	b.Open(r.Server.URL + "/agency/fetch?case=" + c)
	b.Do(chromedp.SendKeys("#f-code", code), chromedp.Submit("#f-code"), chromedp.WaitVisible("a[download]"), chromedp.Sleep(50*time.Millisecond))
	if at := browser.Take(b, chromedp.Location()); at != r.Server.URL+"/agency/fetch/"+c {
		t.Errorf("the browser is at %s", at)
	}
	b.Inspect("package")
	if n := browser.Eval[int](b, `fetch(document.querySelector("a[download]").href).then((r) => r.ok ? 1 : 0)`); n != 1 {
		t.Error("the file doesn't come")
	}
	if seen := browser.Eval[string](b, "document.cookie"); seen != "" {
		t.Errorf("a script sees %q", seen)
	}
}
