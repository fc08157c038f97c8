//go:build linux

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Widths and Themes are how every page is looked at.
var (
	Widths = []int64{360, 1440}
	Themes = []string{"light", "dark"}
)

// Inspect looks at the open page as it is read on a telephone and on a desk, in
// light and dark: nobody is kept out ([Browser.Axe]), and nothing is wider than the
// screen. A picture of each is kept in .ci/out/pages, named by the page.
func (b *Browser) Inspect(name string) {
	b.t.Helper()
	dir := pictures(b)
	for _, theme := range Themes {
		for _, width := range Widths {
			b.Screenshot(filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", strings.ReplaceAll(name, "/", "-"), theme, width)), theme, width)
			if wide := Eval[int64](b, "document.documentElement.scrollWidth"); wide > width {
				b.t.Errorf("%s is %d pixels wide on a screen of %d", name, wide, width)
			}
		}
		for _, f := range b.Axe() {
			b.t.Errorf("%s, %s: %s", name, theme, f)
		}
	}
}

// pictures is the folder of pictures, in the tree's root.
func pictures(b *Browser) string {
	b.t.Helper()
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), "..", "..", "..", ".ci", "out", "pages")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	return dir
}
