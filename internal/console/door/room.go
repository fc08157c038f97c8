package door

import (
	"embed"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/signin"
	"writ/internal/staff"
)

//go:embed templates messages
var files embed.FS

// Room is the door's pages. Those of /me are for everybody who has signed in, of
// whatever kind.
func (d *Door) Room() page.Room {
	return page.Room{Name: "door", Files: files, Routes: []page.Route{
		page.Get("/sign-in", "sign-in-page", page.Public, d.signInPage),
		page.Post("/sign-in/options", "sign-in-options", page.Public, d.signInOptions),
		page.Post("/sign-in", "sign-in", page.Public, d.signIn),
		page.Get("/sign-in/provider", "sign-in-provider", page.Public, d.provider),
		page.Get("/sign-in/provider/done", "sign-in-provider-done", page.Public, d.providerDone),
		page.Post("/sign-out", "sign-out", page.Public, d.signOut),
		page.Get("/enrol", "enrol-page", page.Public, d.enrolPage),
		page.Post("/enrol/look", "enrol-look", page.Public, d.enrolLook),
		page.Post("/enrol/options", "enrol-options", page.Public, d.enrolOptions),
		page.Post("/enrol", "enrol", page.Public, d.enrol),
		page.Post("/step-up/options", "step-up-options", page.Known, d.stepUpOptions),
		page.Get("/me", "me", page.Known, d.me),
		page.Post("/me/passkeys/{passkey}/rename", "passkey-rename", page.Known, d.rename),
		page.Post("/me/passkeys/{passkey}/remove", "passkey-remove", page.Known, d.remove).Verified(),
		page.Post("/me/sessions/{session}/end", "session-end", page.Known, d.end),
		page.Post("/me/sessions/end", "sessions-end", page.Known, d.endAll),
	}}
}

// problem is a refusal of the signing in as a visitor reads it: one answer,
// whatever the reason, for the reason is the audit trail's.
func problem(err error) error {
	refused := &api.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: "passkey", Detail: "this passkey is not accepted here", Hint: "use another one, or ask whoever invited you for a new invitation"}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, signin.ErrTooMany):
		return &api.Problem{Status: http.StatusTooManyRequests, Title: "Too Many Requests", Code: "too-many", Detail: "too many attempts came from your network", Hint: "wait half a minute and try again"}
	case errors.Is(err, signin.ErrInvitation):
		return &api.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: "invitation", Detail: "this invitation is not valid any more, or never was", Hint: "ask for a new one"}
	case errors.Is(err, signin.ErrLast):
		return &api.Problem{Status: http.StatusConflict, Title: "Conflict", Code: "last-passkey", Detail: "this is your last passkey, and without it you could not come in any more", Hint: "enrol another one first"}
	case errors.Is(err, staff.ErrFresh):
		return &api.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: "step-up", Detail: "this takes your passkey once more"}
	case errors.Is(err, signin.ErrCeremony):
		return &api.Problem{Status: http.StatusConflict, Title: "Conflict", Code: "ceremony", Detail: "this took too long, or was done already", Hint: "begin again"}
	case errors.Is(err, signin.ErrNoProvider):
		return &api.Problem{Status: http.StatusConflict, Title: "Conflict", Code: "provider", Detail: "signing in through the organisation is not possible now", Hint: "use a passkey"}
	case errors.Is(err, signin.ErrNoPasskey):
		return &api.Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: "no-passkey", Detail: "this takes a passkey, and you have none yet", Hint: "writ passkey invite makes an invitation for yourself"}
	case errors.Is(err, staff.ErrNotFound):
		return &api.Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "not-found", Detail: "there is no such passkey or session of yours"}
	case errors.Is(err, staff.ErrForm):
		return &api.Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Code: "form", Detail: err.Error()}
	case errors.Is(err, signin.ErrRefused), errors.Is(err, staff.ErrRole), errors.Is(err, staff.ErrState):
		return refused
	}
	return notSignedIn(err)
}

// begun answers a script with what the browser's credentials take.
func begun(v *page.Visit, options []byte, ceremony string, err error) error {
	v.W.Header().Set("Content-Type", "application/json")
	v.W.Header().Set("Cache-Control", "no-store")
	if err = problem(err); err != nil {
		p := &api.Problem{Status: http.StatusInternalServerError, Title: "Internal Server Error", Detail: "this could not be done; the operator's log says why"}
		errors.As(err, &p)
		v.W.WriteHeader(p.Status)
		return json.NewEncoder(v.W).Encode(p)
	}
	return json.NewEncoder(v.W).Encode(map[string]any{"ceremony": ceremony, "options": json.RawMessage(options)})
}

// maxResponse bounds what an authenticator answers, in bytes of JSON.
const maxResponse = 64 << 10

// ceremony is what a form of a passkey brings.
func ceremony(v *page.Visit) (id string, response []byte, err error) {
	id, err = v.Text("ceremony", 128)
	if err != nil {
		return "", nil, err
	}
	text, err := v.Text("response", maxResponse)
	if err == nil && (id == "" || text == "") {
		err = &api.Problem{Status: http.StatusBadRequest, Title: "Bad Request", Code: "form", Detail: "the passkey's answer is missing: it needs JavaScript"}
	}
	return id, []byte(text), err
}

type signInView struct {
	Back     string
	Provider bool
}

// elsewhere sends who came by another name of the server's (an address, say) to the
// one at which their passkey works.
func (d *Door) elsewhere(v *page.Visit) bool {
	u, err := url.Parse(d.URL)
	if err != nil || u.Host == "" || strings.EqualFold(u.Host, v.R.Host) {
		return false
	}
	http.Redirect(v.W, v.R, u.Scheme+"://"+u.Host+v.R.URL.RequestURI(), http.StatusSeeOther)
	return true
}

func (d *Door) signInPage(v *page.Visit) error {
	if d.elsewhere(v) {
		return nil
	}
	if v.Visitor.Kind != page.Nobody {
		return v.See(page.Back(v.Query("back"), home(v.Visitor)), "")
	}
	return v.Render("sign-in", signInView{page.Back(v.Query("back"), ""), d.Signin.HasProvider()})
}

func (d *Door) signInOptions(v *page.Visit) error {
	options, id, err := d.Signin.BeginSignIn(v.Context(), remote(v.R))
	return begun(v, options, id, err)
}

func (d *Door) signIn(v *page.Visit) error {
	back, err := v.Text("back", 1100)
	if err != nil {
		return err
	}
	view := signInView{page.Back(back, ""), d.Signin.HasProvider()}
	id, response, err := ceremony(v)
	if err != nil {
		return v.Again("sign-in", view, err)
	}
	secret, s, err := d.Signin.FinishSignIn(v.Context(), id, response, remote(v.R), v.R.UserAgent())
	if err != nil {
		return v.Again("sign-in", view, problem(err))
	}
	return d.in(v, secret, s, back)
}

// in sends somebody who has just come in to where they wanted to go.
func (d *Door) in(v *page.Visit, secret string, s signin.Session, back string) error {
	if old, err := d.session(v.R); err == nil { // whoever sat here before
		if err := d.Signin.SignOut(v.Context(), old); err != nil {
			return err
		}
	}
	d.set(v.W, secret)
	who, _, err := d.visitor(v.R, s)
	if err != nil {
		return err
	}
	return v.See(page.Back(back, home(who)), "")
}

func (d *Door) provider(v *page.Visit) error {
	to, state, err := d.Signin.OIDCStart(v.Context(), remote(v.R))
	if err != nil {
		return problem(err)
	}
	http.SetCookie(v.W, d.stateCookie(state, 600))
	http.Redirect(v.W, v.R, to, http.StatusSeeOther)
	return nil
}

func (d *Door) stateCookie(state string, age int) *http.Cookie {
	name := "__Host-writ-state"
	if d.Plain {
		name = "writ-state"
	}
	return &http.Cookie{Name: name, Value: state, Path: "/", MaxAge: age, HttpOnly: true, Secure: !d.Plain, SameSite: http.SameSiteLaxMode}
}

func (d *Door) providerDone(v *page.Visit) error {
	name := d.stateCookie("", -1)
	c, err := v.R.Cookie(name.Name)
	if err != nil {
		return problem(signin.ErrRefused)
	}
	http.SetCookie(v.W, name)
	secret, s, err := d.Signin.OIDCFinish(v.Context(), c.Value, v.R.URL.Query(), remote(v.R), v.R.UserAgent())
	if err != nil {
		return problem(err)
	}
	return d.in(v, secret, s, "")
}

func (d *Door) signOut(v *page.Visit) error {
	s, err := d.session(v.R)
	if err == nil {
		err = d.Signin.SignOut(v.Context(), s)
	}
	if err != nil && !errors.Is(err, signin.ErrNoSession) {
		return err
	}
	d.set(v.W, "")
	v.W.Header().Set("Clear-Site-Data", strconv.Quote("cache"))
	return v.See("/", "signed-out")
}
