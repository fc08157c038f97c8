package staff

import (
	"net/netip"
	"sync"
	"time"
)

// How failures are counted: an address may fail burst times at once, and gets one
// more chance each refill. Of tokens that nobody has, the audit trail takes
// unknownBurst entries at once, and one more each unknownRefill, whoever sends them.
const (
	burst         = 10
	refill        = 30 * time.Second
	unknownBurst  = 60
	unknownRefill = 10 * time.Second

	// generation bounds the addresses that are remembered: two generations of
	// so many. An address that comes back is carried over to the younger.
	generation = 4096
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

// throttle counts failures by network, in bounded memory. The zero value is
// ready.
type throttle struct {
	mu         sync.Mutex // guards all below
	young, old map[netip.Prefix]*bucket
	unknown    bucket // audit entries about tokens that nobody has
	unsaid     int    // how many of those were left out since the last
}

// network is what counts as one address: whoever has an IPv6 address has all
// others of its /64.
func network(a netip.Addr) netip.Prefix {
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

// free says whether an address may try.
func (t *throttle) free(a netip.Addr, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := network(a)
	for _, m := range [...]map[netip.Prefix]*bucket{t.young, t.old} {
		if b := m[n]; b != nil {
			return b.level(now, refill) <= burst-1
		}
	}
	return true
}

// fail counts a failure.
func (t *throttle) fail(a netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := network(a)
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
	b.add(now, refill)
}

// say says whether one more entry about a token that nobody has is written down,
// and how many were not since the last.
func (t *throttle) say(now time.Time) (said bool, unsaid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unknown.level(now, unknownRefill) > unknownBurst-1 {
		t.unsaid++
		return false, 0
	}
	t.unknown.add(now, unknownRefill)
	unsaid, t.unsaid = t.unsaid, 0
	return true, unsaid
}
