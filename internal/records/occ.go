package records

import (
	"bytes"
	"context"
	"slices"
	"sort"
	"sync"

	"writ/internal/groupcommit"
)

// engine is what the transaction machinery needs of an engine underneath. Its
// reads see every write that was applied, durable or not; waiting for
// durability is done here.
type engine interface {
	get(key []byte) ([]byte, error)
	scan(ctx context.Context, r Range) ([]Entry, bool, error)
	// prepare does the work on a batch that needs no order.
	prepare(b *Batch) (prepared, error)
}

// prepared is a batch ready to be applied.
type prepared interface {
	// apply makes the batch visible. Calls come one at a time.
	apply() error
	// wait returns when the batch is durable.
	wait() error
}

// commit is one batch that was applied.
type commit struct {
	keys [][]byte      // sorted
	done chan struct{} // closed when durable or failed
	err  error         // why it failed; read after done
}

// touches says whether the commit changed a key of the range.
func (c *commit) touches(r Range) bool {
	i := sort.Search(len(c.keys), func(i int) bool { return bytes.Compare(c.keys[i], r.Start) >= 0 })
	return i < len(c.keys) && r.contains(c.keys[i])
}

// history is how many commits are remembered. A transaction that began before
// the oldest of them is refused as a conflict.
const history = 4096

// transactor gives an engine transactions: optimistic, validated against the
// keys of the commits since the transaction began.
type transactor struct {
	engine  engine
	traffic *groupcommit.Traffic // who commits; nil if nobody counts
	hot     *hot

	mu      sync.RWMutex // orders commits; guards all below
	seq     uint64       // of the newest commit; the first is 1
	recent  []*commit    // ring: commit n lies at n % history
	pending map[string]*commit
	flying  map[*commit]struct{} // applied, not durable yet
	closed  bool
}

func newTransactor(e engine) *transactor {
	return &transactor{engine: e, hot: newHot(), recent: make([]*commit, history), pending: map[string]*commit{}, flying: map[*commit]struct{}{}}
}

// Get implements [Store].
func (t *transactor) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	value, err := t.read(key)
	t.mu.RLock()
	closed, c := t.closed, t.pending[string(key)]
	t.mu.RUnlock()
	if closed {
		return nil, ErrClosed
	}
	if c != nil {
		if err := c.settled(ctx); err != nil {
			return nil, err
		}
	}
	return value, err
}

// read returns the newest value of a key, durable or not. What it reads from
// the engine it remembers, unless a commit touched the key meanwhile: commits
// forget their keys before they apply, and mu keeps them away from the moment
// in which this is decided.
func (t *transactor) read(key []byte) ([]byte, error) {
	if value, ok := t.hot.get(key); ok {
		return value, nil
	}
	t.mu.RLock()
	began := t.seq
	t.mu.RUnlock()
	value, err := t.engine.get(key)
	if err != nil {
		return nil, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.changed(key, began) {
		t.hot.put(key, value)
	}
	return value, nil
}

// changed says whether a commit since the one of that number touched the key,
// or may have. The caller holds mu.
func (t *transactor) changed(key []byte, since uint64) bool {
	if t.seq-since >= history {
		return true
	}
	for seq := since + 1; seq <= t.seq; seq++ {
		if _, found := slices.BinarySearchFunc(t.recent[seq%history].keys, key, bytes.Compare); found {
			return true
		}
	}
	return false
}

// Scan implements [Store].
func (t *transactor) Scan(ctx context.Context, r Range) ([]Entry, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if t.isClosed() {
		return nil, false, ErrClosed
	}
	entries, more, err := t.engine.scan(ctx, r)
	if err != nil {
		return nil, false, err
	}
	for _, c := range t.inFlight(r) {
		if err := c.settled(ctx); err != nil {
			return nil, false, err
		}
	}
	return entries, more, nil
}

func (t *transactor) isClosed() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.closed
}

func (t *transactor) inFlight(r Range) []*commit {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var hits []*commit
	for c := range t.flying {
		if c.touches(r) {
			hits = append(hits, c)
		}
	}
	return hits
}

// settled waits until the commit is durable.
func (c *commit) settled(ctx context.Context) error {
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Apply implements [Store].
func (t *transactor) Apply(ctx context.Context, b *Batch) error {
	defer t.traffic.Begin()()
	return t.commit(ctx, b, nil)
}

// commit validates (when there is something to validate), applies, and waits.
// Once applied, a batch is waited for whatever the context says: its outcome
// must be known.
func (t *transactor) commit(ctx context.Context, b *Batch, tx *tx) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.Len() == 0 {
		return t.validateOnly(tx)
	}
	p, err := t.engine.prepare(b)
	if err != nil {
		return err
	}
	c := &commit{keys: make([][]byte, len(b.ops)), done: make(chan struct{})}
	for i := range b.ops {
		c.keys[i] = b.ops[i].key
	}
	slices.SortFunc(c.keys, bytes.Compare)
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return ErrClosed
	}
	if tx != nil && t.changedSince(tx) {
		t.mu.Unlock()
		return ErrConflict
	}
	for _, key := range c.keys {
		t.pending[string(key)] = c
	}
	t.hot.drop(c.keys)
	t.flying[c] = struct{}{}
	t.seq++
	t.recent[t.seq%history] = c
	if err = p.apply(); err == nil {
		t.hot.write(b.ops)
	}
	t.mu.Unlock()
	if err == nil {
		err = p.wait()
	}
	t.mu.Lock()
	for _, key := range c.keys {
		if t.pending[string(key)] == c {
			delete(t.pending, string(key))
		}
	}
	delete(t.flying, c)
	t.mu.Unlock()
	c.err = err
	close(c.done)
	return err
}

func (t *transactor) validateOnly(tx *tx) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return ErrClosed
	}
	if tx != nil && t.changedSince(tx) {
		return ErrConflict
	}
	return nil
}

// changedSince says whether a commit since the transaction began touched what
// it read. The caller holds mu.
func (t *transactor) changedSince(tx *tx) bool {
	if len(tx.keys) == 0 && len(tx.ranges) == 0 {
		return false
	}
	if t.seq-tx.began >= history {
		return true
	}
	for seq := tx.began + 1; seq <= t.seq; seq++ {
		c := t.recent[seq%history]
		for _, key := range c.keys {
			if _, read := tx.keys[string(key)]; read {
				return true
			}
		}
		for _, r := range tx.ranges {
			if c.touches(r) {
				return true
			}
		}
	}
	return false
}

// Update implements [Store].
func (t *transactor) Update(ctx context.Context, fn func(Tx) error) error {
	defer t.traffic.Begin()()
	t.mu.RLock()
	began, closed := t.seq, t.closed
	t.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	tx := &tx{t: t, began: began, keys: map[string]struct{}{}}
	if err := fn(tx); err != nil {
		return err
	}
	return t.commit(ctx, &tx.batch, tx)
}

// tx is one running Update. It reads through the store, so that what it saw
// is durable, and remembers what it read.
type tx struct {
	t      *transactor
	began  uint64
	keys   map[string]struct{}
	ranges []Range
	batch  Batch
	writes map[string]int // key -> newest op of it in batch
}

func (x *tx) Put(key, value []byte) {
	x.batch.Put(key, value)
	x.note(key)
}

func (x *tx) Delete(key []byte) {
	x.batch.Delete(key)
	x.note(key)
}

func (x *tx) note(key []byte) {
	if x.writes == nil {
		x.writes = map[string]int{}
	}
	x.writes[string(key)] = len(x.batch.ops) - 1
}

func (x *tx) Get(ctx context.Context, key []byte) ([]byte, error) {
	if i, ok := x.writes[string(key)]; ok {
		if op := x.batch.ops[i]; !op.delete {
			return bytes.Clone(op.value), nil
		}
		return nil, ErrNotFound
	}
	x.keys[string(key)] = struct{}{}
	return x.t.Get(ctx, key)
}

// Scan reads the range from the store and lays the transaction's own writes
// over it. The store's page may end before own writes do, so the page is
// asked with as many more as there are own deletes.
func (x *tx) Scan(ctx context.Context, r Range) ([]Entry, bool, error) {
	limit := r.limit()
	wide := r
	wide.Limit = min(limit+len(x.writes), MaxLimit)
	entries, more, err := x.t.Scan(ctx, wide)
	if err != nil {
		return nil, false, err
	}
	seen := r
	if more { // only what was seen can be missed
		last := entries[len(entries)-1].Key
		if r.Reverse {
			seen.Start = last
		} else {
			seen.End = append(bytes.Clone(last), 0)
		}
	}
	x.ranges = append(x.ranges, seen)
	if len(x.writes) > 0 {
		entries = x.overlay(entries, seen, r)
	}
	if len(entries) > limit {
		return entries[:limit], true, nil
	}
	return entries, more, nil
}

func (x *tx) overlay(entries []Entry, seen, r Range) []Entry {
	out := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
		_, own := x.writes[string(e.Key)]
		return own
	})
	for key, i := range x.writes {
		op := x.batch.ops[i]
		if op.delete || !seen.contains([]byte(key)) {
			continue
		}
		e := Entry{Key: []byte(key)}
		if !r.KeysOnly {
			e.Value = bytes.Clone(op.value)
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int {
		if r.Reverse {
			a, b = b, a
		}
		return bytes.Compare(a.Key, b.Key)
	})
	return out
}

// shut refuses everything from now on and waits for what is in flight.
func (t *transactor) shut() bool {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return false
	}
	t.closed = true
	var flying []*commit
	for c := range t.flying {
		flying = append(flying, c)
	}
	t.mu.Unlock()
	for _, c := range flying {
		<-c.done
	}
	return true
}
