package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"slices"
	"sync"

	"writ/internal/api"
	"writ/internal/notice"
	"writ/internal/space"
	"writ/internal/upkeep"
)

// stalled is what the server does by itself and has stopped doing. That it goes
// on, or not, is all that is told of it: what it is about would tell that there
// are demands.
type stalled struct {
	mu    sync.Mutex // guards names
	names []string
}

func (s *stalled) add(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
}

func (s *stalled) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.names...)
}

// openKeeper makes what begins work on the store.
func (s *Server) openKeeper() {
	s.keeper = upkeep.New(upkeep.Config{Vault: s.rooms.Vault, Check: s.cfg.Upkeep.Check, Now: s.rooms.now, Log: s.log})
}

// machine is what the server says of itself to its operators.
func (s *Server) machine(context.Context) api.Machine {
	return api.Machine{
		Server: s.Status(), Readiness: s.ready.all(), Disk: space.LevelOf(s.cfg.Data, blobReserve), Certificates: s.certificates(),
		Ledger: s.ledger.Status(), Channels: s.channels(), Stalled: s.stalled.list(),
	}
}

// channels are the ways by which people are told.
func (s *Server) channels() []api.Channel {
	n := s.office.notices.Stats()
	one := func(kind notice.ContactKind, ready bool, c notice.ChannelStats) api.Channel {
		return api.Channel{Kind: string(kind), Ready: ready, Failed: c.Failed, Refused: c.Refused, Doubtful: c.Doubtful}
	}
	return []api.Channel{
		one(notice.ByMail, s.cfg.Mail.Server != "", n.Mail), one(notice.ByWebhook, true, n.Webhook), one(notice.ByInbox, true, n.Inbox),
	}
}

// certificates are those of the listeners, and of the server's own authority.
func (s *Server) certificates() []api.Certificate {
	out := []api.Certificate{}
	if s.certs == nil {
		return out
	}
	source, names := "own", []string{""}
	switch {
	case len(s.cfg.TLS.Domains) > 0:
		source, names = "acme", s.cfg.TLS.Domains
	case s.cfg.TLS.CertFile != "":
		source = "file"
	}
	for _, name := range names {
		// As a client would ask, but for an address: an address that is not among the
		// certificate's would get one of its own.
		c, err := s.certs.Certificate(&tls.ClientHelloInfo{ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13},
			CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256}})
		if err != nil { // ACME has none yet; readers see that it is missing
			continue
		}
		leaf := c.Leaf
		if leaf == nil && len(c.Certificate) > 0 {
			leaf, _ = x509.ParseCertificate(c.Certificate[0])
		}
		if leaf != nil {
			out = append(out, certificateOf("listener", source, leaf))
		}
	}
	if s.ownAuthority() {
		if b, err := os.ReadFile(s.rooms.Folder.CA()); err == nil {
			if block, _ := pem.Decode(b); block != nil {
				if ca, err := x509.ParseCertificate(block.Bytes); err == nil {
					out = append(out, certificateOf("authority", source, ca))
				}
			}
		}
	}
	return out
}

func certificateOf(what, source string, c *x509.Certificate) api.Certificate {
	out := api.Certificate{For: what, Source: source, Names: slices.Clone(c.DNSNames), From: c.NotBefore.UTC(), Until: c.NotAfter.UTC()}
	for _, ip := range c.IPAddresses {
		out.Names = append(out.Names, ip.String())
	}
	if len(out.Names) == 0 {
		out.Names = []string{c.Subject.CommonName}
	}
	return out
}

// settingStates are the settings as the server runs by them.
func (s *Server) settingStates() []api.SettingState {
	out := []api.SettingState{}
	for _, o := range s.cfg.Origins() {
		out = append(out, api.SettingState{
			Key: o.Key, Value: o.Value, Default: o.Default, Place: o.Place, Changed: !o.IsDefault(), Form: o.Setting.Value, Usage: o.Usage,
			Variable: o.Env(), Flag: "--" + o.Flag(),
		})
	}
	return out
}
