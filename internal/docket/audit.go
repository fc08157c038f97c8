package docket

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"writ/internal/staff"
)

// audit writes an act or a refusal into the operator's audit trail. What a
// person sees is in it before they see it.
func (d *Docket) audit(ctx context.Context, who Actor, act, object string, refusal error) error {
	e := staff.Entry{Who: who.Person, By: "token " + who.Token, Act: act, Object: object, Outcome: staff.Done, Addr: who.Addr}
	switch {
	case who.Session != "":
		e.By = "session " + who.Session
	case who.Token == "":
		e.By = who.Via
	}
	if refusal != nil {
		e.Outcome, e.Why = staff.Refused, cut(why(refusal), 200)
	}
	if err := d.Staff.Append(context.WithoutCancel(ctx), e); err != nil {
		d.Log.Error("the audit trail could not be written", "error", err.Error())
		return fmt.Errorf("couldn't write the audit trail: %w", err)
	}
	return nil
}

// why is the kind of a refusal, without what was in the input.
func why(err error) string {
	for _, kind := range []error{ErrRole, ErrSeparation, ErrState, ErrLaw, ErrBounds, ErrChanged, ErrHistoric, ErrVelocity, ErrSuspended, ErrDamaged, ErrNoCase, ErrNoDocument} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	text, _, _ := strings.Cut(err.Error(), ":")
	return text
}
