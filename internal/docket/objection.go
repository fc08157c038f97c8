package docket

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"writ"
	"writ/internal/records"
)

// The bounds of an objection.
const (
	MaxObjection      = 20_000  // characters of its text
	MaxObjectionFiles = 5       // files that go with it
	MaxObjectionFile  = 8 << 20 // bytes of one of them
	maxObjections     = 20      // in one case
)

// kindObjection is a file that the customer put to an objection. Nobody of the
// staff attaches one, and none goes into a package.
const kindObjection = "objection"

// ErrUntold: the customer was told of no such demand. It is the same whether
// there is one or not.
var ErrUntold = fmt.Errorf("%w that you were told of", ErrNoCase)

// Objection is what a customer says against a demand that it was told of. It
// stops no clock and no decision: it is before counsel, who considers it.
type Objection struct {
	Number    int             `json:"number"` // of its event
	At        time.Time       `json:"at"`
	Customer  writ.CustomerID `json:"customer"`
	By        string          `json:"by"` // the customer's credential or user
	Text      string          `json:"text"`
	Documents []DocumentID    `json:"documents,omitempty"`

	Considered   time.Time   `json:"considered,omitzero"`
	ConsideredBy writ.Person `json:"considered_by,omitempty"`
	Note         string      `json:"note,omitempty"` // counsel's, for the file
}

// objected is an objection's event.
type objected struct {
	Customer  writ.CustomerID `json:"customer"`
	By        string          `json:"by"`
	Text      string          `json:"text"`
	Documents []DocumentID    `json:"documents,omitempty"`
}

type consideration struct {
	Objection int    `json:"objection"`
	Note      string `json:"note"`
}

// ObjectionInput is an objection as it comes in. Who the customer is was made
// sure before.
type ObjectionInput struct {
	Customer writ.CustomerID
	By       string
	Text     string
	Files    []DocumentInput // their kind is not looked at
}

func (in *ObjectionInput) check() error {
	if err := line("name of who objects", in.By, true); err != nil {
		return err
	}
	switch n := utf8.RuneCountInString(in.Text); {
	case strings.TrimSpace(in.Text) == "":
		return refuse(ErrBounds, "the objection says nothing")
	case n > MaxObjection:
		return refuse(ErrBounds, "the objection has %d characters, more than %d: put the rest into a file", n, MaxObjection)
	case !utf8.ValidString(in.Text) || strings.ContainsRune(in.Text, 0):
		return refuse(ErrBounds, "the objection is not text")
	case len(in.Files) > MaxObjectionFiles:
		return refuse(ErrBounds, "%d files go with the objection, more than %d", len(in.Files), MaxObjectionFiles)
	}
	for _, f := range in.Files {
		if len(f.Body) > MaxObjectionFile {
			return refuse(ErrBounds, "a file of the objection has %d bytes, more than %d", len(f.Body), MaxObjectionFile)
		}
	}
	return nil
}

// Object puts a customer's objection before counsel. It is taken for a demand
// that the customer was told of, at any time, also when the case is closed or
// has become secret since: what the customer knows it may speak to, and no
// answer to it says how the case stands. Errors: [ErrUntold], [ErrBounds].
func (d *Docket) Object(ctx context.Context, id writ.CaseID, in ObjectionInput) (made Objection, err error) {
	if err := in.check(); err != nil {
		return made, err
	}
	// By the customer's own notices, before anything of a case is read: of a
	// case that it was not told of not even the time of the answer may tell.
	told, err := d.Notices.WasTold(ctx, in.Customer, id)
	switch {
	case err != nil:
		return made, fmt.Errorf("couldn't read the notices: %w", err)
	case !told:
		return made, ErrUntold
	}
	var kept []DocumentID
	var drafts []draft
	for _, f := range in.Files {
		f.Kind = kindObjection
		doc, err := f.measure()
		if err == nil {
			err = d.keep(ctx, id, doc, f.Body)
		}
		if err != nil {
			d.dropAll(ctx, kept)
			return made, err
		}
		kept = append(kept, doc.ID)
		drafts = append(drafts, draft{kind: Attached, body: doc})
	}
	drafts = append(drafts, draft{kind: CustomerObjected, body: objected{in.Customer, in.By, in.Text, kept}})
	c, err := d.self(ctx, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if c.Events == 0 { // its time was over, and it was erased
			return nil, ErrUntold
		}
		return drafts, nil
	})
	if err != nil {
		d.dropAll(ctx, kept)
		return made, err
	}
	return c.Objections[len(c.Objections)-1], nil
}

// ObjectionsOf are a customer's own objections to a demand that it was told of.
// What counsel made of them is not in them. Errors: [ErrUntold].
func (d *Docket) ObjectionsOf(ctx context.Context, customer writ.CustomerID, id writ.CaseID) (own []Objection, err error) {
	told, err := d.Notices.WasTold(ctx, customer, id)
	switch {
	case err != nil:
		return nil, fmt.Errorf("couldn't read the notices: %w", err)
	case !told:
		return nil, ErrUntold
	}
	c, err := readCase(ctx, d.Records, id)
	if err != nil {
		return nil, err
	}
	for _, o := range c.Objections {
		if o.Customer == customer {
			o.Considered, o.ConsideredBy, o.Note = time.Time{}, "", ""
			own = append(own, o)
		}
	}
	return own, nil
}

// Consider notes that counsel has considered an objection, and what came of it.
// The note is for the file.
func (d *Docket) Consider(ctx context.Context, who Actor, id writ.CaseID, objection int, text string) (*Case, error) {
	if err := note("note", text, true); err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		return []draft{{kind: Considered, body: consideration{objection, text}}}, nil
	})
}

func (c *Case) takeObjection(e *Event) error {
	if e.Kind == CustomerObjected {
		return with(e, func(b objected) error {
			if len(c.Objections) >= maxObjections {
				return refuse(ErrState, "%d objections were made to this demand, and no more are taken", maxObjections)
			}
			for _, id := range b.Documents {
				if !slices.ContainsFunc(c.Documents, func(d Document) bool { return d.ID == id && d.Kind == kindObjection }) {
					return refuse(ErrState, "the objection names a file that is not there")
				}
			}
			c.Objections = append(c.Objections, Objection{Number: int(e.Seq), At: e.At, Customer: b.Customer, By: b.By, Text: b.Text, Documents: b.Documents})
			return nil
		})
	}
	return with(e, func(b consideration) error {
		for i := range c.Objections {
			o := &c.Objections[i]
			if o.Number != b.Objection {
				continue
			}
			if !o.Considered.IsZero() {
				return refuse(ErrState, "%s has considered this objection", o.ConsideredBy)
			}
			o.Considered, o.ConsideredBy, o.Note = e.At, e.By, b.Note
			return nil
		}
		return refuse(ErrState, "there is no objection %d", b.Objection)
	})
}

// objections are what counsel is to consider.
func (c *Case) objections() (all []Need) {
	for _, o := range c.Objections {
		if o.Considered.IsZero() {
			all = append(all, Need{
				What: "the customer objected on " + o.At.Format(time.DateOnly) + ": consider it", Role: writ.RoleCounsel,
				How: fmt.Sprintf("writ case consider %s %d", c.ID, o.Number),
			})
		}
	}
	return all
}
