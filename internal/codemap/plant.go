package codemap

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/types"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Plant is the program with files added, path below the module's folder to
// content, as if they had been there when it was loaded. Only the packages
// that have new files, and those that import them, are checked anew, so that a
// test can plant many files in one loaded program. With rooms, only what is in
// them, and in the rooms that have new files, becomes SSA. The error is a
// [Broken] when the program does not compile with the files, which includes a
// package that imports what is internal to another.
func (p *Program) Plant(files map[string]string, rooms ...string) (*Program, error) {
	planted := p.with(nil)
	fresh := map[string]*packages.Package{} // by path: to be checked anew
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file, err := parser.ParseFile(p.Fset, filepath.Join(p.Root, name), files[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, Broken{err.Error()}
		}
		if !built(file) {
			continue
		}
		pkgPath := path.Join(module, path.Dir(name))
		pkg := fresh[pkgPath]
		if pkg == nil {
			pkg = p.copyOf(pkgPath, file.Name.Name)
			fresh[pkgPath] = pkg
		}
		pkg.Syntax = append(pkg.Syntax, file)
	}
	old := map[string]*packages.Package{}
	for _, pkg := range p.Pkgs {
		old[pkg.PkgPath] = pkg
	}
	checked := map[string]*packages.Package{}
	var broken Broken
	entered := map[string]bool{}
	var check func(pkgPath string) *packages.Package
	check = func(pkgPath string) *packages.Package {
		if pkg, done := checked[pkgPath]; done {
			return pkg
		}
		if entered[pkgPath] {
			broken = append(broken, Short(pkgPath)+" imports itself by a circle")
			return nil
		}
		entered[pkgPath] = true
		pkg, changed := fresh[pkgPath]
		if !changed {
			if pkg = old[pkgPath]; pkg == nil {
				return nil
			}
		}
		imports := importsOf(pkg)
		for _, imported := range imports {
			if Ours(imported) {
				if is := check(imported); is != nil && is != old[imported] {
					changed = true
				}
			}
		}
		if changed {
			if pkg == old[pkgPath] {
				pkg = p.copyOf(pkgPath, pkg.Name)
			}
			broken = append(broken, planted.check(pkg, imports, checked)...)
		}
		checked[pkgPath] = pkg
		return pkg
	}
	for _, pkgPath := range slices.Concat(slices.Sorted(maps.Keys(old)), slices.Sorted(maps.Keys(fresh))) {
		check(pkgPath)
	}
	if broken != nil {
		return nil, broken
	}
	for pkgPath, pkg := range checked {
		wanted := len(rooms) == 0 || fresh[pkgPath] != nil || slices.ContainsFunc(rooms, func(room string) bool { return Within(pkgPath, room) })
		if pkg != nil && wanted {
			planted.Pkgs = append(planted.Pkgs, pkg)
		}
	}
	return planted.with(planted.Pkgs), nil
}

// copyOf is a package with the syntax that it has, to be checked anew.
func (p *Program) copyOf(pkgPath, name string) *packages.Package {
	pkg := &packages.Package{PkgPath: pkgPath, ID: pkgPath, Name: name, Fset: p.Fset, TypesSizes: types.SizesFor("gc", "amd64")}
	for _, have := range p.Pkgs {
		if have.PkgPath == pkgPath {
			pkg.Syntax, pkg.GoFiles = slices.Clone(have.Syntax), have.GoFiles
		}
	}
	return pkg
}

// check makes a package's types.
func (p *Program) check(pkg *packages.Package, imports []string, checked map[string]*packages.Package) (broken Broken) {
	pkg.Imports = map[string]*packages.Package{}
	for _, path := range imports {
		if before, internal := cutInternal(path); internal && Ours(path) && pkg.PkgPath != before && !strings.HasPrefix(pkg.PkgPath, before+"/") {
			broken = append(broken, fmt.Sprintf("%s: use of internal package %s not allowed", Short(pkg.PkgPath), path))
		}
		pkg.Imports[path] = checked[path]
		if checked[path] == nil {
			pkg.Imports[path] = &packages.Package{PkgPath: path, Types: p.outside[path]}
		}
	}
	pkg.TypesInfo = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Instances: map[*ast.Ident]types.Instance{}, Scopes: map[ast.Node]*types.Scope{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, FileVersions: map[*ast.File]string{},
	}
	cfg := types.Config{
		Sizes: pkg.TypesSizes, GoVersion: "go1.26",
		Error: func(err error) { broken = append(broken, err.Error()) },
		Importer: importer(func(path string) (*types.Package, error) {
			if pkg := checked[path]; pkg != nil {
				return pkg.Types, nil
			}
			return p.foreign(path)
		}),
	}
	pkg.Types, _ = cfg.Check(pkg.PkgPath, pkg.Fset, pkg.Syntax, pkg.TypesInfo) // errors go to Error
	return broken
}

type importer func(path string) (*types.Package, error)

func (i importer) Import(path string) (*types.Package, error) { return i(path) }

// foreign is a package of another module or of Go.
func (p *Program) foreign(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if pkg := p.outside[path]; pkg != nil && pkg.Complete() {
		return pkg, nil
	}
	return nil, fmt.Errorf("the program was loaded without package %s", path)
}

// importsOf are the paths that a package's files import, sorted.
func importsOf(pkg *packages.Package) (all []string) {
	for _, file := range pkg.Syntax {
		for _, i := range file.Imports {
			all = append(all, strings.Trim(i.Path.Value, "`\""))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// cutInternal finds what a package is internal to.
func cutInternal(path string) (before string, found bool) {
	i := strings.LastIndex("/"+path+"/", "/internal/")
	if i < 1 {
		return "", false
	}
	return path[:i-1], true
}

// built tells whether a file is for linux/amd64 by its constraints.
func built(file *ast.File) bool {
	for _, group := range file.Comments {
		if group.Pos() > file.Package {
			break
		}
		for _, c := range group.List {
			if expr, err := constraint.Parse(c.Text); err == nil && constraint.IsGoBuild(c.Text) {
				return expr.Eval(func(tag string) bool {
					return tag == "linux" || tag == "amd64" || tag == "unix" || tag == "gc" || strings.HasPrefix(tag, "go1.")
				})
			}
		}
	}
	return true
}
