package docket

import (
	"time"

	"writ"
	"writ/internal/policy"
)

// The bodies of events, as their JSON is written.

// Mark says that a case is not an ordinary one.
type Mark string

// The marks.
const (
	Drill    Mark = "drill"    // a rehearsal: it opens nothing, tells nobody, and counts in no report
	Historic Mark = "historic" // closed before it came here: it counts in reports and opens nothing
)

type received struct {
	Demand Demand `json:"demand"`
	Mark   Mark   `json:"mark,omitempty"`
	Via    string `json:"via"` // "api", "cli", "import", "console", "portal"
	// Filed says which officer of which authority filed it, if one did.
	Filed *filing `json:"filed,omitempty"`
}

type filing struct {
	Authority writ.AuthorityID `json:"authority"`
	By        string           `json:"by"` // the officer's session, or the authority's client certificate
}

// Amendment corrects a demand, with the reason.
type amendment struct {
	Demand Demand `json:"demand"`
	Reason string `json:"reason"`
}

// Document is a file of a case. Its bytes lie sealed under the docket's own
// key.
type Document struct {
	At     time.Time  `json:"-"`
	ID     DocumentID `json:"id"`
	Kind   string     `json:"kind"` // order, form, certificate, correspondence, export, other
	Name   string     `json:"name"`
	Media  string     `json:"media"`
	Size   int64      `json:"size"`
	SHA256 []byte     `json:"sha256"`
	Filed  bool       `json:"filed,omitempty"` // by the officer who filed the demand, or another of the same authority
}

// Authentication says how it was made sure that the demand is the authority's.
type Authentication struct {
	// Means is "call-back", "national-system", "portal", "certificate", "in-person" or "signature".
	// An e-mail address is none.
	Means   string `json:"means"`
	Contact string `json:"contact,omitempty"` // the directory's contact that was called, not the demand's
	Note    string `json:"note"`
	Genuine bool   `json:"genuine"`
}

// Subject is whose data the demand is about.
type Subject struct {
	Customer writ.CustomerID `json:"customer"`
	How      string          `json:"how"` // by which identifier it was found
}

// Scoping is exactly which data, and what is there of them.
type Scoping struct {
	Scope   policy.Scope `json:"scope"`
	Objects int64        `json:"objects"` // versions in scope now
	Bytes   int64        `json:"bytes"`
	Reason  string       `json:"reason,omitempty"` // why narrower than asked
	Narrow  bool         `json:"narrow,omitempty"`
}

// Preservation is what is being kept, unseen.
type Preservation struct {
	ID       string          `json:"id"` // the vault's name for it
	Customer writ.CustomerID `json:"customer"`
	Scope    policy.Scope    `json:"scope"`
	Until    time.Time       `json:"until,omitzero"` // zero: until the case closes
	Why      string          `json:"why"`
}

type lifting struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

type factsGiven struct {
	Facts map[string]string `json:"facts"` // question: yes, no or unknown
}

// Finding is what law says of a demand at one point.
type Finding struct {
	Rule     string   `json:"rule"`
	Article  string   `json:"article"`
	Outcome  string   `json:"outcome"` // pass, fail, counsel
	Text     string   `json:"text"`
	Settle   string   `json:"settle,omitempty"` // what would settle it
	Open     []string `json:"open,omitempty"`   // questions that nobody answered
	Final    bool     `json:"final,omitempty"`  // no determination passes it
	Verified string   `json:"verified"`
}

// Review is what law said, by which packs.
type Review struct {
	At       time.Time `json:"-"`
	Findings []Finding `json:"findings"`
	Packs    []string  `json:"packs"`  // name, version and hash of each
	Digest   []byte    `json:"digest"` // over demand, facts, subject and order
}

// Proposal is the first half of a determination by two persons, one of them
// counsel: that a finding is overcome, and why.
type Proposal struct {
	Number int         `json:"-"`
	By     writ.Person `json:"-"`
	For    writ.Person `json:"-"` // whose deputy
	As     writ.Role   `json:"-"`
	At     time.Time   `json:"-"`
	Rules  []string    `json:"rules"` // of the findings
	Reason string      `json:"reason"`
	Digest []byte      `json:"digest"` // of the review

	Second   writ.Person `json:"-"`
	Seconded time.Time   `json:"-"`
}

type second struct {
	Proposal int    `json:"proposal"`
	Digest   []byte `json:"digest"` // hash of the event that proposed
	Reason   string `json:"reason,omitempty"`
}

// SecrecySet is the one basis on which the customer is told, or not.
type SecrecySet struct {
	Basis  writ.Secrecy `json:"basis"`
	Until  time.Time    `json:"until,omitzero"`
	Harms  []string     `json:"harms,omitempty"`
	Reason string       `json:"reason"`
	Review time.Time    `json:"review,omitzero"` // when an open end is looked at again
	// Window is how long a customer who is told before may object.
	Window time.Duration `json:"window,omitempty"`
}

// ClockEvent starts, stops, extends or ends a clock.
type ClockEvent struct {
	Event string    `json:"event"` // as law names it
	Time  time.Time `json:"time"`  // when it happened, which may be before it was entered
	Note  string    `json:"note,omitempty"`
}

// Reply is an answer to the authority other than data.
type Reply struct {
	At time.Time `json:"-"`
	// Answer is answered, answered-in-part, objected, impossible, referred,
	// withdrawn, rejected or no-data.
	Answer    string       `json:"answer"`
	Grounds   []string     `json:"grounds,omitempty"` // articles
	Reason    string       `json:"reason"`
	Documents []DocumentID `json:"documents,omitempty"` // letters and forms
	Final     bool         `json:"final,omitempty"`     // nothing is produced after it
}

// Approval is counsel's: what is produced, within which limits.
type Approval struct {
	By      writ.Person `json:"-"`
	At      time.Time   `json:"-"`
	Second  writ.Person `json:"second,omitempty"` // where law takes two
	Order   []byte      `json:"order"`            // SHA-256 of the order document; empty where law needs none
	Objects int64       `json:"objects"`
	Bytes   int64       `json:"bytes"`
	Until   time.Time   `json:"until"`
	Digest  []byte      `json:"digest"` // of all that was decided on
}

// Draft is the authorisation as custodians are to sign it.
type Draft struct {
	Payload []byte `json:"payload"` // JSON of a [policy.Authorisation]
	Digest  []byte `json:"digest"`
}

// Signature is one custodian's.
type Signature struct {
	At     time.Time   `json:"-"`
	Person writ.Person `json:"person"`
	Key    string      `json:"key"`
	Sig    []byte      `json:"sig"`
	Digest []byte      `json:"digest"` // of the payload
}

type refusalBy struct {
	Reason string `json:"reason"`
	Digest []byte `json:"digest"`
}

type minting struct {
	Envelope  []byte `json:"envelope"`
	Digest    []byte `json:"digest"`
	Statement string `json:"statement"` // the ledger's name for the commitment
}

type waiving struct {
	Envelope []byte `json:"envelope"`
	Reason   string `json:"reason"`
}

// Opening is the exact list that is about to be opened, committed to.
type Opening struct {
	List      []byte    `json:"list"` // digest
	Objects   int64     `json:"objects"`
	Bytes     int64     `json:"bytes"`
	Pieces    uint32    `json:"pieces"`
	Statement string    `json:"statement"`
	At        time.Time `json:"-"`
}

// Export is data of another system, attached by counsel.
type Export struct {
	By       writ.Person `json:"-"`
	At       time.Time   `json:"-"`
	Document DocumentID  `json:"document"`
	System   string      `json:"system"`
	Note     string      `json:"note"`
}

// Production is the finished package.
type Production struct {
	At       time.Time        `json:"-"`
	Folder   string           `json:"folder"` // below the packages' folder
	Volumes  []ProducedVolume `json:"volumes"`
	Manifest string           `json:"manifest"` // SHA-256 of the bag's tag manifest, in hex
	Objects  int64            `json:"objects"`
	Bytes    int64            `json:"bytes"`
	To       []string         `json:"to"` // fingerprints of recipients
	Classes  []writ.DataClass `json:"classes"`
	Sealed   bool             `json:"sealed,omitempty"` // ciphertext as held
}

// ProducedVolume is one sealed file of a package.
type ProducedVolume struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // in hex
}

// Delivery is how a package reaches the authority.
type Delivery struct {
	At     time.Time `json:"-"`
	Number int       `json:"-"`
	Means  string    `json:"means"`                 // national-system, download, in-person
	Token  []byte    `json:"token,omitempty"`       // SHA-256 of the one-time code
	Client []byte    `json:"certificate,omitempty"` // SHA-256 of the client's certificate
	Times  int       `json:"times,omitempty"`       // how often it may be fetched
	Until  time.Time `json:"until,omitzero"`
	Note   string    `json:"note,omitempty"`

	Fetched int              `json:"-"` // requests so far
	served  map[string]int64 // bytes asked for of each volume
}

type fetch struct {
	Delivery int    `json:"delivery"`
	Addr     string `json:"addr"`
	Volume   string `json:"volume"`
	Bytes    int64  `json:"bytes"` // asked for
}

type confirmation struct {
	Note string `json:"note"`
}

type noticeQueued struct {
	ID   string    `json:"id"`
	Kind string    `json:"kind"` // before, after, late, referred, preservation
	Due  time.Time `json:"due,omitzero"`
}

type noticeDone struct {
	ID       string `json:"id"`
	Accepted bool   `json:"accepted"`
	Why      string `json:"why,omitempty"`
}

type secrecyLifting struct {
	Why string `json:"why"`
}

type paging struct {
	At    time.Time     `json:"-"`
	Due   time.Time     `json:"due"`
	Clock string        `json:"clock"`
	To    []writ.Person `json:"to"`
	Round int           `json:"round"`
}

// Closing is how a case ended.
type Closing struct {
	At       time.Time `json:"-"`
	Outcome  string    `json:"outcome"`
	Affected int       `json:"affected"` // accounts of which something was disclosed
	Note     string    `json:"note,omitempty"`
}

type erasure struct {
	What   string `json:"what"` // documents, list, package
	Class  string `json:"class"`
	Count  int    `json:"count"`
	Digest []byte `json:"digest,omitempty"`
}

// historic is how a case that was closed before it came here ended.
type historic struct {
	Outcome  string    `json:"outcome"`
	Notice   string    `json:"notice"`
	At       time.Time `json:"closed"`
	Affected int       `json:"affected"`
}

// importedCase is a historic case with the demand that it was about.
type importedCase struct {
	Demand   Demand   `json:"demand"`
	Historic historic `json:"historic"`
}
