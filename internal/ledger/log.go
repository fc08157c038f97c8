// Package ledger keeps the public transparency log in which a server commits
// to what it does (docs/ledger.md).
//
// A [Log] is an append-only list of leaves under signed checkpoints. [OpenPosix]
// keeps one in a folder, through Tessera; [NewMemory] keeps one in memory, with
// the same behaviour, for tests. Package ledgertest holds the conformance test
// that both run, and that any other must.
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
	// ErrClosed: the log is closed.
	ErrClosed = errors.New("the log is closed")
)

// Log is an append-only log. Its methods may be called from many goroutines.
// What it has published it never changes, also after it is opened again.
type Log interface {
	// Append adds a leaf and waits until a published checkpoint covers it; it
	// returns the leaf's index and that checkpoint. If ctx ends first it
	// returns ErrUnpublished: the leaf may or may not be in the log, and who
	// sends it again must first look. The log knows no duplicates.
	Append(ctx context.Context, leaf []byte) (index uint64, checkpoint []byte, err error)
	// Checkpoint returns the newest published checkpoint, a signed note. A log
	// that holds nothing has one of size 0.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Leaf returns a published leaf, byte for byte, or ErrNoLeaf. The caller
	// owns it.
	Leaf(ctx context.Context, index uint64) ([]byte, error)
	// Prove returns the RFC 6962 inclusion proof of a leaf in the log of the
	// first size leaves, from the leaf up, or ErrNoLeaf.
	Prove(ctx context.Context, index, size uint64) ([][]byte, error)
	// Close ends the log. An Append under way ends with an error or its leaf.
	Close(ctx context.Context) error
}

func checkLeaf(leaf []byte) error {
	if len(leaf) == 0 || len(leaf) > MaxLeaf {
		return ErrLeafSize
	}
	return nil
}
