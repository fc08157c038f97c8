// Package notice tells people things, in time and for certain: customers what
// was asked about them, staff that a clock runs. Who is told what, and when, is
// decided above (internal/docket); this room delivers.
//
// # What a caller may rely on
//
// A [Message] is added inside a transaction of the caller's ([Queue.AddTx]), so
// that a notice exists if and only if what it tells of does. From then on
// [Queue.Run] delivers it to each of its contacts when it is due and not before,
// after restarts too, and tries again until it is accepted or a person cancels
// it. What can't be delivered is said aloud ([Config.Alarm]) exactly once for
// each contact, and tried again all the same.
//
// # Once
//
// The customer's inbox gets each message exactly once: it lies in the same
// records. Mail and webhooks can't be had exactly once by anybody, since the
// answer to a message may be lost. So each delivery has one name for ever
// (Message-ID, webhook-id); that it is being sent is durable before the first
// byte of it leaves; and where it isn't known how a sending ended, it is sent
// again under the same name, marked as a possible repeat. A receiver that drops
// what it has seen by that name sees each message once.
//
// # What is sealed, and what is said
//
// To a contact with a key everything goes inside one attachment sealed to it,
// and what is readable says only that there is a sealed notice and how to open
// it. Mail goes over verified TLS or not at all; webhooks are signed by the
// scheme of standardwebhooks.com and reach no address that is not public.
// Logs and metrics name no customer, no case and no address, and metrics count
// only what was tried: how much waits would tell that secret demands exist.
//
// docs/notices.md is the manual for operators and receivers.
package notice

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"writ/internal/records"
)

// Errors that callers tell apart.
var (
	// ErrExists: a message of that id is there, and says something else.
	ErrExists = errors.New("a message with this id is there already, with other content")
	// ErrUnknown: there is no message of that id, or not for this customer.
	ErrUnknown = errors.New("no such message")
	// ErrMessage: a message is not as it must be.
	ErrMessage = errors.New("the message can't be sent")
	// ErrContact: a contact is not as it must be.
	ErrContact = errors.New("not a usable contact")
	// ErrAccepted: a message, or one delivery of it, was accepted already.
	ErrAccepted = errors.New("it was accepted already")
	// ErrSending: it is being sent right now, so that nobody can say yet
	// whether it will have been accepted. Ask again in a moment.
	ErrSending = errors.New("it is being sent right now; ask again in a moment")
	// ErrUnfinished: a message that still waits can't be erased. Cancel it first.
	ErrUnfinished = errors.New("the message still waits for delivery; cancel it first")
	// ErrRecords: a record of this room is damaged.
	ErrRecords = errors.New("a record of the notices is damaged")
)

// Clock tells the time, and when some of it has passed. It may jump.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Sealer seals a text to a contact's key, in the format that the key asks for.
// The ending is what such a file's name ends in: ".age", ".p7m".
type Sealer func(key string, plaintext []byte) (ending string, sealed []byte, err error)

// Hook is told of a delivery inside the transaction that ticks it off: what it
// writes there happens exactly once. It may run several times before that, and
// is repeated until it returns nil. The message has neither text nor bodies.
type Hook func(ctx context.Context, tx records.Tx, m Message, d Delivery) error

// Config is what a queue needs.
type Config struct {
	Records records.Store
	// Alarm is told once for each contact that a message can't be delivered
	// there. It must be set: an undeliverable notice nobody hears of is lost.
	Alarm Hook
	// Accepted is told once of each delivery that was accepted; may be nil.
	Accepted Hook
	// Mail sends mail; without it mail waits, and alarms in the end.
	Mail *Mail
	// Webhooks says which addresses webhooks may reach beyond the public ones.
	Webhooks WebhookConfig
	// Seal seals to contacts' keys; without it contacts with a key are refused.
	Seal Sealer
	// Operator is who tells, in the readable part of a sealed notice.
	Operator string
	// Patience is how long a message is tried before it counts as
	// undeliverable: 5 days by default, UrgentPatience half an hour.
	Patience, UrgentPatience time.Duration
	// Grace is how long sendings under way get to end when Run is told to;
	// default 10 seconds.
	Grace time.Duration
	Clock Clock        // default: the system's
	Log   *slog.Logger // default: none
}

// Queue keeps messages and delivers them.
type Queue struct {
	config Config
	store  records.Store
	clock  Clock
	log    *slog.Logger
	salt   []byte // names deliveries; never changes
	hooks  *webhooks
	wakes  [lanes + 1]chan struct{} // of each lane, and of the reports
	counts counters

	mu      sync.Mutex
	running bool
	flying  map[ref]struct{}  // being delivered
	cooling map[ref]time.Time // our own trouble with it: not before then
}

// New opens the queue that lies in the records.
func New(ctx context.Context, c Config) (*Queue, error) {
	if c.Records == nil || c.Alarm == nil {
		return nil, errors.New("a queue of notices needs records, and somebody to alarm")
	}
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Patience <= 0 {
		c.Patience = 5 * 24 * time.Hour
	}
	if c.UrgentPatience <= 0 {
		c.UrgentPatience = 30 * time.Minute
	}
	if c.Grace <= 0 {
		c.Grace = 10 * time.Second
	}
	q := &Queue{config: c, store: c.Records, clock: c.Clock, log: c.Log,
		flying: map[ref]struct{}{}, cooling: map[ref]time.Time{}}
	q.hooks = newWebhooks(c.Webhooks)
	for i := range q.wakes {
		q.wakes[i] = make(chan struct{}, 1)
	}
	err := records.Retry(ctx, c.Records, func(tx records.Tx) (err error) {
		q.salt, err = tx.Get(ctx, saltKey())
		if errors.Is(err, records.ErrNotFound) {
			q.salt = make([]byte, 32)
			rand.Read(q.salt)
			tx.Put(saltKey(), q.salt)
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't open the queue of notices: %w", err)
	}
	return q, nil
}

// Wake makes Run look at once. Call it after a transaction with AddTx or
// ReleaseTx has committed; what nobody wakes is found within [lookEvery].
func (q *Queue) Wake() {
	for _, c := range q.wakes {
		poke(c)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
