package monitor

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"writ/internal/durable"
	"writ/internal/proof"
)

// The kinds of evidence.
const (
	// Fork is proof by itself: two trees that the log signed, of which the
	// larger doesn't contain the smaller; with a consistency proof that leads
	// to the larger one's root, where they are of two sizes.
	Fork = "fork"
	// Rollback is a smaller tree after a larger one. An old checkpoint that
	// somebody between serves again looks the same.
	Rollback = "rollback"
)

// maxEvidence is how many files of evidence are kept for one state.
const maxEvidence = 32

// Evidence is a file, JSON: what a log signed and should not have signed. Both
// checkpoints are signed notes that anyone checks with the log's key.
type Evidence struct {
	V      int       `json:"v"`
	Kind   string    `json:"kind"`
	Seen   time.Time `json:"seen"`
	Log    string    `json:"log"` // verifier key
	Says   string    `json:"says"`
	Ours   string    `json:"ours"`   // of the last visit
	Theirs string    `json:"theirs"` // of this one
	Proof  [][]byte  `json:"proof,omitempty"`
}

// Visitor holds a log against what it showed before.
type Visitor struct {
	Source   Source
	Verifier *proof.Verifier
	LogKey   string
	State    *State // what is remembered; a visit that ends well changes it
	File     string // of the state; evidence goes beside it. "" keeps none
	Now      time.Time
}

// Visit reads the newest checkpoint, verifies it, and checks that the log
// merely appended since the last visit. Errors: those of [Open], [ErrFork],
// [ErrRollback], [ErrState].
func (v *Visitor) Visit(ctx context.Context) (*Log, error) {
	signed, err := v.Source.Read(ctx, "checkpoint", maxCheckpoint)
	if err != nil {
		return nil, err
	}
	log, refused := at(v.Source, v.Verifier, signed)
	if refused != nil && !errors.Is(refused, proof.ErrWitnesses) && !errors.Is(refused, proof.ErrStale) {
		return nil, refused
	}
	if v.State.Checkpoint != "" {
		if refused != nil { // signed by the log all the same, and perhaps evidence
			if log, err = v.bare(signed); err != nil {
				return nil, err
			}
		}
		if err := v.compare(ctx, log); err != nil {
			return nil, err
		}
	}
	if refused != nil {
		return nil, refused
	}
	v.State.LogKey, v.State.Checkpoint, v.State.Seen = v.LogKey, string(signed), v.Now.UTC()
	return log, nil
}

// bare reads a checkpoint by the log's key alone.
func (v *Visitor) bare(signed []byte) (*Log, error) {
	key, err := proof.NewVerifier(proof.Trust{LogKey: v.LogKey})
	if err != nil {
		return nil, err
	}
	return at(v.Source, key, signed)
}

// compare holds a log against the checkpoint that is remembered.
func (v *Visitor) compare(ctx context.Context, log *Log) error {
	if v.State.LogKey != v.LogKey {
		return fmt.Errorf("%w: it is of a log with another key", ErrState)
	}
	before, err := v.bare([]byte(v.State.Checkpoint))
	if err != nil {
		return fmt.Errorf("%w: its checkpoint is not signed by the log", ErrState)
	}
	path, err := log.Contains(ctx, before.Checkpoint.Size, before.Checkpoint.Root)
	kind := ""
	switch {
	case errors.Is(err, ErrRollback):
		kind = Rollback
	case errors.Is(err, ErrFork):
		kind = Fork
	default:
		return err
	}
	file, e := v.keep(kind, err, log.Signed, path)
	switch {
	case e != nil:
		return fmt.Errorf("%w; %w", err, e)
	case file != "":
		return fmt.Errorf("%w; both checkpoints are in %s", err, file)
	}
	return err
}

// keep writes evidence beside the state.
func (v *Visitor) keep(kind string, says error, theirs []byte, path [][]byte) (file string, err error) {
	if v.File == "" {
		return "", nil
	}
	sum := sum256(append([]byte(v.State.Checkpoint), theirs...))
	file = fmt.Sprintf("%s.evidence-%s-%s.json", v.File, kind, hex.EncodeToString(sum[:8]))
	there, err := filepath.Glob(globQuoted(v.File) + ".evidence-*.json")
	if err != nil || len(there) >= maxEvidence {
		return "", fmt.Errorf("couldn't keep the evidence: there are %d files of it beside %s", len(there), v.File)
	}
	b, err := json.MarshalIndent(Evidence{
		V: 1, Kind: kind, Seen: v.Now.UTC(), Log: v.LogKey, Says: says.Error(),
		Ours: v.State.Checkpoint, Theirs: string(theirs), Proof: path,
	}, "", " ")
	if err != nil {
		return "", fmt.Errorf("couldn't encode the evidence: %w", err)
	}
	if err := durable.WriteFile(file, append(b, '\n'), 0o600); err != nil {
		return "", fmt.Errorf("couldn't keep the evidence: %w", err)
	}
	return file, nil
}

// globQuoted makes a path one that stands for itself in a pattern.
func globQuoted(path string) string {
	var b bytes.Buffer
	for _, c := range []byte(path) {
		if bytes.IndexByte([]byte(`*?[`), c) >= 0 {
			b.WriteByte('?')
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
