package invariants

import (
	"bufio"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

const module = "writ"

// program is the module's packages without their tests, as source, types and
// SSA. Packages of other modules are known by their types only: none of them
// can import what is internal to this one.
type program struct {
	root string // the module's folder
	pkgs []*packages.Package
	ssa  *ssa.Program
	all  map[*ssa.Function]bool
}

// load loads patterns of the module, with planted files (path below the
// module's folder to content) as if they were there.
func load(t *testing.T, planted map[string]string, patterns ...string) (*program, []string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	overlay := map[string][]byte{}
	for path, text := range planted {
		overlay[filepath.Join(root, path)] = []byte(text)
	}
	p := &program{root: root}
	p.pkgs, err = packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedTypesSizes | packages.NeedExportFile,
		Dir: root, Overlay: overlay,
		Env: append(os.Environ(), "CGO_ENABLED=0"), // as the product is built
	}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	var broken []string
	packages.Visit(p.pkgs, nil, func(pkg *packages.Package) {
		for _, e := range pkg.Errors {
			broken = append(broken, e.Error())
		}
	})
	if len(broken) > 0 {
		return nil, broken
	}
	p.ssa, _ = ssautil.Packages(p.pkgs, ssa.InstantiateGenerics)
	p.ssa.Build()
	p.all = ssautil.AllFunctions(p.ssa)
	return p, nil
}

// short is a package's path below the module: "internal/gate"; "." is the
// module's own package.
func short(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

// shorten does so wherever the module's name begins a path in text.
func shorten(text string) string { return strings.ReplaceAll(text, module+"/", "") }

// ours tells whether a package is the module's.
func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// within tells whether a package is the room or inside it.
func within(path, room string) bool {
	path = short(path)
	return path == room || strings.HasPrefix(path, room+"/")
}

// lines reads a file of testdata, without comments and empty lines.
func lines(t *testing.T, name string) (all []string) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all
}

// object finds a package-level function by "internal/gate.release".
func (p *program) object(name string) *types.Func {
	dot := strings.LastIndex(name, ".")
	for _, pkg := range p.pkgs {
		if short(pkg.PkgPath) == name[:dot] {
			f, _ := pkg.Types.Scope().Lookup(name[dot+1:]).(*types.Func)
			return f
		}
	}
	return nil
}
