package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"writ/internal/durable"
)

// publish asks the witnesses whenever the log has grown, until ctx ends. The
// first round is for what is published already: it tells a log that was put
// back from a copy, and gets cosignatures that a new policy asks for.
func (w *Witnessed) publish(ctx context.Context) {
	defer close(w.ended)
	pause := w.config.RetryLeast
	for {
		err := w.round(ctx)
		w.mu.Lock()
		w.asked, w.trouble = true, err
		if errors.Is(err, ErrRolledBack) {
			w.sticky = err
		}
		w.tell()
		w.mu.Unlock()
		grown, again := w.grown, (<-chan time.Time)(nil)
		switch {
		case errors.Is(err, ErrRolledBack):
			w.log.Error("the ledger publishes nothing any more", "error", err.Error())
			return
		case err == nil:
			pause = w.config.RetryLeast
		case ctx.Err() == nil:
			w.log.Warn("the ledger couldn't publish", "error", err.Error(), "again_in", pause)
			grown, again = nil, time.After(pause)
			pause = min(2*pause, w.config.RetryMost)
		}
		select {
		case <-grown:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// round publishes the newest checkpoint of the inner log, if enough witnesses
// cosign it.
func (w *Witnessed) round(ctx context.Context) error {
	size, err := w.inner.Size(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	first, published, publishedSize := !w.asked, w.published, w.size
	w.mu.Unlock()
	if size == 0 || size == publishedSize && !first && w.satisfied(published) {
		return nil
	}
	inner, err := w.inner.Await(ctx, size-1)
	if err != nil {
		return err
	}
	signed, err := ownSignature(inner, w.key)
	if err != nil {
		return err
	}
	if size, err = SizeOf(signed); err != nil {
		return err
	}
	cosigned, answers := ask(ctx, w.witnesses, signed, w.inner.Consistency, w.satisfied, w.config.Grace)
	err = w.judgeAll(ctx, signed, size, answers)
	w.mu.Lock()
	w.answers = answers
	w.mu.Unlock()
	if err != nil {
		return err
	}
	if !w.satisfied(cosigned) {
		return fmt.Errorf("too few witnesses cosigned: %s", describe(answers))
	}
	if err := durable.WriteFile(w.file(), cosigned, 0o600); err != nil {
		return err
	}
	w.mu.Lock()
	w.published, w.size = cosigned, size
	w.mu.Unlock()
	return nil
}

// satisfied says whether a checkpoint has the quorum's cosignatures.
func (w *Witnessed) satisfied(signed []byte) bool {
	_, err := w.verifier.Checkpoint(signed)
	return err == nil
}

// judgeAll looks at each witness that contradicts. Errors: [ErrRolledBack].
func (w *Witnessed) judgeAll(ctx context.Context, ours []byte, size uint64, answers []answer) error {
	for i, a := range answers {
		if !contradicts(a.err, size) {
			continue
		}
		theirs, err := judge(ctx, a.from, w.key, size, w.inner.Tile)
		if theirs == nil {
			answers[i].err = fmt.Errorf("%w; %w", a.err, err)
			continue
		}
		name, err := keepEvidence(filepath.Join(w.config.Dir, "evidence"), RollbackEvidence{
			V: 1, Kind: "log-rolledback", Seen: time.Now().UTC().Truncate(time.Second), Log: w.key.Name(),
			Says:    "this log's key signed a checkpoint that the log doesn't contain: it was put back from a copy, or its key is in use twice",
			Witness: a.from.name, Ours: string(ours), Theirs: string(theirs),
		})
		if err != nil {
			return fmt.Errorf("%w (witness %s; the evidence couldn't be kept: %w)", ErrRolledBack, a.from.name, err)
		}
		return fmt.Errorf("%w (witness %s; evidence/%s)", ErrRolledBack, a.from.name, name)
	}
	return nil
}

// ownSignature is a checkpoint with the log's own signature only.
func ownSignature(signed []byte, key note.Verifier) ([]byte, error) {
	n, err := note.Open(signed, note.VerifierList(key))
	if err != nil {
		return nil, fmt.Errorf("%w: its checkpoint is not signed by %s", ErrDamaged, key.Name())
	}
	own, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs})
	if err != nil {
		return nil, fmt.Errorf("couldn't copy a checkpoint: %w", err)
	}
	return own, nil
}

// describe says what each witness that did not cosign said.
func describe(answers []answer) string {
	var parts []string
	for _, a := range answers {
		if a.err != nil {
			parts = append(parts, fmt.Sprintf("%s: %v", a.from.name, a.err))
		}
	}
	return strings.Join(parts, "; ")
}

// WitnessState is what a witness said in the last round.
type WitnessState struct {
	Name     string
	Cosigned time.Time // of its cosignature; zero if it gave none
	Err      error     // why it gave none
}

// WitnessedStatus is how publishing stands.
type WitnessedStatus struct {
	Size      uint64 // leaves that are published
	Witnesses []WitnessState
	Waiting   error // why the last round published nothing; nil if it did
	Sticky    error // why nothing is published any more
}

// Status tells how publishing stands.
func (w *Witnessed) Status() WitnessedStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := WitnessedStatus{Size: w.size, Waiting: w.trouble, Sticky: w.sticky}
	for _, a := range w.answers {
		s.Witnesses = append(s.Witnesses, WitnessState{Name: a.from.name, Cosigned: a.cosig.Time, Err: a.err})
	}
	return s
}

// Size implements [Log].
func (w *Witnessed) Size(ctx context.Context) (uint64, error) { return w.inner.Size(ctx) }

// Pending implements [Log].
func (w *Witnessed) Pending(ctx context.Context, index uint64) ([]byte, error) {
	return w.inner.Pending(ctx, index)
}

// Checkpoint implements [Log]: the newest that enough witnesses have cosigned.
func (w *Witnessed) Checkpoint(context.Context) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, ErrClosed
	}
	return bytes.Clone(w.published), nil
}

// reach fails with ErrNoLeaf if fewer leaves are published.
func (w *Witnessed) reach(size uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return ErrClosed
	case size > w.size:
		return ErrNoLeaf
	}
	return nil
}

// Leaf implements [Log].
func (w *Witnessed) Leaf(ctx context.Context, index uint64) ([]byte, error) {
	if index == ^uint64(0) {
		return nil, ErrNoLeaf
	}
	if err := w.reach(index + 1); err != nil {
		return nil, err
	}
	return w.inner.Leaf(ctx, index)
}

// Prove implements [Log].
func (w *Witnessed) Prove(ctx context.Context, index, size uint64) ([][]byte, error) {
	if err := w.reach(size); err != nil {
		return nil, err
	}
	return w.inner.Prove(ctx, index, size)
}

// Consistency implements [Log].
func (w *Witnessed) Consistency(ctx context.Context, from, to uint64) ([][]byte, error) {
	if err := w.reach(to); err != nil {
		return nil, err
	}
	return w.inner.Consistency(ctx, from, to)
}

// Tile implements [Log].
func (w *Witnessed) Tile(ctx context.Context, level, index uint64, width int) ([]byte, error) {
	if err := w.covered(level, index, width); err != nil {
		return nil, err
	}
	return w.inner.Tile(ctx, level, index, width)
}

// Entries implements [Log].
func (w *Witnessed) Entries(ctx context.Context, index uint64, width int) ([]byte, error) {
	if err := w.covered(0, index, width); err != nil {
		return nil, err
	}
	return w.inner.Entries(ctx, index, width)
}

func (w *Witnessed) covered(level, index uint64, width int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return ErrClosed
	case !covers(w.size, level, index, width):
		return ErrNoLeaf
	}
	return nil
}
