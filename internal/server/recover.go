package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/gate"
	"writ/internal/ledger"
)

// RecoverOptions is what the public log of a data folder is brought back from.
type RecoverOptions struct {
	// Mirror is the URL or the folder of a copy of the public log, or the
	// ledger/ of another data folder; "" is the log that lies in this one, which
	// says that nothing came after it.
	Mirror  string
	Without []string     // witnesses that are gone for good
	HTTP    *http.Client // may be nil
}

// RecoverLedger lets the public log of a data folder that was restored go on
// where it was: see [ledger.Recover]. No server may be running.
func RecoverLedger(ctx context.Context, cfg *config.Config, unseal gate.Unsealer, o RecoverOptions, log *slog.Logger) (out ledger.Recovered, err error) {
	rooms, err := OpenRooms(cfg, unseal, false, log)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, rooms.Close()) }()
	dir := rooms.Folder.Ledger()
	signing, err := rooms.logKey(cfg.Ledger.Origin)
	if err != nil {
		return out, err
	}
	policy, err := readPolicy(cfg.Ledger.Witnesses)
	if err != nil {
		return out, err
	}
	mirror, err := openMirror(dir, o)
	if err != nil {
		return out, err
	}
	out, err = ledger.Recover(ctx, ledger.RecoverConfig{
		Dir: dir, LogKey: signing.vkey, Policy: policy, Mirror: mirror, Records: rooms.Records, Without: o.Without, HTTP: o.HTTP,
	})
	if err != nil {
		return out, err
	}
	l, err := openLedger(ctx, rooms, cfg.Ledger, true, log) // counts what the records don't know
	if err == nil {
		err = l.Close()
	}
	if err != nil {
		return out, err
	}
	return out, unmark(rooms.Folder)
}

// openMirror opens what the log is brought back from: a URL, a folder with its
// public files, or the ledger's folder of a data folder, this one or another.
func openMirror(own string, o RecoverOptions) (ledger.Mirror, error) {
	if o.Mirror == "" {
		return ownMirror(own), nil
	}
	inside, err := exists(ledger.LogDir(o.Mirror))
	if err != nil {
		return nil, err
	}
	if inside {
		return ownMirror(o.Mirror), nil
	}
	return ledger.OpenMirror(o.Mirror, o.HTTP)
}

// ownMirror is a public log as it lies in the ledger's folder of a data folder.
type ownMirror string

// Read implements [ledger.Mirror].
func (m ownMirror) Read(ctx context.Context, path string) ([]byte, error) {
	where := ledger.LogDir(string(m))
	if path == "checkpoint" {
		where = string(m) // the published one
	}
	files, err := ledger.OpenMirror(where, nil)
	if err != nil {
		return nil, err
	}
	return files.Read(ctx, path)
}

// unmark removes the mark of a restored folder.
func unmark(f folder.Folder) error {
	if err := os.Remove(f.Restored()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't remove a mark: %w", err)
	}
	return nil
}

// logKey opens the log's key; it must be there.
func (r *Rooms) logKey(origin string) (logKey, error) {
	key := r.Gate.StoreKey("ledger")
	defer key.Erase()
	return openLogKey(r.logKeyFile(), origin, key, true)
}

func (r *Rooms) logKeyFile() string { return filepath.Join(r.Folder.Ledger(), "key.sealed") }

// Broken is a log that ended, and the one that goes on.
type Broken struct {
	Old, New    string // verifier keys
	Explanation []byte
}

// BreakOptions is why and how a log ends.
type BreakOptions struct {
	Reason string // one line, public
	// OldKey is the verifier key of the log whose signing key is lost; "" if it
	// is there.
	OldKey string
	// Checkpoint is the old log's last, if the folder's is lost.
	Checkpoint []byte
}

// BreakLedger ends a public log that cannot go on and begins another that names
// it: see [ledger.Break]. No server may be running. It may be repeated after a
// crash.
func BreakLedger(ctx context.Context, cfg *config.Config, unseal gate.Unsealer, o BreakOptions, log *slog.Logger) (out Broken, err error) {
	rooms, err := OpenRooms(cfg, unseal, false, log)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, rooms.Close()) }()
	out.Old = o.OldKey
	var signer note.Signer
	if o.OldKey == "" {
		old, err := rooms.logKey(cfg.Ledger.Origin)
		if err != nil {
			return out, err
		}
		out.Old, signer = old.vkey, old.signer
	}
	young, err := rooms.nextKey(out.Old)
	if err != nil {
		return out, err
	}
	out.New = young.vkey
	l := &Ledger{rooms: rooms, cfg: cfg.Ledger, log: log, Key: young.vkey}
	if l.text, err = readPolicy(cfg.Ledger.Witnesses); err != nil {
		return out, err
	}
	out.Explanation, err = ledger.Break(ctx, ledger.BreakConfig{
		Dir: rooms.Folder.Ledger(), OldKey: out.Old, Old: signer, NewKey: young.vkey, New: young.signer, Reason: o.Reason,
		Records: rooms.Records, Policy: l.Enforced(cfg.Release.Unlogged), Checkpoint: o.Checkpoint, Logger: log,
	})
	if err != nil {
		return out, err
	}
	if err := os.Rename(rooms.nextKeyFile(), rooms.logKeyFile()); err != nil {
		return out, fmt.Errorf("couldn't put the new log's key in place: %w", err)
	}
	return out, unmark(rooms.Folder)
}

func (r *Rooms) nextKeyFile() string { return filepath.Join(r.Folder.Ledger(), "key.next.sealed") }

// nextKey opens the key of the log that is to go on, or makes it; it is there
// already if a break was interrupted.
func (r *Rooms) nextKey(old string) (logKey, error) {
	key := r.Gate.StoreKey("ledger")
	defer key.Erase()
	name, err := vkeyName(old)
	if err != nil {
		return logKey{}, err
	}
	return openLogKey(r.nextKeyFile(), ledger.NextOrigin(name), key, false)
}

// vkeyName is the name in a verifier key.
func vkeyName(vkey string) (string, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return "", fmt.Errorf("%.100q is not a log's verifier key", vkey)
	}
	return v.Name(), nil
}
