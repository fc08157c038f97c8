package vault

import (
	"context"
	"sync"
)

// epochs let something become true for all transactions without stopping any.
// What changes is put where transactions look while they run, such as the
// pins in memory or the newest key in the gate; then wait returns when the
// last transaction has ended that may have looked before. What those did is
// in the records by then, and whatever comes later has seen the change. The
// vault's transactions last milliseconds.
type epochs struct {
	mu      sync.Mutex // guards all
	now     uint64
	running map[uint64]int // transactions, by the epoch that they began in
	ended   chan struct{}  // closed when an epoch has no transaction any more
}

// begin counts a transaction that begins; end must be called once.
func (e *epochs) begin() (end func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running == nil {
		e.running, e.ended = make(map[uint64]int), make(chan struct{})
	}
	began := e.now
	e.running[began]++
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.running[began]--; e.running[began] == 0 {
			delete(e.running, began)
			close(e.ended)
			e.ended = make(chan struct{})
		}
	}
}

// wait begins an epoch, and returns when all transactions have ended that
// began before.
func (e *epochs) wait(ctx context.Context) error {
	e.mu.Lock()
	e.now++
	before := e.now
	for {
		older := false
		for began := range e.running {
			older = older || began < before
		}
		ended := e.ended
		e.mu.Unlock()
		if !older {
			return nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
		e.mu.Lock()
	}
}
