package datamap

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"go/types"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"

	"writ/internal/codemap"
)

//go:embed classes.yaml
var classesYAML []byte

// Declared is what classes.yaml declares.
type Declared struct {
	Classes   []Class
	Granted   []Room // types and fields of no class, each with the reason; the map takes that for granted
	Checks    []Check
	Listeners []Listener

	sum string // SHA-256 of the text, hex
}

// Class is one kind of data, and who may see it in plain.
type Class struct {
	Name     string
	Title    string
	What     string   // in words, for the page
	Until    string   // the room that it comes with; empty when it is here
	Sources  []Source // functions that yield it
	Carriers []string // types whose values are of the class
	Requests []string // types whose values hold it among much else: who holds one sees it, what it takes from one is not followed
	Fields   []string // fields that hold it, "internal/vault.PutInput.Body"
	Handles  []string // rooms that work on it by their nature: all of their functions see it, and what comes out of them in plain is their sources'
	Ends     []string // functions out of which nothing of it comes in plain: they seal, hash, or say no more than yes or no
	Rooms    []Room
	Reached  []string // functions that the ways are drawn to; the sources if there are none
	Checks   []string // each way from a listener passes one of these; none for a class that has no gate
}

// Source is a function, method or method of an interface that gives data in
// plain: as its results, or into its argument number Fills, counted from 1.
type Source struct {
	Function string
	Fills    int
	Except   []Room // rooms to which it gives data of another class
}

// Room is a package, with those inside it, or one function, and why.
type Room struct {
	Room string
	Why  string
}

// Check is what stands between a listener and data.
type Check struct {
	Name      string
	What      string
	Functions []string
}

// Listener is a way into the program.
type Listener struct {
	Name    string
	Title   string
	Who     string // who can reach it, and how it is held apart
	Entries []string
}

// resolved is a class with its names looked up in a program.
type resolved struct {
	*Class
	sources       []source
	neutral       []types.Type // of no class
	neutralFields map[*types.Var]bool
	carriers      []types.Type
	requests      []types.Type
	fields        map[*types.Var]bool
	end           map[types.Object]bool
	reached       map[types.Object]bool
}

type source struct {
	Source
	object types.Object
}

// excepts tells whether what a function gets from the source is of another
// class.
func (s source) excepts(fn *ssa.Function) bool {
	return slices.ContainsFunc(s.Except, func(r Room) bool { return r.has(fn) })
}

// has tells whether a function is the room, or in it.
func (r Room) has(fn *ssa.Function) bool {
	return codemap.Within(codemap.PkgPath(fn), r.Room) || codemap.Shorten(codemap.Outermost(fn).String()) == r.Room
}

// Read reads a declaration as classes.yaml is. Unknown members are errors.
func Read(text []byte) (*Declared, error) {
	d := new(Declared)
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(d); err != nil {
		return nil, fmt.Errorf("couldn't read the declared classes: %w", err)
	}
	d.sum = Sum(text)
	return d, d.check()
}

func (d *Declared) check() error {
	var errs []error
	say := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	checks := map[string]bool{}
	for _, c := range d.Checks {
		if c.Name == "" || c.What == "" || len(c.Functions) == 0 || checks[c.Name] {
			say("check %q needs a name of its own, words and functions", c.Name)
		}
		checks[c.Name] = true
	}
	seen := map[string]bool{}
	for _, l := range d.Listeners {
		if l.Name == "" || l.Title == "" || l.Who == "" || seen[l.Name] {
			say("listener %q needs a name of its own, a title and who reaches it", l.Name)
		}
		seen[l.Name] = true
		for _, e := range l.Entries {
			if seen["entry "+e] {
				say("entry %q is declared twice", e)
			}
			seen["entry "+e] = true
		}
	}
	for _, g := range d.Granted {
		if g.Room == "" || g.Why == "" {
			say("what is taken for granted of %q has no reason", g.Room)
		}
	}
	for _, c := range d.Classes {
		if c.Name == "" || c.Title == "" || c.What == "" || seen[c.Name] {
			say("class %q needs a name of its own, a title and words", c.Name)
		}
		seen[c.Name] = true
		if c.Until == "" && (len(c.Rooms) == 0 || len(c.Sources)+len(c.Carriers)+len(c.Fields) == 0) {
			say("class %q has no rooms, or nothing that it comes from", c.Name)
		}
		rooms := slices.Clone(c.Rooms)
		for _, s := range c.Sources {
			rooms = append(rooms, s.Except...)
		}
		for _, r := range rooms {
			if r.Room == "" || r.Why == "" {
				say("class %q: room %q has no reason", c.Name, r.Room)
			}
		}
		for _, check := range c.Checks {
			if !checks[check] {
				say("class %q names the check %q, which there is not", c.Name, check)
			}
		}
	}
	return errors.Join(errs...)
}

// absent tells whether a class comes with a room that there is not yet.
func (c *code) absent(class *Class) bool { return class.Until != "" && !c.hasRoom(class.Until) }

// resolve looks a class's names up. A name that the program does not have is
// an error, unless the class itself is absent.
func (c *code) resolve(d *Declared, class *Class) (*resolved, error) {
	r := &resolved{Class: class, neutralFields: map[*types.Var]bool{}, fields: map[*types.Var]bool{}, end: map[types.Object]bool{}, reached: map[types.Object]bool{}}
	if c.absent(class) {
		return r, nil
	}
	var errs []error
	unknown := func(name string) {
		errs = append(errs, fmt.Errorf("class %s: the program has no %s", class.Name, name))
	}
	for _, s := range class.Sources {
		for _, room := range s.Except {
			if !c.hasRoom(room.Room) && c.Object(room.Room) == nil {
				unknown(room.Room)
			}
		}
		if fn, ok := c.Object(s.Function).(*types.Func); ok {
			r.sources = append(r.sources, source{s, fn})
		} else {
			unknown(s.Function)
		}
	}
	typesOf := func(names []string) (all []types.Type) {
		for _, name := range names {
			if tn, ok := c.Object(name).(*types.TypeName); ok {
				all = append(all, types.Unalias(tn.Type()))
			} else {
				unknown(name)
			}
		}
		return all
	}
	for _, g := range d.Granted {
		if v := c.fieldNamed(g.Room); v != nil {
			r.neutralFields[v] = true
		} else {
			r.neutral = append(r.neutral, typesOf([]string{g.Room})...)
		}
	}
	r.carriers, r.requests = typesOf(class.Carriers), typesOf(class.Requests)
	for _, name := range class.Fields {
		if v := c.fieldNamed(name); v != nil {
			r.fields[v] = true
		} else {
			unknown(name)
		}
	}
	for _, name := range class.Reached {
		if fn, ok := c.Object(name).(*types.Func); ok {
			r.reached[fn] = true
		} else {
			unknown(name)
		}
	}
	for _, room := range class.Handles {
		if !c.hasRoom(room) {
			unknown(room)
		}
	}
	for _, name := range class.Ends {
		if fn, ok := c.Object(name).(*types.Func); ok {
			r.end[fn] = true
		} else {
			unknown(name)
		}
	}
	for _, room := range class.Rooms {
		if !c.hasRoom(room.Room) && c.Object(room.Room) == nil {
			unknown(room.Room)
		}
	}
	return r, errors.Join(errs...)
}

// fieldNamed finds "internal/vault.PutInput.Body".
func (c *code) fieldNamed(name string) *types.Var {
	dot := strings.LastIndex(name, ".")
	if dot < 0 {
		return nil
	}
	o, ok := c.Object(name[:dot]).(*types.TypeName)
	if !ok {
		return nil
	}
	s := structOf(o.Type())
	if s == nil {
		return nil
	}
	for n := range s.NumFields() {
		if s.Field(n).Name() == name[dot+1:] {
			return s.Field(n).Origin()
		}
	}
	return nil
}

func (c *code) hasRoom(room string) bool {
	return slices.ContainsFunc(c.Pkgs, func(p *packages.Package) bool { return codemap.Within(p.PkgPath, room) })
}

// carried tells whether t is a carrier, or points to one.
func (r *resolved) carried(t types.Type) bool   { return among(r.carriers, t) }
func (r *resolved) requested(t types.Type) bool { return among(r.requests, t) }

// handles tells whether a function's room works on the class as a whole.
func (r *resolved) handles(fn *ssa.Function) bool {
	path := codemap.PkgPath(fn)
	return slices.ContainsFunc(r.Handles, func(room string) bool { return codemap.Within(path, room) })
}

func among(all []types.Type, t types.Type) bool {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	return slices.ContainsFunc(all, func(c types.Type) bool { return types.Identical(c, t) })
}

// ends tells whether nothing of the class comes out of a function.
func (r *resolved) ends(fn *ssa.Function) bool {
	o := origin(codemap.Outermost(fn))
	return o != nil && r.end[o]
}

func (r *resolved) endsNamed(call *ssa.CallCommon) bool {
	if call.IsInvoke() {
		return r.end[call.Method]
	}
	fn := call.StaticCallee()
	return fn != nil && r.ends(fn)
}
