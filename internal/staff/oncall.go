package staff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// Shift is when somebody is paged first.
type Shift struct {
	Person writ.Person
	From   time.Time // inclusive
	Until  time.Time // exclusive
}

// Rota is the order in which the holders of one role are paged: first whose shift
// it is, in the order of the list, then the standing order.
type Rota struct {
	Standing []writ.Person
	Shifts   []Shift
}

// Bounds of a rota.
const (
	maxStanding = 50
	maxShifts   = 2000
	maxShift    = 31 * 24 * time.Hour
	maxSpan     = 400 * 24 * time.Hour // in which gaps are looked for
)

func (r Rota) check() error {
	if len(r.Standing) > maxStanding || len(r.Shifts) > maxShifts {
		return fmt.Errorf("%w: a rota has at most %d persons in its standing order and %d shifts", ErrForm, maxStanding, maxShifts)
	}
	seen := map[writ.Person]bool{}
	for _, p := range r.Standing {
		if seen[p] {
			return fmt.Errorf("%w: %s is in the standing order twice", ErrForm, p)
		}
		seen[p] = true
	}
	for _, s := range r.Shifts {
		if d := s.Until.Sub(s.From); d <= 0 || d > maxShift {
			return fmt.Errorf("%w: a shift ends after it begins, and within 31 days", ErrForm)
		}
	}
	return nil
}

// SetRota replaces the rota of a role. It takes an operator, or counsel. Who is in
// it must be known and here; that they hold the role is looked at when they are to
// be paged. Shifts that ended more than a year ago are dropped.
func (s *Staff) SetRota(ctx context.Context, by Identity, role writ.Role, r Rota) error {
	if !slices.Contains(allRoles, role) {
		return fmt.Errorf("%w: %q is not a role", ErrForm, clip(string(role), 20))
	}
	if err := r.check(); err != nil {
		return err
	}
	a := &act{name: "rota.set", object: string(role), roles: []writ.Role{writ.RoleOperator, writ.RoleCounsel}}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, _ bool) error {
		rec := rotaRecord{Standing: r.Standing}
		who := slices.Clone(r.Standing)
		for _, sh := range r.Shifts {
			if now.Sub(sh.Until) > MaxTokenLife {
				continue
			}
			if sh.Until.After(now) {
				who = append(who, sh.Person)
			}
			rec.Shifts = append(rec.Shifts, shiftRecord{sh.Person, nano(sh.From), nano(sh.Until)})
		}
		slices.Sort(who)
		for _, p := range slices.Compact(who) {
			if _, err := s.present(ctx, tx, p, now); err != nil {
				return err
			}
		}
		tx.Put(rotaKey(role), encodeRecord(rec))
		return nil
	})
}

// Rota returns the rota of a role, an empty one if none was set.
func (s *Staff) Rota(ctx context.Context, role writ.Role) (Rota, error) {
	rec, err := getRota(ctx, s.store, role)
	if err != nil {
		return Rota{}, err
	}
	r := Rota{Standing: rec.Standing}
	for _, sh := range rec.Shifts {
		r.Shifts = append(r.Shifts, Shift{sh.Person, fromNano(sh.From), fromNano(sh.Until)})
	}
	return r, nil
}

func getRota(ctx context.Context, r records.Reader, role writ.Role) (rotaRecord, error) {
	var rec rotaRecord
	if err := get(ctx, r, rotaKey(role), "rota", &rec); err != nil && !errors.Is(err, ErrNotFound) {
		return rec, err
	}
	return rec, nil
}

// OnCall returns who is to be paged for a role at a time, in that order: those on
// shift, then the standing order; before each of them who is their deputy then. Who
// doesn't hold the role then is left out. Nobody: see [Staff.Gaps].
func (s *Staff) OnCall(ctx context.Context, at time.Time, role writ.Role) ([]writ.Person, error) {
	c, err := s.calling(ctx, s.store, role)
	if err != nil {
		return nil, err
	}
	return c.at(nano(at))
}

// calling is a rota with the persons it is about.
type calling struct {
	role writ.Role
	rota rotaRecord
	all  people
}

func (s *Staff) calling(ctx context.Context, r records.Reader, role writ.Role) (calling, error) {
	rota, err := getRota(ctx, r, role)
	if err != nil {
		return calling{}, err
	}
	all, err := allPersons(ctx, r)
	return calling{role, rota, all}, err
}

func (c *calling) at(at int64) (order []writ.Person, err error) {
	deputies, holders, err := c.roles(at)
	if err != nil {
		return nil, err
	}
	add := func(p writ.Person) {
		if holders[p] && !slices.Contains(order, p) {
			order = append(order, p)
		}
	}
	call := func(p writ.Person) {
		for _, d := range deputies[p] {
			add(d)
		}
		add(p)
	}
	for _, sh := range c.rota.Shifts {
		if sh.From <= at && at < sh.Until {
			call(sh.Person)
		}
	}
	for _, p := range c.rota.Standing {
		call(p)
	}
	return order, nil
}

// roles says who holds the role, and who are the deputies of whom in it.
func (c *calling) roles(at int64) (deputies map[writ.Person][]writ.Person, holders map[writ.Person]bool, err error) {
	deputies, holders = map[writ.Person][]writ.Person{}, map[writ.Person]bool{}
	for _, id := range c.all.order {
		held, err := c.all.by[id].held(at, c.all.find)
		if err != nil {
			return nil, nil, err
		}
		for _, h := range held {
			if h.Role != c.role {
				continue
			}
			holders[id] = true
			if h.For != "" {
				deputies[h.For] = append(deputies[h.For], id)
			}
		}
	}
	return deputies, holders, nil
}

// Gap is a time in which nobody would be paged.
type Gap struct{ From, Until time.Time }

// Gaps returns the times between from and until in which nobody is on call for a
// role, as rota and roles stand now. Errors: [ErrForm] for a span of more than 400
// days.
func (s *Staff) Gaps(ctx context.Context, role writ.Role, from, until time.Time) ([]Gap, error) {
	if !until.After(from) || until.Sub(from) > maxSpan {
		return nil, fmt.Errorf("%w: a span ends after it begins, and within 400 days", ErrForm)
	}
	c, err := s.calling(ctx, s.store, role)
	if err != nil {
		return nil, err
	}
	var gaps []Gap
	edges := c.edges(nano(from), nano(until))
	for i, edge := range edges[:len(edges)-1] {
		order, err := c.at(edge)
		if err != nil {
			return nil, err
		}
		if len(order) > 0 {
			continue
		}
		if n := len(gaps); n > 0 && nano(gaps[n-1].Until) == edge {
			gaps[n-1].Until = fromNano(edges[i+1])
			continue
		}
		gaps = append(gaps, Gap{fromNano(edge), fromNano(edges[i+1])})
	}
	return gaps, nil
}

// edges are the moments at which who is on call can change, both ends included,
// in order.
func (c *calling) edges(from, until int64) []int64 {
	edges := []int64{from, until}
	add := func(t int64) {
		if t > from && t < until {
			edges = append(edges, t)
		}
	}
	for _, sh := range c.rota.Shifts {
		add(sh.From)
		add(sh.Until)
	}
	for _, p := range c.all.by {
		for _, a := range p.Assignments {
			if a.Role == c.role && a.DecidedAt != 0 && !a.Refused {
				add(max(a.From, a.DecidedAt))
				add(a.end(p.Left))
			}
		}
	}
	slices.Sort(edges)
	return slices.Compact(edges)
}
