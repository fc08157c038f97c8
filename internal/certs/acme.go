package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"go.uber.org/zap"

	"writ/internal/folder"
	"writ/internal/seal"
)

// ACMEConfig says for which names certificates are obtained, and from whom.
type ACMEConfig struct {
	Domains   []string
	Email     string         // whom the authority writes to; may be empty
	Directory string         // URL of the authority's directory
	Roots     *x509.CertPool // to trust the directory by; nil for the system's
	// Host and Port are of the listener that answers the authority's
	// challenge (tls-alpn-01, RFC 8737); the world reaches it at port 443.
	Host string
	Port int
	Log  *slog.Logger
}

// ACME is certificates by ACME, obtained in the background and renewed when a
// third of their time is left.
type ACME struct {
	magic  *certmagic.Config
	cache  *certmagic.Cache
	cancel context.CancelFunc
}

// OpenACME starts to obtain certificates for the domains, or takes those that
// lie in the data folder's tls/acme, sealed under the key. It doesn't wait for
// new ones: until they are there, handshakes fail. Call it when the listener
// listens.
func OpenACME(dir folder.Folder, key *seal.Key, cfg ACMEConfig) (*ACME, error) {
	log := zap.New(logCore{cfg.Log})
	a := &ACME{}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.magic, nil },
		Logger:           log,
	})
	a.magic = certmagic.New(a.cache, certmagic.Config{
		Storage: sealedStorage{&certmagic.FileStorage{Path: dir.ACME()}, seal.NewBox(key)},
		Logger:  log,
		OCSP:    certmagic.OCSPConfig{DisableStapling: true}, // authorities are giving up OCSP; it would tell who visits
	})
	a.magic.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(a.magic, certmagic.ACMEIssuer{
		CA: cfg.Directory, TestCA: cfg.Directory, Email: cfg.Email, Agreed: true,
		DisableHTTPChallenge: true, ListenHost: cfg.Host, AltTLSALPNPort: cfg.Port,
		TrustedRoots: cfg.Roots, Logger: log,
	})}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	if err := a.magic.ManageAsync(ctx, cfg.Domains); err != nil {
		a.Close()
		return nil, fmt.Errorf("couldn't begin to obtain certificates: %w", err)
	}
	a.awaitStored(ctx, cfg.Domains)
	return a, nil
}

// loadTime is how long certificates in the data folder may take to be read.
const loadTime = 5 * time.Second

// awaitStored waits until the certificates that lie in the data folder are in
// memory: they are read in the background, and a client that connects right
// after a restart must not be refused.
func (a *ACME) awaitStored(ctx context.Context, domains []string) {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for _, domain := range domains {
		key := certmagic.StorageKeys.SiteCert(a.magic.Issuers[0].IssuerKey(), domain)
		for a.magic.Storage.Exists(ctx, key) && len(a.cache.AllMatchingCertificates(domain)) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// Certificate implements [Source].
func (a *ACME) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, err := a.magic.GetCertificate(hello)
	if err != nil && !slices.Contains(hello.SupportedProtos, acmez.ACMETLS1Protocol) {
		return nil, errNoCertificate
	}
	return cert, err
}

// Protocols implements [Source].
func (a *ACME) Protocols() []string { return []string{acmez.ACMETLS1Protocol} }

// Close implements [Source].
func (a *ACME) Close() error {
	a.cancel()
	a.cache.Stop()
	return nil
}

// sealedStorage seals what certmagic keeps, account keys and certificates'
// keys among it. The additional data of a box is its place, so that files
// cannot change places.
type sealedStorage struct {
	*certmagic.FileStorage
	box *seal.Box
}

func place(key string) []byte { return []byte("writ/acme/v1\n" + key) }

// Store implements [certmagic.Storage].
func (s sealedStorage) Store(ctx context.Context, key string, value []byte) error {
	return s.FileStorage.Store(ctx, key, s.box.Seal(nil, value, place(key)))
}

// Load implements [certmagic.Storage].
func (s sealedStorage) Load(ctx context.Context, key string) ([]byte, error) {
	sealed, err := s.FileStorage.Load(ctx, key)
	if err != nil {
		return nil, err
	}
	value, err := s.box.Open(nil, sealed, place(key))
	if err != nil {
		return nil, fmt.Errorf("couldn't open tls/acme/%s: %w", key, err)
	}
	return value, nil
}
