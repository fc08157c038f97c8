// Package wire makes connections that cost fewer system calls. TLS writes each
// record of 16 KiB and reads each in two steps by system calls of their own;
// here small writes are gathered until 64 KiB are together or the other side
// is listened to, and reads fetch what is there.
//
// It is for protocols in which one side writes only between reads, as HTTP/1.1
// servers do: what was written leaves at the latest when the writer reads
// again, or closes.
package wire

import (
	"net"
	"sync"
	"time"
)

// size is how much is gathered or read ahead, in bytes.
const size = 64 << 10

var buffers = sync.Pool{New: func() any { return new([size]byte) }}

// Listen returns a listener whose connections gather and read ahead.
func Listen(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements [net.Listener].
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn gathers and reads ahead. Buffers are held only while there is something
// in them, so that an idle connection costs nothing.
type conn struct {
	net.Conn

	in     *[size]byte // read, not taken yet: in[from:to]; owned by the reader
	from   int
	to     int
	filled bool // the last read got all it asked for: there is likely more

	mu   sync.Mutex  // guards all below
	out  *[size]byte // gathered, not written yet
	have int
	err  error // of a write that nobody waited for
}

// Read implements [net.Conn]. It first sends what was gathered.
func (c *conn) Read(p []byte) (int, error) {
	if c.in != nil {
		n := copy(p, c.in[c.from:c.to])
		c.from += n
		if c.from == c.to {
			buffers.Put(c.in)
			c.in = nil
		}
		return n, nil
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	if !c.filled || len(p) >= size {
		n, err := c.Conn.Read(p)
		c.filled = n == len(p)
		return n, err
	}
	in := buffers.Get().(*[size]byte)
	n, err := c.Conn.Read(in[:])
	c.filled = n == size
	got := copy(p, in[:n])
	if got == n {
		buffers.Put(in)
		return got, err
	}
	c.in, c.from, c.to = in, got, n
	return got, nil // an error comes again with the next read
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	if c.have+len(p) > size {
		if err := c.send(); err != nil {
			return 0, err
		}
	}
	if len(p) >= size {
		return c.Conn.Write(p)
	}
	if c.out == nil {
		c.out = buffers.Get().(*[size]byte)
	}
	c.have += copy(c.out[c.have:], p)
	return len(p), nil
}

func (c *conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	return c.send()
}

// send writes what was gathered. The caller holds mu.
func (c *conn) send() error {
	if c.out == nil {
		return nil
	}
	_, err := c.Conn.Write(c.out[:c.have])
	buffers.Put(c.out)
	c.out, c.have, c.err = nil, 0, err
	return err
}

// closeWait bounds how long Close waits for a peer that takes nothing.
const closeWait = 5 * time.Second

// Close implements [net.Conn]. It sends what was gathered.
func (c *conn) Close() error {
	c.Conn.SetWriteDeadline(time.Now().Add(closeWait))
	c.flush()
	return c.Conn.Close()
}
