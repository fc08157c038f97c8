package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/vault"
)

func (h handlers) buckets(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "buckets", Method: http.MethodGet, Path: "/v1/buckets", Summary: "All buckets, or those of a customer"},
		func(ctx context.Context, in *struct {
			Customer string `query:"customer" doc:"name or id"`
		}) (*output[[]Bucket], error) {
			return answer(h.allBuckets(ctx, in.Customer))
		})
	huma.Register(a, huma.Operation{OperationID: "bucket", Method: http.MethodGet, Path: "/v1/buckets/{bucket}", Summary: "One bucket"},
		func(ctx context.Context, in *struct {
			Bucket string `path:"bucket"`
		}) (*output[Bucket], error) {
			b, err := h.Vault.Bucket(ctx, writ.BucketName(in.Bucket))
			return answer(bucketOf(b), err)
		})
}

func (h handlers) allBuckets(ctx context.Context, customer string) ([]Bucket, error) {
	var owners []writ.CustomerID
	if customer != "" {
		c, err := h.Vault.Customer(ctx, customer)
		if err != nil {
			return nil, err
		}
		owners = append(owners, c.ID)
	} else {
		all, err := h.everyCustomer(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			owners = append(owners, c.ID)
		}
	}
	out := []Bucket{}
	for _, owner := range owners {
		for after := writ.BucketName(""); ; {
			page, err := h.Vault.Buckets(ctx, owner, "", after, vault.MaxList)
			if err != nil {
				return nil, err
			}
			for _, b := range page.Buckets {
				out = append(out, bucketOf(b))
			}
			if after = page.Next; after == "" {
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b Bucket) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return out, nil
}

// Buckets are all buckets, or those of a customer.
func (c *Client) Buckets(ctx context.Context, customer string) (out []Bucket, err error) {
	query := ""
	if customer != "" {
		query = "?customer=" + url.QueryEscape(customer)
	}
	err = c.do(ctx, http.MethodGet, "/v1/buckets"+query, nil, &out)
	return out, err
}

// Bucket is one.
func (c *Client) Bucket(ctx context.Context, name string) (out Bucket, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/buckets/"+segment(name), nil, &out)
	return out, err
}
