package monitortest

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"time"

	"writ"
	"writ/internal/access"
	"writ/internal/bundle"
	"writ/internal/proof"
)

// Customer is one whose journal the log's batches show.
type Customer struct {
	ID       writ.CustomerID
	LabelKey [32]byte
	Entries  []access.Entry
	Batches  []bundle.Batch

	heads []access.Head // heads[i] is after i entries
}

// Customer adds one.
func (l *Ledger) Customer() *Customer {
	c := &Customer{ID: writ.NewCustomerID()}
	rand.Read(c.LabelKey[:])
	c.heads = []access.Head{access.Genesis(c.ID)}
	l.customers = append(l.customers, c)
	return c
}

func (c *Customer) label() [32]byte { return proof.Label(c.LabelKey, Origin) }

// Use adds entries to the journal.
func (c *Customer) Use(n int) error {
	for range n {
		h := c.heads[len(c.heads)-1]
		e := access.Entry{
			Seq: h.Seq + 1, Previous: h.Hash, Time: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).Add(time.Duration(h.Seq) * time.Second),
			Reason: writ.ReasonOwner, Credential: "HARBOURCLINIC0000001", Op: "get", Bucket: "ward-seven",
			Key: writ.ObjectKey(fmt.Sprintf("letters/%d.txt", h.Seq)), Version: "null",
		}
		if _, err := h.Follow(e.Append(nil)); err != nil {
			return err
		}
		c.Entries, c.heads = append(c.Entries, e), append(c.heads, h)
	}
	return nil
}

// Head is where the journal stood after an entry.
func (c *Customer) Head(seq uint64) access.Head { return c.heads[seq] }

// shown notes what a batch shows of the journal.
func (c *Customer) shown(n, index uint64, m *proof.HeadMap, slots [][32]byte) {
	h, path, _ := m.Path(c.label())
	c.Batches = append(c.Batches, bundle.Batch{
		N: n, Index: index, SlotPath: proof.SlotPath(slots, 0), Slots: len(slots), Seq: h.Seq, Head: h.Head[:], Path: path,
	})
}

// Header begins a bundle of the entries after one and the batches from one on.
func (c *Customer) Header(after, batch uint64) bundle.Header {
	h := c.heads[after]
	return bundle.Header{V: 1, Origin: Origin, Customer: c.ID, LabelKey: c.LabelKey[:], After: after, Previous: h.Hash[:], FromBatch: batch}
}

// Bundle writes one, honestly, of a journal that keeps its entries from one on.
// Batches begin with the first that shows entry after, or a later one.
func (c *Customer) Bundle(w io.Writer, after, batch, kept uint64) error {
	first := 0
	for first < len(c.Batches) && (c.Batches[first].N < batch || c.Batches[first].Seq < after) {
		first++
	}
	next := c.Batches[len(c.Batches)-1].N + 1
	if first < len(c.Batches) {
		next = c.Batches[first].N
	}
	from := min(max(after, kept), uint64(len(c.Entries)))
	return bundle.Write(w, c.Header(after, next), c.heads[len(c.heads)-1], each(c.Entries[from:]), each(c.Batches[first:]))
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

func sum(b []byte) [32]byte { return sha256.Sum256(b) }
