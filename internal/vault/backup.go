package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// BackupOptions says what to back up, and where to.
type BackupOptions struct {
	// Dir is the folder of the backup, missing or empty. On the data folder's
	// own file system most of it is hard links.
	Dir string
	// Keys is the folder, missing or empty and not within Dir, for a copy of
	// keys/; "" makes none. It is apart because its life is: a shredded
	// customer's data open from it until it expires.
	Keys string
	// KeysExpire is when the copy of keys/ ends to be of use.
	KeysExpire time.Time
	// Files are further files of the data folder to take along, by their name
	// in the backup, such as "version" or "tls/ca.pem"; one that is missing is
	// left out.
	Files map[string]string
	// Around, if not nil, runs the copy of the records, and copies beside it
	// what must be as of the same moment.
	Around func(copyRecords func() error) error

	Progress Progress
}

// A BackedUp says what a backup holds.
type BackedUp struct {
	Made  time.Time // the moment whose records it holds
	Files int64
	Bytes int64
	Keys  bool
}

// Folders of a data folder and of a backup.
const (
	recordsFolder = "records"
	blobsFolder   = "blobs"
	journalFolder = "journal"
)

// Backup writes a consistent copy of everything to a folder while traffic
// goes on, sealed as it lies, and last its manifest.
//
// The order makes it consistent. First deletions are held back, and reclaim
// with them; then the records are copied as of one moment; then the blobs.
// What those records name was durable before they were, and nothing is
// deleted until the blobs are copied, so that every record of the copy has its
// blob. Blobs that came later are in it too, as orphans, which a restore
// names and fsck --repair removes.
func (v *Vault) Backup(ctx context.Context, o BackupOptions) (BackedUp, error) {
	for _, dir := range []string{o.Dir, o.Keys} {
		if dir == "" {
			continue
		}
		if err := requireEmpty(dir); err != nil {
			return BackedUp{}, err
		}
	}
	if o.Keys != "" {
		if rel, err := filepath.Rel(o.Dir, o.Keys); err == nil && filepath.IsLocal(rel) {
			return BackedUp{}, errors.New("folder for the keys lies within the backup: it must be apart")
		}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return BackedUp{}, fmt.Errorf("couldn't create folder for backup: %w", spaceError(err))
	}
	done := BackedUp{}
	if err := v.copyRooms(ctx, o, &done); err != nil {
		return done, err
	}
	if err := v.gate.CopyJournal(ctx, filepath.Join(o.Dir, journalFolder)); err != nil {
		return done, fmt.Errorf("couldn't copy journal: %w", err)
	}
	for name, from := range o.Files {
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		to := filepath.Join(o.Dir, name)
		err := os.MkdirAll(filepath.Dir(to), 0o700)
		if err == nil {
			_, _, err = copyFile(ctx, from, to)
		}
		if err != nil {
			return done, fmt.Errorf("couldn't copy %s: %w", name, err)
		}
	}
	if o.Keys != "" {
		if err := v.gate.CopyKeys(o.Keys, o.KeysExpire); err != nil {
			return done, fmt.Errorf("couldn't copy keys: %w", err)
		}
		done.Keys = true
	}
	end, err := writeManifest(ctx, o.Dir, done.Made, o.Progress)
	if err != nil {
		return done, err
	}
	done.Files, done.Bytes = end.Files, end.Bytes
	return done, nil
}

// copyRooms copies records and blobs while nothing is deleted.
func (v *Vault) copyRooms(ctx context.Context, o BackupOptions, done *BackedUp) error {
	release := v.blobs.Hold()
	defer release()
	done.Made = v.now().UTC()
	o.Progress.report("records", 0, 0)
	around := o.Around
	if around == nil {
		around = func(copyRecords func() error) error { return copyRecords() }
	}
	err := around(func() error { return recordsError(v.records.Checkpoint(ctx, filepath.Join(o.Dir, recordsFolder))) })
	if err != nil {
		return fmt.Errorf("couldn't copy records: %w", err)
	}
	o.Progress.report("blobs", 0, 0)
	if _, err := v.blobs.Checkpoint(ctx, filepath.Join(o.Dir, blobsFolder)); err != nil {
		return fmt.Errorf("couldn't copy blobs: %w", blobError(err))
	}
	return nil
}
