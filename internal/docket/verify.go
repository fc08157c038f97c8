package docket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"writ"
	"writ/internal/ledger"
	"writ/internal/proof"
)

// Verified says how a case stands against the public log.
type Verified struct {
	Events    uint32   `json:"events"`
	Proven    int      `json:"proven"`  // events whose commitment is in the published log
	Waiting   int      `json:"waiting"` // events whose commitment is not published yet
	Head      [32]byte `json:"-"`       // hash of the newest event, that each event names of the one before
	Erased    bool     `json:"erased,omitempty"`
	Complaint []string `json:"complaint,omitempty"` // what does not fit, each a sentence

	Each []Commitment `json:"each,omitempty"` // of each event, in order
}

// Commitment is how an event stands against the public log.
type Commitment struct {
	Seq       uint32 `json:"seq"`
	Statement string `json:"statement"` // the ledger's name for it
	Digest    []byte `json:"digest"`    // hash of the event
	State     string `json:"state"`     // proven, waiting or broken
}

// Verify holds the events of a case against what the ledger committed to when
// they happened: an event that was changed, dropped or put in by hand is found
// even if the chain in the records was made to fit.
func (d *Docket) Verify(ctx context.Context, id writ.CaseID) (v Verified, err error) {
	events, err := d.Events(ctx, id)
	if err != nil {
		return v, err
	}
	var previous [32]byte
	for _, e := range events {
		encoded, err := encodeEvent(&e)
		if err != nil {
			return v, err
		}
		hash := hashEvent(encoded)
		want := Statement{Case: id, Seq: e.Seq, Event: e.Kind, Digest: hash[:], Previous: previous[:]}
		state := Commitment{Seq: e.Seq, Statement: StatementID(id, e.Seq), Digest: hash[:]}
		switch complaint, err := d.holds(ctx, StatementID(id, e.Seq), want); {
		case errors.Is(err, ledger.ErrPending):
			v.Waiting++
			state.State = "waiting"
		case err != nil:
			return v, err
		case complaint != "":
			v.Complaint = append(v.Complaint, fmt.Sprintf("event %d: %s", e.Seq, complaint))
			state.State = "broken"
		default:
			v.Proven++
			state.State = "proven"
		}
		v.Each = append(v.Each, state)
		v.Events, v.Head, previous = e.Seq, hash, hash
	}
	return v, nil
}

// holds says what of a commitment does not fit an event; "" if all does.
func (d *Docket) holds(ctx context.Context, statement string, want Statement) (string, error) {
	r, err := d.Book.Receipt(ctx, statement)
	switch {
	case errors.Is(err, ledger.ErrNoStatement):
		return "the log has no commitment to it", nil
	case err != nil:
		return "", err
	case r.Hidden == nil:
		return "what the log has for it is no commitment", nil
	}
	hidden, err := proof.DecodeHidden(r.Hidden.Body)
	if err != nil {
		return "what the log committed to cannot be read", nil
	}
	var have Statement
	if err := json.Unmarshal(hidden.Body, &have); err != nil {
		return "what the log committed to cannot be read", nil
	}
	if have.Case != want.Case || have.Seq != want.Seq || have.Event != want.Event ||
		!slices.Equal(have.Digest, want.Digest) || !slices.Equal(have.Previous, want.Previous) {
		return "it is not the one that the log committed to", nil
	}
	return "", nil
}

// audited notes what a person looks at, before it is shown.
func (d *Docket) audited(ctx context.Context, who Actor, act, object string) error {
	if err := who.sees(); err != nil {
		d.audit(ctx, who, act, object, err)
		return err
	}
	return d.audit(ctx, who, act, object, nil)
}
