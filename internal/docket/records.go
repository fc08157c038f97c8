package docket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/records"
)

// kindRecord is a document that the docket makes of what Writ itself knows of a
// customer: its record, and its journal.
const kindRecord = "record"

// The files of the store's own records, as packages have them.
const (
	subscriberFile = "subscriber.json"
	journalFile    = "journal.jsonl"
)

// ownRecords adds to a case what the store itself knows, for demands that ask
// for it: who the customer is, and who used its keys. Each is made once, sealed
// under the docket's key, so that a production that is taken up again packs the
// same bytes.
func (d *Docket) ownRecords(ctx context.Context, c *Case, o *gate.Opening) (*Case, error) {
	scope := c.Writ.Authority.Scope
	if scope.Elsewhere {
		return c, nil
	}
	if (scope.Has(writ.ClassSubscriber) || scope.Has(writ.ClassIdentification)) && !c.hasRecord(subscriberFile) {
		body, err := d.subscriber(ctx, c.Writ.Authority.Customer)
		if err == nil {
			c, err = d.keepRecord(ctx, c, subscriberFile, body)
		}
		if err != nil {
			return nil, err
		}
	}
	if scope.Has(writ.ClassTraffic) && !c.hasRecord(journalFile) {
		body, err := traffic(ctx, o)
		if err == nil {
			c, err = d.keepRecord(ctx, c, journalFile, body)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Case) hasRecord(name string) bool {
	for _, doc := range c.Documents {
		if doc.Kind == kindRecord && doc.Name == name {
			return true
		}
	}
	return false
}

func (d *Docket) subscriber(ctx context.Context, customer writ.CustomerID) ([]byte, error) {
	r, err := d.Vault.SubscriberRecord(ctx, customer)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("couldn't write the customer's record: %w", err)
	}
	return append(b, '\n'), nil
}

// use is one line of a produced journal. It has what was done, by whom and from
// where, and no name of an object: that is content's.
type use struct {
	Seq        uint64            `json:"seq,omitempty"`
	Time       time.Time         `json:"time,omitzero"`
	Op         string            `json:"op,omitempty"`
	Reason     writ.Reason       `json:"reason,omitempty"`
	Credential writ.CredentialID `json:"credential,omitempty"`
	Principal  string            `json:"principal,omitempty"`
	Bucket     writ.BucketName   `json:"bucket,omitempty"`
	Offset     int64             `json:"offset,omitempty"`
	Length     int64             `json:"length,omitempty"`
	Addr       string            `json:"addr,omitempty"`
	Request    string            `json:"request,omitempty"`
	Note       string            `json:"note,omitempty"` // of what cannot be read
}

// traffic reads the customer's journal through the gate.
func traffic(ctx context.Context, o *gate.Opening) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for e, err := range o.Journal(ctx) {
		line := use{
			Seq: e.Seq, Time: e.Time, Op: e.Op, Reason: e.Reason, Credential: e.Credential, Principal: e.Principal, Bucket: e.Bucket,
			Offset: e.Offset, Length: e.Length, Request: e.Request,
		}
		if e.Addr.IsValid() {
			line.Addr = e.Addr.String()
		}
		var sealed *gate.JournalSealed
		switch {
		case errors.As(err, &sealed):
			line = use{Note: fmt.Sprintf("entries %d to %d are sealed to the customer's own key: the provider cannot read them", sealed.From, sealed.To)}
		case errors.Is(err, gate.ErrJournal):
			line = use{Note: err.Error()}
		case err != nil:
			return nil, fmt.Errorf("couldn't read the journal: %w", err)
		case e.Reason == writ.ReasonWrit:
			continue // what law opened is no use of the customer's
		}
		if err := enc.Encode(line); err != nil {
			return nil, fmt.Errorf("couldn't write the journal: %w", err)
		}
		if out.Len() > MaxDocument {
			return nil, refuse(ErrBounds, "the journal has more than %d bytes in that time: narrow the time, and produce in several cases", MaxDocument)
		}
	}
	if out.Len() == 0 {
		out.WriteString("{}\n")
	}
	return out.Bytes(), nil
}

// keepRecord attaches a record, as the docket's own act: it follows from the
// writ.
func (d *Docket) keepRecord(ctx context.Context, c *Case, name string, body []byte) (*Case, error) {
	doc, err := DocumentInput{Kind: kindRecord, Name: name, Body: body}.describe()
	if err == nil {
		err = d.keep(ctx, c.ID, doc, body)
	}
	if err != nil {
		return nil, err
	}
	out, err := d.self(ctx, c.ID, func(_ records.Tx, c *Case) ([]draft, error) {
		if c.hasRecord(name) {
			return nil, nil
		}
		return []draft{{kind: Attached, body: doc}}, nil
	})
	if err != nil {
		return nil, errors.Join(err, d.drop(context.WithoutCancel(ctx), doc.ID))
	}
	return out, nil
}
