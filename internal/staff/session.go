package staff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// Errors of who sits at a browser.
var (
	// ErrSession: the session was ended, or is another's.
	ErrSession = errors.New("the session has ended: sign in again")
	// ErrFresh: this takes a verification by passkey that is at most [FreshFor] old.
	ErrFresh = errors.New("this takes your passkey again: verify, then repeat it")
)

// FreshFor is how long a verification by passkey counts for what approves
// something. Whoever finds a browser open finds it without such a verification
// after that; whoever works through a list of approvals need not touch the key for
// each.
const FreshFor = 5 * time.Minute

// Sessions is who lets persons in at a browser. The staff asks it inside its own
// transactions, so that a session that was ended gives nothing to what comes after.
// Neither method writes.
type Sessions interface {
	// Session says whether a session is in force and the person's, and when the
	// person last verified in it by passkey, zero if never. Errors: [ErrSession], or
	// that the records couldn't be read.
	Session(ctx context.Context, r records.Reader, id string, p writ.Person) (fresh time.Time, err error)
	// CanSignIn says whether a person has a passkey that signs them in.
	CanSignIn(ctx context.Context, r records.Reader, p writ.Person) (bool, error)
}

// TrustSessions makes a staff accept identities that a browser's session stands
// for. Without it there are none. It is called once, before anybody signs in.
func (s *Staff) TrustSessions(from Sessions) { s.sessions = from }

// sessionRoles returns what a session gives now: all roles that its person holds.
func (s *Staff) sessionRoles(ctx context.Context, r records.Reader, by Identity, now time.Time) ([]Held, time.Time, error) {
	if s.sessions == nil || by.Person == "" || by.Token != "" || by.Account != "" {
		return nil, time.Time{}, fmt.Errorf("%w: %w", ErrRole, ErrSession)
	}
	fresh, err := s.sessions.Session(ctx, r, by.Session, by.Person)
	if errors.Is(err, ErrSession) {
		return nil, time.Time{}, fmt.Errorf("%w: %w", ErrRole, err)
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	held, err := rolesIn(ctx, r, by.Person, now)
	if err != nil {
		return nil, time.Time{}, err
	}
	if len(held) == 0 {
		return nil, time.Time{}, fmt.Errorf("%w: %w", ErrRole, ErrSession)
	}
	return held, fresh, nil
}

// roles returns the roles that an identity carries now, by session or by token.
// fresh says whether it may approve: a token always may, a session only with a
// verification that is not old, and not of a time ahead.
func (s *Staff) roles(ctx context.Context, r records.Reader, by Identity, now time.Time) (held []Held, fresh bool, err error) {
	if by.Session == "" {
		held, _, err = s.tokenRoles(ctx, r, by.Token, by.Person, now)
		return held, true, err
	}
	held, at, err := s.sessionRoles(ctx, r, by, now)
	return held, freshAt(at, now), err
}

func freshAt(at, now time.Time) bool {
	return !at.IsZero() && !at.After(now) && now.Sub(at) <= FreshFor
}

// RequireFresh refuses a session whose last verification by passkey is old, for
// other rooms, about acts of theirs; the refusal is in the audit trail on return.
// Errors: [ErrFresh], [ErrSession].
func (s *Staff) RequireFresh(ctx context.Context, by Identity, name, object string) error {
	if by.Session == "" {
		return nil
	}
	_, fresh, err := s.roles(ctx, s.store, by, s.now())
	if err == nil && !fresh {
		err = ErrFresh
	}
	if isRefusal(err) {
		return errors.Join(err, s.Refuse(ctx, by, name, object, reason(err)))
	}
	return err
}

// Renew looks an identity up again: who it is, with the roles and the
// verification of this moment. Errors: [ErrSession]; one that is [ErrToken].
func (s *Staff) Renew(ctx context.Context, by Identity) (Identity, error) {
	now := s.now()
	switch {
	case by.Session != "":
		held, fresh, err := s.sessionRoles(ctx, s.store, by, now)
		if err != nil {
			return Identity{}, err
		}
		by.Roles, by.Fresh = held, fresh
	case by.Token != "":
		held, _, err := s.tokenRoles(ctx, s.store, by.Token, by.Person, now)
		if err != nil {
			return Identity{}, err
		}
		by.Roles = held
	default:
		return Identity{}, fmt.Errorf("%w: %w", ErrRole, ErrSession)
	}
	return by, nil
}

// WholeTx says whether an identity carries all that its person may do, from
// anywhere. A token with fewer of the roles, or bound to networks, does not, and
// must not make anything that does.
func (s *Staff) WholeTx(ctx context.Context, r records.Reader, by Identity) (bool, error) {
	now := s.now()
	held, _, err := s.roles(ctx, r, by, now)
	if err != nil || by.Session != "" {
		return err == nil, err
	}
	rec, err := getToken(ctx, r, by.Token)
	if err != nil {
		return false, err
	}
	all, err := rolesIn(ctx, r, by.Person, now)
	if err != nil {
		return false, err
	}
	for _, h := range all {
		if !slices.ContainsFunc(held, func(has Held) bool { return has.Role == h.Role }) {
			return false, nil
		}
	}
	return len(rec.CIDRs) == 0, nil
}

// Act is one change of another room's records that somebody wants.
type Act struct {
	Name   string      // in the audit trail
	Object string      // its id only
	Why    string      // for the audit trail; the change may set it
	Roles  []writ.Role // one of which it takes
	Self   writ.Person // whose own affair it is: no role needed
	Socket bool        // open to the socket of a server without operators
	Fresh  bool        // a session needs a fresh verification
}

// Change does an act of another room as the staff does its own: who asks is looked
// up inside the transaction, the change and its audit entry are durable together,
// and a refusal ([ErrRole], [ErrAlone], [ErrFresh] …) changes nothing and is
// audited. fn may run several times; bootstrap tells it that it is the socket of a
// server without operators that asks.
func (s *Staff) Change(ctx context.Context, by Identity, want *Act, fn func(tx records.Tx, now time.Time, bootstrap bool) error) error {
	a := &act{name: want.Name, object: want.Object, roles: want.Roles, self: want.Self, socket: want.Socket, fresh: want.Fresh}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, bootstrap bool) error {
		err := fn(tx, now, bootstrap)
		a.why, a.object = want.Why, want.Object
		return err
	})
}

// EndBootstrapTx ends the socket's right if two operators can sign in now: who
// lets persons in calls it when one more can.
func (s *Staff) EndBootstrapTx(ctx context.Context, tx records.Tx, by Identity) error {
	return s.endBootstrap(ctx, tx, by, s.now())
}

// RolesIn is [Staff.Roles] as a reader sees the records.
func (s *Staff) RolesIn(ctx context.Context, r records.Reader, id writ.Person, at time.Time) ([]Held, error) {
	return rolesIn(ctx, r, id, at)
}

// AuthorityIn is [Staff.Authority] as a reader sees the records.
func (s *Staff) AuthorityIn(ctx context.Context, r records.Reader, id writ.AuthorityID) (Authority, error) {
	rec, err := getAuthority(ctx, r, id)
	if err != nil {
		return Authority{}, err
	}
	return rec.authority(id), nil
}

// HasTokenIn says whether a person has a token in force, as a reader sees the
// records.
func (s *Staff) HasTokenIn(ctx context.Context, r records.Reader, p writ.Person, now time.Time) (bool, error) {
	tokens, err := tokensOf(ctx, r, p)
	for _, t := range tokens {
		if t.refuses(now) == nil {
			return true, err
		}
	}
	return false, err
}
