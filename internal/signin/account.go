package signin

import (
	"fmt"
	"strings"

	"writ"
	"writ/internal/staff"
)

// Kind is on whose side somebody sits at a browser.
type Kind string

// The kinds.
const (
	KindStaff    Kind = "staff"    // a person of the operator's
	KindCustomer Kind = "customer" // a user of one customer
	KindOfficer  Kind = "officer"  // a person of one enrolled authority
)

// Account is who may sign in: a [writ.Person], or a user of a customer or an
// officer of an authority, who are known here by a short name and nothing else. The
// name has the form of a person's ([writ.ParsePerson]) and is told apart within
// its customer or authority.
type Account struct {
	Kind      Kind
	Person    writ.Person      // of the kind staff only
	Customer  writ.CustomerID  // of the kind customer only
	Authority writ.AuthorityID // of the kind officer only
	Name      string           // empty for staff
}

// StaffAccount is a person's account.
func StaffAccount(p writ.Person) Account { return Account{Kind: KindStaff, Person: p} }

// ID names the account: "staff/mira.lindqvist", "customer/c-…/ines.calder",
// "officer/a-…/jonas.weber". It is what the audit trail says.
func (a Account) ID() string {
	switch a.Kind {
	case KindStaff:
		return string(KindStaff) + "/" + string(a.Person)
	case KindCustomer:
		return string(KindCustomer) + "/" + string(a.Customer) + "/" + a.Name
	case KindOfficer:
		return string(KindOfficer) + "/" + string(a.Authority) + "/" + a.Name
	}
	return ""
}

// side is what the ids of all accounts of one customer or authority begin with.
func (a Account) side() string {
	id := a.ID()
	return id[:strings.LastIndexByte(id, '/')+1]
}

// ParseAccount reads what [Account.ID] wrote. Errors: [staff.ErrForm].
func ParseAccount(id string) (Account, error) {
	kind, rest, _ := strings.Cut(id, "/")
	a := Account{Kind: Kind(kind)}
	of, name, _ := strings.Cut(rest, "/")
	switch a.Kind {
	case KindStaff:
		a.Person = writ.Person(rest)
	case KindCustomer:
		a.Customer, a.Name = writ.CustomerID(of), name
	case KindOfficer:
		a.Authority, a.Name = writ.AuthorityID(of), name
	}
	if err := a.check(); err != nil {
		return Account{}, err
	}
	return a, nil
}

// check says whether an account is well formed: one of the three kinds, with what
// belongs to it and nothing else.
func (a Account) check() error {
	var want Account
	switch a.Kind {
	case KindStaff:
		if _, err := writ.ParsePerson(string(a.Person)); err != nil {
			return fmt.Errorf("%w: %w", staff.ErrForm, err)
		}
		want = Account{Kind: a.Kind, Person: a.Person}
	case KindCustomer:
		if _, err := writ.ParseCustomerID(string(a.Customer)); err != nil {
			return fmt.Errorf("%w: %w", staff.ErrForm, err)
		}
		want = Account{Kind: a.Kind, Customer: a.Customer, Name: a.Name}
	case KindOfficer:
		digits, ok := strings.CutPrefix(string(a.Authority), "a-")
		if !ok || len(digits) != 20 || strings.Trim(digits, "0123456789abcdef") != "" {
			return fmt.Errorf("%w: %.40q is not an authority's id (a- and 20 hex digits)", staff.ErrForm, string(a.Authority))
		}
		want = Account{Kind: a.Kind, Authority: a.Authority, Name: a.Name}
	default:
		return fmt.Errorf("%w: an account is of the kind staff, customer or officer", staff.ErrForm)
	}
	if a != want {
		return fmt.Errorf("%w: an account has what belongs to its kind, and nothing else", staff.ErrForm)
	}
	if a.Kind != KindStaff {
		if _, err := writ.ParsePerson(a.Name); err != nil {
			return fmt.Errorf("%w: the short name of a user or officer: 1 to 64 lower-case letters, digits, \"-\" and \".\"", staff.ErrForm)
		}
	}
	return nil
}
