package staff

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ"
	"writ/internal/records"
)

// Page is a call for somebody: raised once for what it is about, and sent to one
// person after the other until one acknowledges it.
type Page struct {
	About  string // an id: of a case and its clock
	Role   writ.Role
	Order  []writ.Person // as it was when the page was raised; never empty
	Raised time.Time
	Every  time.Duration // how long somebody has before the next is paged
	Steps  int           // how many times it was sent
	Last   time.Time     // when it was last sent
	Acked  time.Time     // zero while nobody has acknowledged it
	By     writ.Person   // who did
}

// Step is the sending of a page to one person.
type Step struct {
	Number int // from 0
	Person writ.Person
	Due    time.Time
	Round  int // from 0: how often everybody in the order was paged before
}

// ErrNobody: nobody is on call for the role; see [Staff.Gaps].
var ErrNobody = errors.New("nobody is on call")

// maxEvery is the longest that somebody has to acknowledge a page.
const maxEvery = 24 * time.Hour

// Next says who is to be paged next and when; ok is false if nobody is, because
// the page was acknowledged or its time has not come. After the last in the order
// comes the first again, as long as nobody acknowledges. It is pure.
func Next(p Page, now time.Time) (step Step, ok bool) {
	if !p.Acked.IsZero() || len(p.Order) == 0 || p.Steps < 0 {
		return Step{}, false
	}
	step = Step{Number: p.Steps, Person: p.Order[p.Steps%len(p.Order)], Due: p.Raised, Round: p.Steps / len(p.Order)}
	if p.Steps > 0 {
		step.Due = p.Last.Add(p.Every)
	}
	return step, !step.Due.After(now)
}

func pageKey(about string) []byte {
	sum := sha256.Sum256([]byte(about))
	return key(tagPage, string(sum[:16]))
}

func (r *pageRecord) page() Page {
	return Page{About: r.About, Role: r.Role, Order: r.Order, Raised: fromNano(r.Raised), Every: time.Duration(r.Every), Steps: r.Steps, Last: fromNano(r.Last), Acked: fromNano(r.Acked), By: r.AckedBy}
}

// Raise calls the holders of a role, in the order of now. A page about the same
// thing that is there already is returned as it is, so that raising twice pages
// once. Errors: [ErrNobody], [ErrForm].
func (s *Staff) Raise(ctx context.Context, about string, role writ.Role, every time.Duration) (Page, error) {
	if err := checkText("what a page is about", about, 1, maxObject); err != nil {
		return Page{}, err
	}
	if every < time.Minute || every > maxEvery {
		return Page{}, fmt.Errorf("%w: the next is paged after a minute to a day", ErrForm)
	}
	var page Page
	err := records.Retry(ctx, s.store, func(tx records.Tx) error {
		var rec pageRecord
		err := get(ctx, tx, pageKey(about), "page", &rec)
		if err == nil {
			page = rec.page()
			return nil
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		c, err := s.calling(ctx, tx, role)
		if err != nil {
			return err
		}
		now := s.now()
		order, err := c.at(nano(now))
		if err != nil {
			return err
		}
		if len(order) == 0 {
			return fmt.Errorf("%w for the role %s", ErrNobody, role)
		}
		rec = pageRecord{About: about, Role: role, Order: order, Raised: nano(now), Every: int64(every)}
		page = rec.page()
		tx.Put(pageKey(about), encodeRecord(rec))
		return nil
	})
	return page, err
}

// Sent writes down that a step of a page was sent. If another sender came first,
// ok is false: who sends asks before, so that nobody is paged twice.
func (s *Staff) Sent(ctx context.Context, about string, number int) (ok bool, err error) {
	err = records.Retry(ctx, s.store, func(tx records.Tx) error {
		var rec pageRecord
		if err := get(ctx, tx, pageKey(about), "page", &rec); err != nil {
			return err
		}
		if ok = rec.Acked == 0 && rec.Steps == number; ok {
			rec.Steps, rec.Last = rec.Steps+1, nano(s.now())
			tx.Put(pageKey(about), encodeRecord(rec))
		}
		return nil
	})
	return ok, err
}

// Ack acknowledges a page: from then on nobody is paged about it. It takes
// somebody in its order, or with its role. To acknowledge twice is no error; the
// first counts.
func (s *Staff) Ack(ctx context.Context, by Identity, about string) error {
	page, err := s.Page(ctx, about)
	if err != nil {
		return err
	}
	a := &act{name: "page.ack", object: about, roles: []writ.Role{page.Role}}
	if slices.Contains(page.Order, by.Person) {
		a.self = by.Person
	}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, _ bool) error {
		rec := new(pageRecord)
		if err := get(ctx, tx, pageKey(about), "page", rec); err != nil {
			return err
		}
		if rec.Acked == 0 {
			rec.Acked, rec.AckedBy = nano(now), by.Person
			tx.Put(pageKey(about), encodeRecord(rec))
		}
		return nil
	})
}

// Page returns the page about something. Errors: [ErrNotFound].
func (s *Staff) Page(ctx context.Context, about string) (Page, error) {
	var rec pageRecord
	if err := get(ctx, s.store, pageKey(about), "page about "+clip(about, maxObject), &rec); err != nil {
		return Page{}, err
	}
	return rec.page(), nil
}

// Pages returns the pages that nobody has acknowledged, the oldest first.
func (s *Staff) Pages(ctx context.Context) (open []Page, err error) {
	err = each(ctx, s.store, records.Prefix(key(tagPage)), func(e records.Entry) (bool, error) {
		var rec pageRecord
		if err := decodeRecord(e.Value, &rec); err != nil {
			return false, err
		}
		if rec.Acked == 0 {
			open = append(open, rec.page())
		}
		return true, nil
	})
	slices.SortStableFunc(open, func(a, b Page) int { return a.Raised.Compare(b.Raised) })
	return open, err
}

// Withdraw removes the page about something that is over, acknowledged or not. If
// there is none it succeeds.
func (s *Staff) Withdraw(ctx context.Context, about string) error {
	var b records.Batch
	b.Delete(pageKey(about))
	return s.store.Apply(ctx, &b)
}
