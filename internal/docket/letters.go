package docket

import (
	"context"
	"encoding/json"
	"fmt"

	"writ"
	"writ/internal/letter"
	"writ/internal/policy"
	"writ/internal/records"
)

// LetterInput asks for a letter or a form.
type LetterInput struct {
	Kind     letter.Kind     `json:"kind"`
	Language string          `json:"language,omitempty" doc:"BCP 47; empty for the demand's"`
	Fields   json.RawMessage `json:"fields,omitempty" doc:"the kind's own fields (docs/letters.md); those of the demand are filled in"`
	To       []string        `json:"to,omitempty" doc:"the addressee's address, a line each"`
	Draft    bool            `json:"draft,omitempty" doc:"show it, attach nothing"`
	PDF      bool            `json:"pdf,omitempty" doc:"of a draft: its PDF too"`
}

// Letter is a letter that was written.
type Letter struct {
	Title    string    `json:"title"`
	Text     string    `json:"text"`
	Document *Document `json:"document,omitempty" doc:"the PDF, as it is attached to the case"`
	PDF      []byte    `json:"pdf,omitempty" doc:"of a draft, if it was asked for"`
}

// WriteLetter writes a letter of the case, and attaches it as PDF. What the
// case knows of the demand is filled in; counsel gives the rest.
func (d *Docket) WriteLetter(ctx context.Context, who Actor, id writ.CaseID, in LetterInput) (Letter, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return Letter{}, err
	}
	if _, err := who.as(c, Attached); err != nil {
		d.refused(ctx, &who, id, err)
		return Letter{}, err
	}
	data, err := c.fill(in)
	if err != nil {
		return Letter{}, err
	}
	lang := in.Language
	if lang == "" {
		lang = c.Demand.Language
	}
	if lang == "" {
		lang = d.Provider.Language
	}
	doc, err := d.Letters.Make(lang, d.head(c, letter.Party{Name: c.Demand.Issuer.Name, Lines: in.To}, c.Demand.Reference), data)
	if err != nil {
		return Letter{}, refuse(ErrBounds, "the letter cannot be written: %s", err)
	}
	out := Letter{Title: doc.Title, Text: doc.Text()}
	if in.Draft && !in.PDF {
		return out, nil
	}
	pdf, err := doc.PDF()
	if err != nil {
		return out, fmt.Errorf("couldn't write the letter: %w", err)
	}
	if in.Draft {
		out.PDF = pdf
		return out, nil
	}
	attached, err := d.Attach(ctx, who, id, DocumentInput{Kind: "letter", Name: string(in.Kind) + "-" + doc.Lang + ".pdf", Body: pdf})
	out.Document = &attached
	return out, err
}

// fill makes a letter's data from what the case knows, with the given fields
// over it. Only the kind's own fields are known.
func (c *Case) fill(in LetterInput) (letter.Data, error) {
	data, err := letter.New(in.Kind)
	if err != nil {
		return nil, refuse(ErrBounds, "%s", err)
	}
	known, err := json.Marshal(c.subject())
	if err != nil {
		return nil, fmt.Errorf("couldn't fill the letter in: %w", err)
	}
	if err := json.Unmarshal(known, data); err != nil {
		return nil, fmt.Errorf("couldn't fill the letter in: %w", err)
	}
	common, err := json.Marshal(struct {
		Classes   []writ.DataClass `json:"classes"`
		Preserved bool             `json:"preserved"`
	}{c.Demand.Classes, len(c.Preservations) > 0})
	if err != nil {
		return nil, fmt.Errorf("couldn't fill the letter in: %w", err)
	}
	if err := json.Unmarshal(common, data); err != nil {
		return nil, fmt.Errorf("couldn't fill the letter in: %w", err)
	}
	if len(in.Fields) > 0 {
		if err := strict(in.Fields, data); err != nil {
			return nil, refuse(ErrBounds, "the fields are not those of %s: %s", in.Kind, err)
		}
	}
	return data, nil
}

// Sheet is exactly what custodians sign, in words and numbers: it is made from
// the very bytes that are signed, not from what the case says.
func (d *Docket) Sheet(ctx context.Context, c *Case) (text string, threshold int, err error) {
	if c.Draft == nil {
		return "", 0, refuse(ErrState, "nothing waits for custodians")
	}
	set, ok := d.Gate.Custodians()
	if !ok {
		return "", 0, refuse(ErrState, "there are no custodians")
	}
	a, err := policy.ParseAuthorisation(c.Draft.Payload)
	if err != nil {
		return "", 0, fmt.Errorf("couldn't read the writ: %w", err)
	}
	customer, err := d.Vault.Customer(ctx, string(a.Customer))
	name := ""
	if err == nil {
		name = customer.Name
	}
	text, err = d.Letters.Sheet(d.Provider.Language, a, name, set, c.Draft.Payload)
	return text, set.Threshold, err
}

// SetCustodians puts another set in force. Who brings the envelope matters
// little: its signatures are what counts, and the gate looks at them itself.
// The change is committed to.
func (d *Docket) SetCustodians(ctx context.Context, who Actor, envelope []byte) error {
	set, err := d.Gate.SetCustodians(ctx, envelope)
	if err != nil {
		d.audit(ctx, who, "set-custodians", "", err)
		return err
	}
	digest := set.Digest()
	statement := fmt.Sprintf("custodians/%d", set.Number)
	err = records.Retry(ctx, d.Records, func(tx records.Tx) error {
		return d.Book.CommitTx(ctx, tx, statement, KindCustodians, struct {
			Number uint64 `json:"number"`
			Digest []byte `json:"digest"`
		}{set.Number, digest[:]})
	})
	if err != nil {
		return fmt.Errorf("couldn't commit to the custodians: %w", err)
	}
	if d.CustodiansChanged != nil {
		d.CustodiansChanged()
	}
	return d.audit(ctx, who, "set-custodians", fmt.Sprintf("set %d", set.Number), nil)
}

// KindCustodians is the hidden statement of a change of custodians; the set
// itself is in the public policy.
const KindCustodians = "custodians"
