package server

import (
	"crypto/tls"
	"net"
	"time"

	"writ/internal/certs"
)

// openCerts opens the source of certificates that the configuration names.
func (s *Server) openCerts() (err error) {
	if s.cfg.Plaintext {
		s.log.Warn("serving without TLS, on loopback: whatever stands before this server must encrypt")
		return nil
	}
	t := s.cfg.TLS
	switch {
	case len(t.Domains) > 0:
		key := s.rooms.Gate.StoreKey("acme")
		defer key.Erase()
		host, _, _ := net.SplitHostPort(s.cfg.S3)
		s.certs, err = open(certs.OpenACME(s.rooms.Folder, key, certs.ACMEConfig{
			Domains: t.Domains, Email: t.Email, Directory: t.Directory,
			Host: host, Port: s.s3Addr.(*net.TCPAddr).Port, Log: s.log,
		}))
	case t.CertFile != "":
		s.certs, err = open(certs.OpenFiles(t.CertFile, t.KeyFile, certs.DefaultPoll, time.Now, s.log))
	default:
		key := s.rooms.Gate.StoreKey("authority")
		defer key.Erase()
		s.certs, err = open(certs.OpenAuthority(s.rooms.Folder, key, t.Names, time.Now))
	}
	return err
}

// open keeps a nil pointer from becoming a source that is not nil.
func open[T certs.Source](src T, err error) (certs.Source, error) {
	if err != nil {
		return nil, err
	}
	return src, nil
}

func (s *Server) ownAuthority() bool {
	return !s.cfg.Plaintext && s.cfg.TLS.CertFile == "" && len(s.cfg.TLS.Domains) == 0
}

func (s *Server) secure(l net.Listener, protocols ...string) net.Listener {
	return tls.NewListener(l, certs.ServerConfig(s.certs, protocols...))
}
