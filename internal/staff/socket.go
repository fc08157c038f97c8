package staff

import (
	"context"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// Socket says who asks over the administration socket: whoever runs the server,
// named by the account of the operating system. On a fresh server it names the
// first persons, their roles and tokens, until two operators can sign in. From then
// on it gives no right, but for one case: when fewer than two operators have a passkey or a token
// in force, so that nobody could ever confirm anything again, it registers tokens of
// operators. Whoever has the socket has the machine; both are in the audit trail, in
// words that nothing else writes. Errors: [ErrBootstrap].
//
// Whoever comes over the socket with a token is authenticated by that; the account
// is then put beside it ([Identity].Account).
func (s *Staff) Socket(ctx context.Context, account string) (Identity, error) {
	if err := checkText("the account", account, 1, maxName); err != nil {
		return Identity{}, err
	}
	state, err := s.socketState(ctx, s.store, s.now())
	if err != nil {
		return Identity{}, err
	}
	if state == "" {
		return Identity{}, ErrBootstrap
	}
	return Identity{Account: account}, nil
}

// socketState is by what right the socket acts now, empty if by none.
func (s *Staff) socketState(ctx context.Context, r records.Reader, now time.Time) (string, error) {
	ended, err := has(ctx, r, key(tagBootstrap))
	if err != nil {
		return "", err
	}
	if !ended {
		return byBootstrap, nil
	}
	n, err := s.ableOperators(ctx, r, now)
	if err != nil || n >= 2 {
		return "", err
	}
	return byRecovery, nil
}

// endBootstrap ends the socket's right once two operators can sign in.
func (s *Staff) endBootstrap(ctx context.Context, tx records.Tx, by Identity, now time.Time) error {
	if ended, err := has(ctx, tx, key(tagBootstrap)); err != nil || ended {
		return err
	}
	n, err := s.ableOperators(ctx, tx, now)
	if err != nil || n < 2 {
		return err
	}
	tx.Put(key(tagBootstrap), nil)
	return s.AppendTx(ctx, tx, Entry{By: by.By(), Act: "bootstrap.end", Why: "two operators can sign in: the socket gives no rights any more", Addr: by.Addr})
}

// ableOperators counts the operators who have a passkey, or a token in force for
// that role.
func (s *Staff) ableOperators(ctx context.Context, r records.Reader, now time.Time) (n int, err error) {
	all, err := allPersons(ctx, r)
	if err != nil {
		return 0, err
	}
	for _, id := range all.order {
		if !all.by[id].ownRole(writ.RoleOperator, nano(now)) {
			continue
		}
		if s.sessions != nil {
			if can, err := s.sessions.CanSignIn(ctx, r, id); err != nil {
				return 0, err
			} else if can {
				n++
				continue
			}
		}
		tokens, err := tokensOf(ctx, r, id)
		if err != nil {
			return 0, err
		}
		for _, t := range tokens {
			if t.refuses(now) == nil && slices.Contains(t.Roles, writ.RoleOperator) {
				n++
				break
			}
		}
	}
	return n, nil
}

// lastingOperators counts who is operator now and has no end set, without one
// person or one assignment.
func lastingOperators(ctx context.Context, r records.Reader, without writ.Person, assignment string, now time.Time) (n int, err error) {
	all, err := allPersons(ctx, r)
	if err != nil {
		return 0, err
	}
	for _, id := range all.order {
		p := all.by[id]
		if id != without && slices.ContainsFunc(p.Assignments, func(a assignmentRecord) bool {
			return a.Role == writ.RoleOperator && a.ID != assignment && a.in(nano(now), p.Left) && a.end(p.Left) == 0
		}) {
			n++
		}
	}
	return n, nil
}

// keepsOperators refuses what would leave fewer than two operators.
func keepsOperators(ctx context.Context, tx records.Reader, without writ.Person, assignment string, now time.Time) error {
	before, err := lastingOperators(ctx, tx, "", "", now)
	if err != nil {
		return err
	}
	after, err := lastingOperators(ctx, tx, without, assignment, now)
	if err != nil {
		return err
	}
	if after < before && after < 2 {
		return ErrLastOperators
	}
	return nil
}
