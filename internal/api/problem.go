package api

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"writ/internal/docket"
	"writ/internal/gate"
	"writ/internal/notice"
	"writ/internal/policy"
	"writ/internal/report"
	"writ/internal/seal"
	"writ/internal/signin"
	"writ/internal/staff"
	"writ/internal/upkeep"
	"writ/internal/vault"
)

// Problem is why a request failed (RFC 9457), in words for a person, with
// what to do next.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Code   string `json:"code,omitempty" doc:"short name of the kind of problem"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty" doc:"what to do"`
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements [huma.StatusError].
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements [huma.ContentTypeFilter].
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// kinds are the errors of the rooms that a client is told apart.
var kinds = []struct {
	err    error
	status int
	code   string
	hint   string
}{
	{vault.ErrNoCustomer, http.StatusNotFound, "no-customer", "writ customer list shows the customers"},
	{vault.ErrCustomerExists, http.StatusConflict, "customer-exists", "choose another name, or go on with the customer that is there"},
	{vault.ErrCustomerName, http.StatusUnprocessableEntity, "customer-name", ""},
	{vault.ErrNoCredential, http.StatusNotFound, "no-credential", "writ credential list --customer NAME shows a customer's credentials"},
	{vault.ErrNoBucket, http.StatusNotFound, "no-bucket", "writ bucket list shows the buckets"},
	{vault.ErrShredded, http.StatusGone, "shredded", "a shredded customer's keys are gone for good; nothing of it opens again"},
	{gate.ErrShredded, http.StatusGone, "shredded", "a shredded customer's keys are gone for good; nothing of it opens again"},
	{gate.ErrJournal, http.StatusInternalServerError, "journal-damaged", "writ fsck tells what is damaged"},
	{gate.ErrPassphrase, http.StatusForbidden, "passphrase", ""},
	{vault.ErrNotEmpty, http.StatusConflict, "not-empty", "choose a folder that is missing or empty"},
	{vault.ErrNoSpace, http.StatusInsufficientStorage, "no-space", "make room on the disk; nothing was lost"},
	{gate.ErrNoSpace, http.StatusInsufficientStorage, "no-space", "make room on the disk; nothing was lost"},
	{staff.ErrToken, http.StatusUnauthorized, "token", "writ token issue makes one"},
	{staff.ErrSession, http.StatusUnauthorized, "session", "sign in again"},
	{staff.ErrFresh, http.StatusForbidden, "step-up", "verify with your passkey, then repeat it"},
	{signin.ErrFingerprint, http.StatusConflict, "fingerprint", "ask its owner to read it out again; after five that are wrong the passkey is dropped"},
	{signin.ErrLast, http.StatusConflict, "last-passkey", "add another passkey first, or make a token"},
	{errNoSignin, http.StatusConflict, "no-signin", "set console.origin, and start the server again"},
	{staff.ErrRole, http.StatusForbidden, "role", "writ staff list shows who holds which role"},
	{staff.ErrAlone, http.StatusForbidden, "separation", "another person must do this"},
	{staff.ErrLastOperators, http.StatusConflict, "operators", ""},
	{staff.ErrBootstrap, http.StatusForbidden, "role", "use an operator's token: WRIT_TOKEN, or --token-file"},
	{staff.ErrNotFound, http.StatusNotFound, "not-found", ""},
	{staff.ErrExists, http.StatusConflict, "exists", ""},
	{staff.ErrForm, http.StatusUnprocessableEntity, "form", ""},
	{staff.ErrState, http.StatusConflict, "state", ""},
	{staff.ErrChain, http.StatusInternalServerError, "audit-damaged", "keep the data folder as it is, and look who had access to it"},
	{notice.ErrContact, http.StatusUnprocessableEntity, "contact", ""},
	{notice.ErrUnknown, http.StatusNotFound, "no-notice", "writ notice list shows the messages"},
	{notice.ErrAccepted, http.StatusConflict, "accepted", ""},
	{notice.ErrSending, http.StatusConflict, "sending", "try again in a moment"},
	{docket.ErrNoCase, http.StatusNotFound, "no-case", "writ case list shows the cases"},
	{docket.ErrNoDocument, http.StatusNotFound, "no-document", "writ case show CASE lists the documents"},
	{docket.ErrRole, http.StatusForbidden, "role", "writ staff list shows who holds which role"},
	{docket.ErrSeparation, http.StatusForbidden, "separation", ""},
	{docket.ErrLaw, http.StatusConflict, "law", "writ case show CASE shows the findings, and what would settle each"},
	{docket.ErrState, http.StatusConflict, "state", "writ case show CASE shows what is missing and who must do it"},
	{docket.ErrChanged, http.StatusConflict, "changed", "look at the case again, then repeat it"},
	{docket.ErrHistoric, http.StatusConflict, "historic", ""},
	{docket.ErrSuspended, http.StatusForbidden, "suspended", ""},
	{docket.ErrVelocity, http.StatusConflict, "velocity", ""},
	{docket.ErrBounds, http.StatusUnprocessableEntity, "bounds", ""},
	{docket.ErrWaiting, http.StatusServiceUnavailable, "waiting", "writ ledger show tells what it waits for; two persons may waive the witnesses while a statutory clock runs"},
	{docket.ErrDamaged, http.StatusInternalServerError, "damaged", "writ case verify CASE tells which event"},
	{policy.ErrScope, http.StatusUnprocessableEntity, "scope", ""},
	{policy.ErrUnknownKey, http.StatusForbidden, "unknown-key", "writ custodian show lists the keys that are in force"},
	{policy.ErrPasskey, http.StatusForbidden, "passkey", "writ custodian show lists the passkeys that are in force, and the one origin of each"},
	{policy.ErrQuorum, http.StatusForbidden, "quorum", "writ custodian show tells how many persons it takes"},
	{policy.ErrSet, http.StatusConflict, "custodians", "the custodians changed: draw the writ up again"},
	{policy.ErrExpired, http.StatusConflict, "expired", "approve anew"},
	{policy.ErrForm, http.StatusUnprocessableEntity, "form", ""},
	{seal.ErrRecipient, http.StatusUnprocessableEntity, "journal-key", "writ journal keygen FILE makes one"},
	{report.ErrImport, http.StatusUnprocessableEntity, "import", "docs/reports.md has the format; what was read before that line is kept, and the file can be imported again"},
	{errNoLedger, http.StatusConflict, "no-ledger", "start it with writ serve --data DIR"},
	{errNoMachine, http.StatusConflict, "no-server", "start it with writ serve --data DIR"},
	{upkeep.ErrRunning, http.StatusConflict, "running", ""},
	{upkeep.ErrMany, http.StatusConflict, "running", ""},
	{upkeep.ErrStopping, http.StatusServiceUnavailable, "stopping", "try again when it runs again"},
	{errConfirm, http.StatusUnprocessableEntity, "not-confirmed", "confirm with the customer's name, exactly"},
	{errRelative, http.StatusUnprocessableEntity, "relative-path", ""},
	{context.Canceled, 499, "cancelled", ""},
}

var (
	errConfirm  = errors.New("the confirmation is not the customer's name: nothing was shredded")
	errRelative = errors.New("the path is not absolute")
)

// problem makes an error of a room one of the interface.
func problem(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return &Problem{k.status, http.StatusText(k.status), k.code, err.Error(), k.hint}
		}
	}
	return &Problem{Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError), Detail: err.Error()}
}

// readProblem reads the body of an answer that is no success: a [Problem], or
// what huma says of a request that has not the right form.
func readProblem(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return ErrCut
	}
	var p struct {
		Problem
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(body, &p); err != nil || p.Status == 0 {
		return &Problem{Status: resp.StatusCode, Title: resp.Status, Detail: "the server answered " + resp.Status}
	}
	if len(p.Errors) > 0 {
		p.Detail = p.Errors[0].Location + ": " + p.Errors[0].Message
	}
	return &p.Problem
}

// writeProblem writes a problem as JSON.
func writeProblem(w io.Writer, p *Problem) {
	json.NewEncoder(w).Encode(p)
}

// writeAnswer answers with JSON outside of an operation.
func writeAnswer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(v)
}

// certificateDigest names a certificate.
func certificateDigest(c *x509.Certificate) []byte {
	sum := sha256.Sum256(c.Raw)
	return sum[:]
}
