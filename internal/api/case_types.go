package api

import (
	"encoding/hex"
	"time"

	"writ"
	"writ/internal/docket"
	"writ/internal/law"
	"writ/internal/policy"
)

// CaseRow is a case in a list.
type CaseRow struct {
	Case       writ.CaseID      `json:"case"`
	Mark       docket.Mark      `json:"mark,omitempty" doc:"drill or historic"`
	Stage      string           `json:"stage"`
	Reference  string           `json:"reference" doc:"the authority's file number"`
	Instrument writ.Instrument  `json:"instrument"`
	Issuer     string           `json:"issuer"`
	Country    string           `json:"country"`
	Authority  writ.AuthorityID `json:"authority,omitempty"`
	Emergency  bool             `json:"emergency,omitempty"`
	Classes    []writ.DataClass `json:"classes"`
	Customer   writ.CustomerID  `json:"customer,omitempty"`
	Received   time.Time        `json:"received"`
	Touched    time.Time        `json:"touched"`
	Clock      string           `json:"clock,omitempty" doc:"the first deadline that runs"`
	Due        time.Time        `json:"due,omitzero"`
	Late       bool             `json:"late,omitempty"`
	Secrecy    writ.Secrecy     `json:"secrecy,omitempty"`
	SilentTo   time.Time        `json:"silent_until,omitzero"`
	Lifted     time.Time        `json:"lifted,omitzero"`
	Look       time.Time        `json:"review,omitzero" doc:"when an open-ended secrecy is to be looked at again"`
	Outcome    string           `json:"outcome,omitempty"`
	Waits      []writ.Role      `json:"waits,omitempty" doc:"for whom it waits"`
	Preserved  bool             `json:"preserved,omitempty"`
	Events     uint32           `json:"events"`
}

// CasePage is a page of a list.
type CasePage struct {
	Cases []CaseRow   `json:"cases"`
	Next  writ.CaseID `json:"next,omitempty" doc:"give it as after for the next page"`
}

// Case is a case as it stands.
type Case struct {
	CaseRow
	Demand         docket.Demand          `json:"demand"`
	Documents      []docket.Document      `json:"documents"`
	Authentication *docket.Authentication `json:"authentication,omitempty"`
	Subject        *docket.Subject        `json:"subject,omitempty"`
	Scope          *docket.Scoping        `json:"scope,omitempty"`
	Facts          map[string]string      `json:"facts,omitempty"`
	Questions      []law.Question         `json:"questions,omitempty" doc:"what law asks counsel"`
	Findings       []CaseFinding          `json:"findings,omitempty"`
	Reviewed       time.Time              `json:"reviewed,omitzero"`
	Stale          bool                   `json:"review_stale,omitempty" doc:"the case changed since it was reviewed"`
	Determinations []Determination        `json:"determinations,omitempty"`
	SecrecySet     *docket.SecrecySet     `json:"secrecy_set,omitempty"`
	Clocks         []law.Clock            `json:"clocks,omitempty"`
	Events         []docket.ClockEvent    `json:"clock_events,omitempty"`
	Needs          []CaseNeed             `json:"needs,omitempty" doc:"what is missing, and who must do it"`
	Alike          []Alike                `json:"alike,omitempty" doc:"other cases with the same target or order"`
	Objections     []docket.Objection     `json:"objections,omitempty" doc:"what customers said against it"`
	Replies        []docket.Reply         `json:"replies,omitempty"`
	Preservations  []docket.Preservation  `json:"preservations,omitempty"`
	Approval       *Approval              `json:"approval,omitempty"`
	Writ           *WritState             `json:"writ,omitempty"`
	Opening        *docket.Opening        `json:"opening,omitempty"`
	Listed         time.Time              `json:"listed,omitzero" doc:"when the exact list of what is opened was fixed and committed to"`
	Exports        []docket.Export        `json:"exports,omitempty"`
	Production     *docket.Production     `json:"production,omitempty"`
	Produced       time.Time              `json:"produced,omitzero"`
	Deliveries     []CaseDelivery         `json:"deliveries,omitempty"`
	Confirmed      time.Time              `json:"confirmed,omitzero"`
	Notices        []docket.Notice        `json:"notices,omitempty"`
	Closing        *docket.Closing        `json:"closing,omitempty"`
	Acted          map[writ.Person]string `json:"acted,omitempty" doc:"who has acted here, and as what"`
	Head           string                 `json:"head" doc:"hash of the newest event, in hex"`
}

// CaseFinding is a finding, and whether two persons determined on it.
type CaseFinding struct {
	docket.Finding
	Determined bool `json:"determined,omitempty"`
}

// Determination is one by two persons.
type Determination struct {
	Number   int         `json:"number"`
	Rules    []string    `json:"rules"`
	Reason   string      `json:"reason"`
	By       writ.Person `json:"by"`
	As       writ.Role   `json:"as"`
	At       time.Time   `json:"at"`
	Second   writ.Person `json:"second,omitempty"`
	Seconded time.Time   `json:"seconded,omitzero"`
}

// CaseNeed is what is missing.
type CaseNeed struct {
	What string    `json:"what"`
	Role writ.Role `json:"role,omitempty"`
	How  string    `json:"how"`
}

// Alike is a case that looks like this one.
type Alike struct {
	Case   writ.CaseID `json:"case"`
	Issuer string      `json:"issuer"`
	Why    string      `json:"why" enum:"same-target,same-order"`
}

// Approval is counsel's.
type Approval struct {
	By      writ.Person `json:"by"`
	At      time.Time   `json:"at"`
	Second  writ.Person `json:"second,omitempty"`
	Order   string      `json:"order_sha256,omitempty"`
	Objects int64       `json:"objects"`
	Bytes   int64       `json:"bytes"`
	Until   time.Time   `json:"until"`
	Stale   bool        `json:"stale,omitempty"`
}

// WritState is how far the writ is.
type WritState struct {
	Digest    string                `json:"digest" doc:"SHA-256 of what is signed, in hex"`
	Signed    []writ.Person         `json:"signed"`
	Refused   []WritRefusal         `json:"refused,omitempty"`
	Minted    time.Time             `json:"minted,omitzero"`
	Statement string                `json:"statement,omitempty" doc:"the ledger's name for the commitment"`
	Waived    bool                  `json:"waived,omitempty"`
	Terms     *policy.Authorisation `json:"authorisation,omitempty"`
}

// WritRefusal is a custodian's.
type WritRefusal struct {
	By     writ.Person `json:"by"`
	At     time.Time   `json:"at"`
	Reason string      `json:"reason"`
}

// CaseDelivery is one of the package.
type CaseDelivery struct {
	Number  int       `json:"number"`
	Means   string    `json:"means"`
	At      time.Time `json:"at"`
	Times   int       `json:"times,omitempty"`
	Fetched int       `json:"fetched"`
	Until   time.Time `json:"until,omitzero"`
	Note    string    `json:"note,omitempty"`
}

func rowOf(r docket.Row) CaseRow {
	return CaseRow{
		Case: r.Case, Mark: r.Mark, Stage: r.Stage, Reference: r.Reference, Instrument: r.Instrument, Issuer: r.Issuer, Country: r.Country,
		Authority: r.Authority, Emergency: r.Emergency, Classes: r.Classes, Customer: r.Customer, Received: r.Received, Touched: r.Touched,
		Clock: r.Clock, Due: r.Due, Late: r.Late, Secrecy: r.Secrecy, SilentTo: r.SilentTo, Lifted: r.Lifted, Look: r.Look,
		Outcome: r.Outcome, Waits: r.Waits, Preserved: r.Preserved, Events: r.Events,
	}
}

// caseOf shows a case.
func (h office) caseOf(c *docket.Case) Case {
	d := h.Docket
	out := Case{
		CaseRow: rowOf(d.Row(c)), Demand: c.Demand, Documents: c.Documents, Authentication: c.Authentication, Subject: c.Subject,
		Scope: c.Scoping, Facts: c.Facts, Questions: d.Questions(c), SecrecySet: c.Secrecy, Clocks: d.ClocksOf(c), Events: c.Clocks,
		Objections: c.Objections, Replies: c.Replies, Preservations: c.Preservations, Opening: c.Opening, Exports: c.Exports, Production: c.Production,
		Confirmed: c.Confirmed, Notices: c.Notices, Closing: c.Closing, Acted: map[writ.Person]string{}, Head: hex.EncodeToString(c.Head[:]),
	}
	if c.Opening != nil {
		out.Listed = c.Opening.At
	}
	if c.Production != nil {
		out.Produced = c.Production.At
	}
	if c.Review != nil {
		out.Reviewed, out.Stale = c.Review.At, !c.Current(c.Review.Digest)
		standing := map[string]bool{}
		for _, f := range c.Standing() {
			standing[f.Rule] = true
		}
		for _, f := range c.Review.Findings {
			out.Findings = append(out.Findings, CaseFinding{f, f.Outcome != "pass" && !standing[f.Rule]})
		}
	}
	for _, p := range c.Determinations {
		out.Determinations = append(out.Determinations, Determination{p.Number, p.Rules, p.Reason, p.By, p.As, p.At, p.Second, p.Seconded})
	}
	for _, n := range d.Needs(c) {
		out.Needs = append(out.Needs, CaseNeed{n.What, n.Role, n.How})
	}
	targets, orders := d.Alike(c)
	for _, r := range targets {
		out.Alike = append(out.Alike, Alike{r.Case, r.Issuer, "same-target"})
	}
	for _, r := range orders {
		out.Alike = append(out.Alike, Alike{r.Case, r.Issuer, "same-order"})
	}
	if a := c.Approval; a != nil {
		out.Approval = &Approval{a.By, a.At, a.Second, hex.EncodeToString(a.Order), a.Objects, a.Bytes, a.Until, !c.Current(a.Digest)}
	}
	out.Writ = writOf(c)
	for _, dl := range c.Deliveries {
		out.Deliveries = append(out.Deliveries, CaseDelivery{dl.Number, dl.Means, dl.At, dl.Times, dl.Fetched, dl.Until, dl.Note})
	}
	for person, role := range c.Acted() {
		out.Acted[person] = string(role)
	}
	return out
}

func writOf(c *docket.Case) *WritState {
	if c.Draft == nil {
		return nil
	}
	w := &WritState{Digest: hex.EncodeToString(c.Draft.Digest), Signed: c.Signers(), Waived: c.Waiver != nil}
	for _, r := range c.Refusals {
		w.Refused = append(w.Refused, WritRefusal{r.By, r.At, r.Reason})
	}
	if a, err := policy.ParseAuthorisation(c.Draft.Payload); err == nil {
		w.Terms = &a
	}
	if c.Writ != nil {
		w.Minted, w.Statement = c.Writ.At, c.Writ.Statement
	}
	return w
}
