package gate

import (
	"fmt"
	"strings"

	"writ"
	"writ/internal/gate/internal/journal"
)

// Right is why somebody may have a key. Its values come from the functions of
// this package only ([Owner], [Grant], [JournalReader]); a type of another
// package that embeds one, or none, is denied everything.
//
// A right says who was let in, it does not prove it: who calls Owner has
// checked the credential's signature, who calls Grant the policy. Upkeep is
// not a right: it has methods of its own ([Gate.Rewrap], [Gate.Pin]) that give
// no key out.
type Right interface{ right() }

type owner struct {
	customer   writ.CustomerID
	credential writ.CredentialID
}

type grant struct {
	customer writ.CustomerID
	by       GrantBy
}

type journalReader struct {
	customer writ.CustomerID
	operator string
}

func (owner) right()         {}
func (grant) right()         {}
func (journalReader) right() {}

// Owner is the right of a customer to its own data, shown by one of its
// credentials.
func Owner(c writ.CustomerID, credential writ.CredentialID) Right { return owner{c, credential} }

// GrantBy says under which grant of the owner somebody acts.
type GrantBy struct {
	PolicyDigest [32]byte // SHA-256 of the bucket policy or ACL that allowed it; zero for a presigned URL of the owner
	Principal    string   // the acting customer's id, or "anonymous"
	Presigned    bool     // by a URL that the owner signed
}

// Grant is the right that the owner gave to somebody else by a bucket policy,
// an ACL or a presigned URL.
func Grant(owner writ.CustomerID, by GrantBy) Right { return grant{owner, by} }

// StandingGrant is the one grant that every customer makes by being one. The
// journal names it by its SHA-256 whenever it is used.
const StandingGrant = "The operator may read a customer's journal to show or send it to that customer, and nothing else of the customer's; each reading is itself in the journal."

// JournalReader is the right to read the owner's journal, and nothing else,
// on the operator's side: by "writ journal show" and its like. operator says
// who there, as far as is known ("console", an account's name).
//
// Of the closed list of reasons it is an owner's grant: not "owner", for no
// credential of the customer asked, and not "upkeep", for upkeep never yields
// plaintext. The terms are [StandingGrant]. The customer finds the reading in
// its journal as op "journal" by "operator <who>".
func JournalReader(owner writ.CustomerID, operator string) Right {
	return journalReader{owner, operator}
}

// Anonymous is the [GrantBy].Principal of who shows no credential.
const Anonymous = "anonymous"

// entry checks that right covers the use and begins its journal entry.
func entry(right Right, u Use) (journal.Entry, error) {
	e := journal.Entry{
		Op: u.Op, Bucket: u.Bucket, Key: u.Key, Version: u.Version, Blob: u.Blob,
		Offset: u.Offset, Length: u.Length, Addr: u.Addr, Request: u.Request,
	}
	switch r := right.(type) {
	case owner:
		if r.customer != u.Customer || r.credential == "" {
			return e, fmt.Errorf("%w: the credential isn't the owner's", ErrDenied)
		}
		e.Reason, e.Credential = writ.ReasonOwner, r.credential
	case grant:
		if r.customer != u.Customer || r.by.Principal == "" || strings.HasPrefix(r.by.Principal, operatorPrefix) {
			return e, fmt.Errorf("%w: the grant isn't the owner's", ErrDenied)
		}
		e.Reason, e.Principal, e.Policy, e.Presigned = writ.ReasonGrant, r.by.Principal, r.by.PolicyDigest, r.by.Presigned
	case journalReader:
		if r.customer != u.Customer || u.Op != opJournal {
			return e, fmt.Errorf("%w: the standing grant covers the journal only", ErrDenied)
		}
		e.Reason, e.Principal, e.Policy = writ.ReasonGrant, operatorPrefix+r.operator, standingDigest
	default:
		return e, fmt.Errorf("%w: not a right of the gate's", ErrDenied)
	}
	return e, nil
}
