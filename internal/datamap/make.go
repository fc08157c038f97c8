package datamap

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"writ/internal/codemap"
)

// Result is a map with its two files.
type Result struct {
	Map     *Map
	JSON    []byte // datamap.json
	Page    string // datamap.md
	Sum     string // SHA-256 of JSON, hex: what a release states
	Changes []string

	compared bool
}

// Make makes the map of a whole program under classes.yaml. previous is the
// datamap.json to compare with, or nil.
func Make(p *codemap.Program, previous []byte) (*Result, error) {
	d, err := Default()
	if err != nil {
		return nil, err
	}
	m, err := Build(p.Product("cmd/writ"), d)
	if err != nil {
		return nil, err
	}
	r := &Result{Map: m}
	if r.JSON, err = m.JSON(); err != nil {
		return nil, err
	}
	r.Sum = Sum(r.JSON)
	var old *Map
	oldSum := ""
	if previous != nil {
		if old, err = Parse(previous); err != nil {
			return nil, err
		}
		oldSum, r.compared = Sum(previous), true
		r.Changes = m.Changes(old)
	}
	r.Page, err = m.Page(r.Sum, old, oldSum)
	return r, err
}

// Write writes datamap.json and datamap.md into a folder, which it makes.
func (r *Result) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("couldn't make the folder of the map: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "datamap.json"), r.JSON, 0o644); err != nil {
		return fmt.Errorf("couldn't write the map: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "datamap.md"), []byte(r.Page), 0o644); err != nil {
		return fmt.Errorf("couldn't write the map: %w", err)
	}
	return nil
}

// Summary is what the command prints: a line for each class, the hash, and
// what has changed.
func (r *Result) Summary() string {
	var b strings.Builder
	for _, c := range r.Map.Classes {
		if c.Absent {
			fmt.Fprintf(&b, "%-10s not in the program yet\n", c.Name)
			continue
		}
		fmt.Fprintf(&b, "%-10s %d functions in %d rooms\n", c.Name, len(c.Functions), len(c.Rooms))
	}
	fmt.Fprintf(&b, "%-10s %s  datamap.json\n", "sha256", r.Sum)
	if r.compared && len(r.Changes) == 0 {
		fmt.Fprintln(&b, "nothing has changed since the release before")
	}
	for _, change := range r.Changes {
		fmt.Fprintln(&b, change)
	}
	return b.String()
}
