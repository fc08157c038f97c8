package monitor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"writ/internal/proof"
)

const (
	height        = 8           // of a tile: c2sp.org/tlog-tiles
	width         = 1 << height // leaves of a bundle, hashes of a tile
	maxCheckpoint = 64 << 10
	maxBundle     = width * (2 + proof.MaxStatement)
	maxTiles      = 1024    // remembered, of 8 KiB each
	maxSize       = 1 << 48 // leaves
	fetchers      = 8       // requests at a time
)

// Log is a log under one checkpoint that was verified. Its methods may be
// called at once.
type Log struct {
	src        Source
	Checkpoint proof.Checkpoint
	Signed     []byte // the checkpoint as it was served

	tree tlog.Tree

	mu     sync.Mutex // guards what follows
	tiles  map[tlog.Tile][]byte
	bundle *leaves // the last that Leaf read
}

// Open reads the newest checkpoint of a log and verifies it. Errors:
// [ErrSource], those of [proof.Verifier.Checkpoint].
func Open(ctx context.Context, src Source, v *proof.Verifier) (*Log, error) {
	signed, err := src.Read(ctx, "checkpoint", maxCheckpoint)
	if err != nil {
		return nil, err
	}
	return at(src, v, signed)
}

func at(src Source, v *proof.Verifier, signed []byte) (*Log, error) {
	c, err := v.Checkpoint(signed)
	if err != nil {
		return nil, err
	}
	if c.Size > maxSize {
		return nil, fmt.Errorf("%w: a log of %d leaves", proof.ErrForm, c.Size)
	}
	return &Log{
		src: src, Checkpoint: c, Signed: signed,
		tree: tlog.Tree{N: int64(c.Size), Hash: tlog.Hash(c.Root)}, tiles: map[tlog.Tile][]byte{},
	}, nil
}

// Contains checks that the log began with these leaves: it returns [ErrFork]
// and a consistency proof (RFC 6962, 2.1.2) that leads to the checkpoint's root
// and to another old root, or the error that kept it from finding out.
func (l *Log) Contains(ctx context.Context, size uint64, root []byte) ([][]byte, error) {
	if size == 0 {
		return nil, nil
	}
	if size > l.Checkpoint.Size {
		return nil, fmt.Errorf("%w: it has %d leaves, and had %d", ErrRollback, l.Checkpoint.Size, size)
	}
	hashes := l.hashes(ctx)
	got, err := tlog.TreeHash(int64(size), hashes)
	if err != nil {
		return nil, l.untrue(err)
	}
	if bytes.Equal(got[:], root) {
		return nil, nil
	}
	fork := fmt.Errorf("%w: its first %d leaves are others than they were", ErrFork, size)
	if size == l.Checkpoint.Size {
		return nil, fork
	}
	path, err := tlog.ProveTree(l.tree.N, int64(size), hashes)
	if err != nil {
		return nil, l.untrue(err)
	}
	proof := make([][]byte, len(path))
	for i := range path {
		proof[i] = path[i][:]
	}
	return proof, fork
}

// Leaf returns a leaf that is proven to be in the log. Errors: [ErrSource],
// [ErrTile], [proof.ErrInclusion].
func (l *Log) Leaf(ctx context.Context, index uint64) ([]byte, error) {
	if index >= l.Checkpoint.Size {
		return nil, fmt.Errorf("%w: index %d of %d", proof.ErrInclusion, index, l.Checkpoint.Size)
	}
	n := index / width
	l.mu.Lock()
	b := l.bundle
	l.mu.Unlock()
	if b == nil || b.n != n {
		var err error
		if b, err = l.leaves(ctx, n); err != nil {
			return nil, err
		}
		if err := l.verify(ctx, []*leaves{b}); err != nil {
			return nil, err
		}
		l.mu.Lock()
		l.bundle = b
		l.mu.Unlock()
	}
	return b.all[index%width], nil
}

// leaves is an entry bundle.
type leaves struct {
	n      uint64 // its number: it begins with leaf n*width
	all    [][]byte
	full   bool
	hashes []tlog.Hash // of the leaves, or of the whole if it is full
}

// leaves reads a bundle; nothing of it is verified.
func (l *Log) leaves(ctx context.Context, n uint64) (*leaves, error) {
	count := int(min(width, l.Checkpoint.Size-n*width))
	b, err := l.read(ctx, tlog.Tile{H: height, L: -1, N: int64(n), W: count}, maxBundle)
	if err != nil {
		return nil, err
	}
	out := &leaves{n: n, all: make([][]byte, 0, count), hashes: make([]tlog.Hash, count)}
	hashed := make([]byte, 1, 1+proof.MaxStatement) // RFC 6962: a leaf is hashed behind a zero
	for i := range count {
		if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			return nil, fmt.Errorf("%w: the bundle of leaf %d is cut", ErrTile, n*width+uint64(i))
		}
		size := int(binary.BigEndian.Uint16(b))
		leaf := b[2 : 2+size : 2+size]
		b = b[2+size:]
		out.all = append(out.all, leaf)
		hashed = append(hashed[:1], leaf...)
		out.hashes[i] = tlog.Hash(sum256(hashed))
	}
	if out.full = count == width; out.full {
		out.hashes = []tlog.Hash{root(out.hashes)}
	}
	return out, nil
}

// verify checks bundles against the checkpoint.
func (l *Log) verify(ctx context.Context, bundles []*leaves) error {
	var at []int64
	var have []tlog.Hash
	var of []uint64
	for _, b := range bundles {
		level, first := 0, int64(b.n*width)
		if b.full {
			level, first = height, int64(b.n)
		}
		for i, h := range b.hashes {
			at, have, of = append(at, tlog.StoredHashIndex(level, first+int64(i))), append(have, h), append(of, b.n)
		}
	}
	want, err := l.hashes(ctx).ReadHashes(at)
	if err != nil {
		return l.untrue(err)
	}
	for i := range want {
		if want[i] != have[i] {
			first := of[i] * width
			return fmt.Errorf("%w: leaves %d to %d have been changed", ErrTile, first, min(first+width, l.Checkpoint.Size)-1)
		}
	}
	return nil
}

// root is the hash of a full bundle, whose hashes it overwrites.
func root(h []tlog.Hash) tlog.Hash {
	for n := len(h); n > 1; n /= 2 {
		for i := range n / 2 {
			h[i] = tlog.NodeHash(h[2*i], h[2*i+1])
		}
	}
	return h[0]
}

// untrue makes of an error of tlog's one of ours.
func (l *Log) untrue(err error) error {
	if errors.Is(err, ErrSource) || errors.Is(err, ErrTile) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: a tile has been changed", ErrTile)
}

// hashes reads hashes of the tree that are proven to be under the checkpoint.
func (l *Log) hashes(ctx context.Context) tlog.HashReader {
	return tlog.TileHashReader(l.tree, &tileReader{l, ctx})
}

// tileReader reads tiles for one call.
type tileReader struct {
	l   *Log
	ctx context.Context
}

func (r *tileReader) Height() int { return height }

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	g, ctx := errgroup.WithContext(r.ctx)
	g.SetLimit(fetchers)
	for i, t := range tiles {
		r.l.mu.Lock()
		out[i] = r.l.tiles[t]
		r.l.mu.Unlock()
		if out[i] != nil {
			continue
		}
		g.Go(func() error {
			b, err := r.l.read(ctx, t, width*tlog.HashSize)
			if err == nil && len(b) < t.W*tlog.HashSize {
				err = fmt.Errorf("%w: %s is cut", ErrTile, name(t))
			}
			if err == nil {
				out[i] = b[:t.W*tlog.HashSize]
			}
			return err
		})
	}
	return out, g.Wait()
}

// SaveTiles is called with tiles that are proven.
func (r *tileReader) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	if len(r.l.tiles)+len(tiles) > maxTiles {
		clear(r.l.tiles)
	}
	for i, t := range tiles {
		r.l.tiles[t] = data[i]
	}
}

// read reads a tile or bundle. Where a log has dropped a partial one, as it may
// once the full one is there, that is taken.
func (l *Log) read(ctx context.Context, t tlog.Tile, most int64) ([]byte, error) {
	b, err := l.src.Read(ctx, name(t), most)
	if t.W < width && errors.Is(err, fs.ErrNotExist) {
		t.W = width
		b, err = l.src.Read(ctx, name(t), most)
	}
	return b, err
}

// name is a tile's path in a C2SP log; tlog's own has the height in it.
func name(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), "tile/8/")
	if rest, ok := strings.CutPrefix(path, "data/"); ok {
		path = "entries/" + rest
	}
	return "tile/" + path
}
