//go:build unix

package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"writ/internal/proof"
	"writ/internal/records"
)

// memoryBook is a book on a log in memory, without witnesses.
func (r *rig) memoryBook() (*Book, Log) {
	r.t.Helper()
	r.policy = ""
	l, err := NewMemory(r.signer())
	r.must(err)
	return r.book(l), l
}

// TestRefusedStatements: what nobody could verify is refused whole.
func TestRefusedStatements(t *testing.T) {
	r := newRig(t)
	b, _ := r.memoryBook()
	ctx := t.Context()
	for name, c := range map[string]struct {
		id, kind string
		body     any
	}{
		"10 MiB":         {"a", "key", strings.Repeat("x", 10<<20)},
		"65 KiB":         {"a", "key", strings.Repeat("x", 65<<10)},
		"no JSON":        {"a", "key", json.RawMessage("{")},
		"two values":     {"a", "key", json.RawMessage("{} {}")},
		"a field twice":  {"a", "key", json.RawMessage(`{"a":1,"A":2}`)},
		"too deep":       {"a", "key", json.RawMessage(strings.Repeat("[", 40) + strings.Repeat("]", 40))},
		"not a value":    {"a", "key", func() {}},
		"public kind":    {"a", "release", "x"},
		"no kind":        {"a", "", "x"},
		"no id":          {"", "key", "x"},
		"an id too long": {strings.Repeat("i", 201), "key", "x"},
	} {
		if err := b.Commit(ctx, c.id, c.kind, c.body); err == nil {
			t.Errorf("%s: committed", name)
		}
		if c.kind != "key" {
			continue // there is a public statement of another kind
		}
		if _, err := b.Publish(ctx, c.id, proof.KindRelease, c.body); err == nil {
			t.Errorf("%s: published", name)
		}
	}
	for _, kind := range []string{proof.KindBatch, proof.KindPolicy, "key", ""} {
		_, err := b.Publish(ctx, "a", kind, "x")
		wants(t, err, proof.ErrForm)
	}
	for _, tag := range []byte{tagQueue, tagPlace} {
		entries, _, err := r.records.Scan(ctx, records.Prefix(key(tag, "")))
		if err != nil || len(entries) != 0 {
			t.Fatalf("%d refused statements were written down: %v", len(entries), err)
		}
	}
	entries, _, err := r.records.Scan(ctx, records.Prefix(key(tagOutbox, "")))
	if err != nil || len(entries) != 0 {
		t.Fatalf("%d refused statements were written down: %v", len(entries), err)
	}
}

// TestOrder: more than a batch has room for waits for the next, in order.
func TestOrder(t *testing.T) {
	r := newRig(t)
	b, _ := r.memoryBook()
	for i := range 40 {
		must(t, b.Commit(t.Context(), fmt.Sprint("s", i), "key", i))
	}
	for range 3 {
		r.interval(b)
	}
	r.publish(b)
	used := map[string]bool{}
	for i := range 40 {
		v := r.receipt(b, fmt.Sprint("s", i))
		if want := uint64(1 + i/15); v.Batch.N != want || string(v.Hidden.Body) != fmt.Sprint(i) {
			t.Fatalf("statement %d is in batch %d: %s", i, v.Batch.N, v.Hidden.Body)
		}
		place := fmt.Sprint(v.Batch.N, v.Slot)
		if used[place] {
			t.Fatalf("two statements in slot %s", place)
		}
		used[place] = true
	}
}

// TestTransactions: statements of the same moment don't conflict, one of the
// same id is written once, and one whose transaction fails is not there.
func TestTransactions(t *testing.T) {
	r := newRig(t)
	b, _ := r.memoryBook()
	ctx := t.Context()
	err := r.records.Update(ctx, func(tx records.Tx) error {
		must(t, b.CommitTx(ctx, tx, "outer", "case", 1))
		// Another whole transaction meanwhile, and a batch: no conflict.
		must(t, r.records.Update(ctx, func(tx records.Tx) error { return b.CommitTx(ctx, tx, "inner", "case", 2) }))
		r.interval(b)
		tx.Put([]byte("z"), []byte("the docket's own record"))
		return nil
	})
	if err != nil {
		t.Fatalf("a transaction of another statement was in the way: %v", err)
	}
	err = r.records.Update(ctx, func(tx records.Tx) error {
		must(t, b.CommitTx(ctx, tx, "twice", "case", 1))
		must(t, b.CommitTx(ctx, tx, "twice", "case", 2)) // also inside one
		return r.records.Update(ctx, func(tx records.Tx) error { return b.CommitTx(ctx, tx, "twice", "case", 3) })
	})
	wants(t, err, records.ErrConflict)
	failed := errors.New("the docket's own error")
	if err := r.records.Update(ctx, func(tx records.Tx) error {
		must(t, b.CommitTx(ctx, tx, "never", "case", 1))
		return failed
	}); err != failed {
		t.Fatal(err)
	}
	r.interval(b)
	r.publish(b)
	if v := r.receipt(b, "outer"); v.Batch.N != 2 {
		t.Errorf("outer is in batch %d", v.Batch.N)
	}
	if v := r.receipt(b, "inner"); v.Batch.N != 1 {
		t.Errorf("inner is in batch %d", v.Batch.N)
	}
	if v := r.receipt(b, "twice"); string(v.Hidden.Body) != "3" {
		t.Errorf("twice says %s", v.Hidden.Body)
	}
	_, err = b.Receipt(ctx, "never")
	wants(t, err, ErrNoStatement)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := b.Commit(ctx, "many", "case", "one"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	entries, _, err := r.records.Scan(ctx, records.Prefix(key(tagOutbox, "")))
	if err != nil || len(entries) != 1 {
		t.Fatalf("one statement waits %d times: %v", len(entries), err)
	}
}

// TestPublish: public statements are there once, in order among the batches,
// with their receipts.
func TestPublish(t *testing.T) {
	r := newRig(t)
	b, l := r.memoryBook()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, b.enqueue(ctx, "release/1", proof.KindRelease, proof.Release{Version: "1"})) // whose caller gave up
	_, err := b.Receipt(ctx, "release/1")
	wants(t, err, ErrPending)
	r.interval(b)
	go b.drainAll(ctx)
	var bodies []string
	for _, version := range []string{"1", "2", "1"} {
		rc, err := b.Publish(ctx, "release/"+version, proof.KindRelease, proof.Release{Version: version, Go: fmt.Sprint(len(bodies))})
		must(t, err)
		bodies = append(bodies, string(r.verified(rc).Statement.Body))
	}
	if bodies[0] != bodies[2] || bodies[0] == bodies[1] {
		t.Fatalf("%s", bodies)
	}
	if size, err := l.Size(ctx); err != nil || size != 3 {
		t.Fatalf("%d leaves: %v", size, err)
	}
}

// TestPolicy: a policy is stated when it changes, and names the one before.
func TestPolicy(t *testing.T) {
	r := newRig(t)
	b, _ := r.memoryBook()
	ctx := t.Context()
	p := proof.Policy{Origin: origin, Interval: "1m0s", Slots: 16, Custodians: []string{}, Packs: []string{}, TLSMin: "1.2"}
	var ids []string
	for _, min := range []string{"1.2", "1.2", "1.3", "1.3", "1.2"} {
		p.TLSMin = min
		id, err := b.PolicyNow(ctx, p)
		must(t, err)
		ids = append(ids, id)
		must(t, b.Close())
		b = r.book(b.log)
	}
	r.publish(b)
	distinct := slices.Compact(slices.Clone(ids))
	if ids[0] != ids[1] || ids[2] != ids[3] || ids[4] == ids[0] || len(distinct) != 3 {
		t.Fatalf("%v", ids)
	}
	var before []byte
	for _, id := range distinct {
		var got proof.Policy
		v := r.receipt(b, id)
		must(t, proof.Unmarshal(v.Statement.Body, &got))
		if !bytes.Equal(got.Previous, before) {
			t.Fatalf("policy %s names %x, not %x", id, got.Previous, before)
		}
		before = hashOf(t, b, v.Index)
	}
}

func hashOf(t *testing.T, b *Book, index uint64) []byte {
	t.Helper()
	leaf, err := b.log.Leaf(t.Context(), index)
	must(t, err)
	id := policyID(sum(leaf))
	if _, err := b.Receipt(t.Context(), id); err != nil {
		t.Fatalf("the policy is not known by its hash: %v", err)
	}
	h := sum(leaf)
	return h[:]
}

// TestClockBack: `at` never goes back, the batch after says so once, and
// batches go on.
func TestClockBack(t *testing.T) {
	r := newRig(t)
	b, l := r.memoryBook()
	r.interval(b)
	r.interval(b)
	latest := r.now()
	r.pass(-time.Hour)
	must(t, b.Commit(t.Context(), "s", "key", 1))
	r.interval(b)
	r.publish(b)
	must(t, b.Close())
	r.pass(-time.Hour) // and again while it is off
	b = r.book(l)
	r.interval(b)
	r.interval(b)
	r.publish(b)
	var clocks []string
	for _, batch := range r.batches(l) {
		clocks = append(clocks, batch.Clock)
	}
	if want := []string{"", "", "back", "back", ""}; !slices.Equal(clocks, want) {
		t.Fatalf("clock: %q", clocks)
	}
	if v := r.receipt(b, "s"); !v.Statement.At.Equal(latest) || v.Hidden.At.Before(latest.Add(-time.Minute)) {
		t.Fatalf("the batch is of %s, the statement of %s, after %s", v.Statement.At, v.Hidden.At, latest)
	}
}
