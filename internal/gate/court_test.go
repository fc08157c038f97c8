package gate_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"writ"
	"writ/internal/gate"
	"writ/internal/ledger"
	"writ/internal/policy"
	"writ/internal/proof"
	"writ/internal/records"
	"writ/internal/seal"
	"writ/internal/witness"
)

// The cast. Each has a key; jun.park has two.
const (
	ada  writ.Person = "ada.okafor" // outside of the operator, off line
	jun  writ.Person = "jun.park"
	lena writ.Person = "lena.virtanen"
	mira writ.Person = "mira.lindqvist" // counsel
	theo writ.Person = "theo.brandt"    // counsel
)

const aCase writ.CaseID = "2026-7KQM-4ZT0"

// witnessed is a public log with one witness, and the book that writes it.
type witnessed struct {
	book   *ledger.Book
	log    *ledger.Witnessed
	vkey   string
	policy string
	down   atomic.Bool // the witness is away
}

// newLedger begins a log with real parts: Tessera's place is taken by the
// in-process log, the witness speaks HTTP.
func newLedger(t testing.TB, origin string) *witnessed {
	t.Helper()
	dir := t.TempDir()
	secret, vkey, err := note.GenerateKey(rand.Reader, origin)
	must(t, err)
	l := &witnessed{vkey: vkey}
	layout := witness.In(filepath.Join(dir, "witness"))
	must(t, os.Mkdir(filepath.Join(dir, "witness"), 0o700))
	must(t, witness.Init(layout, "witness.fernhill.example"))
	must(t, os.WriteFile(layout.Logs(), []byte(vkey+"\n"), 0o600))
	logs, err := witness.ReadLogs(layout.Logs())
	must(t, err)
	w, err := witness.Open(witness.Options{Layout: layout, Logs: logs, Rate: 1e6})
	must(t, err)
	handler := w.Handler()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if l.down.Load() {
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(rw, r)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.Start()
	l.policy = fmt.Sprintf("log %s\nwitness fernhill %s %s\nquorum fernhill\n", vkey, w.VerifierKey(), server.URL)

	signer, err := note.NewSigner(secret)
	must(t, err)
	inner, err := ledger.NewMemory(signer)
	must(t, err)
	l.log, err = ledger.OpenWitnessed(ctx, inner, ledger.WitnessedConfig{
		Dir: filepath.Join(dir, "ledger"), LogKey: vkey, Policy: l.policy, RetryLeast: 5 * time.Millisecond, RetryMost: 20 * time.Millisecond,
	})
	must(t, err)
	l.book, err = ledger.OpenBook(ctx, ledger.Config{Log: l.log, LogKey: vkey, Records: records.NewMemory(), Interval: 40 * time.Millisecond, Slots: 16})
	must(t, err)
	running, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { l.book.Run(running) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		l.book.Close()
		l.log.Close(ctx)
		server.Close()
		w.Close()
	})
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// court is a gate with custodians, a ledger, and a customer whose objects are
// pinned.
type court struct {
	t        testing.TB
	dir      string
	g        *gate.Gate
	ledger   *witnessed
	keys     map[writ.Person]ed25519.PrivateKey
	set      policy.Set
	customer writ.CustomerID
	begun    time.Time
	ahead    atomic.Int64 // how far the gate's clock is ahead of the machine's
}

func (c *court) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *court) pass(d time.Duration) { c.ahead.Add(int64(d)) }

func (c *court) config(cfg *gate.Config) {
	cfg.Now, cfg.Kept, cfg.MarkUnwitnessed = c.now, c.ledger.book.Kept, c.ledger.book.MarkUnwitnessed
}

func newCourt(t testing.TB) *court {
	t.Helper()
	c := &court{t: t, dir: t.TempDir(), ledger: newLedger(t, "ledger.fjordhost.example"), keys: map[writ.Person]ed25519.PrivateKey{}, begun: time.Now().UTC()}
	c.g = open(t, c.dir, c.config)
	c.set = policy.Set{V: 1, Number: 1, Threshold: 2, Log: c.ledger.vkey, Witnesses: c.ledger.policy, At: c.begun}
	for _, m := range []policy.Member{
		{Person: ada, Role: writ.RoleCustodian, Outside: true, Offline: true},
		{Person: jun, Role: writ.RoleCustodian, Offline: true},
		{Person: jun + "/2", Role: writ.RoleCustodian},
		{Person: lena, Role: writ.RoleCustodian},
		{Person: mira, Role: writ.RoleCounsel},
		{Person: theo, Role: writ.RoleCounsel},
	} {
		c.enrol(&c.set, m)
	}
	_, err := c.g.SetCustodians(ctx, c.sign(policy.TypeSet, encoded(t, c.set), ada, jun, jun+"/2", lena, mira, theo))
	must(t, err)
	c.customer = customer(t, c.g)
	return c
}

// enrol makes a key for a member. The second key of a person is kept as
// "person/2".
func (c *court) enrol(set *policy.Set, m policy.Member) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(c.t, err)
	c.keys[m.Person] = private
	if m.Person == jun+"/2" {
		m.Person = jun
	}
	m.Key = public
	set.Members = append(set.Members, m)
}

func (c *court) reopen() {
	c.t.Helper()
	must(c.t, c.g.Close())
	c.g = open(c.t, c.dir, c.config)
}

func encoded(t testing.TB, v interface{ Encode() ([]byte, error) }) []byte {
	t.Helper()
	b, err := v.Encode()
	must(t, err)
	return b
}

// sign makes an envelope that these persons signed.
func (c *court) sign(payloadType string, payload []byte, by ...writ.Person) []byte {
	c.t.Helper()
	e := policy.NewEnvelope(payloadType, payload)
	for _, p := range by {
		key := c.keys[p]
		e.Add(policy.Signature{KeyID: policy.KeyID(key.Public().(ed25519.PublicKey)), Sig: ed25519.Sign(key, policy.Message(payloadType, payload))})
	}
	return encoded(c.t, e)
}

// object is a pinned version and its sealed bytes.
type object struct {
	item    policy.Item
	plain   []byte
	sealed  []byte
	wrapped gate.Wrapped // under the customer's key
	pinned  gate.Wrapped
}

func (o object) src() *readerAt { return &readerAt{o.sealed} }

type readerAt struct{ b []byte }

func (r *readerAt) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, r.b[off:])
	if n < len(p) {
		return n, os.ErrClosed
	}
	return n, nil
}

func (c *court) put(key writ.ObjectKey, size int) object {
	c.t.Helper()
	o := object{plain: make([]byte, size)}
	rand.Read(o.plain)
	blob := writ.NewBlobID()
	o.item = policy.Item{Bucket: "ward-seven", Key: key, Version: "1", Blob: blob, Size: int64(size), Made: c.begun}
	k, wrapped, err := c.g.Seal(ctx, gate.Owner(c.customer, credential), gate.Use{Customer: c.customer, Op: "put", Blob: blob})
	must(c.t, err)
	defer k.Erase()
	o.sealed, o.wrapped = seal.Seal(nil, k, seal.Stream{ID: blob}, o.plain), wrapped
	o.pinned, err = c.g.Pin(ctx, c.customer, blob, wrapped)
	must(c.t, err)
	return o
}

func items(objects ...object) (all []policy.Item) {
	for _, o := range objects {
		all = append(all, o.item)
	}
	return all
}

// authorisation is one that is in order.
func (c *court) authorisation() policy.Authorisation {
	set := c.set.Digest()
	return policy.Authorisation{
		V: 1, Case: aCase, Order: fmt.Sprintf("%064x", 7), Instrument: "eu.epoc", Issuer: policy.Issuer{Name: "Landgericht Falkenmoor", Country: "DE"},
		Customer: c.customer,
		Scope: policy.Scope{
			Buckets: []policy.BucketScope{{Bucket: "ward-seven", Prefixes: []string{"letters/"}}},
			From:    c.begun.Add(-time.Hour), Until: c.begun.Add(time.Hour), Classes: []writ.DataClass{writ.ClassContent},
		},
		Limits:  policy.Limits{Objects: 4, Bytes: 1 << 20, NotAfter: c.begun.Add(48 * time.Hour)},
		Secrecy: policy.Silence{Basis: writ.AuthorityTells, Why: "Regulation (EU) 2023/1543, Article 13"},
		Set:     set[:], Nonce: policy.NewNonce(), At: c.begun,
	}
}

// evidence signs an authorisation, commits to it and to the list, and waits for
// both receipts.
func (c *court) evidence(a policy.Authorisation, list []policy.Item, by ...writ.Person) gate.Evidence {
	c.t.Helper()
	if len(by) == 0 {
		by = []writ.Person{ada, jun}
	}
	ev, digest := c.signed(a, by...)
	ev.Writ = c.committed(c.ledger, policy.CommitWrit(a.Case, digest))
	ev.Opening = c.committed(c.ledger, policy.CommitOpening(a.Case, digest, list))
	return ev
}

func (c *court) signed(a policy.Authorisation, by ...writ.Person) (gate.Evidence, [32]byte) {
	c.t.Helper()
	ev := gate.Evidence{Envelope: c.sign(policy.TypeAuthorisation, encoded(c.t, a), by...)}
	e, err := policy.ParseEnvelope(ev.Envelope)
	must(c.t, err)
	return ev, e.Digest()
}

func (c *court) committed(l *witnessed, m policy.Commitment) *proof.Receipt {
	c.t.Helper()
	must(c.t, l.book.Commit(ctx, m.ID, m.Kind, m.Body))
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := l.book.Await(waiting, m.ID)
	must(c.t, err)
	return r
}

func (c *court) begin(ev gate.Evidence, list []policy.Item) *gate.Opening {
	c.t.Helper()
	o, err := c.g.Begin(ctx, aCase, ev, list)
	must(c.t, err)
	c.t.Cleanup(func() { o.Close() })
	return o
}

// docket are the entries of the docket's journal with an op.
func (c *court) docket(op string) (all []gate.Entry) {
	c.t.Helper()
	for e, err := range c.g.DocketJournal(ctx, "test", gate.JournalQuery{}) {
		must(c.t, err)
		if e.Op == op {
			all = append(all, e)
		}
	}
	return all
}
