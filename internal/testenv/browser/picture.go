//go:build linux

package browser

import (
	"os"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Look shows pages as on a screen of that width, in "light" or "dark" theme, with
// nothing moving.
func (b *Browser) Look(theme string, width int64) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	b.Do(chromedp.EmulateViewport(width, 900))
}

// Screenshot writes the whole page as a PNG file, as [Browser.Look] would show it.
func (b *Browser) Screenshot(path, theme string, width int64) {
	b.t.Helper()
	b.Look(theme, width)
	if err := os.WriteFile(path, Take(b, chromedp.FullScreenshot(100)), 0o600); err != nil {
		b.t.Fatal(err)
	}
}
