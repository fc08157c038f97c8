package invariants

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"writ/internal/codemap"
)

var update = flag.Bool("update", false, "rewrite testdata/gate-api.txt and the excerpt in docs/data-handling.md")

// TestInvariant1 holds for the whole program: no key opens outside the gate.
func TestInvariant1(t *testing.T) {
	for _, finding := range load(t).check(t) {
		t.Error(finding)
	}
}

// check is all that must hold of the program.
func (p *program) check(t *testing.T) []string {
	return slices.Concat(p.checkChain(t), p.Imports(text(t, "testdata/rooms.txt")), p.checkAPI(t))
}

// TestAPI compares the golden list alone, or rewrites it.
func TestAPI(t *testing.T) {
	p := load(t)
	if *update {
		writeList(t, filepath.Join("testdata", "gate-api.txt"), p.api())
	}
	for _, finding := range p.checkAPI(t) {
		t.Error(finding)
	}
}

// TestNothingAroundTheTypes looks through every file of the source, those for
// other systems too: no unsafe, linkname, cgo, plugin, and no other language.
func TestNothingAroundTheTypes(t *testing.T) {
	findings, err := codemap.Files(os.DirFS(load(t).Root))
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		t.Error(finding)
	}
}

// TestPlantedDoorsAreFound plants back doors into the real gate. Each file of
// testdata/doors begins with where it is planted, and with a part of what must
// be found.
func TestPlantedDoorsAreFound(t *testing.T) {
	for _, door := range glob(t, "testdata/doors/*.go.txt") {
		t.Run(strings.TrimSuffix(filepath.Base(door), ".go.txt"), func(t *testing.T) {
			source := text(t, door)
			where := directive(t, source, "// plant: ")[0]
			p, broken := plant(t, map[string]string{where: source}, "internal/gate", "internal/seal")
			found := []string(broken)
			if broken == nil {
				around, err := codemap.Files(fstest.MapFS{where: {Data: []byte(source)}})
				if err != nil {
					t.Fatal(err)
				}
				found = append(p.check(t), around...)
			}
			for _, want := range directive(t, source, "// find: ") {
				if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, want) }) {
					t.Errorf("not found: %q, only:\n%s", want, strings.Join(found, "\n"))
				}
			}
		})
	}
}

// directive reads the lines of text that begin so.
func directive(t *testing.T, text, begin string) (all []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, begin); ok {
			all = append(all, strings.TrimSpace(rest))
		}
	}
	if len(all) == 0 {
		t.Fatalf("no line begins with %q", begin)
	}
	return all
}
