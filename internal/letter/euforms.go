package letter

import (
	"time"

	"writ"
)

// EUHindrance is why an order of Regulation (EU) 2023/1543 cannot be complied
// with, by the words of its Articles 10, 11, 16 and 17.
type EUHindrance string

// The reasons that the Regulation knows. Their names in four languages are in
// words.yaml.
const (
	EUIncomplete  EUHindrance = "incomplete"    // incomplete, manifest errors or not enough to execute it
	EUImpossible  EUHindrance = "impossible"    // de facto impossibility not attributable to the addressee
	EUNotHeld     EUHindrance = "not-held"      // the data are not stored by or for the addressee
	EUImmunity    EUHindrance = "immunity"      // could interfere with immunities, privileges, press
	EUThirdState  EUHindrance = "third-country" // would conflict with the law of a third country
	EUProcessor   EUHindrance = "processor"     // the addressee processes for a controller (Article 5(6))
	EUFormMissing EUHindrance = "requirements"  // issued by the wrong authority, or outside its Article 4 and 5
)

// EUReason is one reason of an [EUImpossibility].
type EUReason struct {
	Reason  EUHindrance `json:"reason" letter:"required"`
	Article string      `json:"article" letter:"required"`
	Detail  string      `json:"detail" letter:"required,max=4000"`
}

// EUOrder is the part that the Regulation's forms share: which certificate,
// from whom, to whom.
type EUOrder struct {
	Demand
	Certificate    string `json:"certificate" letter:"required,exact"` // its number in the national system
	IssuingState   string `json:"issuing_state" letter:"required"`
	Validating     string `json:"validating"`
	Enforcing      string `json:"enforcing"` // if it is known or was notified
	Provider       string `json:"provider" letter:"required"`
	Representative string `json:"representative" letter:"required"` // designated establishment or legal representative
	ContactPerson  string `json:"contact_person" letter:"required"`
	Contact        string `json:"contact" letter:"required"`
}

// EUImpossibility is the content of the form in Annex III.
type EUImpossibility struct {
	EUOrder
	Classes   []writ.DataClass `json:"classes" letter:"required"`
	Reasons   []EUReason       `json:"reasons" letter:"required,max=10"`
	Needed    string           `json:"needed" letter:"max=4000"`    // what would let the order be executed
	Conflict  string           `json:"conflict" letter:"max=4000"`  // the third country's law, the facts and the interest at stake
	Available string           `json:"available" letter:"max=4000"` // what can be produced all the same
	Preserved bool             `json:"preserved"`
}

// EUFollowUp answers the form in Annex V: a request for production has been
// issued, so preservation goes on.
type EUFollowUp struct {
	EUOrder
	Confirmed      time.Time `json:"confirmed" letter:"required"`  // when the confirmation came in
	Production     string    `json:"production" letter:"required"` // reference of the request for production
	ProductionBy   string    `json:"production_by"`                // who issued it
	Scope          string    `json:"scope" letter:"required,max=4000"`
	Since          time.Time `json:"since" letter:"required"`
	ProductionHere bool      `json:"production_received"`
}

// EUExtension answers the form in Annex VI: preservation is extended.
type EUExtension struct {
	EUOrder
	Asked    time.Time `json:"asked" letter:"required"` // when the extension came in
	Scope    string    `json:"scope" letter:"required,max=4000"`
	Since    time.Time `json:"since" letter:"required"`
	FirstEnd time.Time `json:"first_end" letter:"required"`
	Until    time.Time `json:"until" letter:"required"`
}

func (EUImpossibility) Kind() Kind { return "eu-impossibility" }
func (EUFollowUp) Kind() Kind      { return "eu-follow-up" }
func (EUExtension) Kind() Kind     { return "eu-extension" }
