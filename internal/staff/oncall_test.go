package staff

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
)

func TestOnCall(t *testing.T) {
	m := newTeam(t)
	now := m.clock.now()
	hour := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	m.refused(m.SetRota(m.ctx, m.as(noor), writ.RoleCounsel, Rota{}), ErrRole, "intake sets the rota")
	m.refused(m.SetRota(m.ctx, m.as(mira), writ.RoleCounsel, Rota{Standing: []writ.Person{mira, mira}}), ErrForm, "somebody twice")
	m.refused(m.SetRota(m.ctx, m.as(mira), writ.RoleCounsel, Rota{Standing: []writ.Person{"nobody"}}), ErrNotFound, "somebody unknown")
	m.refused(m.SetRota(m.ctx, m.as(mira), writ.RoleCounsel, Rota{Shifts: []Shift{{mira, hour(2), hour(1)}}}), ErrForm, "a shift backwards")
	m.must(m.SetRota(m.ctx, m.as(mira), writ.RoleCounsel, Rota{
		Shifts: []Shift{{theo, hour(0), hour(8)}, {mira, hour(8), hour(16)}, {noor, hour(20), hour(24)}},
	}))
	expect := func(at time.Time, want ...writ.Person) {
		t.Helper()
		got, err := m.OnCall(m.ctx, at, writ.RoleCounsel)
		m.must(err)
		if !slices.Equal(got, want) {
			t.Errorf("at %v: %v, not %v", at, got, want)
		}
	}
	expect(hour(0), theo)
	expect(hour(8), mira)
	expect(hour(16))
	expect(hour(21)) // noor is no counsel
	gaps, err := m.Gaps(m.ctx, writ.RoleCounsel, hour(4), hour(30))
	m.must(err)
	if len(gaps) != 1 || !gaps[0].From.Equal(hour(16)) || !gaps[0].Until.Equal(hour(30)) {
		t.Errorf("gaps %v", gaps)
	}
	_, err = m.Gaps(m.ctx, writ.RoleCounsel, hour(0), hour(24*500))
	m.refused(err, ErrForm, "gaps of a span too long")

	// A deputy comes before whom they represent; the standing order behind all.
	id, err := m.Propose(m.ctx, m.as(mira), Proposal{Person: esi, Role: writ.RoleCounsel, For: mira, From: hour(9), Until: hour(12)})
	m.must(err)
	m.must(m.Confirm(m.ctx, m.as(jun), esi, id))
	m.must(m.SetRota(m.ctx, m.as(jun), writ.RoleCounsel, Rota{Standing: []writ.Person{mira, theo}, Shifts: []Shift{{theo, hour(0), hour(8)}}}))
	expect(hour(1), theo, mira)
	expect(hour(10), esi, mira, theo)
	expect(hour(12), mira, theo)
	if gaps, _ := m.Gaps(m.ctx, writ.RoleCounsel, hour(0), hour(100)); len(gaps) != 0 {
		t.Errorf("gaps %v", gaps)
	}
	m.clock.add(11 * time.Hour)
	m.must(m.Leave(m.ctx, m.as(jun), mira))
	expect(hour(11), theo)
	if r, err := m.Rota(m.ctx, writ.RoleCounsel); err != nil || len(r.Standing) != 2 || !r.Shifts[0].Until.Equal(hour(8)) {
		t.Errorf("the rota is %+v: %v", r, err)
	}
}

// TestGapsAreWhatNobodyCovers holds Gaps against OnCall at every quarter of an
// hour.
func TestGapsAreWhatNobodyCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newTeam(t)
		begin := m.clock.now()
		quarter := func(n int) time.Time { return begin.Add(time.Duration(n) * 15 * time.Minute) }
		var rota Rota
		for range rapid.IntRange(0, 6).Draw(t, "shifts") {
			from := rapid.IntRange(-4, 20).Draw(t, "from")
			who := rapid.SampledFrom([]writ.Person{mira, theo, esi}).Draw(t, "who")
			rota.Shifts = append(rota.Shifts, Shift{who, quarter(from), quarter(from + rapid.IntRange(1, 8).Draw(t, "length"))})
		}
		m.must(m.SetRota(m.ctx, m.as(jun), writ.RoleCounsel, rota))
		from := rapid.IntRange(1, 10).Draw(t, "deputy from")
		id, err := m.Propose(m.ctx, m.as(jun), Proposal{Person: esi, Role: writ.RoleCounsel, For: mira, From: quarter(from), Until: quarter(from + 4)})
		m.must(err)
		m.must(m.Confirm(m.ctx, m.as(lena), esi, id))
		gaps, err := m.Gaps(m.ctx, writ.RoleCounsel, begin, quarter(24))
		m.must(err)
		for i := range 24 {
			at := quarter(i).Add(time.Minute)
			order, err := m.OnCall(m.ctx, at, writ.RoleCounsel)
			m.must(err)
			in := slices.ContainsFunc(gaps, func(g Gap) bool { return !at.Before(g.From) && at.Before(g.Until) })
			if in != (len(order) == 0) {
				t.Fatalf("at %v: %v are on call, gaps %v", at, order, gaps)
			}
		}
		for i := range max(0, len(gaps)-1) {
			if !gaps[i].Until.Before(gaps[i+1].From) {
				t.Fatalf("gaps touch: %v", gaps)
			}
		}
	})
}

func TestNext(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	p := Page{Order: []writ.Person{mira, theo}, Raised: at, Every: 10 * time.Minute}
	if s, ok := Next(p, at); !ok || s != (Step{0, mira, at, 0}) {
		t.Errorf("first: %+v, %v", s, ok)
	}
	p.Steps, p.Last = 1, at.Add(time.Minute)
	if s, ok := Next(p, at.Add(10*time.Minute)); ok || s.Person != theo || !s.Due.Equal(at.Add(11*time.Minute)) {
		t.Errorf("too early: %+v, %v", s, ok)
	}
	if s, ok := Next(p, at.Add(11*time.Minute)); !ok || s.Person != theo {
		t.Errorf("second: %+v, %v", s, ok)
	}
	p.Steps, p.Last = 2, at.Add(11*time.Minute)
	if s, ok := Next(p, at.Add(time.Hour)); !ok || s.Person != mira || s.Round != 1 {
		t.Errorf("second round: %+v, %v", s, ok)
	}
	p.Acked = at
	if _, ok := Next(p, at.Add(time.Hour)); ok {
		t.Error("somebody is paged after it was acknowledged")
	}
	if _, ok := Next(Page{}, at); ok {
		t.Error("nobody is paged")
	}
}

func TestPages(t *testing.T) {
	m := newTeam(t)
	const about = "2026-7KQM-4ZT0/answer"
	_, err := m.Raise(m.ctx, about, writ.RoleCounsel, 10*time.Minute)
	m.refused(err, ErrNobody, "a page without a rota")
	m.must(m.SetRota(m.ctx, m.as(jun), writ.RoleCounsel, Rota{Standing: []writ.Person{theo, mira}}))
	_, err = m.Raise(m.ctx, about, writ.RoleCounsel, time.Second)
	m.refused(err, ErrForm, "a page a second")
	page, err := m.Raise(m.ctx, about, writ.RoleCounsel, 10*time.Minute)
	m.must(err)
	m.clock.add(time.Minute)
	if again, err := m.Raise(m.ctx, about, writ.RoleCounsel, 20*time.Minute); err != nil || fmt.Sprint(again) != fmt.Sprint(page) {
		t.Errorf("raised again: %+v, %v", again, err)
	}
	step, ok := Next(page, m.clock.now())
	if !ok || step.Person != theo {
		t.Fatalf("next is %+v", step)
	}
	// Of two senders, also after a restart, one sends.
	first, err := m.Sent(m.ctx, about, step.Number)
	m.must(err)
	second, err := m.Sent(m.ctx, about, step.Number)
	m.must(err)
	if !first || second {
		t.Errorf("sent by %v and %v", first, second)
	}
	page, err = m.Page(m.ctx, about)
	m.must(err)
	if step, ok := Next(page, m.clock.add(10*time.Minute)); !ok || step.Person != mira || step.Number != 1 {
		t.Errorf("next is %+v", step)
	}
	m.refused(m.Ack(m.ctx, m.as(noor), about), ErrRole, "intake acknowledges")
	if open, _ := m.Pages(m.ctx); len(open) != 1 {
		t.Errorf("%d pages", len(open))
	}
	m.must(m.Ack(m.ctx, m.as(mira), about))
	m.must(m.Ack(m.ctx, m.as(theo), about))
	page, err = m.Page(m.ctx, about)
	m.must(err)
	if page.By != mira {
		t.Errorf("acknowledged by %q", page.By)
	}
	if ok, _ := m.Sent(m.ctx, about, 1); ok {
		t.Error("sent after it was acknowledged")
	}
	if open, _ := m.Pages(m.ctx); len(open) != 0 {
		t.Errorf("%d pages", len(open))
	}
	m.must(m.Withdraw(m.ctx, about))
	m.must(m.Withdraw(m.ctx, about))
	_, err = m.Page(m.ctx, about)
	m.refused(err, ErrNotFound, "a page that was withdrawn")
}
