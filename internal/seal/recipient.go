package seal

import (
	"crypto/hpke"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Sealing to a public key is HPKE (RFC 9180) in base mode with the suite
// MLKEM768X25519, HKDF-SHA-256, AES-256-GCM; what is sealed is a data key.
const (
	// RecipientSize is the length of a public key, in bytes.
	RecipientSize = 1216
	// SealedKeySize is the length of a key sealed to one, in bytes: the
	// encapsulated key, then the sealed one with its tag.
	SealedKeySize = 1120 + KeySize + 16

	identitySize = 32

	recipientText = "writ-journal-1 "
	identityText  = "writ-journal-secret-1 "
)

// ErrRecipient: the text or bytes are no public key, or no private one.
var ErrRecipient = errors.New("not a journal key")

// A Recipient is a public key that data keys are sealed to: whoever has the
// private one opens them, and nobody else, the server included.
type Recipient struct{ key hpke.PublicKey }

// An Identity is the private key. The server never has one.
type Identity struct{ key hpke.PrivateKey }

func suite() (hpke.KEM, hpke.KDF, hpke.AEAD) {
	return hpke.MLKEM768X25519(), hpke.HKDFSHA256(), hpke.AES256GCM()
}

// NewRecipient reads a public key of [RecipientSize] bytes; [ErrRecipient].
func NewRecipient(b []byte) (*Recipient, error) {
	kem, _, _ := suite()
	key, err := kem.NewPublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("%w: a public key has %d bytes of its own form", ErrRecipient, RecipientSize)
	}
	return &Recipient{key}, nil
}

// ParseRecipient reads the text of a public key: "writ-journal-1 " and base64.
func ParseRecipient(text string) (*Recipient, error) {
	b, err := parseText(text, recipientText)
	if err != nil {
		return nil, err
	}
	return NewRecipient(b)
}

// Bytes returns the public key.
func (r *Recipient) Bytes() []byte { return r.key.Bytes() }

// String returns the text that [ParseRecipient] reads.
func (r *Recipient) String() string {
	return recipientText + base64.StdEncoding.EncodeToString(r.Bytes())
}

// Wrap seals a key to the recipient: [SealedKeySize] bytes. The context is
// bound in.
func (r *Recipient) Wrap(context []byte, k *Key) ([]byte, error) {
	_, kdf, aead := suite()
	sealed, err := hpke.Seal(r.key, kdf, aead, wrapData(context), k.bytes())
	if err != nil {
		return nil, fmt.Errorf("couldn't seal a key to a public one: %w", err)
	}
	return sealed, nil
}

// NewIdentity makes a key pair.
func NewIdentity() (*Identity, error) {
	kem, _, _ := suite()
	key, err := kem.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("couldn't make a key pair: %w", err)
	}
	return &Identity{key}, nil
}

// ParseIdentity reads what [Identity.Secret] returned; [ErrRecipient].
func ParseIdentity(text string) (*Identity, error) {
	b, err := parseText(text, identityText)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	kem, _, _ := suite()
	key, err := kem.NewPrivateKey(b)
	if err != nil || len(b) != identitySize {
		return nil, fmt.Errorf("%w: a private key has %d bytes", ErrRecipient, identitySize)
	}
	return &Identity{key}, nil
}

// Secret is the private key as the text that its owner keeps:
// "writ-journal-secret-1 " and base64. It goes into a file of mode 0600 and
// nowhere else; printing an Identity shows nothing of it.
func (i *Identity) Secret() (string, error) {
	b, err := i.key.Bytes()
	if err != nil {
		return "", fmt.Errorf("couldn't encode a private key: %w", err)
	}
	defer clear(b)
	return identityText + base64.StdEncoding.EncodeToString(b), nil
}

// Recipient is the public key.
func (i *Identity) Recipient() *Recipient { return &Recipient{i.key.PublicKey()} }

// Format prints "[key]" whatever the verb.
func (i *Identity) Format(f fmt.State, verb rune) { (*Key)(nil).Format(f, verb) }

// UnwrapSealed opens a key that was sealed to the identity's recipient with the
// same context; [ErrKey] on anything else. Like [Unwrap] it is a plain function,
// so that a test of the build can say who refers to it: the customer's side.
func UnwrapSealed(i *Identity, context, sealed []byte) (*Key, error) {
	_, kdf, aead := suite()
	if len(sealed) != SealedKeySize {
		return nil, fmt.Errorf("%w: a sealed key has %d bytes, not %d", ErrKey, SealedKeySize, len(sealed))
	}
	plain, err := hpke.Open(i.key, kdf, aead, wrapData(context), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not sealed to this key", ErrKey)
	}
	defer clear(plain)
	return KeyFromBytes(plain)
}

func parseText(text, prefix string) ([]byte, error) {
	body, ok := strings.CutPrefix(strings.TrimSpace(text), prefix)
	if !ok {
		return nil, fmt.Errorf("%w: its text begins with %q", ErrRecipient, strings.TrimSpace(prefix))
	}
	b, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(body))
	if err != nil {
		return nil, fmt.Errorf("%w: what follows %q is not base64", ErrRecipient, strings.TrimSpace(prefix))
	}
	return b, nil
}
