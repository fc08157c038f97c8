//go:build unix

package ledger

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"writ"
	"writ/internal/proof"
	"writ/internal/records"
	"writ/internal/witness"
)

const origin = "ledger.quayside.example"

// patience is for what comes in its own time.
const patience = time.Minute

// testWitness is a witness behind HTTP that can be taken away and brought back.
type testWitness struct {
	layout witness.Layout
	server *httptest.Server
	vkey   string

	mu      sync.Mutex
	handler http.Handler // nil while it is down
	w       *witness.Witness
}

func (w *testWitness) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	w.mu.Lock()
	h := w.handler
	w.mu.Unlock()
	if h == nil {
		panic(http.ErrAbortHandler)
	}
	h.ServeHTTP(rw, req)
}

func (w *testWitness) set(h http.Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handler = h
}

func (w *testWitness) down() { w.set(nil) }
func (w *testWitness) up()   { w.set(w.w.Handler()) }

// rig is a log with three witnesses of which two must cosign.
type rig struct {
	t         testing.TB
	dir       string
	secret    string
	vkey      string
	policy    string
	witnesses []*testWitness
	records   records.Store

	mu    sync.Mutex
	clock time.Time
	heads map[writ.CustomerID]JournalHead
	told  map[writ.CustomerID]JournalHead
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), records: records.NewMemory(), clock: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC),
		heads: map[writ.CustomerID]JournalHead{}}
	var err error
	r.secret, r.vkey, err = note.GenerateKey(rand.Reader, origin)
	r.must(err)
	r.policy = "log " + r.vkey + "\n"
	for i := range 3 {
		w := newWitness(t, fmt.Sprintf("witness%d.fernhill.example", i), r.vkey)
		r.witnesses = append(r.witnesses, w)
		r.policy += fmt.Sprintf("witness w%d %s %s\n", i, w.vkey, w.server.URL)
	}
	r.policy += "group two 2 w0 w1 w2\nquorum two\n"
	return r
}

func newWitness(t testing.TB, name, logKey string) *testWitness {
	t.Helper()
	w := &testWitness{layout: witness.In(t.TempDir())}
	must(t, witness.Init(w.layout, name))
	must(t, os.WriteFile(w.layout.Logs(), []byte(logKey+"\n"), 0o600))
	logs, err := witness.ReadLogs(w.layout.Logs())
	must(t, err)
	w.w, err = witness.Open(witness.Options{Layout: w.layout, Logs: logs, Rate: 1e6})
	must(t, err)
	w.vkey = w.w.VerifierKey()
	w.up()
	w.server = httptest.NewUnstartedServer(w)
	w.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	w.server.Start()
	t.Cleanup(func() { w.server.Close(); w.w.Close() })
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) must(err error) { r.t.Helper(); must(r.t, err) }

func (r *rig) signer() note.Signer {
	s, err := note.NewSigner(r.secret)
	r.must(err)
	return s
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock
}

func (r *rig) pass(d time.Duration) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
	return r.clock
}

func (r *rig) setHead(c writ.CustomerID, seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := JournalHead{Seq: seq}
	rand.Read(h.Hash[:])
	r.heads[c] = h
}

// moved is what a journal answers: all heads at first, then those that moved.
func (r *rig) moved(context.Context) (map[writ.CustomerID]JournalHead, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[writ.CustomerID]JournalHead{}
	for c, h := range r.heads {
		if r.told == nil || r.told[c] != h {
			out[c] = h
		}
	}
	r.told = maps.Clone(r.heads)
	return out, nil
}

func (r *rig) witnessedConfig() WitnessedConfig {
	return WitnessedConfig{Dir: filepath.Join(r.dir, "ledger"), LogKey: r.vkey, Policy: r.policy, Timeout: 20 * time.Second,
		Grace: 10 * time.Millisecond, RetryLeast: 5 * time.Millisecond, RetryMost: 20 * time.Millisecond}
}

// posix opens the log in its folder, with the witnesses before it.
func (r *rig) posix() *Witnessed {
	r.t.Helper()
	inner, err := OpenPosix(filepath.Join(r.dir, "ledger", "log"), r.signer(), slog.New(slog.DiscardHandler))
	r.must(err)
	return r.witnessed(inner)
}

func (r *rig) witnessed(inner Log) *Witnessed {
	r.t.Helper()
	w, err := OpenWitnessed(r.t.Context(), inner, r.witnessedConfig())
	if err != nil {
		inner.Close(context.Background())
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { w.Close(context.Background()) })
	return w
}

func (r *rig) config(l Log) Config {
	r.mu.Lock()
	r.told = nil
	r.mu.Unlock()
	return Config{Log: l, LogKey: r.vkey, Records: r.records, Interval: time.Minute, Slots: 16, Heads: r.moved, Now: r.now}
}

func (r *rig) book(l Log) *Book {
	r.t.Helper()
	b, err := OpenBook(r.t.Context(), r.config(l))
	r.must(err)
	r.t.Cleanup(func() { b.Close() })
	return b
}

// interval lets one go by and makes its batch.
func (r *rig) interval(b *Book) {
	r.t.Helper()
	r.must(b.freeze(r.t.Context(), r.pass(time.Minute)))
}

// publish publishes all that is queued.
func (r *rig) publish(b *Book) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	r.must(b.drain(ctx))
}

// verified checks a receipt as a stranger does.
func (r *rig) verified(rc *proof.Receipt) proof.Verified {
	r.t.Helper()
	v, err := proof.NewVerifier(proof.Trust{LogKey: r.vkey, Policy: r.policy})
	r.must(err)
	file, err := rc.Marshal()
	r.must(err)
	again, err := proof.ParseReceipt(file)
	r.must(err)
	out, err := v.Receipt(again)
	r.must(err)
	return out
}

func (r *rig) receipt(b *Book, id string) proof.Verified {
	r.t.Helper()
	rc, err := b.Receipt(r.t.Context(), id)
	if err != nil {
		r.t.Fatalf("receipt of %s: %v", id, err)
	}
	return r.verified(rc)
}

// batches reads all batches off a log.
func (r *rig) batches(l Log) []proof.Batch {
	r.t.Helper()
	signed, err := l.Checkpoint(r.t.Context())
	r.must(err)
	size, err := SizeOf(signed)
	r.must(err)
	var all []proof.Batch
	var at time.Time
	for i := range size {
		leaf, err := l.Leaf(r.t.Context(), i)
		r.must(err)
		s, err := proof.Decode(leaf)
		r.must(err)
		if s.At.Before(at) {
			r.t.Fatalf("leaf %d is of %s, after one of %s", i, s.At, at)
		}
		at = s.At
		if s.Kind != proof.KindBatch {
			continue
		}
		var b proof.Batch
		r.must(proof.Unmarshal(s.Body, &b))
		if n := len(all); n > 0 && b.N != all[n-1].N+1 {
			r.t.Fatalf("batch %d follows %d", b.N, all[n-1].N)
		}
		all = append(all, b)
	}
	return all
}

// eventually waits for something that comes in its own time.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatal(what)
}

func wants(t testing.TB, err, want error, words ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Fatalf("the error doesn't say %q: %v", w, err)
		}
	}
}

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

// copyRecords is what a backup of the records holds.
func copyRecords(t testing.TB, s records.Store) records.Store {
	t.Helper()
	entries, more, err := s.Scan(t.Context(), records.Range{Limit: records.MaxLimit})
	if err != nil || more {
		t.Fatalf("couldn't copy the records: %v", err)
	}
	var b records.Batch
	for _, e := range entries {
		b.Put(e.Key, e.Value)
	}
	out := records.NewMemory()
	must(t, out.Apply(t.Context(), &b))
	return out
}

func newRecords() records.Store { return records.NewMemory() }

func (r *rig) quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

var testCustomer = writ.NewCustomerID()

func verifierOf(t testing.TB, vkey string) note.Verifier {
	t.Helper()
	v, err := note.NewVerifier(vkey)
	must(t, err)
	return v
}
