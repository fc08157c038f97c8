// Package cases is the docket in a browser: the pages of intake, counsel,
// custodians and production.
//
// The board says what waits for whom; a case's page says where it stands and has
// the form of what is next. Each move of the interface is one address with one
// form ([move]), which takes the roles that the interface's operation takes; who
// has acted in a case in another role is told so instead of being shown a form,
// and is refused by the interface if they send one.
//
// A move that approves is asked twice: the second page says in words what is
// about to be done, and takes a passkey unless one was used just now.
//
// # What others wrote
//
// Names, references, reasons and documents are what authorities, customers and
// colleagues sent. All texts go through [visible] before a template sees them, so
// that control characters and what turns the direction of writing are shown
// instead of obeyed. Files are shown in a frame of their own whose policy runs
// nothing, and only PDF, PNG, JPEG and plain text by what their bytes are; all
// others are kept, not shown (documents.go).
//
// # What is live
//
// A browser with JavaScript hears over /docket/live that something changed, and
// asks for the board again (live.go). Nothing else is sent there.
package cases

import (
	"embed"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

//go:embed all:templates messages
var files embed.FS

// Rooms are what these pages ask.
type Rooms struct {
	Desk *api.Desk
	// Alive says whether a visitor's session still goes on. It is asked before
	// anything is sent over a stream; nil is as long as the stream lasts.
	Alive func(page.Visitor) bool
}

// audiences of the pages, as the interface has them.
var (
	inCases = page.Holders(writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction)
	entry   = page.Holders(writ.RoleIntake, writ.RoleCounsel)
	packers = page.Holders(writ.RoleProduction)
)

// room has a method for each page.
type room struct {
	Rooms
	streams streams
	laws    laws
}

// Room makes the docket's pages.
func Room(r Rooms) page.Room {
	h := &room{Rooms: r, streams: newStreams()}
	routes := []page.Route{
		page.Get("/docket", "docket", inCases, h.docket),
		page.Get("/docket/live", "docket-live", inCases, h.live).Streamed(),
		page.Get("/docket/secrecy", "docket-secrecy", inCases, h.secrecy),
		page.Get("/docket/drills", "docket-drills", inCases, h.drills),
		page.Get("/docket/{case}", "case", inCases, h.show),
		page.Get("/docket/{case}/documents/{document}", "case-document", inCases, h.document),
		page.Get("/docket/{case}/documents/{document}/view", "case-document-view", inCases, h.view).Streamed(),
		page.Get("/docket/{case}/documents/{document}/file", "case-document-file", inCases, h.download).Streamed(),
		page.Get("/docket/{case}/attach", "case-attach-form", entry, h.form("attach")),
		page.Post("/docket/{case}/attach", "case-attach", entry, h.attach).Sized(page.UploadBody),
		page.Get("/docket/{case}/produce", "case-produce-form", packers, h.form("produce")),
		page.Post("/docket/{case}/produce", "case-produce", packers, h.produce).Streamed(),
		page.Get("/docket/{case}/deliver", "case-deliver-form", packers, h.form("deliver")),
		page.Post("/docket/{case}/deliver", "case-deliver", packers, h.deliver),
		page.Get("/docket/{case}/package/{file}", "case-package", packers, h.packed).Streamed(),
	}
	for _, m := range moves {
		if m.input == nil {
			continue // has a route of its own above
		}
		path, who := "/docket/{case}/"+m.name, page.Holders(m.roles...)
		sent := page.Post(path, "case-"+m.name, who, h.move(m))
		if m.fresh {
			sent = sent.Verified()
		}
		routes = append(routes, page.Get(path, "case-"+m.name+"-form", who, h.form(m.name)), sent)
	}
	return page.Room{
		Name: "cases", Files: files, Routes: routes,
		Menu: []page.Entry{
			{Path: "/docket", Message: "cases.menu.docket", For: inCases},
			{Path: "/docket/secrecy", Message: "cases.menu.secrecy", For: inCases},
			{Path: "/docket/drills", Message: "cases.menu.drills", For: inCases},
		},
	}
}

// zone is where the operator's deadlines are read; the interface says it with
// each answer.
func (h *room) zone() *time.Location { return h.Desk.Zone() }
