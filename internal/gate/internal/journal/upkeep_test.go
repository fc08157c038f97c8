package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/gate/internal/keyring"
)

func TestExpiryKeepsHeads(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := newRoom(t, Options{SegmentBytes: 1200, Keep: 90 * 24 * time.Hour, Now: func() time.Time { return now }})
	c, gone := r.customer(), r.customer()
	r.fill(c, 20)
	r.fill(gone, 5)
	if err := errors.Join(r.Finish(c), r.Finish(gone), r.keys.Shred(gone)); err != nil {
		t.Fatal(err)
	}
	r.Forget(gone)
	now = now.Add(89 * 24 * time.Hour)
	r.fill(c, 2)
	shredded := func(id writ.CustomerID) bool { return id == gone }
	expire := func() {
		t.Helper()
		if err := r.Expire(ctx, []writ.CustomerID{c, gone, writ.NewCustomerID()}, shredded); err != nil {
			t.Fatal(err)
		}
	}
	expire()
	r.whole(c, 22)
	now = now.Add(2 * 24 * time.Hour)
	expire()
	for range 2 {
		seqs, errs := r.read(c, Query{})
		if len(errs) > 0 || len(seqs) != 2 || seqs[0] != 21 {
			t.Fatalf("kept %v, %v", seqs, errs)
		}
		r.reopen()
	}
	if head, err := r.Head(c); err != nil || head.Seq != 22 {
		t.Errorf("head is %d, %v", head.Seq, err)
	}
	if head, err := r.Head(gone); err != nil || head.Seq != 5 {
		t.Errorf("the shredded customer's head is %d, %v", head.Seq, err)
	}
	now = time.Now().Add(91 * 24 * time.Hour) // the files' own times count for who is gone
	expire()
	if files := r.files(gone); files != headsName {
		t.Errorf("of the shredded customer there are %s", files)
	}
	if files := r.files(c); strings.Contains(files, tailEnd) {
		t.Errorf("an old tail is still open: %s", files)
	}
	r.fill(c, 1)
	r.reopen()
	if head, err := r.Head(c); err != nil || head.Seq != 23 {
		t.Errorf("head is %d, %v", head.Seq, err)
	}
}

func TestRewrapBeforeRetire(t *testing.T) {
	r := newRoom(t, Options{SegmentBytes: 1200})
	c := r.customer()
	r.fill(c, 20)
	if _, err := r.keys.Rotate(c); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Rewrap(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.keys.Retire(c, 2); err != nil {
		t.Fatal(err)
	}
	r.whole(c, 20)
	r.reopen()
	r.whole(c, 20)
}

// TestKilledWhileClosing kills the closing of a segment between any two of
// its steps.
func TestKilledWhileClosing(t *testing.T) {
	type killed struct{}
	for n := 1; ; n++ {
		r := newRoom(t, Options{})
		c := r.customer()
		r.fill(c, 7)
		left := n
		died := func() (died bool) {
			defer func() {
				step = func(string) {}
				if p := recover(); p != nil {
					if _, ok := p.(killed); !ok {
						panic(p)
					}
					died = true
				}
			}()
			step = func(string) {
				if left--; left == 0 {
					panic(killed{})
				}
			}
			if err := r.Finish(c); err != nil {
				t.Fatal(err)
			}
			return false
		}()
		r.open() // as after a crash: the old one is not closed
		r.fill(c, 3)
		r.whole(c, 10)
		if files := r.files(c); strings.Count(files, tailEnd) != 1 || strings.Contains(files, unfinished) && !died {
			t.Errorf("killed at step %d: files are %s", n, files)
		}
		r.reopen()
		r.whole(c, 10)
		if !died {
			if n != 4 {
				t.Errorf("%d steps, not 3", n-1)
			}
			return
		}
	}
}

func TestSetAsideGoesOnBehindAGap(t *testing.T) {
	for _, damage := range []string{"tail", "heads", "tail missing in the middle"} {
		t.Run(damage, func(t *testing.T) {
			r := newRoom(t, Options{SegmentBytes: 1200})
			c := r.customer()
			r.fill(c, 10)
			if err := r.closeEnded(c); err != nil {
				t.Fatal(err)
			}
			names := strings.Fields(r.files(c))
			name := names[len(names)-2] // the tail
			if damage == "heads" {
				name = headsName
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			path := r.path(c, name)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if damage == "tail missing in the middle" {
				err = os.Rename(path, r.path(c, segmentName(100, tailEnd)))
			} else {
				b[len(b)-3] ^= 1
				err = os.WriteFile(path, b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			r.open()
			if _, err := r.Append(ctx, c, get(), false); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("appended to a damaged journal: %v", err)
			}
			if err := r.SetAside(c); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				r.fill(c, 2)
				seqs, errs := r.read(c, Query{})
				if damage != "heads" && (len(errs) != 1 || !errors.Is(errs[0], ErrCorrupt)) {
					t.Fatalf("errors are %v", errs)
				}
				if len(seqs) < 8 || seqs[0] != 1 {
					t.Errorf("read %v", seqs)
				}
				for i := range seqs[1:] {
					if seqs[i+1] <= seqs[i] {
						t.Errorf("a number was given twice: %v", seqs)
					}
				}
				r.reopen()
			}
		})
	}
}

// TestFailedSyncIsReadBack fails a sync: what was appended is read back and
// sealed anew before the journal goes on.
func TestFailedSyncIsReadBack(t *testing.T) {
	r := newRoom(t, Options{})
	c := r.customer()
	r.fill(c, 3)
	pipe, other, err := os.Pipe() // cannot be synced
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ch := r.chains[c]
	ch.mu.Lock()
	ch.file.Close()
	ch.file = pipe
	ch.mu.Unlock()
	ch.syncing.Lock()
	ch.synced = Head{} // whatever the syncer did meanwhile
	ch.syncing.Unlock()
	r.mu.Lock()
	r.dirty[ch] = struct{}{}
	r.mu.Unlock()
	_, err = r.Moved()
	ch.mu.Lock()
	suspect := ch.suspect
	ch.mu.Unlock()
	if err == nil && !suspect { // else the syncer met the pipe first
		t.Fatal("a pipe was synced")
	}
	r.fill(c, 2)
	if files := r.files(c); files != "0000000000000001.seg 0000000000000004.tail heads" {
		t.Errorf("files are %s", files)
	}
	r.whole(c, 5)
	heads, err := r.Moved()
	if head, e := r.Head(c); err != nil || e != nil || heads[c] != head || head.Seq != 5 {
		t.Errorf("heads after it: %v, %v", heads, err)
	}
}

func TestCopyWhileAppending(t *testing.T) {
	r := newRoom(t, Options{SegmentBytes: 2000})
	c := r.customer()
	r.fill(c, 30)
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		// Segments of 2,000 bytes close every few entries, thousands of times
		// as often as real ones: on a slow disk a copy might never find the
		// folder still, so that this ends by itself.
		for range 150 {
			select {
			case <-stop:
				return
			default:
				r.fill(c, 1)
				time.Sleep(time.Millisecond)
			}
		}
	})
	to := filepath.Join(t.TempDir(), "copy")
	err := r.Copy(ctx, to)
	close(stop)
	group.Wait()
	if err != nil {
		t.Fatal(err)
	}
	other := &room{t: t, keys: r.keys, dir: to, opts: r.opts}
	other.open()
	defer other.Close()
	seqs, errs := other.read(c, Query{})
	if len(errs) > 0 || len(seqs) < 30 || seqs[len(seqs)-1] != uint64(len(seqs)) {
		t.Errorf("the copy has %d entries, %v", len(seqs), errs)
	}
}

func TestShreddedJournalIsClosed(t *testing.T) {
	r := newRoom(t, Options{})
	c := r.customer()
	r.fill(c, 2)
	if err := r.keys.Shred(c); err != nil {
		t.Fatal(err)
	}
	r.Forget(c)
	if _, err := r.Append(ctx, c, get(), false); !errors.Is(err, keyring.ErrShredded) {
		t.Errorf("appending gave %v", err)
	}
	if _, errs := r.read(c, Query{}); len(errs) != 1 || !errors.Is(errs[0], keyring.ErrShredded) {
		t.Errorf("reading gave %v", errs)
	}
}

func BenchmarkAppend(b *testing.B) {
	r := newRoom(b, Options{})
	c := r.customer()
	e := get()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Append(ctx, c, e, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendSynced(b *testing.B) {
	r := newRoom(b, Options{})
	c := r.customer()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		e := get()
		for pb.Next() {
			if _, err := r.Append(ctx, c, e, true); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkManyCustomers(b *testing.B) {
	r := newRoom(b, Options{})
	customers := make([]writ.CustomerID, 3000)
	for i := range customers {
		customers[i] = r.customer()
		r.fill(customers[i], 1)
	}
	e := get()
	i := 0
	for b.Loop() {
		if _, err := r.Append(ctx, customers[i%len(customers)], e, false); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
