package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/gate"
)

type journalInput struct {
	Customer string    `path:"customer" doc:"name or id"`
	Since    time.Time `query:"since" doc:"entries at or after"`
	Until    time.Time `query:"until" doc:"entries before"`
	After    uint64    `query:"after" doc:"entries with a higher number"`
}

func (h handlers) journal(a huma.API) {
	streamed(a, huma.Operation{
		OperationID: "journal", Method: http.MethodGet, Path: "/v1/customers/{customer}/journal",
		Summary:     "Every use of a customer's keys",
		Description: "The reading is itself an entry of the journal, with the account that asked.",
	}, func(ctx context.Context, in *journalInput, e *events) (end JournalEnd, err error) {
		c, err := h.Vault.Customer(ctx, in.Customer)
		if err != nil {
			return end, err
		}
		right := gate.JournalReader(c.ID, "writ journal show, "+who(ctx))
		q := gate.JournalQuery{Since: in.Since, Until: in.Until, AfterSeq: in.After}
		for entry, err := range h.Gate.Journal(ctx, right, gate.Use{Customer: c.ID}, q) {
			var sealed *gate.JournalSealed
			switch {
			case errors.As(err, &sealed):
				end.Sealed += int64(sealed.To - sealed.From + 1)
				err = e.item(Entry{Sealed: &SealedEntries{sealed.From, sealed.To}})
			case errors.Is(err, gate.ErrJournal):
				end.Damaged++
				err = e.item(Entry{Damage: err.Error()})
			case err != nil:
				return end, err
			default:
				end.Entries++
				err = e.item(entryOf(entry))
			}
			if err != nil {
				return end, err
			}
		}
		return end, nil
	})
}

func entryOf(e gate.Entry) Entry {
	out := Entry{
		Seq: e.Seq, Time: e.Time, Reason: e.Reason, Credential: e.Credential, Principal: e.Principal,
		Presigned: e.Presigned, Op: e.Op, Bucket: e.Bucket, Key: e.Key, Version: e.Version,
		Offset: e.Offset, Length: e.Length, Request: e.Request, Previous: hex.EncodeToString(e.Previous[:]),
	}
	if e.Policy != [32]byte{} {
		out.Policy = hex.EncodeToString(e.Policy[:])
	}
	if e.Blob != (writ.BlobID{}) {
		out.Blob = e.Blob.String()
	}
	if e.Addr.IsValid() {
		out.Addr = e.Addr.String()
	}
	return out
}

// Journal calls each for every entry of a customer's journal, oldest first.
func (c *Client) Journal(ctx context.Context, customer string, q JournalQuery, each func(Entry) error) (end JournalEnd, err error) {
	v := url.Values{}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.Format(time.RFC3339Nano))
	}
	if !q.Until.IsZero() {
		v.Set("until", q.Until.Format(time.RFC3339Nano))
	}
	if q.After > 0 {
		v.Set("after", strconv.FormatUint(q.After, 10))
	}
	path := "/v1/customers/" + segment(customer) + "/journal?" + v.Encode()
	err = c.stream(ctx, http.MethodGet, path, nil, &end, nil, func(raw json.RawMessage) error {
		var e Entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return err
		}
		return each(e)
	})
	return end, err
}
