// Package agency is the pages of authorities. By a one-time code, or by a client
// certificate on the listener for deliveries, anybody fetches the package that is
// for them ([Fetch]); officers of enrolled authorities, who have signed in, file
// demands and see where those stand ([Room]).
//
// A code is typed into a form once. What goes on is a ticket in a cookie: random,
// good for half an hour, bound to the one delivery and sent to its addresses alone.
// The code is in no address, no page and no log.
package agency

import (
	"embed"
	"net/http"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
)

//go:embed all:templates messages
var files embed.FS

// Rooms is what the pages ask.
type Rooms struct {
	Deliveries api.Deliveries
	Desk       *api.OfficerDesk // nil where officers don't sign in
	Zone       *time.Location   // in which dates are written; nil is UTC
	Plain      bool             // no TLS: cookies without Secure, on loopback only
	Now        func() time.Time
}

// room has the handlers.
type room struct {
	Rooms
	tickets tickets
}

func newRoom(r Rooms) *room {
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	return &room{Rooms: r}
}

// Room is all of the pages.
func Room(rooms Rooms) page.Room {
	r := newRoom(rooms)
	get, post := http.MethodGet, http.MethodPost
	return page.Room{
		Name: "agency", Files: files,
		Routes: append(r.fetching(),
			page.Route{Method: get, Path: "/agency", Name: "agency-demands", For: page.Officers, Do: r.demands},
			page.Route{Method: get, Path: "/agency/new", Name: "agency-new", For: page.Officers, Do: r.newDemand},
			page.Route{Method: post, Path: "/agency/new", Name: "agency-file", For: page.Officers, Body: page.UploadBody, Do: r.file},
			page.Route{Method: get, Path: "/agency/{case}", Name: "agency-demand", For: page.Officers, Do: r.demand},
			page.Route{Method: post, Path: "/agency/{case}/documents", Name: "agency-attach", For: page.Officers, Body: page.UploadBody, Do: r.attach},
			page.Route{Method: get, Path: "/agency/{case}/documents/{document}", Name: "agency-document", For: page.Officers, Stream: true, Do: r.document},
		),
		Menu: []page.Entry{
			{Path: "/agency", Message: "agency.menu", For: page.Officers}, {Path: "/agency/new", Message: "agency.menu-new", For: page.Officers},
			{Path: "/agency/fetch", Message: "agency.menu-fetch", For: page.Officers},
		},
	}
}

// Fetch is the pages on the listener for deliveries, where nobody signs in.
func Fetch(rooms Rooms) page.Room {
	return page.Room{Name: "agency", Files: files, Routes: newRoom(rooms).fetching()}
}

func (r *room) fetching() []page.Route {
	get, post := http.MethodGet, http.MethodPost
	return []page.Route{
		{Method: get, Path: "/agency/fetch", Name: "agency-fetch", For: page.Public, Do: r.fetch},
		{Method: post, Path: "/agency/fetch", Name: "agency-fetch-code", For: page.Public, Do: r.show},
		{Method: get, Path: "/agency/fetch/{case}", Name: "agency-package", For: page.Public, Do: r.packaged},
		{Method: get, Path: "/agency/fetch/{case}/files/{file}", Name: "agency-package-file", For: page.Public, Stream: true, Do: r.download},
		{Method: post, Path: "/agency/fetch/{case}/receipt", Name: "agency-receipt", For: page.Public, Do: r.receipt},
		{Method: post, Path: "/agency/fetch/{case}/end", Name: "agency-fetch-end", For: page.Public, Do: r.end},
	}
}
