package keyring

import (
	"crypto/fips140"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/argon2"

	"writ/internal/gate/internal/disk"
	"writ/internal/seal"
)

// The errors of unsealing the root key.
var (
	// ErrPassphrase: the passphrase does not open the root key.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrKeyFile: the key file is missing, not readable, has another form or
	// does not open the root key.
	ErrKeyFile = errors.New("key file doesn't open the root key")
	// ErrKeyFileMode: the key file is open to others: its mode is not 0600.
	ErrKeyFileMode = errors.New("key file must have mode 0600")
	// ErrUnsealer: the root key is sealed in another way than the one tried.
	ErrUnsealer = errors.New("root key is sealed in another way")
	// ErrFIPS: the root key is sealed with argon2id, which is refused under
	// GODEBUG=fips140=only.
	ErrFIPS = errors.New("root key is sealed with argon2id, which FIPS mode refuses: start once with GODEBUG=fips140=on and change the passphrase")
)

// An Unsealer has what opens the root key. There are two: [Passphrase] and
// [KeyFile].
type Unsealer interface {
	// fresh chooses parameters for a new root file and derives the key that
	// seals the root key.
	fresh() (derivation, *seal.Key, error)
	// key derives that key from parameters read from a root file.
	key(derivation) (*seal.Key, error)
	// refused is the error when the derived key doesn't fit.
	refused() error
}

// method says how the key that seals the root key is made.
type method uint16

const (
	methodArgon2id method = 1 // RFC 9106: a passes, b KiB, c lanes
	methodPBKDF2   method = 2 // SP 800-132 with HMAC-SHA-256: a iterations
	methodKeyFile  method = 3 // HKDF-SHA-256 over the key file's 32 bytes
)

// derivation holds the stored parameters of a method.
type derivation struct {
	method  method
	a, b, c uint32
	salt    [32]byte
}

// What new root files get. Argon2id as RFC 9106 section 4 recommends second
// (3 passes, 64 MiB, 4 lanes); PBKDF2 as OWASP's Password Storage Cheat Sheet
// (2023) recommends for HMAC-SHA-256.
var (
	freshArgon2id = derivation{method: methodArgon2id, a: 3, b: 64 << 10, c: 4}
	freshPBKDF2   = derivation{method: methodPBKDF2, a: 600_000}
)

// check bounds parameters before any work is done with them, so that an
// altered file can neither exhaust the machine nor weaken the derivation.
func (d derivation) check() error {
	in := func(v, low, high uint32) bool { return low <= v && v <= high }
	ok := false
	switch d.method {
	case methodArgon2id:
		ok = in(d.a, 1, 64) && in(d.b, 8<<10, 4<<20) && in(d.c, 1, 64)
	case methodPBKDF2:
		ok = in(d.a, 100_000, 100_000_000) && d.b == 0 && d.c == 0
	case methodKeyFile:
		ok = d.a == 0 && d.b == 0 && d.c == 0
	default:
		return fmt.Errorf("root key is sealed by method %d: %w", d.method, ErrNewer)
	}
	if !ok {
		return fmt.Errorf("parameters of the root key's sealing are out of bounds: %w", ErrCorrupt)
	}
	return nil
}

// append adds the stored form: method u16, a, b, c u32 (big endian), salt.
func (d derivation) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(d.method))
	b = binary.BigEndian.AppendUint32(b, d.a)
	b = binary.BigEndian.AppendUint32(b, d.b)
	b = binary.BigEndian.AppendUint32(b, d.c)
	return append(b, d.salt[:]...)
}

const derivationSize = 2 + 3*4 + 32

func parseDerivation(b []byte) (d derivation) {
	d.method = method(binary.BigEndian.Uint16(b))
	d.a = binary.BigEndian.Uint32(b[2:])
	d.b = binary.BigEndian.Uint32(b[6:])
	d.c = binary.BigEndian.Uint32(b[10:])
	copy(d.salt[:], b[14:])
	return d
}

// passphrase points to its secret, so that a formatter that walks through a
// struct around it finds an address.
type passphrase struct{ secret *string }

// Passphrase is an [Unsealer] by a passphrase of at least 8 bytes. New root
// files are sealed with argon2id, or with PBKDF2-HMAC-SHA-256 when the
// process runs in FIPS mode. Existing ones are opened with what they say,
// except argon2id under fips140=only ([ErrFIPS]).
func Passphrase(secret string) Unsealer { return passphrase{&secret} }

// String keeps the passphrase out of logs.
func (passphrase) String() string { return "passphrase(…)" }

// GoString keeps the passphrase out of %#v.
func (passphrase) GoString() string { return "passphrase(…)" }

// Format keeps the passphrase out of every verb.
func (passphrase) Format(s fmt.State, _ rune) { io.WriteString(s, "passphrase(…)") }

const minPassphrase = 8

func (p passphrase) fresh() (derivation, *seal.Key, error) {
	if len(*p.secret) < minPassphrase {
		return derivation{}, nil, fmt.Errorf("passphrase is shorter than %d bytes: choose a longer one", minPassphrase)
	}
	d := freshArgon2id
	if fips140.Enabled() {
		d = freshPBKDF2
	}
	rand.Read(d.salt[:])
	key, err := p.key(d)
	return d, key, err
}

func (p passphrase) key(d derivation) (*seal.Key, error) {
	var raw []byte
	switch d.method {
	case methodArgon2id:
		if fips140.Enforced() {
			return nil, ErrFIPS
		}
		raw = argon2.IDKey([]byte(*p.secret), d.salt[:], d.a, d.b, uint8(d.c), 32)
	case methodPBKDF2:
		var err error
		if raw, err = pbkdf2.Key(sha256.New, *p.secret, d.salt[:], int(d.a), 32); err != nil {
			return nil, fmt.Errorf("couldn't derive a key from the passphrase: %w", err)
		}
	default:
		return nil, fmt.Errorf("%w: not by a passphrase", ErrUnsealer)
	}
	defer clear(raw)
	return seal.KeyFromBytes(raw)
}

func (p passphrase) refused() error { return ErrPassphrase }

type keyFile struct{ path string }

// KeyFile is an [Unsealer] by a file of mode 0600 (others are refused:
// [ErrKeyFileMode]) that holds 32 random bytes. A new keyring makes the file
// if it is missing; an existing keyring never does.
//
// It lets the server start without a person. It protects against nobody who
// can read both the file and keys/: a stolen disk that holds both is open.
func KeyFile(path string) Unsealer { return keyFile{path} }

// The one line of a key file: keyFileHead, 64 lower-case hex digits, newline.
const keyFileHead = "writ root key file 1: "

func (k keyFile) fresh() (derivation, *seal.Key, error) {
	if _, err := os.Lstat(k.path); errors.Is(err, fs.ErrNotExist) {
		if err := k.create(); err != nil {
			return derivation{}, nil, err
		}
	}
	d := derivation{method: methodKeyFile}
	rand.Read(d.salt[:])
	key, err := k.key(d)
	return d, key, err
}

func (k keyFile) create() error {
	raw := make([]byte, 32)
	rand.Read(raw)
	defer clear(raw)
	f, err := os.OpenFile(k.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't create the key file: %w", disk.Full(err))
	}
	_, err = io.WriteString(f, keyFileHead+hex.EncodeToString(raw)+"\n")
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = disk.SyncDir(filepath.Dir(k.path))
	}
	if err != nil {
		os.Remove(k.path)
		return fmt.Errorf("couldn't write the key file: %w", disk.Full(err))
	}
	return nil
}

func (k keyFile) key(d derivation) (*seal.Key, error) {
	if d.method != methodKeyFile {
		return nil, fmt.Errorf("%w: not by a key file", ErrUnsealer)
	}
	f, err := os.Open(k.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 {
		return nil, fmt.Errorf("%w: %s has %s", ErrKeyFileMode, k.path, info.Mode())
	}
	line := make([]byte, len(keyFileHead)+64+2) // one more than it may have
	n, err := io.ReadFull(f, line)
	if err != nil && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("%w: couldn't read %s: %w", ErrKeyFile, k.path, err)
	}
	defer clear(line)
	text, ok := strings.CutPrefix(string(line[:n]), keyFileHead)
	digits, ended := strings.CutSuffix(text, "\n")
	raw, err := hex.DecodeString(digits)
	if !ok || !ended || err != nil || len(raw) != 32 || strings.ToLower(digits) != digits {
		return nil, fmt.Errorf("%w: %s has not the form of one", ErrKeyFile, k.path)
	}
	defer clear(raw)
	file, err := seal.KeyFromBytes(raw)
	if err != nil {
		return nil, err
	}
	defer file.Erase()
	return file.Derive(d.salt[:], "writ/root-from-key-file/v1"), nil
}

func (k keyFile) refused() error { return fmt.Errorf("%w: %s belongs to another", ErrKeyFile, k.path) }
