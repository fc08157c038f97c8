// Package groupcommit lets writers who commit at the same time share one sync
// of the disk.
//
// A [Group] stands for one thing that is synced: a segment, a log, a folder.
// One round of it runs at a time; while it runs, the next one gathers
// waiters. On a disk that is quick beside the processor a round is over
// before others could gather, and every sync, which costs processor time too,
// would serve one writer. So a round also waits a moment for those who are
// known to be on their way: a [Traffic] counts them.
package groupcommit

import (
	"sync"
	"sync/atomic"
	"time"
)

// Patience is how long a round waits at most for others to join it.
const Patience = time.Millisecond

// Traffic counts the writers who have all that they write and are not done:
// they wait for a sync, or soon will. Groups that the same writers pass one
// after the other share one Traffic. A nil Traffic counts nothing.
type Traffic struct{ n atomic.Int64 }

// Begin counts a writer until it calls done.
func (t *Traffic) Begin() (done func()) {
	if t == nil {
		return func() {}
	}
	t.n.Add(1)
	return func() { t.n.Add(-1) }
}

func (t *Traffic) count() int64 {
	if t == nil {
		return 0
	}
	return t.n.Load()
}

// Group lets many waiters share one sync. Its fields are set before use.
type Group struct {
	Sync    func() error // makes durable what was written before it is called
	Traffic *Traffic     // who else may come; nil if that is not known

	mu      sync.Mutex // guards all below, and what is in a round
	running *round     // the last one that began, perhaps ended
	next    *round     // gathers waiters; nil if nobody waits yet
}

type round struct {
	waiters int64
	joined  chan struct{} // has a value when a waiter has come
	done    chan struct{} // closed when the round has ended
	err     error         // valid when done is closed
}

// Wait returns the outcome of a sync that began after the call.
func (g *Group) Wait() error {
	g.mu.Lock()
	if r := g.next; r != nil {
		r.waiters++
		g.mu.Unlock()
		select {
		case r.joined <- struct{}{}:
		default:
		}
		<-r.done
		return r.err
	}
	r, before := &round{waiters: 1, joined: make(chan struct{}, 1), done: make(chan struct{})}, g.running
	g.next = r
	g.mu.Unlock()
	if before != nil {
		<-before.done
	}
	g.gather(r)
	g.mu.Lock()
	g.running, g.next = r, nil
	g.mu.Unlock()
	r.err = g.Sync()
	close(r.done)
	return r.err
}

// gather waits until at least half of the traffic has joined the round: the
// other half goes on meanwhile, so that processor and disk are both at work.
// A lone writer never waits, nor one of two.
func (g *Group) gather(r *round) {
	if g.enough(r) {
		return
	}
	over := time.NewTimer(Patience)
	defer over.Stop()
	for !g.enough(r) {
		select {
		case <-r.joined:
		case <-over.C:
			return
		}
	}
}

func (g *Group) enough(r *round) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return 2*r.waiters >= g.Traffic.count()
}
