package wire_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ/internal/wire"
)

// pair returns both ends of a connection, the first of them gathering.
func pair(t interface{ Fatal(...any) }) (near, far net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err = wire.Listen(l).Accept()
	if err != nil {
		t.Fatal(err)
	}
	far.SetDeadline(time.Now().Add(20 * time.Second))
	near.SetDeadline(time.Now().Add(20 * time.Second))
	return near, far
}

// TestRequestsAndAnswers: requests and answers of any size, written and read in
// any pieces, arrive whole and in time: the far side never waits for more than
// the near side has written when it reads again.
func TestRequestsAndAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near, far := pair(t)
		defer near.Close()
		defer far.Close()
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 3000), rapid.SampledFrom([]int{65535, 65536, 65537, 200_000})), 1, 6).Draw(t, "sizes")
		piece := rapid.SampledFrom([]int{1 << 20, 16384, 4096, 700}).Draw(t, "piece")
		go func() { // echoes each message, as a server would
			r := bufio.NewReaderSize(near, piece)
			for {
				var n uint32
				if binary.Read(r, binary.BigEndian, &n) != nil {
					return
				}
				body := make([]byte, n)
				if _, err := io.ReadFull(r, body); err != nil {
					return
				}
				for len(body) > 0 {
					m := min(piece, len(body))
					if _, err := near.Write(body[:m]); err != nil {
						return
					}
					body = body[m:]
				}
			}
		}()
		for _, n := range sizes {
			body := make([]byte, n)
			rand.Read(body)
			go far.Write(append(binary.BigEndian.AppendUint32(nil, uint32(n)), body...))
			got := make([]byte, n)
			if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%d bytes in pieces of %d: %v", n, piece, err)
			}
		}
	})
}

func TestCloseSends(t *testing.T) {
	near, far := pair(t)
	defer far.Close()
	if _, err := near.Write([]byte("the last words")); err != nil {
		t.Fatal(err)
	}
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(far); err != nil || string(got) != "the last words" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := near.Write([]byte("more")); err == nil {
		if _, err := near.Read(make([]byte, 1)); err == nil {
			t.Error("a closed connection takes more")
		}
	}
}

func TestBrokenPeer(t *testing.T) {
	near, far := pair(t)
	defer near.Close()
	far.(*net.TCPConn).SetLinger(0)
	far.Close()
	time.Sleep(20 * time.Millisecond)
	var err error
	for range 100 {
		if _, err = near.Write(make([]byte, 10_000)); err != nil {
			break
		}
	}
	if err == nil {
		t.Fatal("a connection that was reset takes a megabyte")
	}
	if _, again := near.Write([]byte("x")); again == nil {
		t.Error("after an error the connection takes more")
	}
	if _, rerr := near.Read(make([]byte, 1)); rerr == nil || errors.Is(rerr, io.EOF) && err == nil {
		t.Errorf("read after a reset: %v", rerr)
	}
}
