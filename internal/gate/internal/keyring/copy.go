package keyring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"writ/internal/gate/internal/disk"
	"writ/internal/gate/internal/register"
	"writ/internal/seal"
)

// The expiry note of a copy, the file "expires": one line of text for people,
//
//	this copy of the keys expires at 2027-02-01T12:00:00Z
//
// and 28 bytes, an empty box under a key derived from the root key whose AAD
// is the line and the epoch's number: nobody without the root key can write
// another time on it.
const (
	noteName = "expires"
	noteHead = "this copy of the keys expires at "
)

func noteBox(root *seal.Key) *seal.Box { return seal.NewBox(root.Derive(nil, "writ/keys-copy/v1")) }

func noteContext(line string, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("writ/keys-copy/v1\n"+line), epoch)
}

// besides are files of package register, which lie with the keys and go where
// they go. They may be missing.
var besides = []string{register.SetsName, register.WritsName}

// Copy copies the keys, sealed as they lie, into dir, which must be missing
// or empty, with a note that they expire at the given time (to the second).
// The copy is durable on return. It is taken between two changes and holds
// none in half.
//
// What expiry means, honestly: after that time this program refuses the copy
// ([ErrExpired]) and [DestroyExpired] destroys it. Bytes cannot refuse
// anything themselves: whoever has the copy and what unseals the root key
// opens with it every KEK that it holds, also of customers shredded since,
// until it is destroyed. Keep copies of keys/ apart from all other backups,
// and let them expire soon.
func (k *Keyring) Copy(dir string, expires time.Time) error {
	return k.changing(func() error {
		expires := expires.UTC().Truncate(time.Second)
		if !expires.After(k.now()) {
			return fmt.Errorf("couldn't copy the keys: the expiry %s is past", expires.Format(time.RFC3339))
		}
		if empty, err := Empty(dir); err != nil {
			return err
		} else if !empty {
			return fmt.Errorf("couldn't copy the keys: the target folder: %w", ErrExists)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("couldn't make the folder for the copy: %w", disk.Full(err))
		}
		line := noteHead + expires.Format(time.RFC3339) + "\n"
		note := noteBox(k.root).Seal([]byte(line), nil, noteContext(line, k.epoch.number))
		if err := disk.WriteFile(filepath.Join(dir, noteName), note); err != nil { // first: no copy lies about without its note
			return err
		}
		for _, name := range append([]string{epochName(k.epoch.number), rootName}, besides...) {
			b, err := os.ReadFile(filepath.Join(k.dir, name))
			if errors.Is(err, fs.ErrNotExist) && slices.Contains(besides, name) {
				continue
			}
			if err != nil {
				return fmt.Errorf("couldn't read keys/%s: %w", name, err)
			}
			if err := disk.WriteFile(filepath.Join(dir, name), b); err != nil {
				return err
			}
		}
		return disk.SyncDir(dir)
	})
}

// acceptCopy makes a copy that was put in place the keyring itself, if it has
// not expired, by removing its note.
func acceptCopy(dir string, root *seal.Key, epoch uint64, now time.Time) error {
	b, err := os.ReadFile(filepath.Join(dir, noteName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("couldn't read keys/%s: %w", noteName, err)
	}
	expires, line, err := parseNote(b)
	if err != nil {
		return err
	}
	if _, err := noteBox(root).Open(nil, b[len(line):], noteContext(line, epoch)); err != nil {
		return fmt.Errorf("keys/%s: %w", noteName, ErrCorrupt)
	}
	if !now.Before(expires) {
		return fmt.Errorf("%w: at %s", ErrExpired, expires.Format(time.RFC3339))
	}
	if err := os.Remove(filepath.Join(dir, noteName)); err != nil {
		return fmt.Errorf("couldn't remove keys/%s: %w", noteName, err)
	}
	return disk.SyncDir(dir)
}

// parseNote reads the time and the line off a note; whether they are true
// only the box tells.
func parseNote(b []byte) (expires time.Time, line string, err error) {
	if len(b) < boxOverhead {
		return time.Time{}, "", fmt.Errorf("keys/%s: %w", noteName, ErrCorrupt)
	}
	line = string(b[:len(b)-boxOverhead])
	text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), noteHead)
	expires, err = time.Parse(time.RFC3339, text)
	if !ok || err != nil {
		return time.Time{}, "", fmt.Errorf("keys/%s: %w", noteName, ErrCorrupt)
	}
	return expires, line, nil
}

// DestroyExpired overwrites and unlinks the copy of the keys in dir if its
// note says that its time is over; it needs no key for that. It returns
// whether it did. [ErrNoKeys] if dir has no note: it is no copy.
func DestroyExpired(dir string, now time.Time) (bool, error) {
	b, err := os.ReadFile(filepath.Join(dir, noteName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("not a copy of keys: %w", ErrNoKeys)
	}
	if err != nil {
		return false, fmt.Errorf("couldn't read the copy's note: %w", err)
	}
	expires, _, err := parseNote(b)
	if err != nil || now.Before(expires) {
		return false, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("couldn't look into the copy: %w", err)
	}
	for _, e := range entries {
		if _, ok := parseEpochName(e.Name()); ok || e.Name() == rootName || slices.Contains(besides, e.Name()) {
			if err := destroy(filepath.Join(dir, e.Name())); err != nil {
				return false, err
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, noteName)); err != nil { // last: a crash leaves it to be found again
		return false, fmt.Errorf("couldn't remove the copy's note: %w", err)
	}
	if err := os.Remove(dir); err != nil {
		return false, fmt.Errorf("couldn't remove the copy's folder: %w", err)
	}
	return true, disk.SyncDir(filepath.Dir(filepath.Clean(dir)))
}
