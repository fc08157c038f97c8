package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/docket"
	"writ/internal/policy"
)

// The bodies of moves.
type (
	// AmendInput corrects a demand.
	AmendInput struct {
		Demand docket.Demand `json:"demand"`
		Reason string        `json:"reason"`
	}
	// AuthenticateInput says how it was made sure that a demand is genuine.
	AuthenticateInput struct {
		Means   string `json:"means" enum:"national-system,portal,call-back,certificate,in-person,signature"`
		Note    string `json:"note"`
		Genuine bool   `json:"genuine"`
	}
	// IdentifyInput says whose data it is.
	IdentifyInput struct {
		Customer string `json:"customer" doc:"name or id"`
		How      string `json:"how" doc:"by which identifier it was found"`
	}
	// ScopeInput says exactly which data.
	ScopeInput struct {
		Scope  policy.Scope `json:"scope"`
		Narrow bool         `json:"narrow,omitempty" doc:"less than was asked for"`
		Reason string       `json:"reason,omitempty"`
	}
	// PreserveInput keeps data, unseen.
	PreserveInput struct {
		Customer string       `json:"customer" doc:"name or id"`
		Scope    policy.Scope `json:"scope"`
		Until    time.Time    `json:"until,omitzero"`
		Why      string       `json:"why"`
	}
	// ExtendInput gives a preservation another end.
	ExtendInput struct {
		Until time.Time `json:"until,omitzero"`
		Why   string    `json:"why"`
	}
	// ReasonInput is a reason.
	ReasonInput struct {
		Reason string `json:"reason"`
	}
	// FactsInput are counsel's answers.
	FactsInput struct {
		Facts map[string]string `json:"facts" doc:"question: yes, no or unknown"`
	}
	// ProposeInput is the first half of a determination by two.
	ProposeInput struct {
		Rules  []string `json:"rules"`
		Reason string   `json:"reason"`
	}
	// SecondInput is the other half.
	SecondInput struct {
		Proposal int    `json:"proposal"`
		Reason   string `json:"reason,omitempty"`
	}
	// SecrecyInput is the basis on which the customer is told.
	SecrecyInput struct {
		Basis  writ.Secrecy `json:"basis,omitempty" doc:"empty for the pack's default"`
		Until  time.Time    `json:"until,omitzero"`
		Harms  []string     `json:"harms,omitempty"`
		Reason string       `json:"reason,omitempty"`
		Review time.Time    `json:"review,omitzero"`
		Window string       `json:"window,omitempty" doc:"how long the customer may object, as 240h"`
	}
	// ConsiderInput notes what came of a customer's objection.
	ConsiderInput struct {
		Objection int    `json:"objection" doc:"its number"`
		Note      string `json:"note" doc:"for the file"`
	}
	// ReplyInput is an answer other than data.
	ReplyInput struct {
		Answer    string   `json:"answer"`
		Grounds   []string `json:"grounds,omitempty"`
		Reason    string   `json:"reason"`
		Documents []string `json:"documents,omitempty"`
		Final     bool     `json:"final,omitempty"`
	}
	// CloseInput ends a case.
	CloseInput struct {
		Affected int    `json:"affected,omitempty" doc:"accounts of which something was disclosed"`
		Note     string `json:"note,omitempty"`
	}
	// NotifyInput tells the customer.
	NotifyInput struct {
		Kind string `json:"kind" enum:"before,after,referred,preservation"`
	}
	// ConfirmInput is the authority's word that it has the package.
	ConfirmInput struct {
		Note string `json:"note"`
	}
)

// move registers an operation that moves a case and answers with it.
func move[In any](h office, a huma.API, name, summary string, do func(ctx context.Context, who docket.Actor, id writ.CaseID, in In) (*docket.Case, error)) {
	huma.Register(a, huma.Operation{OperationID: name + "-case", Method: http.MethodPost, Path: "/api/v1/cases/{case}/" + name, Summary: summary},
		func(ctx context.Context, in *struct {
			CasePath
			Body In
		}) (*output[Case], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			return h.moved(do(ctx, actor(ctx), id, in.Body))
		})
}

func (h office) moves(a huma.API) {
	d := h.Docket
	type (
		ctxt = context.Context
		who  = docket.Actor
		kase = *docket.Case
	)
	move(h, a, "amend", "Correct a demand", func(ctx ctxt, w who, id writ.CaseID, in AmendInput) (kase, error) {
		return d.Amend(ctx, w, id, in.Demand, in.Reason)
	})
	move(h, a, "authenticate", "Note how it was made sure that the demand is the authority's", func(ctx ctxt, w who, id writ.CaseID, in AuthenticateInput) (kase, error) {
		return d.Authenticate(ctx, w, id, docket.Authentication{Means: in.Means, Note: in.Note, Genuine: in.Genuine})
	})
	move(h, a, "identify", "Say whose data it is", func(ctx ctxt, w who, id writ.CaseID, in IdentifyInput) (kase, error) {
		c, err := h.Vault.Customer(ctx, in.Customer)
		if err != nil {
			return nil, err
		}
		return d.Identify(ctx, w, id, docket.Subject{Customer: c.ID, How: in.How})
	})
	move(h, a, "scope", "Say exactly which data", func(ctx ctxt, w who, id writ.CaseID, in ScopeInput) (kase, error) {
		return d.Scope(ctx, w, id, in.Scope, in.Narrow, in.Reason)
	})
	move(h, a, "preserve", "Keep what is in scope, unseen", func(ctx ctxt, w who, id writ.CaseID, in PreserveInput) (kase, error) {
		c, err := h.Vault.Customer(ctx, in.Customer)
		if err != nil {
			return nil, err
		}
		return d.Preserve(ctx, w, id, c.ID, in.Scope, in.Until, in.Why)
	})
	move(h, a, "extend", "Give a preservation another end", func(ctx ctxt, w who, id writ.CaseID, in ExtendInput) (kase, error) {
		return d.Extend(ctx, w, id, in.Until, in.Why)
	})
	move(h, a, "unpreserve", "Lift a preservation", func(ctx ctxt, w who, id writ.CaseID, in ReasonInput) (kase, error) {
		return d.Unpreserve(ctx, w, id, in.Reason)
	})
	move(h, a, "facts", "Answer the questions that law asks", func(ctx ctxt, w who, id writ.CaseID, in FactsInput) (kase, error) {
		return d.Tell(ctx, w, id, in.Facts)
	})
	move(h, a, "review", "Hold the demand against law", func(ctx ctxt, w who, id writ.CaseID, _ struct{}) (kase, error) {
		return d.Review(ctx, w, id)
	})
	move(h, a, "determine", "Propose a determination on findings: the first of two persons", func(ctx ctxt, w who, id writ.CaseID, in ProposeInput) (kase, error) {
		return d.Propose(ctx, w, id, in.Rules, in.Reason)
	})
	move(h, a, "second", "Second a determination", func(ctx ctxt, w who, id writ.CaseID, in SecondInput) (kase, error) {
		return d.Second(ctx, w, id, in.Proposal, in.Reason)
	})
	move(h, a, "secrecy", "Set the one basis on which the customer is told", func(ctx ctxt, w who, id writ.CaseID, in SecrecyInput) (kase, error) {
		s := docket.SecrecySet{Basis: in.Basis, Until: in.Until, Harms: in.Harms, Reason: in.Reason, Review: in.Review}
		if in.Window != "" {
			var err error
			if s.Window, err = time.ParseDuration(in.Window); err != nil {
				return nil, &Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Detail: "the window is no duration, such as 240h"}
			}
		}
		return d.SetSecrecy(ctx, w, id, s)
	})
	move(h, a, "lift", "End secrecy: the customer is told, with proofs", func(ctx ctxt, w who, id writ.CaseID, in ReasonInput) (kase, error) {
		return d.Lift(ctx, w, id, in.Reason)
	})
	move(h, a, "clock", "Note what starts, stops or extends a clock", func(ctx ctxt, w who, id writ.CaseID, in docket.ClockEvent) (kase, error) {
		return d.MoveClock(ctx, w, id, in)
	})
	move(h, a, "reply", "Note an answer to the authority other than data", func(ctx ctxt, w who, id writ.CaseID, in ReplyInput) (kase, error) {
		r := docket.Reply{Answer: in.Answer, Grounds: in.Grounds, Reason: in.Reason, Final: in.Final}
		for _, text := range in.Documents {
			doc, err := documentID(text)
			if err != nil {
				return nil, err
			}
			r.Documents = append(r.Documents, doc)
		}
		return d.Reply(ctx, w, id, r)
	})
	move(h, a, "consider", "Note that a customer's objection was considered, and what came of it", func(ctx ctxt, w who, id writ.CaseID, in ConsiderInput) (kase, error) {
		return d.Consider(ctx, w, id, in.Objection, in.Note)
	})
	move(h, a, "notify", "Tell the customer", func(ctx ctxt, w who, id writ.CaseID, in NotifyInput) (kase, error) {
		return d.Notify(ctx, w, id, in.Kind)
	})
	move(h, a, "confirm", "Note that the authority has the package", func(ctx ctxt, w who, id writ.CaseID, in ConfirmInput) (kase, error) {
		return d.Confirm(ctx, w, id, in.Note)
	})
	move(h, a, "close", "Close a case", func(ctx ctxt, w who, id writ.CaseID, in CloseInput) (kase, error) {
		return d.Close(ctx, w, id, in.Affected, in.Note)
	})
}
