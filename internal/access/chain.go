package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"time"

	"writ"
)

// ErrChain: an entry that does not continue the chain.
var ErrChain = errors.New("the journal's chain is broken")

// Head is where a customer's journal stands: its newest entry and that
// entry's hash, which stands for all before it.
type Head struct {
	Seq  uint64   // 0 when the journal is empty
	Hash [32]byte // SHA-256("writ/journal-entry/v1" ‖ the entry's stored form); for Seq 0 see [Genesis]
}

// Genesis is where a customer's journal begins: number 0, and
// SHA-256("writ/journal/v1" ‖ customer id).
func Genesis(c writ.CustomerID) Head {
	return Head{Hash: sha256.Sum256(append([]byte("writ/journal/v1"), c...))}
}

// Domain stands before an entry's stored form where it is hashed.
const Domain = "writ/journal-entry/v1"

// Follow checks that an entry's stored form continues the chain at h, moves h
// on, and returns the entry's time. It reads no more of the entry than its link:
// see [Decode]. Errors: [ErrForm], [ErrChain].
func (h *Head) Follow(b []byte) (time.Time, error) {
	l, ok := LinkOf(b)
	if !ok {
		return time.Time{}, fmt.Errorf("%w: after entry %d", ErrForm, h.Seq)
	}
	if l.Seq != h.Seq+1 || l.Previous != h.Hash {
		return time.Time{}, fmt.Errorf("%w: entry %d doesn't continue it after %d", ErrChain, l.Seq, h.Seq)
	}
	h.Seq, h.Hash = l.Seq, hash(b)
	return l.At, nil
}

// hash is that of an entry's stored form.
func hash(b []byte) [32]byte {
	var space [1024]byte
	return sha256.Sum256(append(append(space[:0], Domain...), b...))
}

// Link is what chains an entry to the one before.
type Link struct {
	Seq      uint64
	At       time.Time
	Previous [32]byte
}

// LinkOf reads the link off an entry's stored form: the number and the time
// stand first in it, the hash before last, and none of them is ever left out.
func LinkOf(b []byte) (l Link, ok bool) {
	const end = 3 + 32 // field 17, bytes, 32 of them
	if len(b) < 1+end || b[0]&0xe0 != 0xa0 {
		return l, false
	}
	tail := b[len(b)-end:]
	if tail[0] != fieldPrevious || tail[1] != 0x58 || tail[2] != 32 {
		return l, false
	}
	l.Previous = [32]byte(tail[3:])
	b = b[1 : len(b)-end]
	seq, b, ok := readInt(b, fieldSeq)
	if !ok || seq < 0 {
		return l, false
	}
	at, _, ok := readInt(b, fieldTime)
	l.Seq, l.At = uint64(seq), time.Unix(0, at).UTC()
	return l, ok
}

// readInt reads an integer field and returns what follows it.
func readInt(b []byte, field byte) (int64, []byte, bool) {
	if len(b) < 2 || b[0] != field {
		return 0, nil, false
	}
	major, short := b[1]>>5, b[1]&31
	b = b[2:]
	v := uint64(short)
	if short >= 24 {
		n := 1 << (short - 24)
		if short > 27 || len(b) < n {
			return 0, nil, false
		}
		v = 0
		for _, c := range b[:n] {
			v = v<<8 | uint64(c)
		}
		b = b[n:]
	}
	switch {
	case v > math.MaxInt64:
		return 0, nil, false
	case major == 0:
		return int64(v), b, true
	case major == 1:
		return -1 - int64(v), b, true
	}
	return 0, nil, false
}
