package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/docket"
	"writ/internal/notice"
)

// MyDemand is a demand that the customer was told of: what its notices say, and
// what the customer said to it. How the case stands is not in it, for a case may
// become secret after it was told.
type MyDemand struct {
	Case       writ.CaseID   `json:"case"`
	First      time.Time     `json:"first" doc:"when you were told first"`
	Subject    string        `json:"subject,omitempty" doc:"of the newest notice"`
	Notices    []MyNotice    `json:"notices,omitempty" doc:"of one demand, not in lists"`
	Count      int           `json:"count" doc:"of its notices"`
	Objections []MyObjection `json:"objections,omitempty" doc:"of one demand, not in lists"`
}

// MyObjection is what the customer said against a demand.
type MyObjection struct {
	Number int       `json:"number" doc:"counted from 1, of yours to this demand"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Text   string    `json:"text"`
	Files  int       `json:"files"`
}

// myObjection shows the nth objection. Its number in the case is not told: it counts
// what happened there, which may be secret by now.
func myObjection(o docket.Objection, n int) MyObjection {
	return MyObjection{Number: n, At: o.At, By: o.By, Text: o.Text, Files: len(o.Documents)}
}

func (h mine) demands(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "my-demands", Method: http.MethodGet, Path: "/v1/my/demands", Summary: "The demands that you were told of, oldest first"},
		func(ctx context.Context, _ *none) (*output[[]MyDemand], error) {
			all, err := h.everythingTold(ctx)
			return own(h, ctx, demandsOf(all), err)
		})
	huma.Register(a, huma.Operation{OperationID: "my-demand", Method: http.MethodGet, Path: "/v1/my/demands/{case}", Summary: "A demand that you were told of: its notices, and what you said to it"},
		func(ctx context.Context, in *CasePath) (*output[MyDemand], error) {
			body, err := h.demand(ctx, in)
			return own(h, ctx, body, err)
		})
	huma.Register(a, huma.Operation{
		OperationID: "my-object-to", Method: http.MethodPost, Path: "/v1/my/demands/{case}/objections", Summary: "Object to a demand that you were told of",
		Description: "The body is multipart/form-data: a field text of up to 20,000 characters, and up to five files of 8 MiB each in fields named file. " +
			"It goes into the case, where counsel sees it. It stops no deadline, and is no appeal to a court.",
		DefaultStatus: http.StatusCreated, RequestBody: streamBody("multipart/form-data"), MaxBodyBytes: maxObjectionBody,
	}, func(ctx context.Context, in *struct {
		CasePath
		ContentType string `header:"Content-Type"`
		Input       stream
	}) (*output[MyObjection], error) {
		id, err := in.told()
		if err != nil {
			return nil, h.fail(ctx, err)
		}
		give, err := h.objecting.take(ctx)
		if err != nil {
			return nil, err
		}
		defer give()
		o := ownerOf(ctx)
		objection := docket.ObjectionInput{Customer: o.Customer, By: o.By}
		if err := readObjection(&objection, in.ContentType, in.Input.body); err != nil {
			return nil, err
		}
		made, err := h.Docket.Object(ctx, id, objection)
		if err != nil {
			return own(h, ctx, MyObjection{}, err)
		}
		said, err := h.Docket.ObjectionsOf(ctx, o.Customer, id)
		n := slices.IndexFunc(said, func(one docket.Objection) bool { return one.Number == made.Number })
		return own(h, ctx, myObjection(made, n+1), err)
	})
}

// told is the case that a path names. Whether there is none or none that was
// told is one answer.
func (p CasePath) told() (writ.CaseID, error) {
	id, err := writ.ParseCaseID(strings.ToUpper(p.Case))
	if err != nil {
		return "", docket.ErrUntold
	}
	return id, nil
}

func demandsOf(all []notice.Told) []MyDemand {
	out := []MyDemand{}
	at := map[writ.CaseID]int{}
	for _, t := range all {
		if t.Case == "" {
			continue
		}
		i, known := at[t.Case]
		if !known {
			i = len(out)
			at[t.Case] = i
			out = append(out, MyDemand{Case: t.Case, First: t.At})
		}
		d := &out[i]
		d.Notices, d.Count = append(d.Notices, myNotice(t)), d.Count+1
		if t.At.Before(d.First) {
			d.First = t.At
		}
		if t.Subject != "" {
			d.Subject = t.Subject
		}
	}
	return out
}

func (h mine) demand(ctx context.Context, in *CasePath) (MyDemand, error) {
	id, err := in.told()
	if err != nil {
		return MyDemand{}, err
	}
	all, err := h.everythingTold(ctx)
	if err != nil {
		return MyDemand{}, err
	}
	for _, d := range demandsOf(all) {
		if d.Case != id {
			continue
		}
		said, err := h.Docket.ObjectionsOf(ctx, ownerOf(ctx).Customer, id)
		for i, o := range said {
			d.Objections = append(d.Objections, myObjection(o, i+1))
		}
		return d, err
	}
	return MyDemand{}, docket.ErrUntold
}

const (
	maxObjectionText = 4 * docket.MaxObjection // bytes
	maxObjectionBody = docket.MaxObjectionFiles*docket.MaxObjectionFile + 1<<20
)

func badObjection(code, detail, hint string) *Problem {
	return &Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Code: code, Detail: detail, Hint: hint}
}

// readObjection reads a form into memory: nothing of it touches the disk in
// plain. The body is read to its end, which is where its signed hash is checked.
func readObjection(to *docket.ObjectionInput, contentType string, body io.Reader) error {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		return badObjection("form", "the objection is no form", "send multipart/form-data with a field text, and files in fields named file")
	}
	cut := &Problem{Status: http.StatusBadRequest, Title: "Bad Request", Code: "incomplete", Detail: "the objection did not arrive whole; nothing was kept", Hint: "send it again"}
	end := &tail{r: io.LimitReader(body, maxObjectionBody), most: len(params["boundary"]) + 8}
	form := multipart.NewReader(end, params["boundary"])
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return cut
		}
		most := int64(docket.MaxObjectionFile)
		if part.FormName() == "text" {
			most = maxObjectionText
		}
		b, err := io.ReadAll(io.LimitReader(part, most+1))
		switch {
		case err != nil:
			return cut
		case part.FormName() == "text" && to.Text != "":
			return badObjection("form", "the objection has two texts", "send one")
		case part.FormName() == "text" && int64(len(b)) > most:
			return badObjection("bounds", "the objection has more than 20,000 characters", "put the rest into a file")
		case part.FormName() == "text":
			to.Text = strings.ReplaceAll(string(b), "\r\n", "\n")
		case part.FormName() != "file":
			return badObjection("form", "the objection has a field that is neither text nor file", "send a field text, and files in fields named file")
		case len(b) == 0 && part.FileName() == "": // what a browser sends for no file
		case len(to.Files) == docket.MaxObjectionFiles:
			return badObjection("bounds", "more than five files go with the objection", "send the others with another objection")
		case int64(len(b)) > most:
			return badObjection("bounds", "a file of the objection has more than 8 MiB", "send less, or in parts")
		default:
			to.Files = append(to.Files, docket.DocumentInput{Name: part.FileName(), Body: b})
		}
	}
	if _, err := io.Copy(io.Discard, end); err != nil || !bytes.Contains(end.last, []byte("--"+params["boundary"]+"--")) {
		return cut
	}
	return nil
}

// tail keeps the last bytes that were read. The reader of forms takes a body that
// ends behind any boundary for a whole one.
type tail struct {
	r    io.Reader
	most int
	last []byte
}

func (t *tail) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.last = append(t.last, p[max(0, n-t.most):n]...)
	t.last = t.last[max(0, len(t.last)-t.most):]
	return n, err
}
