package blob

import "sync"

// group lets many waiters share one fsync: each waits for a round that began
// after it asked. One round runs at a time; while it runs, the next one
// gathers waiters, and the first of these runs it.
type group struct {
	sync func() error

	mu      sync.Mutex
	running *round // the last one that began, perhaps ended
	next    *round // gathers waiters; nil if nobody waits yet
}

type round struct {
	done chan struct{} // closed when the round has ended
	err  error         // valid when done is closed
}

// wait returns the outcome of a sync that began after the call.
func (g *group) wait() error {
	g.mu.Lock()
	if r := g.next; r != nil {
		g.mu.Unlock()
		<-r.done
		return r.err
	}
	r, before := &round{done: make(chan struct{})}, g.running
	g.next = r
	g.mu.Unlock()
	if before != nil {
		<-before.done
	}
	g.mu.Lock()
	g.running, g.next = r, nil
	g.mu.Unlock()
	r.err = g.sync()
	close(r.done)
	return r.err
}
