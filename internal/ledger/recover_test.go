//go:build unix

package ledger

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"writ/internal/proof"
	"writ/internal/witness"
)

// mirrorOf copies a public log over HTTP, as a mirror does, and serves it.
func mirrorOf(t *testing.T, r *rig, l Log) (dir string, m Mirror) {
	t.Helper()
	h, err := Handler(l, Public{LogKey: r.vkey, Policy: r.policy})
	must(t, err)
	dir = t.TempDir()
	signed, err := l.Checkpoint(t.Context())
	must(t, err)
	size, err := SizeOf(signed)
	must(t, err)
	paths := []string{"checkpoint"}
	for i := range (size + 255) / 256 {
		path := fmt.Sprintf("tile/entries/%03d", i)
		if w := widthIn(size, 0, i); w < 256 {
			path += fmt.Sprintf(".p/%d", w)
		}
		paths = append(paths, path)
	}
	for _, p := range paths {
		rec := served(t, h, "GET", LogPath+p)
		if rec.Code != 200 {
			t.Fatalf("%s: %d", p, rec.Code)
		}
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, p)), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, p), rec.Body.Bytes(), 0o600))
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	m, err = OpenMirror(server.URL, nil)
	must(t, err)
	return dir, m
}

func (r *rig) recoverConfig(m Mirror) RecoverConfig {
	return RecoverConfig{Dir: filepath.Join(r.dir, "ledger"), LogKey: r.vkey, Policy: r.policy, Mirror: m, Records: r.records}
}

// TestRecover: a folder that is lost, or put back from an old backup, comes
// back from a mirror, under the same witnesses, and nothing of it is lost.
func TestRecover(t *testing.T) {
	t.Parallel()
	for _, backup := range []string{"none", "old"} {
		t.Run(backup, func(t *testing.T) {
			r := newRig(t)
			l := r.posix()
			b := r.book(l)
			dir := filepath.Join(r.dir, "ledger")
			must(t, b.Commit(t.Context(), "s", "key", 1))
			r.interval(b)
			r.publish(b)
			kept := t.TempDir()
			must(t, os.CopyFS(filepath.Join(kept, "ledger"), os.DirFS(dir)))
			r.interval(b)
			r.interval(b)
			r.publish(b)
			_, m := mirrorOf(t, r, l)
			must(t, b.Commit(t.Context(), "later", "key", 2))
			must(t, b.Close())
			must(t, l.Close(t.Context()))
			must(t, os.RemoveAll(dir))
			if backup == "old" {
				must(t, os.CopyFS(dir, os.DirFS(filepath.Join(kept, "ledger"))))
			}
			wants(t, r.reopened(), ErrDamaged)
			got, err := Recover(t.Context(), r.recoverConfig(m))
			must(t, err)
			if got.Size != 3 || got.Aside == "" {
				t.Fatalf("%+v", got)
			}
			l = r.posix()
			b = r.book(l)
			r.interval(b)
			r.publish(b)
			r.receipt(b, "s")
			if v := r.receipt(b, "later"); v.Batch.N != 4 {
				t.Fatalf("it is in batch %d", v.Batch.N)
			}
			r.isWitnessed(l, 4)
			r.batches(l)
		})
	}
}

// TestRecoverUnpublished: what a witness cosigned and nobody published is in
// the records, and comes back with them; without them it is refused.
func TestRecoverUnpublished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.posix()
	b := r.book(l)
	r.interval(b)
	r.publish(b)
	_, m := mirrorOf(t, r, l)
	r.witnesses[0].down()
	r.witnesses[1].down()
	must(t, b.Commit(t.Context(), "s", "key", 1))
	r.interval(b)
	stop := r.draining(b)
	eventually(t, "nothing waits", func() bool { return b.Status().Waiting != nil })
	stop()
	latest, err := r.witnesses[2].w.Latest(witness.OriginHash(origin))
	must(t, err)
	if size, err := SizeOf(latest); err != nil || size != 2 {
		t.Fatalf("the third witness has %d: %v", size, err)
	}
	must(t, b.Close())
	must(t, l.Close(t.Context()))
	r.witnesses[0].up()
	r.witnesses[1].up()
	must(t, os.RemoveAll(filepath.Join(r.dir, "ledger")))
	c := r.recoverConfig(m)
	c.Records = nil
	_, err = Recover(t.Context(), c)
	wants(t, err, ErrMirror, "witness w2", "cosigned 2")
	c.Records = newRecords()
	_, err = Recover(t.Context(), c)
	wants(t, err, ErrMirror, "witness w2")
	got, err := Recover(t.Context(), r.recoverConfig(m))
	must(t, err)
	if got.Size != 2 {
		t.Fatalf("%+v", got)
	}
	l = r.posix()
	b = r.book(l)
	r.publish(b)
	r.receipt(b, "s")
	r.isWitnessed(l, 2)
}

// TestRecoverRefuses: a mirror that lies, lacks something or is behind the
// witnesses, and witnesses that are silent.
func TestRecoverRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.posix()
	b := r.book(l)
	r.interval(b)
	r.publish(b)
	stale, _ := mirrorOf(t, r, l)
	r.interval(b)
	r.interval(b)
	r.publish(b)
	dir, m := mirrorOf(t, r, l)
	must(t, b.Close())
	must(t, l.Close(t.Context()))
	must(t, os.RemoveAll(filepath.Join(r.dir, "ledger")))
	try := func(m Mirror) error {
		_, err := Recover(t.Context(), r.recoverConfig(m))
		return err
	}
	behind, err := OpenMirror(stale, nil)
	must(t, err)
	wants(t, try(behind), ErrMirror, "cosigned 3", "it has 1")
	for _, file := range []string{"checkpoint", "tile/entries/000.p/3"} {
		name := filepath.Join(dir, file)
		body, err := os.ReadFile(name)
		must(t, err)
		for _, changed := range [][]byte{nil, body[:len(body)/2], append([]byte("x"), body[1:]...), append(body[:40:40], append([]byte{body[40] ^ 1}, body[41:]...)...)} {
			must(t, os.WriteFile(name, changed, 0o600))
			wants(t, try(m), ErrMirror)
		}
		must(t, os.Remove(name))
		wants(t, try(m), ErrMirror)
		must(t, os.WriteFile(name, body, 0o600))
	}
	r.witnesses[1].down()
	if err := try(m); err == nil {
		t.Fatal("a silent witness was not missed")
	}
	c := r.recoverConfig(m)
	c.Without = []string{"w7"}
	if _, err := Recover(t.Context(), c); err == nil {
		t.Fatal("a witness that is not in the policy was left out")
	}
	c.Without = []string{"w1"}
	_, err = Recover(t.Context(), c)
	must(t, err)
	if _, err := os.Stat(filepath.Join(r.dir, "ledger", "log.new")); err == nil {
		t.Fatal("something was left behind")
	}
}

// TestBreak: a log that cannot go on ends in public: the new one begins with a
// policy that names the old head, both keys sign why, and nothing that was not
// published is lost. Repeated, it changes nothing.
func TestBreak(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("key lost=%v", lost), func(t *testing.T) {
			r := newRig(t)
			l := r.posix()
			b := r.book(l)
			ctx := t.Context()
			p := proof.Policy{Origin: origin, Interval: "1m0s", Slots: 16, Witnesses: r.policy, Outside: []string{}, Custodians: []string{}, Packs: []string{}, TLSMin: "1.2"}
			id, err := b.PolicyNow(ctx, p)
			must(t, err)
			must(t, b.Commit(ctx, "old", "key", 1))
			r.setHead(testCustomer, 1)
			r.interval(b)
			r.publish(b)
			policyHash := sum(mustLeaf(t, l, 0))
			must(t, b.Commit(ctx, "frozen", "key", 2))
			r.interval(b)
			p.TLSMin = "1.3"
			dropped, err := b.PolicyNow(ctx, p)
			must(t, err)
			must(t, b.enqueue(ctx, "release/1", proof.KindRelease, proof.Release{Version: "1"}))
			must(t, b.Commit(ctx, "waiting", "key", 3))
			must(t, b.Close())
			must(t, l.Close(ctx))

			secret, vkey, err := NewKey(NextOrigin(origin))
			must(t, err)
			young, err := note.NewSigner(secret)
			must(t, err)
			c := BreakConfig{Dir: filepath.Join(r.dir, "ledger"), OldKey: r.vkey, NewKey: vkey, New: young, Reason: "the disk and its backups are lost",
				Records: r.records, Policy: p, Now: r.now}
			if !lost {
				c.Old = r.signer()
			}
			signed, err := Break(ctx, c)
			must(t, err)
			wants(t, r.reopened(), errOrigin) // by the old key, it leaves an empty log behind
			again, err := Break(ctx, c)
			must(t, err)
			if string(again) != string(signed) {
				t.Fatal("a repeat says something else")
			}
			e, err := ParseExplanation(signed)
			must(t, err)
			if e.ByOld == lost || e.Size != 2 || e.Reason != c.Reason || e.NewKey != vkey {
				t.Fatalf("%+v", e)
			}

			r.secret, r.vkey = secret, vkey
			r.policy = "" // the witnesses have to be told of the new log first
			l = r.posix()
			b = r.book(l)
			r.interval(b)
			r.publish(b)
			v := r.verified(mustReceipt(t, b, newestPolicy(t, b)))
			var first proof.Policy
			must(t, proof.Unmarshal(v.Statement.Body, &first))
			if v.Index != 0 || first.Break == nil || first.Break.Size != 2 || first.Break.Origin != origin || string(first.Previous) != string(policyHash[:]) {
				t.Fatalf("the first statement is %s", v.Statement.Body)
			}
			for _, s := range []string{"frozen", "waiting"} {
				if v := r.receipt(b, s); v.Batch.N != 2 {
					t.Errorf("%s is in batch %d", s, v.Batch.N)
				}
			}
			r.receipt(b, "release/1")
			for _, s := range []string{"old", id} {
				_, err := b.Receipt(ctx, s)
				wants(t, err, ErrOldLog)
			}
			_, err = b.Receipt(ctx, dropped)
			wants(t, err, ErrNoStatement)
			if now, err := b.PolicyNow(ctx, first); err != nil || now != newestPolicy(t, b) {
				t.Errorf("the policy is stated again: %v", err)
			}
			rc, err := b.HeadReceipt(ctx, testCustomer, 2)
			must(t, err)
			r.verified(rc)
			_, err = b.HeadReceipt(ctx, testCustomer, 1)
			wants(t, err, ErrOldLog)
			r.batches(l)
			must(t, b.Close())
			must(t, l.Close(ctx))
			_, err = Break(ctx, c) // the new log has begun: it stays
			must(t, err)
			l = r.posix()
			r.isWitnessed(l, 3)
			h, err := Handler(l, Public{LogKey: vkey, Break: signed})
			must(t, err)
			if rec := served(t, h, "GET", BreakPath); rec.Body.String() != string(signed) {
				t.Error("the explanation is not served")
			}
		})
	}
}

func mustLeaf(t *testing.T, l Log, index uint64) []byte {
	t.Helper()
	leaf, err := l.Leaf(t.Context(), index)
	must(t, err)
	return leaf
}

func mustReceipt(t *testing.T, b *Book, id string) *proof.Receipt {
	t.Helper()
	rc, err := b.Receipt(t.Context(), id)
	must(t, err)
	return rc
}

func newestPolicy(t *testing.T, b *Book) string {
	t.Helper()
	last, err := b.lastPolicy(t.Context())
	must(t, err)
	return policyID(last.Hash)
}
