package notice

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// runs runs the rig's queue; stop ends it.
func (r *rig) runs() (stop func(), ended chan error) {
	ctx, cancel := context.WithCancel(r.ctx)
	ended = make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	until(r.t, "the queue runs", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.Queue.running
	})
	return cancel, ended
}

// becomes waits until the first delivery of a message is in a state. The queue
// runs by itself; the clock stands still.
func (r *rig) becomes(t *testing.T, id string, want State) Delivery {
	t.Helper()
	until(t, fmt.Sprintf("%s is %s", id, want), func() bool { return r.status(id).Deliveries[0].State == want })
	return r.status(id).Deliveries[0]
}

// TestRun: what is woken is delivered without the clock moving, what is due
// later when it is, and what failed after its pace, over a restart.
func TestRun(t *testing.T) {
	r, h := hookRig(t, false, nil)
	var busy atomic.Bool
	h.answer = func(w http.ResponseWriter, _ *http.Request) {
		if busy.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	stop, ended := r.runs()
	if err := r.Run(r.ctx); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a queue that runs twice: %v", err)
	}
	later := note("later")
	later.NotBefore = epoch.Add(time.Hour)
	r.add(later)
	r.add(note("now"))
	r.becomes(t, "now", Accepted)
	r.is("later", Waiting)
	r.clock.add(time.Hour)
	r.becomes(t, "later", Accepted)

	busy.Store(true)
	r.add(note("again"))
	until(t, "it failed once", func() bool { return r.status("again").Deliveries[0].Class == Later })
	stop()
	must(t, <-ended)
	busy.Store(false)
	r.clock.add(time.Minute)
	stop, ended = r.runs()
	r.becomes(t, "again", Accepted)
	until(t, "all is reported", func() bool { return r.status("again").Deliveries[0].Reported })
	stop()
	must(t, <-ended)
	if r.tally("accepted", "again", 0) != 1 {
		t.Error("it was not reported once")
	}
	if s := r.Stats(); s.Webhook != (ChannelStats{Accepted: 3, Failed: 1}) || s.Alarms != 0 {
		t.Errorf("%+v", s)
	}
}

// TestPageFirst: receivers that hang hold up no page.
func TestPageFirst(t *testing.T) {
	r, h := hookRig(t, false, nil)
	address := h.URL + "/notices?token=s3cret"
	hangs := make(chan struct{})
	h.answer = func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/notices" {
			<-hangs
		}
	}
	secret, err := r.StaffWebhook(r.ctx, h.URL+"/pager")
	must(t, err)
	h.mu.Lock()
	h.secrets = append(h.secrets, secret)
	h.mu.Unlock()
	stop, ended := r.runs()
	for i := range 20 {
		r.add(note(fmt.Sprintf("n%d", i), hookTo(address)))
	}
	until(t, "all workers hang", func() bool {
		page, _, err := r.List(r.ctx, Filter{})
		must(t, err)
		n := 0
		for _, s := range page {
			if s.Deliveries[0].State == Sending {
				n++
			}
		}
		return n == workersOf[0]
	})
	r.add(Message{ID: "p1", Kind: KindPage, Priority: Urgent, To: []Contact{hookTo(h.URL + "/pager")}, Subject: "A clock runs", Text: "Four of eight hours are over."})
	r.becomes(t, "p1", Accepted)
	close(hangs)
	for i := range 20 {
		r.becomes(t, fmt.Sprintf("n%d", i), Accepted)
	}
	stop()
	must(t, <-ended)
	r.consistent()
}

// TestStop: what is under way at the end gets its grace, and what doesn't end
// then is in doubt, not lost.
func TestStop(t *testing.T) {
	r, h := hookRig(t, false, nil)
	arrived, hangs := make(chan struct{}, 8), make(chan struct{})
	h.answer = func(w http.ResponseWriter, _ *http.Request) { arrived <- struct{}{}; <-hangs }
	defer close(hangs)
	stop, ended := r.runs()
	r.add(note("n1"))
	<-arrived
	stop()
	until(t, "the grace runs out", func() bool {
		r.clock.add(r.config.Grace)
		select {
		case err := <-ended:
			must(t, err)
			return true
		default:
			return false
		}
	})
	d := r.is("n1", Waiting)
	if d.Doubts != 1 || d.Class != NoAnswer {
		t.Errorf("%+v", d)
	}
	// Before the first byte the end leaves no trace.
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	r.add(note("n2"))
	must(t, r.Run(ctx))
	if d := r.is("n2", Waiting); d.Attempts != 0 || d.Class != "" {
		t.Errorf("%+v", d)
	}
}

// TestOwnTrouble: a store that can't write lets nothing leave, and is asked
// again later.
func TestOwnTrouble(t *testing.T) {
	r, h := hookRig(t, false, nil)
	r.add(note("n1"))
	good := r.store
	r.store = &mortal{Store: good, left: 1} // its turn comes, the mark doesn't
	due, _, err := r.take(r.ctx, 0, 1)
	must(t, err)
	r.deliver(r.ctx, due[0])
	r.land(due[0])
	r.store = good
	h.mu.Lock()
	if h.copies != 0 || len(h.refused) > 0 && h.refused[0] != "unexpected EOF" { // a head without its body
		t.Errorf("it left without a mark: %d, %v", h.copies, h.refused)
	}
	h.mu.Unlock()
	r.turn()
	if d := r.is("n1", Waiting); d.Attempts != 0 || d.Doubts != 0 {
		t.Errorf("%+v", d)
	}
	r.clock.add(coolDown)
	r.turn()
	r.is("n1", Accepted)
}

// TestFailingHook rests between attempts, and holds up no other report.
func TestFailingHook(t *testing.T) {
	r := newRig(t, nil)
	r.told.fail = 1
	r.add(note("n1"))
	r.add(note("n2"))
	r.turn()
	if a, b := r.tally("accepted", "n1", 0), r.tally("accepted", "n2", 0); a+b != 1 {
		t.Errorf("reported %d and %d", a, b)
	}
	if !strings.Contains(r.log.String(), "a report of a notice failed and is repeated") {
		t.Errorf("the log says nothing: %s", r.log)
	}
	rest := map[string]time.Time{}
	r.told.fail = 1
	must(t, r.report(r.ctx, rest))
	must(t, r.report(r.ctx, rest))
	if len(rest) != 1 {
		t.Error("it doesn't rest")
	}
	r.clock.add(coolDown)
	must(t, r.report(r.ctx, rest))
	if r.tally("accepted", "n1", 0) != 1 || r.tally("accepted", "n2", 0) != 1 {
		t.Error("a report was lost")
	}
	r.consistent()
}

func TestPace(t *testing.T) {
	for lane, most := range []time.Duration{longest, longestNow} {
		for failures := 1; failures < 100; failures++ {
			for range 20 {
				want := min(firstPace<<min(failures-1, 20), most)
				if got := pace(lane, failures, false); got > want || got < max(firstPace, want-want/5) {
					t.Fatalf("after %d failures %v, not about %v", failures, got, want)
				}
				if got := pace(lane, failures, true); got > most || got < most-most/5 {
					t.Fatalf("stuck: %v", got)
				}
			}
		}
	}
}
