package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/notice"
	"writ/internal/vault"
)

// KeptCustomer is a customer as operators see it: what it keeps and under which
// keys, and no name of an object.
type KeptCustomer struct {
	Customer
	Buckets     int       `json:"buckets"`
	MoreBuckets bool      `json:"more_buckets,omitempty" doc:"whether there are more than buckets says"`
	OldestKey   uint32    `json:"oldest_key" doc:"the oldest version of the key that still opens"`
	Rotation    *Rotating `json:"rotation,omitempty" doc:"the one that is under way"`
}

// Rotating is a rotation of a customer's keys that is under way.
type Rotating struct {
	Customer   writ.CustomerID `json:"customer"`
	Name       string          `json:"name,omitempty"`
	KeyVersion uint32          `json:"key_version" doc:"that all are re-wrapped to"`
	Rewrapped  int64           `json:"rewrapped" doc:"data keys so far"`
	Objects    int64           `json:"objects" doc:"about as many as there are data keys"`
	Retires    bool            `json:"retires,omitempty" doc:"whether old versions are destroyed at its end"`
}

// CustomerPage is a page of customers, in order of name.
type CustomerPage struct {
	Customers []KeptCustomer `json:"customers"`
	Next      string         `json:"next,omitempty" doc:"give it as after for the next page"`
}

// BucketPage is a page of a customer's buckets, in order of name.
type BucketPage struct {
	Buckets []Bucket        `json:"buckets"`
	Next    writ.BucketName `json:"next,omitempty"`
}

// InboxState is how much lies in a customer's inbox, and how it is told.
type InboxState struct {
	Customer writ.CustomerID `json:"customer"`
	Name     string          `json:"name"`
	Mail     int             `json:"mail" doc:"contacts by mail"`
	Webhook  int             `json:"webhook" doc:"contacts by webhook"`
	Inbox    bool            `json:"inbox" doc:"whether its inbox is a contact, or its only one"`
	Messages int             `json:"messages"`
	Unread   int             `json:"unread"`
	More     bool            `json:"more,omitempty" doc:"whether there are more messages than were counted"`
	Oldest   time.Time       `json:"oldest_unread,omitzero"`
}

// InboxStatePage is a page of inboxes, in order of their customers' names.
type InboxStatePage struct {
	Inboxes []InboxState `json:"inboxes"`
	Next    string       `json:"next,omitempty"`
}

// Bounds of what one page counts.
const (
	countedBuckets  = 100
	countedMessages = 1000
	defaultPage     = 100
	inboxesPage     = 50
)

// PageInput is where a page begins and how long it is.
type PageInput struct {
	After string `query:"after" maxLength:"1100"`
	Limit int    `query:"limit" minimum:"0" maximum:"1000"`
}

func (in PageInput) limit(otherwise int) int {
	if in.Limit == 0 {
		return otherwise
	}
	return in.Limit
}

func (h office) estate(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "customers-list", Method: http.MethodGet, Path: "/api/v1/customers", Summary: "Customers in order of name: how much they keep, and under which keys"},
		func(ctx context.Context, in *PageInput) (*output[CustomerPage], error) {
			list, err := h.Vault.Customers(ctx, in.After, in.limit(defaultPage))
			if err != nil {
				return nil, problem(err)
			}
			page := CustomerPage{Customers: make([]KeptCustomer, len(list.Customers)), Next: list.Next}
			for i, c := range list.Customers {
				if page.Customers[i], err = h.kept(ctx, c); err != nil {
					return nil, problem(err)
				}
			}
			return answer(page, nil)
		})
	huma.Register(a, huma.Operation{OperationID: "customer-state", Method: http.MethodGet, Path: "/api/v1/customers/{customer}", Summary: "A customer: what it keeps, its keys, a rotation that is under way"},
		func(ctx context.Context, in *CustomerPath) (*output[KeptCustomer], error) {
			c, err := h.Vault.Customer(ctx, in.Customer)
			if err != nil {
				return nil, problem(err)
			}
			return answer(h.kept(ctx, c))
		})
	huma.Register(a, huma.Operation{OperationID: "customer-buckets", Method: http.MethodGet, Path: "/api/v1/customers/{customer}/buckets", Summary: "A customer's buckets, in order of name"},
		func(ctx context.Context, in *struct {
			CustomerPath
			PageInput
		}) (*output[BucketPage], error) {
			c, err := h.Vault.Customer(ctx, in.Customer)
			if err != nil {
				return nil, problem(err)
			}
			list, err := h.Vault.Buckets(ctx, c.ID, "", writ.BucketName(in.After), in.limit(defaultPage))
			page := BucketPage{Buckets: make([]Bucket, len(list.Buckets)), Next: list.Next}
			for i, b := range list.Buckets {
				page.Buckets[i] = bucketOf(b)
			}
			return answer(page, err)
		})
	huma.Register(a, huma.Operation{OperationID: "rotate-customer", Method: http.MethodPost, Path: "/api/v1/customers/{customer}/rotate", Summary: "Begin the rotation of a customer's keys; it goes on by itself", DefaultStatus: http.StatusAccepted},
		func(ctx context.Context, in *CustomerPath) (*output[KeptCustomer], error) {
			c, err := h.Vault.Customer(ctx, in.Customer)
			switch {
			case err != nil:
				return nil, problem(err)
			case !c.Shredded.IsZero():
				return nil, problem(vault.ErrShredded)
			case h.Keeper == nil:
				return nil, problem(errNoMachine)
			}
			if err := h.acted(ctx, "customer.rotate", string(c.ID), h.Keeper.Rotate(c.ID)); err != nil {
				return nil, problem(err)
			}
			return answer(h.kept(ctx, c))
		})
	huma.Register(a, huma.Operation{OperationID: "inboxes", Method: http.MethodGet, Path: "/api/v1/inboxes", Summary: "Customers' contacts and inboxes: how many messages they have not read"},
		func(ctx context.Context, in *PageInput) (*output[InboxStatePage], error) {
			list, err := h.Vault.Customers(ctx, in.After, in.limit(inboxesPage))
			if err != nil {
				return nil, problem(err)
			}
			page := InboxStatePage{Inboxes: make([]InboxState, len(list.Customers)), Next: list.Next}
			for i, c := range list.Customers {
				if page.Inboxes[i], err = h.inboxState(ctx, c); err != nil {
					return nil, problem(err)
				}
			}
			return answer(page, nil)
		})
}

func (h office) kept(ctx context.Context, c vault.Customer) (out KeptCustomer, err error) {
	u, err := h.Vault.Usage(ctx, c.ID)
	if err != nil {
		return out, err
	}
	k, err := h.Gate.KEK(c.ID)
	if err != nil {
		return out, err
	}
	out.Customer, out.OldestKey = customerOf(c, u, k), k.Oldest
	buckets, err := h.Vault.Buckets(ctx, c.ID, "", "", countedBuckets)
	if err != nil {
		return out, err
	}
	out.Buckets, out.MoreBuckets = len(buckets.Buckets), buckets.Next != ""
	if r, ok, err := h.Vault.Rotation(ctx, c.ID); err != nil {
		return out, err
	} else if ok {
		out.Rotation = rotatingOf(c, r)
	}
	return out, nil
}

func rotatingOf(c vault.Customer, r vault.Rotation) *Rotating {
	return &Rotating{c.ID, c.Name, r.Version, r.Rewrapped, r.Objects, r.Retire}
}

// rotating are the rotations that are under way, the first of them.
func (h office) rotating(ctx context.Context) ([]Rotating, error) {
	out := []Rotating{}
	ids, err := h.Vault.Rotations(ctx, maxRotating)
	for _, id := range ids {
		c, err := h.Vault.Customer(ctx, string(id))
		if err != nil {
			return nil, err
		}
		r, ok, err := h.Vault.Rotation(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok { // else it ended meanwhile
			out = append(out, *rotatingOf(c, r))
		}
	}
	return out, err
}

func (h office) inboxState(ctx context.Context, c vault.Customer) (InboxState, error) {
	out := InboxState{Customer: c.ID, Name: c.Name}
	contacts, err := h.Notices.Contacts(ctx, c.ID)
	if err != nil {
		return out, err
	}
	out.Inbox = len(contacts) == 0
	for _, one := range contacts {
		switch one.Kind {
		case notice.ByMail:
			out.Mail++
		case notice.ByWebhook:
			out.Webhook++
		default:
			out.Inbox = true
		}
	}
	list, next, err := h.Notices.Inbox(ctx, c.ID, "", countedMessages)
	out.Messages, out.More = len(list), next != ""
	for _, m := range list {
		if m.Read.IsZero() {
			out.Unread++
			if out.Oldest.IsZero() {
				out.Oldest = m.At
			}
		}
	}
	return out, err
}
