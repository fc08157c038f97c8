package vault

import "sync"

// A cache keeps a bounded number of values of records that only this process
// writes. The zero value, with a limit, is empty.
//
// What is read from the records is only kept if nothing was forgotten since
// the reading began, so that a value never outlives the change that made it
// old.
type cache[K comparable, V any] struct {
	limit int // entries

	mu     sync.RWMutex // guards all below
	values map[K]V
	epoch  uint64 // raised by every forget
}

// get returns the value, or the epoch to hand to keep after reading it.
func (c *cache[K, V]) get(key K) (value V, epoch uint64, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	value, ok = c.values[key]
	return value, c.epoch, ok
}

// keep stores a value that was read after get returned the epoch.
func (c *cache[K, V]) keep(key K, value V, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch != epoch {
		return
	}
	if c.values == nil {
		c.values = make(map[K]V)
	}
	for old := range c.values { // any, as maps range in random order
		if len(c.values) < c.limit {
			break
		}
		delete(c.values, old)
	}
	c.values[key] = value
}

// forget drops the values for which match is true. It is called after the
// change of the record is durable, and before the change is answered.
func (c *cache[K, V]) forget(match func(K, V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for key, value := range c.values {
		if match(key, value) {
			delete(c.values, key)
		}
	}
}

// drop forgets one key.
func (c *cache[K, V]) drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	delete(c.values, key)
}
