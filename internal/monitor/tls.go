package monitor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

// TLS is how a server speaks it.
type TLS struct {
	Version string `json:"version"`   // of the best offer
	Group   string `json:"group"`     // of its key exchange
	Cipher  string `json:"cipher"`    //
	Offer12 string `json:"offer_1_2"` // what an offer of TLS 1.2 yields: "refused", or its cipher suite
}

// notForward are cipher suites of TLS 1.2 whose key exchange has no forward
// secrecy: who gets the server's key later reads what was recorded.
var notForward = []uint16{
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
}

// CheckTLS dials a server ("host:port") with four offers: TLS 1.3 with
// X25519MLKEM768, which it must take; TLS 1.2, which may yield forward secrecy
// and an AEAD, or nothing; TLS 1.2 without forward secrecy, and TLS 1.1, which
// must yield nothing. atLeast is the version that the server's policy promises,
// "1.2" or "1.3". Errors: [ErrTLS], [ErrSource].
func CheckTLS(ctx context.Context, addr, host string, roots *x509.CertPool, atLeast string) (*TLS, error) {
	offer := func(least, most uint16, suites []uint16, curves ...tls.CurveID) (tls.ConnectionState, error) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		d := tls.Dialer{Config: &tls.Config{
			RootCAs: roots, ServerName: host, MinVersion: least, MaxVersion: most, CipherSuites: suites, CurvePreferences: curves,
		}}
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState(), nil
	}
	best, err := offer(tls.VersionTLS13, tls.VersionTLS13, nil, tls.X25519MLKEM768)
	var invalid *tls.CertificateVerificationError
	var dial *net.OpError
	switch {
	case errors.As(err, &invalid):
		return nil, fmt.Errorf("%w: its certificate is not accepted: %w", ErrTLS, err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	case err != nil:
		return nil, fmt.Errorf("%w: it doesn't take TLS 1.3 with X25519MLKEM768: %w", ErrTLS, err)
	}
	out := &TLS{Version: "1.3", Group: best.CurveID.String(), Cipher: tls.CipherSuiteName(best.CipherSuite), Offer12: "refused"}
	older, err := offer(tls.VersionTLS12, tls.VersionTLS12, nil)
	if err == nil {
		out.Offer12 = tls.CipherSuiteName(older.CipherSuite)
		if !forwardAEAD(older.CipherSuite) {
			return out, fmt.Errorf("%w: an offer of TLS 1.2 yields %s", ErrTLS, out.Offer12)
		}
		if atLeast == "1.3" {
			return out, fmt.Errorf("%w: its policy promises TLS 1.3, and it takes 1.2", ErrTLS)
		}
	} else if ctx.Err() != nil {
		return out, ctx.Err()
	}
	if weak, err := offer(tls.VersionTLS12, tls.VersionTLS12, notForward); err == nil {
		return out, fmt.Errorf("%w: it takes %s, which has no forward secrecy", ErrTLS, tls.CipherSuiteName(weak.CipherSuite))
	}
	if old, err := offer(tls.VersionTLS10, tls.VersionTLS11, nil); err == nil {
		return out, fmt.Errorf("%w: it takes %s", ErrTLS, tls.VersionName(old.Version))
	}
	return out, ctx.Err()
}

// forwardAEAD says whether a suite of TLS 1.2 has forward secrecy and an AEAD.
func forwardAEAD(suite uint16) bool {
	switch suite {
	case tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return true
	}
	return false
}
