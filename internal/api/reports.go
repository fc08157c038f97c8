package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ/internal/proof"
	"writ/internal/report"
)

// ReportInput says which report is wanted.
type ReportInput struct {
	From      string `query:"from" doc:"first day, as 2026-01-01" required:"true"`
	To        string `query:"to" doc:"last day" required:"true"`
	Layout    string `query:"layout" enum:"writ,github" default:"writ"`
	Format    string `query:"format" enum:"table,csv,json,html" default:"table"`
	Table     string `query:"table" doc:"of the layout github"`
	By        string `query:"by" enum:"year,half" default:"year" doc:"of the layout github"`
	Structure string `query:"structure" doc:"of the national-security numbers, as 50 USC 1874(a) numbers them: 1 to 4"`
	Corrects  string `query:"corrects" doc:"digest of the first report of the period, in hex"`
}

// Imported says what came of an import.
type Imported struct {
	Historic int `json:"historic"`
	Open     int `json:"open"`
	Known    int `json:"known"`
}

// Reconciled is whether a period's cases add up.
type Reconciled struct {
	Contradictions []Contradiction `json:"contradictions" doc:"none: a report can be made"`
	More           int             `json:"more,omitempty" doc:"how many were found besides"`
}

// Contradiction is one thing that can't be true or can't be printed.
type Contradiction struct {
	Ref  string `json:"ref,omitempty" doc:"the case to blame, or the reference of a historic one"`
	What string `json:"what"`
}

// PublishedReport is a report whose digest is in the public log.
type PublishedReport struct {
	Digest    string    `json:"digest"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Structure string    `json:"structure,omitempty"`
	At        time.Time `json:"at"`
	First     bool      `json:"first" doc:"the first of its period: what a correction names"`
}

// maxImport bounds an import, in bytes.
const maxImport = 512 << 20

func (h office) reports(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "report", Method: http.MethodGet, Path: "/api/v1/report", Summary: "A transparency report of a period"},
		func(ctx context.Context, in *ReportInput) (*huma.StreamResponse, error) {
			r, err := h.report(ctx, *in)
			if err != nil {
				return nil, reportProblem(err)
			}
			var b bytes.Buffer
			if err := r.Write(&b, in.Format); err != nil {
				return nil, reportProblem(err)
			}
			media := map[string]string{"table": "text/plain; charset=utf-8", "csv": "text/csv; charset=utf-8", "json": "application/json", "html": "text/html; charset=utf-8"}[in.Format]
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				hc.SetHeader("Content-Type", media)
				hc.SetHeader("X-Content-Type-Options", "nosniff")
				hc.SetHeader("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
				hc.BodyWriter().Write(b.Bytes())
			}}, nil
		})
	huma.Register(a, huma.Operation{OperationID: "publish-report", Method: http.MethodPost, Path: "/api/v1/report", Summary: "Put a report's digest into the public log"},
		func(ctx context.Context, in *ReportInput) (*output[proof.Report], error) {
			r, err := h.report(ctx, *in)
			if err != nil {
				return nil, reportProblem(err)
			}
			return answer(h.Docket.Publish(ctx, actor(ctx), r))
		})
	huma.Register(a, huma.Operation{OperationID: "reconcile", Method: http.MethodGet, Path: "/api/v1/report/reconcile", Summary: "What of a period does not add up, with the case to blame"},
		func(ctx context.Context, in *ReportInput) (*output[Reconciled], error) {
			out := Reconciled{Contradictions: []Contradiction{}}
			_, err := h.report(ctx, *in)
			var r *report.Refusal
			switch {
			case errors.As(err, &r):
				out.More = r.More
				for _, c := range r.Contradictions {
					out.Contradictions = append(out.Contradictions, Contradiction(c))
				}
			case err != nil:
				return nil, reportProblem(err)
			}
			return answer(out, nil)
		})
	huma.Register(a, huma.Operation{OperationID: "published-reports", Method: http.MethodGet, Path: "/api/v1/report/published", Summary: "The reports whose digests are in the public log"},
		func(ctx context.Context, _ *none) (*output[[]PublishedReport], error) {
			list, err := h.Docket.Published(ctx)
			out := []PublishedReport{}
			for i, p := range list {
				first := i == 0 || !list[i-1].From.Equal(p.From) || !list[i-1].To.Equal(p.To)
				out = append(out, PublishedReport{hex.EncodeToString(p.Digest[:]), p.From.Format(time.DateOnly), p.To.Format(time.DateOnly), string(p.Structure), p.At, first})
			}
			return answer(out, err)
		})
	huma.Register(a, huma.Operation{
		OperationID: "import", Method: http.MethodPost, Path: "/api/v1/import", Summary: "Enter demands from a file of the import format",
		RequestBody: streamBody("application/jsonl"), MaxBodyBytes: maxImport,
	}, func(ctx context.Context, in *struct{ Input stream }) (*output[Imported], error) {
		r, err := h.Docket.Import(ctx, actor(ctx), http.MaxBytesReader(nil, io.NopCloser(in.Input.body), maxImport))
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			err = &Problem{
				Status: http.StatusRequestEntityTooLarge, Title: "Request Entity Too Large", Code: "too-large",
				Detail: fmt.Sprintf("an import has at most %d bytes; what came before is kept", maxImport), Hint: "split the file, and import the rest",
			}
		}
		return answer(Imported{r.Historic, r.Open, r.Known}, err)
	})
}

func (h office) report(ctx context.Context, in ReportInput) (*report.Report, error) {
	if err := h.Docket.Counts(actor(ctx)); err != nil {
		return nil, err
	}
	o := report.Options{
		Made: h.Now(), Layout: report.Layout(in.Layout), Table: in.Table, Structure: report.Structure(in.Structure), Operator: h.Docket.Provider.Name,
	}
	if o.Layout != report.Writ {
		o.By = report.By(in.By)
	}
	var err error
	if o.From, err = time.Parse(time.DateOnly, in.From); err == nil {
		o.To, err = time.Parse(time.DateOnly, in.To)
	}
	if err != nil {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Detail: "a period is two days, such as 2026-01-01 and 2026-06-30"}
	}
	if in.Corrects != "" {
		b, err := hexDigest(in.Corrects)
		if err != nil {
			return nil, err
		}
		o.Correction = [32]byte(b)
	}
	if o.Published, err = h.Docket.Publications(ctx); err != nil {
		return nil, err
	}
	if o.Correction != ([32]byte{}) {
		o.Published = nil
	}
	return report.Make(h.Docket.Cases(), o)
}

// reportProblem says what contradicts itself, and which case is to blame.
func reportProblem(err error) *Problem {
	var r *report.Refusal
	switch {
	case errors.As(err, &r):
		return &Problem{Status: http.StatusConflict, Title: "Conflict", Code: "contradiction", Detail: "the report would not add up: " + r.Error(), Hint: "writ case show CASE shows what to correct"}
	case errors.Is(err, report.ErrOptions):
		return &Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Code: "report", Detail: err.Error()}
	}
	return problem(err)
}
