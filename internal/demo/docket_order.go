package demo

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"writ"
	"writ/internal/api"
	"writ/internal/docket"
	"writ/internal/policy"
	"writ/internal/printable"
)

// letters is the scope that the court's order is about: what lay there when it
// came.
func (s *story) letters(until time.Time) policy.Scope {
	return policy.Scope{
		Buckets: []policy.BucketScope{{Bucket: writ.BucketName(s.clinic.bucket), Prefixes: []string{"letters/"}}},
		Until:   until, Classes: []writ.DataClass{writ.ClassContent},
	}
}

// reference is the court's number of the order.
const reference = "7 Gs 412/26"

// file is a file that comes with a demand.
func file(kind, name string, body []byte) api.File {
	return api.File{Kind: kind, Name: name, Body: base64.StdEncoding.EncodeToString(body)}
}

// order is an EPOC for content as it comes in, and what the customer notices of
// it: nothing.
func (s *story) order(ctx context.Context) (err error) {
	if s.before, err = s.admin.Ledger(ctx); err != nil {
		return fmt.Errorf("couldn't look at the log: %w", err)
	}
	received := time.Now().Add(-40 * time.Minute).Truncate(time.Second)
	c, err := s.desk("noor").Receive(ctx, api.DemandInput{
		Demand: docket.Demand{
			Reference: reference, Instrument: "eu.epoc", Issuer: tribunal, Channel: docket.NationalSystem,
			Received: received, Signed: received.Add(-26 * time.Hour), Matter: "criminal", Offence: "fraud in an organised group",
			Classes: []writ.DataClass{writ.ClassContent}, Identifiers: []string{s.clinic.name + ", letters of ward seven"}, Accounts: 1, Language: "fr",
		},
		Files: []api.File{
			file("form", "epoc-7-gs-412-26.xml", []byte(`<?xml version="1.0" encoding="UTF-8"?><epoc reference="7 Gs 412/26" class="content"/>`)),
			file("order", "epoc-7-gs-412-26.pdf", paper("Tribunal de Valbrume", "European Production Order Certificate, 7 Gs 412/26", "The letters of ward seven that harbour-clinic keeps are to be produced.")),
		},
	})
	if err != nil {
		return fmt.Errorf("couldn't enter the demand: %w", err)
	}
	s.secret, s.scope = c.Case, s.letters(time.Now().UTC())
	if c, err = s.moves(ctx, s.secret,
		step{"noor", "authenticate", api.AuthenticateInput{Means: "national-system", Note: "the system verified seal and sender", Genuine: true}},
		step{"noor", "preserve", api.PreserveInput{Customer: s.clinic.name, Scope: s.scope, Why: "Article 10(1): from receipt on"}},
	); err != nil {
		return err
	}
	if !c.Preserved {
		return errors.New("the demand's data are not preserved")
	}
	s.say("An order comes through the national system: an EPOC for content, from the Tribunal de Valbrume (FR)",
		fmt.Sprintf("case         %s, theirs is %s; the form (PDF, XML) is attached, sealed under the docket's own key", c.Case, reference),
		"received     "+s.when(c.Received)+", as that system says: its time starts the clock",
		"clock        "+s.deadline(c),
		"preserved    at once, by Article 10(1): what lies under ward-seven/letters/ is kept, and nobody has seen it",
		"waits for    "+waitsFor(c),
	)
	return s.deletes(ctx)
}

// deletes is the customer, who deletes what is preserved.
func (s *story) deletes(ctx context.Context) error {
	letter := s.kept[0]
	if err := s.clinic.s3.RemoveObject(ctx, s.clinic.bucket, letter.key, minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("couldn't delete the letter: %w", err)
	}
	_, _, gone := s.clinic.get(ctx, s.clinic.bucket, letter.key)
	if minio.ToErrorResponse(gone).Code != "NoSuchKey" {
		return fmt.Errorf("a deleted letter is not gone for the customer: %w", gone)
	}
	for o := range s.clinic.s3.ListObjects(ctx, s.clinic.bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if o.Err != nil || o.Key == letter.key {
			return fmt.Errorf("a deleted letter is still in the customer's list: %w", o.Err)
		}
	}
	if err := s.unaware(ctx); err != nil {
		return err
	}
	s.say("", "then harbour-clinic, who knows nothing of it, deletes "+letter.key+": the delete succeeds",
		"   GET now   "+s3Error(gone),
		"   its list, its journal and its inbox show no trace of a case; the sealed bytes and their key stay")
	return nil
}

// unaware checks that nothing which the customer can see shows the secret case.
func (s *story) unaware(ctx context.Context) error {
	_, err := s.admin.Journal(ctx, s.clinic.name, api.JournalQuery{}, func(e api.Entry) error {
		if e.Reason == writ.ReasonWrit || strings.Contains(e.Principal+e.Request, string(s.secret)) {
			return errors.New("the customer's journal shows a case under secrecy")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't read the journal: %w", err)
	}
	inbox, err := s.inbox(ctx)
	if err == nil && len(inbox) > 0 {
		err = errors.New("the customer was told of a case under secrecy")
	}
	return err
}

// shown are the findings that the demo prints, of all that there are.
var shown = []string{"eu.cross-border", "eu.notification", "eu.threshold", "eu.controller"}

// judge is counsel's part: whose, which, told or not; what law says of it; and
// what two persons determine where law leaves it to them.
func (s *story) judge(ctx context.Context) error {
	c, err := s.moves(ctx, s.secret,
		step{"mira", "identify", api.IdentifyInput{Customer: s.clinic.name, How: "the order names the account"}},
		step{"mira", "scope", api.ScopeInput{Scope: s.scope}},
		step{"mira", "secrecy", api.SecrecyInput{Basis: writ.Statutory, Reason: "Article 13: the addressee keeps the order confidential"}},
	)
	if err != nil {
		return err
	}
	facts := map[string]string{}
	for _, q := range c.Questions {
		facts[q.ID] = "yes"
	}
	facts["eu.notified"], facts["eu.controller"] = "no", "no"
	if c, err = s.moves(ctx, s.secret, step{"mira", "facts", api.FactsInput{Facts: facts}}, step{"mira", "review", nil}); err != nil {
		return err
	}
	s.say("Counsel reviews it: what law says, with article, and how sure the software is of it", s.findings(c)...)
	return s.determine(ctx, c)
}

// findings are some of a review's findings, and how many there are.
func (s *story) findings(c api.Case) (lines []string) {
	counts := map[string]int{}
	unverified := 0
	for _, f := range c.Findings {
		counts[f.Outcome]++
		if f.Verified != "true" {
			unverified++
		}
		for _, rule := range shown {
			if f.Rule == rule {
				lines = append(lines, fmt.Sprintf("%-8s %-13s %s [verified: %s]", f.Outcome, f.Article, printable.Line(f.Text), f.Verified))
			}
		}
	}
	return append(lines, fmt.Sprintf("%d findings: %d pass, %d fail, %d are counsel's to decide; %d rest on text that nobody here has read in the original,",
		len(c.Findings), counts["pass"], counts["fail"], counts["counsel"], unverified), "and say so. Counsel decides; nothing here is legal advice")
}

// determine settles what law leaves to counsel: one proposes, another seconds.
func (s *story) determine(ctx context.Context, c api.Case) error {
	early, err := s.refused(ctx, s.secret, step{"mira", "approve", api.ApproveInput{}})
	if err != nil {
		return err
	}
	form, err := s.processorForm(ctx)
	if err != nil {
		return err
	}
	if c, err = s.moves(ctx, s.secret, step{"mira", "determine", api.ProposeInput{
		Rules:  []string{"eu.controller"},
		Reason: "we are the processor and have said so by the form of Annex III; that stops no clock and is no right to redirect the order",
	}}); err != nil {
		return err
	}
	second := api.SecondInput{Proposal: c.Determinations[0].Number, Reason: "read the order and the form: agreed"}
	own, err := s.refused(ctx, s.secret, step{"mira", "second", second})
	if err != nil {
		return err
	}
	if _, err = s.moves(ctx, s.secret, step{"theo", "second", second}, step{"mira", "approve", api.ApproveInput{}}); err != nil {
		return err
	}
	if c, err = s.moves(ctx, s.secret, step{"mira", "draft", nil}); err != nil {
		return err
	}
	if c.Approval.Objects != 1 || c.Approval.Bytes != s.kept[0].size {
		return errors.New("the scope is not the deleted letter")
	}
	s.say("", "approving now is refused: "+early,
		"mira.lindqvist writes the form of Annex III, in the order's language: "+printable.Line(form.Title),
		"she reasons why it is to be answered all the same; seconding it herself is refused: "+own,
		"theo.brandt seconds; then she approves exactly the scope, which is the deleted letter: at most 1 object and "+fmt.Sprint(c.Approval.Bytes)+" bytes",
		"waits for    "+waitsFor(c))
	return nil
}

// processorForm tells the court, by the form of Annex III, that it turned to the
// processor.
func (s *story) processorForm(ctx context.Context) (docket.Letter, error) {
	return s.letter(ctx, s.secret, "eu-impossibility", map[string]any{
		"certificate": reference, "issuing_state": tribunal.Country, "provider": "Fjordhost", "representative": "Fjordhost",
		"contact_person": "Mira Lindqvist", "contact": "legal@fjordhost.example",
		"reasons":   []map[string]string{{"reason": "processor", "article": "Article 5(6)", "detail": "The data are kept for harbour-clinic, which is their controller."}},
		"available": "What the order asks for is preserved, and is produced.",
	})
}
