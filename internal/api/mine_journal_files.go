package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"writ/internal/gate"
)

func (h mine) journalFiles(a huma.API) {
	lines := func(media string) map[string]*huma.Response {
		return map[string]*huma.Response{"200": {Description: "one JSON value a line", Content: map[string]*huma.MediaType{media: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
	}
	huma.Register(a, huma.Operation{
		OperationID: "my-journal-raw", Method: http.MethodGet, Path: "/v1/my/journal.ndjson", Summary: "The whole journal, oldest entry first, one a line",
		Description: "The reading is itself an entry. A download that was cut off ends without a last chunk. It proves nothing: the bundle does.", Responses: lines(streamType),
	}, func(ctx context.Context, _ *none) (*huma.StreamResponse, error) {
		give, err := h.reading.take(ctx)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer give()
			hc.SetHeader("Content-Type", streamType)
			hc.SetHeader("Content-Disposition", attachment("journal.ndjson"))
			if err := h.raw(ctx, hc.BodyWriter()); err != nil {
				h.Log.Warn("a customer's journal was not read to its end", "request", ownerOf(ctx).Request, "error", err.Error())
				panic(http.ErrAbortHandler)
			}
		}}, nil
	})
	huma.Register(a, huma.Operation{
		OperationID: "my-journal-bundle", Method: http.MethodGet, Path: "/v1/my/journal/bundle", Summary: "The journal with what shows that it is whole: for writ verify journal",
		Description: "The reading is itself an entry. docs/ledger.md has the format; without its last line it is cut.", Responses: lines("application/jsonl"),
	}, func(ctx context.Context, in *struct {
		After     uint64 `query:"after" doc:"entries with a higher number"`
		FromBatch uint64 `query:"from-batch" doc:"batches of the ledger from this one on"`
	}) (*huma.StreamResponse, error) {
		if h.Bundle == nil {
			return nil, problem(errNoLedger)
		}
		write, err := h.Bundle(ctx, ownerOf(ctx).session(), in.After, in.FromBatch)
		if err != nil {
			return nil, h.fail(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", "application/jsonl")
			hc.SetHeader("Content-Disposition", attachment("journal.bundle"))
			if err := write(hc.BodyWriter()); err != nil {
				h.Log.Warn("a customer's journal was not read to its end", "request", ownerOf(ctx).Request, "error", err.Error())
				panic(http.ErrAbortHandler)
			}
		}}, nil
	})
}

// raw writes all of the owner's journal that is kept.
func (h mine) raw(ctx context.Context, w io.Writer) error {
	o := ownerOf(ctx)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for e, err := range h.Vault.Journal(ctx, o.session(), gate.JournalQuery{}) {
		one := entryOf(e)
		var sealed *gate.JournalSealed
		switch {
		case errors.As(err, &sealed):
			one = Entry{Sealed: &SealedEntries{sealed.From, sealed.To}}
		case errors.Is(err, gate.ErrJournal):
			one = Entry{Damage: "entries here cannot be read"}
		case err != nil:
			return err
		}
		if err := enc.Encode(one); err != nil {
			return err
		}
	}
	return ctx.Err()
}
