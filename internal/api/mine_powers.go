package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"writ/internal/staff"
)

// A minePower says who of a customer may ask for an operation. A credential of
// the customer may ask for each.
type minePower string

const (
	bySession minePower = "credential or session"
	byFresh   minePower = "credential, or session just verified"
)

// minePowers is the one table of what takes which power. An operation that is
// not here is refused to everybody.
var minePowers = map[string]minePower{
	"my-status": bySession,

	"my-buckets": bySession, "my-objects": bySession, "my-versions": bySession, "my-object": bySession,
	"my-download": bySession, "my-upload": bySession, "my-delete": bySession,

	"my-credentials": bySession, "my-add-credential": byFresh, "my-remove-credential": byFresh,
	"my-keys": bySession, "my-rotate": byFresh,

	"my-journal": bySession, "my-journal-summary": bySession, "my-journal-raw": bySession, "my-journal-bundle": bySession,

	"my-notices": bySession, "my-notice": bySession, "my-notice-file": bySession, "my-proofs": bySession,
	"my-demands": bySession, "my-demand": bySession, "my-object-to": bySession,
	"my-contacts": bySession, "my-set-contacts": byFresh,
}

// permitted lets an operation go on for who may ask for it.
func (h mine) permitted(hc huma.Context, next func(huma.Context)) {
	_, w := humago.Unwrap(hc)
	o := ownerOf(hc.Context())
	switch power, known := minePowers[hc.Operation().OperationID]; {
	case !known:
		refuse(w, &Problem{Status: http.StatusForbidden, Title: "Forbidden", Code: "power", Detail: "nobody may do this"})
		return
	case power == byFresh && o.Session != "" && !recent(o.Fresh, h.Now()):
		refuse(w, &Problem{
			Status: http.StatusForbidden, Title: "Forbidden", Code: "step-up", Detail: "this takes that you were verified in the last five minutes",
			Hint: "verify with your passkey, then ask again",
		})
		return
	}
	if p := fits(hc); p != nil {
		p.Hint = "nothing was kept; send less"
		refuse(w, p)
		return
	}
	next(hc)
}

// recent says whether a verification counts. One of the future does not.
func recent(at, now time.Time) bool {
	return !at.IsZero() && !at.After(now.Add(time.Second)) && now.Sub(at) <= staff.FreshFor
}

// describeMine writes into the description who may do what.
func describeMine(d *huma.OpenAPI) {
	for _, path := range d.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Delete} {
			if op != nil {
				op.Description += fmt.Sprintf(" Takes: %s.", minePowers[op.OperationID])
			}
		}
	}
}
