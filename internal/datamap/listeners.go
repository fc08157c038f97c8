package datamap

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"writ/internal/codemap"
)

// found is an entry as the code has it: what runs when somebody knocks.
type found struct {
	name string // "http internal/server.webPages GET /healthz", "command internal/…", see entries
	at   token.Pos
	runs []*ssa.Function // none where the handler is another module's
}

// Types and functions of other modules by which a listener shows.
const (
	humaOperation = "github.com/danielgtaylor/huma/v2.Operation"
	humaRegister  = "github.com/danielgtaylor/huma/v2.Register"
	cobraCommand  = "github.com/spf13/cobra.Command"
	fiberContext  = "github.com/gofiber/fiber/v3.Ctx"
	httpHandler   = "net/http.Handler"
)

// doors are interfaces through which other modules' listeners call us.
var doors = []string{
	"github.com/versity/versitygw/backend.Backend", "github.com/versity/versitygw/auth.IAMService",
	"net/http.Handler", "net.Listener",
}

// entries finds every way into the program, sorted by name:
//
//	listen FUNCTION             it opens a socket
//	http FUNCTION PATTERN       it registers a handler of net/http
//	operation ID                an operation of huma
//	command FUNCTION            a cobra command with something to run
//	fiber FUNCTION              a function of a fiber.Ctx that may fail, as fiber and versitygw call them
//	serves TYPE as INTERFACE    a type that a front's module calls
func (c *code) entries() []found {
	byName := map[string]*found{}
	add := func(name string, at token.Pos, runs ...*ssa.Function) {
		f := byName[name]
		if f == nil {
			f = &found{name: name, at: at}
			byName[name] = f
		}
		f.runs = append(f.runs, runs...)
	}
	for _, fn := range c.ours {
		in := codemap.Shorten(codemap.Outermost(fn).String())
		if fn.Synthetic != "" && fn.Origin() == nil {
			continue
		}
		if fn.Synthetic == "" && isFiberHandler(fn.Signature) {
			add("fiber "+in, fn.Pos(), fn)
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				switch i := instr.(type) {
				case ssa.CallInstruction:
					c.called(i, in, add)
				case *ssa.Store:
					if at, ok := i.Addr.(*ssa.FieldAddr); ok && named(deref(at.X.Type())) == cobraCommand {
						if field := fieldOf(at.X.Type(), at.Field).Name(); strings.Contains(field, "Run") {
							add("command "+in, fn.Pos(), functionsIn(i.Val)...)
						}
					}
				case *ssa.MakeInterface:
					t := named(deref(i.X.Type()))
					if as := named(i.Type()); slices.Contains(doors, as) && codemap.Ours(pathOf(i.X.Type())) {
						add("serves "+codemap.Shorten(t)+" as "+as, i.Pos(), c.methodsFor(i)...)
					}
				}
			}
		}
	}
	all := make([]found, 0, len(byName))
	for _, f := range byName {
		slices.SortFunc(f.runs, func(a, b *ssa.Function) int { return strings.Compare(a.String(), b.String()) })
		f.runs = slices.Compact(f.runs)
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b found) int { return strings.Compare(a.name, b.name) })
	return all
}

// called looks at one call for an entry.
func (c *code) called(site ssa.CallInstruction, in string, add func(string, token.Pos, ...*ssa.Function)) {
	call := site.Common()
	for _, arg := range call.Args { // an operation, with its handlers beside it
		if named(arg.Type()) != humaOperation {
			continue
		}
		if id, ok := operationID(arg); ok {
			add("operation "+id, site.Pos(), argumentFunctions(call)...)
		} else if fn := call.StaticCallee(); fn != nil && calledName(fn) == humaRegister && !c.passesOn(arg) {
			add("operation of "+in, site.Pos(), argumentFunctions(call)...)
		}
	}
	fn := call.StaticCallee()
	if fn == nil || fn.Object() == nil || fn.Object().Pkg() == nil {
		if call.IsInvoke() && call.Method.Name() == "Listen" {
			add("listen "+in, site.Pos())
		}
		return
	}
	pkg, name := fn.Object().Pkg().Path(), fn.Name()
	switch {
	case pkg == "net" && strings.HasPrefix(name, "Listen"), pkg == "crypto/tls" && name == "Listen",
		pkg == "net/http" && strings.HasPrefix(name, "ListenAndServe"):
		add("listen "+in, site.Pos())
	case pkg == "net/http" && (name == "Handle" || name == "HandleFunc"):
		pattern := "(computed)"
		for _, arg := range call.Args {
			if k, ok := arg.(*ssa.Const); ok && k.Value != nil && k.Value.Kind() == constant.String {
				pattern = constant.StringVal(k.Value)
			}
		}
		add("http "+in+" "+pattern, site.Pos(), c.handlers(call)...)
	}
}

func isFiberHandler(s *types.Signature) bool {
	n := s.Results().Len()
	return s.Params().Len() == 1 && n > 0 && named(s.Params().At(0).Type()) == fiberContext && named(s.Results().At(n-1).Type()) == "error"
}

// operationID is the constant OperationID of an operation that is made where
// it is used.
func operationID(v ssa.Value) (string, bool) {
	load, ok := v.(*ssa.UnOp)
	if !ok {
		return "", false
	}
	for _, user := range *load.X.Referrers() {
		at, ok := user.(*ssa.FieldAddr)
		if !ok || fieldOf(at.X.Type(), at.Field).Name() != "OperationID" {
			continue
		}
		for _, user := range *at.Referrers() {
			if store, ok := user.(*ssa.Store); ok {
				if k, ok := store.Val.(*ssa.Const); ok {
					return constant.StringVal(k.Value), true
				}
			}
		}
	}
	return "", false
}

// passesOn tells whether an operation is what the function was given: then
// whoever gave it is the entry.
func (c *code) passesOn(v ssa.Value) bool {
	if load, ok := v.(*ssa.UnOp); ok {
		if slot, ok := load.X.(*ssa.Alloc); ok {
			for _, user := range *slot.Referrers() {
				if store, ok := user.(*ssa.Store); ok && store.Addr == slot {
					_, given := store.Val.(*ssa.Parameter)
					return given
				}
			}
		}
	}
	_, given := v.(*ssa.Parameter)
	return given
}

// handlers are the functions of ours that a call of net/http registers.
func (c *code) handlers(call *ssa.CallCommon) (all []*ssa.Function) {
	all = argumentFunctions(call)
	for _, arg := range call.Args {
		if i, ok := arg.(*ssa.MakeInterface); ok && named(i.Type()) == httpHandler {
			all = append(all, c.methodsFor(i)...)
		}
		if made, ok := arg.(*ssa.Call); ok { // a handler that a function of ours makes, around another
			if fn := made.Call.StaticCallee(); fn != nil && codemap.Ours(codemap.PkgPath(fn)) {
				all = append(all, fn.AnonFuncs...)
			}
		}
	}
	return all
}

// methodsFor are the methods of the value that its interface has.
func (c *code) methodsFor(i *ssa.MakeInterface) (all []*ssa.Function) {
	iface := i.Type().Underlying().(*types.Interface)
	for n := range iface.NumMethods() {
		m := iface.Method(n)
		if fn := c.SSA().LookupMethod(i.X.Type(), m.Pkg(), m.Name()); fn != nil && codemap.Ours(codemap.PkgPath(fn)) {
			all = append(all, fn)
		}
	}
	return all
}

func argumentFunctions(call *ssa.CallCommon) (all []*ssa.Function) {
	for _, arg := range call.Args {
		all = append(all, functionsIn(arg)...)
	}
	return all
}

// functionsIn are the functions of ours that a value is, as far as it shows.
func functionsIn(v ssa.Value) []*ssa.Function {
	switch v := v.(type) {
	case *ssa.Function:
		if codemap.Ours(codemap.PkgPath(v)) {
			return []*ssa.Function{v}
		}
	case *ssa.MakeClosure:
		return functionsIn(v.Fn)
	case *ssa.ChangeType:
		return functionsIn(v.X)
	}
	return nil
}

// named is the full name of a named type, without its arguments, else "".
func named(t types.Type) string {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok {
		if a, isAlias := t.(*types.Alias); isAlias && a.Obj().Pkg() != nil {
			return a.Obj().Pkg().Path() + "." + a.Obj().Name()
		}
		return ""
	}
	if n.Obj().Pkg() == nil {
		return n.Obj().Name()
	}
	return n.Obj().Pkg().Path() + "." + n.Obj().Name()
}

// calledName is a function's full name, the same for all its instances.
func calledName(fn *ssa.Function) string {
	if o := origin(fn); o != nil && o.Pkg() != nil {
		return o.Pkg().Path() + "." + o.Name()
	}
	return ""
}

func deref(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

func pathOf(t types.Type) string {
	if n, ok := types.Unalias(deref(t)).(*types.Named); ok && n.Obj().Pkg() != nil {
		return n.Obj().Pkg().Path()
	}
	return ""
}

// undeclared compares what the code has with what is declared, both ways.
func (d *Declared) undeclared(entries []found) (findings []string) {
	declared := map[string]bool{}
	for _, l := range d.Listeners {
		for _, e := range l.Entries {
			declared[e] = true
		}
	}
	for _, e := range entries {
		if !declared[e.name] {
			findings = append(findings, fmt.Sprintf("a way into the program is not declared: %s", e.name))
		}
		delete(declared, e.name)
	}
	for name := range declared {
		findings = append(findings, fmt.Sprintf("a declared way into the program is gone: %s", name))
	}
	slices.Sort(findings)
	return findings
}
