// Package signin says who sits at a browser: a person of the staff, a user of a
// customer, or an officer of an enrolled authority ([Account]). It keeps passkeys
// (WebAuthn), the invitations by which they are enrolled, and sessions; persons of
// the staff may also come from an identity provider (OpenID Connect). docs/signin.md
// is the manual for who runs a server, layout.go the specification of the records.
//
// # Nobody enrols for another alone
//
// A passkey is enrolled by an invitation ([Signin.Invite]): a secret for one use, of
// which only the hash is kept. Who invites themself with a token that carries all that
// they may do, or adds a passkey at their browser ([Signin.BeginAnother]), is in at
// once. What one person invites for another waits until a second has confirmed it
// ([Signin.Confirm]), who types in the fingerprint that its owner reads out: they are
// not shown it, so that the comparison can't be skipped. A lost passkey is replaced in
// the same way, and with the confirmation all that was there before ends.
//
// # Sessions
//
// A session is a cookie of 256 random bits, of which the hash is kept. It has a public
// id, by which it is listed, revoked and audited. Whether it is in force is looked up
// each time, and again inside the transaction of each change ([staff.Sessions]): a role
// that ended, a suspended authority, a shredded customer, a removed passkey end it at
// once. It lasts as long as its constants say by the clock; should the clock go back
// behind what is written in it, it is over.
//
// What approves something takes a verification by passkey that is at most
// [staff.FreshFor] old ([Signin.BeginStepUp]), on the network on which it happened.
// Each verification exchanges the cookie.
//
// # What is told
//
// Whoever is refused learns nothing of accounts ([ErrRefused]); the operator's audit
// trail has the reason, by ids. Guesses make a network wait.
//
// # What is not here
//
// Cookies, forms and pages: the console has them, and protects them from other sites.
// The package starts no goroutine and has no clock but the one it is given.
package signin
