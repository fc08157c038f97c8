package invariants

import (
	"fmt"
	"go/ast"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"

	"writ/internal/codemap"
)

// findings are what breaks the invariant, each one a sentence.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// link is one line of testdata/chain.txt.
type link struct {
	function string
	callers  []string // functions, or packages
}

func chain(t *testing.T) (all []link) {
	for _, line := range lines(t, "chain.txt") {
		function, callers, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("chain.txt: %q", line)
		}
		all = append(all, link{function, strings.Fields(callers)})
	}
	return all
}

// allows tells whether the function of that name, in that package, is named.
func (l link) allows(function, pkg string) bool {
	return slices.Contains(l.callers, function) || slices.Contains(l.callers, codemap.Short(pkg))
}

// checkChain looks at every link of the chain in three ways.
func (p *program) checkChain(t *testing.T) (f findings) {
	graph := p.RTA()
	for _, l := range chain(t) {
		target, _ := p.Object(l.function).(*types.Func)
		if target == nil {
			f.add("%s is gone, or is no package function", l.function)
			continue
		}
		p.checkSource(l, target, &f)
		p.checkSSA(l, target, &f)
		p.checkGraph(l, target, graph, &f)
	}
	return f
}

// checkSource looks at every identifier of the source that means target: it
// must be what a call expression calls, in a function that is named. This
// sees generic code too.
func (p *program) checkSource(l link, target *types.Func, f *findings) {
	seen := 0
	for _, pkg := range p.Pkgs {
		for _, file := range pkg.Syntax {
			for _, decl := range file.Decls {
				name := codemap.Shorten(declName(pkg, decl))
				called := calledIdents(decl)
				ast.Inspect(decl, func(n ast.Node) bool {
					id, ok := n.(*ast.Ident)
					if !ok || !same(pkg.TypesInfo.Uses[id], target) {
						return true
					}
					seen++
					at := p.At(id.Pos())
					if !called[id] {
						f.add("%s: %s is used as a value", at, l.function)
					} else if !l.allows(name, pkg.PkgPath) {
						f.add("%s: %s is called by %s", at, l.function, name)
					}
					return true
				})
			}
		}
	}
	if want := len(l.callers); seen != want && strings.Contains(l.callers[0], ".") {
		f.add("%s is referred to %d times, not %d", l.function, seen, want)
	}
}

// same compares objects that may come from source and from export data.
func same(a types.Object, b *types.Func) bool {
	fn, ok := a.(*types.Func)
	return ok && fn.Origin().FullName() == b.FullName()
}

// calledIdents are the identifiers that call expressions in n name.
func calledIdents(n ast.Node) map[*ast.Ident]bool {
	called := map[*ast.Ident]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := ast.Unparen(call.Fun).(type) {
		case *ast.Ident:
			called[fun] = true
		case *ast.SelectorExpr:
			called[fun.Sel] = true
		}
		return true
	})
	return called
}

// declName names a function declaration as go/types does; other declarations
// have the package's name.
func declName(pkg *packages.Package, decl ast.Decl) string {
	if d, ok := decl.(*ast.FuncDecl); ok {
		if fn, ok := pkg.TypesInfo.Defs[d.Name].(*types.Func); ok {
			return fn.FullName()
		}
	}
	return pkg.PkgPath + " (outside functions)"
}

// checkSSA looks at every operand of every instruction, wrappers and bound
// methods included.
func (p *program) checkSSA(l link, target *types.Func, f *findings) {
	for fn := range p.All() {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				var static *ssa.Function
				if call, ok := instr.(ssa.CallInstruction); ok && !isClosure(call) {
					static = call.Common().StaticCallee()
				}
				for i, op := range instr.Operands(nil) {
					used, ok := (*op).(*ssa.Function)
					if !ok || !same(used.Object(), target) {
						continue
					}
					switch _, deferred := instr.(*ssa.Call); {
					case static != used || i != 0 || !deferred:
						f.add("SSA: %s holds %s as a value", codemap.Shorten(fn.String()), l.function)
					case fn.Synthetic != "" || !l.allows(codemap.Shorten(codemap.Outermost(fn).String()), codemap.PkgPath(fn)):
						f.add("SSA: %s calls %s", codemap.Shorten(fn.String()), l.function)
					}
				}
			}
		}
	}
}

func isClosure(call ssa.CallInstruction) bool {
	_, ok := call.Common().Value.(*ssa.MakeClosure)
	return ok
}

func (p *program) checkGraph(l link, target *types.Func, graph *callgraph.Graph, f *findings) {
	callers := 0
	for fn, node := range graph.Nodes {
		if fn == nil || !same(fn.Object(), target) {
			continue
		}
		for _, in := range node.In {
			if in.Caller.Func == nil || in.Site == nil {
				continue // RTA's own root
			}
			callers++
			name := codemap.Shorten(codemap.Outermost(in.Caller.Func).String())
			if in.Site.Common().StaticCallee() == nil || !l.allows(name, codemap.PkgPath(in.Caller.Func)) {
				f.add("call graph: %s reaches %s", name, l.function)
			}
		}
	}
	if callers == 0 && strings.Contains(l.callers[0], ".") {
		f.add("call graph: nothing reaches %s", l.function)
	}
}

// checkAPI compares what gate and its rooms export with the golden list.
func (p *program) checkAPI(t *testing.T) (f findings) {
	have, want := p.api(), lines(t, "gate-api.txt")
	for _, line := range have {
		if !slices.Contains(want, line) {
			f.add("exported and not in gate-api.txt: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(have, line) {
			f.add("in gate-api.txt and not exported: %s", line)
		}
	}
	return f
}

// api lists what gate, keyring and journal export, sorted.
func (p *program) api() (all []string) {
	for _, pkg := range p.Pkgs {
		if codemap.Within(pkg.PkgPath, "internal/gate") {
			all = append(all, exported(pkg.Types)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func exported(pkg *types.Package) (all []string) {
	room := codemap.Short(pkg.Path())
	show := func(o types.Object) string {
		return codemap.Shorten(types.ObjectString(o, func(p *types.Package) string { return p.Path() }))
	}
	for _, name := range pkg.Scope().Names() {
		o := pkg.Scope().Lookup(name)
		if !o.Exported() {
			continue
		}
		text := show(o)
		tn, isType := o.(*types.TypeName)
		if isType { // its fields and methods follow, one by one
			text = "type " + room + "." + name
			if tn.IsAlias() {
				text += " = " + codemap.Shorten(types.TypeString(types.Unalias(o.Type()), nil))
			}
		}
		all = append(all, text)
		if !isType || tn.IsAlias() {
			continue
		}
		if s, ok := o.Type().Underlying().(*types.Struct); ok {
			for i := range s.NumFields() {
				if v := s.Field(i); v.Exported() {
					all = append(all, "field "+room+"."+name+"."+strings.TrimPrefix(show(v), "field "))
				}
			}
		}
		if i, ok := o.Type().Underlying().(*types.Interface); ok {
			for j := range i.NumMethods() {
				all = append(all, "interface "+room+"."+name+": "+show(i.Method(j)))
			}
		}
		methods := types.NewMethodSet(types.NewPointer(o.Type()))
		for i := range methods.Len() {
			if m := methods.At(i).Obj(); m.Exported() {
				all = append(all, show(m))
			}
		}
	}
	return all
}

func writeList(t *testing.T, path string, list []string) {
	t.Helper()
	text := "# What gate and its rooms export. Rewritten by: go test ./internal/invariants -run API -update\n" + strings.Join(list, "\n") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
