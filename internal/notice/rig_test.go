package notice

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"pgregory.net/rapid"

	"writ"
	"writ/internal/records"
)

const (
	clinic = writ.CustomerID("c-00000000000000000001") // harbour-clinic
	books  = writ.CustomerID("c-00000000000000000002") // mill-street-books
	aCase  = writ.CaseID("2026-7KQM-4ZT0")
)

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants fails unless err is want.
func wants(t rapid.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// testClock stands still until it is put somewhere.
type testClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []testTimer
}

type testTimer struct {
	at time.Time
	c  chan time.Time
}

var epoch = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := testTimer{c.now.Add(d), make(chan time.Time, 1)}
	c.timers = append(c.timers, t)
	return t.c
}

// add moves the clock, back too, and lets every timer fire that a monotonic
// clock would.
func (c *testClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for _, t := range c.timers {
		t.c <- c.now
	}
	c.timers = nil
}

// told is what hooks were told, in the records, as the docket would keep it.
type told struct {
	mu   sync.Mutex
	fail int // so many calls fail first
}

func (r *rig) hook(what string) Hook {
	return func(ctx context.Context, tx records.Tx, m Message, d Delivery) error {
		r.told.mu.Lock()
		defer r.told.mu.Unlock()
		if r.told.fail > 0 {
			r.told.fail--
			return errors.New("the docket is busy")
		}
		k := []byte(fmt.Sprintf("T %s %s %d", what, m.ID, d.Number))
		n := byte(0)
		if v, err := tx.Get(ctx, k); err == nil {
			n = v[0]
		}
		tx.Put(k, []byte{n + 1})
		return nil
	}
}

// tally is how often a hook was told, durably.
func (r *rig) tally(what, id string, n int) int {
	r.t.Helper()
	v, err := r.store.Get(r.ctx, []byte(fmt.Sprintf("T %s %s %d", what, id, n)))
	if errors.Is(err, records.ErrNotFound) {
		return 0
	}
	must(r.t, err)
	return int(v[0])
}

// rig is a queue with a clock that stands still, run by hand.
type rig struct {
	*Queue
	t     rapid.TB
	ctx   context.Context
	clock *testClock
	told  *told
	log   *bytes.Buffer
}

func newRig(t rapid.TB, edit func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, ctx: context.Background(), clock: &testClock{now: epoch}, told: &told{}, log: &bytes.Buffer{}}
	c := Config{Records: records.NewMemory(), Clock: r.clock, Alarm: r.hook("alarm"), Accepted: r.hook("accepted"), Seal: ageSealer,
		Operator: "Fjordhost", Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Webhooks: WebhookConfig{PlainLoopback: true, Timeout: 20 * time.Second}}
	if edit != nil {
		edit(&c)
	}
	q, err := New(r.ctx, c)
	must(t, err)
	r.Queue = q
	return r
}

// turn delivers all that is due now, one after the other, and reports.
func (r *rig) turn() {
	r.t.Helper()
	for lane := range lanes {
		must(r.t, r.pullBack(r.ctx, lane))
		for {
			due, _, err := r.take(r.ctx, lane, 100)
			must(r.t, err)
			if len(due) == 0 {
				break
			}
			for _, d := range due {
				r.deliver(r.ctx, d)
				r.land(d)
			}
		}
	}
	must(r.t, r.report(r.ctx, map[string]time.Time{}))
}

func (r *rig) update(fn func(tx records.Tx) error) error { return records.Retry(r.ctx, r.store, fn) }

func (r *rig) add(m Message) {
	r.t.Helper()
	must(r.t, r.Add(r.ctx, m))
}

func (r *rig) status(id string) Status {
	r.t.Helper()
	s, err := r.Status(r.ctx, id)
	must(r.t, err)
	return s
}

// is fails unless the only delivery of a message is in a state, and returns it.
func (r *rig) is(id string, want State) Delivery {
	r.t.Helper()
	d := r.status(id).Deliveries[0]
	if d.State != want {
		r.t.Fatalf("%s is %s (%s %d %q), want %s", id, d.State, d.Class, d.Code, d.Detail, want)
	}
	return d
}

// consistent fails unless all indexes are what the records say, and nothing
// else is there.
func (r *rig) consistent() {
	r.t.Helper()
	want := map[string]bool{}
	all := r.dump(key(tagMessage, ""))
	for k := range all {
		id := k[2:]
		m, err := readMessage(r.ctx, r.store, id)
		must(r.t, err)
		p, err := readProgress(r.ctx, r.store, id)
		must(r.t, err)
		for i := range indexKeys(id, m, p) {
			want[i] = true
		}
	}
	for _, tag := range []byte{tagAll, tagCase, tagCustomer, tagState, tagDue, tagOwed} {
		for k := range r.dump(key(tag, "")) {
			if !want[k] {
				r.t.Fatalf("index key %q says what no record says", k)
			}
			delete(want, k)
		}
	}
	for k := range want {
		r.t.Fatalf("index key %q is missing", k)
	}
}

func (r *rig) dump(prefix []byte) map[string][]byte {
	r.t.Helper()
	out := map[string][]byte{}
	page := records.Prefix(prefix)
	for {
		entries, more, err := r.store.Scan(r.ctx, page)
		must(r.t, err)
		for _, e := range entries {
			out[string(e.Key)] = e.Value
		}
		if !more {
			return out
		}
		page.Start = append(entries[len(entries)-1].Key, 0)
	}
}

// until waits for what another goroutine or process does.
func until(t rapid.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for a minute until %s", what)
		}
	}
}

func note(id string, to ...Contact) Message {
	return Message{ID: id, Case: aCase, Customer: clinic, To: to, Kind: KindNotice,
		Subject: "A demand for your data", Text: "The Landgericht Falkenmoor asked for data of ward-seven.\n"}
}

func mailTo(address string) Contact { return Contact{Kind: ByMail, Address: address} }

// ageSealer is what the server wires in from the room of packages.
func ageSealer(key string, plaintext []byte) (string, []byte, error) {
	to, err := age.ParseX25519Recipient(key)
	if err != nil {
		return "", nil, err
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err != nil {
		return "", nil, err
	}
	if _, err := w.Write(plaintext); err != nil {
		return "", nil, err
	}
	err = w.Close()
	return ".age", b.Bytes(), err
}

func openAge(t testing.TB, id *age.X25519Identity, sealed []byte) []byte {
	t.Helper()
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, err)
	return b
}

// certificate is a self-signed one for 127.0.0.1 and localhost, or for some
// other name, in files.
type certificate struct {
	tls.Certificate
	certFile, keyFile string
	pool              *x509.CertPool
}

func newCertificate(dir string, names ...string) (c certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.fjordhost.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: names}
	if len(names) == 0 {
		tmpl.IPAddresses, tmpl.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return c, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return c, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	c.certFile, c.keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(os.WriteFile(c.certFile, certPEM, 0o644), os.WriteFile(c.keyFile, keyPEM, 0o600)); err != nil {
		return c, err
	}
	c.pool = x509.NewCertPool()
	c.pool.AppendCertsFromPEM(certPEM)
	c.Certificate, err = tls.X509KeyPair(certPEM, keyPEM)
	return c, err
}
