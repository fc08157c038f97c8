package staff

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/records"
)

// Source is where a contact was taken from.
type Source string

// The sources. There is none for the demand: who forges one names a telephone of
// their own.
const (
	FromRegister  Source = "register"  // a public register or official gazette
	FromWebsite   Source = "website"   // the authority's own pages, found independently
	FromDirectory Source = "directory" // a telephone or judicial directory
	FromList      Source = "list"      // the lists that states notify (EU, Council of Europe, treaties)
	FromMeeting   Source = "meeting"   // in person, or a liaison who is known
)

var sources = []Source{FromRegister, FromWebsite, FromDirectory, FromList, FromMeeting}

// CallBack is a contact by which a demand is checked: independent of any demand.
// It counts once somebody else has verified it.
type CallBack struct {
	ID         string
	Phone      string // as in +49 30 555 0100
	Where      string // switchboard, department
	Source     Source
	Detail     string // which register, which page, read when
	TakenBy    writ.Person
	TakenAt    time.Time
	VerifiedBy writ.Person
	VerifiedAt time.Time
}

func (r *callBackRecord) callBack() CallBack {
	return CallBack{
		ID: r.ID, Phone: r.Phone, Where: r.Where, Source: r.Source, Detail: r.Detail, TakenBy: r.TakenBy, TakenAt: fromNano(r.TakenAt),
		VerifiedBy: r.VerifiedBy, VerifiedAt: fromNano(r.VerifiedAt),
	}
}

// Verified says whether two people stand behind the contact.
func (c CallBack) Verified() bool { return !c.VerifiedAt.IsZero() }

func (c CallBack) check() error {
	if err := checkText("where the call goes", c.Where, 0, maxOfficial); err != nil {
		return err
	}
	if err := checkText("the source's detail", c.Detail, 1, maxWhy); err != nil {
		return err
	}
	if !slices.Contains(sources, c.Source) {
		return fmt.Errorf("%w: a contact is taken from one of %q, never from the demand itself", ErrForm, sources)
	}
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, c.Phone)
	if len(digits) < 5 || len(digits) > 20 || !strings.HasPrefix(c.Phone, "+") || strings.Trim(c.Phone, "+0123456789 ()-/.") != "" || len(c.Phone) > 40 {
		return fmt.Errorf("%w: a telephone number is international, as in +49 30 555 0100", ErrForm)
	}
	return nil
}

// AddCallBack keeps a contact to call back: its number, source and detail. It takes
// intake or counsel, and returns the contact's id.
func (s *Staff) AddCallBack(ctx context.Context, by Identity, id writ.AuthorityID, c CallBack) (string, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	rec := callBackRecord{ID: rand.Text()[:8], Phone: c.Phone, Where: c.Where, Source: c.Source, Detail: c.Detail, TakenBy: by.Person}
	err := s.changeAuthority(ctx, by, "authority.contact.add", directory, id, func(_ records.Tx, r *authorityRecord, now time.Time) (string, error) {
		if len(r.CallBacks) >= maxCallBacks {
			return "", fmt.Errorf("%w: an authority has at most %d contacts", ErrForm, maxCallBacks)
		}
		rec.TakenAt = nano(now)
		r.CallBacks = append(r.CallBacks, rec)
		return rec.ID + " from " + string(c.Source), nil
	})
	return rec.ID, err
}

// VerifyCallBack says that a contact was found again, in its source or another. It
// takes intake or counsel, and another person than the one who took it. It may be
// repeated: the newest counts. Errors: [ErrAlone].
func (s *Staff) VerifyCallBack(ctx context.Context, by Identity, id writ.AuthorityID, contact string) error {
	return s.changeAuthority(ctx, by, "authority.contact.verify", directory, id, func(_ records.Tx, r *authorityRecord, now time.Time) (string, error) {
		c, err := r.callBack(contact)
		if err != nil {
			return "", err
		}
		if c.TakenBy == by.Person {
			return "", fmt.Errorf("%w: you took the contact: somebody else verifies it", ErrAlone)
		}
		c.VerifiedBy, c.VerifiedAt = by.Person, nano(now)
		return contact, nil
	})
}

// RemoveCallBack removes a contact; history has it still. It takes intake or
// counsel.
func (s *Staff) RemoveCallBack(ctx context.Context, by Identity, id writ.AuthorityID, contact string) error {
	return s.changeAuthority(ctx, by, "authority.contact.remove", directory, id, func(_ records.Tx, r *authorityRecord, _ time.Time) (string, error) {
		if _, err := r.callBack(contact); err != nil {
			return "", err
		}
		r.CallBacks = slices.DeleteFunc(r.CallBacks, func(c callBackRecord) bool { return c.ID == contact })
		return contact, nil
	})
}

func (r *authorityRecord) callBack(id string) (*callBackRecord, error) {
	for i := range r.CallBacks {
		if r.CallBacks[i].ID == id {
			return &r.CallBacks[i], nil
		}
	}
	return nil, fmt.Errorf("%w: the authority has no such contact", ErrNotFound)
}
