package vault

import (
	"context"
	"errors"
	"sync"

	"writ"
	"writ/internal/policy"
	"writ/internal/records"
)

// pins are the pins in force, as transactions see them, and the versions that
// are about to come under them.
type pins struct {
	mu sync.RWMutex // guards all below
	// of has the pins of each customer that was asked for since the start, by
	// bucket; its maps are never changed, only replaced.
	of map[writ.CustomerID]inForce
	// coming are versions that a pin covers and that were made since. It is a
	// matter of time only: what is lost of it, by a restart or beyond
	// maxComing, is found by a walk over the scopes.
	coming []coming
	walked bool // whether that was done since the start, and nothing lost since
}

// inForce are a customer's pins, as far as they reach into each bucket: so
// that a write finds those that may cover it with one look.
type inForce map[writ.BucketName][]reach

// A reach is what a pin covers of one bucket.
type reach struct {
	id    string
	scope policy.Scope // of that bucket only
}

// with returns the pins with one more, or in place of the one of that name, or
// without it if p is nil.
func (f inForce) with(id string, p *pinRecord) inForce {
	next := make(inForce, len(f))
	for bucket, all := range f {
		rest := make([]reach, 0, len(all))
		for _, one := range all {
			if one.id != id {
				rest = append(rest, one)
			}
		}
		if len(rest) > 0 {
			next[bucket] = rest
		}
	}
	next.add(id, p)
	return next
}

func (f inForce) add(id string, p *pinRecord) {
	if p == nil {
		return
	}
	s := p.scope()
	for _, b := range s.Buckets {
		f[b.Bucket] = append(f[b.Bucket], reach{id, policy.Scope{Buckets: []policy.BucketScope{b}, From: s.From, Until: s.Until}})
	}
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
func (v *Vault) covering(ctx context.Context, n name, r *versionRecord) (ids []string, err error) {
	if r.Marker {
		return nil, nil
	}
	v.pins.mu.RLock()
	all, ok := v.pins.of[n.owner]
	v.pins.mu.RUnlock()
	if !ok {
		if all, err = v.loadPins(ctx, n.owner); err != nil {
			return nil, err
		}
	}
	for _, one := range all[n.bucket] {
		if one.scope.Covers(itemOf(n, r)) {
			ids = append(ids, one.id)
		}
	}
	return ids, nil
}

// loadPins reads a customer's pins into memory. It holds the lock meanwhile,
// so that a pin that is set has either been read or comes after.
func (v *Vault) loadPins(ctx context.Context, customer writ.CustomerID) (inForce, error) {
	v.pins.mu.Lock()
	defer v.pins.mu.Unlock()
	if all, ok := v.pins.of[customer]; ok {
		return all, nil
	}
	all := make(inForce)
	err := eachRecord(ctx, v.records, records.Prefix(pinPrefix(customer)), func(e records.Entry) error {
		p := new(pinRecord)
		if err := decode(e.Value, p); err != nil {
			return err
		}
		all.add(string(e.Key[len(pinPrefix(customer)):]), p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if v.pins.of == nil {
		v.pins.of = make(map[writ.CustomerID]inForce)
	}
	v.pins.of[customer] = all
	return all, nil
}

// setPin makes a pin be seen by every transaction that begins from now on, or
// no longer if p is nil.
func (v *Vault) setPin(ctx context.Context, customer writ.CustomerID, id string, p *pinRecord) error {
	if _, err := v.loadPins(ctx, customer); err != nil {
		return err
	}
	v.pins.mu.Lock()
	defer v.pins.mu.Unlock()
	v.pins.of[customer] = v.pins.of[customer].with(id, p)
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
// through letGo.
func (v *Vault) keepOne(ctx context.Context, tx records.Tx, c coming) error {
	_, r, err := findIdentity(ctx, tx, c.version(c.stamp))
	if err != nil || r == nil {
		return err
	}
	return v.keepCovered(ctx, tx, c.name, r)
}

// keepJob is the name of the task that brings versions under pins.
const keepJob = "keep"

// keepAll makes sure that every version that a pin of the customer covers is
// kept: all customers', if that is "". It waits for another that is at it, so
// that what that one has in hand is kept too when keepAll returns.
func (v *Vault) keepAll(ctx context.Context, customer writ.CustomerID) error {
	unlock, err := v.jobs.lock(ctx, keepJob)
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
