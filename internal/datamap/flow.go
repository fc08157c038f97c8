package datamap

import (
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"

	"writ/internal/codemap"
)

// A flow follows one class of data through the program, forwards, from where
// it comes in plain: which functions can see it. It does not mind in which
// order things happen, and takes a field of a struct for one and the same in
// all values of that struct. Who may call a source is RTA's to say, and every
// caller sees the class; where it is handed on from there, VTA says: by RTA
// alone every reader of bytes would read every other's.
type flow struct {
	code   *code
	class  *resolved
	values map[ssa.Value]bool
	fields map[*types.Var]bool
	saw    map[*ssa.Function]sight
	work   []ssa.Value
	held   map[types.Type]int // memory of carries: 1 no, 2 yes
}

// sight is how a function comes to see a class, the most direct way first.
type sight int

const (
	opens  sight = iota + 1 // it is where the class comes in plain
	asks                    // it calls such a function
	holds                   // it holds a value of a type that carries the class
	handed                  // it is handed the class by one that sees it
	mayAsk                  // by RTA it may call such a function, by VTA it can't
)

// String is the word that datamap.json has.
func (s sight) String() string {
	return [...]string{"", "opens", "asks", "holds", "handed", "may ask"}[s]
}

// verb says so in a sentence, before the class.
func (s sight) verb() string {
	return [...]string{"", "works on", "asks for", "holds", "is handed", "may ask, by RTA alone, for"}[s]
}

// follow runs the flow of a class to its end.
func follow(c *code, class *resolved) *flow {
	f := &flow{
		code: c, class: class,
		values: map[ssa.Value]bool{}, fields: map[*types.Var]bool{},
		saw: map[*ssa.Function]sight{}, held: map[types.Type]int{},
	}
	for _, s := range class.sources {
		f.source(s)
	}
	for v := range class.fields {
		f.field(v)
	}
	for _, fn := range c.ours {
		if class.handles(fn) {
			f.see(fn, opens)
			continue
		}
		f.holder(fn)
	}
	for len(f.work) > 0 {
		v := f.work[len(f.work)-1]
		f.work = f.work[:len(f.work)-1]
		for _, user := range *v.Referrers() {
			f.use(v, user)
		}
	}
	return f
}

// see notes that a function sees the class.
func (f *flow) see(fn *ssa.Function, how sight) {
	if fn == nil || !codemap.Ours(codemap.PkgPath(fn)) {
		return
	}
	fn = codemap.Outermost(fn)
	if old := f.saw[fn]; old == 0 || how < old {
		f.saw[fn] = how
	}
}

// add notes that a value may be of the class, or lead to it.
func (f *flow) add(v ssa.Value, how sight) {
	if v == nil || f.values[v] || v.Referrers() == nil || !f.carries(v.Type()) || v.Parent() != nil && f.class.handles(v.Parent()) {
		return
	}
	if _, constant := v.(*ssa.Const); constant {
		return
	}
	f.values[v] = true
	f.see(v.Parent(), how)
	f.work = append(f.work, v)
}

// source adds what the calls of a source give, and what they fill.
func (f *flow) source(s source) {
	for _, fn := range f.code.byObject[s.object] {
		f.see(fn, opens)
	}
	sites := f.code.vtaSites[s.object]
	for _, site := range f.code.rtaSites[s.object] {
		caller := site.Parent()
		switch {
		case s.excepts(caller):
		case slices.Contains(sites, site):
			f.see(caller, asks)
		default:
			f.see(caller, mayAsk)
		}
	}
	for _, site := range sites {
		if s.excepts(site.Parent()) {
			continue
		}
		call := site.Common()
		if s.Fills == 0 {
			f.results(site, asks)
			continue
		}
		args := call.Args
		if !call.IsInvoke() && call.Signature().Recv() != nil {
			args = args[1:]
		}
		if s.Fills <= len(args) {
			f.mutated(args[s.Fills-1], asks)
		}
	}
}

// holder adds the values of the types that carry the class.
func (f *flow) holder(fn *ssa.Function) {
	for v := range valuesOf(fn) {
		switch {
		case f.class.carried(v.Type()):
			f.see(fn, holds)
			f.add(v, holds)
		case f.class.requested(v.Type()):
			f.see(fn, holds)
		}
	}
}

// valuesOf yields a function's parameters, free variables and instructions
// that are values.
func valuesOf(fn *ssa.Function) func(func(ssa.Value) bool) {
	return func(yield func(ssa.Value) bool) {
		for _, p := range fn.Params {
			if !yield(p) {
				return
			}
		}
		for _, v := range fn.FreeVars {
			if !yield(v) {
				return
			}
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if v, ok := instr.(ssa.Value); ok && !yield(v) {
					return
				}
			}
		}
	}
}

// use follows v into one instruction that uses it.
func (f *flow) use(v ssa.Value, user ssa.Instruction) {
	switch i := user.(type) {
	case ssa.CallInstruction:
		f.call(v, i)
	case *ssa.Store:
		if i.Val == v {
			f.mutated(i.Addr, handed)
		}
	case *ssa.MapUpdate:
		if i.Key == v || i.Value == v {
			f.mutated(i.Map, handed)
		}
	case *ssa.Send:
		if i.X == v {
			f.mutated(i.Chan, handed)
		}
	case *ssa.MakeClosure:
		for n, b := range i.Bindings {
			if b == v {
				f.add(i.Fn.(*ssa.Function).FreeVars[n], handed)
			}
		}
	case *ssa.Return:
		f.returned(v, i)
	case *ssa.FieldAddr:
		f.access(i, v, fieldOf(i.X.Type(), i.Field))
	case *ssa.Field:
		f.access(i, v, fieldOf(i.X.Type(), i.Field))
	case *ssa.BinOp:
		if b, ok := i.Type().Underlying().(*types.Basic); ok && b.Info()&types.IsString != 0 {
			f.add(i, handed)
		}
	case *ssa.Phi, *ssa.ChangeType, *ssa.Convert, *ssa.MultiConvert, *ssa.ChangeInterface, *ssa.MakeInterface, *ssa.TypeAssert,
		*ssa.Slice, *ssa.SliceToArrayPointer, *ssa.Extract, *ssa.Index, *ssa.IndexAddr, *ssa.Lookup, *ssa.Range, *ssa.Next, *ssa.UnOp:
		f.add(i.(ssa.Value), handed)
	}
}

// access follows a value of a carrying struct into one of its fields. Structs
// of ours are followed field by field, by what is stored in each.
func (f *flow) access(i ssa.Value, of ssa.Value, v *types.Var) {
	if f.class.carried(of.Type()) || v.Pkg() != nil && !codemap.Ours(v.Pkg().Path()) {
		f.add(i, handed)
	}
}

// field notes that a field may hold the class, wherever it is read.
func (f *flow) field(v *types.Var) {
	if f.fields[v] || f.class.neutralFields[v] {
		return
	}
	f.fields[v] = true
	for _, at := range f.code.fields[v] {
		f.add(at, handed)
	}
	for _, i := range f.code.packed[v] { // a struct with this field that goes to a printer, an encoder …
		f.add(i, handed)
	}
}

// mutated notes that what an address, a map or a buffer leads to may now hold
// the class, whichever way it is reached.
func (f *flow) mutated(v ssa.Value, how sight) {
	for {
		f.add(v, how)
		switch at := v.(type) {
		case *ssa.FieldAddr:
			if field := fieldOf(at.X.Type(), at.Field); field.Pkg() != nil && codemap.Ours(field.Pkg().Path()) && f.carries(field.Type()) {
				f.field(field)
			}
			return
		case *ssa.IndexAddr:
			v = at.X
		case *ssa.Slice:
			v = at.X
		case *ssa.UnOp:
			v = at.X
		case *ssa.ChangeType:
			v = at.X
		case *ssa.MakeInterface:
			f.decoded(at.X.Type())
			v = at.X
		case *ssa.FreeVar:
			for _, b := range f.code.bound[at] {
				f.add(b, how)
			}
			return
		default:
			return
		}
	}
}

// decoded notes that a decoder filled a struct of ours.
func (f *flow) decoded(t types.Type) {
	for v := range fieldsOf(t) {
		if f.carries(v.Type()) {
			f.field(v)
		}
	}
}
