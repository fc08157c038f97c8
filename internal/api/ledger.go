package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/proof"
	"writ/internal/vault"
)

// Ledger is how the public log stands.
type Ledger struct {
	Origin    string     `json:"origin"`
	Key       string     `json:"key" doc:"verifier key (C2SP signed-note), as it is pinned"`
	Policy    string     `json:"policy" doc:"witness policy, as it is pinned"`
	Interval  string     `json:"interval" doc:"between batches"`
	Slots     int        `json:"slots" doc:"places of a batch"`
	Size      uint64     `json:"size" doc:"published leaves"`
	Batch     uint64     `json:"batch" doc:"number of the newest published batch"`
	BatchAt   *time.Time `json:"batch_at,omitempty"`
	Queued    int        `json:"queued" doc:"leaves that wait to be published"`
	Waiting   string     `json:"waiting,omitempty" doc:"why nothing is published at the moment"`
	Since     *time.Time `json:"since,omitempty" doc:"since when it waits"`
	Stopped   string     `json:"stopped,omitempty" doc:"why nothing is published any more"`
	Outside   []string   `json:"outside" doc:"witnesses that somebody else runs, as the operator says"`
	Witnesses []Witness  `json:"witnesses"`
}

// Witness is what a witness of the policy did with the newest checkpoint.
type Witness struct {
	Name     string     `json:"name"`
	Cosigned *time.Time `json:"cosigned,omitempty"`
	Error    string     `json:"error,omitempty"`
}

// NamedReceipt is a receipt of the ledger, and of which statement.
type NamedReceipt struct {
	ID      string          `json:"id"`
	Receipt json.RawMessage `json:"receipt"`
}

// LedgerRoom is what administration needs of the public log.
type LedgerRoom interface {
	// Status tells how it stands.
	Status() Ledger
	// Receipts are those of a customer: of each change of its keys, and of its
	// journal's head in the newest batch. What is not published yet is left out.
	Receipts(ctx context.Context, customer writ.CustomerID) (map[string]*proof.Receipt, error)
	// Still runs fn while the log and the records stay of one moment: neither
	// goes ahead of the other.
	Still(ctx context.Context, fn func() error) error
}

// errNoLedger: only a running server keeps the log.
var errNoLedger = errors.New("the public log is kept by the running server, and none is running")

func (h handlers) ledger(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "ledger", Method: http.MethodGet, Path: "/v1/ledger", Summary: "How the public log stands"},
		func(context.Context, *none) (*output[Ledger], error) {
			if h.Ledger == nil {
				return nil, problem(errNoLedger)
			}
			return answer(h.Ledger.Status(), nil)
		})
	huma.Register(a, huma.Operation{OperationID: "receipts", Method: http.MethodGet, Path: "/v1/customers/{customer}/receipts", Summary: "A customer's receipts of the public log"},
		func(ctx context.Context, in *CustomerPath) (*output[[]NamedReceipt], error) {
			if h.Ledger == nil {
				return nil, problem(errNoLedger)
			}
			c, err := h.Vault.Customer(ctx, in.Customer)
			if err != nil {
				return nil, problem(err)
			}
			return answer(h.receipts(ctx, c))
		})
}

func (h handlers) receipts(ctx context.Context, c vault.Customer) ([]NamedReceipt, error) {
	all, err := h.Ledger.Receipts(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	out := make([]NamedReceipt, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		b, err := all[id].Marshal()
		if err != nil {
			return nil, err
		}
		out = append(out, NamedReceipt{id, b})
	}
	return out, nil
}

// Ledger tells how the public log stands.
func (c *Client) Ledger(ctx context.Context) (out Ledger, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/ledger", nil, &out)
	return out, err
}

// Receipts are a customer's receipts of the public log, in order of their ids.
func (c *Client) Receipts(ctx context.Context, customer string) (out []NamedReceipt, err error) {
	err = c.do(ctx, http.MethodGet, customerURL(customer, "/receipts"), nil, &out)
	return out, err
}
