// Package policy says which keys, persons and thresholds are in force, and
// what an authorisation under law says. It is pure: no I/O, no clock, no keys
// that open anything. The gate reads it to decide, the docket to write what
// custodians sign, and a stranger to check what was signed.
//
// Three things are signed, each as the payload of a DSSE envelope
// (https://github.com/secure-systems-lab/dsse) with a type of its own, so that
// a signature on one never stands for another: a [Set] of custodians, an
// [Authorisation], and a [Waiver]. Their bytes are JSON that can be spelled in
// one way only: what [Set.Encode] and its like write. Anything else is
// [ErrForm], so that nobody signs what another reads differently.
//
// A person may hold several keys. Thresholds count persons, never keys or
// signatures. A key is an Ed25519 key in a file, or a [Passkey], which signs in a
// browser: its WebAuthn challenge is the SHA-256 of what an Ed25519 key would
// sign, and [Passkey.Verify] looks at all that the browser and the authenticator
// say of it. Passkeys never make a quorum alone, since a browser signs what the
// page in it asks for. docs/writ.md has the formats.
package policy

import "errors"

// Why something that was signed is not accepted. Each is wrapped in a sentence
// that says more.
var (
	// ErrForm: not the JSON, or not the values, that docs/writ.md asks for.
	ErrForm = errors.New("not in the form of docs/writ.md")
	// ErrPayloadType: the envelope holds something of another type.
	ErrPayloadType = errors.New("the envelope holds something else")
	// ErrQuorum: too few persons signed, or not those who must.
	ErrQuorum = errors.New("the quorum is not reached")
	// ErrUnknownKey: no signature is by a key of the set. It comes with
	// [ErrQuorum].
	ErrUnknownKey = errors.New("no signature is by a key of the custodians' set")
	// ErrOffline: enough signed, but none with a key that is kept off line. It
	// comes with [ErrQuorum].
	ErrOffline = errors.New("no signature was made with a key that is kept off line")
	// ErrExpired: its time is over.
	ErrExpired = errors.New("its time is over")
	// ErrEarly: it says that it was made later than now.
	ErrEarly = errors.New("it is dated in the future: check the clocks")
	// ErrSet: it is for another set of custodians than the one in force.
	ErrSet = errors.New("it is for another set of custodians")
	// ErrWaiver: the waiver is for another writ or another case.
	ErrWaiver = errors.New("the waiver is for something else")
)
