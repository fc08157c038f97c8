package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/minio/minio-go/v7"

	"writ"
	"writ/internal/api"
	"writ/internal/bag"
	"writ/internal/docket"
	"writ/internal/policy"
)

// TestKillTheDocket kills the server at every move of a case, before, in or
// after it, and goes on: nothing that was answered is lost, no move happens
// twice, no statement is doubled, and the customer is told once.
func TestKillTheDocket(t *testing.T) {
	b := newBureau(run(t, "--ledger-interval", "1s"))
	cred := b.customer("harbour-clinic")
	client := b.client(cred, b.s3)
	b.bucket(client, "ward-seven")
	ctx := context.Background()
	const letter = "the fever is gone, she may go home on Friday"
	if _, err := client.PutObject(ctx, "ward-seven", "letters/calder", strings.NewReader(letter), int64(len(letter)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	court, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	scope := policy.Scope{Buckets: []policy.BucketScope{{Bucket: "ward-seven", Prefixes: []string{"letters/"}}}, Classes: []writ.DataClass{writ.ClassContent}}
	var id string
	received := time.Now().Add(-time.Minute).UTC()
	moves := []struct {
		who  string
		what docket.Kind // the event that shows that it happened
		do   func(d *api.Desk) error
	}{
		{"noor", docket.Received, func(d *api.Desk) error {
			c, err := d.Receive(ctx, api.DemandInput{Demand: docket.Demand{
				Reference: "7 Gs 412/26", Instrument: "eu.epoc", Issuer: docket.Issuer{Name: "Tribunal de Valbrume", Country: "FR", Kind: "court"},
				Channel: docket.NationalSystem, Received: received, Signed: received, Matter: "criminal", Classes: scope.Classes,
				Identifiers: []string{"harbour-clinic"}, Accounts: 1,
			}, Files: []api.File{{Kind: "order", Name: "epoc.pdf", Body: base64.StdEncoding.EncodeToString([]byte("%PDF-1.7 an order"))}}})
			if err == nil {
				id = string(c.Case)
			}
			return err
		}},
		{"noor", docket.Authenticated, func(d *api.Desk) error {
			_, err := d.Move(ctx, id, "authenticate", api.AuthenticateInput{Means: "national-system", Note: "verified", Genuine: true})
			return err
		}},
		{"noor", docket.Preserved, func(d *api.Desk) error {
			_, err := d.Move(ctx, id, "preserve", api.PreserveInput{Customer: "harbour-clinic", Scope: scope, Why: "Article 10(1)"})
			return err
		}},
		{"mira", docket.Identified, func(d *api.Desk) error {
			_, err := d.Move(ctx, id, "identify", api.IdentifyInput{Customer: "harbour-clinic", How: "by name"})
			return err
		}},
		{"mira", docket.Scoped, func(d *api.Desk) error {
			_, err := d.Move(ctx, id, "scope", api.ScopeInput{Scope: scope})
			return err
		}},
		{"mira", docket.SecrecyBased, func(d *api.Desk) error { _, err := d.Move(ctx, id, "secrecy", api.SecrecyInput{}); return err }},
		{"mira", docket.Reviewed, func(d *api.Desk) error { _, err := d.Move(ctx, id, "review", nil); return err }},
		{"mira", docket.Proposed, func(d *api.Desk) error {
			c, err := d.Case(ctx, id)
			if err != nil {
				return err
			}
			var rules []string
			for _, f := range c.Findings {
				if f.Outcome != "pass" {
					rules = append(rules, f.Rule)
				}
			}
			_, err = d.Move(ctx, id, "determine", api.ProposeInput{Rules: rules, Reason: "judged"})
			return err
		}},
		{"theo", docket.Seconded, func(d *api.Desk) error {
			c, err := d.Case(ctx, id)
			if err != nil {
				return err
			}
			_, err = d.Move(ctx, id, "second", api.SecondInput{Proposal: c.Determinations[0].Number})
			return err
		}},
		{"mira", docket.Approved, func(d *api.Desk) error { _, err := d.Move(ctx, id, "approve", api.ApproveInput{}); return err }},
		{"mira", docket.Drafted, func(d *api.Desk) error { _, err := d.Move(ctx, id, "draft", nil); return err }},
		{"ada", docket.Signed, func(d *api.Desk) error { return b.signCase(d, "ada", id) }},
		{"jun", docket.MintedWrit, func(d *api.Desk) error { return b.signCase(d, "jun", id) }},
		{"sam", docket.Produced, func(d *api.Desk) error {
			_, err := d.Produce(ctx, id, api.ProduceInput{Recipients: []string{court.Recipient().String()}}, nil)
			return err
		}},
		{"sam", docket.Delivered, func(d *api.Desk) error {
			_, err := d.Deliver(ctx, id, api.DeliverInput{Means: "national-system"})
			return err
		}},
		{"mira", docket.Closed, func(d *api.Desk) error {
			_, err := d.Move(ctx, id, "close", api.CloseInput{Affected: 1})
			return err
		}},
		{"mira", docket.SecrecyLifted, func(d *api.Desk) error {
			_, err := d.Move(ctx, id, "lift", api.ReasonInput{Reason: "released"})
			return err
		}},
	}
	kills := 0
	for _, m := range moves {
		for try := 0; ; try++ {
			if try > 20 {
				t.Fatalf("%s does not come to pass", m.what)
			}
			if id != "" && b.happened(id, m.what) > 0 {
				break
			}
			// Half of the time it dies somewhere in the move, half of the time
			// after its answer.
			during := mrand.IntN(2) == 0
			answered := make(chan error, 1)
			desk, done := b.desk(m.who)
			go func() { answered <- m.do(desk) }()
			if during {
				delay := time.Duration(mrand.IntN(12)) * time.Millisecond
				if m.what == docket.Produced { // waits for the log's batch
					delay = time.Duration(mrand.IntN(1500)) * time.Millisecond
				}
				time.Sleep(delay)
				b.kill()
				<-answered
			} else {
				err := <-answered
				var p *api.Problem
				if errors.As(err, &p) && p.Status == http.StatusConflict && id != "" {
					err = nil // it happened in the try before
				}
				if err != nil {
					t.Fatalf("%s: %v", m.what, err)
				}
				b.kill()
			}
			done()
			kills++
			b.start()
			if id == "" { // its answer was lost: look whether it is there
				id = b.only()
			}
		}
	}
	t.Logf("killed %d times in %d moves", kills, len(moves))
	for _, m := range moves {
		if n := b.happened(id, m.what); n != 1 && m.what != docket.Signed {
			t.Errorf("%s happened %d times", m.what, n)
		}
	}
	b.afterwards(id, court, letter)
}

// happened is how often something happened in a case.
func (b *bureau) happened(id string, what docket.Kind) (n int) {
	b.t.Helper()
	desk, done := b.desk("mira")
	defer done()
	events, err := desk.Events(context.Background(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == what {
			n++
		}
	}
	return n
}

// only is the one case that there is, "" if there is none.
func (b *bureau) only() string {
	b.t.Helper()
	desk, done := b.desk("mira")
	defer done()
	page, err := desk.Cases(context.Background(), api.ListInput{})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(page.Cases) == 0 {
		return ""
	}
	return string(page.Cases[0].Case)
}

// afterwards looks at what must be true in the end.
func (b *bureau) afterwards(id string, court *age.X25519Identity, letter string) {
	t, ctx := b.t, context.Background()
	t.Helper()
	identity, err := bag.ParseIdentity([]byte(court.String()))
	if err != nil {
		t.Fatal(err)
	}
	opened := filepath.Join(t.TempDir(), "opened")
	report, err := bag.Open(ctx, bag.OpenInput{Package: filepath.Join(b.data, "packages", id), Into: opened, Identity: identity})
	if err != nil || !report.Valid() {
		t.Fatalf("the package does not open: %v %+v", err, report)
	}
	found, err := filepath.Glob(filepath.Join(opened, "data", "ward-seven", "letters", "*calder*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the letter is not in the package: %v %v", found, err)
	}
	if body, err := os.ReadFile(found[0]); err != nil || !bytes.Equal(body, []byte(letter)) {
		t.Errorf("the package holds %q: %v", body, err)
	}
	olu, done := b.desk("olu")
	defer done()
	deadline := time.Now().Add(time.Minute)
	for {
		var inbox api.InboxPage
		if err := olu.Do(ctx, http.MethodGet, "customers/harbour-clinic/inbox", nil, &inbox); err != nil {
			t.Fatal(err)
		}
		if len(inbox.Items) == 1 {
			break
		}
		if len(inbox.Items) > 1 || time.Now().After(deadline) {
			t.Fatalf("the customer was told %d times", len(inbox.Items))
		}
		time.Sleep(50 * time.Millisecond)
	}
	mira, done := b.desk("mira")
	defer done()
	var v docket.Verified
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if err := mira.Do(ctx, http.MethodGet, "cases/"+id+"/verify", nil, &v); err != nil {
			t.Fatal(err)
		}
		if v.Waiting == 0 || time.Now().After(deadline) {
			break
		}
	}
	if len(v.Complaint) > 0 || v.Waiting > 0 || v.Proven != int(v.Events) {
		t.Errorf("the log does not have each event once: %+v", v)
	}
	revealed := 0
	for line := range strings.Lines(string(b.admin("journal", "show", "--customer", "harbour-clinic", "--json"))) {
		if strings.Contains(line, `"opened"`) {
			revealed++
		}
	}
	if revealed != 1 {
		t.Errorf("the journal shows %d openings, want 1: %s", revealed, fmt.Sprint(b.admin("journal", "show", "--customer", "harbour-clinic")))
	}
}
