//go:build unix

package ledger

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writ/internal/proof"
)

// appendSome appends n leaves and waits for their publication.
func appendSome(t *testing.T, l Log, n int, story string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range n {
		_, _, err := l.Append(ctx, []byte(story))
		must(t, err)
	}
}

// isWitnessed checks the newest checkpoint by the policy.
func (r *rig) isWitnessed(l Log, size uint64) proof.Checkpoint {
	r.t.Helper()
	signed, err := l.Checkpoint(r.t.Context())
	r.must(err)
	v, err := proof.NewVerifier(proof.Trust{LogKey: r.vkey, Policy: r.policy})
	r.must(err)
	cp, err := v.Checkpoint(signed)
	r.must(err)
	if cp.Size != size {
		r.t.Fatalf("%d leaves are published, not %d", cp.Size, size)
	}
	return cp
}

// TestOneDown: two of three are enough.
func TestOneDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.witnesses[1].down()
	l := r.posix()
	appendSome(t, l, 3, "a leaf")
	if cp := r.isWitnessed(l, 3); len(cp.Witnesses) != 2 {
		t.Fatalf("cosigned by %v", cp.Witnesses)
	}
	signed, err := l.Checkpoint(t.Context())
	must(t, err)
	if file, err := os.ReadFile(filepath.Join(r.dir, "ledger", "checkpoint")); err != nil || string(file) != string(signed) {
		t.Fatalf("what was acknowledged is not on the disk: %v\n%s", err, file)
	}
	s := l.Status()
	if s.Waiting != nil || s.Witnesses[1].Err == nil || s.Witnesses[0].Err != nil {
		t.Fatalf("%+v", s)
	}
}

// TestTwoDown: with the quorum unmet nothing new is published, in no read, and
// it says who is missing; it catches up when one comes back.
func TestTwoDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.posix()
	appendSome(t, l, 2, "a leaf")
	before, err := l.Checkpoint(t.Context())
	must(t, err)
	r.witnesses[0].down()
	r.witnesses[2].down()
	index, err := l.Add(t.Context(), []byte("a leaf that waits"))
	must(t, err)
	eventually(t, "the log doesn't say that it waits", func() bool { return l.Status().Waiting != nil })
	for _, w := range []string{"w0", "w2"} {
		if !strings.Contains(l.Status().Waiting.Error(), w) {
			t.Errorf("it doesn't say that %s is missing: %v", w, l.Status().Waiting)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = l.Await(ctx, index)
	wants(t, err, ErrUnpublished, "w0", "w2")
	if after, err := l.Checkpoint(t.Context()); err != nil || string(after) != string(before) {
		t.Fatalf("something was published: %v\n%s", err, after)
	}
	if size, err := l.Size(t.Context()); err != nil || size != 3 {
		t.Fatalf("the leaf is not durable: %d, %v", size, err)
	}
	_, err = l.Leaf(t.Context(), index)
	wants(t, err, ErrNoLeaf)
	_, err = l.Tile(t.Context(), 0, 0, 3)
	wants(t, err, ErrNoLeaf)
	_, err = l.Entries(t.Context(), 0, 3)
	wants(t, err, ErrNoLeaf)
	_, err = l.Prove(t.Context(), 2, 3)
	wants(t, err, ErrNoLeaf)
	r.witnesses[2].up()
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = l.Await(ctx, index)
	must(t, err)
	r.isWitnessed(l, 3)
}

// TestHostileWitness: whatever one witness answers, two honest ones publish, it
// is bounded, and nothing of it gets into the checkpoint. Two such answers
// publish nothing, and none stops the log for good.
func TestHostileWitness(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	for name, answer := range map[string]http.HandlerFunc{
		"garbage": func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "— w AAAA\n") },
		"empty":   func(http.ResponseWriter, *http.Request) {},
		"huge":    func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, huge) },
		"endless": func(rw http.ResponseWriter, req *http.Request) { endless(rw, req) },
		"slow":    func(_ http.ResponseWriter, req *http.Request) { io.Copy(io.Discard, req.Body); <-req.Context().Done() },
		"redirect": func(rw http.ResponseWriter, req *http.Request) {
			http.Redirect(rw, req, "/elsewhere", http.StatusFound)
		},
		"claims more":  func(rw http.ResponseWriter, _ *http.Request) { conflict(rw, "1000000\n") },
		"claims a lot": func(rw http.ResponseWriter, _ *http.Request) { conflict(rw, "99999999999999999999\n") },
		"claims less":  func(rw http.ResponseWriter, _ *http.Request) { conflict(rw, "0\n") },
		"fork":         func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "fork", http.StatusConflict) },
		"inconsistent": func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "no", http.StatusUnprocessableEntity) },
		"unknown":      func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "who", http.StatusNotFound) },
		"odd":          func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			inner, err := NewMemory(r.signer())
			must(t, err)
			r.witnesses[1].set(answer)
			c := r.witnessedConfig()
			c.Timeout = 2 * time.Second
			l, err := OpenWitnessed(t.Context(), inner, c)
			must(t, err)
			defer l.Close(context.Background())
			appendSome(t, l, 2, "a leaf")
			if cp := r.isWitnessed(l, 2); len(cp.Witnesses) != 2 {
				t.Fatalf("cosigned by %v", cp.Witnesses)
			}
			if l.Status().Witnesses[1].Err == nil {
				t.Fatal("the answer was taken")
			}
			r.witnesses[0].set(answer)
			index, err := l.Add(t.Context(), []byte("a leaf that waits"))
			must(t, err)
			eventually(t, "it doesn't say that it waits", func() bool { return l.Status().Waiting != nil })
			r.isWitnessed(l, 2)
			r.witnesses[0].up()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err = l.Await(ctx, index)
			must(t, err)
			r.isWitnessed(l, 3)
		})
	}
}

func conflict(rw http.ResponseWriter, size string) {
	rw.Header().Set("Content-Type", "text/x.tlog.size")
	rw.WriteHeader(http.StatusConflict)
	io.WriteString(rw, size)
}

func endless(rw http.ResponseWriter, req *http.Request) {
	for req.Context().Err() == nil {
		if _, err := io.WriteString(rw, strings.Repeat("— w AAAA\n", 100)); err != nil {
			return
		}
	}
}

// TestEquivocatingWitness: a witness that signs with another key, or another
// checkpoint than it was asked for, counts for nothing.
func TestEquivocatingWitness(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := newWitness(t, "witness1.fernhill.example", r.vkey) // the same name, another key
	r.witnesses[1].set(other.w.Handler())
	var first []byte
	honest := r.witnesses[2].w.Handler()
	r.witnesses[2].set(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if first != nil { // a cosignature of its own, on an older checkpoint
			rw.Write(first)
			return
		}
		rec := &recorder{ResponseWriter: rw}
		honest.ServeHTTP(rec, req)
		first = rec.body
	}))
	l := r.posix()
	appendSome(t, l, 1, "a leaf")
	_, err := l.Add(t.Context(), []byte("a leaf that waits"))
	must(t, err)
	eventually(t, "it doesn't say that it waits", func() bool { return l.Status().Waiting != nil })
	r.isWitnessed(l, 1)
	r.witnesses[1].up()
	eventually(t, "two honest witnesses don't publish", func() bool { return l.Status().Size == 2 })
	if cp := r.isWitnessed(l, 2); len(cp.Witnesses) != 2 {
		t.Fatalf("cosigned by %v", cp.Witnesses)
	}
}

type recorder struct {
	http.ResponseWriter
	body []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	r.body = append(r.body, b...)
	return r.ResponseWriter.Write(b)
}

// TestRolledBackLog: a log that was put back from a copy is told so by a
// witness before it grows, stops for good, and keeps the proof.
func TestRolledBackLog(t *testing.T) {
	t.Parallel()
	for _, grown := range []int{0, 3, 5} { // what it grew by after the copy was put back, elsewhere
		r := newRig(t)
		l := r.posix()
		appendSome(t, l, 5, "a leaf")
		must(t, l.Close(t.Context()))
		dir := filepath.Join(r.dir, "ledger")
		backup := filepath.Join(r.dir, "backup")
		must(t, os.CopyFS(backup, os.DirFS(dir)))
		l = r.posix()
		appendSome(t, l, 3, "what the backup lacks")
		must(t, l.Close(t.Context()))
		must(t, os.RemoveAll(dir))
		must(t, os.CopyFS(dir, os.DirFS(backup)))
		if grown > 0 { // while the witnesses were out of reach
			for _, w := range r.witnesses {
				w.down()
			}
			l = r.posix()
			eventually(t, "the first round doesn't end", func() bool {
				l.mu.Lock()
				defer l.mu.Unlock()
				return l.asked
			})
			for range grown {
				_, err := l.Add(t.Context(), []byte("another story"))
				must(t, err)
			}
			must(t, l.Close(t.Context()))
			for _, w := range r.witnesses {
				w.up()
			}
		}
		l = r.posix()
		_, err := l.Add(t.Context(), []byte("a leaf too many"))
		wants(t, err, ErrRolledBack, "writ ledger recover")
		if size, err := l.Size(t.Context()); err != nil || size != 5+uint64(grown) {
			t.Fatalf("a log that was rolled back has grown to %d: %v", size, err)
		}
		if l.Status().Sticky == nil {
			t.Fatal("it doesn't say so")
		}
		r.isWitnessed(l, 5)
		files, err := filepath.Glob(filepath.Join(dir, "evidence", "log-rolledback-*.json"))
		must(t, err)
		if len(files) != 1 {
			t.Fatalf("evidence: %v", files)
		}
		body, err := os.ReadFile(files[0])
		must(t, err)
		var e RollbackEvidence
		must(t, json.Unmarshal(body, &e))
		v, err := proof.NewVerifier(proof.Trust{LogKey: r.vkey})
		must(t, err)
		if cp, err := v.Checkpoint([]byte(e.Theirs)); err != nil || cp.Size != 8 {
			t.Fatalf("the evidence shows %+v: %v", cp, err)
		}
		forks := 0
		for _, w := range r.witnesses {
			names, err := filepath.Glob(filepath.Join(w.layout.Evidence(), "*.json"))
			must(t, err)
			forks += len(names)
		}
		if grown == 3 && forks == 0 { // two trees of size 8: proof by itself, at the witnesses too
			t.Fatal("the witnesses kept no evidence of a fork")
		}
	}
}

// TestEditedPublished: what lies in the folder is held against the log.
func TestEditedPublished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.posix()
	appendSome(t, l, 5, "a leaf")
	must(t, l.Close(t.Context()))
	file := filepath.Join(r.dir, "ledger", "checkpoint")
	whole, err := os.ReadFile(file)
	must(t, err)
	for name, edit := range map[string]func() []byte{
		"a digit": func() []byte { return []byte(strings.Replace(string(whole), "\n5\n", "\n4\n", 1)) },
		"emptied": func() []byte { return nil },
		"cut":     func() []byte { return whole[:len(whole)/3] },
	} {
		must(t, os.WriteFile(file, edit(), 0o600))
		inner, err := OpenPosix(filepath.Join(r.dir, "ledger", "log"), r.signer(), l.log)
		must(t, err)
		_, err = OpenWitnessed(t.Context(), inner, r.witnessedConfig())
		wants(t, err, ErrDamaged, "writ ledger recover")
		must(t, inner.Close(t.Context()))
		_ = name
	}
	must(t, os.Remove(file))
	inner, err := OpenPosix(filepath.Join(r.dir, "ledger", "log"), r.signer(), l.log)
	must(t, err)
	defer inner.Close(context.Background())
	_, err = OpenWitnessed(t.Context(), inner, r.witnessedConfig())
	wants(t, err, ErrDamaged, "missing")
}
