// Package proof is what a stranger needs to check the ledger, and what the
// ledger is made of: statements, commitments, the map of journal heads, and
// receipts (docs/ledger.md). It does no I/O and has no clock; signed notes,
// checkpoints, cosignatures and Merkle proofs are those of C2SP and RFC 6962,
// checked by transparency-dev's and the Go project's code.
//
// [Verifier.Receipt] checks a receipt against a log's key and a witness policy
// that the caller has pinned. It returns what was proven, or an error that says
// in one sentence what is wrong.
package proof

import "errors"

// Why something is not what it claims to be. Each is wrapped in a sentence that
// says more.
var (
	// ErrForm: not the JSON, or not the sizes, that docs/ledger.md asks for.
	ErrForm = errors.New("not of the ledger's form")
	// ErrTrust: the log's key or the policy that was pinned cannot be used.
	ErrTrust = errors.New("the pinned key or policy cannot be used")
	// ErrLog: the checkpoint is not signed by the log that is pinned.
	ErrLog = errors.New("the checkpoint is not signed by the pinned log")
	// ErrWitnesses: fewer witnesses than the policy asks for cosigned.
	ErrWitnesses = errors.New("the checkpoint lacks cosignatures that the policy asks for")
	// ErrStale: nobody has cosigned the checkpoint lately.
	ErrStale = errors.New("the checkpoint is too old")
	// ErrInclusion: the statement is not in the log at that index.
	ErrInclusion = errors.New("the statement is not in the log at that index")
	// ErrSlot: what is hidden is not what was committed to in that slot.
	ErrSlot = errors.New("this is not what the batch committed to")
)
