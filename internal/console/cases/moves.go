package cases

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

// move is one of the interface's moves of a case, as a form.
type move struct {
	name  string // the operation's, without "-case"; its address below the case
	roles []writ.Role
	// fresh: it approves, so it takes a passkey that was used just now. Such a
	// move, and one that is sure, is shown in words before it is made.
	fresh, sure bool
	// when says whether the case is where the move can make sense: it hides what
	// would be refused anyway.
	when func(*api.Case) bool
	// input reads the form; nil for those that have a handler of their own.
	input func(*room, *page.Visit, *api.Case) (any, error)
}

// The roles that a move may take.
var (
	byEntry   = []writ.Role{writ.RoleIntake, writ.RoleCounsel}
	byCounsel = []writ.Role{writ.RoleCounsel}
	byPackers = []writ.Role{writ.RoleProduction}
	byAny     = []writ.Role{writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction}
	byOutlets = []writ.Role{writ.RoleProduction, writ.RoleIntake, writ.RoleCounsel}
)

func open(c *api.Case) bool      { return c.Closing == nil && c.Mark != "historic" }
func unwritten(c *api.Case) bool { return open(c) && (c.Writ == nil || c.Writ.Minted.IsZero()) }
func silent(c *api.Case) bool {
	return c.Mark != "historic" && c.Lifted.IsZero() && c.SecrecySet != nil && c.SecrecySet.Basis != writ.TellBefore && c.SecrecySet.Basis != writ.TellAfter
}
func keeps(c *api.Case) bool    { return len(c.Preservations) > 0 }
func real(c *api.Case) bool     { return c.Mark == "" }
func produced(c *api.Case) bool { return c.Production != nil && open(c) }

// moves are all moves, in the order of a case's way.
var moves = []move{
	{name: "attach", roles: byEntry, when: open},
	{name: "authenticate", roles: byEntry, when: open, input: (*room).authentication},
	{name: "amend", roles: byEntry, when: unwritten, input: (*room).amendment},
	{name: "preserve", roles: byEntry, when: func(c *api.Case) bool { return unwritten(c) && real(c) }, input: (*room).preservation},
	{name: "extend", roles: byEntry, when: func(c *api.Case) bool { return keeps(c) && open(c) }, input: (*room).extension},
	{name: "unpreserve", roles: byCounsel, sure: true, when: keeps, input: (*room).reasoned},
	{name: "identify", roles: byCounsel, when: unwritten, input: (*room).identification},
	{name: "secrecy", roles: byCounsel, when: func(c *api.Case) bool { return c.Mark != "historic" && c.Lifted.IsZero() }, input: (*room).silence},
	{name: "facts", roles: byCounsel, when: func(c *api.Case) bool { return unwritten(c) && len(c.Questions) > 0 }, input: (*room).answers},
	{name: "review", roles: byCounsel, when: unwritten, input: (*room).nothing},
	{name: "determine", roles: byAny, fresh: true, when: func(c *api.Case) bool { return unwritten(c) && len(standing(c)) > 0 }, input: (*room).proposal},
	{name: "second", roles: byAny, fresh: true, when: func(c *api.Case) bool { return unwritten(c) && len(unseconded(c)) > 0 }, input: (*room).seconding},
	{name: "approve", roles: byCounsel, fresh: true, when: func(c *api.Case) bool { return unwritten(c) && len(c.Findings) > 0 }, input: (*room).approval},
	{name: "draft", roles: byCounsel, when: func(c *api.Case) bool { return unwritten(c) && c.Approval != nil && real(c) }, input: (*room).nothing},
	{name: "waive", roles: byCounsel, fresh: true, when: func(c *api.Case) bool {
		return open(c) && c.Writ != nil && !c.Writ.Minted.IsZero() && c.Production == nil
	}, input: (*room).waiver},
	{name: "produce", roles: byPackers, when: func(c *api.Case) bool {
		return open(c) && c.Writ != nil && !c.Writ.Minted.IsZero() && c.Production == nil
	}},
	{name: "deliver", roles: byPackers, when: produced},
	{name: "confirm", roles: byOutlets, when: func(c *api.Case) bool { return len(c.Deliveries) > 0 && c.Confirmed.IsZero() }, input: (*room).confirmation},
	{name: "clock", roles: byEntry, when: func(c *api.Case) bool { return c.Mark != "historic" }, input: (*room).clockEvent},
	{name: "reply", roles: byCounsel, when: open, input: (*room).reply},
	{name: "notify", roles: byCounsel, when: func(c *api.Case) bool { return real(c) && c.Subject != nil }, input: (*room).notification},
	{name: "lift", roles: byCounsel, sure: true, when: silent, input: (*room).reasoned},
	{name: "close", roles: byCounsel, when: open, input: (*room).closing},
}

func moveOf(name string) (move, bool) {
	i := slices.IndexFunc(moves, func(m move) bool { return m.name == name })
	if i < 0 {
		return move{}, false
	}
	return moves[i], true
}

// standing are the findings on which two persons may still determine.
func standing(c *api.Case) (out []api.CaseFinding) {
	for _, f := range c.Findings {
		if f.Outcome != "pass" && !f.Determined && !f.Final {
			out = append(out, f)
		}
	}
	return out
}

// unseconded are proposals that wait for a second person.
func unseconded(c *api.Case) (out []api.Determination) {
	for _, d := range c.Determinations {
		if d.Second == "" {
			out = append(out, d)
		}
	}
	return out
}

// bars is the role in which a visitor has acted in a case, if that keeps them
// from a move although they hold a role that it takes.
func bars(v *page.Visit, c *api.Case, m move) writ.Role {
	as := writ.Role(c.Acted[v.Visitor.Person])
	if as == "" || slices.Contains(m.roles, as) {
		return ""
	}
	return as
}

// holds says whether a visitor holds a role that a move takes.
func holds(v *page.Visit, m move) bool { return slices.ContainsFunc(m.roles, v.Visitor.Has) }

// form shows the page of one move.
func (h *room) form(name string) func(*page.Visit) error {
	m, _ := moveOf(name)
	return func(v *page.Visit) error {
		p, err := h.formPage(v, m)
		if err != nil {
			return err
		}
		return v.Render("move", p)
	}
}

// move makes a move, or asks once more whether it is meant.
func (h *room) move(m move) func(*page.Visit) error {
	return func(v *page.Visit) error {
		raw, err := h.Desk.Case(v.Context(), v.Path("case"))
		if err != nil {
			return err
		}
		in, err := m.input(h, v, &raw)
		if err != nil {
			return h.again(v, m, err)
		}
		form, err := v.Form()
		if err != nil {
			return err
		}
		if (m.fresh || m.sure) && form.Get("response") == "" && form.Get("sure") == "" {
			return h.ask(v, m, &raw, nil)
		}
		if _, err := h.Desk.Move(v.Context(), string(raw.Case), m.name, in); err != nil {
			if p := problem(err); p != nil && p.Code == "step-up" {
				return h.ask(v, m, &raw, p)
			}
			return h.again(v, m, err)
		}
		return v.See("/docket/"+string(raw.Case), "cases-"+m.name)
	}
}

// again shows the form as it was filled in, with what was wrong.
func (h *room) again(v *page.Visit, m move, problem error) error {
	p, err := h.formPage(v, m)
	if err != nil {
		return errors.Join(problem, err)
	}
	return v.Again("move", p, problem)
}

// freshFor is how long after a passkey was used a page takes it for used just
// now; the interface takes five minutes, and the reader some time to read.
const freshFor = 4 * time.Minute

// asked is a move in words, before it is made.
type asked struct {
	*casePage
	Move   string
	Words  []word
	Hidden map[string]any // the form, for the second time
	Ready  bool           // no passkey is needed any more
}

// word is one thing that a move says.
type word struct {
	Key   string // of the message family cases.word
	Value string
}

// ask shows in words what is about to be done.
func (h *room) ask(v *page.Visit, m move, raw *api.Case, problem *api.Problem) error {
	p, err := h.casePage(v, raw)
	if err != nil {
		return err
	}
	form, err := v.Form()
	if err != nil {
		return err
	}
	out := asked{casePage: p, Move: m.name, Hidden: map[string]any{}}
	out.Ready = !m.fresh || problem == nil && v.Now().Sub(v.Visitor.Fresh) < freshFor
	for name, values := range form {
		if name == "ceremony" || name == "response" || name == "sure" {
			continue
		}
		joined := ""
		for i, one := range values {
			if i > 0 {
				joined += "\n"
			}
			joined += one
		}
		out.Hidden[name] = joined
	}
	out.Words = h.words(v, m.name, p, form)
	if problem != nil {
		return v.Again("sure", out, problem)
	}
	return v.Render("sure", out)
}

func problem(err error) *api.Problem {
	var p *api.Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}

func wrong(detail string) error {
	return &api.Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Code: "bounds", Detail: detail}
}
