package witness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// ErrLogs: the file of logs cannot be understood.
var ErrLogs = errors.New("the file of logs is not usable")

// maxLogs bounds the file of logs: the state is written as a whole.
const maxLogs = 1000

// Log is a log that a witness serves.
type Log struct {
	Origin string
	Keys   []note.Verifier // any of them signs for the log
}

// open verifies a checkpoint of the log and returns it with the log's own
// signatures only. Errors: [ErrSignature], [ErrMalformed].
func (l Log) open(signed []byte) (string, error) {
	n, err := note.Open(signed, note.VerifierList(l.Keys...))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified), errors.As(err, &invalid):
		return "", fmt.Errorf("%w: %.200q", ErrSignature, l.Origin)
	case err != nil:
		return "", fmt.Errorf("%w: the checkpoint is not a signed note", ErrMalformed)
	}
	kept, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs})
	if err != nil {
		return "", fmt.Errorf("%w: the checkpoint is not a signed note", ErrMalformed)
	}
	return string(kept), nil
}

// ReadLogs reads the file of logs: one verifier key (vkey) a line, of any kind
// that signs checkpoints, and, where it isn't the key's name, a space and the
// log's origin. A log with several keys has several lines; # begins a comment.
// Errors: [ErrLogs].
func ReadLogs(file string) ([]Log, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the logs: %w", err)
	}
	defer f.Close()
	return parseLogs(file, f)
}

func parseLogs(file string, r io.Reader) ([]Log, error) {
	var logs []Log
	place := map[string]int{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		vkey, origin, _ := strings.Cut(line, " ")
		v, err := logVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("%w: %s:%d: %w", ErrLogs, file, n, err)
		}
		if origin = strings.TrimSpace(origin); origin == "" {
			origin = v.Name()
		}
		i, ok := place[origin]
		if !ok {
			i = len(logs)
			place[origin], logs = i, append(logs, Log{Origin: origin})
		}
		for _, other := range logs[i].Keys {
			if other.Name() == v.Name() && other.KeyHash() == v.KeyHash() {
				return nil, fmt.Errorf("%w: %s:%d: the key is there twice", ErrLogs, file, n)
			}
		}
		logs[i].Keys = append(logs[i].Keys, v)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("couldn't read the logs: %w", err)
	}
	if len(logs) > maxLogs {
		return nil, fmt.Errorf("%w: %s: more than %d logs", ErrLogs, file, maxLogs)
	}
	return logs, nil
}

func logVerifier(vkey string) (note.Verifier, error) {
	v, err := tnote.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("%.100q is not a verifier key", vkey)
	}
	if !strings.HasPrefix(vkey, fmt.Sprintf("%s+%08x+", v.Name(), v.KeyHash())) {
		return nil, fmt.Errorf("%.100q is not a verifier key: its hash is another's", vkey)
	}
	return v, nil
}
