package notice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ/internal/records"
)

// mortal is a store that refuses everything from some transaction on, as if its
// process had ended then: what was committed stays.
type mortal struct {
	records.Store
	left int // transactions until the end; negative: none
	late bool
}

func (m *mortal) Update(ctx context.Context, fn func(records.Tx) error) error {
	if m.left == 0 {
		return records.ErrClosed
	}
	if m.left > 0 {
		m.left--
	}
	if err := m.Store.Update(ctx, fn); err != nil {
		return err
	}
	if m.left == 0 && m.late { // it committed, and nobody heard
		return records.ErrClosed
	}
	return nil
}

// subjectHeader is where the receiver notes the subject that it has read.
const subjectHeader = "X-Subject"

// modelled is what the model knows of a message.
type modelled struct {
	message   Message
	cancelled bool
	atCancel  int // copies that had come in
}

// model is random histories of a queue, against one receiver.
type model struct {
	*rig
	rt     *rapid.T
	url    string
	disk   records.Store
	config Config

	mu     sync.Mutex // the receiver runs beside the model
	all    map[string]*modelled
	copies map[string]int             // by id of the message
	names  map[string]map[string]bool // webhook-ids under which one came
	mood   string
}

// start opens the queue as a new process does, and tells whether it lived that
// long.
func (m *model) start(left int, late bool) bool {
	c := m.config
	c.Records = &mortal{m.disk, left, late}
	q, err := New(m.ctx, c)
	if errors.Is(err, records.ErrClosed) {
		return false
	}
	must(m.rt, err)
	m.rig.Queue = q
	return true
}

// serve is the receiver: it has verified what comes, and knows when it may.
func (m *model) serve(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mood == "busy" || m.mood == "gone" {
		w.WriteHeader(map[string]int{"busy": 503, "gone": 410}[m.mood])
		return
	}
	name, id := r.Header.Get("webhook-id"), r.Header.Get(subjectHeader)
	m.copies[id]++
	if m.names[id] == nil {
		m.names[id] = map[string]bool{}
	}
	m.names[id][name] = true
	if now := m.clock.Now(); now.Before(m.all[id].message.NotBefore) {
		m.rt.Errorf("%s came at %v", id, now)
	}
	if m.mood == "silent" {
		panic(http.ErrAbortHandler)
	}
}

func (m *model) feels(mood string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mood = mood
}

func (m *model) some() string {
	return fmt.Sprintf("n%d", rapid.IntRange(0, 12).Draw(m.rt, "message"))
}

func (m *model) add() {
	id := fmt.Sprintf("n%d", rapid.IntRange(0, 12).Draw(m.rt, "id"))
	n := note(id, hookTo(m.url), Contact{Kind: ByInbox})
	n.Subject = id
	n.Priority = Priority(rapid.IntRange(0, 1).Draw(m.rt, "priority"))
	if wait := rapid.IntRange(0, 72).Draw(m.rt, "hours"); wait > 0 {
		n.NotBefore = epoch.Add(time.Duration(wait) * time.Hour)
	}
	m.mu.Lock()
	before := m.all[id]
	if before == nil {
		m.all[id] = &modelled{message: n}
	}
	m.mu.Unlock()
	err := m.Add(m.ctx, n)
	switch {
	case before == nil || before.message.NotBefore.Equal(n.NotBefore) && before.message.Priority == n.Priority:
		must(m.rt, err)
	case !errors.Is(err, ErrExists):
		m.rt.Fatalf("another message under one id: %v", err)
	}
}

func (m *model) cancel() {
	id := m.some()
	err := m.update(func(tx records.Tx) error { return m.CancelTx(m.ctx, tx, id) })
	m.mu.Lock()
	defer m.mu.Unlock()
	switch known := m.all[id]; {
	case known == nil:
		wants(m.rt, err, ErrUnknown)
	case err == nil && !known.cancelled:
		known.cancelled, known.atCancel = true, m.copies[id]
		if doubts := m.status(id).Deliveries[0].Doubts; m.copies[id] > doubts {
			m.rt.Errorf("%s came %d times, was cancelled, and shows %d doubts", id, m.copies[id], doubts)
		}
	case err != nil && !errors.Is(err, ErrAccepted) && !errors.Is(err, ErrSending):
		m.rt.Fatal(err)
	}
}

func (m *model) hold(held bool) {
	id := m.some()
	err := m.update(func(tx records.Tx) error { return m.Queue.hold(m.ctx, tx, id, held) })
	if m.all[id] != nil {
		must(m.rt, err)
	}
}

func (m *model) check() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, known := range m.all {
		if len(m.names[id]) > 1 {
			m.rt.Errorf("%s came under %d names", id, len(m.names[id]))
		}
		if known.cancelled && m.copies[id] > known.atCancel {
			m.rt.Errorf("%s came after it was cancelled", id)
		}
		for n := range 2 {
			if m.tally("alarm", id, n) > 1 || m.tally("accepted", id, n) > 1 {
				m.rt.Errorf("%s was reported twice", id)
			}
		}
	}
	m.consistent()
}

// end lets all there is go through, and looks that it did.
func (m *model) end() {
	m.feels("")
	m.start(-1, false)
	for id := range m.all {
		must(m.rt, m.update(func(tx records.Tx) error { return m.ReleaseTx(m.ctx, tx, id) }))
	}
	m.clock.mu.Lock()
	m.clock.now = epoch.Add(100 * time.Hour)
	m.clock.mu.Unlock()
	for range 3 {
		m.turn()
		m.clock.add(7 * time.Hour)
	}
	inbox, _, err := m.Inbox(m.ctx, clinic, "", 1000)
	must(m.rt, err)
	m.mu.Lock()
	there := map[string]int{}
	for _, item := range inbox {
		there[item.ID]++
	}
	for id, known := range m.all {
		want := 1
		if known.cancelled {
			want = 0
		} else if m.copies[id] == 0 || m.tally("accepted", id, 0) != 1 || m.tally("accepted", id, 1) != 1 || m.status(id).State != Accepted {
			m.rt.Errorf("%s came %d times: %+v", id, m.copies[id], m.status(id))
		}
		if there[id] != want {
			m.rt.Errorf("%s is in the inbox %d times, not %d", id, there[id], want)
		}
	}
	m.mu.Unlock()
	m.check()
}

// TestModel: whatever is added, cancelled, held, crashed and done to the clock,
// nothing is lost, nothing comes early or after it was cancelled, and each
// message comes under one name.
func TestModel(t *testing.T) {
	hook := newReceiver(t, false)
	var current atomic.Pointer[model]
	hook.answer = func(w http.ResponseWriter, r *http.Request) { current.Load().serve(w, r) }
	rapid.Check(t, func(rt *rapid.T) {
		base := newRig(rt, nil)
		m := &model{rig: base, rt: rt, url: hook.URL, disk: base.store, config: base.config,
			all: map[string]*modelled{}, copies: map[string]int{}, names: map[string]map[string]bool{}}
		current.Store(m)
		secrets, err := m.SetContacts(m.ctx, clinic, []Contact{hookTo(m.url)})
		must(rt, err)
		hook.mu.Lock()
		hook.clock = base.clock.Now
		hook.secrets = []string{secrets[m.url]}
		hook.mu.Unlock()
		rt.Repeat(map[string]func(*rapid.T){
			"add":     func(rt *rapid.T) { m.rt = rt; m.add() },
			"cancel":  func(rt *rapid.T) { m.rt = rt; m.cancel() },
			"hold":    func(rt *rapid.T) { m.rt = rt; m.hold(true) },
			"release": func(rt *rapid.T) { m.rt = rt; m.hold(false) },
			"mood": func(rt *rapid.T) {
				m.feels(rapid.SampledFrom([]string{"", "busy", "gone", "silent"}).Draw(rt, "mood"))
			},
			"clock": func(rt *rapid.T) {
				m.clock.add(time.Duration(rapid.IntRange(-20*60, 30*60).Draw(rt, "minutes")) * time.Minute)
			},
			"turn": func(rt *rapid.T) { m.rt = rt; m.turn() },
			"crash": func(rt *rapid.T) {
				m.rt = rt
				if m.start(rapid.IntRange(0, 12).Draw(rt, "transactions"), rapid.Bool().Draw(rt, "late")) {
					m.fall()
				}
				m.start(-1, false)
			},
			"": func(rt *rapid.T) { m.rt = rt; m.check() },
		})
		m.rt = rt
		m.end()
	})
}

// fall is a turn of a process that may end in its middle.
func (m *model) fall() {
	for lane := range lanes {
		if m.pullBack(m.ctx, lane) != nil {
			return
		}
		for {
			due, _, err := m.take(m.ctx, lane, 1)
			if err != nil || len(due) == 0 {
				break
			}
			m.deliver(m.ctx, due[0])
			if s := m.store.(*mortal); s.left == 0 {
				return
			}
			m.land(due[0])
		}
	}
	m.report(m.ctx, map[string]time.Time{})
}
