package notice

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"writ/internal/records"
)

// AddTx adds a message inside a transaction of the caller's: it is there if and
// when that commits; call [Queue.Wake] then. The same message again is left as
// it is, and the call succeeds. When it fails nothing was written. Messages of
// different ids don't conflict here. Errors: [ErrMessage], [ErrContact],
// [ErrExists].
func (q *Queue) AddTx(ctx context.Context, tx records.Tx, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	if err := q.checkAll(m.To, m.Customer); err != nil {
		return err
	}
	digest := m.digest()
	switch there, err := readMessage(ctx, tx, m.ID); {
	case err == nil && bytes.Equal(there.Digest, digest):
		return nil
	case err == nil:
		return ErrExists
	case !errors.Is(err, ErrUnknown):
		return err
	}
	to, err := q.contactsFor(ctx, tx, m)
	if err != nil {
		return err
	}
	r := messageRecord{Digest: digest, Added: q.clock.Now().UnixMilli(), Case: m.Case, Customer: m.Customer, Kind: m.Kind,
		Priority: m.Priority, Subject: m.Subject, NotBefore: milli(m.NotBefore), Contacts: to}
	for n, a := range m.Attachments {
		r.Attachments = append(r.Attachments, attachmentRecord{Name: a.Name, MIME: a.MIME, Size: len(a.Body), SHA256: sha256.Sum256(a.Body)})
		for chunk, start := uint32(0), 0; start < len(a.Body); chunk, start = chunk+1, start+chunkSize {
			tx.Put(chunkKey(m.ID, n, chunk), a.Body[start:min(start+chunkSize, len(a.Body))])
		}
	}
	tx.Put(textKey(m.ID), []byte(m.Text))
	p := progressRecord{Deliveries: make([]deliveryRecord, len(to))}
	tx.Put(messageKey(m.ID), encodeRecord(r))
	tx.Put(progressKey(m.ID), encodeRecord(p))
	for k := range indexKeys(m.ID, r, p) {
		tx.Put([]byte(k), nil)
	}
	return nil
}

// Add is AddTx in a transaction of its own.
func (q *Queue) Add(ctx context.Context, m Message) error {
	if err := records.Retry(ctx, q.store, func(tx records.Tx) error { return q.AddTx(ctx, tx, m) }); err != nil {
		return err
	}
	q.Wake()
	return nil
}

// contactsFor is to whom a message goes. A webhook must have a secret, or its
// receiver couldn't tell our messages from a stranger's.
func (q *Queue) contactsFor(ctx context.Context, tx records.Tx, m Message) ([]Contact, error) {
	to := m.To
	if len(to) == 0 {
		var err error
		if to, err = contactsOf(ctx, tx, m.Customer); err != nil {
			return nil, fmt.Errorf("couldn't read the contacts: %w", err)
		}
	}
	if len(to) == 0 {
		to = []Contact{{Kind: ByInbox}}
	}
	for _, c := range to {
		if err := q.known(ctx, tx, m, c); err != nil {
			return nil, err
		}
	}
	return to, nil
}

func (q *Queue) known(ctx context.Context, tx records.Tx, m Message, c Contact) error {
	if c.Kind != ByWebhook {
		return nil
	}
	s, err := q.secretFor(ctx, tx, m, c)
	if err != nil {
		return fmt.Errorf("couldn't read the webhook's secret: %w", err)
	}
	if s == nil {
		return badContact("the webhook isn't known here; set it among the customer's contacts, or as one of the staff's, first")
	}
	return nil
}

// secretFor is the secret of a message's webhook: the customer's own, or the
// staff's, who are told about customers too; nil if there is none.
func (q *Queue) secretFor(ctx context.Context, r records.Reader, m Message, c Contact) (*secretRecord, error) {
	if m.Customer != "" {
		if s, err := readSecret(ctx, r, m.Customer, c.Address); err != nil || s != nil {
			return s, err
		}
	}
	return readSecret(ctx, r, "", c.Address)
}

// change reads a message, lets fn change how far it is, and writes what
// follows from that. fn sees it as it is inside the transaction.
func (q *Queue) change(ctx context.Context, tx records.Tx, id string, fn func(*messageRecord, *progressRecord) error) error {
	m, err := readMessage(ctx, tx, id)
	if err != nil {
		return err
	}
	p, err := readProgress(ctx, tx, id)
	if err != nil {
		return err
	}
	oldM, oldP, before := encodeRecord(m), encodeRecord(p), indexKeys(id, m, p)
	if err := fn(&m, &p); err != nil {
		return err
	}
	if b := encodeRecord(m); !bytes.Equal(b, oldM) {
		tx.Put(messageKey(id), b)
	}
	if b := encodeRecord(p); !bytes.Equal(b, oldP) {
		tx.Put(progressKey(id), b)
	}
	indexChange(before, indexKeys(id, m, p), func(k string) { tx.Put([]byte(k), nil) }, func(k string) { tx.Delete([]byte(k)) })
	return nil
}

// CancelTx stops a message that was accepted nowhere. A delivery of which it
// isn't known whether it came through is stopped too, and says so in its
// status. Cancelling again is no error. Errors: [ErrUnknown], [ErrAccepted],
// [ErrSending].
func (q *Queue) CancelTx(ctx context.Context, tx records.Tx, id string) error {
	return q.change(ctx, tx, id, func(_ *messageRecord, p *progressRecord) error {
		for _, d := range p.Deliveries {
			switch d.Step {
			case stepAccepted:
				return ErrAccepted
			case stepSending:
				return ErrSending
			}
		}
		for n := range p.Deliveries {
			p.Deliveries[n].cancel(q.clock.Now().UnixMilli())
		}
		return nil
	})
}

// GiveUpTx stops one delivery of a message, by the number of its contact: when
// the others were accepted and this one never will be. Errors: as CancelTx.
func (q *Queue) GiveUpTx(ctx context.Context, tx records.Tx, id string, contact int) error {
	return q.changeOne(ctx, tx, id, contact, func(_ *messageRecord, d *deliveryRecord) error {
		d.cancel(q.clock.Now().UnixMilli())
		return nil
	})
}

func (d *deliveryRecord) cancel(at int64) {
	if d.open() {
		d.Step, d.Settled = stepCancelled, at
		d.Owed = bytes.ReplaceAll(d.Owed, []byte{owedAlarm}, nil)
	}
}

// changeOne is change for one delivery that is neither accepted nor being sent.
func (q *Queue) changeOne(ctx context.Context, tx records.Tx, id string, contact int, fn func(*messageRecord, *deliveryRecord) error) error {
	return q.change(ctx, tx, id, func(m *messageRecord, p *progressRecord) error {
		if contact < 0 || contact >= len(p.Deliveries) {
			return fmt.Errorf("%w: it has no contact %d", ErrUnknown, contact)
		}
		switch d := &p.Deliveries[contact]; d.Step {
		case stepAccepted:
			return ErrAccepted
		case stepSending:
			return ErrSending
		default:
			return fn(m, d)
		}
	})
}

// ReaddressTx sends one delivery of a message elsewhere, from now on and at
// once: after a wrong address was put right, or one that was given up. Errors:
// as CancelTx, and [ErrContact].
func (q *Queue) ReaddressTx(ctx context.Context, tx records.Tx, id string, contact int, to Contact) error {
	if err := q.Check(to); err != nil {
		return err
	}
	return q.changeOne(ctx, tx, id, contact, func(m *messageRecord, d *deliveryRecord) error {
		if m.Erased != 0 {
			return ErrUnknown
		}
		all := append([]Contact(nil), m.Contacts...)
		all[contact] = to
		if err := q.checkAll(all, m.Customer); err != nil {
			return err
		}
		if err := q.known(ctx, tx, m.head(id), to); err != nil {
			return err
		}
		m.Contacts = all
		*d = deliveryRecord{Attempts: d.Attempts, Doubts: d.Doubts}
		return nil
	})
}

// HoldTx keeps a message from being tried until ReleaseTx. What is being sent
// right now ends as it may. Errors: [ErrUnknown].
func (q *Queue) HoldTx(ctx context.Context, tx records.Tx, id string) error {
	return q.hold(ctx, tx, id, true)
}

// ReleaseTx lets a message that was held go on. Errors: [ErrUnknown].
func (q *Queue) ReleaseTx(ctx context.Context, tx records.Tx, id string) error {
	return q.hold(ctx, tx, id, false)
}

func (q *Queue) hold(ctx context.Context, tx records.Tx, id string, held bool) error {
	return q.change(ctx, tx, id, func(m *messageRecord, p *progressRecord) error {
		if m.Erased != 0 {
			return ErrUnknown
		}
		p.Held = held
		return nil
	})
}

// EraseTx removes all of a message but the digest of what it said, so that the
// same message isn't sent again; also from the inbox. Errors: [ErrUnknown],
// [ErrUnfinished] while it or a report of it waits.
func (q *Queue) EraseTx(ctx context.Context, tx records.Tx, id string) error {
	return q.change(ctx, tx, id, func(m *messageRecord, p *progressRecord) error {
		for n, d := range p.Deliveries {
			if d.open() || len(d.Owed) > 0 {
				return ErrUnfinished
			}
			if d.Step == stepAccepted && m.Contacts[n].Kind == ByInbox {
				tx.Delete(inboxKey(m.Customer, d.Settled, id))
			}
		}
		tx.Delete(textKey(id))
		for n, a := range m.Attachments {
			for chunk := uint32(0); int(chunk)*chunkSize < a.Size; chunk++ {
				tx.Delete(chunkKey(id, n, chunk))
			}
		}
		*m = messageRecord{Digest: m.Digest, Added: m.Added, Erased: q.clock.Now().UnixMilli()}
		*p = progressRecord{}
		return nil
	})
}
