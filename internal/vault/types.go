package vault

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"writ"
)

// A Session is who asks, as the front has checked it: by signature, or not at
// all for an anonymous request. The vault derives from it by which right a
// key is asked for; whether an access policy lets the session in is decided
// before, by the front.
type Session struct {
	Customer   writ.CustomerID // "" if anonymous
	Credential writ.CredentialID
	Presigned  bool       // by a presigned URL
	Addr       netip.Addr // of the client
	Request    string     // the request's id in the log
}

// A Customer is whose data it is.
type Customer struct {
	ID       writ.CustomerID
	Name     string // unique on the server
	Created  time.Time
	Shredded time.Time // zero unless the keys were destroyed
	Quota    Quota
}

// A Quota bounds what a customer may keep and ask. Zero fields bound nothing.
type Quota struct {
	Bytes    int64 // of plaintext, over all versions and parts of uploads
	Objects  int64 // versions and delete markers
	Requests int64 // per second
}

// Usage is what a customer keeps, exact as of the moment.
type Usage struct {
	Bytes   int64 // of plaintext, over all versions and parts of uploads
	Objects int64 // versions and delete markers
}

// A Credential is an S3 access key. Secret is only set by AddCredential: it
// never leaves the vault again.
type Credential struct {
	ID       writ.CredentialID
	Customer writ.CustomerID
	Secret   string
	Created  time.Time
}

// Versioning is a bucket's state of versioning.
type Versioning uint8

// The states of S3. Once enabled, versioning is suspended, never off.
const (
	Unversioned Versioning = iota
	VersioningEnabled
	VersioningSuspended
)

// LockMode is how a retention binds.
type LockMode uint8

// The modes of S3 Object Lock.
const (
	NoLock     LockMode = iota
	Governance          // ends early for who may bypass it
	Compliance          // ends early for nobody
)

// A Retention keeps a version from being deleted until a moment. The zero
// value is none.
type Retention struct {
	Mode  LockMode  `cbor:"1,keyasint,omitempty"`
	Until time.Time `cbor:"2,keyasint,omitzero"`
}

// A DefaultRetention is what a bucket gives each new version that asks for no
// retention of its own: one of Days and Years.
type DefaultRetention struct {
	Mode  LockMode `cbor:"1,keyasint"`
	Days  int32    `cbor:"2,keyasint,omitempty"`
	Years int32    `cbor:"3,keyasint,omitempty"`
}

// An ObjectLock is a bucket's configuration of Object Lock.
type ObjectLock struct {
	Enabled bool              `cbor:"1,keyasint,omitempty"`
	Default *DefaultRetention `cbor:"2,keyasint,omitempty"`
	Since   time.Time         `cbor:"3,keyasint,omitzero"` // when it was enabled
}

// Setting names a document that a bucket's owner attaches to it. The vault
// keeps all of them as they come, and reads two: [SettingLifecycle], by
// [ParseLifecycle], and [SettingPolicy] and [SettingACL], as digests for the
// journal.
type Setting string

// The settings.
const (
	SettingACL          Setting = "acl"
	SettingPolicy       Setting = "policy"
	SettingCORS         Setting = "cors"
	SettingOwnership    Setting = "ownership"
	SettingTagging      Setting = "tagging"
	SettingLifecycle    Setting = "lifecycle"
	SettingWebsite      Setting = "website"
	SettingPublicAccess Setting = "public-access"
)

// BucketOptions says what bucket to create.
type BucketOptions struct {
	Name       writ.BucketName
	ObjectLock bool // also enables versioning, for ever
	Settings   map[Setting][]byte
}

// A Bucket is a bucket as of the moment it was read. It may be shared: none
// of its contents may be changed.
type Bucket struct {
	Name       writ.BucketName
	Owner      writ.CustomerID
	Created    time.Time
	Versioning Versioning
	Lock       ObjectLock
	Settings   map[Setting][]byte

	raw   []byte   // the record it came from
	grant [32]byte // SHA-256 of the policy, or else the ACL, in force
}

// BucketPage is a page of a customer's buckets, in order of name.
type BucketPage struct {
	Buckets []Bucket
	Next    writ.BucketName // ask again after it; "" at the end
}

// Meta is what a client says about an object and gets back with it.
type Meta struct {
	ContentType        string            `cbor:"1,keyasint,omitempty"`
	ContentEncoding    string            `cbor:"2,keyasint,omitempty"`
	ContentDisposition string            `cbor:"3,keyasint,omitempty"`
	ContentLanguage    string            `cbor:"4,keyasint,omitempty"`
	CacheControl       string            `cbor:"5,keyasint,omitempty"`
	Expires            string            `cbor:"6,keyasint,omitempty"`
	WebsiteRedirect    string            `cbor:"7,keyasint,omitempty"`
	User               map[string]string `cbor:"8,keyasint,omitempty"`
}

// A Checksum is one that the client asked for. The zero value is none.
type Checksum struct {
	Algorithm string `cbor:"1,keyasint,omitempty"` // "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"
	Value     string `cbor:"2,keyasint,omitempty"` // base64; with "-" and the number of parts if Composite
	Composite bool   `cbor:"3,keyasint,omitempty"` // a digest of the parts' digests, not of the bytes
}

// An ObjectRef names a version: the current one if Version is "".
type ObjectRef struct {
	Bucket  writ.BucketName
	Key     writ.ObjectKey
	Version writ.VersionID
}

// A Version is one version of an object, or a delete marker. It may be
// shared: none of its contents may be changed.
type Version struct {
	ObjectRef                 // Version is never "": [writ.NullVersion] in a bucket without versioning
	Owner     writ.CustomerID // the bucket's
	Latest    bool
	Marker    bool // a delete marker: nothing below but Modified counts
	Modified  time.Time
	Size      int64  // bytes of plaintext
	ETag      string // opaque, "<32 hex>-<n>", without quotes
	Parts     int    // how many it was uploaded in; 0 if in one piece
	Meta      Meta
	Tags      map[string]string
	Retention Retention
	LegalHold bool
	Checksum  Checksum
	Class     string // storage class as the client named it; "" is STANDARD
}

// Conditions are those of RFC 9110, section 13, on a version that exists.
// Zero fields ask nothing. ETags are without quotes, lists of them separated
// by commas, "*" stands for any.
type Conditions struct {
	IfMatch           string
	IfNoneMatch       string
	IfModifiedSince   time.Time
	IfUnmodifiedSince time.Time
}

// PutInput is a new object, or a new version of one.
type PutInput struct {
	Bucket writ.BucketName
	Key    writ.ObjectKey
	Body   io.Reader
	Size   int64 // bytes; -1 if unknown
	Draft

	// IfMatch is the ETag that the current version must have; it fails with
	// [ErrNoKey] if there is none. IfNoneMatch is the ETag that it must not
	// have; "*" says that there must be none. Both are judged in the
	// transaction that makes the new version visible.
	IfMatch     string
	IfNoneMatch string

	// Checksum, if not nil, is called when Body has ended and before the
	// version becomes visible: the front says there what it checked, or why
	// the version must not be.
	Checksum func() (Checksum, error)
}

// A Draft is what a client says of a version before there is one.
type Draft struct {
	Meta      Meta              `cbor:"1,keyasint,omitzero"`
	Tags      map[string]string `cbor:"2,keyasint,omitempty"`
	Retention Retention         `cbor:"3,keyasint,omitzero"` // zero: the bucket's default
	LegalHold bool              `cbor:"4,keyasint,omitempty"`
	Class     string            `cbor:"5,keyasint,omitempty"`
}

// GetInput says what to read.
type GetInput struct {
	ObjectRef
	Conditions Conditions
	// Range, if not nil, says what stretch of a version of size bytes to
	// read; its error is returned as it is. It is not called for an object of
	// which Part is asked.
	Range func(size int64) (off, n int64, err error)
	// Part, if not 0, is the part to read, counted from 1: the whole object if
	// it was not uploaded in parts and Part is 1, else [ErrInvalidPart].
	Part int
}

// An Object is an opened version. Body is to be closed; it is an
// [io.WriterTo] too, which is cheaper.
type Object struct {
	Version
	Offset, Length int64 // the stretch that Body gives
	Body           io.ReadCloser
}

// CopyInput asks for a copy. It is sealed anew, under a data key of its own.
type CopyInput struct {
	Source     ObjectRef
	Conditions Conditions // on the source
	To         PutInput   // Body, Size and Checksum are not looked at
	KeepMeta   bool       // the copy has the source's Meta and Class, not To's; Class if To.Class is ""
	KeepTags   bool       // the copy has the source's Tags, not To's
	// Sum, if not nil, wraps the plaintext on its way, and its result is the
	// copy's checksum. Else the copy has the source's, unless that is
	// composite.
	Sum func(io.Reader) (io.Reader, func() (Checksum, error))
}

// A Copied is what a copy made.
type Copied struct {
	Version
	Source Version
}

// DeleteInput says what to delete: with no version, the object, which in a
// bucket with versioning leaves a delete marker; with one, that version, for
// ever.
type DeleteInput struct {
	ObjectRef
	BypassGovernance bool // the front has checked that the session may

	// Conditions on the current version, or on the one named. They fail with
	// [ErrPrecondition], and with [ErrNoKey] if there is none.
	IfMatch         string
	IfMatchModified time.Time // to the second
	IfMatchSize     *int64
}

// A Deleted is what a deletion did.
type Deleted struct {
	Version writ.VersionID // the version that went, or the marker that came; "" without versioning
	Marker  bool           // the version that went, or that came, is a delete marker
	Err     error          // only by DeleteMany: why this one was not deleted
}

// ListInput asks for a page of current versions, in bytewise order of key.
type ListInput struct {
	Bucket    writ.BucketName
	Prefix    string
	Delimiter string
	After     string // keys and common prefixes behind it; "" from the start
	Max       int    // keys and common prefixes together, at most [MaxList]; 0 means that
}

// ListPage is a page of a listing.
type ListPage struct {
	Versions  []Version // without Meta, Tags, Retention and LegalHold
	Prefixes  []string  // common prefixes
	Next      string    // After for the next page, if Truncated
	Truncated bool
}

// ListVersionsInput asks for a page of all versions and delete markers, in
// order of key, and of one key the newest first.
type ListVersionsInput struct {
	Bucket    writ.BucketName
	Prefix    string
	Delimiter string
	After     string         // keys behind it, unless AfterVersion is set
	Version   writ.VersionID // versions of the key After behind this one, and keys behind it
	Max       int
}

// VersionsPage is a page of a listing of versions.
type VersionsPage struct {
	Versions    []Version // as in a ListPage
	Prefixes    []string
	Next        string // After and Version for the next page, if Truncated
	NextVersion writ.VersionID
	Truncated   bool
}

// MaxList is the most that a page of a listing holds.
const MaxList = 1000

// Progress is told how far a long task is: a stage's name, what of it is done
// and what there is in all, 0 if unknown. It may be nil.
type Progress func(stage string, done, total int64)

func (p Progress) report(stage string, done, total int64) {
	if p != nil {
		p(stage, done, total)
	}
}

// String returns the state as S3 writes it, "" for a bucket that never had
// versioning.
func (v Versioning) String() string {
	switch v {
	case VersioningEnabled:
		return "Enabled"
	case VersioningSuspended:
		return "Suspended"
	}
	return ""
}

// String returns the mode as S3 writes it.
func (m LockMode) String() string {
	switch m {
	case Governance:
		return "GOVERNANCE"
	case Compliance:
		return "COMPLIANCE"
	}
	return ""
}

// ParseLockMode reads a mode as S3 writes it.
func ParseLockMode(s string) (LockMode, error) {
	switch s {
	case "GOVERNANCE":
		return Governance, nil
	case "COMPLIANCE":
		return Compliance, nil
	}
	return NoLock, fmt.Errorf("%w: no such mode", ErrRetention)
}
