package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"writ"
	"writ/internal/durable"
	"writ/internal/proof"
	"writ/internal/records"
)

// BreakConfig is what a log ends with, and another begins.
type BreakConfig struct {
	Dir     string      // the ledger's folder
	OldKey  string      // verifier key (vkey) of the log that ends
	Old     note.Signer // nil if the key is lost
	NewKey  string
	New     note.Signer
	Reason  string // one line, public
	Records records.Store
	// Policy is what the server enforces from now on. Origin, Previous and
	// Break are set here.
	Policy proof.Policy
	// Checkpoint is the old log's last, with its signature: the published one
	// of the folder if nil.
	Checkpoint []byte
	Now        func() time.Time // nil is the clock
	Logger     *slog.Logger     // nil is silence
}

// Break ends a log that cannot go on, in public: the records are turned to a new
// log, whose first statement is a policy that names the old head, and a signed
// note says why ([Explanation]; it lies in the folder as "break"). What was
// published stays valid in the old log, which is put aside; what was not is
// written down anew. Batches go on counting. It may be repeated after a crash,
// with the same new key. No server may be running.
func Break(ctx context.Context, c BreakConfig) (explanation []byte, err error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	old, err := tnote.NewVerifier(c.OldKey)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the old log's key: %w", err)
	}
	young, err := tnote.NewVerifier(c.NewKey)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the new log's key: %w", err)
	}
	if want := NextOrigin(old.Name()); young.Name() != want {
		return nil, fmt.Errorf("the log after %s is called %s, not %s", old.Name(), want, young.Name())
	}
	e, signed, err := explain(c)
	if err != nil {
		return nil, err
	}
	if err := turnRecords(ctx, c, e, old.Name(), young.Name()); err != nil {
		return nil, err
	}
	return signed, clearFolder(c.Dir, young)
}

// clearFolder puts aside what is not the new log's.
func clearFolder(dir string, young note.Verifier) error {
	for _, part := range []struct{ name, checkpoint string }{
		{LogDir(dir), filepath.Join(LogDir(dir), "checkpoint")},
		{filepath.Join(dir, "checkpoint"), filepath.Join(dir, "checkpoint")},
	} {
		if signed, err := os.ReadFile(part.checkpoint); err == nil {
			if _, err := note.Open(signed, note.VerifierList(young)); err == nil {
				continue
			}
		}
		if _, err := putAside(dir, part.name); err != nil {
			return err
		}
	}
	return nil
}

// explain makes the explanation, or takes the one that is there if it is of the
// same break.
func explain(c BreakConfig) (e Explanation, signed []byte, err error) {
	file := filepath.Join(c.Dir, "break")
	if signed, err = os.ReadFile(file); err == nil {
		if e, err = ParseExplanation(signed); err == nil && e.OldKey == c.OldKey && e.NewKey == c.NewKey {
			return e, signed, nil
		}
	}
	if c.Checkpoint == nil {
		if c.Checkpoint, err = os.ReadFile(filepath.Join(c.Dir, "checkpoint")); err != nil {
			return e, nil, fmt.Errorf("couldn't read the old log's checkpoint: %w; take one of a mirror or a witness", err)
		}
	}
	v, err := proof.NewVerifier(proof.Trust{LogKey: c.OldKey})
	if err != nil {
		return e, nil, err
	}
	cp, err := v.Checkpoint(c.Checkpoint)
	if err != nil {
		return e, nil, fmt.Errorf("couldn't read the old log's checkpoint: %w", err)
	}
	e = Explanation{OldKey: c.OldKey, Size: cp.Size, Root: [32]byte(cp.Root), NewKey: c.NewKey, At: c.Now().UTC().Truncate(time.Second), Reason: c.Reason}
	if signed, err = e.sign(c.Old, c.New); err != nil {
		return e, nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return e, nil, fmt.Errorf("couldn't make the ledger's folder: %w", err)
	}
	return e, signed, durable.WriteFile(file, signed, 0o600)
}

// turnRecords makes the records those of the new log, in one change.
func turnRecords(ctx context.Context, c BreakConfig, e Explanation, old, young string) error {
	now := c.Now() // one time for all that is written down anew
	b := &Book{
		config: Config{Records: c.Records, Now: func() time.Time { return now }, Logger: c.Logger, Slots: DefaultSlots}, store: c.Records,
		origin: old, say: c.Logger, stamps: &stamps{}, wakeUp: make(chan struct{}, 1), changed: make(chan struct{}),
		labels: map[writ.CustomerID][32]byte{},
	}
	b.turn.Lock()
	defer b.turn.Unlock()
	switch err := b.load(ctx); {
	case errors.Is(err, errOrigin) && b.book.Origin == young:
		return nil // done before
	case err != nil:
		return err
	}
	p := c.Policy
	p.Origin, p.Previous, p.Break = young, nil, nil
	plain, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("couldn't encode the policy: %w", err)
	}
	b.origin = young
	next := b.book
	next.Origin, next.Next, next.Root, next.First, next.Frozen = young, 0, nil, b.book.Published+1, b.book.Published
	next.Heads, next.Moved, next.LateBefore = 0, 0, false
	first := next.Queued
	next.Queued++
	var change records.Batch
	if p.Previous, err = b.requeue(ctx, &change, &next); err != nil {
		return err
	}
	p.Break = &proof.Break{Origin: old, Size: e.Size, Root: e.Root[:], Reason: e.Reason}
	behind := next.Queued
	next.Front, next.Queued = first, first
	if _, err := b.queuePolicy(&change, &next, p, plain); err != nil {
		return err
	}
	next.Queued = behind
	return b.apply(ctx, &change, next)
}
