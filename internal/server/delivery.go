package server

import (
	"crypto/tls"
	"net/http"
	"time"

	"writ/internal/api"
	"writ/internal/certs"
)

// serveDelivery serves packages to authorities on a listener of their own, if
// there is one, and nothing else. It asks for a client's certificate: that the
// client has its key is proven by the handshake, and whose it is the delivery
// says, which names the certificate by its digest. No chain is looked at: an
// authority outside of the European Union may have signed its own.
func (s *Server) serveDelivery() {
	l := s.sockets.delivery
	if l == nil || s.certs == nil { // without TLS the settings have refused it
		return
	}
	config := certs.ServerConfig(s.certs, "h2", "http/1.1")
	config.ClientAuth = tls.RequestClientCert
	s.hand = &http.Server{
		Handler:           headers(api.DeliveryHandler(s.office.docket)),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, ErrorLog: quiet(s.log),
	}
	s.background("delivery", func() error { return s.hand.Serve(tls.NewListener(l, config)) })
}
