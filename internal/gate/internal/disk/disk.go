// Package disk has the few steps that keyring and journal share for keeping
// files whole: what was written is durable when the function returns. It also
// has the errors that both give.
package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

var (
	// ErrNoSpace: the disk or a quota is full.
	ErrNoSpace = errors.New("no space left on the disk")
	// ErrClosed: the keys and the journals were closed.
	ErrClosed = errors.New("the gate is closed")
)

// Full adds [ErrNoSpace] to an error that says that the disk or a quota is
// full, and leaves every other as it is.
func Full(err error) error {
	if (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) && !errors.Is(err, ErrNoSpace) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("couldn't open a folder to sync it: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("couldn't sync a folder: %w", Full(err))
	}
	return nil
}

// WriteFile writes a whole file of mode 0600 and makes its bytes durable; its
// name is durable after [SyncDir].
func WriteFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't create %s: %w", filepath.Base(path), Full(err))
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return fmt.Errorf("couldn't write %s: %w", filepath.Base(path), Full(err))
	}
	return SyncClose(f)
}

// WriteAt writes data into a file, which is created if need be, and makes its
// bytes durable.
func WriteAt(path string, data []byte, off int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't open %s: %w", filepath.Base(path), Full(err))
	}
	if _, err := f.WriteAt(data, off); err != nil {
		f.Close()
		return fmt.Errorf("couldn't write %s: %w", filepath.Base(path), Full(err))
	}
	return SyncClose(f)
}

// SyncClose makes a file's bytes durable and closes it.
func SyncClose(f *os.File) error {
	err := f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("couldn't sync %s: %w", filepath.Base(f.Name()), Full(err))
	}
	return nil
}

// AllZero tells whether there is nothing but zeros in b: what some file
// systems leave of an append that a crash interrupted.
func AllZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
