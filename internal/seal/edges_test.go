package seal_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"writ/internal/seal"
)

// TestOpenLeavesNothing: when a late chunk does not open, what opened before
// it is neither returned nor left in the caller's memory.
func TestOpenLeavesNothing(t *testing.T) {
	k, s, plain := seal.NewKey(), stream(0), random(3*seal.ChunkSize+5)
	bad := seal.Seal(nil, k, s, plain)
	bad[len(bad)-1] ^= 1
	for _, room := range []int{0, 10, len(bad)} {
		dst := append(make([]byte, 0, 6+room), "before"...)
		got, err := seal.Open(dst, k, s, bad)
		var chunk *seal.ChunkError
		if !errors.As(err, &chunk) || chunk.Index != 3 || got != nil {
			t.Errorf("%d bytes of room: %d bytes, %v", room, len(got), err)
		}
		if string(dst) != "before" {
			t.Errorf("%d bytes of room: what stood before is now %q", room, dst)
		}
		if left := dst[6:cap(dst)]; !bytes.Equal(left, make([]byte, len(left))) {
			t.Errorf("%d bytes of room: plaintext was left behind", room)
		}
	}
}

// TestInMemoryGrowsOnce: sealing and opening forty chunks takes memory for the
// sealed bytes and for the plaintext once, not again for every chunk.
func TestInMemoryGrowsOnce(t *testing.T) {
	const n = 40 * seal.ChunkSize
	k, s, plain := seal.NewKey(), stream(0), make([]byte, n)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := seal.Open(nil, k, s, seal.Seal(nil, k, s, plain)); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	// Twice, and twice again under the race detector; a growth a chunk is 40.
	if took := after.TotalAlloc - before.TotalAlloc; took > 6*n {
		t.Errorf("%d bytes take %d bytes of memory", n, took)
	}
}

// TestRangeBounds: a range is cut at both ends of the object, however large or
// wrong its numbers are.
func TestRangeBounds(t *testing.T) {
	const n = seal.ChunkSize + 10
	k, s, plain := seal.NewKey(), stream(0), random(n)
	sealed := seal.Seal(nil, k, s, plain)
	r, err := seal.NewReader(bytes.NewReader(sealed), int64(len(sealed)), k, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		off, n int64
		want   []byte
	}{
		{5, math.MaxInt64, plain[5:]},
		{0, math.MaxInt64, plain},
		{n - 1, 2, plain[n-1:]},
		{n, 1, nil},
		{n + 1, 1, nil},
		{math.MaxInt64, math.MaxInt64, nil},
		{-5, 3, plain[:3]},
		{math.MinInt64, 3, plain[:3]},
		{3, -1, nil},
		{3, math.MinInt64, nil},
		{seal.ChunkSize - 1, 2, plain[seal.ChunkSize-1 : seal.ChunkSize+1]},
	} {
		section := r.Range(c.off, c.n)
		got, err := io.ReadAll(section)
		if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("range %d+%d: %d bytes, not %d, %v", c.off, c.n, len(got), len(c.want), err)
		}
		section.Close()
		if _, err := section.Read(make([]byte, 1)); !errors.Is(err, seal.ErrClosed) {
			t.Errorf("range %d+%d, read after close: %v", c.off, c.n, err)
		}
	}
	p := make([]byte, 20)
	for _, c := range []struct {
		off  int64
		n    int
		fail bool
	}{{0, 20, false}, {n - 20, 20, false}, {n - 19, 19, true}, {n, 0, true}, {math.MaxInt64, 0, true}, {-1, 0, true}} {
		if got, err := r.ReadAt(p, c.off); got != c.n || (err != nil) != c.fail {
			t.Errorf("read at %d: %d bytes, %v", c.off, got, err)
		}
	}
}

// TestPropertySizes: the two sizes are each other's inverse, and a length that
// no object has is an error, whatever the number.
func TestPropertySizes(t *testing.T) {
	const most = int64(1<<32) * seal.ChunkSize
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, most).Draw(t, "plain")
		if back, err := seal.PlainSize(seal.SealedSize(n)); err != nil || back != n {
			t.Fatalf("%d bytes come back as %d, %v", n, back, err)
		}
		any := rapid.Int64().Draw(t, "sealed")
		if n, err := seal.PlainSize(any); err == nil && (n < 0 || n > most || seal.SealedSize(n) != any) {
			t.Fatalf("%d sealed bytes are said to hold %d", any, n)
		} else if err != nil && !errors.Is(err, seal.ErrTruncated) {
			t.Fatalf("an error of no promised kind: %v", err)
		}
	})
	for _, sealed := range []int64{math.MinInt64, -1, 0, seal.HeaderSize, seal.HeaderSize + 27, seal.SealedSize(most) + 1, math.MaxInt64} {
		if n, err := seal.PlainSize(sealed); !errors.Is(err, seal.ErrTruncated) {
			t.Errorf("%d sealed bytes: %d, %v", sealed, n, err)
		}
	}
}

// dstFunc is a destination that is a function.
type dstFunc func(p []byte) (int, error)

func (f dstFunc) Write(p []byte) (int, error) { return f(p) }

// TestCloseReports: Close is nil only when all of the object reached the
// destination, whatever error the destination has, and once.
func TestCloseReports(t *testing.T) {
	k, s := seal.NewKey(), stream(0)
	for name, fault := range map[string]struct {
		write func(p []byte) (int, error)
		want  error
	}{
		"a closed destination": {func([]byte) (int, error) { return 0, seal.ErrClosed }, seal.ErrClosed},
		"a full one":           {func(p []byte) (int, error) { return len(p) / 2, errFull }, errFull},
		"one that takes less":  {func(p []byte) (int, error) { return len(p) - 1, nil }, io.ErrShortWrite},
	} {
		header := true
		w, err := seal.NewWriter(dstFunc(func(p []byte) (int, error) {
			if header {
				header = false
				return len(p), nil
			}
			return fault.write(p)
		}), k, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("lost")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); !errors.Is(err, fault.want) {
			t.Errorf("%s: close says %v", name, err)
		}
		if err := w.Close(); err == nil {
			t.Errorf("%s: the second close says that all is well", name)
		}
	}
	w, err := seal.NewWriter(io.Discard, k, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Close(); !errors.Is(err, seal.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

// TestShortWriteTo: a destination that takes less and says nothing ends the
// copy, and the bytes that it did not take are still there.
func TestShortWriteTo(t *testing.T) {
	k, s, plain := seal.NewKey(), stream(0), random(seal.ChunkSize+100)
	sealed := seal.Seal(nil, k, s, plain)
	r, err := seal.NewReader(bytes.NewReader(sealed), int64(len(sealed)), k, s)
	if err != nil {
		t.Fatal(err)
	}
	section := r.Range(0, r.Size())
	defer section.Close()
	n, err := section.WriteTo(dstFunc(func(p []byte) (int, error) { return min(len(p), 1000), nil }))
	if n != 1000 || !errors.Is(err, io.ErrShortWrite) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if rest, err := io.ReadAll(section); err != nil || !bytes.Equal(rest, plain[1000:]) {
		t.Errorf("%d bytes are left of %d, %v", len(rest), len(plain)-1000, err)
	}
}

// TestTailAfterFailure: what a failed append left behind is cut, and the same
// writer goes on as if nothing had been appended.
func TestTailAfterFailure(t *testing.T) {
	k, s := seal.NewKey(), stream(0)
	var log bytes.Buffer
	var fail bool
	w, err := seal.NewTailWriter(dstFunc(func(p []byte) (int, error) {
		if fail {
			log.Write(p[:len(p)/2])
			return len(p) / 2, errFull
		}
		return log.Write(p)
	}), k, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append([]byte("one")); err != nil {
		t.Fatal(err)
	}
	end := log.Len()
	fail = true
	if err := w.Append([]byte("lost")); !errors.Is(err, errFull) {
		t.Fatalf("an append that does not fit: %v", err)
	}
	fail = false
	log.Truncate(end)
	if err := w.Append([]byte("two")); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(make([]byte, seal.MaxTailRecord+1)); err == nil {
		t.Error("a record that is too long was appended")
	}
	r, err := seal.OpenTail(&log, k, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		if got, err := r.Next(); err != nil || string(got) != want {
			t.Errorf("%q is %q, %v", want, got, err)
		}
	}
	if _, err := r.Next(); err != io.EOF || r.Count() != 2 {
		t.Errorf("after %d records: %v", r.Count(), err)
	}
}
