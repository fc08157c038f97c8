package signin

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"writ/internal/records"
	"writ/internal/staff"
)

// InvitationLife is how long an invitation waits: a long weekend.
const InvitationLife = 72 * time.Hour

// secretPrefix lets scanners of mail and chat find an invitation:
// writ_inv_[0-9A-Za-z_-]{43}.
const secretPrefix = "writ_inv_"

// Invitation is what lets one passkey be enrolled. The secret is told once.
type Invitation struct {
	Secret  string
	Expires time.Time
	Waits   bool // another person must confirm the passkey before it signs anybody in
}

// Invite makes an invitation for an account; one from before is void. Who may, and
// whether the passkey counts at once:
//
//   - A person for themself: at once, with a token that carries all their roles from
//     anywhere; with a narrower one it waits.
//   - An operator for another person: it waits for another operator. The socket of a
//     server without operators: at once, as it names first persons.
//   - Intake or counsel for an officer: it waits for another of them.
//   - An operator, or whoever has the administration's socket, for the first user of a
//     customer: at once. Then a user of the customer for another one: at once.
//
// Whoever has a passkey already adds another one at their browser
// ([Signin.BeginAnother]). An invitation for somebody else who has one is a recovery,
// or refused: recovers says that the passkey, once confirmed, takes the place of all
// others of the account and ends its sessions. A recovery always waits. Errors:
// [staff.ErrRole], [staff.ErrExists], [staff.ErrState], [staff.ErrFresh].
func (s *Signin) Invite(ctx context.Context, by Actor, a Account, recovers bool) (Invitation, error) {
	if err := a.check(); err != nil {
		return Invitation{}, err
	}
	inv := Invitation{Secret: secretPrefix + secret()}
	w := &want{
		act: "passkey.invite", object: a.ID(), of: a, roles: keepers(a.Kind), fresh: true, socket: a.Kind == KindStaff,
		self: a.Kind == KindStaff, colleagues: a.Kind == KindCustomer, machine: a.Kind == KindCustomer,
	}
	err := s.change(ctx, by, w, func(tx records.Tx, now time.Time) error {
		if why, err := s.stands(ctx, tx, a); err != nil {
			return err
		} else if why != "" {
			return fmt.Errorf("%w: %s", staff.ErrState, why)
		}
		waits, err := s.waits(ctx, tx, by, a, recovers)
		if err != nil {
			return err
		}
		inv.Waits, inv.Expires = waits, now.Add(InvitationLife)
		w.why = inviteWords(waits, recovers)
		rec := invitationRecord{Account: a.ID(), Made: nano(now), Expires: nano(inv.Expires), By: by.name(), Via: by.via(), Waits: waits, Recovers: recovers}
		if err := s.dropInvitation(ctx, tx, a); err != nil {
			return err
		}
		hash := invitationHash(inv.Secret)
		tx.Put(key(tagInvitation, hash), encode(rec))
		tx.Put(key(tagInvitationOf, a.ID()), []byte(hash))
		return nil
	})
	if err != nil {
		return Invitation{}, err
	}
	return inv, nil
}

func inviteWords(waits, recovers bool) string {
	text := "counts at once"
	if waits {
		text = "another person must confirm it"
	}
	if recovers {
		text += "; in place of all passkeys from before"
	}
	return text
}

// waits says whether a passkey that this actor invites needs another person's word.
func (s *Signin) waits(ctx context.Context, tx records.Tx, by Actor, a Account, recovers bool) (bool, error) {
	self := a.Kind == KindStaff && by.Staff.Person == a.Person && by.Session.ID == ""
	if self {
		if recovers {
			return false, fmt.Errorf("%w: for yourself, invite yourself and remove the old passkey", staff.ErrForm)
		}
		whole, err := s.Staff.WholeTx(ctx, tx, by.Staff)
		return !whole, err
	}
	works, anyOfSide, err := s.working(ctx, tx, a)
	if err != nil {
		return false, err
	}
	switch {
	case recovers && by.Session.ID != "":
		return false, fmt.Errorf("%w: remove the colleague's passkeys, then invite them again", staff.ErrForm)
	case recovers:
		return true, nil
	case works:
		return false, fmt.Errorf("%w: a passkey of this account; its owner adds another one at the browser, or it is a recovery", staff.ErrExists)
	case a.Kind == KindStaff && by.Staff.Person == "": // the socket of a server without operators
		return false, nil
	case a.Kind == KindCustomer && by.Session.ID == "" && anyOfSide:
		return false, fmt.Errorf("%w: this customer has its first user, who invites others; if nobody of theirs can sign in, it is a recovery", staff.ErrState)
	case a.Kind == KindCustomer:
		return false, nil
	}
	return true, nil
}

// working says whether an account has a passkey that signs in, and whether any
// account of its customer or authority has.
func (s *Signin) working(ctx context.Context, r records.Reader, a Account) (own, side bool, err error) {
	_, recs, err := s.passkeysOf(ctx, r, a)
	if err != nil {
		return false, false, err
	}
	for _, rec := range recs {
		own = own || rec.works()
	}
	if own || a.Kind == KindStaff {
		return own, own, nil
	}
	found, err := keysOf(ctx, r, key(tagPasskeysOf, a.side()), records.MaxLimit)
	if err != nil {
		return false, false, err
	}
	for _, k := range found {
		rec, err := getPasskey(ctx, r, k[strings.LastIndexByte(k, 0)+1:])
		if err != nil {
			return false, false, err
		}
		if rec.works() {
			return false, true, nil
		}
	}
	return false, false, nil
}

// dropInvitation voids an account's invitation, if it has one.
func (s *Signin) dropInvitation(ctx context.Context, tx records.Tx, a Account) error {
	old, err := value(ctx, tx, key(tagInvitationOf, a.ID()))
	if err != nil || old == nil {
		return err
	}
	tx.Delete(key(tagInvitation, string(old)))
	tx.Delete(key(tagInvitationOf, a.ID()))
	return nil
}

// invitation reads one that is valid now. Errors: [ErrInvitation].
func (s *Signin) invitation(ctx context.Context, r records.Reader, hash string) (*invitationRecord, Account, error) {
	rec := new(invitationRecord)
	err := get(ctx, r, key(tagInvitation, hash), "invitation", rec)
	if errors.Is(err, staff.ErrNotFound) {
		return nil, Account{}, ErrInvitation
	}
	if err != nil {
		return nil, Account{}, err
	}
	a, err := ParseAccount(rec.Account)
	if err != nil {
		return nil, Account{}, fmt.Errorf("%w: an invitation's account", ErrRecords)
	}
	if now := nano(s.now()); now < rec.Made || now >= rec.Expires {
		return nil, a, ErrInvitation
	}
	why, err := s.stands(ctx, r, a)
	if err != nil {
		return nil, a, err
	}
	if why != "" {
		return nil, a, ErrInvitation
	}
	return rec, a, nil
}

// Invitation looks at an invitation and does not use it. Errors: [ErrInvitation],
// [ErrTooMany].
func (s *Signin) Invitation(ctx context.Context, secret string, addr netip.Addr) (Account, error) {
	_, a, err := s.opened(ctx, secret, addr)
	return a, err
}

// opened finds an invitation by its secret; who guesses must wait.
func (s *Signin) opened(ctx context.Context, secret string, addr netip.Addr) (hash string, a Account, err error) {
	addr = clean(addr)
	if !s.throttle.Free(addr, s.now()) {
		return "", a, ErrTooMany
	}
	if strings.HasPrefix(secret, secretPrefix) && len(secret) == len(secretPrefix)+43 {
		hash = invitationHash(secret)
		_, a, err = s.invitation(ctx, s.Records, hash)
	} else {
		err = ErrInvitation
	}
	if errors.Is(err, ErrInvitation) {
		return "", Account{}, errors.Join(ErrInvitation, s.refuse(ctx, "passkey.enrol", a, "", "no valid invitation", addr))
	}
	return hash, a, err
}
