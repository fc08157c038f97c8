package law_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"writ/internal/law"
	"writ/packs"
)

// TestDocs: the house rules in docs/law.md are ones that load.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/law.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/law.md has no example")
	}
	if _, err := law.Load(packs.FS, []byte(example)); err != nil {
		t.Error(err)
	}
}

// TestREADME: every pack is in the README's table.
func TestREADME(t *testing.T) {
	page, err := os.ReadFile("../../packs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range load(t, "").Packs() {
		if !strings.Contains(string(page), "`"+p.Name+".yaml`") {
			t.Errorf("packs/README.md doesn't name %s", p.Name)
		}
	}
}

// TestSmallPack: what the fuzzer begins with is a pack.
func TestSmallPack(t *testing.T) {
	m := copied(t)
	few := fstest.MapFS{"mlat.yaml": &fstest.MapFile{Data: []byte(smallPack)}}
	for _, name := range []string{"data/countries.yaml", "data/calendars.yaml"} {
		few[name] = m[name]
	}
	l, err := law.Load(few, nil)
	if err != nil {
		t.Fatal(err)
	}
	use(l)
}
