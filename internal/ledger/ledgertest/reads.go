package ledgertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"writ/internal/ledger"
)

// pending checks the reads of who keeps the log, once all is published.
func pending(t *testing.T, l ledger.Log, leaves map[uint64][]byte) {
	ctx := t.Context()
	size, err := l.Size(ctx)
	if err != nil || size != uint64(len(leaves)) {
		t.Fatalf("%d leaves are durable, not %d: %v", size, len(leaves), err)
	}
	for index, want := range leaves {
		if got, err := l.Pending(ctx, index); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("durable leaf %d is %q, not %q: %v", index, got, want, err)
		}
	}
	if _, err := l.Pending(ctx, size); !errors.Is(err, ledger.ErrNoLeaf) {
		t.Errorf("a durable leaf behind the last: %v", err)
	}
	if signed, err := l.Await(ctx, size-1); err != nil || len(signed) == 0 {
		t.Errorf("a published leaf is waited for: %v", err)
	}
}

// tiles holds every tile and bundle, in every width, against the leaves, by
// the tiles of golang.org/x/mod.
func tiles(t *testing.T, l ledger.Log, c *log.Checkpoint, leaves map[uint64][]byte) {
	ctx := t.Context()
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			out[i] = hashes[n]
		}
		return out, nil
	})
	for i := range c.Size {
		added, err := tlog.StoredHashes(int64(i), leaves[i], read)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, added...)
	}
	for level := range uint64(9) {
		for index := range uint64(3) {
			for width := range 258 {
				there := width >= 1 && width <= 256 && level < 8 && index*256+uint64(width) <= c.Size>>(8*level)
				got, err := l.Tile(ctx, level, index, width)
				if !there {
					if !errors.Is(err, ledger.ErrNoLeaf) {
						t.Fatalf("tile %d/%d of width %d: %v", level, index, width, err)
					}
					continue
				}
				want, e := tlog.ReadTileData(tlog.Tile{H: 8, L: int(level), N: int64(index), W: width}, read)
				if e != nil || err != nil || !bytes.Equal(got, want) {
					t.Fatalf("tile %d/%d of width %d is not as the leaves say: %v, %v", level, index, width, err, e)
				}
			}
		}
	}
	for index := range uint64(3) {
		for width := range 258 {
			got, err := l.Entries(ctx, index, width)
			if width < 1 || width > 256 || index*256+uint64(width) > c.Size {
				if !errors.Is(err, ledger.ErrNoLeaf) {
					t.Fatalf("bundle %d of width %d: %v", index, width, err)
				}
				continue
			}
			var want []byte
			for i := range uint64(width) {
				leaf := leaves[index*256+i]
				want = append(binary.BigEndian.AppendUint16(want, uint16(len(leaf))), leaf...)
			}
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("bundle %d of width %d is not as the leaves say: %v", index, width, err)
			}
		}
	}
	for _, index := range []uint64{1 << 55, 1 << 56, 1<<56 - 1, 1 << 63, 1<<64 - 1} {
		if _, err := l.Tile(ctx, 0, index, 256); !errors.Is(err, ledger.ErrNoLeaf) {
			t.Errorf("tile %d: %v", index, err)
		}
		if _, err := l.Entries(ctx, index, 1); !errors.Is(err, ledger.ErrNoLeaf) {
			t.Errorf("bundle %d: %v", index, err)
		}
	}
}

// consistency checks proofs between sizes with transparency-dev's code.
func consistency(t *testing.T, l ledger.Log, c *log.Checkpoint) {
	ctx := t.Context()
	for _, from := range []uint64{1, 2, 7, 255, 256, 257, c.Size - 1, c.Size} {
		path, err := l.Prove(ctx, from-1, from)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := l.Leaf(ctx, from-1)
		if err != nil {
			t.Fatal(err)
		}
		old, err := proof.RootFromInclusionProof(rfc6962.DefaultHasher, from-1, from, rfc6962.DefaultHasher.HashLeaf(leaf), path)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := l.Consistency(ctx, from, c.Size)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, from, c.Size, steps, old, c.Hash); err != nil {
			t.Errorf("from %d to %d: %v", from, c.Size, err)
		}
	}
	for _, at := range [][2]uint64{{1, c.Size + 1}, {c.Size, 1}, {1 << 63, 1<<64 - 1}} {
		if _, err := l.Consistency(ctx, at[0], at[1]); !errors.Is(err, ledger.ErrNoLeaf) {
			t.Errorf("consistency from %d to %d: %v", at[0], at[1], err)
		}
	}
}
