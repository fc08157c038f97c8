package docket

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"writ"
	"writ/internal/records"
	"writ/internal/seal"
)

// MaxDocument is the most bytes that a document of a case may have. An order
// that is larger comes in parts.
const MaxDocument = 32 << 20

// pieceSize is how many sealed bytes of a document lie in one record.
const pieceSize = 512 << 10

// documentRecord is a document as stored.
type documentRecord struct {
	Case   writ.CaseID `cbor:"1,keyasint"`
	Sealed int64       `cbor:"2,keyasint"` // bytes
	Pieces uint32      `cbor:"3,keyasint"`
}

// DocumentInput is a file that is to be attached to a case.
type DocumentInput struct {
	Kind string // order, form, certificate, correspondence, export, letter, record, other
	Name string
	Body []byte
}

var documentKinds = []string{"order", "form", "certificate", "correspondence", "export", "letter", "record", "other"}

// describe checks a file and says what it is. The media type is what the bytes
// are, not what the sender says: it decides later how they may be shown.
func (in DocumentInput) describe() (Document, error) {
	if !has(documentKinds, in.Kind) {
		return Document{}, refuse(ErrBounds, "%q is no kind of document; it is one of %s", in.Kind, strings.Join(documentKinds, ", "))
	}
	return in.measure()
}

// measure is describe for a file of a kind that nobody of the staff attaches.
func (in DocumentInput) measure() (Document, error) {
	if err := line("name of the document", in.Name, true); err != nil {
		return Document{}, err
	}
	switch {
	case len(in.Body) == 0:
		return Document{}, refuse(ErrBounds, "the document is empty")
	case len(in.Body) > MaxDocument:
		return Document{}, refuse(ErrBounds, "the document has %d bytes, more than %d: attach it in parts", len(in.Body), MaxDocument)
	}
	sum := sha256.Sum256(in.Body)
	return Document{ID: writ.NewBlobID(), Kind: in.Kind, Name: in.Name, Media: http.DetectContentType(in.Body), Size: int64(len(in.Body)), SHA256: sum[:]}, nil
}

// keep seals a file under the docket's own key. Its pieces are there before
// the event that names it; pieces that no event names are removed at the start.
func (d *Docket) keep(ctx context.Context, id writ.CaseID, doc Document, body []byte) error {
	sealed := seal.Seal(make([]byte, 0, seal.SealedSize(int64(len(body)))), d.Key, seal.Stream{ID: doc.ID}, body)
	record := documentRecord{Case: id, Sealed: int64(len(sealed))}
	for rest := sealed; len(rest) > 0; record.Pieces++ {
		piece := rest[:min(pieceSize, len(rest))]
		rest = rest[len(piece):]
		var b records.Batch
		b.Put(documentPiece(doc.ID, record.Pieces), piece)
		if err := d.Records.Apply(ctx, &b); err != nil {
			return fmt.Errorf("couldn't keep the document: %w", err)
		}
	}
	value, err := encoding.Marshal(record)
	if err != nil {
		return fmt.Errorf("couldn't keep the document: %w", err)
	}
	var b records.Batch
	b.Put(documentKey(doc.ID), value)
	if err := d.Records.Apply(ctx, &b); err != nil {
		return fmt.Errorf("couldn't keep the document: %w", err)
	}
	return nil
}

// Attach adds a file to a case.
func (d *Docket) Attach(ctx context.Context, who Actor, id writ.CaseID, in DocumentInput) (Document, error) {
	doc, err := in.describe()
	if err != nil {
		return doc, err
	}
	// Whether it may be attached is known before its bytes are kept, and is
	// looked at again with them.
	c, err := d.Case(ctx, id)
	if err != nil {
		return doc, err
	}
	if _, err := who.as(c, Attached); err != nil {
		d.refused(ctx, &who, id, err)
		return doc, err
	}
	if err := d.keep(ctx, id, doc, in.Body); err != nil {
		return doc, err
	}
	_, err = d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		if (doc.Kind == "order" || doc.Kind == "form") && c.Writ != nil {
			return nil, c.unminted("the order")
		}
		return []draft{{kind: Attached, body: doc}}, nil
	})
	if err != nil {
		d.drop(context.WithoutCancel(ctx), doc.ID)
	}
	return doc, err
}

// drop removes a document's bytes.
func (d *Docket) drop(ctx context.Context, id DocumentID) error {
	value, err := d.Records.Get(ctx, documentKey(id))
	var record documentRecord
	switch {
	case errors.Is(err, records.ErrNotFound):
		record.Pieces = MaxDocument/pieceSize + 2 // of one that was not finished
	case err != nil:
		return fmt.Errorf("couldn't read the document: %w", err)
	default:
		if err := cbor.Unmarshal(value, &record); err != nil {
			return fmt.Errorf("%w: the record of a document cannot be read", ErrDamaged)
		}
	}
	var b records.Batch
	b.Delete(documentKey(id))
	for n := range record.Pieces {
		b.Delete(documentPiece(id, n))
	}
	if err := d.Records.Apply(ctx, &b); err != nil {
		return fmt.Errorf("couldn't remove the document: %w", err)
	}
	return nil
}

// View returns a document's bytes to a person, and notes who saw it in the
// operator's audit trail first.
func (d *Docket) View(ctx context.Context, who Actor, id writ.CaseID, document DocumentID) (Document, []byte, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return Document{}, nil, err
	}
	if err := who.sees(); err != nil {
		d.audit(ctx, who, "view-document", string(id)+"/"+document.String(), err)
		return Document{}, nil, err
	}
	for _, doc := range c.Documents {
		if doc.ID != document {
			continue
		}
		if err := d.audit(ctx, who, "view-document", string(id)+"/"+document.String(), nil); err != nil {
			return doc, nil, err
		}
		body, err := d.open(ctx, id, doc)
		return doc, body, err
	}
	return Document{}, nil, refuse(ErrNoDocument, "the case %s has no document %s", id, document)
}

// open reads a document for the docket itself.
func (d *Docket) open(ctx context.Context, id writ.CaseID, doc Document) ([]byte, error) {
	value, err := d.Records.Get(ctx, documentKey(doc.ID))
	if errors.Is(err, records.ErrNotFound) {
		return nil, refuse(ErrNoDocument, "the document was erased when its time was over")
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the document: %w", err)
	}
	var record documentRecord
	if err := cbor.Unmarshal(value, &record); err != nil || record.Case != id {
		return nil, fmt.Errorf("%w: the record of a document cannot be read", ErrDamaged)
	}
	sealed := make([]byte, 0, record.Sealed)
	for n := range record.Pieces {
		piece, err := d.Records.Get(ctx, documentPiece(doc.ID, n))
		if err != nil {
			return nil, fmt.Errorf("couldn't read the document: %w", err)
		}
		sealed = append(sealed, piece...)
	}
	plain, err := seal.Open(nil, d.Key, seal.Stream{ID: doc.ID}, sealed)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the document: %w", err)
	}
	if sum := sha256.Sum256(plain); string(sum[:]) != string(doc.SHA256) {
		return nil, fmt.Errorf("%w: the document is not the one that was attached", ErrDamaged)
	}
	return plain, nil
}

// publishes says whether a person may publish reports, which name no case.
func (a Actor) publishes() error {
	if has(a.Roles, writ.RoleCounsel) || has(a.Roles, writ.RoleAuditor) {
		return nil
	}
	return refuse(ErrRole, "this takes the role counsel or auditor, which %s does not hold", a.Person)
}

// sees says whether a person may look into cases at all.
func (a Actor) sees() error {
	for _, r := range caseRoles {
		if has(a.Roles, r) {
			return nil
		}
	}
	return refuse(ErrRole, "%s holds no role in cases", a.Person)
}
