// Package blob keeps sealed bytes. It does not know what they mean, cannot
// open them, and holds no key: what comes in was sealed by package seal, and
// what goes out is opened above.
//
// A blob is named by the [Ref] that its writing returned. There is no other
// name, and no index beside the caller's own records: the caller stores the
// Ref in the record that makes the blob visible, and answers through [Owners]
// which blobs are still named by a record. A Ref is never used twice.
//
// # Order of writing
//
// Data, then directory, then record. [Store.Put] and [Upload.Commit] return
// when the bytes, and the directory entries that lead to them, are durable;
// only then may the record that names the Ref be written. To remove, the
// order is the reverse: first the record, then [Store.Delete]. A crash between
// the two steps leaves a blob that no record names, never a record without its
// blob; [Store.Reclaim] finds and removes such blobs.
//
// # Implementations
//
// [Open] keeps blobs in a folder: many small and medium ones together in
// append-only segments, whose appenders share one fsync, and each large one
// in a file of its own. [NewMemory] keeps them in memory, for tests. Both pass
// blobtest.Conformance, as every later implementation must.
package blob

import (
	"context"
	"errors"
	"io"
	"time"

	"writ/internal/groupcommit"
)

// MaxPut is the largest blob, in bytes, that [Store.Put] takes. The limit
// below which a caller should prefer Put to [Store.Create] is lower, and is
// the caller's choice.
const MaxPut = 8 << 20

// Errors that callers tell apart. Implementations wrap them; test with
// [errors.Is].
var (
	// ErrNotFound reports a Ref whose blob is not there: deleted, reclaimed,
	// moved by Reclaim, or never written.
	ErrNotFound = errors.New("blob not found")
	// ErrCorrupt reports bytes that are not what was written: framing that
	// does not match, or a file of the wrong length. What is inside a blob is
	// not checked here; the sealed format does that.
	ErrCorrupt = errors.New("blob damaged")
	// ErrNoSpace reports that the disk or a quota is full. Nothing was
	// written; the same call succeeds when space has returned. It comes
	// wrapped together with the system's error (ENOSPC, EDQUOT) if it was the
	// system that refused, and not Options.Reserve.
	ErrNoSpace = errors.New("no space left for blobs")
	// ErrTooLarge reports a blob longer than [MaxPut] given to Put.
	ErrTooLarge = errors.New("blob too large for a segment")
	// ErrClosed reports the use of a closed store, or of an upload that was
	// committed or discarded.
	ErrClosed = errors.New("blob store closed")
)

// Store keeps blobs. All methods may be called at the same time.
type Store interface {
	// Put stores sealed, at most MaxPut bytes and at least one, and returns
	// when it is durable. Calls made at the same time share one fsync. When
	// ctx ends while the bytes are being made durable, Put still waits for
	// the outcome. On error nothing was stored that anybody will see.
	// Errors: ErrTooLarge, ErrNoSpace, ErrClosed.
	Put(ctx context.Context, sealed []byte) (Ref, error)

	// Create begins a blob of any length in a file of its own. sizeHint is
	// its length in bytes if it is known, else 0; it is a hint for the
	// allocation of space and no limit.
	Create(ctx context.Context, sizeHint int64) (Upload, error)

	// Open opens a blob for reading. The Reader stays readable until its
	// Close, even when the blob is deleted, moved or reclaimed meanwhile.
	//
	// Reclaim moves blobs: a caller that read ref from a record and gets
	// ErrNotFound must read the record again before it believes that.
	// Moved blobs stay at their old Ref for Options.Linger to make this
	// rare. A deleted blob may stay readable until it is reclaimed.
	// Errors: ErrNotFound, ErrCorrupt, ErrClosed.
	Open(ctx context.Context, ref Ref) (Reader, error)

	// Delete gives up blobs whose records are gone. It is idempotent: a Ref
	// that is not there is no error. It need not be durable, for Reclaim
	// finds again what a crash brought back. Space held in segments returns
	// through Reclaim.
	Delete(ctx context.Context, refs ...Ref) error

	// Walk calls fn for every blob in the store, among them those that were
	// deleted and not yet reclaimed and those that a crash left behind. It
	// does not hold up writers; a blob written or removed during the walk
	// may be seen or not. It checks all framing and goes on past damage:
	// when fn never failed, the error joins a [*DamageError] for each place
	// that was damaged. An error from fn ends the walk and is returned.
	Walk(ctx context.Context, fn func(Ref) error) error

	// Reclaim brings back the space of blobs that nobody owns. It removes
	// unowned files, and rewrites segments with much dead space: each live
	// blob is copied and made durable at a new Ref, Owners.Move repoints its
	// record, and at last the old segment goes. Only blobs older than
	// Options.Grace are judged, so that a blob whose record is being written
	// is safe; uploads in progress are never touched. Traffic goes on. It
	// may be interrupted at any instant, by ctx or a crash, and simply run
	// again. Damaged blobs are left where they are and joined into the error.
	// Calls run one at a time. progress may be nil.
	Reclaim(ctx context.Context, owners Owners, progress Progress) (Reclaimed, error)

	// Hold stops the removal of anything until release is called: Delete
	// and Reclaim go on and only put off the removal. A backup takes its
	// copy of the records and then its Checkpoint under one Hold, so that
	// every blob that the records name is in it. release is idempotent.
	Hold() (release func())

	// Checkpoint makes a copy of the store in dir, which must not exist, by
	// hard links where the file system lets it, else by copying. It has
	// every blob whose Put or Commit returned before the call. dir can be
	// opened with [Open]. Writers are not held up. After an error dir holds
	// a part, and is the caller's to remove.
	Checkpoint(ctx context.Context, dir string) (Checkpointed, error)

	// Usage tells what the store takes up. It is cheap.
	Usage() Usage

	// Close waits for running writes and releases the store. Readers that
	// are still open stay readable.
	Close() error
}

// Reader reads one blob at any place. ReadAt may be called at the same time
// by many; it never reads past Size.
type Reader interface {
	io.ReaderAt
	io.Closer
	// Size is the length of the blob in bytes.
	Size() int64
}

// Upload is a blob being written. It is used by one goroutine at a time.
// Exactly one of Commit and Discard decides its fate; a deferred Discard
// after Commit does nothing.
type Upload interface {
	// Write appends p. A short write is always an error; ErrNoSpace when the
	// disk is full, after which only Discard is of use.
	io.Writer
	// Commit makes the data durable, then the directory, and returns the
	// Ref. After an error the upload is discarded.
	Commit(ctx context.Context) (Ref, error)
	// Discard gives the upload up and frees its space. It is idempotent and
	// does nothing after Commit.
	Discard()
}

// Owners answers for the records that name blobs. A store asks it during
// Reclaim only.
type Owners interface {
	// Owned reports, for each of refs in order, whether a record names it.
	Owned(ctx context.Context, refs []Ref) ([]bool, error)
	// Move makes the record that names from name to instead, in one
	// transaction, durable on return. It returns false, and changes nothing,
	// if no record names from any more. to is durable when it is called.
	Move(ctx context.Context, from, to Ref) (bool, error)
}

// Progress is told how many bytes of how many have been looked at. It is
// called from one goroutine, often, and must be quick.
type Progress func(done, total int64)

// Reclaimed says what one Reclaim did.
type Reclaimed struct {
	Segments int   // segments removed
	Files    int   // unowned files removed
	Moved    int   // blobs copied to another segment
	Bytes    int64 // bytes freed, less those that the moved blobs took
}

// Checkpointed says what one Checkpoint holds.
type Checkpointed struct {
	Segments int   // segments
	Files    int   // blobs in files of their own
	Bytes    int64 // bytes of both
	Copied   int64 // bytes that had to be copied, as dir is on another file system
}

// Usage says what a store takes up.
type Usage struct {
	Segments     int   // segments, the open one among them
	SegmentBytes int64 // bytes in segments, dead ones and framing included
	Files        int   // blobs in files of their own
	FileBytes    int64 // bytes in them
	// Counting is true while the files that were there when the store was
	// opened are still being counted: Files and FileBytes are then too low.
	Counting bool
}

// Options tune a store. The zero value is right for a server.
type Options struct {
	// SegmentSize is the length in bytes at which a segment is closed and a
	// new one begun. 0 means 256 MiB. Larger segments mean fewer files;
	// smaller ones mean that Reclaim copies less at a time.
	SegmentSize int64
	// Grace is how old an unowned blob must be before Reclaim removes it. It
	// must exceed the longest time between Put or Commit and the record of
	// it. 0 means one hour, less than 0 none.
	Grace time.Duration
	// Linger is how long a segment whose blobs were moved away stays, for
	// readers that have just read the old Ref. 0 means one minute, less than
	// 0 none. The Reclaim after that time removes it.
	Linger time.Duration
	// Dead is the share of a segment's bytes that must be dead before
	// Reclaim rewrites it, in (0, 1]. 0 means 0.4.
	Dead float64
	// Handles is the number of segment files kept open for reading. 0 means
	// 256. Segments that are being read stay open beyond it.
	Handles int
	// Reserve is how many bytes of the disk blobs leave free: below it, Put,
	// Create and an upload that goes on are ErrNoSpace, so that deleting, reclaiming and the records
	// beside find room on a full disk. 0 means none.
	Reserve int64
	// Traffic counts those who are about to commit, here and elsewhere, so
	// that more of them share an fsync. nil means that nobody counts.
	Traffic *groupcommit.Traffic
	// Now is the clock. nil means time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.SegmentSize <= 0 {
		o.SegmentSize = 256 << 20
	}
	if o.Grace == 0 {
		o.Grace = time.Hour
	}
	if o.Linger == 0 {
		o.Linger = time.Minute
	}
	if o.Dead <= 0 || o.Dead > 1 {
		o.Dead = 0.4
	}
	if o.Handles <= 0 {
		o.Handles = 256
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
