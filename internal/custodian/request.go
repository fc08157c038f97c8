package custodian

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"writ"
	"writ/internal/policy"
)

// MaxRequest bounds a [Request] as it is carried, in bytes.
const MaxRequest = 512 << 10

// ErrRequest: this is no file that is carried to be signed.
var ErrRequest = errors.New("this is not the file of a writ that is to be signed off line")

// Request is what is carried to a machine that is off line, and back: the
// bytes that are to be signed, and the set that they are for. Nothing in it is
// believed: who signs makes the sheet from the very bytes, and the server looks
// at the signature.
type Request struct {
	V         int               `json:"v"` // 1
	Case      writ.CaseID       `json:"case"`
	Payload   []byte            `json:"payload"`
	Set       policy.Set        `json:"set"`
	Language  string            `json:"language,omitempty"`
	Signature *policy.Signature `json:"signature,omitempty"`
}

// Encode is the request as it is kept in a file.
func (r Request) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("couldn't write what is to be signed: %w", err)
	}
	return append(b, '\n'), nil
}

// ParseRequest reads what [Request.Encode] wrote. Errors: [ErrRequest].
func ParseRequest(b []byte) (Request, error) {
	var r Request
	if len(b) > MaxRequest {
		return r, fmt.Errorf("%w: it has more than %d bytes", ErrRequest, MaxRequest)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	switch {
	case dec.More():
		return Request{}, fmt.Errorf("%w: something follows it", ErrRequest)
	case r.V != 1:
		return Request{}, fmt.Errorf("%w: it is of version %d, and this program knows 1", ErrRequest, r.V)
	}
	return r, nil
}
