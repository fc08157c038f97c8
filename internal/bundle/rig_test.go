package bundle

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"testing"
	"time"

	"writ"
	"writ/internal/access"
	"writ/internal/proof"
)

const origin = "ledger.quayside.example"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// rig is a journal and the batches that show where it stood.
type rig struct {
	t        testing.TB
	customer writ.CustomerID
	labelKey [32]byte
	entries  []access.Entry
	heads    []access.Head // heads[i] is after i entries
	batches  []Batch
	roots    [][32]byte // of the batches
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, customer: writ.NewCustomerID()}
	rand.Read(r.labelKey[:])
	r.heads = []access.Head{access.Genesis(r.customer)}
	return r
}

func (r *rig) use(n int) {
	for range n {
		h := r.heads[len(r.heads)-1]
		e := access.Entry{
			Seq: h.Seq + 1, Previous: h.Hash, Time: noon.Add(time.Duration(h.Seq) * time.Second), Reason: writ.ReasonOwner, Op: "get",
			Bucket: "scans", Key: writ.ObjectKey(fmt.Sprintf("scan-%d", h.Seq)), Credential: "HARBOURCLINIC0000001",
		}
		if _, err := h.Follow(e.Append(nil)); err != nil {
			r.t.Fatal(err)
		}
		r.entries, r.heads = append(r.entries, e), append(r.heads, h)
	}
}

// show makes a batch in which the journal stands where it is, among others'.
func (r *rig) show() {
	h := r.heads[len(r.heads)-1]
	label := proof.Label(r.labelKey, origin)
	m, err := proof.NewHeadMap(random(), []proof.Head{{Label: random(), Seq: 9, Head: random()}, {Label: label, Seq: h.Seq, Head: h.Hash}})
	if err != nil {
		r.t.Fatal(err)
	}
	slots := [][32]byte{m.Root(), random(), random(), random()}
	_, path, _ := m.Path(label)
	n := uint64(len(r.batches)) + 1
	r.batches = append(r.batches, Batch{
		N: n, Index: n, SlotPath: proof.SlotPath(slots, 0), Slots: len(slots), Seq: h.Seq, Head: h.Hash[:], Path: path,
	})
	r.roots = append(r.roots, proof.SlotRoot(slots))
}

func random() (b [32]byte) {
	rand.Read(b[:])
	return b
}

func (r *rig) header(after, batch uint64) Header {
	return Header{
		V: 1, Origin: origin, Customer: r.customer, LabelKey: r.labelKey[:], After: after,
		Previous: r.heads[after].Hash[:], FromBatch: batch,
	}
}

func each[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}

// bundle is the whole bundle after an entry, of which the journal still has
// those from kept on.
func (r *rig) bundle(after, batch, kept uint64) []byte {
	r.t.Helper()
	var b bytes.Buffer
	from := min(max(after, kept), uint64(len(r.entries)))
	err := Write(&b, r.header(after, batch), r.heads[len(r.heads)-1], each(r.entries[from:]), each(r.batches[batch-1:]))
	if err != nil {
		r.t.Fatal(err)
	}
	return b.Bytes()
}

// read reads a bundle to its end.
func read(in io.Reader) (items []Item, at access.Head, err error) {
	r, err := NewReader(in)
	if err != nil {
		return nil, at, err
	}
	for {
		item, err := r.Next()
		if errors.Is(err, io.EOF) {
			return items, r.Head(), nil
		}
		if err != nil {
			return items, r.Head(), err
		}
		items = append(items, item)
	}
}

// refused says whether an error is one of those that the reader promises.
func refused(err error) bool {
	for _, known := range []error{ErrForm, ErrCut, ErrBatch, ErrHead, access.ErrChain, access.ErrForm} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
