package codemap

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed rules.yaml
var rulesYAML []byte

// rules is rules.yaml.
type rules struct {
	Sealing struct {
		Packages []string
		Rooms    []struct{ Room, Why string }
	}
	Barred       []string
	Directives   []string
	Files        []string
	Unreflecting struct {
		Room     string
		Packages []string
	}
	Exceptions []struct{ File, What, Why string } // What is the package, directive or end of the name
}

var theRules = sync.OnceValue(func() (r rules) {
	dec := yaml.NewDecoder(bytes.NewReader(rulesYAML))
	dec.KnownFields(true)
	if err := dec.Decode(&r); err != nil {
		panic(err) // embedded: a mistake that every test meets
	}
	return r
})

// sealing tells whether a package may import ciphers.
func (r rules) sealing(pkg string) bool {
	for _, room := range r.Sealing.Rooms {
		if Within(pkg, room.Room) {
			return true
		}
	}
	return false
}

func (r rules) excepted(file, what string) bool {
	for _, e := range r.Exceptions {
		if e.File == file && e.What == what && e.Why != "" {
			return true
		}
	}
	return false
}

// Imports finds what the program's packages import against the rules: rooms
// that import what is not below them, as rooms orders them (the text of
// internal/invariants/testdata/rooms.txt, a line for each rank), ciphers
// outside the rooms that seal, reflection in the gate. Each finding is a
// sentence.
func (p *Program) Imports(rooms string) (findings []string) {
	r := theRules()
	rank := ranks(rooms)
	say := func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }
	for _, pkg := range p.Pkgs {
		room, ranked := roomOf(pkg.PkgPath, rank)
		imports := make([]string, 0, len(pkg.Imports))
		for path := range pkg.Imports {
			imports = append(imports, path)
		}
		slices.Sort(imports)
		for _, path := range imports {
			if slices.Contains(r.Sealing.Packages, path) && !r.sealing(pkg.PkgPath) {
				say("%s imports %s", Short(pkg.PkgPath), path)
			}
			if Within(pkg.PkgPath, r.Unreflecting.Room) && slices.Contains(r.Unreflecting.Packages, path) {
				say("%s imports %s", Short(pkg.PkgPath), path)
			}
			if !Ours(path) || !ranked {
				continue
			}
			other, ok := roomOf(path, rank)
			if ok && other != room && rank[other] <= rank[room] {
				say("%s imports %s, which is not below it", Short(pkg.PkgPath), Short(path))
			}
			if !ok {
				say("%s imports %s, which rooms.txt doesn't place", Short(pkg.PkgPath), Short(path))
			}
		}
		if !ranked && strings.HasPrefix(Short(pkg.PkgPath), "internal/") && !Within(pkg.PkgPath, "internal/invariants") {
			say("rooms.txt doesn't place %s", Short(pkg.PkgPath))
		}
	}
	return findings
}

// ranks reads rooms.txt: the number of a room's line, without comments and
// empty lines.
func ranks(text string) map[string]int {
	rank, line := map[string]int{}, 0
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
			continue
		}
		for _, room := range strings.Fields(l) {
			rank[room] = line
		}
		line++
	}
	return rank
}

// roomOf is the room that a package is, or is inside of.
func roomOf(path string, rank map[string]int) (string, bool) {
	path = Short(path)
	for room := range rank {
		if path == room || room != "." && strings.HasPrefix(path, room+"/") {
			return room, true
		}
	}
	return "", false
}

// Files finds what goes around Go's types in a source tree: unsafe, cgo,
// plugins, linkname, assembly and other languages, in every file whatever its
// build tags and system, tests and testdata excepted. Each finding names the
// file.
func Files(tree fs.FS) (findings []string, err error) {
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if base := path.Base(name); name != "." && (base == "testdata" || base[0] == '.' || base[0] == '_' || name == "dist" || name == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		found, err := file(tree, name)
		findings = append(findings, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't look through the source: %w", err)
	}
	return findings, nil
}

func file(tree fs.FS, name string) (findings []string, err error) {
	r := theRules()
	if end := path.Ext(name); slices.Contains(r.Files, end) && !r.excepted(name, end) {
		return []string{name + ": only Go is compiled into Writ"}, nil
	}
	if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
		return nil, nil
	}
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, imported := range parsed.Imports {
		pkg, _ := strconv.Unquote(imported.Path.Value)
		if slices.Contains(r.Barred, pkg) && !r.excepted(name, pkg) {
			findings = append(findings, fmt.Sprintf("%s: imports %s", set.Position(imported.Pos()), pkg))
		}
	}
	for _, group := range parsed.Comments {
		for _, c := range group.List {
			for _, d := range r.Directives {
				if strings.HasPrefix(c.Text, d) && !r.excepted(name, d) {
					findings = append(findings, fmt.Sprintf("%s: %s", set.Position(c.Pos()), c.Text))
				}
			}
		}
	}
	return findings, nil
}

// Check holds a loaded program and all files of its source to the rules.
func Check(p *Program) ([]string, error) {
	rooms, err := os.ReadFile(filepath.Join(p.Root, "internal", "invariants", "testdata", "rooms.txt"))
	if err != nil {
		return nil, fmt.Errorf("couldn't read how the rooms lie: %w", err)
	}
	findings, err := Files(os.DirFS(p.Root))
	if err != nil {
		return nil, err
	}
	return append(p.Imports(string(rooms)), findings...), nil
}
