package codemap

import (
	"go/types"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// Short is a package's path below the module: "internal/gate"; "." is the
// module's own package.
func Short(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

// Shorten does so wherever the module's name begins a path in text.
func Shorten(text string) string { return strings.ReplaceAll(text, module+"/", "") }

// Ours tells whether a package is the module's.
func Ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// Within tells whether a package is the room or inside it.
func Within(path, room string) bool {
	path = Short(path)
	return path == room || strings.HasPrefix(path, room+"/")
}

// PkgPath is the path of the package that a function belongs to: an instance
// of a generic function to that function's, a wrapper to its method's, "" if
// there is none.
func PkgPath(fn *ssa.Function) string {
	fn = Outermost(fn)
	switch {
	case fn.Pkg != nil:
		return fn.Pkg.Pkg.Path()
	case fn.Origin() != nil && fn.Origin().Pkg != nil:
		return fn.Origin().Pkg.Pkg.Path()
	case fn.Object() != nil && fn.Object().Pkg() != nil:
		return fn.Object().Pkg().Path()
	}
	return ""
}

// Outermost is the declared function that a literal is in.
func Outermost(fn *ssa.Function) *ssa.Function {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	return fn
}

// Object finds a function, method, type or variable of the module or of what
// it imports: "internal/gate.release", "(*internal/seal.Section).Read",
// "writ.ObjectKey", "(crypto/cipher.AEAD).Open". It returns nil if there is
// none.
func (p *Program) Object(name string) types.Object {
	if method, ok := strings.CutPrefix(name, "("); ok {
		recv, method, ok := strings.Cut(method, ").")
		if !ok {
			return nil
		}
		recv, pointer := strings.CutPrefix(recv, "*")
		tn, ok := p.Object(recv).(*types.TypeName)
		if !ok {
			return nil
		}
		t := tn.Type()
		if pointer {
			t = types.NewPointer(t)
		}
		o, _, _ := types.LookupFieldOrMethod(t, false, tn.Pkg(), method)
		if fn, ok := o.(*types.Func); ok {
			return fn
		}
		return nil
	}
	dot := strings.LastIndex(name, ".")
	if dot < 0 {
		return nil
	}
	for _, pkg := range p.Pkgs {
		if short := Short(pkg.PkgPath); short == name[:dot] || short == "." && name[:dot] == module {
			return pkg.Types.Scope().Lookup(name[dot+1:])
		}
	}
	if pkg := p.outside[name[:dot]]; pkg != nil {
		return pkg.Scope().Lookup(name[dot+1:])
	}
	return nil
}
