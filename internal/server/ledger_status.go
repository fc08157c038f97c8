package server

import (
	"context"
	"errors"
	"fmt"

	"writ"
	"writ/internal/api"
	"writ/internal/ledger"
	"writ/internal/proof"
)

// Status tells how the public log stands.
func (l *Ledger) Status() api.Ledger {
	s := l.Book.Status()
	out := api.Ledger{
		Origin: l.Origin(), Key: l.Key, Policy: l.Policy(), Interval: l.cfg.Interval.String(), Slots: l.cfg.Slots,
		Size: s.Size, Batch: s.Batch, Queued: s.Queued, Outside: l.cfg.Outside, Witnesses: []api.Witness{},
	}
	if out.Outside == nil {
		out.Outside = []string{}
	}
	if !s.BatchAt.IsZero() {
		at := s.BatchAt.UTC()
		out.BatchAt = &at
	}
	if s.Waiting != nil {
		since := s.Since.UTC()
		out.Waiting, out.Since = s.Waiting.Error(), &since
	}
	if s.Sticky != nil {
		out.Stopped = s.Sticky.Error()
	}
	for _, w := range l.Log.Status().Witnesses {
		one := api.Witness{Name: w.Name}
		if w.Err != nil {
			one.Error = w.Err.Error()
		} else {
			at := w.Cosigned.UTC()
			one.Cosigned = &at
		}
		out.Witnesses = append(out.Witnesses, one)
	}
	return out
}

// Receipts are a customer's receipts: of each change of its keys, and of its
// journal's head in the newest published batch.
func (l *Ledger) Receipts(ctx context.Context, id writ.CustomerID) (map[string]*proof.Receipt, error) {
	all := map[string]*proof.Receipt{}
	status, err := l.rooms.Gate.KEK(id)
	if err != nil {
		return nil, err
	}
	for _, e := range append(eventsOf(status), KeyEvent{Event: "made", Customer: id, Version: 1}) {
		r, err := l.Book.Receipt(ctx, KeyEventID(e))
		if err == nil {
			all[KeyEventID(e)] = r
		} else if !notYet(err) {
			return nil, err
		}
	}
	n := l.Book.Status().Batch
	r, err := l.Book.HeadReceipt(ctx, id, n)
	if err == nil {
		all[fmt.Sprintf("journal/%s/%d", id, n)] = r
	} else if !notYet(err) {
		return nil, err
	}
	return all, nil
}

// Still implements [api.LedgerRoom].
func (l *Ledger) Still(ctx context.Context, fn func() error) error { return l.Book.Still(ctx, fn) }

// notYet says that there is no receipt to be had, and nothing is wrong.
func notYet(err error) bool {
	return errors.Is(err, ledger.ErrPending) || errors.Is(err, ledger.ErrNoStatement) || errors.Is(err, ledger.ErrOldLog) || errors.Is(err, ledger.ErrForeign)
}
