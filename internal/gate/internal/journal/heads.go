package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"writ/internal/gate/internal/disk"
)

// The file "heads" of a customer's folder: one record of headSize bytes for
// each closed segment, in order, each a box under the journal's own key whose
// AAD is the folder's name and the record's index. Its plaintext:
//
//	first  8  number of the segment's first entry, big endian
//	last   8  number of its last
//	hash  32  that entry's hash
//	at     8  that entry's time, Unix nanoseconds
//
// Records are only appended. One that a crash left short or all zeros at the
// end was never relied upon and is written over.
const (
	headsName = "heads"
	headPlain = 8 + 8 + 32 + 8
	headSize  = headPlain + 28
)

// closing is what a head record says: where the chain stood when a segment
// was closed.
type closing struct {
	first uint64
	head  Head
	at    time.Time // of the segment's last entry
}

func headContext(label string, index int) []byte {
	return binary.BigEndian.AppendUint64([]byte("writ/journal-heads/v1/"+label), uint64(index))
}

// readHeads reads the heads of the customer's closed segments; none is no
// error.
func (c *chain) readHeads() ([]closing, error) {
	b, err := os.ReadFile(filepath.Join(c.dir(), headsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("couldn't read journal heads: %w", err)
	}
	return c.j.parseHeads(c.label, b)
}

func (j *Journal) parseHeads(label string, b []byte) ([]closing, error) {
	var all []closing
	for ; len(b) >= headSize; b = b[headSize:] {
		plain, err := j.heads.Open(nil, b[:headSize], headContext(label, len(all)))
		if err != nil {
			if len(b) < 2*headSize && disk.AllZero(b) {
				break
			}
			return nil, fmt.Errorf("heads in journal/%s, record %d: %w", label, len(all), ErrCorrupt)
		}
		h := closing{
			first: binary.BigEndian.Uint64(plain),
			head:  Head{Seq: binary.BigEndian.Uint64(plain[8:]), Hash: [32]byte(plain[16:48])},
			at:    time.Unix(0, int64(binary.BigEndian.Uint64(plain[48:]))),
		}
		if n := len(all); n > 0 && all[n-1].head.Seq+1 != h.first || h.head.Seq < h.first {
			return nil, fmt.Errorf("heads in journal/%s, record %d doesn't continue: %w", label, n, ErrCorrupt)
		}
		all = append(all, h)
	}
	return all, nil
}

// appendHead adds a record as the one of the given index, durable on return.
func (c *chain) appendHead(index int, h closing) error {
	b := binary.BigEndian.AppendUint64(nil, h.first)
	b = binary.BigEndian.AppendUint64(b, h.head.Seq)
	b = append(b, h.head.Hash[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.at.UnixNano()))
	b = c.j.heads.Seal(nil, b, headContext(c.label, index))
	if err := disk.WriteAt(filepath.Join(c.dir(), headsName), b, int64(index)*headSize); err != nil {
		return fmt.Errorf("couldn't write journal heads: %w", err)
	}
	if index == 0 {
		return disk.SyncDir(c.dir())
	}
	return nil
}
