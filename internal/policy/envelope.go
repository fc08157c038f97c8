package policy

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"writ/internal/proof"
)

// The payload types. [TypePasskey] is signed by a passkey when it enrols, and is
// in no envelope.
const (
	TypeSet           = "application/vnd.writ.custodians+json"
	TypeAuthorisation = "application/vnd.writ.authorisation+json"
	TypeWaiver        = "application/vnd.writ.unwitnessed+json"
	TypePasskey       = "application/vnd.writ.passkey+json"
)

const (
	// MaxEnvelope is the most bytes of an envelope.
	MaxEnvelope = 160 << 10
	// MaxPayload is the most bytes of what is signed.
	MaxPayload = 48 << 10
	// MaxSignatures is the most signatures of an envelope.
	MaxSignatures = 64
)

// Envelope is a DSSE envelope (protocol v1.0.0).
type Envelope struct {
	Type       string      `json:"payloadType"`
	Payload    []byte      `json:"payload"`
	Signatures []Signature `json:"signatures"`
}

// Signature is one signature of an envelope. KeyID is that of [Member.KeyID]; it
// is a hint, and proves nothing. Sig is an Ed25519 signature of 64 bytes, or a
// [PasskeySignature].
type Signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// KeyID names a public key: SHA-256 of its 32 bytes, in hex.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:])
}

// Message is what is signed for a payload: DSSE's pre-authentication encoding.
func Message(payloadType string, payload []byte) []byte { return dsse.PAE(payloadType, payload) }

// NewEnvelope is an envelope that nobody has signed yet.
func NewEnvelope(payloadType string, payload []byte) Envelope {
	return Envelope{Type: payloadType, Payload: payload, Signatures: []Signature{}}
}

// ParseEnvelope reads an envelope. Nothing of it is verified. Errors:
// [ErrForm].
func ParseEnvelope(b []byte) (Envelope, error) {
	var e Envelope
	if len(b) > MaxEnvelope {
		return e, fmt.Errorf("%w: an envelope has at most %d bytes", ErrForm, MaxEnvelope)
	}
	if err := proof.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return e, e.check()
}

func (e Envelope) check() error {
	switch {
	case e.Type == "" || len(e.Type) > 100:
		return fmt.Errorf("%w: an envelope's payload type has 1 to 100 bytes", ErrForm)
	case len(e.Payload) == 0 || len(e.Payload) > MaxPayload:
		return fmt.Errorf("%w: a payload has 1 to %d bytes", ErrForm, MaxPayload)
	case len(e.Signatures) > MaxSignatures:
		return fmt.Errorf("%w: an envelope has at most %d signatures", ErrForm, MaxSignatures)
	}
	for _, s := range e.Signatures {
		if len(s.KeyID) > 128 || len(s.Sig) > MaxSig {
			return fmt.Errorf("%w: a signature is too long", ErrForm)
		}
	}
	return nil
}

// Encode is the envelope as JSON.
func (e Envelope) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if e.Signatures == nil {
		e.Signatures = []Signature{}
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the envelope: %w", err)
	}
	if len(b) > MaxEnvelope {
		return nil, fmt.Errorf("%w: an envelope has at most %d bytes", ErrForm, MaxEnvelope)
	}
	return b, nil
}

// Digest is the SHA-256 of the payload, by which the ledger and the journal
// name what was signed.
func (e Envelope) Digest() [32]byte { return sha256.Sum256(e.Payload) }

// Add adds a signature, or puts it in place of the same key's.
func (e *Envelope) Add(s Signature) {
	e.Signatures = append(slices.DeleteFunc(slices.Clone(e.Signatures), func(o Signature) bool { return o.KeyID == s.KeyID }), s)
}

// open reads an envelope that must hold a payload of a type.
func open(b []byte, payloadType string) (Envelope, error) {
	e, err := ParseEnvelope(b)
	if err != nil {
		return e, err
	}
	if e.Type != payloadType {
		return e, fmt.Errorf("%w: %.100q, not %q", ErrPayloadType, e.Type, payloadType)
	}
	return e, nil
}
