package letter

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"writ"
	"writ/internal/policy"
)

// MaxObjects bounds the objects that a chain of custody lists one by one; the
// package's own manifest has all of them.
const MaxObjects = 10_000

// Finding is one finding of the review of a demand against law.
type Finding struct {
	Rule    string `json:"rule" letter:"required"`
	Article string `json:"article" letter:"required"`
	Result  string `json:"result" letter:"required"`
}

// Determination is signed by two persons, one of them counsel, who decide
// against a finding or where law leaves the decision to counsel.
type Determination struct {
	Demand
	Question   string      `json:"question" letter:"required,max=4000"`
	Findings   []Finding   `json:"findings" letter:"max=100"`
	Decision   string      `json:"decision" letter:"required,max=4000"`
	Grounds    []Ground    `json:"grounds" letter:"required,max=20"`
	First      writ.Person `json:"first" letter:"required"`
	FirstRole  writ.Role   `json:"first_role" letter:"required"`
	FirstAt    time.Time   `json:"first_at" letter:"required"`
	Second     writ.Person `json:"second" letter:"required"`
	SecondRole writ.Role   `json:"second_role" letter:"required"`
	SecondAt   time.Time   `json:"second_at" letter:"required"`
}

// Object is one object that was produced.
type Object struct {
	Bucket  writ.BucketName `json:"bucket" letter:"required,exact,max=63"`
	Key     writ.ObjectKey  `json:"key" letter:"required,exact,max=1024"`
	Version writ.VersionID  `json:"version" letter:"exact,max=1024"`
	Size    int64           `json:"size"` // bytes as produced
	SHA256  string          `json:"sha256" letter:"required,exact,max=64"`
}

// Attachment is an export of a system that the gate does not guard.
type Attachment struct {
	Name   string `json:"name" letter:"required,exact,max=1024"`
	Source string `json:"source" letter:"required"`
	By     string `json:"by" letter:"required"` // who exported it
	Size   int64  `json:"size"`                 // bytes
	SHA256 string `json:"sha256" letter:"required,exact,max=64"`
}

// Signer is a custodian who signed the writ.
type Signer struct {
	Person  writ.Person `json:"person" letter:"required"`
	Outside bool        `json:"outside"` // of the operator
	Key     string      `json:"key" letter:"required,exact,max=128"`
	At      time.Time   `json:"at" letter:"required"`
}

// Step is one thing that was done to the data.
type Step struct {
	At   time.Time `json:"at" letter:"required"`
	Who  string    `json:"who" letter:"required"`
	What string    `json:"what" letter:"required,max=1000"`
}

// Custody is the chain of custody of a package.
type Custody struct {
	Demand
	Customer    writ.CustomerID  `json:"customer" letter:"required"`
	Classes     []writ.DataClass `json:"classes" letter:"required"`
	Scope       string           `json:"scope" letter:"required,max=4000"`
	Writ        string           `json:"writ" letter:"required,exact,max=128"` // digest of what the custodians signed
	NotAfter    time.Time        `json:"not_after" letter:"required"`
	Opened      time.Time        `json:"opened" letter:"required"`
	Closed      time.Time        `json:"closed" letter:"required"`
	Package     string           `json:"package" letter:"required,exact"`
	Recipient   string           `json:"recipient" letter:"required,exact"`
	Release     string           `json:"release" letter:"required"` // version of Writ
	Log         string           `json:"log" letter:"required,exact"`
	Signers     []Signer         `json:"signers" letter:"required"`
	Commitments []Commitment     `json:"commitments" letter:"required,max=1000"`
	Steps       []Step           `json:"steps" letter:"required,max=1000"`
	Count       int64            `json:"count"` // objects in all
	Bytes       int64            `json:"bytes" letter:"bytes"`
	Objects     []Object         `json:"objects" letter:"max=10000"`
	Omitted     int64            `json:"omitted"` // objects that are in the manifest only
	Ciphertext  bool             `json:"ciphertext"`
	Attachments []Attachment     `json:"attachments" letter:"max=1000"`
	Unwitnessed bool             `json:"unwitnessed"` // accepted by two while witnesses were away
}

// Review reminds counsel that secrecy without an end must be looked at again.
type Review struct {
	Demand
	Secrecy writ.Secrecy `json:"secrecy" letter:"required"`
	Article string       `json:"article" letter:"required"`
	Since   time.Time    `json:"since" letter:"required"`
	Due     time.Time    `json:"due" letter:"required"`
	Last    time.Time    `json:"last,omitzero"`
	Outcome string       `json:"outcome" letter:"max=2000"` // of the last review
	Person  writ.Person  `json:"person" letter:"required"`
}

// Page calls who is on call. It is short, and says nothing of whose data are
// asked for: it goes over other people's wires.
type Page struct {
	Instrument writ.Instrument `json:"instrument" letter:"required"`
	Clock      string          `json:"clock" letter:"required,max=200"` // which deadline
	Due        time.Time       `json:"due" letter:"required"`
	Left       time.Duration   `json:"left"`                              // zero: the time is up
	Missing    string          `json:"missing" letter:"required,max=300"` // what must be done, and by which role
	Drill      bool            `json:"drill"`
}

// Extent is how much of a bucket an authorisation reaches.
type Extent string

// The extents. Their names in four languages are in words.yaml.
const (
	ExtentAll    Extent = "all"
	ExtentPrefix Extent = "prefix" // keys that begin so
	ExtentObject Extent = "object" // this key
	ExtentTag    Extent = "tag"    // only objects with this tag, besides
)

// Bucket is a bucket in an authorisation with one of its restrictions; a
// bucket with several has as many rows.
type Bucket struct {
	Bucket  writ.BucketName `json:"bucket" letter:"required,exact,max=63"`
	Extent  Extent          `json:"extent" letter:"required"`
	Value   string          `json:"value" letter:"exact,max=2100"` // the prefix, key or tag
	Version writ.VersionID  `json:"version" letter:"exact,max=1024"`
}

// BucketsOf is the scope that is to be signed as the rows of an
// [Authorisation], so that the sheet says neither more nor less.
func BucketsOf(scope policy.Scope) (rows []Bucket) {
	for _, b := range scope.Buckets {
		if len(b.Prefixes)+len(b.Objects) == 0 {
			rows = append(rows, Bucket{Bucket: b.Bucket, Extent: ExtentAll})
		}
		for _, p := range b.Prefixes {
			rows = append(rows, Bucket{Bucket: b.Bucket, Extent: ExtentPrefix, Value: p})
		}
		for _, o := range b.Objects {
			rows = append(rows, Bucket{Bucket: b.Bucket, Extent: ExtentObject, Value: string(o.Key), Version: o.Version})
		}
		for _, name := range slices.Sorted(maps.Keys(b.Tags)) {
			rows = append(rows, Bucket{Bucket: b.Bucket, Extent: ExtentTag, Value: name + "=" + b.Tags[name]})
		}
	}
	return rows
}

// Authorisation is the sheet that a custodian reads before signing: exactly
// what is signed, in words.
type Authorisation struct {
	Demand
	Customer  writ.CustomerID  `json:"customer" letter:"required"`
	Name      string           `json:"name"`                       // of the customer
	Issuer    writ.Person      `json:"issuer"`                     // who prepared it, if that is known
	Buckets   []Bucket         `json:"buckets" letter:"max=11000"` // none: no content
	Account   bool             `json:"account"`                    // no object, but what the store knows of the customer
	Elsewhere bool             `json:"elsewhere"`                  // nothing of this store, but data of other systems
	From      time.Time        `json:"from,omitzero"`              // of the objects, inclusive; zero: from the beginning
	Until     time.Time        `json:"until,omitzero"`             // exclusive; zero: without end
	Classes   []writ.DataClass `json:"classes" letter:"required"`
	Objects   int64            `json:"objects"` // at most
	Bytes     int64            `json:"bytes" letter:"bytes"`
	NotAfter  time.Time        `json:"not_after" letter:"required"`
	Secrecy   writ.Secrecy     `json:"secrecy" letter:"required"`
	Why       string           `json:"why" letter:"required,max=4000"` // told or not, and why
	Threshold int64            `json:"threshold" letter:"required"`
	Set       int64            `json:"set" letter:"required"`                   // how many custodians there are
	Payload   string           `json:"payload" letter:"required,exact,max=128"` // digest of what is signed
	Type      string           `json:"type" letter:"required,exact"`            // of the payload
}

// Sheet is what a custodian reads before signing, in words and numbers: made
// from the very payload, and the set of custodians that it is for. It takes no
// server: a custodian's own machine makes the same. The customer's name is beside
// what is signed, and may be empty. Errors: [ErrField].
func (s *Set) Sheet(lang string, a policy.Authorisation, name string, custodians policy.Set, payload []byte) (string, error) {
	sheet := Authorisation{
		// The sheet shows the time as that of the writ: what is signed doesn't
		// say when the demand was received.
		Demand:   Demand{Instrument: a.Instrument, Authority: a.Issuer.Name, Received: a.At, OrderDigest: a.Order},
		Customer: a.Customer, Name: name, Buckets: BucketsOf(a.Scope), Account: !a.Scope.Opens() && !a.Scope.Elsewhere, Elsewhere: a.Scope.Elsewhere, From: a.Scope.From, Until: a.Scope.Until, Classes: a.Scope.Classes,
		Objects: a.Limits.Objects, Bytes: a.Limits.Bytes, NotAfter: a.Limits.NotAfter, Secrecy: a.Secrecy.Basis, Why: a.Secrecy.Why,
		Threshold: int64(custodians.Threshold), Set: int64(len(custodians.Persons(writ.RoleCustodian))),
		Payload: fmt.Sprintf("%x", sha256.Sum256(payload)), Type: policy.TypeAuthorisation,
	}
	if sheet.Why == "" {
		sheet.Why = string(a.Secrecy.Basis)
	}
	doc, err := s.Make(lang, Head{Sender: Party{Name: "Writ"}, Signatory: "Writ", Case: a.Case, Date: a.At}, sheet)
	if err != nil {
		return "", fmt.Errorf("couldn't say the writ in words: %w", err)
	}
	return doc.Text(), nil
}

func (Determination) Kind() Kind { return "determination" }
func (Custody) Kind() Kind       { return "custody" }
func (Review) Kind() Kind        { return "review" }
func (Page) Kind() Kind          { return "page" }
func (Authorisation) Kind() Kind { return "authorisation" }
