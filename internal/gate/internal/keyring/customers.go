package keyring

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"

	"writ"
	"writ/internal/seal"
)

// Status is what may be known of a customer's keys.
type Status struct {
	Version     uint32    // the newest KEK's; 0 once shredded
	Oldest      uint32    // the oldest KEK's that still opens; 0 once shredded
	Made        time.Time // when the newest KEK was made, or the keys shredded; milliseconds
	Shredded    bool
	JournalSync bool     // whether its journal is synced before a key is released
	Recipient   [32]byte // SHA-256 of the public key that its journal is sealed to; zero if there is none
}

// Status tells about a customer's keys; [ErrNoCustomer] if there never were
// any.
func (k *Keyring) Status(id writ.CustomerID) (Status, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	c := k.customers[id]
	if c == nil {
		return Status{}, ErrNoCustomer
	}
	s := Status{Shredded: c.shredded, JournalSync: c.journalSync, Made: c.changed, Recipient: c.recipient}
	if n := len(c.keks); n > 0 {
		s.Version, s.Oldest, s.Made = c.keks[n-1].version, c.keks[0].version, c.keks[n-1].made
	}
	return s, nil
}

// Customers lists every customer that has or had keys, in order of id,
// without the docket.
func (k *Keyring) Customers() []writ.CustomerID {
	k.mu.RLock()
	defer k.mu.RUnlock()
	ids := make([]writ.CustomerID, 0, len(k.customers))
	for id := range k.customers {
		if id != Docket {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Add makes the first KEK of a new customer, durable on return. [ErrExists]
// if the customer has or had keys: an id is never used again.
func (k *Keyring) Add(id writ.CustomerID) error {
	if _, err := writ.ParseCustomerID(string(id)); err != nil {
		return err
	}
	return k.changing(func() error {
		if _, err := k.Status(id); err == nil {
			return fmt.Errorf("customer %s: %w", id, ErrExists)
		}
		return k.appendKEK(id, 1)
	})
}

// SetRecipient stores the SHA-256 of the public key that the customer's journal
// is sealed to. It is set once: [ErrExists] if there is another.
func (k *Keyring) SetRecipient(id writ.CustomerID, digest [32]byte) error {
	return k.changing(func() error {
		s, err := k.living(id)
		switch {
		case err != nil || s.Recipient == digest:
			return err
		case s.Recipient != [32]byte{}:
			return fmt.Errorf("a journal key of customer %s: %w", id, ErrExists)
		}
		return k.append(recipientRecord(id, digest, k.now()))
	})
}

func recipientRecord(id writ.CustomerID, digest [32]byte, at time.Time) record {
	return record{kind: recordRecipient, customer: id, at: at, sealed: append(digest[:], make([]byte, seal.WrappedSize-len(digest))...)}
}

// Rotate makes a new version of the customer's KEK, which wraps from now on.
// The older versions go on opening what they wrapped until [Keyring.Retire].
func (k *Keyring) Rotate(id writ.CustomerID) (version uint32, err error) {
	err = k.changing(func() error {
		s, err := k.living(id)
		if err != nil {
			return err
		}
		if s.Version == math.MaxUint32 {
			return fmt.Errorf("customer %s has had every version of a key", id)
		}
		version = s.Version + 1
		return k.appendKEK(id, version)
	})
	return version, err
}

// Shred destroys all of a customer's KEKs. On return a new epoch is durable
// and the old epoch's file is overwritten and gone. An error that comes
// after the new epoch took effect says so by [Keyring.Status]; shredding
// again, or starting again, finishes it.
func (k *Keyring) Shred(id writ.CustomerID) error {
	return k.changing(func() error {
		s, err := k.Status(id)
		switch {
		case err != nil || id == Docket:
			return fmt.Errorf("customer %s: %w", id, ErrNoCustomer)
		case s.Shredded:
			return k.destroyOld()
		}
		return k.nextEpoch(func(r record) bool { return r.customer != id },
			record{kind: recordShredded, customer: id, at: k.now()})
	})
}

// Retire destroys the versions of a customer's KEK older than oldest, once
// nothing is wrapped by them any more. Like a shred it makes a new epoch.
func (k *Keyring) Retire(id writ.CustomerID, oldest uint32) error {
	return k.changing(func() error {
		s, err := k.living(id)
		if err != nil {
			return err
		}
		if oldest > s.Version {
			return fmt.Errorf("customer %s, version %d: %w", id, oldest, ErrNoKEK)
		}
		if oldest <= s.Oldest {
			return k.destroyOld()
		}
		return k.nextEpoch(func(r record) bool { return r.customer != id || r.kind != recordKEK || r.version >= oldest })
	})
}

// SetJournalSync stores whether the customer's journal is synced before a key
// is released.
func (k *Keyring) SetJournalSync(id writ.CustomerID, on bool) error {
	return k.changing(func() error {
		s, err := k.living(id)
		if err != nil || s.JournalSync == on {
			return err
		}
		kind := recordSyncOff
		if on {
			kind = recordSyncOn
		}
		return k.append(record{kind: kind, customer: id, at: k.now()})
	})
}

// changing runs f as the only change to the folder.
func (k *Keyring) changing(f func() error) error {
	k.change.Lock()
	defer k.change.Unlock()
	if k.closed { // closed is written under both locks
		return ErrClosed
	}
	return f()
}

// living is Status of a customer that can be changed: not the docket, not
// shredded.
func (k *Keyring) living(id writ.CustomerID) (Status, error) {
	s, err := k.Status(id)
	switch {
	case err != nil || id == Docket:
		return s, fmt.Errorf("customer %s: %w", id, ErrNoCustomer)
	case s.Shredded:
		return s, fmt.Errorf("customer %s: %w", id, ErrShredded)
	}
	return s, nil
}

func (k *Keyring) appendKEK(id writ.CustomerID, version uint32) error {
	key := seal.NewKey()
	defer key.Erase()
	return k.append(record{kind: recordKEK, customer: id, version: version, at: k.now(), sealed: k.epoch.sealKEK(id, version, key)})
}

// append makes a record durable and then takes it into memory. The epoch
// itself changes only under both locks, so that holding one is enough to
// read it.
func (k *Keyring) append(r record) error {
	if err := k.epoch.append(k.dir, r); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.learn(decodeRecord(r.encode()))
}

// nextEpoch writes a new epoch with those records that keep says, sealed
// again, and more; it takes effect when its file is in place. Then it
// destroys the old one.
func (k *Keyring) nextEpoch(keep func(record) bool, more ...record) error {
	next := newEpoch(k.epoch.number + 1)
	records, err := k.resealed(&next, keep)
	if err == nil {
		records = append(records, more...)
		err = next.write(k.dir, k.root, records)
	}
	if err != nil {
		next.erase()
		return fmt.Errorf("couldn't write a new epoch: %w", err)
	}
	if err := k.enter(next, records); err != nil {
		return err
	}
	return k.destroyOld()
}

// resealed is the whole state as records, the KEKs wrapped for next.
func (k *Keyring) resealed(next *epoch, keep func(record) bool) ([]record, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var records []record
	add := func(r record) {
		if keep(r) {
			records = append(records, r)
		}
	}
	for id, c := range k.customers {
		if c.recipient != [32]byte{} {
			add(recipientRecord(id, c.recipient, k.now()))
		}
		if c.shredded {
			add(record{kind: recordShredded, customer: id, at: c.changed})
			continue
		}
		for _, v := range c.keks {
			r := record{kind: recordKEK, customer: id, version: v.version, at: v.made}
			if !keep(r) {
				continue
			}
			key, err := k.epoch.openKEK(id, v.version, v.sealed)
			if err != nil {
				return nil, fmt.Errorf("customer %s: %w", id, err)
			}
			r.sealed = next.sealKEK(id, v.version, key)
			key.Erase()
			records = append(records, r)
		}
		if c.journalSync {
			add(record{kind: recordSyncOn, customer: id, at: k.now()})
		}
	}
	return records, nil
}

// enter replaces all that is in memory by a new epoch, and erases the old.
func (k *Keyring) enter(next epoch, records []record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for v := range k.opened {
		k.forget(v)
	}
	k.epoch.erase()
	k.epoch = next
	clear(k.customers)
	for _, r := range records {
		if err := k.learn(r); err != nil {
			return fmt.Errorf("couldn't enter a new epoch: %w", err)
		}
	}
	return nil
}

// destroyOld overwrites and unlinks the files of older epochs.
func (k *Keyring) destroyOld() error {
	_, leftovers, err := listEpochs(k.dir)
	if err != nil {
		return err
	}
	for _, name := range leftovers {
		if err := destroy(filepath.Join(k.dir, name)); err != nil {
			return fmt.Errorf("the new epoch holds, but the old one's file is still there: %w", err)
		}
	}
	return nil
}
