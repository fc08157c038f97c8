// Package keyring keeps every key of the server and unwraps them. Go's rule
// for internal folders lets nothing but internal/gate import it, and inside
// gate one static call refers to [Unwrap]; internal/invariants proves both on
// every build.
//
// # How keys hang together
//
// The root key (32 random bytes) lies in keys/root, sealed by an [Unsealer]:
// a passphrase or a key file. The root key seals the epoch key, the first
// thing in keys/epoch-N. The epoch key seals every customer's key-encryption
// keys (KEKs), which follow in the same file, one record of fixed length
// each. A KEK wraps the data key of a blob; what comes out is a wrapped key
// that is bound to the customer, the KEK's version and the blob, and that
// lives beside the blob's record.
//
// # What a shred does
//
// A shred makes a new epoch: a fresh epoch key, every other customer's KEKs
// sealed again under it, a tombstone for the shredded one. When the new file
// is durable the old one is overwritten with random bytes and unlinked. From
// then on nothing opens what the shredded KEKs wrapped, except a copy of the
// old epoch file that somebody took before: a backup of keys/ taken earlier
// opens until it expires and is destroyed. Overwriting reaches the file's
// blocks as the file system shows them; a flash disk may keep old cells until
// it reuses them, and those open with the root key only.
//
// # What is in memory
//
// The root key and the epoch key stay in memory while the server runs, for
// without them nothing could be opened at all. A KEK is opened when it is
// used and erased after the set time ([Options].TTL). Whoever can read this
// process's memory reads its keys; this package does not claim otherwise.
//
// # The docket's key
//
// One more KEK, made with the keyring itself so that its existence says
// nothing, belongs to the docket. [Keyring.Pin] re-wraps a data key under it.
// It is never shredded.
package keyring

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"writ"
	"writ/internal/gate/internal/disk"
	"writ/internal/seal"
)

// Docket is the name under which the docket's own key is kept. It has not the
// form of a customer's id, so no customer can take it.
const Docket writ.CustomerID = "docket"

// The errors that callers tell apart.
var (
	// ErrNoKeys: the folder holds no keyring.
	ErrNoKeys = errors.New("no keys here")
	// ErrExists: a keyring, or a customer of that id, exists already.
	ErrExists = errors.New("exists already")
	// ErrCorrupt: a file of the keyring is not as it was written.
	ErrCorrupt = errors.New("damaged")
	// ErrNewer: a file was written by a newer version of the program.
	ErrNewer = errors.New("written by a newer version")
	// ErrExpired: the folder is a backup copy whose time is over.
	ErrExpired = errors.New("this copy of the keys has expired")
	// ErrNoCustomer: no customer of that id.
	ErrNoCustomer = errors.New("no such customer")
	// ErrShredded: the customer's keys were destroyed; nothing opens again.
	ErrShredded = errors.New("the customer's keys were shredded")
	// ErrNoKEK: the version of the customer's KEK was retired or never was.
	ErrNoKEK = errors.New("no such version of the customer's key")
	// ErrPinned: the data key is wrapped under the docket's key, which only a
	// writ opens.
	ErrPinned = errors.New("pinned: opens only under a writ")
	// ErrWrapped: a wrapped key has no known form, or was made for another
	// customer, KEK or blob, or was altered.
	ErrWrapped = errors.New("wrapped key doesn't open")
	// ErrClosed: the keyring was closed.
	ErrClosed = disk.ErrClosed
)

// Options are the settings of a keyring; the zero value is usable.
type Options struct {
	// TTL is how long an opened KEK stays in memory. 0 means [DefaultTTL].
	TTL time.Duration
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// DefaultTTL is how long an opened KEK stays in memory unless set otherwise.
const DefaultTTL = 10 * time.Minute

// Keyring is an open keys folder. It is safe for concurrent use; its folder
// must belong to one keyring at a time.
type Keyring struct {
	dir    string
	ttl    time.Duration
	now    func() time.Time
	root   *seal.Key
	labels *[labelSize]byte // HMAC key of [Keyring.Label]; a pointer, so that no formatter prints it
	stop   chan struct{}
	idle   sync.WaitGroup

	// change serializes what writes to the folder; it is taken before mu.
	change sync.Mutex

	// mu guards all below. It is held while a KEK is in use, so that a KEK is
	// never erased under a running unwrap; it is never held over disk I/O.
	mu        sync.RWMutex
	closed    bool
	epoch     epoch
	customers map[writ.CustomerID]*customer
	opened    map[*kek]struct{} // those whose key is in memory
}

// customer is what the keyring knows of one customer.
type customer struct {
	keks        []*kek // ascending by version; empty once shredded
	shredded    bool
	changed     time.Time // when it was shredded
	journalSync bool
	recipient   [32]byte // SHA-256 of the journal's public key; zero if there is none
}

// kek is one key-encryption key: sealed always, open for a while.
type kek struct {
	version uint32
	made    time.Time
	sealed  []byte // seal.WrappedSize, under the epoch's wrap key

	key   *seal.Key // nil when not open
	until time.Time // when key is to be erased
}

// Create makes a new keyring in dir, sealed by u, and opens it. dir may be
// missing or empty; [ErrExists] if it holds a keyring. The folder appears
// whole or not at all.
func Create(dir string, u Unsealer, opts Options) (*Keyring, error) {
	empty, err := Empty(dir)
	if err != nil {
		return nil, err
	}
	if !empty {
		return nil, fmt.Errorf("couldn't make a keyring: %w", ErrExists)
	}
	fresh := filepath.Clean(dir) + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return nil, fmt.Errorf("couldn't clear an unfinished keyring: %w", err)
	}
	if err := os.MkdirAll(fresh, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make the keys folder: %w", disk.Full(err))
	}
	root := seal.NewKey()
	defer root.Erase()
	labels := new([labelSize]byte)
	rand.Read(labels[:]) // never fails (crypto/rand, since Go 1.24)
	if err := writeRoot(fresh, u, root, labels); err != nil {
		return nil, err
	}
	now := time.Now
	if opts.Now != nil {
		now = opts.Now
	}
	first := newEpoch(1)
	docket := record{kind: recordKEK, customer: Docket, version: 1, at: now()}
	docket.sealed = first.sealKEK(Docket, 1, seal.NewKey())
	if err := first.write(fresh, root, []record{docket}); err != nil {
		return nil, err
	}
	first.erase()
	step("keyring written")
	if err := os.Rename(fresh, dir); err != nil {
		return nil, fmt.Errorf("couldn't put the keys folder in place: %w", disk.Full(err))
	}
	if err := disk.SyncDir(filepath.Dir(filepath.Clean(dir))); err != nil {
		return nil, err
	}
	return Open(dir, u, opts)
}

// Empty tells whether dir is missing or holds nothing.
func Empty(dir string) (bool, error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("couldn't look into the keys folder: %w", err)
	}
	return len(names) == 0, nil
}

// Open opens the keyring in dir. It first finishes what a crash interrupted:
// an older epoch's file is destroyed, an unfinished one removed. A backup
// copy put in place is accepted until it expires ([ErrExpired]).
func Open(dir string, u Unsealer, opts Options) (*Keyring, error) {
	k := &Keyring{dir: dir, ttl: opts.TTL, now: opts.Now, stop: make(chan struct{}), customers: map[writ.CustomerID]*customer{}, opened: map[*kek]struct{}{}}
	if k.ttl <= 0 {
		k.ttl = DefaultTTL
	}
	if k.now == nil {
		k.now = time.Now
	}
	var err error
	if k.root, k.labels, err = readRoot(dir, u); err != nil {
		return nil, err
	}
	if err := k.load(); err != nil {
		k.root.Erase()
		return nil, err
	}
	k.idle.Go(k.sweep)
	return k, nil
}

// load reads the newest epoch and destroys what lies beside it.
func (k *Keyring) load() error {
	newest, leftovers, err := listEpochs(k.dir)
	if err != nil {
		return err
	}
	e, records, err := readEpoch(k.dir, newest, k.root)
	if err != nil {
		return err
	}
	for i, r := range records {
		if err := k.learn(r); err != nil {
			e.erase()
			return fmt.Errorf("couldn't read record %d of keys/%s: %w", i, epochName(newest), err)
		}
	}
	if k.customers[Docket] == nil {
		e.erase()
		return fmt.Errorf("keys/%s lacks the docket's key: %w", epochName(newest), ErrCorrupt)
	}
	if err := acceptCopy(k.dir, k.root, newest, k.now()); err != nil {
		e.erase()
		return err
	}
	k.epoch = e
	for _, name := range leftovers {
		if err := destroy(filepath.Join(k.dir, name)); err != nil {
			e.erase()
			return err
		}
	}
	return nil
}

// learn takes one record of the epoch's file into memory.
func (k *Keyring) learn(r record) error {
	c := k.customers[r.customer]
	if c == nil {
		c = &customer{}
		k.customers[r.customer] = c
	}
	switch r.kind {
	case recordKEK:
		if n := len(c.keks); c.shredded || n > 0 && c.keks[n-1].version >= r.version {
			return ErrCorrupt
		}
		c.keks = append(c.keks, &kek{version: r.version, made: r.at, sealed: r.sealed})
	case recordShredded:
		c.shredded, c.keks, c.changed = true, nil, r.at
	case recordSyncOn, recordSyncOff:
		c.journalSync = r.kind == recordSyncOn
	case recordRecipient:
		c.recipient = [32]byte(r.sealed)
	default:
		return ErrNewer
	}
	return nil
}

// sweep erases KEKs whose time is over, until Close.
func (k *Keyring) sweep() {
	tick := time.NewTicker(max(k.ttl/4, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-k.stop:
			return
		case <-tick.C:
			k.eraseExpired()
		}
	}
}

func (k *Keyring) eraseExpired() {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for v := range k.opened {
		if !now.Before(v.until) {
			k.forget(v)
		}
	}
}

// forget erases an opened KEK. The caller holds mu for writing.
func (k *Keyring) forget(v *kek) {
	v.key.Erase()
	v.key = nil
	delete(k.opened, v)
}

// Close erases every key in memory. Keys that were handed out are their
// holders' to erase.
func (k *Keyring) Close() error {
	k.change.Lock()
	defer k.change.Unlock()
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return nil
	}
	k.closed = true
	for v := range k.opened {
		k.forget(v)
	}
	k.epoch.erase()
	k.root.Erase()
	clear(k.labels[:])
	k.mu.Unlock()
	close(k.stop)
	k.idle.Wait()
	return nil
}

// Format keeps what is in a keyring out of every verb.
func (k *Keyring) Format(s fmt.State, _ rune) { io.WriteString(s, "keyring") }

// Label is the name under which a customer's things lie on disk: 32 hex
// digits of HMAC-SHA-256 over the customer's id, under a key that only this
// keyring has. It does not change when the passphrase does.
func (k *Keyring) Label(c writ.CustomerID) string {
	m := hmac.New(sha256.New, k.labels[:])
	m.Write([]byte("writ/label/v1"))
	m.Write([]byte(c))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// StoreKey is the key of a room that keeps no customer's bytes in the clear
// but needs a key of its own, such as "records". It is derived from the root
// key and stays the same as long as that does.
func (k *Keyring) StoreKey(room string) *seal.Key {
	return k.root.Derive(nil, "writ/store/v1/"+room)
}
