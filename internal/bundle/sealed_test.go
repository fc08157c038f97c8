package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"writ"
	"writ/internal/access"
	"writ/internal/seal"
)

// closed makes a sealed segment of entries from to to, as the journal does.
func (r *rig) closed(id *seal.Identity, from, to uint64) *Sealed {
	r.t.Helper()
	h := access.SegmentHead{Blob: writ.NewBlobID()}
	key, wrapped, err := access.SealTo(id.Recipient(), r.customer, h.Blob)
	if err != nil {
		r.t.Fatal(err)
	}
	h.Wrapped = wrapped
	b := bytes.NewBuffer(h.Append(nil, access.ClosedMagic))
	w, err := seal.NewWriter(b, key, seal.Stream{ID: h.Blob})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range r.entries[from-1 : to] {
		stored := e.Append(nil)
		if _, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(stored))), stored...)); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		r.t.Fatal(err)
	}
	return &Sealed{From: from, To: to, Segment: b.Bytes()}
}

// sealedBundle is a bundle whose first entries lie in sealed segments.
func (r *rig) sealedBundle(after uint64, segments ...*Sealed) ([]byte, error) {
	var b bytes.Buffer
	all := uint64(len(r.entries))
	next := after + 1
	entries := func(yield func(access.Entry, error) bool) {
		for _, s := range segments {
			if !yield(access.Entry{}, s) {
				return
			}
			next = s.To + 1
		}
		for ; next <= all; next++ {
			if !yield(r.entries[next-1], nil) {
				return
			}
		}
	}
	batches := func(yield func(Batch, error) bool) {
		for _, one := range r.batches {
			if one.Seq >= after && !yield(one, nil) {
				return
			}
		}
	}
	first := uint64(1)
	for first <= uint64(len(r.batches)) && r.batches[first-1].Seq < after {
		first++
	}
	err := Write(&b, r.header(after, first), r.heads[all], entries, batches)
	return b.Bytes(), err
}

func readAll(b []byte, id *seal.Identity) (entries, sealed, batches int, head access.Head, err error) {
	in, err := NewReader(bytes.NewReader(b))
	if err != nil {
		return 0, 0, 0, head, err
	}
	if id != nil {
		in.Unseal(id)
	}
	for {
		item, err := in.Next()
		if errors.Is(err, io.EOF) {
			return entries, sealed, batches, in.Head(), nil
		}
		if err != nil {
			return entries, sealed, batches, in.Head(), err
		}
		switch {
		case item.Entry != nil:
			entries++
		case item.Sealed != nil:
			sealed++
		case item.Batch != nil:
			batches++
		}
	}
}

// TestSealed: a bundle of sealed segments is read whole by their owner, and
// passed over by others; a changed segment, one of another key, one left out
// and a batch that shows another journal are noticed.
func TestSealed(t *testing.T) {
	id, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.show()
	for range 5 {
		r.use(3)
		r.show()
	}
	one, two := r.closed(id, 1, 7), r.closed(id, 8, 12)
	whole, err := r.sealedBundle(0, one, two)
	if err != nil {
		t.Fatal(err)
	}
	if entries, sealed, batches, head, err := readAll(whole, id); err != nil || entries != 15 || sealed != 0 || batches != 6 || head != r.heads[15] {
		t.Errorf("with the key: %d entries, %d segments, %d batches: %v", entries, sealed, batches, err)
	}
	if entries, sealed, batches, head, err := readAll(whole, nil); err != nil || entries != 3 || sealed != 2 || batches != 6 || head != r.heads[15] {
		t.Errorf("without: %d entries, %d segments, %d batches: %v", entries, sealed, batches, err)
	}
	if _, _, _, _, err := readAll(whole, stranger); !errors.Is(err, access.ErrSegment) {
		t.Errorf("another's key: %v", err)
	}
	later, err := r.sealedBundle(3, one, two)
	if err != nil {
		t.Fatal(err)
	}
	if entries, _, _, head, err := readAll(later, id); err != nil || entries != 12 || head != r.heads[15] {
		t.Errorf("from the middle of a segment: %d entries: %v", entries, err)
	}
	if _, err := r.sealedBundle(0, one); err != nil {
		t.Errorf("one segment and open entries: %v", err)
	}
	if _, err := r.sealedBundle(0, two); err == nil {
		t.Error("a segment was left out, and it was written")
	}

	// What the server could lie about.
	forged := r.closed(id, 8, 12)
	forged.Segment = r.closed(id, 8, 11).Segment
	if b, err := r.sealedBundle(0, one, forged); err != nil {
		t.Error(err)
	} else if _, _, _, _, err := readAll(b, id); !errors.Is(err, access.ErrChain) {
		t.Errorf("a segment with an entry less: %v", err)
	}
	r.batches[3].Head[0] ^= 1 // shows entry 9, inside the second segment
	if b, err := r.sealedBundle(0, one, two); err != nil {
		t.Error(err)
	} else if _, _, _, _, err := readAll(b, id); err == nil {
		t.Error("a batch that shows another journal was believed")
	}
	if _, _, _, _, err := readAll(append(slices.Clone(whole[:bytes.IndexByte(whole, '\n')+1]), bytes.Repeat([]byte(`{"sealed":{`), maxSealed/8)...), id); !errors.Is(err, ErrForm) {
		t.Errorf("an endless segment: %v", err)
	}
	for at := range len(one.Segment) / 211 {
		bad := *one
		bad.Segment = bytes.Clone(one.Segment)
		bad.Segment[at*211] ^= 1
		b, err := r.sealedBundle(0, &bad, two)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, _, err := readAll(b, id); !errors.Is(err, access.ErrSegment) {
			t.Fatalf("byte %d of a segment changed: %v", at*211, err)
		}
	}
}
