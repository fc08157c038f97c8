package vault

import (
	"sync"

	"writ"
)

// reading counts who reads which version made of parts. A version of one blob
// needs no such thing: its blob stays readable once it is open. A version of
// many is opened part by part while it is read, so that the removal of its
// parts waits until the last reader has gone, as a deleted file's bytes do.
//
// It is of this process, as are the readers: after a crash there are none.
type reading struct {
	mu       sync.Mutex // guards both
	readers  map[writ.BlobID]int
	removing map[writ.BlobID]bool
}

// begin counts one reader more. ok is false if the parts are being removed;
// else end must be called once.
func (r *reading) begin(id writ.BlobID) (end func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.removing[id] {
		return nil, false
	}
	if r.readers == nil {
		r.readers = make(map[writ.BlobID]int)
	}
	r.readers[id]++
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.readers[id]--; r.readers[id] == 0 {
			delete(r.readers, id)
		}
	}), true
}

// remove says that the parts are being removed. ok is false if somebody reads
// or removes them; else end must be called once.
func (r *reading) remove(id writ.BlobID) (end func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.readers[id] > 0 || r.removing[id] {
		return nil, false
	}
	if r.removing == nil {
		r.removing = make(map[writ.BlobID]bool)
	}
	r.removing[id] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.removing, id)
	}, true
}
