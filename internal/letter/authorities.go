package letter

import (
	"time"

	"writ"
)

// Acknowledgement tells an authority that its demand has come in, and when.
type Acknowledgement struct {
	Demand
	Classes   []writ.DataClass `json:"classes"`
	Deadline  time.Time        `json:"deadline,omitzero"`
	Basis     string           `json:"basis"` // of the deadline: an article
	Preserved bool             `json:"preserved"`
	Contact   string           `json:"contact"`
}

// Clarification asks for what a demand leaves open.
type Clarification struct {
	Demand
	Questions []string  `json:"questions" letter:"required,max=20"`
	ReplyBy   time.Time `json:"reply_by,omitzero"`
	Deadline  time.Time `json:"deadline,omitzero"`
	Preserved bool      `json:"preserved"`
}

// Objection states the provider's own grounds against a demand.
type Objection struct {
	Demand
	Grounds   []Ground `json:"grounds" letter:"required,max=20"`
	Withheld  string   `json:"withheld" letter:"max=4000"` // which data are not produced meanwhile
	Request   string   `json:"request" letter:"max=4000"`  // what the authority is asked to do
	Preserved bool     `json:"preserved"`
}

// Rejection refuses a demand, where law lets a provider reject one.
type Rejection struct {
	Demand
	Grounds   []Ground `json:"grounds" letter:"required,max=20"`
	LawfulWay string   `json:"lawful_way" letter:"max=4000"` // how the data can be had
	Preserved bool     `json:"preserved"`
}

// Referral sends the authority to the customer whose data it asks for.
type Referral struct {
	Demand
	Article         string `json:"article"`
	Customer        string `json:"customer" letter:"required"`
	CustomerContact string `json:"customer_contact"`
	CustomerTold    bool   `json:"customer_told"`
	Preserved       bool   `json:"preserved"`
}

// Search is one place in which data were looked for.
type Search struct {
	Identifier string `json:"identifier" letter:"required,exact,max=1000"`
	System     string `json:"system" letter:"required"`
	Period     string `json:"period"`
}

// NoData tells that nothing is held.
type NoData struct {
	Demand
	Searches []Search  `json:"searches" letter:"required"`
	Searched time.Time `json:"searched" letter:"required"` // as of when
	Note     string    `json:"note" letter:"max=4000"`
}

// Part is one part of what was asked for.
type Part struct {
	What    string         `json:"what" letter:"required"`
	Class   writ.DataClass `json:"class" letter:"required"`
	Article string         `json:"article"` // why it is withheld
	Reason  string         `json:"reason" letter:"max=2000"`
}

// Partial answers some of a demand, and says what is withheld and why.
type Partial struct {
	Demand
	Produced  []Part `json:"produced" letter:"required"`
	Withheld  []Part `json:"withheld" letter:"required"`
	Preserved bool   `json:"preserved"` // what is withheld is
}

// Delivery goes with a package.
type Delivery struct {
	Demand
	Package    string           `json:"package" letter:"required,exact"` // the file's name
	Digest     string           `json:"digest" letter:"required,exact,max=64"`
	Size       int64            `json:"size" letter:"required,bytes"`
	Classes    []writ.DataClass `json:"classes" letter:"required"`
	Objects    int64            `json:"objects"`
	Bytes      int64            `json:"bytes" letter:"bytes"`
	Recipient  string           `json:"recipient" letter:"required,exact"` // the key that it is sealed to
	OpenWith   string           `json:"open_with" letter:"required,exact"` // a command
	Channel    string           `json:"channel" letter:"required"`         // how it comes
	Downloads  int64            `json:"downloads"`                         // how often it may be fetched
	Expires    time.Time        `json:"expires,omitzero"`
	Ciphertext bool             `json:"ciphertext"` // some are as the customer sealed them
	Attached   bool             `json:"attached"`   // some come from systems outside of the gate
}

// OrderDemand asks for the order that must follow a voluntary disclosure in
// an emergency.
type OrderDemand struct {
	Demand
	Disclosed time.Time        `json:"disclosed" letter:"required"`
	Classes   []writ.DataClass `json:"classes" letter:"required"`
	What      string           `json:"what" letter:"required,max=4000"`
	Emergency string           `json:"emergency" letter:"required,max=4000"` // as the authority told it
	Due       time.Time        `json:"due" letter:"required"`
}

// ReleaseRequest asks whether secrecy must go on, and for release.
type ReleaseRequest struct {
	Demand
	Secrecy writ.Secrecy `json:"secrecy" letter:"required"`
	Article string       `json:"article" letter:"required"` // that silence rests on
	Since   time.Time    `json:"since" letter:"required"`
	Asked   int64        `json:"asked"` // how often before
	ReplyBy time.Time    `json:"reply_by" letter:"required"`
}

// Preservation confirms that data are kept.
type Preservation struct {
	Demand
	Article   string    `json:"article" letter:"required"`
	Scope     string    `json:"scope" letter:"required,max=4000"`
	Since     time.Time `json:"since" letter:"required"`
	Until     time.Time `json:"until" letter:"required"`
	Renewable bool      `json:"renewable"`
}

// PreservationExpiry tells an authority that preservation ends.
type PreservationExpiry struct {
	Demand
	Article   string    `json:"article" letter:"required"`
	Scope     string    `json:"scope" letter:"required,max=4000"`
	Since     time.Time `json:"since" letter:"required"`
	Until     time.Time `json:"until" letter:"required"`
	Renewable bool      `json:"renewable"`
}

func (Acknowledgement) Kind() Kind    { return "acknowledgement" }
func (Clarification) Kind() Kind      { return "clarification" }
func (Objection) Kind() Kind          { return "objection" }
func (Rejection) Kind() Kind          { return "rejection" }
func (Referral) Kind() Kind           { return "referral" }
func (NoData) Kind() Kind             { return "no-data" }
func (Partial) Kind() Kind            { return "partial" }
func (Delivery) Kind() Kind           { return "delivery" }
func (OrderDemand) Kind() Kind        { return "order-demand" }
func (ReleaseRequest) Kind() Kind     { return "release-request" }
func (Preservation) Kind() Kind       { return "preservation" }
func (PreservationExpiry) Kind() Kind { return "preservation-expiry" }
