package witness

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// The errors of a witness's key.
var (
	// ErrNoKey: there is no key file.
	ErrNoKey = errors.New("the witness has no key")
	// ErrKey: the key file is damaged, or others may read it.
	ErrKey = errors.New("the witness's key file is not usable")
	// ErrName: a witness cannot be called so.
	ErrName = errors.New("not a name for a witness")
)

// key is a witness's Ed25519 key. On the disk it is one line in the form of
// signed-note's signer keys.
type key struct {
	name     string
	vkey     string        // type 0x04
	verifier note.Verifier // of vkey
	private  ed25519.PrivateKey
}

// newKey makes a key; secret is the line of its file.
func newKey(name string) (secret string, err error) {
	secret, vkey, err := note.GenerateKey(rand.Reader, name)
	if err == nil {
		_, err = note.NewVerifier(vkey)
	}
	if err != nil || len(name) > 200 {
		return "", fmt.Errorf("%w: %q: a host name or a URL without its scheme, without spaces and plus signs", ErrName, name)
	}
	return secret, nil
}

func readKey(file string) (*key, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing", ErrNoKey, file)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open the witness's key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("couldn't open the witness's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, others may read it", ErrKey, file, info.Mode().Perm())
	}
	line := make([]byte, 1024)
	n, _ := f.Read(line)
	secret, ended := strings.CutSuffix(string(line[:n]), "\n")
	if !ended || strings.Contains(secret, "\n") {
		return nil, fmt.Errorf("%w: %s is not one line", ErrKey, file)
	}
	k, err := parseKey(secret)
	if err != nil { // what was read stays out of the error
		return nil, fmt.Errorf("%w: %s is not as it was written", ErrKey, file)
	}
	return k, nil
}

func parseKey(secret string) (*key, error) {
	signer, public, err := tnote.NewEd25519SignerVerifier(secret) // checks the key's hash too
	if err != nil {
		return nil, err
	}
	cosigner, err := tnote.NewSignerForCosignatureV1(secret)
	if err != nil {
		return nil, err
	}
	parts := strings.SplitN(secret, "+", 5) // PRIVATE, KEY, name, hash; base64 knows plus signs too
	seed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil {
		return nil, err
	}
	if len(seed) != 1+ed25519.SeedSize {
		return nil, errors.New("the seed has another length")
	}
	k := &key{name: signer.Name(), private: ed25519.NewKeyFromSeed(seed[1:])}
	plain, err := note.NewEd25519VerifierKey(public.Name(), k.private.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	if k.vkey, err = tnote.VKeyToCosignatureV1(plain); err != nil {
		return nil, err
	}
	if k.verifier, err = ParseVerifierKey(k.vkey); err != nil {
		return nil, err
	}
	if k.verifier.KeyHash() != cosigner.KeyHash() {
		return nil, errors.New("key hashes differ")
	}
	return k, nil
}

// ParseVerifierKey reads a witness's vkey (Ed25519, type 0x04, or an Ed25519
// key of type 0x01 that is used for cosignatures) and checks the hash in it.
func ParseVerifierKey(vkey string) (note.Verifier, error) {
	if plain, err := tnote.VKeyToCosignatureV1(vkey); err == nil {
		vkey = plain
	}
	v, err := tnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		return nil, fmt.Errorf("%.100q is not a witness's verifier key: %w", vkey, err)
	}
	if !strings.HasPrefix(vkey, fmt.Sprintf("%s+%08x+", v.Name(), v.KeyHash())) {
		return nil, fmt.Errorf("%.100q is not a witness's verifier key: its hash is another's", vkey)
	}
	return v, nil
}

// cosign is the signature line of a cosignature/v1
// (https://c2sp.org/tlog-cosignature) at a time in Unix seconds. It is made
// here because formats' signer takes no time but the clock's; the test holds
// the one against the other.
func (k *key) cosign(at int64, text string) []byte {
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, text)
	sig := binary.BigEndian.AppendUint32(nil, k.verifier.KeyHash())
	sig = binary.BigEndian.AppendUint64(sig, uint64(at))
	sig = append(sig, ed25519.Sign(k.private, []byte(message))...)
	return fmt.Appendf(nil, "— %s %s\n", k.name, base64.StdEncoding.EncodeToString(sig))
}

// stateKey authenticates the state file: HKDF-SHA-256 of the seed.
func (k *key) stateKey() []byte {
	b, err := hkdf.Key(sha256.New, k.private.Seed(), nil, "writ/witness-state/v1", 32)
	if err != nil { // 32 bytes is never too long
		panic(err)
	}
	return b
}
