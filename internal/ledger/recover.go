package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/transparency-dev/formats/log"
	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"writ/internal/durable"
	"writ/internal/proof"
	"writ/internal/records"
	"writ/internal/witness"
)

// LogDir is where the log lies below the ledger's folder, which has the
// published checkpoint and evidence beside it.
func LogDir(dir string) string { return filepath.Join(dir, "log") }

// RecoverConfig is what a log's folder is brought back from.
type RecoverConfig struct {
	Dir    string // the ledger's folder, with whatever a backup has of it
	LogKey string // verifier key (vkey) of the log
	Policy string // of the witnesses
	Mirror Mirror // of the public log
	// Records may hold a leaf that a witness has cosigned and nobody
	// published; nil if they are lost.
	Records records.Store
	// Without names witnesses of the policy that are gone for good. Every
	// other must answer: what one of them has cosigned must not be missing.
	Without []string
	HTTP    *http.Client
	Timeout time.Duration // for a witness's answer; 0 is the default
}

// Recovered is what [Recover] brought back.
type Recovered struct {
	Size  uint64   // leaves of the log
	Root  [32]byte // its root
	Aside string   // where the folder's old log was put; "" if there was none
}

// ErrMirror: the mirror doesn't have what is needed.
var ErrMirror = errors.New("the log can't be brought back from this mirror")

// Recover brings a log's folder back, so that it goes on where it was: the
// checkpoint of the mirror must be cosigned as the policy asks, and be the
// newest that any witness knows; its leaves, from the mirror or what the folder
// still has, must lead to it. What was in the folder is put aside, not removed.
// Then a [Book] is opened with Adopt, if the records are older than the log.
// No server may be running. Errors: [ErrMirror].
func Recover(ctx context.Context, c RecoverConfig) (Recovered, error) {
	verifier, err := proof.NewVerifier(proof.Trust{LogKey: c.LogKey, Policy: c.Policy})
	if err != nil {
		return Recovered{}, err
	}
	key, err := tnote.NewVerifier(c.LogKey)
	if err != nil {
		return Recovered{}, fmt.Errorf("couldn't read the log's key: %w", err)
	}
	published, err := c.Mirror.Read(ctx, "checkpoint")
	if err != nil {
		return Recovered{}, fmt.Errorf("%w: it has no checkpoint: %w", ErrMirror, err)
	}
	target, err := verifier.Checkpoint(published)
	if err != nil {
		return Recovered{}, fmt.Errorf("%w: %w", ErrMirror, err)
	}
	seen, err := askLatest(ctx, c, key)
	if err != nil {
		return Recovered{}, err
	}
	r := &rebuilt{dir: filepath.Join(c.Dir, "log.new")}
	if err := os.RemoveAll(r.dir); err != nil {
		return Recovered{}, fmt.Errorf("couldn't clear %s: %w", r.dir, err)
	}
	if err := r.fetch(ctx, []Mirror{c.Mirror, folderMirror(LogDir(c.Dir))}, target); err != nil {
		return Recovered{}, err
	}
	unpublished, err := r.holdAgainst(ctx, seen, target.Size, c.Records)
	if err != nil {
		return Recovered{}, err
	}
	return r.install(c.Dir, published, unpublished, key)
}

// latest is what a witness cosigned last.
type latest struct {
	name   string
	signed []byte
	cp     *log.Checkpoint
}

// askLatest asks each witness for the newest checkpoint that it cosigned.
func askLatest(ctx context.Context, c RecoverConfig, key note.Verifier) ([]latest, error) {
	if c.Timeout == 0 {
		c.Timeout = witnessTime
	}
	clients, err := newClients(c.Policy, c.HTTP, c.Timeout)
	if err != nil {
		return nil, err
	}
	for _, name := range c.Without {
		if !slices.ContainsFunc(clients, func(a *asked) bool { return a.name == name }) {
			return nil, fmt.Errorf("the policy has no witness %.100q", name)
		}
	}
	var all []latest
	for _, a := range clients {
		if slices.Contains(c.Without, a.name) {
			continue
		}
		signed, err := a.client.Latest(ctx, key.Name())
		if errors.Is(err, witness.ErrUnknownLog) {
			continue // it has cosigned nothing
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't ask witness %s what it cosigned last: %w; try again, or say that it is gone for good", a.name, err)
		}
		cp, _, _, err := log.ParseCheckpoint(signed, key.Name(), key)
		if err != nil {
			return nil, fmt.Errorf("witness %s shows a checkpoint that this log's key has not signed", a.name)
		}
		all = append(all, latest{a.name, signed, cp})
	}
	return all, nil
}

// fetch gets all leaves and holds them against the checkpoint.
func (r *rebuilt) fetch(ctx context.Context, mirrors []Mirror, target proof.Checkpoint) error {
	for bundle := range (target.Size + tileWidth - 1) / tileWidth {
		entries, err := bundleFrom(ctx, mirrors, bundle, widthIn(target.Size, 0, bundle))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMirror, err)
		}
		if err := r.add(bundle, entries); err != nil {
			return err
		}
	}
	root, err := r.root(r.size)
	if err != nil {
		return err
	}
	if !bytes.Equal(root[:], target.Root) {
		return fmt.Errorf("%w: its leaves don't lead to its checkpoint of %d leaves", ErrMirror, target.Size)
	}
	return nil
}

// holdAgainst checks that what each witness cosigned is in the log. One leaf
// more may have been cosigned and never published: then the records have it,
// and its checkpoint is returned.
func (r *rebuilt) holdAgainst(ctx context.Context, seen []latest, size uint64, store records.Store) (unpublished []byte, err error) {
	slices.SortFunc(seen, func(a, b latest) int { return int(int64(b.cp.Size) - int64(a.cp.Size)) })
	for _, s := range seen {
		if s.cp.Size > size+1 || s.cp.Size > size && store == nil {
			return nil, fmt.Errorf("%w: witness %s has cosigned %d leaves, and it has %d; get a newer one", ErrMirror, s.name, s.cp.Size, size)
		}
		if s.cp.Size == size+1 && r.size == int64(size) {
			if err := r.addQueued(ctx, store); err != nil {
				return nil, fmt.Errorf("%w: witness %s has cosigned one leaf more, which is not in the records either: %w", ErrMirror, s.name, err)
			}
			unpublished = s.signed
		}
		root, err := r.root(int64(s.cp.Size))
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(root[:], s.cp.Hash) {
			return nil, fmt.Errorf("%w: what witness %s cosigned at %d leaves is not in it; this log has two histories, and only a break is honest now", ErrMirror, s.name, s.cp.Size)
		}
	}
	return unpublished, nil
}

// addQueued adds the leaf that the records were about to publish.
func (r *rebuilt) addQueued(ctx context.Context, store records.Store) error {
	found, _, err := store.Scan(ctx, records.Range{Start: key(tagQueue, ""), End: records.PrefixEnd(key(tagQueue, "")), Limit: 1})
	if err != nil {
		return fmt.Errorf("couldn't read the ledger's queue: %w", err)
	}
	var q queuedRecord
	if len(found) == 1 {
		if err := decodeRecord(found[0].Value, &q); err != nil {
			return err
		}
	}
	if q.Leaf == nil {
		return errors.New("nothing waits there")
	}
	return r.append(q.Leaf)
}

// install puts the new folder in place of the old one.
func (r *rebuilt) install(dir string, published, unpublished []byte, key note.Verifier) (Recovered, error) {
	newest := published
	if unpublished != nil {
		newest = unpublished
	}
	own, err := ownSignature(newest, key)
	if err != nil {
		return Recovered{}, err
	}
	if err := r.finish(own); err != nil {
		return Recovered{}, err
	}
	out := Recovered{Size: uint64(r.size)}
	if out.Root, err = r.root(r.size); err != nil {
		return out, err
	}
	if out.Aside, err = putAside(dir, LogDir(dir)); err != nil {
		return out, err
	}
	if err := os.Rename(r.dir, LogDir(dir)); err != nil {
		return out, fmt.Errorf("couldn't put the log in place: %w", err)
	}
	return out, durable.WriteFile(filepath.Join(dir, "checkpoint"), published, 0o600)
}

// putAside renames a file or folder, if it is there, and returns its new name.
func putAside(dir, name string) (string, error) {
	if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.before-%d", name, n)
		if _, err := os.Lstat(aside); !errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := os.Rename(name, aside); err != nil {
			return "", fmt.Errorf("couldn't put %s aside: %w", filepath.Base(name), err)
		}
		return aside, durable.SyncDir(dir)
	}
}
