package policy

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"writ"
)

// Bounds of an authorisation.
const (
	MaxValid   = 366 * 24 * time.Hour // from At to Limits.NotAfter
	MaxBudget  = 1_000_000_000        // objects
	MaxBytes   = 1 << 56              // of plaintext
	MaxWhy     = 500                  // bytes of a reason
	nonceBytes = 16

	// ahead is how far clocks may be apart.
	ahead = 5 * time.Minute
)

// Authorisation is what custodians sign: whose data, which, how much, until
// when, by whose order, and whether the customer is told. Signed by a quorum,
// and committed to in the ledger, it is the writ.
type Authorisation struct {
	V          int             `json:"v"`
	Case       writ.CaseID     `json:"case"`
	Order      string          `json:"order"` // SHA-256 of the order's document, lower-case hex
	Instrument writ.Instrument `json:"instrument"`
	Issuer     Issuer          `json:"issuer"`
	Customer   writ.CustomerID `json:"customer"`
	Scope      Scope           `json:"scope"`
	Limits     Limits          `json:"limits"`
	Secrecy    Silence         `json:"secrecy"`
	Set        []byte          `json:"set"`            // digest of the [Set] that it is for
	List       []byte          `json:"list,omitempty"` // [ListDigest] of the only list that it opens; absent: any in scope
	Nonce      []byte          `json:"nonce"`          // 16 random bytes: no two writs are one
	At         time.Time       `json:"at"`
}

// Issuer is the authority that ordered it.
type Issuer struct {
	Name    string `json:"name"`
	Country string `json:"country"` // ISO 3166-1 alpha-2, upper case
}

// Limits are what a writ opens at most, over all its lists.
type Limits struct {
	Objects  int64     `json:"objects"`   // versions
	Bytes    int64     `json:"bytes"`     // of plaintext
	NotAfter time.Time `json:"not_after"` // nothing opens at or after
}

// Silence is the case's one basis of secrecy. Told says that each opening is
// in the customer's journal as it happens; without it nothing there shows it
// until secrecy lifts.
type Silence struct {
	Basis writ.Secrecy `json:"basis"`
	Until time.Time    `json:"until,omitzero"` // end of a dated order; others have none, or one that is known
	Told  bool         `json:"told"`
	Why   string       `json:"why"` // one line: the article or the order's words
}

// NewNonce makes the nonce of an authorisation.
func NewNonce() []byte {
	b := make([]byte, nonceBytes)
	rand.Read(b) // never fails (crypto/rand, since Go 1.24)
	return b
}

// Check says whether an authorisation can be signed. Errors: [ErrForm],
// [ErrScope].
func (a Authorisation) Check() error {
	if a.V != 1 {
		return bad("an authorisation of version %d", a.V)
	}
	if _, err := writ.ParseCaseID(string(a.Case)); err != nil {
		return bad("%s", err)
	}
	if _, err := writ.ParseCustomerID(string(a.Customer)); err != nil {
		return bad("%s", err)
	}
	order, err := hex.DecodeString(a.Order)
	switch {
	case err != nil || len(order) != sha256.Size || hex.EncodeToString(order) != a.Order:
		return bad("it names no order: SHA-256 of its document in lower-case hex")
	case !line(string(a.Instrument), 1, 64):
		return bad("it names no instrument")
	case !line(a.Issuer.Name, 1, 300):
		return bad("it names no issuer, or not in one line of at most 300 bytes")
	case len(a.Issuer.Country) != 2 || a.Issuer.Country[0] < 'A' || a.Issuer.Country[0] > 'Z' || a.Issuer.Country[1] < 'A' || a.Issuer.Country[1] > 'Z':
		return bad("%.10q is no country (two capital letters)", a.Issuer.Country)
	case len(a.Set) != sha256.Size:
		return bad("it names no set of custodians")
	case a.List != nil && len(a.List) != sha256.Size:
		return bad("its list's digest has %d bytes", len(a.List))
	case len(a.Nonce) != nonceBytes:
		return bad("its nonce has %d bytes, not %d", len(a.Nonce), nonceBytes)
	case !utc(a.At):
		return bad("it says when it was made, in UTC")
	}
	if err := a.Scope.Check(); err != nil {
		return err
	}
	for _, t := range []time.Time{a.Scope.From, a.Scope.Until, a.Secrecy.Until} {
		if !t.IsZero() && !utc(t) {
			return bad("its times are in UTC")
		}
	}
	if err := a.Limits.check(a.At, a.Scope.Opens()); err != nil {
		return err
	}
	return a.Secrecy.check(a.At)
}

// check looks at the limits; a writ that names no bucket opens no versions.
func (l Limits) check(at time.Time, opens bool) error {
	switch {
	case !opens && (l.Objects != 0 || l.Bytes != 0):
		return bad("it names no bucket, and would open %d objects of %d bytes", l.Objects, l.Bytes)
	case !opens:
	case l.Objects < 1 || l.Objects > MaxBudget:
		return bad("it opens 1 to %d objects, not %d", MaxBudget, l.Objects)
	case l.Bytes < 1 || l.Bytes > MaxBytes:
		return bad("it opens 1 to %d bytes, not %d", int64(MaxBytes), l.Bytes)
	}
	switch {
	case !utc(l.NotAfter):
		return bad("it says until when it opens, in UTC")
	case !at.Before(l.NotAfter):
		return bad("it ends before it begins")
	case l.NotAfter.Sub(at) > MaxValid:
		return bad("it opens for more than a year")
	}
	return nil
}

func (s Silence) check(at time.Time) error {
	tells := s.Basis == writ.TellBefore || s.Basis == writ.TellAfter
	switch s.Basis {
	case writ.TellBefore, writ.TellAfter, writ.AuthorityTells, writ.DatedOrder, writ.Conditional, writ.Statutory:
	default:
		return bad("%.40q is no basis of secrecy", s.Basis)
	}
	switch {
	case s.Told && !tells:
		return bad("the customer is told, and the basis of secrecy is %s", s.Basis)
	case s.Basis == writ.TellBefore && !s.Told:
		return bad("the customer is told before anything opens, so what opens is in its journal")
	case s.Basis == writ.DatedOrder && s.Until.IsZero():
		return bad("an order of silence with a date has that date")
	case (tells || s.Basis == writ.Statutory) && !s.Until.IsZero():
		return bad("the basis of secrecy %s has no end by date", s.Basis)
	case !s.Until.IsZero() && !at.Before(s.Until):
		return bad("secrecy ends before the authorisation begins")
	case !line(s.Why, 1, MaxWhy):
		return bad("it says why the customer is told or not, in one line of at most %d bytes", MaxWhy)
	}
	return nil
}

// Encode is the authorisation as it is signed. Errors: [ErrForm], [ErrScope].
func (a Authorisation) Encode() ([]byte, error) {
	for _, t := range []*time.Time{&a.At, &a.Limits.NotAfter, &a.Secrecy.Until, &a.Scope.From, &a.Scope.Until} {
		if !t.IsZero() {
			*t = t.UTC()
		}
	}
	if err := a.Check(); err != nil {
		return nil, err
	}
	return encode(a, new(Authorisation))
}

// ParseAuthorisation reads what [Authorisation.Encode] wrote. Errors:
// [ErrForm], [ErrScope].
func ParseAuthorisation(b []byte) (Authorisation, error) {
	var a Authorisation
	if err := read(b, &a); err != nil {
		return Authorisation{}, err
	}
	return a, a.Check()
}

// VerifyAuthorisation verifies an authorisation by the set that is in force: it
// is for exactly this set, a quorum of it signed exactly this, and its time is
// now. It returns who signed, sorted. Whether it is committed to is not its
// matter. Errors: [ErrForm], [ErrScope], [ErrPayloadType], [ErrSet],
// [ErrQuorum], [ErrEarly], [ErrExpired].
func VerifyAuthorisation(set Set, envelope []byte, now time.Time) (Authorisation, []writ.Person, error) {
	a, e, err := OpenAuthorisation(envelope)
	if err != nil {
		return Authorisation{}, nil, err
	}
	if digest := set.Digest(); digest == [32]byte{} || !bytes.Equal(a.Set, digest[:]) {
		return Authorisation{}, nil, fmt.Errorf("%w, and set %d is in force: it must be signed again", ErrSet, set.Number)
	}
	persons, err := set.Quorum(e)
	if err != nil {
		return Authorisation{}, nil, err
	}
	if err := a.Valid(now); err != nil {
		return Authorisation{}, nil, err
	}
	return a, persons, nil
}

// OpenAuthorisation reads an authorisation out of its envelope. No signature is
// verified. Errors: [ErrForm], [ErrScope], [ErrPayloadType].
func OpenAuthorisation(envelope []byte) (Authorisation, Envelope, error) {
	e, err := open(envelope, TypeAuthorisation)
	if err != nil {
		return Authorisation{}, e, err
	}
	a, err := ParseAuthorisation(e.Payload)
	return a, e, err
}

// Valid says whether a time is within the authorisation's. Errors: [ErrEarly],
// [ErrExpired].
func (a Authorisation) Valid(now time.Time) error { return valid("writ", a.At, a.Limits.NotAfter, now) }

func valid(what string, from, notAfter, now time.Time) error {
	switch {
	case now.Add(ahead).Before(from):
		return fmt.Errorf("%w: the %s is of %s", ErrEarly, what, from.Format(time.RFC3339))
	case !now.Before(notAfter):
		return fmt.Errorf("%w: the %s ended at %s", ErrExpired, what, notAfter.Format(time.RFC3339))
	}
	return nil
}
