package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"writ/internal/blob"
)

// Opener opens a fresh store for one test, with opts where they have a
// meaning, and closes it when the test ends.
type Opener func(t *testing.T, opts blob.Options) blob.Store

// Conformance checks everything that [blob.Store] promises and that can be
// seen from within one process.
func Conformance(t *testing.T, open Opener) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Opener)
	}{
		{"Put", testPut},
		{"PutLimits", testPutLimits},
		{"PutTogether", testPutTogether},
		{"Upload", testUpload},
		{"UploadGivenUp", testUploadGivenUp},
		{"NotFound", testNotFound},
		{"Delete", testDelete},
		{"Walk", testWalk},
		{"Hold", testHold},
		{"Checkpoint", testCheckpoint},
		{"Close", testClose},
		{"Ended", testEnded},
		{"Reclaim", testReclaim},
		{"ReclaimGrace", testReclaimGrace},
		{"ReclaimLostRace", testReclaimLostRace},
		{"ReclaimInterrupted", testReclaimInterrupted},
		{"ReclaimTraffic", testReclaimTraffic},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

// quick are options under which Reclaim shows its effect at once.
func quick() blob.Options {
	return blob.Options{SegmentSize: 256 << 10, Grace: -1, Linger: -1, Handles: 4}
}

// Bytes returns n bytes that depend on seed only.
func Bytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	src.Read(b)
	return b
}

// Read reads the whole blob of ref.
func Read(ctx context.Context, s blob.Store, ref blob.Ref) ([]byte, error) {
	r, err := s.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}

func mustPut(t *testing.T, s blob.Store, b []byte) blob.Ref {
	t.Helper()
	ref, err := s.Put(t.Context(), b)
	if err != nil {
		t.Fatalf("Put of %d bytes: %v", len(b), err)
	}
	return ref
}

func mustUpload(t *testing.T, s blob.Store, b []byte) blob.Ref {
	t.Helper()
	u, err := s.Create(t.Context(), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Discard()
	if _, err := u.Write(b); err != nil {
		t.Fatal(err)
	}
	ref, err := u.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func wantBlob(t *testing.T, s blob.Store, ref blob.Ref, want []byte) {
	t.Helper()
	got, err := Read(t.Context(), s, ref)
	if err != nil {
		t.Fatalf("couldn't read %v: %v", ref, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%v: got other bytes than were put", ref)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func walked(t *testing.T, s blob.Store) []blob.Ref {
	t.Helper()
	var refs []blob.Ref
	if err := s.Walk(t.Context(), func(ref blob.Ref) error {
		refs = append(refs, ref)
		return nil
	}); err != nil {
		t.Fatalf("Walk: %v", err)
	}
	return refs
}

func testPut(t *testing.T, open Opener) {
	s := open(t, quick())
	for i, n := range []int{1, 471, 472, 473, 511, 512, 513, 4096, 65660, 300 << 10, 1 << 20, blob.MaxPut} {
		want := Bytes(uint64(i), n)
		ref := mustPut(t, s, want)
		if ref.Kind != blob.Segment || ref.Length != int64(n) {
			t.Fatalf("Put of %d bytes returned %v", n, ref)
		}
		wantBlob(t, s, ref, want)
		wantRanges(t, s, ref, want)
	}
}

// wantRanges reads at and around the edges of a blob.
func wantRanges(t *testing.T, s blob.Store, ref blob.Ref, want []byte) {
	t.Helper()
	r, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	size := int64(len(want))
	if r.Size() != size {
		t.Fatalf("Size is %d, want %d", r.Size(), size)
	}
	for _, off := range []int64{0, 1, size / 2, size - 1, size, size + 1, size + 1<<20} {
		for _, n := range []int64{0, 1, 100, size, size + 1} {
			if off < 0 || off > size && n == 0 {
				continue
			}
			b := make([]byte, n)
			got, err := r.ReadAt(b, off)
			left := want[min(off, size):]
			left = left[:min(n, int64(len(left)))]
			if !bytes.Equal(b[:got], left) {
				t.Fatalf("ReadAt(%d bytes, %d) of %d returned %d bytes, or others", n, off, size, got)
			}
			if int64(got) < n && err != io.EOF || int64(got) == n && n > 0 && err != nil && err != io.EOF {
				t.Fatalf("ReadAt(%d bytes, %d) of %d: %d, %v", n, off, size, got, err)
			}
		}
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
		t.Fatal("ReadAt at -1 gave no error")
	}
}

func testPutLimits(t *testing.T, open Opener) {
	s := open(t, quick())
	if _, err := s.Put(t.Context(), nil); err == nil {
		t.Fatal("an empty blob was put")
	}
	_, err := s.Put(t.Context(), make([]byte, blob.MaxPut+1))
	wantError(t, err, blob.ErrTooLarge)
	if refs := walked(t, s); len(refs) != 0 {
		t.Fatalf("refused blobs are in the store: %v", refs)
	}
}

func testPutTogether(t *testing.T, open Opener) {
	s := open(t, quick())
	var mu sync.Mutex
	byRef := make(map[blob.Ref][]byte)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 40 {
				want := Bytes(uint64(w*1000+i), 1+(w*7919+i*104729)%20000)
				ref, err := s.Put(t.Context(), want)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if byRef[ref] != nil {
					t.Errorf("%v names two blobs", ref)
				}
				byRef[ref] = want
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for ref, want := range byRef {
		wantBlob(t, s, ref, want)
	}
	if got := len(walked(t, s)); got != len(byRef) {
		t.Fatalf("Walk saw %d blobs, want %d", got, len(byRef))
	}
}

func testUpload(t *testing.T, open Opener) {
	s := open(t, quick())
	for i, n := range []int{0, 1, 65536, 5<<20 + 17} {
		for _, hint := range []int64{0, 1, int64(n), int64(n) + 100_000} {
			want := Bytes(uint64(i), n)
			u, err := s.Create(t.Context(), hint)
			if err != nil {
				t.Fatal(err)
			}
			for piece := range slices.Chunk(want, 65536+28) {
				if k, err := u.Write(piece); err != nil || k != len(piece) {
					t.Fatalf("Write: %d, %v", k, err)
				}
			}
			ref, err := u.Commit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			u.Discard()
			if ref.Kind != blob.File || ref.Length != int64(n) {
				t.Fatalf("Commit of %d bytes returned %v", n, ref)
			}
			wantBlob(t, s, ref, want)
			wantRanges(t, s, ref, want)
			_, err = u.Commit(t.Context())
			wantError(t, err, blob.ErrClosed)
			_, err = u.Write([]byte("more"))
			wantError(t, err, blob.ErrClosed)
			wantBlob(t, s, ref, want)
		}
	}
}

func testUploadGivenUp(t *testing.T, open Opener) {
	s := open(t, quick())
	u, err := s.Create(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(Bytes(1, 100_000)); err != nil {
		t.Fatal(err)
	}
	if refs := walked(t, s); len(refs) != 0 {
		t.Fatalf("an upload in progress is a blob: %v", refs)
	}
	u.Discard()
	u.Discard()
	_, err = u.Commit(t.Context())
	wantError(t, err, blob.ErrClosed)

	u, err = s.Create(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = u.Commit(ctx)
	wantError(t, err, context.Canceled)
	if refs := walked(t, s); len(refs) != 0 {
		t.Fatalf("an upload that was given up is a blob: %v", refs)
	}
}

func testNotFound(t *testing.T, open Opener) {
	s := open(t, quick())
	mustPut(t, s, Bytes(1, 1000))
	for _, ref := range []blob.Ref{
		{},
		{Kind: blob.Segment, Volume: 42, Offset: 512, Length: 10},
		{Kind: blob.File, Volume: 42, Length: 10},
		{Kind: 7, Volume: 42, Length: 10},
	} {
		_, err := s.Open(t.Context(), ref)
		wantError(t, err, blob.ErrNotFound)
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Fatalf("Delete of %v: %v", ref, err)
		}
	}
}

func testDelete(t *testing.T, open Opener) {
	s := open(t, quick())
	want := Bytes(1, 70_000)
	for _, ref := range []blob.Ref{mustPut(t, s, want), mustUpload(t, s, want)} {
		r, err := s.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Delete(t.Context(), ref, ref); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size())); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("an open reader lost its blob to Delete: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(t.Context(), s, ref); err == nil && !bytes.Equal(got, want) || err != nil && !errors.Is(err, blob.ErrNotFound) {
			t.Fatalf("a deleted blob reads as other bytes, or %v", err)
		}
	}
	if u := s.Usage(); u.Files != 0 || u.FileBytes != 0 {
		t.Fatalf("after Delete: %+v", u)
	}
}

func testWalk(t *testing.T, open Opener) {
	s := open(t, quick())
	var want []blob.Ref
	for i := range 50 {
		want = append(want, mustPut(t, s, Bytes(uint64(i), 10_000)))
	}
	for i := range 5 {
		want = append(want, mustUpload(t, s, Bytes(uint64(i), 1000*i)))
	}
	got := walked(t, s)
	for _, ref := range want {
		if !slices.Contains(got, ref) {
			t.Fatalf("Walk did not see %v", ref)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("Walk saw %d blobs, want %d", len(got), len(want))
	}
	stop, seen := errors.New("enough"), 0
	err := s.Walk(t.Context(), func(blob.Ref) error { seen++; return stop })
	if !errors.Is(err, stop) || seen != 1 {
		t.Fatalf("Walk went on after an error of fn: %v, %d calls", err, seen)
	}
	waitCounted(t, s)
	if u := s.Usage(); u.Files != 5 || u.FileBytes != 10_000 || u.Segments < 2 || u.SegmentBytes < 500_000 {
		t.Fatalf("Usage: %+v", u)
	}
}

func waitCounted(t *testing.T, s blob.Store) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); s.Usage().Counting; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("files are still being counted")
		}
	}
}

func testHold(t *testing.T, open Opener) {
	s := open(t, quick())
	want := Bytes(1, 1000)
	ref := mustUpload(t, s, want)
	release, second := s.Hold(), s.Hold()
	if err := s.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reclaim(t.Context(), new(Records), nil); err != nil {
		t.Fatal(err)
	}
	release()
	release()
	wantBlob(t, s, ref, want)
	second()
	_, err := s.Open(t.Context(), ref)
	wantError(t, err, blob.ErrNotFound)
}

func testCheckpoint(t *testing.T, open Opener) {
	s := open(t, quick())
	byRef := make(map[blob.Ref][]byte)
	for i := range 60 {
		b := Bytes(uint64(i), 1+i*500)
		byRef[mustPut(t, s, b)] = b
		if i%10 == 0 {
			byRef[mustUpload(t, s, b)] = b
		}
	}
	dir := filepath.Join(t.TempDir(), "copy")
	done, err := s.Checkpoint(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if done.Files != 6 || done.Segments < 2 || done.Bytes == 0 {
		t.Fatalf("Checkpoint: %+v", done)
	}
	// What comes later must change nothing in the copy.
	for ref := range byRef {
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 60 {
		mustPut(t, s, Bytes(uint64(1000+i), 20_000))
	}
	for range 2 {
		if _, err := s.Reclaim(t.Context(), new(Records), nil); err != nil {
			t.Fatal(err)
		}
	}
	c, err := blob.Open(dir, quick())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for ref, want := range byRef {
		wantBlob(t, c, ref, want)
	}
	if got := len(walked(t, c)); got != len(byRef) {
		t.Fatalf("the copy holds %d blobs, want %d", got, len(byRef))
	}
	if _, err := s.Checkpoint(t.Context(), dir); err == nil {
		t.Fatal("Checkpoint wrote into a folder that was there")
	}
}

func testClose(t *testing.T, open Opener) {
	s := open(t, quick())
	want := Bytes(1, 100_000)
	var readers []blob.Reader
	for _, ref := range []blob.Ref{mustPut(t, s, want), mustUpload(t, s, want)} {
		r, err := s.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		readers = append(readers, r)
	}
	u, err := s.Create(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range readers {
		if got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size())); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("an open reader lost its blob to Close: %v", err)
		}
	}
	ctx := t.Context()
	_, err = u.Commit(ctx)
	wantError(t, err, blob.ErrClosed)
	_, err = s.Put(ctx, want)
	wantError(t, err, blob.ErrClosed)
	_, err = s.Create(ctx, 0)
	wantError(t, err, blob.ErrClosed)
	_, err = s.Open(ctx, blob.Ref{Kind: blob.File, Volume: 1})
	wantError(t, err, blob.ErrClosed)
	wantError(t, s.Delete(ctx), blob.ErrClosed)
	wantError(t, s.Walk(ctx, func(blob.Ref) error { return nil }), blob.ErrClosed)
	_, err = s.Reclaim(ctx, new(Records), nil)
	wantError(t, err, blob.ErrClosed)
	_, err = s.Checkpoint(ctx, filepath.Join(t.TempDir(), "copy"))
	wantError(t, err, blob.ErrClosed)
}

func testEnded(t *testing.T, open Opener) {
	s := open(t, quick())
	ref := mustPut(t, s, Bytes(1, 10))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, Bytes(1, 10))
	wantError(t, err, context.Canceled)
	_, err = s.Create(ctx, 0)
	wantError(t, err, context.Canceled)
	_, err = s.Open(ctx, ref)
	wantError(t, err, context.Canceled)
	wantError(t, s.Walk(ctx, func(blob.Ref) error { return nil }), context.Canceled)
	if err := s.Delete(ctx, ref); err != nil {
		t.Fatalf("a Delete that must follow its record heeded the end of the request: %v", err)
	}
}
