package api

import (
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"writ"
)

var (
	inCases    = []writ.Role{writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction}
	entry      = []writ.Role{writ.RoleIntake, writ.RoleCounsel}
	counsel    = []writ.Role{writ.RoleCounsel}
	signers    = []writ.Role{writ.RoleCustodian}
	packers    = []writ.Role{writ.RoleProduction}
	keepers    = []writ.Role{writ.RoleOperator}
	watchers   = []writ.Role{writ.RoleOperator, writ.RoleAuditor}
	confirmers = []writ.Role{writ.RoleOperator, writ.RoleIntake, writ.RoleCounsel}
	// anybody is every valid token: the room behind it tells its own from others,
	// such as a person's own tokens.
	anybody = []writ.Role{}
)

// powers says which operation takes which role. It is looked at before anything
// of the request is read, so that who may not do something learns nothing of a
// case by trying; the rooms behind look again, and know separation of duties.
// An operation that is not here is refused to everybody.
var powers = map[string][]writ.Role{
	"receive": entry, "cases": inCases, "case": inCases, "case-events": inCases, "verify-case": inCases, "rehearsed": inCases,
	"board": inCases, "revision": inCases,
	"identify": inCases, "locate": inCases, "law": anybody, "instrument": anybody, "import": entry,

	"amend-case": entry, "authenticate-case": entry, "identify-case": counsel, "scope-case": counsel, "preserve-case": entry,
	"extend-case": entry, "unpreserve-case": counsel, "facts-case": counsel, "review-case": counsel, "determine-case": inCases,
	"second-case": inCases, "secrecy-case": counsel, "consider-case": counsel, "lift-case": counsel, "clock-case": entry, "reply-case": counsel,
	"notify-case": counsel, "confirm-case": {writ.RoleProduction, writ.RoleIntake, writ.RoleCounsel}, "close-case": counsel,

	"approve-case": counsel, "draft-case": counsel, "sign-case": signers, "decline-case": signers, "waive-case": counsel,
	"to-sign": inCases, "custodians": anybody, "writs-waiting": signers, "writs-signed": signers,
	// A set of custodians counts by its signatures, not by who brings it.
	"set-custodians": {writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction, writ.RoleOperator},

	"attach": entry, "document": inCases, "write-letter": entry, "letters": anybody, "produce": packers, "deliver": packers, "package": packers,

	"whoami": anybody, "persons": anybody, "put-person": anybody, "leave": keepers, "propose-role": anybody, "confirm-role": keepers,
	"decline-role": keepers, "end-role": anybody, "issue-token": anybody, "register-token": anybody, "tokens": anybody,
	"confirm-token": keepers, "revoke-token": anybody, "rota": anybody, "set-rota": {writ.RoleOperator, writ.RoleCounsel},
	"audit": watchers, "verify-audit": watchers,

	"authorities": anybody, "authority": anybody, "authority-history": anybody, "alike-authorities": anybody, "add-authority": entry, "change-authority": entry, "suspend-authority": entry,
	"resume-authority": counsel, "add-call-back": entry, "verify-call-backs": entry, "remove-call-backs": entry,
	"add-authority-key": entry, "verify-keys": entry, "revoke-keys": entry,

	"notices": inCases, "notice": inCases, "cancel-notice": counsel, "give-up-notice": counsel, "readdress-notice": counsel,
	"contacts": keepers, "set-contacts": keepers, "inbox": keepers, "read-inbox": keepers,

	// Whose passkeys and sessions they are, the room behind tells.
	"invite": anybody, "passkeys": anybody, "waiting-passkeys": confirmers, "rename-passkey": anybody, "remove-passkey": anybody,
	"confirm-passkey": confirmers, "decline-passkey": confirmers, "sessions": anybody, "revoke-session": anybody, "revoke-sessions": anybody,
	"status": keepers, "settings": keepers, "customers-list": keepers, "customer-state": keepers, "customer-buckets": keepers,
	"rotate-customer": keepers, "inboxes": keepers, "upkeep": keepers, "begin-upkeep": keepers,
	// What is preserved is counsel's to know, and no operator's.
	"damage": counsel,

	"report": append(slices.Clone(inCases), writ.RoleAuditor), "publish-report": {writ.RoleCounsel, writ.RoleAuditor},
	"reconcile": append(slices.Clone(inCases), writ.RoleAuditor), "published-reports": anybody,
}

// fresh are the operations that approve, open, hand out or let somebody in: from a
// session of a browser they take a verification by passkey that is at most
// [staff.FreshFor] old. A token needs none: it is not left open on a desk.
var fresh = map[string]bool{
	"approve-case": true, "determine-case": true, "second-case": true, "sign-case": true, "waive-case": true, "set-custodians": true,
	"produce": true, "deliver": true, "publish-report": true,
	"confirm-role": true, "issue-token": true, "register-token": true, "confirm-token": true,
	"verify-call-backs": true, "verify-keys": true, "resume-authority": true, "set-contacts": true, "readdress-notice": true,
	"invite": true, "confirm-passkey": true,
}

// permitted lets an operation go on for who holds a role that it takes. The
// refusal is in the audit trail before it is told.
func (h office) permitted(hc huma.Context, next func(huma.Context)) {
	name := hc.Operation().OperationID
	_, w := humago.Unwrap(hc)
	if roles, known := powers[name]; !known || len(roles) > 0 {
		if err := h.Staff.Require(hc.Context(), identity(hc.Context()), name, object(hc), roles...); err != nil {
			refuse(w, problem(err))
			return
		}
	}
	if fresh[name] {
		if err := h.Staff.RequireFresh(hc.Context(), identity(hc.Context()), name, object(hc)); err != nil {
			refuse(w, problem(err))
			return
		}
	}
	if p := fits(hc); p != nil {
		if err := h.Staff.Refuse(hc.Context(), identity(hc.Context()), name, object(hc), tooLarge); err != nil {
			p = problem(err)
		}
		refuse(w, p)
		return
	}
	next(hc)
}

// tooLarge is what the audit trail says of a request that was.
const tooLarge = "it is too large"

// object is what the audit trail says a refused request was about: a case, and
// no text that anybody could put there.
func object(hc huma.Context) string {
	id, err := writ.ParseCaseID(strings.ToUpper(hc.Param("case")))
	if err != nil {
		return ""
	}
	return string(id)
}

// describePowers writes into the description who may do what.
func describePowers(d *huma.OpenAPI) {
	for path := range maps.Values(d.Paths) {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Delete} {
			if op == nil {
				continue
			}
			op.Description = "Any valid token."
			if roles := powers[op.OperationID]; len(roles) > 0 {
				op.Description = "Takes one of the roles: " + joined(roles) + "."
			}
			if fresh[op.OperationID] {
				op.Description += " At a browser it takes a fresh verification by passkey."
			}
		}
	}
}

func joined(roles []writ.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}
