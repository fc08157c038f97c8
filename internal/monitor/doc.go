// Package monitor looks at a ledger from outside, as a customer, a journalist
// or another provider does: it reads a C2SP tlog-tiles log over HTTP or from a
// folder and believes nothing of it that does not follow from a checkpoint that
// [proof.Verifier] accepts (docs/ledger.md, "Checking").
//
// [Visit] reads the newest checkpoint and holds it against the one of the last
// visit, which a [State] keeps: a log that was rolled back, or that shows another
// history, is refused, and both checkpoints are kept as evidence. [Log.Scan]
// re-hashes leaves and folds them into a [Story]; [Log.Journal] checks a
// customer's journal bundle; [CheckTLS] looks at how a server speaks TLS.
//
// Whatever is read is bounded, in bytes and in time, and answers of servers are
// never followed elsewhere.
package monitor

import "errors"

// Why a log is refused, besides the errors of package proof. Each is wrapped in
// a sentence that says more.
var (
	// ErrSource: the log, or a part of it, cannot be read.
	ErrSource = errors.New("couldn't read the log")
	// ErrPlaintext: what is asked for would go over the network in the clear.
	ErrPlaintext = errors.New("plaintext is refused")
	// ErrTile: what the log serves is not what its checkpoint commits to.
	ErrTile = errors.New("the log serves something else than its checkpoint commits to")
	// ErrStory: the log's statements are not what docs/ledger.md asks for.
	ErrStory = errors.New("the log's statements are not in order")
	// ErrRollback: the log is smaller than at the last visit.
	ErrRollback = errors.New("the log was rolled back")
	// ErrFork: the log signed two histories.
	ErrFork = errors.New("the log has forked")
	// ErrState: the state file is damaged, or another log's.
	ErrState = errors.New("the state file is not usable")
	// ErrJournal: the bundle is not of that customer, or not what was pinned.
	ErrJournal = errors.New("the bundle is not what was asked for")
	// ErrBehind: batches that the log has published are not in the bundle.
	ErrBehind = errors.New("the bundle leaves out batches that are published")
	// ErrSealed: entries are sealed to the customer's own key, and no key was given.
	ErrSealed = errors.New("the journal cannot be read without the customer's own key")
	// ErrLost: the server says that it no longer knows what a batch committed to.
	ErrLost = errors.New("the server has lost what a batch committed to")
	// ErrTLS: the server speaks TLS otherwise than is promised.
	ErrTLS = errors.New("the server doesn't speak TLS as promised")
)
