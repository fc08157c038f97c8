package letter

import (
	"fmt"
	"sync"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// face is one of the fonts that are embedded in a PDF: the Go family, which
// covers WGL4 (Latin of Europe, Greek, Cyrillic).
type face string

const (
	regular face = ""
	bold    face = "B"
	italic  face = "I"
	mono    face = "mono"
)

var faces = []struct {
	face
	ttf []byte
}{{regular, goregular.TTF}, {bold, gobold.TTF}, {italic, goitalic.TTF}, {mono, gomono.TTF}}

// glyphs knows which runes a face can draw.
type glyphs struct {
	mu    sync.Mutex
	font  *sfnt.Font
	buf   sfnt.Buffer
	known map[rune]bool
}

// coverage is parsed once: a face's tables do not change.
var coverage = sync.OnceValues(func() (map[face]*glyphs, error) {
	all := map[face]*glyphs{}
	for _, f := range faces {
		parsed, err := sfnt.Parse(f.ttf)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the font %q: %w", f.face, err)
		}
		all[f.face] = &glyphs{font: parsed, known: map[rune]bool{}}
	}
	return all, nil
})

// has says whether the face draws r. What lies outside of the Basic
// Multilingual Plane it does not.
func (g *glyphs) has(r rune) bool {
	if r > 0xffff {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	has, ok := g.known[r]
	if !ok {
		i, err := g.font.GlyphIndex(&g.buf, r)
		has = err == nil && i != 0
		g.known[r] = has
	}
	return has
}
