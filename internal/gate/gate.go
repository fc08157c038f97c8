// Package gate is the only way to a key.
//
// Whoever wants the key of a blob comes with a [Right] and says what for
// ([Use]). The gate checks that the right is the data owner's, writes the use
// into the owner's journal, and only then unwraps the key. If the journal
// cannot be written, nothing opens.
//
// Inside, the gate has two rooms that Go's rule for internal folders keeps
// from everybody else: keyring holds and unwraps the keys, journal the
// entries. One function of this package, release, calls keyring's one unwrap
// function; internal/invariants proves on every build that nothing else in
// the program refers to either.
//
// # Upkeep
//
// [Gate.Rewrap], [Gate.Pin] and [Gate.Unpin] move a wrapped key from one
// key-encryption key to another. They give no key out. Rewrapping is
// journaled with the customer; pinning is journaled with the docket, because
// a silent preservation must not show in what the customer reads.
//
// # Openings under law
//
// [Gate.Begin] takes what custodians signed and what was committed to in the
// ledger, verifies all of it by itself, and counts the list of versions against
// the writ's limits; [Opening.Read] opens one of them for as long as the writ
// and its quorum stand, and gives out bytes, never a key. Only pinned keys open
// so, and only so do pinned keys open. The chain of custodians and the counts
// are the gate's own (package register). docs/writ.md has the order of all
// checks, and what they do not withstand.
//
// # What the gate does not withstand
//
// Whoever can read or change the memory of the running process, and whoever
// has both the keys folder and what unseals it (the passphrase, the key
// file), opens everything. See the custody table of the project.
package gate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"writ"
	"writ/internal/gate/internal/disk"
	"writ/internal/gate/internal/journal"
	"writ/internal/gate/internal/keyring"
	"writ/internal/gate/internal/warrant"
	"writ/internal/seal"
)

// The errors that callers tell apart with [errors.Is].
var (
	// ErrDenied: the right does not cover the use.
	ErrDenied = errors.New("not allowed")
	// ErrInUse: another process has the data folder's gate open.
	ErrInUse = errors.New("data folder is in use by another server")
	// ErrNoSpace: the disk is full. Nothing was released, nothing changed.
	ErrNoSpace = disk.ErrNoSpace
	// ErrJournal: the customer's journal is damaged, so nothing of the
	// customer's opens until it is set aside ([Gate.SetJournalAside]).
	ErrJournal = journal.ErrCorrupt

	ErrNoCustomer  = keyring.ErrNoCustomer  // no customer of that id has keys
	ErrExists      = keyring.ErrExists      // a customer of that id has or had keys
	ErrShredded    = keyring.ErrShredded    // the customer's keys were destroyed
	ErrNoKEK       = keyring.ErrNoKEK       // that version of the customer's key was retired
	ErrPinned      = keyring.ErrPinned      // the wrapped key is the docket's: opens only under a writ
	ErrWrapped     = keyring.ErrWrapped     // the wrapped key was altered, or is another blob's or customer's
	ErrCorrupt     = keyring.ErrCorrupt     // a file in keys/ is not as it was written
	ErrNewer       = keyring.ErrNewer       // a file in keys/ is of a newer version of the program
	ErrNoKeys      = keyring.ErrNoKeys      // keys/ is missing or incomplete, though there are data
	ErrExpired     = keyring.ErrExpired     // keys/ is a backup copy whose time is over
	ErrPassphrase  = keyring.ErrPassphrase  // wrong passphrase
	ErrKeyFile     = keyring.ErrKeyFile     // missing, malformed or wrong key file
	ErrKeyFileMode = keyring.ErrKeyFileMode // key file's mode is not 0600
	ErrUnsealer    = keyring.ErrUnsealer    // root key is sealed in another way than the one tried
	ErrFIPS        = keyring.ErrFIPS        // root key is sealed in a way that FIPS mode refuses
	ErrClosed      = keyring.ErrClosed      // the gate was closed
)

// Unsealer has what opens the root key: [Passphrase] or [KeyFile].
type Unsealer = keyring.Unsealer

// Passphrase unseals the root key by a passphrase of at least 8 bytes.
func Passphrase(secret string) Unsealer { return keyring.Passphrase(secret) }

// KeyFile unseals the root key by a file of mode 0600, which is created when
// the keys are. It lets the server start without a person, and protects
// against nobody who can read both the file and keys/: say so to the
// operator.
func KeyFile(path string) Unsealer { return keyring.KeyFile(path) }

// Config is how a gate is opened.
type Config struct {
	Dir          string           // data folder; the gate has keys/ and journal/ in it
	Unseal       Unsealer         // what opens the root key
	KEKTTL       time.Duration    // how long an opened KEK stays in memory; default 10 minutes
	JournalFsync bool             // sync the journal before release for all customers, not only those set so
	JournalKeep  time.Duration    // how long journal segments are kept; default 90 days
	Now          func() time.Time // clock; default [time.Now]
	Log          *slog.Logger     // for what fails in the background; default none

	// KeysChanged is told after a customer's keys were made, rotated or
	// shredded; [Gate.KEK] says which. A crash may come before it is told: who
	// relies on it asks once for all customers at the start. Default none.
	KeysChanged func(writ.CustomerID)

	// Kept returns a hidden statement as the ledger keeps it, by its id; it is
	// asked where a waiver stands in for the witnesses. Default: there is none.
	Kept func(ctx context.Context, id string) (statement []byte, err error)
	// MarkUnwitnessed has the ledger say in public that something was opened
	// without its witnesses, durable on return. Without it no waiver is taken.
	MarkUnwitnessed func(ctx context.Context) error
}

// DefaultJournalKeep is how long journal segments are kept unless set
// otherwise.
const DefaultJournalKeep = 90 * 24 * time.Hour

// Gate is an open gate. It is safe for concurrent use.
type Gate struct {
	keys    *keyring.Keyring
	journal *journal.Journal
	fsync   bool
	now     func() time.Time
	log     *slog.Logger
	changed func(writ.CustomerID)
	lock    *os.File // holds a lock on the data folder

	kept            warrant.Kept
	markUnwitnessed func(context.Context) error
	law             law

	heads  sync.Mutex // guards what MovedHeads remembers
	told   bool       // all customers' heads were told once
	untold map[writ.CustomerID]JournalHead
}

const (
	opJournal      = "journal"
	operatorPrefix = "operator "
)

var standingDigest = sha256.Sum256([]byte(StandingGrant))

// Open opens the gate of a data folder. On a folder without any data it makes
// new keys; a folder with data but without keys is [ErrNoKeys], so that a lost
// keys folder is never replaced in silence.
func Open(cfg Config) (*Gate, error) {
	if cfg.Unseal == nil {
		return nil, errors.New("couldn't open the keys: neither passphrase nor key file given")
	}
	if cfg.JournalKeep <= 0 {
		cfg.JournalKeep = DefaultJournalKeep
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make the data folder: %w", disk.Full(err))
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.KeysChanged == nil {
		cfg.KeysChanged = func(writ.CustomerID) {}
	}
	g := &Gate{fsync: cfg.JournalFsync, now: cfg.Now, log: cfg.Log, changed: cfg.KeysChanged, kept: cfg.Kept, markUnwitnessed: cfg.MarkUnwitnessed}
	var err error
	if g.lock, err = lockFolder(cfg.Dir); err != nil {
		return nil, err
	}
	if err := g.open(cfg); err != nil {
		g.lock.Close()
		return nil, err
	}
	return g, nil
}

func (g *Gate) open(cfg Config) error {
	dir, journals := filepath.Join(cfg.Dir, "keys"), filepath.Join(cfg.Dir, "journal")
	opts := keyring.Options{TTL: cfg.KEKTTL, Now: cfg.Now}
	empty, err := keyring.Empty(dir)
	if err != nil {
		return err
	}
	if empty {
		if err := refuseOrphans(cfg.Dir); err != nil {
			return err
		}
		g.keys, err = keyring.Create(dir, cfg.Unseal, opts)
	} else {
		g.keys, err = keyring.Open(dir, cfg.Unseal, opts)
	}
	if err != nil {
		return fmt.Errorf("couldn't open the keys: %w", err)
	}
	g.journal, err = journal.Open(journals, segmentKeys{g}, journal.Options{
		Heads: g.keys.StoreKey("journal-heads"), Keep: cfg.JournalKeep, Now: cfg.Now, Log: cfg.Log,
	})
	if err != nil {
		g.keys.Close()
		return fmt.Errorf("couldn't open the journals: %w", err)
	}
	g.openLaw(context.Background(), dir)
	return nil
}

// refuseOrphans returns [ErrNoKeys] if there are data that keys must have
// existed for.
func refuseOrphans(dir string) error {
	for _, room := range []string{"journal", "records", "blobs"} {
		if names, _ := os.ReadDir(filepath.Join(dir, room)); len(names) > 0 {
			return fmt.Errorf("%w: keys/ is missing or empty, but %s/ is not; restore keys/ from its backup", ErrNoKeys, room)
		}
	}
	return nil
}

// lockFolder locks the data folder for this process; the lock goes with the
// process, however it ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("couldn't lock the data folder: %w", err)
	}
	return f, nil
}

// Format keeps what is in a gate out of every verb.
func (g *Gate) Format(s fmt.State, _ rune) { io.WriteString(s, "gate") }

// Close syncs the journals, erases the keys in memory and unlocks the folder.
func (g *Gate) Close() error {
	return errors.Join(g.closeLaw(), g.journal.Close(), g.keys.Close(), g.lock.Close())
}

// segmentKeys gives the journal the keys of its own segments.
type segmentKeys struct{ g *Gate }

func (s segmentKeys) Generate(c writ.CustomerID, b writ.BlobID) (*seal.Key, []byte, error) {
	return s.g.keys.Generate(keyring.Segment, c, b)
}

func (s segmentKeys) Unwrap(c writ.CustomerID, b writ.BlobID, wrapped []byte) (*seal.Key, error) {
	return release(s.g, pass{form: keyring.Segment}, c, b, wrapped)
}

func (s segmentKeys) Rewrap(c writ.CustomerID, b writ.BlobID, wrapped []byte) ([]byte, error) {
	return s.g.keys.Rewrap(c, b, wrapped)
}

func (s segmentKeys) Recipient(c writ.CustomerID) [32]byte {
	status, err := s.g.keys.Status(c)
	if err != nil {
		return [32]byte{} // of nobody: what asks has failed, or will
	}
	return status.Recipient
}

func (s segmentKeys) Label(c writ.CustomerID) string { return s.g.keys.Label(c) }
