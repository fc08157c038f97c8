package letter

import (
	"time"

	"writ"
)

// Notice is what every notice to a customer says of the demand. Either a copy
// of the demand is attached, or CopyReason says why it cannot be.
type Notice struct {
	Demand
	Classes      []writ.DataClass `json:"classes" letter:"required"`
	Scope        string           `json:"scope" letter:"required,max=4000"` // which accounts, buckets, periods
	CopyAttached bool             `json:"copy_attached"`
	CopyReason   string           `json:"copy_reason" letter:"max=2000"`
	Contact      string           `json:"contact" letter:"required"`
}

// NoticeBefore tells a customer of a demand before anything is produced.
type NoticeBefore struct {
	Notice
	ObjectBy time.Time `json:"object_by,omitzero"` // the end of the objection window, if there is one
	Produce  time.Time `json:"produce,omitzero"`   // when data are due
}

// NoticeAfter tells a customer that data were produced.
type NoticeAfter struct {
	Notice
	Produced   time.Time `json:"produced" letter:"required"`
	Objects    int64     `json:"objects"`
	Bytes      int64     `json:"bytes" letter:"bytes"`
	Ciphertext bool      `json:"ciphertext"`
	Remedy     string    `json:"remedy" letter:"max=2000"`
}

// NoticeLate tells a customer, now that secrecy has lifted, what was demanded
// and done, and how to check it.
type NoticeLate struct {
	Notice
	Secrecy     writ.Secrecy `json:"secrecy" letter:"required"`
	Article     string       `json:"article"`
	SecretSince time.Time    `json:"secret_since" letter:"required"`
	Lifted      time.Time    `json:"lifted" letter:"required"`
	LiftedWhy   string       `json:"lifted_why" letter:"required"`
	Produced    time.Time    `json:"produced,omitzero"` // zero: nothing was
	Objects     int64        `json:"objects"`
	Bytes       int64        `json:"bytes" letter:"bytes"`
	Log         string       `json:"log" letter:"required,exact"`     // the log's origin
	Receipt     string       `json:"receipt" letter:"required,exact"` // the file that is attached
	Commitments []Commitment `json:"commitments" letter:"required,max=1000"`
	Remedy      string       `json:"remedy" letter:"max=2000"`
}

// NoticeReferral tells a customer that an authority was sent to it.
type NoticeReferral struct {
	Notice
	Referred  time.Time `json:"referred" letter:"required"`
	Preserved bool      `json:"preserved"`
}

// NoticePreservation tells a customer that data were preserved, after it ended.
type NoticePreservation struct {
	Notice
	Since    time.Time `json:"since" letter:"required"`
	Ended    time.Time `json:"ended" letter:"required"`
	Produced bool      `json:"produced"`
}

func (NoticeBefore) Kind() Kind       { return "notice-before" }
func (NoticeAfter) Kind() Kind        { return "notice-after" }
func (NoticeLate) Kind() Kind         { return "notice-late" }
func (NoticeReferral) Kind() Kind     { return "notice-referral" }
func (NoticePreservation) Kind() Kind { return "notice-preservation" }
