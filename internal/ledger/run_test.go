//go:build unix

package ledger

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"writ"
)

// running opens a book that makes a batch every few milliseconds by a clock
// that can be set, and runs it.
func (r *rig) running(offset *atomic.Int64, heads func(context.Context) (map[writ.CustomerID]JournalHead, error)) (*Book, Log) {
	r.t.Helper()
	r.policy = ""
	l, err := NewMemory(r.signer())
	r.must(err)
	c := r.config(l)
	c.Interval, c.Heads = 5*time.Millisecond, heads
	c.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	b, err := OpenBook(r.t.Context(), c)
	r.must(err)
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Run ended with %v", err)
		}
		b.Close()
	})
	return b, l
}

func (r *rig) reaches(b *Book, n uint64) {
	r.t.Helper()
	eventually(r.t, "batches are not made", func() bool { return b.Status().Batch >= n })
}

// TestRun: batches are made at multiples of the interval, and go on at their
// pace when the clock jumps by an hour, either way.
func TestRun(t *testing.T) {
	r := newRig(t)
	var offset atomic.Int64
	b, l := r.running(&offset, nil)
	r.reaches(b, 3)
	offset.Store(int64(-time.Hour))
	r.reaches(b, b.Status().Frozen+3)
	offset.Store(int64(time.Hour))
	r.reaches(b, b.Status().Frozen+3)
	must(t, b.Commit(t.Context(), "s", "key", 1))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	rc, err := b.Await(ctx, "s")
	must(t, err)
	r.verified(rc)
	back := 0
	for _, batch := range r.batches(l) {
		if batch.Clock == "back" {
			back++
		}
		if batch.From.UnixMilli()%5 != 0 {
			t.Errorf("batch %d begins at %s", batch.N, batch.From)
		}
	}
	if back != 1 {
		t.Errorf("%d batches say that the clock went back", back)
	}
}

// TestHeadsFail: a journal that can't tell its heads doesn't hold up the
// ledger, which says so, and has them when it can.
func TestHeadsFail(t *testing.T) {
	r := newRig(t)
	var offset atomic.Int64
	var well atomic.Bool
	r.setHead(testCustomer, 4)
	b, _ := r.running(&offset, func(ctx context.Context) (map[writ.CustomerID]JournalHead, error) {
		if !well.Load() {
			return nil, errors.New("the disk is away")
		}
		return r.moved(ctx)
	})
	r.reaches(b, 2)
	eventually(t, "it doesn't say so", func() bool { return b.Status().HeadsFail != nil })
	_, err := b.HeadReceipt(t.Context(), testCustomer, 1)
	wants(t, err, ErrNoStatement)
	well.Store(true)
	eventually(t, "the head is in no batch", func() bool {
		s := b.Status()
		rc, err := b.HeadReceipt(t.Context(), testCustomer, s.Batch)
		return s.HeadsFail == nil && err == nil && rc.Head.Seq == 4
	})
}
