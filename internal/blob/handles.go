package blob

import (
	"container/list"
	"os"
	"sync"
)

// handles keeps segment files open for reading, the least recently used
// closed first. A handle in use is never closed.
type handles struct {
	max int

	mu    sync.Mutex // guards all below, and the fields of handle
	byVol map[uint64]*handle
	idle  list.List // of *handle with no users, most recently used in front
}

type handle struct {
	volume uint64
	f      *os.File
	users  int
	at     *list.Element // in idle; nil while in use
	gone   bool          // not to be kept
}

func newHandles(n int) *handles { return &handles{max: n, byVol: make(map[uint64]*handle)} }

// acquire returns a handle of the file at path; release must follow.
func (c *handles) acquire(volume uint64, path string) (*handle, error) {
	if h := c.take(volume); h != nil {
		return h, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.takeLocked(volume); h != nil {
		f.Close() // another opened it meanwhile
		return h, nil
	}
	h := &handle{volume: volume, f: f, users: 1}
	c.byVol[volume] = h
	return h, nil
}

func (c *handles) take(volume uint64) *handle {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.takeLocked(volume)
}

func (c *handles) takeLocked(volume uint64) *handle {
	h := c.byVol[volume]
	if h == nil {
		return nil
	}
	if h.at != nil {
		c.idle.Remove(h.at)
		h.at = nil
	}
	h.users++
	return h
}

// release gives h back.
func (c *handles) release(h *handle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.users--; h.users > 0 {
		return
	}
	if h.gone {
		h.f.Close()
		return
	}
	h.at = c.idle.PushFront(h)
	for c.idle.Len() > 0 && len(c.byVol) > c.max {
		c.dropLocked(c.idle.Back().Value.(*handle))
	}
}

// drop forgets the handle of volume: those who read keep it, nobody else
// gets it.
func (c *handles) drop(volume uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.byVol[volume]; h != nil {
		c.dropLocked(h)
	}
}

// close drops all.
func (c *handles) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.max = 0
	for _, h := range c.byVol {
		c.dropLocked(h)
	}
}

func (c *handles) dropLocked(h *handle) {
	delete(c.byVol, h.volume)
	h.gone = true
	if h.at != nil {
		c.idle.Remove(h.at)
		h.at = nil
		h.f.Close()
	}
}
