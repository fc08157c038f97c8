package blob

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

const (
	// flushStep is how many bytes an upload writes before it asks the system
	// to begin writing them to the disk, so that the sync at the end finds
	// little to do.
	flushStep = 2 << 20
	// maxReserve bounds the room that is taken on a client's word alone.
	maxReserve = 64 << 20
)

// upload is an [Upload] into a file in tmp/.
type upload struct {
	store *Disk
	path  string

	mu      sync.Mutex // guards all below
	f       *os.File   // nil when it is over
	size    int64      // bytes written
	flushed int64      // bytes whose flush was started
	hint    int64      // bytes reserved
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
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, fmt.Errorf("couldn't begin blob: %w", spaceError(err))
	}
	u := &upload{store: d, path: path, f: f}
	if sizeHint > 0 {
		u.hint = min(sizeHint, maxReserve)
		if _, err := reserve(f, 0, u.hint); err != nil {
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
	if u.f == nil {
		return 0, ErrClosed
	}
	if u.failed != nil {
		return 0, u.failed
	}
	n, err := u.f.WriteAt(p, u.size)
	u.size += int64(n)
	if err != nil {
		u.failed = fmt.Errorf("couldn't write blob: %w", spaceError(err))
		return n, u.failed
	}
	if u.size-u.flushed >= flushStep {
		if u.failed = u.store.spare(0); u.failed != nil {
			return n, u.failed
		}
		startFlush(u.f, u.flushed, u.size-u.flushed)
		u.flushed = u.size
	}
	return n, nil
}

// Commit implements [Upload].
func (u *upload) Commit(ctx context.Context) (Ref, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.f == nil {
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
	if err := u.harden(); err != nil {
		return Ref{}, fmt.Errorf("couldn't sync blob: %w", spaceError(err))
	}
	ref := Ref{Kind: File, Volume: newVolume(), Length: u.size}
	if err := u.store.files.publish(u.path, ref); err != nil {
		return Ref{}, spaceError(err)
	}
	return ref, nil
}

// harden makes the data durable and gives back room that was not used.
func (u *upload) harden() error {
	if u.hint > u.size {
		if err := u.f.Truncate(u.size); err != nil {
			return err
		}
	}
	return u.store.syncFile(u.f)
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
	if u.f == nil {
		return
	}
	_ = errors.Join(u.f.Close(), os.Remove(u.path))
	u.f = nil
}
