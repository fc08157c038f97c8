package vault

import (
	"context"
	"sync"

	"writ/internal/records"
)

// turns lets writers of one object commit one after the other. Their
// transactions could not commit together anyway: each but one would find that
// the version it replaces has changed, and try again, and with many writers
// some would do so for ever.
type turns struct {
	mu sync.Mutex // guards of and the counts in it
	of map[name]*turn
}

type turn struct {
	busy  chan struct{} // holds one: the writer whose turn it is
	users int           // who waits or has the turn
}

// take waits for the object's turn, and returns what ends it.
func (t *turns) take(ctx context.Context, n name) (end func(), err error) {
	t.mu.Lock()
	if t.of == nil {
		t.of = make(map[name]*turn)
	}
	its := t.of[n]
	if its == nil {
		its = &turn{busy: make(chan struct{}, 1)}
		t.of[n] = its
	}
	its.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if its.users--; its.users == 0 {
			delete(t.of, n)
		}
	}
	select {
	case its.busy <- struct{}{}:
		return func() { <-its.busy; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// changeObject is change for a transaction that is about one object.
func (v *Vault) changeObject(ctx context.Context, n name, fn func(tx records.Tx, ch *change) error) error {
	end, err := v.turns.take(ctx, n)
	if err != nil {
		return err
	}
	defer end()
	return v.change(ctx, n.owner, fn)
}
