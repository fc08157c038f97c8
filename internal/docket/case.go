package docket

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"writ"
	"writ/internal/policy"
)

// Case is where a case stands: the fold of its events and nothing else.
type Case struct {
	ID       writ.CaseID
	Mark     Mark
	Events   uint32
	Head     [32]byte // hash of the newest event
	Began    time.Time
	Touched  time.Time // of the newest event
	Demand   Demand
	Filed    *Filed // nil unless an officer filed it
	Historic *historic

	Documents      []Document
	Authentication *Authentication
	Subject        *Subject
	Scoping        *Scoping
	Facts          map[string]string
	Review         *Review
	Determinations []Proposal
	Secrecy        *SecrecySet
	SecrecyLifted  time.Time
	Revealed       bool
	Clocks         []ClockEvent
	Replies        []Reply
	Preservations  []Preservation // in force
	Approval       *Approval
	Draft          *Draft
	Signatures     []Signature
	Refusals       []Decline
	Writ           *Minted
	Waiver         []byte // envelope
	Opening        *Opening
	Exports        []Export
	Production     *Production
	Deliveries     []Delivery
	Confirmed      time.Time
	Notices        []Notice
	Objections     []Objection // of customers, oldest first
	Pages          []paging
	Closing        *Closing
	Erasures       []erasure

	liftedWhy                      string
	preservedSince, preservedUntil time.Time

	handled time.Time                 // when a person last moved it
	acted   map[writ.Person]writ.Role // the case role in which each person has acted
}

// Decline is a custodian's refusal to sign.
type Decline struct {
	By     writ.Person
	At     time.Time
	Reason string
	Digest []byte
}

// Minted is a writ whose quorum is there and that is committed to.
type Minted struct {
	At        time.Time
	Envelope  []byte
	Digest    []byte // of the payload
	Statement string
	Authority policy.Authorisation
}

// Notice is one message to the customer.
type Notice struct {
	ID       string
	Kind     string
	Queued   time.Time
	Due      time.Time
	Accepted time.Time
	Trouble  string
}

// order is the newest document that is the order itself, or else the newest of
// the official forms; nil if neither is there. Its digest is what custodians
// sign, and its copy is what the customer gets.
func (c *Case) order() (found *Document) {
	for i := range c.Documents {
		doc := &c.Documents[i]
		if doc.Kind == "order" || doc.Kind == "form" && (found == nil || found.Kind == "form") {
			found = doc
		}
	}
	return found
}

// basis is all that a decision in the case rests on; decided is its digest. A
// decision that names another digest is about another case than this one is
// now.
func (c *Case) decided() []byte {
	var order []byte
	if o := c.order(); o != nil {
		order = o.SHA256
	}
	var scope *policy.Scope
	if c.Scoping != nil {
		scope = &c.Scoping.Scope
	}
	basis := struct {
		Case    writ.CaseID       `json:"case"`
		Demand  Demand            `json:"demand"`
		Subject *Subject          `json:"subject"`
		Scope   *policy.Scope     `json:"scope"`
		Facts   map[string]string `json:"facts"`
		Secrecy *SecrecySet       `json:"secrecy"`
		Order   []byte            `json:"order"`
		Exports []Export          `json:"exports,omitempty"`
	}{c.ID, c.Demand, c.Subject, scope, c.Facts, c.Secrecy, order, c.Exports}
	b, err := json.Marshal(basis)
	if err != nil {
		panic(err) // a struct of texts, numbers and times
	}
	sum := sha256.Sum256(append([]byte("writ/case-basis/v1"), b...))
	return sum[:]
}

// Standing are the findings that stand against going on: those that failed or
// that counsel is to decide, and that no two persons have determined.
func (c *Case) Standing() (open []Finding) {
	if c.Review == nil {
		return nil
	}
	for _, f := range c.Review.Findings {
		if f.Outcome != "pass" && (f.Final || !c.determined(f.Rule)) {
			open = append(open, f)
		}
	}
	return open
}

// determined says whether two persons determined on a finding of the review in
// force.
func (c *Case) determined(rule string) bool {
	for _, p := range c.Determinations {
		if p.Second != "" && slices.Contains(p.Rules, rule) && slices.Equal(p.Digest, c.Review.Digest) {
			return true
		}
	}
	return false
}

// secret says whether the customer must not learn of the case now.
func (c *Case) secret() bool {
	if !c.SecrecyLifted.IsZero() {
		return false
	}
	if c.Secrecy == nil {
		return true // nobody has decided: silence can be broken later, telling cannot be taken back
	}
	return c.Secrecy.Basis != writ.TellBefore && c.Secrecy.Basis != writ.TellAfter
}

// final says whether the authority was answered so that nothing is produced.
func (c *Case) final() *Reply {
	for i := range c.Replies {
		if c.Replies[i].Final {
			return &c.Replies[i]
		}
	}
	return nil
}

// signers are the custodians whose signatures are over the draft in force.
func (c *Case) signers() (all []writ.Person) {
	for _, s := range c.Signatures {
		if c.Draft != nil && slices.Equal(s.Digest, c.Draft.Digest) && !slices.Contains(all, s.Person) {
			all = append(all, s.Person)
		}
	}
	return all
}

// ActedAs is the case role in which a person has acted here, "" if in none.
func (c *Case) ActedAs(p writ.Person) writ.Role { return c.acted[p] }

// Stage is where the case stands, in one word.
func (c *Case) Stage() string {
	switch {
	case c.Historic != nil:
		return "historic"
	case c.Closing != nil:
		return "closed"
	case !c.Confirmed.IsZero():
		return "confirmed"
	case len(c.Deliveries) > 0:
		return "delivered"
	case c.Production != nil:
		return "produced"
	case c.Opening != nil:
		return "opening"
	case c.Writ != nil:
		return "minted"
	case c.final() != nil:
		return "answered"
	case c.Draft != nil:
		return "signing"
	case c.Approval != nil:
		return "approved"
	case c.Review != nil:
		return "reviewed"
	case c.Authentication != nil:
		return "authenticated"
	}
	return "received"
}
