//go:build linux

package door_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"writ"
	"writ/internal/api"
	"writ/internal/api/apitest"
	"writ/internal/console"
	"writ/internal/console/door"
	"writ/internal/console/page"
	"writ/internal/signin"
	"writ/internal/signin/signintest"
	"writ/internal/staff"
	"writ/internal/testenv/browser"
)

// entrance is a console with a real door, at https://localhost:PORT.
type entrance struct {
	*apitest.House
	signin *signin.Signin
	server *httptest.Server
	url    string
	done   int // approvals that went through
}

func newEntrance(t *testing.T) *entrance {
	t.Helper()
	e := &entrance{House: apitest.NewHouse(t)}
	mux := http.NewServeMux()
	e.server = httptest.NewUnstartedServer(mux)
	e.url = strings.Replace("https://"+e.server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	var err error
	e.signin, err = signin.New(e.Ctx, signin.Config{
		Records: e.Store, Staff: e.Staff, Name: "Fjordhost", RPID: "localhost", Origins: []string{e.url}, Now: e.Now,
		Customer: func(ctx context.Context, id writ.CustomerID) error {
			_, err := e.Vault.Customer(ctx, string(id))
			return err
		},
	})
	e.Must(err)
	d := &door.Door{
		Signin: e.signin, Staff: e.Staff, URL: e.url,
		Named:  func(_ context.Context, a signin.Account) string { return string(a.Person) },
		Within: func(ctx context.Context, _ signin.Session) context.Context { return ctx },
	}
	approve := page.Room{Name: "planted", Routes: []page.Route{
		{Method: "GET", Path: "/", Name: "planted-home", For: page.Public, Do: (*page.Visit).Sample},
		{Method: "POST", Path: "/planted", Name: "planted", For: page.Holders(writ.RoleCounsel), Fresh: true, Do: func(v *page.Visit) error {
			if v.Now().Sub(v.Visitor.Fresh) > staff.FreshFor {
				return &api.Problem{Status: 403, Title: "Forbidden", Code: "step-up", Detail: "not fresh"}
			}
			e.done++
			return v.See("/me", "renamed")
		}},
	}}
	c, err := console.New(console.Config{Operator: "Fjordhost", Guard: d, Rooms: []page.Room{d.Room(), approve}, Now: e.Now})
	e.Must(err)
	c.Register(mux)
	e.server.StartTLS()
	t.Cleanup(e.server.Close)
	return e
}

func (e *entrance) who(name string) staff.Identity {
	e.T.Helper()
	who, err := e.Staff.Authenticate(e.Ctx, e.Tokens[name], netip.MustParseAddr("127.0.0.1"), e.Now())
	e.Must(err)
	return who
}

// audited says whether the trail has an act by somebody, with an outcome.
func (e *entrance) audited(act string, outcome staff.Outcome) bool {
	e.T.Helper()
	list, _, err := e.Staff.Audit(e.Ctx, staff.AuditFilter{Act: act, Outcome: outcome}, 0, 10)
	e.Must(err)
	return len(list) > 0
}

func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}

// cookies are those that the browser keeps, as "name=value secure httpOnly".
func session(b *browser.Browser) string {
	return browser.Eval[string](b, `document.cookie`)
}

// TestComeAndGo: somebody enrols by an invitation that they made for themself,
// goes, signs in, approves with the passkey once more, and ends a session that sits
// elsewhere. Scripts never see the session.
func TestComeAndGo(t *testing.T) {
	e := newEntrance(t)
	inv, err := e.signin.Invite(e.Ctx, signin.Person(e.who("mira")), signin.StaffAccount("mira.lindqvist"), false)
	e.Must(err)
	b := browser.New(t, e.server.Certificate())
	key := b.Authenticator()
	b.Open(e.url + "/enrol")
	b.Inspect("door-invited")
	b.Do(chromedp.SendKeys(chromedp.CSS("[name=code]"), inv.Secret), click("main form button"), chromedp.WaitVisible(chromedp.CSS("[name=label]")))
	if at := browser.Eval[string](b, "location.href"); strings.Contains(at, inv.Secret) {
		t.Errorf("the invitation is in the address %s", at)
	}
	b.Inspect("door-enrol")
	b.Do(chromedp.SendKeys(chromedp.CSS("[name=label]"), "blue key"), click("main form button"), chromedp.WaitVisible(chromedp.CSS("h2")))
	text := browser.Eval[string](b, "document.body.innerText")
	if !strings.Contains(text, "mira.lindqvist") || !strings.Contains(text, "blue key") || len(key.Passkeys()) != 1 {
		t.Fatalf("after enrolling: %s", text)
	}
	if s := session(b); s != "" {
		t.Errorf("scripts see the cookies %s", s)
	}
	b.Inspect("door-me")

	b.Do(click(".who form button"), chromedp.WaitVisible(chromedp.CSS(".who a[href='/sign-in']")))
	b.Open(e.url + "/me")
	b.Inspect("door-sign-in")
	b.Do(click("form.passkey button"), chromedp.WaitVisible(chromedp.CSS("h2")))
	if at := browser.Eval[string](b, "location.pathname"); at != "/me" {
		t.Errorf("signed in, and at %s instead of where they wanted to go", at)
	}
	if !e.audited("sign-in", staff.Done) || !e.audited("passkey.enrol", staff.Done) {
		t.Error("the audit trail has not how they came in")
	}

	// The same person at another browser, which this one ends.
	e.elsewhere() // which changes this browser's cookie behind its back, as a thief would
	b.Open(e.url + "/me")
	b.Do(click("form.passkey button"), chromedp.WaitVisible(chromedp.CSS("h2")), click("form[action='/me/sessions/end'] button"), chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	if all := e.sessions(); len(all) != 1 {
		t.Errorf("%d sessions are left", len(all))
	}

	// What approves takes the passkey again, in the same form.
	e.Pass(staff.FreshFor + time.Minute)
	b.Open(e.url + "/me")
	browser.Eval[bool](b, `(() => { const f = document.querySelector("form.passkey"); f.action = "/planted"; return true })()`)
	browser.Eval[bool](b, `document.querySelector("details").open = true`)
	b.Do(click("form.passkey button"), chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	if e.done != 1 {
		t.Errorf("%d approvals went through", e.done)
	}
}

var mira = signin.StaffAccount("mira.lindqvist")

func (e *entrance) sessions() []signin.Session {
	e.T.Helper()
	all, err := e.signin.Sessions(e.Ctx, mira)
	e.Must(err)
	return all
}

// elsewhere signs the same person in at another machine, with a second passkey
// that the session at hand adds.
func (e *entrance) elsewhere() {
	e.T.Helper()
	other := signintest.New(e.url)
	addr := netip.MustParseAddr("198.51.100.7")
	options, id, err := e.signin.BeginAnother(e.Ctx, e.sessions()[0], "other machine")
	e.Must(err)
	made, err := other.Create(options)
	e.Must(err)
	_, _, err = e.signin.FinishEnrol(e.Ctx, id, made, netip.MustParseAddr("127.0.0.1"), "")
	e.Must(err)
	options, id, err = e.signin.BeginSignIn(e.Ctx, addr)
	e.Must(err)
	answer, err := other.Get(options)
	e.Must(err)
	_, _, err = e.signin.FinishSignIn(e.Ctx, id, answer, addr, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	e.Must(err)
	if all := e.sessions(); len(all) != 2 {
		e.T.Fatalf("%d sessions", len(all))
	}
}

// TestOtherNames: who comes by an address is sent to where passkeys work, and
// nowhere that the request says.
func TestOtherNames(t *testing.T) {
	e := newEntrance(t)
	client := e.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, host := range []string{"", "evil.example"} {
		req, err := http.NewRequestWithContext(e.Ctx, "GET", e.server.URL+"/sign-in?back=%2Fme", nil)
		e.Must(err)
		req.Host = host
		resp, err := client.Do(req)
		e.Must(err)
		resp.Body.Close()
		if got := resp.Header.Get("Location"); resp.StatusCode != 303 || got != e.url+"/sign-in?back=%2Fme" {
			t.Errorf("as %q: %d to %s", host, resp.StatusCode, got)
		}
	}
}

// TestNotWithoutThePasskey: without the ceremony nothing that approves is done, a
// made-up one is refused, and so is the passkey of somebody whose session it isn't.
func TestNotWithoutThePasskey(t *testing.T) {
	e := newEntrance(t)
	client := e.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	post := func(path, body, cookie string) *http.Response {
		req, err := http.NewRequestWithContext(e.Ctx, "POST", e.server.URL+path, strings.NewReader(body))
		e.Must(err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		if cookie != "" {
			req.Header.Set("Cookie", "__Host-writ="+cookie)
		}
		resp, err := client.Do(req)
		e.Must(err)
		resp.Body.Close()
		return resp
	}
	for name, c := range map[string]struct {
		path, body, cookie string
		want               []int
	}{
		"nobody approves":          {"/planted", "", "", []int{401}},
		"a made-up session":        {"/planted", "", strings.Repeat("A", 43), []int{401}},
		"a huge cookie":            {"/planted", "", strings.Repeat("A", 3000), []int{401}},
		"a made-up ceremony":       {"/sign-in", "ceremony=AAAA&response=%7B%7D", "", []int{403, 409}},
		"no ceremony":              {"/sign-in", "", "", []int{400}},
		"no JSON":                  {"/sign-in", "ceremony=AAAA&response=x", "", []int{403, 409}},
		"an answer without end":    {"/sign-in", "ceremony=A&response=" + strings.Repeat("x", 70_000), "", []int{422}},
		"a made-up invitation":     {"/enrol/look", "code=writ_inv_" + strings.Repeat("A", 43), "", []int{403}},
		"an invitation of nothing": {"/enrol/look", "code=", "", []int{403}},
		"enrolling without right":  {"/enrol/options", "label=x", "", []int{401}},
		"step-up of nobody":        {"/step-up/options", "", "", []int{401}},
		"signing out of nothing":   {"/sign-out", "", "", []int{303}},
	} {
		if got := post(c.path, c.body, c.cookie); !slices.Contains(c.want, got.StatusCode) {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
	}
	if e.done != 0 {
		t.Errorf("%d approvals went through", e.done)
	}
}
