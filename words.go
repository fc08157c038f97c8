package writ

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// CustomerID names one customer for ever: "c-" and 20 lower-case hex digits
// (80 random bits). It is never derived from the customer's name, so that it
// may stand where the name must not.
type CustomerID string

// NewCustomerID returns a fresh random CustomerID.
func NewCustomerID() CustomerID {
	return CustomerID("c-" + randomHex(10))
}

// ParseCustomerID checks the form of s.
func ParseCustomerID(s string) (CustomerID, error) {
	if len(s) != 22 || s[:2] != "c-" {
		return "", fmt.Errorf("%q is not a customer id (c- and 20 hex digits)", s)
	}
	if _, err := hex.DecodeString(s[2:]); err != nil {
		return "", fmt.Errorf("%q is not a customer id (c- and 20 hex digits)", s)
	}
	return CustomerID(s), nil
}

// CredentialID is an S3 access key id: 20 upper-case letters and digits.
type CredentialID string

// BucketName is the name of a bucket, global on one server, 3 to 63
// characters by the rules of S3.
type BucketName string

// ObjectKey is the name of an object in its bucket: 1 to 1,024 bytes of
// UTF-8. It is compared and ordered bytewise.
type ObjectKey string

// VersionID names one version of one object. [NullVersion] is the version of
// a bucket without versioning.
type VersionID string

// NullVersion is the version that S3 calls "null".
const NullVersion VersionID = "null"

// BlobID names the bytes of one version, or of one multipart upload: 128
// random bits. It is bound into every chunk of the sealed object.
type BlobID [16]byte

// NewBlobID returns a fresh random BlobID.
func NewBlobID() (id BlobID) {
	rand.Read(id[:]) // never fails (crypto/rand, since Go 1.24)
	return id
}

// String returns the id as 32 hex digits.
func (id BlobID) String() string { return hex.EncodeToString(id[:]) }

// ErrBlobID reports text that is not 32 hex digits.
var ErrBlobID = errors.New("not a blob id (32 hex digits)")

// MarshalText implements [encoding.TextMarshaler].
func (id BlobID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]; it returns [ErrBlobID]
// on text of another form.
func (id *BlobID) UnmarshalText(text []byte) error {
	if len(text) != 2*len(id) {
		return ErrBlobID
	}
	if _, err := hex.Decode(id[:], text); err != nil {
		return ErrBlobID
	}
	return nil
}

// KEK names one key-encryption key: a customer's, in one of its versions,
// counted from 1 and raised by each rotation.
type KEK struct {
	Customer CustomerID
	Version  uint32
}

// String returns the name as "customer/version".
func (k KEK) String() string { return fmt.Sprintf("%s/%d", k.Customer, k.Version) }

// Reason is why a key was used. The list is closed: the journal holds no
// other, and the gate releases a key for no other.
type Reason string

// The four reasons.
const (
	ReasonOwner  Reason = "owner"         // the owner's own credential
	ReasonGrant  Reason = "owner's grant" // a bucket policy, ACL or presigned URL of the owner
	ReasonWrit   Reason = "writ"          // an authorisation under law
	ReasonUpkeep Reason = "upkeep"        // re-wrapping; never yields plaintext
)

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// CaseID names one case of the docket: the year in which its demand came in,
// and eight characters of Crockford's base32 in two groups ("2026-7KQM-4ZT0"),
// 40 random bits. It says nothing of how many cases there are.
type CaseID string

// NewCaseID returns a fresh random CaseID of that year.
func NewCaseID(year int) CaseID {
	var b [5]byte
	rand.Read(b[:])
	return CaseIDFrom(year, b)
}

// CaseIDFrom returns the CaseID of a year and 40 bits.
func CaseIDFrom(year int, bits [5]byte) CaseID {
	var v uint64
	for _, b := range bits {
		v = v<<8 | uint64(b)
	}
	var text [8]byte
	for i := range text {
		text[i] = crockford[v>>(35-5*i)&31]
	}
	return CaseID(fmt.Sprintf("%04d-%s-%s", year, text[:4], text[4:]))
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// ParseCaseID checks the form of s.
func ParseCaseID(s string) (CaseID, error) {
	ok := len(s) == 14 && s[4] == '-' && s[9] == '-'
	for i := 0; ok && i < len(s); i++ {
		switch {
		case i < 4:
			ok = s[i] >= '0' && s[i] <= '9'
		case i != 4 && i != 9:
			ok = strings.IndexByte(crockford, s[i]) >= 0
		}
	}
	if !ok {
		return "", fmt.Errorf("%q is not a case (as in 2026-7KQM-4ZT0)", s)
	}
	return CaseID(s), nil
}

// AuthorityID names an authority in the directory: "a-" and 20 lower-case hex
// digits, random.
type AuthorityID string

// NewAuthorityID returns a fresh random AuthorityID.
func NewAuthorityID() AuthorityID { return AuthorityID("a-" + randomHex(10)) }

// Person names a person of the operator's or a custodian, the same in roles,
// keys and signatures: 1 to 64 lower-case letters, digits, "-" and ".".
type Person string

// ParsePerson checks the form of s.
func ParsePerson(s string) (Person, error) {
	ok := len(s) >= 1 && len(s) <= 64
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && (c == '-' || c == '.')
	}
	if !ok {
		return "", fmt.Errorf("%q does not name a person (1 to 64 lower-case letters, digits, \"-\" and \".\")", s)
	}
	return Person(s), nil
}

// Role is what a person may do in a case. One person never holds two of
// intake, counsel, custodian and production in one case.
type Role string

// The roles.
const (
	RoleIntake     Role = "intake"     // enters demands and attaches what came with them
	RoleCounsel    Role = "counsel"    // judges them
	RoleCustodian  Role = "custodian"  // signs writs
	RoleProduction Role = "production" // opens and packs what a writ covers
	RoleOperator   Role = "operator"   // runs the server; no part in any case
	RoleAuditor    Role = "auditor"    // reads reports and the audit trail
)

// Instrument names the kind of a demand, as its law pack does: "eu.epoc",
// "us.warrant", "domestic", ….
type Instrument string

// DataClass is a class of data as laws tell them apart.
type DataClass string

// The classes, from the least to the most protected.
const (
	ClassSubscriber     DataClass = "subscriber"     // who the customer is (US: the basic-subscriber fields)
	ClassIdentification DataClass = "identification" // asked for only to identify the user (Regulation (EU) 2023/1543, Article 3(10))
	ClassTraffic        DataClass = "traffic"        // who used what when; US: other non-content records
	ClassContent        DataClass = "content"        // what the customer stored
)

// Secrecy is the one basis on which a case's customer is told, or not.
type Secrecy string

// The bases.
const (
	TellBefore     Secrecy = "tell-before"     // the provider tells, before anything is produced
	TellAfter      Secrecy = "tell-after"      // the provider tells, after production
	AuthorityTells Secrecy = "authority-tells" // the issuing authority tells (e-Evidence); the provider keeps silent
	DatedOrder     Secrecy = "dated-order"     // an order of silence with an end
	Conditional    Secrecy = "conditional"     // silence while a condition holds
	Statutory      Secrecy = "statutory"       // silence by statute, without end
)
