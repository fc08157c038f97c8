package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"writ"
)

// A stamp orders the versions of a key: 48 bits of Unix milliseconds, then 80
// random bits.
type stamp [16]byte

// The digits of D. Crockford's base32, in which order of text is order of
// bytes.
const crockfordDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var crockford = base32.NewEncoding(crockfordDigits).WithPadding(base32.NoPadding)

// stampLength is the length of a stamp's text.
const stampLength = 26

// id returns the stamp as the id of a version: a ULID, which is 26 digits in
// base32, of which the first carries three bits.
// https://github.com/ulid/spec
func (s stamp) id() writ.VersionID {
	var text [stampLength]byte
	high, low := binary.BigEndian.Uint64(s[:8]), binary.BigEndian.Uint64(s[8:])
	for i := stampLength - 1; i >= 0; i-- {
		text[i] = crockfordDigits[low&31]
		low, high = low>>5|high<<59, high>>5
	}
	return writ.VersionID(text[:])
}

// parseStamp reads the id of a version that is not null; [ErrVersion] on text
// of another form.
func parseStamp(id writ.VersionID) (s stamp, err error) {
	if len(id) != stampLength || id[0] > '7' {
		return s, ErrVersion
	}
	var high, low uint64
	for i := range stampLength {
		digit := strings.IndexByte(crockfordDigits, id[i])
		if digit < 0 {
			return s, ErrVersion
		}
		high, low = high<<5|low>>59, low<<5|uint64(digit)
	}
	binary.BigEndian.PutUint64(s[:8], high)
	binary.BigEndian.PutUint64(s[8:], low)
	return s, nil
}

// isZero reports whether there is no stamp.
func (s stamp) isZero() bool { return s == stamp{} }

// after reports whether s is younger than t.
func (s stamp) after(t stamp) bool { return bytes.Compare(s[:], t[:]) > 0 }

// next returns the stamp that follows s.
func (s stamp) next() stamp {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i]++; s[i] != 0 {
			break
		}
	}
	return s
}

// stamps makes stamps, each younger than those before it in this process.
type stamps struct {
	mu   sync.Mutex
	last stamp
}

// make returns a stamp of that time, or the one that follows the last, if
// time has not gone on or has gone back.
func (g *stamps) make(now time.Time) (s stamp) {
	ms := uint64(max(now.UnixMilli(), 0))
	for i := range 6 {
		s[i] = byte(ms >> (8 * (5 - i)))
	}
	rand.Read(s[6:]) // never fails
	g.mu.Lock()
	defer g.mu.Unlock()
	if bytes.Compare(s[:6], g.last[:6]) <= 0 {
		s = g.last.next()
	}
	g.last = s
	return s
}
