package monitor

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"writ/internal/monitor/monitortest"
	"writ/internal/proof"
)

// rig is a ledger, published in a folder, and who visits it.
type rig struct {
	t testing.TB
	*monitortest.Ledger
	dir   string
	state string
	now   time.Time
}

// newRig makes a log of a policy and so many batches.
func newRig(t testing.TB, batches int) *rig {
	t.Helper()
	now := time.Now()
	l, err := monitortest.New(now.Add(-24 * time.Hour))
	r := &rig{t: t, Ledger: l, dir: t.TempDir(), state: filepath.Join(t.TempDir(), "state"), now: now}
	r.must(err)
	r.policy(nil)
	r.batches(batches)
	r.publish()
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) policy(change func(*proof.Policy)) {
	r.t.Helper()
	_, err := r.Policy(change)
	r.must(err)
}

func (r *rig) batches(n int) {
	r.t.Helper()
	for range n {
		_, err := r.Batch(nil)
		r.must(err)
	}
}

func (r *rig) publish() {
	r.t.Helper()
	r.must(r.Publish(r.dir))
}

func (r *rig) verifier() *proof.Verifier {
	r.t.Helper()
	v, err := proof.NewVerifier(proof.Trust{LogKey: r.Key, Policy: r.Witnesses})
	r.must(err)
	return v
}

func (r *rig) open(src Source) *Log {
	r.t.Helper()
	l, err := Open(r.t.Context(), src, r.verifier())
	r.must(err)
	return l
}

// visit visits with the state file, and saves it if all is well.
func (r *rig) visit(src Source) (*Log, error) {
	r.t.Helper()
	s, err := LoadState(r.state)
	if err != nil {
		return nil, err
	}
	v := Visitor{Source: src, Verifier: r.verifier(), LogKey: r.Key, State: s, File: r.state, Now: r.now}
	l, err := v.Visit(r.t.Context())
	if err == nil {
		err = s.Save(r.state)
	}
	return l, err
}

// scan re-hashes the whole log in a folder.
func (r *rig) scan(src Source) (Story, error) {
	r.t.Helper()
	var s Story
	l, err := Open(r.t.Context(), src, r.verifier())
	if err == nil {
		err = l.Scan(r.t.Context(), &s, nil)
	}
	return s, err
}

// evidence is the files beside the state.
func (r *rig) evidence(kind string) []string {
	r.t.Helper()
	files, err := filepath.Glob(r.state + ".evidence-" + kind + "-*.json")
	r.must(err)
	return files
}

// edit changes a file of the published log.
func (r *rig) edit(name string, change func([]byte) []byte) (undo func()) {
	r.t.Helper()
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	was, err := os.ReadFile(path)
	r.must(err)
	r.must(os.WriteFile(path, change(bytes.Clone(was)), 0o644))
	return func() { r.must(os.WriteFile(path, was, 0o644)) }
}

// bundleOf is an honest bundle.
func bundleOf(t testing.TB, c *monitortest.Customer, after, batch, kept uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.Bundle(&b, after, batch, kept); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
