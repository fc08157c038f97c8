package witness

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes cert.pem and key.pem for loopback.
func certificate(t *testing.T, dir string) (file string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	file = filepath.Join(dir, "cert.pem")
	for name, body := range map[string][]byte{file: chain, filepath.Join(dir, "key.pem"): pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})} {
		if err := os.WriteFile(name, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(chain)
	return file, pool
}

func trusting(pool *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}
}

func newTestClient(t *testing.T, url, vkey string) *Client {
	t.Helper()
	c, err := NewClient(url, vkey, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestClient: a log asks, forgets where the witness is, and asks again.
func TestClient(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(50, "honest")
	url := r.serve(t)
	c := newTestClient(t, url, r.vkey)
	if _, err := c.Latest(t.Context(), origin); !errors.Is(err, ErrUnknownLog) {
		t.Fatal(err)
	}
	for _, size := range []uint64{1, 2, 2, 30} {
		got, err := c.Cosign(t.Context(), l.checkpoint(size), l.prove)
		if err != nil || !got.Time.Equal(r.clock) {
			t.Fatal(got, err)
		}
	}
	c = newTestClient(t, url, r.vkey) // it doesn't know what the witness has
	if _, err := c.Cosign(t.Context(), l.checkpoint(50), l.prove); err != nil {
		t.Fatal(err)
	}
	latest, err := c.Latest(t.Context(), origin)
	if err != nil || !strings.HasPrefix(string(latest), string(l.checkpoint(50))) {
		t.Fatal(string(latest), err)
	}
	// A log that was rolled back learns how far the witness is.
	var ahead *SizeError
	if _, err := newTestClient(t, url, r.vkey).Cosign(t.Context(), l.checkpoint(40), l.prove); !errors.As(err, &ahead) || ahead.Size != 50 {
		t.Fatal(err)
	}
	// A forked one that it has forked.
	other := l.fork(20)
	other.grow(40, "forked")
	if _, err := newTestClient(t, url, r.vkey).Cosign(t.Context(), other.checkpoint(50), other.prove); !errors.Is(err, ErrFork) {
		t.Fatal(err)
	}
	if _, err := newTestClient(t, url, r.vkey).Cosign(t.Context(), other.checkpoint(60), other.prove); !errors.Is(err, ErrInconsistent) {
		t.Fatal(err)
	}
	mine := errors.New("no proof today")
	l.grow(1, "honest")
	if _, err := c.Cosign(t.Context(), l.checkpoint(51), func(context.Context, uint64, uint64) ([][]byte, error) { return nil, mine }); !errors.Is(err, mine) {
		t.Fatal(err)
	}
	impostor, stranger := newLog(t, origin), newLog(t, "stranger.example")
	if _, err := c.Cosign(t.Context(), impostor.checkpoint(0), nil); !errors.Is(err, ErrSignature) {
		t.Fatal(err)
	}
	if _, err := c.Cosign(t.Context(), stranger.checkpoint(0), nil); !errors.Is(err, ErrUnknownLog) {
		t.Fatal(err)
	}
	if _, err := c.Cosign(t.Context(), []byte("nonsense"), nil); !errors.Is(err, ErrMalformed) {
		t.Fatal(err)
	}
}

// TestClientSeesRollback: a witness that names less than it has cosigned for
// this client was rolled back.
func TestClientSeesRollback(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(50, "honest")
	url := r.serve(t)
	c := newTestClient(t, url, r.vkey)
	if _, err := c.Cosign(t.Context(), l.checkpoint(10), l.prove); err != nil {
		t.Fatal(err)
	}
	older, _ := r.store.get(origin)
	if _, err := c.Cosign(t.Context(), l.checkpoint(30), l.prove); err != nil {
		t.Fatal(err)
	}
	if err := r.store.put(older); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Cosign(t.Context(), l.checkpoint(50), l.prove); !errors.Is(err, ErrRolledBack) {
		t.Fatal(err)
	}
}

// TestHostileWitness: whatever a witness answers, the client is through within
// a bound and takes nothing that the pinned key has not signed.
func TestHostileWitness(t *testing.T) {
	honest, other := newRig(t, origin), newRig(t, origin)
	l := honest.logs[0]
	other.logs = honest.logs
	other.reopen(t)
	l.grow(20, "honest")
	wrongKey := string(other.must(t, l, 0, 20).Line)
	wrongTree := string(honest.must(t, l, 0, 10).Line)
	flip := 0
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    error
	}{
		"wrong key":        {say(200, "text/plain", wrongKey), ErrAnswer},
		"other checkpoint": {say(200, "text/plain", wrongTree), ErrAnswer},
		"nothing":          {say(200, "text/plain", ""), ErrAnswer},
		"no newline":       {say(200, "text/plain", "— x AAAAAAAA"), ErrAnswer},
		"another text":     {say(200, "text/plain", "\n\n"+wrongTree), ErrAnswer},
		"bytes":            {say(200, "text/plain", "\x00\xff\xfe"), ErrAnswer},
		"huge": {func(rw http.ResponseWriter, req *http.Request) {
			io.Copy(rw, io.LimitReader(endless{}, 1<<30))
		}, ErrAnswer},
		"slow": {func(rw http.ResponseWriter, req *http.Request) {
			io.ReadAll(req.Body)
			rw.Write([]byte("— "))
			rw.(http.Flusher).Flush()
			<-req.Context().Done()
		}, ErrUnavailable},
		"silent": {func(rw http.ResponseWriter, req *http.Request) {
			io.ReadAll(req.Body)
			<-req.Context().Done()
		}, ErrUnavailable},
		"redirect": {func(rw http.ResponseWriter, req *http.Request) {
			http.Redirect(rw, req, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, ErrAnswer},
		"no size":   {say(409, sizeType, "many\n"), ErrAnswer},
		"same size": {say(409, sizeType, "0\n"), ErrAnswer},
		"sizes without end": {func(rw http.ResponseWriter, req *http.Request) {
			flip++
			say(409, sizeType, fmt.Sprintln(1+flip%2))(rw, req)
		}, ErrAnswer},
		"size beyond all":  {say(409, sizeType, "18446744073709551615\n"), ErrAnswer},
		"conflict":         {say(409, "text/plain", "no"), ErrFork},
		"unprocessable":    {say(422, "text/plain", "no"), ErrInconsistent},
		"too fast":         {say(429, "text/plain", "no"), ErrTooFast},
		"out of order":     {say(500, "text/plain", "no"), ErrUnavailable},
		"not found":        {say(404, "text/plain", "no"), ErrUnknownLog},
		"unheard of":       {say(299, "text/plain", "no"), ErrAnswer},
		"encoded, as gzip": {gzipped, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(c.handler)
			defer srv.Close()
			defer srv.CloseClientConnections()
			client, err := NewClient(srv.URL, honest.vkey, nil, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			got, err := client.Cosign(t.Context(), l.checkpoint(20), l.prove)
			if !errors.Is(err, c.want) || got.Line != nil {
				t.Fatalf("%q %v", got.Line, err)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Fatal(took)
			}
			if _, err := client.Latest(t.Context(), origin); err == nil {
				t.Fatal("a latest checkpoint was taken")
			}
		})
	}
	// Lines of other keys beside the right one are left out.
	right := string(honest.must(t, l, 10, 20).Line)
	srv := httptest.NewServer(say(200, "text/plain", wrongKey+right))
	defer srv.Close()
	if got, err := newTestClient(t, srv.URL, honest.vkey).Cosign(t.Context(), l.checkpoint(20), l.prove); err != nil || string(got.Line) != right {
		t.Fatal(got, err)
	}
}

func say(status int, kind, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, req *http.Request) {
		io.ReadAll(req.Body)
		rw.Header().Set("Content-Type", kind)
		rw.WriteHeader(status)
		io.WriteString(rw, body)
	}
}

func gzipped(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Encoding", "gzip")
	rw.Write([]byte("not gzip"))
}

// TestClientSettings: what is pinned is checked at once.
func TestClientSettings(t *testing.T) {
	r := newRig(t)
	for _, url := range []string{"", "ftp://witness.example", "https://", "witness.example", "https://witness.example/?a=b", "https://user:pass@witness.example", "http://witness.example", "http://192.0.2.1:80"} {
		if c, err := NewClient(url, r.vkey, nil, 0); err == nil {
			t.Fatalf("%s: %v", url, c)
		}
	}
	for _, url := range []string{"https://witness.example/a/b", "http://127.0.0.1:9", "http://[::1]:9", "http://localhost"} {
		if _, err := NewClient(url, r.vkey, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, vkey := range []string{"", "x", strings.Replace(r.vkey, witnessName, "other.example", 1), r.vkey[:len(r.vkey)-4], newLog(t, "a").vkey[:20]} {
		if _, err := NewClient("https://witness.example", vkey, nil, 0); err == nil {
			t.Fatal(vkey)
		}
	}
}
