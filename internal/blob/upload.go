package blob

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// maxReserve bounds the room that is taken on a client's word alone.
const maxReserve = 64 << 20

// upload is an [Upload] into a file in tmp/.
type upload struct {
	store *Disk
	path  string

	mu      sync.Mutex // guards all below
	out     sink       // nil when it is over
	size    int64      // bytes written
	checked int64      // bytes written when free space was last looked at
	failed  error      // why nothing can be written any more
}

// Create implements [Store].
func (d *Disk) Create(ctx context.Context, sizeHint int64) (Upload, error) {
	if err := d.begin(ctx); err != nil {
		return nil, err
	}
	defer d.end()
	if err := d.spare(max(sizeHint, 0)); err != nil {
		return nil, err
	}
	path := filepath.Join(d.dir, "tmp", fmt.Sprintf("%016x", newVolume()))
	f, out, err := openSink(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't begin blob: %w", spaceError(err))
	}
	u := &upload{store: d, path: path, out: out}
	if sizeHint > 0 {
		if _, err := reserve(f, 0, min(sizeHint, maxReserve)); err != nil {
			u.Discard()
			return nil, fmt.Errorf("couldn't reserve room for blob: %w", spaceError(err))
		}
	}
	return u, nil
}

// Write implements [io.Writer].
func (u *upload) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.out == nil {
		return 0, ErrClosed
	}
	if u.failed != nil {
		return 0, u.failed
	}
	if err := u.out.write(p); err != nil {
		u.failed = fmt.Errorf("couldn't write blob: %w", spaceError(err))
		return 0, u.failed
	}
	u.size += int64(len(p))
	if u.size-u.checked >= flushStep {
		u.checked = u.size
		u.failed = u.store.spare(0)
	}
	return len(p), u.failed
}

// Commit implements [Upload].
func (u *upload) Commit(ctx context.Context) (Ref, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.out == nil {
		return Ref{}, ErrClosed
	}
	defer u.discard()
	if err := u.store.begin(ctx); err != nil {
		return Ref{}, err
	}
	defer u.store.end()
	if u.failed != nil {
		return Ref{}, u.failed
	}
	if err := u.out.finish(u.store.syncFile); err != nil {
		return Ref{}, fmt.Errorf("couldn't sync blob: %w", spaceError(err))
	}
	ref := Ref{Kind: File, Volume: newVolume(), Length: u.size}
	if err := u.store.files.publish(u.path, ref); err != nil {
		return Ref{}, spaceError(err)
	}
	return ref, nil
}

// Discard implements [Upload].
func (u *upload) Discard() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.discard()
}

// discard ends the upload. The file is gone from tmp/ if it was published;
// else it is removed, at the latest by the next start.
func (u *upload) discard() {
	if u.out == nil {
		return
	}
	_ = errors.Join(u.out.close(), os.Remove(u.path))
	u.out = nil
}
