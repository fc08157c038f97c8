package intake

import (
	"slices"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/policy"
	"writ/internal/vault"
)

// scopePage is the scope builder.
type scopePage struct {
	look
	Case     api.Case
	Path     string
	Form     scopeForm
	Classes  []writ.DataClass
	Found    *vault.Located
	Total    vault.Amount
	Warnings []string
	Problem  *api.Problem // why it couldn't be counted
	Customer writ.CustomerID
}

// Asked says whether the order asks for a class.
func (p *scopePage) Asked(c writ.DataClass) bool { return slices.Contains(p.Case.Demand.Classes, c) }

// scope shows the case's scope, or an empty one of the classes that the order asks
// for and its time.
func (r Rooms) scope(v *page.Visit) error {
	p, err := r.scopePage(v)
	if err != nil {
		return err
	}
	s := policy.Scope{Classes: p.Case.Demand.Classes, From: p.Case.Demand.From, Until: p.Case.Demand.Until}
	if p.Case.Scope != nil {
		s = p.Case.Scope.Scope
		p.Form.Narrow, p.Form.Reason = p.Case.Scope.Narrow, p.Case.Scope.Reason
	}
	narrow, reason := p.Form.Narrow, p.Form.Reason
	p.Form = formOf(s, r.Desk.Zone())
	p.Form.Narrow, p.Form.Reason = narrow, reason
	if len(p.Form.Buckets) == 0 && s.Has(writ.ClassContent) && !s.Elsewhere {
		p.Form.Buckets = []bucketForm{{Prefixes: []string{""}}}
	}
	if p.Case.Scope != nil {
		if err := r.count(v, p, s); err != nil {
			return err
		}
	}
	return v.Render("scope", p)
}

func (r Rooms) scopePage(v *page.Visit) (*scopePage, error) {
	c, path, err := r.caseAt(v)
	if err != nil {
		return nil, err
	}
	p := &scopePage{Case: c, Path: path, Classes: allClasses}
	if c.Subject != nil {
		p.Customer = c.Subject.Customer
	}
	return p, nil
}

// setScope changes the form's rows, counts what it covers, or sets it.
func (r Rooms) setScope(v *page.Visit) error {
	p, err := r.scopePage(v)
	if err != nil {
		return err
	}
	in, err := r.read(v)
	if err != nil {
		return err
	}
	p.Form = in.scopeForm()
	do := in.form.Get("do")
	s, wrong := p.Form.scope()
	if in.err != nil {
		wrong = in.err
	}
	if do == "save" {
		if wrong == nil {
			_, wrong = r.Desk.Move(v.Context(), string(p.Case.Case), "scope", api.ScopeInput{Scope: s, Narrow: p.Form.Narrow, Reason: p.Form.Reason})
		}
		if wrong == nil {
			return v.See(p.Path, "intake-scoped")
		}
		return v.Again("scope", p, wrong)
	}
	if do != "count" {
		p.Form.change(do)
		s, wrong = p.Form.scope()
	} else if wrong == nil {
		if err := s.Check(); err != nil {
			wrong = bad("%s", err)
		}
	}
	if wrong == nil {
		wrong = r.count(v, p, s)
	}
	if problem, known := refused(wrong); known {
		p.Problem = problem
	} else if wrong != nil {
		return wrong
	}
	if v.Part() == "count" {
		return v.Fragment("scope", "count", p)
	}
	return v.Render("scope", p)
}

// muchMore is how many times as much as the order's own time covers a scope may
// cover before the page says so.
const muchMore = 2

// count counts what a scope covers, and says where it is wider than the order.
func (r Rooms) count(v *page.Visit, p *scopePage, s policy.Scope) error {
	p.Warnings = wider(v.Words(), &p.Case.Demand, s)
	if p.Customer == "" || len(s.Buckets) == 0 {
		return nil // there is nothing to count, and the page says why
	}
	found, err := r.Desk.Locate(v.Context(), string(p.Customer), s)
	if problem, known := refused(err); known {
		p.Problem = problem
		return nil
	}
	if err != nil {
		return err
	}
	p.Found, p.Total = &found, found.Total()
	ordered, narrower := within(s, &p.Case.Demand)
	if !narrower || p.Total.Versions == 0 {
		return nil
	}
	inTime, err := r.Desk.Locate(v.Context(), string(p.Customer), ordered)
	if err != nil {
		if _, known := refused(err); known {
			return nil // the order's time and the scope's have nothing in common
		}
		return err
	}
	if t := inTime.Total(); p.Total.Versions > muchMore*t.Versions || p.Total.Bytes > muchMore*t.Bytes {
		p.Warnings = append(p.Warnings, v.Words().Say("intake.wide.much", "scope", p.Total.Versions, "size", v.Words().Size(p.Total.Bytes), "order", t.Versions, "ordersize", v.Words().Size(t.Bytes)))
	}
	return nil
}

// within is a scope within the time that an order asks for; narrower says that
// this takes something away.
func within(s policy.Scope, d *docket.Demand) (policy.Scope, bool) {
	narrower := false
	if !d.From.IsZero() && s.From.Before(d.From) {
		s.From, narrower = d.From, true
	}
	if !d.Until.IsZero() && (s.Until.IsZero() || s.Until.After(d.Until)) {
		s.Until, narrower = d.Until, true
	}
	return s, narrower
}

// wider says in which respects a scope goes beyond what the order says.
func wider(w *page.Words, d *docket.Demand, s policy.Scope) (out []string) {
	for _, c := range s.Classes {
		if !slices.Contains(d.Classes, c) {
			out = append(out, w.Say("intake.wide.class", "class", w.Of("intake.class", c)))
		}
	}
	if _, narrower := within(s, d); narrower {
		out = append(out, w.Say("intake.wide.time"))
	}
	for _, b := range s.Buckets {
		if len(b.Prefixes)+len(b.Objects)+len(b.Tags) == 0 {
			out = append(out, w.Say("intake.wide.bucket", "bucket", look{}.Line(b.Bucket)))
		}
	}
	if d.Accounts > 0 && len(s.Buckets) > max(d.Accounts, len(d.Identifiers)) {
		out = append(out, w.Say("intake.wide.buckets", "n", len(s.Buckets), "accounts", d.Accounts))
	}
	return out
}
