//go:build unix

package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// draining works off the queue until the test ends, or stop is called.
func (r *rig) draining(b *Book) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.drainAll(ctx) }()
	stop = func() { cancel(); <-done }
	r.t.Cleanup(stop)
	return stop
}

// TestOutage: while the quorum is unmet, batches are made and nothing is
// appended behind the one that waits, which says who is missing. When witnesses
// come back all are published in order, marked, and every statement is in the
// batch of its interval; also across restarts.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%v", restart), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			l := r.posix()
			b := r.book(l)
			stop := r.draining(b)
			r.interval(b)
			eventually(t, "the first batch is not published", func() bool { return b.Status().Batch == 1 })
			r.witnesses[0].down()
			r.witnesses[1].down()
			for i := range 5 {
				must(t, b.Commit(t.Context(), fmt.Sprint("s", i), "key", i))
				r.interval(b)
				if i == 0 {
					eventually(t, "it doesn't say what it waits for", func() bool { return b.Status().Waiting != nil })
				}
			}
			wants(t, b.Status().Waiting, ErrUnpublished, "w0", "w1")
			if size, err := l.Size(t.Context()); err != nil || size != 2 {
				t.Fatalf("%d leaves are in the log, while the second waits: %v", size, err)
			}
			if s := b.Status(); s.Batch != 1 || s.Frozen != 6 || s.Queued != 5 || s.Since.IsZero() || s.Sticky != nil {
				t.Fatalf("%+v", s)
			}
			for i := range 5 {
				_, err := b.Receipt(t.Context(), fmt.Sprint("s", i))
				wants(t, err, ErrPending)
			}
			if restart {
				stop()
				must(t, b.Close())
				must(t, l.Close(t.Context()))
				l = r.posix()
				b = r.book(l)
				r.draining(b)
				r.interval(b)
			}
			r.witnesses[0].up()
			r.pass(time.Second)
			eventually(t, "it doesn't catch up", func() bool { return b.Status().Batch == b.Status().Frozen })
			r.interval(b)
			eventually(t, "it doesn't go on", func() bool { return b.Status().Batch == b.Status().Frozen })
			if s := b.Status(); s.Queued != 0 || s.Waiting != nil || !s.Since.IsZero() {
				t.Errorf("%+v", s)
			}
			for i := range 5 {
				if v := r.receipt(b, fmt.Sprint("s", i)); v.Batch.N != uint64(2+i) {
					t.Errorf("statement %d is in batch %d", i, v.Batch.N)
				}
			}
			all := r.batches(l)
			for i, batch := range all {
				late, before := i >= 2 && i <= 4, i == 2
				if restart {
					late = i >= 2 && i <= 5
				}
				if batch.Late != late || batch.LateBefore != before {
					t.Errorf("batch %d says late %v, late before %v", batch.N, batch.Late, batch.LateBefore)
				}
				if i > 0 && !batch.From.Equal(all[i-1].From.Add(time.Minute)) {
					t.Errorf("batch %d begins at %s", batch.N, batch.From)
				}
			}
			r.isWitnessed(l, uint64(len(all)))
		})
	}
}

// TestRolledBackBook: the whole folder put back from a copy, records and all,
// is told by the witnesses: nothing is appended, and it stops for good. With the
// records of today, the book itself refuses.
func TestRolledBackBook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.posix()
	b := r.book(l)
	for range 3 {
		r.interval(b)
	}
	r.publish(b)
	must(t, b.Close())
	must(t, l.Close(t.Context()))
	dir, backup := filepath.Join(r.dir, "ledger"), filepath.Join(r.dir, "backup")
	must(t, os.CopyFS(backup, os.DirFS(dir)))
	old := copyRecords(t, r.records)
	l = r.posix()
	b = r.book(l)
	r.interval(b)
	r.interval(b)
	r.publish(b)
	must(t, b.Close())
	must(t, l.Close(t.Context()))

	must(t, os.RemoveAll(dir))
	must(t, os.CopyFS(dir, os.DirFS(backup)))
	l = r.posix()
	_, err := OpenBook(t.Context(), r.config(l))
	wants(t, err, ErrDamaged, "older backup", "5 were published", "writ ledger recover")
	must(t, l.Close(t.Context()))

	r.records = old
	l = r.posix()
	b = r.book(l)
	must(t, b.Commit(t.Context(), "s", "key", 1))
	r.interval(b)
	r.draining(b)
	eventually(t, "it goes on", func() bool { return b.Status().Sticky != nil })
	wants(t, b.Status().Sticky, ErrRolledBack, "writ ledger recover")
	_, err = b.Await(t.Context(), "s")
	wants(t, err, ErrPending)
	wants(t, err, ErrRolledBack)
	if size, err := l.Size(t.Context()); err != nil || size != 3 {
		t.Fatalf("the log has grown to %d: %v", size, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "evidence", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("evidence: %v, %v", files, err)
	}
}
