package docket

import (
	"strings"
	"time"
	"unicode/utf8"

	"writ"
)

// Issuer is who asks, or who has validated what another asks.
type Issuer struct {
	Authority writ.AuthorityID `json:"authority,omitempty"` // in the directory, if it is there
	Name      string           `json:"name"`
	Country   string           `json:"country"` // ISO 3166-1 alpha-2
	Kind      string           `json:"kind"`    // judge, court, prosecutor, police, …: as the directory has them
}

// Channel is the way on which a demand came; its receipt time starts the clock.
type Channel string

// The channels.
const (
	NationalSystem Channel = "national-system" // e-Evidence's decentralised IT system, or a state's own
	Portal         Channel = "portal"          // the provider's own, by an enrolled officer
	Post           Channel = "post"
	InPerson       Channel = "in-person"
	Mail           Channel = "mail" // never authority by itself
	Phone          Channel = "phone"
)

// Demand is what an authority asks for.
type Demand struct {
	Reference  string           `json:"reference"` // the authority's own file number
	Instrument writ.Instrument  `json:"instrument"`
	Issuer     Issuer           `json:"issuer"`
	Validator  *Issuer          `json:"validator,omitempty"`
	Channel    Channel          `json:"channel"`
	Received   time.Time        `json:"received"`        // as the channel has it
	Signed     time.Time        `json:"signed,omitzero"` // the order's date
	Matter     string           `json:"matter"`          // criminal, civil, national-security
	Offence    string           `json:"offence,omitempty"`
	Classes    []writ.DataClass `json:"classes"`
	Emergency  bool             `json:"emergency,omitempty"`
	// Identifiers are what it names: accounts, buckets, addresses, access keys.
	Identifiers []string  `json:"identifiers"`
	Accounts    int       `json:"accounts"` // how many accounts it specifies
	From        time.Time `json:"from,omitzero"`
	Until       time.Time `json:"until,omitzero"`
	// Secrecy is what it asks for, or "" if it says nothing.
	Secrecy      writ.Secrecy `json:"secrecy,omitempty"`
	SecrecyUntil time.Time    `json:"secrecy_until,omitzero"`
	Harms        []string     `json:"harms,omitempty"` // named reasons of secrecy, such as those of 18 USC 2705(b)
	Deadline     time.Time    `json:"deadline,omitzero"`
	Articles     []string     `json:"articles,omitempty"` // as the order cites them, where no pack knows them
	Remedy       string       `json:"remedy,omitempty"`
	Language     string       `json:"language,omitempty"` // of the order and of answers to it
	Note         string       `json:"note,omitempty"`
}

// Bounds of what a demand may say.
const (
	maxLine        = 512
	maxNote        = 16 << 10
	maxIdentifiers = 256
	maxHarms       = 16
)

func line(what, s string, needed bool) error {
	switch {
	case s == "" && needed:
		return refuse(ErrBounds, "the %s is missing", what)
	case len(s) > maxLine:
		return refuse(ErrBounds, "the %s has %d bytes, more than %d", what, len(s), maxLine)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return refuse(ErrBounds, "the %s is not text", what)
	}
	return nil
}

func note(what, s string, needed bool) error {
	switch {
	case strings.TrimSpace(s) == "" && needed:
		return refuse(ErrBounds, "the %s is missing", what)
	case len(s) > maxNote:
		return refuse(ErrBounds, "the %s has %d bytes, more than %d", what, len(s), maxNote)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return refuse(ErrBounds, "the %s is not text", what)
	}
	return nil
}

func lines(what string, all []string, most int) error {
	if len(all) > most {
		return refuse(ErrBounds, "there are %d %ss, more than %d", len(all), what, most)
	}
	for _, s := range all {
		if err := line(what, s, true); err != nil {
			return err
		}
	}
	return nil
}

func (i *Issuer) check(what string) error {
	if err := line("name of the "+what, i.Name, true); err != nil {
		return err
	}
	if len(i.Country) != 2 || strings.ToUpper(i.Country) != i.Country {
		return refuse(ErrBounds, "the country of the %s is two capital letters (ISO 3166-1), not %q", what, i.Country)
	}
	return line("kind of the "+what, i.Kind, true)
}

// check says whether a demand is well formed; what law says of it is a review's.
func (d *Demand) check(now time.Time) error {
	for _, err := range []error{
		line("reference", d.Reference, true), line("instrument", string(d.Instrument), true),
		d.Issuer.check("issuing authority"), line("offence", d.Offence, false), line("language", d.Language, false),
		lines("identifier", d.Identifiers, maxIdentifiers), lines("harm", d.Harms, maxHarms), lines("article", d.Articles, maxHarms),
		note("remedy", d.Remedy, false), note("note", d.Note, false),
	} {
		if err != nil {
			return err
		}
	}
	if d.Validator != nil {
		if err := d.Validator.check("validating authority"); err != nil {
			return err
		}
	}
	switch d.Channel {
	case NationalSystem, Portal, Post, InPerson, Mail, Phone:
	default:
		return refuse(ErrBounds, "%q is no channel; it is one of national-system, portal, post, in-person, mail, phone", d.Channel)
	}
	switch d.Matter {
	case "criminal", "civil", "national-security":
	default:
		return refuse(ErrBounds, "%q is no matter; it is one of criminal, civil, national-security", d.Matter)
	}
	seen := map[writ.DataClass]bool{}
	for _, c := range d.Classes {
		switch c {
		case writ.ClassSubscriber, writ.ClassIdentification, writ.ClassTraffic, writ.ClassContent:
		default:
			return refuse(ErrBounds, "%q is no class of data; it is one of subscriber, identification, traffic, content", c)
		}
		if seen[c] {
			return refuse(ErrBounds, "the class %s is named twice", c)
		}
		seen[c] = true
	}
	switch {
	case len(d.Classes) == 0:
		return refuse(ErrBounds, "the demand names no class of data")
	case d.Received.IsZero():
		return refuse(ErrBounds, "the time of receipt is missing: it starts the clock")
	case d.Received.After(now.Add(5 * time.Minute)):
		return refuse(ErrBounds, "the time of receipt, %s, lies in the future", d.Received.UTC().Format(time.RFC3339))
	case d.Accounts < 0 || d.Accounts > 1_000_000:
		return refuse(ErrBounds, "%d is no number of accounts", d.Accounts)
	case !d.From.IsZero() && !d.Until.IsZero() && !d.From.Before(d.Until):
		return refuse(ErrBounds, "the time asked for ends before it begins")
	}
	return nil
}

func (d *Demand) has(c writ.DataClass) bool {
	for _, have := range d.Classes {
		if have == c {
			return true
		}
	}
	return false
}

// utc brings all times of a demand to UTC, without monotonic readings, so that
// what is hashed is what is read back.
func (d *Demand) utc() {
	for _, t := range []*time.Time{&d.Received, &d.Signed, &d.From, &d.Until, &d.SecrecyUntil, &d.Deadline} {
		if !t.IsZero() {
			*t = t.UTC().Round(0)
		}
	}
}

// DocumentID names a document of the docket: 128 random bits. The sealed
// bytes are bound to it.
type DocumentID = writ.BlobID
