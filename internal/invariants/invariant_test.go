package invariants

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/gate-api.txt")

// TestInvariant1 holds for the whole program: no key opens outside the gate.
func TestInvariant1(t *testing.T) {
	p, broken := load(t, nil, "./...")
	if broken != nil {
		t.Fatalf("the program doesn't compile, so nothing is proved:\n%s", strings.Join(broken[:min(len(broken), 10)], "\n"))
	}
	for _, finding := range slices.Concat(p.checkChain(t), p.checkImports(t), p.checkDirectives(), p.checkAPI(t)) {
		t.Error(finding)
	}
}

// TestAPI compares the golden list alone, or rewrites it.
func TestAPI(t *testing.T) {
	p, broken := load(t, nil, "./internal/gate/...")
	if broken != nil {
		t.Fatal(strings.Join(broken, "\n"))
	}
	if *update {
		writeList(t, filepath.Join("testdata", "gate-api.txt"), p.api())
	}
	for _, finding := range p.checkAPI(t) {
		t.Error(finding)
	}
}

// TestPlantedDoorsAreFound plants back doors into the real gate. Each file of
// testdata/doors begins with where it is planted, and with a part of what must
// be found.
func TestPlantedDoorsAreFound(t *testing.T) {
	doors, err := filepath.Glob("testdata/doors/*.go.txt")
	if err != nil || len(doors) < 2 {
		t.Fatalf("%d doors, %v", len(doors), err)
	}
	for _, door := range doors {
		t.Run(strings.TrimSuffix(filepath.Base(door), ".go.txt"), func(t *testing.T) {
			b, err := os.ReadFile(door)
			if err != nil {
				t.Fatal(err)
			}
			where := directive(t, string(b), "// plant: ")[0]
			p, found := load(t, map[string]string{where: string(b)}, "./internal/gate/...", "./internal/seal", "./"+filepath.Dir(where))
			if found == nil {
				found = slices.Concat(p.checkChain(t), p.checkImports(t), p.checkDirectives(), p.checkAPI(t))
			}
			for _, want := range directive(t, string(b), "// find: ") {
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
