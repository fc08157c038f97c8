package operator

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/staff"
)

// companies are in which capacity somebody works here.
var companies = []staff.Company{staff.Employee, staff.OutsideCounsel, staff.LegalRepresentative, staff.DesignatedEstablishment, staff.OutsideCustodian}

// holding is a role of a person's, as it stands now.
type holding struct {
	api.Assignment
	State string // waiting, lapsed, declined, planned, held, ended
	Mine  bool   // the visitor proposed it: another confirms
	At    string // address of the person
}

func (h *room) holding(v *page.Visit, a api.Assignment, now time.Time) holding {
	out := holding{Assignment: a, Mine: a.Proposed == string(v.Visitor.Person), At: "/operator/people/" + api.Below(string(a.Person))}
	switch {
	case a.Refused:
		out.State = "declined"
	case !a.Ended.IsZero() && !a.Ended.After(now), !a.Until.IsZero() && !a.Until.After(now):
		out.State = "ended"
	case a.Decided == "" && now.Sub(a.Since) > staff.ProposalLife:
		out.State = "lapsed"
	case a.Decided == "":
		out.State = "waiting"
	case a.From.After(now):
		out.State = "planned"
	default:
		out.State = "held"
	}
	return out
}

// somebody is a row of the list of persons.
type somebody struct {
	api.Person
	Held    []holding
	Waiting int
	At      string
}

// waitingPasskey is one that another person confirms, by what its owner reads out.
type waitingPasskey struct {
	api.AccountPasskey
	Mine bool // the visitor invited its owner
}

type peoplePage struct {
	Here, Gone []somebody
	Waiting    []holding
	Passkeys   []waitingPasskey
	Roles      []writ.Role
	Vacant     []writ.Role // roles that nobody holds
	Companies  []staff.Company
}

// people are who works here, and the roles that wait for a second operator.
func (h *room) people(v *page.Visit) error {
	d, err := h.peopleNow(v)
	if err != nil {
		return err
	}
	return v.Render("people", d)
}

func (h *room) persons(v *page.Visit) (all []api.Person, err error) {
	if err := h.get(v, "persons", &all); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b api.Person) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all, nil
}

func (h *room) peopleNow(v *page.Visit) (*peoplePage, error) {
	all, err := h.persons(v)
	if err != nil {
		return nil, err
	}
	page.Visible(&all)
	d, now := &peoplePage{Roles: roles, Companies: companies}, v.Now()
	held := map[writ.Role]bool{}
	for _, p := range all {
		one := somebody{Person: p, At: "/operator/people/" + api.Below(string(p.ID))}
		for _, a := range p.Assignments {
			switch x := h.holding(v, a, now); x.State {
			case "held":
				one.Held, held[x.Role] = append(one.Held, x), true
			case "waiting":
				one.Waiting++
				if p.Left.IsZero() {
					d.Waiting = append(d.Waiting, x)
				}
			}
		}
		if p.Left.IsZero() {
			d.Here = append(d.Here, one)
		} else {
			d.Gone = append(d.Gone, one)
		}
	}
	if err := h.get(v, "passkeys/waiting", &d.Passkeys); err != nil && !off(err) {
		return nil, err
	}
	page.Visible(&d.Passkeys)
	for i := range d.Passkeys {
		d.Passkeys[i].Mine = d.Passkeys[i].InvitedBy == string(v.Visitor.Person)
	}
	for _, r := range roles {
		if !held[r] {
			d.Vacant = append(d.Vacant, r)
		}
	}
	return d, nil
}

// addPerson names somebody, who has no role yet.
func (h *room) addPerson(v *page.Visit) error {
	id, err := v.Text("id", 200)
	var in api.PersonInput
	if err == nil {
		in, err = personInput(v)
	}
	if err == nil {
		err = h.unknown(v, id)
	}
	if err == nil {
		err = h.Desk.Do(v.Context(), http.MethodPut, "persons/"+api.Below(id), in, nil)
	}
	if err == nil {
		return v.See("/operator/people/"+api.Below(id), "operator-person-added")
	}
	d, failed := h.peopleNow(v)
	if failed != nil {
		return failed
	}
	return v.Again("people", d, err)
}

// unknown refuses a name that somebody has: the interface would change what is
// known of them.
func (h *room) unknown(v *page.Visit, id string) error {
	if id == "" {
		return unfit("a person takes a short name, such as mira.lindqvist", "")
	}
	all, err := h.persons(v)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(p api.Person) bool { return string(p.ID) == id }) {
		return &api.Problem{Status: http.StatusConflict, Title: "Conflict", Code: "exists", Detail: "there is a person of that name, or was: names are not used again"}
	}
	return nil
}

// personInput reads what is known of a person.
func personInput(v *page.Visit) (in api.PersonInput, err error) {
	var company, languages, mails, hooks string
	for _, f := range []struct {
		name string
		most int
		into *string
	}{{"name", 400, &in.Name}, {"company", 40, &company}, {"firm", 400, &in.Firm}, {"languages", 300, &languages}, {"mails", 4096, &mails}, {"webhooks", 8192, &hooks}} {
		if *f.into, err = v.Text(f.name, f.most); err != nil {
			return in, err
		}
	}
	in.Company, in.Languages = staff.Company(company), lines(languages)
	for _, to := range lines(mails) {
		in.Contacts = append(in.Contacts, api.StaffContact{Kind: staff.ContactMail, To: to})
	}
	for _, to := range strings.Fields(hooks) {
		in.Contacts = append(in.Contacts, api.StaffContact{Kind: staff.ContactWebhook, To: to})
	}
	return in, nil
}

type personPage struct {
	api.Person
	At                         string
	Raw                        api.Person // as it is kept, for the form
	Mails, Webhooks, Languages string
	Held                       []holding
	Tokens                     []token
	Roles                      []writ.Role
	Companies                  []staff.Company
	Colleagues                 []writ.Person // whose deputy the person may be
	Now                        time.Time
	Access                     access
	Owned                      []writ.Role // roles held now: what a token may carry
}

type token struct {
	api.Token
	State string // waiting, valid, expired, revoked
	Mine  bool   // the visitor registered it: another confirms
}

// person is one, with roles and tokens.
func (h *room) person(v *page.Visit) error {
	d, err := h.personNow(v, v.Path("person"))
	if err != nil {
		return err
	}
	return v.Render("person", d)
}

func (h *room) personNow(v *page.Visit, id string) (*personPage, error) {
	all, err := h.persons(v)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(p api.Person) bool { return string(p.ID) == id })
	if i < 0 {
		return nil, &api.Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "not-found", Detail: "there is no such person"}
	}
	now := v.Now()
	d := &personPage{At: "/operator/people/" + api.Below(id), Raw: all[i], Roles: roles, Companies: companies, Now: now}
	d.Raw.Languages, d.Languages = nil, strings.Join(all[i].Languages, ", ")
	var mails, hooks []string
	for _, c := range all[i].Contacts {
		if c.Kind == staff.ContactMail {
			mails = append(mails, c.To)
		} else {
			hooks = append(hooks, c.To)
		}
	}
	d.Mails, d.Webhooks = strings.Join(mails, "\n"), strings.Join(hooks, "\n")
	for _, p := range all {
		if p.Left.IsZero() && p.ID != all[i].ID {
			d.Colleagues = append(d.Colleagues, p.ID)
		}
	}
	var tokens []api.Token
	if err := h.get(v, "persons/"+api.Below(id)+"/tokens", &tokens); err != nil {
		return nil, err
	}
	if d.Access, err = h.access(v, id); err != nil {
		return nil, err
	}
	d.Person = all[i]
	page.Visible(&d.Person)
	page.Visible(&tokens)
	for _, a := range d.Assignments {
		one := h.holding(v, a, now)
		if d.Held = append(d.Held, one); one.State == "held" && !slices.Contains(d.Owned, one.Role) {
			d.Owned = append(d.Owned, one.Role)
		}
	}
	slices.Reverse(d.Held)
	for _, t := range tokens {
		d.Tokens = append(d.Tokens, tokenState(v, t, now))
	}
	return d, nil
}

func tokenState(v *page.Visit, t api.Token, now time.Time) token {
	out := token{Token: t, State: "valid", Mine: t.IssuedBy == string(v.Visitor.Person)}
	switch {
	case !t.Revoked.IsZero():
		out.State = "revoked"
	case !t.Expires.After(now):
		out.State = "expired"
	case t.Waits:
		out.State = "waiting"
	}
	return out
}

// again shows a person's page once more, with what was wrong.
func (h *room) again(v *page.Visit, problem error) error {
	d, err := h.personNow(v, v.Path("person"))
	if err != nil {
		return errors.Join(problem, err)
	}
	return v.Again("person", d, problem)
}

// did sends back to a person's page if something went well.
func (h *room) did(v *page.Visit, what string, err error) error {
	if err != nil {
		return h.again(v, err)
	}
	return v.See("/operator/people/"+api.Below(v.Path("person")), what)
}

func (h *room) changePerson(v *page.Visit) error {
	in, err := personInput(v)
	if err == nil {
		_, err = h.personNow(v, v.Path("person")) // who is there; the interface would add another
	}
	if err == nil {
		err = h.Desk.Do(v.Context(), http.MethodPut, "persons/"+api.Below(v.Path("person")), in, nil)
	}
	return h.did(v, "operator-person-changed", err)
}

func (h *room) leave(v *page.Visit) error {
	sure, err := v.Text("sure", 200)
	if err == nil && sure != v.Path("person") {
		err = unfit("to confirm it, write the person's short name", "")
	}
	if err == nil {
		err = h.Desk.Do(v.Context(), http.MethodPost, "persons/"+api.Below(v.Path("person"), "leave"), nil, nil)
	}
	return h.did(v, "operator-person-left", err)
}

// propose proposes a role; another operator confirms it.
func (h *room) propose(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	in := api.RoleInput{Role: writ.Role(form.Get("role")), For: writ.Person(form.Get("for"))}
	if in.From, err = h.moment(form.Get("from")); err == nil {
		in.Until, err = h.moment(form.Get("until"))
	}
	if err == nil {
		err = h.Desk.Do(v.Context(), http.MethodPost, "persons/"+api.Below(v.Path("person"), "roles"), in, nil)
	}
	return h.did(v, "operator-role-proposed", err)
}

// decide confirms, declines or ends a role.
func (h *room) decide(what string) func(*page.Visit) error {
	return func(v *page.Visit) error {
		err := h.Desk.Do(v.Context(), http.MethodPost, "persons/"+api.Below(v.Path("person"), "roles", v.Path("assignment"), what), nil, nil)
		return h.did(v, "operator-role-"+what, err)
	}
}

// register registers a token that its owner made.
func (h *room) register(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	in := api.RegisterInput{TokenInput: api.TokenInput{Person: writ.Person(v.Path("person"))}}
	var networks string
	for _, f := range []struct {
		name string
		most int
		into *string
	}{{"registration", 200, &in.Registration}, {"label", 400, &in.Label}, {"networks", 1000, &networks}} {
		if *f.into, err = v.Text(f.name, f.most); err != nil {
			return h.again(v, err)
		}
	}
	in.From = lines(networks)
	for _, r := range form["roles"] {
		in.Roles = append(in.Roles, writ.Role(r))
	}
	if in.Days, err = count(form.Get("days"), 365); err == nil {
		err = h.Desk.Do(v.Context(), http.MethodPost, "tokens/register", in, nil)
	}
	return h.did(v, "operator-token-registered", err)
}

func (h *room) confirmToken(v *page.Visit) error {
	return h.did(v, "operator-token-confirmed", h.Desk.Do(v.Context(), http.MethodPost, "tokens/"+api.Below(v.Path("token"), "confirm"), nil, nil))
}

func (h *room) revokeToken(v *page.Visit) error {
	return h.did(v, "operator-token-revoked", h.Desk.Do(v.Context(), http.MethodDelete, "tokens/"+api.Below(v.Path("token")), nil, nil))
}
