package vault

import (
	"errors"
	"fmt"
	"io"
	"time"

	"writ"
)

// Multipart uploads.
//
// An upload has one data key, granted when it begins; each part is sealed
// under a subkey of it, by its number, and under a salt of its own, so that a
// part may be sent again. Parts lie in blobs of their own and have a record
// each. Completing an upload moves no byte and rewrites no part: the records
// stay where they are, and the version that becomes visible names them by the
// upload's blob id and carries a sparse index of where they begin. A range
// therefore reads one stretch of at most [partsPerMark] records before it
// finds its first part, and opens only the parts that it touches, whatever
// their number.
//
// One transaction completes an upload: it reads the list of all parts, so
// that a part arriving meanwhile makes it start again, and removes the
// upload's record, so that a part arriving later is refused. A part's own
// transaction reads the upload's record: whichever comes second gives its
// blob back.

// Limits of S3 for multipart uploads.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	MaxParts    = 10_000
	MinPartSize = 5 << 20 // bytes, of all parts but the last
	MaxPartSize = 5 << 30 // bytes
)

// BeginInput says what version an upload will make.
type BeginInput struct {
	Bucket writ.BucketName
	Key    writ.ObjectKey
	Draft

	// ChecksumAlgorithm is what every part carries ("CRC32", "CRC32C",
	// "CRC64NVME", "SHA1", "SHA256"), "" if the client chose none.
	// ChecksumComposite says that the object's is a digest of theirs.
	ChecksumAlgorithm string
	ChecksumComposite bool
}

// An Upload is a multipart upload that was begun and neither completed nor
// aborted.
type Upload struct {
	ID                string // a UUID, version 7, so that later uploads sort later
	Bucket            writ.BucketName
	Key               writ.ObjectKey
	Owner             writ.CustomerID // the bucket's
	Initiator         writ.CustomerID // "" if anonymous
	Begun             time.Time
	Class             string // storage class as the client named it
	ChecksumAlgorithm string
	ChecksumComposite bool
}

// UploadRef names one upload. All three must fit.
type UploadRef struct {
	Bucket writ.BucketName
	Key    writ.ObjectKey
	ID     string
}

// PartInput is one part, or one part sent again: the last one wins.
type PartInput struct {
	UploadRef
	Number int // 1 to [MaxParts]
	Body   io.Reader
	Size   int64 // bytes; -1 if unknown
	// Checksum, if not nil, is called when Body has ended and before the part
	// counts: the front says there what it checked, or why the part must not
	// count.
	Checksum func() (Checksum, error)
}

// CopyPartInput is a part whose bytes are those of an object.
type CopyPartInput struct {
	UploadRef
	Number int
	Source ObjectRef
	// Range, if not nil, says what stretch of the source's size bytes to take.
	Range func(size int64) (off, n int64, err error)
	// Conditions on the source; see [Conditions].
	Conditions Conditions
	// Sum, if not nil, wraps the plaintext on its way, and its result is the
	// part's checksum.
	Sum func(io.Reader) (io.Reader, func() (Checksum, error))
}

// A Part is one part that is durable.
type Part struct {
	Number   int
	Size     int64 // bytes
	ETag     string
	Checksum Checksum
	Modified time.Time
}

// A CopiedPart is what CopyPart made, and of what.
type CopiedPart struct {
	Part
	Source Version
}

// CompletePart is one line of the list with which a client completes an
// upload. An empty Checksum.Value is not compared.
type CompletePart struct {
	Number   int
	ETag     string
	Checksum Checksum
}

// CompleteInput asks that an upload become a version.
type CompleteInput struct {
	UploadRef
	Parts       []CompletePart
	IfMatch     string
	IfNoneMatch string
	Size        int64    // bytes, as the client counts them; -1 if it does not say
	Checksum    Checksum // as the client computed it; an empty Value is not compared
}

// Errors of multipart uploads, beside those of objects.
var (
	ErrNoUpload     = errors.New("no such upload")
	ErrInvalidPart  = errors.New("part does not exist or is not the one listed")
	ErrPartOrder    = errors.New("parts are not in ascending order")
	ErrPartTooLarge = fmt.Errorf("part is larger than %d bytes", int64(MaxPartSize))
	ErrPartTooSmall = errors.New("part is below the smallest size")
	ErrPartNumber   = fmt.Errorf("part number is not 1 to %d", MaxParts)
	ErrPartChecksum = errors.New("part has not the checksum that its upload asks for")
	ErrUploadSize   = errors.New("size of the whole object is not the one declared")
	ErrUploadMarker = errors.New("upload marker names no upload of that key")
	ErrChecksum     = errors.New("checksum of the whole object is not the one declared")
	ErrChecksumType = errors.New("checksum of the upload is not of a known kind")
	ErrNoParts      = errors.New("list of parts is empty")
)

// A PartError says which part an error is about, and what is known of it; it
// wraps the sentinel.
type PartError struct {
	Upload string
	Number int
	ETag   string // the one listed
	Size   int64  // bytes
	Err    error
}

// Error implements error.
func (e *PartError) Error() string { return fmt.Sprintf("part %d: %v", e.Number, e.Err) }

// Unwrap returns the sentinel.
func (e *PartError) Unwrap() error { return e.Err }
