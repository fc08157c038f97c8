// Package custodian is a custodian's desk in a browser: which writs wait for a
// signature, what each would let open, signing and declining, what one signed
// before, and who signs now. Counsel have the pages of the set, and those of
// waivers, which counsel sign too.
//
// # What a signature here is worth
//
// A browser signs what a page asks for, and a page could show one writ and ask for
// another. So the pages say, a passkey's signature never counts as made off line,
// and every quorum takes one that was: the same page has the file and the commands
// for that. What the passkey signs is the challenge that the interface gives for
// the very bytes, and the interface takes no other (docs/writ.md, Passkeys).
//
// Words and numbers on a page are read here from the bytes that are signed, and
// their digest is computed here; the sheet below them is the one that a custodian's
// own machine makes.
//
// # Two passkeys
//
// The one with which somebody signs in says who they are, and is asked again
// before anything is signed (/step-up/options). The one that signs writs is another
// credential, made on the page of the set and named so. Making it puts nothing in
// force: it leaves a card, which the quorum of the present set puts into the next.
// Nothing of an enrolment is kept here, between its steps or after it: the card is
// in the form, and each step verifies it again ([policy.PasskeyCard]).
//
// # What others wrote
//
// All texts of authorities, customers and colleagues pass through line or lines
// (visible.go), so that control characters and what turns the direction of writing
// are shown instead of obeyed.
package custodian

import (
	"embed"
	"net/http"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

//go:embed all:templates messages
var files embed.FS

// Rooms are what these pages ask.
type Rooms struct {
	Desk *api.Desk
	// Where is the relying party id and the origin of these pages, for passkeys
	// that sign writs: a host name, and https://HOST[:PORT] of it or below it.
	// Empty, or no function: the pages are served under no name, and passkeys are
	// neither made nor asked here.
	Where func() (rp, origin string)
}

var (
	signers = page.Holders(writ.RoleCustodian)
	inSets  = page.Holders(writ.RoleCustodian, writ.RoleCounsel)
)

// room has a method for each page.
type room struct{ Rooms }

// Room makes the custodians' pages.
func Room(r Rooms) page.Room {
	h := &room{r}
	get, post := page.Get, page.Post
	return page.Room{
		Name: "custodian", Files: files,
		Routes: []page.Route{
			get("/custodian", "custodian", signers, h.waiting),
			get("/custodian/history", "custodian-history", signers, h.history),
			get("/custodian/{case}", "custodian-case", signers, h.show),
			get("/custodian/{case}/file", "custodian-file", signers, h.file),
			post("/custodian/{case}/confirm", "custodian-confirm", signers, h.confirm).Verified(),
			post("/custodian/{case}/sign", "custodian-sign", signers, h.sign).Verified(),
			post("/custodian/{case}/offline", "custodian-offline", signers, h.offline).Sized(maxUpload),
			post("/custodian/{case}/decline", "custodian-decline", signers, h.decline),

			get("/custodian/{case}/waiver", "custodian-waiver", inSets, h.waiver),
			post("/custodian/{case}/waiver", "custodian-waiver-draw", inSets, h.drawWaiver),
			post("/custodian/{case}/waiver/open", "custodian-waiver-open", inSets, h.openWaiver).Sized(maxUpload),
			post("/custodian/{case}/waiver/sign", "custodian-waiver-sign", inSets, h.signWaiver).Verified(),
			post("/custodian/{case}/waiver/file", "custodian-waiver-file", inSets, h.waiverFile),
			post("/custodian/{case}/waiver/send", "custodian-waiver-send", page.Holders(writ.RoleCounsel), h.sendWaiver).Verified(),

			get("/custodian/set", "custodian-set", inSets, h.set),
			post("/custodian/set/passkey", "custodian-passkey", inSets, h.made),
			post("/custodian/set/proof", "custodian-proof", inSets, h.proved),
			post("/custodian/set/card", "custodian-card", inSets, h.card),
		},
		Menu: []page.Entry{
			{Path: "/custodian", Message: "custodian.menu.waiting", For: signers},
			{Path: "/custodian/history", Message: "custodian.menu.history", For: signers},
			{Path: "/custodian/set", Message: "custodian.menu.set", For: inSets},
		},
	}
}

// where is the relying party and the origin, both empty if there is none.
func (h *room) where() (rp, origin string) {
	if h.Where == nil {
		return "", ""
	}
	return h.Where()
}

// unfit is a problem with what a form says.
func unfit(detail, hint string) error {
	return &api.Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Code: "form", Detail: detail, Hint: hint}
}
