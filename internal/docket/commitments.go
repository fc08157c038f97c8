package docket

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"writ/internal/ledger"
	"writ/internal/letter"
	"writ/internal/proof"
)

// statement is a commitment of a case: its name in the ledger, what it is
// about, and when the docket made it.
type statement struct {
	id, what string
	at       time.Time
	digest   []byte
}

// statements are the commitments of a case, oldest first: each event's, the
// writ's and the opening's.
func (d *Docket) statements(ctx context.Context, c *Case) (all []statement, err error) {
	events, err := d.Events(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	for i, e := range events {
		digest := c.Head
		if i+1 < len(events) {
			digest = [32]byte(events[i+1].Previous)
		}
		all = append(all, statement{StatementID(c.ID, e.Seq), string(e.Kind), e.At, digest[:]})
		switch {
		case e.Kind == MintedWrit && c.Writ != nil:
			all = append(all, statement{c.Writ.Statement, "writ", e.At, c.Writ.Digest})
		case e.Kind == Opened && c.Opening != nil:
			all = append(all, statement{c.Opening.Statement, "opening", e.At, c.Opening.List})
		}
	}
	return all, nil
}

// proofs are the receipts of a case's commitments, one a line, with body, salt
// and path of each: what the customer checks them by. What is published later
// is left out.
func (d *Docket) proofs(ctx context.Context, c *Case) (file []byte, all []letter.Commitment, err error) {
	statements, err := d.statements(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range statements {
		shown := letter.Commitment{What: s.what, At: s.at, Digest: hex.EncodeToString(s.digest)}
		r, err := d.Book.Receipt(ctx, s.id)
		switch {
		case errors.Is(err, ledger.ErrPending):
		case err != nil:
			return nil, nil, fmt.Errorf("couldn't get a receipt: %w", err)
		default:
			if shown.At, shown.Position, err = published(r); err != nil {
				return nil, nil, err
			}
			b, err := r.Marshal()
			if err != nil {
				return nil, nil, fmt.Errorf("couldn't write a receipt: %w", err)
			}
			file = append(append(file, compact(b)...), '\n')
		}
		if len(all) < maxCommitments {
			all = append(all, shown)
		}
	}
	return file, all, nil
}

// maxCommitments bounds how many commitments a letter lists; the file has all.
const maxCommitments = 1000

// published is when a receipt's batch was made, and where it is in the log.
func published(r *proof.Receipt) (at time.Time, index int64, err error) {
	leaf, err := proof.Decode(r.Statement)
	if err != nil {
		return at, 0, fmt.Errorf("couldn't read a receipt: %w", err)
	}
	for line := range strings.Lines(r.Proof) {
		if n, err := fmt.Sscanf(line, "index %d", &index); n == 1 && err == nil {
			return leaf.At, index, nil
		}
	}
	return leaf.At, 0, errors.New("a receipt's proof says no index")
}
