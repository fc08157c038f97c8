package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"writ/internal/gate/internal/disk"
)

// step is called between the steps of every change to the folder, so that a
// test can stop the world there. It does nothing otherwise.
var step = func(string) {}

// overwrite replaces the bytes of an open file by random ones, in place, and
// makes that durable.
func overwrite(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for off := int64(0); off < info.Size(); {
		n := min(int64(len(buf)), info.Size()-off)
		rand.Read(buf[:n]) // never fails (crypto/rand, since Go 1.24)
		if _, err := f.WriteAt(buf[:n], off); err != nil {
			return err
		}
		off += n
	}
	return f.Sync()
}

// destroy overwrites a file, unlinks it and makes that durable. A file that
// is gone already is no error.
func destroy(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = overwrite(f)
		f.Close()
	}
	if err != nil {
		return fmt.Errorf("couldn't overwrite %s: %w", filepath.Base(path), err)
	}
	step("old file overwritten")
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("couldn't unlink %s: %w", filepath.Base(path), err)
	}
	step("old file unlinked")
	return disk.SyncDir(filepath.Dir(path))
}

// replace puts data in place of the file at path, atomically and durably,
// and then overwrites the bytes that lay there before.
func replace(path string, data []byte) error {
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't open %s: %w", filepath.Base(path), err)
	}
	if old != nil {
		defer old.Close()
	}
	tmp := path + unfinished
	if err := disk.WriteFile(tmp, data); err != nil {
		os.Remove(tmp)
		return err
	}
	step("new file written")
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("couldn't put %s in place: %w", filepath.Base(path), disk.Full(err))
	}
	if err := disk.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	step("new file in place")
	if old != nil {
		if err := overwrite(old); err != nil {
			return fmt.Errorf("couldn't overwrite the old %s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

// unfinished ends the name of a file that is being written.
const unfinished = ".new"
