package writ

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
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
