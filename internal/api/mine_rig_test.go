package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/vault"
)

// accounts are two customers of one office, each with a bucket, and the handler
// that serves both.
type accounts struct {
	*house
	mine  http.Handler
	press vault.Session // another customer
}

const byKey = "credential WRITTESTCREDENTIAL00"

func newAccounts(t *testing.T) *accounts {
	t.Helper()
	a := &accounts{house: newHouse(t)}
	a.mine = api.MineHandler(api.Mine{
		Vault: a.Vault, Gate: a.Gate, Docket: a.Docket, Notices: a.Notices, Version: "test", Now: a.Now,
		Server: func() api.Server { return api.Server{Endpoint: "https://s3.fjordhost.example", Region: "us-east-1"} },
		Bundle: func(_ context.Context, s vault.Session, after, from uint64) (func(io.Writer) error, error) {
			if after == 99 {
				return nil, api.ErrNotKept
			}
			return func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s %s %d %d\n", s.Customer, s.Credential, after, from)
				return err
			}, nil
		},
	})
	c, err := a.Vault.AddCustomer(a.Ctx, "tidewater-press")
	a.Must(err)
	a.press = vault.Session{Customer: c.ID, Credential: "WRITOTHERCREDENTIAL0", Addr: netip.MustParseAddr("192.0.2.8")}
	_, err = a.Vault.CreateBucket(a.Ctx, a.press, vault.BucketOptions{Name: "proofs"})
	a.Must(err)
	return a
}

// key is the clinic by one of its credentials.
func (a *accounts) key() api.Owner {
	return api.Owner{Customer: a.Owner.Customer, By: byKey, Addr: netip.MustParseAddr("192.0.2.7"), Request: "r1"}
}

// user is the clinic by a user of the console who was verified so long ago.
func (a *accounts) user(ago time.Duration) api.Owner {
	return api.Owner{Customer: a.Owner.Customer, By: "console ines session s-1", Session: "s-1", Fresh: a.Now().Add(-ago)}
}

func (a *accounts) own(o api.Owner) *api.Own { return api.OwnInProcess(a.mine, o) }

// raw asks the handler for what the client would not, and reads the answer.
func (a *accounts) raw(o *api.Owner, method, target, media, body string) (status int, text string) {
	a.T.Helper()
	r, err := http.NewRequestWithContext(a.Ctx, method, "http://writ"+target, strings.NewReader(body))
	a.Must(err)
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	if o != nil {
		r = r.WithContext(api.AsOwner(r.Context(), *o))
	}
	resp, err := api.Direct{Handler: a.mine}.RoundTrip(r)
	a.Must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	a.Must(err)
	if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
		a.T.Errorf("%s %s: %d is no problem but %s", method, target, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return resp.StatusCode, string(b)
}

// operations reads the description.
func (a *accounts) operations() (all []operation) {
	a.T.Helper()
	o := a.key()
	status, text := a.raw(&o, "GET", "/v1/my/openapi.json", "", "")
	var d struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string
			Description string
		}
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil || status != 200 || !strings.HasPrefix(d.OpenAPI, "3.1") {
		a.T.Fatalf("the description: %d %v", status, err)
	}
	for path, methods := range d.Paths {
		for method, op := range methods {
			all = append(all, operation{ID: op.OperationID, Method: strings.ToUpper(method), Path: path, Summary: op.Summary, Description: op.Description})
		}
	}
	return all
}

// tried sends an operation's request with nothing in it.
func (a *accounts) tried(o *api.Owner, op operation) (int, string) {
	a.T.Helper()
	path := strings.NewReplacer("{bucket}", "no-such-bucket", "{case}", "2026-0000-0000", "{credential}", "WRIT0000000000000000").Replace(op.Path)
	switch op.ID {
	case "my-versions", "my-object", "my-download", "my-upload", "my-delete":
		path += "?key=letters%2Fcalder"
	case "my-notice":
		path += "?id=nothing"
	case "my-notice-file":
		path += "?id=nothing&name=demand.pdf"
	}
	body, media := "", ""
	switch op.ID {
	case "my-set-contacts":
		body, media = `{"contacts":[{"kind":"inbox"}]}`, "application/json"
	case "my-upload":
		body, media = "text", "text/plain"
	case "my-object-to":
		body, media = "--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nNot so.\r\n--x--\r\n", "multipart/form-data; boundary=x"
	}
	return a.raw(o, op.Method, path, media, body)
}

// told brings a demand to where the clinic was told of it.
func (a *accounts) told(reference string) writ.CaseID {
	a.T.Helper()
	noor, mira := a.Desk("noor"), a.Desk("mira")
	d := a.EPOC(reference)
	d.Instrument, d.Channel, d.Issuer = "us.subpoena", "in-person", docket.Issuer{Name: "District Court of New Arden", Country: "US", Kind: "court"}
	d.Classes, d.Offence, d.Language = []writ.DataClass{writ.ClassSubscriber}, "", "en"
	c, err := noor.Receive(a.Ctx, api.DemandInput{Demand: d})
	a.Must(err)
	id := string(c.Case)
	_, err = noor.Attach(a.Ctx, id, "order", "subpoena.pdf", "", "", []byte("%PDF-1.7\n% a subpoena: "+reference))
	a.Must(err)
	for name, in := range map[string]any{"identify": api.IdentifyInput{Customer: "harbour-clinic", How: "by name"}} {
		_, err = mira.Move(a.Ctx, id, name, in)
		a.Must(err)
	}
	_, err = mira.Move(a.Ctx, id, "secrecy", api.SecrecyInput{Basis: writ.TellBefore, Window: "240h", Reason: "nothing forbids it"})
	a.Must(err)
	_, err = mira.Move(a.Ctx, id, "notify", api.NotifyInput{Kind: "before"})
	a.Must(err)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if told, err := a.Notices.WasTold(a.Ctx, a.Owner.Customer, c.Case); err == nil && told {
			return c.Case
		}
	}
	a.T.Fatal("the customer was not told")
	return ""
}
