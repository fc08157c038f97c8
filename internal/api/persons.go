package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/staff"
)

// Person is somebody who works here, or did.
type Person struct {
	ID          writ.Person    `json:"id"`
	Name        string         `json:"name"`
	Languages   []string       `json:"languages,omitempty"`
	Contacts    []StaffContact `json:"contacts,omitempty"`
	Company     staff.Company  `json:"company,omitempty"`
	Firm        string         `json:"firm,omitempty"`
	Joined      time.Time      `json:"joined"`
	Left        time.Time      `json:"left,omitzero"`
	Assignments []Assignment   `json:"assignments"`
}

// StaffContact is where a person is paged.
type StaffContact struct {
	Kind staff.ContactKind `json:"kind" enum:"mail,webhook"`
	To   string            `json:"to"`
}

// PersonInput is what is known of a person.
type PersonInput struct {
	Name      string         `json:"name"`
	Languages []string       `json:"languages,omitempty"`
	Contacts  []StaffContact `json:"contacts,omitempty"`
	Company   staff.Company  `json:"company,omitempty"`
	Firm      string         `json:"firm,omitempty"`
}

// Assignment is one role of one person over time.
type Assignment struct {
	ID        string      `json:"id"`
	Person    writ.Person `json:"person"`
	Role      writ.Role   `json:"role"`
	For       writ.Person `json:"for,omitempty" doc:"whose deputy"`
	From      time.Time   `json:"from,omitzero"`
	Until     time.Time   `json:"until,omitzero"`
	Proposed  string      `json:"proposed_by"`
	Since     time.Time   `json:"proposed_at"`
	Decided   string      `json:"decided_by,omitempty"`
	DecidedAt time.Time   `json:"decided_at,omitzero"`
	Refused   bool        `json:"refused,omitempty"`
	Ended     time.Time   `json:"ended,omitzero"`
}

// RoleInput proposes a role.
type RoleInput struct {
	Role  writ.Role   `json:"role" enum:"intake,counsel,custodian,production,operator,auditor"`
	For   writ.Person `json:"for,omitempty" doc:"makes the person this one's deputy; until must be set"`
	From  time.Time   `json:"from,omitzero"`
	Until time.Time   `json:"until,omitzero"`
}

// TokenInput asks for an API token.
type TokenInput struct {
	Person writ.Person `json:"person"`
	Roles  []writ.Role `json:"roles"`
	Label  string      `json:"label,omitempty"`
	Days   int         `json:"days,omitempty" minimum:"0" maximum:"365" doc:"0 for 90"`
	From   []string    `json:"from,omitempty" doc:"CIDRs from which it is taken"`
}

// Token is what is kept of an API token. The secret is in the answer that makes
// it, and never again.
type Token struct {
	ID       string      `json:"id"`
	Secret   string      `json:"secret,omitempty"`
	Person   writ.Person `json:"person"`
	Roles    []writ.Role `json:"roles"`
	Label    string      `json:"label,omitempty"`
	Issued   time.Time   `json:"issued"`
	IssuedBy string      `json:"issued_by"`
	Waits    bool        `json:"waits,omitempty" doc:"a second operator must confirm it"`
	Expires  time.Time   `json:"expires"`
	Revoked  time.Time   `json:"revoked,omitzero"`
	LastUsed time.Time   `json:"last_used,omitzero"`
	From     []string    `json:"from,omitempty"`
}

// AuditEntry is one act or refusal.
type AuditEntry struct {
	Seq     uint64        `json:"seq"`
	At      time.Time     `json:"at"`
	Who     writ.Person   `json:"who,omitempty"`
	By      string        `json:"by,omitempty"`
	Act     string        `json:"act"`
	Object  string        `json:"object,omitempty"`
	Outcome staff.Outcome `json:"outcome"`
	Why     string        `json:"why,omitempty"`
	Addr    string        `json:"addr,omitempty"`
	Gone    bool          `json:"gone,omitempty" doc:"erased when its time was over"`
}

// AuditPage is a page of the trail, newest first.
type AuditPage struct {
	Entries []AuditEntry `json:"entries"`
	Next    uint64       `json:"next,omitempty" doc:"give it as before for the next page"`
}

// Rota is the order in which holders of a role are paged.
type Rota struct {
	Standing []writ.Person `json:"standing"`
	Shifts   []Shift       `json:"shifts,omitempty"`
	Now      []writ.Person `json:"now,omitempty" doc:"who would be paged now, in that order"`
	Gaps     []Gap         `json:"gaps,omitempty" doc:"within 30 days: when nobody would be"`
}

// Shift is when somebody is paged first.
type Shift struct {
	Person writ.Person `json:"person"`
	From   time.Time   `json:"from"`
	Until  time.Time   `json:"until"`
}

// Gap is a time in which nobody would be paged.
type Gap struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// PersonPath names a person. Embedded types of parameters must be exported, or
// huma passes them by.
type PersonPath struct {
	Person string `path:"person"`
}

// RegisterInput takes down a token that its owner made: only its hash is given.
type RegisterInput struct {
	TokenInput
	Registration string `json:"registration" doc:"as writ token new prints it: the token's id and its hash, ID:HEX"`
}

// AssignmentPath names a role of a person.
type AssignmentPath struct {
	Person     string `path:"person"`
	Assignment string `path:"assignment"`
}

// RolePath names a role.
type RolePath struct {
	Role string `path:"role"`
}

func (h office) persons(a huma.API) {
	s := h.Staff
	huma.Register(a, huma.Operation{OperationID: "whoami", Method: http.MethodGet, Path: "/api/v1/me", Summary: "Who the token is, and what it may do"},
		func(ctx context.Context, _ *none) (*output[Me], error) {
			who := identity(ctx)
			me := Me{Person: who.Person, Token: who.Token, Session: who.Session, Fresh: who.Fresh, Account: who.Account, Roles: []writ.Role{}}
			for _, r := range who.Roles {
				me.Roles = append(me.Roles, r.Role)
			}
			return answer(me, nil)
		})
	huma.Register(a, huma.Operation{OperationID: "persons", Method: http.MethodGet, Path: "/api/v1/persons", Summary: "Who works here, in which roles"},
		func(ctx context.Context, _ *none) (*output[[]Person], error) {
			all, err := s.Persons(ctx)
			if err != nil {
				return nil, problem(err)
			}
			out := make([]Person, 0, len(all))
			for _, p := range all {
				out = append(out, personFor(identity(ctx), p))
			}
			return answer(out, nil)
		})
	huma.Register(a, huma.Operation{OperationID: "put-person", Method: http.MethodPut, Path: "/api/v1/persons/{person}", Summary: "Add a person, or change what is known of one"},
		func(ctx context.Context, in *struct {
			PersonPath
			Body PersonInput
		}) (*output[Person], error) {
			p := staff.Profile{Name: in.Body.Name, Languages: in.Body.Languages, Company: in.Body.Company, Firm: in.Body.Firm}
			for _, c := range in.Body.Contacts {
				p.Contacts = append(p.Contacts, staff.Contact{Kind: c.Kind, To: c.To})
			}
			id := writ.Person(in.Person)
			_, err := s.Person(ctx, id)
			switch {
			case err == nil:
				err = s.SetProfile(ctx, identity(ctx), id, p)
			case errors.Is(err, staff.ErrNotFound):
				err = s.AddPerson(ctx, identity(ctx), id, p)
			}
			return h.person(ctx, id, err)
		})
	huma.Register(a, huma.Operation{OperationID: "leave", Method: http.MethodPost, Path: "/api/v1/persons/{person}/leave", Summary: "A person leaves: all its roles and tokens end"},
		func(ctx context.Context, in *PersonPath) (*output[Person], error) {
			return h.person(ctx, writ.Person(in.Person), s.Leave(ctx, identity(ctx), writ.Person(in.Person)))
		})
	huma.Register(a, huma.Operation{OperationID: "propose-role", Method: http.MethodPost, Path: "/api/v1/persons/{person}/roles", Summary: "Give a person a role: another operator confirms it"},
		func(ctx context.Context, in *struct {
			PersonPath
			Body RoleInput
		}) (*output[Person], error) {
			_, err := s.Propose(ctx, identity(ctx), staff.Proposal{Person: writ.Person(in.Person), Role: in.Body.Role, For: in.Body.For, From: in.Body.From, Until: in.Body.Until})
			return h.person(ctx, writ.Person(in.Person), err)
		})
	for name, do := range map[string]func(context.Context, staff.Identity, writ.Person, string) error{
		"confirm": s.Confirm, "decline": s.Decline,
		"end": func(ctx context.Context, by staff.Identity, p writ.Person, assignment string) error {
			return s.End(ctx, by, p, assignment, h.Now())
		},
	} {
		huma.Register(a, huma.Operation{OperationID: name + "-role", Method: http.MethodPost, Path: "/api/v1/persons/{person}/roles/{assignment}/" + name, Summary: "To " + name + " a role"},
			func(ctx context.Context, in *AssignmentPath) (*output[Person], error) {
				return h.person(ctx, writ.Person(in.Person), do(ctx, identity(ctx), writ.Person(in.Person), in.Assignment))
			})
	}
	h.tokens(a)
	h.rotas(a)
	huma.Register(a, huma.Operation{OperationID: "audit", Method: http.MethodGet, Path: "/api/v1/audit", Summary: "The operator's audit trail, newest first"},
		func(ctx context.Context, in *struct {
			Who     string    `query:"who"`
			Act     string    `query:"act"`
			Object  string    `query:"object"`
			Outcome string    `query:"outcome" enum:"ok,refused"`
			From    time.Time `query:"from"`
			Until   time.Time `query:"until"`
			Before  uint64    `query:"before"`
			Limit   int       `query:"limit" minimum:"0" maximum:"1000"`
		}) (*output[AuditPage], error) {
			if err := s.Require(ctx, identity(ctx), "read-audit", "", writ.RoleOperator, writ.RoleAuditor); err != nil {
				return nil, problem(err)
			}
			f := staff.AuditFilter{Who: writ.Person(in.Who), Act: in.Act, Object: in.Object, Outcome: staff.Outcome(in.Outcome), From: in.From, Until: in.Until}
			list, next, err := s.Audit(ctx, f, in.Before, in.Limit)
			page := AuditPage{Entries: []AuditEntry{}, Next: next}
			for _, e := range list {
				page.Entries = append(page.Entries, auditOf(e))
			}
			return answer(page, err)
		})
	huma.Register(a, huma.Operation{OperationID: "verify-audit", Method: http.MethodGet, Path: "/api/v1/audit/verify", Summary: "Whether the audit trail is as it was written"},
		func(ctx context.Context, _ *none) (*output[Head], error) {
			if err := s.Require(ctx, identity(ctx), "verify-audit", "", writ.RoleOperator, writ.RoleAuditor); err != nil {
				return nil, problem(err)
			}
			head, err := s.Verify(ctx)
			return answer(Head{Seq: head.Seq, Hash: hexOf(head.Hash)}, err)
		})
}

// Me is who asks.
type Me struct {
	Person  writ.Person `json:"person,omitempty"`
	Roles   []writ.Role `json:"roles"`
	Token   string      `json:"token,omitempty"`
	Session string      `json:"session,omitempty" doc:"of a browser"`
	Fresh   time.Time   `json:"fresh,omitzero" doc:"when the session was last verified by passkey"`
	Account string      `json:"account,omitempty"`
}

func (h office) tokens(a huma.API) {
	s := h.Staff
	huma.Register(a, huma.Operation{OperationID: "issue-token", Method: http.MethodPost, Path: "/api/v1/tokens", Summary: "Make another token for yourself, never wider than the one at hand; its secret is told once", DefaultStatus: http.StatusCreated},
		func(ctx context.Context, in *struct{ Body TokenInput }) (*output[Token], error) {
			q, err := in.Body.request()
			if err != nil {
				return nil, err
			}
			secret, t, err := s.IssueToken(ctx, identity(ctx), q)
			if err != nil {
				return nil, problem(err)
			}
			out := tokenOf(t)
			out.Secret = secret
			return answer(out, nil)
		})
	huma.Register(a, huma.Operation{OperationID: "register-token", Method: http.MethodPost, Path: "/api/v1/tokens/register", Summary: "Register a token that its owner made: a second operator confirms it", DefaultStatus: http.StatusCreated},
		func(ctx context.Context, in *struct{ Body RegisterInput }) (*output[Token], error) {
			q, err := in.Body.request()
			if err != nil {
				return nil, err
			}
			reg, err := staff.ParseRegistration(in.Body.Registration)
			if err != nil {
				return nil, problem(err)
			}
			t, err := s.RegisterToken(ctx, identity(ctx), q, reg)
			return answer(tokenOf(t), err)
		})
	huma.Register(a, huma.Operation{OperationID: "tokens", Method: http.MethodGet, Path: "/api/v1/persons/{person}/tokens", Summary: "A person's API tokens"},
		func(ctx context.Context, in *PersonPath) (*output[[]Token], error) {
			if who := identity(ctx); who.Person != writ.Person(in.Person) {
				if err := s.Require(ctx, who, "list-tokens", in.Person, writ.RoleOperator, writ.RoleAuditor); err != nil {
					return nil, problem(err)
				}
			}
			all, err := s.Tokens(ctx, writ.Person(in.Person))
			out := make([]Token, 0, len(all))
			for _, t := range all {
				out = append(out, tokenOf(t))
			}
			return answer(out, err)
		})
	type tokenPath struct {
		Token string `path:"token"`
	}
	huma.Register(a, huma.Operation{OperationID: "confirm-token", Method: http.MethodPost, Path: "/api/v1/tokens/{token}/confirm", Summary: "Confirm a token, as the second operator", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *tokenPath) (*none, error) {
			return done(s.ConfirmToken(ctx, identity(ctx), in.Token))
		})
	huma.Register(a, huma.Operation{OperationID: "revoke-token", Method: http.MethodDelete, Path: "/api/v1/tokens/{token}", Summary: "Revoke a token", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *tokenPath) (*none, error) {
			return done(s.RevokeToken(ctx, identity(ctx), in.Token))
		})
}

func (in TokenInput) request() (staff.TokenRequest, error) {
	q := staff.TokenRequest{Person: in.Person, Roles: in.Roles, Label: in.Label, Life: time.Duration(in.Days) * 24 * time.Hour}
	for _, text := range in.From {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return q, &Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Detail: "an address range is a CIDR, such as 192.0.2.0/24"}
		}
		q.CIDRs = append(q.CIDRs, prefix)
	}
	return q, nil
}

func (h office) rotas(a huma.API) {
	s := h.Staff
	huma.Register(a, huma.Operation{OperationID: "rota", Method: http.MethodGet, Path: "/api/v1/on-call/{role}", Summary: "Who is paged for a role, and when nobody would be"},
		func(ctx context.Context, in *RolePath) (*output[Rota], error) {
			return answer(h.rota(ctx, writ.Role(in.Role)))
		})
	huma.Register(a, huma.Operation{OperationID: "set-rota", Method: http.MethodPut, Path: "/api/v1/on-call/{role}", Summary: "Set the order in which holders of a role are paged"},
		func(ctx context.Context, in *struct {
			RolePath
			Body struct {
				Standing []writ.Person `json:"standing"`
				Shifts   []Shift       `json:"shifts,omitempty"`
			}
		}) (*output[Rota], error) {
			r := staff.Rota{Standing: in.Body.Standing}
			for _, sh := range in.Body.Shifts {
				r.Shifts = append(r.Shifts, staff.Shift{Person: sh.Person, From: sh.From, Until: sh.Until})
			}
			if err := s.SetRota(ctx, identity(ctx), writ.Role(in.Role), r); err != nil {
				return nil, problem(err)
			}
			return answer(h.rota(ctx, writ.Role(in.Role)))
		})
}

func (h office) rota(ctx context.Context, role writ.Role) (Rota, error) {
	r, err := h.Staff.Rota(ctx, role)
	if err != nil {
		return Rota{}, err
	}
	out := Rota{Standing: append([]writ.Person{}, r.Standing...)}
	for _, sh := range r.Shifts {
		out.Shifts = append(out.Shifts, Shift{sh.Person, sh.From, sh.Until})
	}
	now := h.Now()
	if out.Now, err = h.Staff.OnCall(ctx, now, role); err != nil {
		return out, err
	}
	gaps, err := h.Staff.Gaps(ctx, role, now, now.Add(30*24*time.Hour))
	for _, g := range gaps {
		out.Gaps = append(out.Gaps, Gap{g.From, g.Until})
	}
	return out, err
}

// person answers with a person, after a change that went well.
func (h office) person(ctx context.Context, id writ.Person, err error) (*output[Person], error) {
	if err != nil {
		return nil, problem(err)
	}
	p, err := h.Staff.Person(ctx, id)
	return answer(personFor(identity(ctx), p), err)
}

// done answers without a body.
func done(err error) (*none, error) {
	if err != nil {
		return nil, problem(err)
	}
	return nil, nil
}

// personFor shows a person to another. Where somebody is paged is for
// themselves and for operators: the address of a webhook may be its secret.
func personFor(who staff.Identity, p staff.Person) Person {
	out := Person{ID: p.ID, Name: p.Name, Languages: p.Languages, Company: p.Company, Firm: p.Firm, Joined: p.Joined, Left: p.Left, Assignments: []Assignment{}}
	if who.Person == p.ID || who.Has(writ.RoleOperator) || who.Person == "" {
		for _, c := range p.Contacts {
			out.Contacts = append(out.Contacts, StaffContact{c.Kind, c.To})
		}
	}
	for _, a := range p.Assignments {
		out.Assignments = append(out.Assignments, Assignment{a.ID, a.Person, a.Role, a.For, a.From, a.Until, a.ProposedBy, a.ProposedAt, a.DecidedBy, a.DecidedAt, a.Refused, a.EndedAt})
	}
	return out
}

func tokenOf(t staff.Token) Token {
	out := Token{
		ID: t.ID, Person: t.Person, Roles: t.Roles, Label: t.Label, Issued: t.Issued, IssuedBy: t.IssuedBy, Waits: t.Confirmed.IsZero(),
		Expires: t.Expires, Revoked: t.Revoked, LastUsed: t.LastUsed,
	}
	for _, p := range t.CIDRs {
		out.From = append(out.From, p.String())
	}
	return out
}

func auditOf(e staff.Entry) AuditEntry {
	out := AuditEntry{Seq: e.Seq, At: e.At, Who: e.Who, By: e.By, Act: e.Act, Object: e.Object, Outcome: e.Outcome, Why: e.Why, Gone: e.Gone}
	if e.Addr.IsValid() {
		out.Addr = e.Addr.String()
	}
	return out
}
