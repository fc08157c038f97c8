package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"writ/internal/durable"
	"writ/internal/seal"
)

// logKeyContext is bound into the sealed signing key of the public log.
const logKeyContext = "writ/ledger-key/v1"

// errOrigin: the settings name another log than the one that is there.
var errOrigin = errors.New("the public log of this data folder has another name")

// logKey is what the public log signs with.
type logKey struct {
	signer note.Signer
	vkey   string // the verifier key that others pin
}

// openLogKey opens the log's signing key, or makes one of the given name where
// there is none and none is missed; "" makes up a name that is nobody's
// (RFC 6761, .invalid). The key lies sealed: whoever has it signs in the
// server's name.
func openLogKey(path, origin string, key *seal.Key, missed bool) (logKey, error) {
	box := seal.NewBox(key)
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if missed {
			return logKey{}, fmt.Errorf("the public log's key %s is missing, and there is a log that it signed: restore it from a backup, or see writ ledger break --help", path)
		}
		return makeLogKey(path, origin, box)
	}
	if err != nil {
		return logKey{}, fmt.Errorf("couldn't read the public log's key: %w", err)
	}
	plain, err := box.Open(nil, sealed, []byte(logKeyContext))
	if err != nil {
		return logKey{}, fmt.Errorf("the public log's key %s is damaged, or another folder's: restore it from a backup", path)
	}
	defer clear(plain)
	out, err := readLogKey(string(plain))
	if err == nil && origin != "" && out.signer.Name() != origin && !successor(out.signer.Name(), origin) {
		return logKey{}, fmt.Errorf("%w: it is %s, not %s", errOrigin, out.signer.Name(), origin)
	}
	return out, err
}

// successor says whether a log goes on from another after breaks, as
// [ledger.NextOrigin] names it.
func successor(name, origin string) bool {
	n, ok := strings.CutPrefix(name, origin+"/")
	_, err := strconv.ParseUint(n, 10, 32)
	return ok && err == nil
}

func makeLogKey(path, origin string, box *seal.Box) (logKey, error) {
	if origin == "" {
		var b [10]byte
		rand.Read(b[:]) // never fails (crypto/rand, since Go 1.24)
		origin = "writ-" + hex.EncodeToString(b[:]) + ".invalid"
	}
	secret, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return logKey{}, fmt.Errorf("couldn't make the public log's key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return logKey{}, fmt.Errorf("couldn't make the public log's folder: %w", err)
	}
	both := secret + "\n" + vkey
	if err := durable.WriteFile(path, box.Seal(nil, []byte(both), []byte(logKeyContext)), 0o600); err != nil {
		return logKey{}, err
	}
	return readLogKey(both)
}

// readLogKey reads the signing key and, on a second line, its verifier key.
func readLogKey(both string) (k logKey, err error) {
	secret, vkey, _ := strings.Cut(both, "\n")
	k.vkey = vkey
	if k.signer, err = note.NewSigner(secret); err != nil {
		return logKey{}, errors.New("the public log's key has not the form of a signed note's")
	}
	v, err := note.NewVerifier(vkey)
	if err != nil || v.Name() != k.signer.Name() || v.KeyHash() != k.signer.KeyHash() {
		return logKey{}, errors.New("the public log's two keys don't belong together")
	}
	return k, nil
}
