// Package intake is the writing desk of intake and counsel: they enter demands,
// say exactly which data a case is about, write letters, keep the directory of
// authorities, read the law in force, make reports and bring in old cases.
//
// # Entering a demand
//
// The form follows the instrument. For the orders of Regulation (EU) 2023/1543 it
// has the sections of the certificate in their order, named by their content and
// not by a letter, because sources differ about the letters. What the docket knows
// of a demand can be entered for every instrument: what an instrument rarely has
// stands under "further fields", and a class of data that it doesn't reach can be
// entered all the same, because an order may ask for too much and law must see it.
//
// The files come with the form in one request. They are kept in memory and
// nowhere else until there is a case that they belong to; after a mistake they
// must be chosen again, and the page says so. Where there is a script the chosen
// file is shown beside the form; it never leaves the browser for that.
//
// # Rows
//
// Lists that grow (buckets, keys, grounds of a letter) have a button for each
// change, which posts the form and shows it again: nothing is kept by that, and
// no script is needed.
//
// # Texts of others
//
// Whatever authorities and customers wrote is escaped, and characters that can't
// be seen or turn the direction of writing are shown as numbers.
package intake

import (
	"embed"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

// Of a folder alone, embed leaves out files whose names begin with "_".
//
//go:embed all:templates messages
var files embed.FS

// Rooms are what the desk asks.
type Rooms struct {
	Desk *api.Desk // the office, in this process
}

// Who may do what here; the office asks again.
var (
	entry    = page.Holders(writ.RoleIntake, writ.RoleCounsel)
	counsel  = page.Holders(writ.RoleCounsel)
	counters = page.Holders(writ.RoleCounsel, writ.RoleAuditor)
)

// scopeBody bounds a form of the scope builder or of a letter: names of objects
// are long, and there may be many.
const scopeBody = 2 << 20

// Room makes the desk.
func Room(r Rooms) page.Room {
	get, post := page.Get, page.Post
	return page.Room{
		Name: "intake", Files: files,
		Routes: []page.Route{
			get("/intake", "intake", entry, r.instruments),
			get("/intake/{instrument}", "intake-form", entry, r.demand),
			post("/intake/{instrument}", "intake-receive", entry, r.receive).Sized(page.UploadBody),
			get("/intake/received/{case}", "intake-received", entry, r.received),

			get("/docket/{case}/scope", "scope", counsel, r.scope),
			post("/docket/{case}/scope", "scope-change", counsel, r.setScope).Sized(scopeBody),

			get("/docket/{case}/letters", "letters", entry, r.letters),
			get("/docket/{case}/letters/{kind}", "letter", entry, r.letter),
			post("/docket/{case}/letters/{kind}", "letter-write", entry, r.writeLetter).Sized(scopeBody),
			post("/docket/{case}/letters/{kind}/pdf", "letter-pdf", entry, r.letterPDF).Sized(scopeBody),

			get("/authorities", "authorities", page.AllStaff, r.authorities),
			get("/authorities/new", "authority-new", entry, r.newAuthority),
			post("/authorities", "authority-add", entry, r.addAuthority),
			get("/authorities/{authority}", "authority", page.AllStaff, r.authority),
			get("/authorities/{authority}/change", "authority-edit", entry, r.editAuthority),
			post("/authorities/{authority}/change", "authority-change", entry, r.changeAuthority),
			post("/authorities/{authority}/suspend", "authority-suspend", entry, r.mark("suspend")),
			post("/authorities/{authority}/resume", "authority-resume", counsel, r.mark("resume")),
			post("/authorities/{authority}/call-backs", "authority-call-back", entry, r.addCallBack),
			post("/authorities/{authority}/call-backs/verify", "authority-call-back-verify", entry, r.touch("call-backs", "verify")),
			post("/authorities/{authority}/call-backs/remove", "authority-call-back-remove", entry, r.touch("call-backs", "remove")),
			post("/authorities/{authority}/keys", "authority-key", entry, r.addKey),
			post("/authorities/{authority}/keys/verify", "authority-key-verify", entry, r.touch("keys", "verify")),
			post("/authorities/{authority}/keys/revoke", "authority-key-revoke", entry, r.touch("keys", "revoke")),

			get("/docket/reports", "reports", counters, r.reports),
			get("/docket/reports/file", "report-file", counters, r.reportFile),
			post("/docket/reports/publish", "report-publish", counters, r.publish).Verified(),
			get("/docket/import", "import", entry, r.importing),
			post("/docket/import", "import-file", entry, r.importFile).Sized(page.UploadBody),

			get("/law", "law", page.AllStaff, r.law),
			get("/law/{instrument}", "law-instrument", page.AllStaff, r.lawOf),
		},
		Menu: []page.Entry{
			{Path: "/intake", Message: "intake.menu.intake", For: entry},
			{Path: "/authorities", Message: "intake.menu.authorities", For: page.AllStaff},
			{Path: "/law", Message: "intake.menu.law", For: page.AllStaff},
			{Path: "/docket/reports", Message: "intake.menu.reports", For: counters},
		},
	}
}
