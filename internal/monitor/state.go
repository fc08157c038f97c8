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
	"time"

	"writ"
	"writ/internal/access"
	"writ/internal/durable"
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
	return durable.WriteFile(file, append([]byte(stateMagic+" "+hex.EncodeToString(sum[:])+"\n"), body...), 0o600)
}

// Anchor is the newest entry that a batch showed, by which the next bundle must
// begin: batches that were published since may show it.
func (j *Journal) Anchor() access.Head { return access.Head{Seq: j.Proven, Hash: [32]byte(j.Hash)} }
