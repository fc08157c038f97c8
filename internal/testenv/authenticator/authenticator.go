// Package authenticator is a passkey in software, with the browser that asks
// it, for tests: it signs what it is asked to, as WebAuthn level 3 says, or as
// a test bends it. Its keys come from names and its signatures are
// deterministic (RFC 6979), so that test vectors are the same at each run.
//
// It knows nothing of the rooms that verify it, so that it cannot agree with
// their mistakes.
package authenticator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// The flags of authenticator data (WebAuthn, 6.1).
const (
	UserPresent    = 1 << 0
	UserVerified   = 1 << 2
	BackupEligible = 1 << 3
	BackedUp       = 1 << 4
	NewCredential  = 1 << 6
	Extensions     = 1 << 7
)

// Passkey is one credential in one browser.
type Passkey struct {
	ID     []byte
	RP     string
	Origin string

	key *ecdsa.PrivateKey
}

// New is the passkey of a name, for a relying party and the origin of its page.
func New(name, rp, origin string) *Passkey {
	seed := sha256.Sum256([]byte("software authenticator\n" + name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		panic(err) // about one name of 2^32
	}
	id := sha256.Sum256(append([]byte("credential\n"), seed[:]...))
	return &Passkey{ID: id[:], RP: rp, Origin: origin, key: key}
}

// Public is the public key as a browser's getPublicKey returns it.
func (p *Passkey) Public() []byte {
	der, err := x509.MarshalPKIXPublicKey(&p.key.PublicKey)
	if err != nil {
		panic(err)
	}
	return der
}

// Ceremony is what browser and authenticator put into an assertion.
type Ceremony struct {
	// ClientData is the whole JSON; it is made of the fields below it if it is
	// empty.
	ClientData        string
	Type, Challenge   string
	Origin            string
	Rest              string // members behind origin, each with a comma before it
	RP                string
	Flags             byte
	Count             uint32
	Tail              []byte // behind the authenticator data
	SignedBy          *Passkey
	SignedInstead     []byte // what is signed instead of the client data's digest
	AuthDataTruncated int
}

// Assertion is what navigator.credentials.get returns.
type Assertion struct{ AuthData, ClientData, Sig []byte }

// Sign answers a challenge. Changes bend the ceremony before anything is
// signed.
func (p *Passkey) Sign(challenge []byte, changes ...func(*Ceremony)) Assertion {
	c := Ceremony{
		Type: "webauthn.get", Challenge: base64.RawURLEncoding.EncodeToString(challenge), Origin: p.Origin, Rest: `,"crossOrigin":false`,
		RP: p.RP, Flags: UserPresent | UserVerified, Count: 7, SignedBy: p,
	}
	for _, change := range changes {
		change(&c)
	}
	if c.ClientData == "" {
		c.ClientData = fmt.Sprintf(`{"type":%q,"challenge":%q,"origin":%q%s}`, c.Type, c.Challenge, c.Origin, c.Rest)
	}
	rp := sha256.Sum256([]byte(c.RP))
	auth := binary.BigEndian.AppendUint32(append(rp[:], c.Flags), c.Count)
	auth = append(auth, c.Tail...)
	auth = auth[:len(auth)-c.AuthDataTruncated]
	client := sha256.Sum256([]byte(c.ClientData))
	signed := client[:]
	if c.SignedInstead != nil {
		signed = c.SignedInstead
	}
	digest := sha256.Sum256(append(append([]byte(nil), auth...), signed...))
	sig, err := c.SignedBy.key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		panic(err)
	}
	return Assertion{auth, []byte(c.ClientData), sig}
}
