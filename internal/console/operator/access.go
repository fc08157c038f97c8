package operator

import (
	"net/http"
	"net/url"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

// access is how somebody of the staff signs in at a browser.
type access struct {
	Off      bool // nobody does on this server
	Passkeys []api.AccountPasskey
	Sessions []api.SessionInfo
	Invited  *api.Invited // just now; its secret is told once
}

func account(person string) string { return "staff/" + person }

func (h *room) access(v *page.Visit, person string) (a access, err error) {
	query := "?account=" + url.QueryEscape(account(person))
	err = h.get(v, "passkeys"+query, &a.Passkeys)
	if off(err) {
		return access{Off: true}, nil
	}
	if err == nil {
		err = h.get(v, "sessions"+query, &a.Sessions)
	}
	page.Visible(&a.Passkeys)
	page.Visible(&a.Sessions)
	return a, err
}

// off says that the server has no console that people sign in to.
func off(err error) bool {
	p, ok := err.(*api.Problem)
	return ok && p.Code == "no-signin"
}

// invite invites somebody to enrol a passkey. The secret is on the page that
// answers, and nowhere again.
func (h *room) invite(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	person := v.Path("person")
	in := api.InviteInput{Person: writ.Person(person), Recover: form.Get("recover") != ""}
	var out api.Invited
	if err := h.Desk.Do(v.Context(), http.MethodPost, "invitations", in, &out); err != nil {
		return h.again(v, err)
	}
	d, err := h.personNow(v, person)
	if err != nil {
		return err
	}
	d.Access.Invited = &out
	v.Secret()
	return v.Render("person", d)
}

func (h *room) removePasskey(v *page.Visit) error {
	return h.did(v, "operator-passkey-removed", h.Desk.Do(v.Context(), http.MethodDelete, "passkeys/"+api.Below(v.Path("passkey")), nil, nil))
}

func (h *room) revokeSession(v *page.Visit) error {
	return h.did(v, "operator-session-ended", h.Desk.Do(v.Context(), http.MethodDelete, "sessions/"+api.Below(v.Path("session")), nil, nil))
}

func (h *room) revokeSessions(v *page.Visit) error {
	path := "sessions?account=" + url.QueryEscape(account(v.Path("person")))
	return h.did(v, "operator-session-ended", h.Desk.Do(v.Context(), http.MethodDelete, path, nil, nil))
}

// decidePasskey confirms a passkey that waits, by what its owner reads out, or
// drops it.
func (h *room) decidePasskey(what string) func(*page.Visit) error {
	return func(v *page.Visit) error {
		fingerprint, err := v.Text("fingerprint", 40)
		var in any
		if what == "confirm" {
			in = map[string]string{"fingerprint": fingerprint}
		}
		if err == nil {
			err = h.Desk.Do(v.Context(), http.MethodPost, "passkeys/"+api.Below(v.Path("passkey"), what), in, nil)
		}
		if err == nil {
			return v.See("/operator/people", "operator-passkey-"+what)
		}
		d, failed := h.peopleNow(v)
		if failed != nil {
			return failed
		}
		return v.Again("people", d, err)
	}
}
