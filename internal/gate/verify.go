package gate

import (
	"context"
	"errors"
	"fmt"
	"io"

	"writ"
	"writ/internal/gate/internal/journal"
	"writ/internal/gate/internal/keyring"
	"writ/internal/seal"
)

// Verifier checks that sealed bytes of one customer open. It is upkeep: it
// gives out neither a key nor a byte of plaintext, only yes or no.
type Verifier struct {
	g        *Gate
	customer writ.CustomerID
	written  journal.Written
}

// Verifier begins a check of the customer's blobs, and journals it: one entry,
// op "verify", stands for all blobs that the Verifier checks, since nothing
// leaves the gate. The errors are those of [Gate.Rewrap].
func (g *Gate) Verifier(ctx context.Context, customer writ.CustomerID) (*Verifier, error) {
	s, err := g.keys.Status(customer)
	switch {
	case err != nil:
		return nil, err
	case customer == keyring.Docket:
		return nil, ErrNoCustomer
	case s.Shredded:
		return nil, ErrShredded
	}
	written, err := g.journal.Append(ctx, customer, &journal.Entry{Op: "verify", Reason: writ.ReasonUpkeep}, g.fsync || s.JournalSync)
	if err != nil {
		return nil, err
	}
	return &Verifier{g: g, customer: customer, written: written}, nil
}

// Check opens the blob's data key inside the gate and calls fn with a function
// that opens every chunk of one stream of that blob and throws the plaintext
// away. That function reports the first chunk that does not open
// ([seal.ChunkError], [seal.ErrTruncated], …) or the source's error, and is of
// no use after fn has returned.
//
// Errors: [ErrShredded], [ErrNoKEK], [ErrPinned], [ErrWrapped], that of the
// context, and fn's own.
func (v *Verifier) Check(ctx context.Context, blob writ.BlobID, wrapped Wrapped, fn func(check func(part uint32, src io.ReaderAt, sealedSize int64) error) error) error {
	key, err := release(v.g, pass{form: keyring.Data, written: v.written}, v.customer, blob, wrapped)
	if err != nil {
		return fmt.Errorf("couldn't open the key of blob %s: %w", blob, err)
	}
	defer key.Erase()
	over := false
	defer func() { over = true }()
	return fn(func(part uint32, src io.ReaderAt, sealedSize int64) error {
		if over {
			return errVerified
		}
		return verify(ctx, key, seal.Stream{ID: blob, Part: part}, src, sealedSize)
	})
}

var errVerified = errors.New("the check of this blob is over")

// verifyStep is how many bytes are opened between two looks at the context.
const verifyStep = 16 << 20

func verify(ctx context.Context, key *seal.Key, s seal.Stream, src io.ReaderAt, sealedSize int64) error {
	r, err := seal.NewReader(src, sealedSize, key, s)
	if err != nil {
		return err
	}
	if r.Size() == 0 { // a range of nothing would open no chunk
		return verifyEmpty(key, s, src, sealedSize)
	}
	for off := int64(0); off < r.Size(); off += verifyStep {
		if err := ctx.Err(); err != nil {
			return err
		}
		section := r.Range(off, verifyStep)
		_, err := io.Copy(io.Discard, section)
		section.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// verifyEmpty opens the one chunk of an object without plaintext.
func verifyEmpty(key *seal.Key, s seal.Stream, src io.ReaderAt, sealedSize int64) error {
	sealed := make([]byte, sealedSize)
	if _, err := src.ReadAt(sealed, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err := seal.Open(nil, key, s, sealed)
	return err
}
