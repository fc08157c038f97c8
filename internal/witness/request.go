package witness

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// The bounds of a request. The proof is the protocol's; the body has room for
// it, for the longest text, and for a hundred signatures of other kinds.
const (
	maxBody  = 64 << 10
	maxProof = 63
)

// request is the body of an add-checkpoint request:
//
//	old SIZE
//	HASH (base64), zero to 63 lines
//
//	checkpoint, a signed note
type request struct {
	checkpoint
	old   uint64
	proof [][]byte
	sent  []byte // the note as it was sent
	note  string // the text with the log's own signatures only; set once they are verified
}

// parseRequest reads a body. Nothing of it is verified yet. Errors:
// [ErrMalformed].
func parseRequest(body []byte) (*request, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrMalformed, maxBody)
	}
	line, rest, _ := bytes.Cut(body, []byte("\n"))
	number, ok := strings.CutPrefix(string(line), "old ")
	if !ok {
		return nil, fmt.Errorf("%w: the first line is not \"old SIZE\"", ErrMalformed)
	}
	r := &request{}
	var err error
	if r.old, err = parseSize(number); err != nil {
		return nil, err
	}
	for {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if !ended {
			return nil, fmt.Errorf("%w: no empty line before the checkpoint", ErrMalformed)
		}
		if rest = after; len(line) == 0 {
			break
		}
		if len(r.proof) == maxProof {
			return nil, fmt.Errorf("%w: more than %d lines of proof", ErrMalformed, maxProof)
		}
		hash, err := parseHash(string(line))
		if err != nil {
			return nil, err
		}
		r.proof = append(r.proof, hash[:])
	}
	// The text of a checkpoint has no empty line, so the first one ends it;
	// a note's text ends at its last.
	split := bytes.LastIndex(rest, []byte("\n\n"))
	if split < 0 {
		return nil, fmt.Errorf("%w: the checkpoint is not a signed note", ErrMalformed)
	}
	r.sent = rest
	r.checkpoint, err = parseCheckpoint(string(rest[:split+1]))
	return r, err
}

// formatRequest is the inverse of parseRequest.
func formatRequest(old uint64, proof [][]byte, note []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, hash := range proof {
		b.WriteString(base64.StdEncoding.EncodeToString(hash))
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.Write(note)
	return b.Bytes()
}
