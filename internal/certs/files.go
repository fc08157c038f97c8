package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Files is a certificate of the operator's own, kept up with its files.
type Files struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	stop              chan struct{}
	done              sync.WaitGroup
	closing           sync.Once
}

// DefaultPoll is how often the files are looked at. Looking, instead of being
// told, also sees links that are swapped, as renewal tools do.
const DefaultPoll = 10 * time.Second

// OpenFiles reads a certificate chain and its private key (PEM) and looks
// every poll whether the files have changed. A pair that does not fit, as in
// the middle of a renewal, leaves the last good one in use, with a warning.
func OpenFiles(certFile, keyFile string, poll time.Duration, now func() time.Time, log *slog.Logger) (*Files, error) {
	f := &Files{certFile: certFile, keyFile: keyFile, now: now, log: log, stop: make(chan struct{})}
	seen := f.stamp()
	cert, err := f.read()
	if err != nil {
		return nil, err
	}
	f.current.Store(cert)
	f.done.Go(func() { f.watch(poll, seen) })
	return f, nil
}

func (f *Files) read() (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the certificate of %s: %w", f.certFile, err)
	}
	if cert.Leaf == nil {
		if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
			return nil, fmt.Errorf("couldn't read the certificate of %s: %w", f.certFile, err)
		}
	}
	if f.now().After(cert.Leaf.NotAfter) {
		return nil, fmt.Errorf("the certificate of %s ended on %s", f.certFile, cert.Leaf.NotAfter.Format(time.DateOnly))
	}
	return &cert, nil
}

// stamp changes when one of the files does.
func (f *Files) stamp() string {
	var text string
	for _, name := range []string{f.certFile, f.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			text += "missing "
			continue
		}
		text += fmt.Sprintf("%d %d ", info.Size(), info.ModTime().UnixNano())
	}
	return text
}

func (f *Files) watch(poll time.Duration, seen string) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-tick.C:
		}
		now := f.stamp()
		if now == seen {
			continue
		}
		cert, err := f.read()
		if err != nil {
			f.log.Warn("the changed certificate is not usable; the last one stays in use", "error", err.Error())
			seen = now
			continue
		}
		seen = now
		f.current.Store(cert)
		f.log.Info("certificate read again", "until", cert.Leaf.NotAfter.Format(time.DateOnly))
	}
}

var errNoCertificate = errors.New("no certificate for this name yet")

// Certificate implements [Source].
func (f *Files) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load(), nil
}

// Protocols implements [Source].
func (f *Files) Protocols() []string { return nil }

// Close implements [Source].
func (f *Files) Close() error {
	f.closing.Do(func() { close(f.stop) })
	f.done.Wait()
	return nil
}
