package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"writ/internal/gate/internal/disk"
)

// Copy copies all journals, sealed as they lie, into dir, which must be
// missing or empty, while entries go on being appended. Each customer's
// folder is copied as of one moment during the call: what was appended before
// the call is in the copy. The copy is durable on return.
//
// A tail that grows is copied up to where it was read, as a crash would have
// left it. A folder in which a segment was closed or dropped meanwhile, as its
// heads or its names tell, is copied again.
func (j *Journal) Copy(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make the folder for the copy: %w", disk.Full(err))
	}
	folders, err := os.ReadDir(j.dir)
	if err != nil {
		return fmt.Errorf("couldn't list the journals: %w", err)
	}
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		if err := copyStill(ctx, filepath.Join(j.dir, f.Name()), filepath.Join(dir, f.Name())); err != nil {
			return fmt.Errorf("couldn't copy journal/%s: %w", f.Name(), err)
		}
	}
	return disk.SyncDir(dir)
}

// copyTries is how often a folder is copied that does not keep still; a
// segment is closed after megabytes or days.
const copyTries = 100

// errMoved: a segment was closed or dropped while its folder was copied.
var errMoved = errors.New("the folder changed while it was copied")

func copyStill(ctx context.Context, from, to string) error {
	for range copyTries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
		err := copyOnce(from, to)
		if errors.Is(err, fs.ErrNotExist) {
			if _, gone := os.Stat(from); gone != nil { // the whole folder was dropped
				return os.RemoveAll(to)
			}
			continue
		}
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return errMoved
}

// copyOnce copies one folder; [errMoved] or [fs.ErrNotExist] if it did not
// keep still.
func copyOnce(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return disk.Full(err)
	}
	before, err := names(from)
	if err != nil {
		return err
	}
	for _, name := range before {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	after, err := names(from)
	if err != nil {
		return err
	}
	heads, err := os.Stat(filepath.Join(from, headsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	copied, copiedErr := os.Stat(filepath.Join(to, headsName))
	switch {
	case fmt.Sprint(before) != fmt.Sprint(after):
		return errMoved
	case (err == nil) != (copiedErr == nil):
		return errMoved
	case err == nil && heads.Size() != copied.Size():
		return errMoved
	}
	return disk.SyncDir(to)
}

func names(dir string) (all []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all, err
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return disk.Full(err)
	}
	if _, err := io.Copy(dst, src); err != nil {
		dst.Close()
		return disk.Full(err)
	}
	return disk.SyncClose(dst)
}
