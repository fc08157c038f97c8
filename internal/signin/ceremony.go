package signin

import (
	"crypto/rand"
	"net/netip"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"writ/internal/throttle"
)

// Bounds of ceremonies. They are kept in memory: a restart loses them, and who was
// in the middle of one begins again.
const (
	ceremonyLife  = 5 * time.Minute
	maxCeremonies = 10_000 // beyond it the oldest goes
	maxOfNetwork  = 50     // of one network at once
)

// ceremonyKind is what a ceremony is for; one of a kind is of no use in another.
type ceremonyKind byte

const (
	enrolling ceremonyKind = iota + 1
	signingIn
	steppingUp
	atProvider
)

// ceremony is something that a browser began and will finish.
type ceremony struct {
	kind    ceremonyKind
	began   time.Time
	network netip.Prefix
	data    webauthn.SessionData

	account    Account
	label      string
	invitation string // its hash; of an enrolment by one
	session    string // its id; of a step-up, and of an enrolment at a session

	nonce, verifier string // at a provider
}

// ceremonies are those that are under way. The zero value is ready.
type ceremonies struct {
	mu    sync.Mutex // guards all below
	by    map[string]*ceremony
	order []string // as they began; those that ended are dropped when they come to the front
	of    map[netip.Prefix]int
}

// begin keeps a ceremony and returns its id, 130 random bits; "" if its network
// has too many under way.
func (c *ceremonies) begin(one *ceremony, addr netip.Addr, now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by, c.of = map[string]*ceremony{}, map[netip.Prefix]int{}
	}
	for len(c.order) > 0 {
		oldest := c.by[c.order[0]]
		if oldest != nil && oldest.alive(now) && len(c.by) < maxCeremonies && len(c.order) < 2*maxCeremonies {
			break
		}
		c.drop(c.order[0])
		c.order = c.order[1:]
	}
	one.network, one.began = throttle.Network(addr), now
	if c.of[one.network] >= maxOfNetwork {
		return ""
	}
	id := rand.Text()
	c.by[id] = one
	c.order = append(c.order, id)
	c.of[one.network]++
	return id
}

func (c *ceremonies) drop(id string) {
	one := c.by[id]
	if one == nil {
		return
	}
	delete(c.by, id)
	if c.of[one.network]--; c.of[one.network] == 0 {
		delete(c.of, one.network)
	}
}

// take ends a ceremony and returns it, whatever comes of it: nothing is finished
// twice. nil: there is none, it was of another kind, or it took too long.
func (c *ceremonies) take(id string, kind ceremonyKind, now time.Time) *ceremony {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.by[id]
	c.drop(id)
	if one == nil || one.kind != kind || !one.alive(now) {
		return nil
	}
	return one
}

// alive says whether a ceremony may still be finished. One of a time ahead was
// begun before the clock went back, and is over.
func (o *ceremony) alive(now time.Time) bool {
	return !now.Before(o.began) && now.Sub(o.began) < ceremonyLife
}
