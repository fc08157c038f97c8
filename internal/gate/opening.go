package gate

import (
	"context"
	"errors"
	"io"
	"time"

	"writ"
	"writ/internal/policy"
	"writ/internal/proof"
)

// Evidence is what shows that law opens something.
type Evidence struct {
	Envelope []byte         // of the authorisation, signed by a quorum
	Writ     *proof.Receipt // of the hidden statement of kind "writ"
	Opening  *proof.Receipt // of the hidden statement of kind "opening": this exact list
	Waiver   []byte         // envelope of a waiver, in place of a receipt that is missing
}

// Opening is a list of versions that a writ opens.
type Opening struct{}

var errBegun = errors.New("no writ opens anything yet")

// Begin verifies the evidence and registers the list.
func (g *Gate) Begin(ctx context.Context, c writ.CaseID, ev Evidence, list []policy.Item) (*Opening, error) {
	return nil, errBegun
}

// Read opens version n of the list: fn gets a function that opens the parts of
// its blob as plaintext, and must be done with them when it returns.
func (o *Opening) Read(ctx context.Context, n int, wrapped Wrapped, fn func(open func(part uint32, src io.ReaderAt, sealedSize int64) (io.ReadCloser, error)) error) error {
	return errBegun
}

// Reveal appends what was opened in secret to the customer's journal.
func (g *Gate) Reveal(ctx context.Context, ev Evidence, c writ.CaseID, list []policy.Item, openedAt func(n int) time.Time) error {
	return errBegun
}

// Len is how many versions the list has.
func (o *Opening) Len() int { return 0 }

// Item is version n of the list.
func (o *Opening) Item(n int) policy.Item { return policy.Item{} }

// Close ends the opening; another can begin under the same writ.
func (o *Opening) Close() error { return nil }
