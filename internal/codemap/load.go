package codemap

import (
	"fmt"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/callgraph/rta"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

const module = "writ"

// Program is packages of the module, without their tests.
type Program struct {
	Root string // the module's folder
	Fset *token.FileSet
	Pkgs []*packages.Package // sorted by path; with syntax and types

	outside map[string]*types.Package // of other modules, by path

	// Made when they are first asked for.
	ssa      *ssa.Program
	all      map[*ssa.Function]bool
	graph    *callgraph.Graph
	products map[string]*Program
}

// Broken are a program's errors of compilation: nothing is proven of it.
type Broken []string

// Error tells the first few.
func (b Broken) Error() string {
	return "the program doesn't compile:\n" + strings.Join(b[:min(len(b), 10)], "\n")
}

// Root finds the module's folder at or above dir.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		b, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && strings.HasPrefix(string(b), "module "+module+"\n") {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("couldn't find Writ's source: %s is not in it", dir)
		}
	}
}

// Load loads the packages of the module that patterns name, as the product is
// built, without cgo, and for linux/amd64, so that it is one program on every
// machine. The error is a [Broken] when the program does not compile. A
// pattern may also name a package of another module that a file to be planted
// needs.
func Load(root string, patterns ...string) (*Program, error) {
	cfg := &packages.Config{
		Fset: token.NewFileSet(),
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedTypesSizes | packages.NeedExportFile,
		Dir: root,
		Env: environment(),
	}
	pkgs, err := packages.Load(cfg, patterns...)
	if err != nil {
		return nil, fmt.Errorf("couldn't load the program: %w", err)
	}
	var broken Broken
	packages.Visit(pkgs, nil, func(pkg *packages.Package) {
		for _, e := range pkg.Errors {
			broken = append(broken, e.Error())
		}
	})
	if broken != nil {
		return nil, broken
	}
	p := &Program{Root: root, Fset: cfg.Fset, outside: map[string]*types.Package{}}
	var own []*packages.Package
	for _, pkg := range pkgs {
		p.remember(pkg.Types)
		if Ours(pkg.PkgPath) {
			own = append(own, pkg)
		} else {
			p.outside[pkg.PkgPath] = pkg.Types
		}
	}
	return p.with(own), nil
}

// environment is that of the product's build.
func environment() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
}

// remember keeps the packages of other modules that pkg's types come from.
func (p *Program) remember(pkg *types.Package) {
	for _, other := range pkg.Imports() {
		if !Ours(other.Path()) && p.outside[other.Path()] == nil {
			p.outside[other.Path()] = other
			p.remember(other)
		}
	}
}

// with is a program of some packages, in their order.
func (p *Program) with(pkgs []*packages.Package) *Program {
	slices.SortFunc(pkgs, func(a, b *packages.Package) int { return strings.Compare(a.PkgPath, b.PkgPath) })
	return &Program{Root: p.Root, Fset: p.Fset, Pkgs: pkgs, outside: p.outside}
}

// SSA is the packages in the compiler's intermediate form.
func (p *Program) SSA() *ssa.Program {
	if p.ssa == nil {
		p.ssa, _ = ssautil.Packages(p.Pkgs, ssa.InstantiateGenerics)
		p.ssa.Build()
	}
	return p.ssa
}

// All are all functions, literals, wrappers and instances included.
func (p *Program) All() map[*ssa.Function]bool {
	if p.all == nil {
		p.all = ssautil.AllFunctions(p.SSA())
	}
	return p.all
}

// RTA is the call graph by rapid type analysis from every function of the
// module, since other modules call back whatever they were given. It has more
// edges than a run can take, and of the module's own calls none less, but
// those by reflection.
func (p *Program) RTA() *callgraph.Graph {
	if p.graph == nil {
		var roots []*ssa.Function
		for fn := range p.All() {
			if Ours(PkgPath(fn)) && fn.Blocks != nil && concrete(fn) {
				roots = append(roots, fn)
			}
		}
		p.graph = rta.Analyze(roots, true).CallGraph
	}
	return p.graph
}

// concrete says that a function, or the one that a literal stands in, has no
// type parameter that is still open, its own or that of a generic function
// which calls it: instances are functions of their own.
func concrete(fn *ssa.Function) bool {
	fn = Outermost(fn)
	for _, arg := range fn.TypeArgs() {
		if _, open := arg.(*types.TypeParam); open {
			return false
		}
	}
	return fn.TypeParams().Len() == len(fn.TypeArgs())
}

// Product is the program without its tools: what command, "cmd/writ", needs of
// the module.
func (p *Program) Product(command string) *Program {
	if have := p.products[command]; have != nil {
		return have
	}
	byPath := map[string]*packages.Package{}
	for _, pkg := range p.Pkgs {
		byPath[pkg.PkgPath] = pkg
	}
	var product []*packages.Package
	seen := map[string]bool{}
	var need func(path string)
	need = func(path string) {
		pkg := byPath[path]
		if pkg == nil || seen[path] {
			return
		}
		seen[path] = true
		product = append(product, pkg)
		for imported := range pkg.Imports {
			need(imported)
		}
	}
	need(module + "/" + command)
	if p.products == nil {
		p.products = map[string]*Program{}
	}
	p.products[command] = p.with(product)
	return p.products[command]
}

// At is where pos is: "internal/gate/use.go:48".
func (p *Program) At(pos token.Pos) string {
	at := p.Fset.Position(pos)
	if !at.IsValid() {
		return ""
	}
	return fmt.Sprintf("%s:%d", filepath.ToSlash(strings.TrimPrefix(at.Filename, p.Root+string(filepath.Separator))), at.Line)
}
