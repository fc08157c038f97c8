package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"writ"
	"writ/internal/gate"
)

// KindKey is the hidden statement of a change of a customer's keys.
const KindKey = "key"

// KeyEvent is its body.
type KeyEvent struct {
	Event    string          `json:"event"` // made, rotated, shredded
	Customer writ.CustomerID `json:"customer"`
	Version  uint32          `json:"version,omitempty"` // of the key-encryption key; absent once shredded
	Made     time.Time       `json:"made,omitzero"`     // when; absent where only a later version's time is known
}

// KeyEventID names the statement of an event, once and for all.
func KeyEventID(e KeyEvent) string {
	if e.Event == "shredded" {
		return fmt.Sprintf("key/%s/shredded", e.Customer)
	}
	return fmt.Sprintf("key/%s/%d", e.Customer, e.Version)
}

// eventsOf are the events that led to where a customer's keys stand.
func eventsOf(k gate.KEKStatus) (all []KeyEvent) {
	for v := uint32(1); v <= k.KEK.Version; v++ {
		e := KeyEvent{Event: "rotated", Customer: k.KEK.Customer, Version: v}
		if v == 1 {
			e.Event = "made"
		}
		if v == k.KEK.Version {
			e.Made = k.Made.UTC()
		}
		all = append(all, e)
	}
	if k.Shredded {
		all = append(all, KeyEvent{Event: "shredded", Customer: k.KEK.Customer, Made: k.Made.UTC()})
	}
	return all
}

// book is where statements are written down.
type book interface {
	Commit(ctx context.Context, id, kind string, body any) error
}

// keyEvents writes the changes of customers' keys into the ledger. A change is
// noted when it happened; what a crash, or a full disk, kept from being noted
// is found again by what the keys are, at the next start or a minute later.
type keyEvents struct {
	gate *gate.Gate
	book book
	log  *slog.Logger
	wake chan struct{}

	mu      sync.Mutex
	changed map[writ.CustomerID]struct{}
}

func newKeyEvents(g *gate.Gate, b book, log *slog.Logger) *keyEvents {
	k := &keyEvents{gate: g, book: b, log: log, wake: make(chan struct{}, 1), changed: map[writ.CustomerID]struct{}{}}
	for _, id := range g.Customers() {
		k.changed[id] = struct{}{}
	}
	return k
}

// note takes a customer whose keys changed. It does not wait.
func (k *keyEvents) note(id writ.CustomerID) {
	k.mu.Lock()
	k.changed[id] = struct{}{}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// retryKeys is when what could not be written is tried again.
const retryKeys = time.Minute

// run writes down what is noted, until ctx ends.
func (k *keyEvents) run(ctx context.Context) {
	for {
		err := k.write(ctx)
		if err != nil && ctx.Err() == nil {
			k.log.Error("couldn't write the changes of keys into the ledger; it will be tried again", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		case <-time.After(retryKeys):
		}
	}
}

func (k *keyEvents) write(ctx context.Context) error {
	for ctx.Err() == nil {
		id, ok := k.next()
		if !ok {
			return nil
		}
		if err := k.writeOne(ctx, id); err != nil {
			k.mu.Lock()
			k.changed[id] = struct{}{}
			k.mu.Unlock()
			return err
		}
	}
	return ctx.Err()
}

func (k *keyEvents) next() (id writ.CustomerID, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id := range k.changed {
		delete(k.changed, id)
		return id, true
	}
	return "", false
}

func (k *keyEvents) writeOne(ctx context.Context, id writ.CustomerID) error {
	status, err := k.gate.KEK(id)
	if err != nil {
		return err
	}
	for _, e := range eventsOf(status) {
		if err := k.book.Commit(ctx, KeyEventID(e), KindKey, e); err != nil {
			return err
		}
	}
	return nil
}
