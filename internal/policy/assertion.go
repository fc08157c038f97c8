package policy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// Bounds of an assertion, in bytes.
const (
	MaxClientData = 1024 // of clientDataJSON
	MaxSig        = 2048 // of a signature in an envelope
	maxDER        = 72   // of an ECDSA signature over P-256
)

// Why a passkey's signature is not accepted, besides [ErrForm]. Each comes with
// [ErrPasskey].
var (
	// ErrPasskey: the passkey did not sign this.
	ErrPasskey = errors.New("the passkey's signature is not accepted")
	// ErrClientType: the browser was asked for something else than a signature.
	ErrClientType = errors.New("the browser was not asked to sign (webauthn.get)")
	// ErrChallenge: the passkey signed something else.
	ErrChallenge = errors.New("the passkey signed something else")
	// ErrOrigin: it was used by a page of another origin.
	ErrOrigin = errors.New("the passkey was used by a page of another origin")
	// ErrFramed: it was used by a page inside a page of another origin.
	ErrFramed = errors.New("the passkey was used in a page within another's page")
	// ErrRP: it was used for another relying party.
	ErrRP = errors.New("the passkey was used for another relying party")
	// ErrPresence: nobody touched the authenticator.
	ErrPresence = errors.New("nobody was there when the passkey signed")
	// ErrVerification: the authenticator did not ask who uses it.
	ErrVerification = errors.New("the authenticator did not verify its user")
	// ErrSignature: the signature is by another key, or over something else.
	ErrSignature = errors.New("the signature is not by the passkey's key")
)

// Authenticator data (WebAuthn, 6.1): rpIdHash (32), flags (1), signCount (4).
// With AT or ED set more would follow; an assertion has no attested credential,
// and no extension is ever asked for.
const (
	authDataSize = sha256.Size + 1 + 4

	flagUP = 1 << 0 // user present
	flagUV = 1 << 2 // user verified
	flagBE = 1 << 3 // backup eligible
	flagBS = 1 << 4 // backed up
	flagAT = 1 << 6 // attested credential data follow
	flagED = 1 << 7 // extension data follow
)

// assertion is a passkey's signature as an envelope carries it.
type assertion struct {
	AuthenticatorData []byte `json:"authenticatorData"`
	ClientDataJSON    []byte `json:"clientDataJSON"`
	Signature         []byte `json:"signature"`
}

// Challenge is the WebAuthn challenge by which a passkey signs a payload:
// SHA-256 of its [Message].
func Challenge(payloadType string, payload []byte) [32]byte {
	return sha256.Sum256(Message(payloadType, payload))
}

// PasskeySignature is what a browser returned for a [Challenge], as the sig of
// a [Signature]: authenticator data, client data and the signature (DER). Of the
// two values of S that verify it keeps the lower one, so that the signature has
// one spelling. It is not verified. Errors: [ErrForm].
func PasskeySignature(authData, clientData, sig []byte) ([]byte, error) {
	r, s, err := parseDER(sig)
	if err != nil {
		return nil, err
	}
	if n := elliptic.P256().Params().N; !low(s) && s.Cmp(n) < 0 {
		s.Sub(n, s)
	}
	der, err := asn1.Marshal(ecdsaSignature{r, s})
	if err != nil {
		return nil, bad("the passkey's signature can't be written: %s", err)
	}
	a := assertion{AuthenticatorData: authData, ClientDataJSON: clientData, Signature: der}
	if err := a.check(); err != nil {
		return nil, err
	}
	return encode(a, new(assertion))
}

// Verify checks that the passkey signed a payload: sig is a [PasskeySignature].
// Errors: [ErrPasskey], and with it why.
func (p Passkey) Verify(payloadType string, payload, sig []byte) error {
	return p.verify(Challenge(payloadType, payload), sig)
}

func (p Passkey) verify(challenge [32]byte, sig []byte) error {
	if err := p.verifyAssertion(challenge, sig); err != nil {
		return fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	return nil
}

func (p Passkey) verifyAssertion(challenge [32]byte, sig []byte) error {
	if len(sig) > MaxSig {
		return bad("a passkey's signature has at most %d bytes", MaxSig)
	}
	var a assertion
	if err := read(sig, &a); err != nil {
		return err
	}
	if err := a.check(); err != nil {
		return err
	}
	if err := checkClientData(a.ClientDataJSON, challenge, p.Origin); err != nil {
		return err
	}
	if err := checkAuthData(a.AuthenticatorData, p.RP); err != nil {
		return err
	}
	key, err := p.public()
	if err != nil {
		return bad("the passkey's key is no point of P-256")
	}
	client := sha256.Sum256(a.ClientDataJSON)
	signed := sha256.Sum256(append(bytes.Clone(a.AuthenticatorData), client[:]...))
	if !ecdsa.VerifyASN1(key, signed[:], a.Signature) {
		return ErrSignature
	}
	return nil
}

// check looks at the bounds, and that the signature has one spelling.
func (a assertion) check() error {
	switch {
	case len(a.AuthenticatorData) < authDataSize:
		return bad("authenticator data have %d bytes, not %d", len(a.AuthenticatorData), authDataSize)
	case len(a.ClientDataJSON) == 0 || len(a.ClientDataJSON) > MaxClientData:
		return bad("client data have 1 to %d bytes, not %d", MaxClientData, len(a.ClientDataJSON))
	}
	if err := checkSize(a.AuthenticatorData); err != nil {
		return err
	}
	_, s, err := parseDER(a.Signature)
	if err == nil && !low(s) {
		err = bad("the signature's S is the higher of two: keep the lower")
	}
	return err
}

// Synced says whether the authenticator said, when the passkey enrolled, that
// its maker may copy the key to other devices (BE). Nothing attests it.
func (p Passkey) Synced() bool {
	var a assertion
	return read(p.Proof, &a) == nil && len(a.AuthenticatorData) == authDataSize && a.AuthenticatorData[sha256.Size]&flagBE != 0
}

// checkSize says whether authenticator data are of the size that their flags
// announce, and announce nothing that was not asked for.
func checkSize(b []byte) error {
	switch flags := b[sha256.Size]; {
	case flags&(flagAT|flagED) != 0:
		return bad("authenticator data announce a new credential or extensions, and none were asked for")
	case flags&flagBS != 0 && flags&flagBE == 0:
		return bad("authenticator data say of a passkey that can't be backed up that it is")
	case len(b) != authDataSize:
		return bad("authenticator data have %d bytes, not %d", len(b), authDataSize)
	}
	return nil
}

func checkAuthData(b []byte, rp string) error {
	hash := sha256.Sum256([]byte(rp))
	switch flags := b[sha256.Size]; {
	case !bytes.Equal(b[:sha256.Size], hash[:]):
		return ErrRP
	case flags&flagUP == 0:
		return ErrPresence
	case flags&flagUV == 0:
		return ErrVerification
	}
	return nil
}

type ecdsaSignature struct{ R, S *big.Int }

// parseDER reads an ECDSA signature (RFC 3279, 2.2.3) in its one spelling.
func parseDER(b []byte) (r, s *big.Int, err error) {
	var sig ecdsaSignature
	if len(b) > maxDER {
		return nil, nil, bad("an ECDSA signature over P-256 has at most %d bytes", maxDER)
	}
	rest, err := asn1.Unmarshal(b, &sig)
	if err != nil || len(rest) > 0 {
		return nil, nil, bad("the signature is not DER of two integers, or something follows it")
	}
	if again, err := asn1.Marshal(sig); err != nil || !bytes.Equal(again, b) || sig.R.Sign() <= 0 || sig.S.Sign() <= 0 {
		return nil, nil, bad("the signature is not DER of two positive integers in one spelling")
	}
	return sig.R, sig.S, nil
}

// low says whether S is at most half of the group's order.
func low(s *big.Int) bool {
	return new(big.Int).Lsh(s, 1).Cmp(elliptic.P256().Params().N) <= 0
}
