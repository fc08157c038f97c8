package vault

import (
	"context"
	"errors"
	"maps"
	"sync"

	"writ"
	"writ/internal/records"
)

// pins are the pins in force, as transactions see them, and the versions that
// are about to come under them.
type pins struct {
	mu sync.RWMutex // guards all below
	// of has the pins of each customer that was asked for since the start; its
	// maps are never changed, only replaced.
	of map[writ.CustomerID]map[string]*pinRecord
	// coming are versions that a pin covers and that were made since. It is a
	// matter of time only: what is lost of it, by a restart or beyond
	// maxComing, is found by a walk over the scopes.
	coming []coming
	walked bool // whether that was done since the start, and nothing lost since
}

// A coming version was made, and is to come under the pins that cover it.
type coming struct {
	name
	stamp stamp
}

// maxComing bounds the versions that are remembered, some 10 MB of them.
const maxComing = 1 << 16

// comes notes versions that were made.
func (p *pins) comes(made []coming) {
	if len(made) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.coming)+len(made) > maxComing {
		p.walked = false
		return
	}
	p.coming = append(p.coming, made...)
}

func (p *pins) take(max int) []coming {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(max, len(p.coming))
	taken := p.coming[:n:n]
	if p.coming = p.coming[n:]; len(p.coming) == 0 {
		p.coming = nil
	}
	return taken
}

// covering returns the pins that cover a version. It reads memory only, but
// for the first time that a customer is asked for.
func (v *Vault) covering(ctx context.Context, n name, version writ.VersionID) (ids []string, err error) {
	v.pins.mu.RLock()
	scopes, ok := v.pins.of[n.owner]
	v.pins.mu.RUnlock()
	if !ok {
		if scopes, err = v.loadPins(ctx, n.owner); err != nil {
			return nil, err
		}
	}
	for id, p := range scopes {
		if p.covers(n, version) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// loadPins reads a customer's pins into memory. It holds the lock meanwhile,
// so that a pin that is set has either been read or comes after.
func (v *Vault) loadPins(ctx context.Context, customer writ.CustomerID) (map[string]*pinRecord, error) {
	v.pins.mu.Lock()
	defer v.pins.mu.Unlock()
	if scopes, ok := v.pins.of[customer]; ok {
		return scopes, nil
	}
	scopes := make(map[string]*pinRecord)
	err := eachRecord(ctx, v.records, records.Prefix(pinPrefix(customer)), func(e records.Entry) error {
		p := new(pinRecord)
		if err := decode(e.Value, p); err != nil {
			return err
		}
		scopes[string(e.Key[len(pinPrefix(customer)):])] = p
		return nil
	})
	if err != nil {
		return nil, err
	}
	if v.pins.of == nil {
		v.pins.of = make(map[writ.CustomerID]map[string]*pinRecord)
	}
	v.pins.of[customer] = scopes
	return scopes, nil
}

// setPin makes a pin be seen by every transaction that begins from now on, or
// no longer if p is nil.
func (v *Vault) setPin(ctx context.Context, customer writ.CustomerID, id string, p *pinRecord) error {
	if _, err := v.loadPins(ctx, customer); err != nil {
		return err
	}
	v.pins.mu.Lock()
	defer v.pins.mu.Unlock()
	scopes := maps.Clone(v.pins.of[customer])
	if p == nil {
		delete(scopes, id)
	} else {
		scopes[id] = p
	}
	v.pins.of[customer] = scopes
	return nil
}

// keepComing brings the versions that were made under the pins that cover
// them now. One runs at a time: see keepAll.
func (v *Vault) keepComing(ctx context.Context) error {
	for {
		some := v.pins.take(pinStep)
		if len(some) == 0 {
			return nil
		}
		err := v.update(ctx, func(tx records.Tx) error {
			for _, c := range some {
				if err := v.keepOne(ctx, tx, c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			v.pins.comes(some)
			return err
		}
	}
}

// keepOne brings a version under its pins, unless it has gone, which went
// through release.
func (v *Vault) keepOne(ctx context.Context, tx records.Tx, c coming) error {
	_, r, err := findIdentity(ctx, tx, c.version(c.stamp))
	if err != nil || r == nil {
		return err
	}
	covering, err := v.covering(ctx, c.name, r.id())
	if err != nil {
		return err
	}
	for _, id := range covering {
		err := v.keep(ctx, tx, id, c.name, r)
		if err != nil && !errors.Is(err, ErrShredded) { // what was not kept before is no more
			return err
		}
	}
	return nil
}

// keepAll makes sure that every version that a pin of the customer covers is
// kept: all customers', if that is "". It waits for another that is at it, so
// that what that one has in hand is kept too when keepAll returns.
func (v *Vault) keepAll(ctx context.Context, customer writ.CustomerID) error {
	unlock, err := v.jobs.lock(ctx, "keep")
	if err != nil {
		return err
	}
	defer unlock()
	if err := v.keepComing(ctx); err != nil {
		return err
	}
	v.pins.mu.Lock()
	walked := v.pins.walked
	if customer == "" {
		v.pins.walked = true // unless something is lost meanwhile
	}
	v.pins.mu.Unlock()
	if walked {
		return nil
	}
	all := []byte{tagPin}
	if customer != "" {
		all = pinPrefix(customer)
	}
	err = eachRecord(ctx, v.records, records.Prefix(all), func(e records.Entry) error {
		var p pinRecord
		if err := decode(e.Value, &p); err != nil {
			return err
		}
		owner := writ.CustomerID(e.Key[1 : 1+customerLength])
		err := v.keepExisting(ctx, string(e.Key[1+customerLength:]), owner, &p)
		if errors.Is(err, ErrShredded) {
			return nil // what was not kept before is no more
		}
		return err
	})
	if err != nil && customer == "" {
		v.pins.mu.Lock()
		v.pins.walked = false
		v.pins.mu.Unlock()
	}
	return err
}
