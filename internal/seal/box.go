package seal

import "crypto/cipher"

// BoxOverhead is what a [Box] adds to a value, in bytes: nonce and tag.
const BoxOverhead = ChunkOverhead

// Box seals small values under one key with AES-256-GCM and random nonces. At
// most 2^32 values may be sealed under a key (NIST SP 800-38D, 8.3); a caller
// that may come near derives a new key before. It may be used by several
// goroutines at once.
type Box struct{ gcm cipher.AEAD }

// NewBox returns a box for a key. The key may be erased afterwards.
func NewBox(k *Key) *Box { return &Box{k.aead()} }

// Seal appends the sealed value to dst. The additional data are bound in.
func (b *Box) Seal(dst, plaintext, ad []byte) []byte {
	return b.gcm.Seal(dst, nil, plaintext, ad)
}

// Open appends the value to dst, or returns [ErrBox].
func (b *Box) Open(dst, sealed, ad []byte) ([]byte, error) {
	out, err := b.gcm.Open(dst, nil, sealed, ad)
	if err != nil {
		return nil, ErrBox
	}
	return out, nil
}
