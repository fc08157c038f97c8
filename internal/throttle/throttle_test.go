package throttle

import (
	"net/netip"
	"testing"
	"time"
)

// TestThrottle: a network fails Burst times, waits for its next chance, and shares
// its failures with the rest of its /64, never with another network.
func TestThrottle(t *testing.T) {
	var th Throttle
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	one, beside, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8:1::1")
	for range Burst {
		if !th.Free(one, now) {
			t.Fatal("refused before the burst was used up")
		}
		th.Fail(one, now)
	}
	if th.Free(beside, now) || !th.Free(other, now) {
		t.Error("the /64 is not what counts")
	}
	if th.Free(one, now.Add(-time.Hour)) || th.Free(one, now.Add(Refill-time.Second)) || !th.Free(one, now.Add(Refill)) {
		t.Error("the next chance comes at another time, or with a clock that goes back")
	}
	if Network(netip.Addr{}) == Network(netip.MustParseAddr("0.0.0.0")) {
		t.Error("no address is somebody's network")
	}
}

// TestBounds: a storm from everywhere leaves memory and the audit trail bounded.
func TestBounds(t *testing.T) {
	var th Throttle
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	said := 0
	for i := range 3 * MostRemembered {
		th.Fail(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
		if ok, _ := th.Say(now); ok {
			said++
		}
	}
	if n := th.Remembered(); n > MostRemembered {
		t.Errorf("%d networks are remembered", n)
	}
	if said != SaidBurst {
		t.Errorf("%d entries", said)
	}
	if ok, left := th.Say(now.Add(SaidRefill)); !ok || left != 3*MostRemembered-SaidBurst {
		t.Errorf("the next entry: %v, %d left out", ok, left)
	}
}
