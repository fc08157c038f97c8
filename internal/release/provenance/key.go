package provenance

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// ErrKey: this file is not a release key that can be used.
var ErrKey = errors.New("not a release key")

// ReadKey reads the key that signs releases: Ed25519 in PKCS #8, PEM, as
// openssl genpkey writes it, in a file that nobody else may read.
func ReadKey(file string) (ed25519.PrivateKey, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the release key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("couldn't read the release key: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, others may read it", ErrKey, file, info.Mode().Perm())
	}
	body, err := io.ReadAll(io.LimitReader(f, 16<<10))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the release key: %w", err)
	}
	block, _ := pem.Decode(body)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%w: %s is not a PEM file with a PRIVATE KEY", ErrKey, file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes) // what was read stays out of the error
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: %s is not an Ed25519 key", ErrKey, file)
	}
	return key, nil
}

// ParsePublicKey reads the key that releases are checked with: Ed25519, PKIX,
// PEM, as openssl pkey -pubout writes it. Errors: [ErrKey].
func ParsePublicKey(file []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(file)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("%w: it is not a PEM file with a PUBLIC KEY", ErrKey)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, ok := parsed.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: it is not an Ed25519 key", ErrKey)
	}
	return key, nil
}

// KeyID is how an envelope names its key: the SHA-256, in hex, of the public
// key in PKIX. It is a hint to find it by, and proves nothing.
func KeyID(key ed25519.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

func encode(payload []byte) string { return base64.StdEncoding.EncodeToString(payload) }
