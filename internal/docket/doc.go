// Package docket keeps cases: what authorities demand, what law says of it, who
// decided what, and what came of it.
//
// A [Case] is the fold of its events and nothing else. Each event says who did
// what, in which role, and names the hash of the one before; it is written with
// its commitment to the ledger in one transaction. A move that is not lawful
// where the case stands is refused by the fold itself (one table says which role
// may do what), so that a case that was edited by hand does not read either.
//
// # Who may do what
//
// Nobody acts alone: intake enters and authenticates, counsel judges and
// approves, custodians sign, production opens and packs, and no person, nor a
// deputy for it, does two of these in one case. Findings of law bind unless two
// persons, one of them counsel, determine otherwise with reasons. What a
// decision rested on may not change behind it: review, approval and draft each
// name the digest of all they rest on, and are void when that changes.
//
// # How law opens anything
//
// What is in scope is preserved, so that the list is fixed and the customer's
// deletes do not matter. Counsel approves, the docket draws up the
// authorisation, custodians sign its very bytes; when the quorum is there the
// writ is committed to, and then the exact list. Only then does the gate open,
// after looking at all of it by itself: nothing that the docket says is believed
// there. What is opened goes, object by object, into a package sealed to the
// authority (package bag); it never lies in plain on the disk.
//
// # Silence and telling
//
// Each case has one basis of secrecy. Until it is lifted nothing tells the
// customer: no notice, no entry in its journal, no answer of the store. When it
// is lifted, by counsel or by a date, the customer gets a notice with the
// receipts of what was committed to and when, and the openings join its journal.
//
// # What it does of itself
//
// [Docket.Run] serves the clocks: it pages who is on call when half of a
// deadline is gone, ends preservations, lifts dated secrecy, and takes up what a
// restart interrupted. [Docket.Expire] erases what is kept no longer, and leaves
// on record what was erased.
//
// Nothing here is legal advice: counsel decides, the software makes sure that
// what was decided is limited, logged, reasoned and, when it may be, told.
package docket
