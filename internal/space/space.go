// Package space watches how much room a file system has left, so that what
// keeps data can stop adding before the disk is full: deleting, compacting and
// journaling need room too, and a disk filled to its last byte could not be
// emptied.
package space

import (
	"sync"
	"time"
)

// Watch tells the free space of the file system that a folder lies on. It asks
// the kernel at most every 10 ms. The zero Watch with a Dir is ready.
type Watch struct {
	Dir string

	mu   sync.Mutex // guards all below
	when time.Time
	last int64
}

const often = 10 * time.Millisecond

// Free returns the bytes that this process may still use, or a very large
// number where the file system does not say.
func (w *Watch) Free() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); now.Sub(w.when) >= often {
		w.when, w.last = now, free(w.Dir)
	}
	return w.last
}

const unknown = 1 << 62
