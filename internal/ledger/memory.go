package ledger

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/transparency-dev/formats/log"
)

// Memory is a Log in memory, for tests. Its checkpoints are signed like those
// of any other; each leaf is published as it is appended.
type Memory struct {
	origin string
	signer note.Signer

	mu         sync.Mutex // guards what follows
	leaves     [][]byte
	hashes     []tlog.Hash // stored hashes, as tlog numbers them
	checkpoint []byte
	closed     bool
}

// NewMemory returns an empty log whose origin is the signer's name.
func NewMemory(signer note.Signer) (*Memory, error) {
	m := &Memory{origin: signer.Name(), signer: signer}
	signed, err := m.sign(0, nil)
	m.checkpoint = signed
	return m, err
}

// Add implements [Log].
func (m *Memory) Add(ctx context.Context, leaf []byte) (uint64, error) {
	if err := checkLeaf(leaf); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnpublished, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, ErrClosed
	}
	index := int64(len(m.leaves))
	added, err := tlog.StoredHashes(index, leaf, tlog.HashReaderFunc(m.readHashes))
	if err != nil {
		return 0, fmt.Errorf("couldn't hash the leaf: %w", err)
	}
	hashes := append(m.hashes, added...)
	root, err := tlog.TreeHash(index+1, tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return pick(hashes, at) }))
	if err != nil {
		return 0, fmt.Errorf("couldn't hash the tree: %w", err)
	}
	signed, err := m.sign(uint64(index)+1, root[:])
	if err != nil {
		return 0, err
	}
	m.leaves, m.hashes, m.checkpoint = append(m.leaves, bytes.Clone(leaf)), hashes, signed
	return uint64(index), nil
}

// Await implements [Log]: what is durable is published.
func (m *Memory) Await(ctx context.Context, index uint64) ([]byte, error) {
	size, err := m.Size(ctx)
	if err != nil {
		return nil, err
	}
	if index >= size {
		return nil, ErrUnpublished
	}
	return m.Checkpoint(ctx)
}

// Append implements [Log].
func (m *Memory) Append(ctx context.Context, leaf []byte) (uint64, []byte, error) {
	return appendTo(ctx, m, leaf)
}

// Size implements [Log].
func (m *Memory) Size(context.Context) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, ErrClosed
	}
	return uint64(len(m.leaves)), nil
}

// Pending implements [Log].
func (m *Memory) Pending(ctx context.Context, index uint64) ([]byte, error) {
	return m.Leaf(ctx, index)
}

// Checkpoint implements [Log].
func (m *Memory) Checkpoint(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	return bytes.Clone(m.checkpoint), nil
}

// Leaf implements [Log].
func (m *Memory) Leaf(_ context.Context, index uint64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	if index >= uint64(len(m.leaves)) {
		return nil, ErrNoLeaf
	}
	return bytes.Clone(m.leaves[index]), nil
}

// Prove implements [Log].
func (m *Memory) Prove(ctx context.Context, index, size uint64) ([][]byte, error) {
	published, err := m.Size(ctx)
	if err != nil {
		return nil, err
	}
	if size > published || index >= size {
		return nil, ErrNoLeaf
	}
	return inclusion(ctx, m.Tile, index, size)
}

// Consistency implements [Log].
func (m *Memory) Consistency(ctx context.Context, from, to uint64) ([][]byte, error) {
	published, err := m.Size(ctx)
	if err != nil {
		return nil, err
	}
	if to > published || from > to {
		return nil, ErrNoLeaf
	}
	return consistency(ctx, m.Tile, from, to)
}

// Tile implements [Log].
func (m *Memory) Tile(_ context.Context, level, index uint64, width int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	if !covers(uint64(len(m.leaves)), level, index, width) {
		return nil, ErrNoLeaf
	}
	data, err := tlog.ReadTileData(tlog.Tile{H: 8, L: int(level), N: int64(index), W: width}, tlog.HashReaderFunc(m.readHashes))
	if err != nil {
		return nil, fmt.Errorf("couldn't make a tile: %w", err)
	}
	return data, nil
}

// Entries implements [Log].
func (m *Memory) Entries(_ context.Context, index uint64, width int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	if !covers(uint64(len(m.leaves)), 0, index, width) {
		return nil, ErrNoLeaf
	}
	return joinEntries(m.leaves[index*tileWidth : index*tileWidth+uint64(width)]), nil
}

// Close implements [Log].
func (m *Memory) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *Memory) sign(size uint64, root []byte) ([]byte, error) {
	if size == 0 {
		empty, err := tlog.TreeHash(0, nil)
		if err != nil {
			return nil, fmt.Errorf("couldn't hash the empty tree: %w", err)
		}
		root = empty[:]
	}
	body := log.Checkpoint{Origin: m.origin, Size: size, Hash: root}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(body)}, m.signer)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign the checkpoint: %w", err)
	}
	return signed, nil
}

func (m *Memory) readHashes(at []int64) ([]tlog.Hash, error) { return pick(m.hashes, at) }

func pick(hashes []tlog.Hash, at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		if n < 0 || n >= int64(len(hashes)) {
			return nil, fmt.Errorf("no hash is stored at %d", n)
		}
		out[i] = hashes[n]
	}
	return out, nil
}
