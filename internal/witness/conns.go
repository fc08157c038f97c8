package witness

import (
	"net"
	"net/netip"
	"sync"
)

// How many connections there may be at once: in all, and from one address
// (from one /64 of IPv6). A log needs one. Loopback is a proxy on this
// machine, through which everybody comes.
const (
	maxConns    = 512
	maxFromHost = 32
)

// boundListener closes at once what comes above the bounds, so that whoever
// opens connections and says nothing holds few of them.
type boundListener struct {
	net.Listener

	mu   sync.Mutex // guards below
	all  int
	from map[netip.Prefix]int
}

func bound(l net.Listener) net.Listener {
	return &boundListener{Listener: l, from: map[netip.Prefix]int{}}
}

// Accept implements [net.Listener].
func (b *boundListener) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host := hostOf(c.RemoteAddr())
		if b.enter(host) {
			return &boundConn{Conn: c, leave: sync.OnceFunc(func() { b.leave(host) })}, nil
		}
		c.Close()
	}
}

func (b *boundListener) enter(host netip.Prefix) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all >= maxConns || b.from[host] >= maxFromHost && !host.Addr().IsLoopback() {
		return false
	}
	b.all++
	b.from[host]++
	return true
}

func (b *boundListener) leave(host netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all--
	if b.from[host]--; b.from[host] == 0 {
		delete(b.from, host)
	}
}

// hostOf is what counts as one place.
func hostOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if addr.Is6() && !addr.IsLoopback() {
		bits = 64
	} else if addr.Is6() {
		bits = 128
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

type boundConn struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (c *boundConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
