package monitor

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"writ"
	"writ/internal/access"
	"writ/internal/proof"
)

const (
	stateMagic = "writ/monitor-state/v1"
	maxState   = 4 << 20
)

// State is what is remembered from one visit to the next.
type State struct {
	LogKey     string                       `json:"log_key"`    // pinned
	Witnesses  string                       `json:"witnesses"`  // policy, pinned
	Trusted    bool                         `json:"trusted"`    // both came from the server itself, at the first visit
	Checkpoint string                       `json:"checkpoint"` // as signed; "" before the first visit
	Seen       time.Time                    `json:"seen"`       // the last visit
	Story      *Story                       `json:"story"`      // of the leaves that were re-hashed
	Journals   map[writ.CustomerID]*Journal `json:"journals"`
}

// Journal is what is remembered of a customer's journal.
type Journal struct {
	Label   []byte `json:"label"`   // in the map of heads
	Seq     uint64 `json:"seq"`     // newest entry that was seen
	Head    []byte `json:"head"`    // its hash
	Proven  uint64 `json:"proven"`  // newest entry that a batch showed
	Hash    []byte `json:"hash"`    // its hash
	Batches uint64 `json:"batches"` // number of the newest batch
}

// LoadState reads a state file; one that is missing is an empty state. Errors:
// [ErrState].
func LoadState(file string) (*State, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &State{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the state: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the state: %w", err)
	}
	damaged := fmt.Errorf("%w: %s is damaged", ErrState, file)
	head, body, ok := bytes.Cut(b, []byte("\n"))
	sum := sha256.Sum256(body)
	if !ok || len(b) > maxState || string(head) != stateMagic+" "+hex.EncodeToString(sum[:]) {
		return nil, damaged
	}
	s := new(State)
	if err := proof.Unmarshal(body, s); err != nil {
		return nil, damaged
	}
	if s.Story != nil && s.Story.Policy != nil {
		if s.Story.Policy, err = readPolicy(s.Story.Policy.Index, s.Story.Policy.Statement); err != nil {
			return nil, damaged
		}
	}
	for _, j := range s.Journals {
		if j == nil || len(j.Label) != 32 || len(j.Head) != 32 || len(j.Hash) != 32 {
			return nil, damaged
		}
	}
	return s, nil
}

// Save writes the state: whole and durable on return, and whole or as it was
// after a crash.
func (s *State) Save(file string) error {
	body, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return fmt.Errorf("couldn't encode the state: %w", err)
	}
	sum := sha256.Sum256(body)
	return replace(file, append([]byte(stateMagic+" "+hex.EncodeToString(sum[:])+"\n"), body...))
}

// Anchor is the newest entry that a batch showed, by which the next bundle must
// begin: batches that were published since may show it.
func (j *Journal) Anchor() access.Head { return access.Head{Seq: j.Proven, Hash: [32]byte(j.Hash)} }

// replace puts a file of mode 0600 in place of what is there.
func replace(name string, body []byte) error {
	tmp := name + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't create a file: %w", err)
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		return fmt.Errorf("couldn't write %s: %w", name, err)
	}
	if runtime.GOOS == "windows" {
		return nil // has no way to sync a folder
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("couldn't open a folder: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("couldn't sync a folder: %w", err)
	}
	return nil
}
