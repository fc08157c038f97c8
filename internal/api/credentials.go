package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/vault"
)

func (h handlers) credentials(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "add-credential", Method: http.MethodPost, Path: "/v1/customers/{customer}/credentials", Summary: "Make an S3 access key; its secret is told once", DefaultStatus: http.StatusCreated},
		func(ctx context.Context, in *CustomerPath) (*output[Credential], error) {
			c, err := h.Vault.Customer(ctx, in.Customer)
			if err != nil {
				return nil, problem(err)
			}
			made, err := h.Vault.AddCredential(ctx, c.ID)
			return answer(h.credential(made), err)
		})
	huma.Register(a, huma.Operation{OperationID: "credentials", Method: http.MethodGet, Path: "/v1/customers/{customer}/credentials", Summary: "A customer's access keys, without secrets"},
		func(ctx context.Context, in *CustomerPath) (*output[[]Credential], error) {
			c, err := h.Vault.Customer(ctx, in.Customer)
			if err != nil {
				return nil, problem(err)
			}
			all, err := h.Vault.Credentials(ctx, c.ID)
			out := []Credential{}
			for _, one := range all {
				out = append(out, h.credential(one))
			}
			return answer(out, err)
		})
	huma.Register(a, huma.Operation{OperationID: "remove-credential", Method: http.MethodDelete, Path: "/v1/credentials/{credential}", Summary: "Remove an access key; what it signed is refused from now on"},
		func(ctx context.Context, in *struct {
			Credential string `path:"credential"`
		}) (*none, error) {
			if err := h.Vault.RemoveCredential(ctx, writ.CredentialID(in.Credential)); err != nil {
				return nil, problem(err)
			}
			return nil, nil
		})
}

func (h handlers) credential(c vault.Credential) Credential {
	out := Credential{AccessKey: c.ID, SecretKey: c.Secret, Customer: c.Customer, Created: c.Created}
	if h.Server != nil {
		s := h.Server()
		out.Endpoint, out.CAFile, out.Region = s.Endpoint, s.CAFile, s.Region
	}
	return out
}

// AddCredential makes an access key.
func (c *Client) AddCredential(ctx context.Context, customer string) (out Credential, err error) {
	err = c.do(ctx, http.MethodPost, customerURL(customer, "/credentials"), nil, &out)
	return out, err
}

// Credentials are a customer's access keys.
func (c *Client) Credentials(ctx context.Context, customer string) (out []Credential, err error) {
	err = c.do(ctx, http.MethodGet, customerURL(customer, "/credentials"), nil, &out)
	return out, err
}

// RemoveCredential removes an access key.
func (c *Client) RemoveCredential(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/v1/credentials/"+segment(id), nil, nil)
}

// Server tells about the running server.
func (c *Client) Server(ctx context.Context) (out Server, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/server", nil, &out)
	return out, err
}
