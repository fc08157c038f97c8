package proof

import (
	"bytes"
	"encoding/json"
	"fmt"

	tproof "github.com/transparency-dev/formats/proof"
)

// MaxReceipt is the most bytes of a receipt.
const MaxReceipt = 1 << 20

const (
	maxProofText = 128 << 10 // of a tlog-proof with its checkpoint
	maxPath      = 63        // hashes of an RFC 6962 path
)

// Receipt proves that a statement is in the log, and may show what a batch
// committed to. As a file it is JSON.
type Receipt struct {
	V         int           `json:"v"`
	Statement []byte        `json:"statement"` // the leaf
	Proof     string        `json:"proof"`     // c2sp.org/tlog-proof@v1
	Hidden    *HiddenProof  `json:"hidden,omitempty"`
	Head      *JournalProof `json:"head,omitempty"`
}

// HiddenProof leads from a slot of a batch to its root. Body and salt are those
// of a hidden statement; both are left out with a [JournalProof], whose map's
// root is in slot 0.
type HiddenProof struct {
	Body  []byte   `json:"body,omitempty"`
	Salt  []byte   `json:"salt,omitempty"`
	Slot  int      `json:"slot"`
	Slots int      `json:"slots"`
	Path  [][]byte `json:"path"`
}

// JournalProof leads from a customer's journal head to the root of the map.
type JournalProof struct {
	Label []byte   `json:"label"`
	Seq   uint64   `json:"seq"`
	Head  []byte   `json:"head"`
	Path  [][]byte `json:"path"`
}

// NewReceipt makes the receipt of a leaf from its inclusion proof (from the
// leaf up) under a signed checkpoint.
func NewReceipt(leaf []byte, index uint64, path [][]byte, checkpoint []byte) (*Receipt, error) {
	if err := checkHashes(path); err != nil {
		return nil, err
	}
	p := tproof.TLogProof{Index: index, Checkpoint: checkpoint}
	for _, h := range path {
		p.Hashes = append(p.Hashes, [32]byte(h))
	}
	return &Receipt{V: 1, Statement: leaf, Proof: string(p.Marshal())}, nil
}

// Marshal returns the receipt as a file.
func (r *Receipt) Marshal() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(r); err != nil {
		return nil, fmt.Errorf("couldn't encode the receipt: %w", err)
	}
	if b.Len() > MaxReceipt {
		return nil, fmt.Errorf("%w: a receipt of %d bytes", ErrForm, b.Len())
	}
	return b.Bytes(), nil
}

// ParseReceipt reads a receipt. Nothing of it is verified.
func ParseReceipt(b []byte) (*Receipt, error) {
	if len(b) > MaxReceipt {
		return nil, fmt.Errorf("%w: a receipt has at most %d bytes", ErrForm, MaxReceipt)
	}
	r := new(Receipt)
	if err := Unmarshal(b, r); err != nil {
		return nil, err
	}
	switch {
	case r.V != 1:
		return nil, fmt.Errorf("%w: a receipt of version %d", ErrForm, r.V)
	case r.Head != nil && r.Hidden == nil:
		return nil, fmt.Errorf("%w: a journal head without its slot", ErrForm)
	case r.Hidden != nil && (r.Head != nil) != (r.Hidden.Body == nil && r.Hidden.Salt == nil):
		return nil, fmt.Errorf("%w: either body and salt are shown, or a journal head", ErrForm)
	}
	return r, nil
}

// tlogProof reads the standard proof in a receipt.
func (r *Receipt) tlogProof() (p tproof.TLogProof, path [][]byte, err error) {
	if len(r.Proof) > maxProofText {
		return p, nil, fmt.Errorf("%w: the proof has more than %d bytes", ErrForm, maxProofText)
	}
	if err := p.Unmarshal([]byte(r.Proof)); err != nil {
		return p, nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if len(p.Hashes) > maxPath || p.ExtraData != nil || string(p.Marshal()) != r.Proof {
		return p, nil, fmt.Errorf("%w: the proof is not spelled as a tlog-proof is", ErrForm)
	}
	for _, h := range p.Hashes {
		path = append(path, h[:])
	}
	return p, path, nil
}
