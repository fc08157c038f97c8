//go:build unix

package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"writ"
	"writ/internal/records"
	"writ/internal/seal"
)

// benchRig is a server's ledger: records and log on the disk, three witnesses
// over HTTP.
func benchRig(b *testing.B, slots, customers int) (*rig, *Book) {
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
	for range customers {
		r.setHead(writ.NewCustomerID(), 1)
	}
	config := r.config(l)
	config.Slots = slots
	book, err := OpenBook(context.Background(), config)
	must(b, err)
	b.Cleanup(func() { book.Close() })
	r.t = b
	return r, book
}

// BenchmarkBatch is from the minute to the published, witnessed batch of 1,024
// slots, half of them used, with 1,000 customers' journals.
func BenchmarkBatch(b *testing.B) {
	r, book := benchRig(b, DefaultSlots, 1000)
	r.interval(book) // makes the label keys
	r.publish(book)
	var worst time.Duration
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
		worst = max(worst, time.Since(begun))
	}
	b.ReportMetric(float64(worst.Milliseconds()), "worst-ms")
}

// BenchmarkReceipt makes receipts of hidden statements.
func BenchmarkReceipt(b *testing.B) {
	r, book := benchRig(b, DefaultSlots, 0)
	for i := range 500 {
		must(b, book.Commit(b.Context(), fmt.Sprint(i), "key", "a statement"))
	}
	r.interval(book)
	r.publish(book)
	i := 0
	for b.Loop() {
		_, err := book.Receipt(b.Context(), fmt.Sprint(i%500))
		must(b, err)
		i++
	}
}

// BenchmarkHeads is what a journal's check reads: one customer's head among
// 1,000, in batch after batch.
func BenchmarkHeads(b *testing.B) {
	r, book := benchRig(b, DefaultSlots, 999)
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
	r, book := benchRig(b, DefaultSlots, 999)
	r.setHead(testCustomer, 1)
	r.interval(book)
	r.publish(book)
	for b.Loop() {
		_, err := book.HeadReceipt(b.Context(), testCustomer, 1)
		must(b, err)
	}
}

// BenchmarkCommit writes hidden statements down, from many at once.
func BenchmarkCommit(b *testing.B) {
	_, book := benchRig(b, DefaultSlots, 0)
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
