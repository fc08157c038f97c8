package notice

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// Told is a message that reached a customer: one of its contacts accepted it.
// What still waits, was cancelled, or could not be delivered is none, and does
// not show by a page that is shorter or a next page that is empty.
type Told struct {
	ID      string
	Case    writ.CaseID
	At      time.Time // when the first contact accepted it
	Read    time.Time // when the customer said that it had read it in its inbox
	Ways    []Way     // the contacts that accepted it
	Subject string
	Files   []File
	// Sealed says that it went to contacts with a key only. Whoever has that key
	// reads it, and nobody by way of this server: it has no Subject and no Files.
	Sealed bool
}

// Way is a contact by which a customer was told.
type Way struct {
	Kind    ContactKind
	Address string
	At      time.Time
	Sealed  bool
}

// File is a file that went with a message.
type File struct {
	Name   string
	MIME   string
	Size   int
	SHA256 [32]byte
}

// maxTold is the most that a page of what was told holds.
const maxTold = 1000

// WhatWasTold returns a page of what a customer was told, the oldest first, and
// where the next page begins; empty if there is none. The limit is 100 by
// default and 1,000 at most.
func (q *Queue) WhatWasTold(ctx context.Context, customer writ.CustomerID, after string, limit int) (page []Told, next string, err error) {
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, maxTold)
	last := ""
	err = q.eachTold(ctx, customer, after, func(t Told, place string) bool {
		if len(page) == limit { // there is another, and not only something that waits
			next = last
			return false
		}
		page, last = append(page, t), place
		return true
	})
	if err != nil {
		return nil, "", fmt.Errorf("couldn't read what the customer was told: %w", err)
	}
	return page, next, nil
}

// WasTold says whether a customer was told of a case.
func (q *Queue) WasTold(ctx context.Context, customer writ.CustomerID, of writ.CaseID) (told bool, err error) {
	if of == "" {
		return false, nil
	}
	err = q.eachTold(ctx, customer, "", func(t Told, _ string) bool {
		told = told || t.Case == of
		return true // to the end: how long it takes says nothing
	})
	return told, err
}

// ReadTold returns a message that a customer was told, with its text made safe
// to show; the bodies of its files are got one by one ([Queue.ToldFile]). Of one
// that is sealed there is no text. Errors: [ErrUnknown].
func (q *Queue) ReadTold(ctx context.Context, customer writ.CustomerID, id string) (t Told, text string, err error) {
	t, err = q.told(ctx, customer, id)
	if err != nil || t.Sealed {
		return t, "", err
	}
	b, err := q.store.Get(ctx, textKey(id))
	if err != nil {
		return t, "", fmt.Errorf("couldn't read the text of a message: %w", err)
	}
	return t, plain(string(b)), nil
}

// ToldFile returns a file of a message that a customer was told. Errors:
// [ErrUnknown], also for what is sealed.
func (q *Queue) ToldFile(ctx context.Context, customer writ.CustomerID, id, name string) (Attachment, error) {
	t, err := q.told(ctx, customer, id)
	if err != nil {
		return Attachment{}, err
	}
	n := slices.IndexFunc(t.Files, func(f File) bool { return f.Name == name })
	if n < 0 {
		return Attachment{}, ErrUnknown
	}
	f := t.Files[n]
	body, err := q.body(ctx, id, n, attachmentRecord(f))
	return Attachment{Name: f.Name, MIME: f.MIME, Body: body}, err
}

// eachTold calls fn for what a customer was told, in the order in which it was
// added, behind a place; it says where each stands, and goes on while fn says so.
func (q *Queue) eachTold(ctx context.Context, customer writ.CustomerID, after string, fn func(t Told, place string) bool) error {
	if _, err := writ.ParseCustomerID(string(customer)); err != nil {
		return err
	}
	prefix := key(tagCustomer, string(customer))
	r := records.Prefix(prefix)
	r.KeysOnly = true
	if after != "" {
		last, err := hex.DecodeString(after)
		if err != nil || len(last) > 1000 {
			return fmt.Errorf("%w: that isn't where a page ended", ErrMessage)
		}
		r.Start = append(append(prefix[:len(prefix):len(prefix)], last...), 0)
	}
	for {
		entries, more, err := q.store.Scan(ctx, r)
		if err != nil {
			return err
		}
		for _, e := range entries {
			rest := e.Key[len(prefix):]
			if len(rest) < 9 {
				return fmt.Errorf("%w: a key of an index is too short", ErrRecords)
			}
			t, err := q.told(ctx, customer, string(rest[8:]))
			if errors.Is(err, ErrUnknown) {
				continue
			}
			if err != nil {
				return err
			}
			if !fn(t, hex.EncodeToString(rest)) {
				return nil
			}
		}
		if !more {
			return nil
		}
		r.Start = append(append([]byte(nil), entries[len(entries)-1].Key...), 0)
	}
}

// told reads a message as its customer may know it. Errors: [ErrUnknown].
func (q *Queue) told(ctx context.Context, customer writ.CustomerID, id string) (t Told, err error) {
	m, err := readMessage(ctx, q.store, id)
	if err != nil {
		return t, err
	}
	if customer == "" || m.Customer != customer || m.Erased != 0 || m.Kind != KindNotice {
		return t, ErrUnknown
	}
	p, err := readProgress(ctx, q.store, id)
	if err != nil {
		return t, err
	}
	t = Told{ID: id, Case: m.Case, Sealed: true}
	for n, d := range p.Deliveries {
		if d.Step != stepAccepted || n >= len(m.Contacts) {
			continue
		}
		c, at := m.Contacts[n], fromMilli(d.Settled)
		t.Ways = append(t.Ways, Way{Kind: c.Kind, Address: c.Address, At: at, Sealed: c.Key != ""})
		t.Sealed = t.Sealed && c.Key != ""
		if t.At.IsZero() || at.Before(t.At) {
			t.At = at
		}
		if c.Kind == ByInbox {
			if t.Read, err = q.readAt(ctx, inboxKey(customer, d.Settled, id)); err != nil {
				return t, err
			}
		}
	}
	if len(t.Ways) == 0 {
		return Told{}, ErrUnknown
	}
	if t.Sealed {
		return t, nil
	}
	t.Subject = m.Subject
	for _, a := range m.Attachments {
		t.Files = append(t.Files, File(a))
	}
	return t, nil
}

// readAt is when the customer said that it had read what lies in its inbox.
func (q *Queue) readAt(ctx context.Context, place []byte) (time.Time, error) {
	value, err := q.store.Get(ctx, place)
	if errors.Is(err, records.ErrNotFound) {
		return time.Time{}, nil
	}
	var item inboxRecord
	if err == nil {
		err = decodeRecord(value, &item)
	}
	return fromMilli(item.Read), err
}
