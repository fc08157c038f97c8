// Package bundle is the journal bundle (docs/ledger.md): what a server hands to
// a customer so that it can check its journal against the public log. It is a
// stream of JSON lines: a [Header], entries, the [Batch] lines of the ledger that
// show where the journal stood, each directly behind the entry that it shows, and
// an [End], without which a bundle is cut.
//
// [Write] makes one from two iterators, and [Reader] reads one; both hold one
// line in memory. The reader checks all that can be checked without the log:
// form, chain, order, and that each batch's head is the chain's. That the
// batches are the log's is for package monitor.
package bundle

import (
	"errors"
	"fmt"

	"writ"
	"writ/internal/access"
	"writ/internal/proof"
)

// Why a bundle is refused. Each is wrapped in a sentence that says more. Entries
// that do not follow each other are an [access.ErrChain].
var (
	// ErrForm: not the lines that docs/ledger.md asks for.
	ErrForm = errors.New("not a journal bundle")
	// ErrCut: the end is missing.
	ErrCut = errors.New("the bundle is cut")
	// ErrBatch: a batch is left out, or there twice, or not where it belongs.
	ErrBatch = errors.New("the bundle's batches are not complete and in order")
	// ErrHead: a batch, or the end, shows another journal than the entries.
	ErrHead = errors.New("the journal's entries are not those that were committed to")
)

const (
	maxLine     = 64 << 10 // bytes, with its end
	maxSealed   = 4 << 20  // of a line with a sealed segment
	maxSlotPath = 16       // hashes: log2 of [proof.MaxSlots]
	headPath    = 64       // hashes of the map of heads
)

// Header is a bundle's first line.
type Header struct {
	V         int             `json:"v"`
	Origin    string          `json:"origin"` // of the log
	Customer  writ.CustomerID `json:"customer"`
	LabelKey  []byte          `json:"label_key"`  // 32 bytes; with Origin it makes the customer's label
	After     uint64          `json:"after"`      // entries with a higher number follow
	Previous  []byte          `json:"previous"`   // hash of entry After
	FromBatch uint64          `json:"from_batch"` // batches from this one on follow
}

// Batch shows where the journal stood in a batch of the ledger.
type Batch struct {
	N        uint64   `json:"n"`
	Index    uint64   `json:"index"`     // of its statement in the log
	SlotPath [][]byte `json:"slot_path"` // of slot 0, from the leaf up
	Slots    int      `json:"slots"`
	Seq      uint64   `json:"seq"`  // newest entry of the journal then
	Head     []byte   `json:"head"` // its hash
	Path     [][]byte `json:"path"` // 64 siblings in the map of heads, from the leaf up
}

// Lost is a batch that the server can show nothing of: its records were restored
// from an older backup.
type Lost struct {
	N     uint64 `json:"n"`
	Index uint64 `json:"index"`
}

// Gap is entries that were dropped because the time for which they are kept is
// over. It stands before all entries.
type Gap struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Sealed is entries that are sealed to the customer's own key: a closed segment
// of the journal as it lies ([access.OpenSealed]). As an error it stands in the
// iterator of [Write] for the entries that it holds.
type Sealed struct {
	From    uint64 `json:"from"`
	To      uint64 `json:"to"`
	Segment []byte `json:"segment"`
}

// Error says which entries are sealed.
func (s *Sealed) Error() string {
	return fmt.Sprintf("entries %d to %d are sealed to the customer's own key", s.From, s.To)
}

// End is a bundle's last line.
type End struct {
	Seq     uint64 `json:"seq"` // newest entry
	Head    []byte `json:"head"`
	Batches uint64 `json:"batches"` // number of the newest batch
}

// line is every line but the first: one of these.
type line struct {
	Entry  []byte  `json:"entry,omitempty"`
	Batch  *Batch  `json:"batch,omitempty"`
	Lost   *Lost   `json:"lost,omitempty"`
	Gap    *Gap    `json:"gap,omitempty"`
	Sealed *Sealed `json:"sealed,omitempty"`
	End    *End    `json:"end,omitempty"`
}

func (h *Header) check() error {
	switch {
	case h.V != 1:
		return fmt.Errorf("%w: version %d", ErrForm, h.V)
	case h.Origin == "" || len(h.Origin) > 256:
		return fmt.Errorf("%w: no log's origin", ErrForm)
	case len(h.LabelKey) != 32 || len(h.Previous) != 32:
		return fmt.Errorf("%w: label key and hash have 32 bytes each", ErrForm)
	case h.FromBatch == 0:
		return fmt.Errorf("%w: batches are counted from 1", ErrForm)
	}
	if _, err := writ.ParseCustomerID(string(h.Customer)); err != nil {
		return fmt.Errorf("%w: %.60q is no customer's id", ErrForm, h.Customer)
	}
	if h.After == 0 && [32]byte(h.Previous) != access.Genesis(h.Customer).Hash {
		return fmt.Errorf("%w: the chain doesn't begin with the customer's id", access.ErrChain)
	}
	return nil
}

func (b *Batch) check() error {
	if b.Slots < 1 || b.Slots > proof.MaxSlots || len(b.SlotPath) > maxSlotPath || len(b.Path) != headPath || len(b.Head) != 32 {
		return fmt.Errorf("%w: batch %d has paths or slots of another size", ErrForm, b.N)
	}
	for _, path := range [][][]byte{b.SlotPath, b.Path} {
		for _, h := range path {
			if len(h) != 32 {
				return fmt.Errorf("%w: batch %d has a hash of %d bytes", ErrForm, b.N, len(h))
			}
		}
	}
	return nil
}

// Root is the root of a batch of the log to which the paths lead from the head
// of the customer with a label. Errors: those of package proof.
func (b *Batch) Root(label [32]byte) ([32]byte, error) {
	if err := b.check(); err != nil {
		return [32]byte{}, err
	}
	heads, err := proof.RootOfHead(proof.Head{Label: label, Seq: b.Seq, Head: [32]byte(b.Head)}, b.Path)
	if err != nil {
		return [32]byte{}, err
	}
	return proof.RootOfSlot(heads, 0, b.Slots, b.SlotPath)
}
