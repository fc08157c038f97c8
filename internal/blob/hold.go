package blob

import "sync"

// holds puts off removals while somebody holds.
type holds struct {
	mu   sync.RWMutex   // read-locked while something is removed; guards all below
	n    int            // how many hold
	late []func() error // removals put off
}

// unless runs remove now or, while somebody holds, later: its error is then
// lost, which is harmless, as Reclaim finds again what was not removed.
func (h *holds) unless(remove func() error) error {
	if done, err := h.now(remove); done {
		return err
	}
	h.mu.Lock()
	if h.n > 0 {
		h.late = append(h.late, remove)
		h.mu.Unlock()
		return nil
	}
	h.mu.Unlock()
	return h.unless(remove)
}

func (h *holds) now(remove func() error) (done bool, err error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.n > 0 {
		return false, nil
	}
	return true, remove()
}

// hold waits for running removals and lets no new ones begin until release.
func (h *holds) hold() (release func()) {
	h.mu.Lock()
	h.n++
	h.mu.Unlock()
	return sync.OnceFunc(func() {
		h.mu.Lock()
		h.n--
		var late []func() error
		if h.n == 0 {
			late, h.late = h.late, nil
		}
		h.mu.Unlock()
		for _, remove := range late {
			_ = h.unless(remove)
		}
	})
}
