package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"writ/internal/letter"
	"writ/internal/notice"
)

// MyContacts are how the customer is told.
type MyContacts struct {
	Contacts  []CustomerContact `json:"contacts" maxItems:"16"`
	Languages []string          `json:"languages,omitempty" readOnly:"true" doc:"in which notices are written"`
}

func (h mine) contacts(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "my-contacts", Method: http.MethodGet, Path: "/v1/my/contacts", Summary: "How you are told"},
		func(ctx context.Context, _ *none) (*output[MyContacts], error) {
			out, err := h.contactsNow(ctx, nil)
			return own(h, ctx, out, err)
		})
	huma.Register(a, huma.Operation{
		OperationID: "my-set-contacts", Method: http.MethodPut, Path: "/v1/my/contacts", Summary: "Set how you are told; none is your inbox",
		Description: "All contacts anew. Each one that is left out, or gets another key, is told so, and the inbox too. The secret of a new webhook's signatures is told once.",
	}, func(ctx context.Context, in *struct{ Body MyContacts }) (*output[MyContacts], error) {
		o := ownerOf(ctx)
		var list []notice.Contact
		for _, c := range in.Body.Contacts {
			list = append(list, notice.Contact{Kind: c.Kind, Address: c.Address, Language: c.Language, Key: c.Key})
		}
		secrets, err := h.Notices.ChangeContacts(ctx, o.Customer, list, notice.Change{By: o.By, Language: h.Docket.Provider.Language})
		if err != nil {
			return nil, h.fail(ctx, err)
		}
		out, err := h.contactsNow(ctx, secrets)
		return own(h, ctx, out, err)
	})
}

func (h mine) contactsNow(ctx context.Context, secrets map[string]string) (MyContacts, error) {
	list, err := h.Notices.Contacts(ctx, ownerOf(ctx).Customer)
	out := MyContacts{Contacts: []CustomerContact{}, Languages: letter.Languages()}
	for _, c := range list {
		out.Contacts = append(out.Contacts, CustomerContact{c.Kind, c.Address, c.Language, c.Key, secrets[c.Address]})
	}
	return out, err
}
