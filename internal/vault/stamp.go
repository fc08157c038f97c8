package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"sync"
	"time"

	"writ"
)

// A stamp orders the versions of a key: 48 bits of Unix milliseconds, then 80
// random bits.
type stamp [16]byte

// base32 after D. Crockford, in which order of text is order of bytes, as in
// a ULID.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// stampLength is the length of a stamp's text.
const stampLength = 26

// id returns the stamp as the id of a version: 26 characters in base32, most
// significant bit first. The last two bits of the last character are zero.
func (s stamp) id() writ.VersionID { return writ.VersionID(crockford.EncodeToString(s[:])) }

// parseStamp reads the id of a version that is not null; [ErrVersion] on text
// of another form.
func parseStamp(id writ.VersionID) (s stamp, err error) {
	if len(id) != stampLength {
		return s, ErrVersion
	}
	raw, err := crockford.DecodeString(string(id))
	if err != nil {
		return s, ErrVersion
	}
	copy(s[:], raw)
	if s.id() != id { // bits beyond the 128th
		return stamp{}, ErrVersion
	}
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
