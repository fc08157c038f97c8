package gate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"writ"
	"writ/internal/gate/internal/journal"
	"writ/internal/gate/internal/keyring"
	"writ/internal/seal"
)

// AddCustomer makes the first KEK of a new customer, durable on return.
// [ErrExists] if the id has or had one. With a journal key the customer's
// journal is sealed to it, for ever: the server reads the last hour or
// mebibyte of it, which it has to go on from, and nothing before.
func (g *Gate) AddCustomer(ctx context.Context, id writ.CustomerID, journalKey *seal.Recipient) error {
	if err := g.keys.Add(id); err != nil {
		return fmt.Errorf("couldn't make the customer's key: %w", err)
	}
	g.changed(id)
	if journalKey != nil {
		if err := g.keys.SetRecipient(id, sha256.Sum256(journalKey.Bytes())); err != nil {
			return fmt.Errorf("couldn't keep the customer's journal key: %w", err)
		}
		if err := g.journal.SetRecipient(id, journalKey); err != nil {
			return err
		}
	}
	return g.upkeep(ctx, id, journal.Entry{Op: "add-customer"})
}

// KEKStatus is what may be known of a customer's keys.
type KEKStatus struct {
	KEK         writ.KEK  // the newest; Version 0 once shredded
	Oldest      uint32    // the oldest version that still opens; 0 once shredded
	Made        time.Time // when the newest was made, or the keys shredded
	Shredded    bool
	JournalSync bool     // whether the journal is synced before a key is released
	JournalKey  [32]byte // SHA-256 of the public key that the journal is sealed to; zero if there is none
}

// KEK tells about a customer's keys; [ErrNoCustomer] if it never had any.
func (g *Gate) KEK(id writ.CustomerID) (KEKStatus, error) {
	s, err := g.keys.Status(id)
	if err != nil || id == keyring.Docket {
		return KEKStatus{}, fmt.Errorf("customer %s: %w", id, ErrNoCustomer)
	}
	return KEKStatus{KEK: writ.KEK{Customer: id, Version: s.Version}, Oldest: s.Oldest, Made: s.Made, Shredded: s.Shredded, JournalSync: s.JournalSync, JournalKey: s.Recipient}, nil
}

// Customers lists every customer that has or had keys, in order of id.
func (g *Gate) Customers() []writ.CustomerID { return g.keys.Customers() }

// Rotate makes a new version of the customer's KEK, durable on return; new
// data keys are wrapped under it. The caller then goes through what is wrapped
// under older ones with [Gate.Rewrap], and ends with [Gate.Retire].
func (g *Gate) Rotate(ctx context.Context, id writ.CustomerID) (version uint32, err error) {
	if err := g.upkeep(ctx, id, journal.Entry{Op: "rotate"}); err != nil {
		return 0, err
	}
	if version, err = g.keys.Rotate(id); err == nil {
		g.changed(id)
	}
	return version, err
}

// Retire destroys the versions of the customer's KEK older than oldest, after
// the journal's own segments were re-wrapped. What is still wrapped under one
// of them never opens again ([ErrNoKEK]): call it when nothing is.
func (g *Gate) Retire(ctx context.Context, id writ.CustomerID, oldest uint32) error {
	if err := g.upkeep(ctx, id, journal.Entry{Op: "retire"}); err != nil {
		return err
	}
	if err := g.journal.Rewrap(ctx, id); err != nil {
		return fmt.Errorf("couldn't rewrap the journal: %w", err)
	}
	return g.keys.Retire(id, oldest)
}

// Shred destroys the customer's keys: nothing of it ever opens again, its
// journal neither, except what was pinned before. Copies of keys/ taken
// earlier open it until they expire ([Gate.CopyKeys]). Shredding again finishes
// what failed, and is no error when nothing did.
func (g *Gate) Shred(ctx context.Context, id writ.CustomerID) error {
	switch err := g.upkeep(ctx, id, journal.Entry{Op: "shred"}); {
	case errors.Is(err, ErrShredded):
	case err != nil && !errors.Is(err, ErrJournal): // a damaged journal must not save keys from being shredded
		return err
	case err == nil:
		if err := g.journal.Finish(id); err != nil && !errors.Is(err, ErrJournal) {
			return err
		}
	}
	if err := g.keys.Shred(id); err != nil {
		return fmt.Errorf("couldn't shred the customer's keys: %w", err)
	}
	g.journal.Forget(id)
	g.changed(id)
	return nil
}

// SetJournalSync sets whether the customer's journal is on the disk before a
// key is released, instead of within a second. It is durable on return.
func (g *Gate) SetJournalSync(ctx context.Context, id writ.CustomerID, on bool) error {
	op := "journal-sync-off"
	if on {
		op = "journal-sync-on"
	}
	if err := g.upkeep(ctx, id, journal.Entry{Op: op}); err != nil {
		return err
	}
	return g.keys.SetJournalSync(id, on)
}

// StoreKey is the key of a room that seals what is not a customer's data,
// such as "records": derived from the root key, the same at each start.
func (g *Gate) StoreKey(room string) *seal.Key { return g.keys.StoreKey("room/" + room) }

// CopyKeys copies the keys folder, sealed as it lies, into dir (missing or
// empty), to be kept apart from other backups, with a note that it expires.
// After that time it is refused ([ErrExpired]) and [DestroyExpiredKeys]
// destroys it. Until it is destroyed it opens, for whoever can unseal its root
// key, all that the customers' keys opened when it was taken, also of
// customers shredded since.
func (g *Gate) CopyKeys(dir string, expires time.Time) error { return g.keys.Copy(dir, expires) }

// DestroyExpiredKeys overwrites and removes the copy of keys in dir if its
// time is over, and tells whether it did. It needs no key.
func DestroyExpiredKeys(dir string, now time.Time) (bool, error) {
	return keyring.DestroyExpired(dir, now)
}

// ChangePassphrase seals the root key anew; u may be of another kind than
// before. Copies of keys/ taken earlier still open by what sealed them then.
func (g *Gate) ChangePassphrase(u Unsealer) error { return g.keys.ChangePassphrase(u) }
