package signin

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"writ/internal/records"
	"writ/internal/staff"
)

// maxResponse bounds what a browser answers, in bytes. What browsers send is some
// kilobytes.
const maxResponse = 64 << 10

// algorithms are those of passkeys, the preferred one first.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// BeginEnrol begins to enrol a passkey by an invitation. options is what
// navigator.credentials.create takes, as JSON; the ceremony's id belongs to the
// browser that began it. Errors: [ErrInvitation], [ErrTooMany], [staff.ErrForm].
func (s *Signin) BeginEnrol(ctx context.Context, secret, label string, addr netip.Addr) (options []byte, ceremonyID string, err error) {
	if err := checkLabel(label); err != nil {
		return nil, "", err
	}
	hash, a, err := s.opened(ctx, secret, addr)
	if err != nil {
		return nil, "", err
	}
	return s.beginEnrol(ctx, &ceremony{kind: enrolling, account: a, label: label, invitation: hash}, addr)
}

// BeginAnother begins to enrol one more passkey of who is signed in, which counts at
// once. It takes a fresh verification. [Signin.FinishEnrol] answers with another
// cookie of the same session. Errors: [ErrNoSession], [staff.ErrFresh].
func (s *Signin) BeginAnother(ctx context.Context, session Session, label string) (options []byte, ceremonyID string, err error) {
	if err := checkLabel(label); err != nil {
		return nil, "", err
	}
	rec, err := s.session(ctx, s.Records, session.ID)
	if err != nil {
		return nil, "", err
	}
	if !fresh(fromNano(rec.Fresh), s.now()) {
		return nil, "", staff.ErrFresh
	}
	one := &ceremony{kind: enrolling, account: session.Account, label: label, session: session.ID}
	if rec.Account != one.account.ID() {
		return nil, "", ErrNoSession
	}
	return s.beginEnrol(ctx, one, session.Addr)
}

func (s *Signin) beginEnrol(ctx context.Context, one *ceremony, addr netip.Addr) ([]byte, string, error) {
	if err := s.handle(ctx, one.account); err != nil {
		return nil, "", err
	}
	u, err := s.user(ctx, s.Records, one.account, true)
	if err != nil {
		return nil, "", err
	}
	if len(u.keys) >= maxPasskeys {
		return nil, "", fmt.Errorf("%w: an account has at most %d passkeys: remove one first", staff.ErrState, maxPasskeys)
	}
	creation, data, err := s.web.BeginRegistration(u, webauthn.WithCredentialParameters(algorithms), webauthn.WithExclusions(webauthn.Credentials(u.keys).CredentialDescriptors()))
	if err != nil {
		return nil, "", fmt.Errorf("couldn't begin to enrol a passkey: %w", err)
	}
	one.data = *data
	return s.begun(one, addr, creation)
}

// begun keeps a ceremony and writes its options.
func (s *Signin) begun(one *ceremony, addr netip.Addr, options any) ([]byte, string, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, "", fmt.Errorf("couldn't write a browser's options: %w", err)
	}
	id := s.ceremonies.begin(one, clean(addr), s.now())
	if id == "" {
		return nil, "", ErrTooMany
	}
	return text, id, nil
}

// handle gives an account its user handle, once and for ever.
func (s *Signin) handle(ctx context.Context, a Account) error {
	return records.Retry(ctx, s.Records, func(tx records.Tx) error {
		have, err := value(ctx, tx, key(tagHandleOf, a.ID()))
		if err != nil || have != nil {
			return err
		}
		handle := make([]byte, 32)
		rand.Read(handle)
		tx.Put(key(tagHandleOf, a.ID()), handle)
		tx.Put(key(tagHandle, string(handle)), []byte(a.ID()))
		return nil
	})
}

// FinishEnrol takes what the browser made, as JSON. The passkey counts, and its
// owner is signed in; or the error is a [*Waits], with no cookie: another person must
// confirm it first. Nothing of a ceremony can be used again, whatever comes of it.
// Errors: [ErrCeremony], [ErrInvitation], [ErrRefused], [staff.ErrExists].
func (s *Signin) FinishEnrol(ctx context.Context, ceremonyID string, response []byte, addr netip.Addr, agent string) (cookie string, session Session, err error) {
	addr = clean(addr)
	one := s.ceremonies.take(ceremonyID, enrolling, s.now())
	if one == nil {
		return "", Session{}, ErrCeremony
	}
	made, err := s.made(ctx, one, response)
	if err != nil {
		return "", Session{}, err
	}
	if made == nil {
		return "", Session{}, errors.Join(&refusal{"enrolment"}, s.refuse(ctx, "passkey.enrol", one.account, "", "what the browser sent is no passkey of this ceremony", addr))
	}
	var kept Passkey
	err = records.Retry(ctx, s.Records, func(tx records.Tx) error {
		cookie, session = "", Session{}
		rec, err := s.admit(ctx, tx, one, made)
		if err != nil {
			return err
		}
		id := newID()
		tx.Put(key(tagPasskey, id), encode(rec))
		tx.Put(key(tagCredential, credentialHash(rec.Credential)), []byte(id))
		tx.Put(key(tagPasskeysOf, rec.Account, id), nil)
		if kept, err = rec.passkey(id); err != nil {
			return err
		}
		return s.admitted(ctx, tx, one, kept, addr, agent, &cookie, &session)
	})
	if err != nil {
		return "", Session{}, err
	}
	if kept.Waits {
		return "", Session{}, &Waits{kept}
	}
	return cookie, session, nil
}

// made verifies what the browser made; nil if it is not what was asked for.
func (s *Signin) made(ctx context.Context, one *ceremony, response []byte) (*webauthn.Credential, error) {
	u, err := s.user(ctx, s.Records, one.account, true)
	if err != nil {
		return nil, err
	}
	if len(response) > maxResponse {
		return nil, nil
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		s.Log.Debug("a passkey was not enrolled", "error", err.Error())
		return nil, nil
	}
	made, err := s.web.CreateCredential(u, one.data, parsed)
	if err != nil {
		s.Log.Debug("a passkey was not enrolled", "error", err.Error())
		return nil, nil
	}
	return made, nil
}

// admit looks again, inside the transaction, whether the passkey may be kept, and
// uses the invitation up.
func (s *Signin) admit(ctx context.Context, tx records.Tx, one *ceremony, made *webauthn.Credential) (*passkeyRecord, error) {
	now := s.now()
	rec := &passkeyRecord{
		Account: one.account.ID(), Label: one.label, Credential: made.ID, Key: made.PublicKey, Count: made.Authenticator.SignCount,
		Flags: byte(made.Flags.ProtocolValue()), Model: made.Authenticator.AAGUID, Added: nano(now),
	}
	for _, t := range made.Transport {
		if len(rec.Transports) < 8 && len(t) <= 20 {
			rec.Transports = append(rec.Transports, string(t))
		}
	}
	if taken, err := value(ctx, tx, key(tagCredential, credentialHash(made.ID))); err != nil {
		return nil, err
	} else if taken != nil {
		return nil, fmt.Errorf("%w: this passkey", staff.ErrExists)
	}
	if one.session != "" {
		at, err := s.session(ctx, tx, one.session)
		if err != nil {
			return nil, err
		}
		if at.Account != rec.Account {
			return nil, ErrNoSession
		}
		if !fresh(fromNano(at.Fresh), one.began) { // as it was when this began
			return nil, staff.ErrFresh
		}
		rec.InvitedBy, rec.Invited = rec.Account, "session "+one.session
		return rec, nil
	}
	inv, a, err := s.invitation(ctx, tx, one.invitation)
	if err != nil {
		return nil, err
	}
	if a != one.account {
		return nil, ErrInvitation
	}
	rec.InvitedBy, rec.Invited, rec.Waits, rec.Recovers = inv.By, inv.Via, inv.Waits, inv.Recovers
	return rec, s.dropInvitation(ctx, tx, a)
}

// admitted writes an enrolment down, and signs its owner in if it counts at once.
func (s *Signin) admitted(ctx context.Context, tx records.Tx, one *ceremony, p Passkey, addr netip.Addr, agent string, cookie *string, session *Session) (err error) {
	a := p.Account
	e := staff.Entry{
		Who: a.Person, By: p.Invited, Act: "passkey.enrol", Object: p.ID, Addr: addr,
		Why: "for " + a.ID() + ", invited by " + p.InvitedBy,
	}
	if p.Waits {
		e.Why += "; it waits for another person"
	}
	if err := s.Staff.AppendTx(ctx, tx, e); err != nil || p.Waits {
		return err
	}
	if one.session != "" {
		rec, err := s.session(ctx, tx, one.session)
		if err != nil {
			return err
		}
		*cookie, *session, err = s.exchange(tx, one.session, rec)
		return err
	}
	if *cookie, *session, err = s.enter(ctx, tx, a, "passkey "+p.ID, true, addr, agent); err != nil {
		return err
	}
	return s.counts(ctx, tx, a, staff.Identity{Person: a.Person, Session: session.ID, Addr: addr})
}

// used is what a passkey's record is after it was used.
func used(rec *passkeyRecord, c *webauthn.Credential, now time.Time) {
	rec.Count, rec.Flags, rec.Used = c.Authenticator.SignCount, byte(c.Flags.ProtocolValue()), nano(now)
}

func sameBytes(a, b []byte) bool { return len(a) > 0 && bytes.Equal(a, b) }
