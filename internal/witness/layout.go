package witness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"writ/internal/durable"
)

// Layout is where the parts of a witness lie.
//
//	DIR/state       what was cosigned last, of each log
//	DIR/key         the witness's key, mode 0600, unless Key is elsewhere
//	DIR/logs        which logs it serves, written by the operator
//	DIR/evidence/   what logs signed and should not have
//	DIR/lock        keeps a second process out
type Layout struct {
	Dir string
	Key string // the key's file
}

// In is the layout in which all lies in one folder.
func In(dir string) Layout { return Layout{Dir: dir, Key: filepath.Join(dir, "key")} }

// Logs is the file that says which logs are served; see [ReadLogs].
func (l Layout) Logs() string { return filepath.Join(l.Dir, "logs") }

// Evidence is the folder of evidence; see [Evidence].
func (l Layout) Evidence() string { return filepath.Join(l.Dir, "evidence") }

func (l Layout) state() string { return filepath.Join(l.Dir, "state") }

// ErrExists: there is a witness already.
var ErrExists = errors.New("there is a witness already")

// Init makes a witness: its key, and an empty state. Neither may be there.
// Errors: [ErrExists], [ErrName].
func Init(l Layout, name string) error {
	secret, err := newKey(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make the witness's folder: %w", err)
	}
	lock, err := lockFolder(l.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, file := range []string{l.Key, l.state()} {
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s", ErrExists, file)
		}
	}
	k, err := parseKey(secret)
	if err != nil {
		return fmt.Errorf("couldn't make a key: %w", err)
	}
	// The key first: one without a state is refused, and has signed nothing.
	if err := durable.WriteFile(l.Key, []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	return writeState(l.state(), k, nil)
}

// NewState gives a key that is there an empty state. It is for a key that has
// signed nothing, as after an interrupted [Init]: a key that has signed and
// forgotten can be made to sign another history. A state that opens is
// [ErrExists]; one that doesn't is kept beside the new one.
func NewState(l Layout) error {
	k, err := readKey(l.Key)
	if err != nil {
		return err
	}
	lock, err := lockFolder(l.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	_, err = readState(l.state(), k)
	switch {
	case err == nil:
		return fmt.Errorf("%w: %s is whole", ErrExists, l.state())
	case errors.Is(err, ErrState):
		if err := os.Rename(l.state(), l.state()+".replaced"); err != nil {
			return fmt.Errorf("couldn't put the old state aside: %w", err)
		}
	case !errors.Is(err, ErrNoState):
		return err
	}
	return writeState(l.state(), k, nil)
}

// VerifierKey reads a witness's name and its public key (vkey, type 0x04).
// Errors: [ErrNoKey], [ErrKey].
func VerifierKey(l Layout) (name, vkey string, err error) {
	k, err := readKey(l.Key)
	if err != nil {
		return "", "", err
	}
	return k.name, k.vkey, nil
}
