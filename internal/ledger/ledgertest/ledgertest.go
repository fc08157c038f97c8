// Package ledgertest holds what every [ledger.Log] must do.
package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"writ/internal/ledger"
)

func second[T any](_ T, err error) error { return err }

// Conformance runs the suite on an empty log whose checkpoints verify under v.
func Conformance(t *testing.T, l ledger.Log, v note.Verifier) {
	ctx := t.Context()
	open := func(signed []byte) *log.Checkpoint {
		t.Helper()
		c, _, _, err := log.ParseCheckpoint(signed, v.Name(), v)
		if err != nil {
			t.Fatalf("the checkpoint does not verify: %v\n%s", err, signed)
		}
		return c
	}
	newest := func() *log.Checkpoint {
		t.Helper()
		signed, err := l.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return open(signed)
	}
	if c := newest(); c.Size != 0 {
		t.Fatalf("an empty log has size %d", c.Size)
	}
	for _, leaf := range [][]byte{nil, {}, make([]byte, ledger.MaxLeaf+1), make([]byte, 10<<20)} {
		if _, _, err := l.Append(ctx, leaf); !errors.Is(err, ledger.ErrLeafSize) {
			t.Errorf("a leaf of %d bytes: %v", len(leaf), err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := l.Append(ended, []byte("too late")); !errors.Is(err, ledger.ErrUnpublished) {
		t.Errorf("append after its context ended: %v", err)
	}
	if c := newest(); c.Size != 0 {
		t.Fatalf("refused leaves are in the log, of size %d", c.Size)
	}

	// More than one bundle's worth, from many goroutines at once.
	const writers, each = 30, 10
	leaves := map[uint64][]byte{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				leaf := append(fmt.Appendf(nil, "leaf %d %d", w, i), make([]byte, (w*each+i)%100)...)
				index, signed, err := l.Append(ctx, leaf)
				if err != nil {
					t.Error(err)
					return
				}
				c, _, _, err := log.ParseCheckpoint(signed, v.Name(), v)
				if err != nil || index >= c.Size {
					t.Errorf("leaf %d is not under the checkpoint returned: %v", index, err)
				}
				mu.Lock()
				if _, twice := leaves[index]; twice {
					t.Errorf("two leaves have index %d", index)
				}
				leaves[index] = leaf
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	c := newest()
	if t.Failed() || c.Size != writers*each {
		t.Fatalf("the log has size %d after %d leaves", c.Size, writers*each)
	}
	for index, want := range leaves {
		got, err := l.Leaf(ctx, index)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("leaf %d is %q, not %q: %v", index, got, want, err)
		}
		path, err := l.Prove(ctx, index, c.Size)
		if err != nil {
			t.Fatal(err)
		}
		var proof tlog.RecordProof
		for _, h := range path {
			proof = append(proof, tlog.Hash(h))
		}
		if err := tlog.CheckRecord(proof, int64(c.Size), tlog.Hash(c.Hash), int64(index), tlog.RecordHash(want)); err != nil {
			t.Fatalf("leaf %d: %v", index, err)
		}
	}
	pending(t, l, leaves)
	tiles(t, l, c, leaves)
	consistency(t, l, c)
	for _, at := range [][2]uint64{{c.Size, c.Size}, {0, c.Size + 1}, {0, 0}, {1 << 63, 1<<64 - 1}} {
		if _, err := l.Prove(ctx, at[0], at[1]); !errors.Is(err, ledger.ErrNoLeaf) {
			t.Errorf("a proof of leaf %d in size %d: %v", at[0], at[1], err)
		}
	}
	if _, err := l.Leaf(ctx, c.Size); !errors.Is(err, ledger.ErrNoLeaf) {
		t.Errorf("a leaf behind the last: %v", err)
	}

	if err := l.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Append(ctx, []byte("x")); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("append to a closed log: %v", err)
	}
	if _, err := l.Checkpoint(ctx); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("checkpoint of a closed log: %v", err)
	}
	for what, err := range map[string]error{
		"Add":         second(l.Add(ctx, []byte("x"))),
		"Await":       second(l.Await(ctx, 0)),
		"Size":        second(l.Size(ctx)),
		"Pending":     second(l.Pending(ctx, 0)),
		"Leaf":        second(l.Leaf(ctx, 0)),
		"Prove":       second(l.Prove(ctx, 0, 1)),
		"Consistency": second(l.Consistency(ctx, 1, 2)),
		"Tile":        second(l.Tile(ctx, 0, 0, 1)),
		"Entries":     second(l.Entries(ctx, 0, 1)),
	} {
		if !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("%s of a closed log: %v", what, err)
		}
	}
	if err := l.Close(ctx); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}
