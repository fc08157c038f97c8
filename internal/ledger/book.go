package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"writ"
	"writ/internal/proof"
	"writ/internal/records"
)

// What a [Book] does if its configuration doesn't say.
const (
	DefaultInterval = time.Minute
	DefaultSlots    = 1024
)

// Errors of a [Book] that callers tell apart.
var (
	// ErrPending: the statement is durable, and in no published batch yet.
	ErrPending = errors.New("the statement is not in a published batch yet")
	// ErrNoStatement: no statement has that id, no batch that number, or the
	// customer had no journal then.
	ErrNoStatement = errors.New("the ledger has no such statement")
	// ErrOldLog: the statement is in a log that was ended by a break.
	ErrOldLog = errors.New("the statement is in a log that has ended; its receipt can be had there only")
	// ErrForeign: the batch was read off the log, and what was in its slots is
	// lost.
	ErrForeign = errors.New("the batch is in the log, but not in the records: they were restored from an older backup")
	// ErrOlderRecords: the log has leaves that the records don't know.
	ErrOlderRecords = errors.New("the log has leaves that the records do not know: the records were restored from an older backup, or another server writes to this log; run `writ ledger recover`")
)

// errOrigin: the records are about another log.
var errOrigin = errors.New("the records are of another log")

// JournalHead is where a customer's journal stands.
type JournalHead struct {
	Seq  uint64   // number of its newest entry
	Hash [32]byte // that entry's hash
}

// Config is what a [Book] is opened with.
type Config struct {
	Log     Log
	LogKey  string // verifier key (vkey) of the log
	Records records.Store

	// Interval is the time between batches, Slots how many each has; 0 is the
	// default. Both are in the policy statement.
	Interval time.Duration
	Slots    int

	// Heads returns the durable heads of all journals that moved since its last
	// call that succeeded, and all of them at the first call. Nil is no journal.
	Heads func(context.Context) (map[writ.CustomerID]JournalHead, error)

	Now    func() time.Time // nil is the clock
	Logger *slog.Logger     // nil is silence

	// Adopt lets the records be older than the log: batches that they don't
	// know are counted, and what was in them is lost. It is for `writ ledger
	// recover`.
	Adopt bool
}

// Book is where the rest of the server writes statements down. Its methods may
// be called from many goroutines.
//
// A statement is durable in the records when a call that takes it returns, and
// is never dropped. Hidden statements go into the next batch that has room;
// public ones and batches into the log in the order in which they were made.
// Nothing is appended while what was appended before is not published: a log
// that witnesses refuse doesn't grow.
type Book struct {
	config Config
	log    Log
	store  records.Store
	origin string
	key    note.Verifier
	say    *slog.Logger
	stamps *stamps
	wakeUp chan struct{} // holds a token when the queue has grown
	check  *recheck

	turn sync.Mutex // held by who writes the bookRecord; guards below
	book bookRecord
	// heads are the newest of all journals, moved those that no batch has yet.
	heads map[writ.CustomerID]JournalHead
	moved map[writ.CustomerID]JournalHead

	mu      sync.Mutex // guards below; may be taken with the turn, not before it
	labels  map[writ.CustomerID][32]byte
	changed chan struct{} // closed and replaced when something was published, or failed for good
	status  Status
	since   uint64 // number of the first batch in this log
	front   uint64 // number of the leaf that the status says is waited for
	lastMap keptMap
}

// Status is how a [Book] stands.
type Status struct {
	Size      uint64    // leaves that are published
	Batch     uint64    // number of the newest published batch, 0 if there is none
	BatchAt   time.Time // its `at`
	Frozen    uint64    // number of the newest batch that was made
	Queued    int       // leaves that wait to be published
	Waiting   error     // why the first of them is not published; nil if none waits
	Since     time.Time // since when it waits
	Sticky    error     // why nothing is published any more; a restart alone doesn't help
	Checked   uint64    // leaves whose hashes were computed again since the start
	HeadsFail error     // why the last batch has no newer journal heads than the one before
}

// OpenBook opens the book on a log and the records. It holds both against each
// other first: see CheckLog. Errors: [ErrDamaged], [ErrOlderRecords],
// [ErrRecords].
func OpenBook(ctx context.Context, c Config) (*Book, error) {
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Slots == 0 {
		c.Slots = DefaultSlots
	}
	if c.Interval < time.Millisecond || c.Slots < 2 || c.Slots > proof.MaxSlots {
		return nil, fmt.Errorf("the ledger needs an interval of at least 1 ms and 2 to %d slots", proof.MaxSlots)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Heads == nil {
		c.Heads = func(context.Context) (map[writ.CustomerID]JournalHead, error) { return nil, nil }
	}
	verifier, err := tnote.NewVerifier(c.LogKey)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the log's key: %w", err)
	}
	b := &Book{
		config: c, log: c.Log, store: c.Records, origin: verifier.Name(), key: verifier, say: c.Logger, stamps: &stamps{},
		wakeUp: make(chan struct{}, 1), changed: make(chan struct{}),
		labels: map[writ.CustomerID][32]byte{}, moved: map[writ.CustomerID]JournalHead{},
	}
	b.turn.Lock()
	defer b.turn.Unlock()
	if err := b.load(ctx); err != nil {
		return nil, err
	}
	if err := b.reconcile(ctx); err != nil {
		return nil, err
	}
	if b.heads, err = b.headsAt(ctx, b.book.Frozen); err != nil && !errors.Is(err, ErrForeign) {
		return nil, err
	}
	if b.check, err = startCheck(ctx, b.log, b.key, b.fail); err != nil {
		return nil, err
	}
	b.show()
	b.wake()
	return b, nil
}

// Kept is the name of the log that the records are about, "" if they are about
// none.
func Kept(ctx context.Context, store records.Store) (origin string, err error) {
	value, err := store.Get(ctx, bookKey())
	if errors.Is(err, records.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	var r bookRecord
	err = decodeRecord(value, &r)
	return r.Origin, err
}

// load reads the records. The caller has the turn.
func (b *Book) load(ctx context.Context) error {
	value, err := b.store.Get(ctx, bookKey())
	switch {
	case errors.Is(err, records.ErrNotFound):
		b.book = bookRecord{Origin: b.origin, Front: 1, Queued: 1, First: 1}
	case err != nil:
		return fmt.Errorf("couldn't read the ledger's records: %w", err)
	default:
		if err := decodeRecord(value, &b.book); err != nil {
			return err
		}
	}
	if b.book.Origin != b.origin {
		return fmt.Errorf("%w: they are about %.100q, and the log's key is of %.100q; put back the key, or see `writ ledger recover`", errOrigin, b.book.Origin, b.origin)
	}
	last, _, err := b.store.Scan(ctx, records.Range{Start: key(tagOutbox, ""), End: records.PrefixEnd(key(tagOutbox, "")), Limit: 1, Reverse: true})
	if err != nil {
		return fmt.Errorf("couldn't read the ledger's outbox: %w", err)
	}
	var newest stamp
	if len(last) == 1 && len(last[0].Key) == 2+len(newest) {
		copy(newest[:], last[0].Key[2:])
	}
	b.stamps.behind(newest, time.UnixMilli(b.book.At))
	return nil
}

// Run makes a batch at each multiple of the interval and publishes what waits,
// until ctx ends. It returns nil then. Batches go on being made while nothing
// can be published.
func (b *Book) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { b.drainAll(ctx) })
	defer wg.Wait()
	defer cancel()
	for {
		tick, ok := b.awaitTick(ctx)
		if !ok {
			return nil
		}
		for ctx.Err() == nil {
			err := b.freeze(ctx, tick)
			if err == nil {
				break
			}
			b.say.Error("a batch of the ledger couldn't be made", "error", err.Error())
			select {
			case <-ctx.Done():
			case <-time.After(min(b.config.Interval, time.Second)):
			}
		}
	}
}

// awaitTick waits for the next multiple of the interval by the clock, whatever
// it does meanwhile; a clock that went back doesn't make it wait longer.
func (b *Book) awaitTick(ctx context.Context) (time.Time, bool) {
	begun := time.Now()
	next := b.config.Now().Truncate(b.config.Interval).Add(b.config.Interval)
	for {
		now := b.config.Now()
		if !now.Before(next) {
			return now.Truncate(b.config.Interval), true
		}
		wait := next.Sub(now)
		if left := b.config.Interval - time.Since(begun); wait > left {
			if left <= 0 { // the clock went back: go on at the same pace
				return now.Truncate(b.config.Interval), true
			}
			wait = left
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return time.Time{}, false
		}
	}
}

// Still runs fn while nothing is taken from the queue to be appended: a copy of
// the records and one of the log that are made by fn, in this order, belong
// together. Statements can be written down meanwhile.
func (b *Book) Still(_ context.Context, fn func() error) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	return fn()
}

// Close ends what runs in the background. Run must have returned. The log and
// the records are the caller's to close.
func (b *Book) Close() error {
	b.check.stop()
	return nil
}

// Status tells how the book stands.
func (b *Book) Status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.status
	s.Checked = b.check.progress()
	return s
}

// show brings the status up to date and wakes who waits; the caller has the
// turn.
func (b *Book) show() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Size, b.status.Batch, b.status.Frozen = b.book.Next, b.book.Published, b.book.Frozen
	b.since = b.book.First
	if b.status.Queued = int(b.book.Queued - b.book.Front); b.status.Queued == 0 {
		b.status.Waiting, b.status.Since = nil, time.Time{}
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

// fail keeps an error for good and wakes who waits.
func (b *Book) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.status.Sticky != nil {
		return
	}
	b.say.Error("the ledger stops", "error", err.Error())
	b.status.Sticky = err
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *Book) sticky() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status.Sticky
}

func (b *Book) wake() {
	select {
	case b.wakeUp <- struct{}{}:
	default:
	}
}
