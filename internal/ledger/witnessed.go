package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/transparency-dev/formats/log"
	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"writ/internal/durable"
	"writ/internal/proof"
)

// What the witnesses are given, unless the configuration says otherwise.
const (
	witnessTime = 5 * time.Second        // for one witness's answer
	graceTime   = 50 * time.Millisecond  // for stragglers, once the quorum holds
	retryLeast  = 500 * time.Millisecond // pause after a round without a quorum, doubled each time
	retryMost   = 30 * time.Second
)

// WitnessedConfig is what a [Witnessed] log is opened with.
type WitnessedConfig struct {
	Dir    string // where the published checkpoint lies, and evidence/
	LogKey string // verifier key (vkey) of the log
	Policy string // log/witness/group/quorum lines; "" asks for no witness
	HTTP   *http.Client
	// Timeout is for one witness's answer, Grace for stragglers, RetryLeast
	// and RetryMost for the pause between rounds; 0 is the default.
	Timeout, Grace, RetryLeast, RetryMost time.Duration
	Logger                                *slog.Logger // nil is silence
}

// Witnessed is a Log that publishes a checkpoint of another log once enough
// witnesses have cosigned it. What the other log publishes stays private. With
// the quorum unmet nothing new is published, and it goes on asking.
type Witnessed struct {
	inner     Log
	config    WitnessedConfig
	key       note.Verifier
	verifier  *proof.Verifier
	witnesses []*asked
	log       *slog.Logger
	cancel    context.CancelFunc
	ended     chan struct{} // closed when the publisher has ended
	grown     chan struct{} // holds a token when a leaf was added

	mu        sync.Mutex // guards what follows
	published []byte
	size      uint64        // of published
	changed   chan struct{} // closed and replaced when anything below or above changes
	asked     bool          // the first round is over
	answers   []answer      // of the last round
	trouble   error         // why the last round published nothing
	sticky    error         // why nothing is published any more
	closed    bool
}

// OpenWitnessed puts witnesses before a log. The folder holds the newest
// published checkpoint, or belongs to a log that holds nothing yet. It owns the
// log from then on. Errors: [ErrDamaged] if the published checkpoint is not one
// of the log.
func OpenWitnessed(ctx context.Context, inner Log, c WitnessedConfig) (*Witnessed, error) {
	verifier, err := proof.NewVerifier(proof.Trust{LogKey: c.LogKey, Policy: c.Policy})
	if err != nil {
		return nil, err
	}
	key, err := tnote.NewVerifier(c.LogKey)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the log's key: %w", err)
	}
	for _, d := range []struct {
		of *time.Duration
		is time.Duration
	}{{&c.Timeout, witnessTime}, {&c.Grace, graceTime}, {&c.RetryLeast, retryLeast}, {&c.RetryMost, retryMost}} {
		if *d.of == 0 {
			*d.of = d.is
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Witnessed{inner: inner, config: c, key: key, verifier: verifier, log: c.Logger,
		ended: make(chan struct{}), grown: make(chan struct{}, 1), changed: make(chan struct{})}
	if w.witnesses, err = newClients(c.Policy, c.HTTP, c.Timeout); err != nil {
		return nil, err
	}
	if err := w.load(ctx); err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel = cancel
	go w.publish(running)
	return w, nil
}

func (w *Witnessed) file() string { return filepath.Join(w.config.Dir, "checkpoint") }

// load reads the published checkpoint and holds it against the log.
func (w *Witnessed) load(ctx context.Context) error {
	if err := os.MkdirAll(w.config.Dir, 0o755); err != nil {
		return fmt.Errorf("couldn't make the ledger's folder: %w", err)
	}
	signed, err := os.ReadFile(w.file())
	if errors.Is(err, fs.ErrNotExist) {
		return w.begin(ctx)
	}
	if err != nil {
		return fmt.Errorf("couldn't read the published checkpoint: %w", err)
	}
	cp, _, _, err := log.ParseCheckpoint(signed, w.key.Name(), w.key)
	if err != nil {
		return fmt.Errorf("%w: the published checkpoint in %s is not signed by %s; put back the file or run `writ ledger recover`", ErrDamaged, w.config.Dir, w.key.Name())
	}
	size, err := w.inner.Size(ctx)
	if err != nil {
		return err
	}
	if cp.Size > size {
		return fmt.Errorf("%w: %d leaves are published and the log has %d: it is lost or was restored from an older backup; run `writ ledger recover`", ErrDamaged, cp.Size, size)
	}
	if cp.Size > 0 {
		// What is durable is published by the inner log in a moment.
		if _, err := w.inner.Await(ctx, size-1); err != nil {
			return err
		}
	}
	root, err := rootAt(ctx, w.inner.Tile, cp.Size)
	if err != nil {
		return fmt.Errorf("%w; run `writ ledger recover`", err)
	}
	if !bytes.Equal(root[:], cp.Hash) {
		return fmt.Errorf("%w: its tiles don't lead to the published checkpoint of %d leaves: they were changed; run `writ ledger recover`", ErrDamaged, cp.Size)
	}
	w.published, w.size = signed, cp.Size
	return nil
}

// begin publishes the empty log, on which there is nothing to witness.
func (w *Witnessed) begin(ctx context.Context) error {
	size, err := w.inner.Size(ctx)
	if err != nil {
		return err
	}
	if size > 0 {
		return fmt.Errorf("%w: the log has %d leaves, and its published checkpoint is missing from %s; run `writ ledger recover`", ErrDamaged, size, w.config.Dir)
	}
	if w.published, err = w.inner.Checkpoint(ctx); err != nil {
		return err
	}
	return durable.WriteFile(w.file(), w.published, 0o600)
}

// Add implements [Log]. It waits until the witnesses have been asked once, so
// that a log that was put back from a copy learns of it before it grows; a log
// that was rolled back grows no more ([ErrRolledBack]).
func (w *Witnessed) Add(ctx context.Context, leaf []byte) (uint64, error) {
	for {
		w.mu.Lock()
		first, sticky, closed, changed := w.asked, w.sticky, w.closed, w.changed
		w.mu.Unlock()
		switch {
		case closed:
			return 0, ErrClosed
		case sticky != nil:
			return 0, sticky
		case !first && checkLeaf(leaf) == nil && ctx.Err() == nil:
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		index, err := w.inner.Add(ctx, leaf)
		if err == nil {
			w.wake()
		}
		return index, err
	}
}

func (w *Witnessed) wake() {
	select {
	case w.grown <- struct{}{}:
	default:
	}
}

// Await implements [Log]. Errors: [ErrRolledBack] as well.
func (w *Witnessed) Await(ctx context.Context, index uint64) ([]byte, error) {
	for {
		w.mu.Lock()
		published, size, sticky, closed, changed, trouble := w.published, w.size, w.sticky, w.closed, w.changed, w.trouble
		w.mu.Unlock()
		switch {
		case closed:
			return nil, ErrClosed
		case index < size:
			return bytes.Clone(published), nil
		case sticky != nil:
			return nil, sticky
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if trouble != nil {
				return nil, fmt.Errorf("%w: %w", ErrUnpublished, trouble)
			}
			return nil, fmt.Errorf("%w: %w", ErrUnpublished, ctx.Err())
		}
	}
}

// Append implements [Log].
func (w *Witnessed) Append(ctx context.Context, leaf []byte) (uint64, []byte, error) {
	return appendTo(ctx, w, leaf)
}

// Close implements [Log]. What no witness has cosigned stays unpublished.
func (w *Witnessed) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.tell()
	w.mu.Unlock()
	w.cancel()
	<-w.ended
	return w.inner.Close(ctx)
}

// tell wakes who waits for a change; the caller holds mu.
func (w *Witnessed) tell() {
	close(w.changed)
	w.changed = make(chan struct{})
}
