package docket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"writ"
	"writ/internal/bag"
	"writ/internal/gate"
	"writ/internal/letter"
	"writ/internal/policy"
	"writ/internal/records"
)

// custodyRecord is the chain of custody as data: custody.json of a package.
type custodyRecord struct {
	V             int              `json:"v"`
	Case          writ.CaseID      `json:"case"`
	Reference     string           `json:"reference"`
	Instrument    writ.Instrument  `json:"instrument"`
	Authority     string           `json:"authority"`
	OrderSHA256   string           `json:"order_sha256,omitempty"`
	Customer      writ.CustomerID  `json:"customer"`
	Classes       []writ.DataClass `json:"classes"`
	Scope         policy.Scope     `json:"scope"`
	Authorisation json.RawMessage  `json:"authorisation"` // what the custodians signed
	Envelope      json.RawMessage  `json:"envelope"`      // with their signatures (DSSE)
	Commitments   []string         `json:"commitments"`   // names of the ledger's statements
	ListSHA256    string           `json:"list_sha256"`
	Objects       int64            `json:"objects"` // that the gate opened
	Bytes         int64            `json:"bytes"`
	Unwitnessed   bool             `json:"unwitnessed,omitempty"`
	Exports       []custodyExport  `json:"not_enforced_by_the_gate,omitempty"`
	Steps         []custodyStep    `json:"steps"`
	Log           string           `json:"log"`
	Program       string           `json:"program"`
}

type custodyExport struct {
	Name   string `json:"name"`
	System string `json:"system"`
	SHA256 string `json:"sha256"`
	Note   string `json:"note,omitempty"`
}

type custodyStep struct {
	Seq  uint32      `json:"seq"`
	At   time.Time   `json:"at"`
	By   writ.Person `json:"by,omitempty"`
	As   writ.Role   `json:"as,omitempty"`
	What Kind        `json:"what"`
}

// info are the lines of the bag's own description.
func (d *Docket) info(c *Case) [][2]string {
	return [][2]string{
		{"Source-Organization", d.Provider.Name},
		{"External-Description", "Data produced to " + c.Demand.Issuer.Name + " on " + string(c.Demand.Instrument)},
		{"Internal-Sender-Identifier", c.Demand.Reference},
	}
}

// custody makes the files that say where everything in a package came from.
func (d *Docket) custody(ctx context.Context, c *Case, s bag.Summary) ([]bag.File, error) {
	events, err := d.Events(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	record := custodyRecord{
		V: 1, Case: c.ID, Reference: c.Demand.Reference, Instrument: c.Demand.Instrument, Authority: c.Demand.Issuer.Name,
		Customer: c.Subject.Customer, Classes: c.Writ.Authority.Scope.Classes, Scope: c.Writ.Authority.Scope,
		Authorisation: c.Draft.Payload, Envelope: c.Writ.Envelope, Commitments: []string{c.Writ.Statement, c.Opening.Statement},
		ListSHA256: fmt.Sprintf("%x", c.Opening.List), Objects: c.Opening.Objects, Bytes: c.Opening.Bytes, Unwitnessed: c.Waiver != nil,
		Log: d.Origin, Program: "writ " + d.Release,
	}
	if o := c.order(); o != nil {
		record.OrderSHA256 = fmt.Sprintf("%x", o.SHA256)
	}
	for _, e := range c.Exports {
		doc := c.document(e.Document)
		record.Exports = append(record.Exports, custodyExport{doc.Name, e.System, fmt.Sprintf("%x", doc.SHA256), e.Note})
	}
	for _, e := range events {
		switch e.Kind { // how it was judged is between provider and authority; what was done to the data is not
		case Received, Authenticated, Preserved, Approved, Drafted, Signed, MintedWrit, Waived, Opened, ExportAdded:
			record.Steps = append(record.Steps, custodyStep{e.Seq, e.At, e.By, e.As, e.Kind})
		}
	}
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(record); err != nil {
		return nil, fmt.Errorf("couldn't write the chain of custody: %w", err)
	}
	receipts, all, err := d.proofs(ctx, c)
	if err != nil {
		return nil, err
	}
	pdf, err := d.custodyPaper(c, record, s, all)
	if err != nil {
		return nil, err
	}
	files := []bag.File{{Name: "custody.json", Body: plain.Bytes()}, {Name: "custody.pdf", Body: pdf}}
	return append(files, bag.File{Name: proofFile, Body: receipts}), nil
}

// custodyPaper is the same for a person.
func (d *Docket) custodyPaper(c *Case, r custodyRecord, s bag.Summary, commitments []letter.Commitment) ([]byte, error) {
	set, _ := d.Gate.Custodians()
	paper := letter.Custody{
		Demand: c.subject(), Customer: r.Customer, Classes: r.Classes, Scope: c.inScope(), Writ: fmt.Sprintf("%x", c.Writ.Digest),
		NotAfter: c.Writ.Authority.Limits.NotAfter, Opened: c.Opening.At, Closed: d.now(), Package: string(c.ID), Recipient: d.toWhom(c),
		Release: r.Program, Log: d.Origin, Count: s.Objects, Bytes: s.Bytes, Commitments: commitments, Unwitnessed: r.Unwitnessed,
	}
	for _, sig := range c.Signatures {
		outside := false
		for _, m := range set.Members {
			outside = outside || m.Person == sig.Person && m.Outside
		}
		paper.Signers = append(paper.Signers, letter.Signer{Person: sig.Person, Outside: outside, Key: sig.Key, At: sig.At})
	}
	for _, step := range r.Steps {
		who := string(step.By)
		if who == "" {
			who = "Writ"
		}
		paper.Steps = append(paper.Steps, letter.Step{At: step.At, Who: who, What: string(step.What)})
	}
	for p, err := range s.Each {
		if err != nil {
			return nil, err
		}
		bucket := p.Bucket
		if folder, _, _ := strings.Cut(string(p.Key), "/"); bucket == "" && folder == exportFolder { // stands below
			paper.Count, paper.Bytes = paper.Count-1, paper.Bytes-p.Size
			continue
		} else if bucket == "" {
			bucket = writ.BucketName(folder)
		}
		if len(paper.Objects) == letter.MaxObjects {
			paper.Omitted++
			continue
		}
		paper.Objects = append(paper.Objects, letter.Object{Bucket: bucket, Key: p.Key, Version: p.Version, Size: p.Size, SHA256: p.SHA256})
	}
	for _, e := range c.Exports {
		doc := c.document(e.Document)
		paper.Attachments = append(paper.Attachments, letter.Attachment{Name: doc.Name, Source: e.System, By: string(e.By), Size: doc.Size, SHA256: fmt.Sprintf("%x", doc.SHA256)})
	}
	lang := c.Demand.Language
	if lang == "" {
		lang = d.Provider.Language
	}
	doc, err := d.Letters.Make(lang, d.head(c, letter.Party{}, c.Demand.Reference), paper)
	if err != nil {
		return nil, fmt.Errorf("couldn't write the chain of custody: %w", err)
	}
	return doc.PDF()
}

// toWhom is the authority that a package is for.
func (d *Docket) toWhom(c *Case) string { return c.Demand.Issuer.Name }

// document finds a document of the case; an empty one if it is not there.
func (c *Case) document(id DocumentID) Document {
	for _, d := range c.Documents {
		if d.ID == id {
			return d
		}
	}
	return Document{ID: id}
}

// The folders of a package for what lay in no bucket.
const (
	recordFolder = "records"
	exportFolder = "not-enforced-by-the-gate"
)

// document is a document of the case as an object of the package, in a folder
// that says what it is.
func (d *Docket) document(id writ.CaseID, doc Document, folder string) bag.Object {
	return bag.Object{Key: writ.ObjectKey(folder + "/" + doc.Name), Size: doc.Size, Made: doc.At,
		Open: func(ctx context.Context) (io.ReadCloser, error) {
			body, err := d.open(ctx, id, doc)
			if err != nil {
				return nil, err
			}
			return io.NopCloser(bytes.NewReader(body)), nil
		}}
}

// produced notes the finished package.
func (d *Docket) produced(ctx context.Context, who Actor, c *Case, made bag.Package, to []bag.Recipient) (*Case, error) {
	out := Production{Folder: string(c.ID), Objects: made.Objects, Bytes: made.Bytes, Classes: c.Writ.Authority.Scope.Classes, Manifest: made.Manifest}
	for _, v := range made.Volumes {
		out.Volumes = append(out.Volumes, ProducedVolume{Name: v.Name, Size: v.Size, SHA256: v.SHA256})
	}
	for _, r := range to {
		out.To = append(out.To, r.Fingerprint())
	}
	return d.move(ctx, who, c.ID, func(_ records.Tx, c *Case) ([]draft, error) {
		if c.Production != nil {
			return nil, nil
		}
		return []draft{{kind: Produced, body: out}}, nil
	})
}

// reveal writes what was opened in secret into the customer's journal, now
// that secrecy is lifted.
func (d *Docket) reveal(ctx context.Context, c *Case) error {
	list, err := d.list(ctx, c)
	if err != nil {
		return err
	}
	evidence, err := d.evidence(ctx, c, nil)
	if err != nil {
		return err
	}
	times, err := d.openedAt(ctx, c)
	if err != nil {
		return err
	}
	at := func(n int) time.Time {
		if t, ok := times[list[n].Blob]; ok {
			return t
		}
		return c.Opening.At // the docket's journal has it no more
	}
	if err := d.Gate.Reveal(ctx, evidence, c.ID, list, at); err != nil {
		return fmt.Errorf("couldn't write the openings into the customer's journal: %w", err)
	}
	_, err = d.self(ctx, c.ID, func(_ records.Tx, c *Case) ([]draft, error) {
		if c.Revealed {
			return nil, nil
		}
		return []draft{{kind: Revealed}}, nil
	})
	return err
}

// openedAt is when each version was opened under the case's writ, as the
// docket's journal says.
func (d *Docket) openedAt(ctx context.Context, c *Case) (map[writ.BlobID]time.Time, error) {
	times := map[writ.BlobID]time.Time{}
	for e, err := range d.Gate.DocketJournal(ctx, "the docket, to tell what was opened", gate.JournalQuery{Since: c.Opening.At}) {
		switch {
		case errors.Is(err, gate.ErrJournal):
			continue // a part that is damaged or gone; the rest is told
		case err != nil:
			return nil, fmt.Errorf("couldn't read the docket's journal: %w", err)
		}
		if _, known := times[e.Blob]; e.Op == "opened" && string(e.Policy[:]) == string(c.Writ.Digest) && !known {
			times[e.Blob] = e.Time
		}
	}
	return times, nil
}
