package docket

import (
	"context"
	"errors"
	"time"

	"writ"
	"writ/internal/notice"
	"writ/internal/records"
)

// pageEvery is the pause between two rounds of paging for the same clock.
const pageEvery = 15 * time.Minute

// Run does what clocks ask for, until ctx ends: it pages the persons on call
// when half of a deadline is gone, and again until somebody moves the case;
// lifts preservations and dated secrecy; reminds of open-ended secrecy; writes
// what was opened in secret into the customer's journal once secrecy is
// lifted. What a restart interrupts is taken up again.
func (d *Docket) Run(ctx context.Context) error {
	for first := true; ; first = false {
		if first {
			if err := d.settlePreservations(ctx); err != nil && ctx.Err() == nil {
				d.Log.Error("what the cases preserve could not be settled; it will be tried again at the next start", "error", err.Error())
			}
		}
		ids, next := d.index.due(d.now())
		failed := false
		for _, id := range ids {
			if err := d.attend(ctx, id); err != nil && ctx.Err() == nil {
				failed = true
				d.Log.Error("a case's clock could not be served; it will be tried again", "error", err.Error())
			}
		}
		wait := 24 * time.Hour
		if !next.IsZero() {
			wait = max(next.Sub(d.now()), 0)
		}
		if failed {
			wait = min(wait, time.Minute)
		}
		// A clock that is set while we wait is seen within the hour.
		timer := time.NewTimer(min(wait, time.Hour))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-d.wake:
			timer.Stop()
		}
	}
}

// attend does what is due in one case.
func (d *Docket) attend(ctx context.Context, id writ.CaseID) error {
	c, err := d.Case(ctx, id)
	if err != nil {
		return err
	}
	now := d.now()
	for _, p := range c.Preservations {
		if !p.Until.IsZero() && !p.Until.After(now) {
			if _, err := d.unpreserve(ctx, nil, id, p.ID, "its time is over"); err != nil {
				return err
			}
		}
	}
	if s := c.Secrecy; s != nil && c.secret() && c.Subject != nil && s.Basis == writ.DatedOrder && !s.Until.IsZero() && !s.Until.After(now) {
		if c, err = d.lift(ctx, nil, id, "the order of secrecy ended on "+s.Until.Format(time.RFC3339)); err != nil {
			return err
		}
	}
	if !c.SecrecyLifted.IsZero() && c.Opening != nil && !c.Revealed {
		if err := d.reveal(ctx, c); err != nil {
			return err
		}
	}
	return d.page(ctx, id)
}

// page tells the persons on call of a clock of which half is gone, or that was
// missed, and counsel of a secrecy that is to be looked at.
func (d *Docket) page(ctx context.Context, id writ.CaseID) error {
	_, err := d.self(ctx, id, func(tx records.Tx, c *Case) ([]draft, error) {
		if c.Events == 0 || c.Mark == Historic {
			return nil, nil
		}
		sum := d.summarise(c)
		now := micro(d.now())
		switch at := sum.nextPage(c); {
		case c.Closing == nil && c.final() == nil && at != 0 && at <= now:
			return d.pageFor(ctx, tx, c, sum.Clock, from(sum.Due))
		case c.secret() && c.Secrecy != nil && sum.Look != 0 && sum.Look <= now && !c.reminded():
			return d.pageFor(ctx, tx, c, clockReview, from(sum.Look))
		}
		return nil, nil
	})
	return err
}

// clockReview is the name under which an open-ended secrecy is paged for.
const clockReview = "secrecy-review"

// reminded says whether counsel was told that the present secrecy is to be
// looked at.
func (c *Case) reminded() bool {
	for _, p := range c.Pages {
		if p.Clock == clockReview && c.Secrecy != nil && p.Due.Equal(c.Secrecy.Review) {
			return true
		}
	}
	return false
}

// nextPage is when the persons on call are to be told of the clock that runs:
// when half is gone, and every quarter of an hour from then on until somebody
// touches the case.
func (s *summary) nextPage(c *Case) int64 {
	if s.Due == 0 {
		return 0
	}
	var last time.Time
	rounds := 0
	for _, p := range c.Pages {
		if p.Clock == s.Clock && micro(p.Due) == s.Due {
			last, rounds = p.At, p.Round
		}
	}
	switch {
	case rounds == 0:
		return s.Half
	case rounds >= maxRounds, c.lastHand().After(last):
		return 0
	}
	return micro(last.Add(pageEvery))
}

// maxRounds is how often the same clock is paged for: by then everybody on
// call was told.
const maxRounds = 12

// lastHand is when a person last did something in the case.
func (c *Case) lastHand() time.Time { return c.handled }

// pageFor queues the messages of one round, and notes them.
func (d *Docket) pageFor(ctx context.Context, tx records.Tx, c *Case, clock string, due time.Time) ([]draft, error) {
	round := 1
	for _, p := range c.Pages {
		if p.Clock == clock && p.Due.Equal(due) {
			round = p.Round + 1
		}
	}
	role := writ.RoleCounsel
	for _, n := range d.missing(c) {
		if n.Role != "" {
			role = n.Role
			break
		}
	}
	persons, err := d.Staff.OnCall(ctx, d.now(), role)
	if err != nil {
		return nil, err
	}
	// Round by round one more of the order is told.
	persons = persons[:min(round, len(persons))]
	p := paging{Clock: clock, Due: due, Round: round}
	for _, person := range persons {
		m, err := d.pageMessage(ctx, c, person, clock, due, round)
		if errors.Is(err, errNoContact) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := d.Notices.AddTx(ctx, tx, m); err != nil && !errors.Is(err, notice.ErrExists) {
			return nil, err
		}
		p.To = append(p.To, person)
	}
	return []draft{{kind: Paged, body: p}}, nil
}
