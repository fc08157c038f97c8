package ledger

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/tlog"

	"writ/internal/durable"
)

// rebuilt is a log's folder that is being written, as Tessera's POSIX driver
// keeps it: entry bundles, tiles, .state/version, .state/treeState (JSON: size
// and root), and the checkpoint with the log's own signature.
type rebuilt struct {
	dir    string
	hashes []tlog.Hash // stored hashes, as tlog numbers them
	size   int64
}

func (r *rebuilt) read(at []int64) ([]tlog.Hash, error) { return pick(r.hashes, at) }

// add hashes leaves and writes their bundle.
func (r *rebuilt) add(bundle uint64, entries [][]byte) error {
	for _, e := range entries {
		added, err := tlog.StoredHashes(r.size, e, tlog.HashReaderFunc(r.read))
		if err != nil {
			return fmt.Errorf("couldn't hash a leaf: %w", err)
		}
		r.hashes = append(r.hashes, added...)
		r.size++
	}
	return r.write(layout.EntriesPath(bundle, uint8(len(entries)%tileWidth)), joinEntries(entries))
}

func (r *rebuilt) root(size int64) ([32]byte, error) {
	h, err := tlog.TreeHash(size, tlog.HashReaderFunc(r.read))
	if err != nil {
		return [32]byte{}, fmt.Errorf("couldn't hash the tree: %w", err)
	}
	return [32]byte(h), nil
}

// finish writes tiles, state and checkpoint.
func (r *rebuilt) finish(checkpoint []byte) error {
	for _, t := range tlog.NewTiles(8, 0, r.size) {
		data, err := tlog.ReadTileData(t, tlog.HashReaderFunc(r.read))
		if err != nil {
			return fmt.Errorf("couldn't make a tile: %w", err)
		}
		if err := r.write(layout.TilePath(uint64(t.L), uint64(t.N), uint8(t.W%tileWidth)), data); err != nil {
			return err
		}
	}
	root, err := r.root(r.size)
	if err != nil {
		return err
	}
	state, err := json.Marshal(struct {
		Size uint64 `json:"size"`
		Root []byte `json:"root"`
	}{uint64(r.size), root[:]})
	if err != nil {
		return fmt.Errorf("couldn't encode the log's state: %w", err)
	}
	for _, f := range []struct {
		name string
		body []byte
	}{{".state/version", []byte("1")}, {".state/treeState", state}, {layout.CheckpointPath, checkpoint}} {
		if err := r.write(f.name, f.body); err != nil {
			return err
		}
	}
	return nil
}

// write writes one file below the folder, durably.
func (r *rebuilt) write(path string, body []byte) error {
	name := filepath.Join(r.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("couldn't make a folder of the log: %w", err)
	}
	return durable.WriteFile(name, body, 0o600)
}

// append adds one leaf behind the others, whose bundle is written again.
func (r *rebuilt) append(leaf []byte) error {
	bundle, have := uint64(r.size)/tileWidth, int(r.size%tileWidth)
	var entries [][]byte
	if have > 0 {
		b, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(layout.EntriesPath(bundle, uint8(have)))))
		if err != nil {
			return fmt.Errorf("couldn't read a bundle back: %w", err)
		}
		if entries, err = SplitEntries(b, have); err != nil {
			return err
		}
	}
	added, err := tlog.StoredHashes(r.size, leaf, tlog.HashReaderFunc(r.read))
	if err != nil {
		return fmt.Errorf("couldn't hash a leaf: %w", err)
	}
	r.hashes = append(r.hashes, added...)
	r.size++
	entries = append(entries, leaf)
	return r.write(layout.EntriesPath(bundle, uint8(len(entries)%tileWidth)), joinEntries(entries))
}
