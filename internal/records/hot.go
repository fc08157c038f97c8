package records

import (
	"bytes"
	"container/list"
	"sync"
)

const (
	// hotBytes bounds what is remembered, keys and values, in bytes.
	hotBytes = 8 << 20
	// hotValue is the largest value that is: a bucket, an account, a version,
	// but not an object's bytes.
	hotValue = 2 << 10
	hotExtra = 200 // what an entry takes beside its key and value, about
)

// hot remembers the values last read and written, so that what every operation
// reads (its bucket, its account, the version just stored) is neither searched
// for nor opened each time. Whoever commits forgets first; see
// [transactor.read].
type hot struct {
	mu     sync.Mutex // guards all below
	byKey  map[string]*list.Element
	recent list.List // of Entry, the latest used first
	bytes  int
}

func newHot() *hot { return &hot{byKey: map[string]*list.Element{}} }

// get returns a copy of a value that is remembered.
func (h *hot) get(key []byte) ([]byte, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.byKey[string(key)]
	if e == nil {
		return nil, false
	}
	h.recent.MoveToFront(e)
	return bytes.Clone(e.Value.(Entry).Value), true
}

func (h *hot) put(key, value []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(h.byKey[string(key)])
	if len(value) > hotValue {
		return
	}
	e := Entry{bytes.Clone(key), bytes.Clone(value)}
	h.byKey[string(key)] = h.recent.PushFront(e)
	h.bytes += len(e.Key) + len(e.Value) + hotExtra
	for h.bytes > hotBytes {
		h.forget(h.recent.Back())
	}
}

// write remembers what was applied.
func (h *hot) write(ops []op) {
	for i := range ops {
		if o := &ops[i]; o.delete {
			h.drop([][]byte{o.key}) // may have been put before, in the same batch
		} else {
			h.put(o.key, o.value)
		}
	}
}

// drop forgets keys.
func (h *hot) drop(keys [][]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range keys {
		h.forget(h.byKey[string(key)])
	}
}

// forget forgets an entry, if it is one; mu is held.
func (h *hot) forget(e *list.Element) {
	if e == nil {
		return
	}
	entry := h.recent.Remove(e).(Entry)
	delete(h.byKey, string(entry.Key))
	h.bytes -= len(entry.Key) + len(entry.Value) + hotExtra
}
