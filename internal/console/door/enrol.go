package door

import (
	"errors"
	"net/http"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/signin"
)

// An invitation's secret is in a form, never in an address: addresses are kept in
// histories and logs. Whoever sends one writes the address of this page and the
// code beside it; a link may carry the code behind "#", which browsers don't send.

type enrolView struct {
	Code    string // the invitation's secret, to be sent on with the form
	Name    string // whom it is for
	Account signin.Account
	Mine    bool // somebody signed in adds one more
}

func (d *Door) enrolPage(v *page.Visit) error {
	if d.elsewhere(v) {
		return nil
	}
	if v.Visitor.Kind != page.Nobody && v.Query("code") == "" {
		return v.Render("enrol", enrolView{Mine: true, Name: v.Visitor.Name})
	}
	return v.Render("invited", nil)
}

// enrolLook shows whom an invitation is for, before anything is enrolled.
func (d *Door) enrolLook(v *page.Visit) error {
	code, err := v.Text("code", 256)
	if err != nil {
		return v.Again("invited", nil, err)
	}
	account, err := d.Signin.Invitation(v.Context(), code, remote(v.R))
	if err != nil {
		return v.Again("invited", nil, problem(err))
	}
	v.Secret()
	return v.Render("enrol", enrolView{Code: code, Name: d.Named(v.Context(), account), Account: account})
}

func (d *Door) enrolOptions(v *page.Visit) error {
	code, err := v.Text("code", 256)
	if err != nil {
		return begun(v, nil, "", err)
	}
	label, err := v.Text("label", 60)
	if err != nil {
		return begun(v, nil, "", err)
	}
	if code != "" {
		options, id, err := d.Signin.BeginEnrol(v.Context(), code, label, remote(v.R))
		return begun(v, options, id, err)
	}
	s, err := d.session(v.R)
	if err != nil {
		return begun(v, nil, "", notSignedIn(err))
	}
	options, id, err := d.Signin.BeginAnother(v.Context(), s, label)
	return begun(v, options, id, err)
}

func (d *Door) enrol(v *page.Visit) error {
	id, response, err := ceremony(v)
	if err != nil {
		return v.Again("invited", nil, err)
	}
	secret, s, err := d.Signin.FinishEnrol(v.Context(), id, response, remote(v.R), v.R.UserAgent())
	var waits *signin.Waits // for a second person, who compares the numbers
	if errors.As(err, &waits) {
		return v.Render("waits", waits.Passkey)
	}
	if err != nil {
		return v.Again("invited", nil, problem(err))
	}
	if secret == "" { // one more of somebody who is in
		return v.See("/me", "enrolled")
	}
	return d.in(v, secret, s, "/me?done=enrolled")
}

type meView struct {
	Account  signin.Account
	Session  signin.Session
	Passkeys []signin.Passkey
	Sessions []signin.Session
}

func (d *Door) me(v *page.Visit) error {
	view, err := d.own(v)
	if err != nil {
		return err
	}
	return v.Render("me", view)
}

func (d *Door) own(v *page.Visit) (view meView, err error) {
	if view.Session, err = d.session(v.R); err != nil {
		return view, notSignedIn(err)
	}
	view.Account = view.Session.Account
	if view.Passkeys, err = d.Signin.Passkeys(v.Context(), view.Account); err != nil {
		return view, err
	}
	view.Sessions, err = d.Signin.Sessions(v.Context(), view.Account)
	return view, err
}

// changed does something to the visitor's own, and shows them again.
func (d *Door) changed(v *page.Visit, done string, do func(meView) error) error {
	view, err := d.own(v)
	if err != nil {
		return err
	}
	if err := do(view); err != nil {
		return v.Again("me", view, problem(err))
	}
	return v.See("/me", done)
}

func (d *Door) rename(v *page.Visit) error {
	label, err := v.Text("label", 64)
	if err != nil {
		return err
	}
	return d.changed(v, "renamed", func(m meView) error {
		return d.Signin.RenamePasskey(v.Context(), signin.Browser(m.Session), v.Path("passkey"), label)
	})
}

func (d *Door) remove(v *page.Visit) error {
	return d.changed(v, "removed", func(m meView) error {
		return d.Signin.RemovePasskey(v.Context(), signin.Browser(m.Session), v.Path("passkey"))
	})
}

func (d *Door) end(v *page.Visit) error {
	return d.changed(v, "ended", func(m meView) error {
		for _, s := range m.Sessions {
			if s.ID == v.Path("session") {
				return d.Signin.SignOut(v.Context(), s)
			}
		}
		return &api.Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "not-found", Detail: "you have no such session"}
	})
}

func (d *Door) endAll(v *page.Visit) error {
	return d.changed(v, "ended", func(m meView) error {
		for _, s := range m.Sessions {
			if s.ID == m.Session.ID {
				continue
			}
			if err := d.Signin.SignOut(v.Context(), s); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Door) stepUpOptions(v *page.Visit) error {
	s, err := d.session(v.R)
	if err != nil {
		return begun(v, nil, "", notSignedIn(err))
	}
	options, id, err := d.Signin.BeginStepUp(v.Context(), s)
	return begun(v, options, id, err)
}
