package monitor

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"writ/internal/monitor/monitortest"
	"writ/internal/proof"
)

func TestVisit(t *testing.T) {
	r := newRig(t, 10)
	for range 3 {
		if _, err := r.visit(Folder(r.dir)); err != nil {
			t.Fatal(err)
		}
		r.batches(300)
		r.publish()
	}
	if l, err := r.visit(Folder(r.dir)); err != nil || l.Checkpoint.Size != 911 {
		t.Fatal(err)
	}
	s, err := LoadState(r.state)
	r.must(err)
	if s.LogKey != r.Key || !strings.HasPrefix(s.Checkpoint, monitortest.Origin+"\n911\n") || !s.Seen.Equal(r.now.UTC()) {
		t.Errorf("%+v", s)
	}
}

// TestRollback: an older log, honest in itself, and cosigned or not.
func TestRollback(t *testing.T) {
	r := newRig(t, 10)
	old := r.Clone()
	r.batches(5)
	r.publish()
	if _, err := r.visit(Folder(r.dir)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(r.state)
	r.must(err)
	r.must(old.Publish(r.dir))
	for range 2 {
		if _, err := r.visit(Folder(r.dir)); !errors.Is(err, ErrRollback) || !strings.Contains(err.Error(), "it has 11 leaves, and had 16") {
			t.Fatalf("rolled back: %v", err)
		}
	}
	if files := r.evidence(Rollback); len(files) != 1 || len(r.evidence(Fork)) != 0 {
		t.Fatalf("evidence: %v", files)
	}
	bare, err := old.Checkpoint(0)
	r.must(err)
	undo := r.edit("checkpoint", func([]byte) []byte { return bare })
	if _, err := r.visit(Folder(r.dir)); !errors.Is(err, ErrRollback) {
		t.Errorf("rolled back, and no witness cosigned: %v", err)
	}
	undo()
	if after, err := os.ReadFile(r.state); err != nil || string(after) != string(before) {
		t.Error("a visit that was refused has changed the state")
	}
	empty, err := monitortest.New(r.now)
	r.must(err)
	r.must(empty.Publish(r.dir))
	if _, err := r.visit(Folder(r.dir)); !errors.Is(err, proof.ErrLog) {
		t.Errorf("another log's checkpoint: %v", err)
	}
}

// TestFork: another history under the same key is proven to whoever asks.
func TestFork(t *testing.T) {
	for _, larger := range []int{0, 5, 300} {
		r := newRig(t, 9)
		other := r.Clone()
		r.batches(1)
		r.publish()
		if _, err := r.visit(Folder(r.dir)); err != nil {
			t.Fatal(err)
		}
		ours, err := os.ReadFile(r.dir + "/checkpoint")
		r.must(err)
		_, err = other.Say(proof.KindReport, struct{}{})
		r.must(err)
		for range larger {
			_, err := other.Batch(nil)
			r.must(err)
		}
		r.must(other.Publish(r.dir))
		_, err = r.visit(Folder(r.dir))
		if !errors.Is(err, ErrFork) {
			t.Fatalf("forked by %d: %v", larger, err)
		}
		files := r.evidence(Fork)
		if len(files) != 1 || !strings.Contains(err.Error(), files[0]) {
			t.Fatalf("evidence %v, and %v", files, err)
		}
		r.proves(files[0], ours)
	}
}

// proves checks evidence of a fork as a stranger would, by x/mod's code.
func (r *rig) proves(file string, ours []byte) {
	r.t.Helper()
	b, err := os.ReadFile(file)
	r.must(err)
	var e Evidence
	r.must(json.Unmarshal(b, &e))
	if e.Ours != string(ours) || e.Log != r.Key || e.Kind != Fork {
		r.t.Fatalf("%+v", e)
	}
	v, err := proof.NewVerifier(proof.Trust{LogKey: e.Log})
	r.must(err)
	a, err := v.Checkpoint([]byte(e.Ours))
	r.must(err)
	c, err := v.Checkpoint([]byte(e.Theirs))
	r.must(err)
	if a.Size == c.Size {
		if string(a.Root) == string(c.Root) {
			r.t.Fatal("the roots are the same")
		}
		return
	}
	var path tlog.TreeProof
	for _, h := range e.Proof {
		path = append(path, tlog.Hash(h))
	}
	if tlog.CheckTree(path, int64(c.Size), tlog.Hash(c.Root), int64(a.Size), tlog.Hash(a.Root)) == nil {
		r.t.Fatal("the evidence proves that the log only appended")
	}
	// The same proof holds for the tree that the larger one really contains:
	// so it is the log's, and no garbage.
	l := r.open(Folder(r.dir))
	root, err := tlog.TreeHash(int64(a.Size), l.hashes(r.t.Context()))
	r.must(err)
	r.must(tlog.CheckTree(path, int64(c.Size), tlog.Hash(c.Root), int64(a.Size), root))
}

// TestUntrueTiles: tiles that are changed are not taken for a fork.
func TestUntrueTiles(t *testing.T) {
	r := newRig(t, 9)
	if _, err := r.visit(Folder(r.dir)); err != nil {
		t.Fatal(err)
	}
	r.batches(290)
	r.publish()
	r.edit("tile/0/000", func(b []byte) []byte { b[0] ^= 1; return b })
	if _, err := r.visit(Folder(r.dir)); !errors.Is(err, ErrTile) || len(r.evidence("*")) != 0 {
		t.Errorf("%v, %v", err, r.evidence("*"))
	}
}

// TestCheckpoints: what is wrong with a checkpoint is said.
func TestCheckpoints(t *testing.T) {
	r := newRig(t, 9)
	other := newRig(t, 9)
	one, err := r.Checkpoint(1)
	r.must(err)
	for name, c := range map[string]struct {
		change func([]byte) []byte
		want   error
	}{
		"one witness":     {func([]byte) []byte { return one }, proof.ErrWitnesses},
		"a changed root":  {func(b []byte) []byte { b[len(monitortest.Origin)+5] ^= 1; return b }, proof.ErrLog},
		"a changed size":  {func(b []byte) []byte { return []byte(strings.Replace(string(b), "\n10\n", "\n11\n", 1)) }, proof.ErrLog},
		"no checkpoint":   {func([]byte) []byte { return []byte("tidewater-press\n") }, proof.ErrLog},
		"nothing":         {func([]byte) []byte { return nil }, proof.ErrLog},
		"a large one":     {func([]byte) []byte { return make([]byte, 1<<20) }, ErrSource},
		"another's":       {func([]byte) []byte { b, _ := os.ReadFile(other.dir + "/checkpoint"); return b }, proof.ErrLog},
		"cut in the name": {func(b []byte) []byte { return b[:10] }, proof.ErrLog},
	} {
		undo := r.edit("checkpoint", c.change)
		if _, err := r.visit(Folder(r.dir)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		undo()
	}
	stale, err := proof.NewVerifier(proof.Trust{LogKey: r.Key, Policy: r.Witnesses, MaxAge: time.Hour, Now: r.now.Add(2 * time.Hour)})
	r.must(err)
	if _, err := Open(t.Context(), Folder(r.dir), stale); !errors.Is(err, proof.ErrStale) {
		t.Errorf("two hours old: %v", err)
	}
}

// TestDamagedState: a state that is changed in any byte, cut, or another log's
// is refused; one that is missing is the first visit.
func TestDamagedState(t *testing.T) {
	r := newRig(t, 3)
	if _, err := r.visit(Folder(r.dir)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(r.state)
	r.must(err)
	for at := range whole {
		bad := append([]byte(nil), whole...)
		bad[at] ^= 1
		r.must(os.WriteFile(r.state, bad, 0o600))
		if _, err := LoadState(r.state); !errors.Is(err, ErrState) {
			t.Fatalf("byte %d changed: %v", at, err)
		}
		r.must(os.WriteFile(r.state, whole[:at], 0o600))
		if _, err := LoadState(r.state); !errors.Is(err, ErrState) {
			t.Fatalf("cut after %d bytes: %v", at, err)
		}
	}
	other := newRig(t, 3)
	if _, err := other.visit(Folder(other.dir)); err != nil {
		t.Fatal(err)
	}
	r.state = other.state
	if _, err := r.visit(Folder(r.dir)); !errors.Is(err, ErrState) {
		t.Errorf("another log's state: %v", err)
	}
	// What a crash left of a write is not in the way.
	r.must(os.WriteFile(other.state+".new", []byte("half"), 0o600))
	if _, err := other.visit(Folder(other.dir)); err != nil {
		t.Error(err)
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	r := newRig(t, 3)
	old := r.Clone()
	r.batches(1)
	r.publish()
	if _, err := r.visit(Folder(r.dir)); err != nil {
		t.Fatal(err)
	}
	for range maxEvidence + 3 {
		branch := old.Clone()
		_, err := branch.Say(proof.KindReport, map[string][]byte{"salt": []byte(time.Now().String())})
		r.must(err)
		r.must(branch.Publish(r.dir))
		if _, err := r.visit(Folder(r.dir)); !errors.Is(err, ErrFork) {
			t.Fatal(err)
		}
	}
	if n := len(r.evidence(Fork)); n != maxEvidence {
		t.Errorf("%d files of evidence", n)
	}
}
