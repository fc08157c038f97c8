package gate

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"writ"
	"writ/internal/gate/internal/journal"
	"writ/internal/gate/internal/keyring"
	"writ/internal/gate/internal/warrant"
	"writ/internal/policy"
)

// Evidence is what shows that law opens something: the signed authorisation,
// and the receipts of what was committed to ([policy.CommitWrit],
// [policy.CommitOpening]), or a waiver in place of receipts.
type Evidence = warrant.Evidence

// Opening is a list of versions that a writ opens, one after the other or
// several at once. It is safe for concurrent use.
type Opening struct {
	g       *Gate
	warrant warrant.Warrant
	told    bool // the customer's own journal shows it
	closed  atomic.Bool

	// stands is the set by which the quorum was verified last.
	stands atomic.Pointer[inForce]

	mu       sync.Mutex // guards below
	done     []bool     // versions that were read without an error
	progress Progress
}

// Progress is how far an opening is.
type Progress struct {
	Objects int   // versions that were read without an error
	Bytes   int64 // of plaintext that were given out, also of versions read twice
	Of      int   // versions of the list
	OfBytes int64 // bytes of the list
}

// Begin verifies by itself everything that must hold before law opens
// anything, and registers the list against the writ's limits. Nothing that the
// caller says is believed: see package warrant for what is verified, and
// docs/writ.md for the order.
//
// The list is counted against the writ for ever, whatever of it is read: the
// same list again takes up where it stopped, another must fit in what is left.
// When Begin returns, that is on the disk. One opening under a writ is under
// way at a time ([ErrBusy]).
//
// Errors: those that are listed with [ErrNoSet]; every refusal is in the
// docket's journal.
func (g *Gate) Begin(ctx context.Context, c writ.CaseID, ev Evidence, list []policy.Item) (*Opening, error) {
	w, at, err := g.verified(ctx, c, ev, list)
	if err == nil {
		err = g.register(ctx, w, at)
	}
	if err != nil {
		customer, digest := claimed(ev)
		return nil, g.refuse(ctx, principal(c, customer), digest, err)
	}
	o := &Opening{g: g, warrant: w, told: w.Authorisation().Secrecy.Told, done: make([]bool, w.Len())}
	o.progress = Progress{Of: w.Len(), OfBytes: w.Bytes()}
	o.stands.Store(at)
	return o, nil
}

// claimed is what evidence says of itself, for the entry of a refusal.
func claimed(ev Evidence) (customer writ.CustomerID, digest [32]byte) {
	a, e, err := policy.OpenAuthorisation(ev.Envelope)
	if err != nil {
		return "", digest
	}
	return a.Customer, e.Digest()
}

// verified verifies the evidence by the set that is in force.
func (g *Gate) verified(ctx context.Context, c writ.CaseID, ev Evidence, list []policy.Item) (warrant.Warrant, *inForce, error) {
	if err := g.Lawful(); err != nil {
		return warrant.Warrant{}, nil, err
	}
	at := g.law.current.Load()
	if at == nil {
		return warrant.Warrant{}, nil, ErrNoSet
	}
	w, err := warrant.Verify(ctx, at.set, c, ev, list, g.now(), g.kept)
	if err != nil {
		return w, nil, err
	}
	customer := w.Authorisation().Customer
	if _, err := g.KEK(customer); err != nil {
		return w, nil, err
	}
	return w, at, nil
}

// register counts the list against the writ's limits: in the docket's journal
// first, then in the register. A crash in between is made up for at the next
// start.
func (g *Gate) register(ctx context.Context, w warrant.Warrant, at *inForce) error {
	g.law.mu.Lock()
	defer g.law.mu.Unlock()
	digest, list, a := w.Digest(), w.List(), w.Authorisation()
	if err := g.lawful(); err != nil {
		return err
	}
	if g.law.current.Load() != at {
		return fmt.Errorf("%w: the custodians have changed meanwhile", ErrSet)
	}
	if g.law.active[digest] {
		return ErrBusy
	}
	objects, bytes := int64(w.Len()), w.Bytes()
	before := g.law.register.Writ(digest)
	again := before != nil && before.Lists[list] != nil
	switch {
	case before != nil && before.Case != a.Case:
		return fmt.Errorf("%w, %s", ErrCase, before.Case)
	case before != nil && !again && (objects > a.Limits.Objects-before.Objects || bytes > a.Limits.Bytes-before.Bytes):
		return fmt.Errorf("%w: %d objects of %d bytes, and %d of %d are left", ErrBudget, objects, bytes, a.Limits.Objects-before.Objects, a.Limits.Bytes-before.Bytes)
	}
	if w.Waived() {
		if err := g.mark(ctx); err != nil {
			return err
		}
	}
	op := opBegin
	if again {
		op = opResume
	}
	text := fmt.Sprintf(listText, hex.EncodeToString(list[:]), objects, bytes)
	if w.Waived() {
		text += " unwitnessed"
	}
	seq, err := g.docket(ctx, journal.Entry{Op: op, Principal: principal(a.Case, a.Customer), Policy: digest, Request: text})
	if err != nil {
		return err
	}
	if !again {
		if err := g.law.register.AddList(digest, list, a.Case, objects, bytes, seq, g.now()); err != nil {
			return err
		}
	}
	g.law.active[digest] = true
	return nil
}

// mark has the ledger say in public that its witnesses were not there.
func (g *Gate) mark(ctx context.Context) error {
	if g.markUnwitnessed == nil {
		return fmt.Errorf("%w: there is no ledger that could say in public that its witnesses are away", ErrNotCommitted)
	}
	if err := g.markUnwitnessed(ctx); err != nil {
		return fmt.Errorf("%w: the ledger couldn't say that its witnesses are away: %w", ErrNotCommitted, err)
	}
	return nil
}

// Len is how many versions the list has.
func (o *Opening) Len() int { return o.warrant.Len() }

// Item is version n of the list, from 0.
func (o *Opening) Item(n int) policy.Item { return o.warrant.Item(n) }

// Progress tells how far the opening is.
func (o *Opening) Progress() Progress {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.progress
}

// Close ends the opening, and with it every reader that is still open. Another
// may begin under the same writ then.
func (o *Opening) Close() error {
	if o.closed.Swap(true) {
		return nil
	}
	o.g.law.mu.Lock()
	defer o.g.law.mu.Unlock()
	delete(o.g.law.active, o.warrant.Digest())
	return nil
}

// Read opens version n of the list, whose pinned key is wrapped, inside the
// gate: fn is given a function that opens the parts of its blob as plaintext,
// each from its beginning. No key is given out. What fn reads, over all parts,
// is at most as much as the list says that the version has ([ErrBudget], in
// mid-stream). When fn has returned, its readers give nothing more.
//
// Before that, and while it is read, the writ's time is looked at, and whether
// the custodians who signed it still are a quorum. The use is journaled before
// the key is unwrapped: with the customer, op "opened", if the customer is told;
// else with the docket alone.
//
// Errors: [ErrOver], [ErrNotPinned], [ErrWritExpired], [ErrQuorum],
// [ErrBudget], those of [Gate.Open], those of sealed objects ([seal.ErrTruncated],
// …), and fn's own.
func (o *Opening) Read(ctx context.Context, n int, wrapped Wrapped, fn func(open func(part uint32, src io.ReaderAt, sealedSize int64) (io.ReadCloser, error)) error) error {
	if n < 0 || n >= o.Len() {
		return fmt.Errorf("%w: it has no version %d", ErrList, n)
	}
	err := o.read(ctx, n, wrapped, fn)
	if errors.Is(err, ErrBudget) || errors.Is(err, ErrNotPinned) || errors.Is(err, ErrWritExpired) || errors.Is(err, ErrQuorum) {
		a := o.warrant.Authorisation()
		err = o.g.refuse(ctx, principal(a.Case, a.Customer), o.warrant.Digest(), fmt.Errorf("version %d of the list: %w", n, err))
	}
	return err
}

func (o *Opening) read(ctx context.Context, n int, wrapped Wrapped, fn func(func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)) error) error {
	if err := o.holds(); err != nil {
		return err
	}
	if form, _ := keyring.Inspect(wrapped); form == keyring.Data {
		return ErrNotPinned
	}
	item, customer := o.Item(n), o.warrant.Authorisation().Customer
	written, err := o.journal(ctx, item)
	if err != nil {
		return err
	}
	key, err := release(o.g, pass{form: keyring.Pinned, written: written, warrant: o.warrant, item: n}, customer, item.Blob, wrapped)
	if err != nil {
		return fmt.Errorf("couldn't open the key of blob %s: %w", item.Blob, err)
	}
	m := &meter{o: o, key: key, blob: item.Blob, left: item.Size}
	defer m.end()
	if err := fn(m.open); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.done[n] {
		o.done[n] = true
		o.progress.Objects++
	}
	return nil
}

// holds says whether the writ still opens anything: see [Opening.Read].
func (o *Opening) holds() error {
	if o.closed.Load() {
		return ErrOver
	}
	if err := o.warrant.InTime(o.g.now()); err != nil {
		return err
	}
	now := o.g.law.current.Load()
	if now == o.stands.Load() {
		return nil
	}
	if now == nil {
		return ErrNoSet
	}
	if err := o.warrant.Stands(now.set); err != nil {
		return fmt.Errorf("the custodians have changed, and those who signed are no quorum any more: %w", err)
	}
	o.stands.Store(now)
	return nil
}

// journal writes that a version is opened, where it may be written.
func (o *Opening) journal(ctx context.Context, i policy.Item) (journal.Written, error) {
	a := o.warrant.Authorisation()
	e := journal.Entry{
		Reason: writ.ReasonWrit, Principal: principal(a.Case, ""), Policy: o.warrant.Digest(), Op: opOpened,
		Bucket: i.Bucket, Key: i.Key, Version: i.Version, Blob: i.Blob,
	}
	s, err := o.g.keys.Status(a.Customer)
	if err != nil {
		return journal.Written{}, err
	}
	if o.told && !s.Shredded {
		return o.g.journal.Append(ctx, a.Customer, &e, o.g.fsync || s.JournalSync)
	}
	e.Principal = principal(a.Case, a.Customer)
	return o.g.journal.Append(ctx, keyring.Docket, &e, o.g.fsync)
}
