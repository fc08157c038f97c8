package operator

import (
	"net/http"
	"slices"
	"strconv"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

// rota is who is paged for a role.
type rota struct {
	Role writ.Role
	api.Rota
	Shifts []shift
	Order  string // the standing order, a line each
}

type shift struct {
	api.Shift
	Past, Now  bool
	FromN, ToN string // as a form carries them
}

type onCallPage struct {
	Rotas  []rota
	People []writ.Person
	Zone   string
}

// pagedRoles are those for which somebody is paged.
var pagedRoles = []writ.Role{writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction, writ.RoleOperator}

// shownShifts bounds the shifts of a rota on the page, the newest of them.
const shownShifts = 40

// onCall is who is paged now and later, and when nobody would be.
func (h *room) onCall(v *page.Visit) error {
	d, err := h.onCallNow(v)
	if err != nil {
		return err
	}
	return v.Render("on-call", d)
}

func (h *room) onCallNow(v *page.Visit) (*onCallPage, error) {
	all, err := h.persons(v)
	if err != nil {
		return nil, err
	}
	d, now := &onCallPage{Zone: h.Desk.Zone().String()}, v.Now()
	for _, p := range all {
		if p.Left.IsZero() {
			d.People = append(d.People, p.ID)
		}
	}
	for _, role := range pagedRoles {
		one := rota{Role: role}
		if err := h.get(v, "on-call/"+string(role), &one.Rota); err != nil {
			return nil, err
		}
		for _, p := range one.Standing {
			one.Order += string(p) + "\n"
		}
		list := one.Rota.Shifts
		slices.SortFunc(list, func(a, b api.Shift) int { return a.From.Compare(b.From) })
		for _, s := range list[max(0, len(list)-shownShifts):] {
			one.Shifts = append(one.Shifts, shift{s, !s.Until.After(now), !s.From.After(now) && s.Until.After(now), instant(s.From), instant(s.Until)})
		}
		d.Rotas = append(d.Rotas, one)
	}
	return d, nil
}

// change changes a rota: it is read, changed and set whole.
func (h *room) change(v *page.Visit, do func(*api.Rota) error) error {
	role := v.Path("role")
	var r api.Rota
	err := h.get(v, "on-call/"+api.Below(role), &r)
	if err == nil {
		err = do(&r)
	}
	if err == nil {
		err = h.Desk.Do(v.Context(), http.MethodPut, "on-call/"+api.Below(role), map[string]any{"standing": r.Standing, "shifts": r.Shifts}, nil)
	}
	if err == nil {
		return v.See("/operator/on-call", "operator-rota")
	}
	d, failed := h.onCallNow(v)
	if failed != nil {
		return failed
	}
	return v.Again("on-call", d, err)
}

func (h *room) setStanding(v *page.Visit) error {
	return h.change(v, func(r *api.Rota) error {
		order, err := v.Text("order", 8192)
		r.Standing = []writ.Person{}
		for _, p := range lines(order) {
			r.Standing = append(r.Standing, writ.Person(p))
		}
		return err
	})
}

func (h *room) addShift(v *page.Visit) error {
	return h.change(v, func(r *api.Rota) error {
		form, err := v.Form()
		if err != nil {
			return err
		}
		s := api.Shift{Person: writ.Person(form.Get("person"))}
		if s.From, err = h.moment(form.Get("from")); err != nil {
			return err
		}
		if s.Until, err = h.moment(form.Get("until")); err != nil {
			return err
		}
		if s.From.IsZero() || s.Until.IsZero() {
			return unfit("a shift has a beginning and an end", "")
		}
		r.Shifts = append(r.Shifts, s)
		return nil
	})
}

func (h *room) removeShift(v *page.Visit) error {
	return h.change(v, func(r *api.Rota) error {
		form, err := v.Form()
		if err != nil {
			return err
		}
		person, from, until := writ.Person(form.Get("person")), instantOf(form.Get("from")), instantOf(form.Get("until"))
		before := len(r.Shifts)
		r.Shifts = slices.DeleteFunc(r.Shifts, func(s api.Shift) bool {
			return s.Person == person && s.From.Equal(from) && s.Until.Equal(until)
		})
		if len(r.Shifts) == before {
			return &api.Problem{Status: http.StatusConflict, Title: "Conflict", Code: "changed", Detail: "that shift is not there any more"}
		}
		return nil
	})
}

// count reads a number of a form, 0 for none.
func count(text string, most int) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, unfit("that is no number from 0 to "+strconv.Itoa(most), "")
	}
	return n, nil
}
