package signin

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"writ/internal/records"
	"writ/internal/staff"
)

// Why somebody is not let in, for the audit trail.
var (
	errMalformed = errors.New("what the browser sent is no answer to this ceremony")
	errUnknown   = errors.New("nobody has this passkey")
	errWaiting   = errors.New("another person must confirm the passkey first")
	errCloned    = errors.New("the passkey's counter went back: it was copied, and signs nobody in any more")
	errOther     = errors.New("the passkey is another's")
)

// BeginSignIn begins to sign somebody in by whatever passkey they choose. options is
// what navigator.credentials.get takes, as JSON; it is the same for everybody.
// Errors: [ErrTooMany].
func (s *Signin) BeginSignIn(_ context.Context, addr netip.Addr) (options []byte, ceremonyID string, err error) {
	if !s.throttle.Free(clean(addr), s.now()) {
		return nil, "", ErrTooMany
	}
	assertion, data, err := s.web.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", fmt.Errorf("couldn't begin to sign in: %w", err)
	}
	return s.begun(&ceremony{kind: signingIn, data: *data}, addr, assertion)
}

// FinishSignIn takes what the browser signed, as JSON, and begins a session. Whoever
// is refused gets one answer, whatever the reason; the reason is in the audit trail.
// Errors: [ErrRefused], [ErrCeremony], [ErrTooMany].
func (s *Signin) FinishSignIn(ctx context.Context, ceremonyID string, response []byte, addr netip.Addr, agent string) (cookie string, session Session, err error) {
	addr = clean(addr)
	one := s.ceremonies.take(ceremonyID, signingIn, s.now())
	if !s.throttle.Free(addr, s.now()) {
		return "", Session{}, ErrTooMany
	}
	if one == nil {
		return "", Session{}, ErrCeremony
	}
	var who answered
	err = records.Retry(ctx, s.Records, func(tx records.Tx) error {
		who = answered{}
		if err := s.verify(ctx, tx, response, &who, func(u webauthn.DiscoverableUserHandler, p *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
			return s.web.ValidateDiscoverableLogin(u, one.data, p)
		}); err != nil {
			return err
		}
		if why, err := s.stands(ctx, tx, who.account); err != nil {
			return err
		} else if why != "" {
			return &refusal{why}
		}
		cookie, session, err = s.enter(ctx, tx, who.account, "passkey "+who.id, true, addr, agent)
		return err
	})
	if err != nil {
		return "", Session{}, s.denied(ctx, "sign-in", who, addr, err)
	}
	return cookie, session, nil
}

// BeginStepUp begins another verification of who is signed in, by one of their
// passkeys. Errors: [ErrNoSession], [ErrNoPasskey].
func (s *Signin) BeginStepUp(ctx context.Context, session Session) (options []byte, ceremonyID string, err error) {
	rec, err := s.session(ctx, s.Records, session.ID)
	if err != nil {
		return nil, "", err
	}
	if rec.Account != session.Account.ID() {
		return nil, "", ErrNoSession
	}
	if !s.throttle.Free(clean(session.Addr), s.now()) {
		return nil, "", ErrTooMany
	}
	u, err := s.user(ctx, s.Records, session.Account, false)
	if err != nil {
		return nil, "", err
	}
	if len(u.keys) == 0 {
		return nil, "", ErrNoPasskey
	}
	assertion, data, err := s.web.BeginLogin(u, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", fmt.Errorf("couldn't begin to verify: %w", err)
	}
	return s.begun(&ceremony{kind: steppingUp, account: session.Account, session: session.ID, data: *data}, session.Addr, assertion)
}

// FinishStepUp takes what the browser signed. The session goes on with another
// cookie, verified now; the cookie from before is nobody's. Errors: [ErrRefused],
// [ErrCeremony], [ErrNoSession].
func (s *Signin) FinishStepUp(ctx context.Context, session Session, ceremonyID string, response []byte) (cookie string, _ Session, err error) {
	one := s.ceremonies.take(ceremonyID, steppingUp, s.now())
	if one == nil || one.session != session.ID {
		return "", Session{}, ErrCeremony
	}
	var who answered
	err = records.Retry(ctx, s.Records, func(tx records.Tx) error {
		who = answered{}
		rec, err := s.session(ctx, tx, session.ID)
		if err != nil {
			return err
		}
		if rec.Account != one.account.ID() {
			return ErrNoSession
		}
		if err := s.verify(ctx, tx, response, &who, func(find webauthn.DiscoverableUserHandler, p *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
			if _, err := find(p.RawID, p.Response.UserHandle); err != nil {
				return nil, err
			}
			if who.account != one.account {
				return nil, errOther
			}
			u, err := s.user(ctx, tx, one.account, false) // with all passkeys that were offered
			if err != nil {
				return nil, err
			}
			return s.web.ValidateLogin(u, one.data, p)
		}); err != nil {
			return err
		}
		if cookie, session, err = s.exchange(tx, session.ID, rec); err != nil {
			return err
		}
		return s.Staff.AppendTx(ctx, tx, staff.Entry{Who: who.account.Person, By: "session " + session.ID, Act: "step-up", Object: who.account.ID(), Why: "by passkey " + who.id, Addr: clean(session.Addr)})
	})
	if err != nil {
		if who.account == (Account{}) {
			who.account = one.account // the browser's, whatever key it showed
		}
		return "", Session{}, s.denied(ctx, "step-up", who, clean(session.Addr), err)
	}
	return cookie, session, nil
}

// answered is whose passkey a browser answered with, as far as that is known.
type answered struct {
	id       string // the passkey's
	account  Account
	verified bool // the signature is the passkey's
}

// verify finds the passkey that a browser answered with, lets the library check the
// answer, and notes its counter. who is filled in as it becomes known.
func (s *Signin) verify(ctx context.Context, tx records.Tx, response []byte, who *answered, check func(webauthn.DiscoverableUserHandler, *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error)) error {
	if len(response) > maxResponse {
		return &refusal{errMalformed.Error()}
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return &refusal{errMalformed.Error()}
	}
	var rec *passkeyRecord
	var broken error // of the records, which the library would wrap into its own
	c, err := check(func(rawID, handle []byte) (webauthn.User, error) {
		u, found, err := s.find(ctx, tx, rawID, handle, who)
		if err != nil && !isReason(err) {
			broken = err
		}
		rec = found
		return u, err
	}, parsed)
	switch {
	case broken != nil:
		return broken
	case err != nil:
		why := errMalformed
		for _, reason := range []error{errUnknown, errWaiting, errCloned, errOther} {
			if errors.Is(err, reason) {
				why = reason
			}
		}
		s.Log.Debug("an answer to a ceremony was refused", "error", err.Error())
		return &refusal{why.Error()}
	}
	who.verified = true
	if c.Authenticator.CloneWarning {
		return &refusal{errCloned.Error()}
	}
	used(rec, c, s.now())
	tx.Put(key(tagPasskey, who.id), encode(rec))
	return nil
}

func isReason(err error) bool {
	return errors.Is(err, errUnknown) || errors.Is(err, errWaiting) || errors.Is(err, errCloned) || errors.Is(err, errOther)
}

// find looks a credential up, and holds the user handle against its account's.
func (s *Signin) find(ctx context.Context, r records.Reader, rawID, handle []byte, who *answered) (*user, *passkeyRecord, error) {
	id, err := value(ctx, r, key(tagCredential, credentialHash(rawID)))
	if err != nil {
		return nil, nil, err
	}
	if id == nil {
		return nil, nil, errUnknown
	}
	rec, err := getPasskey(ctx, r, string(id))
	if err != nil {
		return nil, nil, err
	}
	a, err := ParseAccount(rec.Account)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the account of passkey %s", ErrRecords, id)
	}
	who.id, who.account = string(id), a
	u := &user{name: a.Name, keys: []webauthn.Credential{rec.credential()}}
	if u.handle, err = value(ctx, r, key(tagHandleOf, a.ID())); err != nil {
		return nil, nil, err
	}
	switch {
	case len(handle) > 0 && !sameBytes(handle, u.handle):
		return nil, nil, errOther
	case rec.Waits:
		return nil, nil, errWaiting
	case rec.Cloned != 0:
		return nil, nil, errCloned
	}
	return u, rec, nil
}

// denied writes a refusal down and returns what is told of it. A passkey whose
// counter went back signs nobody in from now on, and its sessions end: either the
// copy or the original has just been used, and nobody knows which.
func (s *Signin) denied(ctx context.Context, act string, who answered, addr netip.Addr, err error) error {
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	account := who.account
	if !who.verified && act == "sign-in" {
		account.Person = "" // who showed another's passkey without its key is not that person
	}
	if who.verified && r.why == errCloned.Error() {
		if err := s.lock(ctx, who.id); err != nil {
			return err
		}
	}
	return errors.Join(r, s.refuse(ctx, act, account, who.id, r.why, addr))
}

// lock ends what a copied passkey opened.
func (s *Signin) lock(ctx context.Context, id string) error {
	return records.Retry(ctx, s.Records, func(tx records.Tx) error {
		rec, err := getPasskey(ctx, tx, id)
		if err != nil {
			return passed(err)
		}
		a, err := ParseAccount(rec.Account)
		if err != nil {
			return fmt.Errorf("%w: the account of passkey %s", ErrRecords, id)
		}
		rec.Cloned = max(1, nano(s.now()))
		tx.Put(key(tagPasskey, id), encode(rec))
		return s.endAll(ctx, tx, a, "its passkey was copied", func(r *sessionRecord) bool { return r.By == "passkey "+id })
	})
}
