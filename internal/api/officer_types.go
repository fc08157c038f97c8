package api

import (
	"encoding/hex"
	"time"

	"writ"
	"writ/internal/docket"
	"writ/internal/law"
	"writ/internal/letter"
)

// OfficerState is who asks.
type OfficerState struct {
	Authority writ.AuthorityID `json:"authority"`
	Name      string           `json:"name"`
	Country   string           `json:"country"`
	Kind      string           `json:"kind"`
	Suspended bool             `json:"suspended" doc:"nothing else is answered while it is"`
	Provider  string           `json:"provider"`
	Contact   string           `json:"contact,omitempty"`
}

// OfficerInstrument is a kind of demand that is taken here.
type OfficerInstrument struct {
	ID      writ.Instrument  `json:"id"`
	Title   string           `json:"title"`
	Article string           `json:"article"`
	Classes []writ.DataClass `json:"classes"`
	Matters []string         `json:"matters"`
}

// FileInput is a demand as an officer files it. Who issues it is who files it, and
// it is received when it is here.
type FileInput struct {
	Reference    string           `json:"reference" doc:"your file number"`
	Instrument   writ.Instrument  `json:"instrument"`
	Signed       time.Time        `json:"signed,omitzero" doc:"date of the order"`
	Matter       string           `json:"matter" enum:"criminal,civil,national-security"`
	Offence      string           `json:"offence,omitempty"`
	Classes      []writ.DataClass `json:"classes"`
	Emergency    bool             `json:"emergency,omitempty"`
	Identifiers  []string         `json:"identifiers" doc:"accounts, buckets, addresses, access keys"`
	Accounts     int              `json:"accounts,omitempty" doc:"how many accounts it specifies; as many as identifiers if it is 0"`
	From         time.Time        `json:"from,omitzero"`
	Until        time.Time        `json:"until,omitzero"`
	Secrecy      writ.Secrecy     `json:"secrecy,omitempty" doc:"the basis of secrecy that it asks for"`
	SecrecyUntil time.Time        `json:"secrecy_until,omitzero"`
	Harms        []string         `json:"harms,omitempty"`
	Deadline     time.Time        `json:"deadline,omitzero"`
	Articles     []string         `json:"articles,omitempty"`
	Remedy       string           `json:"remedy,omitempty"`
	Language     string           `json:"language,omitempty" doc:"of the order and of answers (BCP 47)"`
	Note         string           `json:"note,omitempty"`
	Validator    *docket.Issuer   `json:"validator,omitempty" doc:"who validated it, where its law wants that"`
}

// Demand is what is filed, without who issues it, its channel and its receipt: those
// are the portal's to say.
func (in *FileInput) Demand() docket.Demand {
	d := docket.Demand{
		Reference: in.Reference, Instrument: in.Instrument, Signed: in.Signed, Matter: in.Matter, Offence: in.Offence, Classes: in.Classes,
		Emergency: in.Emergency, Identifiers: in.Identifiers, Accounts: in.Accounts, From: in.From, Until: in.Until, Secrecy: in.Secrecy,
		SecrecyUntil: in.SecrecyUntil, Harms: in.Harms, Deadline: in.Deadline, Articles: in.Articles, Remedy: in.Remedy, Language: in.Language,
		Note: in.Note, Validator: in.Validator,
	}
	if d.Accounts == 0 {
		d.Accounts = len(d.Identifiers)
	}
	return d
}

// FilingOf is a demand as it would be filed.
func FilingOf(d docket.Demand) FileInput {
	return FileInput{
		Reference: d.Reference, Instrument: d.Instrument, Signed: d.Signed, Matter: d.Matter, Offence: d.Offence, Classes: d.Classes,
		Emergency: d.Emergency, Identifiers: d.Identifiers, Accounts: d.Accounts, From: d.From, Until: d.Until, Secrecy: d.Secrecy,
		SecrecyUntil: d.SecrecyUntil, Harms: d.Harms, Deadline: d.Deadline, Articles: d.Articles, Remedy: d.Remedy, Language: d.Language,
		Note: d.Note, Validator: d.Validator,
	}
}

// FiledDemand is a demand as its authority sees it.
type FiledDemand struct {
	Case       writ.CaseID     `json:"case"`
	State      string          `json:"state" enum:"received,taken-up,answered,ready,delivered,confirmed,closed"`
	Received   time.Time       `json:"received" doc:"its clock starts then"`
	Demand     FileInput       `json:"demand" doc:"as it was filed"`
	Due        *FiledDue       `json:"due,omitempty" doc:"the provider's first deadline that runs"`
	Asked      bool            `json:"asked,omitempty" doc:"the newest letter asks you for something, and you have sent nothing since"`
	Answers    []FiledAnswer   `json:"answers,omitempty"`
	Files      []FiledFile     `json:"files,omitempty" doc:"that you filed"`
	Letters    []FiledFile     `json:"letters,omitempty" doc:"that were written to you"`
	Deliveries []FiledDelivery `json:"deliveries,omitempty"`
	Confirmed  time.Time       `json:"confirmed,omitzero" doc:"when the receipt of the package was confirmed"`
}

// FiledDue is a deadline of the provider's.
type FiledDue struct {
	Title   string    `json:"title"`
	Article string    `json:"article"`
	Due     time.Time `json:"due"`
	Late    bool      `json:"late,omitempty"`
}

// FiledAnswer is an answer other than data. Its reasons are in the letters.
type FiledAnswer struct {
	At     time.Time `json:"at"`
	Answer string    `json:"answer"`
	Final  bool      `json:"final,omitempty" doc:"nothing is produced after it"`
}

// FiledFile is a document that the authority may read.
type FiledFile struct {
	ID     docket.DocumentID `json:"id"`
	Kind   string            `json:"kind" doc:"of a letter: which"`
	Name   string            `json:"name"`
	Size   int64             `json:"size"`
	SHA256 string            `json:"sha256" doc:"in hex"`
	At     time.Time         `json:"at"`
	Asks   bool              `json:"asks,omitempty" doc:"the letter asks you for something"`
}

// FiledDelivery is how the package was handed over.
type FiledDelivery struct {
	At     time.Time `json:"at"`
	Means  string    `json:"means" enum:"national-system,download,in-person"`
	ByCode bool      `json:"by_code,omitempty" doc:"of a download: it takes the one-time code; else the client certificate"`
	Until  time.Time `json:"until,omitzero"`
	Over   bool      `json:"over,omitempty" doc:"its time is over"`
}

// FiledPage is a page of a list.
type FiledPage struct {
	Demands []FiledDemand `json:"demands"`
	Next    writ.CaseID   `json:"next,omitempty" doc:"give it as after for the next page; missing on the last"`
}

// filedOf is a case as its authority sees it, and nothing more of it.
func (h officers) filedOf(c *docket.Case) FiledDemand {
	now := h.Now()
	out := FiledDemand{
		Case: c.ID, Received: c.Filed.Demand.Received, Demand: FilingOf(c.Filed.Demand), Confirmed: c.Confirmed, Files: []FiledFile{}, Letters: []FiledFile{},
	}
	for _, r := range c.Replies {
		out.Answers = append(out.Answers, FiledAnswer{r.At, r.Answer, r.Final})
	}
	for _, doc := range c.ForOfficer() {
		f := FiledFile{ID: doc.ID, Kind: doc.Kind, Name: doc.Name, Size: doc.Size, SHA256: hex.EncodeToString(doc.SHA256), At: doc.At}
		if doc.Filed {
			out.Files = append(out.Files, f)
			out.Asked = false
			continue
		}
		kind, _ := letter.KindOf(doc.Name)
		f.Kind, f.Asks = string(kind), letter.Asks(kind)
		out.Letters = append(out.Letters, f)
		out.Asked = out.Asked || f.Asks
	}
	ready := false
	for _, d := range c.Deliveries {
		over := d.Means == "download" && !now.Before(d.Until)
		ready = ready || d.Means == "download" && !over
		out.Deliveries = append(out.Deliveries, FiledDelivery{At: d.At, Means: d.Means, ByCode: len(d.Token) > 0, Until: d.Until, Over: over})
	}
	if c.Closing == nil {
		out.Due = due(h.Docket.ClocksOf(c), now)
	} else {
		out.Asked = false
	}
	out.State = filedState(c, ready)
	return out
}

func filedState(c *docket.Case, ready bool) string {
	answered := false
	for _, r := range c.Replies {
		answered = answered || r.Final
	}
	switch {
	case c.Closing != nil && !ready:
		return "closed"
	case !c.Confirmed.IsZero():
		return "confirmed"
	case ready:
		return "ready"
	case len(c.Deliveries) > 0:
		return "delivered"
	case answered:
		return "answered"
	case c.Authentication != nil:
		return "taken-up"
	}
	return "received"
}

// due is the first deadline that runs.
func due(clocks []law.Clock, now time.Time) (first *FiledDue) {
	for _, c := range clocks {
		if c.State == law.Running && !c.Holds && !c.Due.IsZero() && (first == nil || c.Due.Before(first.Due)) {
			first = &FiledDue{Title: c.Title, Article: c.Article, Due: c.Due, Late: !now.Before(c.Due)}
		}
	}
	return first
}
