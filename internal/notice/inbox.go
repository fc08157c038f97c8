package notice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"writ"
	"writ/internal/records"
)

// InboxItem is a message in a customer's inbox.
type InboxItem struct {
	ID      string
	Case    writ.CaseID
	Kind    Kind
	Subject string
	At      time.Time // when it came in
	Read    time.Time // when the customer said it had read it; zero if not yet
}

// Inbox returns a page of a customer's inbox, the oldest first, and where the
// next page begins; empty if there is none. The limit is 100 by default and
// 1,000 at most.
func (q *Queue) Inbox(ctx context.Context, customer writ.CustomerID, after string, limit int) (page []InboxItem, next string, err error) {
	if _, err := writ.ParseCustomerID(string(customer)); err != nil {
		return nil, "", err
	}
	err = q.scan(ctx, key(tagInbox, string(customer)), after, limit, func(id string) (bool, error) {
		m, item, err := q.inboxItem(ctx, q.store, customer, id)
		if errors.Is(err, ErrUnknown) { // erased meanwhile
			return false, nil
		}
		if err != nil {
			return false, err
		}
		page = append(page, InboxItem{ID: id, Case: m.Case, Kind: m.Kind, Subject: m.Subject, At: item.at, Read: fromMilli(item.Read)})
		return true, nil
	}, &next)
	if err != nil {
		return nil, "", fmt.Errorf("couldn't read the inbox: %w", err)
	}
	return page, next, nil
}

type placedItem struct {
	inboxRecord
	key []byte
	at  time.Time
}

// inboxItem finds a message in a customer's inbox. Errors: [ErrUnknown].
func (q *Queue) inboxItem(ctx context.Context, r records.Reader, customer writ.CustomerID, id string) (m messageRecord, item placedItem, err error) {
	if m, err = readMessage(ctx, r, id); err != nil {
		return m, item, err
	}
	if m.Customer != customer || m.Erased != 0 {
		return m, item, ErrUnknown
	}
	p, err := readProgress(ctx, r, id)
	if err != nil {
		return m, item, err
	}
	for n, d := range p.Deliveries {
		if d.Step != stepAccepted || m.Contacts[n].Kind != ByInbox {
			continue
		}
		item.at, item.key = fromMilli(d.Settled), inboxKey(customer, d.Settled, id)
		value, err := r.Get(ctx, item.key)
		if err != nil {
			return m, item, fmt.Errorf("couldn't read the inbox: %w", err)
		}
		return m, item, decodeRecord(value, &item.inboxRecord)
	}
	return m, item, ErrUnknown
}

// ReadInbox returns a message of a customer's inbox whole, its text made safe
// to show. Errors: [ErrUnknown].
func (q *Queue) ReadInbox(ctx context.Context, customer writ.CustomerID, id string) (Message, error) {
	if _, _, err := q.inboxItem(ctx, q.store, customer, id); err != nil {
		return Message{}, err
	}
	m, err := q.Message(ctx, id)
	m.Text, m.To = plain(m.Text), nil
	return m, err
}

// MarkRead says that the customer has read a message of its inbox; the first
// time counts. Errors: [ErrUnknown].
func (q *Queue) MarkRead(ctx context.Context, customer writ.CustomerID, id string) error {
	return records.Retry(ctx, q.store, func(tx records.Tx) error {
		_, item, err := q.inboxItem(ctx, tx, customer, id)
		if err != nil || item.Read != 0 {
			return err
		}
		item.Read = q.clock.Now().UnixMilli()
		tx.Put(item.key, encodeRecord(item.inboxRecord))
		return nil
	})
}
