package signin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"writ"
	"writ/internal/records"
	"writ/internal/staff"
	"writ/internal/throttle"
	"writ/internal/vault"
)

// Errors that callers tell apart, beside those of the staff's room
// ([staff.ErrRole], [staff.ErrAlone], [staff.ErrState], [staff.ErrForm],
// [staff.ErrNotFound], [staff.ErrExists], [staff.ErrFresh]).
var (
	// ErrNoSession: the cookie is nobody's, or its session has ended.
	ErrNoSession = staff.ErrSession
	// ErrRefused is the one answer to everybody who is not let in. Why is in the
	// audit trail.
	ErrRefused = errors.New("this did not sign you in: try again, or ask whoever invited you")
	// ErrTooMany: the network failed too often, or has too much under way.
	ErrTooMany = errors.New("too many attempts from your network: wait a minute, then try again")
	// ErrInvitation: nobody has this invitation.
	ErrInvitation = errors.New("this invitation is not valid: it was used, has expired or was mistyped; ask for another")
	// ErrCeremony: what is to be finished was never begun, is finished, or took too
	// long.
	ErrCeremony = errors.New("this took too long or was finished already: begin again")
	// ErrFingerprint: it is not the waiting passkey's.
	ErrFingerprint = errors.New("this is not the passkey's fingerprint: ask its owner to read it out again")
	// ErrLast: without this passkey its owner has no way in.
	ErrLast = errors.New("this is your only way in: add another passkey first")
	// ErrNoPasskey: there is none to verify with.
	ErrNoPasskey = errors.New("you have no passkey yet: make an invitation for yourself with writ passkey invite")
	// ErrNoProvider: no identity provider is configured, or it can't be reached.
	ErrNoProvider = errors.New("signing in with the identity provider is not possible now: use a passkey")
	// ErrRecords: a record of who may sign in is damaged.
	ErrRecords = errors.New("a record of who may sign in is damaged")
)

// refusal prints as [ErrRefused] and is it; its reason is for the audit trail.
type refusal struct{ why string }

func (r *refusal) Error() string { return ErrRefused.Error() }
func (r *refusal) Unwrap() error { return ErrRefused }

// Config is what signing in stands on.
type Config struct {
	Records records.Store
	Staff   *staff.Staff
	Name    string   // of the operator, as a browser shows it; default RPID
	RPID    string   // the domain to which passkeys are bound
	Origins []string // as browsers see the console: https://HOST or https://HOST:PORT
	OIDC    *OIDC    // nil: passkeys only
	Now     func() time.Time
	Log     *slog.Logger // nil is silence

	// Customer says whether a customer is there: [vault.ErrNoCustomer],
	// [vault.ErrShredded]. See [Customers].
	Customer func(context.Context, writ.CustomerID) error
}

// Signin says who sits at a browser. Its methods may be called at the same time.
type Signin struct {
	Config
	web        *webauthn.WebAuthn
	provider   *provider // nil without OIDC
	throttle   throttle.Throttle
	ceremonies ceremonies
}

// New opens the room over its records, and lets the staff accept its sessions.
// Errors: [staff.ErrForm] if the configuration can't let anybody in.
func New(_ context.Context, c Config) (*Signin, error) {
	if c.Records == nil || c.Staff == nil || c.Now == nil || c.Customer == nil {
		return nil, fmt.Errorf("%w: signing in takes records, a staff, a clock and customers", staff.ErrForm)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Name == "" {
		c.Name = c.RPID
	}
	for _, o := range c.Origins {
		if err := checkOrigin(o, c.RPID); err != nil {
			return nil, err
		}
	}
	web, err := webauthn.New(&webauthn.Config{
		RPID: c.RPID, RPDisplayName: c.Name, RPOrigins: c.Origins, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: protocol.ResidentKeyRequired(), ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login:        webauthn.TimeoutConfig{Timeout: ceremonyLife, TimeoutUVD: ceremonyLife},
			Registration: webauthn.TimeoutConfig{Timeout: ceremonyLife, TimeoutUVD: ceremonyLife},
		},
		// Some browsers answer to extensions that nobody asked for. Nothing here
		// reads any.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: passkeys need a domain and the console's origins: %w", staff.ErrForm, err)
	}
	s := &Signin{Config: c, web: web}
	if c.OIDC != nil {
		if s.provider, err = newProvider(*c.OIDC, s.now); err != nil {
			return nil, err
		}
	}
	c.Staff.TrustSessions(trust{s})
	return s, nil
}

// checkOrigin refuses an origin at which passkeys of the domain would not work, or
// over which they would not be safe. Plain HTTP is for this machine alone.
func checkOrigin(origin, domain string) error {
	host, ok := strings.CutPrefix(origin, "https://")
	if !ok {
		host, ok = strings.CutPrefix(origin, "http://")
		ok = ok && domain == "localhost"
	}
	name, _, _ := strings.Cut(host, ":")
	if !ok || strings.Contains(host, "/") || name != domain && !strings.HasSuffix(name, "."+domain) {
		return fmt.Errorf("%w: %q is not an origin of %q (as in https://writ.fjordhost.example:9444)", staff.ErrForm, origin, domain)
	}
	return nil
}

func (s *Signin) now() time.Time { return s.Now().UTC() }

// secret returns 256 random bits as 43 characters.
func secret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// newID returns 60 random bits, a public id.
func newID() string { return rand.Text()[:12] }

// stands says whether an account may be signed in now: a person holds a role, a
// customer is there, an authority is not suspended. nil: it may; gone says why not.
func (s *Signin) stands(ctx context.Context, r records.Reader, a Account) (gone string, err error) {
	switch a.Kind {
	case KindStaff:
		held, err := s.Staff.RolesIn(ctx, r, a.Person, s.now())
		if err != nil {
			return "", err
		}
		if len(held) == 0 {
			return "the person holds no role", nil
		}
		return "", nil
	case KindOfficer:
		authority, err := s.Staff.AuthorityIn(ctx, r, a.Authority)
		switch {
		case errors.Is(err, staff.ErrNotFound):
			return "there is no such authority", nil
		case err != nil:
			return "", err
		case authority.Suspended:
			return "the authority is suspended", nil
		}
		return "", nil
	}
	switch err := s.Customer(ctx, a.Customer); {
	case errors.Is(err, vault.ErrNoCustomer), errors.Is(err, vault.ErrShredded):
		return "the customer is not there, or was shredded", nil
	default:
		return "", err
	}
}

// Actor is who asks for a change of who may sign in: a person of the staff (or the
// administration's socket), or a customer's user or an authority's officer at a
// browser. A person's own browser is a person of the staff: see [Signin.Identity].
type Actor struct {
	Staff   staff.Identity
	Session Session // used if it has an id
}

// Person makes an actor of an identity.
func Person(who staff.Identity) Actor { return Actor{Staff: who} }

// Machine makes an actor of whoever has the administration's socket: an account of
// the operating system. It invites the first user of a customer, and nothing else.
func Machine(account string) Actor { return Actor{Staff: staff.Identity{Account: account}} }

// Browser makes an actor of a session of a customer's user or an officer.
func Browser(session Session) Actor { return Actor{Session: session} }

// name is who it was, where it is kept beside what they did.
func (a Actor) name() string {
	switch {
	case a.Session.ID != "":
		return a.Session.Account.ID()
	case a.Staff.Person != "":
		return string(a.Staff.Person)
	}
	return "socket " + a.Staff.Account
}

// via is how they came in.
func (a Actor) via() string {
	switch {
	case a.Session.ID != "":
		return "session " + a.Session.ID
	case a.Staff.Session != "":
		return "session " + a.Staff.Session
	case a.Staff.Token != "":
		return "token " + a.Staff.Token
	}
	return "socket " + a.Staff.Account
}

func (a Actor) addr() netip.Addr {
	if a.Session.ID != "" {
		return a.Session.Addr
	}
	return a.Staff.Addr
}

// want is a change that an actor wants.
type want struct {
	act, object, why string
	of               Account     // whose affair it is
	roles            []writ.Role // of the staff, one of which it takes
	self             bool        // the account itself may
	colleagues       bool        // users of the same customer may
	socket           bool        // the socket of a server without operators may
	machine          bool        // whoever has the socket may, at any time
	fresh            bool        // at a browser, it takes a fresh verification
}

// change does what an actor wants, in one transaction with its audit entry, as the
// staff does its own acts ([staff.Staff.Change]). A refusal changes nothing and is
// audited.
func (s *Signin) change(ctx context.Context, by Actor, w *want, fn func(tx records.Tx, now time.Time) error) error {
	switch {
	case by.Session.ID != "":
		return s.changeAtBrowser(ctx, by, w, fn)
	case w.machine && by.Staff.Account != "" && by.Staff.Person == "" && by.Staff.Token == "" && by.Staff.Session == "":
		return s.changing(ctx, by, w, fn)
	}
	a := &staff.Act{Name: w.act, Object: w.object, Why: w.why, Roles: w.roles, Socket: w.socket, Fresh: w.fresh}
	if w.self && w.of.Kind == KindStaff {
		a.Self = w.of.Person
	}
	return s.Staff.Change(ctx, by.Staff, a, func(tx records.Tx, now time.Time, _ bool) error {
		err := fn(tx, now)
		a.Why, a.Object = w.why, w.object
		return err
	})
}

// changeAtBrowser is for users of customers and officers, whose sessions only this
// room knows.
func (s *Signin) changeAtBrowser(ctx context.Context, by Actor, w *want, fn func(tx records.Tx, now time.Time) error) error {
	mine := by.Session.Account
	return s.changing(ctx, by, w, func(tx records.Tx, now time.Time) error {
		rec, err := s.session(ctx, tx, by.Session.ID)
		if err != nil {
			return err
		}
		self := w.self && mine == w.of
		colleague := w.colleagues && mine.Kind == KindCustomer && w.of.Kind == KindCustomer && mine.Customer == w.of.Customer
		switch {
		case rec.Account != mine.ID() || mine.Kind == KindStaff:
			return ErrNoSession
		case !self && !colleague:
			return fmt.Errorf("%w: it is not yours", staff.ErrRole)
		case w.fresh && !fresh(fromNano(rec.Fresh), now):
			return staff.ErrFresh
		}
		return fn(tx, now)
	})
}

// changing runs a change whose actor was looked at already.
func (s *Signin) changing(ctx context.Context, by Actor, w *want, fn func(tx records.Tx, now time.Time) error) error {
	entry := func() staff.Entry {
		return staff.Entry{By: by.via(), Act: w.act, Object: w.object, Why: w.why, Addr: by.addr()}
	}
	err := records.Retry(ctx, s.Records, func(tx records.Tx) error {
		if err := fn(tx, s.now()); err != nil {
			return err
		}
		return s.Staff.AppendTx(ctx, tx, entry())
	})
	for _, refused := range []error{staff.ErrRole, staff.ErrAlone, staff.ErrFresh, ErrNoSession} {
		if errors.Is(err, refused) {
			e := entry()
			e.Outcome, e.Why = staff.Refused, refused.Error()
			return errors.Join(err, s.Staff.Append(ctx, e))
		}
	}
	return err
}

func fresh(at, now time.Time) bool {
	return !at.IsZero() && !at.After(now) && now.Sub(at) <= staff.FreshFor
}

// refuse writes down that somebody was not let in, and counts it against the
// network. What nobody has, anybody can try as often as they like: of those so many
// are written down, and how many were not is said.
func (s *Signin) refuse(ctx context.Context, act string, a Account, object, why string, addr netip.Addr) error {
	now := s.now()
	s.throttle.Fail(addr, now)
	e := staff.Entry{Who: a.Person, Act: act, Object: object, Outcome: staff.Refused, Why: why, Addr: addr}
	if a == (Account{}) {
		said, unsaid := s.throttle.Say(now)
		if !said {
			return nil
		}
		if unsaid > 0 {
			e.Why = fmt.Sprintf("%s; %d more such were not written down", why, unsaid)
		}
	}
	if err := s.Staff.Append(ctx, e); err != nil {
		return fmt.Errorf("couldn't write down a refusal: %w", err)
	}
	return nil
}

// clean makes an address comparable.
func clean(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Customers says for [Config] whether a customer of the vault is there.
func Customers(v *vault.Vault) func(context.Context, writ.CustomerID) error {
	return func(ctx context.Context, id writ.CustomerID) error {
		c, err := v.Customer(ctx, string(id))
		switch {
		case err != nil:
			return err
		case c.ID != id: // a customer may be named like another's id
			return vault.ErrNoCustomer
		case !c.Shredded.IsZero():
			return vault.ErrShredded
		}
		return nil
	}
}
