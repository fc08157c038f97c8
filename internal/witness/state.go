package witness

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"writ/internal/durable"
	"writ/internal/groupcommit"
)

// The errors of a state file.
var (
	// ErrNoState: the key is there, and what it has signed is not.
	ErrNoState = errors.New("the witness's state is missing")
	// ErrState: the state is damaged, or another key's.
	ErrState = errors.New("the witness's state is not usable")
)

// head is what a witness cosigned last of a log.
type head struct {
	checkpoint
	Note string // the text with the log's signatures
	Time int64  // of the cosignature, Unix seconds
}

// stateMagic begins the first line of a state file; the HMAC-SHA-256 of what
// follows the line, by [key.stateKey], is the rest of it, in hex.
const stateMagic = "writ/witness-state/v1 "

// stateFile is the body of a state file, as JSON. Logs that are no longer
// served stay in it: whoever serves one again goes on where it was.
type stateFile struct {
	Witness string       `json:"witness"` // vkey
	Logs    []stateEntry `json:"logs"`
}

type stateEntry struct {
	Note string `json:"note"`
	Time int64  `json:"time"`
}

// store keeps the heads in one file, which is written as a whole: to another
// name, synced, renamed, and the folder synced. So a crash leaves the old state
// or the new one, and a file that doesn't open was damaged. A file that is
// appended to would be quicker with very many logs, but there the end that a
// crash tore is not told from a last record that was damaged, and a witness
// that leaves its last record out forgets what it signed.
type store struct {
	file  string
	key   *key
	group groupcommit.Group // writers of several logs share one write

	mu      sync.Mutex // guards below
	durable map[string]head
	staged  map[string]head // what the next write adds
	broken  bool            // the last write failed
}

func openStore(file string, k *key) (*store, error) {
	heads, err := readState(file, k)
	if err != nil {
		return nil, err
	}
	s := &store{file: file, key: k, durable: heads, staged: map[string]head{}}
	s.group.Sync = s.write
	return s, nil
}

// get is a log's head, which is on the disk.
func (s *store) get(origin string) (head, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.durable[origin]
	return h, ok
}

// put makes a head durable. A caller puts one head of a log at a time. After
// an error the state, in memory and in the file, is the old one or has the new
// head, and the caller must not sign: a log that asks again is told which.
func (s *store) put(h head) error {
	s.mu.Lock()
	s.staged[h.Origin] = h
	s.mu.Unlock()
	return s.group.Wait()
}

func (s *store) write() error {
	s.mu.Lock()
	batch, all := s.staged, maps.Clone(s.durable)
	s.staged = map[string]head{}
	s.mu.Unlock()
	maps.Copy(all, batch)
	err := writeState(s.file, s.key, all)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken = err != nil; err == nil {
		s.durable = all
	}
	return err
}

// healthy reports whether the last write went well.
func (s *store) healthy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.broken
}

func (s *store) lastTime() (last int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.durable {
		last = max(last, h.Time)
	}
	return last
}

func writeState(file string, k *key, heads map[string]head) error {
	content := stateFile{Witness: k.vkey, Logs: []stateEntry{}}
	for _, origin := range slices.Sorted(maps.Keys(heads)) {
		content.Logs = append(content.Logs, stateEntry{Note: heads[origin].Note, Time: heads[origin].Time})
	}
	body, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("couldn't encode the state: %w", err)
	}
	body = append(body, '\n')
	return durable.WriteFile(file, append(fmt.Appendf(nil, "%s%s\n", stateMagic, hex.EncodeToString(mac(k, body))), body...), 0o600)
}

func mac(k *key, body []byte) []byte {
	h := hmac.New(sha256.New, k.stateKey())
	h.Write(body)
	return h.Sum(nil)
}

// readState reads and authenticates a state file. Errors: [ErrNoState],
// [ErrState].
func readState(file string, k *key) (map[string]head, error) {
	whole, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoState, file)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the witness's state: %w", err)
	}
	damaged := fmt.Errorf("%w: %s is damaged", ErrState, file)
	first, body, _ := bytes.Cut(whole, []byte("\n"))
	sum, ok := bytes.CutPrefix(first, []byte(stateMagic))
	if !ok {
		if bytes.HasPrefix(first, []byte("writ/witness-state/")) {
			return nil, fmt.Errorf("%w: %s was written by a newer version of writ", ErrState, file)
		}
		return nil, damaged
	}
	want, err := hex.DecodeString(string(sum))
	if err != nil {
		return nil, damaged
	}
	var content stateFile
	authentic := hmac.Equal(want, mac(k, body))
	if err := json.Unmarshal(body, &content); err != nil {
		return nil, damaged
	}
	if !authentic {
		if content.Witness != k.vkey {
			return nil, fmt.Errorf("%w: %s belongs to another key", ErrState, file)
		}
		return nil, damaged
	}
	heads := map[string]head{}
	for _, e := range content.Logs {
		split := strings.LastIndex(e.Note, "\n\n")
		if split < 0 {
			return nil, damaged
		}
		c, err := parseCheckpoint(e.Note[:split+1])
		if err != nil {
			return nil, damaged
		}
		heads[c.Origin] = head{checkpoint: c, Note: e.Note, Time: e.Time}
	}
	return heads, nil
}
