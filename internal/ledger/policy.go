package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"writ/internal/proof"
	"writ/internal/records"
)

// PolicyNow writes a policy statement down, if it says anything else than the
// last one; Previous and Break are the ledger's to set. It returns the id of
// the statement that says it, which is published in its turn: see [Book.Await].
func (b *Book) PolicyNow(ctx context.Context, p proof.Policy) (id string, err error) {
	p.Previous, p.Break = nil, nil
	body, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("couldn't encode the policy: %w", err)
	}
	b.turn.Lock()
	defer b.turn.Unlock()
	last, err := b.lastPolicy(ctx)
	if err != nil {
		return "", err
	}
	if last != nil {
		if bytes.Equal(last.Body, body) {
			return policyID(last.Hash), nil
		}
		p.Previous = last.Hash[:]
	}
	var batch records.Batch
	next := b.book
	if id, err = b.queuePolicy(&batch, &next, p, body); err != nil {
		return "", err
	}
	return id, b.apply(ctx, &batch, next)
}

func policyID(hash [32]byte) string { return "policy/" + hex.EncodeToString(hash[:]) }

// lastPolicy is the newest policy statement, nil if there is none.
func (b *Book) lastPolicy(ctx context.Context) (*policyRecord, error) {
	value, err := b.store.Get(ctx, policyKey())
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ledger's records: %w", err)
	}
	last := new(policyRecord)
	return last, decodeRecord(value, last)
}

// queuePolicy adds a policy statement to a change; body is the policy without
// what the ledger sets.
func (b *Book) queuePolicy(batch *records.Batch, next *bookRecord, p proof.Policy, body []byte) (id string, err error) {
	leaf, err := b.encodePublic(next, proof.KindPolicy, p)
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(leaf)
	id = policyID(hash)
	b.queueLeaf(batch, next, id, leaf)
	batch.Put(policyKey(), encodeRecord(policyRecord{Hash: hash, Body: body}))
	return id, nil
}
