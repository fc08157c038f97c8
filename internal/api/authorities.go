package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/staff"
)

// Authority is an entry of the directory. A mail address in it is a hint for a
// reader and never authority.
type Authority struct {
	ID        writ.AuthorityID  `json:"id"`
	Name      string            `json:"name"`
	Names     map[string]string `json:"names,omitempty" doc:"in other languages, by BCP 47"`
	Country   string            `json:"country"`
	Kind      staff.Kind        `json:"kind"`
	Parent    writ.AuthorityID  `json:"parent,omitempty"`
	Aliases   []string          `json:"aliases,omitempty"`
	Domains   []string          `json:"domains,omitempty"`
	Mails     []string          `json:"mails,omitempty"`
	CallBacks []CallBack        `json:"call_backs"`
	Keys      []AuthorityKey    `json:"keys"`
	Suspended bool              `json:"suspended,omitempty"`
	Version   uint32            `json:"version"`
	Changed   time.Time         `json:"changed"`
	By        writ.Person       `json:"by" doc:"who made this version"`
	What      string            `json:"what" doc:"the act that made it, as the audit trail names it"`
	Warnings  []Lookalike       `json:"warnings,omitempty" doc:"entries that this one looks like"`
}

// AuthorityInput describes an authority: name, country and kind are all that it
// takes.
type AuthorityInput struct {
	Name    string            `json:"name"`
	Names   map[string]string `json:"names,omitempty"`
	Country string            `json:"country"`
	Kind    staff.Kind        `json:"kind"`
	Parent  writ.AuthorityID  `json:"parent,omitempty"`
	Aliases []string          `json:"aliases,omitempty"`
	Domains []string          `json:"domains,omitempty"`
	Mails   []string          `json:"mails,omitempty"`
	Version uint32            `json:"version,omitempty" doc:"of a change: the version that is changed"`
}

// CallBack is a contact by which a demand is checked, from an independent
// source; it counts once another person has verified it.
type CallBack struct {
	ID         string       `json:"id,omitempty"`
	Phone      string       `json:"phone"`
	Where      string       `json:"where,omitempty"`
	Source     staff.Source `json:"source" enum:"register,website,directory,list,meeting"`
	Detail     string       `json:"detail" doc:"which register, which page, read when"`
	TakenBy    writ.Person  `json:"taken_by,omitempty"`
	VerifiedBy writ.Person  `json:"verified_by,omitempty"`
}

// AuthorityKey is a key of an authority; it counts once another person has
// compared it over an independent contact.
type AuthorityKey struct {
	Kind        staff.KeyKind `json:"kind"`
	Fingerprint string        `json:"fingerprint"`
	Text        string        `json:"text,omitempty"`
	NotAfter    time.Time     `json:"not_after,omitzero"`
	AddedBy     writ.Person   `json:"added_by"`
	VerifiedBy  writ.Person   `json:"verified_by,omitempty"`
	Revoked     bool          `json:"revoked,omitempty"`
	Usable      bool          `json:"usable"`
}

// Lookalike is an entry that another looks like.
type Lookalike struct {
	Other writ.AuthorityID  `json:"other"`
	Kind  staff.WarningKind `json:"kind"`
	Mine  string            `json:"mine"`
	Hers  string            `json:"hers"`
}

// AuthorityPage is a page of the directory.
type AuthorityPage struct {
	Authorities []Authority `json:"authorities"`
	Next        string      `json:"next,omitempty"`
}

// AuthorityPath names an authority.
type AuthorityPath struct {
	Authority string `path:"authority"`
}

func (p AuthorityPath) id() writ.AuthorityID { return writ.AuthorityID(p.Authority) }

func (h office) authorities(a huma.API) {
	s := h.Staff
	huma.Register(a, huma.Operation{OperationID: "authorities", Method: http.MethodGet, Path: "/api/v1/authorities", Summary: "The directory of authorities"},
		func(ctx context.Context, in *struct {
			Name    string `query:"name" doc:"how a word of a name begins"`
			Country string `query:"country"`
			Kind    string `query:"kind"`
			Status  string `query:"status" enum:"active,suspended"`
			Key     string `query:"key" doc:"SHA-256 of a key or certificate, in hex: the one authority that has it"`
			After   string `query:"after"`
			Limit   int    `query:"limit" minimum:"0" maximum:"1000"`
		}) (*output[AuthorityPage], error) {
			if in.Key != "" {
				return h.keyOwner(ctx, in.Key)
			}
			f := staff.AuthorityFilter{Name: in.Name, Country: in.Country, Kind: staff.Kind(in.Kind), Status: staff.Status(in.Status)}
			list, next, err := s.Authorities(ctx, f, in.After, in.Limit)
			page := AuthorityPage{Authorities: []Authority{}, Next: next}
			for _, one := range list {
				page.Authorities = append(page.Authorities, h.authorityOf(one))
			}
			return answer(page, err)
		})
	huma.Register(a, huma.Operation{OperationID: "alike-authorities", Method: http.MethodGet, Path: "/api/v1/authorities/alike", Summary: "Which entries one that is not there looks like; nothing is kept"},
		func(ctx context.Context, in *struct {
			Name    string `query:"name" required:"true" maxLength:"512"`
			Country string `query:"country" required:"true" maxLength:"2"`
		}) (*output[[]Lookalike], error) {
			warnings, err := s.LooksLike(ctx, staff.Description{Name: in.Name, Country: in.Country, Kind: staff.OtherKind})
			return answer(lookalikes(warnings), err)
		})
	huma.Register(a, huma.Operation{OperationID: "authority", Method: http.MethodGet, Path: "/api/v1/authorities/{authority}", Summary: "An authority"},
		func(ctx context.Context, in *AuthorityPath) (*output[Authority], error) {
			return h.authority(ctx, in.id(), nil, nil)
		})
	huma.Register(a, huma.Operation{OperationID: "authority-history", Method: http.MethodGet, Path: "/api/v1/authorities/{authority}/history", Summary: "All versions of an authority's entry, the newest first: who made each, and by what"},
		func(ctx context.Context, in *AuthorityPath) (*output[[]Authority], error) {
			list, err := s.AuthorityHistory(ctx, in.id())
			out := []Authority{}
			for _, one := range list {
				out = append(out, h.authorityOf(one))
			}
			return answer(out, err)
		})
	huma.Register(a, huma.Operation{OperationID: "add-authority", Method: http.MethodPost, Path: "/api/v1/authorities", Summary: "Add an authority; what it looks like is in the answer", DefaultStatus: http.StatusCreated},
		func(ctx context.Context, in *struct{ Body AuthorityInput }) (*output[Authority], error) {
			id, warnings, err := s.AddAuthority(ctx, identity(ctx), describe(in.Body))
			return h.authority(ctx, id, warnings, err)
		})
	huma.Register(a, huma.Operation{OperationID: "change-authority", Method: http.MethodPut, Path: "/api/v1/authorities/{authority}", Summary: "Change an entry; the one before stays on record"},
		func(ctx context.Context, in *struct {
			AuthorityPath
			Body AuthorityInput
		}) (*output[Authority], error) {
			warnings, err := s.ChangeAuthority(ctx, identity(ctx), in.id(), in.Body.Version, describe(in.Body))
			return h.authority(ctx, in.id(), warnings, err)
		})
	for name, do := range map[string]func(context.Context, staff.Identity, writ.AuthorityID, string) error{"suspend": s.Suspend, "resume": s.Resume} {
		huma.Register(a, huma.Operation{OperationID: name + "-authority", Method: http.MethodPost, Path: "/api/v1/authorities/{authority}/" + name, Summary: "To " + name + " an authority, with the reason"},
			func(ctx context.Context, in *struct {
				AuthorityPath
				Body ReasonInput
			}) (*output[Authority], error) {
				return h.authority(ctx, in.id(), nil, do(ctx, identity(ctx), in.id(), in.Body.Reason))
			})
	}
	huma.Register(a, huma.Operation{OperationID: "add-call-back", Method: http.MethodPost, Path: "/api/v1/authorities/{authority}/call-backs", Summary: "Add a call-back contact from an independent source, never from a demand"},
		func(ctx context.Context, in *struct {
			AuthorityPath
			Body CallBack
		}) (*output[Authority], error) {
			_, err := s.AddCallBack(ctx, identity(ctx), in.id(), staff.CallBack{Phone: in.Body.Phone, Where: in.Body.Where, Source: in.Body.Source, Detail: in.Body.Detail})
			return h.authority(ctx, in.id(), nil, err)
		})
	huma.Register(a, huma.Operation{OperationID: "add-authority-key", Method: http.MethodPost, Path: "/api/v1/authorities/{authority}/keys", Summary: "Add a key of an authority: of packages, or of its client"},
		func(ctx context.Context, in *struct {
			AuthorityPath
			Body struct {
				Kind staff.KeyKind `json:"kind" enum:"age,x509,tls-client"`
				Text string        `json:"text" doc:"recipient, certificate in PEM, or SHA-256 of a client certificate"`
			}
		}) (*output[Authority], error) {
			_, err := s.AddKey(ctx, identity(ctx), in.id(), in.Body.Kind, in.Body.Text)
			return h.authority(ctx, in.id(), nil, err)
		})
	for path, do := range map[string]func(context.Context, staff.Identity, writ.AuthorityID, string) error{
		"call-backs/{of}/verify": s.VerifyCallBack, "call-backs/{of}/remove": s.RemoveCallBack, "keys/{of}/verify": s.VerifyKey, "keys/{of}/revoke": s.RevokeKey,
	} {
		huma.Register(a, huma.Operation{OperationID: operationName(path), Method: http.MethodPost, Path: "/api/v1/authorities/{authority}/" + path, Summary: "Of an authority: " + operationName(path)},
			func(ctx context.Context, in *struct {
				AuthorityPath
				Of string `path:"of"`
			}) (*output[Authority], error) {
				return h.authority(ctx, in.id(), nil, do(ctx, identity(ctx), in.id(), in.Of))
			})
	}
}

// operationName makes "verify-call-backs" of "call-backs/{of}/verify".
func operationName(path string) string {
	parts := strings.Split(path, "/")
	return parts[2] + "-" + parts[0]
}

func describe(in AuthorityInput) staff.Description {
	return staff.Description{
		Name: in.Name, Names: in.Names, Country: in.Country, Kind: in.Kind, Parent: in.Parent, Aliases: in.Aliases, Domains: in.Domains, Mails: in.Mails,
	}
}

// authority answers with an authority, after a change that went well.
func (h office) authority(ctx context.Context, id writ.AuthorityID, warnings []staff.Warning, err error) (*output[Authority], error) {
	if err != nil {
		return nil, problem(err)
	}
	one, err := h.Staff.Authority(ctx, id)
	if err != nil {
		return nil, problem(err)
	}
	out := h.authorityOf(one)
	if len(warnings) > 0 {
		out.Warnings = lookalikes(warnings)
	}
	return answer(out, nil)
}

func lookalikes(warnings []staff.Warning) []Lookalike {
	out := []Lookalike{}
	for _, w := range warnings {
		out = append(out, Lookalike{w.Other, w.Kind, w.Mine, w.Hers})
	}
	return out
}

// keyOwner is the page of the one authority that has a key, or of none.
func (h office) keyOwner(ctx context.Context, fingerprint string) (*output[AuthorityPage], error) {
	page := AuthorityPage{Authorities: []Authority{}}
	id, err := h.Staff.KeyOwner(ctx, fingerprint)
	if errors.Is(err, staff.ErrNotFound) {
		return answer(page, nil)
	}
	if err != nil {
		return nil, problem(err)
	}
	one, err := h.Staff.Authority(ctx, id)
	page.Authorities = append(page.Authorities, h.authorityOf(one))
	return answer(page, err)
}

func (h office) authorityOf(a staff.Authority) Authority {
	out := Authority{
		ID: a.ID, Name: a.Name, Names: a.Names, Country: a.Country, Kind: a.Kind, Parent: a.Parent, Aliases: a.Aliases, Domains: a.Domains,
		Mails: a.Mails, CallBacks: []CallBack{}, Keys: []AuthorityKey{}, Suspended: a.Suspended, Version: a.Version, Changed: a.At, By: a.By, What: a.What,
	}
	for _, c := range a.CallBacks {
		out.CallBacks = append(out.CallBacks, CallBack{c.ID, c.Phone, c.Where, c.Source, c.Detail, c.TakenBy, c.VerifiedBy})
	}
	now := h.Now()
	for _, k := range a.Keys {
		out.Keys = append(out.Keys, AuthorityKey{k.Kind, k.Fingerprint, k.Text, k.NotAfter, k.AddedBy, k.VerifiedBy, !k.RevokedAt.IsZero(), k.Usable(now)})
	}
	return out
}
