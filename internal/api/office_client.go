package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"writ"
	"writ/internal/docket"
	"writ/internal/policy"
	"writ/internal/proof"
	"writ/internal/vault"
)

// Desk is the other side of the office: a person with an API token, over TLS or
// over the administration's socket.
type Desk struct {
	http  *http.Client
	base  string
	token string
	zone  atomic.Pointer[time.Location] // as the server's last answer said
}

// Zone is where the operator's deadlines are read, as the server says it; UTC
// before it has answered, or if this machine doesn't know the zone.
func (d *Desk) Zone() *time.Location {
	if zone := d.zone.Load(); zone != nil {
		return zone
	}
	return time.UTC
}

// At makes a desk over the connection of a client of the administration; token
// may be empty, for the operator's account.
func (c *Client) At(token string) *Desk {
	return &Desk{http: c.http, base: "http://writ", token: token}
}

// trusting is a transport that trusts the authorities in a PEM file, or the system's
// without one.
func trusting(cas []byte) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if cas == nil {
		return t, nil
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(cas) {
		return nil, errors.New("the file of authorities holds no certificate in PEM")
	}
	return t, nil
}

// Remote makes a desk at a server's web address. CAs, if not nil, are the
// authorities to trust, in PEM.
func Remote(server, token string, cas []byte) (*Desk, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("%q is not the address of a server (https://HOST:PORT)", server)
	}
	t, err := trusting(cas)
	if err != nil {
		return nil, err
	}
	h := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Desk{http: h, base: u.Scheme + "://" + u.Host, token: token}, nil
}

// send sends one request; an answer that is no success is its [Problem].
func (d *Desk) send(ctx context.Context, method, path, media string, body io.Reader) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", media)
	}
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	resp, err := d.http.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, fmt.Errorf("couldn't ask the server: %w", err)
	}
	if name := resp.Header.Get(zoneHeader); name != "" && len(name) <= 64 && name != "Local" {
		if zone, err := time.LoadLocation(name); err == nil {
			d.zone.Store(zone)
		}
	}
	if resp.StatusCode/100 == 2 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

// Do sends one request and decodes its answer into out, if that is not nil.
// Path is below /api/v1/.
func (d *Desk) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("couldn't write the request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	answer, err := d.send(ctx, method, OfficePath+"v1/"+path, "application/json", body)
	if err != nil {
		return err
	}
	defer answer.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(answer).Decode(out); err != nil {
		return fmt.Errorf("couldn't read the server's answer: %w", err)
	}
	return nil
}

func casePath(id string, rest string) string { return "cases/" + segment(id) + rest }

// Receive enters a demand.
func (d *Desk) Receive(ctx context.Context, in DemandInput) (c Case, err error) {
	err = d.Do(ctx, http.MethodPost, "cases", in, &c)
	return c, err
}

// Case returns a case.
func (d *Desk) Case(ctx context.Context, id string) (c Case, err error) {
	err = d.Do(ctx, http.MethodGet, casePath(id, ""), nil, &c)
	return c, err
}

// Events returns all that happened in a case.
func (d *Desk) Events(ctx context.Context, id string) (out []docket.Event, err error) {
	err = d.Do(ctx, http.MethodGet, casePath(id, "/events"), nil, &out)
	return out, err
}

// Move moves a case: name is the operation's, in its body.
func (d *Desk) Move(ctx context.Context, id, name string, in any) (c Case, err error) {
	if in == nil {
		in = struct{}{}
	}
	err = d.Do(ctx, http.MethodPost, casePath(id, "/"+name), in, &c)
	return c, err
}

// Cases returns a page of a list.
func (d *Desk) Cases(ctx context.Context, q ListInput) (p CasePage, err error) {
	v := url.Values{}
	text := func(name, s string) {
		if s != "" {
			v.Set(name, s)
		}
	}
	flag := func(name string, on bool) {
		if on {
			v.Set(name, "true")
		}
	}
	at := func(name string, t time.Time) {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339))
		}
	}
	text("stage", q.Stage)
	text("mark", q.Mark)
	text("instrument", q.Instrument)
	text("country", q.Country)
	text("authority", q.Authority)
	text("customer", q.Customer)
	text("waits", q.Waits)
	text("text", q.Text)
	text("after", q.After)
	text("order", q.Order)
	flag("open", q.Open)
	flag("late", q.Late)
	flag("silent", q.Silent)
	flag("mine", q.Mine)
	flag("newest", q.Newest)
	at("from", q.From)
	at("to", q.To)
	at("due_by", q.DueBy)
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	err = d.Do(ctx, http.MethodGet, "cases?"+v.Encode(), nil, &p)
	return p, err
}

// Board returns the docket at a glance.
func (d *Desk) Board(ctx context.Context, in BoardInput) (b Board, err error) {
	v := url.Values{"each": {strconv.Itoa(in.Each)}}
	if in.After != 0 {
		v.Set("after", strconv.FormatUint(in.After, 10))
		v.Set("wait", strconv.Itoa(in.Wait))
	}
	err = d.Do(ctx, http.MethodGet, "board?"+v.Encode(), nil, &b)
	return b, err
}

// Revision returns the docket's revision as soon as it is another than after, or
// after so many seconds.
func (d *Desk) Revision(ctx context.Context, after uint64, wait int) (uint64, error) {
	var r Revision
	v := url.Values{"after": {strconv.FormatUint(after, 10)}, "wait": {strconv.Itoa(wait)}}
	err := d.Do(ctx, http.MethodGet, "board/revision?"+v.Encode(), nil, &r)
	return r.Revision, err
}

// Attach adds a file to a case; system and note are an export's.
func (d *Desk) Attach(ctx context.Context, id, kind, name, system, note string, body []byte) (c Case, err error) {
	v := url.Values{"kind": {kind}, "name": {name}}
	if kind == "export" {
		v.Set("system", system)
		v.Set("note", note)
	}
	answer, err := d.send(ctx, http.MethodPost, OfficePath+"v1/"+casePath(id, "/documents?"+v.Encode()), "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		return c, err
	}
	defer answer.Close()
	if err := json.NewDecoder(answer).Decode(&c); err != nil {
		return c, fmt.Errorf("couldn't read the server's answer: %w", err)
	}
	return c, nil
}

// Document returns a document's bytes.
func (d *Desk) Document(ctx context.Context, id, document string) (io.ReadCloser, error) {
	return d.send(ctx, http.MethodGet, OfficePath+"v1/"+casePath(id, "/documents/"+segment(document)), "", nil)
}

// Package returns a file of a case's package.
func (d *Desk) Package(ctx context.Context, id, file string) (io.ReadCloser, error) {
	return d.send(ctx, http.MethodGet, OfficePath+"v1/"+casePath(id, "/package/"+segment(file)), "", nil)
}

// Produce opens and packs what the writ covers.
func (d *Desk) Produce(ctx context.Context, id string, in ProduceInput, progress func(Progress)) (c Case, err error) {
	text, err := json.Marshal(in)
	if err != nil {
		return c, fmt.Errorf("couldn't write the request: %w", err)
	}
	answer, err := d.send(ctx, http.MethodPost, OfficePath+"v1/"+casePath(id, "/produce"), "application/json", bytes.NewReader(text))
	if err != nil {
		return c, err
	}
	defer answer.Close()
	return c, follow(answer, &c, progress, nil)
}

// Deliver hands a package over.
func (d *Desk) Deliver(ctx context.Context, id string, in DeliverInput) (h Handed, err error) {
	err = d.Do(ctx, http.MethodPost, casePath(id, "/deliver"), in, &h)
	return h, err
}

// ToSign returns what custodians sign in a case.
func (d *Desk) ToSign(ctx context.Context, id string) (s ToSign, err error) {
	err = d.Do(ctx, http.MethodGet, casePath(id, "/writ"), nil, &s)
	return s, err
}

// Custodians returns who signs writs now.
func (d *Desk) Custodians(ctx context.Context) (s CustodianSet, err error) {
	err = d.Do(ctx, http.MethodGet, "custodians", nil, &s)
	return s, err
}

// Waiting returns a page of the writs that wait for custodians.
func (d *Desk) Waiting(ctx context.Context, q DeskInput) (p WaitingPage, err error) {
	err = d.Do(ctx, http.MethodGet, "custodians/waiting?"+q.query(), nil, &p)
	return p, err
}

// Signed returns a page of the cases in which the asking person signed or
// declined as a custodian.
func (d *Desk) Signed(ctx context.Context, q DeskInput) (p SignedPage, err error) {
	err = d.Do(ctx, http.MethodGet, "custodians/history?"+q.query(), nil, &p)
	return p, err
}

func (q DeskInput) query() string {
	v := url.Values{}
	if q.After != "" {
		v.Set("after", q.After)
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v.Encode()
}

// SetCustodians puts another set in force.
func (d *Desk) SetCustodians(ctx context.Context, envelope []byte) (s CustodianSet, err error) {
	err = d.Do(ctx, http.MethodPut, "custodians", map[string]json.RawMessage{"envelope": envelope}, &s)
	return s, err
}

// Identify says which customers an identifier may mean.
func (d *Desk) Identify(ctx context.Context, text string) (out []vault.Identified, err error) {
	err = d.Do(ctx, http.MethodGet, "identify?"+url.Values{"text": {text}}.Encode(), nil, &out)
	return out, err
}

// Locate counts what is in a scope.
func (d *Desk) Locate(ctx context.Context, customer string, s policy.Scope) (out vault.Located, err error) {
	err = d.Do(ctx, http.MethodPost, "locate", LocateInput{customer, s}, &out)
	return out, err
}

// Import enters demands from a file of the import format.
func (d *Desk) Import(ctx context.Context, r io.Reader) (out Imported, err error) {
	answer, err := d.send(ctx, http.MethodPost, OfficePath+"v1/import", "application/jsonl", r)
	if err != nil {
		return out, err
	}
	defer answer.Close()
	if err := json.NewDecoder(answer).Decode(&out); err != nil {
		return out, fmt.Errorf("couldn't read the server's answer: %w", err)
	}
	return out, nil
}

// reportQuery is a report's options as a query.
func reportQuery(in ReportInput) string {
	v := url.Values{}
	for name, s := range map[string]string{
		"from": in.From, "to": in.To, "layout": in.Layout, "format": in.Format, "table": in.Table, "by": in.By, "structure": in.Structure, "corrects": in.Corrects,
	} {
		if s != "" {
			v.Set(name, s)
		}
	}
	return v.Encode()
}

// Report returns a report as it is written.
func (d *Desk) Report(ctx context.Context, in ReportInput) (io.ReadCloser, error) {
	return d.send(ctx, http.MethodGet, OfficePath+"v1/report?"+reportQuery(in), "", nil)
}

// PublishReport puts a report's digest into the public log.
func (d *Desk) PublishReport(ctx context.Context, in ReportInput) (out proof.Report, err error) {
	err = d.Do(ctx, http.MethodPost, "report?"+reportQuery(in), nil, &out)
	return out, err
}

// Reconcile says what of a period does not add up.
func (d *Desk) Reconcile(ctx context.Context, in ReportInput) (out Reconciled, err error) {
	err = d.Do(ctx, http.MethodGet, "report/reconcile?"+reportQuery(in), nil, &out)
	return out, err
}

// PublishedReports returns the reports whose digests are in the public log.
func (d *Desk) PublishedReports(ctx context.Context) (out []PublishedReport, err error) {
	err = d.Do(ctx, http.MethodGet, "report/published", nil, &out)
	return out, err
}

// WriteLetter writes a letter of a case, or shows its draft.
func (d *Desk) WriteLetter(ctx context.Context, id string, in docket.LetterInput) (out docket.Letter, err error) {
	err = d.Do(ctx, http.MethodPost, casePath(id, "/letters"), in, &out)
	return out, err
}

// CaseOf finds the case that a text names, in whatever letters.
func CaseOf(text string) (writ.CaseID, error) { return writ.ParseCaseID(strings.ToUpper(text)) }
