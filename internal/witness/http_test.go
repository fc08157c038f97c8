package witness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve serves a rig on loopback, with its bounds.
func (r *rig) serve(t testing.TB) (url string) {
	t.Helper()
	l, err := Listen("127.0.0.1:0", "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func post(t testing.TB, url string, body []byte) (status int, kind, answer string) {
	t.Helper()
	resp, err := http.Post(url+"/add-checkpoint", "text/plain", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(text)
}

// TestProtocol: statuses and types as tlog-witness has them.
func TestProtocol(t *testing.T) {
	r := newRig(t, origin)
	url := r.serve(t)
	l := r.logs[0]
	l.grow(20, "honest")
	other := l.fork(5)
	other.grow(15, "forked")
	stranger := newLog(t, "stranger.example")
	impostor := newLog(t, origin)
	impostor.grow(20, "honest")
	for _, c := range []struct {
		what         string
		body         []byte
		status       int
		kind, answer string
	}{
		{"first", l.request(t, 0, 10), 200, "text/plain; charset=utf-8", "— " + witnessName + " "},
		{"again", l.request(t, 10, 10), 200, "text/plain; charset=utf-8", "— " + witnessName + " "},
		{"wrong old", l.request(t, 0, 20), 409, "text/x.tlog.size", "10\n"},
		{"rolled back", l.request(t, 5, 5), 409, "text/x.tlog.size", "10\n"},
		{"fork, same size", other.request(t, 10, 10), 409, "text/plain; charset=utf-8", "the log signed another tree"},
		{"fork, larger", other.request(t, 10, 20), 422, "text/plain; charset=utf-8", "the consistency proof"},
		{"unknown log", stranger.request(t, 0, 0), 404, "text/plain; charset=utf-8", "unknown log"},
		{"wrong key", impostor.request(t, 10, 20), 403, "text/plain; charset=utf-8", "the checkpoint is not signed"},
		{"old is larger", l.request(t, 12, 11), 400, "text/plain; charset=utf-8", "malformed request"},
		{"nonsense", []byte("\x00\xff"), 400, "text/plain; charset=utf-8", "malformed request"},
		{"next", l.request(t, 10, 20), 200, "text/plain; charset=utf-8", "— " + witnessName + " "},
	} {
		status, kind, answer := post(t, url, c.body)
		if status != c.status || kind != c.kind || !strings.HasPrefix(answer, c.answer) {
			t.Errorf("%s: %d %q %q", c.what, status, kind, answer)
		}
	}
	for path, want := range map[string]int{
		"/healthz": 200, "/add-checkpoint": 405, "/": 404, "/../key": 404, "/state": 404,
		"/" + OriginHash(origin) + "/checkpoint": 200, "/" + OriginHash("x") + "/checkpoint": 404, "/..%2f..%2fkey/checkpoint": 404,
	} {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %s", path, resp.Status)
		}
	}
}

// TestLargeBody: 10 MiB, with a length or without, are refused and not read.
func TestLargeBody(t *testing.T) {
	r := newRig(t, origin)
	url := r.serve(t)
	for _, body := range []io.Reader{
		bytes.NewReader(make([]byte, 10<<20)),
		io.LimitReader(endless{}, 10<<20), // chunked
	} {
		began := time.Now()
		resp, err := http.Post(url+"/add-checkpoint", "text/plain", body)
		if err != nil { // the connection was ended while it was still being written to
			t.Log(err)
		} else {
			resp.Body.Close()
			if resp.StatusCode != http.StatusRequestEntityTooLarge {
				t.Error(resp.Status)
			}
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Error(took)
		}
	}
	head := "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"
	if got := raw(t, url, head); !strings.Contains(got, " 431 ") {
		t.Error(got)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// raw writes bytes and reads the first line of the answer.
func raw(t *testing.T, url, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(readTime + 30*time.Second))
	io.WriteString(c, text)
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line
}

// TestSlowClient: who sends no header or half a body is answered or cut off,
// and others are served meanwhile.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, origin)
	r.logs[0].grow(5, "honest")
	url := r.serve(t)
	slow := make(chan string, 2)
	began := time.Now()
	go func() { slow <- raw(t, url, "POST /add-checkpoint HTTP/1.1\r\nHost") }()
	go func() {
		slow <- raw(t, url, "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nold 0\n")
	}()
	if status, _, _ := post(t, url, r.logs[0].request(t, 0, 5)); status != 200 {
		t.Fatal(status)
	}
	a, b := <-slow, <-slow
	if took := time.Since(began); took < headerTime || took > readTime+30*time.Second {
		t.Error(took)
	}
	if !strings.Contains(a+b, " 408 ") {
		t.Errorf("%q %q", a, b)
	}
}

// TestConnectionBounds: one address holds a few connections, all of them
// together some hundreds, and what is closed counts no more.
func TestConnectionBounds(t *testing.T) {
	b := &boundListener{from: map[netip.Prefix]int{}}
	host := hostOf(&net.TCPAddr{IP: net.ParseIP("192.0.2.7"), Port: 1})
	for range maxFromHost {
		if !b.enter(host) {
			t.Fatal("refused too early")
		}
	}
	if b.enter(host) {
		t.Fatal("one address has too many")
	}
	b.leave(host)
	if !b.enter(host) {
		t.Fatal("what was left counts")
	}
	loopback := hostOf(&net.TCPAddr{IP: net.ParseIP("127.0.0.1"), Port: 1})
	for range maxConns - maxFromHost {
		if !b.enter(loopback) {
			t.Fatal("loopback is bounded")
		}
	}
	if b.enter(loopback) || b.enter(hostOf(&net.TCPAddr{IP: net.ParseIP("192.0.2.8")})) {
		t.Fatal("all together are too many")
	}
	one := hostOf(&net.TCPAddr{IP: net.ParseIP("2001:db8::1")})
	if one != hostOf(&net.TCPAddr{IP: net.ParseIP("2001:db8::2")}) || one == hostOf(&net.TCPAddr{IP: net.ParseIP("2001:db8:0:1::1")}) {
		t.Fatal("not by /64")
	}
}

// TestListen: plaintext stays on this machine; a certificate is needed for
// anything else, and one without the other is refused.
func TestListen(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "fernhill.example:0", "nonsense"} {
		if _, err := Listen(addr, "", "", nil); !errors.Is(err, ErrPlaintext) {
			t.Fatalf("%s: %v", addr, err)
		}
	}
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	if _, err := Listen("127.0.0.1:0", filepath.Join(dir, "cert.pem"), "", log); err == nil {
		t.Fatal("half a certificate")
	}
	cert, pool := certificate(t, dir)
	l, err := Listen("0.0.0.0:0", cert, filepath.Join(dir, "key.pem"), log)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, origin)
	r.logs[0].grow(3, "honest")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, l) }()
	base := fmt.Sprintf("https://127.0.0.1:%d", l.Addr().(*net.TCPAddr).Port)
	c, err := NewClient(base, r.vkey, trusting(pool), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Cosign(t.Context(), r.logs[0].checkpoint(3), r.logs[0].prove); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Fatal("it still listens")
	}
	if _, err := os.Stat(r.layout.state()); err != nil {
		t.Fatal(err)
	}
}
