package records

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/btree"
)

// memory keeps records in a tree in memory. Durable means kept until Close.
type memory struct {
	*transactor
	mu   sync.RWMutex
	tree *btree.BTreeG[Entry]
}

// NewMemory returns a store that keeps its records in memory: real behaviour,
// for tests and for what need not outlive the process.
func NewMemory() Store {
	m := &memory{tree: btree.NewG(32, func(a, b Entry) bool { return bytes.Compare(a.Key, b.Key) < 0 })}
	m.transactor = newTransactor(m)
	return m
}

func (m *memory) get(key []byte) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return treeGet(m.tree, key)
}

func treeGet(tree *btree.BTreeG[Entry], key []byte) ([]byte, error) {
	e, ok := tree.Get(Entry{Key: key})
	if !ok {
		return nil, ErrNotFound
	}
	return bytes.Clone(e.Value), nil
}

func (m *memory) scan(_ context.Context, r Range) ([]Entry, bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	entries, more := treeScan(m.tree, r)
	return entries, more, nil
}

func treeScan(tree *btree.BTreeG[Entry], r Range) (entries []Entry, more bool) {
	limit := r.limit()
	visit := func(e Entry) bool {
		if r.Reverse && r.End != nil && bytes.Equal(e.Key, r.End) {
			return true
		}
		if !r.contains(e.Key) {
			return false
		}
		if len(entries) == limit {
			more = true
			return false
		}
		out := Entry{Key: bytes.Clone(e.Key)}
		if !r.KeysOnly {
			out.Value = bytes.Clone(e.Value)
		}
		entries = append(entries, out)
		return true
	}
	switch {
	case !r.Reverse:
		tree.AscendGreaterOrEqual(Entry{Key: r.Start}, visit)
	case r.End == nil:
		tree.Descend(visit)
	default:
		tree.DescendLessOrEqual(Entry{Key: r.End}, visit)
	}
	return entries, more
}

// memoryBatch is a batch on its way into the tree.
type memoryBatch struct {
	m   *memory
	ops []op
}

func (m *memory) prepare(b *Batch) (prepared, error) { return &memoryBatch{m, b.ops}, nil }

func (b *memoryBatch) apply() error {
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	for _, o := range b.ops {
		if o.delete {
			b.m.tree.Delete(Entry{Key: o.key})
		} else {
			b.m.tree.ReplaceOrInsert(Entry{Key: o.key, Value: o.value})
		}
	}
	return nil
}

func (*memoryBatch) wait() error { return nil }

// memorySnapshot is a copy-on-write clone of the tree.
type memorySnapshot struct {
	mu     sync.RWMutex
	tree   *btree.BTreeG[Entry]
	closed bool
}

// Snapshot implements [Store].
func (m *memory) Snapshot(ctx context.Context) (Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.isClosed() {
		return nil, ErrClosed
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memorySnapshot{tree: m.tree.Clone()}, nil
}

func (s *memorySnapshot) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	return treeGet(s.tree, key)
}

func (s *memorySnapshot) Scan(ctx context.Context, r Range) ([]Entry, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, false, ErrClosed
	}
	entries, more := treeScan(s.tree, r)
	return entries, more, nil
}

func (s *memorySnapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// checkpointFile is the one file of a memory store's checkpoint: its entries
// in CBOR, unsealed, as a memory store seals nothing.
const checkpointFile = "memory.cbor"

// Checkpoint implements [Store].
func (m *memory) Checkpoint(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	tree := m.tree.Clone()
	m.mu.Unlock()
	var entries []Entry
	tree.Ascend(func(e Entry) bool { entries = append(entries, e); return true })
	b, err := cbor.Marshal(entries)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, checkpointFile), b, 0o600)
}

// Stats implements [Store].
func (m *memory) Stats() Stats {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return Stats{MemoryUsed: int64(m.tree.Len())}
}

// Close implements [Store].
func (m *memory) Close() error {
	m.shut()
	return nil
}
