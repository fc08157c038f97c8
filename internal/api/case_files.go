package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ/internal/docket"
	"writ/internal/letter"
)

// DocumentPath names a document of a case.
type DocumentPath struct {
	CasePath
	Document string `path:"document"`
}

func documentID(text string) (id docket.DocumentID, err error) {
	if err := id.UnmarshalText([]byte(text)); err != nil {
		return id, &Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "no-document", Detail: fmt.Sprintf("%q is no document", text)}
	}
	return id, nil
}

// raw is an answer of bytes that are not shown in place: what authorities send
// is downloaded, never rendered as a page of ours.
func raw(name, media string, body io.ReadCloser) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", media)
		hc.SetHeader("Content-Disposition", attachment(name))
		defer body.Close()
		if _, err := io.Copy(hc.BodyWriter(), body); err != nil {
			// Half a file must not look like one: the connection is cut.
			panic(http.ErrAbortHandler)
		}
	}}
}

// attachment is the disposition of a file that is to be kept, never shown, in
// whatever letters its sender named it (RFC 6266, RFC 8187).
func attachment(name string) string {
	return "attachment; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

func (h office) documents(a huma.API) {
	huma.Register(a, huma.Operation{
		OperationID: "attach", Method: http.MethodPost, Path: "/api/v1/cases/{case}/documents", Summary: "Attach a file: its bytes are the body",
		DefaultStatus: http.StatusCreated, RequestBody: streamBody("application/octet-stream"),
	}, func(ctx context.Context, in *struct {
		CasePath
		Kind   string `query:"kind" enum:"order,form,certificate,correspondence,export,other" required:"true"`
		Name   string `query:"name" required:"true"`
		System string `query:"system" doc:"of an export: where it is from"`
		Note   string `query:"note" doc:"of an export"`
		Input  stream
	}) (*output[Case], error) {
		id, err := in.id()
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(io.LimitReader(in.Input.body, docket.MaxDocument+1))
		if err != nil {
			return nil, &Problem{Status: http.StatusRequestTimeout, Title: "Request Timeout", Detail: "the file did not arrive whole; nothing was kept"}
		}
		if len(body) > docket.MaxDocument {
			if err := h.Staff.Refuse(ctx, identity(ctx), "attach", string(id), tooLarge); err != nil {
				return nil, problem(err)
			}
			return nil, &Problem{
				Status: http.StatusRequestEntityTooLarge, Title: "Request Entity Too Large", Code: "too-large",
				Detail: fmt.Sprintf("the document has more than %d bytes; nothing was kept", docket.MaxDocument), Hint: "attach it in parts",
			}
		}
		file := docket.DocumentInput{Kind: in.Kind, Name: in.Name, Body: body}
		if in.Kind == "export" {
			return h.moved(h.Docket.Export(ctx, actor(ctx), id, file, in.System, in.Note))
		}
		if _, err := h.Docket.Attach(ctx, actor(ctx), id, file); err != nil {
			return nil, problem(err)
		}
		return h.moved(h.Docket.Case(ctx, id))
	})
	huma.Register(a, huma.Operation{OperationID: "document", Method: http.MethodGet, Path: "/api/v1/cases/{case}/documents/{document}", Summary: "A document; who looks at it is in the audit trail"},
		func(ctx context.Context, in *DocumentPath) (*huma.StreamResponse, error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			name, err := documentID(in.Document)
			if err != nil {
				return nil, err
			}
			doc, body, err := h.Docket.View(ctx, actor(ctx), id, name)
			if err != nil {
				return nil, problem(err)
			}
			return raw(doc.Name, "application/octet-stream", io.NopCloser(bytes.NewReader(body))), nil
		})
	huma.Register(a, huma.Operation{OperationID: "write-letter", Method: http.MethodPost, Path: "/api/v1/cases/{case}/letters", Summary: "Write a letter or form from a template, as text and PDF, and attach it"},
		func(ctx context.Context, in *struct {
			CasePath
			Body docket.LetterInput
		}) (*output[docket.Letter], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			return answer(h.Docket.WriteLetter(ctx, actor(ctx), id, in.Body))
		})
	huma.Register(a, huma.Operation{OperationID: "letters", Method: http.MethodGet, Path: "/api/v1/letters", Summary: "The kinds of letters and forms, with the fields that each takes"},
		func(_ context.Context, in *struct {
			Language string `query:"language" doc:"of titles and labels; English if there are no letters in it" maxLength:"35"`
		}) (*output[LetterKinds], error) {
			return answer(LetterKinds{letter.Languages(), h.Docket.Letters.Describe(in.Language)}, nil)
		})
}

// LetterKinds is what letters there are.
type LetterKinds struct {
	Languages []string           `json:"languages"`
	Kinds     []letter.Described `json:"kinds"`
}

// ProduceInput is what a production needs beside the case.
type ProduceInput struct {
	Recipients []string `json:"recipients,omitempty" doc:"age recipients or certificates in PEM; empty for the authority's own in the directory"`
	MaxBytes   int64    `json:"max_bytes,omitempty" doc:"of the disk that the package may take"`
}

// DeliverInput says how a package reaches the authority.
type DeliverInput struct {
	Means       string    `json:"means" enum:"national-system,download,in-person"`
	Certificate string    `json:"certificate,omitempty" doc:"of a download: SHA-256 of the client's certificate, in hex; empty for a one-time code"`
	Times       int       `json:"times,omitempty" doc:"how often it may be fetched"`
	Until       time.Time `json:"until,omitzero"`
	Note        string    `json:"note,omitempty"`
}

// Handed is a delivery.
type Handed struct {
	Case Case   `json:"case"`
	Code string `json:"code,omitempty" doc:"the one-time code, told once"`
}

func (h office) packages(a huma.API) {
	streamed(a, huma.Operation{OperationID: "produce", Method: http.MethodPost, Path: "/api/v1/cases/{case}/produce", Summary: "Open exactly what the writ covers, and pack it sealed to the authority"},
		func(ctx context.Context, in *struct {
			CasePath
			Body ProduceInput
		}, e *events) (Case, error) {
			id, err := in.id()
			if err != nil {
				return Case{}, err
			}
			c, err := h.Docket.Produce(ctx, actor(ctx), id, docket.ProduceInput{Recipients: in.Body.Recipients, MaxBytes: in.Body.MaxBytes, Progress: e.progress})
			if err != nil {
				return Case{}, err
			}
			return h.caseOf(c), nil
		})
	huma.Register(a, huma.Operation{OperationID: "deliver", Method: http.MethodPost, Path: "/api/v1/cases/{case}/deliver", Summary: "Hand a package over"},
		func(ctx context.Context, in *struct {
			CasePath
			Body DeliverInput
		}) (*output[Handed], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			d := docket.DeliverInput{Means: in.Body.Means, Times: in.Body.Times, Until: in.Body.Until, Note: in.Body.Note}
			if in.Body.Certificate != "" {
				if d.Certificate, err = hexDigest(strings.ToLower(in.Body.Certificate)); err != nil {
					return nil, err
				}
			}
			c, code, err := h.Docket.Deliver(ctx, actor(ctx), id, d)
			if err != nil {
				return nil, problem(err)
			}
			return answer(Handed{h.caseOf(c), code}, nil)
		})
	huma.Register(a, huma.Operation{OperationID: "package", Method: http.MethodGet, Path: "/api/v1/cases/{case}/package/{file}", Summary: "A file of the package, for the national system"},
		func(ctx context.Context, in *struct {
			CasePath
			File string `path:"file"`
		}) (*huma.StreamResponse, error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			f, err := h.Docket.Package(ctx, actor(ctx), id, in.File)
			if err != nil {
				return nil, problem(err)
			}
			return raw(in.File, "application/octet-stream", f), nil
		})
}
