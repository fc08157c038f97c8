package staff

import (
	"context"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"writ"
	"writ/internal/records"
)

// Company says in which capacity somebody works here.
type Company string

// The capacities.
const (
	Employee                Company = "employee"
	OutsideCounsel          Company = "outside-counsel"
	LegalRepresentative     Company = "legal-representative"     // Directive (EU) 2023/1544, Article 2(6)
	DesignatedEstablishment Company = "designated-establishment" // the same, Article 2(5)
	OutsideCustodian        Company = "outside-custodian"        // holds a key for signing writs, and works for somebody else
)

var companies = []Company{Employee, OutsideCounsel, LegalRepresentative, DesignatedEstablishment, OutsideCustodian}

// ContactKind is a way of paging.
type ContactKind string

// The ways.
const (
	ContactMail    ContactKind = "mail"
	ContactWebhook ContactKind = "webhook"
)

// Contact is where a person is paged. A webhook's URL may hold a secret: it is
// shown to its person and to operators, and never in the audit trail.
type Contact struct {
	Kind ContactKind `cbor:"1,keyasint"`
	To   string      `cbor:"2,keyasint"` // a mail address, or an https URL
}

// Profile is what is known of a person.
type Profile struct {
	Name      string   // to show; at most 100 bytes
	Languages []string // BCP 47, the preferred one first
	Contacts  []Contact
	Company   Company // default [Employee]
	Firm      string  // of outside counsel and custodians: whose
}

// Person is somebody who works here, or did.
type Person struct {
	ID writ.Person
	Profile
	Joined      time.Time
	Left        time.Time // zero while the person is here
	Assignments []Assignment
}

// Bounds.
const (
	maxPersons     = 10_000
	maxName        = 100
	maxContacts    = 8
	maxLanguages   = 8
	maxAssignments = 500 // of one person, past ones included
)

// check makes a profile canonical, or says what is wrong with it.
func (p *Profile) check() error {
	if err := checkText("the display name", p.Name, 1, maxName); err != nil {
		return err
	}
	if err := checkText("the firm", p.Firm, 0, maxName); err != nil {
		return err
	}
	if p.Company == "" {
		p.Company = Employee
	}
	if !slices.Contains(companies, p.Company) {
		return fmt.Errorf("%w: %q is not a capacity (one of %q)", ErrForm, p.Company, companies)
	}
	if len(p.Languages) > maxLanguages || len(p.Contacts) > maxContacts {
		return fmt.Errorf("%w: a person has at most %d languages and %d contacts", ErrForm, maxLanguages, maxContacts)
	}
	p.Languages, p.Contacts = slices.Clone(p.Languages), slices.Clone(p.Contacts)
	for i, l := range p.Languages {
		tag, err := language.Parse(l)
		if err != nil || len(l) > 35 {
			return fmt.Errorf("%w: %q is not a language (as in de or fr-BE)", ErrForm, clip(l, 40))
		}
		p.Languages[i] = tag.String()
	}
	for _, c := range p.Contacts {
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Contact) check() error {
	switch c.Kind {
	case ContactMail:
		_, err := mailDomain(c.To)
		return err
	case ContactWebhook:
		u, err := url.Parse(c.To)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(c.To) > 500 {
			return fmt.Errorf("%w: a webhook is an https URL of at most 500 bytes, without a user in it", ErrForm)
		}
		return nil
	}
	return fmt.Errorf("%w: a contact is of kind mail or webhook", ErrForm)
}

// mailDomain checks a plain mail address and returns its domain in lower case.
func mailDomain(address string) (string, error) {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Name != "" || a.Address != address || len(address) > 254 {
		return "", fmt.Errorf("%w: a mail address is plain (as in counsel@fjordhost.example)", ErrForm)
	}
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:]), nil
}

func getPerson(ctx context.Context, r records.Reader, p writ.Person) (*personRecord, error) {
	rec := new(personRecord)
	if err := get(ctx, r, personKey(p), "person "+clip(string(p), 64), rec); err != nil {
		return nil, err
	}
	return rec, nil
}

func (r *personRecord) gone(now time.Time) bool { return r.Left != 0 && r.Left <= nano(now) }

func (r *personRecord) person(id writ.Person) Person {
	p := Person{
		ID: id, Joined: fromNano(r.Joined), Left: fromNano(r.Left),
		Profile: Profile{Name: r.Name, Languages: r.Languages, Contacts: r.Contacts, Company: r.Company, Firm: r.Firm},
	}
	for _, a := range r.Assignments {
		p.Assignments = append(p.Assignments, a.assignment(id))
	}
	return p
}

// AddPerson names a person, who has no role yet. It takes an operator; a name is
// never used again, not even of somebody who left. Errors: [ErrExists],
// [ErrForm].
func (s *Staff) AddPerson(ctx context.Context, by Identity, id writ.Person, p Profile) error {
	if _, err := writ.ParsePerson(string(id)); err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	if err := p.check(); err != nil {
		return err
	}
	if known, more, err := s.store.Scan(ctx, records.Range{Start: key(tagPerson), End: key(tagPerson + 1), Limit: maxPersons, KeysOnly: true}); err != nil {
		return fmt.Errorf("couldn't read the staff's records: %w", err)
	} else if more || len(known) >= maxPersons {
		return fmt.Errorf("%w: there are %d persons already, and no more are kept", ErrForm, maxPersons)
	}
	a := &act{name: "person.add", object: string(id), roles: operators, socket: true}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, _ bool) error {
		if there, err := has(ctx, tx, personKey(id)); err != nil {
			return err
		} else if there {
			return fmt.Errorf("%w: a person %s; names are not used twice", ErrExists, id)
		}
		r := &personRecord{Joined: nano(now)}
		r.set(p)
		tx.Put(personKey(id), encodeRecord(r))
		return nil
	})
}

func (r *personRecord) set(p Profile) {
	r.Name, r.Languages, r.Contacts, r.Company, r.Firm = p.Name, p.Languages, p.Contacts, p.Company, p.Firm
}

// SetProfile changes what is known of a person. It takes an operator, or the
// person. Only an operator changes the capacity and the firm.
func (s *Staff) SetProfile(ctx context.Context, by Identity, id writ.Person, p Profile) error {
	if err := p.check(); err != nil {
		return err
	}
	a := &act{name: "person.change", object: string(id), roles: operators, self: id, socket: true}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, bootstrap bool) error {
		r, err := s.present(ctx, tx, id, now)
		if err != nil {
			return err
		}
		if (r.Company != p.Company || r.Firm != p.Firm) && !bootstrap {
			if _, err := s.allowed(ctx, tx, by, &act{roles: operators}, now); err != nil {
				return err
			}
		}
		a.why = r.differences(p)
		r.set(p)
		tx.Put(personKey(id), encodeRecord(r))
		return nil
	})
}

// differences names the fields that a profile changes, without what is in them.
func (r *personRecord) differences(p Profile) string {
	var fields []string
	for name, same := range map[string]bool{
		"name": r.Name == p.Name, "languages": slices.Equal(r.Languages, p.Languages),
		"contacts": slices.Equal(r.Contacts, p.Contacts), "capacity": r.Company == p.Company, "firm": r.Firm == p.Firm,
	} {
		if !same {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	return strings.Join(fields, ", ")
}

// present reads a person who is still here.
func (s *Staff) present(ctx context.Context, r records.Reader, id writ.Person, now time.Time) (*personRecord, error) {
	p, err := getPerson(ctx, r, id)
	if err != nil {
		return nil, err
	}
	if p.gone(now) {
		return nil, fmt.Errorf("%w: %s left at %s", ErrState, id, fromNano(p.Left).Format(time.RFC3339))
	}
	return p, nil
}

// Leave ends all of a person's roles and tokens, at once and for good, and drops
// the contacts. Name and history stay: old signatures and cases bear them. It
// takes an operator. Errors: [ErrLastOperators].
func (s *Staff) Leave(ctx context.Context, by Identity, id writ.Person) error {
	a := &act{name: "person.leave", object: string(id), roles: operators}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, _ bool) error {
		r, err := s.present(ctx, tx, id, now)
		if err != nil {
			return err
		}
		if err := keepsOperators(ctx, tx, id, "", now); err != nil {
			return err
		}
		r.Left, r.Contacts = nano(now), nil
		tx.Put(personKey(id), encodeRecord(r))
		return nil
	})
}

// Person returns one person. Errors: [ErrNotFound].
func (s *Staff) Person(ctx context.Context, id writ.Person) (Person, error) {
	r, err := getPerson(ctx, s.store, id)
	if err != nil {
		return Person{}, err
	}
	return r.person(id), nil
}

// Persons returns all persons in order of their names, those who left too.
func (s *Staff) Persons(ctx context.Context) ([]Person, error) {
	all, err := allPersons(ctx, s.store)
	if err != nil {
		return nil, err
	}
	list := make([]Person, 0, len(all.order))
	for _, id := range all.order {
		list = append(list, all.by[id].person(id))
	}
	return list, nil
}

// people are all persons as the records have them at one moment.
type people struct {
	order []writ.Person
	by    map[writ.Person]*personRecord
}

func allPersons(ctx context.Context, r records.Reader) (people, error) {
	all := people{by: map[writ.Person]*personRecord{}}
	err := each(ctx, r, records.Prefix(key(tagPerson)), func(e records.Entry) (bool, error) {
		p := new(personRecord)
		if err := decodeRecord(e.Value, p); err != nil {
			return false, err
		}
		id := writ.Person(e.Key[2:])
		all.order, all.by[id] = append(all.order, id), p
		return true, nil
	})
	return all, err
}
