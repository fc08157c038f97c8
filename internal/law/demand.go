package law

import (
	"time"

	"writ"
)

// A Demand is what the rules look at: one demand, as intake entered it. Empty
// members are unknown, except the flags and Identifiers, whose zero is a fact.
type Demand struct {
	Instrument   writ.Instrument
	Issuer       Authority
	Validator    Authority // who validated the order, where somebody had to
	Provider     Provider
	Received     time.Time // as the channel that brought it says
	Signed       time.Time
	Matter       string // "criminal", "civil" or "national-security"
	Classes      []writ.DataClass
	Emergency    bool
	Identifiers  int       // how many accounts the demand names
	From, Until  time.Time // of the data that are asked for
	Order        bool      // the order's document is on file
	Secrecy      writ.Secrecy
	SecrecyUntil time.Time
	Harms        []string  // the harms that an order of silence names, by the pack's ids
	Deadline     time.Time // as the order says, where it does
	Conflict     string    // the country whose law compliance would break, if any
}

// An Authority is who issued or validated a demand.
type Authority struct {
	Kind    string // one of the kinds in the packs' schema
	Country string // ISO 3166-1 alpha-2
	Name    string // never looked at by a rule
}

// A Provider is who has to answer.
type Provider struct {
	Country  string // ISO 3166-1 alpha-2
	TimeZone string // of the IANA database; empty is UTC
}

// An Answer is what counsel says to a question of the packs.
type Answer string

// The answers. Whatever else stands in Facts counts as Unknown.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// Facts are counsel's answers by the id of the question. What is not in it is
// unknown.
type Facts map[string]Answer

// A Question is what a rule asks counsel.
type Question struct {
	ID      string `json:"id"`
	Ask     string `json:"ask"`
	Article string `json:"article"`
}

// An EventKind names what happened in a case, as far as clocks care.
type EventKind string

// The kinds of events.
const (
	Received          EventKind = "received"
	ClarificationAsk  EventKind = "clarification-asked"
	Clarified         EventKind = "clarified"
	Objected          EventKind = "objected"
	ObjectionSettled  EventKind = "objection-settled"
	AuthorityNotified EventKind = "authority-notified"
	AuthorityCleared  EventKind = "authority-cleared"
	AuthorityRefused  EventKind = "authority-refused"
	Suspended         EventKind = "suspended" // by a court, or by law while a court reviews
	Resumed           EventKind = "resumed"
	Extended          EventKind = "extended"
	OrderConfirmed    EventKind = "order-confirmed" // an order, or a request for production, followed
	SecrecyChallenged EventKind = "secrecy-challenged"
	SecrecySettled    EventKind = "secrecy-settled"
	Produced          EventKind = "produced"
	Answered          EventKind = "answered"
	Withdrawn         EventKind = "withdrawn"
	Released          EventKind = "released" // a preservation is no longer needed
)

// An Event is one thing that happened.
type Event struct {
	Kind EventKind
	At   time.Time
}

// Verified is how sure a cell of a pack is.
type Verified string

// The degrees. A pack writes them true, secondary and false.
const (
	InPrimary   Verified = "true"      // read in a primary or official text
	InSecondary Verified = "secondary" // read in a secondary source
	Unverified  Verified = "false"     // from memory; to be read again before it decides anything
)

// Basis is what a cell of a pack rests on.
type Basis struct {
	Article  string   `yaml:"article" json:"article"`
	Source   string   `yaml:"source" json:"source"`
	Verified Verified `yaml:"verified" json:"verified"`
}
