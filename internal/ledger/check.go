package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// atStart is how many leaves are hashed again before a book opens; the others
// follow in the background.
const atStart = 1 << 18

// recheck hashes leaves again and holds them against the tiles, newest first.
type recheck struct {
	log     Log
	size    uint64 // of the log that is checked
	cancel  context.CancelFunc
	ended   chan struct{}
	checked atomic.Uint64
}

// startCheck hashes the newest leaves again, and begins to do it with all
// others; what it finds in the background is given to fail. Together with the
// tiles, which [CheckLog] holds against the checkpoint level by level here, this
// finds any byte that was changed. Errors: [ErrDamaged].
func startCheck(ctx context.Context, l Log, key note.Verifier, fail func(error)) (*recheck, error) {
	signed, err := l.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	cp, _, _, err := log.ParseCheckpoint(signed, key.Name(), key)
	if err != nil {
		return nil, fmt.Errorf("%w: its checkpoint is not signed by %s", ErrDamaged, key.Name())
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &recheck{log: l, size: cp.Size, cancel: cancel, ended: make(chan struct{})}
	bundles := (cp.Size + tileWidth - 1) / tileWidth
	first := bundles - min(bundles, atStart/tileWidth)
	if err := c.leaves(ctx, first, bundles); err != nil {
		cancel()
		return nil, err
	}
	if first == 0 { // all is at hand
		defer close(c.ended)
		if err := c.levels(ctx); err != nil {
			cancel()
			return nil, err
		}
		return c, nil
	}
	go func() {
		defer close(c.ended)
		err := c.leaves(running, 0, first)
		if err == nil {
			err = c.levels(running)
		}
		if err != nil && running.Err() == nil && !errors.Is(err, ErrClosed) {
			fail(err)
		}
	}()
	return c, nil
}

// leaves hashes the leaves of some bundles, on all cores.
func (c *recheck) leaves(ctx context.Context, from, to uint64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Uint64
	next.Store(from)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), int(min(to-from, 64))) {
		wg.Go(func() {
			for ctx.Err() == nil {
				bundle := next.Add(1) - 1
				if bundle >= to {
					return
				}
				if err := c.bundle(ctx, bundle); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// bundle holds the entries of one bundle against its tile.
func (c *recheck) bundle(ctx context.Context, index uint64) error {
	width := widthIn(c.size, 0, index)
	bundle, err := c.log.Entries(ctx, index, width)
	if err != nil {
		return fmt.Errorf("couldn't read entries from %d on: %w", index*tileWidth, err)
	}
	entries, err := SplitEntries(bundle, width)
	if err != nil {
		return err
	}
	tile, err := c.log.Tile(ctx, 0, index, width)
	if err != nil {
		return fmt.Errorf("couldn't read the tile from leaf %d on: %w", index*tileWidth, err)
	}
	for i, e := range entries {
		if !bytes.Equal(rfc6962.DefaultHasher.HashLeaf(e), tile[32*i:32*i+32]) {
			return fmt.Errorf("%w: leaf %d is not what was published: it was changed; run `writ ledger recover`", ErrDamaged, index*tileWidth+uint64(i))
		}
	}
	c.checked.Add(uint64(width))
	return nil
}

// levels holds each tile against those below it; the uppermost lead to the
// checkpoint, as CheckLog has seen.
func (c *recheck) levels(ctx context.Context) error {
	for level := uint64(1); c.size>>(8*level) > 0; level++ {
		nodes := c.size >> (8 * level)
		for index := range (nodes + tileWidth - 1) / tileWidth {
			if err := c.tile(ctx, level, index); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (c *recheck) tile(ctx context.Context, level, index uint64) error {
	width := widthIn(c.size, level, index)
	tile, err := c.log.Tile(ctx, level, index, width)
	if err != nil {
		return fmt.Errorf("couldn't read a tile of level %d: %w", level, err)
	}
	for i := range width {
		below, err := c.log.Tile(ctx, level-1, index*tileWidth+uint64(i), tileWidth)
		if err != nil {
			return fmt.Errorf("couldn't read a tile of level %d: %w", level-1, err)
		}
		if !bytes.Equal(fullTile(below), tile[32*i:32*i+32]) {
			return fmt.Errorf("%w: a tile of level %d doesn't follow from those below it: it was changed; run `writ ledger recover`", ErrDamaged, level)
		}
	}
	return nil
}

// fullTile is the hash of the subtree whose lowest nodes are a full tile.
func fullTile(tile []byte) []byte {
	nodes := bytes.Clone(tile)
	for n := tileWidth; n > 1; n /= 2 {
		for i := range n / 2 {
			copy(nodes[32*i:], rfc6962.DefaultHasher.HashChildren(nodes[64*i:64*i+32], nodes[64*i+32:64*i+64]))
		}
	}
	return nodes[:32]
}

// stop ends the check; it may be called on none.
func (c *recheck) stop() {
	if c != nil {
		c.cancel()
		<-c.ended
	}
}

// progress is how many leaves were checked.
func (c *recheck) progress() uint64 {
	if c == nil {
		return 0
	}
	return c.checked.Load()
}
