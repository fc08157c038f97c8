package report

import (
	"time"

	"writ"
)

// Case is one demand as a report sees it. It is small, because a docket keeps
// one for every case that it has.
type Case struct {
	Ref        string          // whom to blame: the case's id, or the import's ref; unique
	Country    string          // of the authority: ISO 3166-1 alpha-2
	Instrument writ.Instrument // one of data/instruments.yaml, or a pack's own
	Matter     Matter
	Asked      writ.DataClass // the most protected class that the demand asks for; empty: not said
	Outcome    Outcome
	Notice     Notice
	Secrecy    writ.Secrecy // the basis; empty: not recorded

	Received     Moment // decides the period in which the case counts, for every figure
	Answered     Moment // when what was asked for was produced; zero: as Closed
	Closed       Moment // zero while the case is open
	SecrecyFrom  Moment // zero: no secrecy, or not recorded
	SecrecyUntil Moment // zero: without end

	Specified int // accounts that the demand names
	Affected  int // accounts of which data were disclosed

	Emergency    bool
	Preservation bool // asks to keep, not to produce; so do instruments that can yield nothing
	Narrowed     bool // answered for less than was asked; counted beside the outcome
	Historic     bool // imported, closed
	NewService   bool // the first order of US national security on a new service: 50 USC 1874 defers it

	Clocks []Clock
	EU     *EU // e-Evidence only
}

// Clock is one deadline of a case.
type Clock struct {
	ID  string // as the law pack names it
	Due Moment
	Met Moment // zero: not met so far
}

// EU is what Article 28 of Regulation (EU) 2023/1543 wants counted of an order
// besides what every case has.
type EU struct {
	Notified bool // the enforcing authority was notified (Article 8)
	Refused  bool // it raised a ground for refusal (Article 12)
	Conflict bool // a reasoned objection for a conflict of laws was made (Article 17)
	Remedy   bool // a person used a legal remedy that the provider knows of (Article 18)
}

// Matter is the kind of proceeding that a demand is made in.
type Matter string

// The matters.
const (
	Criminal         Matter = "criminal"
	Civil            Matter = "civil"
	NationalSecurity Matter = "national-security"
)

// Outcome is how a demand ended. A case has exactly one.
type Outcome string

// The outcomes. NonContent and Content are disclosures; nothing else is.
const (
	Rejected   Outcome = "rejected"   // the provider refused, as law allowed
	Withdrawn  Outcome = "withdrawn"  // the authority took it back
	Referred   Outcome = "referred"   // the authority was sent to the customer
	Objected   Outcome = "objected"   // it ended with the provider's objection
	Impossible Outcome = "impossible" // it couldn't be complied with, and that was the answer
	NoData     Outcome = "no-data"    // there was nothing to produce
	NonContent Outcome = "non-content"
	Content    Outcome = "content"
	Open       Outcome = "open" // it hasn't ended
)

// Disclosed tells whether data were disclosed.
func (o Outcome) Disclosed() bool { return o == NonContent || o == Content }

// Notice is what the customer was told about a disclosure, or why not.
type Notice string

// The notices.
const (
	Given       Notice = "given"           // the provider told
	Gagged      Notice = "gagged"          // an order or a statute forbade it
	Exigent     Notice = "exigent"         // put off, because lives were in danger
	NoNotice    Notice = "none"            // nobody told, and nothing forbade it
	ByAuthority Notice = "authority-tells" // the authority's duty (e-Evidence, Article 13)
)

// maxAccounts bounds the accounts of one demand.
const maxAccounts = 100_000_000

// Moment is a time in whole seconds since 1970, UTC; zero: none.
type Moment int64

// At returns t as a Moment.
func At(t time.Time) Moment {
	if t.IsZero() {
		return 0
	}
	return Moment(t.Unix())
}

// Time returns m as a time, UTC.
func (m Moment) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.Unix(int64(m), 0).UTC()
}

func (m Moment) day() string { return m.Time().Format(time.DateOnly) }
