package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"writ/internal/blob"
	"writ/internal/gate"
	"writ/internal/records"
	"writ/internal/seal"
)

// Errors that callers tell apart with [errors.Is]. Those of uploads, of
// lifecycle and of backups stand with them.
var (
	ErrNoCustomer     = errors.New("no such customer")
	ErrCustomerExists = errors.New("a customer of that name exists")
	ErrCustomerName   = errors.New("customer name is not 1 to 128 printable characters")
	ErrNoCredential   = errors.New("no such credential")

	ErrNoBucket         = errors.New("no such bucket")
	ErrBucketName       = errors.New("bucket name is not valid")
	ErrBucketExists     = errors.New("bucket name is taken by another customer")
	ErrBucketOwnedByYou = errors.New("bucket exists and is the customer's own")
	ErrBucketNotEmpty   = errors.New("bucket is not empty")
	ErrNoSetting        = errors.New("bucket has no such setting")
	ErrVersioning       = errors.New("versioning cannot be changed so") // off again, or suspended under object lock
	ErrNoLock           = errors.New("bucket has no object lock")
	ErrLockVersioning   = errors.New("object lock needs versioning")

	ErrKey           = errors.New("object key is not 1 to 1,024 bytes of UTF-8 without NUL")
	ErrVersion       = errors.New("not the id of a version")
	ErrNoKey         = errors.New("no such object")
	ErrNoVersion     = errors.New("no such version")
	ErrMarker        = errors.New("version is a delete marker") // see [MarkerError]
	ErrPrecondition  = errors.New("a condition does not hold")
	ErrNotModified   = errors.New("not modified")
	ErrRange         = errors.New("range lies outside the object")
	ErrSameObject    = errors.New("copy onto itself changes nothing")
	ErrLocked        = errors.New("version is locked")
	ErrRetention     = errors.New("retention is not valid")
	ErrNoRetention   = errors.New("version has no retention")
	ErrIncomplete    = errors.New("body ended before its declared size")
	ErrTooLong       = errors.New("body is longer than its declared size")
	ErrTooLarge      = errors.New("object is larger than 5 TiB")
	ErrQuota         = errors.New("customer's quota is used up") // see [QuotaError]
	ErrSlowDown      = errors.New("customer's requests per second are used up")
	ErrNoSpace       = errors.New("no space left")
	ErrCorrupt       = errors.New("stored data are damaged") // see [ObjectError]
	ErrShredded      = errors.New("customer's keys were destroyed")
	ErrUnavailable   = errors.New("store cannot answer now") // closed, or a journal that cannot be written
	ErrNotPermitted  = errors.New("not allowed")
	errTransientRead = errors.New("version went away while it was opened")
)

// An ObjectError is an error about one version. Its text names nothing, so
// that it may be logged; its fields are for the answer to the owner.
type ObjectError struct {
	ObjectRef
	Err error
}

// Error implements error.
func (e *ObjectError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *ObjectError) Unwrap() error { return e.Err }

// A MarkerError says that the version asked for is a delete marker. It is
// [ErrNoKey] if none was named, and [ErrMarker] always.
type MarkerError struct {
	Version Version // the marker
	Current bool    // no version was named
}

// Error implements error.
func (e *MarkerError) Error() string { return ErrMarker.Error() }

// Is implements the matching of [errors.Is].
func (e *MarkerError) Is(target error) bool {
	return target == ErrMarker || e.Current && target == ErrNoKey
}

// A QuotaError says which quota is used up; it wraps [ErrQuota].
type QuotaError struct {
	What  string // "bytes" or "objects"
	Limit int64
}

// Error implements error.
func (e *QuotaError) Error() string {
	return fmt.Sprintf("customer's quota of %d %s is used up", e.Limit, e.What)
}

// Unwrap returns [ErrQuota].
func (e *QuotaError) Unwrap() error { return ErrQuota }

// translated is an error of a room beneath under the vault's own name for it.
type translated struct{ as, from error }

func (e *translated) Error() string   { return e.as.Error() + ": " + e.from.Error() }
func (e *translated) Unwrap() []error { return []error{e.as, e.from} }

type renaming struct{ from, to error }

func rename(err error, table []renaming) error {
	if err == nil {
		return nil
	}
	for _, r := range table {
		if errors.Is(err, r.from) {
			return &translated{as: r.to, from: err}
		}
	}
	return err
}

// recordsError gives errors of records the vault's names.
func recordsError(err error) error {
	return rename(err, []renaming{
		{records.ErrNoSpace, ErrNoSpace},
		{records.ErrCorrupt, ErrCorrupt},
		{records.ErrClosed, ErrUnavailable},
		{records.ErrConflict, ErrUnavailable}, // after all retries
	})
}

// blobError gives errors of blob the vault's names. A blob that a record
// names and that is not there is damage.
func blobError(err error) error {
	return rename(err, []renaming{
		{blob.ErrNoSpace, ErrNoSpace},
		{blob.ErrCorrupt, ErrCorrupt},
		{blob.ErrNotFound, ErrCorrupt},
	})
}

// sealError gives errors of gate and seal the vault's names.
func sealError(err error) error {
	if err == nil {
		return nil
	}
	var chunk *seal.ChunkError
	if errors.As(err, &chunk) {
		return &translated{as: ErrCorrupt, from: err}
	}
	return rename(err, []renaming{
		{gate.ErrShredded, ErrShredded},
		{gate.ErrDenied, ErrNotPermitted},
		{gate.ErrNoSpace, ErrNoSpace},
		{gate.ErrWrapped, ErrCorrupt},
		{gate.ErrNoKEK, ErrCorrupt},
		{gate.ErrNoCustomer, ErrCorrupt},
		{gate.ErrPinned, ErrCorrupt},
		{gate.ErrJournal, ErrUnavailable},
		{gate.ErrClosed, ErrUnavailable},
		{seal.ErrFormat, ErrCorrupt},
		{seal.ErrKey, ErrCorrupt},
		{seal.ErrTruncated, ErrCorrupt},
		{seal.ErrTooLong, ErrTooLarge},
	})
}

// spaceError names a full disk.
func spaceError(err error) error {
	return rename(err, []renaming{{syscall.ENOSPC, ErrNoSpace}, {syscall.EDQUOT, ErrNoSpace}})
}

// objectError puts a version's name to what went wrong with its bytes.
func objectError(ref ObjectRef, err error) error {
	if err == nil || err == io.EOF || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &ObjectError{ObjectRef: ref, Err: err}
}

// damaged puts a version's name to an error that says that it is damaged.
func damaged(ref ObjectRef, err error) error {
	if errors.Is(err, ErrCorrupt) {
		return &ObjectError{ObjectRef: ref, Err: err}
	}
	return err
}

// isMissing reports whether err says that a version is not there.
func isMissing(err error) bool { return errors.Is(err, ErrNoKey) || errors.Is(err, ErrNoVersion) }

// refusal reports whether err is about what was asked for, and not about the
// store.
func refusal(err error) bool {
	for _, e := range []error{ErrKey, ErrVersion, ErrNoKey, ErrNoVersion, ErrPrecondition, ErrLocked} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
