package datamap

import (
	"slices"
	"strings"
	"testing"
)

// TestDeclarationIsHeldToItsForm: whatever would make the map say less than it
// seems to is refused.
func TestDeclarationIsHeldToItsForm(t *testing.T) {
	if _, err := Default(); err != nil {
		t.Fatalf("classes.yaml itself: %v", err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"a mistyped member":          {"classes:\n  - {name: a, title: A, what: A., romos: []}", "romos"},
		"a room without a reason":    {"classes:\n  - {name: a, title: A, what: A., carriers: [writ.ObjectKey], rooms: [{room: internal/vault}]}", "has no reason"},
		"a class without a source":   {"classes:\n  - {name: a, title: A, what: A., rooms: [{room: internal/vault, why: so}]}", "nothing that it comes from"},
		"a class twice":              {"classes:\n  - {name: a, title: A, what: A., until: internal/docket}\n  - {name: a, title: A, what: A., until: internal/docket}", "a name of its own"},
		"a check that there is not":  {"classes:\n  - {name: a, title: A, what: A., until: internal/docket, checks: [gate]}", `the check "gate"`},
		"a check of nothing":         {"checks:\n  - {name: gate, what: Opens.}", "functions"},
		"an entry of two listeners":  {"listeners:\n  - {name: a, title: A, who: All., entries: [listen x]}\n  - {name: b, title: B, who: All., entries: [listen x]}", "twice"},
		"a grant without a reason":   {"granted:\n  - {room: writ.BlobID}", "no reason"},
		"an exception without a why": {"classes:\n  - {name: a, title: A, what: A., sources: [{function: internal/seal.Open, except: [{room: internal/blob}]}], rooms: [{room: internal/vault, why: so}]}", "no reason"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

// TestChanges: what came and what went is told, what only moved is not.
func TestChanges(t *testing.T) {
	old := &Map{
		Format:    Format,
		Listeners: []MappedAccess{{Name: "web", Entries: []MappedEntry{{"http page", "a.go:1"}, {"http old", "a.go:2"}}}},
		Classes: []MappedClass{{
			Name: "content", Rooms: []MappedRoom{{Room: "internal/seal"}},
			Functions: []MappedFunction{{"internal/seal.Open", "a.go:1", "opens"}, {"internal/vault.gone", "a.go:2", "asks"}},
			Paths:     []MappedPath{{Listener: "web", Steps: []MappedStep{{"a", "a.go:1"}, {"b", "a.go:2"}}, Checks: []string{"gate"}}},
		}, {Name: "demands", Absent: true}},
	}
	now := &Map{
		Format:    Format,
		Listeners: []MappedAccess{{Name: "web", Entries: []MappedEntry{{"http page", "a.go:7"}, {"http new", "a.go:8"}}}},
		Classes: []MappedClass{{
			Name: "content", Rooms: []MappedRoom{{Room: "internal/seal"}, {Room: "internal/server"}},
			Functions: []MappedFunction{{"internal/seal.Open", "a.go:99", "opens"}, {"internal/server.peek", "a.go:2", "handed"}},
			Paths:     []MappedPath{{Listener: "web", Steps: []MappedStep{{"a", "a.go:5"}, {"b", "a.go:6"}}, Checks: []string{}}},
		}, {Name: "demands"}},
		Granted: []MappedRoom{{Room: "writ.BlobID", Why: "random"}},
	}
	want := []string{
		"added to the ways in: web: http new",
		"gone from the ways in: web: http old",
		"added to the rooms of content: internal/server",
		"added to the functions that see content: internal/server.peek (is handed it)",
		"gone from the functions that see content: internal/vault.gone (asks for it)",
		"added to the ways to content: web: a → b (through no check)",
		"gone from the ways to content: web: a → b (through gate)",
		"demands are in the program now",
		"added to what is taken for granted: writ.BlobID",
	}
	if got := now.Changes(old); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := now.Changes(now); len(got) > 0 {
		t.Errorf("compared with itself: %q", got)
	}
	page, err := now.Page("aa", old, "bb")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range append(want, "the map bb", "    aa") {
		if !strings.Contains(page, line) {
			t.Errorf("%q is not on the page", line)
		}
	}
}

// TestPageShowsFindings: a page that is made of a program that breaks its
// declaration says so, and a sign of tables in a name breaks no table.
func TestPageShowsFindings(t *testing.T) {
	m := &Map{Findings: []string{"internal/server.peek asks for content"}, Granted: []MappedRoom{{Room: "a|b", Why: "two\nlines"}}}
	page, err := m.Page("aa", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## What should not be\n\n- internal/server.peek asks for content\n", `| a\|b | two lines |`} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if strings.Contains(page, "Since the release before") {
		t.Error("a comparison with nothing")
	}
}

// TestOtherFormatsAreRefused: a map of another format is not compared.
func TestOtherFormatsAreRefused(t *testing.T) {
	for _, text := range []string{`{"format":"writ/datamap/v2"}`, `{}`, `[`} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s was read", text)
		}
	}
}
