package intake

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"writ/internal/api"
	"writ/internal/api/apitest"
	"writ/internal/console/consoletest"
	"writ/internal/console/page"
	"writ/internal/policy"
)

// hostile is what somebody writes who wants a page to do or show something else.
const hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202egnp.exe\u200b{{.}}"

func rig(t *testing.T) *consoletest.Rig {
	t.Helper()
	t.Parallel() // each has a house of its own
	return consoletest.New(t, func(r *consoletest.Rig) []page.Room { return []page.Room{Room(Rooms{Desk: r.Desk})} })
}

// chosen is a file of an upload.
type chosen struct{ field, name, body string }

// upload sends a form with files.
func send(r *consoletest.Rig, as, path string, form url.Values, files ...chosen) apitest.Reply {
	r.T.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, all := range form {
		for _, v := range all {
			r.Must(w.WriteField(name, v))
		}
	}
	for _, f := range files {
		h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, f.field, f.name)}, "Content-Type": {"application/pdf"}}
		part, err := w.CreatePart(h)
		r.Must(err)
		_, err = part.Write([]byte(f.body))
		r.Must(err)
	}
	r.Must(w.Close())
	return r.Upload(as, path, w.FormDataContentType(), &b)
}

// epoc is a form that is filled in as an order of the EU is.
func epoc(r *consoletest.Rig) url.Values {
	return url.Values{
		"issuer": {"Tribunal de Valbrume"}, "country": {"fr"}, "kind": {"court"}, "reference": {"2026/114"}, "signed": {"2026-11-20"}, "channel": {"national-system"},
		"received": {r.Now().In(berlin()).Add(-time.Minute).Format("2006-01-02T15:04:05")}, "zone": {"Europe/Berlin"}, "language": {"fr"},
		"identifiers": {"harbour-clinic\n\n ward-seven \n"}, "classes": {"content", "traffic"}, "matter": {"criminal"}, "offence": {"fraud"},
		"from": {"2026-01-01"}, "until": {"2026-03-31"}, "note": {"two lines\r\nof it"},
	}
}

func berlin() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}

// received begins a case of the customer's.
func received(r *consoletest.Rig, reference string) api.Case {
	r.T.Helper()
	c, err := r.House.Desk("noor").Receive(r.Ctx, api.DemandInput{Demand: r.EPOC(reference)})
	r.Must(err)
	return c
}

func identified(r *consoletest.Rig, c api.Case) {
	r.T.Helper()
	_, err := r.House.Desk("mira").Move(r.Ctx, string(c.Case), "identify", api.IdentifyInput{Customer: "harbour-clinic", How: "the account's name"})
	r.Must(err)
}

func caseNow(r *consoletest.Rig, id any) api.Case {
	r.T.Helper()
	c, err := r.House.Desk("mira").Case(context.Background(), fmt.Sprint(id))
	r.Must(err)
	return c
}

func added1(r *consoletest.Rig, name string) api.Authority {
	r.T.Helper()
	var a api.Authority
	r.Must(r.House.Desk("noor").Do(r.Ctx, "POST", "authorities", api.AuthorityInput{Name: name, Country: "DE", Kind: "court"}, &a))
	return a
}

// holds fails the test unless a page shows each text.
func shows(t *testing.T, what string, got apitest.Reply, status int, texts ...string) {
	t.Helper()
	if got.Status != status {
		t.Errorf("%s: status %d, want %d: %s", what, got.Status, status, excerpt(got.Body))
		return
	}
	for _, text := range texts {
		if !strings.Contains(got.Body, text) {
			t.Errorf("%s does not show %q: %s", what, text, excerpt(got.Body))
		}
	}
}

func excerpt(body string) string {
	_, main, found := strings.Cut(body, "<main")
	if !found {
		main = body
	}
	return main[:min(len(main), 1500)]
}

// unharmed fails the test if a page took a text for its own code.
func unharmed(t *testing.T, what, body string) {
	t.Helper()
	for _, bad := range []string{"<script>alert", "<img src=x", "\u202e", "\u200b", "ZgotmplZ"} {
		if strings.Contains(body, bad) {
			t.Errorf("%s lets %q through", what, bad)
		}
	}
}

var wards = policy.Scope{Buckets: apitest.Wards.Buckets, Classes: apitest.Wards.Classes}

func itoa(n int) string { return fmt.Sprint(n) }
