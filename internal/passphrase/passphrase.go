// Package passphrase makes keys from passphrases: with argon2id (RFC 9106), or
// with PBKDF2-HMAC-SHA-256 (SP 800-132) where the process runs in FIPS mode.
// How a key was made is stored beside what it seals, 46 bytes that are bounded
// before any work is done with them: an altered file can neither exhaust the
// machine nor weaken the derivation.
package passphrase

import (
	"crypto/fips140"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// The errors that callers tell apart.
var (
	// ErrShort: a new passphrase is too short.
	ErrShort = fmt.Errorf("passphrase is shorter than %d bytes: choose a longer one", Least)
	// ErrMethod: the stored method is of a newer version, or makes no key from
	// a passphrase.
	ErrMethod = errors.New("a key is made in a way that is not known here")
	// ErrBounds: the stored parameters are out of bounds.
	ErrBounds = errors.New("parameters of a passphrase's key are out of bounds")
	// ErrFIPS: argon2id is refused under GODEBUG=fips140=only.
	ErrFIPS = errors.New("sealed with argon2id, which FIPS mode refuses: change the passphrase once with GODEBUG=fips140=on")
)

// Least is how many bytes a new passphrase has at least.
const Least = 8

// Method says how the key is made.
type Method uint16

// The methods.
const (
	Argon2id Method = 1 // A passes, B KiB, C lanes
	PBKDF2   Method = 2 // A iterations, HMAC-SHA-256
)

// Derivation is how a key was made from a passphrase, as it is stored.
type Derivation struct {
	Method  Method
	A, B, C uint32
	Salt    [32]byte
}

// Size is the length of the stored form in bytes.
const Size = 2 + 3*4 + 32

// Fresh chooses parameters for a new passphrase. Argon2id as RFC 9106, section
// 4, recommends second (3 passes, 64 MiB, 4 lanes); PBKDF2 as OWASP's Password
// Storage Cheat Sheet (2023) recommends for HMAC-SHA-256. Errors: [ErrShort].
func Fresh(secret string) (Derivation, error) {
	if len(secret) < Least {
		return Derivation{}, ErrShort
	}
	d := Derivation{Method: Argon2id, A: 3, B: 64 << 10, C: 4}
	if fips140.Enabled() {
		d = Derivation{Method: PBKDF2, A: 600_000}
	}
	rand.Read(d.Salt[:]) // never fails (crypto/rand, since Go 1.24)
	return d, nil
}

// Check bounds the parameters. Errors: [ErrMethod], [ErrBounds].
func (d Derivation) Check() error {
	in := func(v, low, high uint32) bool { return low <= v && v <= high }
	ok := false
	switch d.Method {
	case Argon2id:
		ok = in(d.A, 1, 64) && in(d.B, 8<<10, 4<<20) && in(d.C, 1, 64)
	case PBKDF2:
		ok = in(d.A, 100_000, 100_000_000) && d.B == 0 && d.C == 0
	default:
		return fmt.Errorf("%w: method %d", ErrMethod, d.Method)
	}
	if !ok {
		return ErrBounds
	}
	return nil
}

// Key makes the key, 32 bytes, which the caller clears. Errors: those of
// [Derivation.Check], [ErrFIPS].
func (d Derivation) Key(secret string) ([]byte, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if d.Method == PBKDF2 {
		raw, err := pbkdf2.Key(sha256.New, secret, d.Salt[:], int(d.A), 32)
		if err != nil {
			return nil, fmt.Errorf("couldn't derive a key from the passphrase: %w", err)
		}
		return raw, nil
	}
	if fips140.Enforced() {
		return nil, ErrFIPS
	}
	return argon2.IDKey([]byte(secret), d.Salt[:], d.A, d.B, uint8(d.C), 32), nil
}

// Append adds the stored form: method (2), A, B, C (4 each, big-endian), salt
// (32).
func (d Derivation) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(d.Method))
	b = binary.BigEndian.AppendUint32(b, d.A)
	b = binary.BigEndian.AppendUint32(b, d.B)
	b = binary.BigEndian.AppendUint32(b, d.C)
	return append(b, d.Salt[:]...)
}

// Parse reads the first [Size] bytes of b, which must have them.
func Parse(b []byte) (d Derivation) {
	d.Method = Method(binary.BigEndian.Uint16(b))
	d.A = binary.BigEndian.Uint32(b[2:])
	d.B = binary.BigEndian.Uint32(b[6:])
	d.C = binary.BigEndian.Uint32(b[10:])
	copy(d.Salt[:], b[14:Size])
	return d
}
