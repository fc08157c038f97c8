package docket

import (
	"context"
	"time"

	"writ"
	"writ/internal/law"
)

// Rehearsal is how a drill went.
type Rehearsal struct {
	Case     writ.CaseID     `json:"case"`
	Began    time.Time       `json:"began"`
	Due      time.Time       `json:"due"` // of the first deadline
	Clock    string          `json:"clock"`
	Ended    time.Time       `json:"ended,omitzero"` // when it was approved or answered; zero while it runs
	Kept     bool            `json:"kept"`
	Steps    []RehearsedStep `json:"steps"`
	Missing  []Need          `json:"missing,omitempty"`
	Longest  time.Duration   `json:"longest_ns"`            // the longest pause between two steps of persons
	PagedAt  time.Time       `json:"paged_at,omitzero"`     // first page; zero if none was sent
	Answered time.Duration   `json:"answered_ns,omitempty"` // from the first page to the first hand after it
}

// RehearsedStep is one thing that somebody did.
type RehearsedStep struct {
	After time.Duration `json:"after_ns"` // since the receipt
	By    writ.Person   `json:"by,omitempty"`
	As    writ.Role     `json:"as,omitempty"`
	What  Kind          `json:"what"`
}

// Rehearse enters the demand of a drill: an emergency order for content, whose
// clock runs eight hours. It opens nothing, tells nobody, and pages whoever is
// on call as a real one would.
func (d *Docket) Rehearse(ctx context.Context, who Actor, instrument writ.Instrument) (*Case, error) {
	now := d.now()
	kind := "court"
	return d.Receive(ctx, who, Intake{Drill: true, Demand: Demand{
		Reference: "DRILL " + now.Format("2006-01-02 15:04"), Instrument: instrument,
		Issuer: Issuer{Name: "drill", Country: d.Provider.Country, Kind: kind}, Channel: NationalSystem, Received: now, Signed: now,
		Matter: "criminal", Classes: []writ.DataClass{writ.ClassContent}, Emergency: true, Identifiers: []string{"drill"}, Accounts: 1,
		Note: "a rehearsal: nothing of it is real",
	}})
}

// Rehearsed tells how a drill went.
func (d *Docket) Rehearsed(ctx context.Context, id writ.CaseID) (Rehearsal, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return Rehearsal{}, err
	}
	if c.Mark != Drill {
		return Rehearsal{}, refuse(ErrState, "the case %s is no drill", id)
	}
	events, err := d.Events(ctx, id)
	if err != nil {
		return Rehearsal{}, err
	}
	r := Rehearsal{Case: id, Began: c.Demand.Received, Missing: d.Needs(c)}
	for _, clock := range d.ClocksOf(c) {
		if !clock.Holds && (r.Due.IsZero() || clock.Due.Before(r.Due)) && clock.State != law.Over {
			r.Due, r.Clock = clock.Due, clock.ID
		}
	}
	last := r.Began
	for _, e := range events {
		switch {
		case e.Kind == Paged && r.PagedAt.IsZero():
			r.PagedAt = e.At
		case e.By == "":
		default:
			r.Steps = append(r.Steps, RehearsedStep{e.At.Sub(r.Began), e.By, e.As, e.Kind})
			r.Longest = max(r.Longest, e.At.Sub(last))
			last = e.At
			if !r.PagedAt.IsZero() && r.Answered == 0 {
				r.Answered = e.At.Sub(r.PagedAt)
			}
		}
		if e.Kind == Approved || e.Kind == Closed || e.Kind == Replied {
			r.Ended = e.At
		}
	}
	r.Kept = !r.Ended.IsZero() && (r.Due.IsZero() || !r.Ended.After(r.Due))
	return r, nil
}
