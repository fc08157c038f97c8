package journal

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/gate/internal/disk"
	"writ/internal/gate/internal/keyring"
	"writ/internal/seal"
)

var ctx = context.Background()

// room is a journal with a keyring of its own.
type room struct {
	t    testing.TB
	keys *keyring.Keyring
	dir  string
	opts Options
	*Journal
}

type ringKeys struct{ *keyring.Keyring }

func (k ringKeys) Generate(c writ.CustomerID, b writ.BlobID) (*seal.Key, []byte, error) {
	return k.Keyring.Generate(keyring.Segment, c, b)
}

func (k ringKeys) Unwrap(c writ.CustomerID, b writ.BlobID, w []byte) (*seal.Key, error) {
	return keyring.Unwrap(k.Keyring, keyring.Segment, c, b, w)
}

func (k ringKeys) Recipient(c writ.CustomerID) [32]byte {
	s, err := k.Status(c)
	if err != nil {
		panic(err)
	}
	return s.Recipient
}

func newRoom(t testing.TB, opts Options) *room {
	t.Helper()
	top := t.TempDir()
	keys, err := keyring.Create(filepath.Join(top, "keys"), keyring.KeyFile(filepath.Join(top, "root.key")), keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opts.Heads = keys.StoreKey("journal-heads")
	r := &room{t: t, keys: keys, dir: filepath.Join(top, "journal"), opts: opts}
	r.open()
	t.Cleanup(func() { r.Close(); keys.Close() })
	return r
}

func (r *room) open() {
	r.t.Helper()
	var err error
	if r.Journal, err = Open(r.dir, ringKeys{r.keys}, r.opts); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) reopen() {
	r.t.Helper()
	if err := r.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

func (r *room) customer() writ.CustomerID {
	r.t.Helper()
	id := writ.NewCustomerID()
	if err := r.keys.Add(id); err != nil {
		r.t.Fatal(err)
	}
	return id
}

func (r *room) fill(c writ.CustomerID, n int) {
	r.t.Helper()
	for range n {
		if _, err := r.Append(ctx, c, get(), false); err != nil {
			r.t.Fatal(err)
		}
	}
}

func get() *Entry {
	return &Entry{
		Reason: writ.ReasonOwner, Credential: "HARBOURCLINIC0000001", Op: "get", Bucket: "scans", Key: "2026/knee.dcm",
		Version: "null", Blob: writ.NewBlobID(), Length: 4096, Addr: netip.MustParseAddr("192.0.2.7"), Request: "req-1",
	}
}

// read collects what a query gives.
func (r *room) read(c writ.CustomerID, q Query) (seqs []uint64, errs []error) {
	for e, err := range r.Read(ctx, c, q) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		seqs = append(seqs, e.Seq)
	}
	return seqs, errs
}

// whole checks that entries 1 to n are there and nothing else.
func (r *room) whole(c writ.CustomerID, n int) {
	r.t.Helper()
	seqs, errs := r.read(c, Query{})
	if len(errs) > 0 {
		r.t.Fatal(errors.Join(errs...))
	}
	if len(seqs) != n || n > 0 && (seqs[0] != 1 || seqs[n-1] != uint64(n)) {
		r.t.Fatalf("read %d entries, not %d", len(seqs), n)
	}
}

func (r *room) path(c writ.CustomerID, name string) string {
	return filepath.Join(r.dir, r.keys.Label(c), name)
}

// files lists a customer's files.
func (r *room) files(c writ.CustomerID) string {
	r.t.Helper()
	entries, err := os.ReadDir(r.path(c, ""))
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestChainAcrossRestartsAndSegments(t *testing.T) {
	r := newRoom(t, Options{SegmentBytes: 4000})
	a, b := r.customer(), r.customer()
	n := 0
	for range 5 {
		r.fill(a, 40)
		r.fill(b, 3)
		n += 40
		r.whole(a, n)
		r.reopen()
		r.whole(a, n)
	}
	r.whole(b, 15)
	head, err := r.Head(a)
	if err != nil || head.Seq != uint64(n) {
		t.Fatalf("head is %d, %v", head.Seq, err)
	}
	if err := r.closeEnded(a); err != nil {
		t.Fatal(err)
	}
	if files := r.files(a); strings.Count(files, tailEnd) > 1 || strings.Count(files, closedEnd) < 8 || strings.Contains(files, unfinished) {
		t.Errorf("files are %s", files)
	}
	r.whole(a, n)
	names, err := os.ReadDir(r.dir)
	if err != nil || len(names) != 2 {
		t.Fatalf("%d folders, %v", len(names), err)
	}
	for _, name := range names {
		if strings.Contains(name.Name(), string(a)) || strings.Contains(name.Name(), string(b)) {
			t.Errorf("folder %s shows a customer's id", name.Name())
		}
	}
}

func TestQueries(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := newRoom(t, Options{SegmentBytes: 2000, Now: func() time.Time { now = now.Add(time.Minute); return now }})
	c := r.customer()
	r.fill(c, 50)
	var times []time.Time
	for e, err := range r.Read(ctx, c, Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, e.Time)
	}
	for _, q := range []struct {
		q        Query
		from, to uint64
	}{
		{Query{AfterSeq: 20}, 21, 50},
		{Query{AfterSeq: 49}, 50, 50},
		{Query{Since: times[29]}, 30, 50},
		{Query{Until: times[29]}, 1, 29},
		{Query{Since: times[9], Until: times[19], AfterSeq: 12}, 13, 19},
	} {
		seqs, errs := r.read(c, q.q)
		if len(errs) > 0 || len(seqs) != int(q.to-q.from+1) || seqs[0] != q.from || seqs[len(seqs)-1] != q.to {
			t.Errorf("%+v gave %v, %v", q.q, seqs, errs)
		}
	}
	if seqs, errs := r.read(c, Query{AfterSeq: 50}); len(seqs)+len(errs) != 0 {
		t.Errorf("after the newest: %v, %v", seqs, errs)
	}
	for range r.Read(ctx, c, Query{}) {
		break
	}
}

func TestManyCustomersFewFiles(t *testing.T) {
	r := newRoom(t, Options{MaxFiles: 4, MaxStates: 8, SegmentBytes: 3000, SyncEvery: 5 * time.Millisecond})
	customers := make([]writ.CustomerID, 40)
	for i := range customers {
		customers[i] = r.customer()
	}
	const rounds = 20
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for round := range rounds {
				for i, c := range customers {
					if _, err := r.Append(ctx, c, get(), (w+round+i)%16 == 0); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for {
		r.mu.Lock()
		files, states := r.Journal.files, len(r.chains)
		r.mu.Unlock()
		if files <= 4+8 && states <= 8+8 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d files open, %d customers in memory", files, states)
		}
		r.fill(customers[0], 1)
		time.Sleep(time.Millisecond)
	}
	for _, c := range customers[1:] {
		r.whole(c, 8*rounds)
	}
}

func TestFullDiskFailsClosed(t *testing.T) {
	r := newRoom(t, Options{})
	c := r.customer()
	r.fill(c, 3)
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	ch := r.chains[c]
	ch.mu.Lock()
	ch.file.Close()
	ch.file = full
	ch.mu.Unlock()
	if w, err := r.Append(ctx, c, get(), false); !errors.Is(err, disk.ErrNoSpace) || w.OK() {
		t.Fatalf("a full disk gave %v", err)
	}
	r.fill(c, 2) // there is space again
	r.whole(c, 5)
}

func TestTornFrameIsCut(t *testing.T) {
	r := newRoom(t, Options{})
	c := r.customer()
	r.fill(c, 3)
	path := r.path(c, segmentName(1, tailEnd))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r.fill(c, 1)
	longer, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 7, 8, 9, 40, len(longer) - len(whole) - 1} {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, longer[:len(whole)+n], 0o600); err != nil {
			t.Fatal(err)
		}
		r.open()
		r.whole(c, 3)
	}
	r.fill(c, 2)
	r.whole(c, 5)
	r.reopen()
	r.whole(c, 5)
}

// TestEveryFlippedByteIsReported flips each byte of each file of a customer's
// folder: a reading reports it, or the journal does not load.
func TestEveryFlippedByteIsReported(t *testing.T) {
	r := newRoom(t, Options{SegmentBytes: 1200})
	c := r.customer()
	r.fill(c, 10)
	if err := r.closeEnded(c); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(r.files(c)) {
		path := r.path(c, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			b := append([]byte(nil), whole...)
			b[i] ^= 1 << (i % 8)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			r.open()
			if _, errs := r.read(c, Query{}); len(errs) == 0 {
				t.Fatalf("byte %d of %s flipped, and nothing is reported", i, name)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.open()
	r.whole(c, 10)
}

func TestGapsAreReported(t *testing.T) {
	r := newRoom(t, Options{SegmentBytes: 1200})
	c := r.customer()
	r.fill(c, 30)
	if err := r.closeEnded(c); err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(r.files(c))
	second := names[1]
	if err := os.Remove(r.path(c, second)); err != nil {
		t.Fatal(err)
	}
	seqs, errs := r.read(c, Query{})
	var gap *Gap
	if len(errs) != 1 || !errors.As(errs[0], &gap) || !errors.Is(errs[0], ErrCorrupt) {
		t.Fatalf("errors are %v", errs)
	}
	if fmt.Sprintf("%016x.seg", gap.From) != second || uint64(len(seqs)) != 30-(gap.To-gap.From+1) {
		t.Errorf("gap %+v, and %d entries", *gap, len(seqs))
	}
	if seqs, errs = r.read(c, Query{AfterSeq: gap.To}); len(errs) != 0 || len(seqs) != 30-int(gap.To) {
		t.Errorf("after the gap: %d entries, %v", len(seqs), errs)
	}
}
