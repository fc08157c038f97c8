package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// OfficerDesk is the other side of [OfficerHandler]: an officer in this process,
// or an authority's machine with a client certificate.
type OfficerDesk struct{ desk *Desk }

// OfficerWithin asks a handler of this process; who asks is in each call's context
// ([AsOfficer]).
func OfficerWithin(h http.Handler) *OfficerDesk { return &OfficerDesk{Within(h)} }

// OfficerRemote asks a server at the address of its listener for deliveries. CAs,
// if not nil, are the authorities to trust, in PEM.
func OfficerRemote(server string, certificate tls.Certificate, cas []byte) (*OfficerDesk, error) {
	d, err := Remote(server, "", cas)
	if err != nil {
		return nil, err
	}
	t, ok := d.http.Transport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("couldn't show a certificate to %q", server)
	}
	t.TLSClientConfig.Certificates = []tls.Certificate{certificate}
	return &OfficerDesk{d}, nil
}

func (d *OfficerDesk) ask(ctx context.Context, method, path, media string, body io.Reader, out any) error {
	answer, err := d.desk.send(ctx, method, OfficerPath+path, media, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	if err := json.NewDecoder(answer).Decode(out); err != nil {
		return fmt.Errorf("couldn't read the server's answer: %w", err)
	}
	return nil
}

// Me says who asks.
func (d *OfficerDesk) Me(ctx context.Context) (out OfficerState, err error) {
	return out, d.ask(ctx, http.MethodGet, "me", "", nil, &out)
}

// Instruments are the kinds of demands that are taken.
func (d *OfficerDesk) Instruments(ctx context.Context) (out []OfficerInstrument, err error) {
	return out, d.ask(ctx, http.MethodGet, "instruments", "", nil, &out)
}

// Demands are those that the authority filed.
func (d *OfficerDesk) Demands(ctx context.Context, after string, limit int) (out FiledPage, err error) {
	q := url.Values{}
	if after != "" {
		q.Set("after", after)
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return out, d.ask(ctx, http.MethodGet, "demands?"+q.Encode(), "", nil, &out)
}

// Demand is one of them.
func (d *OfficerDesk) Demand(ctx context.Context, id string) (out FiledDemand, err error) {
	return out, d.ask(ctx, http.MethodGet, "demands/"+segment(id), "", nil, &out)
}

// Enclosure is a file that goes with a demand.
type Enclosure struct {
	Kind, Name string
	Body       []byte
}

// filedAtOnce is how many bytes of files go with a demand in one request.
const filedAtOnce = 8 << 20

// File files a demand. Files that are too large to go with it are attached after
// it: an error with a case says that the demand is there without them.
func (d *OfficerDesk) File(ctx context.Context, in FileInput, files []Enclosure) (out FiledDemand, err error) {
	var body struct {
		FileInput
		Files []File `json:"files,omitempty"`
	}
	body.FileInput = in
	var later []Enclosure
	room := filedAtOnce
	for _, f := range files {
		if len(f.Body) > room {
			later = append(later, f)
			continue
		}
		room -= len(f.Body)
		body.Files = append(body.Files, File{Kind: f.Kind, Name: f.Name, Body: base64.StdEncoding.EncodeToString(f.Body)})
	}
	text, err := json.Marshal(body)
	if err != nil {
		return out, fmt.Errorf("couldn't write the request: %w", err)
	}
	if err := d.ask(ctx, http.MethodPost, "demands", "application/json", bytes.NewReader(text), &out); err != nil {
		return FiledDemand{}, err
	}
	for _, f := range later {
		after, err := d.Attach(ctx, string(out.Case), f)
		if err != nil {
			return out, err
		}
		out = after
	}
	return out, nil
}

// Attach sends a file to a demand.
func (d *OfficerDesk) Attach(ctx context.Context, id string, f Enclosure) (out FiledDemand, err error) {
	q := url.Values{"kind": {f.Kind}, "name": {f.Name}}
	return out, d.ask(ctx, http.MethodPost, "demands/"+segment(id)+"/documents?"+q.Encode(), "application/octet-stream", bytes.NewReader(f.Body), &out)
}

// Document is a file that was filed, or a letter.
func (d *OfficerDesk) Document(ctx context.Context, id, document string) (io.ReadCloser, error) {
	return d.desk.send(ctx, http.MethodGet, OfficerPath+"demands/"+segment(id)+"/documents/"+segment(document), "", nil)
}
