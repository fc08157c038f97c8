package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// RestoreOptions says what to bring back, and where.
type RestoreOptions struct {
	From     string // folder of the backup
	Keys     string // folder of the copy of keys/ that goes with it; "" leaves keys/ out
	To       string // data folder to make; must be missing or empty
	Progress Progress
}

// A Restored says what a restore brought back, file by file, and what it
// could not. Which objects are whole, [Vault.Fsck] says, once the folder is
// opened.
type Restored struct {
	Made    time.Time // when the backup was made
	Files   int64
	Bytes   int64
	Keys    bool           // whether keys/ was brought back
	Damaged []RestoredFile // brought back as they are, though they differ from the manifest
	Missing []RestoredFile // named by the manifest, not in the backup or not readable
	Extra   []string       // in the backup, not named by the manifest, left out
}

// A RestoredFile is one file that is not as the backup's manifest says.
type RestoredFile struct {
	Path   string // within the backup, with slashes
	Reason string
}

// Whole reports whether every file came back as it was backed up.
func (r Restored) Whole() bool { return len(r.Damaged)+len(r.Missing) == 0 }

// Restore copies a backup into a new data folder. A damaged file is brought
// back all the same, since most of what it holds may be whole and the rest is
// found by its chunks' tags; the report names it. Restore fails with
// [ErrNoBackup], [ErrBackupFormat], [ErrBackupManifest] or [ErrNotEmpty], and
// with [ErrNoSpace] on a full disk, after which the folder holds no data
// folder that a server would open: keys/ comes last.
func Restore(ctx context.Context, o RestoreOptions) (Restored, error) {
	var r Restored
	if err := requireEmpty(o.To); err != nil {
		return r, err
	}
	_, end, err := readManifest(o.From, func(manifestFile) error { return nil })
	if err != nil {
		return r, fmt.Errorf("couldn't restore: %w", err)
	}
	if err := os.MkdirAll(o.To, 0o700); err != nil {
		return r, fmt.Errorf("couldn't create data folder: %w", spaceError(err))
	}
	known := make(map[string]bool) // one entry a file: as many as the backup has
	head, _, err := readManifest(o.From, func(file manifestFile) error {
		known[file.Path] = true
		if err := r.bring(ctx, o, file); err != nil {
			return err
		}
		o.Progress.report("restore", r.Bytes, end.Bytes)
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("couldn't restore: %w", err)
	}
	r.Made = head.Made
	err = eachFile(o.From, func(path string, _ int64) error {
		if !known[path] && path != manifestName {
			r.Extra = append(r.Extra, path)
		}
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("couldn't list backup: %w", err)
	}
	if o.Keys != "" {
		if err := copyTree(ctx, o.Keys, filepath.Join(o.To, keysFolder)); err != nil {
			return r, fmt.Errorf("couldn't bring keys back: %w", err)
		}
		r.Keys = true
	}
	return r, syncFolder(o.To)
}

// bring copies one file and compares it with its line in the manifest.
func (r *Restored) bring(ctx context.Context, o RestoreOptions, file manifestFile) error {
	path := filepath.FromSlash(file.Path)
	source, err := os.Stat(filepath.Join(o.From, path))
	if err != nil || !source.Mode().IsRegular() {
		r.Missing = append(r.Missing, RestoredFile{file.Path, "it is not in the backup"})
		return nil
	}
	target := filepath.Join(o.To, path)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return fmt.Errorf("couldn't create folder: %w", spaceError(err))
	}
	size, digest, err := copyFile(ctx, filepath.Join(o.From, path), target)
	var reading *readError
	switch {
	case errors.As(err, &reading):
		r.Missing = append(r.Missing, RestoredFile{file.Path, "it cannot be read: " + reading.err.Error()})
		return nil
	case err != nil:
		return fmt.Errorf("couldn't copy %s: %w", file.Path, err)
	case size != file.Size:
		r.Damaged = append(r.Damaged, RestoredFile{file.Path, fmt.Sprintf("it has %d bytes, not %d", size, file.Size)})
	case digest != file.SHA256:
		r.Damaged = append(r.Damaged, RestoredFile{file.Path, "its SHA-256 differs"})
	}
	r.Files++
	r.Bytes += size
	return nil
}

// keysFolder is the folder of the data folder that the gate's keys lie in.
const keysFolder = "keys"

// requireEmpty returns [ErrNotEmpty] unless dir is missing or empty.
func requireEmpty(dir string) error {
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't look into folder: %w", err)
	}
	if len(names) > 0 {
		return fmt.Errorf("%s: %w", dir, ErrNotEmpty)
	}
	return nil
}

// A readError is a failure to read the source of a copy.
type readError struct{ err error }

func (e *readError) Error() string { return "couldn't read: " + e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// copyFile copies one file, durable on return but for its name. Errors of the
// source are [*readError], but for the context's.
func copyFile(ctx context.Context, from, to string) (size int64, digest string, err error) {
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, "", spaceError(err)
	}
	defer dst.Close()
	w := &writeWatch{f: dst}
	size, digest, err = hashFile(ctx, from, w)
	switch {
	case w.err != nil:
		return 0, "", spaceError(w.err)
	case ctx.Err() != nil:
		return 0, "", ctx.Err()
	case err != nil:
		os.Remove(to)
		return 0, "", &readError{err}
	}
	if err := errors.Join(dst.Sync(), dst.Close()); err != nil {
		return 0, "", spaceError(err)
	}
	return size, digest, nil
}

// writeWatch remembers that writing failed, to tell it from reading.
type writeWatch struct {
	f   *os.File
	err error
}

func (w *writeWatch) Write(p []byte) (n int, err error) {
	n, err = w.f.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// copyTree copies all regular files under from.
func copyTree(ctx context.Context, from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return spaceError(err)
	}
	err := eachFile(from, func(path string, _ int64) error {
		target := filepath.Join(to, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return spaceError(err)
		}
		_, _, err := copyFile(ctx, filepath.Join(from, filepath.FromSlash(path)), target)
		return err
	})
	if err != nil {
		return err
	}
	return syncFolder(to)
}
