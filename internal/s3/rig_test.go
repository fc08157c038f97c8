package s3_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"writ"
	"writ/internal/blob"
	"writ/internal/gate"
	"writ/internal/records"
	"writ/internal/s3"
	"writ/internal/vault"
)

// A rig is a front over a real vault, whose rooms are in memory but for the
// gate, served with TLS on loopback.
type rig struct {
	t     testing.TB
	ctx   context.Context
	vault *vault.Vault
	gate  *gate.Gate
	blobs *disk
	front *s3.Front
	addr  string
	log   *logBuffer
	http  *http.Client // trusts the server

	clinic, press person // "harbour-clinic", "tidewater-press"
}

// A disk is a store of blobs that can be full, and damaged.
type disk struct {
	blob.Store
	full, damaged atomic.Bool
}

func (d *disk) Put(ctx context.Context, sealed []byte) (blob.Ref, error) {
	if d.full.Load() {
		return blob.Ref{}, blob.ErrNoSpace
	}
	return d.Store.Put(ctx, sealed)
}

func (d *disk) Create(ctx context.Context, sizeHint int64) (blob.Upload, error) {
	if d.full.Load() {
		return nil, blob.ErrNoSpace
	}
	return d.Store.Create(ctx, sizeHint)
}

func (d *disk) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	r, err := d.Store.Open(ctx, ref)
	if err == nil && d.damaged.Load() {
		r = damagedReader{r}
	}
	return r, err
}

// A damagedReader has a bit flipped in its last byte but one.
type damagedReader struct{ blob.Reader }

func (d damagedReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.Reader.ReadAt(p, off)
	if at := d.Size() - 2 - off; at >= 0 && at < int64(n) {
		p[at] ^= 1
	}
	return n, err
}

// A person is a customer with one credential.
type person struct {
	vault.Credential
	client *minio.Client
}

func newRig(t testing.TB) *rig {
	t.Helper()
	dir := t.TempDir()
	g, err := gate.Open(gate.Config{Dir: dir, Unseal: gate.KeyFile(filepath.Join(dir, "key"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	r := &rig{t: t, ctx: context.Background(), gate: g, blobs: &disk{Store: blob.NewMemory()}, log: new(logBuffer)}
	r.vault, err = vault.New(vault.Config{Gate: g, Records: records.NewMemory(), Blobs: r.blobs})
	if err != nil {
		t.Fatal(err)
	}
	r.addr, r.front = serve(t, r.vault, slog.New(slog.NewJSONHandler(r.log, nil)))
	r.http = trusting()
	r.clinic, r.press = r.person("harbour-clinic"), r.person("tidewater-press")
	return r
}

func (r *rig) person(name string) person {
	r.t.Helper()
	customer, err := r.vault.AddCustomer(r.ctx, name)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.credential(customer.ID)
}

func (r *rig) credential(customer writ.CustomerID) person {
	r.t.Helper()
	c, err := r.vault.AddCredential(r.ctx, customer)
	if err != nil {
		r.t.Fatal(err)
	}
	return person{c, client(r.t, r.addr, string(c.ID), c.Secret)}
}

func client(t testing.TB, addr, access, secret string) *minio.Client {
	t.Helper()
	c, err := minio.New(addr, &minio.Options{
		Creds: credentials.NewStaticV4(access, secret, ""), Secure: true, Transport: trusting().Transport, Region: "us-east-1",
		TrailingHeaders: true, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve serves a front over v on a port of its own, until the test ends.
func serve(t testing.TB, v s3.Vault, log *slog.Logger) (addr string, front *s3.Front) {
	t.Helper()
	front, err := s3.New(s3.Config{Vault: v, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	addr, wait := listen(t, front)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		front.Shutdown(ctx)
		wait()
	})
	return addr, front
}

// listen has the front serve one listener more.
func listen(t testing.TB, front *s3.Front) (addr string, wait func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		tl := tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{authority().cert}})
		if err := front.Serve(tl); !errors.Is(err, s3.ErrStopped) {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String(), served.Wait
}

// authority is one certificate for all tests, and who trusts it.
var authority = sync.OnceValue(func() (a struct {
	cert  tls.Certificate
	roots *x509.CertPool
}) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Fernhill Hosting"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	a.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	a.roots = x509.NewCertPool()
	a.roots.AddCert(leaf)
	return a
})

func trusting() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority().roots}, MaxIdleConnsPerHost: 16}}
}

// bucket makes a bucket of a person's.
func (r *rig) bucket(p person, name string) {
	r.t.Helper()
	if err := p.client.MakeBucket(r.ctx, name, minio.MakeBucketOptions{}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) put(p person, bucket, key, body string) minio.UploadInfo {
	r.t.Helper()
	info, err := p.client.PutObject(r.ctx, bucket, key, strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
	if err != nil {
		r.t.Fatalf("put %q: %v", key, err)
	}
	return info
}

// read returns an object's bytes, or the S3 error.
func (r *rig) read(p person, bucket, key string, o minio.GetObjectOptions) (string, error) {
	r.t.Helper()
	object, err := p.client.GetObject(r.ctx, bucket, key, o)
	if err != nil {
		return "", err
	}
	defer object.Close()
	b, err := io.ReadAll(object)
	return string(b), err
}

// wantCode fails the test unless err is the S3 error with that code.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if got := minio.ToErrorResponse(err).Code; err == nil || got != code {
		t.Errorf("error %v (%s), want %s", err, got, code)
	}
}

// A logBuffer is what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
