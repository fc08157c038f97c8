//go:build unix

package ledger

import (
	"testing"

	"writ"
)

// TestBook: hidden and public statements and heads, each proven to a stranger,
// also after the book was opened again.
func TestBook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.posix()
	b := r.book(l)
	ctx := t.Context()
	clinic, press := writ.NewCustomerID(), writ.NewCustomerID()
	r.setHead(clinic, 3)
	must(t, b.Commit(ctx, "key/1", "key", map[string]string{"op": "made"}))
	must(t, b.Commit(ctx, "key/1", "key", map[string]string{"op": "another"}))
	if _, err := b.Receipt(ctx, "key/1"); err != ErrPending {
		t.Fatalf("before its batch: %v", err)
	}
	r.interval(b)
	if _, err := b.Receipt(ctx, "key/1"); err != ErrPending {
		t.Fatalf("before its batch is published: %v", err)
	}
	r.publish(b)
	v := r.receipt(b, "key/1")
	if v.Batch.N != 1 || v.Hidden == nil || string(v.Hidden.Body) != `{"op":"made"}` || v.Slot == 0 {
		t.Fatalf("proven: %+v", v)
	}
	r.setHead(press, 7)
	r.interval(b)
	r.publish(b)
	hr, err := b.HeadReceipt(ctx, press, 2)
	must(t, err)
	if v := r.verified(hr); v.Head == nil || v.Head.Seq != 7 || v.Batch.N != 2 {
		t.Fatalf("proven: %+v", v)
	}
	if _, err := b.HeadReceipt(ctx, press, 1); err != ErrNoStatement {
		t.Fatalf("a head before there was one: %v", err)
	}
	must(t, b.Close())
	must(t, l.Close(ctx))
	l = r.posix()
	b = r.book(l)
	r.receipt(b, "key/1")
	if s := b.Status(); s.Batch != 2 || s.Size != 2 || !s.BatchAt.Equal(r.now()) {
		t.Fatalf("%+v", s)
	}
	r.interval(b)
	r.publish(b)
	heads, err := b.Batches(ctx, clinic, 1, 10)
	must(t, err)
	if len(heads) != 3 || heads[0].Head.Seq != 3 || heads[2].Head.Seq != 3 {
		t.Fatalf("%+v", heads)
	}
}
