package staff

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// How long tokens last.
const (
	DefaultTokenLife = 90 * 24 * time.Hour
	MaxTokenLife     = 365 * 24 * time.Hour
)

const (
	maxTokens = 100 // of one person, until they are a year past
	maxCIDRs  = 16
)

// TokenRequest says what a token should be able to do.
type TokenRequest struct {
	Person writ.Person
	Roles  []writ.Role    // some of the person's
	Label  string         // what it is for; at most 100 bytes
	Life   time.Duration  // default [DefaultTokenLife], at most [MaxTokenLife]
	CIDRs  []netip.Prefix // from where it is taken; none: from anywhere
}

// Token is what is kept of a token.
type Token struct {
	ID          string
	Person      writ.Person
	Roles       []writ.Role
	Label       string
	Issued      time.Time
	IssuedBy    string
	Confirmed   time.Time // zero while a second operator must confirm it
	ConfirmedBy string
	Expires     time.Time
	CIDRs       []netip.Prefix
	Parent      string // id of the token that it was issued with
	Revoked     time.Time
	RevokedBy   string
	LastUsed    time.Time // to the hour; zero if never
}

func (q *TokenRequest) check() error {
	if err := checkText("the token's label", q.Label, 0, maxName); err != nil {
		return err
	}
	if q.Life == 0 {
		q.Life = DefaultTokenLife
	}
	if q.Life < time.Minute || q.Life > MaxTokenLife {
		return fmt.Errorf("%w: a token lasts a minute to 365 days", ErrForm)
	}
	q.Roles = slices.Compact(slices.Sorted(slices.Values(q.Roles)))
	if len(q.Roles) == 0 {
		return fmt.Errorf("%w: a token carries at least one role", ErrForm)
	}
	if len(q.CIDRs) > maxCIDRs {
		return fmt.Errorf("%w: a token is bound to at most %d networks", ErrForm, maxCIDRs)
	}
	q.CIDRs = slices.Clone(q.CIDRs)
	for i, c := range q.CIDRs {
		if !c.IsValid() || c.Addr().Is4In6() {
			return fmt.Errorf("%w: a network is written as 192.0.2.0/24 or 2001:db8::/32", ErrForm)
		}
		q.CIDRs[i] = c.Masked()
	}
	return nil
}

// within says whether networks lie in others; no networks are all of them.
func within(inner, outer []netip.Prefix) bool {
	if len(outer) == 0 {
		return true
	}
	for _, in := range inner {
		if !slices.ContainsFunc(outer, func(out netip.Prefix) bool {
			return out.Bits() <= in.Bits() && out.Contains(in.Addr())
		}) {
			return false
		}
	}
	return len(inner) > 0
}

// IssueToken makes another token for the one who asks, with a token of theirs, or
// at a browser with a fresh verification, never wider than the roles held now. It
// carries no role that this one doesn't, and is taken from nowhere that this one
// isn't; if this one is revoked, so is it. The token is returned once and kept
// nowhere.
func (s *Staff) IssueToken(ctx context.Context, by Identity, q TokenRequest) (string, Token, error) {
	token, reg := NewToken()
	kept, err := s.addToken(ctx, by, q, reg, &act{name: "token.issue", object: reg.ID, self: q.Person, fresh: true})
	if err != nil {
		return "", Token{}, err
	}
	return token, kept, nil
}

// RegisterToken takes down a token that its owner made with [NewToken]. It takes
// an operator, and is worth nothing until another one confirms it
// ([Staff.ConfirmToken]), who should ask the owner for its id. On the socket of a
// server without operators it is confirmed at once.
func (s *Staff) RegisterToken(ctx context.Context, by Identity, q TokenRequest, reg Registration) (Token, error) {
	if !isTokenID(reg.ID) || reg.Hash == [32]byte{} {
		return Token{}, fmt.Errorf("%w: the registration is not one that was made with a token", ErrForm)
	}
	mends := slices.Equal(q.Roles, operators)
	return s.addToken(ctx, by, q, reg, &act{name: "token.register", object: reg.ID, roles: operators, socket: true, mends: mends, fresh: true})
}

func (s *Staff) addToken(ctx context.Context, by Identity, q TokenRequest, reg Registration, a *act) (kept Token, err error) {
	if err := q.check(); err != nil {
		return kept, err
	}
	err = s.change(ctx, by, a, func(tx records.Tx, now time.Time, bootstrap bool) error {
		if _, err := s.present(ctx, tx, q.Person, now); err != nil {
			return err
		}
		if there, err := has(ctx, tx, tokenKey(reg.ID)); err != nil {
			return err
		} else if there {
			return fmt.Errorf("%w: a token %s", ErrExists, reg.ID)
		}
		rec := tokenRecord{Person: q.Person, Roles: q.Roles, Label: q.Label, Hash: reg.Hash, Issued: nano(now), IssuedBy: by.name(), Expires: nano(now.Add(q.Life))}
		for _, c := range q.CIDRs {
			rec.CIDRs = append(rec.CIDRs, c.String())
		}
		held, err := rolesIn(ctx, tx, q.Person, now)
		if err != nil {
			return err
		}
		issued := len(a.roles) == 0 // with what is at hand
		if issued {
			parent, err := s.parent(ctx, tx, by, q, now)
			if err != nil {
				return err
			}
			held, rec.Parent = parent, by.Token
		}
		for _, role := range q.Roles {
			if !slices.ContainsFunc(held, func(h Held) bool { return h.Role == role }) {
				return fmt.Errorf("%w: no token can carry the role %s for %s here", ErrRole, clip(string(role), 20), q.Person)
			}
		}
		if bootstrap || issued {
			rec.Confirmed, rec.ConfirmedBy = nano(now), by.name()
		}
		if err := s.makeRoom(ctx, tx, q.Person, now); err != nil {
			return err
		}
		a.why = fmt.Sprintf("for %s with %v until %s", q.Person, q.Roles, fromNano(rec.Expires).Format(time.RFC3339))
		tx.Put(tokenKey(reg.ID), encodeRecord(rec))
		tx.Put(tokenOfKey(q.Person, reg.ID), nil)
		if kept, err = rec.token(reg.ID); err != nil || !bootstrap {
			return err
		}
		return s.endBootstrap(ctx, tx, by, now)
	})
	return kept, err
}

// parent returns what the token or session at hand may pass on: a session all that
// its person holds now.
func (s *Staff) parent(ctx context.Context, tx records.Reader, by Identity, q TokenRequest, now time.Time) ([]Held, error) {
	if by.Session != "" {
		held, _, err := s.sessionRoles(ctx, tx, by, now)
		return held, err
	}
	held, rec, err := s.tokenRoles(ctx, tx, by.Token, by.Person, now)
	if err != nil {
		return nil, err
	}
	t, err := rec.token(by.Token)
	if err != nil {
		return nil, err
	}
	if !within(q.CIDRs, t.CIDRs) {
		return nil, fmt.Errorf("%w: the token at hand is bound to networks, and so must be what is issued with it", ErrRole)
	}
	return held, nil
}

// makeRoom removes tokens that ended more than a year ago, and refuses more than
// maxTokens.
func (s *Staff) makeRoom(ctx context.Context, tx records.Tx, p writ.Person, now time.Time) error {
	tokens, err := tokensOf(ctx, tx, p)
	if err != nil {
		return err
	}
	n := 0
	for id, t := range tokens {
		ended := t.Expires
		if t.Revoked != 0 {
			ended = min(ended, t.Revoked)
		}
		if now.Sub(fromNano(ended)) > MaxTokenLife {
			tx.Delete(tokenKey(id))
			tx.Delete(tokenOfKey(p, id))
			tx.Delete(usedKey(id))
			continue
		}
		n++
	}
	if n >= maxTokens {
		return fmt.Errorf("%w: %s has %d tokens, and past ones are kept for a year", ErrForm, p, n)
	}
	return nil
}

func tokensOf(ctx context.Context, r records.Reader, p writ.Person) (map[string]*tokenRecord, error) {
	tokens, prefix := map[string]*tokenRecord{}, key(tagTokensOf, string(p), "")
	err := each(ctx, r, records.Prefix(prefix), func(e records.Entry) (bool, error) {
		id := string(e.Key[len(prefix):])
		rec, err := getToken(ctx, r, id)
		tokens[id] = rec
		return true, err
	})
	return tokens, err
}

func getToken(ctx context.Context, r records.Reader, id string) (*tokenRecord, error) {
	rec := new(tokenRecord)
	return rec, get(ctx, r, tokenKey(id), "token "+clip(id, 40), rec)
}

// ConfirmToken puts a registered token in force. It takes an operator other than
// the one who registered it. Errors: [ErrAlone], [ErrState].
func (s *Staff) ConfirmToken(ctx context.Context, by Identity, id string) error {
	a := &act{name: "token.confirm", object: clip(id, 40), roles: operators, fresh: true}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, _ bool) error {
		rec, err := getToken(ctx, tx, id)
		if err != nil {
			return err
		}
		a.why = fmt.Sprintf("for %s with %v", rec.Person, rec.Roles)
		switch {
		case rec.Confirmed != 0 || rec.Revoked != 0:
			return fmt.Errorf("%w: it was decided already", ErrState)
		case now.Sub(fromNano(rec.Issued)) > ProposalLife:
			return fmt.Errorf("%w: it was registered more than seven days ago: its owner makes a new one", ErrState)
		case rec.IssuedBy == string(by.Person):
			return fmt.Errorf("%w: you registered it: another operator confirms", ErrAlone)
		}
		rec.Confirmed, rec.ConfirmedBy = nano(now), by.name()
		tx.Put(tokenKey(id), encodeRecord(rec))
		return nil
	})
}

// RevokeToken ends a token and all that were issued with it. It takes an operator
// or the token's person. To revoke twice is no error.
func (s *Staff) RevokeToken(ctx context.Context, by Identity, id string) error {
	a := &act{name: "token.revoke", object: clip(id, 40), roles: operators}
	if rec, err := getToken(ctx, s.store, id); err == nil {
		a.self = rec.Person // a token never changes hands
	}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, _ bool) error {
		rec, err := getToken(ctx, tx, id)
		if err != nil {
			return err
		}
		tokens, err := tokensOf(ctx, tx, rec.Person)
		if err != nil {
			return err
		}
		for family := []string{id}; len(family) > 0; family = family[1:] {
			t := tokens[family[0]]
			if t == nil {
				return fmt.Errorf("%w: token %s is not in its person's list", ErrRecords, family[0])
			}
			if t.Revoked == 0 {
				t.Revoked, t.RevokedBy = nano(now), by.name()
				tx.Put(tokenKey(family[0]), encodeRecord(t))
			}
			for child, c := range tokens {
				if c.Parent == family[0] {
					family = append(family, child)
				}
			}
		}
		return nil
	})
}

// Tokens returns a person's tokens, the newest first: those in force, and those
// that ended within a year.
func (s *Staff) Tokens(ctx context.Context, p writ.Person) ([]Token, error) {
	tokens, err := tokensOf(ctx, s.store, p)
	if err != nil {
		return nil, err
	}
	list := make([]Token, 0, len(tokens))
	for id, rec := range tokens {
		t, err := rec.token(id)
		if err != nil {
			return nil, err
		}
		if t.LastUsed, err = s.lastUsed(ctx, id); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Token) int {
		if c := b.Issued.Compare(a.Issued); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return list, nil
}

func (r *tokenRecord) token(id string) (Token, error) {
	t := Token{
		ID: id, Person: r.Person, Roles: slices.Clone(r.Roles), Label: r.Label, Issued: fromNano(r.Issued), IssuedBy: r.IssuedBy, Confirmed: fromNano(r.Confirmed),
		ConfirmedBy: r.ConfirmedBy, Expires: fromNano(r.Expires), Parent: r.Parent, Revoked: fromNano(r.Revoked), RevokedBy: r.RevokedBy,
	}
	for _, c := range r.CIDRs {
		p, err := netip.ParsePrefix(c)
		if err != nil {
			return t, fmt.Errorf("%w: a network of token %s", ErrRecords, id)
		}
		t.CIDRs = append(t.CIDRs, p)
	}
	return t, nil
}

// lastUsed reads when a token was last used.
func (s *Staff) lastUsed(ctx context.Context, id string) (time.Time, error) {
	b, err := s.store.Get(ctx, usedKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("couldn't read the staff's records: %w", err)
	}
	if len(b) != 8 {
		return time.Time{}, fmt.Errorf("%w: when token %s was used", ErrRecords, id)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC(), nil
}
