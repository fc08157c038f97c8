package datamap

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Parse reads a datamap.json of this format.
func Parse(b []byte) (*Map, error) {
	m := new(Map)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("couldn't read the map: %w", err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("couldn't read the map: its format is %q, not %q", m.Format, Format)
	}
	return m, nil
}

// Changes says what is different from an older map, a sentence each, in the
// order of the classes: rooms, functions and ways that came or went. A
// function that only moved to another line is no change.
func (m *Map) Changes(old *Map) (changes []string) {
	changes = append(changes, compare("the ways in", entriesOf(old), entriesOf(m))...)
	before := map[string]MappedClass{}
	for _, c := range old.Classes {
		before[c.Name] = c
	}
	for _, c := range m.Classes {
		was, ok := before[c.Name]
		delete(before, c.Name)
		switch {
		case !ok:
			changes = append(changes, "new class: "+c.Name)
		case was.Absent && !c.Absent:
			changes = append(changes, c.Name+" are in the program now")
		}
		changes = append(changes, compare("the rooms of "+c.Name, roomsOf(was), roomsOf(c))...)
		changes = append(changes, compare("the functions that see "+c.Name, functionsOf(was), functionsOf(c))...)
		changes = append(changes, compare("the ways to "+c.Name, pathsOf(was), pathsOf(c))...)
	}
	for _, c := range old.Classes {
		if _, gone := before[c.Name]; gone {
			changes = append(changes, "class no longer mapped: "+c.Name)
		}
	}
	return append(changes, compare("what is taken for granted", grantedOf(old), grantedOf(m))...)
}

func compare(what string, old, now []string) (changes []string) {
	for _, s := range now {
		if !slices.Contains(old, s) {
			changes = append(changes, fmt.Sprintf("added to %s: %s", what, s))
		}
	}
	for _, s := range old {
		if !slices.Contains(now, s) {
			changes = append(changes, fmt.Sprintf("gone from %s: %s", what, s))
		}
	}
	return changes
}

func entriesOf(m *Map) (all []string) {
	for _, l := range m.Listeners {
		for _, e := range l.Entries {
			all = append(all, l.Name+": "+e.Entry)
		}
	}
	return all
}

func roomsOf(c MappedClass) (all []string) {
	for _, r := range c.Rooms {
		all = append(all, r.Room)
	}
	return all
}

func functionsOf(c MappedClass) (all []string) {
	for _, f := range c.Functions {
		all = append(all, f.Function+" ("+words(f.How)+" it)")
	}
	return all
}

func pathsOf(c MappedClass) (all []string) {
	for _, p := range c.Paths {
		var steps []string
		for _, s := range p.Steps {
			steps = append(steps, s.Function)
		}
		through := "no check"
		if len(p.Checks) > 0 {
			through = strings.Join(p.Checks, ", ")
		}
		all = append(all, fmt.Sprintf("%s: %s (through %s)", p.Listener, strings.Join(steps, " → "), through))
	}
	return all
}

func grantedOf(m *Map) (all []string) {
	for _, g := range m.Granted {
		all = append(all, g.Room)
	}
	return all
}
