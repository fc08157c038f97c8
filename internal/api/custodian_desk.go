package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/docket"
	"writ/internal/policy"
)

// How the asking custodian stands to a writ that waits for signatures.
const (
	MaySign  = "may-sign"
	Signed   = "signed"   // and others have not, yet
	Declined = "declined" // and may sign all the same
	Barred   = "barred"   // acted in the case in another role
	NoKey    = "no-key"   // holds no custodian's key of the set in force
)

// MaxDesk is how many cases a page of a custodian's desk has at most: each of
// them is read whole.
const MaxDesk = 50

// What a custodian's desk shows.
type (
	// DeskInput chooses a page.
	DeskInput struct {
		After string `query:"after"`
		Limit int    `query:"limit" minimum:"0" maximum:"50" doc:"0 is 20"`
	}
	// WaitingPage is a page of what waits for signatures.
	WaitingPage struct {
		Waiting []Waiting   `json:"waiting"`
		Next    writ.CaseID `json:"next,omitempty" doc:"give it as after for the next page"`
	}
	// Waiting is a writ that is drawn up and has no quorum.
	Waiting struct {
		CaseRow
		Name      string                `json:"customer_name,omitempty"`
		Digest    string                `json:"digest" doc:"SHA-256 of what is signed, in hex"`
		Terms     *policy.Authorisation `json:"authorisation" doc:"what is signed"`
		Threshold int                   `json:"threshold" doc:"how many persons it takes"`
		Signed    []writ.Person         `json:"signed"`
		Refused   []WritRefusal         `json:"refused,omitempty"`
		Offline   bool                  `json:"offline" doc:"whether a signature with a key that is kept off line is there: it takes one"`
		Mine      string                `json:"mine" enum:"may-sign,signed,declined,barred,no-key" doc:"how the asking person stands to it"`
		Acted     writ.Role             `json:"acted,omitempty" doc:"of who is barred: the role in which"`
	}
	// SignedPage is a page of a custodian's history.
	SignedPage struct {
		Cases []SignedCase `json:"cases"`
		Next  writ.CaseID  `json:"next,omitempty"`
	}
	// SignedCase is a case in which the asking person signed or declined.
	SignedCase struct {
		CaseRow
		Acts []CustodianAct `json:"acts"`
	}
	// CustodianAct is one signature, or one refusal.
	CustodianAct struct {
		At     time.Time `json:"at"`
		Did    string    `json:"did" enum:"signed,declined"`
		Digest string    `json:"digest" doc:"of what was drawn up, in hex"`
		Key    string    `json:"key,omitempty"`
		Reason string    `json:"reason,omitempty"`
	}
)

func (h office) desks(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "writs-waiting", Method: http.MethodGet, Path: "/api/v1/custodians/waiting", Summary: "Writs that wait for custodians, by deadline, each with its terms"},
		func(ctx context.Context, in *DeskInput) (*output[WaitingPage], error) {
			return answer(h.waiting(ctx, in))
		})
	huma.Register(a, huma.Operation{OperationID: "writs-signed", Method: http.MethodGet, Path: "/api/v1/custodians/history", Summary: "Cases in which I signed or declined as a custodian, newest first"},
		func(ctx context.Context, in *DeskInput) (*output[SignedPage], error) {
			return answer(h.signedWrits(ctx, in))
		})
}

// desk lists the cases of a page, and notes who looks at them.
func (h office) desk(ctx context.Context, in *DeskInput, act string, f docket.Filter) (rows []docket.Row, next writ.CaseID, err error) {
	if err := h.Docket.Sees(ctx, actor(ctx), act, ""); err != nil {
		return nil, "", err
	}
	if f.After, f.Limit = writ.CaseID(in.After), in.Limit; f.Limit == 0 {
		f.Limit = 20
	}
	rows, more, err := h.Docket.Listed(actor(ctx), f)
	if more {
		next = rows[len(rows)-1].Case
	}
	return rows, next, err
}

func (h office) waiting(ctx context.Context, in *DeskInput) (WaitingPage, error) {
	page := WaitingPage{Waiting: []Waiting{}}
	rows, next, err := h.desk(ctx, in, "view-waiting", docket.Filter{Waits: writ.RoleCustodian, Open: true})
	if err != nil {
		return page, err
	}
	page.Next = next
	set, _ := h.Gate.Custodians()
	for _, row := range rows {
		c, err := h.Docket.Case(ctx, row.Case)
		switch {
		case errors.Is(err, docket.ErrNoCase):
			continue // erased meanwhile
		case err != nil:
			return page, err
		case c.Draft == nil || c.Writ != nil:
			continue // it got its quorum meanwhile, or something else is to be done first
		}
		one, err := h.waits(ctx, c, set)
		if err != nil {
			return page, err
		}
		one.CaseRow = rowOf(row)
		page.Waiting = append(page.Waiting, one)
	}
	return page, nil
}

func (h office) waits(ctx context.Context, c *docket.Case, set policy.Set) (Waiting, error) {
	terms, err := policy.ParseAuthorisation(c.Draft.Payload)
	if err != nil {
		return Waiting{}, fmt.Errorf("couldn't read the writ: %w", err)
	}
	out := Waiting{
		Digest: hex.EncodeToString(c.Draft.Digest), Terms: &terms, Threshold: set.Threshold,
		Signed: append([]writ.Person{}, c.Signers()...), Offline: c.SignedOffline(set),
	}
	for _, r := range c.Refusals {
		out.Refused = append(out.Refused, WritRefusal{r.By, r.At, r.Reason})
	}
	if customer, err := h.Vault.Customer(ctx, string(terms.Customer)); err == nil {
		out.Name = customer.Name
	}
	out.Mine, out.Acted = standing(actor(ctx), c, set)
	return out, nil
}

// standing is how a custodian stands to a writ that waits. It is for lists: the
// docket says it again, and for good, when somebody signs.
func standing(who docket.Actor, c *docket.Case, set policy.Set) (mine string, as writ.Role) {
	for _, p := range []writ.Person{who.Person, who.For[writ.RoleCustodian]} {
		if role := c.ActedAs(p); p != "" && role != "" && role != writ.RoleCustodian {
			return Barred, role
		}
	}
	mine = NoKey
	for _, m := range set.Members {
		if m.Person == who.Person && m.Role == writ.RoleCustodian {
			mine = MaySign
		}
	}
	for _, r := range c.Refusals {
		if r.By == who.Person {
			mine = Declined
		}
	}
	for _, p := range c.Signers() {
		if p == who.Person {
			mine = Signed
		}
	}
	return mine, ""
}

func (h office) signedWrits(ctx context.Context, in *DeskInput) (SignedPage, error) {
	page := SignedPage{Cases: []SignedCase{}}
	me := identity(ctx).Person
	rows, next, err := h.desk(ctx, in, "view-signed", docket.Filter{Person: me, Newest: true})
	if err != nil {
		return page, err
	}
	page.Next = next
	for _, row := range rows {
		events, err := h.Docket.Events(ctx, row.Case)
		if errors.Is(err, docket.ErrNoCase) {
			continue
		}
		if err != nil {
			return page, err
		}
		acts, err := actsOf(me, events)
		if err != nil {
			return page, err
		}
		if len(acts) > 0 { // else something else was done there, in another role
			page.Cases = append(page.Cases, SignedCase{rowOf(row), acts})
		}
	}
	return page, nil
}

// actsOf are a person's signatures and refusals among a case's events.
func actsOf(who writ.Person, events []docket.Event) (all []CustodianAct, err error) {
	for _, e := range events {
		if e.By != who || e.Kind != docket.Signed && e.Kind != docket.Refused {
			continue
		}
		var body struct {
			Key    string `json:"key"`
			Digest []byte `json:"digest"`
			Reason string `json:"reason"`
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return nil, fmt.Errorf("couldn't read event %d of the case %s: %w", e.Seq, e.Case, err)
		}
		did := Signed
		if e.Kind == docket.Refused {
			did = Declined
		}
		all = append(all, CustodianAct{At: e.At, Did: did, Digest: hex.EncodeToString(body.Digest), Key: body.Key, Reason: body.Reason})
	}
	return all, nil
}
