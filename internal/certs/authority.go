package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"writ/internal/durable"
	"writ/internal/folder"
	"writ/internal/seal"
)

// ErrAuthority: the server's own authority is damaged, or half of it is
// missing.
var ErrAuthority = errors.New("the server's own certificate authority is damaged")

// Lifetimes. The leaf is made anew at each start and whenever a third of its
// time is left; nobody has to trust it by itself.
const (
	authorityYears = 10
	leafDays       = 90
)

// boxContext begins the additional data of the box that the authority's
// private key lies in (PKCS #8, [seal.Box]); the certificate follows.
const boxContext = "writ/authority/v1\n"

// Authority is a certificate authority of the server's own.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  func() time.Time

	mu     sync.Mutex // guards the leaf
	names  []string
	leaf   *tls.Certificate
	expiry time.Time
}

// OpenAuthority opens the authority of a data folder, and makes it if there
// is none. The key seals its private key; names are the host names and
// addresses of the leaf, beside those of this machine. Errors: [ErrAuthority].
func OpenAuthority(dir folder.Folder, key *seal.Key, names []string, now func() time.Time) (*Authority, error) {
	a := &Authority{now: now, names: append([]string{"localhost", "127.0.0.1", "::1"}, names...)}
	if host, err := os.Hostname(); err == nil {
		a.names = append(a.names, host)
	}
	certPEM, err := os.ReadFile(dir.CA())
	sealed, keyErr := os.ReadFile(dir.CAKey())
	switch {
	case errors.Is(keyErr, fs.ErrNotExist): // a crash may leave ca.pem without key, or nobody was ever told of it
		err = a.create(dir, key)
	case err != nil || keyErr != nil:
		err = fmt.Errorf("%w: %w", ErrAuthority, errors.Join(err, keyErr))
	default:
		err = a.open(certPEM, sealed, key)
	}
	if err != nil {
		return nil, err
	}
	if _, err := a.renew(netip.Addr{}); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Authority) create(dir folder.Folder, key *seal.Key) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("couldn't make a key: %w", err)
	}
	var id [4]byte
	rand.Read(id[:])
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "Writ server authority " + hex.EncodeToString(id[:])},
		NotBefore:             a.now().Add(-time.Hour),
		NotAfter:              a.now().AddDate(authorityYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return fmt.Errorf("couldn't make the authority's certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("couldn't encode the authority's key: %w", err)
	}
	defer clear(pkcs8)
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return fmt.Errorf("couldn't read the authority's certificate: %w", err)
	}
	a.key = private
	// The certificate first: without its key it is made anew, while a key
	// without certificate would look like damage.
	if err := durable.WriteFile(dir.CA(), encodeCert(der), 0o644); err != nil {
		return err
	}
	sealed := seal.NewBox(key).Seal(nil, pkcs8, append([]byte(boxContext), der...))
	return durable.WriteFile(dir.CAKey(), sealed, 0o600)
}

func (a *Authority) open(certPEM, sealed []byte, key *seal.Key) error {
	der, err := decodeCert(certPEM)
	if err != nil {
		return fmt.Errorf("%w: ca.pem: %w", ErrAuthority, err)
	}
	pkcs8, err := seal.NewBox(key).Open(nil, sealed, append([]byte(boxContext), der...))
	if err != nil {
		return fmt.Errorf("%w: ca.pem and ca.key.sealed don't fit: %w", ErrAuthority, err)
	}
	defer clear(pkcs8)
	private, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	var ok bool
	if a.key, ok = private.(*ecdsa.PrivateKey); !ok || !a.key.PublicKey.Equal(a.cert.PublicKey) {
		return fmt.Errorf("%w: its key is another's", ErrAuthority)
	}
	if !a.now().Before(a.cert.NotAfter) {
		return fmt.Errorf("the server's own certificate authority ended on %s: remove ca.pem and ca.key.sealed, and give clients the new ca.pem", a.cert.NotAfter.Format(time.DateOnly))
	}
	return nil
}

// decodeCert is the one certificate of a ca.pem, which is exactly as
// encodeCert writes it.
func decodeCert(certPEM []byte) ([]byte, error) {
	block, _ := pem.Decode(certPEM)
	if block == nil || !bytes.Equal(encodeCert(block.Bytes), certPEM) {
		return nil, errors.New("not as it was written")
	}
	return block.Bytes, nil
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Certificate implements [Source]. A connection that arrives at an address of
// this machine that the leaf does not name yet gets one that does: where a
// server listens on all addresses, they come and go.
func (a *Authority) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	var at netip.Addr
	if hello.Conn != nil {
		if tcp, ok := hello.Conn.LocalAddr().(*net.TCPAddr); ok {
			at = tcp.AddrPort().Addr().Unmap().WithZone("")
		}
	}
	return a.renew(at)
}

// Protocols implements [Source].
func (a *Authority) Protocols() []string { return nil }

// Close implements [Source].
func (a *Authority) Close() error { return nil }

// renew returns a leaf that has at least a third of its time left and names
// the address.
func (a *Authority) renew(at netip.Addr) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	named := !at.IsValid() || slices.Contains(a.names, at.String())
	if a.leaf != nil && named && a.now().Before(a.expiry.AddDate(0, 0, -leafDays/3)) {
		return a.leaf, nil
	}
	names := a.names
	if !named {
		names = append(slices.Clip(names), at.String())
	}
	leaf, err := a.sign(names)
	if err != nil {
		return nil, err
	}
	a.leaf, a.names, a.expiry = leaf, names, leaf.Leaf.NotAfter
	return leaf, nil
}

func (a *Authority) sign(names []string) (*tls.Certificate, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("couldn't make a key: %w", err)
	}
	until := a.now().AddDate(0, 0, leafDays)
	if until.After(a.cert.NotAfter) {
		until = a.cert.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "Writ server"},
		NotBefore:    a.now().Add(-time.Hour),
		NotAfter:     until,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if !slices.Contains(template.DNSNames, name) {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &private.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign the server's certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the server's certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: private, Leaf: leaf}, nil
}

func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	return new(big.Int).SetBytes(b[:])
}
