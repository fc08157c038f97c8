// Package staff keeps who does the work of due process: persons and the roles
// that they hold and held, their tokens for the JSON API, the order in which
// they are paged, the directory of authorities, and the operator's audit trail.
// It says who holds which role when; whether one person may do something in one
// case is the docket's to decide.
//
// # Persons and roles
//
// A [Person] is named once and for ever; who leaves is marked, never removed.
// Roles are given by two: an operator proposes ([Staff.Propose]), another
// confirms ([Staff.Confirm]), whoever it is that gets the role, the operator
// included. So nobody makes up a person and gives it a case role alone. A role
// ends by one ([Staff.End]): to take away is safe. A deputy holds a role for
// somebody else, for a time, and only as long as that one holds it.
//
// The role operator administers persons. It is no role in a case, and none
// follows from it.
//
// On a fresh server there is nobody who could confirm: the first persons come
// over the administration socket ([Staff.Socket]), which the audit trail says.
// From the moment that two operators can sign in the socket gives nobody a right
// any more, and the last two can't leave before others are named.
//
// # Tokens
//
// A token ([NewToken]) belongs to one person and to some of that person's roles.
// Its owner makes it, on a machine of their own; an operator registers only its
// hash, and a second operator confirms, so that neither can act as its owner.
// Who has a token may issue more ([Staff.IssueToken]), never wider than the one
// at hand. [Staff.Authenticate] looks at person and roles as they are now, so
// that a role that ended ends in every token.
//
// Who sits at a browser comes with the same [Identity], which then has a session
// instead of a token ([Staff.TrustSessions]). A session carries all roles that its
// person holds; what approves something takes a passkey again ([FreshFor]).
//
// # Acts
//
// Every change takes the [Identity] that does it, and what it may do is looked
// up again inside the change's own transaction. A change and its audit entry are
// durable together; a refusal changes nothing and leaves an entry of its own
// ([Staff.Refuse] for the refusals of other rooms).
//
// # The audit trail
//
// [Entry] is one act or refusal. Entries are chained by hashes: an entry that was
// edited, dropped or reordered is found by [Staff.Verify], and a trail that was
// cut or written anew is found by it too, given a [Head] that was kept
// elsewhere, such as in the ledger. docs/staff.md has the bytes.
//
// # Authorities
//
// An [Authority] needs a name, a country and a kind, nothing more: an order of the
// EU must be taken from an authority that nobody enrolled. A contact to call
// back and a key count once a second person has verified them. A mail address is
// a hint for a human reader; no function of this package finds or accepts an
// authority by one.
//
// # What is not here
//
// Delivery of pages: [Staff.OnCall] and [Next] say who is to be paged, others do
// it. How often an authority asks: the docket counts that. The package has no
// clock but the one it is given, and starts no goroutine.
package staff
