package monitor

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// speaking starts a server that speaks TLS so, and says where.
func speaking(t *testing.T, c *tls.Config) (addr string, roots *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = c
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots = x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.Listener.Addr().String(), roots
}

func certificate(t *testing.T, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "quayside.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestCheckTLS(t *testing.T) {
	secret, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	byRSA, byCurve := []tls.Certificate{certificate(t, secret)}, []tls.Certificate{certificate(t, curve)}
	forward := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	for name, c := range map[string]struct {
		config *tls.Config
		policy string
		says   string // "" is all as promised
		older  string
	}{
		"1.3 only": {&tls.Config{Certificates: byCurve, MinVersion: tls.VersionTLS13}, "1.3", "", "refused"},
		"1.2 as well": {&tls.Config{Certificates: byCurve, MinVersion: tls.VersionTLS12, CipherSuites: forward}, "1.2", "",
			"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
		"1.2, and the policy says 1.3": {&tls.Config{Certificates: byCurve, MinVersion: tls.VersionTLS12, CipherSuites: forward}, "1.3", "promises TLS 1.3", ""},
		"no hybrid":                    {&tls.Config{Certificates: byCurve, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}}, "1.2", "X25519MLKEM768", ""},
		"1.2 at most":                  {&tls.Config{Certificates: byCurve, MaxVersion: tls.VersionTLS12}, "1.2", "X25519MLKEM768", ""},
		"CBC": {&tls.Config{Certificates: byCurve, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, "1.2",
			"yields TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", ""},
		"no forward secrecy": {&tls.Config{Certificates: byRSA, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, "1.2",
			"TLS_RSA_WITH_AES_128_GCM_SHA256, which has no forward secrecy", ""},
		"1.1": {&tls.Config{Certificates: byRSA, MinVersion: tls.VersionTLS10,
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}}, "1.2", "it takes TLS 1.1", ""},
	} {
		addr, roots := speaking(t, c.config)
		got, err := CheckTLS(t.Context(), addr, "127.0.0.1", roots, c.policy)
		if c.says == "" {
			if err != nil || got.Version != "1.3" || got.Group != "X25519MLKEM768" || got.Offer12 != c.older {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			continue
		}
		if !errors.Is(err, ErrTLS) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	addr, _ := speaking(t, &tls.Config{Certificates: byCurve})
	if _, err := CheckTLS(t.Context(), addr, "127.0.0.1", x509.NewCertPool(), "1.2"); !errors.Is(err, ErrTLS) || !strings.Contains(err.Error(), "certificate is not accepted") {
		t.Errorf("an unknown authority: %v", err)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	if _, err := CheckTLS(t.Context(), plain.Listener.Addr().String(), "127.0.0.1", nil, "1.2"); !errors.Is(err, ErrTLS) {
		t.Errorf("plaintext: %v", err)
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	if _, err := CheckTLS(t.Context(), gone.Addr().String(), "127.0.0.1", nil, "1.2"); !errors.Is(err, ErrSource) {
		t.Errorf("nobody there: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := CheckTLS(ended, addr, "127.0.0.1", nil, "1.2"); err == nil {
		t.Error("checked after it was told to stop")
	}
}
