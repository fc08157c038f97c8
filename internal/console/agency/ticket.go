package agency

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"writ"
	"writ/internal/console/page"
	"writ/internal/throttle"
)

const (
	ticketLife = 30 * time.Minute
	maxTickets = 4096 // each takes a right code to make
)

// tickets stand for codes that were typed in. They are gone with the process. The
// zero value is ready.
type tickets struct {
	wrong throttle.Throttle // codes that were wrong, by network

	mu   sync.Mutex // guards open
	open map[[32]byte]ticket
}

type ticket struct {
	of    writ.CaseID
	code  string
	until time.Time
}

// add makes a ticket. When there are too many the one that ends first goes.
func (t *tickets) add(of writ.CaseID, code string, now time.Time) (secret string) {
	secret = rand.Text() + rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[[32]byte]ticket{}
	}
	var first [32]byte
	for key, one := range t.open {
		if !now.Before(one.until) {
			delete(t.open, key)
		} else if end, some := t.open[first]; !some || one.until.Before(end.until) {
			first = key
		}
	}
	if len(t.open) >= maxTickets {
		delete(t.open, first)
	}
	t.open[sha256.Sum256([]byte(secret))] = ticket{of, code, now.Add(ticketLife)}
	return secret
}

// code is what a ticket stands for, "" if for nothing: it is found by its hash, so
// that no time tells how much of it was right.
func (t *tickets) code(secret string, of writ.CaseID, now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.open[sha256.Sum256([]byte(secret))]
	if !ok || one.of != of || !now.Before(one.until) {
		return ""
	}
	return one.code
}

func (t *tickets) end(secret string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, sha256.Sum256([]byte(secret)))
}

// cookie keeps a ticket at the addresses of one delivery.
func (r *room) cookie(of writ.CaseID, secret string) *http.Cookie {
	name := "__Secure-writ-fetch"
	if r.Plain {
		name = "writ-fetch"
	}
	c := &http.Cookie{
		Name: name, Value: secret, Path: "/agency/fetch/" + string(of), MaxAge: int(ticketLife.Seconds()), HttpOnly: true, Secure: !r.Plain,
		SameSite: http.SameSiteStrictMode,
	}
	if secret == "" {
		c.MaxAge = -1
	}
	return c
}

// ticket is the secret that a request brings, "" if none.
func (r *room) ticket(v *page.Visit) string {
	c, err := v.R.Cookie(r.cookie("", "").Name)
	if err != nil || len(c.Value) > 128 {
		return ""
	}
	return c.Value
}

// network is from where a request comes.
func network(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}
