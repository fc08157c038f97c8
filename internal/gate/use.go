package gate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"writ"
	"writ/internal/gate/internal/journal"
	"writ/internal/gate/internal/keyring"
	"writ/internal/gate/internal/warrant"
	"writ/internal/seal"
)

// Wrapped is a blob's data key as it may lie beside the blob's record: bound
// to customer, blob and the version of the customer's KEK, opened by the gate
// only. [WrappedSize] bytes.
type Wrapped []byte

// WrappedSize is the length of a [Wrapped] in bytes.
const WrappedSize = keyring.WrappedSize

// Use says what a key is wanted for. All of it is journaled; texts have at
// most 1,024 bytes.
type Use struct {
	Customer writ.CustomerID // whose data it is
	Op       string          // "get", "put", "copy-from", "copy-to", "part", "export", …
	Bucket   writ.BucketName
	Key      writ.ObjectKey
	Version  writ.VersionID
	Blob     writ.BlobID
	Offset   int64 // first byte of the range
	Length   int64 // bytes of the range; 0 with Offset 0 for the whole
	Addr     netip.Addr
	Request  string // the request's id in the server's log
}

// Open releases the data key of a blob: it checks that right is the owner's
// or was given by the owner, journals the use, and unwraps.
//
// The entry is in the operating system's hands before the key is unwrapped,
// and on the disk within a second, or before, if the customer's journal is
// set so. A use that fails afterwards stays in the journal.
//
// Errors: [ErrDenied], [ErrNoCustomer], [ErrShredded], [ErrNoKEK],
// [ErrPinned], [ErrWrapped], [ErrNoSpace], [ErrJournal], [ErrClosed]. The
// caller erases the key after use.
func (g *Gate) Open(ctx context.Context, right Right, u Use, wrapped Wrapped) (*seal.Key, error) {
	written, err := g.record(ctx, right, u)
	if err != nil {
		return nil, err
	}
	key, err := release(g, pass{form: keyring.Data, written: written}, u.Customer, u.Blob, wrapped)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the key of blob %s: %w", u.Blob, err)
	}
	return key, nil
}

// Seal grants a fresh data key for a new blob, and that key wrapped. It is
// journaled like [Gate.Open] and has the same errors.
func (g *Gate) Seal(ctx context.Context, right Right, u Use) (*seal.Key, Wrapped, error) {
	if _, err := g.record(ctx, right, u); err != nil {
		return nil, nil, err
	}
	key, wrapped, err := g.keys.Generate(keyring.Data, u.Customer, u.Blob)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't make a key for blob %s: %w", u.Blob, err)
	}
	return key, wrapped, nil
}

// record checks the right and journals the use.
func (g *Gate) record(ctx context.Context, right Right, u Use) (journal.Written, error) {
	e, err := entry(right, u)
	if err != nil {
		return journal.Written{}, err
	}
	s, err := g.keys.Status(u.Customer)
	switch {
	case err != nil:
		return journal.Written{}, err
	case u.Customer == keyring.Docket:
		return journal.Written{}, ErrNoCustomer
	case s.Shredded:
		return journal.Written{}, ErrShredded
	}
	return g.journal.Append(ctx, u.Customer, &e, g.fsync || s.JournalSync)
}

// pass is what release asks for: that the use is in the journal, or that the
// key is one of the journal's own segments. Those cannot be journaled before
// they open; they open inside this package only, and what is read with them is
// journaled where it is read ([Gate.Journal]). A pinned key takes a verified
// writ besides, and says which version of its list it is.
type pass struct {
	form    keyring.Form
	written journal.Written
	warrant warrant.Warrant
	item    int
}

var (
	// errUnwritten: a mistake in this package, which no caller can cause.
	errUnwritten = errors.New("the use isn't in the journal")
	// errForm: another.
	errForm = errors.New("a pinned key opens under a writ, and nothing else does")
)

// release is the only place of the program that unwraps a key. It is a plain
// function, not a method: methods can be reached through interfaces, method
// values and reflection.
func release(g *Gate, p pass, customer writ.CustomerID, blob writ.BlobID, wrapped []byte) (*seal.Key, error) {
	if p.form != keyring.Segment && !p.written.OK() {
		return nil, errUnwritten
	}
	if (p.form == keyring.Pinned) != p.warrant.OK() {
		return nil, errForm
	}
	if p.form == keyring.Pinned {
		if err := p.warrant.Allows(p.item, customer, blob, g.now()); err != nil {
			return nil, err
		}
	}
	return keyring.Unwrap(g.keys, p.form, customer, blob, wrapped)
}
