package signin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
	"writ/internal/staff"
	"writ/internal/throttle"
)

// How long sessions last. Who handles demands works in view of others and with
// what must not be seen; a working day is the longest that one sign-in should stand
// for. A customer's users look after their own data, seldom and at length.
const (
	idle         = 30 * time.Minute
	life         = 12 * time.Hour
	customerIdle = 2 * time.Hour
	customerLife = 24 * time.Hour

	seenEvery   = time.Minute // how exact it is kept when a session was seen
	maxSessions = 20          // of one account; the oldest goes
	maxMoves    = 20          // to other networks; then the session ends
)

// Session is somebody signed in at one browser.
type Session struct {
	ID      string // public: what the audit trail and the lists say
	Account Account
	Began   time.Time
	Seen    time.Time // to the minute
	Ends    time.Time // at the latest
	Fresh   time.Time // the last verification by passkey; zero: none, or not on this network
	By      string    // "passkey" and its id, or "oidc"
	Addr    netip.Addr
	Agent   string // the browser's family, "Firefox on Linux"
}

func (r *sessionRecord) session(id string) (Session, error) {
	a, err := ParseAccount(r.Account)
	if err != nil {
		return Session{}, fmt.Errorf("%w: the account of session %s", ErrRecords, id)
	}
	addr, _ := netip.ParseAddr(r.Addr)
	return Session{
		ID: id, Account: a, Began: fromNano(r.Began), Seen: fromNano(r.Seen), Ends: fromNano(r.Ends), Fresh: fromNano(r.Fresh), By: r.By, Addr: addr, Agent: r.Agent,
	}, nil
}

func idleFor(k Kind) time.Duration {
	if k == KindCustomer {
		return customerIdle
	}
	return idle
}

// over says why a session is over, empty if it isn't. The clock is read after the
// record: a time ahead of it means that the clock went back, and then nobody knows
// how long the session has lasted.
func (s *Signin) over(ctx context.Context, r records.Reader, rec *sessionRecord) (why string, err error) {
	a, err := ParseAccount(rec.Account)
	if err != nil {
		return "", fmt.Errorf("%w: a session's account", ErrRecords)
	}
	now := nano(s.now())
	switch {
	case now < rec.Began || now < rec.Seen || now < rec.Fresh:
		return "the clock went back", nil
	case now >= rec.Ends:
		return "its time is over", nil
	case now-rec.Seen >= int64(idleFor(a.Kind)):
		return "nobody was there for a while", nil
	case rec.Moves > maxMoves:
		return "it came from too many networks", nil
	}
	return s.stands(ctx, r, a)
}

// session reads a session that is in force. Errors: [ErrNoSession].
func (s *Signin) session(ctx context.Context, r records.Reader, id string) (*sessionRecord, error) {
	rec := new(sessionRecord)
	err := get(ctx, r, key(tagSession, id), "session", rec)
	if errors.Is(err, staff.ErrNotFound) {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, err
	}
	why, err := s.over(ctx, r, rec)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return nil, ErrNoSession
	}
	return rec, nil
}

// Session says whose a cookie is. agent is the browser's User-Agent. A session that
// is over, or whose cookie turns up in another browser, is ended here and audited; one
// that comes from another network goes on, is audited, and must be verified by
// passkey before it approves anything. Errors: [ErrNoSession].
func (s *Signin) Session(ctx context.Context, cookie string, addr netip.Addr, agent string) (Session, error) {
	if len(cookie) != 43 {
		return Session{}, ErrNoSession
	}
	addr, hash := clean(addr), cookieHash(cookie)
	id, err := value(ctx, s.Records, key(tagCookie, hash))
	if err != nil {
		return Session{}, err
	}
	if id == nil {
		return Session{}, ErrNoSession
	}
	rec := new(sessionRecord)
	if err := get(ctx, s.Records, key(tagSession, string(id)), "session", rec); err != nil {
		return Session{}, gone(err)
	}
	why, err := s.over(ctx, s.Records, rec)
	if err != nil {
		return Session{}, err
	}
	if why == "" && rec.Agent != family(agent) {
		why = "its cookie came from another browser (" + family(agent) + ")"
	}
	if why != "" {
		return Session{}, errors.Join(ErrNoSession, s.end(ctx, string(id), "session.end", why, addr))
	}
	before, _ := netip.ParseAddr(rec.Addr)
	moved := throttle.Network(before) != throttle.Network(addr)
	if moved || s.now().Sub(fromNano(rec.Seen)) >= seenEvery {
		if rec, err = s.touch(ctx, string(id), hash, addr); err != nil {
			return Session{}, err
		}
	}
	return rec.session(string(id))
}

func gone(err error) error {
	if errors.Is(err, staff.ErrNotFound) {
		return ErrNoSession
	}
	return err
}

// touch notes that a session was seen, and from where.
func (s *Signin) touch(ctx context.Context, id, hash string, addr netip.Addr) (rec *sessionRecord, err error) {
	err = records.Retry(ctx, s.Records, func(tx records.Tx) error {
		if rec, err = s.session(ctx, tx, id); err != nil {
			return err
		}
		if !bytes.Equal(rec.Cookie, []byte(hash)) { // exchanged meanwhile
			return ErrNoSession
		}
		before, _ := netip.ParseAddr(rec.Addr)
		if throttle.Network(before) != throttle.Network(addr) {
			a, err := ParseAccount(rec.Account)
			if err != nil {
				return fmt.Errorf("%w: the account of session %s", ErrRecords, id)
			}
			rec.Addr, rec.Fresh, rec.Moves = addr.String(), 0, rec.Moves+1
			if err := s.Staff.AppendTx(ctx, tx, staff.Entry{Who: a.Person, By: "session " + id, Act: "session.move", Object: rec.Account, Why: "another network", Addr: addr}); err != nil {
				return err
			}
		}
		rec.Seen = nano(s.now())
		tx.Put(key(tagSession, id), encode(rec))
		return nil
	})
	return rec, err
}

// Identity is a staff session's person, with the roles held now. Errors:
// [ErrNoSession].
func (s *Signin) Identity(ctx context.Context, session Session) (staff.Identity, error) {
	if session.Account.Kind != KindStaff {
		return staff.Identity{}, ErrNoSession
	}
	return s.Staff.Renew(ctx, staff.Identity{Person: session.Account.Person, Session: session.ID, Addr: session.Addr})
}

// enter begins a session in a transaction, and returns its cookie.
func (s *Signin) enter(ctx context.Context, tx records.Tx, a Account, by string, verified bool, addr netip.Addr, agent string) (cookie string, _ Session, err error) {
	if err := s.makeRoom(ctx, tx, a); err != nil {
		return "", Session{}, err
	}
	now, lasts := s.now(), life
	if a.Kind == KindCustomer {
		lasts = customerLife
	}
	cookie = secret()
	id, hash := newID(), cookieHash(cookie)
	rec := &sessionRecord{
		Account: a.ID(), Cookie: []byte(hash), Began: nano(now), Seen: nano(now), Ends: nano(now.Add(lasts)), By: by, Addr: addr.String(), Agent: family(agent),
	}
	if verified {
		rec.Fresh = nano(now)
	}
	tx.Put(key(tagSession, id), encode(rec))
	tx.Put(key(tagCookie, hash), []byte(id))
	tx.Put(key(tagSessionsOf, a.ID(), id), nil)
	if err := s.Staff.AppendTx(ctx, tx, staff.Entry{Who: a.Person, By: "session " + id, Act: "sign-in", Object: a.ID(), Why: "by " + by, Addr: addr}); err != nil {
		return "", Session{}, err
	}
	session, err := rec.session(id)
	return cookie, session, err
}

// makeRoom ends the oldest sessions of an account that has too many.
func (s *Signin) makeRoom(ctx context.Context, tx records.Tx, a Account) error {
	ids, recs, err := s.sessionsOf(ctx, tx, a)
	if err != nil {
		return err
	}
	slices.SortFunc(ids, func(a, b string) int { return int(min(1, max(-1, recs[a].Began-recs[b].Began))) })
	for len(ids) >= maxSessions {
		if err := s.endTx(ctx, tx, ids[0], recs[ids[0]], "session.end", "the account has too many", netip.Addr{}); err != nil {
			return err
		}
		ids = ids[1:]
	}
	return nil
}

func (s *Signin) sessionsOf(ctx context.Context, r records.Reader, a Account) ([]string, map[string]*sessionRecord, error) {
	ids, err := keysOf(ctx, r, key(tagSessionsOf, a.ID(), ""), 2*maxSessions)
	if err != nil {
		return nil, nil, err
	}
	recs := map[string]*sessionRecord{}
	for _, id := range ids {
		rec := new(sessionRecord)
		if err := get(ctx, r, key(tagSession, id), "session "+id, rec); err != nil {
			return nil, nil, err
		}
		recs[id] = rec
	}
	return ids, recs, nil
}

// exchange gives a session another cookie and notes the verification, in a
// transaction: whoever had the old cookie is out.
func (s *Signin) exchange(tx records.Tx, id string, rec *sessionRecord) (cookie string, _ Session, err error) {
	cookie = secret()
	hash, now := cookieHash(cookie), nano(s.now())
	tx.Delete(key(tagCookie, string(rec.Cookie)))
	tx.Put(key(tagCookie, hash), []byte(id))
	rec.Cookie, rec.Fresh, rec.Seen = []byte(hash), now, now
	tx.Put(key(tagSession, id), encode(rec))
	session, err := rec.session(id)
	return cookie, session, err
}

// endTx ends a session in a transaction.
func (s *Signin) endTx(ctx context.Context, tx records.Tx, id string, rec *sessionRecord, act, why string, addr netip.Addr) error {
	tx.Delete(key(tagSession, id))
	tx.Delete(key(tagCookie, string(rec.Cookie)))
	tx.Delete(key(tagSessionsOf, rec.Account, id))
	a, err := ParseAccount(rec.Account)
	if err != nil {
		return fmt.Errorf("%w: the account of session %s", ErrRecords, id)
	}
	return s.Staff.AppendTx(ctx, tx, staff.Entry{Who: a.Person, By: "session " + id, Act: act, Object: rec.Account, Why: why, Addr: addr})
}

// end ends a session of itself. That it ended meanwhile is no error.
func (s *Signin) end(ctx context.Context, id, act, why string, addr netip.Addr) error {
	return records.Retry(ctx, s.Records, func(tx records.Tx) error {
		rec := new(sessionRecord)
		err := get(ctx, tx, key(tagSession, id), "session", rec)
		if errors.Is(err, staff.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.endTx(ctx, tx, id, rec, act, why, addr)
	})
}

// SignOut ends a session, as whoever sits there wants.
func (s *Signin) SignOut(ctx context.Context, session Session) error {
	return s.end(ctx, session.ID, "sign-out", "", session.Addr)
}

// Sessions lists an account's sessions that are in force, the newest first. Who may
// see them is the caller's to decide.
func (s *Signin) Sessions(ctx context.Context, a Account) ([]Session, error) {
	ids, recs, err := s.sessionsOf(ctx, s.Records, a)
	if err != nil {
		return nil, err
	}
	var list []Session
	for _, id := range ids {
		why, err := s.over(ctx, s.Records, recs[id])
		if err != nil {
			return nil, err
		}
		if why != "" {
			continue
		}
		one, err := recs[id].session(id)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Session) int { return b.Began.Compare(a.Began) })
	return list, nil
}

// AccountOfSession says whose a session is. Errors: [staff.ErrNotFound].
func (s *Signin) AccountOfSession(ctx context.Context, id string) (Account, error) {
	rec := new(sessionRecord)
	if err := get(ctx, s.Records, key(tagSession, id), "this session", rec); err != nil {
		return Account{}, err
	}
	return ParseAccount(rec.Account)
}

// keepers are the roles that look after accounts of a kind.
func keepers(k Kind) []writ.Role {
	if k == KindOfficer {
		return []writ.Role{writ.RoleIntake, writ.RoleCounsel}
	}
	return []writ.Role{writ.RoleOperator}
}

// Revoke ends a session. It takes whoever sits there, an operator (for an officer
// intake or counsel), or a user of the same customer. Errors: [staff.ErrNotFound].
func (s *Signin) Revoke(ctx context.Context, by Actor, id string) error {
	a, err := s.AccountOfSession(ctx, id)
	if err != nil {
		return err
	}
	w := &want{act: "session.revoke", object: a.ID(), why: "session " + id, of: a, roles: keepers(a.Kind), self: true, colleagues: true}
	return s.change(ctx, by, w, func(tx records.Tx, _ time.Time) error {
		rec := new(sessionRecord)
		if err := get(ctx, tx, key(tagSession, id), "this session", rec); err != nil {
			return err
		}
		return s.endTx(ctx, tx, id, rec, "session.end", "revoked by "+by.name(), by.addr())
	})
}

// RevokeAll ends all sessions of an account. It takes who may [Signin.Revoke].
func (s *Signin) RevokeAll(ctx context.Context, by Actor, a Account) error {
	if err := a.check(); err != nil {
		return err
	}
	w := &want{act: "session.revoke", object: a.ID(), why: "all", of: a, roles: keepers(a.Kind), self: true, colleagues: true}
	return s.change(ctx, by, w, func(tx records.Tx, _ time.Time) error {
		return s.endAll(ctx, tx, a, "revoked by "+by.name(), func(*sessionRecord) bool { return true })
	})
}

// endAll ends those sessions of an account that match.
func (s *Signin) endAll(ctx context.Context, tx records.Tx, a Account, why string, match func(*sessionRecord) bool) error {
	ids, recs, err := s.sessionsOf(ctx, tx, a)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if match(recs[id]) {
			if err := s.endTx(ctx, tx, id, recs[id], "session.end", why, netip.Addr{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// trust is the room as the staff sees it.
type trust struct{ *Signin }

// Session implements [staff.Sessions].
func (t trust) Session(ctx context.Context, r records.Reader, id string, p writ.Person) (time.Time, error) {
	rec, err := t.session(ctx, r, id)
	if err != nil {
		return time.Time{}, err
	}
	if rec.Account != StaffAccount(p).ID() {
		return time.Time{}, ErrNoSession
	}
	return fromNano(rec.Fresh), nil
}

// CanSignIn implements [staff.Sessions].
func (t trust) CanSignIn(ctx context.Context, r records.Reader, p writ.Person) (bool, error) {
	_, recs, err := t.passkeysOf(ctx, r, StaffAccount(p))
	for _, rec := range recs {
		if rec.works() {
			return true, err
		}
	}
	return false, err
}
