package notice

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"writ"
	"writ/internal/records"
)

// State is what a message is in.
type State string

// The states of a message. A delivery is in one of these too, or in Sending.
const (
	Waiting       State = "waiting"       // to be due, or for the next attempt
	Held          State = "held"          // by HoldTx
	Undeliverable State = "undeliverable" // at least one contact can't be reached; still tried
	Accepted      State = "accepted"      // everywhere where it wasn't given up
	Cancelled     State = "cancelled"
	Sending       State = "sending" // a delivery: right now, or when the process ended
)

// stateBytes are the states in the index.
var stateBytes = map[State]byte{Waiting: 'w', Held: 'h', Undeliverable: 'u', Accepted: 'a', Cancelled: 'c'}

// Delivery is how far a message is with one of its contacts.
type Delivery struct {
	Contact  Contact
	Number   int    // of the contact, counted from 0
	Name     string // what Message-ID and webhook-id are made from
	State    State
	Attempts int
	// Doubts is how many attempts ended in the dark: the message may have been
	// received once for each of them, under its one name.
	Doubts   int
	First    time.Time // first attempt; zero if there was none
	Last     time.Time // end of the newest
	Next     time.Time // not before; zero when nothing more is tried
	Settled  time.Time // when it was accepted or cancelled
	Class    Class     // of the newest failure, empty if the newest attempt did not fail
	Code     int       // of SMTP or HTTP; 0 if there is none
	Detail   string    // what failed, in a line that is safe to print; part of it may be the receiver's words
	Alarmed  bool      // the alarm was raised, or is about to be
	Reported bool      // all hooks have been told
}

// Status is a message, without text and bodies, and how far it is.
type Status struct {
	Message    Message
	Added      time.Time
	State      State
	Deliveries []Delivery
	Erased     time.Time // zero unless it was erased; then there is no more
}

// Status tells how far a message is. Errors: [ErrUnknown].
func (q *Queue) Status(ctx context.Context, id string) (Status, error) {
	m, err := readMessage(ctx, q.store, id)
	if err != nil {
		return Status{}, err
	}
	p, err := readProgress(ctx, q.store, id)
	if err != nil {
		return Status{}, err
	}
	return q.status(id, m, p)
}

func (q *Queue) status(id string, m messageRecord, p progressRecord) (Status, error) {
	s := Status{Message: m.head(id), Added: fromMilli(m.Added), State: p.state(), Erased: fromMilli(m.Erased)}
	if len(p.Deliveries) != len(m.Contacts) {
		return s, fmt.Errorf("%w: a message has %d contacts and %d deliveries", ErrRecords, len(m.Contacts), len(p.Deliveries))
	}
	for n := range m.Contacts {
		s.Deliveries = append(s.Deliveries, q.delivery(id, m, p, n))
	}
	return s, nil
}

func (q *Queue) delivery(id string, m messageRecord, p progressRecord, n int) Delivery {
	d := p.Deliveries[n]
	out := Delivery{Contact: m.Contacts[n], Number: n, Name: q.nameOf(id, m.Contacts[n]), Attempts: d.Attempts, Doubts: d.Doubts,
		First: fromMilli(d.First), Last: fromMilli(d.Last), Settled: fromMilli(d.Settled),
		Class: d.Class, Code: d.Code, Detail: d.Detail, Alarmed: d.Alarmed, Reported: len(d.Owed) == 0}
	switch {
	case d.Step == stepAccepted:
		out.State = Accepted
	case d.Step == stepCancelled:
		out.State = Cancelled
	case d.Step == stepSending:
		out.State = Sending
	case p.Held:
		out.State = Held
	case d.Stuck:
		out.State = Undeliverable
	default:
		out.State = Waiting
	}
	if d.Step == stepWaiting && !p.Held {
		out.Next = fromMilli(max(d.Due, m.NotBefore))
	}
	return out
}

// head is a message without its text and bodies.
func (m messageRecord) head(id string) Message {
	out := Message{ID: id, Case: m.Case, Customer: m.Customer, To: m.Contacts, Subject: m.Subject,
		NotBefore: fromMilli(m.NotBefore), Priority: m.Priority, Kind: m.Kind}
	for _, a := range m.Attachments {
		out.Attachments = append(out.Attachments, Attachment{Name: a.Name, MIME: a.MIME})
	}
	return out
}

// Filter says which messages to list: those of a case, of a customer and in a
// state, as far as each is set.
type Filter struct {
	Case     writ.CaseID
	Customer writ.CustomerID
	State    State
	After    string // where the last page ended; empty for the first
	Limit    int    // default 100, at most 1,000
}

// List returns a page of messages in the order in which they were added, and
// where the next page begins; empty if there is none.
func (q *Queue) List(ctx context.Context, f Filter) (page []Status, next string, err error) {
	prefix := key(tagAll, "")
	switch {
	case f.Case != "":
		prefix = key(tagCase, string(f.Case))
	case f.Customer != "":
		prefix = key(tagCustomer, string(f.Customer))
	case f.State != "":
		prefix = key(tagState, string(stateBytes[f.State]))
	}
	err = q.scan(ctx, prefix, f.After, f.Limit, func(id string) (bool, error) {
		s, err := q.Status(ctx, id)
		if errors.Is(err, ErrUnknown) || !s.Erased.IsZero() { // meanwhile
			return false, nil
		}
		if err != nil {
			return false, err
		}
		fits := (f.Case == "" || s.Message.Case == f.Case) && (f.Customer == "" || s.Message.Customer == f.Customer) && (f.State == "" || s.State == f.State)
		if fits {
			page = append(page, s)
		}
		return fits, nil
	}, &next)
	if err != nil {
		return nil, "", fmt.Errorf("couldn't list the messages: %w", err)
	}
	return page, next, nil
}

// scan walks over keys that end in a time and an id, from behind a key that it
// gave as next before, until fn has taken as many as a page holds.
func (q *Queue) scan(ctx context.Context, prefix []byte, after string, limit int, fn func(id string) (taken bool, err error), next *string) error {
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 1000)
	r := records.Prefix(prefix)
	r.KeysOnly = true
	if after != "" {
		last, err := hex.DecodeString(after)
		if err != nil || len(last) > 1000 {
			return errors.New("that isn't where a page ended")
		}
		r.Start = append(append(prefix[:len(prefix):len(prefix)], last...), 0)
	}
	for {
		entries, more, err := q.store.Scan(ctx, r)
		if err != nil {
			return err
		}
		for i, e := range entries {
			rest := e.Key[len(prefix):]
			if len(rest) < 9 {
				return fmt.Errorf("%w: a key of an index is too short", ErrRecords)
			}
			taken, err := fn(string(rest[8:]))
			if err != nil {
				return err
			}
			if taken {
				limit--
			}
			if limit == 0 {
				if more || i+1 < len(entries) {
					*next = hex.EncodeToString(rest)
				}
				return nil
			}
		}
		if !more {
			return nil
		}
		r.Start = append(entries[len(entries)-1].Key, 0)
	}
}

// Message returns a message whole. Errors: [ErrUnknown], also when it was
// erased.
func (q *Queue) Message(ctx context.Context, id string) (Message, error) {
	r, err := readMessage(ctx, q.store, id)
	if err != nil {
		return Message{}, err
	}
	if r.Erased != 0 {
		return Message{}, ErrUnknown
	}
	m := r.head(id)
	text, err := q.store.Get(ctx, textKey(id))
	if err != nil {
		return Message{}, fmt.Errorf("couldn't read the text of a message: %w", err)
	}
	m.Text = string(text)
	for n, a := range r.Attachments {
		if m.Attachments[n].Body, err = q.body(ctx, id, n, a); err != nil {
			return Message{}, err
		}
	}
	return m, nil
}

// body reads an attachment, and checks that it is the one that was added.
func (q *Queue) body(ctx context.Context, id string, n int, a attachmentRecord) ([]byte, error) {
	body := make([]byte, 0, a.Size)
	for chunk := uint32(0); len(body) < a.Size; chunk++ {
		b, err := q.store.Get(ctx, chunkKey(id, n, chunk))
		if err != nil {
			return nil, fmt.Errorf("couldn't read an attachment: %w", err)
		}
		body = append(body, b...)
	}
	if sha256.Sum256(body) != a.SHA256 {
		return nil, fmt.Errorf("%w: an attachment isn't what was added", ErrRecords)
	}
	return body, nil
}

func chunkKey(id string, n int, chunk uint32) []byte {
	return binary.BigEndian.AppendUint32(chunksKey(id, n), chunk)
}

func readMessage(ctx context.Context, r records.Reader, id string) (m messageRecord, err error) {
	value, err := r.Get(ctx, messageKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return m, ErrUnknown
	}
	if err != nil {
		return m, fmt.Errorf("couldn't read a message: %w", err)
	}
	return m, decodeRecord(value, &m)
}

func readProgress(ctx context.Context, r records.Reader, id string) (p progressRecord, err error) {
	value, err := r.Get(ctx, progressKey(id))
	if err != nil {
		return p, fmt.Errorf("couldn't read how far a message is: %w", err)
	}
	return p, decodeRecord(value, &p)
}
