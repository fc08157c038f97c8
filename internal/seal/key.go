package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"writ"
)

// Key is 32 secret bytes. No method returns them, and every way of printing
// or encoding it gives "[key]", or an address.
type Key struct {
	// A pointer to a pointer, because package fmt looks into unexported
	// fields, past the methods of what they hold and through one pointer; of
	// this one it prints an address, whatever the verb.
	p **secret
}

// secret is what a key hides.
type secret struct {
	bytes *[KeySize]byte
	gcm   cipher.AEAD // kept by Prepare; nil if it was not called
}

// keyOf makes a key of bytes that become its own.
func keyOf(b *[KeySize]byte) *Key {
	s := &secret{bytes: b}
	return &Key{&s}
}

func emptyKey() *Key { return keyOf(new([KeySize]byte)) }

func (k *Key) bytes() []byte { return (*k.p).bytes[:] }

// NewKey returns a fresh random key.
func NewKey() *Key {
	k := emptyKey()
	rand.Read(k.bytes()) // never fails (crypto/rand, since Go 1.24)
	return k
}

// KeyFromBytes copies 32 bytes into a key. It is for the keyring, which makes
// keys from a passphrase or a file.
func KeyFromBytes(b []byte) (*Key, error) {
	if len(b) != KeySize {
		return nil, fmt.Errorf("a key has %d bytes, not %d", KeySize, len(b))
	}
	k := emptyKey()
	copy(k.bytes(), b)
	return k, nil
}

// Erase overwrites the key in memory. A key is used no more after it.
func (k *Key) Erase() {
	clear(k.bytes())
	(*k.p).gcm = nil
}

// Prepare keeps the cipher of a key under which many others are wrapped, so
// that it is not made anew for each. It is called before the key is shared.
func (k *Key) Prepare() { (*k.p).gcm = k.aead() }

// Equal compares in constant time.
func (k *Key) Equal(other *Key) bool {
	return subtle.ConstantTimeCompare(k.bytes(), other.bytes()) == 1
}

// Derive returns another key: HKDF-SHA-256 (RFC 5869) of this one with the
// salt, and the info text after the name of the format.
func (k *Key) Derive(salt []byte, info string) *Key {
	out, err := hkdf.Key(sha256.New, k.bytes(), salt, format+" derive "+info, KeySize)
	if err != nil {
		panic("seal: HKDF of 32 bytes cannot fail: " + err.Error())
	}
	return keyOf((*[KeySize]byte)(out))
}

const redacted = "[key]"

// String returns "[key]".
func (*Key) String() string { return redacted }

// GoString returns "[key]".
func (*Key) GoString() string { return redacted }

// Format prints "[key]" whatever the verb.
func (*Key) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// ErrSecret is returned by every encoder of a [Key].
var ErrSecret = errors.New("a key is never encoded")

// MarshalText refuses.
func (*Key) MarshalText() ([]byte, error) { return nil, ErrSecret }

// MarshalJSON refuses.
func (*Key) MarshalJSON() ([]byte, error) { return nil, ErrSecret }

// MarshalBinary refuses.
func (*Key) MarshalBinary() ([]byte, error) { return nil, ErrSecret }

// aead is AES-256-GCM that makes its own random nonces and puts them first.
func (k *Key) aead() cipher.AEAD {
	if gcm := (*k.p).gcm; gcm != nil {
		return gcm
	}
	gcm, err := cipher.NewGCMWithRandomNonce(k.Block())
	if err != nil {
		panic("seal: GCM over AES cannot fail: " + err.Error())
	}
	return gcm
}

// Block returns AES-256 under the key. It is for the file system of the
// records, which needs a keystream that can be entered anywhere; it gives the
// key away to nobody.
func (k *Key) Block() cipher.Block {
	block, err := aes.NewCipher(k.bytes())
	if err != nil {
		panic("seal: AES with 32 bytes cannot fail: " + err.Error())
	}
	return block
}

const wrapLabel = format + " wrap"

// Wrap seals a key under a key-encryption key: [WrappedSize] bytes. The
// context (which customer, which version, which blob) is bound in.
func Wrap(kek *Key, context []byte, k *Key) []byte {
	return kek.aead().Seal(make([]byte, 0, WrappedSize), nil, k.bytes(), wrapData(context))
}

// Unwrap opens what [Wrap] sealed with the same key and context; [ErrKey] on
// anything else. Only the keyring may refer to it: a test of the build says so.
func Unwrap(kek *Key, context, wrapped []byte) (*Key, error) {
	if len(wrapped) != WrappedSize {
		return nil, fmt.Errorf("%w: a wrapped key has %d bytes, not %d", ErrKey, WrappedSize, len(wrapped))
	}
	k := emptyKey()
	plain, err := kek.aead().Open(k.bytes()[:0], nil, wrapped, wrapData(context))
	if err != nil || len(plain) != KeySize {
		return nil, fmt.Errorf("%w: a wrapped key does not open", ErrKey)
	}
	return k, nil
}

func wrapData(context []byte) []byte {
	return append([]byte(wrapLabel), context...)
}

// Stream names one sealed run of bytes: a blob, and the part of it. Part 0 is
// a whole object; parts of a multipart object count from 1.
type Stream struct {
	ID   writ.BlobID
	Part uint32
}

// content derives what the stream's chunks are sealed with, and the
// commitment that stands in the header.
func (s Stream) content(k *Key, salt []byte) (cipher.AEAD, [32]byte) {
	prk, err := hkdf.Extract(sha256.New, k.bytes(), salt)
	if err != nil {
		panic("seal: HKDF extract cannot fail: " + err.Error())
	}
	info := make([]byte, 0, len(format)+10+len(s.ID)+4)
	info = append(info, format...)
	info = append(info, " content "...)
	info = append(info, s.ID[:]...)
	info = binary.BigEndian.AppendUint32(info, s.Part)
	out, err := hkdf.Expand(sha256.New, prk, string(info), 2*KeySize)
	if err != nil {
		panic("seal: HKDF expand of 64 bytes cannot fail: " + err.Error())
	}
	clear(prk)
	content := keyOf((*[KeySize]byte)(out))
	defer content.Erase()
	return content.aead(), [32]byte(out[KeySize:])
}
