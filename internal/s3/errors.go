package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3err"

	"writ"
	"writ/internal/vault"
)

// A subject is what an operation was about, for the text of its error. Its
// strings may be the request's memory: an error is rendered before that ends.
type subject struct {
	owner   bool // the bucket's owner asks: only it is told what of its own is wrong
	bucket  writ.BucketName
	key     writ.ObjectKey
	version writ.VersionID
	upload  string
	part    int
	lock    bool // by headers of an upload, which have a text of their own
	read    conditions
	write   conditions
}

// conditions are those that a client sent, to say which did not hold.
type conditions struct{ ifMatch, ifNoneMatch, ifUnmodifiedSince, ifModified, ifSize bool }

// Errors of this front, besides those of AWS.
var (
	errNoSpace = s3err.APIError{
		Code:           "ServiceUnavailable",
		Description:    "The server has no space left to store this. Nothing of it was kept. Try again later.",
		HTTPStatusCode: http.StatusServiceUnavailable,
	}
	errUnavailable = s3err.APIError{
		Code:           "ServiceUnavailable",
		Description:    "The server cannot answer now. Try again.",
		HTTPStatusCode: http.StatusServiceUnavailable,
	}
	errShredded = s3err.APIError{
		Code:           "AccessDenied",
		Description:    "The keys that these data were sealed under have been destroyed. They do not open again.",
		HTTPStatusCode: http.StatusForbidden,
	}
	errCustomerKeys = s3err.APIError{
		Code: "InvalidArgument",
		Description: "Server-side encryption with keys of the customer's own (SSE-C) is not available. Every object is sealed " +
			"under a key of its own already. Send the request without the headers x-amz-server-side-encryption-customer-* and " +
			"x-amz-copy-source-server-side-encryption-customer-*.",
		HTTPStatusCode: http.StatusBadRequest,
	}
	errEncryption = s3err.APIError{
		Code:           "InvalidArgument",
		Description:    "The encryption method is not one of AES256 and aws:kms. Whichever is asked for, every object is sealed with AES-256.",
		HTTPStatusCode: http.StatusBadRequest,
	}
	errKeyID = s3err.APIError{
		Code:           "KMS.NotFoundException",
		Description:    "There are no keys to choose by name: every object is sealed under a key of its own. Ask for aws:kms without a key id.",
		HTTPStatusCode: http.StatusBadRequest,
	}
	errTooLong = s3err.APIError{
		Code:           "IncompleteBody",
		Description:    "The request body is longer than the length that was declared.",
		HTTPStatusCode: http.StatusBadRequest,
	}
	errEncodingType = s3err.APIError{
		Code:           "InvalidArgument",
		Description:    "Invalid Encoding Method specified in Request",
		HTTPStatusCode: http.StatusBadRequest,
	}
)

func fipsError(algorithm string) s3err.APIError {
	return s3err.APIError{
		Code: "InvalidRequest",
		Description: "This server runs in FIPS 140 mode, in which " + algorithm + " is not allowed. " +
			"Use CRC32, CRC32C, CRC64NVME or SHA256.",
		HTTPStatusCode: http.StatusBadRequest,
	}
}

func lifecycleError(err *vault.LifecycleError) s3err.APIError {
	e := s3err.APIError{Code: "InvalidArgument", Description: err.Error(), HTTPStatusCode: http.StatusBadRequest}
	if err.Unimplemented {
		e.Code, e.HTTPStatusCode = "NotImplemented", http.StatusNotImplemented
	}
	return e
}

// fail turns an error of the vault into the one that the client gets, with
// the headers that go with it, and logs what the operator should know of.
func (b *adapter) fail(ctx context.Context, err error, on subject) error {
	if err == nil {
		return nil
	}
	r := requestOf(ctx)
	on.owner = on.owner || b.owns(r, on.bucket)
	out := errorOf(err, on)
	switch {
	case errors.Is(err, vault.ErrNoSpace):
		r.Response.Header.Set("Retry-After", "60")
	case errors.Is(err, vault.ErrSlowDown), errors.Is(err, vault.ErrUnavailable):
		r.Response.Header.Set("Retry-After", "1")
	}
	// The client's errors are the client's; the text of an error of the vault
	// names nothing of a customer's.
	if status := out.StatusCode(); status >= 500 && !errors.Is(err, vault.ErrSlowDown) && status != http.StatusNotImplemented {
		b.log.LogAttrs(context.Background(), slog.LevelError, "couldn't answer request",
			slog.String("request", r.id()), slog.Int("status", status), slog.String("error", logged(err)))
	}
	return out
}

// logged is the text of an error without what a client put into it.
func logged(err error) string {
	var s3 s3err.S3Error
	if errors.As(err, &s3) {
		return s3.BaseError().Code
	}
	return err.Error()
}

// owns reports whether the one who asks is the bucket's owner.
func (b *adapter) owns(r request, bucket writ.BucketName) bool {
	customer := r.customer()
	if customer == "" || bucket == "" {
		return false
	}
	found, err := b.vault.Bucket(b.ctx, bucket)
	return err == nil && found.Owner == customer
}

// errorOf is the S3 error that stands for an error of the vault.
func errorOf(err error, on subject) s3err.S3Error {
	var already s3err.S3Error
	if errors.As(err, &already) {
		return already // of a body or a checksum, on its way through the vault
	}
	if e := bucketError(err, on); e != nil {
		return e
	}
	if e := objectError(err, on); e != nil {
		return e
	}
	if e := partError(err, on); e != nil {
		return e
	}
	return generalError(err, on)
}

func bucketError(err error, on subject) s3err.S3Error {
	bucket := string(on.bucket)
	switch {
	case errors.Is(err, vault.ErrNoBucket):
		return s3err.GetBucketErr(s3err.ErrNoSuchBucket, bucket)
	case errors.Is(err, vault.ErrBucketName):
		return s3err.GetBucketErr(s3err.ErrInvalidBucketName, bucket)
	case errors.Is(err, vault.ErrBucketExists):
		return s3err.GetBucketErr(s3err.ErrBucketAlreadyExists, bucket)
	case errors.Is(err, vault.ErrBucketOwnedByYou):
		return s3err.GetBucketErr(s3err.ErrBucketAlreadyOwnedByYou, bucket)
	case errors.Is(err, vault.ErrBucketNotEmpty):
		return s3err.GetBucketErr(s3err.ErrBucketNotEmpty, bucket)
	case errors.Is(err, vault.ErrVersioning):
		return s3err.GetAPIError(s3err.ErrSuspendedVersioningNotAllowed)
	case errors.Is(err, vault.ErrLockVersioning):
		return s3err.GetAPIError(s3err.ErrObjectLockConfigurationNotAllowed)
	case errors.Is(err, vault.ErrNoLock) && on.lock:
		return s3err.GetAPIError(s3err.ErrMissingObjectLockConfigurationNoSpaces)
	case errors.Is(err, vault.ErrNoLock):
		return s3err.GetAPIError(s3err.ErrMissingObjectLockConfiguration)
	}
	return nil
}

func objectError(err error, on subject) s3err.S3Error {
	var marker *vault.MarkerError
	switch {
	case errors.As(err, &marker) && !marker.Current:
		return s3err.GetAPIError(s3err.ErrMethodNotAllowed)
	case errors.Is(err, vault.ErrNoKey):
		return s3err.GetAPIError(s3err.ErrNoSuchKey)
	case errors.Is(err, vault.ErrNoVersion):
		return s3err.GetNoSuchVersionErr(string(on.key), string(on.version))
	case errors.Is(err, vault.ErrVersion) && couldBeVersion(on.version):
		return s3err.GetNoSuchVersionErr(string(on.key), string(on.version))
	case errors.Is(err, vault.ErrVersion):
		return s3err.GetInvalidArgumentErr(s3err.InvalidArgVersionId, string(on.version))
	case errors.Is(err, vault.ErrKey) && len(on.key) > maxKey:
		return s3err.GetKeyTooLongErr(int64(len(on.key)), maxKey)
	case errors.Is(err, vault.ErrKey):
		return s3err.GetAPIError(s3err.ErrInvalidURI)
	case errors.Is(err, vault.ErrNotModified):
		return s3err.GetAPIError(s3err.ErrNotModified)
	case errors.Is(err, vault.ErrPrecondition):
		return s3err.GetPreconditionFailedErr(on.failed())
	case errors.Is(err, vault.ErrSameObject):
		return s3err.GetAPIError(s3err.ErrInvalidCopyDest)
	case errors.Is(err, vault.ErrLocked):
		return s3err.GetAPIError(s3err.ErrObjectLocked)
	case errors.Is(err, vault.ErrRetention):
		return s3err.GetAPIError(s3err.ErrInvalidRequest)
	case errors.Is(err, vault.ErrNoRetention):
		return s3err.GetAPIError(s3err.ErrNoSuchObjectLockConfiguration)
	case errors.Is(err, vault.ErrRange):
		return s3err.GetAPIError(s3err.ErrInvalidRange)
	case errors.Is(err, vault.ErrTooLarge), errors.Is(err, vault.ErrPartTooLarge):
		return s3err.GetAPIError(s3err.ErrEntityTooLarge)
	case errors.Is(err, vault.ErrTooLong):
		return errTooLong
	case errors.Is(err, vault.ErrIncomplete):
		return s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return nil
}

// couldBeVersion reports whether a version id that is none of this store's
// could be one of another, such as a client has that moved here: then there
// is no such version, rather than no such thing as a version. versitygw's are
// 26 characters long, AWS's 32, MinIO's 36.
func couldBeVersion(id writ.VersionID) bool {
	if len(id) != 26 && len(id) != 32 && len(id) != 36 {
		return false
	}
	return !strings.ContainsFunc(string(id), func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune("._-", c)
	})
}

// failed says which of the conditions sent did not hold. Where several were,
// it is the one that RFC 9110, section 13.2.2, looks at first.
func (on subject) failed() s3err.Condition {
	switch c := on.read; {
	case c.ifMatch:
		return s3err.ConditionIfMatch
	case c.ifUnmodifiedSince:
		return s3err.ConditionIfUnmodifiedSince
	case c.ifNoneMatch:
		return s3err.ConditionIfNoneMatch // of a copy, which has no other answer
	}
	switch c := on.write; {
	case c.ifNoneMatch:
		return s3err.ConditionIfNoneMatch
	case c.ifMatch:
		return s3err.ConditionIfMatch
	case c.ifModified:
		return s3err.ConditionIfMatchLastModTime
	case c.ifSize:
		return s3err.ConditionIfMatchSize
	}
	return s3err.ConditionIfMatch
}

func partError(err error, on subject) s3err.S3Error {
	var part *vault.PartError
	number, etag, size := on.part, "", int64(0)
	if errors.As(err, &part) {
		number, etag, size = part.Number, part.ETag, part.Size
	}
	switch {
	case errors.Is(err, vault.ErrNoUpload):
		return s3err.GetNoSuchUploadErr(on.upload)
	case errors.Is(err, vault.ErrUploadMarker):
		return s3err.GetInvalidArgumentErr(s3err.InvalidArgUploadIdMarker, on.upload)
	case errors.Is(err, vault.ErrInvalidPart):
		return s3err.GetInvalidPartErr(on.upload, int32(number), etag)
	case errors.Is(err, vault.ErrPartChecksum):
		return s3err.GetInvalidPartErr(on.upload, int32(number), etag)
	case errors.Is(err, vault.ErrPartOrder):
		return s3err.GetAPIError(s3err.ErrInvalidPartOrder)
	case errors.Is(err, vault.ErrPartTooSmall):
		return s3err.GetEntityTooSmallErr(size, vault.MinPartSize)
	case errors.Is(err, vault.ErrPartNumber):
		return s3err.GetInvalidArgumentErr(s3err.InvalidArgCompleteMpPartNumber, fmt.Sprint(number))
	case errors.Is(err, vault.ErrChecksumType):
		return s3err.APIError{
			Code: "InvalidRequest", HTTPStatusCode: http.StatusBadRequest,
			Description: "A multipart upload cannot have a checksum of that algorithm and type. Use CRC32, CRC32C, CRC64NVME, SHA1 or SHA256.",
		}
	case errors.Is(err, vault.ErrNoParts):
		return s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	return nil
}

func generalError(err error, on subject) s3err.S3Error {
	var quota *vault.QuotaError
	switch {
	case errors.As(err, &quota):
		e := s3err.GetAPIError(s3err.ErrQuotaExceeded)
		if on.owner {
			e.Description = fmt.Sprintf("Your quota of %d %s is used up. Nothing was stored.", quota.Limit, quota.What)
		}
		return e
	case errors.Is(err, vault.ErrSlowDown):
		return s3err.GetAPIError(s3err.ErrSlowDown)
	case errors.Is(err, vault.ErrShredded):
		return errShredded
	case errors.Is(err, vault.ErrNotPermitted):
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	case errors.Is(err, vault.ErrNoSpace):
		return errNoSpace
	case errors.Is(err, vault.ErrCorrupt):
		return damage(err, on)
	case errors.Is(err, vault.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errUnavailable
	case brokenOff(err):
		return s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return s3err.GetAPIError(s3err.ErrInternalError)
}

// brokenOff reports whether a body did not come to its end.
func brokenOff(err error) bool {
	var network net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, net.ErrClosed) || errors.As(err, &network)
}

// damage tells the owner, and nobody else, which object is damaged.
func damage(err error, on subject) s3err.S3Error {
	e := s3err.GetAPIError(s3err.ErrInternalError)
	var object *vault.ObjectError
	if !on.owner || !errors.As(err, &object) {
		return e
	}
	e.Description = fmt.Sprintf("The stored data of %s/%s, version %s, are damaged and were not served. Tell your provider.",
		object.Bucket, object.Key, object.Version)
	return e
}

// deleteError is the line of a DeleteObjects answer for what was not deleted.
func (b *adapter) deleteError(ctx context.Context, key, version *string, err error) types.Error {
	on := subject{key: writ.ObjectKey(own(key)), version: writ.VersionID(own(version))}
	return s3err.ObjectDeleteError(key, version, b.fail(ctx, err, on))
}
