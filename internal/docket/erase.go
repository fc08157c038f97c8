package docket

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fxamacker/cbor/v2"

	"writ"
	"writ/internal/records"
)

// Retention is how long what belongs to closed cases is kept, by class. Zero
// keeps for ever.
type Retention struct {
	Documents time.Duration // orders and letters, after the case was closed
	Packages  time.Duration // sealed packages, after the case was closed
	Cases     time.Duration // the case itself: what is left counts in reports and names nobody
}

// tombstone is what is left of a case whose time is over.
type tombstone struct {
	At     int64    `cbor:"1,keyasint"` // Unix microseconds
	Events uint32   `cbor:"2,keyasint"`
	Head   [32]byte `cbor:"3,keyasint"` // hash of the newest event: what the ledger has stays provable
}

// Expire erases what is kept no longer, and leaves on record what was erased.
// What the customer is still to learn is not erased: a case under secrecy stays.
func (d *Docket) Expire(ctx context.Context) error {
	r := d.House.Retention
	now := d.now()
	over := func(closed int64, keep time.Duration) bool {
		return keep > 0 && closed != 0 && from(closed).Add(keep).Before(now)
	}
	var errs []error
	for _, s := range d.index.closed() {
		var err error
		switch {
		case s.Stage == stageErased || s.Mark == "" && s.silent() && s.Delivered != 0:
		case over(s.Closed, r.Cases):
			err = d.eraseCase(ctx, s)
		case s.Mark == Historic:
		default:
			if over(s.Closed, r.Packages) {
				err = d.erasePackage(ctx, s.ID)
			}
			if err == nil && over(s.Closed, r.Documents) {
				err = d.eraseDocuments(ctx, s.ID)
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// stageErased is the stage of a case whose events are gone.
const stageErased = "erased"

// eraseDocuments removes the files of a case. Their names and digests stay in
// its events.
func (d *Docket) eraseDocuments(ctx context.Context, id writ.CaseID) error {
	c, err := d.Case(ctx, id)
	if err != nil {
		return err
	}
	if c.erased("documents") || len(c.Documents) == 0 {
		return nil
	}
	h := sha256.New()
	for _, doc := range c.Documents {
		h.Write(doc.SHA256)
		if err := d.drop(ctx, doc.ID); err != nil {
			return err
		}
	}
	_, err = d.self(ctx, id, func(records.Tx, *Case) ([]draft, error) {
		return []draft{{kind: Erased, body: erasure{What: "documents", Class: "order", Count: len(c.Documents), Digest: h.Sum(nil)}}}, nil
	})
	return err
}

func (d *Docket) erasePackage(ctx context.Context, id writ.CaseID) error {
	c, err := d.Case(ctx, id)
	if err != nil {
		return err
	}
	if c.Production == nil || c.erased("package") {
		return nil
	}
	if err := os.RemoveAll(d.folder(id)); err != nil {
		return fmt.Errorf("couldn't remove a package: %w", err)
	}
	_, err = d.self(ctx, id, func(records.Tx, *Case) ([]draft, error) {
		return []draft{{kind: Erased, body: erasure{What: "package", Class: "package", Count: len(c.Production.Volumes)}}}, nil
	})
	return err
}

func (c *Case) erased(what string) bool {
	for _, e := range c.Erasures {
		if e.What == what {
			return true
		}
	}
	return false
}

// eraseCase removes a case's events, files, list and package. A tombstone
// stays, and of the summary what reports count.
func (d *Docket) eraseCase(ctx context.Context, s summary) error {
	c, err := d.Case(ctx, s.ID)
	if err != nil {
		return err
	}
	for _, doc := range c.Documents {
		if err := d.drop(ctx, doc.ID); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(d.folder(s.ID)); err != nil {
		return fmt.Errorf("couldn't remove a package: %w", err)
	}
	bare := summary{
		ID: s.ID, Mark: s.Mark, Stage: stageErased, Instrument: s.Instrument, Country: s.Country, Matter: s.Matter, Emergency: s.Emergency,
		Classes: s.Classes, Accounts: s.Accounts, Began: s.Began, Received: s.Received, Touched: micro(d.now()), Basis: s.Basis,
		SilentTo: s.SilentTo, Lifted: s.Lifted, Closed: s.Closed, Outcome: s.Outcome, Affected: s.Affected, Notice: s.Notice,
		Deadlines: s.Deadlines, Narrowed: s.Narrowed, Delivered: s.Delivered, EU: s.EU, Reference: string(s.ID),
	}
	err = d.Records.Update(ctx, func(tx records.Tx) error {
		for seq := uint32(1); seq <= c.Events; seq++ {
			tx.Delete(eventKey(s.ID, seq))
		}
		if c.Opening != nil {
			for n := range c.Opening.Pieces {
				tx.Delete(listKey(s.ID, n))
			}
		}
		value, err := encoding.Marshal(tombstone{At: micro(d.now()), Events: c.Events, Head: c.Head})
		if err != nil {
			return fmt.Errorf("couldn't write what is left of a case: %w", err)
		}
		tx.Put(tombstoneKey(s.ID), value)
		tx.Put(caseKey(s.ID), bare.encode())
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't erase a case: %w", err)
	}
	d.index.replace(bare)
	return d.audit(ctx, Actor{Via: "retention"}, "erase-case", string(s.ID), nil)
}

// tombstoneOf reads what is left of a case; nil if it was not erased.
func (d *Docket) tombstoneOf(ctx context.Context, id writ.CaseID) (*tombstone, error) {
	value, err := d.Records.Get(ctx, tombstoneKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the docket: %w", err)
	}
	t := new(tombstone)
	if err := cbor.Unmarshal(value, t); err != nil {
		return nil, fmt.Errorf("%w: what is left of a case cannot be read", ErrDamaged)
	}
	return t, nil
}
