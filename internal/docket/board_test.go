package docket

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"writ"
)

// scattered puts random cases into the index, some of them over again, as moves
// do.
func scattered(d *Docket, n int) {
	r := rand.New(rand.NewPCG(1, 2))
	roles := []writ.Role{writ.RoleIntake, writ.RoleCounsel, writ.RoleCustodian, writ.RoleProduction}
	now := time.Now()
	day := func(back, ahead int) int64 { return micro(now.Add(time.Duration(r.IntN(back+ahead)-back) * time.Hour)) }
	for i := range n {
		s := summary{
			ID: writ.CaseIDFrom(2026, [5]byte{byte(i % (n * 3 / 4)), byte(i % (n * 3 / 4) >> 8), 1}), Reference: fmt.Sprintf("Ref %d", i%7), Issuer: "Landgericht Falkenmoor",
			Country: []string{"FR", "DE"}[r.IntN(2)], Stage: "received", Received: day(2000, 0), Basis: writ.AuthorityTells, Events: uint32(r.IntN(9) + 1),
		}
		if r.IntN(3) > 0 {
			s.Due = day(60, 200)
		}
		for range r.IntN(3) {
			if role := roles[r.IntN(len(roles))]; !has(s.Waits, role) {
				s.Waits = append(s.Waits, role)
			}
		}
		if r.IntN(9) == 0 {
			s.Over, s.Missed = day(90, 0), "eu.epoc"
		}
		switch r.IntN(6) {
		case 0:
			s.Closed, s.Stage, s.Due = day(1000, 0), "closed", 0
		case 1:
			s.Mark, s.Closed = Historic, day(1000, 0)
		case 2:
			s.Stage, s.Asked = "delivered", r.IntN(2) == 0
		case 3:
			s.Basis = writ.TellAfter
		}
		if s.Basis == writ.AuthorityTells && r.IntN(2) == 0 {
			s.Look = day(100, 4000)
		}
		d.index.put(s)
	}
}

// brute is a list as it is by its definition.
func brute(d *Docket, f Filter, order func(a, b *summary) int) (out []writ.CaseID) {
	f.Text = strings.ToLower(f.Text)
	var all []*summary
	for _, s := range d.index.cases {
		if f.takes(s, micro(d.now())) && (f.Order != "review" || s.silent()) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, order)
	for _, s := range all {
		out = append(out, s.ID)
	}
	return out
}

// TestListsAreWhatTheyWere: whatever order a list is read from, page by page it
// has exactly the cases that the filter takes, in that order, each once.
func TestListsAreWhatTheyWere(t *testing.T) {
	r := newRig(t)
	scattered(r.Docket, 2000)
	for name, c := range map[string]struct {
		f     Filter
		order func(a, b *summary) int
	}{
		"all": {Filter{}, byDeadline}, "open": {Filter{Open: true}, byDeadline}, "late": {Filter{Late: true}, byDeadline},
		"late and open": {Filter{Late: true, Open: true}, byDeadline}, "newest": {Filter{Order: "newest"}, byReceipt},
		"newest, late": {Filter{Newest: true, Late: true}, byReceipt}, "country": {Filter{Country: "FR", Order: "newest"}, byReceipt},
		"waits": {Filter{Waits: writ.RoleCustodian}, byDeadline}, "silent": {Filter{Order: "review"}, bySilence},
		"silent by deadline": {Filter{Silent: true}, byDeadline}, "text": {Filter{Text: "REF 3"}, byDeadline}, "nothing": {Filter{Text: "no such"}, byDeadline},
		"due by": {Filter{DueBy: time.Now().Add(24 * time.Hour)}, byDeadline}, "stage": {Filter{Stage: "delivered", Open: true}, byDeadline},
	} {
		want := brute(r.Docket, c.f, c.order)
		var got []writ.CaseID
		for f := c.f; ; {
			f.Limit = 37
			rows, more := r.List(f)
			for _, row := range rows {
				got = append(got, row.Case)
			}
			if !more {
				break
			}
			f.After = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d cases, want %d in their order", name, len(got), len(want))
		}
	}
}

// TestBoardCounts: figures and lanes are those that a count of all cases gives.
func TestBoardCounts(t *testing.T) {
	r := newRig(t)
	scattered(r.Docket, 2000)
	who := r.who("mira")
	b, err := r.Board(r.ctx, who, 5)
	r.must(err)
	now, tonight := micro(r.now()), micro(r.midnight(r.now()))
	var open, late, today, mine int
	lanes := map[Lane]int{}
	for _, s := range r.index.cases {
		if s.Closed != 0 && s.silent() {
			lanes[LaneSilent]++
		}
		if s.Closed != 0 && s.Mark != Historic && s.Closed >= now-int64(closedLately/time.Microsecond) {
			lanes[LaneClosed]++
		}
		if !s.open() {
			continue
		}
		open++
		somewhere := false
		for _, l := range Lanes {
			if s.stands(l) {
				lanes[l]++
				somewhere = true
			}
		}
		if !somewhere {
			t.Fatalf("the case %s is open and in no lane", s.ID)
		}
		switch {
		case s.due() != 0 && s.due() <= now:
			late++
		case s.due() != 0 && s.due() < tonight:
			today++
		}
		if has(s.Waits, writ.RoleCounsel) {
			mine++
		}
	}
	if b.Open != open || b.Late != late || b.Today != today || b.Mine != mine || open == 0 || late == 0 || mine == 0 {
		t.Errorf("%d open, %d late, %d today, %d mine; want %d, %d, %d, %d", b.Open, b.Late, b.Today, b.Mine, open, late, today, mine)
	}
	for _, l := range b.Lanes {
		if l.Count != lanes[l.Lane] {
			t.Errorf("lane %s: %d, want %d", l.Lane, l.Count, lanes[l.Lane])
		}
		if len(l.Rows) != min(5, l.Count) {
			t.Errorf("lane %s shows %d of %d", l.Lane, len(l.Rows), l.Count)
		}
		if l.Lane != LaneSilent && l.Lane != LaneClosed && !slices.IsSortedFunc(l.Rows, func(a, b Row) int {
			if a.Due.IsZero() != b.Due.IsZero() {
				return cmp.Compare(b.Due.UnixMicro(), a.Due.UnixMicro())
			}
			return a.Due.Compare(b.Due)
		}) {
			t.Errorf("lane %s is not by deadline", l.Lane)
		}
	}
	if _, err := r.Board(r.ctx, Actor{Person: "esi.mensah", Roles: []writ.Role{writ.RoleAuditor}}, 5); err == nil {
		t.Error("an auditor sees the board")
	}
}

// TestBoardFollowsACase: a case goes from lane to lane, is in that of each who may
// work at it, and stands with the witnesses only until the log has what it waits for.
func TestBoardFollowsACase(t *testing.T) {
	r := newRig(t)
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/0001": "she may go home"})
	in := func(want ...Lane) {
		t.Helper()
		b, err := r.Board(r.ctx, r.who("mira"), 5)
		r.must(err)
		var where []Lane
		for _, l := range b.Lanes {
			for range l.Rows {
				where = append(where, l.Lane)
			}
		}
		if !slices.Equal(where, want) {
			t.Fatalf("the case is in %v, want %v", where, want)
		}
	}
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: r.epoc()})
	r.must(err)
	in(LaneIntake, LaneCounsel)
	_, err = r.Reply(r.ctx, r.who("mira"), c.ID, Reply{Answer: "withdrawn", Reason: "taken back", Final: true})
	r.must(err)
	in(LaneCounsel)
	_, err = r.Close(r.ctx, r.who("mira"), c.ID, 0, "")
	r.must(err)
	b, err := r.Board(r.ctx, r.who("mira"), 5)
	r.must(err)
	for _, l := range b.Lanes {
		if want := map[Lane]int{LaneSilent: 1, LaneClosed: 1}[l.Lane]; l.Count != want {
			t.Errorf("closed: %d in %s, want %d", l.Count, l.Lane, want)
		}
	}
	// What is closed before today is no longer there, in any lane but the silent.
	r.clock.pass(closedLately + time.Hour)
	id := r.reviewed(r.epoc(), wards())
	minted := r.minted(id, Limits{})
	s := r.summarise(minted)
	if s.Awaits == "" {
		t.Fatal("a writ that is minted waits for no statement")
	}
	r.eventually("the log has the writ", func() bool {
		b, err := r.Board(r.ctx, r.who("mira"), 5)
		r.must(err)
		n := map[Lane]int{}
		for _, l := range b.Lanes {
			n[l.Lane] = l.Count
			if len(l.Rows) != l.Count {
				t.Fatalf("%s shows %d of %d", l.Lane, len(l.Rows), l.Count)
			}
		}
		if n[LaneWitnesses]+n[LaneProduction] != 1 || n[LaneClosed] != 0 {
			t.Fatalf("%v", n)
		}
		return n[LaneProduction] == 1
	})
	// A statement that the log has never heard of keeps it with the witnesses.
	s.Awaits = "writ/not-there"
	r.index.put(s)
	in2, err := r.Board(r.ctx, r.who("mira"), 5)
	r.must(err)
	for _, l := range in2.Lanes {
		if want := map[Lane]int{LaneWitnesses: 1, LaneSilent: 1}[l.Lane]; l.Count != want {
			t.Errorf("unpublished: %d in %s, want %d", l.Count, l.Lane, want)
		}
	}
}

// TestRevision: whoever waits hears of each change, of none that was refused,
// and of nothing when the wait is over.
func TestRevision(t *testing.T) {
	r := newRig(t)
	before := r.Revision()
	heard := make(chan uint64, 1)
	go func() { heard <- r.Changed(r.ctx, before) }()
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: r.epoc()})
	r.must(err)
	select {
	case now := <-heard:
		if now <= before {
			t.Errorf("revision %d after %d", now, before)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("nobody heard of the case")
	}
	now := r.Revision()
	if _, err := r.Close(r.ctx, r.who("noor"), c.ID, 0, ""); err == nil {
		t.Fatal("intake closed a case")
	}
	ctx, cancel := context.WithTimeout(r.ctx, 20*time.Millisecond)
	defer cancel()
	if got := r.Changed(ctx, now); got != now {
		t.Errorf("a refusal changed the revision to %d", got)
	}
	// It goes on from where it was after a restart: it counts events.
	r.reopen()
	if got := r.Revision(); got < now {
		t.Errorf("after a restart it is %d, was %d", got, now)
	}
}

// TestLateStaysLate: a case whose deadline is over is late in lists and on the
// board until it is done, whatever else happens in it.
func TestLateStaysLate(t *testing.T) {
	r := newRig(t)
	d := r.epoc()
	d.Emergency, d.Received = true, d.Received.Add(-30*time.Hour)
	c, err := r.Receive(r.ctx, r.who("noor"), Intake{Demand: d})
	r.must(err)
	late := func(want int) {
		t.Helper()
		rows, _ := r.List(Filter{Late: true})
		b, err := r.Board(r.ctx, r.who("mira"), 5)
		r.must(err)
		if len(rows) != want || b.Late != want {
			t.Fatalf("%d late in the list, %d on the board, want %d", len(rows), b.Late, want)
		}
		if want > 0 && (!rows[0].Late || rows[0].Due.IsZero() || rows[0].Clock == "") {
			t.Errorf("%+v", rows[0])
		}
	}
	late(1)
	_, err = r.Authenticate(r.ctx, r.who("noor"), c.ID, Authentication{Means: "national-system", Note: "seal verified", Genuine: true})
	r.must(err)
	late(1)
	_, err = r.Reply(r.ctx, r.who("mira"), c.ID, Reply{Answer: "withdrawn", Reason: "taken back", Final: true})
	r.must(err)
	late(0)
}
