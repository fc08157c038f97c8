// Package folder is the data folder of a server: what lies where in it, and
// which format it has.
//
//	version        the number of the folder's format, one line
//	writ.yaml      settings, if the operator keeps them here
//	keys/          root key (sealed), epoch and customers' keys (gate)
//	journal/       every use of a key, sealed (gate)
//	records/       names and metadata, encrypted (records)
//	blobs/         objects, sealed (blob)
//	ledger/        the public log, and its key, sealed
//	ca.pem         certificate of the server's own authority
//	ca.key.sealed  that authority's key, sealed
//	tls/acme/      certificates by ACME and their keys, sealed
//	admin.sock     administration of the running server
//
// The folder belongs to one server at a time: the gate locks it.
package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"writ/internal/durable"
)

// Format is the number of the folder's format that this program writes. It
// reads no newer one.
const Format = 1

// The errors of [Prepare] and [Check].
var (
	// ErrNewer: a newer version of the program wrote the folder.
	ErrNewer = errors.New("data folder was written by a newer version of writ")
	// ErrNone: there is no data folder of Writ's.
	ErrNone = errors.New("not a data folder of writ")
	// ErrDamaged: the version file is not as it was written.
	ErrDamaged = errors.New("version file is damaged")
	// ErrForeign: the folder holds other things.
	ErrForeign = errors.New("folder holds other things than a server's data")
)

const versionFile = "version"

// Folder names what lies in a data folder.
type Folder string

// The places of the folder.
func (f Folder) Records() string { return filepath.Join(string(f), "records") }
func (f Folder) Blobs() string   { return filepath.Join(string(f), "blobs") }
func (f Folder) Keys() string    { return filepath.Join(string(f), "keys") }
func (f Folder) Ledger() string  { return filepath.Join(string(f), "ledger") }

// Packages is where packages for authorities lie, sealed to them.
func (f Folder) Packages() string { return filepath.Join(string(f), "packages") }

// Restored is a file that says that the folder came from a backup: its public
// log may have gone on since, and must not go on from here as if it had not.
func (f Folder) Restored() string { return filepath.Join(f.Ledger(), "restored") }

// MarkRestored makes that file, if a public log came with the backup.
func (f Folder) MarkRestored() error {
	if _, err := os.Stat(f.Ledger()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return durable.WriteFile(f.Restored(), []byte("this folder came from a backup\n"), 0o600)
}

// IsRestored says whether the mark is there.
func (f Folder) IsRestored() (bool, error) {
	_, err := os.Lstat(f.Restored())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("couldn't look for %s: %w", f.Restored(), err)
	}
	return true, nil
}

func (f Folder) CA() string     { return filepath.Join(string(f), "ca.pem") }
func (f Folder) CAKey() string  { return filepath.Join(string(f), "ca.key.sealed") }
func (f Folder) ACME() string   { return filepath.Join(string(f), "tls", "acme") }
func (f Folder) Socket() string { return filepath.Join(string(f), "admin.sock") }

// Check returns nil if the folder exists and this program can read it,
// [ErrNone], [ErrNewer] or [ErrDamaged]. It changes nothing.
func (f Folder) Check() error {
	body, err := os.ReadFile(filepath.Join(string(f), versionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", f, ErrNone)
	}
	if err != nil {
		return fmt.Errorf("couldn't read the data folder's version: %w", err)
	}
	number, ended := strings.CutSuffix(string(body), "\n")
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil || !ended || n == 0 {
		return fmt.Errorf("%s: %w", filepath.Join(string(f), versionFile), ErrDamaged)
	}
	if n > Format {
		return fmt.Errorf("%s: %w: its format is %d, this one reads up to %d", f, ErrNewer, n, Format)
	}
	return nil
}

// Prepare checks the folder, and makes a new one if it is missing or empty (a
// settings' file may lie there). A folder that holds anything else is
// [ErrForeign]: a mistyped path must not scatter keys among somebody's files.
func (f Folder) Prepare() error {
	err := f.Check()
	if !errors.Is(err, ErrNone) {
		return err
	}
	names, err := os.ReadDir(string(f))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't look into the data folder: %w", err)
	}
	for _, name := range names {
		switch name.Name() {
		case "writ.yaml", "lost+found", versionFile + ".new": // the last is what a crash left of a first start
		default:
			return fmt.Errorf("%s: %w: %s", f, ErrForeign, name.Name())
		}
	}
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("couldn't make the data folder: %w", err)
	}
	return durable.WriteFile(filepath.Join(string(f), versionFile), []byte(strconv.Itoa(Format)+"\n"), 0o600)
}

// Extras are the files of the folder that belong to no room, by their place
// in a backup: the version, the settings, the authority. Some may be missing.
func (f Folder) Extras() map[string]string {
	extras := map[string]string{}
	for _, name := range []string{versionFile, "writ.yaml", "ca.pem", "ca.key.sealed"} {
		extras[name] = filepath.Join(string(f), name)
	}
	return extras
}
