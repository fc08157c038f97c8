package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/docket"
	"writ/internal/law"
	"writ/internal/policy"
	"writ/internal/vault"
)

// File is a file that comes with a demand, inside the request.
type File struct {
	Kind string `json:"kind" enum:"order,form,certificate,correspondence,other"`
	Name string `json:"name"`
	Body string `json:"body" doc:"base64"`
}

// DemandInput is a demand as it comes in.
type DemandInput struct {
	Demand docket.Demand `json:"demand"`
	Drill  bool          `json:"drill,omitempty" doc:"a rehearsal: it opens nothing, tells nobody and counts nowhere"`
	Files  []File        `json:"files,omitempty" doc:"up to 8 MiB together; larger ones are attached later"`
}

// ListInput chooses cases.
type ListInput struct {
	Stage      string    `query:"stage"`
	Open       bool      `query:"open"`
	Late       bool      `query:"late"`
	Silent     bool      `query:"silent" doc:"those of which the customer must not know"`
	Mark       string    `query:"mark" enum:"ordinary,drill,historic"`
	Instrument string    `query:"instrument"`
	Country    string    `query:"country"`
	Authority  string    `query:"authority"`
	Customer   string    `query:"customer"`
	Waits      string    `query:"waits" doc:"a role"`
	Mine       bool      `query:"mine" doc:"those in which I acted"`
	From       time.Time `query:"from"`
	To         time.Time `query:"to"`
	DueBy      time.Time `query:"due_by" doc:"whose first deadline is at or before"`
	Text       string    `query:"text"`
	Order      string    `query:"order" enum:"deadline,newest,review" doc:"review: those of which the customer must not know, by when that ends or is looked at again"`
	Newest     bool      `query:"newest" doc:"the same as the order newest"`
	After      string    `query:"after"`
	Limit      int       `query:"limit" minimum:"0" maximum:"1000"`
}

// LocateInput asks what is in a scope.
type LocateInput struct {
	Customer string       `json:"customer" doc:"name or id"`
	Scope    policy.Scope `json:"scope"`
}

// maxDemand bounds a request that enters a demand, in bytes.
const maxDemand = 12 << 20

func (h office) cases(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "receive", Method: http.MethodPost, Path: "/api/v1/cases", Summary: "Enter a demand: its case begins", DefaultStatus: http.StatusCreated, MaxBodyBytes: maxDemand},
		func(ctx context.Context, in *struct{ Body DemandInput }) (*output[Case], error) {
			intake := docket.Intake{Demand: in.Body.Demand, Drill: in.Body.Drill}
			for _, f := range in.Body.Files {
				body, err := base64.StdEncoding.DecodeString(f.Body)
				if err != nil {
					return nil, &Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Detail: "the body of a file is not base64"}
				}
				intake.Documents = append(intake.Documents, docket.DocumentInput{Kind: f.Kind, Name: f.Name, Body: body})
			}
			return h.moved(h.Docket.Receive(ctx, actor(ctx), intake))
		})
	huma.Register(a, huma.Operation{OperationID: "cases", Method: http.MethodGet, Path: "/api/v1/cases", Summary: "Cases by deadline, or by receipt"},
		func(ctx context.Context, in *ListInput) (*output[CasePage], error) {
			return answer(h.list(ctx, in))
		})
	huma.Register(a, huma.Operation{OperationID: "case", Method: http.MethodGet, Path: "/api/v1/cases/{case}", Summary: "A case as it stands: findings, clocks, what is missing and who must do it"},
		func(ctx context.Context, in *CasePath) (*output[Case], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			return h.moved(h.Docket.Look(ctx, actor(ctx), id))
		})
	huma.Register(a, huma.Operation{OperationID: "case-events", Method: http.MethodGet, Path: "/api/v1/cases/{case}/events", Summary: "All that happened in a case, in order"},
		func(ctx context.Context, in *CasePath) (*output[[]docket.Event], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			return answer(h.Docket.History(ctx, actor(ctx), id))
		})
	huma.Register(a, huma.Operation{OperationID: "verify-case", Method: http.MethodGet, Path: "/api/v1/cases/{case}/verify", Summary: "Hold a case's events against what the public log committed to"},
		func(ctx context.Context, in *CasePath) (*output[docket.Verified], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			if _, err := h.Docket.Look(ctx, actor(ctx), id); err != nil {
				return nil, problem(err)
			}
			return answer(h.Docket.Verify(ctx, id))
		})
	huma.Register(a, huma.Operation{OperationID: "rehearsed", Method: http.MethodGet, Path: "/api/v1/cases/{case}/drill", Summary: "How a drill went"},
		func(ctx context.Context, in *CasePath) (*output[docket.Rehearsal], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			if _, err := h.Docket.Look(ctx, actor(ctx), id); err != nil {
				return nil, problem(err)
			}
			return answer(h.Docket.Rehearsed(ctx, id))
		})
	huma.Register(a, huma.Operation{OperationID: "identify", Method: http.MethodGet, Path: "/api/v1/identify", Summary: "Which customers an identifier may mean"},
		func(ctx context.Context, in *struct {
			Text string `query:"text" minLength:"1" maxLength:"1100"`
		}) (*output[[]vault.Identified], error) {
			return answer(h.Docket.Identifying(ctx, actor(ctx), in.Text))
		})
	huma.Register(a, huma.Operation{OperationID: "locate", Method: http.MethodPost, Path: "/api/v1/locate", Summary: "Counts and sizes of what is in a scope; never content"},
		func(ctx context.Context, in *struct{ Body LocateInput }) (*output[vault.Located], error) {
			return answer(h.Docket.Locate(ctx, actor(ctx), in.Body.Customer, in.Body.Scope))
		})
	huma.Register(a, huma.Operation{OperationID: "law", Method: http.MethodGet, Path: "/api/v1/law", Summary: "Instruments and packs, as they are in force"},
		func(context.Context, *none) (*output[LawState], error) {
			return answer(LawState{h.Law.Packs(), h.Law.Instruments(), h.Law.Harms()}, nil)
		})
	huma.Register(a, huma.Operation{OperationID: "instrument", Method: http.MethodGet, Path: "/api/v1/law/{instrument}", Summary: "One instrument in full: who may issue it, what it reaches, deadlines, secrecy, answers, forms, questions"},
		func(_ context.Context, in *struct {
			Instrument string `path:"instrument"`
		}) (*output[InstrumentState], error) {
			out, ok := InstrumentOf(h.Law, writ.Instrument(in.Instrument), law.Provider{Country: h.Docket.Provider.Country, TimeZone: h.Docket.Provider.TimeZone}, h.Now())
			if !ok {
				return nil, &Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "no-instrument", Detail: "no pack knows this instrument", Hint: "writ law lists them"}
			}
			return answer(out, nil)
		})
}

// InstrumentState is one instrument in full.
type InstrumentState struct {
	law.Instrument
	Questions       []law.Question `json:"questions" doc:"what the rules ask counsel"`
	Clocks          []law.Clock    `json:"clocks" doc:"as they would run for a demand received now"`
	EmergencyClocks []law.Clock    `json:"emergency_clocks" doc:"the same for an emergency"`
}

// InstrumentOf tells all that packs know of an instrument.
func InstrumentOf(l *law.Law, id writ.Instrument, p law.Provider, now time.Time) (InstrumentState, bool) {
	i, ok := l.Instrument(id)
	if !ok {
		return InstrumentState{}, false
	}
	d := law.Demand{Instrument: id, Provider: p, Received: now, Signed: now, Order: true}
	for _, c := range i.Classes {
		d.Classes = append(d.Classes, c.Class)
	}
	out := InstrumentState{Instrument: i, Questions: l.Questions(id), Clocks: l.Clocks(d, nil, now)}
	d.Emergency = true
	out.EmergencyClocks = l.Clocks(d, nil, now)
	return out, true
}

// LawState is what law packs are in force.
type LawState struct {
	Packs       []law.PackInfo   `json:"packs"`
	Instruments []law.Instrument `json:"instruments"`
	Harms       []law.Harm       `json:"harms" doc:"what an order of silence may have to name"`
}

// moved answers with a case.
func (h office) moved(c *docket.Case, err error) (*output[Case], error) {
	if err != nil {
		return nil, problem(err)
	}
	return answer(h.caseOf(c), nil)
}

func (h office) list(ctx context.Context, in *ListInput) (CasePage, error) {
	f := docket.Filter{
		DueBy: in.DueBy, Order: in.Order,
		Stage: in.Stage, Open: in.Open, Late: in.Late, Silent: in.Silent, Mark: in.Mark, Instrument: writ.Instrument(in.Instrument),
		Country: strings.ToUpper(in.Country), Authority: writ.AuthorityID(in.Authority), Waits: writ.Role(in.Waits),
		From: in.From, To: in.To, Text: in.Text, Newest: in.Newest, After: writ.CaseID(in.After), Limit: in.Limit,
	}
	if in.Mine {
		f.Person = identity(ctx).Person
	}
	if in.Customer != "" {
		c, err := h.Vault.Customer(ctx, in.Customer)
		if err != nil {
			return CasePage{}, err
		}
		f.Customer = c.ID
	}
	rows, more, err := h.Docket.Listed(actor(ctx), f)
	if err != nil {
		return CasePage{}, err
	}
	page := CasePage{Cases: []CaseRow{}}
	for _, r := range rows {
		page.Cases = append(page.Cases, rowOf(r))
	}
	if more {
		page.Next = rows[len(rows)-1].Case
	}
	return page, nil
}
