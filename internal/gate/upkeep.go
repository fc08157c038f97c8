package gate

import (
	"context"
	"fmt"

	"writ"
	"writ/internal/gate/internal/journal"
	"writ/internal/gate/internal/keyring"
)

// Rewrap wraps a data key again under the customer's newest KEK, and returns
// it as it is when it lies there already, so that a rotation can be taken up
// again where it stopped. It is journaled as upkeep; no key is given out.
func (g *Gate) Rewrap(ctx context.Context, customer writ.CustomerID, blob writ.BlobID, wrapped Wrapped) (Wrapped, error) {
	s, err := g.keys.Status(customer)
	if err != nil {
		return nil, err
	}
	if form, version := keyring.Inspect(wrapped); form == keyring.Data && version == s.Version && version != 0 {
		return wrapped, nil
	}
	if err := g.upkeep(ctx, customer, journal.Entry{Op: "rewrap", Blob: blob}); err != nil {
		return nil, err
	}
	moved, err := g.keys.Rewrap(customer, blob, wrapped)
	if err != nil {
		return nil, fmt.Errorf("couldn't rewrap the key of blob %s: %w", blob, err)
	}
	return moved, nil
}

// Pin wraps a data key again under the docket's key. What is pinned outlives
// a shred of the customer and opens only under a writ. The docket's journal
// has it, the customer's has not: a silent preservation is silent.
func (g *Gate) Pin(ctx context.Context, customer writ.CustomerID, blob writ.BlobID, wrapped Wrapped) (Wrapped, error) {
	if err := g.upkeep(ctx, keyring.Docket, journal.Entry{Op: "pin", Principal: string(customer), Blob: blob}); err != nil {
		return nil, err
	}
	pinned, err := g.keys.Pin(customer, blob, wrapped)
	if err != nil {
		return nil, fmt.Errorf("couldn't pin the key of blob %s: %w", blob, err)
	}
	return pinned, nil
}

// Unpin wraps a pinned data key again under the customer's newest KEK;
// [ErrShredded] if the customer has none any more.
func (g *Gate) Unpin(ctx context.Context, customer writ.CustomerID, blob writ.BlobID, pinned Wrapped) (Wrapped, error) {
	if err := g.upkeep(ctx, keyring.Docket, journal.Entry{Op: "unpin", Principal: string(customer), Blob: blob}); err != nil {
		return nil, err
	}
	wrapped, err := g.keys.Unpin(customer, blob, pinned)
	if err != nil {
		return nil, fmt.Errorf("couldn't unpin the key of blob %s: %w", blob, err)
	}
	return wrapped, nil
}

// upkeep journals what the server does of itself.
func (g *Gate) upkeep(ctx context.Context, customer writ.CustomerID, e journal.Entry) error {
	s, err := g.keys.Status(customer)
	if err != nil {
		return err
	}
	if s.Shredded {
		return ErrShredded
	}
	e.Reason = writ.ReasonUpkeep
	_, err = g.journal.Append(ctx, customer, &e, g.fsync || s.JournalSync)
	return err
}
