package docket

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"writ"
)

// Kind says what happened.
type Kind string

// The kinds of events. The list is closed: a case that holds another was
// written by a newer program, and is refused rather than misread.
const (
	Received      Kind = "received"       // body Demand
	Imported      Kind = "imported"       // body Historic: a closed case from before
	Amended       Kind = "amended"        // body Amendment
	Attached      Kind = "attached"       // body Document
	Authenticated Kind = "authenticated"  // body Authentication
	Identified    Kind = "identified"     // body Subject: whose data it is
	Scoped        Kind = "scoped"         // body Scoping: exactly which data
	Preserved     Kind = "preserved"      // body Preservation
	Lifted        Kind = "lifted"         // body Lifting: the preservation ended
	Answered      Kind = "facts"          // body FactsGiven: counsel's answers to the law's questions
	Reviewed      Kind = "reviewed"       // body Review
	Proposed      Kind = "proposed"       // body Proposal: first of two on a determination
	Seconded      Kind = "seconded"       // body Second
	SecrecyBased  Kind = "secrecy"        // body SecrecySet
	ClockMoved    Kind = "clock"          // body ClockEvent: what starts, stops or extends a clock
	Replied       Kind = "replied"        // body Reply: an answer to the authority other than data
	Approved      Kind = "approved"       // body Approval
	Drafted       Kind = "drafted"        // body Draft: the authorisation that custodians sign
	Signed        Kind = "signed"         // body Signature
	Refused       Kind = "refused"        // body Refusal: a custodian will not sign
	MintedWrit    Kind = "minted"         // body Minting: the quorum is there, the writ is committed to
	Waived        Kind = "waived"         // body Waiving: two persons go on without witnesses
	Opened        Kind = "opened"         // body Opening: the exact list, committed to
	ExportAdded   Kind = "export"         // body Export: data of another system
	Produced      Kind = "produced"       // body Production
	Delivered     Kind = "delivered"      // body Delivery
	Fetched       Kind = "fetched"        // body Fetch
	Confirmed     Kind = "confirmed"      // body Confirmation: the authority has it
	NoticeQueued  Kind = "notice"         // body NoticeQueued
	NoticeDone    Kind = "notice-done"    // body NoticeDone: accepted, or given up for now
	SecrecyLifted Kind = "secrecy-lifted" // body SecrecyLifting
	Revealed      Kind = "revealed"       // body none: the deferred openings are in the customer's journal
	// CustomerObjected has body objected: the customer said something against it.
	CustomerObjected Kind = "customer-objected"
	Considered       Kind = "considered" // body consideration: counsel considered an objection
	Paged            Kind = "paged"      // body Paging
	Closed           Kind = "closed"     // body Closing
	Erased           Kind = "erased"     // body Erasure
)

// Event is one thing that happened in a case. Its JSON, as written, is what is
// hashed and committed to.
type Event struct {
	Case     writ.CaseID     `json:"case"`
	Seq      uint32          `json:"seq"`          // counted from 1
	At       time.Time       `json:"at"`           // UTC; never before the event's before it
	By       writ.Person     `json:"by,omitempty"` // empty: the docket itself, by a clock
	As       writ.Role       `json:"as,omitempty"`
	For      writ.Person     `json:"for,omitempty"` // whose deputy: counts in the case as having acted too
	Kind     Kind            `json:"kind"`
	Body     json.RawMessage `json:"body,omitempty"`
	Previous []byte          `json:"previous"` // hash of the event before, 32 bytes
}

// maxEvent bounds an event's JSON, in bytes: its commitment's body holds its
// hash only, but it is read whole.
const maxEvent = 256 << 10

// ErrDamaged: the events of a case are not as they were written: one was
// changed, dropped or put in by hand.
var ErrDamaged = errors.New("the events of the case are not as they were written")

func hashEvent(b []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("writ/case-event/v1"))
	h.Write(b)
	return [32]byte(h.Sum(nil))
}

func encodeEvent(e *Event) ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode an event: %w", err)
	}
	if len(b) > maxEvent {
		return nil, refuse(ErrBounds, "what this adds to the case has %d bytes, more than %d", len(b), maxEvent)
	}
	return b, nil
}

// decodeEvent reads an event and says whether it is the one that is expected
// there.
func decodeEvent(b []byte, id writ.CaseID, seq uint32, previous [32]byte) (e Event, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return e, fmt.Errorf("%w: event %d cannot be read", ErrDamaged, seq)
	}
	if e.Case != id || e.Seq != seq || !bytes.Equal(e.Previous, previous[:]) {
		return e, fmt.Errorf("%w: event %d does not follow the one before", ErrDamaged, seq)
	}
	return e, nil
}

// Statement is what the ledger commits to for an event: enough to prove later
// what the docket held then, and nothing that names a person.
type Statement struct {
	Case     writ.CaseID `json:"case"`
	Seq      uint32      `json:"seq"`
	Event    Kind        `json:"event"`
	Digest   []byte      `json:"digest"`   // hash of the event
	Previous []byte      `json:"previous"` // hash of the event before
}

// KindCase is the hidden statement of an event.
const KindCase = "case"

// StatementID names the statement of an event.
func StatementID(id writ.CaseID, seq uint32) string { return fmt.Sprintf("case/%s/%d", id, seq) }
