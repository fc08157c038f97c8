// Package durable puts small files in place so that a crash leaves the old one
// or the new one, whole.
package durable

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// unfinished is what a file is called while it is written. What a crash leaves of
// it the next write takes: there is never more than one.
const unfinished = ".new"

// WriteFile puts a file in place of what is there: whole and durable on return,
// and whole or not at all after a crash.
func WriteFile(name string, body []byte, mode os.FileMode) error {
	tmp := name + unfinished
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't create a file: %w", err)
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		return fmt.Errorf("couldn't write %s: %w", name, err)
	}
	return SyncDir(filepath.Dir(name))
}

// SyncDir makes the names in a folder durable. Windows has no way to.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("couldn't open a folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("couldn't sync %s: %w", dir, err)
	}
	return nil
}
