package vault

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"golang.org/x/time/rate"

	"writ"
	"writ/internal/records"
)

// How usage is counted.
//
// A customer's usage changes with every write, and a record that every write
// reads and changes would make all writes of that customer conflict. So an
// account has many usage records, its slots, each with a running sum of its
// own, and in memory what each slot holds. A transaction takes a slot that no
// other uses at the moment, a new one if all are in use, and writes its new
// sum without reading it. The record commits or not with everything else in
// the transaction; so the sum over the slots is exact, after a crash too, no
// write waits for another, and there are no more slots than there ever were
// writes at once.
//
// Quotas are judged in memory, where growth is reserved before the
// transaction commits, so that writes at once cannot exceed a quota together.

// An account is a customer's usage and quota.
type account struct {
	id writ.CustomerID

	mu       sync.Mutex // guards all below
	quota    Quota
	requests *rate.Limiter // nil without a quota of requests
	used     Usage         // sum of all slots
	reserved Usage         // growth of transactions under way
	free     []*slot
	slots    int // how many there are
}

// A slot is one usage record. While a transaction has it, nobody else does.
type slot struct {
	number uint16
	sum    Usage // of the record as it is durable
	lost   bool  // what the record holds is not known: to be read again
}

// accounts are those of the customers that did something since the start.
type accounts struct {
	mu sync.Mutex // guards of
	of map[writ.CustomerID]*account
}

// account returns a customer's account, read from the records the first time.
func (v *Vault) account(ctx context.Context, id writ.CustomerID) (*account, error) {
	v.accounts.mu.Lock()
	a := v.accounts.of[id]
	v.accounts.mu.Unlock()
	if a != nil {
		return a, nil
	}
	// Reading twice at once is harmless as long as nothing was written
	// between: so it is done under the lock, once for a customer and start.
	v.accounts.mu.Lock()
	defer v.accounts.mu.Unlock()
	if a := v.accounts.of[id]; a != nil {
		return a, nil
	}
	a, err := v.readAccount(ctx, id)
	if err != nil {
		return nil, err
	}
	if v.accounts.of == nil {
		v.accounts.of = make(map[writ.CustomerID]*account)
	}
	v.accounts.of[id] = a
	return a, nil
}

func (v *Vault) readAccount(ctx context.Context, id writ.CustomerID) (*account, error) {
	record, err := getCustomer(ctx, v.records, id)
	if err != nil {
		return nil, err
	}
	a := &account{id: id}
	a.setQuota(record.public(id).Quota)
	err = eachRecord(ctx, v.records, records.Prefix(usagePrefix(id)), func(e records.Entry) error {
		var u usageRecord
		if err := decode(e.Value, &u); err != nil {
			return err
		}
		number, err := usageSlot(e.Key)
		if err != nil {
			return err
		}
		a.free = append(a.free, &slot{number: number, sum: Usage(u)})
		a.used.Bytes += u.Bytes
		a.used.Objects += u.Objects
		a.slots = max(a.slots, int(number)+1)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read usage: %w", err)
	}
	return a, nil
}

func (a *account) setQuota(q Quota) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quota, a.requests = q, nil
	if q.Requests > 0 {
		a.requests = rate.NewLimiter(rate.Limit(q.Requests), int(min(q.Requests, math.MaxInt32)))
	}
}

// admit counts one request of the bucket's owner, or on the owner's behalf.
func (v *Vault) admit(ctx context.Context, owner writ.CustomerID) error {
	a, err := v.account(ctx, owner)
	if err != nil {
		return err
	}
	a.mu.Lock()
	limiter := a.requests
	a.mu.Unlock()
	if limiter != nil && !limiter.AllowN(v.now(), 1) {
		return ErrSlowDown
	}
	return nil
}

// room reports whether growth fits the quota beside what is used and
// reserved. Where it returns an error, that wraps [ErrQuota].
func (a *account) room(growth Usage) error {
	if q := a.quota.Bytes; q > 0 && growth.Bytes > 0 && a.used.Bytes+a.reserved.Bytes+growth.Bytes > q {
		return &QuotaError{What: "bytes", Limit: q}
	}
	if q := a.quota.Objects; q > 0 && growth.Objects > 0 && a.used.Objects+a.reserved.Objects+growth.Objects > q {
		return &QuotaError{What: "objects", Limit: q}
	}
	return nil
}

// expect fails with [ErrQuota] if a body of that size cannot fit, before it
// is read. That it can says nothing yet.
func (a *account) expect(size int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.room(Usage{Bytes: max(size, 0), Objects: 0})
}

// reserve sets growth aside until finish.
func (a *account) reserve(growth Usage, enforce bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if enforce {
		if err := a.room(growth); err != nil {
			return err
		}
	}
	a.reserved.Bytes += max(growth.Bytes, 0)
	a.reserved.Objects += max(growth.Objects, 0)
	return nil
}

// finish ends a reservation; growth counts if the transaction did commit.
func (a *account) finish(growth Usage, committed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reserved.Bytes -= max(growth.Bytes, 0)
	a.reserved.Objects -= max(growth.Objects, 0)
	if committed {
		a.used.Bytes += growth.Bytes
		a.used.Objects += growth.Objects
	}
}

// take returns a slot that nobody has.
func (a *account) take() *slot {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.free); n > 0 {
		s := a.free[n-1]
		a.free = a.free[:n-1]
		return s
	}
	s := &slot{number: uint16(a.slots)}
	a.slots++
	return s
}

// give takes a slot back.
func (a *account) give(s *slot) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.free = append(a.free, s)
}

// A change is what a transaction does beside its records. It is reset before
// each run of the transaction.
type change struct {
	Usage            // growth, may be negative
	freed   freed    // what is to be deleted once the transaction is durable
	enforce bool     // growth is subject to the customer's quota
	covered []coming // versions to be brought under pins once it is
}

// change runs a transaction that changes a customer's usage, until it does
// not conflict, and then deletes the blobs that it freed. fn may run several
// times. Errors have the vault's names.
func (v *Vault) change(ctx context.Context, owner writ.CustomerID, fn func(tx records.Tx, ch *change) error) error {
	a, err := v.account(ctx, owner)
	if err != nil {
		return err
	}
	s := a.take()
	defer a.give(s)
	if s.lost {
		if err := v.readSlot(ctx, a, s); err != nil {
			return err
		}
	}
	var ch change
	reserved := false
	release := func(committed bool) {
		if reserved {
			a.finish(ch.Usage, committed)
			reserved = false
		}
	}
	err = v.update(ctx, func(tx records.Tx) error {
		release(false)
		ch = change{}
		if err := fn(tx, &ch); err != nil {
			return err
		}
		if ch.Usage == (Usage{}) {
			return nil
		}
		if err := a.reserve(ch.Usage, ch.enforce); err != nil {
			return err
		}
		reserved = true
		sum := usageRecord{Bytes: s.sum.Bytes + ch.Bytes, Objects: s.sum.Objects + ch.Objects}
		tx.Put(usageKey(owner, s.number), encode(sum))
		return nil
	})
	if err != nil {
		if reserved && !harmless(err) {
			s.lost = true
			err = &translated{as: errUncertain, from: err}
		}
		release(false)
		return err
	}
	if reserved {
		s.sum.Bytes += ch.Bytes
		s.sum.Objects += ch.Objects
	}
	release(true)
	v.free(ctx, ch.freed)
	v.pins.comes(ch.covered)
	return nil
}

// errUncertain marks a commit of which it is not known whether it will be
// there after a restart: what it would name must not be deleted.
var errUncertain = errors.New("outcome is not known")

// harmless reports whether a commit that failed so left everything as it was.
func harmless(err error) bool {
	return errors.Is(err, records.ErrConflict) || errors.Is(err, records.ErrNoSpace) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// readSlot learns what a slot's record holds after a commit of unknown end.
func (v *Vault) readSlot(ctx context.Context, a *account, s *slot) error {
	var u usageRecord
	value, err := v.records.Get(ctx, usageKey(a.id, s.number))
	switch {
	case errors.Is(err, records.ErrNotFound):
	case err != nil:
		return fmt.Errorf("couldn't read usage: %w", recordsError(err))
	default:
		if err := decode(value, &u); err != nil {
			return err
		}
	}
	a.finish(Usage{Bytes: u.Bytes - s.sum.Bytes, Objects: u.Objects - s.sum.Objects}, true)
	s.sum, s.lost = Usage(u), false
	return nil
}

// Stored returns what all customers keep together. It reads a few records of
// each.
func (v *Vault) Stored(ctx context.Context) (sum Usage, err error) {
	err = eachRecord(ctx, v.records, records.Prefix([]byte{tagUsage}), func(e records.Entry) error {
		var u usageRecord
		if err := decode(e.Value, &u); err != nil {
			return err
		}
		sum.Bytes += u.Bytes
		sum.Objects += u.Objects
		return nil
	})
	if err != nil {
		return Usage{}, fmt.Errorf("couldn't sum up usage: %w", err)
	}
	return sum, nil
}

// Usage returns what a customer keeps.
func (v *Vault) Usage(ctx context.Context, id writ.CustomerID) (Usage, error) {
	a, err := v.account(ctx, id)
	if err != nil {
		return Usage{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used, nil
}
