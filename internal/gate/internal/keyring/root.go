package keyring

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"writ/internal/seal"
)

// The root file, keys/root, rootSize bytes:
//
//	magic       8  "writroot"
//	format      1  1
//	derivation 46  how the sealing key is made (see passphrase.Derivation.Append)
//	root       60  the root key, wrapped by the sealing key
//	labels     60  32 bytes, a box under a key derived from the root key
//	sum        32  SHA-256 of all before
//
// The first 55 bytes are bound into both boxes. The sum tells damage from a
// wrong passphrase; it proves nothing more.
const (
	rootName   = "root"
	rootMagic  = "writroot"
	rootFormat = 1
	rootHead   = len(rootMagic) + 1 + derivationSize
	rootSize   = rootHead + seal.WrappedSize + labelSize + boxOverhead + sha256.Size

	labelSize   = 32
	boxOverhead = 28 // of seal.Box: nonce and tag
)

// writeRoot seals root and labels by u into dir/root, in place of what is
// there.
func writeRoot(dir string, u Unsealer, root *seal.Key, labels *[labelSize]byte) error {
	d, sealing, err := u.fresh()
	if err != nil {
		return err
	}
	defer sealing.Erase()
	b := append([]byte(rootMagic), rootFormat)
	b = d.Append(b)
	head := b[:rootHead:rootHead]
	b = append(b, seal.Wrap(sealing, rootContext(head), root)...)
	b = labelBox(root).Seal(b, labels[:], head)
	sum := sha256.Sum256(b)
	return replace(filepath.Join(dir, rootName), append(b, sum[:]...))
}

// readRoot opens dir/root by u.
func readRoot(dir string, u Unsealer) (root *seal.Key, labels *[labelSize]byte, err error) {
	b, err := os.ReadFile(filepath.Join(dir, rootName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("couldn't find keys/%s: %w", rootName, ErrNoKeys)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't read keys/%s: %w", rootName, err)
	}
	if len(b) < rootHead || string(b[:len(rootMagic)]) != rootMagic {
		return nil, nil, fmt.Errorf("keys/%s: %w", rootName, ErrCorrupt)
	}
	if b[len(rootMagic)] > rootFormat {
		return nil, nil, fmt.Errorf("keys/%s: %w", rootName, ErrNewer)
	}
	if len(b) != rootSize || b[len(rootMagic)] != rootFormat || !sumFits(b) {
		return nil, nil, fmt.Errorf("keys/%s: %w", rootName, ErrCorrupt)
	}
	head, rest := b[:rootHead], b[rootHead:]
	d := parseDerivation(head[len(rootMagic)+1:])
	if err := d.check(); err != nil {
		return nil, nil, err
	}
	sealing, err := u.key(d)
	if err != nil {
		return nil, nil, err
	}
	defer sealing.Erase()
	root, err = unseal(sealing, rootContext(head), rest[:seal.WrappedSize])
	if err != nil {
		return nil, nil, u.refused()
	}
	labels = new([labelSize]byte)
	if _, err := labelBox(root).Open(labels[:0], rest[seal.WrappedSize:len(rest)-sha256.Size], head); err != nil {
		root.Erase()
		return nil, nil, fmt.Errorf("keys/%s: %w", rootName, ErrCorrupt)
	}
	return root, labels, nil
}

func sumFits(b []byte) bool {
	n := len(b) - sha256.Size
	return sha256.Sum256(b[:n]) == [sha256.Size]byte(b[n:])
}

func rootContext(head []byte) []byte { return append([]byte("writ/root/v1"), head...) }

func labelBox(root *seal.Key) *seal.Box {
	return seal.NewBox(root.Derive(nil, "writ/labels/v1"))
}

// ChangePassphrase seals the root key anew by u, which may also be of another
// kind, and overwrites the old root file. The root key itself stays: a copy
// of keys/ taken before still opens by what sealed it then.
func (k *Keyring) ChangePassphrase(u Unsealer) error {
	k.change.Lock()
	defer k.change.Unlock()
	if k.closed { // closed is written under both locks
		return ErrClosed
	}
	return writeRoot(k.dir, u, k.root, k.labels)
}
