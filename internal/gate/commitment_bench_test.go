package gate_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"writ"
	"writ/internal/gate"
	"writ/internal/ledger"
	"writ/internal/proof"
	"writ/internal/records"
)

// BenchmarkJournaledUses is the use of keys by 100 customers at once while a real
// book commits to all their journals each second; at the end every journal's
// head must be proven by a receipt, or there is no figure.
func BenchmarkJournaledUses(b *testing.B) {
	dir := b.TempDir()
	g := open(b, filepath.Join(dir, "data"), func(c *gate.Config) { c.Unseal = gate.KeyFile(filepath.Join(dir, "root.key")) })
	key := g.StoreKey("records")
	store, err := records.Open(filepath.Join(dir, "records"), key, records.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	secret, vkey, err := note.GenerateKey(rand.Reader, "ledger.quayside.example")
	if err != nil {
		b.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		b.Fatal(err)
	}
	inner, err := ledger.OpenPosix(ledger.LogDir(filepath.Join(dir, "ledger")), signer, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	log, err := ledger.OpenWitnessed(ctx, inner, ledger.WitnessedConfig{Dir: filepath.Join(dir, "ledger"), LogKey: vkey})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close(ctx)
	heads := func(ctx context.Context) (map[writ.CustomerID]ledger.JournalHead, error) {
		moved, err := g.MovedHeads(ctx)
		out := map[writ.CustomerID]ledger.JournalHead{}
		for id, head := range moved {
			out[id] = ledger.JournalHead{Seq: head.Seq, Hash: head.Hash}
		}
		return out, err
	}
	book, err := ledger.OpenBook(ctx, ledger.Config{Log: log, LogKey: vkey, Records: store, Interval: time.Second, Heads: heads})
	if err != nil {
		b.Fatal(err)
	}
	defer book.Close()

	type one struct {
		right   gate.Right
		use     gate.Use
		wrapped gate.Wrapped
	}
	all := make([]one, 100)
	for i := range all {
		c, blob := customer(b, g), writ.NewBlobID()
		right := gate.Owner(c, credential)
		_, wrapped, err := g.Seal(ctx, right, use(c, "put", blob))
		if err != nil {
			b.Fatal(err)
		}
		all[i] = one{right, use(c, "get", blob), wrapped}
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- book.Run(running) }()

	var next atomic.Uint64
	b.SetParallelism(8 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			o := all[next.Add(1)%uint64(len(all))]
			if _, err := g.Open(ctx, o.right, o.use, o.wrapped); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "uses/s")

	// Two batches more: the second was begun after the last use.
	until := book.Status().Batch + 2
	for book.Status().Batch < until {
		time.Sleep(10 * time.Millisecond)
	}
	verifier, err := proof.NewVerifier(proof.Trust{LogKey: vkey})
	if err != nil {
		b.Fatal(err)
	}
	for _, o := range all {
		receipt, err := book.HeadReceipt(ctx, o.use.Customer, book.Status().Batch)
		if err != nil {
			b.Fatal(err)
		}
		got, err := verifier.Receipt(receipt)
		if err != nil {
			b.Fatal(err)
		}
		if head, err := g.JournalHead(o.use.Customer); err != nil || got.Head.Seq != head.Seq || got.Head.Head != head.Hash {
			b.Fatalf("the log commits to entry %d, and the journal stands at %d: %v", got.Head.Seq, head.Seq, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}
