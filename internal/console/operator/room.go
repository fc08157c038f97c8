// Package operator is the server in a browser for who runs it: how it is, what
// customers keep, who works here, what was done and what was refused. Auditors
// have the audit trail of it, and counsel one page, on whether preserved data are
// whole.
//
// Everything is asked of the JSON interface as who has signed in. Operators have
// no part in cases, and these pages are silent of them as the interface is: no
// count of demands, of notices that wait, of bytes on the disk. What they show is
// the same whether something is preserved or not.
//
// What approves takes two persons and a passkey: to confirm a role, a token or
// another's passkey. Who proposed it isn't shown a button, and is refused by the
// interface. Contacts, registrations and invitations take a passkey as well.
//
// # What others wrote
//
// Names, labels and what is in the audit trail pass through [visible], so that
// control characters and what turns the direction of writing are shown instead of
// obeyed. Only the values of forms are as they are kept: a form that is sent back
// unchanged changes nothing.
package operator

import (
	"embed"
	"net/http"
	"strconv"
	"strings"
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
}

// audiences of the pages, as the interface has them.
var (
	keepers  = page.Holders(writ.RoleOperator)
	watchers = page.Holders(writ.RoleOperator, writ.RoleAuditor)
	counsel  = page.Holders(writ.RoleCounsel)
	rosters  = page.Holders(writ.RoleOperator, writ.RoleCounsel)
)

// roles are all that somebody may be given, in the order in which they are shown.
var roles = []writ.Role{writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction, writ.RoleOperator, writ.RoleAuditor}

// room has a method for each page.
type room struct{ Rooms }

// Room makes the operators' pages.
func Room(r Rooms) page.Room {
	h := &room{r}
	get, post := page.Get, page.Post
	return page.Room{
		Name: "operator", Files: files,
		Routes: []page.Route{
			get("/operator", "operator", keepers, h.health),
			get("/operator/upkeep", "operator-upkeep", keepers, h.upkeep),
			post("/operator/upkeep/{job}", "operator-upkeep-begin", keepers, h.begin),
			get("/operator/settings", "operator-settings", keepers, h.settings),
			get("/operator/notices", "operator-notices", keepers, h.notices),

			get("/operator/customers", "operator-customers", keepers, h.customers),
			get("/operator/customers/{customer}", "operator-customer", keepers, h.customer),
			post("/operator/customers/{customer}/rotate", "operator-customer-rotate", keepers, h.rotate),
			get("/operator/customers/{customer}/contacts", "operator-contacts", keepers, h.contacts),
			post("/operator/customers/{customer}/contacts", "operator-contacts-add", keepers, h.addContact).Verified(),
			post("/operator/customers/{customer}/contacts/remove", "operator-contacts-remove", keepers, h.removeContact).Verified(),

			get("/operator/people", "operator-people", keepers, h.people),
			post("/operator/people", "operator-person-add", keepers, h.addPerson),
			get("/operator/people/{person}", "operator-person", keepers, h.person),
			post("/operator/people/{person}", "operator-person-change", keepers, h.changePerson),
			post("/operator/people/{person}/leave", "operator-person-leave", keepers, h.leave),
			post("/operator/people/{person}/roles", "operator-role-propose", keepers, h.propose),
			post("/operator/people/{person}/roles/{assignment}/confirm", "operator-role-confirm", keepers, h.decide("confirm")).Verified(),
			post("/operator/people/{person}/roles/{assignment}/decline", "operator-role-decline", keepers, h.decide("decline")),
			post("/operator/people/{person}/roles/{assignment}/end", "operator-role-end", keepers, h.decide("end")),
			post("/operator/people/{person}/tokens", "operator-token-register", keepers, h.register).Verified(),
			post("/operator/people/{person}/tokens/{token}/confirm", "operator-token-confirm", keepers, h.confirmToken).Verified(),
			post("/operator/people/{person}/tokens/{token}/revoke", "operator-token-revoke", keepers, h.revokeToken),

			post("/operator/people/{person}/invite", "operator-invite", keepers, h.invite).Verified(),
			post("/operator/people/{person}/passkeys/{passkey}/remove", "operator-passkey-remove", keepers, h.removePasskey),
			post("/operator/people/{person}/sessions/{session}/revoke", "operator-session-revoke", keepers, h.revokeSession),
			post("/operator/people/{person}/sessions", "operator-sessions-revoke", keepers, h.revokeSessions),
			post("/operator/passkeys/{passkey}/confirm", "operator-passkey-confirm", keepers, h.decidePasskey("confirm")).Verified(),
			post("/operator/passkeys/{passkey}/decline", "operator-passkey-decline", keepers, h.decidePasskey("decline")),

			get("/operator/on-call", "operator-on-call", rosters, h.onCall),
			post("/operator/on-call/{role}/standing", "operator-on-call-standing", rosters, h.setStanding),
			post("/operator/on-call/{role}/shifts", "operator-on-call-shift", rosters, h.addShift),
			post("/operator/on-call/{role}/shifts/remove", "operator-on-call-shift-remove", rosters, h.removeShift),

			get("/operator/audit", "operator-audit", watchers, h.audit),
			get("/operator/audit/verify", "operator-audit-verify", watchers, h.verify),
			get("/operator/audit/export", "operator-audit-export", watchers, h.export).Streamed(),

			get("/docket/damage", "operator-damage", counsel, h.damage),
		},
		Menu: []page.Entry{
			{Path: "/operator", Message: "operator.menu.server", For: keepers},
			{Path: "/operator/people", Message: "operator.menu.people", For: keepers},
			{Path: "/operator/audit", Message: "operator.menu.audit", For: watchers},
			{Path: "/operator/on-call", Message: "operator.menu.on-call", For: rosters},
			{Path: "/docket/damage", Message: "operator.menu.damage", For: counsel},
		},
	}
}

// get asks the interface, as who has signed in; path is below /api/v1/.
func (h *room) get(v *page.Visit, path string, out any) error {
	return h.Desk.Do(v.Context(), http.MethodGet, path, nil, out)
}

// unfit is a problem with what a form says.
func unfit(detail, hint string) error {
	return &api.Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Code: "form", Detail: detail, Hint: hint}
}

// moment reads a day, or a day and a time, as the operator's clock shows it; zero
// for none.
func (h *room) moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(form, text, h.Desk.Zone()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, unfit("a time is given as 2026-11-30, or 2026-11-30T18:00", "")
}

// lines are the words of a field, whatever stands between them.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' || r == ';' })
}

// instant is a moment as forms carry it, unseen.
func instant(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func instantOf(text string) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
