package gate_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"sync"
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

// usesFor is how long keys are used: long enough for several batches.
const usesFor = 5 * time.Second

// BenchmarkJournaledUses is the use of keys by 100 customers at once while a real
// book commits to all their journals each second; an operation is five seconds
// of it. There is no figure unless batches were published meanwhile, and unless
// at the end a receipt proves every journal's head.
func BenchmarkJournaledUses(b *testing.B) {
	const interval = time.Second
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
	book, err := ledger.OpenBook(ctx, ledger.Config{Log: log, LogKey: vkey, Records: store, Interval: interval, Heads: heads})
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

	var used uint64
	var took time.Duration
	first := book.Status().Batch
	for b.Loop() {
		n, d := useAll(b, len(all), func(i int) error {
			_, err := g.Open(ctx, all[i].right, all[i].use, all[i].wrapped)
			return err
		})
		used, took = used+n, took+d
	}
	// One interval may have begun before the first use, one may still be open.
	if made, want := book.Status().Batch-first, uint64(took/interval)-2; made < want {
		b.Fatalf("%d batches were published in %s, not %d", made, took, want)
	}

	// Two batches more: the second was begun after the last use.
	until := book.Status().Batch + 2
	for end := time.Now().Add(time.Minute); book.Status().Batch < until; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("no batch after the last use: %+v", book.Status())
		}
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
	b.ReportMetric(float64(used)/took.Seconds(), "uses/s")
}

// useAll has eight users go round so many keys, and returns how many uses there
// were and how long they took.
func useAll(b *testing.B, keys int, use func(int) error) (uint64, time.Duration) {
	var users sync.WaitGroup
	var next, used atomic.Uint64
	begun := time.Now()
	for range 8 {
		users.Go(func() {
			n := uint64(0)
			for ; time.Since(begun) < usesFor; n++ {
				if err := use(int(next.Add(1) % uint64(keys))); err != nil {
					b.Error(err)
					return
				}
			}
			used.Add(n)
		})
	}
	users.Wait()
	took := time.Since(begun)
	if b.Failed() {
		b.FailNow()
	}
	return used.Load(), took
}
