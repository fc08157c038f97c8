package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
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

// DeliveryPath is where authorities fetch packages.
const DeliveryPath = "/delivery/"

// DeliveryHandler serves packages to whom they are for: by a one-time code
// (Authorization: Bearer CODE) or by a client's certificate that the
// connection has proven. Every refusal is the same answer.
//
//	GET  /delivery/CASE          what there is, as JSON
//	GET  /delivery/CASE/FILE     a file, with ranges
//	POST /delivery/CASE/receipt  the collector's word that it has the package
func DeliveryHandler(d *docket.Docket) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+DeliveryPath+"{case}", func(w http.ResponseWriter, r *http.Request) { offered(d, w, r) })
	mux.HandleFunc("GET "+DeliveryPath+"{case}/{file}", func(w http.ResponseWriter, r *http.Request) { fetched(d, w, r) })
	mux.HandleFunc("POST "+DeliveryPath+"{case}/receipt", func(w http.ResponseWriter, r *http.Request) { collected(d, w, r) })
	return patient(mux)
}

// collector is who asks, by what it shows.
func collector(r *http.Request) docket.Collector {
	who := docket.Collector{Addr: remote(r).String()}
	if code, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		who.Code = code
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		who.Certificate = certificateDigest(r.TLS.PeerCertificates[0])
	}
	return who
}

func noDelivery(w http.ResponseWriter) {
	refuse(w, &Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "no-delivery", Detail: "there is no such delivery for you, or its time is over"})
}

func offered(d *docket.Docket, w http.ResponseWriter, r *http.Request) {
	id, err := writ.ParseCaseID(r.PathValue("case"))
	if err != nil {
		noDelivery(w)
		return
	}
	p, times, until, err := d.Volumes(r.Context(), id, collector(r))
	if err != nil {
		noDelivery(w)
		return
	}
	writeAnswer(w, struct {
		Files []docket.ProducedVolume `json:"files"`
		Times int                     `json:"times" doc:"how often each may be fetched in all"`
		Until time.Time               `json:"until"`
	}{p.Volumes, times, until})
}

func fetched(d *docket.Docket, w http.ResponseWriter, r *http.Request) {
	name, who := r.PathValue("file"), collector(r)
	id, err := writ.ParseCaseID(r.PathValue("case"))
	if err != nil {
		noDelivery(w)
		return
	}
	p, _, _, err := d.Volumes(r.Context(), id, who)
	if err != nil {
		noDelivery(w)
		return
	}
	wanted := ranged(r, tag(p.Volumes, name), w.Header())
	f, err := d.Fetch(r.Context(), id, who, name, func(size int64) (int64, error) { return asked(r.Method, wanted, size) })
	if err != nil {
		if !errors.Is(err, docket.ErrDelivery) {
			refuse(w, &Problem{Status: http.StatusInternalServerError, Title: "Internal Server Error", Detail: "the package cannot be read; ask the provider"})
			return
		}
		noDelivery(w)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", attachment(name))
	http.ServeContent(w, r, "", time.Time{}, f)
}

// tag is the entity tag of a volume, so that a download that was cut off can go
// on; "" for the files that describe the package.
func tag(volumes []docket.ProducedVolume, name string) string {
	for _, v := range volumes {
		if v.Name == name {
			return `"` + v.SHA256 + `"`
		}
	}
	return ""
}

// ranged is the range that a request is for, "" for all of the file. What is
// counted must be what is given: a condition that net/http would judge after
// the counting (If-Range with another tag makes it send everything) is judged
// here, and the headers of the request are made to say the same.
func ranged(r *http.Request, tag string, answer http.Header) string {
	if tag != "" {
		answer.Set("ETag", tag)
	}
	if when := r.Header.Get("If-Range"); when != "" && when != tag {
		r.Header.Del("Range")
	}
	r.Header.Del("If-Range")
	return r.Header.Get("Range")
}

// asked is how many bytes a request is for: of one range at most (RFC 9110,
// section 14). Several at once are no way to fetch a package. Who asks for the
// headers alone gets no bytes.
func asked(method, header string, size int64) (int64, error) {
	if method == http.MethodHead {
		return 0, nil
	}
	if header == "" {
		return size, nil
	}
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, found := strings.Cut(spec, "-")
	if !ok || !found || strings.Contains(spec, ",") {
		return 0, docket.ErrDelivery
	}
	if from == "" { // the last so many
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < 0 {
			return 0, docket.ErrDelivery
		}
		return min(n, size), nil
	}
	first, err := strconv.ParseInt(from, 10, 64)
	if err != nil || first < 0 || first > size {
		return 0, docket.ErrDelivery
	}
	last := size - 1
	if to != "" {
		if last, err = strconv.ParseInt(to, 10, 64); err != nil || last < first {
			return 0, docket.ErrDelivery
		}
	}
	return min(last, size-1) - first + 1, nil
}

func collected(d *docket.Docket, w http.ResponseWriter, r *http.Request) {
	id, err := writ.ParseCaseID(r.PathValue("case"))
	if err != nil {
		noDelivery(w)
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4096))
	if err == nil {
		err = d.Receipt(r.Context(), id, collector(r), string(text))
	}
	if err != nil {
		noDelivery(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
