package gate

import (
	"context"
	"iter"
	"time"

	"writ"
	"writ/internal/gate/internal/journal"
	"writ/internal/gate/internal/keyring"
)

// Journal reads the customer's journal under a writ that reaches traffic data:
// who used its keys, when and from where, within the writ's time. It is the
// only way to those data but the owner's own and the standing grant's. The
// reading is journaled first: with the customer, if the customer is told; else
// with the docket alone.
//
// A journal that is sealed to the customer's own key yields what the server can
// still read of it, and [JournalSealed] for the rest, which is produced as it
// is held. Errors come as in [Gate.Journal]; besides, [ErrOutOfScope],
// [ErrOver], [ErrWritExpired], [ErrQuorum].
func (o *Opening) Journal(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		a := o.warrant.Authorisation()
		err := o.holds()
		if err == nil && (!a.Scope.Has(writ.ClassTraffic) || a.Scope.Elsewhere) {
			err = ErrOutOfScope
		}
		if err != nil {
			yield(Entry{}, o.g.refuse(ctx, principal(a.Case, a.Customer), o.warrant.Digest(), err))
			return
		}
		if err := o.noteJournal(ctx); err != nil {
			yield(Entry{}, err)
			return
		}
		for e, err := range o.g.journal.Read(ctx, a.Customer, JournalQuery{Since: a.Scope.From, Until: a.Scope.Until}) {
			if over := o.holds(); over != nil {
				yield(Entry{}, over)
				return
			}
			if err == nil && !within(e.Time, a.Scope.From, a.Scope.Until) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func within(t, from, until time.Time) bool {
	return (from.IsZero() || !t.Before(from)) && (until.IsZero() || t.Before(until))
}

// noteJournal writes that the journal is read, where it may be written.
func (o *Opening) noteJournal(ctx context.Context) error {
	a := o.warrant.Authorisation()
	e := journal.Entry{Reason: writ.ReasonWrit, Op: opJournal, Principal: principal(a.Case, ""), Policy: o.warrant.Digest()}
	s, err := o.g.keys.Status(a.Customer)
	switch {
	case err != nil:
		return err
	case s.Shredded:
		return ErrShredded
	case o.told:
		_, err = o.g.journal.Append(ctx, a.Customer, &e, o.g.fsync || s.JournalSync)
		return err
	}
	e.Principal = principal(a.Case, a.Customer)
	_, err = o.g.journal.Append(ctx, keyring.Docket, &e, o.g.fsync)
	return err
}
