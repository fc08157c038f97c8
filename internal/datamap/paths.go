package datamap

import (
	"slices"
	"strings"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"

	"writ/internal/codemap"
)

// pathsDrawn is how many ways the map draws for a class and a listener: the
// shortest.
const pathsDrawn = 3

// way is one way through the program, entry first, source last.
type way struct {
	entry  string
	edges  []*callgraph.Edge
	checks []string
}

// guards are the calls of checks in each function, by VTA.
type guards struct {
	names map[*ssa.Function][]string // the checks that a function is
	calls map[*ssa.Function][]ssa.CallInstruction
	check map[ssa.CallInstruction][]string
}

func (c *code) guards(d *Declared) guards {
	g := guards{map[*ssa.Function][]string{}, map[*ssa.Function][]ssa.CallInstruction{}, map[ssa.CallInstruction][]string{}}
	for _, check := range d.Checks {
		for _, name := range check.Functions {
			o := c.Object(name)
			for _, fn := range c.byObject[o] {
				g.names[fn] = append(g.names[fn], check.Name)
			}
			for _, site := range c.vtaSites[o] {
				g.calls[site.Parent()] = append(g.calls[site.Parent()], site)
				g.check[site] = append(g.check[site], check.Name)
			}
		}
	}
	return g
}

// passed are the checks that stand before a call: the function that calls is
// one, or each run of it has called one when it comes to the call. What the
// check answered is the function's to heed; tests hold it to that.
func (g guards) passed(site ssa.CallInstruction) (names []string) {
	names = slices.Clone(g.is(site.Parent()))
	for _, check := range g.calls[site.Parent()] {
		if before(check, site) {
			names = append(names, g.check[check]...)
		}
	}
	return names
}

// is are the checks that a function is, or is a literal of.
func (g guards) is(fn *ssa.Function) []string { return g.names[codemap.Outermost(fn)] }

// before tells whether a always ran when b runs.
func before(a, b ssa.CallInstruction) bool {
	if a.Block() != b.Block() {
		return a.Block().Dominates(b.Block())
	}
	return slices.Index(a.Block().Instrs, ssa.Instruction(a)) < slices.Index(a.Block().Instrs, ssa.Instruction(b))
}

// draw finds the shortest ways by VTA from each function that an entry runs to
// targets, and of these the shortest few. A function that is handed on as a
// value is called only where somebody was passed who hands it on: it makes
// the ways those that a reader would find. (Not so when it is decided whether
// a way passes a check: see reach.)
func (c *code) draw(entries []found, targets map[*ssa.Function]bool, r *resolved, g guards) (all []way) {
	for _, e := range entries {
		for _, fn := range e.runs {
			if edges, ok := c.search([]*ssa.Function{fn}, targets, r.other, true); ok && len(edges) > 0 {
				all = append(all, way{e.name, edges, g.along(edges)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b way) int {
		if len(a.edges) != len(b.edges) {
			return len(a.edges) - len(b.edges)
		}
		return strings.Compare(a.entry, b.entry)
	})
	return all
}

// reach finds from each entry a way by VTA to targets that passes none of the
// checks that avoid names, if there is one.
func (c *code) reach(entries []found, targets map[*ssa.Function]bool, skip func(*callgraph.Edge) bool) (all []way) {
	for _, e := range entries {
		if edges, ok := c.search(e.runs, targets, skip, false); ok {
			all = append(all, way{entry: e.name, edges: edges})
		}
	}
	return all
}

// search goes breadth first. An edge that skip names is not taken; with
// handing, a function that others hold as a value waits until one of them was
// passed.
func (c *code) search(from []*ssa.Function, targets map[*ssa.Function]bool, skip func(*callgraph.Edge) bool, handing bool) ([]*callgraph.Edge, bool) {
	last := map[*ssa.Function]*callgraph.Edge{}
	waiting := map[*ssa.Function][]*callgraph.Edge{} // by who would hand the callee on
	queue := slices.Clone(from)
	for _, fn := range queue {
		last[fn] = nil
	}
	take := func(edge *callgraph.Edge) {
		if _, seen := last[edge.Callee.Func]; !seen {
			last[edge.Callee.Func] = edge
			queue = append(queue, edge.Callee.Func)
		}
	}
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		if targets[fn] {
			return back(last, fn), true
		}
		for _, edge := range waiting[fn] {
			take(edge)
		}
		for _, edge := range c.calls(fn) {
			if skip != nil && skip(edge) {
				continue
			}
			holders := c.holders[edge.Callee.Func]
			if !handing || len(holders) == 0 || slices.ContainsFunc(holders, func(h *ssa.Function) bool { _, passed := last[h]; return passed }) {
				take(edge)
				continue
			}
			for _, h := range holders {
				waiting[h] = append(waiting[h], edge)
			}
		}
	}
	return nil, false
}

// along are the checks that a way passes.
func (g guards) along(edges []*callgraph.Edge) (checks []string) {
	for _, edge := range edges {
		checks = append(checks, g.passed(edge.Site)...)
		checks = append(checks, g.is(edge.Callee.Func)...)
	}
	slices.Sort(checks)
	return slices.Compact(checks)
}

func back(last map[*ssa.Function]*callgraph.Edge, fn *ssa.Function) (edges []*callgraph.Edge) {
	for edge := last[fn]; edge != nil; edge = last[edge.Caller.Func] {
		edges = append(edges, edge)
	}
	slices.Reverse(edges)
	return edges
}

// calls are the calls of functions of ours that VTA sees in a function, in a
// fixed order.
func (c *code) calls(fn *ssa.Function) (edges []*callgraph.Edge) {
	if edges, ok := c.ordered[fn]; ok {
		return edges
	}
	for _, edge := range out(c.vta, fn) {
		if edge.Site != nil && codemap.Ours(codemap.PkgPath(edge.Callee.Func)) {
			edges = append(edges, edge)
		}
	}
	slices.SortFunc(edges, func(a, b *callgraph.Edge) int {
		if a.Site.Pos() != b.Site.Pos() {
			return int(a.Site.Pos() - b.Site.Pos())
		}
		return strings.Compare(a.Callee.Func.String(), b.Callee.Func.String())
	})
	c.ordered[fn] = edges
	return edges
}
