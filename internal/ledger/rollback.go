package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"writ/internal/durable"
	"writ/internal/witness"
)

// ErrRolledBack: a witness has shown a checkpoint, signed by this log, that the
// log doesn't contain: it was put back from a copy, or its key is in use twice.
// It publishes nothing any more.
var ErrRolledBack = errors.New("a witness has seen leaves of this log that are not in it: it was put back from a copy, or its key is in use twice; nothing is published any more; see `writ ledger recover`")

// RollbackEvidence is the file that is kept of it, JSON. Both checkpoints are
// signed notes that anyone checks with the log's key.
type RollbackEvidence struct {
	V       int       `json:"v"`
	Kind    string    `json:"kind"` // "log-rolledback"
	Seen    time.Time `json:"seen"`
	Log     string    `json:"log"`
	Says    string    `json:"says"`
	Witness string    `json:"witness"` // its name
	Ours    string    `json:"ours"`
	Theirs  string    `json:"theirs"` // with the witness's cosignature
}

// contradicts says whether a witness's refusal means that it may know a
// history of this log that is not the one shown.
func contradicts(err error, size uint64) bool {
	var named *witness.SizeError
	return errors.As(err, &named) && named.Size > size ||
		errors.Is(err, witness.ErrFork) || errors.Is(err, witness.ErrInconsistent)
}

// judge asks a witness that contradicts for what it has, and believes it only
// if this log's own key has signed it: whoever can't show that only refuses, and
// whether the log goes on without it is the quorum's matter. It returns the
// checkpoint that the log doesn't contain, nil if there is none.
func judge(ctx context.Context, a *asked, key note.Verifier, size uint64, read tileReader) ([]byte, error) {
	shown, err := a.client.Latest(ctx, key.Name())
	if err != nil {
		return nil, fmt.Errorf("it shows no checkpoint: %w", err)
	}
	theirs, _, _, err := log.ParseCheckpoint(shown, key.Name(), key)
	if err != nil {
		return nil, errors.New("what it shows is not signed by this log")
	}
	if theirs.Size > size {
		return shown, nil
	}
	root, err := rootAt(ctx, read, theirs.Size)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(root[:], theirs.Hash) {
		return shown, nil
	}
	return nil, errors.New("what it shows is in this log")
}

// keepEvidence writes the file, once for each checkpoint shown, and returns its
// name.
func keepEvidence(dir string, e RollbackEvidence) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("couldn't make the folder of evidence: %w", err)
	}
	sum := sha256.Sum256([]byte(e.Theirs))
	name := "log-rolledback-" + hex.EncodeToString(sum[:8]) + ".json"
	body, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return "", fmt.Errorf("couldn't encode the evidence: %w", err)
	}
	return name, durable.WriteFile(filepath.Join(dir, name), append(body, '\n'), 0o600)
}
