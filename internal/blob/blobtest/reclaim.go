package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"writ/internal/blob"
)

// fill puts n blobs of size bytes and records them by number.
func fill(t *testing.T, s blob.Store, records *Records, n, size int) {
	t.Helper()
	for i := range n {
		records.Set(fmt.Sprint(i), mustPut(t, s, Bytes(uint64(i), size)))
	}
}

func wantRecords(t *testing.T, s blob.Store, records *Records, size int) {
	t.Helper()
	for _, name := range records.Names() {
		var i int
		fmt.Sscan(name, &i)
		wantBlob(t, s, records.Ref(name), Bytes(uint64(i), size))
	}
}

func testReclaim(t *testing.T, open Opener) {
	s, records := open(t, quick()), new(Records)
	const n, size = 200, 10_000
	fill(t, s, records, n, size)
	file := mustUpload(t, s, Bytes(1, size))
	records.Set("1000", file)
	records.Remove("1000")
	kept := mustUpload(t, s, Bytes(1, size))
	records.Set("1", kept) // in place of the blob in the segment
	early, err := s.Open(t.Context(), records.Ref("0"))
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	u, err := s.Create(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Discard()
	for i := range n {
		if i%4 != 1 {
			if err := s.Delete(t.Context(), records.Remove(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := s.Usage()
	var calls int
	var last, total int64
	done, err := s.Reclaim(t.Context(), records, func(d, of int64) {
		if d < last || d > of {
			t.Errorf("progress went from %d to %d of %d", last, d, of)
		}
		calls, last, total = calls+1, d, of
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls == 0 || last != total {
		t.Errorf("progress ended at %d of %d after %d calls", last, total, calls)
	}
	if done.Segments == 0 || done.Files != 1 || done.Moved == 0 || done.Bytes <= 0 || records.Moves() != done.Moved {
		t.Fatalf("Reclaim: %+v, %d records moved", done, records.Moves())
	}
	if after := s.Usage(); after.SegmentBytes > before.SegmentBytes/2 || after.Files != 1 {
		t.Fatalf("Reclaim left %+v of %+v", after, before)
	}
	wantRecords(t, s, records, size)
	if got, err := io.ReadAll(io.NewSectionReader(early, 0, early.Size())); err != nil || !bytes.Equal(got, Bytes(0, size)) {
		t.Fatalf("an open reader lost its blob to Reclaim: %v", err)
	}
	_, err = s.Open(t.Context(), file)
	wantError(t, err, blob.ErrNotFound)
	if _, err := u.Write(Bytes(1, size)); err != nil {
		t.Fatal(err)
	}
	ref, err := u.Commit(t.Context())
	if err != nil {
		t.Fatalf("Reclaim took an upload in progress: %v", err)
	}
	wantBlob(t, s, ref, Bytes(1, size))
	for _, name := range records.Names() {
		records.Remove(name)
	}
	for range 3 {
		if _, err := s.Reclaim(t.Context(), records, nil); err != nil {
			t.Fatal(err)
		}
	}
	if u := s.Usage(); u.SegmentBytes > 256<<10 || u.Files != 0 {
		t.Fatalf("with nothing owned there is still %+v", u)
	}
}

func testReclaimGrace(t *testing.T, open Opener) {
	var ahead atomic.Int64
	opts := quick()
	opts.Grace = time.Hour
	opts.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s, records := open(t, opts), new(Records)
	for i := range 60 {
		mustPut(t, s, Bytes(uint64(i), 10_000))
	}
	file := mustUpload(t, s, Bytes(1, 10))
	reclaim := func() blob.Reclaimed {
		t.Helper()
		done, err := s.Reclaim(t.Context(), records, nil)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if done := reclaim(); done != (blob.Reclaimed{}) {
		t.Fatalf("blobs whose records may be on their way were reclaimed: %+v", done)
	}
	wantBlob(t, s, file, Bytes(1, 10))
	ahead.Store(int64(2 * time.Hour))
	if done := reclaim(); done.Files != 1 || done.Segments == 0 {
		t.Fatalf("unowned blobs were kept: %+v", done)
	}
}

// lateDeleter loses the race between Reclaim and a delete: records vanish
// when Reclaim has copied the blob.
type lateDeleter struct{ *Records }

func (l lateDeleter) Move(ctx context.Context, from, to blob.Ref) (bool, error) {
	l.mu.Lock()
	name := l.byRef[from]
	l.mu.Unlock()
	l.Remove(name)
	return l.Records.Move(ctx, from, to)
}

func testReclaimLostRace(t *testing.T, open Opener) {
	s, records := open(t, quick()), new(Records)
	fill(t, s, records, 100, 10_000)
	for i := range 100 {
		if i%3 != 0 {
			records.Remove(fmt.Sprint(i))
		}
	}
	done, err := s.Reclaim(t.Context(), lateDeleter{records}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if done.Moved != 0 || done.Segments == 0 {
		t.Fatalf("Reclaim: %+v", done)
	}
	wantRecords(t, s, records, 10_000)
}

// failingOwners ends ctx, or fails, after so many moves.
type failingOwners struct {
	*Records
	left  atomic.Int64
	after func() error
}

func (f *failingOwners) Move(ctx context.Context, from, to blob.Ref) (bool, error) {
	if f.left.Add(-1) < 0 {
		if err := f.after(); err != nil {
			return false, err
		}
	}
	return f.Records.Move(ctx, from, to)
}

func testReclaimInterrupted(t *testing.T, open Opener) {
	s, records := open(t, quick()), new(Records)
	fill(t, s, records, 200, 10_000)
	for i := range 200 {
		if i%2 != 0 {
			records.Remove(fmt.Sprint(i))
		}
	}
	broken := errors.New("records are not to be reached")
	failing := &failingOwners{Records: records, after: func() error { return broken }}
	failing.left.Store(10)
	_, err := s.Reclaim(t.Context(), failing, nil)
	wantError(t, err, broken)
	wantRecords(t, s, records, 10_000)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failing = &failingOwners{Records: records, after: func() error { cancel(); return ctx.Err() }}
	failing.left.Store(20)
	_, err = s.Reclaim(ctx, failing, nil)
	wantError(t, err, context.Canceled)
	wantRecords(t, s, records, 10_000)

	for range 3 {
		if _, err := s.Reclaim(t.Context(), records, nil); err != nil {
			t.Fatal(err)
		}
	}
	wantRecords(t, s, records, 10_000)
	if u := s.Usage(); u.SegmentBytes > 100*11_000*18/10 {
		t.Fatalf("interrupted runs left %+v for 100 blobs", u)
	}
}

// testReclaimTraffic writes, reads, replaces and removes while Reclaim runs
// again and again.
func testReclaimTraffic(t *testing.T, open Opener) {
	opts := quick()
	// Records are written at once here, but not before Put has returned:
	// without any grace Reclaim would take what lies between.
	opts.Grace = 30 * time.Millisecond
	s, records := open(t, opts), new(Records)
	var wg sync.WaitGroup
	end := time.Now().Add(1500 * time.Millisecond)
	for w := range 4 {
		wg.Go(func() { traffic(t, s, records, w, end) })
	}
	for time.Now().Before(end) {
		if _, err := s.Reclaim(t.Context(), records, nil); err != nil {
			t.Error(err)
			break
		}
	}
	wg.Wait()
	for _, name := range records.Names() {
		wantNamed(t, s, records, name)
	}
}

func traffic(t *testing.T, s blob.Store, records *Records, worker int, end time.Time) {
	r := rand.New(rand.NewPCG(uint64(worker), 0))
	for time.Now().Before(end) && !t.Failed() {
		name := fmt.Sprintf("%d", worker*1000+r.IntN(40))
		switch r.IntN(4) {
		case 0:
			old := records.Remove(name)
			if err := s.Delete(t.Context(), old); err != nil {
				t.Error(err)
			}
		case 1:
			wantNamed(t, s, records, name)
		default:
			var seed uint64
			fmt.Sscan(name, &seed)
			ref, err := s.Put(t.Context(), Bytes(seed, 9000))
			if err != nil {
				t.Error(err)
				return
			}
			old := records.Ref(name)
			records.Set(name, ref)
			if err := s.Delete(t.Context(), old); err != nil {
				t.Error(err)
			}
		}
	}
}

// wantNamed reads the blob of a record as a caller must: it asks again when
// the blob was moved or replaced meanwhile.
func wantNamed(t *testing.T, s blob.Store, records *Records, name string) {
	for ref := records.Ref(name); !ref.IsZero(); {
		got, err := Read(t.Context(), s, ref)
		if now := records.Ref(name); errors.Is(err, blob.ErrNotFound) && now != ref {
			ref = now
			continue
		}
		var seed uint64
		fmt.Sscan(name, &seed)
		if err != nil || !bytes.Equal(got, Bytes(seed, 9000)) {
			t.Errorf("record %s, %v: other bytes, or %v", name, ref, err)
		}
		return
	}
}
