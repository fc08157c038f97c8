package datamap

import (
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/callgraph/vta"
	"golang.org/x/tools/go/ssa"

	"writ/internal/codemap"
)

// code is the program with what the map asks of it, found once.
type code struct {
	*codemap.Program
	ours     []*ssa.Function // with bodies, sorted by name
	rta, vta *callgraph.Graph
	callees  map[ssa.CallInstruction][]*ssa.Function // by VTA
	rtaSites map[types.Object][]ssa.CallInstruction  // where it may be called, by RTA
	vtaSites map[types.Object][]ssa.CallInstruction  // and by VTA
	byObject map[types.Object][]*ssa.Function        // a function and its instances
	fields   map[*types.Var][]ssa.Value              // where a field is read or its address taken
	packed   map[*types.Var][]*ssa.MakeInterface     // where a struct with that field becomes an interface
	ordered  map[*ssa.Function][]*callgraph.Edge     // memory of calls
	holders  map[*ssa.Function][]*ssa.Function       // who has a function as a value
	bound    map[*ssa.FreeVar][]ssa.Value            // what a literal's free variable is
}

func read(p *codemap.Program) *code {
	c := &code{
		Program: p, rta: p.RTA(),
		callees: map[ssa.CallInstruction][]*ssa.Function{}, rtaSites: map[types.Object][]ssa.CallInstruction{}, vtaSites: map[types.Object][]ssa.CallInstruction{},
		byObject: map[types.Object][]*ssa.Function{}, fields: map[*types.Var][]ssa.Value{},
		packed: map[*types.Var][]*ssa.MakeInterface{}, bound: map[*ssa.FreeVar][]ssa.Value{}, holders: map[*ssa.Function][]*ssa.Function{}, ordered: map[*ssa.Function][]*callgraph.Edge{},
	}
	c.vta = vta.CallGraph(p.All(), c.rta)
	for fn := range p.All() {
		if codemap.Ours(codemap.PkgPath(fn)) && fn.Blocks != nil && fn.TypeParams().Len() == len(fn.TypeArgs()) {
			c.ours = append(c.ours, fn)
		}
	}
	slices.SortFunc(c.ours, func(a, b *ssa.Function) int { return strings.Compare(a.String(), b.String()) })
	for _, fn := range c.ours {
		if o := origin(fn); o != nil {
			c.byObject[o] = append(c.byObject[o], fn)
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				c.index(instr)
			}
		}
		for _, edge := range out(c.rta, fn) {
			if o := origin(edge.Callee.Func); o != nil && edge.Site != nil {
				c.rtaSites[o] = append(c.rtaSites[o], edge.Site)
			}
		}
		for _, edge := range out(c.vta, fn) {
			if edge.Site == nil {
				continue
			}
			c.callees[edge.Site] = append(c.callees[edge.Site], edge.Callee.Func)
			if o := origin(edge.Callee.Func); o != nil {
				c.vtaSites[o] = append(c.vtaSites[o], edge.Site)
			}
		}
	}
	return c
}

// origin is the declared function or method that fn is of.
func origin(fn *ssa.Function) types.Object {
	if o, ok := fn.Object().(*types.Func); ok {
		return o.Origin()
	}
	return nil
}

func out(graph *callgraph.Graph, fn *ssa.Function) []*callgraph.Edge {
	if node := graph.Nodes[fn]; node != nil {
		return node.Out
	}
	return nil
}

func (c *code) in(fn *ssa.Function) []*callgraph.Edge {
	if node := c.vta.Nodes[fn]; node != nil {
		return node.In
	}
	return nil
}

func (c *code) index(instr ssa.Instruction) {
	call, _ := instr.(ssa.CallInstruction)
	for n, op := range instr.Operands(nil) {
		if fn, ok := (*op).(*ssa.Function); ok && (call == nil || n > 0) {
			c.holders[fn] = append(c.holders[fn], instr.Parent())
		}
	}
	switch i := instr.(type) {
	case *ssa.FieldAddr:
		v := fieldOf(i.X.Type(), i.Field)
		c.fields[v] = append(c.fields[v], i)
	case *ssa.Field:
		v := fieldOf(i.X.Type(), i.Field)
		c.fields[v] = append(c.fields[v], i)
	case *ssa.MakeInterface:
		if i.Type().Underlying().(*types.Interface).NumMethods() > 0 {
			return // whoever calls its methods is followed by them
		}
		for v := range fieldsOf(i.X.Type()) {
			c.packed[v] = append(c.packed[v], i)
		}
	case *ssa.MakeClosure:
		for n, v := range i.Fn.(*ssa.Function).FreeVars {
			c.bound[v] = append(c.bound[v], i.Bindings[n])
		}
	}
}
