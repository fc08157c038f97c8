//go:build unix

package ledger

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"writ/internal/proof"
)

// reopened opens log and book in a folder that may be damaged; the error is
// what a server would give at start.
func (r *rig) reopened() error {
	r.t.Helper()
	inner, err := OpenPosix(LogDir(filepath.Join(r.dir, "ledger")), r.signer(), r.quiet())
	if err != nil {
		return err
	}
	l, err := OpenWitnessed(r.t.Context(), inner, r.witnessedConfig())
	if err != nil {
		inner.Close(context.Background())
		return err
	}
	defer l.Close(context.Background())
	b, err := OpenBook(r.t.Context(), r.config(l))
	if err != nil {
		return err
	}
	return b.Close()
}

// TestDamagedFolder: each file of the log, changed, cut or removed by hand, and
// the folder as a whole lost: refused at start, with what to do.
func TestDamagedFolder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.posix()
	b := r.book(l)
	for range 4 {
		r.interval(b)
	}
	r.publish(b)
	must(t, b.Close())
	must(t, l.Close(t.Context()))
	dir := filepath.Join(r.dir, "ledger")
	whole := filepath.Join(r.dir, "whole")
	must(t, os.CopyFS(whole, os.DirFS(dir)))
	restore := func() {
		must(t, os.RemoveAll(dir))
		must(t, os.CopyFS(dir, os.DirFS(whole)))
	}
	must(t, r.reopened())
	tried := 0
	for _, file := range []string{"checkpoint", "log/tile/0/000.p/4", "log/tile/entries/000.p/4"} {
		name := filepath.Join(dir, file)
		body, err := os.ReadFile(name)
		must(t, err)
		for _, damage := range map[string]func() error{
			"removed": func() error { return os.Remove(name) },
			"emptied": func() error { return os.WriteFile(name, nil, 0o600) },
			"cut":     func() error { return os.WriteFile(name, body[:len(body)-20], 0o600) },
		} {
			restore()
			must(t, damage())
			wants(t, r.reopened(), ErrDamaged)
			tried++
		}
		for at := 0; at < len(body); at += 1 + len(body)/20 {
			restore()
			changed := append([]byte{}, body...)
			changed[at] ^= 1
			must(t, os.WriteFile(name, changed, 0o600))
			// A cosignature that is damaged is nobody's; the log's own must hold.
			if err := r.reopened(); file != "checkpoint" || err != nil {
				wants(t, err, ErrDamaged)
			}
			tried++
		}
	}
	if tried < 60 {
		t.Fatalf("only %d damages were tried", tried)
	}
	must(t, os.RemoveAll(dir))
	wants(t, r.reopened(), ErrDamaged, "4 leaves were published", "lost", "writ ledger recover")
	restore()
	must(t, os.RemoveAll(filepath.Join(dir, "log")))
	wants(t, r.reopened(), ErrDamaged, "writ ledger recover")
	restore()
	must(t, r.reopened())
}

// TestDeepDamage: one flipped byte anywhere in a log of several levels of tiles
// is found.
func TestDeepDamage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dir := LogDir(filepath.Join(r.dir, "ledger"))
	leaves := func(size uint64) [][]byte {
		var all [][]byte
		for i := range size {
			all = append(all, fmt.Appendf(nil, "leaf %d", i))
		}
		return all
	}
	const size = 70000
	re := &rebuilt{dir: dir}
	all := leaves(size)
	for i := uint64(0); i < size; i += tileWidth {
		must(t, re.add(i/tileWidth, all[i:min(i+tileWidth, size)]))
	}
	mem := &Memory{origin: origin, signer: r.signer()}
	root, err := re.root(size)
	must(t, err)
	signed, err := mem.sign(size, root[:])
	must(t, err)
	must(t, re.finish(signed))
	check := func() error {
		l, err := OpenPosix(dir, r.signer(), r.quiet())
		must(t, err)
		defer l.Close(context.Background())
		if err := CheckLog(t.Context(), l, r.vkey, size, root[:]); err != nil {
			return err
		}
		c, err := startCheck(t.Context(), l, verifierOf(t, r.vkey), func(err error) { t.Error(err) })
		c.stop()
		return err
	}
	must(t, check())
	var files []string
	must(t, filepath.WalkDir(filepath.Join(dir, "tile"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (len(files)%90 == 0 || !strings.Contains(path, "/tile/0/") && !strings.Contains(path, "entries")) {
			files = append(files, path)
		} else if err == nil && !d.IsDir() {
			files = append(files, "")
		}
		return err
	}))
	tried := 0
	for _, file := range files {
		if file == "" {
			continue
		}
		body, err := os.ReadFile(file)
		must(t, err)
		changed := append([]byte{}, body...)
		changed[len(changed)/3] ^= 0x10
		must(t, os.WriteFile(file, changed, 0o600))
		if err := check(); err == nil {
			t.Errorf("%s was changed, and nobody saw", strings.TrimPrefix(file, dir))
		}
		must(t, os.WriteFile(file, body, 0o600))
		tried++
	}
	if tried < 8 {
		t.Fatalf("only %d damages were tried", tried)
	}
	must(t, check())
}

// TestOlderRecords: records from before the log's newest leaves are refused; a
// recovery numbers on from the leaves, and loses nothing that the records have.
func TestOlderRecords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.posix()
	b := r.book(l)
	ctx := t.Context()
	must(t, b.Commit(ctx, "early", "key", "early"))
	r.interval(b)
	r.publish(b)
	// What waits when the backup is made: in the outbox, frozen, and queued.
	must(t, b.Commit(ctx, "frozen", "key", "frozen"))
	r.interval(b)
	must(t, b.enqueue(ctx, "release/1", proof.KindRelease, proof.Release{Version: "1"}))
	p := proof.Policy{Origin: origin, Interval: "1m0s", Slots: 16, Custodians: []string{}, Packs: []string{}, TLSMin: "1.2"}
	_, err := b.PolicyNow(ctx, p)
	must(t, err)
	must(t, b.Commit(ctx, "waiting", "key", "waiting"))
	old := copyRecords(t, r.records)
	r.publish(b)
	must(t, b.Commit(ctx, "lost", "key", "lost"))
	r.interval(b)
	r.interval(b)
	r.publish(b)
	must(t, b.Close())

	r.records = old
	_, err = OpenBook(ctx, r.config(l))
	wants(t, err, ErrOlderRecords, "writ ledger recover")
	adopt := r.config(l)
	adopt.Adopt = true
	b, err = OpenBook(ctx, adopt)
	must(t, err)
	if s := b.Status(); s.Batch != 4 || s.Frozen != 4 || s.Size != 6 {
		t.Fatalf("%+v", s)
	}
	r.receipt(b, "early")
	r.receipt(b, "frozen")
	r.receipt(b, "release/1")
	id, err := b.PolicyNow(ctx, p)
	must(t, err)
	r.receipt(b, id)
	_, err = b.Receipt(ctx, "lost")
	wants(t, err, ErrNoStatement)
	_, err = b.HeadReceipt(ctx, testCustomer, 4)
	wants(t, err, ErrForeign)
	r.setHead(testCustomer, 9)
	r.interval(b)
	r.publish(b)
	if v := r.receipt(b, "waiting"); v.Batch.N != 5 {
		t.Fatalf("it is in batch %d", v.Batch.N)
	}
	rc, err := b.HeadReceipt(ctx, testCustomer, 5)
	must(t, err)
	r.verified(rc)
	heads, err := b.Batches(ctx, testCustomer, 1, 10)
	must(t, err)
	if len(heads) != 5 || !heads[3].Lost || heads[4].Head == nil || heads[4].Head.Seq != 9 {
		t.Fatalf("%+v", heads)
	}
	must(t, b.Close())
	must(t, l.Close(ctx))
	must(t, r.reopened()) // and nothing needs adopting now

	// Records that are lost altogether.
	r.records = newRecords()
	wants(t, r.reopened(), ErrOlderRecords)
	l = r.posix()
	adopt = r.config(l)
	adopt.Adopt = true
	b, err = OpenBook(ctx, adopt)
	must(t, err)
	defer b.Close()
	r.interval(b)
	r.publish(b)
	all := r.batches(l)
	if n := all[len(all)-1].N; n != 6 {
		t.Fatalf("batch %d goes on after 5", n)
	}
}
