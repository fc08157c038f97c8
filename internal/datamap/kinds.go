package datamap

import (
	"go/types"
	"iter"

	"writ/internal/codemap"
)

// streams are the methods that make a type one that bytes go through.
var streams = []string{"Read", "ReadAt", "Write", "WriteAt", "Bytes"}

// carries tells whether a value of a type can be, hold or lead to data: text,
// bytes, streams of bytes, whatever is made of them, and the types that the
// class names. Numbers, errors, contexts, checksums and functions do not
// count; structs of ours are followed field by field.
func (f *flow) carries(t types.Type) bool {
	switch f.held[t] {
	case 1:
		return false
	case 2:
		return true
	}
	f.held[t] = 1 // for a type that is made of itself
	yes := f.class.carried(t) || f.plain(t) && !among(f.class.neutral, t)
	if yes {
		f.held[t] = 2
	}
	return yes
}

func (f *flow) plain(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Info()&types.IsString != 0
	case *types.Slice:
		return isByte(u.Elem()) || f.carries(u.Elem())
	case *types.Array:
		return isByte(u.Elem()) || f.carries(u.Elem())
	case *types.Map:
		return f.carries(u.Key()) || f.carries(u.Elem())
	case *types.Chan:
		return f.carries(u.Elem())
	case *types.Tuple:
		for v := range u.Variables() {
			if f.carries(v.Type()) {
				return true
			}
		}
	case *types.Interface:
		return u.NumMethods() == 0 || streaming(t)
	case *types.Pointer:
		return f.carries(u.Elem()) || foreign(u.Elem()) && streaming(t)
	case *types.Struct:
		return foreign(t) && streaming(types.NewPointer(t))
	}
	return false
}

func isBytes(t types.Type) bool {
	s, ok := t.Underlying().(*types.Slice)
	return ok && isByte(s.Elem())
}

func isByte(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() == types.Uint8
}

// foreign tells whether a type is another module's.
func foreign(t types.Type) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Pkg() != nil && !codemap.Ours(n.Obj().Pkg().Path())
}

func streaming(t types.Type) bool {
	methods := types.NewMethodSet(t)
	if methods.Lookup(nil, "Sum") != nil { // a checksum
		return false
	}
	for _, name := range streams {
		if methods.Lookup(nil, name) != nil {
			return true
		}
	}
	return false
}

// changeable tells whether who is given a value of a type can put something
// into what it leads to.
func changeable(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Slice, *types.Pointer, *types.Map, *types.Chan, *types.Interface:
		return true
	}
	return false
}

// fieldOf is the n-th field of a struct, or of the one that t points to.
func fieldOf(t types.Type, n int) *types.Var {
	return structOf(t).Field(n).Origin()
}

func structOf(t types.Type) *types.Struct {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	s, _ := t.Underlying().(*types.Struct)
	return s
}

// fieldsOf yields the fields of a struct of ours and of the structs in it.
func fieldsOf(t types.Type) iter.Seq[*types.Var] {
	return func(yield func(*types.Var) bool) {
		seen := map[*types.Struct]bool{}
		var walk func(t types.Type) bool
		walk = func(t types.Type) bool {
			switch u := t.Underlying().(type) {
			case *types.Pointer:
				return walk(u.Elem())
			case *types.Slice:
				return walk(u.Elem())
			case *types.Array:
				return walk(u.Elem())
			case *types.Map:
				return walk(u.Elem())
			case *types.Struct:
				if seen[u] || foreign(t) {
					return true
				}
				seen[u] = true
				for v := range u.Fields() {
					if !yield(v.Origin()) || !walk(v.Type()) {
						return false
					}
				}
			}
			return true
		}
		walk(t)
	}
}
