package certs_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"writ/internal/certs"
	"writ/internal/folder"
)

// syncBuffer is a buffer that a log and a test may share.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// names answers every question for a name with loopback.
func names(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			answer.Answer = append(answer.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1},
				A:   net.IPv4(127, 0, 0, 1),
			})
		}
		w.WriteMsg(answer)
	})}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	return l.Addr().String()
}

// authority runs Let's Encrypt's test server in this process, so that real
// orders meet real challenges.
func authority(t *testing.T, challengePort int) (directory string, tlsRoots, certRoots *x509.CertPool, stop func()) {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "the only one", ValidityPeriod: 7776000}})
	front := wfe.New(quiet, store, va.New(quiet, 0, challengePort, false, names(t), store), issuer, []string{"pebble.example"}, false, false, 1, 1)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(server.Close)
	tlsRoots, certRoots = x509.NewCertPool(), x509.NewCertPool()
	tlsRoots.AddCert(server.Certificate())
	certRoots.AddCert(issuer.GetRootCert(0).Cert)
	return server.URL + wfe.DirectoryPath, tlsRoots, certRoots, server.Close
}

// lateSource is a source that comes after its listener, as in the server.
type lateSource struct {
	mu  sync.Mutex
	src certs.Source
}

func (l *lateSource) set(src certs.Source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.src = src
}

func (l *lateSource) Certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	l.mu.Lock()
	src := l.src
	l.mu.Unlock()
	return src.Certificate(h)
}

func (l *lateSource) Protocols() []string { return (&certs.ACME{}).Protocols() }
func (l *lateSource) Close() error        { return nil }

// TestACME obtains a certificate from a real authority, by a challenge on the
// server's own listener, and has it again after a restart without asking.
func TestACME(t *testing.T) {
	const domain = "s3.fernhill.example"
	late := &lateSource{}
	addr := listen(t, late)
	host, portText, _ := net.SplitHostPort(addr)
	port, _ := strconv.Atoi(portText)
	directory, tlsRoots, certRoots, stop := authority(t, port)
	dir := folder.Folder(t.TempDir())
	var logged syncBuffer
	cfg := certs.ACMEConfig{Domains: []string{domain}, Email: "operator@fernhill.example", Directory: directory, Roots: tlsRoots,
		Host: host, Port: port, Log: slog.New(slog.NewTextHandler(&logged, nil))}
	open := func() *certs.ACME {
		a, err := certs.OpenACME(dir, testKey, cfg)
		if err != nil {
			t.Fatal(err)
		}
		late.set(a)
		return a
	}
	a := open()
	client := &tls.Config{RootCAs: certRoots, ServerName: domain}
	deadline := time.Now().Add(time.Minute)
	for {
		if _, err := shake(t, addr, client); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("no certificate: %v\n%s", err, logged.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
	if _, err := shake(t, addr, &tls.Config{RootCAs: certRoots, ServerName: "elsewhere.example"}); err == nil {
		t.Error("a name that was not configured is served")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	filepath.WalkDir(dir.ACME(), func(path string, d fs.DirEntry, _ error) error {
		if d.Type().IsRegular() && (bytes.Contains(read(t, path), []byte("PRIVATE KEY")) || bytes.Contains(read(t, path), []byte("operator@"))) {
			t.Errorf("%s lies in clear", path)
		}
		return nil
	})
	stop()
	again := open()
	defer again.Close()
	if _, err := shake(t, addr, client); err != nil {
		t.Errorf("after a restart: %v\n%s", err, logged.String())
	}
}
