package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writ/internal/certs"
	"writ/internal/folder"
	"writ/internal/seal"
)

var testKey = seal.NewKey()

func newFolder(t *testing.T) folder.Folder {
	t.Helper()
	return folder.Folder(t.TempDir())
}

// listen serves handshakes from a source on loopback.
func listen(t *testing.T, src certs.Source) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", certs.ServerConfig(src, "http/1.1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { c.(*tls.Conn).Handshake(); c.Close() }()
		}
	}()
	return l.Addr().String()
}

func trust(t *testing.T, pemFile string) *x509.CertPool {
	t.Helper()
	body, err := os.ReadFile(pemFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(body) {
		t.Fatal("no certificate in " + pemFile)
	}
	return pool
}

func shake(t *testing.T, addr string, cfg *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	c, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	return c.ConnectionState(), nil
}

// TestHandshakes: what clients of different ages get.
func TestHandshakes(t *testing.T) {
	dir := newFolder(t)
	a, err := certs.OpenAuthority(dir, testKey, []string{"s3.fernhill.example"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	addr, roots := listen(t, a), trust(t, dir.CA())
	state, err := shake(t, addr, &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	if state.Version != tls.VersionTLS13 || state.CurveID != tls.X25519MLKEM768 {
		t.Errorf("a client of today gets version %x with %v", state.Version, state.CurveID)
	}
	for _, name := range []string{"localhost", "s3.fernhill.example"} {
		if _, err := shake(t, addr, &tls.Config{RootCAs: roots, ServerName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	state, err = shake(t, addr, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12})
	if err != nil || state.Version != tls.VersionTLS12 {
		t.Errorf("a client of TLS 1.2: %x %v", state.Version, err)
	}
	for name, cfg := range map[string]*tls.Config{
		"TLS 1.1":                 {RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"without forward secrecy": {RootCAs: roots, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
		"CBC":                     {RootCAs: roots, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		"a name that isn't ours":  {RootCAs: roots, ServerName: "elsewhere.example"},
		"another authority":       {RootCAs: x509.NewCertPool()},
	} {
		if _, err := shake(t, addr, cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestAuthorityStays: clients that trust ca.pem trust the server after a
// restart, and its key is nowhere in clear.
func TestAuthorityStays(t *testing.T) {
	dir := newFolder(t)
	if _, err := certs.OpenAuthority(dir, testKey, nil, time.Now); err != nil {
		t.Fatal(err)
	}
	roots, before := trust(t, dir.CA()), read(t, dir.CA())
	again, err := certs.OpenAuthority(dir, testKey, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, read(t, dir.CA())) {
		t.Error("ca.pem changed")
	}
	if _, err := shake(t, listen(t, again), &tls.Config{RootCAs: roots}); err != nil {
		t.Error(err)
	}
	filepath.WalkDir(string(dir), func(path string, d fs.DirEntry, _ error) error {
		if d.Type().IsRegular() && bytes.Contains(read(t, path), []byte("PRIVATE KEY")) {
			t.Errorf("%s holds a private key in clear", path)
		}
		return nil
	})
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestAuthorityDamaged: any flipped byte of either file is refused, and so is
// a key of another server.
func TestAuthorityDamaged(t *testing.T) {
	dir := newFolder(t)
	if _, err := certs.OpenAuthority(dir, testKey, nil, time.Now); err != nil {
		t.Fatal(err)
	}
	if _, err := certs.OpenAuthority(dir, seal.NewKey(), nil, time.Now); !errors.Is(err, certs.ErrAuthority) {
		t.Errorf("another server's key: %v", err)
	}
	for _, name := range []string{dir.CA(), dir.CAKey()} {
		whole := read(t, name)
		for at := 0; at < len(whole); at += 7 {
			hurt := bytes.Clone(whole)
			hurt[at] ^= 0x40
			if err := os.WriteFile(name, hurt, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := certs.OpenAuthority(dir, testKey, nil, time.Now); !errors.Is(err, certs.ErrAuthority) {
				t.Fatalf("byte %d of %s flipped: %v", at, filepath.Base(name), err)
			}
		}
		os.WriteFile(name, whole, 0o600)
	}
	os.Remove(dir.CA())
	if _, err := certs.OpenAuthority(dir, testKey, nil, time.Now); !errors.Is(err, certs.ErrAuthority) {
		t.Errorf("without ca.pem: %v", err)
	}
}

// TestLeafIsRenewed long before it ends.
func TestLeafIsRenewed(t *testing.T) {
	now := time.Now()
	a, err := certs.OpenAuthority(newFolder(t), testKey, nil, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	first, _ := a.Certificate(&tls.ClientHelloInfo{})
	now = now.AddDate(0, 0, 50)
	if same, _ := a.Certificate(&tls.ClientHelloInfo{}); same != first {
		t.Error("renewed with 40 days left")
	}
	now = now.AddDate(0, 0, 11)
	second, err := a.Certificate(&tls.ClientHelloInfo{})
	if err != nil || second == first || second.Leaf.NotAfter.Before(now.AddDate(0, 0, 89)) {
		t.Errorf("not renewed with 29 days left: %v", err)
	}
}

// TestLeafNamesWhereItIsReached: a connection that arrives at another address
// of this machine gets a certificate that names it.
func TestLeafNamesWhereItIsReached(t *testing.T) {
	dir := newFolder(t)
	a, err := certs.OpenAuthority(dir, testKey, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.5:0", certs.ServerConfig(a, "http/1.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	if _, err := shake(t, l.Addr().String(), &tls.Config{RootCAs: trust(t, dir.CA())}); err != nil {
		t.Error(err)
	}
}

// pair writes a self-signed certificate and its key.
func pair(t *testing.T, dir, name string, until time.Time) (certFile, keyFile string) {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(key)
	certFile, keyFile = filepath.Join(dir, "own.crt"), filepath.Join(dir, "own.key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// TestFilesAreReadAgain when they change, and a half-written pair doesn't
// stop the server.
func TestFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := pair(t, dir, "first.example", time.Now().Add(time.Hour))
	var log syncBuffer
	f, err := certs.OpenFiles(certFile, keyFile, 5*time.Millisecond, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	name := func() string {
		cert, err := f.Certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf.Subject.CommonName
	}
	if name() != "first.example" {
		t.Fatalf("got %s", name())
	}
	if err := os.WriteFile(certFile, []byte("half of a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "a warning", func() bool { return strings.Contains(log.String(), "not usable") })
	if name() != "first.example" {
		t.Error("half a renewal took the good certificate away")
	}
	pair(t, dir, "second.example", time.Now().Add(time.Hour))
	await(t, "the new certificate", func() bool { return name() == "second.example" })
}

func TestFilesRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := certs.OpenFiles(filepath.Join(dir, "none"), filepath.Join(dir, "none"), time.Second, time.Now, slog.New(slog.DiscardHandler)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	certFile, keyFile := pair(t, dir, "late.example", time.Now().Add(-time.Hour))
	if _, err := certs.OpenFiles(certFile, keyFile, time.Second, time.Now, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "ended on") {
		t.Errorf("ended: %v", err)
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}
