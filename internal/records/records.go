// Package records keeps ordered key-value records with transactions. It knows
// nothing of what they mean.
//
// [Open] keeps them in pebble on one machine, in files that are encrypted
// whole; [NewMemory] keeps them in memory, with the same behaviour, for tests.
// Package recordstest holds the conformance suite that both run, and that any
// other engine must.
//
// # What a reader may rely on
//
// When Apply or Update returns nil, the change is durable and every later read
// sees it. A read never sees a change that a crash could still undo: it waits
// for the change to become durable first. A batch or transaction is visible
// whole or not at all. Keys are ordered bytewise.
package records

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Errors that callers tell apart.
var (
	// ErrNotFound: no record has that key.
	ErrNotFound = errors.New("no such record")
	// ErrConflict: something that an Update read was changed by another before
	// it committed; nothing of it happened. [Retry] tries again.
	ErrConflict = errors.New("the records changed meanwhile")
	// ErrCorrupt: a record or file does not open as it was written.
	ErrCorrupt = errors.New("a record is damaged")
	// ErrNoSpace: the disk is full; nothing of the change happened.
	ErrNoSpace = errors.New("no space left for records")
	// ErrClosed: the store is closed.
	ErrClosed = errors.New("the records are closed")
)

// Entry is one record. Neither slice may be changed by who receives it.
type Entry struct{ Key, Value []byte }

// DefaultLimit is how many entries a Scan returns when its Range names no
// limit; MaxLimit is the most it ever returns.
const (
	DefaultLimit = 1000
	MaxLimit     = 10000
)

// Range is what to scan: keys from Start (inclusive) to End (exclusive; nil
// means to the last), the first Limit of them, from the end when Reverse.
type Range struct {
	Start, End []byte
	Limit      int
	Reverse    bool
	KeysOnly   bool // leave the values out
}

// Prefix is the range of all keys that begin with p.
func Prefix(p []byte) Range { return Range{Start: p, End: PrefixEnd(p)} }

// PrefixEnd returns the first key behind all keys that begin with p, nil if
// there is none.
func PrefixEnd(p []byte) []byte {
	end := bytes.Clone(p)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

func (r Range) limit() int {
	if r.Limit <= 0 {
		return DefaultLimit
	}
	return min(r.Limit, MaxLimit)
}

// contains says whether a key lies in the range.
func (r Range) contains(key []byte) bool {
	return bytes.Compare(key, r.Start) >= 0 && (r.End == nil || bytes.Compare(key, r.End) < 0)
}

// Reader reads records.
type Reader interface {
	// Get returns the value of a key, or ErrNotFound. The caller owns it.
	Get(ctx context.Context, key []byte) ([]byte, error)
	// Scan returns a page of a range, and whether more follow behind it. The
	// next page starts at the last key with a zero byte appended, or, in
	// reverse, ends at the last key.
	Scan(ctx context.Context, r Range) (entries []Entry, more bool, err error)
}

// Tx reads and writes inside an Update. Its reads see its own writes.
type Tx interface {
	Reader
	Put(key, value []byte)
	Delete(key []byte)
}

// Snapshot reads the records as they were at one moment.
type Snapshot interface {
	Reader
	Close() error
}

// Store keeps records.
type Store interface {
	Reader
	// Apply makes a batch durable, whole or not at all.
	Apply(ctx context.Context, b *Batch) error
	// Update runs fn once and commits what it wrote, if nothing that it read
	// (keys, ranges, and keys that were absent from them) was changed by
	// another meanwhile; else ErrConflict and nothing happened. An error of fn
	// is returned as it is, and nothing happened.
	Update(ctx context.Context, fn func(Tx) error) error
	// Snapshot fixes the present state for reading. It must be closed.
	Snapshot(ctx context.Context) (Snapshot, error)
	// Checkpoint writes a consistent copy into a folder that does not exist
	// yet, while others read and write. The copy opens with the same key.
	Checkpoint(ctx context.Context, dir string) error
	// Stats tells how much is kept.
	Stats() Stats
	// Close ends the store. Changes that were answered are durable.
	Close() error
}

// Stats are rough figures for operators.
type Stats struct {
	DiskBytes  int64 // of the files
	Tables     int64 // sorted tables
	LogBytes   int64 // of the write-ahead log that a start would replay
	MemoryUsed int64 // by cache and tables in memory
}

// Batch is a list of changes. The zero value is empty. The store keeps no
// reference to it, and Put and Delete copy what they are given.
type Batch struct {
	ops  []op
	size int
}

type op struct {
	key, value []byte
	delete     bool
}

// Put sets a record.
func (b *Batch) Put(key, value []byte) {
	b.ops = append(b.ops, op{key: bytes.Clone(key), value: append([]byte{}, value...)})
	b.size += len(key) + len(value)
}

// Delete removes a record, if it is there.
func (b *Batch) Delete(key []byte) {
	b.ops = append(b.ops, op{key: bytes.Clone(key), delete: true})
	b.size += len(key)
}

// Len is how many changes the batch holds, Size how many bytes.
func (b *Batch) Len() int  { return len(b.ops) }
func (b *Batch) Size() int { return b.size }

// retries is how often Retry tries before it gives the conflict back.
const retries = 64

// Retry runs Update again as long as it ends in ErrConflict, with a short and
// growing pause, up to 64 times. fn may run several times.
func Retry(ctx context.Context, s Store, fn func(Tx) error) error {
	var err error
	for try := range retries {
		if err = s.Update(ctx, fn); !errors.Is(err, ErrConflict) {
			return err
		}
		pause := time.Duration(rand.Int64N(int64(50*time.Microsecond) << min(try, 8)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return fmt.Errorf("after %d tries: %w", retries, err)
}
