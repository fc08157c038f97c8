package invariants

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"writ/internal/datamap"
)

// mapped is the map of the whole program, made once.
var mapped = sync.OnceValues(func() (*datamap.Result, error) {
	p, err := whole()
	if err != nil {
		return nil, err
	}
	return datamap.Make(p, nil)
})

// TestDataMap holds the program to internal/datamap/classes.yaml: no function
// outside a class's rooms can see it in plain, no way into the program is
// undeclared, and none leads to content or keys past every check.
func TestDataMap(t *testing.T) {
	r, err := mapped()
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range r.Map.Findings {
		t.Error(finding)
	}
	for _, c := range r.Map.Classes {
		if !c.Absent && (len(c.Functions) == 0 || len(c.Paths) == 0) {
			t.Errorf("%s: %d functions and %d ways: the map is empty", c.Name, len(c.Functions), len(c.Paths))
		}
	}
}

// TestDataMapIsTheSameEverywhere: made twice, byte for byte, and nothing of
// this machine in it.
func TestDataMapIsTheSameEverywhere(t *testing.T) {
	first, err := mapped()
	if err != nil {
		t.Fatal(err)
	}
	again, err := datamap.Make(load(t).Program, first.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.JSON, again.JSON) {
		t.Error("two maps of one program differ")
	}
	if len(again.Changes) > 0 {
		t.Errorf("compared with itself: %q", again.Changes)
	}
	if root := load(t).Root; bytes.Contains(first.JSON, []byte(root)) || strings.Contains(first.Page, root) {
		t.Errorf("%s is in the map", root)
	}
}

// TestPlantedLeaksAreFound plants leaks and ways in. Each file of
// testdata/leaks says in its first lines what must be found.
func TestPlantedLeaksAreFound(t *testing.T) {
	for _, leak := range glob(t, "testdata/leaks/*.txt") {
		t.Run(leak, func(t *testing.T) {
			archive := txtar.Parse([]byte(text(t, leak)))
			files := map[string]string{}
			for _, f := range archive.Files {
				files[f.Name] = string(f.Data)
			}
			p, broken := plant(t, files)
			if broken != nil {
				t.Fatal(broken)
			}
			d, err := datamap.Default()
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(archive.Comment)) {
				if rest, ok := strings.CutPrefix(line, "declare: "); ok {
					declare(t, d, strings.TrimSpace(rest))
				}
			}
			m, err := datamap.Build(p.Product("cmd/writ"), d)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range directive(t, string(archive.Comment), "find: ") {
				if !slices.ContainsFunc(m.Findings, func(f string) bool { return strings.Contains(f, want) }) {
					t.Errorf("not found: %q, only:\n%s", want, strings.Join(m.Findings, "\n"))
				}
			}
		})
	}
}

// TestDeclaredNamesMustExist: a name that the program doesn't have is an error
// wherever it is declared, since it would prove nothing.
func TestDeclaredNamesMustExist(t *testing.T) {
	d, err := datamap.Default()
	if err != nil {
		t.Fatal(err)
	}
	content := &d.Classes[0]
	content.Sources = append(content.Sources, datamap.Source{Function: "internal/seal.NoFunction"}, datamap.Source{Function: "(*internal/seal.Reader).NoMethod", Except: []datamap.Room{{Room: "internal/noexception", Why: "a test"}}})
	content.Carriers = append(content.Carriers, "writ.NoType")
	content.Requests = append(content.Requests, "github.com/gofiber/fiber/v3.NoType")
	content.Fields = append(content.Fields, "internal/vault.PutInput.NoField")
	content.Handles = append(content.Handles, "internal/noroom")
	content.Rooms = append(content.Rooms, datamap.Room{Room: "internal/noneither", Why: "a test"})
	content.Ends = append(content.Ends, "internal/seal.NoEnd")
	content.Reached = append(content.Reached, "internal/seal.NoReach")
	d.Granted = append(d.Granted, datamap.Room{Room: "writ.NoGrant", Why: "a test"})
	d.Checks[0].Functions = append(d.Checks[0].Functions, "internal/gate.NoCheck")
	_, err = datamap.Build(load(t).Product("cmd/writ"), d)
	if err == nil {
		t.Fatal("a map was made")
	}
	for _, name := range []string{"NoFunction", "NoMethod", "noexception", "writ.NoType", "fiber/v3.NoType", "NoField", "noroom", "noneither", "NoEnd", "NoReach", "NoGrant", "NoCheck"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not missed in: %v", name, err)
		}
	}
}

// declare adds an entry, "listener: entry", to a declaration.
func declare(t *testing.T, d *datamap.Declared, what string) {
	t.Helper()
	listener, entry, _ := strings.Cut(what, ": ")
	for i := range d.Listeners {
		if d.Listeners[i].Name == listener {
			d.Listeners[i].Entries = append(d.Listeners[i].Entries, entry)
			return
		}
	}
	t.Fatalf("no listener %q", listener)
}

const (
	excerptBegins = "<!-- excerpt -->\n"
	excerptEnds   = "<!-- end of excerpt -->\n"
)

// TestDocumentedExcerptIsTrue holds the excerpt of docs/data-handling.md to the
// page; numbers, which change with every line of code, aside.
func TestDocumentedExcerptIsTrue(t *testing.T) {
	r, err := mapped()
	if err != nil {
		t.Fatal(err)
	}
	const name = "../../docs/data-handling.md"
	doc := text(t, name)
	before, rest, begins := strings.Cut(doc, excerptBegins)
	have, after, ends := strings.Cut(rest, excerptEnds)
	if !begins || !ends {
		t.Fatalf("%s has no excerpt", name)
	}
	want := excerpt(t, r.Page)
	if *update {
		if err := os.WriteFile(name, []byte(before+excerptBegins+want+excerptEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	numbers := regexp.MustCompile(`[0-9]+`)
	if numbers.ReplaceAllString(have, "0") != numbers.ReplaceAllString(want, "0") {
		t.Errorf("%s shows:\n%s\nthe tool prints:\n%s\n(go test ./internal/invariants -run Excerpt -update)", name, have, want)
	}
}

// excerpt is the page's section of keys, up to the end of the first way.
func excerpt(t *testing.T, page string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n## Keys\n")
	section, _, ok2 := strings.Cut(rest, "### Functions")
	head, ways, ok3 := strings.Cut(section, "### Ways to it\n\n")
	parts := strings.SplitAfterN(ways, "\n\n", 3)
	if !ok || !ok2 || !ok3 || len(parts) < 3 {
		t.Fatal("the page has another form")
	}
	return strings.ReplaceAll("### Keys\n"+head+"#### Ways to it\n\n"+parts[0]+parts[1], "\n\n\n", "\n\n")
}
