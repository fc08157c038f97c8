//go:build unix

package ledger

import (
	"context"
	"testing"

	"writ/internal/proof"
	"writ/internal/records"
)

// TestKept returns a hidden statement as it was written down, from the outbox,
// from a batch that waits, and from one that is published.
func TestKept(t *testing.T) {
	r := newRig(t)
	b := r.book(r.posix())
	body := map[string]string{"case": "2026-7KQM-4ZT0"}
	r.must(b.Commit(t.Context(), "writ/a", "writ", body))
	first, err := b.Kept(t.Context(), "writ/a")
	r.must(err)
	s, err := proof.DecodeHidden(first)
	r.must(err)
	if s.Kind != "writ" || string(s.Body) != `{"case":"2026-7KQM-4ZT0"}` {
		t.Errorf("%s %s", s.Kind, s.Body)
	}
	for _, step := range []func(){func() { r.interval(b) }, func() { r.publish(b) }} {
		step()
		again, err := b.Kept(t.Context(), "writ/a")
		r.must(err)
		if string(again) != string(first) {
			t.Errorf("%s, and then %s", first, again)
		}
	}
	if got := r.receipt(b, "writ/a"); string(got.Hidden.Body) != string(s.Body) {
		t.Errorf("the receipt says %s", got.Hidden.Body)
	}
	_, err = b.Kept(t.Context(), "writ/b")
	wants(t, err, ErrNoStatement)
	r.must(b.enqueue(t.Context(), "report/1", proof.KindReport, map[string]int{"x": 1}))
	_, err = b.Kept(t.Context(), "report/1") // public: it proves nothing of a hidden one
	wants(t, err, ErrNoStatement)
	if _, err = b.Kept(t.Context(), ""); err == nil {
		t.Error("no id at all")
	}
}

// marked are the batches that say that something was opened without witnesses.
func (r *rig) marked(l Log) (all []uint64) {
	r.t.Helper()
	for _, b := range r.batches(l) {
		if b.Unwitnessed {
			all = append(all, b.N)
		}
	}
	return all
}

// TestMarkUnwitnessed: the next batch says so, once, and a restart in between
// takes nothing of it.
func TestMarkUnwitnessed(t *testing.T) {
	r := newRig(t)
	l := r.posix()
	b := r.book(l)
	r.interval(b)
	r.publish(b)
	for range 2 { // twice before a batch is once
		r.must(b.MarkUnwitnessed(t.Context()))
	}
	r.must(b.Close())
	b = r.book(l) // durable
	for range 3 {
		r.interval(b)
		r.publish(b)
	}
	if got := r.marked(l); len(got) != 1 || got[0] != 2 {
		t.Errorf("batches %v say so, not 2", got)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.MarkUnwitnessed(stopped); err == nil {
		t.Error("a call that was given up succeeded")
	}
	r.must(b.MarkUnwitnessed(t.Context()))
	r.interval(b)
	r.publish(b)
	if got := r.marked(l); len(got) != 2 || got[1] != 5 {
		t.Errorf("batches %v say so, not 2 and 5", got)
	}
}

// TestMarkWhileWitnessesAreAway: a batch that is in the log already can't say
// so any more; the one behind it does.
func TestMarkWhileWitnessesAreAway(t *testing.T) {
	r := newRig(t)
	l := r.posix()
	b := r.book(l)
	for _, w := range r.witnesses {
		w.down()
	}
	r.interval(b) // spelled out, since nothing waits before it
	r.must(b.MarkUnwitnessed(t.Context()))
	r.interval(b)
	r.interval(b)
	for _, w := range r.witnesses {
		w.up()
	}
	r.publish(b)
	if got := r.marked(l); len(got) != 1 || got[0] != 2 {
		t.Errorf("batches %v say so, not 2", got)
	}
}

// TestMarkOutlivesABreak: what a leaf was to say, and the old log never
// published, the new one says.
func TestMarkOutlivesABreak(t *testing.T) {
	r := newRig(t)
	l := r.posix()
	b := r.book(l)
	r.interval(b)
	r.publish(b)
	r.must(b.MarkUnwitnessed(t.Context()))
	r.interval(b) // spelled out with the mark, and not published
	if b.book.Unwitnessed {
		t.Fatal("the mark was not taken by a batch")
	}
	next := b.book
	b.turn.Lock()
	defer b.turn.Unlock()
	change := new(records.Batch)
	if _, err := b.requeue(t.Context(), change, &next); err != nil {
		t.Fatal(err)
	}
	if !next.Unwitnessed {
		t.Error("the mark went with the leaf")
	}
}
