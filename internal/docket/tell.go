package docket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/letter"
	"writ/internal/notice"
	"writ/internal/records"
	"writ/internal/staff"
)

// The kinds of notices to customers.
const (
	noticeBefore       = "before"       // before anything is produced
	noticeAfter        = "after"        // after production
	noticeLate         = "late"         // when secrecy has lifted
	noticeReferred     = "referred"     // the authority was sent to the customer
	noticePreservation = "preservation" // data were preserved, and are no longer
)

// Notify tells the customer of a demand by hand: before production, or of a
// referral. What the docket tells by itself is not asked for.
func (d *Docket) Notify(ctx context.Context, who Actor, id writ.CaseID, kind string) (*Case, error) {
	switch kind {
	case noticeBefore, noticeAfter, noticeReferred, noticePreservation:
	default:
		return nil, refuse(ErrBounds, "%q is no notice; it is one of before, after, referred, preservation", kind)
	}
	return d.move(ctx, who, id, func(tx records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		if c.secret() {
			return nil, refuse(ErrState, "the customer must not know of the case yet: the basis of secrecy is %s", c.basis())
		}
		if c.Mark != "" {
			return nil, refuse(ErrState, "a case marked %s tells nobody", c.Mark)
		}
		queued, err := d.notify(ctx, tx, c, kind, d.now(), proven{})
		return []draft{queued}, err
	})
}

// noticeID names a notice, once and for all.
func noticeID(id writ.CaseID, kind string) string { return "notice/" + string(id) + "/" + kind }

// notify puts a notice to the customer on its way, inside the transaction that
// notes it: it goes out if and only if the case says so.
func (d *Docket) notify(ctx context.Context, tx records.Tx, c *Case, kind string, due time.Time, p proven) (draft, error) {
	if c.Subject == nil {
		return draft{}, refuse(ErrState, "nobody has said whose data it is, so there is nobody to tell")
	}
	lang, err := d.language(ctx, c.Subject.Customer)
	if err != nil {
		return draft{}, err
	}
	copied, why := d.copyable(c)
	data, err := d.noticeData(c, kind, copied != nil, why, due, p.commitments)
	if err != nil {
		return draft{}, err
	}
	doc, err := d.Letters.Make(lang, d.head(c, d.customerParty(ctx, c), ""), data)
	if err != nil {
		return draft{}, fmt.Errorf("couldn't write the notice: %w", err)
	}
	pdf, err := doc.PDF()
	if err != nil {
		return draft{}, fmt.Errorf("couldn't write the notice: %w", err)
	}
	m := notice.Message{
		ID: noticeID(c.ID, kind), Case: c.ID, Customer: c.Subject.Customer, Subject: doc.Title, Text: doc.Text(),
		Attachments: []notice.Attachment{{Name: "notice.pdf", MIME: "application/pdf", Body: pdf}}, NotBefore: due, Kind: notice.KindNotice,
	}
	if copied != nil {
		body, err := d.open(ctx, c.ID, *copied)
		if err != nil {
			return draft{}, err
		}
		m.Attachments = append(m.Attachments, notice.Attachment{Name: "demand" + extension(copied.Media), MIME: media(copied.Media), Body: body})
	}
	if len(p.file) > 0 {
		m.Attachments = append(m.Attachments, notice.Attachment{Name: proofFile, MIME: "application/jsonl", Body: p.file})
	}
	if err := d.Notices.AddTx(ctx, tx, m); err != nil {
		return draft{}, fmt.Errorf("couldn't put the notice on its way: %w", err)
	}
	return draft{kind: NoticeQueued, body: noticeQueued{ID: m.ID, Kind: kind, Due: due}, self: true}, nil
}

// proven is what a late notice proves: the receipts as a file, and what they
// are of.
type proven struct {
	file        []byte
	commitments []letter.Commitment
}

// proofFile is the file of receipts that goes with a late notice.
const proofFile = "receipts.jsonl"

// maxCopy is the most bytes of a demand's copy that go with a notice.
const maxCopy = 12 << 20

// copyable is the order's document if a copy may go to the customer, or why
// not.
func (d *Docket) copyable(c *Case) (*Document, string) {
	o := c.order()
	switch {
	case o == nil:
		return nil, "there is no document of it"
	case o.Size > maxCopy:
		return nil, "it is too large to be sent along; ask for it"
	}
	return o, ""
}

func extension(media string) string {
	switch {
	case strings.HasPrefix(media, "application/pdf"):
		return ".pdf"
	case strings.HasPrefix(media, "text/xml"), strings.HasPrefix(media, "application/xml"):
		return ".xml"
	case strings.HasPrefix(media, "image/png"):
		return ".png"
	case strings.HasPrefix(media, "image/jpeg"):
		return ".jpg"
	case strings.HasPrefix(media, "text/plain"):
		return ".txt"
	}
	return ".bin"
}

func media(m string) string {
	m, _, _ = strings.Cut(m, ";")
	return m
}

// subject is the demand as every letter names it.
func (c *Case) subject() letter.Demand {
	m := c.Demand
	out := letter.Demand{Instrument: m.Instrument, Authority: m.Issuer.Name, Reference: m.Reference, Issued: m.Signed, Received: m.Received}
	if o := c.order(); o != nil {
		out.OrderDigest = fmt.Sprintf("%x", o.SHA256)
	}
	return out
}

func (d *Docket) noticeData(c *Case, kind string, copied bool, why string, due time.Time, commitments []letter.Commitment) (letter.Data, error) {
	n := letter.Notice{
		Demand: c.subject(), Classes: c.Demand.Classes, Scope: c.inScope(), CopyAttached: copied, CopyReason: why, Contact: d.Provider.Contact,
	}
	var objects, bytes int64
	var produced time.Time
	if c.Production != nil {
		objects, bytes, produced = c.Production.Objects, c.Production.Bytes, c.Production.At
	}
	switch kind {
	case noticeBefore:
		b := letter.NoticeBefore{Notice: n}
		if c.Secrecy != nil && c.Secrecy.Window > 0 {
			b.ObjectBy = due.Add(c.Secrecy.Window)
		}
		for _, clock := range d.ClocksOf(c) {
			if b.Produce.IsZero() || clock.Due.Before(b.Produce) {
				b.Produce = clock.Due
			}
		}
		return b, nil
	case noticeAfter:
		return letter.NoticeAfter{Notice: n, Produced: produced, Objects: objects, Bytes: bytes, Remedy: c.Demand.Remedy}, nil
	case noticeReferred:
		return letter.NoticeReferral{Notice: n, Referred: d.now(), Preserved: len(c.Preservations) > 0}, nil
	case noticePreservation:
		since, ended := c.kept()
		return letter.NoticePreservation{Notice: n, Since: since, Ended: ended, Produced: c.Production != nil}, nil
	case noticeLate:
		late := letter.NoticeLate{
			Notice: n, Secrecy: writ.Statutory, SecretSince: c.Demand.Received, Lifted: d.now(), LiftedWhy: "—",
			Produced: produced, Objects: objects, Bytes: bytes, Log: d.Origin, Receipt: proofFile, Remedy: c.Demand.Remedy,
			Commitments: commitments,
		}
		if c.Secrecy != nil {
			late.Secrecy, late.LiftedWhy = c.Secrecy.Basis, c.liftedWhy
		}
		return late, nil
	}
	return nil, refuse(ErrBounds, "%q is no notice", kind)
}

// kept is since when, and until when, data were preserved in the case.
func (c *Case) kept() (since, until time.Time) {
	return c.preservedSince, c.preservedUntil
}

// inScope says which data a case is about, in one line.
func (c *Case) inScope() string {
	if c.Scoping == nil {
		return strings.Join(c.Demand.Identifiers, ", ")
	}
	var parts []string
	for _, b := range c.Scoping.Scope.Buckets {
		text := string(b.Bucket)
		var narrow []string
		narrow = append(narrow, b.Prefixes...)
		for _, o := range b.Objects {
			narrow = append(narrow, string(o.Key))
		}
		if len(narrow) > 0 {
			text += " (" + strings.Join(first(narrow, 20), ", ") + ")"
		}
		parts = append(parts, text)
	}
	s := c.Scoping.Scope
	if !s.From.IsZero() || !s.Until.IsZero() {
		parts = append(parts, "from "+stamp(s.From)+" until "+stamp(s.Until))
	}
	if len(parts) == 0 {
		parts = append(parts, c.Demand.Identifiers...)
	}
	return cut(strings.Join(parts, "; "), 3900)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "…"
	}
	return t.UTC().Format(time.RFC3339)
}

// oneLine brings a text onto one line of at most so many bytes.
func oneLine(s string, n int) string {
	return cut(strings.Join(strings.Fields(s), " "), n-len("…"))
}

// cut shortens a text to so many bytes, at the end of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// language is the one in which a customer is told.
func (d *Docket) language(ctx context.Context, customer writ.CustomerID) (string, error) {
	contacts, err := d.Notices.Contacts(ctx, customer)
	if err != nil {
		return "", err
	}
	for _, c := range contacts {
		if c.Language != "" {
			return c.Language, nil
		}
	}
	return d.Provider.Language, nil
}

func (d *Docket) customerParty(ctx context.Context, c *Case) letter.Party {
	customer, err := d.Vault.Customer(ctx, string(c.Subject.Customer))
	if err != nil {
		return letter.Party{Name: string(c.Subject.Customer)}
	}
	return letter.Party{Name: customer.Name}
}

// head is what every letter of a case begins with.
func (d *Docket) head(c *Case, to letter.Party, yours string) letter.Head {
	return letter.Head{
		Sender: letter.Party{Name: d.Provider.Name, Lines: d.Provider.Address}, Addressee: to, Case: c.ID, YourReference: yours,
		Date: d.now(), Zone: d.zone, Signatory: d.Provider.Signatory, Function: d.Provider.Function,
	}
}

// Outcome is told by the queue of notices what became of one, inside the
// transaction that ticks it off. It is given to it as its hooks.
func (d *Docket) Outcome(accepted bool) notice.Hook {
	return func(ctx context.Context, tx records.Tx, m notice.Message, delivery notice.Delivery) error {
		if m.Kind != notice.KindNotice || m.Case == "" {
			return nil
		}
		c, err := readCase(ctx, tx, m.Case)
		if err != nil {
			return err
		}
		why := ""
		if !accepted {
			why = cut(delivery.Detail, 500)
		}
		i := slices.IndexFunc(c.Notices, func(n Notice) bool { return n.ID == m.ID })
		if i < 0 || accepted && !c.Notices[i].Accepted.IsZero() {
			return nil
		}
		sum, err := d.append(ctx, tx, nil, c, []draft{{kind: NoticeDone, body: noticeDone{ID: m.ID, Accepted: accepted, Why: why}}})
		if err == nil {
			d.index.put(sum) // a repeat of the transaction puts it again
		}
		return err
	}
}

var errNoContact = errors.New("the person has no contact to be paged at")

// pageMessage is the short text that calls a person. It goes over other
// people's wires, and says nothing of whose data are asked for.
func (d *Docket) pageMessage(ctx context.Context, c *Case, person writ.Person, clock string, due time.Time, round int) (notice.Message, error) {
	p, err := d.Staff.Person(ctx, person)
	if err != nil {
		return notice.Message{}, err
	}
	contacts := pageContacts(p)
	if len(contacts) == 0 {
		return notice.Message{}, errNoContact
	}
	missing := "look at the case"
	if all := d.missing(c); len(all) > 0 {
		missing = cut(all[0].What, 250)
	}
	doc, err := d.Letters.Make(pageLanguage(p, d.Provider.Language), d.head(c, letter.Party{}, ""), letter.Page{
		Instrument: c.Demand.Instrument, Clock: clock, Due: due, Left: max(due.Sub(d.now()), time.Second), Missing: missing, Drill: c.Mark == Drill,
	})
	if err != nil {
		return notice.Message{}, fmt.Errorf("couldn't write the page: %w", err)
	}
	return notice.Message{
		ID:   fmt.Sprintf("page/%s/%s/%d/%d/%s", c.ID, clock, due.Unix(), round, person),
		Case: c.ID, To: contacts, Subject: doc.Title, Text: doc.Text(), Priority: notice.Urgent, Kind: notice.KindPage,
	}, nil
}

// pageContacts are where a person is paged.
func pageContacts(p staff.Person) (out []notice.Contact) {
	for _, c := range p.Contacts {
		kind := notice.ByMail
		if c.Kind == staff.ContactWebhook {
			kind = notice.ByWebhook
		}
		out = append(out, notice.Contact{Kind: kind, Address: c.To})
	}
	return out
}

func pageLanguage(p staff.Person, otherwise string) string {
	if len(p.Languages) > 0 {
		return p.Languages[0]
	}
	return otherwise
}
