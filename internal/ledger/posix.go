//go:build unix

package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
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

// Append implements [Log].
func (p *Posix) Append(ctx context.Context, leaf []byte) (uint64, []byte, error) {
	if err := checkLeaf(leaf); err != nil {
		return 0, nil, err
	}
	if err := ctx.Err(); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrUnpublished, err)
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return 0, nil, ErrClosed
	}
	index, checkpoint, err := p.awaiter.Await(ctx, p.appender.Add(ctx, tessera.NewEntry(bytes.Clone(leaf))))
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrUnpublished, err)
	}
	return index.Index, checkpoint, nil
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
	if index >= size {
		return nil, ErrNoLeaf
	}
	bundle, err := client.GetEntryBundle(ctx, p.reader.ReadEntryBundle, index/256, size)
	if err != nil {
		return nil, fmt.Errorf("couldn't read leaf %d: %w", index, err)
	}
	if at := index % 256; at < uint64(len(bundle.Entries)) {
		return bytes.Clone(bundle.Entries[at]), nil
	}
	return nil, fmt.Errorf("couldn't read leaf %d: its bundle is too short", index)
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
	builder, err := client.NewProofBuilder(ctx, size, p.reader.ReadTile)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the tiles: %w", err)
	}
	proof, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("couldn't prove leaf %d: %w", index, err)
	}
	return proof, nil
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

// publishedSize reads the size out of our own checkpoint, its second line.
func (p *Posix) publishedSize(ctx context.Context) (uint64, error) {
	signed, err := p.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	lines := strings.SplitN(string(signed), "\n", 3)
	if len(lines) < 3 {
		return 0, errors.New("couldn't read the checkpoint: it is no checkpoint")
	}
	var size uint64
	if _, err := fmt.Sscanf(lines[1], "%d", &size); err != nil {
		return 0, fmt.Errorf("couldn't read the checkpoint's size: %w", err)
	}
	return size, nil
}
