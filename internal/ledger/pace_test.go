//go:build unix

package ledger

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"writ"
	"writ/internal/proof"
	"writ/internal/records"
)

// seen is what a stranger sees of a log, and what a keeper knows of its slots.
type seen struct {
	kinds, times []string
	sizes        []int
	files        map[string]int // path: length
	roots        [256]int       // bytes of the batches' roots
	used, filled [256]int       // bytes of slots with a statement, and without
	places       []int          // how often each slot was used
}

// watch runs so many intervals with so many statements in each, and looks at
// all that is public.
func watch(t *testing.T, intervals, slots, statements int) seen {
	r := newRig(t)
	r.policy = ""
	l, err := NewMemory(r.signer())
	must(t, err)
	config := r.config(l)
	config.Slots = slots
	b, err := OpenBook(t.Context(), config)
	must(t, err)
	defer b.Close()
	customers := []writ.CustomerID{writ.NewCustomerID(), writ.NewCustomerID(), writ.NewCustomerID()}
	for i := range intervals {
		for s := range statements {
			must(t, b.Commit(t.Context(), fmt.Sprint(i, " ", s), "opening", fmt.Sprint("a demand of interval ", i)))
			r.setHead(customers[s%3], uint64(i))
		}
		r.interval(b)
		r.publish(b)
	}
	s := seen{files: map[string]int{}, places: make([]int, slots)}
	for i := range uint64(intervals) {
		leaf := mustLeaf(t, l, i)
		statement, err := proof.Decode(leaf)
		must(t, err)
		var batch proof.Batch
		must(t, json.Unmarshal(statement.Body, &batch))
		s.kinds, s.times, s.sizes = append(s.kinds, statement.Kind), append(s.times, fmt.Sprint(statement.At, batch.From)), append(s.sizes, len(leaf))
		count(&s.roots, batch.Root)
		record, err := b.batch(t.Context(), i+1)
		must(t, err)
		values, err := record.slots()
		must(t, err)
		is := map[int]bool{}
		for _, slot := range record.Used {
			is[slot] = true
			s.places[slot]++
		}
		for slot, v := range values {
			if is[slot] {
				count(&s.used, v[:])
			} else {
				count(&s.filled, v[:])
			}
		}
	}
	h, err := Handler(l, Public{LogKey: r.vkey})
	must(t, err)
	for size := range intervals + 1 {
		for _, kind := range []string{"tile/0", "tile/entries"} {
			path := fmt.Sprintf("%s%s/000.p/%d", LogPath, kind, size)
			s.files[path] = served(t, h, "GET", path).Body.Len()
		}
	}
	s.files["checkpoint"] = served(t, h, "GET", LogPath+"checkpoint").Body.Len()
	return s
}

func count(into *[256]int, b []byte) {
	for _, c := range b {
		into[c]++
	}
}

// even fails if counts are not those of equally likely cells: the chi-square
// is further than seven deviations from what chance gives.
func even(t *testing.T, what string, counts []int) {
	t.Helper()
	total := 0
	for _, n := range counts {
		total += n
	}
	want := float64(total) / float64(len(counts))
	chi := 0.0
	for _, n := range counts {
		chi += (float64(n) - want) * (float64(n) - want) / want
	}
	free := float64(len(counts) - 1)
	if want < 5 || math.Abs(chi-free) > 7*math.Sqrt(2*free) {
		t.Errorf("%s: chi-square %.0f with %.0f degrees of freedom, of %d", what, chi, free, total)
	}
}

// TestOnePace: whether nothing happens or much, a stranger sees the same: one
// leaf of one kind and one size at each interval, the same files, and roots and
// slots that are random.
func TestOnePace(t *testing.T) {
	const intervals, slots = 90, 32
	idle, busy := watch(t, intervals, slots, 0), watch(t, intervals, slots, 20)
	for i := range intervals {
		if idle.kinds[i] != busy.kinds[i] || idle.times[i] != busy.times[i] || idle.sizes[i] != busy.sizes[i] {
			t.Fatalf("leaf %d: idle %s %s of %d bytes, busy %s %s of %d bytes", i, idle.kinds[i], idle.times[i], idle.sizes[i], busy.kinds[i], busy.times[i], busy.sizes[i])
		}
	}
	if len(idle.files) != len(busy.files) {
		t.Fatal("not the same files")
	}
	for path, n := range idle.files {
		if busy.files[path] != n {
			t.Errorf("%s has %d bytes idle, %d busy", path, n, busy.files[path])
		}
	}
	even(t, "roots, idle", idle.roots[:])
	even(t, "roots, busy", busy.roots[:])
	even(t, "slots without a statement, idle", idle.filled[:])
	even(t, "slots without a statement, busy", busy.filled[:])
	even(t, "slots with a statement", busy.used[:])
	even(t, "places of statements", busy.places[1:])
	if busy.places[0] != 0 || busy.used == [256]int{} {
		t.Error("slot 0 held a statement, or none did")
	}
}

// bytesKept is how large all records are.
func bytesKept(t *testing.T, s records.Store) (n int) {
	t.Helper()
	entries, _, err := s.Scan(t.Context(), records.Range{Limit: records.MaxLimit})
	must(t, err)
	for _, e := range entries {
		n += len(e.Key) + len(e.Value)
	}
	return n
}

// TestCompact: a batch of 1,024 slots in which little happened takes a few
// hundred bytes, and a quiet customer nothing.
func TestCompact(t *testing.T) {
	r := newRig(t)
	r.policy = ""
	l, err := NewMemory(r.signer())
	must(t, err)
	config := r.config(l)
	config.Slots = DefaultSlots
	b, err := OpenBook(t.Context(), config)
	must(t, err)
	defer b.Close()
	for range 300 {
		r.setHead(writ.NewCustomerID(), 1)
	}
	r.setHead(testCustomer, 1)
	r.interval(b)
	r.publish(b)
	before := bytesKept(t, r.records)
	const batches = 20
	for range batches {
		r.interval(b)
		r.publish(b)
	}
	if each := (bytesKept(t, r.records) - before) / batches; each > 150 {
		t.Errorf("an idle batch takes %d bytes", each)
	}
	before = bytesKept(t, r.records)
	r.setHead(testCustomer, 2)
	must(t, b.Commit(t.Context(), "s", "key", "x"))
	r.interval(b)
	r.publish(b)
	if each := bytesKept(t, r.records) - before; each > 500 {
		t.Errorf("a batch with one statement and one head takes %d bytes", each)
	}
	r.receipt(b, "s")
	for _, n := range []uint64{1, 7, 21, 22} {
		rc, err := b.HeadReceipt(t.Context(), testCustomer, n)
		must(t, err)
		if v := r.verified(rc); v.Head.Seq != 1+n/22 {
			t.Errorf("batch %d has head %d", n, v.Head.Seq)
		}
	}
	// The whole list is written again now and then, and old batches still hold.
	for i := range 4 {
		for c := range r.heads {
			r.setHead(c, uint64(3+i))
		}
		r.interval(b)
		r.publish(b)
	}
	full, _, err := r.records.Scan(t.Context(), records.Range{Start: key(tagHeads, ""), End: records.PrefixEnd(key(tagHeads, "")), KeysOnly: true})
	must(t, err)
	if len(full) < 3 {
		t.Errorf("all heads were written only %d times", len(full))
	}
	heads, err := b.Batches(t.Context(), testCustomer, 20, 10)
	must(t, err)
	for i, want := range []uint64{1, 1, 2, 3, 4, 5, 6} {
		if heads[i].Head.Seq != want {
			t.Errorf("batch %d has head %d, not %d", heads[i].N, heads[i].Head.Seq, want)
		}
	}
}
