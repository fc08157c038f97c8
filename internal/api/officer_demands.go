package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/docket"
)

func (h officers) about(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "officer-me", Method: http.MethodGet, Path: OfficerPath + "me", Summary: "Your authority, as it is enrolled"},
		func(ctx context.Context, _ *none) (*output[OfficerState], error) {
			who := officer(ctx)
			found, err := h.Docket.Enrolled(ctx, who)
			if err != nil && !errors.Is(err, docket.ErrSuspended) {
				return nil, problem(err)
			}
			p := h.Docket.Provider
			return answer(OfficerState{found.ID, found.Name, found.Country, string(found.Kind), found.Suspended, p.Name, p.Contact}, nil)
		})
	huma.Register(a, huma.Operation{OperationID: "officer-instruments", Method: http.MethodGet, Path: OfficerPath + "instruments", Summary: "The kinds of demands that are taken here"},
		func(context.Context, *none) (*output[[]OfficerInstrument], error) {
			out := []OfficerInstrument{}
			for _, i := range h.Law.Instruments() {
				if !i.Enabled {
					continue
				}
				one := OfficerInstrument{ID: i.ID, Title: i.Title, Article: i.Article, Matters: i.Matters, Classes: []writ.DataClass{}}
				for _, c := range i.Classes {
					one.Classes = append(one.Classes, c.Class)
				}
				out = append(out, one)
			}
			return answer(out, nil)
		})
}

// hold waits for its turn to hold files in memory.
func (h officers) hold(ctx context.Context) (release func(), err error) {
	select {
	case h.holding <- struct{}{}:
		return func() { <-h.holding }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h officers) filing(a huma.API) {
	huma.Register(a, huma.Operation{
		OperationID: "file-demand", Method: http.MethodPost, Path: OfficerPath + "demands", Summary: "File a demand: its case begins, and its clock",
		DefaultStatus: http.StatusCreated, MaxBodyBytes: maxDemand,
	}, func(ctx context.Context, in *struct {
		Body struct {
			FileInput
			Files []File `json:"files,omitempty" maxItems:"32" doc:"up to 8 MiB together; larger ones are attached later"`
		}
	}) (*output[FiledDemand], error) {
		intake := docket.Intake{Demand: in.Body.Demand()}
		for _, f := range in.Body.Files {
			body, err := base64.StdEncoding.DecodeString(f.Body)
			if err != nil {
				return nil, &Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Code: "form", Detail: "the body of a file is not base64"}
			}
			intake.Documents = append(intake.Documents, docket.DocumentInput{Kind: f.Kind, Name: f.Name, Body: body})
		}
		return h.shown(h.Docket.File(ctx, officer(ctx), intake))
	})
	huma.Register(a, huma.Operation{
		OperationID: "attach-filed", Method: http.MethodPost, Path: OfficerPath + "demands/{case}/documents", Summary: "Send a file to a demand: its bytes are the body",
		DefaultStatus: http.StatusCreated, RequestBody: streamBody("application/octet-stream"),
	}, func(ctx context.Context, in *struct {
		CasePath
		Kind  string `query:"kind" enum:"order,form,certificate,correspondence,other" required:"true"`
		Name  string `query:"name" required:"true" maxLength:"512"`
		Input stream
	}) (*output[FiledDemand], error) {
		id, err := in.filed()
		if err != nil {
			return nil, err
		}
		// Before its bytes are read: whose case it is.
		if _, err := h.Docket.FiledCase(ctx, officer(ctx), id); err != nil {
			return nil, filedProblem(err)
		}
		release, err := h.hold(ctx)
		if err != nil {
			return nil, problem(err)
		}
		defer release()
		body, err := io.ReadAll(io.LimitReader(in.Input.body, docket.MaxDocument+1))
		if err != nil {
			return nil, &Problem{Status: http.StatusRequestTimeout, Title: "Request Timeout", Detail: "the file did not arrive whole; nothing was kept"}
		}
		if len(body) > docket.MaxDocument {
			return nil, &Problem{
				Status: http.StatusRequestEntityTooLarge, Title: "Request Entity Too Large", Code: "too-large",
				Detail: fmt.Sprintf("the file has more than %d bytes; nothing was kept", docket.MaxDocument), Hint: "send it in parts",
			}
		}
		if _, err := h.Docket.AttachFiled(ctx, officer(ctx), id, docket.DocumentInput{Kind: in.Kind, Name: in.Name, Body: body}); err != nil {
			return nil, filedProblem(err)
		}
		return h.shown(h.Docket.FiledCase(ctx, officer(ctx), id))
	})
}

func (h officers) filed(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "filed-demands", Method: http.MethodGet, Path: OfficerPath + "demands", Summary: "The demands that your authority filed here, the newest first"},
		func(ctx context.Context, in *struct {
			After string `query:"after" maxLength:"32"`
			Limit int    `query:"limit" minimum:"0" maximum:"100" doc:"25 if it is not given"`
		}) (*output[FiledPage], error) {
			var after writ.CaseID
			if in.After != "" {
				var err error
				if after, err = (CasePath{in.After}).filed(); err != nil {
					return nil, err
				}
			}
			if in.Limit == 0 {
				in.Limit = 25
			}
			list, more, err := h.Docket.FiledCases(ctx, officer(ctx), after, in.Limit)
			if err != nil {
				return nil, filedProblem(err)
			}
			page := FiledPage{Demands: []FiledDemand{}}
			for _, c := range list {
				page.Demands = append(page.Demands, h.filedOf(c))
			}
			if more && len(list) > 0 {
				page.Next = list[len(list)-1].ID
			}
			return answer(page, nil)
		})
	huma.Register(a, huma.Operation{OperationID: "filed-demand", Method: http.MethodGet, Path: OfficerPath + "demands/{case}", Summary: "Where a demand stands"},
		func(ctx context.Context, in *CasePath) (*output[FiledDemand], error) {
			id, err := in.filed()
			if err != nil {
				return nil, err
			}
			return h.shown(h.Docket.FiledCase(ctx, officer(ctx), id))
		})
	huma.Register(a, huma.Operation{OperationID: "filed-document", Method: http.MethodGet, Path: OfficerPath + "demands/{case}/documents/{document}", Summary: "A file that you filed, or a letter to you"},
		func(ctx context.Context, in *DocumentPath) (*huma.StreamResponse, error) {
			id, err := in.filed()
			if err != nil {
				return nil, err
			}
			name, err := documentID(in.Document)
			if err != nil {
				return nil, noFiledDocument()
			}
			doc, body, err := h.Docket.ViewFiled(ctx, officer(ctx), id, name)
			if err != nil {
				return nil, filedProblem(err)
			}
			return raw(doc.Name, "application/octet-stream", io.NopCloser(bytes.NewReader(body))), nil
		})
}

// shown answers with a demand as its authority sees it.
func (h officers) shown(c *docket.Case, err error) (*output[FiledDemand], error) {
	if err != nil {
		return nil, filedProblem(err)
	}
	return answer(h.filedOf(c), nil)
}

// filed reads the number of a case. What is none, what is not there and what is
// another's get one answer.
func (p CasePath) filed() (writ.CaseID, error) {
	id, err := p.id()
	if err != nil {
		return "", noFiled()
	}
	return id, nil
}

func noFiled() *Problem {
	return &Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "no-demand", Detail: "your authority filed no such demand here", Hint: "writ demand list shows those that it filed"}
}

func noFiledDocument() *Problem {
	return &Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "no-document", Detail: "the demand has no such document for you", Hint: "writ demand show CASE lists the documents"}
}

// filedProblem is an error of the docket as an officer reads it: hints for staff
// are none for an officer.
func filedProblem(err error) *Problem {
	switch {
	case errors.Is(err, docket.ErrNoCase):
		return noFiled()
	case errors.Is(err, docket.ErrNoDocument):
		return noFiledDocument()
	}
	p := problem(err)
	if p.Status >= http.StatusInternalServerError {
		return &Problem{Status: p.Status, Title: p.Title, Code: p.Code, Detail: "this could not be done; try again, then ask the provider"}
	}
	p.Hint = ""
	return p
}
