// Package ledger keeps the public transparency log in which a server commits
// to what it does (docs/ledger.md).
//
// A [Log] is an append-only list of leaves under signed checkpoints. [OpenPosix]
// keeps one in a folder, through Tessera; [NewMemory] keeps one in memory, with
// the same behaviour, for tests; [OpenWitnessed] puts witnesses before what
// either publishes. Package ledgertest holds the conformance test that all of
// them run, and that any other must.
//
// A [Book] is what the rest of the server writes to: hidden and public
// statements, each kept in the records before anything is appended, one batch at
// each interval whatever goes on, and a receipt for everything. [Handler] serves
// the log to the public. [Recover] and [Break] are for the day on which the log's
// folder is lost.
package ledger

import (
	"context"
	"errors"
)

// MaxLeaf is the most bytes that a leaf may have.
const MaxLeaf = 4096

// Errors that callers tell apart.
var (
	// ErrLeafSize: the leaf is empty or larger than MaxLeaf; nothing was appended.
	ErrLeafSize = errors.New("a leaf of the ledger has 1 to 4,096 bytes")
	// ErrUnpublished: the leaf is in no published checkpoint yet. It may be
	// durable all the same, and be published later.
	ErrUnpublished = errors.New("the statement is not published yet")
	// ErrNoLeaf: the published log has no leaf of that index, or is smaller
	// than the size asked for.
	ErrNoLeaf = errors.New("the published log does not reach that far")
	// ErrDamaged: what the log keeps is not what it wrote.
	ErrDamaged = errors.New("the ledger's folder is damaged")
	// ErrClosed: the log is closed.
	ErrClosed = errors.New("the log is closed")
)

// Log is an append-only log. Its methods may be called from many goroutines.
// What it has published it never changes, also after it is opened again.
//
// Appending has two steps. A leaf is durable when it has an index: it will be
// published, and only who keeps the log may see it until then ([Log.Size],
// [Log.Pending]). It is published when a checkpoint covers it. All other reads
// reach what is published, and nothing else.
type Log interface {
	// Add appends a leaf and returns its index once it is durable. If ctx has
	// ended before, nothing was appended; after that it is not looked at,
	// because a leaf of which nobody knows whether it is in the log would have
	// to be searched for. After another error the leaf is in the log only if
	// Size grew. The log knows no duplicates.
	Add(ctx context.Context, leaf []byte) (index uint64, err error)
	// Await waits until a published checkpoint covers the leaf of that index
	// and returns the newest. ErrUnpublished if ctx ends first.
	Await(ctx context.Context, index uint64) (checkpoint []byte, err error)
	// Append is Add and Await. If ctx ends first it returns ErrUnpublished:
	// the leaf may or may not be in the log, and who sends it again must first
	// look.
	Append(ctx context.Context, leaf []byte) (index uint64, checkpoint []byte, err error)

	// Size is how many leaves are durable, published or not.
	Size(ctx context.Context) (uint64, error)
	// Pending returns a durable leaf, published or not, or ErrNoLeaf.
	Pending(ctx context.Context, index uint64) ([]byte, error)

	// Checkpoint returns the newest published checkpoint, a signed note. A log
	// that holds nothing has one of size 0.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Leaf returns a published leaf, byte for byte, or ErrNoLeaf. The caller
	// owns it.
	Leaf(ctx context.Context, index uint64) ([]byte, error)
	// Prove returns the RFC 6962 inclusion proof of a leaf in the log of the
	// first size leaves, from the leaf up, or ErrNoLeaf.
	Prove(ctx context.Context, index, size uint64) ([][]byte, error)
	// Consistency returns the RFC 6962 proof that the log of the first `to`
	// leaves begins with that of the first `from`, or ErrNoLeaf.
	Consistency(ctx context.Context, from, to uint64) ([][]byte, error)
	// Tile returns the first width hashes, 32 bytes each, of a hash tile
	// (https://c2sp.org/tlog-tiles), or ErrNoLeaf if the published log has
	// fewer there. Width is 1 to 256.
	Tile(ctx context.Context, level, index uint64, width int) ([]byte, error)
	// Entries returns the first width entries of a bundle, each behind its
	// length (16 bits, big-endian), or ErrNoLeaf.
	Entries(ctx context.Context, index uint64, width int) ([]byte, error)

	// Close ends the log. An Append under way ends with an error or its leaf.
	Close(ctx context.Context) error
}

func checkLeaf(leaf []byte) error {
	if len(leaf) == 0 || len(leaf) > MaxLeaf {
		return ErrLeafSize
	}
	return nil
}
