package staff

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"writ"
	"writ/internal/records"
	"writ/internal/throttle"
)

// Errors that callers tell apart. All but [ErrRecords] are the asker's to mend,
// and their texts say how.
var (
	// ErrRole: the one who asks doesn't hold a role that this takes.
	ErrRole = errors.New("your roles don't allow this")
	// ErrAlone: this takes a second person.
	ErrAlone = errors.New("this takes another person")
	// ErrLastOperators: without this person fewer than two operators would be
	// left, and nobody could confirm anything.
	ErrLastOperators = errors.New("two operators must remain: name another one first")
	// ErrBootstrap: the administration socket gives no rights any more.
	ErrBootstrap = errors.New("this server has its operators: use a token of one of them")
	// ErrNotFound: there is no such person, assignment, token, page or authority.
	ErrNotFound = errors.New("not found")
	// ErrExists: the name or key is taken.
	ErrExists = errors.New("it is there already")
	// ErrForm: what was given is not well formed, or too much.
	ErrForm = errors.New("not well formed")
	// ErrState: it is not in the state that this takes (ended, expired, revoked).
	ErrState = errors.New("this can't be done any more")
	// ErrRecords: a record of the staff's is damaged.
	ErrRecords = errors.New("a record of the staff's is damaged")
)

// Staff keeps persons, tokens, rotas, authorities and the audit trail in
// records. Its methods may be called at the same time; what they answer with is
// the caller's own.
type Staff struct {
	store records.Store
	clock func() time.Time

	turn sync.Mutex // held by who chains the audit trail's queue

	throttle throttle.Throttle // of failed sign-ins
	sessions Sessions          // nil: nobody comes by a browser
}

// New returns the staff that a store's records hold. now is the clock.
func New(store records.Store, now func() time.Time) (*Staff, error) {
	if store == nil || now == nil {
		return nil, fmt.Errorf("%w: the staff takes records and a clock", ErrForm)
	}
	return &Staff{store: store, clock: now}, nil
}

func (s *Staff) now() time.Time { return s.clock().UTC() }

// Identity is who asks, and what was shown for it. Its roles are those of the
// token, or of a session's person, that are held at that moment. It has a token or
// a session, and neither only on the socket.
type Identity struct {
	Person  writ.Person // empty only on the socket of a server without operators
	Roles   []Held
	Token   string     // id of the token; empty on the socket and at a browser
	Session string     // public id of a browser's session
	Fresh   time.Time  // when the session's person last verified by passkey; zero if never
	Account string     // of the operating system, where it came over the socket
	Addr    netip.Addr // of the client, for the audit trail
}

// Has says whether the identity carries a role.
func (i Identity) Has(role writ.Role) bool {
	return slices.ContainsFunc(i.Roles, func(h Held) bool { return h.Role == role })
}

// By is what the audit trail says of how somebody came in.
func (i Identity) By() string {
	switch {
	case i.Session != "":
		return "session " + i.Session
	case i.Token != "" && i.Account != "":
		return "token " + i.Token + " socket " + i.Account
	case i.Token != "":
		return "token " + i.Token
	}
	return "socket " + i.Account
}

// act is one change that somebody wants.
type act struct {
	name   string      // in the audit trail: "person.add", …
	object string      // id only
	why    string      // for the audit trail
	roles  []writ.Role // one of which it takes
	self   writ.Person // whose own affair it is: no role needed
	socket bool        // open to the socket of a server without operators
	mends  bool        // and to that of a server whose operators can't sign in
	fresh  bool        // a session needs a fresh verification by passkey
}

// change does one act: it checks who asks, runs fn and writes the audit entry, in
// one transaction. fn may run several times; bootstrap tells it that it is the
// socket of a server without operators that asks. A refusal is audited, and nothing
// else happened.
func (s *Staff) change(ctx context.Context, by Identity, a *act, fn func(tx records.Tx, now time.Time, bootstrap bool) error) error {
	err := records.Retry(ctx, s.store, func(tx records.Tx) error {
		now := s.now()
		socket, err := s.allowed(ctx, tx, by, a, now)
		if err != nil {
			return err
		}
		if err := fn(tx, now, socket != ""); err != nil {
			return err
		}
		why := a.why
		if socket != "" {
			why = socket + ": " + why
		}
		return s.AppendTx(ctx, tx, Entry{Who: by.Person, By: by.By(), Act: a.name, Object: a.object, Why: why, Addr: by.Addr})
	})
	if isRefusal(err) {
		return errors.Join(err, s.Refuse(ctx, by, a.name, a.object, reason(err)))
	}
	if err != nil {
		return err
	}
	return s.settle(ctx)
}

// isRefusal says whether an error is about who asks, not about what.
func isRefusal(err error) bool {
	return errors.Is(err, ErrRole) || errors.Is(err, ErrAlone) || errors.Is(err, ErrLastOperators) || errors.Is(err, ErrBootstrap) ||
		errors.Is(err, ErrSession) || errors.Is(err, ErrFresh)
}

// What the audit trail says of acts over the socket.
const (
	byBootstrap = "bootstrap over the administration socket"
	byRecovery  = "recovery over the administration socket: fewer than two operators could sign in"
)

// allowed checks, as the records are now, whether somebody may do an act. What
// an identity says of its roles is a claim of the past: a token or role that
// ended meanwhile gives nothing. Where it is the socket that gives the right,
// socket says by what.
func (s *Staff) allowed(ctx context.Context, tx records.Reader, by Identity, a *act, now time.Time) (socket string, err error) {
	if by.Token == "" && by.Session == "" {
		return s.socketAllows(ctx, tx, by, a, now)
	}
	held, fresh, err := s.roles(ctx, tx, by, now)
	if err != nil {
		return "", err
	}
	may := a.self != "" && a.self == by.Person || slices.ContainsFunc(held, func(h Held) bool { return slices.Contains(a.roles, h.Role) })
	switch {
	case may && a.fresh && !fresh:
		return "", ErrFresh
	case may:
		return "", nil
	}
	return "", fmt.Errorf("%w: it takes %s", ErrRole, roleList(a.roles))
}

func (s *Staff) socketAllows(ctx context.Context, tx records.Reader, by Identity, a *act, now time.Time) (string, error) {
	if by.Account == "" || by.Person != "" {
		return "", fmt.Errorf("%w: sign in first", ErrRole)
	}
	state, err := s.socketState(ctx, tx, now)
	switch {
	case err != nil:
		return "", err
	case state == "":
		return "", ErrBootstrap
	case state == byBootstrap && a.socket || state == byRecovery && a.mends:
		return state, nil
	case state == byRecovery:
		return "", fmt.Errorf("%w: the administration socket registers tokens of operators, with that role alone, and does nothing else", ErrRole)
	}
	return "", fmt.Errorf("%w: the administration socket names the first persons, and does nothing else", ErrRole)
}

func roleList(roles []writ.Role) string {
	if len(roles) == 0 {
		return "the person themself"
	}
	text := "the role "
	for i, r := range roles {
		if i > 0 {
			text += " or "
		}
		text += string(r)
	}
	return text
}

// Require says whether an identity has one of the roles; if not, the refusal is
// in the audit trail on return. It is for other rooms, about acts of theirs; the
// object is an id, never a name. Errors: [ErrRole].
func (s *Staff) Require(ctx context.Context, by Identity, name, object string, roles ...writ.Role) error {
	now := s.now()
	if _, err := s.allowed(ctx, s.store, by, &act{roles: roles}, now); isRefusal(err) {
		return errors.Join(err, s.Refuse(ctx, by, name, object, reason(err)))
	} else if err != nil {
		return err
	}
	return nil
}

// reason is what the audit trail says of a refusal: more than the one who was
// refused is told.
func reason(err error) string {
	if t := (*tokenError)(nil); errors.As(err, &t) {
		return t.why.Error()
	}
	return err.Error()
}

// Refuse writes down that somebody was refused an act.
func (s *Staff) Refuse(ctx context.Context, by Identity, name, object, why string) error {
	return s.Append(ctx, Entry{Who: by.Person, By: by.By(), Act: name, Object: object, Outcome: Refused, Why: why, Addr: by.Addr})
}

func get(ctx context.Context, r records.Reader, k []byte, what string, to any) error {
	b, err := r.Get(ctx, k)
	if errors.Is(err, records.ErrNotFound) {
		return fmt.Errorf("%w: %s", ErrNotFound, what)
	}
	if err != nil {
		return fmt.Errorf("couldn't read the staff's records: %w", err)
	}
	return decodeRecord(b, to)
}

// has says whether a record is there.
func has(ctx context.Context, r records.Reader, k []byte) (bool, error) {
	switch _, err := r.Get(ctx, k); {
	case err == nil:
		return true, nil
	case errors.Is(err, records.ErrNotFound):
		return false, nil
	default:
		return false, fmt.Errorf("couldn't read the staff's records: %w", err)
	}
}

// each runs fn over the records of a range, page by page, until it returns false
// or an error.
func each(ctx context.Context, r records.Reader, over records.Range, fn func(records.Entry) (bool, error)) error {
	for {
		entries, more, err := r.Scan(ctx, over)
		if err != nil {
			return fmt.Errorf("couldn't read the staff's records: %w", err)
		}
		for _, e := range entries {
			if on, err := fn(e); err != nil || !on {
				return err
			}
		}
		if !more {
			return nil
		}
		last := entries[len(entries)-1].Key
		if over.Reverse {
			over.End = last
		} else {
			over.Start = append(slices.Clone(last), 0)
		}
	}
}
