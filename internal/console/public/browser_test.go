//go:build linux

package public_test

import (
	"strings"
	"testing"

	"writ/internal/testenv/browser"
)

// TestInABrowser: every page, on a telephone and on a desk, in light and dark, keeps
// nobody out and breaks no rule of the console; the log's page goes on by itself.
func TestInABrowser(t *testing.T) {
	h := open(t)
	h.demands(2024)
	h.demands(2023)
	h.publish(2023, "")
	report := h.publish(2024, "")
	h.dress()
	b := browser.New(t, h.Server.Certificate())
	for path, name := range map[string]string{
		"/": "front", "/ledger": "ledger", "/policy": "policy", "/check": "check", "/data-map": "map",
		"/reports": "reports", "/reports/" + report.Digest: "report",
	} {
		b.Open(h.Server.URL + path)
		b.Inspect(name)
	}
	b.Open(h.Server.URL + "/ledger")
	line := func() string {
		return browser.Eval[string](b, `document.getElementById("live").textContent`)
	}
	until(t, "a line that tells of a new head", func() bool { return strings.HasPrefix(line(), "Now published") })
	before := line()
	until(t, "the next", func() bool { return line() != before })

	// The receipt of a statement, as this server gives it, holds in the page that
	// checks; with one byte changed it does not.
	for verdict, change := range map[string]string{"good": "text", "bad": `text.replace("index 0", "index 1")`} {
		b.Open(h.Server.URL + "/check")
		browser.Eval[bool](b, `(async () => {
			const text = await (await fetch("/ledger/0/receipt.json")).text();
			const files = new DataTransfer();
			files.items.add(new File([`+change+`], "entry-0.receipt.json"));
			const input = document.getElementById("check-receipt");
			input.files = files.files;
			input.dispatchEvent(new Event("change", {bubbles: true}));
			return true;
		})()`)
		until(t, "a verdict: "+verdict, func() bool {
			return browser.Eval[string](b, `document.querySelector("[data-verdict]")?.dataset.verdict ?? ""`) == verdict
		})
	}
	if broken := b.Problems(); len(broken) > 0 {
		t.Errorf("the browser complains: %q", broken)
	}
}
