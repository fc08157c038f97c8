package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/blob"
	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/gate"
	"writ/internal/groupcommit"
	"writ/internal/ledger"
	"writ/internal/records"
	"writ/internal/seal"
	"writ/internal/vault"
)

// Rooms are the opened parts of a data folder, from the gate up to the vault.
// The folder is locked while they are open.
type Rooms struct {
	Folder  folder.Folder
	Gate    *gate.Gate
	Records records.Store
	Blobs   blob.Store
	Vault   *vault.Vault
	key     *seal.Key // of the records
	now     func() time.Time
	log     *slog.Logger
	failed  chan error // gets the error after which the records refuse to write

	// keysChanged is told of customers whose keys changed, once somebody has
	// put a function there.
	keysChanged atomic.Pointer[func(writ.CustomerID)]

	// book is where the gate asks for statements while witnesses are away; nil
	// until the ledger is open.
	book atomic.Pointer[ledger.Book]
}

// errNoLedger: the rooms are open without the ledger.
var errNoLedger = errors.New("the ledger is not open")

func (r *Rooms) kept(ctx context.Context, id string) ([]byte, error) {
	if b := r.book.Load(); b != nil {
		return b.Kept(ctx, id)
	}
	return nil, errNoLedger
}

func (r *Rooms) markUnwitnessed(ctx context.Context) error {
	if b := r.book.Load(); b != nil {
		return b.MarkUnwitnessed(ctx)
	}
	return errNoLedger
}

// OpenRooms opens a data folder; with create it makes a new one if the folder
// is missing or empty. Errors are those of the folder, the gate and the
// stores; see [gate.Open].
func OpenRooms(cfg *config.Config, unseal gate.Unsealer, create bool, log *slog.Logger) (*Rooms, error) {
	r := &Rooms{Folder: folder.Folder(cfg.Data), now: time.Now, log: log, failed: make(chan error, 1)}
	prepare := r.Folder.Check
	if create {
		prepare = r.Folder.Prepare
	}
	if err := prepare(); err != nil {
		return nil, err
	}
	if err := r.open(cfg, unseal); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// blobReserve is how many bytes of the disk blobs leave free. It is more than
// the records leave (24 MiB), so that a disk filled with objects still takes
// the records, journal entries and deletes that empty it again.
const blobReserve = 64 << 20

func (r *Rooms) open(cfg *config.Config, unseal gate.Unsealer) (err error) {
	r.Gate, err = gate.Open(gate.Config{
		Dir: cfg.Data, Unseal: unseal, KEKTTL: cfg.KeyTTL, JournalKeep: cfg.Journal.Keep, JournalFsync: cfg.Journal.Fsync, Now: r.now, Log: r.log,
		KeysChanged: func(id writ.CustomerID) {
			if tell := r.keysChanged.Load(); tell != nil {
				(*tell)(id)
			}
		},
		Kept: r.kept, MarkUnwitnessed: r.markUnwitnessed,
	})
	if err != nil {
		return err
	}
	r.key = r.Gate.StoreKey("records")  // in use as long as the records are
	traffic := new(groupcommit.Traffic) // of records and blobs: a write passes both
	if r.Records, err = records.Open(r.Folder.Records(), r.key, records.Options{
		Traffic: traffic, Log: r.log, Failed: func(err error) { r.failed <- err },
	}); err != nil {
		return fmt.Errorf("couldn't open the records: %w", err)
	}
	blobs, err := blob.Open(r.Folder.Blobs(), blob.Options{Traffic: traffic, Reserve: blobReserve, Now: r.now})
	if err != nil {
		return fmt.Errorf("couldn't open the blobs: %w", err)
	}
	r.Blobs = blobs
	r.Vault, err = vault.New(vault.Config{Gate: r.Gate, Records: r.Records, Blobs: r.Blobs, Now: r.now, Log: r.log})
	if err != nil {
		return fmt.Errorf("couldn't open the vault: %w", err)
	}
	return nil
}

// Close closes what is open, down to the gate.
func (r *Rooms) Close() error {
	var errs []error
	if r.Blobs != nil {
		errs = append(errs, r.Blobs.Close())
	}
	if r.Records != nil {
		errs = append(errs, r.Records.Close())
	}
	if r.key != nil {
		r.key.Erase()
	}
	if r.Gate != nil {
		errs = append(errs, r.Gate.Close())
	}
	return errors.Join(errs...)
}

// Administration is the rooms as the administration sees them; running tells
// where the server listens, and ledger is its public log; both are nil without
// a server.
func (r *Rooms) Administration(version string, running func() api.Server, ledger api.LedgerRoom) api.Rooms {
	return api.Rooms{Vault: r.Vault, Gate: r.Gate, Folder: r.Folder, Version: version, Server: running, Ledger: ledger, Now: r.now, Log: r.log}
}
