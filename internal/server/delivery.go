package server

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"writ/internal/api"
	"writ/internal/certs"
	"writ/internal/console"
	"writ/internal/console/agency"
	"writ/internal/console/page"
)

// serveDelivery serves packages to authorities on a listener of their own, if
// there is one, with the pages on which they are fetched and the interface for
// enrolled officers, and nothing else. It asks for a client's certificate: that the
// client has its key is proven by the handshake, and whose it is the delivery
// says, which names the certificate by its digest. No chain is looked at: an
// authority outside of the European Union may have signed its own.
func (s *Server) serveDelivery() error {
	l := s.sockets.delivery
	if l == nil || s.certs == nil { // without TLS the settings have refused it
		return nil
	}
	pages, err := s.deliveryPages()
	if err != nil {
		return err
	}
	config := certs.ServerConfig(s.certs, "h2", "http/1.1")
	config.ClientAuth = tls.RequestClientCert
	s.hand = &http.Server{
		Handler:           pages,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, ErrorLog: quiet(s.log),
	}
	s.background("delivery", func() error { return s.hand.Serve(tls.NewListener(l, config)) })
	return nil
}

// deliveryPages is what that listener serves.
func (s *Server) deliveryPages() (http.Handler, error) {
	zone, err := s.zone()
	if err != nil {
		return nil, err
	}
	pages, err := console.New(console.Config{
		Operator: s.cfg.Provider.Name, Version: s.version, Zone: zone, Names: s.office.letters, Guard: stranger{}, Now: s.rooms.now, Log: s.log, Bare: true,
		Rooms: []page.Room{agency.Fetch(s.agency(zone, nil))},
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(api.DeliveryPath, api.DeliveryHandler(s.office.docket))
	mux.Handle(api.OfficerPath, api.OfficersByCertificate(s.office.staff, s.officerHandler()))
	pages.Register(mux)
	return headers(mux), nil
}

// agency is what the pages of authorities ask.
func (s *Server) agency(zone *time.Location, desk *api.OfficerDesk) agency.Rooms {
	return agency.Rooms{Deliveries: api.Deliveries{Docket: s.office.docket}, Desk: desk, Zone: zone, Plain: s.cfg.Plaintext, Now: s.rooms.now}
}

// officerHandler serves officers of enrolled authorities, by whatever way they
// come in.
func (s *Server) officerHandler() http.Handler {
	return api.OfficerHandler(api.Officers{Docket: s.office.docket, Law: s.office.law, Version: s.version, Now: s.rooms.now, Log: s.log})
}

// stranger is the console's guard where nobody signs in.
type stranger struct{}

// Who implements [console.Guard].
func (stranger) Who(r *http.Request) (page.Visitor, context.Context, error) {
	return page.Visitor{}, r.Context(), nil
}

// Refused implements [console.Guard]: there is no page that a stranger may not see.
func (stranger) Refused(context.Context, page.Visitor, string, string) error { return nil }

// Verify implements [console.Guard].
func (stranger) Verify(_ http.ResponseWriter, r *http.Request, who page.Visitor, _, _ string) (page.Visitor, context.Context, error) {
	return who, r.Context(), nil
}
