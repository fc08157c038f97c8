package customer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/api/apitest"
	"writ/internal/console/consoletest"
	"writ/internal/console/customer"
	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/notice"
	"writ/internal/vault"
)

// account is the clinic's pages over a real office.
type account struct {
	*consoletest.Rig
	stale bool // the visitor was verified an hour ago
	as    func(fresh time.Time) *api.Own
	press vault.Session // another customer
}

func open(t *testing.T) *account {
	t.Helper()
	a := &account{}
	consoletest.New(t, func(r *consoletest.Rig) []page.Room {
		a.Rig = r
		mine := api.MineHandler(api.Mine{
			Vault: r.Vault, Gate: r.Gate, Docket: r.Docket, Notices: r.Notices, Version: "test", Now: r.Now,
			Server: func() api.Server { return api.Server{Endpoint: "https://s3.fjordhost.example", Region: "us-east-1"} },
			Bundle: func(_ context.Context, s vault.Session, after, from uint64) (func(io.Writer) error, error) {
				return func(w io.Writer) error { _, err := fmt.Fprintf(w, "bundle of %s\n", s.Customer); return err }, nil
			},
		})
		a.as = func(fresh time.Time) *api.Own {
			return api.OwnInProcess(mine, api.Owner{Customer: r.Owner.Customer, By: "console ines session TESTSESSION", Session: "TESTSESSION", Fresh: fresh, Addr: r.Owner.Addr})
		}
		return []page.Room{customer.Room(customer.Rooms{Own: func(v *page.Visit) *api.Own {
			if a.stale {
				return a.as(v.Visitor.Fresh.Add(-time.Hour))
			}
			return a.as(v.Visitor.Fresh)
		}})}
	})
	c, err := a.Vault.AddCustomer(a.Ctx, "tidewater-press")
	a.Must(err)
	a.press = vault.Session{Customer: c.ID, Credential: "WRITOTHERCREDENTIAL0", Addr: a.Owner.Addr}
	_, err = a.Vault.CreateBucket(a.Ctx, a.press, vault.BucketOptions{Name: "proofs"})
	a.Must(err)
	return a
}

// own asks as a user who was verified just now.
func (a *account) own() *api.Own { return a.as(a.Now()) }

// told brings a demand to where the clinic was told of it.
func (a *account) told(reference string) writ.CaseID {
	a.T.Helper()
	noor, mira := a.House.Desk("noor"), a.House.Desk("mira")
	d := a.EPOC(reference)
	d.Instrument, d.Channel, d.Issuer = "us.subpoena", "in-person", docket.Issuer{Name: "District Court of New Arden", Country: "US", Kind: "court"}
	d.Classes, d.Offence, d.Language = []writ.DataClass{writ.ClassSubscriber}, "", "en"
	c, err := noor.Receive(a.Ctx, api.DemandInput{Demand: d})
	a.Must(err)
	id := string(c.Case)
	_, err = noor.Attach(a.Ctx, id, "order", "subpoena.pdf", "", "", []byte("%PDF-1.7\n% a subpoena: "+reference))
	a.Must(err)
	for _, move := range []struct {
		name string
		in   any
	}{
		{"identify", api.IdentifyInput{Customer: "harbour-clinic", How: "by name"}},
		{"secrecy", api.SecrecyInput{Basis: writ.TellBefore, Window: "240h", Reason: "nothing forbids it"}},
		{"notify", api.NotifyInput{Kind: "before"}},
	} {
		_, err = mira.Move(a.Ctx, id, move.name, move.in)
		a.Must(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if told, err := a.Notices.WasTold(a.Ctx, a.Owner.Customer, c.Case); err == nil && told {
			return c.Case
		}
	}
	a.T.Fatal("the customer was not told")
	return ""
}

// opened brings a demand for content, of which the clinic is told before, to where
// its data are opened under a writ.
func (a *account) opened(reference string) writ.CaseID {
	a.T.Helper()
	noor, mira, theo := a.House.Desk("noor"), a.House.Desk("mira"), a.House.Desk("theo")
	d := a.EPOC(reference)
	d.Instrument, d.Channel, d.Issuer = "us.warrant", "in-person", docket.Issuer{Name: "District Court of New Arden", Country: "US", Kind: "court"}
	d.Language = "en"
	c, err := noor.Receive(a.Ctx, api.DemandInput{Demand: d})
	a.Must(err)
	id := string(c.Case)
	_, err = noor.Attach(a.Ctx, id, "order", "warrant.pdf", "", "", []byte("%PDF-1.7\n% a warrant: "+reference))
	a.Must(err)
	move := func(d *api.Desk, name string, in any) {
		a.T.Helper()
		var err error
		c, err = d.Move(a.Ctx, id, name, in)
		a.Must(err)
	}
	move(noor, "authenticate", api.AuthenticateInput{Means: "in-person", Note: "brought by an officer of the court", Genuine: true})
	move(noor, "preserve", api.PreserveInput{Customer: "harbour-clinic", Scope: apitest.Wards, Why: "18 U.S.C. 2703(f)"})
	move(mira, "identify", api.IdentifyInput{Customer: "harbour-clinic", How: "by name"})
	move(mira, "scope", api.ScopeInput{Scope: apitest.Wards})
	move(mira, "secrecy", api.SecrecyInput{Basis: writ.TellBefore, Window: "1h", Reason: "nothing forbids it"})
	move(mira, "notify", api.NotifyInput{Kind: "before"})
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		c, err = mira.Case(a.Ctx, id)
		a.Must(err)
		if !c.Notices[0].Accepted.IsZero() { // the case knows it: its time to object runs from here
			break
		}
	}
	a.Pass(2 * time.Hour)
	move(mira, "review", nil)
	var rules []string
	for _, f := range c.Findings {
		if f.Outcome != "pass" {
			rules = append(rules, f.Rule)
		}
	}
	if len(rules) > 0 {
		move(mira, "determine", api.ProposeInput{Rules: rules, Reason: "read and judged"})
		move(theo, "second", api.SecondInput{Proposal: c.Determinations[len(c.Determinations)-1].Number, Reason: "agreed"})
	}
	move(mira, "approve", api.ApproveInput{})
	move(mira, "draft", nil)
	for name, person := range map[string]writ.Person{"ada": "ada.okafor", "jun": "jun.park"} {
		sheet, err := a.House.Desk(name).ToSign(a.Ctx, id)
		a.Must(err)
		sig := a.Sign(person, sheet.Type, sheet.Payload)
		move(a.House.Desk(name), "sign", api.SignInput{Digest: sheet.Digest, Key: sig.KeyID, Sig: sig.Sig})
	}
	_, err = a.House.Desk("sam").Produce(a.Ctx, id, api.ProduceInput{Recipients: []string{a.Court.Recipient().String()}}, nil)
	a.Must(err)
	return writ.CaseID(id)
}

// receipts are what a notice brings when secrecy ends, one on each line.
const receipts = "{\"receipt\":1}\n{\"receipt\":2}\n"

// notify tells the clinic what others wrote, with receipts.
func (a *account) notify(id writ.CaseID) {
	a.T.Helper()
	a.Must(a.Notices.Add(a.Ctx, notice.Message{
		ID: "tests/" + string(id), Kind: notice.KindNotice, Case: id, Customer: a.Owner.Customer, Subject: hostile[0] + hostile[1], Text: strings.Join(hostile[:2], "\n") + "\nsigned: Tribunal de Valbrume\n",
		Attachments: []notice.Attachment{{Name: "receipts.jsonl", MIME: "application/jsonl", Body: []byte(receipts)}},
	}))
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if list, err := a.own().Proofs(a.Ctx); err == nil && len(list) > 0 {
			return
		}
	}
	a.T.Fatal("the receipts did not come")
}

// hostile are texts that others may write.
var hostile = []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "turned\u202e\u2066around", "bell\x07", "a b+c%2F&d=e"}

// dress makes everything there that a page may show.
func (a *account) dress() writ.CaseID {
	a.T.Helper()
	_, err := a.Vault.CreateBucket(a.Ctx, a.Owner, vault.BucketOptions{Name: "ward-eight", ObjectLock: true})
	a.Must(err)
	for _, text := range hostile {
		a.Put(writ.ObjectKey(text+"/letter"), "x")
		a.Put(writ.ObjectKey("odd/"+text), "x")
	}
	a.Put("letters/2026/calder", "dear calder")
	a.Put(writ.ObjectKey("letters/"+strings.Repeat("n", 1000)), "x")
	a.Put("letters/quince", "dear quince")
	got, err := a.Vault.Get(a.Ctx, a.Owner, vault.GetInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: "letters/quince"}})
	a.Must(err)
	got.Body.Close()
	id := a.told("26-SW-118")
	_, err = a.own().ObjectTo(a.Ctx, id, "It is not mine.\n"+strings.Join(hostile, "\n"), []api.ObjectionFile{{Name: "why.pdf", Body: []byte("%PDF-1.7")}})
	a.Must(err)
	a.notify(id)
	a.opened("26-SW-117") // at last: it lets time pass
	return id
}

// form is a form of fields and files, in their order, as a browser sends it.
func form(t *testing.T, parts ...[3]string) (media string, body *bytes.Buffer) {
	t.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for _, p := range parts {
		var to io.Writer
		var err error
		if p[1] == "" && p[0] != "file" {
			to, err = w.CreateFormField(p[0])
		} else {
			to, err = w.CreateFormFile(p[0], p[1])
		}
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(to, p[2])
	}
	w.Close()
	return w.FormDataContentType(), body
}
