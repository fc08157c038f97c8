//go:build look

package cases

import (
	"net/http"
	"net/url"
	"testing"

	"writ/internal/console/consoletest"
	"writ/internal/console/page"
)

// TestLook serves the pages for somebody who wants to see them.
func TestLook(t *testing.T) {
	r := &rig{consoletest.New(t, func(r *consoletest.Rig) []page.Room {
		// Frames don't repeat the query: who looks is kept in a cookie.
		enter := page.Route{Method: "GET", Path: "/enter", Name: "enter", For: page.Public, Do: func(v *page.Visit) error {
			http.SetCookie(v.W, &http.Cookie{Name: "as", Value: url.QueryEscape(v.Query("as")), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
			return v.See(page.Back(v.Query("to"), "/docket"), "")
		}}
		return []page.Room{Room(Rooms{Desk: r.Desk}), {Name: "enter", Routes: []page.Route{enter}}}
	})}
	for name, id := range r.story() {
		t.Logf("%s: %s/enter?as=mira&to=/docket/%s", name, r.Server.URL, id)
	}
	r.Look()
}
