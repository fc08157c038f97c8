package law

import (
	"slices"
	"time"

	"writ"
)

// An Instrument is one kind of demand, as its pack describes it.
type Instrument struct {
	ID           writ.Instrument `yaml:"id" json:"id"`
	Pack         string          `yaml:"-" json:"pack"`
	Enabled      bool            `yaml:"-" json:"enabled"` // as its pack, unless the house disabled it
	Title        string          `yaml:"title" json:"title"`
	Basis        `yaml:",inline"`
	Issuers      *Issuers      `yaml:"issuers" json:"issuers,omitempty"`
	Classes      []Class       `yaml:"classes" json:"classes"`
	Matters      []string      `yaml:"matters" json:"matters"`
	Pin          Pin           `yaml:"pin" json:"pin"`
	Order        Document      `yaml:"order" json:"order"`
	Answers      []string      `yaml:"answers" json:"answers"`
	Secrecy      SecrecyRules  `yaml:"secrecy" json:"secrecy"`
	Emergency    Emergency     `yaml:"emergency" json:"emergency"`
	Notification *Notification `yaml:"notification" json:"notification,omitempty"`
	Forms        []Form        `yaml:"forms" json:"forms,omitempty"`
	Notes        []Note        `yaml:"notes" json:"notes,omitempty"`

	applies time.Time // from when its law applies; zero where the pack doesn't say
}

// Issuers says who may issue a demand, and who may validate one that somebody
// else issued.
type Issuers struct {
	Basis      `yaml:",inline"`
	Kinds      []string `yaml:"kinds" json:"kinds"`
	Validators []string `yaml:"validators" json:"validators,omitempty"`
	// Unvalidated is the rule by which some may act without validation in an
	// emergency, for counsel to judge; nil where there is none.
	Unvalidated *Basis `yaml:"unvalidated_emergency" json:"unvalidated_emergency,omitempty"`
}

// A Class is data that an instrument can reach.
type Class struct {
	Class   writ.DataClass `yaml:"class" json:"class"`
	Needs   string         `yaml:"needs" json:"needs"` // what reaching it needs, in words
	Basis   `yaml:",inline"`
	Issuers *Issuers `yaml:"issuers" json:"issuers,omitempty"` // where stricter than the instrument's
}

// Pin says whether data in scope are kept from receipt on.
type Pin struct {
	Basis     `yaml:",inline"`
	OnReceipt bool `yaml:"on_receipt" json:"on_receipt"`
}

// Document says whether an order's document must be on file.
type Document struct {
	Basis `yaml:",inline"`
	// Need is "required", or "afterwards" (nothing can be asked for before; a
	// clock asks for an order later).
	Need string `yaml:"need" json:"need"`
}

// Emergency says what an emergency needs.
type Emergency struct {
	Basis      `yaml:",inline"`
	TwoPersons bool `yaml:"two_persons" json:"two_persons"` // nothing is produced on one person's word
	Voluntary  bool `yaml:"voluntary" json:"voluntary"`     // the provider may always refuse
}

// Rejectable tells whether the law lets the provider reject such a demand.
// What can't be rejected is answered, objected to, or said to be impossible.
func (i *Instrument) Rejectable() bool { return slices.Contains(i.Answers, Rejected) }

// Rejected is the answer that only some instruments know.
const Rejected = "rejected"

// Notification is what the packs know of telling an enforcing authority.
type Notification struct {
	Basis `yaml:",inline"`
	Text  string `yaml:"text" json:"text"`
}

// A Form is one of the forms in which an instrument is answered, by its content.
type Form struct {
	Basis `yaml:",inline"`
	Name  string `yaml:"name" json:"name"`
	Annex string `yaml:"annex" json:"annex"`
	For   string `yaml:"for" json:"for"`
}

// A Note is what counsel should know and no rule can check.
type Note struct {
	Basis `yaml:",inline"`
	Text  string `yaml:"text" json:"text"`
}

// SecrecyRules are an instrument's bases of secrecy.
type SecrecyRules struct {
	Basis      `yaml:",inline"`
	Default    writ.Secrecy    `yaml:"default" json:"default"`
	Allowed    []SecrecyChange `yaml:"allowed" json:"allowed"`
	ReviewDays int             `yaml:"review_days" json:"review_days"` // for what has no end; a practice, not law
}

// A SecrecyChange is a basis that counsel may change to, and what that takes.
type SecrecyChange struct {
	Basis   `yaml:",inline"`
	Secrecy writ.Secrecy `yaml:"basis" json:"basis"`
	Needs   []string     `yaml:"needs" json:"needs"`                 // of "reasons", "end", "harm", "condition"
	Facts   []string     `yaml:"facts" json:"facts,omitempty"`       // questions that must be answered yes
	MaxDays int          `yaml:"max_days" json:"max_days,omitempty"` // an end later than so many days after receipt is for counsel to decide
}

// PackInfo says what a pack is, for the public statement of policy.
type PackInfo struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Title      string `json:"title"`
	SHA256     string `json:"sha256"` // of the file's bytes, hex
	Enabled    bool   `json:"enabled"`
	Primary    int    `json:"primary"`    // cells read in a primary text
	Secondary  int    `json:"secondary"`  // cells read in a secondary source
	Unverified int    `json:"unverified"` // cells from memory
}

// A Harm is what an order of silence must name.
type Harm struct {
	Basis `yaml:",inline"`
	ID    string `yaml:"id" json:"id"`
	Text  string `yaml:"text" json:"text"`
}

// pack is a file of the folder.
type pack struct {
	Pack        string              `yaml:"pack"`
	Version     string              `yaml:"version"`
	Title       string              `yaml:"title"`
	Applies     string              `yaml:"applies"`
	Enabled     bool                `yaml:"enabled"`
	Why         string              `yaml:"why_disabled"`
	Questions   map[string]Question `yaml:"questions"`
	Harms       []Harm              `yaml:"harms"`
	Instruments []*Instrument       `yaml:"instruments"`
	Rules       []*rule             `yaml:"rules"`
	Clocks      []*clockRule        `yaml:"clocks"`
}

// rule is one check: where When holds, Require must hold.
type rule struct {
	ID          string `yaml:"id"`
	Basis       `yaml:",inline"`
	Instruments []string `yaml:"instruments"` // ids, or "us.*"
	Title       string   `yaml:"title"`       // what is required, as a sentence
	When        *cond    `yaml:"when"`
	Require     *cond    `yaml:"require"`
	Otherwise   Outcome  `yaml:"otherwise"` // Fail or Counsel
	Fail        string   `yaml:"fail"`      // what is wrong, as a sentence
	Settle      string   `yaml:"settle"`    // what would settle it

	house bool
}

// clockRule is one clock.
type clockRule struct {
	ID          string `yaml:"id"`
	Basis       `yaml:",inline"`
	Instruments []string `yaml:"instruments"`
	Title       string   `yaml:"title"`
	// Holds: a duty that runs until Due and ends there, and isn't missed.
	Holds bool        `yaml:"holds"`
	When  *cond       `yaml:"when"`
	From  EventKind   `yaml:"from"`
	Runs  period      `yaml:"runs"`
	Outer string      `yaml:"outer"` // how a later reading counts: "eu" or nothing
	Met   []EventKind `yaml:"met"`
	Ended []EventKind `yaml:"ended"`
	Held  *holdBack   `yaml:"not_before_due"`
	Stops []pause     `yaml:"suspended"`
	More  *extension  `yaml:"extended"`
	Open  *openEnd    `yaml:"open_ended"`
}

// holdBack says that production waits for Due once Event has come, unless
// Cleared comes first; Refused ends the clock.
type holdBack struct {
	Basis   `yaml:",inline"`
	Event   EventKind `yaml:"event"`
	Cleared EventKind `yaml:"cleared"`
	Refused EventKind `yaml:"refused"`
}

// pause stops a clock between two events.
type pause struct {
	Basis `yaml:",inline"`
	By    EventKind `yaml:"by"`
	Until EventKind `yaml:"until"`
}

// extension adds days to a clock, so many times, if it comes before Due.
type extension struct {
	Basis `yaml:",inline"`
	By    EventKind `yaml:"by"`
	Days  int       `yaml:"days"`
	Times int       `yaml:"times"`
}

// openEnd takes the end away from a clock, if it comes before Due.
type openEnd struct {
	Basis `yaml:",inline"`
	By    EventKind `yaml:"by"`
}

// period is how long a clock runs: exactly one member is set.
type period struct {
	Hours    int  `yaml:"hours"`
	Days     int  `yaml:"days"`
	Months   int  `yaml:"months"`
	Deadline bool `yaml:"deadline"` // until the demand's own deadline
}

// calendar is a country's days without business.
type calendar struct {
	Basis   `yaml:",inline"`
	Weekend []string `yaml:"weekend"`
	Fixed   []string `yaml:"fixed"`  // MM-DD
	Easter  []int    `yaml:"easter"` // days after Easter Sunday

	weekend map[time.Weekday]bool
	fixed   map[string]bool
	easter  map[int]bool
}
