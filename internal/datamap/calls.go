package datamap

import (
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"writ/internal/codemap"
)

// returned follows a result to the callers.
func (f *flow) returned(v ssa.Value, ret *ssa.Return) {
	fn := ret.Parent()
	if f.class.ends(fn) || f.class.handles(fn) || fn.Name() == "Error" { // errors hold nothing of anybody: the tests of invariant 12
		return
	}
	for n, result := range ret.Results {
		if result != v {
			continue
		}
		for _, edge := range f.code.in(fn) {
			if site, ok := edge.Site.(*ssa.Call); ok && !f.class.ends(edge.Caller.Func) {
				f.result(site, n, handed)
			}
		}
	}
}

// results adds all results of a call.
func (f *flow) results(site ssa.CallInstruction, how sight) {
	if call, ok := site.(*ssa.Call); ok {
		for n := range max(1, call.Call.Signature().Results().Len()) {
			f.result(call, n, how)
		}
	}
}

// result adds the n-th result of a call.
func (f *flow) result(call *ssa.Call, n int, how sight) {
	if call.Call.Signature().Results().Len() < 2 {
		f.add(call, how)
		return
	}
	for _, user := range *call.Referrers() {
		if e, ok := user.(*ssa.Extract); ok && e.Index == n {
			f.add(e, how)
		}
	}
}

// call follows v, an argument or the receiver of a call, into whoever may be
// called.
func (f *flow) call(v ssa.Value, site ssa.CallInstruction) {
	call := site.Common()
	if b, ok := call.Value.(*ssa.Builtin); ok {
		switch b.Name() {
		case "append":
			f.add(site.Value(), handed)
		case "copy":
			if call.Args[1] == v {
				f.mutated(call.Args[0], handed)
			}
		}
		return
	}
	args := call.Args
	if call.IsInvoke() {
		args = slices.Concat([]ssa.Value{call.Value}, args)
	}
	if args[0] != v && strings.HasPrefix(calleeName(site), "Read") && isBytes(v.Type()) {
		return // what a reader is given, it fills
	}
	unknown := call.IsInvoke() && call.Value == v
	for _, callee := range f.code.callees[site] {
		if callee.Blocks == nil || !codemap.Ours(codemap.PkgPath(callee)) {
			unknown = true
			continue
		}
		if f.class.ends(callee) || f.class.handles(callee) {
			f.see(callee, handed)
			continue
		}
		for n, arg := range args {
			if arg == v && n < len(callee.Params) {
				f.add(callee.Params[n], handed)
			}
		}
	}
	if unknown {
		f.foreign(v, site, args)
	}
}

// moves are the beginnings of the names of other modules' functions that put
// what they are given into what they are given.
var moves = []string{"Read", "Write", "Copy", "Unmarshal", "Decode", "Encode", "Append", "Scan", "Fprint"}

// foreign follows v through a function of another module, whose body is not
// looked into: its results may be of the class if a value of their kind can
// be, and so may what it writes to.
func (f *flow) foreign(v ssa.Value, site ssa.CallInstruction, args []ssa.Value) {
	name := calleeName(site)
	if f.class.endsNamed(site.Common()) || name == "Error" {
		return
	}
	f.results(site, handed)
	if slices.ContainsFunc(moves, func(begin string) bool { return strings.HasPrefix(name, begin) }) {
		for _, arg := range args {
			if arg != v && changeable(arg.Type()) {
				f.mutated(arg, handed)
			}
		}
	}
}

func calleeName(site ssa.CallInstruction) string {
	call := site.Common()
	if call.IsInvoke() {
		return call.Method.Name()
	}
	if fn := call.StaticCallee(); fn != nil {
		return fn.Name()
	}
	return ""
}
