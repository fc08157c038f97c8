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
	"net/http"
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
		{Method: http.MethodGet, Path: "/docket", Name: "docket", For: inCases, Do: h.docket},
		{Method: http.MethodGet, Path: "/docket/live", Name: "docket-live", For: inCases, Stream: true, Do: h.live},
		{Method: http.MethodGet, Path: "/docket/secrecy", Name: "docket-secrecy", For: inCases, Do: h.secrecy},
		{Method: http.MethodGet, Path: "/docket/drills", Name: "docket-drills", For: inCases, Do: h.drills},
		{Method: http.MethodGet, Path: "/docket/{case}", Name: "case", For: inCases, Do: h.show},
		{Method: http.MethodGet, Path: "/docket/{case}/documents/{document}", Name: "case-document", For: inCases, Do: h.document},
		{Method: http.MethodGet, Path: "/docket/{case}/documents/{document}/view", Name: "case-document-view", For: inCases, Stream: true, Do: h.view},
		{Method: http.MethodGet, Path: "/docket/{case}/documents/{document}/file", Name: "case-document-file", For: inCases, Stream: true, Do: h.download},
		{Method: http.MethodGet, Path: "/docket/{case}/attach", Name: "case-attach-form", For: entry, Do: h.form("attach")},
		{Method: http.MethodPost, Path: "/docket/{case}/attach", Name: "case-attach", For: entry, Body: page.UploadBody, Do: h.attach},
		{Method: http.MethodGet, Path: "/docket/{case}/produce", Name: "case-produce-form", For: packers, Do: h.form("produce")},
		{Method: http.MethodPost, Path: "/docket/{case}/produce", Name: "case-produce", For: packers, Stream: true, Do: h.produce},
		{Method: http.MethodGet, Path: "/docket/{case}/deliver", Name: "case-deliver-form", For: packers, Do: h.form("deliver")},
		{Method: http.MethodPost, Path: "/docket/{case}/deliver", Name: "case-deliver", For: packers, Do: h.deliver},
		{Method: http.MethodGet, Path: "/docket/{case}/package/{file}", Name: "case-package", For: packers, Stream: true, Do: h.packed},
	}
	for _, m := range moves {
		if m.input == nil {
			continue // has a route of its own above
		}
		routes = append(routes,
			page.Route{Method: http.MethodGet, Path: "/docket/{case}/" + m.name, Name: "case-" + m.name + "-form", For: page.Holders(m.roles...), Do: h.form(m.name)},
			page.Route{Method: http.MethodPost, Path: "/docket/{case}/" + m.name, Name: "case-" + m.name, For: page.Holders(m.roles...), Fresh: m.fresh, Do: h.move(m)})
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
