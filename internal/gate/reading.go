package gate

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"writ"
	"writ/internal/gate/internal/journal"
	"writ/internal/gate/internal/keyring"
)

// Entry is one use of one key.
type Entry = journal.Entry

// JournalHead is where a customer's journal stands: the number and the hash
// of its newest entry.
type JournalHead = journal.Head

// JournalGap is the error for entries that should be there and are not.
type JournalGap = journal.Gap

// JournalSealed is the error for entries that are sealed to the customer's own
// key, with the segment that holds them.
type JournalSealed = journal.Sealed

// JournalQuery chooses entries; the zero value all that are kept.
type JournalQuery = journal.Query

// Journal reads a customer's journal, oldest entry first, and checks its
// chain as far as it reads. The right is the owner's ([Owner]) or the
// operator's to read the journal ([JournalReader]); a grant by policy is
// denied. The reading is journaled first, as op "journal", and so is the
// newest entry that it may meet.
//
// An error may come in the middle: damaged segments and gaps ([JournalGap],
// [ErrJournal]) are reported, and the reading goes on after them if the caller
// does.
func (g *Gate) Journal(ctx context.Context, right Right, u Use, q JournalQuery) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		u.Op = opJournal
		if _, ok := right.(grant); ok {
			yield(Entry{}, ErrDenied)
			return
		}
		if _, err := g.record(ctx, right, u); err != nil {
			yield(Entry{}, err)
			return
		}
		g.journal.Read(ctx, u.Customer, q)(yield)
	}
}

// DocketJournal reads the docket's journal, oldest entry first: what was pinned,
// begun, opened and refused under law, and which sets of custodians came into
// force. who says who reads, as far as is known; the reading is journaled there
// first. What secrecy defers is in it: it is for who may see cases, and for
// nobody else.
func (g *Gate) DocketJournal(ctx context.Context, who string, q JournalQuery) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := g.upkeep(ctx, keyring.Docket, journal.Entry{Op: opJournal, Principal: operatorPrefix + who}); err != nil {
			yield(Entry{}, err)
			return
		}
		g.journal.Read(ctx, keyring.Docket, q)(yield)
	}
}

// JournalHead tells where the customer's journal stands; of a shredded
// customer, where it ended.
func (g *Gate) JournalHead(customer writ.CustomerID) (JournalHead, error) {
	if _, err := g.KEK(customer); err != nil {
		return JournalHead{}, err
	}
	return g.journal.Head(customer)
}

// MovedHeads returns the heads of the journals that moved since it last
// returned without an error, and the first time those of all customers. They
// are on the disk: what was journaled before the call is synced first, so that
// a head that was told is never taken back. A journal that is damaged is left
// out until it is set aside, and named in the log.
func (g *Gate) MovedHeads(ctx context.Context) (map[writ.CustomerID]JournalHead, error) {
	g.heads.Lock()
	defer g.heads.Unlock()
	moved, err := g.journal.Moved()
	if err != nil {
		return nil, fmt.Errorf("couldn't sync the journals: %w", err)
	}
	if g.untold == nil {
		g.untold = map[writ.CustomerID]JournalHead{}
	}
	for id, head := range moved {
		g.untold[id] = head
	}
	if !g.told {
		if err := g.allHeads(ctx); err != nil {
			return nil, err
		}
	}
	delete(g.untold, keyring.Docket) // it is nobody's: no customer looks for it
	all := g.untold
	g.untold, g.told = nil, true
	return all, nil
}

// allHeads adds the heads of the journals that did not move since the start.
// The caller holds heads.
func (g *Gate) allHeads(ctx context.Context) error {
	for _, id := range g.keys.Customers() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, ok := g.untold[id]; ok {
			continue
		}
		head, err := g.journal.Head(id)
		switch {
		case errors.Is(err, ErrJournal):
			g.log.Error("a customer's journal is damaged, and its head is not committed to", "customer", string(id), "error", err)
		case err != nil:
			return fmt.Errorf("couldn't read a journal's head: %w", err)
		case head.Seq > 0:
			g.untold[id] = head
		}
	}
	return nil
}

// Expire drops the journal segments whose newest entry is older than the kept
// time, and closes those that have been open for long. The heads stay.
func (g *Gate) Expire(ctx context.Context) error {
	return g.journal.Expire(ctx, append(g.keys.Customers(), keyring.Docket), func(c writ.CustomerID) bool {
		s, err := g.keys.Status(c)
		return err == nil && s.Shredded
	})
}

// SetJournalAside makes a customer's damaged journal usable again: the
// segments that do not open are set aside, not deleted, and the chain goes on
// after a gap that every reading reports. The first entry after it, op
// "journal-set-aside", is the witness of it.
func (g *Gate) SetJournalAside(ctx context.Context, customer writ.CustomerID) error {
	if err := g.journal.SetAside(customer); err != nil {
		return err
	}
	return g.upkeep(ctx, customer, journal.Entry{Op: "journal-set-aside"})
}
