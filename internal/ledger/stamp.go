package ledger

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// stamp orders hidden statements in the outbox: 64 bits of Unix nanoseconds,
// raised to come after the stamp before, and 64 random bits.
type stamp [16]byte

func (s stamp) nanoseconds() uint64 { return binary.BigEndian.Uint64(s[:]) }

// stamps makes stamps, and the times of hidden statements. Neither goes back.
type stamps struct {
	mu   sync.Mutex // guards below
	last uint64
	at   time.Time
}

// next is a stamp behind all others, and the time to write into the statement.
func (s *stamps) next(now time.Time) (st stamp, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last+1, uint64(max(now.UnixNano(), 0)))
	if now.After(s.at) {
		s.at = now
	}
	binary.BigEndian.PutUint64(st[:], s.last)
	rand.Read(st[8:])
	return st, s.at
}

// behind makes all further stamps and times come after these.
func (s *stamps) behind(st stamp, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, st.nanoseconds())
	if at.After(s.at) {
		s.at = at
	}
}

// early is a stamp of that time, whatever was made since.
func early(nanoseconds uint64) (st stamp) {
	binary.BigEndian.PutUint64(st[:], nanoseconds)
	rand.Read(st[8:])
	return st
}
