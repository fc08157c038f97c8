package keyring

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"writ/internal/gate/internal/disk"
	"writ/internal/passphrase"
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

// derivation is how the key that seals the root key is made: from a passphrase,
// or by methodKeyFile.
type derivation struct{ passphrase.Derivation }

// methodKeyFile is HKDF-SHA-256 over the key file's 32 bytes. It stands beside
// the methods of [passphrase].
const methodKeyFile passphrase.Method = 3

// check bounds parameters before any work is done with them, so that an
// altered file can neither exhaust the machine nor weaken the derivation.
func (d derivation) check() error {
	err := d.Check()
	if d.Method == methodKeyFile {
		if err = nil; d.A != 0 || d.B != 0 || d.C != 0 {
			err = passphrase.ErrBounds
		}
	}
	switch {
	case errors.Is(err, passphrase.ErrMethod):
		return fmt.Errorf("root key is sealed by method %d: %w", d.Method, ErrNewer)
	case err != nil:
		return fmt.Errorf("parameters of the root key's sealing are out of bounds: %w", ErrCorrupt)
	}
	return nil
}

const derivationSize = passphrase.Size

func parseDerivation(b []byte) derivation { return derivation{passphrase.Parse(b)} }

// byPassphrase points to its secret, so that a formatter that walks through a
// struct around it finds an address.
type byPassphrase struct{ secret *string }

// Passphrase is an [Unsealer] by a passphrase of at least 8 bytes. New root
// files are sealed with argon2id, or with PBKDF2-HMAC-SHA-256 when the
// process runs in FIPS mode. Existing ones are opened with what they say,
// except argon2id under fips140=only ([ErrFIPS]).
func Passphrase(secret string) Unsealer { return byPassphrase{&secret} }

// String keeps the passphrase out of logs.
func (byPassphrase) String() string { return "passphrase(…)" }

// GoString keeps the passphrase out of %#v.
func (byPassphrase) GoString() string { return "passphrase(…)" }

// Format keeps the passphrase out of every verb.
func (byPassphrase) Format(s fmt.State, _ rune) { io.WriteString(s, "passphrase(…)") }

// freshDerivation is replaced by tests, which have no time for good parameters.
var freshDerivation = passphrase.Fresh

func (p byPassphrase) fresh() (derivation, *seal.Key, error) {
	d, err := freshDerivation(*p.secret)
	if err != nil {
		return derivation{}, nil, err
	}
	key, err := p.key(derivation{d})
	return derivation{d}, key, err
}

func (p byPassphrase) key(d derivation) (*seal.Key, error) {
	raw, err := d.Key(*p.secret)
	switch {
	case errors.Is(err, passphrase.ErrFIPS):
		return nil, ErrFIPS
	case errors.Is(err, passphrase.ErrMethod):
		return nil, fmt.Errorf("%w: not by a passphrase", ErrUnsealer)
	case err != nil:
		return nil, err
	}
	defer clear(raw)
	return seal.KeyFromBytes(raw)
}

func (p byPassphrase) refused() error { return ErrPassphrase }

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
	d := derivation{passphrase.Derivation{Method: methodKeyFile}}
	rand.Read(d.Salt[:])
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
	if d.Method != methodKeyFile {
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
	return file.Derive(d.Salt[:], "writ/root-from-key-file/v1"), nil
}

func (k keyFile) refused() error { return fmt.Errorf("%w: %s belongs to another", ErrKeyFile, k.path) }
