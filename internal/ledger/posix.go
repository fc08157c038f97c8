//go:build unix

package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"
)

// What Tessera waits for, its defaults being seconds.
const (
	batchAge           = 5 * time.Millisecond
	batchSize          = 64
	checkpointInterval = 100 * time.Millisecond // Tessera's least
	awaitPoll          = 10 * time.Millisecond
)

var routeKlog sync.Once

// Posix is a Log in a folder, kept by Tessera's POSIX driver, which serves
// tiles by files that a web server can hand out as they are.
type Posix struct {
	appender *tessera.Appender
	reader   tessera.LogReader
	awaiter  *tessera.PublicationAwaiter
	shutdown func(context.Context) error
	cancel   context.CancelFunc

	mu     sync.RWMutex // held for reading by each call, for writing to close
	closed bool
}

// OpenPosix opens the log in a folder, or begins one there. Its origin is the
// signer's name. What Tessera has to say goes to the out of the first call, for
// the whole process: its logger, klog, is one for all and may not be set while
// a log runs.
func OpenPosix(dir string, signer note.Signer, out *slog.Logger) (*Posix, error) {
	routeKlog.Do(func() { klog.SetSlogLogger(out) })
	ctx, cancel := context.WithCancel(context.Background())
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("couldn't open the log in %s: %w", dir, err)
	}
	options := tessera.NewAppendOptions().WithCheckpointSigner(signer).
		WithBatching(batchSize, batchAge).WithCheckpointInterval(checkpointInterval)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("couldn't open the log in %s: %w", dir, err)
	}
	return &Posix{
		appender: appender, reader: reader, shutdown: shutdown, cancel: cancel,
		awaiter: tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, awaitPoll),
	}, nil
}

// Add implements [Log].
func (p *Posix) Add(ctx context.Context, leaf []byte) (uint64, error) {
	if err := checkLeaf(leaf); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnpublished, err)
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return 0, ErrClosed
	}
	index, err := p.appender.Add(context.WithoutCancel(ctx), tessera.NewEntry(bytes.Clone(leaf)))()
	if err != nil {
		return 0, fmt.Errorf("couldn't append to the log: %w", err)
	}
	return index.Index, nil
}

// Await implements [Log].
func (p *Posix) Await(ctx context.Context, index uint64) ([]byte, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return nil, ErrClosed
	}
	known := func() (tessera.Index, error) { return tessera.Index{Index: index}, nil }
	_, checkpoint, err := p.awaiter.Await(ctx, known)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnpublished, err)
	}
	return checkpoint, nil
}

// Append implements [Log].
func (p *Posix) Append(ctx context.Context, leaf []byte) (uint64, []byte, error) {
	return appendTo(ctx, p, leaf)
}

// Size implements [Log].
func (p *Posix) Size(ctx context.Context) (uint64, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return 0, ErrClosed
	}
	size, err := p.reader.IntegratedSize(ctx)
	if err != nil {
		return 0, fmt.Errorf("couldn't read the log's size: %w", err)
	}
	return size, nil
}

// Pending implements [Log].
func (p *Posix) Pending(ctx context.Context, index uint64) ([]byte, error) {
	size, err := p.Size(ctx)
	if err != nil {
		return nil, err
	}
	return readLeaf(ctx, p.entries, index, size)
}

// Checkpoint implements [Log].
func (p *Posix) Checkpoint(ctx context.Context) ([]byte, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return nil, ErrClosed
	}
	signed, err := p.reader.ReadCheckpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the checkpoint: %w", err)
	}
	return signed, nil
}

// Leaf implements [Log].
func (p *Posix) Leaf(ctx context.Context, index uint64) ([]byte, error) {
	size, err := p.publishedSize(ctx)
	if err != nil {
		return nil, err
	}
	return readLeaf(ctx, p.entries, index, size)
}

// Prove implements [Log].
func (p *Posix) Prove(ctx context.Context, index, size uint64) ([][]byte, error) {
	published, err := p.publishedSize(ctx)
	if err != nil {
		return nil, err
	}
	if size > published || index >= size {
		return nil, ErrNoLeaf
	}
	return inclusion(ctx, p.tile, index, size)
}

// Consistency implements [Log].
func (p *Posix) Consistency(ctx context.Context, from, to uint64) ([][]byte, error) {
	published, err := p.publishedSize(ctx)
	if err != nil {
		return nil, err
	}
	if to > published || from > to {
		return nil, ErrNoLeaf
	}
	return consistency(ctx, p.tile, from, to)
}

// Tile implements [Log].
func (p *Posix) Tile(ctx context.Context, level, index uint64, width int) ([]byte, error) {
	published, err := p.publishedSize(ctx)
	if err != nil {
		return nil, err
	}
	if !covers(published, level, index, width) {
		return nil, ErrNoLeaf
	}
	return p.tile(ctx, level, index, width)
}

// Entries implements [Log].
func (p *Posix) Entries(ctx context.Context, index uint64, width int) ([]byte, error) {
	published, err := p.publishedSize(ctx)
	if err != nil {
		return nil, err
	}
	if !covers(published, 0, index, width) {
		return nil, ErrNoLeaf
	}
	return p.entries(ctx, index, width)
}

// tile reads a tile of the durable tree. Tessera keeps it in the widths that it
// had when something was written; the widest holds all others.
func (p *Posix) tile(ctx context.Context, level, index uint64, width int) ([]byte, error) {
	data, err := p.widest(ctx, level, index, width, func(p8 uint8) ([]byte, error) { return p.reader.ReadTile(ctx, level, index, p8) })
	if err != nil {
		return nil, fmt.Errorf("couldn't read a tile: %w", err)
	}
	if len(data) < 32*width || len(data)%32 != 0 {
		return nil, fmt.Errorf("%w: a tile of level %d has %d bytes", ErrDamaged, level, len(data))
	}
	return data[:32*width], nil
}

// entries reads a bundle, as tile does.
func (p *Posix) entries(ctx context.Context, index uint64, width int) ([]byte, error) {
	data, err := p.widest(ctx, 0, index, width, func(p8 uint8) ([]byte, error) { return p.reader.ReadEntryBundle(ctx, index, p8) })
	if err != nil {
		return nil, fmt.Errorf("couldn't read entries: %w", err)
	}
	return cutEntries(data, width)
}

// widest reads the file of just that width, or else of the width that the tile
// has in the durable tree.
func (p *Posix) widest(ctx context.Context, level, index uint64, width int, read func(uint8) ([]byte, error)) ([]byte, error) {
	data, err := read(uint8(width % tileWidth))
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	size, e := p.reader.IntegratedSize(ctx)
	if e != nil {
		return nil, e
	}
	now := widthIn(size, level, index)
	if now <= width {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if data, err = read(uint8(now % tileWidth)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return data, err
}

// Close implements [Log]: it waits for appends under way, and for Tessera to
// publish what it has taken, before anything is cancelled. Only the second wait
// is bounded by ctx: end the contexts of the appends first.
func (p *Posix) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	defer p.cancel()
	if err := p.shutdown(ctx); err != nil {
		return fmt.Errorf("couldn't end the log in order: %w", err)
	}
	return nil
}

func (p *Posix) publishedSize(ctx context.Context) (uint64, error) {
	signed, err := p.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	return SizeOf(signed)
}
