package docket

import (
	"errors"
	"fmt"
)

// The errors that callers tell apart with [errors.Is]. Every refusal wraps one
// of them in a sentence that says why and what to do.
var (
	ErrNoCase     = errors.New("no such case")
	ErrNoDocument = errors.New("no such document")
	// ErrNoReport: the bytes of that report are not kept here.
	ErrNoReport = errors.New("no such report")
	// ErrRole: the person does not hold the role that this move takes.
	ErrRole = errors.New("this takes another role")
	// ErrSeparation: the person has acted in this case in a role that must not
	// be the same person's, or is the first of the two that this takes.
	ErrSeparation = errors.New("one person must not do both in one case")
	// ErrState: the case is not where this move is lawful.
	ErrState = errors.New("the case does not allow this now")
	// ErrLaw: a finding of law stands against it, and no two persons have
	// determined otherwise.
	ErrLaw = errors.New("law stands against it")
	// ErrBounds: an input is too long, too many or not of its form.
	ErrBounds = errors.New("the input is out of bounds")
	// ErrChanged: what was decided on is no longer what the case holds.
	ErrChanged = errors.New("the case changed since")
	// ErrHistoric: a case from before, that counts in reports and opens nothing.
	ErrHistoric = errors.New("a historic case opens nothing")
	// ErrSuspended: the authority is suspended in the directory, and is dealt with
	// by people alone.
	ErrSuspended = errors.New("the authority is suspended")
	// ErrVelocity: the authority asks more often than the house allows.
	ErrVelocity = errors.New("this authority has asked too often")
	// ErrWaiting: the ledger has not published what this waits for.
	ErrWaiting = errors.New("the public log has not published it yet")
)

// refusal is a sentence about a sentinel.
type refusal struct {
	kind error
	text string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}
