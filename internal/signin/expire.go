package signin

import (
	"context"
	"errors"
	"net/netip"

	"writ/internal/records"
	"writ/internal/staff"
)

// Expire removes sessions that are over, invitations that nobody used and passkeys
// that nobody confirmed. It changes nothing of who may sign in; the server calls it
// now and then.
func (s *Signin) Expire(ctx context.Context) error {
	return errors.Join(s.expireSessions(ctx), s.expireInvitations(ctx), s.expireWaiting(ctx))
}

// eachKey runs fn over what follows a prefix in the keys, page by page.
func (s *Signin) eachKey(ctx context.Context, prefix []byte, fn func(rest string) error) error {
	over := records.Prefix(prefix)
	over.KeysOnly = true
	for {
		entries, more, err := s.Records.Scan(ctx, over)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := fn(string(e.Key[len(prefix):])); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		over.Start = append(append([]byte{}, entries[len(entries)-1].Key...), 0)
	}
}

func (s *Signin) expireSessions(ctx context.Context) error {
	return s.eachKey(ctx, key(tagSession), func(id string) error {
		rec := new(sessionRecord)
		if err := get(ctx, s.Records, key(tagSession, id), "session", rec); err != nil {
			return passed(err)
		}
		why, err := s.over(ctx, s.Records, rec)
		if err != nil || why == "" {
			return err
		}
		return s.end(ctx, id, "session.end", why, netip.Addr{})
	})
}

func (s *Signin) expireInvitations(ctx context.Context) error {
	return s.eachKey(ctx, key(tagInvitation), func(hash string) error {
		_, a, err := s.invitation(ctx, s.Records, hash)
		if !errors.Is(err, ErrInvitation) || a == (Account{}) {
			return passed(err)
		}
		return records.Retry(ctx, s.Records, func(tx records.Tx) error {
			current, err := value(ctx, tx, key(tagInvitationOf, a.ID()))
			if err == nil && string(current) == hash {
				err = s.dropInvitation(ctx, tx, a)
			}
			return err
		})
	})
}

func (s *Signin) expireWaiting(ctx context.Context) error {
	return s.eachKey(ctx, key(tagPasskey), func(id string) error {
		return records.Retry(ctx, s.Records, func(tx records.Tx) error {
			rec, err := getPasskey(ctx, tx, id)
			if err != nil {
				return passed(err)
			}
			if rec.Waits && !within(rec.Added, s.now(), staff.ProposalLife) {
				drop(tx, id, rec)
				return s.Staff.AppendTx(ctx, tx, staff.Entry{By: "retention", Act: "passkey.decline", Object: id, Why: "nobody confirmed it in seven days"})
			}
			return nil
		})
	})
}

// passed forgives what went away meanwhile.
func passed(err error) error {
	if errors.Is(err, staff.ErrNotFound) || errors.Is(err, ErrInvitation) {
		return nil
	}
	return err
}
