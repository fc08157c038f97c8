package api

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"writ/internal/seal"
	"writ/internal/vault"
)

type CustomerPath struct {
	Customer string `path:"customer" doc:"name or id"`
}

func (h handlers) customers(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "add-customer", Method: http.MethodPost, Path: "/v1/customers", Summary: "Add a customer, with keys of its own", DefaultStatus: http.StatusCreated},
		func(ctx context.Context, in *struct {
			Body struct {
				Name       string `json:"name" minLength:"1"`
				JournalKey string `json:"journal_key,omitempty" doc:"public key that the customer's journal is sealed to, for ever"`
			}
		}) (*output[Customer], error) {
			var o vault.CustomerOptions
			if in.Body.JournalKey != "" {
				var err error
				if o.JournalKey, err = seal.ParseRecipient(in.Body.JournalKey); err != nil {
					return nil, problem(err)
				}
			}
			c, err := h.Vault.AddCustomerWith(ctx, in.Body.Name, o)
			if err != nil {
				return nil, problem(err)
			}
			return answer(h.customer(ctx, c))
		})
	huma.Register(a, huma.Operation{OperationID: "customers", Method: http.MethodGet, Path: "/v1/customers", Summary: "All customers, in order of name"},
		func(ctx context.Context, _ *none) (*output[[]Customer], error) {
			return answer(h.allCustomers(ctx))
		})
	huma.Register(a, huma.Operation{OperationID: "customer", Method: http.MethodGet, Path: "/v1/customers/{customer}", Summary: "One customer"},
		func(ctx context.Context, in *CustomerPath) (*output[Customer], error) {
			return answer(h.named(ctx, in.Customer))
		})
	huma.Register(a, huma.Operation{OperationID: "set-quota", Method: http.MethodPut, Path: "/v1/customers/{customer}/quota", Summary: "Bound what a customer may keep and ask"},
		func(ctx context.Context, in *struct {
			CustomerPath
			Body Quota
		}) (*output[Customer], error) {
			return h.change(ctx, in.Customer, func(c vault.Customer) error {
				return h.Vault.SetQuota(ctx, c.ID, vault.Quota{Bytes: in.Body.Bytes, Objects: in.Body.Objects, Requests: in.Body.Requests})
			})
		})
	huma.Register(a, huma.Operation{OperationID: "set-journal-sync", Method: http.MethodPut, Path: "/v1/customers/{customer}/journal-sync", Summary: "Whether the journal is on disk before a key is released"},
		func(ctx context.Context, in *struct {
			CustomerPath
			Body struct {
				On bool `json:"on"`
			}
		}) (*output[Customer], error) {
			return h.change(ctx, in.Customer, func(c vault.Customer) error {
				return h.Vault.SetJournalSync(ctx, c.ID, in.Body.On)
			})
		})
	huma.Register(a, huma.Operation{OperationID: "shred", Method: http.MethodPost, Path: "/v1/customers/{customer}/shred", Summary: "Destroy a customer's keys, for ever"},
		func(ctx context.Context, in *struct {
			CustomerPath
			Body struct {
				Confirm string `json:"confirm" doc:"the customer's name"`
			}
		}) (*output[Customer], error) {
			return h.change(ctx, in.Customer, func(c vault.Customer) error {
				if in.Body.Confirm != c.Name {
					return errConfirm
				}
				return h.Vault.ShredCustomer(ctx, c.ID)
			})
		})
	streamed(a, huma.Operation{OperationID: "rotate", Method: http.MethodPost, Path: "/v1/customers/{customer}/rotate", Summary: "Make a new key and re-wrap a customer's data keys under it"},
		func(ctx context.Context, in *struct {
			CustomerPath
			Retire bool `query:"retire" doc:"destroy the old versions afterwards"`
		}, e *events) (r Rotated, err error) {
			c, err := h.Vault.Customer(ctx, in.Customer)
			if err != nil {
				return r, err
			}
			if r.Rewrapped, err = h.Vault.RotateCustomer(ctx, c.ID, vault.RotateOptions{Retire: in.Retire, Progress: e.progress}); err != nil {
				return r, err
			}
			k, err := h.Gate.KEK(c.ID)
			r.KeyVersion = k.KEK.Version
			return r, err
		})
}

// change does something to a customer and answers with what it is then.
func (h handlers) change(ctx context.Context, name string, do func(vault.Customer) error) (*output[Customer], error) {
	c, err := h.Vault.Customer(ctx, name)
	if err == nil {
		err = do(c)
	}
	if err != nil {
		return nil, problem(err)
	}
	return answer(h.named(ctx, string(c.ID)))
}

func (h handlers) named(ctx context.Context, name string) (Customer, error) {
	c, err := h.Vault.Customer(ctx, name)
	if err != nil {
		return Customer{}, err
	}
	out, err := h.customer(ctx, c)
	if err != nil {
		return out, err
	}
	head, err := h.Gate.JournalHead(c.ID)
	if err != nil {
		return out, err
	}
	out.Journal = &Head{Seq: head.Seq, Hash: hex.EncodeToString(head.Hash[:])}
	return out, nil
}

func (h handlers) customer(ctx context.Context, c vault.Customer) (Customer, error) {
	u, err := h.Vault.Usage(ctx, c.ID)
	if err != nil {
		return Customer{}, err
	}
	k, err := h.Gate.KEK(c.ID)
	if err != nil {
		return Customer{}, err
	}
	return customerOf(c, u, k), nil
}

// everyCustomer reads all pages.
func (h handlers) everyCustomer(ctx context.Context) (all []vault.Customer, err error) {
	for after := ""; ; {
		page, err := h.Vault.Customers(ctx, after, vault.MaxList)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Customers...)
		if after = page.Next; after == "" {
			return all, nil
		}
	}
}

func (h handlers) allCustomers(ctx context.Context) ([]Customer, error) {
	all, err := h.everyCustomer(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Customer, len(all))
	for i, c := range all {
		if out[i], err = h.customer(ctx, c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func customerURL(customer, rest string) string {
	return "/v1/customers/" + segment(customer) + rest
}

// AddCustomer adds a customer.
func (c *Client) AddCustomer(ctx context.Context, name string) (Customer, error) {
	return c.AddCustomerWith(ctx, name, "")
}

// AddCustomerWith adds a customer whose journal is sealed to a public key of
// its own; with "" it is under the server's.
func (c *Client) AddCustomerWith(ctx context.Context, name, journalKey string) (out Customer, err error) {
	body := map[string]string{"name": name}
	if journalKey != "" {
		body["journal_key"] = journalKey
	}
	err = c.do(ctx, http.MethodPost, "/v1/customers", body, &out)
	return out, err
}

// Customers are all customers.
func (c *Client) Customers(ctx context.Context) (out []Customer, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/customers", nil, &out)
	return out, err
}

// Customer is one, by name or id.
func (c *Client) Customer(ctx context.Context, customer string) (out Customer, err error) {
	err = c.do(ctx, http.MethodGet, customerURL(customer, ""), nil, &out)
	return out, err
}

// SetQuota bounds a customer.
func (c *Client) SetQuota(ctx context.Context, customer string, q Quota) (out Customer, err error) {
	err = c.do(ctx, http.MethodPut, customerURL(customer, "/quota"), q, &out)
	return out, err
}

// SetJournalSync sets whether a customer's journal is on disk before a key is
// released.
func (c *Client) SetJournalSync(ctx context.Context, customer string, on bool) (out Customer, err error) {
	err = c.do(ctx, http.MethodPut, customerURL(customer, "/journal-sync"), map[string]bool{"on": on}, &out)
	return out, err
}

// Shred destroys a customer's keys; confirm is its name.
func (c *Client) Shred(ctx context.Context, customer, confirm string) (out Customer, err error) {
	err = c.do(ctx, http.MethodPost, customerURL(customer, "/shred"), map[string]string{"confirm": confirm}, &out)
	return out, err
}

// Rotate makes a new key for a customer.
func (c *Client) Rotate(ctx context.Context, customer string, retire bool, progress func(Progress)) (out Rotated, err error) {
	query := ""
	if retire {
		query = "?retire=true"
	}
	err = c.stream(ctx, http.MethodPost, customerURL(customer, "/rotate"+query), nil, &out, progress, nil)
	return out, err
}
