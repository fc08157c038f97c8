// Package door is how people come into the console and go: signing in with a
// passkey or through the house's identity provider, enrolling a passkey by an
// invitation, being verified again before an approval, and the page on which
// everybody sees their own passkeys and sessions.
//
// [Door] is the console's Guard: it turns the cookie of a session into who looks,
// with the roles that they hold at that moment.
package door
