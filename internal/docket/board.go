package docket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/ledger"
)

// closedLately is how long a closed case stays on the board.
const closedLately = 14 * 24 * time.Hour

// mostAwaited bounds for how many cases a board asks whether the log has
// published what they wait for.
const mostAwaited = 50

// Board is the docket at a glance. Cases that are late or due today stand in
// lanes as all others do, first.
type Board struct {
	Revision uint64
	Open     int // cases that are not closed
	Late     int // of them, those with a deadline that is over
	Today    int // those due later today, where the operator's deadlines are read
	Mine     int // those that wait for a role that is asked for
	Lanes    []BoardLane
}

// BoardLane is the first cases of a lane.
type BoardLane struct {
	Lane  Lane
	Count int
	Rows  []Row
}

// Board returns the first so many cases of each lane, by deadline: of the silent
// ones by when that is looked at again, of the closed ones the latest first.
func (d *Docket) Board(ctx context.Context, who Actor, each int) (Board, error) {
	if err := who.sees(); err != nil {
		return Board{}, err
	}
	each = min(max(each, 1), 50)
	unpublished, err := d.awaited(ctx)
	if err != nil {
		return Board{}, err
	}
	at := d.now()
	now, tonight := micro(at), micro(d.midnight(at))
	x := d.index
	x.mu.RLock()
	defer x.mu.RUnlock()
	b := Board{Revision: x.revision, Open: x.ranks.open.tree.Len()}
	x.ranks.open.walk(nil, func(s *summary) bool {
		switch due := s.due(); {
		case due == 0 || due >= tonight:
			return false
		case due <= now:
			b.Late++
		default:
			b.Today++
		}
		return true
	})
	for _, w := range x.ranks.waits {
		if slices.ContainsFunc(w.roles, func(r writ.Role) bool { return has(who.Roles, r) }) {
			b.Mine += w.n
		}
	}
	for _, l := range Lanes {
		b.Lanes = append(b.Lanes, x.lane(l, each, now, micro(at.Add(-closedLately)), unpublished))
	}
	return b, nil
}

// lane is one lane; the caller holds mu.
func (x *index) lane(l Lane, each int, now, since int64, unpublished map[writ.CaseID]bool) BoardLane {
	out, from := BoardLane{Lane: l}, x.ranks.lanes[l]
	if l == LaneWitnesses {
		from = x.ranks.lanes[LaneProduction]
	}
	out.Count = from.tree.Len()
	switch l {
	case LaneWitnesses:
		out.Count = len(unpublished)
	case LaneProduction:
		out.Count -= len(unpublished)
	case LaneClosed:
		out.Count = 0
	}
	from.walk(nil, func(s *summary) bool {
		switch {
		case l == LaneWitnesses && !unpublished[s.ID], l == LaneProduction && unpublished[s.ID]:
			return len(out.Rows) < out.Count
		case l == LaneClosed && s.Closed < since:
			return false
		case l == LaneClosed:
			out.Count++
		}
		if len(out.Rows) < each {
			out.Rows = append(out.Rows, s.row(now))
		}
		return l == LaneClosed || len(out.Rows) < each
	})
	return out
}

// awaited are the cases whose opening waits for the log: the commitment that it
// rests on is not published. What was published once stays so.
func (d *Docket) awaited(ctx context.Context) (map[writ.CaseID]bool, error) {
	ask := map[writ.CaseID]string{}
	x := d.index
	x.mu.RLock()
	x.ranks.lanes[LaneProduction].walk(nil, func(s *summary) bool {
		if s.Awaits != "" && !x.published[s.Awaits] {
			ask[s.ID] = s.Awaits
		}
		return len(ask) < mostAwaited
	})
	x.mu.RUnlock()
	out := map[writ.CaseID]bool{}
	for id, statement := range ask {
		_, err := d.Book.Receipt(ctx, statement)
		switch {
		case err == nil:
			x.mu.Lock()
			x.published[statement] = true
			x.mu.Unlock()
		case errors.Is(err, ledger.ErrPending), errors.Is(err, ledger.ErrNoStatement):
			// Who moved on meanwhile is in another lane.
			x.mu.RLock()
			if s := x.cases[id]; s != nil && s.Awaits == statement && s.stands(LaneProduction) {
				out[id] = true
			}
			x.mu.RUnlock()
		default:
			return nil, fmt.Errorf("couldn't ask the log: %w", err)
		}
	}
	return out, nil
}

// midnight is the end of a moment's day, where the operator's deadlines are read.
func (d *Docket) midnight(at time.Time) time.Time {
	y, m, day := at.In(d.zone).Date()
	return time.Date(y, m, day+1, 0, 0, 0, 0, d.zone)
}

// Revision counts what was written into the docket: who holds another number
// has an old picture.
func (d *Docket) Revision() uint64 {
	d.index.mu.RLock()
	defer d.index.mu.RUnlock()
	return d.index.revision
}

// Changed returns the revision as soon as it is another than the one that
// somebody has, or when ctx ends.
func (d *Docket) Changed(ctx context.Context, seen uint64) uint64 {
	for {
		d.index.mu.RLock()
		now, changed := d.index.revision, d.index.changed
		d.index.mu.RUnlock()
		if now != seen {
			return now
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return now
		}
	}
}
