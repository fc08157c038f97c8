package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"writ/internal/api"
	"writ/internal/console"
	"writ/internal/console/agency"
	"writ/internal/console/cases"
	"writ/internal/console/custodian"
	"writ/internal/console/customer"
	"writ/internal/console/door"
	"writ/internal/console/intake"
	"writ/internal/console/operator"
	"writ/internal/console/page"
	"writ/internal/console/public"
	"writ/internal/printable"
	"writ/internal/signin"
)

// openSignin opens who sits at browsers. Passkeys are bound to the name under which
// browsers see the console, so that it is a setting and never a request's.
func (s *Server) openSignin(ctx context.Context) (err error) {
	origin := s.consoleURL()
	u, err := url.Parse(origin)
	if err != nil {
		return fmt.Errorf("couldn't read console.origin: %w", err)
	}
	c := signin.Config{
		Records: s.rooms.Records, Staff: s.office.staff, Name: s.cfg.Provider.Name, RPID: u.Hostname(), Origins: []string{origin}, Now: s.rooms.now, Log: s.log,
		Customer: signin.Customers(s.rooms.Vault),
	}
	if c.OIDC, err = s.provider(origin); err != nil {
		return err
	}
	if s.office.signin, err = signin.New(ctx, c); err != nil {
		return fmt.Errorf("couldn't open the console's sign-in: %w", err)
	}
	return nil
}

// consoleURL is the console's address as browsers see it.
func (s *Server) consoleURL() string {
	_, port, err := net.SplitHostPort(s.webAddr.String())
	if err != nil {
		port = "443"
	}
	at := func(scheme, host, usual string) string {
		if port == usual {
			return scheme + "://" + host
		}
		return scheme + "://" + net.JoinHostPort(host, port)
	}
	switch {
	case s.cfg.Console.Origin != "":
		return s.cfg.Console.Origin
	case s.cfg.Plaintext:
		return at("http", "localhost", "80")
	case len(s.cfg.TLS.Domains) > 0: // ACME takes port 443
		return "https://" + s.cfg.TLS.Domains[0]
	}
	return at("https", "localhost", "443")
}

// maxSecret bounds the file of a client's secret.
const maxSecret = 4096

func (s *Server) provider(origin string) (*signin.OIDC, error) {
	o := s.cfg.Console.OIDC
	if o.Issuer == "" {
		return nil, nil
	}
	out := &signin.OIDC{Issuer: o.Issuer, Client: o.Client, Claim: o.Claim, Redirect: origin + "/sign-in/provider/done"}
	if o.SecretFile != "" {
		info, err := os.Stat(o.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the secret for the identity provider: %w", err)
		}
		if info.Mode().Perm()&0o077 != 0 || info.Size() > maxSecret {
			return nil, fmt.Errorf("%s, the secret for the identity provider, must be readable by its owner only, and short; run chmod 600", o.SecretFile)
		}
		b, err := os.ReadFile(o.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the secret for the identity provider: %w", err)
		}
		if out.Secret = strings.TrimRight(string(b), "\r\n"); out.Secret == "" {
			return nil, fmt.Errorf("%s, the secret for the identity provider, is empty", o.SecretFile)
		}
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the certificates to trust for the identity provider: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate (PEM)", o.CAFile)
		}
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		out.HTTP = &http.Client{Transport: t}
	}
	return out, nil
}

// console makes the pages.
func (s *Server) console(office http.Handler) (*console.Console, error) {
	zone, err := s.zone()
	if err != nil {
		return nil, err
	}
	s.index = public.NewIndex(s.ledger.Log)
	d := &door.Door{Signin: s.office.signin, Staff: s.office.staff, Named: s.accountName, Within: s.within, URL: s.consoleURL(), Plain: s.cfg.Plaintext, Log: s.log}
	rooms, err := s.consoleRooms(d, api.Within(office), zone)
	if err != nil {
		return nil, err
	}
	return console.New(console.Config{
		Operator: s.cfg.Provider.Name, Version: s.version, Zone: zone, Names: s.office.letters, Guard: d, Plain: s.cfg.Plaintext, Now: s.rooms.now, Log: s.log,
		Rooms: rooms,
	})
}

// zone is where the operator's deadlines are read.
func (s *Server) zone() (*time.Location, error) {
	zone, err := time.LoadLocation(s.cfg.Provider.TimeZone) // "" is UTC
	if err != nil {
		return nil, fmt.Errorf("couldn't read provider.time_zone: %w", err)
	}
	return zone, nil
}

// consoleRooms are the pages of each person.
func (s *Server) consoleRooms(d *door.Door, desk *api.Desk, zone *time.Location) ([]page.Room, error) {
	open := public.Rooms{Server: openly{s}, Log: s.ledger.Log, Index: s.index}
	checker, err := public.CheckRoom(open)
	if err != nil {
		return nil, err
	}
	return []page.Room{
		d.Room(), public.Room(open), checker,
		cases.Room(cases.Rooms{Desk: desk, Alive: s.stillIn}),
		intake.Room(intake.Rooms{Desk: desk}),
		custodian.Room(custodian.Rooms{Desk: desk, Where: s.relyingParty}),
		agency.Room(s.agency(zone, api.OfficerWithin(s.officerHandler()))),
		operator.Room(operator.Rooms{Desk: desk}),
		customer.Room(customer.Rooms{Own: s.ownPages(s.mineHandler()), Zone: zone}),
	}, nil
}

// stillIn says whether somebody of the staff may go on to watch a page.
func (s *Server) stillIn(v page.Visitor) bool {
	_, err := s.office.signin.Identity(context.Background(), signin.Session{ID: v.Session, Account: signin.StaffAccount(v.Person)})
	return err == nil
}

// relyingParty is under which name passkeys sign writs, and at which address.
func (s *Server) relyingParty() (rp, origin string) {
	origin = s.consoleURL()
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" {
		return "", ""
	}
	return u.Hostname(), origin
}

// longestName bounds a user's name in the customer's journal, in bytes.
const longestName = 128

// ownPages asks a customer's own interface as who has signed in.
func (s *Server) ownPages(mine http.Handler) func(*page.Visit) *api.Own {
	return func(v *page.Visit) *api.Own {
		who := v.Visitor
		name := strings.ToValidUTF8(who.Name[:min(len(who.Name), longestName)], "")
		return api.OwnInProcess(mine, api.Owner{
			Customer: who.Customer, By: "console " + printable.Line(name) + " session " + who.Session, Addr: who.Addr, Session: who.Session, Fresh: who.Fresh,
		})
	}
}

// accountName is how an account is shown to its owner.
func (s *Server) accountName(ctx context.Context, a signin.Account) string {
	switch a.Kind {
	case signin.KindCustomer:
		if c, err := s.rooms.Vault.Customer(ctx, string(a.Customer)); err == nil {
			return a.Name + ", " + c.Name
		}
	case signin.KindOfficer:
		if authority, err := s.office.staff.Authority(ctx, a.Authority); err == nil {
			return a.Name + ", " + authority.Name
		}
	case signin.KindStaff:
		if p, err := s.office.staff.Person(ctx, a.Person); err == nil && p.Name != "" {
			return p.Name
		}
	}
	return a.ID()
}

// within says to rooms below who else than staff asks.
func (s *Server) within(ctx context.Context, session signin.Session) context.Context {
	if a := session.Account; a.Kind == signin.KindOfficer {
		return api.AsOfficer(ctx, api.AnOfficer{Authority: a.Authority, Session: session.ID, Addr: session.Addr})
	}
	return ctx
}
