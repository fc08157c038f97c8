package law

import (
	"slices"
	"strings"
	"time"
)

// State is how a clock stands.
type State string

// The states.
const (
	Running State = "running"
	Paused  State = "suspended"
	Met     State = "met"    // what it asks for was done in time
	Missed  State = "missed" // it was done late, or isn't done and the time is over
	Over    State = "ended"  // it asks for nothing any more
)

// A Clock is one deadline, or one duty that lasts. Times are UTC; a zero time
// means that there is none.
type Clock struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Basis
	Holds bool      `json:"holds"` // a duty that lasts until Due, and can't be missed
	Start time.Time `json:"start"`
	// Due is the last instant in time; zero while suspended, and where the end
	// is open.
	Due time.Time `json:"due"`
	// NotBefore is when production becomes due: until then another authority
	// may still raise a ground.
	NotBefore time.Time `json:"not_before,omitzero"`
	// Outer is a later reading of the same period, where there is one. Due
	// stays the earlier: nothing that hangs on Outer is safe.
	Outer time.Time `json:"outer,omitzero"`
	// Strict is what Due were if only suspensions and extensions counted whose
	// article was read in a primary text; zero where that is the same.
	Strict    time.Time     `json:"strict,omitzero"`
	State     State         `json:"state"`
	At        time.Time     `json:"at,omitzero"` // when it was met, missed late, ended or suspended
	Remaining time.Duration `json:"remaining"`   // frozen while suspended, never negative
	// Half is when half of the running time is gone; zero while that can't be
	// known.
	Half time.Time `json:"half,omitzero"`
}

// Clocks are the clocks of a demand as they stand at now, the next due first.
// Events may come in any order; those after now have not happened yet. The
// demand's receipt need not be among them.
func (l *Law) Clocks(d Demand, events []Event, now time.Time) []Clock {
	zone := zoneOf(d.Provider)
	past := make([]Event, 0, len(events)+1)
	if !d.Received.IsZero() && !slices.ContainsFunc(events, func(e Event) bool { return e.Kind == Received }) {
		past = append(past, Event{Received, d.Received})
	}
	for _, e := range events {
		if !e.At.After(now) {
			past = append(past, e)
		}
	}
	slices.SortStableFunc(past, func(a, b Event) int { return a.At.Compare(b.At) })
	var clocks []Clock
	for _, r := range l.clocks[d.Instrument] {
		if r.When != nil && r.When.ask(&d, nil, nil) != yes {
			continue
		}
		i := slices.IndexFunc(past, func(e Event) bool { return e.Kind == r.From })
		if i < 0 || r.Runs.Deadline && d.Deadline.IsZero() {
			continue
		}
		clocks = append(clocks, r.clock(&d, past[i].At, past, now, zone, l.calendar(d.Provider.Country)))
	}
	slices.SortStableFunc(clocks, func(a, b Clock) int {
		if a.Due.IsZero() != b.Due.IsZero() {
			if a.Due.IsZero() {
				return 1
			}
			return -1
		}
		if c := a.Due.Compare(b.Due); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return clocks
}

func (r *clockRule) clock(d *Demand, start time.Time, events []Event, now time.Time, zone *time.Location, days *calendar) Clock {
	c := Clock{ID: r.ID, Title: r.Title, Basis: r.Basis, Holds: r.Holds, Start: start.UTC()}
	first := d.Deadline
	if !r.Runs.Deadline {
		first = r.Runs.after(start, zone)
	}
	t := turn{rule: r, zone: zone, start: start, due: first.UTC()}
	t.turn(events, now)
	c.State, c.At, c.Due, c.Remaining = t.state, t.at.UTC(), t.due, t.remaining(now)
	if t.open {
		c.Due = time.Time{}
	}
	if t.at.IsZero() {
		c.At = time.Time{}
	}
	if !c.Due.IsZero() {
		c.Half = t.half()
		if r.Outer == "eu" && !r.Runs.Deadline {
			if outer := r.Runs.outer(start, zone, days).Add(t.due.Sub(first)); outer.After(t.due) {
				c.Outer = outer.UTC()
			}
		}
		if !r.Holds {
			strict := turn{rule: r, zone: zone, start: start, due: first.UTC(), strict: true}
			strict.turn(events, now)
			if strict.due.Before(t.due) || t.state == Paused && strict.state != Paused {
				c.Strict = strict.due
			}
		}
	}
	if r.Held != nil && happened(events, r.Held.Event) {
		c.NotBefore = c.Due
		if i := slices.IndexFunc(events, func(e Event) bool { return e.Kind == r.Held.Cleared }); i >= 0 {
			c.NotBefore = events[i].At.UTC()
		}
	}
	if t.state == Paused {
		c.Due, c.Outer, c.NotBefore = time.Time{}, time.Time{}, time.Time{}
	}
	return c
}

func happened(events []Event, kind EventKind) bool {
	return slices.ContainsFunc(events, func(e Event) bool { return e.Kind == kind })
}

// turn is one clock on its way through the events.
type turn struct {
	rule   *clockRule
	zone   *time.Location
	start  time.Time
	strict bool // only what was read in a primary text gives more time

	due    time.Time
	open   bool
	state  State
	at     time.Time // of the state
	more   int       // extensions so far
	active []int     // pauses that hold it now
	pauses []stretch // pauses that are over
}

type stretch struct{ from, to time.Time }

// turn goes through the events, which are in order and none after now.
func (t *turn) turn(events []Event, now time.Time) {
	t.state = Running
	for _, e := range events {
		t.event(e)
		if t.state != Running && t.state != Paused {
			return
		}
	}
	if t.state == Running && !t.open && now.After(t.due) {
		t.state, t.at = Missed, t.due
		if t.rule.Holds {
			t.state = Over
		}
	}
}

func (t *turn) event(e Event) {
	late := t.state == Running && !t.open && e.At.After(t.due)
	switch r := t.rule; {
	case slices.Contains(r.Met, e.Kind):
		if e.At.Before(t.start) {
			return
		}
		t.resume(e.At)
		t.state, t.at = Met, e.At
		if late {
			t.state = Missed
		}
	case slices.Contains(r.Ended, e.Kind) || r.Held != nil && e.Kind == r.Held.Refused:
		t.resume(e.At)
		t.state, t.at = Over, e.At
		if late {
			t.at = t.due
			if !r.Holds {
				t.state = Missed
			}
		}
	case late:
		// What comes after the end gives no time back.
	case r.More != nil && e.Kind == r.More.By:
		if t.more < r.More.Times && t.counts(r.More.Verified) && !e.At.Before(t.start) {
			t.more++
			t.due = addDays(t.due, r.More.Days, t.zone)
		}
	case r.Open != nil && e.Kind == r.Open.By && !e.At.Before(t.start):
		t.open = true
	default:
		t.pause(e)
	}
}

// counts tells whether a cell may give time.
func (t *turn) counts(v Verified) bool { return !t.strict || v == InPrimary }

// pause stops the clock by the first pause that begins, and starts it again
// when the last one is over.
func (t *turn) pause(e Event) {
	for i, p := range t.rule.Stops {
		if !t.counts(p.Verified) {
			continue
		}
		held := slices.Contains(t.active, i)
		switch {
		case e.Kind == p.By && !held:
			if len(t.active) == 0 {
				from := e.At
				if from.Before(t.start) {
					from = t.start
				}
				if !t.open && from.After(t.due) {
					continue
				}
				t.state, t.at = Paused, from
			}
			t.active = append(t.active, i)
		case e.Kind == p.Until && held:
			t.active = slices.DeleteFunc(t.active, func(n int) bool { return n == i })
			if len(t.active) == 0 {
				t.resume(e.At)
			}
		}
	}
}

// resume ends a pause: the end moves by as long as the clock stood.
func (t *turn) resume(at time.Time) {
	if t.state != Paused {
		return
	}
	t.state = Running
	if at.After(t.at) {
		t.pauses = append(t.pauses, stretch{t.at, at})
		t.due = t.due.Add(at.Sub(t.at))
	}
	t.at = time.Time{}
}

func (t *turn) remaining(now time.Time) time.Duration {
	switch {
	case t.open:
		return 0
	case t.state == Running:
		return max(0, t.due.Sub(now))
	case t.state == Paused:
		return max(0, t.due.Sub(t.at))
	}
	return 0
}

// half is when half of the time that runs has run.
func (t *turn) half() time.Time {
	total := t.due.Sub(t.start)
	for _, p := range t.pauses {
		total -= p.to.Sub(p.from)
	}
	at := t.start.Add(max(0, total) / 2)
	for _, p := range t.pauses {
		if !p.from.Before(at) {
			break
		}
		at = at.Add(p.to.Sub(p.from))
	}
	if t.state == Paused && t.at.Before(at) {
		return time.Time{}
	}
	return at.UTC()
}
