package staff

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// ErrToken is the one answer to everybody whose token is not accepted. Which of
// the errors below is behind it is for the audit trail alone.
var ErrToken = errors.New("the token is not accepted: ask an operator for its state, or make another")

// Why a token is not accepted.
var (
	ErrTokenForm    = errors.New("not a token, or mistyped")
	ErrTokenUnknown = errors.New("nobody has this token")
	ErrTokenSecret  = errors.New("the token's secret is another's")
	ErrTokenPending = errors.New("no second operator has confirmed the token")
	ErrTokenRevoked = errors.New("the token was revoked")
	ErrTokenExpired = errors.New("the token has expired")
	ErrTokenAddress = errors.New("the token isn't taken from this address")
	ErrTokenRole    = errors.New("its person doesn't hold any of the token's roles any more")
	ErrThrottled    = errors.New("too many failures from this address")
)

// tokenError says [ErrToken] and nothing else, and is both.
type tokenError struct{ why error }

func (e *tokenError) Error() string   { return ErrToken.Error() }
func (e *tokenError) Unwrap() []error { return []error{ErrToken, e.why} }

// Authenticate says who has a token: the person, and those of the token's roles
// that the person holds now. Failures are in the audit trail, without the token;
// and more than a few from one network (an IPv4 address, an IPv6 /64) are refused
// unread for a while. Errors: one that prints as [ErrToken] and is, for
// errors.Is, also the reason; or that the records couldn't be read.
func (s *Staff) Authenticate(ctx context.Context, token string, addr netip.Addr, now time.Time) (Identity, error) {
	addr, now = addr.Unmap().WithZone(""), now.UTC()
	if !s.throttle.Free(addr, now) {
		return Identity{}, &tokenError{ErrThrottled}
	}
	id, rec, held, err := s.check(ctx, token, addr, now)
	if err == nil {
		s.use(ctx, id, now)
		return Identity{Person: rec.Person, Roles: held, Token: id, Addr: addr}, nil
	}
	var refused *tokenError
	if !errors.As(err, &refused) {
		return Identity{}, err
	}
	s.throttle.Fail(addr, now)
	if err := s.auditFailure(ctx, id, rec, addr, refused.why, now); err != nil {
		return Identity{}, fmt.Errorf("couldn't write down a refusal: %w", err)
	}
	return Identity{}, refused
}

// check finds a token and says what it gives now. The id is empty if nobody has
// the token: then the rest says nothing about anybody.
func (s *Staff) check(ctx context.Context, token string, addr netip.Addr, now time.Time) (id string, rec *tokenRecord, held []Held, err error) {
	reg, err := parseToken(token)
	if err != nil {
		return "", nil, nil, &tokenError{err}
	}
	// A token is looked up by its id, which is no secret. The secret is compared
	// by its hash, in constant time.
	rec, err = getToken(ctx, s.store, reg.ID)
	if errors.Is(err, ErrNotFound) {
		return "", nil, nil, &tokenError{ErrTokenUnknown}
	}
	if err != nil {
		return "", nil, nil, err
	}
	if subtle.ConstantTimeCompare(rec.Hash[:], reg.Hash[:]) != 1 {
		return reg.ID, rec, nil, &tokenError{ErrTokenSecret}
	}
	t, err := rec.token(reg.ID)
	if err != nil {
		return reg.ID, rec, nil, err
	}
	if len(t.CIDRs) > 0 && !slices.ContainsFunc(t.CIDRs, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return reg.ID, rec, nil, &tokenError{ErrTokenAddress}
	}
	held, _, err = s.tokenRoles(ctx, s.store, reg.ID, rec.Person, now)
	return reg.ID, rec, held, err
}

// tokenRoles returns the roles that a token of a person carries now.
func (s *Staff) tokenRoles(ctx context.Context, r records.Reader, id string, p writ.Person, now time.Time) ([]Held, *tokenRecord, error) {
	rec, err := getToken(ctx, r, id)
	if errors.Is(err, ErrNotFound) || err == nil && rec.Person != p {
		return nil, nil, fmt.Errorf("%w: %w", ErrRole, &tokenError{ErrTokenUnknown})
	}
	if err != nil {
		return nil, nil, err
	}
	if why := rec.refuses(now); why != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrRole, &tokenError{why})
	}
	held, err := rolesIn(ctx, r, p, now)
	if err != nil {
		return nil, nil, err
	}
	held = slices.DeleteFunc(held, func(h Held) bool { return !slices.Contains(rec.Roles, h.Role) })
	if len(held) == 0 {
		return nil, nil, fmt.Errorf("%w: %w", ErrRole, &tokenError{ErrTokenRole})
	}
	return held, rec, nil
}

// refuses says why a token is not in force, nil if it is.
func (r *tokenRecord) refuses(now time.Time) error {
	switch {
	case r.Revoked != 0 && r.Revoked <= nano(now):
		return ErrTokenRevoked
	case r.Expires <= nano(now):
		return ErrTokenExpired
	case r.Confirmed == 0 || r.Confirmed > nano(now):
		return ErrTokenPending
	}
	return nil
}

// use remembers that a token was used, at most once an hour. That it can't is no
// reason to turn somebody away.
func (s *Staff) use(ctx context.Context, id string, now time.Time) {
	hour := now.Truncate(time.Hour)
	if last, err := s.lastUsed(ctx, id); err == nil && !last.Before(hour) {
		return
	}
	var b records.Batch
	b.Put(usedKey(id), binary.BigEndian.AppendUint64(nil, uint64(hour.Unix())))
	_ = s.store.Apply(ctx, &b)
}

// auditFailure writes a failed sign-in down. Tokens that nobody has anybody can
// send, as many as they like: of those it writes so many a minute, and says how
// many it left out.
func (s *Staff) auditFailure(ctx context.Context, id string, rec *tokenRecord, addr netip.Addr, why error, now time.Time) error {
	e := Entry{Act: "sign-in", Outcome: Refused, Why: why.Error(), Addr: addr}
	if rec != nil {
		e.Object, e.By = id, "token "+id
	}
	if rec != nil && why != ErrTokenSecret { // who has another secret is not that person
		e.Who = rec.Person
		return s.Append(ctx, e)
	}
	said, unsaid := s.throttle.Say(now)
	if !said {
		return nil
	}
	if unsaid > 0 {
		e.Why = fmt.Sprintf("%s; %d more such were not written down", e.Why, unsaid)
	}
	return s.Append(ctx, e)
}
