//go:build unix

package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"writ"
	"writ/internal/proof"
	"writ/internal/records"
	"writ/internal/seal"
)

// benchRig is a server's ledger: records and log on the disk, three witnesses
// over HTTP, and so many leaves in the log already.
func benchRig(b *testing.B, slots, customers, leaves int) (*rig, *Book) {
	b.Helper()
	r := newRig(b)
	var err error
	r.records, err = records.Open(filepath.Join(r.dir, "records"), seal.NewKey(), records.Options{})
	must(b, err)
	b.Cleanup(func() { r.records.Close() })
	inner, err := OpenPosix(LogDir(filepath.Join(r.dir, "ledger")), r.signer(), slog.New(slog.DiscardHandler))
	must(b, err)
	c := r.witnessedConfig()
	c.Grace = 0 // the default
	l, err := OpenWitnessed(context.Background(), inner, c)
	must(b, err)
	b.Cleanup(func() { l.Close(context.Background()) })
	r.fill(l, leaves)
	for range customers {
		r.setHead(writ.NewCustomerID(), 1)
	}
	config := r.config(l)
	config.Slots, config.Adopt = slots, leaves > 0
	book, err := OpenBook(context.Background(), config)
	must(b, err)
	b.Cleanup(func() { book.Close() })
	return r, book
}

// fill appends reports, many at once: a book would publish one after the other.
func (r *rig) fill(l Log, leaves int) {
	r.t.Helper()
	var all errgroup.Group
	all.SetLimit(256)
	for i := range leaves {
		leaf, err := proof.Encode(proof.KindReport, r.now(), fmt.Sprint(i))
		r.must(err)
		all.Go(func() error {
			_, err := l.Add(context.Background(), leaf)
			return err
		})
	}
	r.must(all.Wait())
}

// BenchmarkBatch is from the minute to the published, witnessed batch of 1,024
// slots, half of them used, with 1,000 customers' journals.
func BenchmarkBatch(b *testing.B) {
	r, book := benchRig(b, DefaultSlots, 1000, 0)
	r.interval(book) // makes the label keys
	r.publish(book)
	var took durations
	id := 0
	for b.Loop() {
		b.StopTimer()
		for range 512 {
			id++
			must(b, book.Commit(b.Context(), fmt.Sprint(id), "key", "a statement"))
		}
		b.StartTimer()
		begun := time.Now()
		r.interval(book)
		r.publish(book)
		took = append(took, time.Since(begun))
	}
	took.report(b)
	r.cosignedByAll(book)
}

// cosignedByAll fails unless what is published bears three witnesses' names: a
// quorum of two is not what a figure with three witnesses is of.
func (r *rig) cosignedByAll(book *Book) {
	r.t.Helper()
	signed, err := book.log.Checkpoint(context.Background())
	must(r.t, err)
	for _, w := range r.witnesses {
		v, err := tnote.NewVerifierForCosignatureV1(w.vkey)
		must(r.t, err)
		if n, err := note.Open(signed, note.VerifierList(v)); err != nil || len(n.Sigs) != 1 {
			r.t.Fatalf("%s has not cosigned the last batch: %v", v.Name(), err)
		}
	}
}

// durations are how long each operation took.
type durations []time.Duration

// report gives the median and the worst.
func (d durations) report(b *testing.B) {
	slices.Sort(d)
	b.ReportMetric(float64(d[len(d)/2].Nanoseconds()), "median-ns")
	b.ReportMetric(float64(d[len(d)-1].Nanoseconds()), "worst-ns")
}

// BenchmarkReceipt makes receipts of hidden statements, in a log of 5,000 leaves
// and some.
func BenchmarkReceipt(b *testing.B) {
	const leaves, statements = 5000, 500
	r, book := benchRig(b, DefaultSlots, 0, leaves)
	for i := range statements {
		must(b, book.Commit(b.Context(), fmt.Sprint(i), "key", "a statement"))
	}
	r.interval(book)
	r.publish(book)
	if size := book.Status().Size; size <= leaves {
		b.Fatalf("the log has %d leaves", size)
	}
	receipts(b, func(i int) error {
		_, err := book.Receipt(b.Context(), fmt.Sprint(i%statements))
		return err
	})
	for i := range statements { // what was timed must be proofs
		r.receipt(book, fmt.Sprint(i))
	}
}

// receipts times the making of each.
func receipts(b *testing.B, one func(i int) error) {
	var took durations
	for i := 0; b.Loop(); i++ {
		begun := time.Now()
		must(b, one(i))
		took = append(took, time.Since(begun))
	}
	took.report(b)
}

// BenchmarkHeads is what a journal's check reads: one customer's head among
// 1,000, in batch after batch.
func BenchmarkHeads(b *testing.B) {
	r, book := benchRig(b, DefaultSlots, 999, 0)
	r.setHead(testCustomer, 1)
	for range 5 {
		r.interval(book)
	}
	r.publish(book)
	for b.Loop() {
		heads, err := book.Batches(b.Context(), testCustomer, 1, 5)
		must(b, err)
		if len(heads) != 5 {
			b.Fatal(len(heads))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(5*b.N), "µs/batch")
}

// BenchmarkHeadReceipt makes receipts of a journal's head among 1,000, in the
// newest batch.
func BenchmarkHeadReceipt(b *testing.B) {
	r, book := benchRig(b, DefaultSlots, 999, 0)
	r.setHead(testCustomer, 1)
	r.interval(book)
	r.publish(book)
	receipts(b, func(int) error {
		_, err := book.HeadReceipt(b.Context(), testCustomer, 1)
		return err
	})
}

// BenchmarkCommit writes hidden statements down, from many at once.
func BenchmarkCommit(b *testing.B) {
	_, book := benchRig(b, DefaultSlots, 0, 0)
	var id atomic.Uint64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			must(b, book.Commit(context.Background(), fmt.Sprint(id.Add(1)), "key", "a statement"))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// BenchmarkCheck hashes a log's leaves again, as at start.
func BenchmarkCheck(b *testing.B) {
	r := newRig(b)
	const size = 1 << 18
	re := &rebuilt{dir: LogDir(filepath.Join(r.dir, "ledger"))}
	leaf := make([]byte, 220)
	for i := range uint64(size / tileWidth) {
		entries := make([][]byte, tileWidth)
		for j := range entries {
			entries[j] = fmt.Append(leaf[:200:200], i, j)
		}
		must(b, re.add(i, entries))
	}
	root, err := re.root(size)
	must(b, err)
	signed, err := (&Memory{origin: origin, signer: r.signer()}).sign(size, root[:])
	must(b, err)
	must(b, re.finish(signed))
	l, err := OpenPosix(re.dir, r.signer(), r.quiet())
	must(b, err)
	defer l.Close(context.Background())
	for b.Loop() {
		c, err := startCheck(b.Context(), l, verifierOf(b, r.vkey), func(err error) { b.Error(err) })
		must(b, err)
		c.stop()
	}
	b.ReportMetric(size*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}
