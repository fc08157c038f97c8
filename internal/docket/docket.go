package docket

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/law"
	"writ/internal/letter"
	"writ/internal/notice"
	"writ/internal/proof"
	"writ/internal/records"
	"writ/internal/seal"
	"writ/internal/staff"
	"writ/internal/vault"
)

// Book is where the docket's commitments are written down: the ledger's.
type Book interface {
	CommitTx(ctx context.Context, tx records.Tx, id, kind string, body any) error
	Receipt(ctx context.Context, id string) (*proof.Receipt, error)
	Await(ctx context.Context, id string) (*proof.Receipt, error)
	Publish(ctx context.Context, id, kind string, body any) (*proof.Receipt, error)
}

// Provider is the operator, as law sees it.
type Provider struct {
	Name     string
	Country  string // ISO 3166-1 alpha-2
	TimeZone string // IANA name; where its deadlines are read
	Language string // BCP 47, of its letters
	Address  []string
	Contact  string // where a customer or an authority asks
	// Signatory and Function stand under letters.
	Signatory, Function string
}

// Config is what a docket is made of.
type Config struct {
	Records  records.Store
	Book     Book
	Law      *law.Law
	Staff    *staff.Staff
	Gate     *gate.Gate
	Vault    *vault.Vault
	Notices  *notice.Queue
	Letters  *letter.Set
	Key      *seal.Key // the docket's own: documents lie under it
	Packages string    // folder of finished packages
	Origin   string    // name of the public log
	LogKey   string    // its verifier key
	// Witnesses is its witness policy, as a set of custodians pins it.
	Witnesses string
	// CustodiansChanged is told when another set is in force, so that the
	// public policy says so. May be nil.
	CustodiansChanged func()
	Release           string // version of the program
	Provider          Provider
	House             House
	Now               func() time.Time // nil is the clock
	Log               *slog.Logger     // nil is silence
}

// House is what the operator decides where law leaves room.
type House struct {
	// Velocity is how many demands an authority may make in a day before two
	// persons must look at it; 0 is 20.
	Velocity int
	// WritFor is how long a writ lasts unless counsel says less; 0 is 14 days.
	WritFor time.Duration
	// ReviewEvery is how often an open-ended secrecy is looked at again; 0 is 180 days.
	ReviewEvery time.Duration
	Retention   Retention
}

// Docket keeps the cases. Its methods may be called from many goroutines.
type Docket struct {
	Config
	zone      *time.Location
	index     *index
	wake      chan struct{}
	turns     turns // one writer for a case at a time
	producing turns // one production
}

// Open opens the docket on its records: it reads the summary of every case.
func Open(ctx context.Context, c Config) (*Docket, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.House.Velocity == 0 {
		c.House.Velocity = 20
	}
	if c.House.WritFor == 0 {
		c.House.WritFor = 14 * 24 * time.Hour
	}
	if c.House.ReviewEvery == 0 {
		c.House.ReviewEvery = 180 * 24 * time.Hour
	}
	// A letter without one of these could not be written, and a notice must not
	// fail for that.
	for _, field := range []*string{&c.Provider.Contact, &c.Provider.Signatory} {
		if *field == "" {
			*field = c.Provider.Name
		}
	}
	if c.Provider.Language == "" {
		c.Provider.Language = "en"
	}
	zone, err := time.LoadLocation(c.Provider.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the provider's time zone: %w", err)
	}
	d := &Docket{Config: c, zone: zone, wake: make(chan struct{}, 1)}
	if d.index, err = readIndex(ctx, c.Records); err != nil {
		return nil, err
	}
	return d, nil
}

// now is the time that events carry: UTC, to the microsecond.
func (d *Docket) now() time.Time { return d.Now().UTC().Truncate(time.Microsecond) }

// Actor is who moves a case. Who they are was made sure before: by an API
// token, or by whoever else calls.
type Actor struct {
	Person  writ.Person
	Roles   []writ.Role               // held now
	For     map[writ.Role]writ.Person // in which roles it stands for whom, as a deputy
	Via     string                    // "api", "cli", "import", "console"
	Token   string                    // id of the token
	Session string                    // public id of a browser's session
	Addr    netip.Addr
}

// as chooses the role in which the actor makes a move, of those that may: the
// one in which it has acted in the case, or the first that it holds.
func (a Actor) as(c *Case, kind Kind) (writ.Role, error) {
	roles := powers[kind].roles
	holds := func(r writ.Role) bool {
		for _, have := range a.Roles {
			if have == r {
				return true
			}
		}
		return false
	}
	if before := c.ActedAs(a.Person); before != "" && holds(before) {
		for _, r := range roles {
			if r == before {
				return r, nil
			}
		}
		for _, r := range roles {
			if holds(r) {
				return "", refuse(ErrSeparation, "%s has acted as %s in this case, and cannot act as %s: let another person do it", a.Person, before, r)
			}
		}
	}
	for _, r := range roles {
		if holds(r) {
			return r, nil
		}
	}
	return "", refuse(ErrRole, "this takes the role %s, which %s does not hold", oneOf(roles), a.Person)
}

// draft is an event before it is written.
type draft struct {
	kind Kind
	body any
	self bool // by the docket itself, as a consequence of what the person does
}

// move reads a case, lets fn say what happens, and writes that down with its
// commitments in one transaction: all of it or nothing. fn may run several
// times; it must not touch anything but its transaction.
func (d *Docket) move(ctx context.Context, who Actor, id writ.CaseID, fn func(tx records.Tx, c *Case) ([]draft, error)) (*Case, error) {
	return d.write(ctx, &who, id, fn)
}

// self is a move that the docket makes of itself: by a clock, or because
// another room told it.
func (d *Docket) self(ctx context.Context, id writ.CaseID, fn func(tx records.Tx, c *Case) ([]draft, error)) (*Case, error) {
	return d.write(ctx, nil, id, fn)
}

func (d *Docket) write(ctx context.Context, who *Actor, id writ.CaseID, fn func(tx records.Tx, c *Case) ([]draft, error)) (c *Case, err error) {
	unlock, err := d.turns.lock(ctx, id)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var sum summary
	err = records.Retry(ctx, d.Records, func(tx records.Tx) error {
		if c, err = readCase(ctx, tx, id); err != nil {
			return err
		}
		drafts, err := fn(tx, c)
		if err != nil {
			return err
		}
		if len(drafts) == 0 {
			sum = summary{}
			return nil
		}
		if sum, err = d.append(ctx, tx, who, c, drafts); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		d.refused(ctx, who, id, err)
		return nil, err
	}
	if sum.ID != "" {
		d.index.put(sum)
		d.nudge()
		d.Notices.Wake()
	}
	return c, nil
}

// append writes events behind those of a case, which it moves on.
func (d *Docket) append(ctx context.Context, tx records.Tx, who *Actor, c *Case, drafts []draft) (summary, error) {
	for _, dr := range drafts {
		previous := c.Head // by value: the fold moves it on
		e := Event{Case: c.ID, Seq: c.Events + 1, At: d.now(), Kind: dr.kind, Previous: previous[:]}
		if e.At.Before(c.Touched) { // a clock that went back
			e.At = c.Touched
		}
		if who != nil && !dr.self {
			role, err := who.as(c, dr.kind)
			if err != nil {
				return summary{}, err
			}
			e.By, e.As, e.For = who.Person, role, who.For[role]
		}
		if dr.body != nil {
			b, err := json.Marshal(dr.body)
			if err != nil {
				return summary{}, fmt.Errorf("couldn't encode an event: %w", err)
			}
			e.Body = b
		}
		encoded, err := encodeEvent(&e)
		if err != nil {
			return summary{}, err
		}
		hash := hashEvent(encoded)
		statement := Statement{Case: e.Case, Seq: e.Seq, Event: e.Kind, Digest: hash[:], Previous: e.Previous}
		if err := c.apply(&e, hash); err != nil {
			return summary{}, err
		}
		tx.Put(eventKey(c.ID, e.Seq), encoded)
		if c.Mark != Historic || e.Kind != Imported { // an import commits to its cases together
			if err := d.Book.CommitTx(ctx, tx, StatementID(c.ID, e.Seq), KindCase, statement); err != nil {
				return summary{}, fmt.Errorf("couldn't commit to an event: %w", err)
			}
		}
	}
	sum := d.summarise(c)
	tx.Put(caseKey(c.ID), sum.encode())
	return sum, nil
}

// readCase folds the events of a case; a case without any is an empty one.
func readCase(ctx context.Context, r records.Reader, id writ.CaseID) (*Case, error) {
	c := &Case{ID: id}
	rng := records.Prefix(eventsPrefix(id))
	for {
		entries, more, err := r.Scan(ctx, rng)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the case: %w", err)
		}
		for _, entry := range entries {
			e, err := decodeEvent(entry.Value, id, c.Events+1, c.Head)
			if err != nil {
				return nil, err
			}
			if err := c.apply(&e, hashEvent(entry.Value)); err != nil {
				if !errors.Is(err, ErrDamaged) {
					err = fmt.Errorf("%w: event %d could not have happened: %w", ErrDamaged, e.Seq, err)
				}
				return nil, err
			}
		}
		if !more {
			return c, nil
		}
		rng.Start = append(append([]byte(nil), entries[len(entries)-1].Key...), 0)
	}
}

// Case returns a case as it stands.
func (d *Docket) Case(ctx context.Context, id writ.CaseID) (*Case, error) {
	c, err := readCase(ctx, d.Records, id)
	if err != nil {
		return nil, err
	}
	if c.Events > 0 {
		return c, nil
	}
	left, err := d.tombstoneOf(ctx, id)
	if err != nil {
		return nil, err
	}
	if left != nil {
		return nil, refuse(ErrNoCase, "the case %s was erased on %s, when its time was over; its newest event had the hash %x", id, from(left.At).Format(time.DateOnly), left.Head)
	}
	return nil, refuse(ErrNoCase, "there is no case %s", id)
}

// Events returns the events of a case, oldest first.
func (d *Docket) Events(ctx context.Context, id writ.CaseID) (all []Event, err error) {
	var previous [32]byte
	rng := records.Prefix(eventsPrefix(id))
	for {
		entries, more, err := d.Records.Scan(ctx, rng)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the case: %w", err)
		}
		for _, entry := range entries {
			e, err := decodeEvent(entry.Value, id, uint32(len(all)+1), previous)
			if err != nil {
				return nil, err
			}
			previous = hashEvent(entry.Value)
			all = append(all, e)
		}
		if !more {
			break
		}
		rng.Start = append(append([]byte(nil), entries[len(entries)-1].Key...), 0)
	}
	if len(all) == 0 {
		return nil, refuse(ErrNoCase, "there is no case %s", id)
	}
	return all, nil
}

// here refuses a case that is not there.
func here(c *Case) error {
	if c.Events == 0 {
		return refuse(ErrNoCase, "there is no case %s", c.ID)
	}
	return nil
}

// refused leaves an entry in the operator's audit trail when a person was
// refused: who, what and why.
func (d *Docket) refused(ctx context.Context, who *Actor, id writ.CaseID, err error) {
	if who == nil || ctx.Err() != nil {
		return
	}
	for _, kind := range []error{ErrRole, ErrSeparation, ErrState, ErrLaw, ErrBounds, ErrChanged, ErrHistoric, ErrVelocity, ErrDamaged} {
		if errors.Is(err, kind) {
			d.audit(ctx, *who, "move-case", string(id), err)
			return
		}
	}
}

func (d *Docket) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// turns lets one writer at a time at a case, so that two do not run into each
// other's transactions.
type turns struct {
	mu   sync.Mutex // guards held
	held map[writ.CaseID]chan struct{}
}

func (t *turns) lock(ctx context.Context, id writ.CaseID) (unlock func(), err error) {
	for {
		t.mu.Lock()
		busy, taken := t.held[id]
		if !taken {
			if t.held == nil {
				t.held = map[writ.CaseID]chan struct{}{}
			}
			mine := make(chan struct{})
			t.held[id] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.held, id)
				t.mu.Unlock()
				close(mine)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func sum256(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}
