package datamap

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/types"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"

	"writ/internal/codemap"
)

// Format names the schema of datamap.json, which docs/data-handling.md states.
const Format = "writ/datamap/v1"

// Map is datamap.json: the same bytes from the same source, on any machine.
type Map struct {
	Format    string         `json:"format"`
	Command   string         `json:"command"`  // the program, "cmd/writ"
	Declared  string         `json:"declared"` // SHA-256 of the declarations, hex
	Classes   []MappedClass  `json:"classes"`
	Listeners []MappedAccess `json:"listeners"`
	Checks    []MappedCheck  `json:"checks"`
	Granted   []MappedRoom   `json:"granted"`  // of no class, by declaration
	Findings  []string       `json:"findings"` // what should not be; empty in a release
}

// MappedClass is one class of data.
type MappedClass struct {
	Name      string           `json:"name"`
	Title     string           `json:"title"`
	What      string           `json:"what"`
	Absent    bool             `json:"absent,omitempty"` // not in the program yet
	Rooms     []MappedRoom     `json:"rooms"`
	Functions []MappedFunction `json:"functions"`
	Paths     []MappedPath     `json:"paths"`
}

// MappedRoom is a room that may see a class, or what is taken for granted.
type MappedRoom struct {
	Room      string `json:"room"`
	Why       string `json:"why"`
	Functions int    `json:"functions,omitempty"`
}

// MappedFunction is a function that can see a class in plain.
type MappedFunction struct {
	Function string `json:"function"`
	At       string `json:"at,omitempty"` // file:line; absent for what the compiler made
	How      string `json:"how"`          // opens, asks, holds, handed, may ask
}

// MappedPath is one of the shortest ways from a listener to a class.
type MappedPath struct {
	Listener string       `json:"listener"`
	Entry    string       `json:"entry"`
	Steps    []MappedStep `json:"steps"`
	Checks   []string     `json:"checks"` // passed on the way
}

// MappedStep is a function, and where it calls the next.
type MappedStep struct {
	Function string `json:"function"`
	At       string `json:"at,omitempty"`
}

// MappedAccess is a listener and the ways in that the code has there.
type MappedAccess struct {
	Name    string        `json:"name"`
	Title   string        `json:"title"`
	Who     string        `json:"who"`
	Entries []MappedEntry `json:"entries"`
}

// MappedEntry is one way in.
type MappedEntry struct {
	Entry string `json:"entry"`
	At    string `json:"at,omitempty"`
}

// MappedCheck is what stands between a listener and data.
type MappedCheck struct {
	Name      string   `json:"name"`
	What      string   `json:"what"`
	Functions []string `json:"functions"`
}

// Default is the declaration that the program is held to, classes.yaml.
func Default() (*Declared, error) { return Read(classesYAML) }

// Build makes the map of a program under a declaration. What the program does
// against the declaration is in Findings; the error is for a declaration that
// names what the program does not have.
func Build(p *codemap.Program, d *Declared) (*Map, error) {
	c := read(p)
	entries := c.entries()
	g := c.guards(d)
	m := &Map{Format: Format, Command: "cmd/writ", Declared: d.sum, Findings: d.undeclared(entries), Granted: []MappedRoom{}}
	if err := c.knows(d); err != nil {
		return nil, err
	}
	byName := map[string]found{}
	for _, e := range entries {
		byName[e.name] = e
	}
	perListener := map[string][]found{}
	for _, l := range d.Listeners {
		access := MappedAccess{Name: l.Name, Title: l.Title, Who: l.Who, Entries: []MappedEntry{}}
		for _, name := range slices.Sorted(slices.Values(l.Entries)) {
			if e, ok := byName[name]; ok {
				access.Entries = append(access.Entries, MappedEntry{name, c.At(e.at)})
				perListener[l.Name] = append(perListener[l.Name], e)
			}
		}
		m.Listeners = append(m.Listeners, access)
	}
	for _, check := range d.Checks {
		m.Checks = append(m.Checks, MappedCheck(check))
	}
	for _, granted := range d.Granted {
		m.Granted = append(m.Granted, MappedRoom{Room: granted.Room, Why: granted.Why})
	}
	for i := range d.Classes {
		class, findings, err := c.mapClass(d, &d.Classes[i], perListener, g)
		if err != nil {
			return nil, err
		}
		m.Classes = append(m.Classes, class)
		m.Findings = append(m.Findings, findings...)
	}
	if m.Findings == nil {
		m.Findings = []string{}
	}
	return m, nil
}

// knows tells whether the program has all that is declared. A declaration
// that is out of date proves nothing.
func (c *code) knows(d *Declared) error {
	var errs []error
	for _, check := range d.Checks {
		for _, name := range check.Functions {
			if _, ok := c.Object(name).(*types.Func); !ok {
				errs = append(errs, fmt.Errorf("check %s: the program has no %s", check.Name, name))
			}
		}
	}
	for i := range d.Classes {
		if _, err := c.resolve(d, &d.Classes[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// mapClass follows one class and judges who sees it, and by which ways.
func (c *code) mapClass(d *Declared, class *Class, listeners map[string][]found, g guards) (m MappedClass, findings []string, err error) {
	m = MappedClass{Name: class.Name, Title: class.Title, What: class.What, Rooms: []MappedRoom{}, Functions: []MappedFunction{}, Paths: []MappedPath{}}
	if c.absent(class) {
		m.Absent = true
		return m, nil, nil
	}
	r, err := c.resolve(d, class)
	if err != nil {
		return m, nil, err
	}
	f := follow(c, r)
	counts := make([]int, len(class.Rooms))
	for _, fn := range slices.SortedFunc(maps.Keys(f.saw), byNameOf) {
		seen := MappedFunction{codemap.Shorten(fn.String()), c.At(fn.Pos()), f.saw[fn].String()}
		m.Functions = append(m.Functions, seen)
		room := slices.IndexFunc(class.Rooms, func(room Room) bool { return room.has(fn) })
		if room < 0 {
			findings = append(findings, fmt.Sprintf("%s: %s %s %s, in no room that may see it", seen.At, seen.Function, f.saw[fn].verb(), class.Name))
			continue
		}
		counts[room]++
	}
	for i, room := range class.Rooms {
		if counts[i] == 0 {
			findings = append(findings, fmt.Sprintf("%s is declared to see %s, and nothing in it does", room.Room, class.Name))
		}
		m.Rooms = append(m.Rooms, MappedRoom{room.Room, room.Why, counts[i]})
	}
	targets := c.targets(r)
	for _, l := range d.Listeners {
		all := c.draw(listeners[l.Name], targets, r, g)
		for _, w := range all[:min(len(all), pathsDrawn)] {
			m.Paths = append(m.Paths, c.mapPath(l.Name, w))
		}
		if len(class.Checks) == 0 {
			continue
		}
		for _, w := range c.reach(listeners[l.Name], targets, func(edge *callgraph.Edge) bool { return r.checked(g, edge) || r.other(edge) }) {
			findings = append(findings, fmt.Sprintf("%s is reached past every check: %s", class.Name, c.describe(w)))
		}
	}
	return m, findings, nil
}

// checked tells whether a call is behind a check of the class.
func (r *resolved) checked(g guards, edge *callgraph.Edge) bool {
	return slices.ContainsFunc(append(g.passed(edge.Site), g.is(edge.Callee.Func)...), func(check string) bool {
		return slices.Contains(r.Checks, check)
	})
}

// other tells whether what a call of a source gives is of another class.
func (r *resolved) other(edge *callgraph.Edge) bool {
	o := origin(edge.Callee.Func)
	return slices.ContainsFunc(r.sources, func(s source) bool {
		return s.object == o && s.excepts(edge.Caller.Func)
	})
}

// targets are the functions that the ways of a class end at: those that it
// names, else its sources.
func (c *code) targets(r *resolved) map[*ssa.Function]bool {
	targets := map[*ssa.Function]bool{}
	for o := range r.reached {
		for _, fn := range c.byObject[o] {
			targets[fn] = true
		}
	}
	if len(targets) > 0 {
		return targets
	}
	for _, s := range r.sources {
		for _, fn := range c.byObject[s.object] {
			targets[fn] = true
		}
	}
	return targets
}

func (c *code) mapPath(listener string, w way) MappedPath {
	p := MappedPath{Listener: listener, Entry: w.entry, Checks: append([]string{}, w.checks...)}
	for _, edge := range w.edges {
		p.Steps = append(p.Steps, MappedStep{codemap.Shorten(edge.Caller.Func.String()), c.At(edge.Site.Pos())})
	}
	if n := len(w.edges); n > 0 {
		last := w.edges[n-1].Callee.Func
		p.Steps = append(p.Steps, MappedStep{codemap.Shorten(last.String()), c.At(last.Pos())})
	}
	return p
}

func (c *code) describe(w way) string {
	steps := []string{w.entry}
	for _, edge := range w.edges {
		steps = append(steps, codemap.Shorten(edge.Callee.Func.String()))
	}
	return strings.Join(steps, " → ")
}

func byNameOf(a, b *ssa.Function) int { return strings.Compare(a.String(), b.String()) }

// JSON is datamap.json, and Sum its SHA-256 in hex, which a release states.
func (m *Map) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("couldn't write the map: %w", err)
	}
	return append(b, '\n'), nil
}

// Sum is the SHA-256 of a datamap.json, in hex.
func Sum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
