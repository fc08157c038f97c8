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
	return page.Room{
		Name: "agency", Files: files,
		Routes: append(r.fetching(),
			page.Get("/agency", "agency-demands", page.Officers, r.demands),
			page.Get("/agency/new", "agency-new", page.Officers, r.newDemand),
			page.Post("/agency/new", "agency-file", page.Officers, r.file).Sized(page.UploadBody),
			page.Get("/agency/{case}", "agency-demand", page.Officers, r.demand),
			page.Post("/agency/{case}/documents", "agency-attach", page.Officers, r.attach).Sized(page.UploadBody),
			page.Get("/agency/{case}/documents/{document}", "agency-document", page.Officers, r.document).Streamed(),
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
	return []page.Route{
		page.Get("/agency/fetch", "agency-fetch", page.Public, r.fetch),
		page.Post("/agency/fetch", "agency-fetch-code", page.Public, r.show),
		page.Get("/agency/fetch/{case}", "agency-package", page.Public, r.packaged),
		page.Get("/agency/fetch/{case}/files/{file}", "agency-package-file", page.Public, r.download).Streamed(),
		page.Post("/agency/fetch/{case}/receipt", "agency-receipt", page.Public, r.receipt),
		page.Post("/agency/fetch/{case}/end", "agency-fetch-end", page.Public, r.end),
	}
}
