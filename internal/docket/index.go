package docket

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"writ"
	"writ/internal/records"
)

// summary is what lists, reports and clocks read of a case, without folding
// it. It is written with each event.
type summary struct {
	ID         writ.CaseID      `cbor:"1,keyasint"`
	Mark       Mark             `cbor:"2,keyasint,omitempty"`
	Stage      string           `cbor:"3,keyasint"`
	Reference  string           `cbor:"4,keyasint"`
	Instrument writ.Instrument  `cbor:"5,keyasint"`
	Issuer     string           `cbor:"6,keyasint"`
	Country    string           `cbor:"7,keyasint"`
	Authority  writ.AuthorityID `cbor:"8,keyasint,omitempty"`
	Matter     string           `cbor:"9,keyasint"`
	Emergency  bool             `cbor:"10,keyasint,omitempty"`
	Classes    []writ.DataClass `cbor:"11,keyasint"`
	Accounts   int              `cbor:"12,keyasint,omitempty"`
	Customer   writ.CustomerID  `cbor:"13,keyasint,omitempty"`
	Began      int64            `cbor:"14,keyasint"` // Unix microseconds, as all times here
	Received   int64            `cbor:"15,keyasint"`
	Touched    int64            `cbor:"16,keyasint"`
	Due        int64            `cbor:"17,keyasint,omitempty"` // of the first running clock
	Half       int64            `cbor:"18,keyasint,omitempty"`
	Clock      string           `cbor:"19,keyasint,omitempty"`
	Basis      writ.Secrecy     `cbor:"20,keyasint,omitempty"`
	SilentTo   int64            `cbor:"21,keyasint,omitempty"` // end of a dated secrecy
	SilentFrom int64            `cbor:"22,keyasint,omitempty"`
	Lifted     int64            `cbor:"23,keyasint,omitempty"` // when secrecy ended
	Look       int64            `cbor:"24,keyasint,omitempty"` // when an open secrecy is to be looked at
	Wake       int64            `cbor:"25,keyasint,omitempty"` // when the docket itself has something to do
	Targets    [][8]byte        `cbor:"26,keyasint,omitempty"` // hashes of the identifiers
	Order      []byte           `cbor:"27,keyasint,omitempty"` // SHA-256 of the order
	Closed     int64            `cbor:"28,keyasint,omitempty"`
	Outcome    string           `cbor:"29,keyasint,omitempty"`
	Affected   int              `cbor:"30,keyasint,omitempty"`
	Notice     string           `cbor:"31,keyasint,omitempty"` // given, gagged, exigent, none
	Preserved  bool             `cbor:"32,keyasint,omitempty"`
	Deadlines  []deadline       `cbor:"33,keyasint,omitempty"`
	Waits      []writ.Role      `cbor:"35,keyasint,omitempty"` // for whom the case waits
	Narrowed   bool             `cbor:"36,keyasint,omitempty"`
	Events     uint32           `cbor:"37,keyasint"`
	Delivered  int64            `cbor:"38,keyasint,omitempty"`
	Answer     string           `cbor:"39,keyasint,omitempty"` // the last reply
	Persons    []writ.Person    `cbor:"40,keyasint,omitempty"`
	EU         *euFacts         `cbor:"42,keyasint,omitempty"`
	Subjects   string           `cbor:"41,keyasint,omitempty"` // identifiers in one line, for search
	Awaits     string           `cbor:"43,keyasint,omitempty"` // the statement that its opening waits for
	Asked      bool             `cbor:"44,keyasint,omitempty"` // a clock stands: somebody else must move
	Over       int64            `cbor:"45,keyasint,omitempty"` // when the first deadline was over that nobody kept so far
	Missed     string           `cbor:"46,keyasint,omitempty"` // its clock
	Filed      writ.AuthorityID `cbor:"60,keyasint,omitempty"` // whose officer filed it

	find string // what a search looks in, in lower case; not written
}

// euFacts is what Article 28 of Regulation (EU) 2023/1543 wants counted.
type euFacts struct {
	Notified, Refused, Conflict, Remedy bool
}

// deadline is one clock of a case, as reports count it.
type deadline struct {
	_   struct{} `cbor:",toarray"`
	ID  string
	Due int64
	Met int64 // zero: not met so far
}

// encoding writes the summaries: what is read back is what was written.
var encoding = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

func (s *summary) encode() []byte {
	b, err := encoding.Marshal(s)
	if err != nil {
		panic(err) // a struct of texts and numbers
	}
	return b
}

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func from(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// index has the summaries of all cases in memory: some 600 bytes each.
type index struct {
	mu      sync.RWMutex // guards all below
	cases   map[writ.CaseID]*summary
	targets map[[8]byte][]writ.CaseID
	orders  map[string][]writ.CaseID
	from    map[writ.AuthorityID][]int64 // times of receipt, in no order
	ranks   rankings

	published map[string]bool // statements that were awaited and are in the log
	revision  uint64          // how many events were written, and erasures
	changed   chan struct{}   // closed when revision moves on
}

func newIndex() *index {
	return &index{
		cases: map[writ.CaseID]*summary{}, targets: map[[8]byte][]writ.CaseID{},
		orders: map[string][]writ.CaseID{}, from: map[writ.AuthorityID][]int64{},
		ranks: newRankings(), published: map[string]bool{}, changed: make(chan struct{}),
	}
}

func readIndex(ctx context.Context, r records.Reader) (*index, error) {
	x := newIndex()
	rng := records.Prefix(key(tagCase))
	rng.Limit = records.MaxLimit
	for {
		entries, more, err := r.Scan(ctx, rng)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the docket: %w", err)
		}
		for _, e := range entries {
			s := new(summary)
			if err := cbor.Unmarshal(e.Value, s); err != nil {
				return nil, fmt.Errorf("%w: a case's summary cannot be read", ErrDamaged)
			}
			x.keep(s)
		}
		if !more {
			return x, nil
		}
		rng.Start = append(append([]byte(nil), entries[len(entries)-1].Key...), 0)
	}
}

func (x *index) put(s summary) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.keep(&s)
	x.moved()
}

// moved tells whoever waits for a change; the caller holds mu.
func (x *index) moved() {
	close(x.changed)
	x.changed = make(chan struct{})
}

// keep notes a summary; the caller holds mu.
func (x *index) keep(s *summary) {
	before := x.cases[s.ID]
	x.stand(before, s)
	x.revision += uint64(s.Events)
	if before != nil {
		x.revision -= uint64(min(before.Events, s.Events))
		if before.Awaits != s.Awaits {
			delete(x.published, before.Awaits)
		}
	}
	for _, t := range s.Targets {
		if before == nil || !has(before.Targets, t) {
			x.targets[t] = append(x.targets[t], s.ID)
		}
	}
	if s.Order != nil && (before == nil || string(before.Order) != string(s.Order)) {
		x.orders[string(s.Order)] = append(x.orders[string(s.Order)], s.ID)
	}
	if s.Authority != "" && before == nil && s.Mark == "" {
		x.from[s.Authority] = append(x.from[s.Authority], s.Received)
	}
}

// stand puts a case where it stands now; the caller holds mu.
func (x *index) stand(before, s *summary) {
	s.find = strings.ToLower(s.Reference + "\n" + s.Issuer + "\n" + s.Subjects + "\n" + string(s.ID))
	x.cases[s.ID] = s
	x.ranks.move(before, s)
}

func has[T comparable](all []T, one T) bool {
	for _, v := range all {
		if v == one {
			return true
		}
	}
	return false
}

// has says whether a case is here.
func (x *index) has(id writ.CaseID) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.cases[id] != nil
}

// lately is how many demands an authority made since a time.
func (x *index) lately(a writ.AuthorityID, since time.Time) (n int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, at := range x.from[a] {
		if at >= micro(since) {
			n++
		}
	}
	return n
}

// alike are the other cases that name one of the same targets, or rest on a
// document with the same digest.
func (x *index) alike(s *summary) (sameTarget, sameOrder []summary) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	seen := map[writ.CaseID]bool{s.ID: true}
	for _, t := range s.Targets {
		for _, id := range x.targets[t] {
			if !seen[id] {
				seen[id] = true
				sameTarget = append(sameTarget, *x.cases[id])
			}
		}
	}
	if s.Order != nil {
		for _, id := range x.orders[string(s.Order)] {
			if id != s.ID {
				sameOrder = append(sameOrder, *x.cases[id])
			}
		}
	}
	return sameTarget, sameOrder
}

// due are the cases in which the docket itself has something to do by now, and
// when the next of the others has.
func (x *index) due(now time.Time) (ids []writ.CaseID, next time.Time) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	x.ranks.wake.walk(nil, func(s *summary) bool {
		if s.Wake > micro(now) {
			next = from(s.Wake)
			return false
		}
		ids = append(ids, s.ID)
		return true
	})
	return ids, next
}

// preserved are the cases that preserve something.
func (x *index) preserved() (ids []writ.CaseID) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for id, s := range x.cases {
		if s.Preserved {
			ids = append(ids, id)
		}
	}
	return ids
}

// closed are copies of the summaries of closed cases.
func (x *index) closed() (all []summary) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, s := range x.cases {
		if s.Closed != 0 {
			all = append(all, *s)
		}
	}
	return all
}

// replace notes what is left of a case that was erased: it is found by nothing
// that it named any more.
func (x *index) replace(s summary) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if before := x.cases[s.ID]; before != nil {
		for _, t := range before.Targets {
			x.targets[t] = slices.DeleteFunc(x.targets[t], func(id writ.CaseID) bool { return id == s.ID })
		}
		order := string(before.Order)
		x.orders[order] = slices.DeleteFunc(x.orders[order], func(id writ.CaseID) bool { return id == s.ID })
	}
	x.stand(x.cases[s.ID], &s)
	x.revision++
	x.moved()
}
