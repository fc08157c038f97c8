// Package throttle counts failed sign-ins by network, in bounded memory, so that
// who guesses must wait. It serves API tokens and browsers alike: the counts are
// kept by who makes a [Throttle], and are lost with it.
package throttle

import (
	"net/netip"
	"sync"
	"time"
)

// How failures are counted: an address may fail Burst times at once, and gets one
// more chance each Refill. Of what nobody has (tokens, passkeys, invitations), the
// audit trail takes SaidBurst entries at once, and one more each SaidRefill,
// whoever sends them.
const (
	Burst      = 10
	Refill     = 30 * time.Second
	SaidBurst  = 60
	SaidRefill = 10 * time.Second

	// generation bounds the addresses that are remembered: two generations of
	// so many. An address that comes back is carried over to the younger.
	generation = 4096

	// MostRemembered is how many networks are remembered at most.
	MostRemembered = 2 * generation
)

// bucket is a token bucket: how much of a burst is used up, as of when.
type bucket struct {
	used float64
	at   time.Time
}

// level is how much is used up now.
func (b *bucket) level(now time.Time, each time.Duration) float64 {
	return max(0, b.used-max(0, now.Sub(b.at).Seconds())/each.Seconds())
}

func (b *bucket) add(now time.Time, each time.Duration) {
	b.used, b.at = b.level(now, each)+1, now
}

// Throttle counts failures by network. The zero value is ready.
type Throttle struct {
	mu         sync.Mutex // guards all below
	young, old map[netip.Prefix]*bucket
	said       bucket // audit entries about what nobody has
	unsaid     int    // how many of those were left out since the last
}

// Network is what counts as one address: whoever has an IPv6 address has all
// others of its /64.
func Network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil { // no address: those are one
		return netip.Prefix{}
	}
	return p
}

// Free says whether an address may try.
func (t *Throttle) Free(a netip.Addr, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := Network(a)
	for _, m := range [...]map[netip.Prefix]*bucket{t.young, t.old} {
		if b := m[n]; b != nil {
			return b.level(now, Refill) <= Burst-1
		}
	}
	return true
}

// Fail counts a failure.
func (t *Throttle) Fail(a netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := Network(a)
	b := t.young[n]
	if b == nil {
		b = t.old[n]
		if b == nil {
			b = &bucket{}
		}
		delete(t.old, n)
		if t.young == nil || len(t.young) >= generation {
			t.young, t.old = make(map[netip.Prefix]*bucket), t.young
		}
		t.young[n] = b
	}
	b.add(now, Refill)
}

// Say says whether one more entry about something that nobody has is written down,
// and how many were not since the last.
func (t *Throttle) Say(now time.Time) (said bool, unsaid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said.level(now, SaidRefill) > SaidBurst-1 {
		t.unsaid++
		return false, 0
	}
	t.said.add(now, SaidRefill)
	unsaid, t.unsaid = t.unsaid, 0
	return true, unsaid
}

// Remembered is how many networks are remembered: at most [MostRemembered].
func (t *Throttle) Remembered() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.young) + len(t.old)
}
