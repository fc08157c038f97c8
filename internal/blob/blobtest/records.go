// Package blobtest checks that a [blob.Store] keeps what the interface
// promises. Every implementation runs [Conformance].
package blobtest

import (
	"context"
	"sync"

	"writ/internal/blob"
)

// Records is a [blob.Owners] in memory: records with a name, each of which
// names one blob. The zero value has none.
type Records struct {
	mu     sync.Mutex // guards all below
	byName map[string]blob.Ref
	byRef  map[blob.Ref]string
	moves  int
}

var _ blob.Owners = (*Records)(nil)

// Set makes the record name own ref.
func (r *Records) Set(name string, ref blob.Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName, r.byRef = make(map[string]blob.Ref), make(map[blob.Ref]string)
	}
	if old, ok := r.byName[name]; ok {
		delete(r.byRef, old)
	}
	r.byName[name], r.byRef[ref] = ref, name
}

// Remove removes the record and returns the ref that it owned, zero if there
// was none.
func (r *Records) Remove(name string) blob.Ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	ref := r.byName[name]
	delete(r.byName, name)
	delete(r.byRef, ref)
	return ref
}

// Ref returns what the record owns now, zero if there is none.
func (r *Records) Ref(name string) blob.Ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byName[name]
}

// Names returns the names of all records.
func (r *Records) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.byName))
	for name := range r.byName {
		names = append(names, name)
	}
	return names
}

// Moves returns how many records were moved.
func (r *Records) Moves() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moves
}

// Owned implements [blob.Owners].
func (r *Records) Owned(ctx context.Context, refs []blob.Ref) ([]bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	owned := make([]bool, len(refs))
	for i, ref := range refs {
		_, owned[i] = r.byRef[ref]
	}
	return owned, ctx.Err()
}

// Move implements [blob.Owners].
func (r *Records) Move(ctx context.Context, from, to blob.Ref) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, ok := r.byRef[from]
	if !ok {
		return false, ctx.Err()
	}
	delete(r.byRef, from)
	r.byName[name], r.byRef[to] = to, name
	r.moves++
	return true, nil
}
