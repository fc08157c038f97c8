package invariants

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/callgraph/rta"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
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
	return slices.Contains(l.callers, function) || slices.Contains(l.callers, short(pkg))
}

// checkChain looks at every link of the chain in three ways.
func (p *program) checkChain(t *testing.T) (f findings) {
	graph := p.callGraph()
	for _, l := range chain(t) {
		target := p.object(l.function)
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
	for _, pkg := range p.pkgs {
		for _, file := range pkg.Syntax {
			for _, decl := range file.Decls {
				name := shorten(declName(pkg, decl))
				called := calledIdents(decl)
				ast.Inspect(decl, func(n ast.Node) bool {
					id, ok := n.(*ast.Ident)
					if !ok || !same(pkg.TypesInfo.Uses[id], target) {
						return true
					}
					seen++
					at := p.at(pkg.Fset, id.Pos())
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

func (p *program) at(set *token.FileSet, pos token.Pos) string {
	at := set.Position(pos)
	return fmt.Sprintf("%s:%d", strings.TrimPrefix(at.Filename, p.root+"/"), at.Line)
}

// checkSSA looks at every operand of every instruction, wrappers and bound
// methods included.
func (p *program) checkSSA(l link, target *types.Func, f *findings) {
	for fn := range p.all {
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
						f.add("SSA: %s holds %s as a value", shorten(fn.String()), l.function)
					case fn.Synthetic != "" || !l.allows(shorten(outermost(fn).String()), pkgPath(fn)):
						f.add("SSA: %s calls %s", shorten(fn.String()), l.function)
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

// outermost is the declared function that a literal is in.
func outermost(fn *ssa.Function) *ssa.Function {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	return fn
}

func pkgPath(fn *ssa.Function) string {
	if fn.Pkg == nil {
		return ""
	}
	return fn.Pkg.Pkg.Path()
}

// callGraph is the second view: RTA from every function of the module, main
// and whatever other modules may call back.
func (p *program) callGraph() *callgraph.Graph {
	var roots []*ssa.Function
	for fn := range p.all {
		if ours(pkgPath(fn)) && fn.Blocks != nil && fn.TypeParams().Len() == len(fn.TypeArgs()) {
			roots = append(roots, fn)
		}
	}
	return rta.Analyze(roots, true).CallGraph
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
			name := shorten(outermost(in.Caller.Func).String())
			if in.Site.Common().StaticCallee() == nil || !l.allows(name, pkgPath(in.Caller.Func)) {
				f.add("call graph: %s reaches %s", name, l.function)
			}
		}
	}
	if callers == 0 && strings.Contains(l.callers[0], ".") {
		f.add("call graph: nothing reaches %s", l.function)
	}
}

// barred are packages that reach what the types do not show.
var barred = []string{"reflect", "unsafe", "plugin", "text/template", "html/template", "net/rpc", "encoding/gob"}

// checkImports looks at what packages import: arrows, ciphers, reflection.
func (p *program) checkImports(t *testing.T) (f findings) {
	rank := map[string]int{}
	for i, line := range lines(t, "rooms.txt") {
		for _, room := range strings.Fields(line) {
			rank[room] = i
		}
	}
	for _, pkg := range p.pkgs {
		room, ranked := roomOf(pkg.PkgPath, rank)
		for path := range pkg.Imports {
			if path == "crypto/cipher" && !within(pkg.PkgPath, "internal/seal") && !within(pkg.PkgPath, "internal/records") {
				f.add("%s imports crypto/cipher", short(pkg.PkgPath))
			}
			if within(pkg.PkgPath, "internal/gate") && slices.Contains(barred, path) {
				f.add("%s imports %s", short(pkg.PkgPath), path)
			}
			if !ours(path) || !ranked {
				continue
			}
			other, ok := roomOf(path, rank)
			if ok && other != room && rank[other] <= rank[room] {
				f.add("%s imports %s, which is not below it", short(pkg.PkgPath), short(path))
			}
			if !ok {
				f.add("%s imports %s, which rooms.txt doesn't place", short(pkg.PkgPath), short(path))
			}
		}
		if !ranked && strings.HasPrefix(short(pkg.PkgPath), "internal/") && !within(pkg.PkgPath, "internal/invariants") {
			f.add("rooms.txt doesn't place %s", short(pkg.PkgPath))
		}
	}
	return f
}

// roomOf is the room that a package is, or is inside of.
func roomOf(path string, rank map[string]int) (string, bool) {
	path = short(path)
	for room := range rank {
		if path == room || room != "." && strings.HasPrefix(path, room+"/") {
			return room, true
		}
	}
	return "", false
}

// checkDirectives looks for compiler directives that go around the types.
func (p *program) checkDirectives() (f findings) {
	for _, pkg := range p.pkgs {
		for _, file := range pkg.Syntax {
			for _, group := range file.Comments {
				for _, c := range group.List {
					if strings.HasPrefix(c.Text, "//go:linkname") || within(pkg.PkgPath, "internal/gate") && strings.HasPrefix(c.Text, "//go:cgo") {
						f.add("%s: %s", p.at(pkg.Fset, c.Pos()), c.Text)
					}
				}
			}
		}
	}
	return f
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
	for _, pkg := range p.pkgs {
		if within(pkg.PkgPath, "internal/gate") {
			all = append(all, exported(pkg.Types)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func exported(pkg *types.Package) (all []string) {
	room := short(pkg.Path())
	show := func(o types.Object) string {
		return shorten(types.ObjectString(o, func(p *types.Package) string { return p.Path() }))
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
				text += " = " + shorten(types.TypeString(types.Unalias(o.Type()), nil))
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
