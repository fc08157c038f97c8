package client

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"writ/internal/monitor"
	"writ/internal/monitor/monitortest"
	"writ/internal/proof"
)

// rig is a server with a log, a release and an answer, all of which a test can
// change.
type rig struct {
	t      *testing.T
	log    *monitortest.Ledger
	server *httptest.Server
	roots  *x509.CertPool
	asked  atomic.Int64 // requests that reached the server beside those of checks
	checks atomic.Int64 // readings of writ.json

	mu        sync.Mutex
	dir       string
	wellKnown map[string]any
	receipt   []byte
	down      bool

	// Of a server that turns: a log with fewer leaves, and how much later it is.
	fewer *monitortest.Ledger
	later time.Duration
}

func newRig(t *testing.T) *rig {
	t.Helper()
	l, err := monitortest.New(time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, log: l, roots: x509.NewCertPool()}
	r.policy(nil)
	index, err := l.Say(proof.KindRelease, proof.Release{Version: "v1.2.3", Source: proof.Artifact{Name: "writ-v1.2.3.tar.gz", SHA256: strings.Repeat("0", 64), Size: 1}, Binaries: []proof.Binary{}})
	if err != nil {
		t.Fatal(err)
	}
	r.batch()
	r.publish()
	if r.receipt, err = l.Receipt(index); err != nil {
		t.Fatal(err)
	}
	r.wellKnown = map[string]any{"v": 1, "origin": monitortest.Origin, "log_key": l.Key, "policy": l.Witnesses, "log": "/log/", "release": "/release/receipt.json"}
	r.server = httptest.NewTLSServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.server.Close)
	r.roots.AddCert(r.server.Certificate())
	return r
}

func (r *rig) policy(change func(*proof.Policy)) {
	r.t.Helper()
	if _, err := r.log.Policy(change); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) batch() {
	r.t.Helper()
	if _, err := r.log.Batch(nil); err != nil {
		r.t.Fatal(err)
	}
}

// publish shows the log as it is, in a folder of its own.
func (r *rig) publish() {
	r.t.Helper()
	dir := r.t.TempDir()
	if err := r.log.Publish(dir); err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dir = dir
}

// change changes what the server shows.
func (r *rig) change(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn()
}

func (r *rig) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	dir, known, receipt, down := r.dir, r.wellKnown, r.receipt, r.down
	b, err := json.Marshal(known)
	r.mu.Unlock()
	if err != nil || down {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	switch path := req.URL.Path; {
	case path == "/.well-known/writ.json":
		r.checks.Add(1)
		w.Write(b)
	case path == "/release/receipt.json":
		w.Write(receipt)
	case strings.HasPrefix(path, "/log/"):
		http.StripPrefix("/log/", http.FileServer(http.Dir(dir))).ServeHTTP(w, req)
	default:
		r.asked.Add(1)
		io.WriteString(w, "Bed three has the fever.")
	}
}

func (r *rig) pins() Pins {
	return Pins{Site: r.server.URL, LogKey: r.log.Key, Policy: r.log.Witnesses, Roots: r.roots}
}

func (r *rig) transport(p Pins) *Transport {
	r.t.Helper()
	t, err := New(p, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return t
}

// get asks through a transport.
func (r *rig) get(t *Transport) error {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.server.URL+"/ward-seven/letter", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(b), "fever") {
		r.t.Errorf("it answers %q, %v", b, err)
	}
	return nil
}

// refused checks that a request is refused for a reason, and that nothing of it
// reached the server.
func (r *rig) refused(t *Transport, what string, reason error, says string) {
	r.t.Helper()
	before := r.asked.Load()
	err := r.get(t)
	if !errors.Is(err, ErrRefused) || reason != nil && !errors.Is(err, reason) || !strings.Contains(err.Error(), says) {
		r.t.Errorf("%s: %v", what, err)
	}
	if r.asked.Load() != before {
		r.t.Errorf("%s: the request reached the server", what)
	}
}

// TestHonestServer: a server that keeps its promises is asked, and verified no
// more often than is said.
func TestHonestServer(t *testing.T) {
	r := newRig(t)
	for what, p := range map[string]Pins{
		"any release":      r.pins(),
		"this release":     func() Pins { p := r.pins(); p.Releases = []string{"v1.2.2", "v1.2.3"}; return p }(),
		"without witness":  func() Pins { p := r.pins(); p.Policy = ""; return p }(),
		"with a state":     func() Pins { p := r.pins(); p.State = filepath.Join(t.TempDir(), "state"); return p }(),
		"under other name": func() Pins { p := r.pins(); p.Hosts = []string{"s3.quayside.example", "127.0.0.1"}; return p }(),
	} {
		tr := r.transport(p)
		before := r.checks.Load()
		for range 5 {
			if err := r.get(tr); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		if n := r.checks.Load() - before; n != 1 {
			t.Errorf("%s: verified %d times for five requests", what, n)
		}
		now := time.Now().Add(DefaultEvery + time.Second)
		tr.now = func() time.Time { return now }
		if err := r.get(tr); err != nil || r.checks.Load()-before != 2 {
			t.Errorf("%s: a minute later: %v, verified %d times", what, err, r.checks.Load()-before)
		}
	}
}

// TestRefused: whatever does not hold at the first look, no request leaves.
func TestRefused(t *testing.T) {
	for what, c := range map[string]struct {
		change func(r *rig, p *Pins)
		reason error
		says   string
	}{
		"another key": {func(r *rig, _ *Pins) { other, _ := monitortest.New(time.Now()); r.wellKnown["log_key"] = other.Key }, proof.ErrLog, "another log key"},
		"a forged checkpoint": {func(r *rig, _ *Pins) {
			forged, _ := monitortest.New(time.Now())
			forged.Batch(nil)
			signed, _ := forged.Checkpoint(3)
			os.WriteFile(filepath.Join(r.dir, "checkpoint"), signed, 0o600)
		}, proof.ErrLog, ""},
		"a cosignature missing": {func(r *rig, _ *Pins) {
			signed, _ := r.log.Checkpoint(1)
			os.WriteFile(filepath.Join(r.dir, "checkpoint"), signed, 0o600)
		}, proof.ErrWitnesses, ""},
		"a tile changed": {func(r *rig, _ *Pins) {
			r.dir = r.edited("tile/entries", func(b []byte) { b[len(b)-3] ^= 1 })
		}, nil, ""},
		"no release": {func(r *rig, _ *Pins) { r.wellKnown["release"] = "" }, nil, "names no release"},
		"unlogged": {func(r *rig, _ *Pins) {
			r.wellKnown["release"] = "unlogged"
			r.policy(func(p *proof.Policy) { p.Unlogged = true })
			r.mu.Unlock()
			r.publish()
			r.mu.Lock()
		}, monitor.ErrUnlogged, "no release of its log"},
		"a release, and unlogged": {func(r *rig, _ *Pins) {
			r.policy(func(p *proof.Policy) { p.Unlogged = true })
			r.mu.Unlock()
			r.publish()
			r.mu.Lock()
		}, nil, "its policy says that it runs an unlogged build"},
		"another release": {func(_ *rig, p *Pins) { p.Releases = []string{"v1.2.4"} }, nil, `release "v1.2.3", which is not one`},
		"a batch's receipt": {func(r *rig, _ *Pins) {
			r.receipt, _ = r.log.Receipt(r.log.Size() - 1)
		}, proof.ErrForm, "not of a release"},
		"another log's receipt": {func(r *rig, _ *Pins) {
			other, _ := monitortest.New(time.Now())
			index, _ := other.Say(proof.KindRelease, proof.Release{Version: "v1.2.3", Binaries: []proof.Binary{}})
			r.receipt, _ = other.Receipt(index)
		}, proof.ErrLog, ""},
		"the server away": {func(r *rig, _ *Pins) { r.down = true }, monitor.ErrSource, ""},
		"the log away":    {func(r *rig, _ *Pins) { r.dir = filepath.Join(r.dir, "none") }, nil, ""},
		"no receipt":      {func(r *rig, _ *Pins) { r.receipt = nil }, nil, ""},
		"another host":    {func(_ *rig, p *Pins) { p.Hosts = []string{"s3.quayside.example"} }, nil, "not the server that is verified"},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			p := r.pins()
			r.change(func() { c.change(r, &p) })
			r.refused(r.transport(p), what, c.reason, c.says)
		})
	}
}

// edited is a copy of the folder in which each file below a name was changed. The
// caller holds mu.
func (r *rig) edited(below string, change func([]byte)) string {
	dir := r.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(r.dir)); err != nil {
		r.t.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Join(dir, below), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		change(b)
		return os.WriteFile(path, b, 0o600)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// TestChangesBetween: a server that turned between two verifications is refused
// at the second, and what was seen is not forgotten by a restart.
func TestChangesBetween(t *testing.T) {
	for what, c := range map[string]struct {
		change func(r *rig)
		reason error
		says   string
	}{
		"rolled back": {func(r *rig) { r.log = r.fewer; r.publish() }, monitor.ErrRollback, ""},
		"forked": {func(r *rig) {
			r.log = r.fewer
			for range 3 {
				if _, err := r.log.Say(proof.KindReport, map[string]any{"another": "history"}); err != nil {
					r.t.Fatal(err)
				}
			}
			r.publish()
		}, monitor.ErrFork, ""},
		"another policy": {func(r *rig) { r.policy(func(p *proof.Policy) { p.TLSMin = "1.1" }); r.publish() }, nil, "its policy has changed"},
		"stale":          {func(r *rig) { r.later = time.Hour }, proof.ErrStale, ""},
		"away":           {func(r *rig) { r.change(func() { r.down = true }) }, monitor.ErrSource, ""},
		"unlogged now": {func(r *rig) {
			r.change(func() { r.wellKnown["release"] = "unlogged" })
		}, nil, "its policy doesn't say that it runs an unlogged build"},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			r.fewer = r.log.Clone()
			r.batch()
			r.publish()
			p := r.pins()
			p.State = filepath.Join(t.TempDir(), "state")
			tr := r.transport(p)
			if err := r.get(tr); err != nil {
				t.Fatal(err)
			}
			c.change(r)
			now := time.Now().Add(DefaultEvery + time.Second + r.later)
			tr.now = func() time.Time { return now }
			r.refused(tr, what, c.reason, c.says)
			again := r.transport(p)
			again.now = tr.now
			r.refused(again, what+", after a restart", c.reason, c.says)
		})
	}
}

// TestAcceptedChange: a change of the policy passes if somebody accepts it.
func TestAcceptedChange(t *testing.T) {
	r := newRig(t)
	p := r.pins()
	var before, now proof.Policy
	p.AcceptPolicy = func(b, n []byte) bool {
		return json.Unmarshal(b, &before) == nil && json.Unmarshal(n, &now) == nil && now.Slots > before.Slots
	}
	tr := r.transport(p)
	if err := tr.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.policy(func(p *proof.Policy) { p.Slots = 8 })
	r.publish()
	if err := tr.Verify(t.Context()); !errors.Is(err, ErrRefused) || now.Slots != 8 {
		t.Errorf("fewer slots: %v", err)
	}
	r.policy(func(p *proof.Policy) { p.Slots = 32 })
	r.publish()
	if err := tr.Verify(t.Context()); err != nil {
		t.Errorf("more slots: %v", err)
	}
}

// TestUnloggedAllowed: who allows it gets a build that is in no release, if the
// policy says so.
func TestUnloggedAllowed(t *testing.T) {
	r := newRig(t)
	r.policy(func(p *proof.Policy) { p.Unlogged = true })
	r.publish()
	r.change(func() { r.wellKnown["release"] = "unlogged" })
	p := r.pins()
	r.refused(r.transport(p), "unlogged", monitor.ErrUnlogged, "")
	p.AllowUnlogged = true
	if err := r.get(r.transport(p)); err != nil {
		t.Error(err)
	}
}

// TestOneVerification: a thousand requests at once wait for one, and one that
// gives up does not end it for the others.
func TestOneVerification(t *testing.T) {
	r := newRig(t)
	tr := r.transport(r.pins())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tr.verified(ended); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if err := r.get(tr); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := r.checks.Load(); n != 1 {
		t.Errorf("verified %d times", n)
	}
}

// TestPlainText: the verified name, without its certificate, gets no request.
func TestPlainText(t *testing.T) {
	r := newRig(t)
	var got atomic.Int64
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer plain.Close()
	tr := r.transport(r.pins())
	if err := r.get(tr); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, plain.URL+"/ward-seven/letter", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, ErrRefused) || got.Load() != 0 {
		t.Errorf("%v, and %d requests", err, got.Load())
	}
}

// TestPinsAreChecked: what cannot be pinned is told at once.
func TestPinsAreChecked(t *testing.T) {
	r := newRig(t)
	damaged := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(damaged, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Pins){
		"no key":       func(p *Pins) { p.LogKey = "" },
		"not a policy": func(p *Pins) { p.Policy = "witness\n" },
		"plaintext":    func(p *Pins) { p.Site = "http://quayside.example" },
		"no site":      func(p *Pins) { p.Site = "" },
		"damaged":      func(p *Pins) { p.State = damaged },
	} {
		p := r.pins()
		change(&p)
		if _, err := New(p, nil); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
