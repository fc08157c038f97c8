package signin

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"writ/internal/records"
	"writ/internal/staff"
)

// Bounds of passkeys.
const (
	maxPasskeys = 20 // of one account
	maxLabel    = 60 // bytes
	maxWrong    = 5  // fingerprints; then the waiting passkey is dropped
)

// Passkey is what is kept of one.
type Passkey struct {
	ID          string
	Account     Account
	Label       string
	Added       time.Time
	InvitedBy   string // a person, an account's id, or "socket" and the account
	Invited     string // "token", "session" or "socket" and its id
	Waits       bool   // another person must confirm it
	Recovers    bool   // it takes, or took, the place of all others from before
	ConfirmedBy string
	Confirmed   time.Time
	Cloned      time.Time // when its counter went back: it signs nobody in any more
	Used        time.Time
	Synced      bool // its authenticator copies it to other devices
	Fingerprint string
}

// Waits is the answer to an enrolment that another person must confirm: the passkey
// is kept and signs nobody in yet. Its owner reads the fingerprint out to whoever
// confirms it; nobody else is shown it before.
type Waits struct{ Passkey Passkey }

func (w *Waits) Error() string {
	return "the passkey is kept; another person must confirm it before it signs you in: read them its fingerprint, " + w.Passkey.Fingerprint
}

// works says whether a passkey signs anybody in.
func (r *passkeyRecord) works() bool { return !r.Waits && r.Cloned == 0 }

// fingerprint is of the public key alone, which whoever makes a key can't choose
// cheaply: four groups of four digits, 53 bits.
func (r *passkeyRecord) fingerprint() string {
	sum := sha256.Sum256(append([]byte("writ/passkey/v1"), r.Key...))
	n := fmt.Sprintf("%016d", binary.BigEndian.Uint64(sum[:])%1e16)
	return n[:4] + " " + n[4:8] + " " + n[8:12] + " " + n[12:]
}

func (r *passkeyRecord) passkey(id string) (Passkey, error) {
	a, err := ParseAccount(r.Account)
	if err != nil {
		return Passkey{}, fmt.Errorf("%w: the account of passkey %s", ErrRecords, id)
	}
	return Passkey{
		ID: id, Account: a, Label: r.Label, Added: fromNano(r.Added), InvitedBy: r.InvitedBy, Invited: r.Invited, Waits: r.Waits, Recovers: r.Recovers,
		ConfirmedBy: r.ConfirmedBy, Confirmed: fromNano(r.Confirmed), Cloned: fromNano(r.Cloned), Used: fromNano(r.Used),
		Synced: protocol.AuthenticatorFlags(r.Flags).HasBackupState(), Fingerprint: r.fingerprint(),
	}, nil
}

// credential is a passkey as the library has it.
func (r *passkeyRecord) credential() webauthn.Credential {
	c := webauthn.Credential{
		ID: r.Credential, PublicKey: r.Key, AttestationType: "none", AttestationFormat: "none",
		Flags: webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(r.Flags)), Authenticator: webauthn.Authenticator{AAGUID: r.Model, SignCount: r.Count},
	}
	for _, t := range r.Transports {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
	}
	return c
}

func getPasskey(ctx context.Context, r records.Reader, id string) (*passkeyRecord, error) {
	rec := new(passkeyRecord)
	return rec, get(ctx, r, key(tagPasskey, id), "this passkey", rec)
}

func (s *Signin) passkeysOf(ctx context.Context, r records.Reader, a Account) ([]string, map[string]*passkeyRecord, error) {
	ids, err := keysOf(ctx, r, key(tagPasskeysOf, a.ID(), ""), 2*maxPasskeys)
	if err != nil {
		return nil, nil, err
	}
	recs := map[string]*passkeyRecord{}
	for _, id := range ids {
		if recs[id], err = getPasskey(ctx, r, id); err != nil {
			return nil, nil, err
		}
	}
	return ids, recs, nil
}

// user is an account as the library has it: a random handle, no name in what an
// authenticator keeps but what its owner knows themself by.
type user struct {
	handle []byte
	name   string
	keys   []webauthn.Credential
}

func (u *user) WebAuthnID() []byte                         { return u.handle }
func (u *user) WebAuthnName() string                       { return u.name }
func (u *user) WebAuthnDisplayName() string                { return u.name }
func (u *user) WebAuthnCredentials() []webauthn.Credential { return u.keys }

// user makes the library's user of an account. Only passkeys that work count, but
// for those to exclude when another one is enrolled.
func (s *Signin) user(ctx context.Context, r records.Reader, a Account, all bool) (*user, error) {
	handle, err := value(ctx, r, key(tagHandleOf, a.ID()))
	if err != nil {
		return nil, err
	}
	u := &user{handle: handle, name: a.Name}
	if a.Kind == KindStaff {
		u.name = string(a.Person)
	}
	_, recs, err := s.passkeysOf(ctx, r, a)
	if err != nil {
		return nil, err
	}
	for _, rec := range recs {
		if all || rec.works() {
			u.keys = append(u.keys, rec.credential())
		}
	}
	return u, nil
}

// Passkeys lists an account's passkeys, the newest first, those that wait too. Who
// may see them is the caller's to decide; the fingerprint of one that waits is for
// its owner alone.
func (s *Signin) Passkeys(ctx context.Context, a Account) ([]Passkey, error) {
	return s.listed(ctx, key(tagPasskeysOf, a.ID(), ""))
}

// Colleagues lists the passkeys of all users of a customer, or of all officers of an
// authority: each enrolment is seen by the whole side.
func (s *Signin) Colleagues(ctx context.Context, a Account) ([]Passkey, error) {
	if a.Kind == KindStaff {
		return s.Passkeys(ctx, a)
	}
	return s.listed(ctx, key(tagPasskeysOf, a.side()))
}

// Waiting lists the passkeys of a kind of accounts that wait for another person.
func (s *Signin) Waiting(ctx context.Context, k Kind) ([]Passkey, error) {
	all, err := s.listed(ctx, key(tagPasskeysOf, string(k)+"/"))
	return slices.DeleteFunc(all, func(p Passkey) bool { return !p.Waits }), err
}

func (s *Signin) listed(ctx context.Context, prefix []byte) ([]Passkey, error) {
	found, err := keysOf(ctx, s.Records, prefix, records.MaxLimit)
	if err != nil {
		return nil, err
	}
	var list []Passkey
	for _, k := range found {
		p, err := s.Passkey(ctx, k[strings.LastIndexByte(k, 0)+1:])
		if errors.Is(err, staff.ErrNotFound) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		if p.Waits && s.now().Sub(p.Added) > staff.ProposalLife {
			continue
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b Passkey) int { return b.Added.Compare(a.Added) })
	return list, nil
}

// Passkey returns one passkey. Errors: [staff.ErrNotFound].
func (s *Signin) Passkey(ctx context.Context, id string) (Passkey, error) {
	rec, err := getPasskey(ctx, s.Records, id)
	if err != nil {
		return Passkey{}, err
	}
	return rec.passkey(id)
}

// Confirm lets a waiting passkey sign its owner in. It takes an operator, for an
// officer intake or counsel: neither who invited it nor its owner. The fingerprint is
// as the owner read it out; spaces don't count. After a few that are wrong the
// passkey is dropped. A recovery removes all other passkeys of the account and ends
// its sessions. Errors: [staff.ErrAlone], [staff.ErrState], [ErrFingerprint].
func (s *Signin) Confirm(ctx context.Context, by staff.Identity, id, fingerprint string) error {
	p, err := s.Passkey(ctx, id)
	if err != nil {
		return err
	}
	w := &want{act: "passkey.confirm", object: p.ID, of: p.Account, roles: keepers(p.Account.Kind), fresh: true, why: "for " + p.Account.ID()}
	err = s.change(ctx, Person(by), w, func(tx records.Tx, now time.Time) error {
		rec, err := getPasskey(ctx, tx, id)
		if err != nil {
			return err
		}
		switch {
		case !rec.Waits:
			return fmt.Errorf("%w: it was confirmed already", staff.ErrState)
		case !within(rec.Added, now, staff.ProposalLife):
			return fmt.Errorf("%w: it has waited for more than seven days: invite its owner again", staff.ErrState)
		case rec.InvitedBy == string(by.Person):
			return fmt.Errorf("%w: you invited it: another person confirms", staff.ErrAlone)
		case rec.Account == StaffAccount(by.Person).ID():
			return fmt.Errorf("%w: it is yours: another person confirms", staff.ErrAlone)
		case digits(fingerprint) != digits(rec.fingerprint()):
			return ErrFingerprint
		}
		rec.Waits, rec.ConfirmedBy, rec.Confirmed = false, string(by.Person), nano(now)
		tx.Put(key(tagPasskey, id), encode(rec))
		if rec.Recovers {
			w.why += ", in place of all passkeys from before"
			if err := s.replace(ctx, tx, p.Account, id); err != nil {
				return err
			}
		}
		return s.counts(ctx, tx, p.Account, by)
	})
	if errors.Is(err, ErrFingerprint) {
		return errors.Join(err, s.missed(ctx, by, p))
	}
	return err
}

func digits(s string) string { return strings.Join(strings.Fields(s), "") }

// within says whether a moment lies at most so long ago, and not ahead.
func within(at int64, now time.Time, most time.Duration) bool {
	return at <= nano(now) && nano(now)-at <= int64(most)
}

// replace removes all passkeys of an account but one, and ends its sessions.
func (s *Signin) replace(ctx context.Context, tx records.Tx, a Account, but string) error {
	ids, recs, err := s.passkeysOf(ctx, tx, a)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id != but {
			drop(tx, id, recs[id])
		}
	}
	return s.endAll(ctx, tx, a, "a lost passkey was replaced", func(*sessionRecord) bool { return true })
}

// counts tells the staff that one more person can sign in.
func (s *Signin) counts(ctx context.Context, tx records.Tx, a Account, by staff.Identity) error {
	if a.Kind != KindStaff {
		return nil
	}
	return s.Staff.EndBootstrapTx(ctx, tx, by)
}

// missed counts a fingerprint that was wrong.
func (s *Signin) missed(ctx context.Context, by staff.Identity, p Passkey) error {
	why := "the fingerprint is another's"
	err := records.Retry(ctx, s.Records, func(tx records.Tx) error {
		rec, err := getPasskey(ctx, tx, p.ID)
		if errors.Is(err, staff.ErrNotFound) || err == nil && !rec.Waits {
			return nil
		}
		if err != nil {
			return err
		}
		if rec.Wrong++; rec.Wrong >= maxWrong {
			why = "the fingerprint is another's, once too often: the passkey is dropped"
			drop(tx, p.ID, rec)
			return nil
		}
		tx.Put(key(tagPasskey, p.ID), encode(rec))
		return nil
	})
	return errors.Join(err, s.Staff.Refuse(ctx, by, "passkey.confirm", p.ID, why))
}

// drop removes a passkey's records.
func drop(tx records.Tx, id string, rec *passkeyRecord) {
	tx.Delete(key(tagPasskey, id))
	tx.Delete(key(tagCredential, credentialHash(rec.Credential)))
	tx.Delete(key(tagPasskeysOf, rec.Account, id))
}

// Decline drops a waiting passkey. It takes who could confirm it, the one who invited
// it too.
func (s *Signin) Decline(ctx context.Context, by staff.Identity, id string) error {
	p, err := s.Passkey(ctx, id)
	if err != nil {
		return err
	}
	w := &want{act: "passkey.decline", object: p.ID, of: p.Account, roles: keepers(p.Account.Kind), why: "for " + p.Account.ID()}
	return s.change(ctx, Person(by), w, func(tx records.Tx, _ time.Time) error {
		rec, err := getPasskey(ctx, tx, id)
		if err != nil {
			return err
		}
		if !rec.Waits {
			return fmt.Errorf("%w: it was confirmed already: remove it", staff.ErrState)
		}
		drop(tx, id, rec)
		return nil
	})
}

// RenamePasskey gives a passkey another label. It takes its owner.
func (s *Signin) RenamePasskey(ctx context.Context, by Actor, id, label string) error {
	if err := checkLabel(label); err != nil {
		return err
	}
	p, err := s.Passkey(ctx, id)
	if err != nil {
		return err
	}
	w := &want{act: "passkey.rename", object: p.ID, of: p.Account, self: true}
	return s.change(ctx, by, w, func(tx records.Tx, _ time.Time) error {
		rec, err := getPasskey(ctx, tx, id)
		if err != nil {
			return err
		}
		rec.Label = label
		tx.Put(key(tagPasskey, id), encode(rec))
		return nil
	})
}

// RemovePasskey removes a passkey and ends the sessions that it began. It takes its
// owner, with a fresh verification, a user of the same customer, or an operator (for
// an officer intake or counsel). Owners don't remove their only way in: another
// passkey, or for staff a token in force, must be left. Others may: what was stolen
// must go at once. Errors: [ErrLast].
func (s *Signin) RemovePasskey(ctx context.Context, by Actor, id string) error {
	p, err := s.Passkey(ctx, id)
	if err != nil {
		return err
	}
	own := by.Session.ID != "" && by.Session.Account == p.Account || p.Account.Kind == KindStaff && by.Staff.Person == p.Account.Person
	w := &want{
		act: "passkey.remove", object: p.ID, of: p.Account, roles: keepers(p.Account.Kind), self: true, colleagues: true, fresh: own, why: "of " + p.Account.ID(),
	}
	return s.change(ctx, by, w, func(tx records.Tx, now time.Time) error {
		rec, err := getPasskey(ctx, tx, id)
		if err != nil {
			return err
		}
		drop(tx, id, rec)
		if own {
			if left, err := s.anotherWay(ctx, tx, p.Account, now); err != nil {
				return err
			} else if !left {
				return ErrLast
			}
		}
		return s.endAll(ctx, tx, p.Account, "its passkey was removed", func(r *sessionRecord) bool { return r.By == "passkey "+id })
	})
}

// anotherWay says whether an account can sign in.
func (s *Signin) anotherWay(ctx context.Context, tx records.Tx, a Account, now time.Time) (bool, error) {
	works, _, err := s.working(ctx, tx, a)
	if err != nil || works || a.Kind != KindStaff {
		return works, err
	}
	return s.Staff.HasTokenIn(ctx, tx, a.Person, now)
}

// checkLabel refuses a label that would not stand on a line as it is.
func checkLabel(label string) error {
	if len(label) > maxLabel || strings.TrimSpace(label) != label {
		return fmt.Errorf("%w: a passkey's label has at most %d bytes, and no space at its ends", staff.ErrForm, maxLabel)
	}
	for _, r := range label {
		if !strconv.IsPrint(r) || r == '\uFFFD' {
			return fmt.Errorf("%w: a passkey's label holds a character that doesn't print", staff.ErrForm)
		}
	}
	return nil
}
