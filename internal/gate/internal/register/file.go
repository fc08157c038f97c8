package register

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"writ/internal/gate/internal/disk"
	"writ/internal/seal"
)

// file is a list that is only appended to:
//
//	magic   8
//	records, each: length (4, big-endian), then a box of that many bytes
//
// The AAD of a box is the magic, the record's index (8, big-endian) and the
// chain: 32 zeros before the first, then SHA-256(chain ‖ sealed record). So a
// record cannot be left out, moved, or taken from another history of the same
// file. What a crash left short, or all zeros, at the very end was never
// acknowledged and is cut off.
type file struct {
	path  string
	magic string
	box   *seal.Box
	least int // bytes of a record
	most  int

	index uint64
	chain [32]byte
	size  int64 // of what is whole; 0: there is no file
}

const overhead = 28 // of seal.Box: nonce and tag

// errDamaged: the file is not as it was written.
var errDamaged = errors.New("damaged")

func (f *file) context() []byte {
	b := binary.BigEndian.AppendUint64([]byte(f.magic), f.index)
	return append(b, f.chain[:]...)
}

// follow takes a sealed record as the newest.
func (f *file) follow(sealed []byte) {
	f.chain = sha256.Sum256(append(f.chain[:], sealed...))
	f.index++
	f.size += int64(4 + len(sealed))
}

// load reads all records; none if there is no file.
func (f *file) load(each func([]byte) error) error {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("couldn't read keys/%s: %w", filepath.Base(f.path), err)
	}
	if len(b) < len(f.magic) || string(b[:len(f.magic)]) != f.magic {
		return f.damaged("its beginning")
	}
	f.size = int64(len(f.magic))
	for rest := b[f.size:]; len(rest) > 0; rest = b[f.size:] {
		if len(rest) < 4 || disk.AllZero(rest) {
			return nil
		}
		n := int(binary.BigEndian.Uint32(rest))
		if n < f.least+overhead || n > f.most+overhead {
			return f.damaged(fmt.Sprintf("record %d", f.index))
		}
		if len(rest) < 4+n {
			return nil
		}
		sealed := rest[4 : 4+n]
		plain, err := f.box.Open(nil, sealed, f.context())
		if err != nil {
			return f.damaged(fmt.Sprintf("record %d", f.index))
		}
		f.follow(sealed)
		if err := each(plain); err != nil {
			return fmt.Errorf("record %d of keys/%s: %w", f.index-1, filepath.Base(f.path), err)
		}
	}
	return nil
}

func (f *file) damaged(what string) error {
	return fmt.Errorf("%s of keys/%s: %w", what, filepath.Base(f.path), errDamaged)
}

// append adds a record, durable on return. What a failed append left is cut off
// by the next.
func (f *file) append(record []byte) error {
	sealed := f.box.Seal(nil, record, f.context())
	b := append(binary.BigEndian.AppendUint32(nil, uint32(len(sealed))), sealed...)
	if f.size == 0 {
		if err := f.begin(b); err != nil {
			return err
		}
		f.size = int64(len(f.magic))
	} else if err := f.extend(b); err != nil {
		return err
	}
	f.follow(sealed)
	return nil
}

// extend writes behind what is whole. What lies there is cut off first: it may
// be longer than what comes.
func (f *file) extend(b []byte) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("couldn't look at %s: %w", filepath.Base(f.path), err)
	}
	if info.Size() < f.size {
		return f.damaged("the end")
	}
	if info.Size() > f.size {
		if err := os.Truncate(f.path, f.size); err != nil {
			return fmt.Errorf("couldn't cut %s: %w", filepath.Base(f.path), disk.Full(err))
		}
	}
	return disk.WriteAt(f.path, b, f.size)
}

// begin puts the file in place with its first record, whole or not at all.
func (f *file) begin(first []byte) error {
	tmp := f.path + ".new"
	if err := disk.WriteFile(tmp, append([]byte(f.magic), first...)); err != nil {
		os.Remove(tmp)
		return err
	}
	if err := os.Rename(tmp, f.path); err != nil {
		return fmt.Errorf("couldn't put %s in place: %w", filepath.Base(f.path), disk.Full(err))
	}
	return disk.SyncDir(filepath.Dir(f.path))
}
