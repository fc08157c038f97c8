package letter

import (
	"time"

	"writ"
)

// Kind names one kind of letter, as its templates are named.
type Kind string

// Data is what one kind of letter says: one of the types of this package, or
// a pointer to one.
type Data interface {
	// Kind is the letter's.
	Kind() Kind
	letter()
}

// Head is what every letter has.
type Head struct {
	Sender        Party
	Addressee     Party       // internal papers have none
	Case          writ.CaseID // ours
	YourReference string      // the addressee's
	Date          time.Time   // of the letter; its day is told in Zone
	Zone          *time.Location
	Signatory     string // who signs, and as what
	Function      string
}

// Demand is the demand that a letter is about. Its fields stand in each data
// type beside that type's own.
//
// The tags say what the tables of docs/letters.md say: required; max, the
// bytes of a text or the items of a list (500 and 100 unless told); long, text
// of up to 20,000 bytes in paragraphs; exact, copied as it stands; date, a day
// without a time; bytes, a size.
type Demand struct {
	Instrument  writ.Instrument `json:"instrument" letter:"required"`
	Authority   string          `json:"authority" letter:"required"`
	Reference   string          `json:"reference"` // the authority's file number
	Issued      time.Time       `json:"issued,omitzero" letter:"date"`
	Received    time.Time       `json:"received" letter:"required"` // by whatever channel; starts the clock
	OrderDigest string          `json:"order_digest" letter:"exact,max=64"`
}

// Ground is a reason in law.
type Ground struct {
	Article string `json:"article" letter:"required"` // as "Regulation (EU) 2023/1543, Article 10(6)"
	Reason  string `json:"reason" letter:"required,max=4000"`
}

// Commitment is a statement that the public log holds the commitment of.
type Commitment struct {
	What     string    `json:"what" letter:"required"` // "opening", "writ", …
	At       time.Time `json:"at" letter:"required"`   // of the checkpoint that covers it
	Position int64     `json:"position"`               // of its batch in the log, from 0
	Digest   string    `json:"digest" letter:"required,exact,max=128"`
}
