package seal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/seal"
)

// random returns n random bytes.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func stream(part uint32) seal.Stream { return seal.Stream{ID: writ.NewBlobID(), Part: part} }

// edges are lengths around everything that the format counts.
var edges = []int{0, 1, 15, 16, 4096, seal.ChunkSize - 1, seal.ChunkSize, seal.ChunkSize + 1,
	2 * seal.ChunkSize, 4*seal.ChunkSize - 1, 4 * seal.ChunkSize, 4*seal.ChunkSize + 1, 9*seal.ChunkSize + 777}

func streamed(t testing.TB, k *seal.Key, s seal.Stream, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := seal.NewWriter(&b, k, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for _, n := range edges {
		k, s, plain := seal.NewKey(), stream(uint32(n%3)), random(n)
		for how, sealed := range map[string][]byte{"streamed": streamed(t, k, s, plain), "in memory": seal.Seal(nil, k, s, plain)} {
			if int64(len(sealed)) != seal.SealedSize(int64(n)) {
				t.Errorf("%s: %d bytes are sealed in %d, SealedSize says %d", how, n, len(sealed), seal.SealedSize(int64(n)))
			}
			if size, err := seal.PlainSize(int64(len(sealed))); err != nil || size != int64(n) {
				t.Errorf("%s: PlainSize of %d is %d, %v", how, len(sealed), size, err)
			}
			back, err := seal.Open([]byte("before"), k, s, sealed)
			if err != nil || !bytes.Equal(back, append([]byte("before"), plain...)) {
				t.Errorf("%s: %d bytes do not open: %v", how, n, err)
			}
			r, err := seal.NewReader(bytes.NewReader(sealed), int64(len(sealed)), k, s)
			if err != nil {
				t.Fatalf("%s: %v", how, err)
			}
			whole, err := io.ReadAll(r.Range(0, r.Size()))
			if err != nil || !bytes.Equal(whole, plain) {
				t.Errorf("%s: %d bytes do not read: %v", how, n, err)
			}
			var to bytes.Buffer
			if _, err := r.Range(0, r.Size()+5).WriteTo(&to); err != nil || !bytes.Equal(to.Bytes(), plain) {
				t.Errorf("%s: %d bytes do not write to: %v", how, n, err)
			}
		}
	}
}

// counting tells which bytes of the source were read.
type counting struct {
	*bytes.Reader
	from, to int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	if off >= seal.HeaderSize {
		c.from, c.to = min(c.from, off), max(c.to, off+int64(len(p)))
	}
	return c.Reader.ReadAt(p, off)
}

// TestPropertyRange: any range of any object reads as the same slice of the
// plaintext, however it was split in writing, and touches only its chunks.
func TestPropertyRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.SampledFrom(edges), rapid.IntRange(0, 5*seal.ChunkSize)).Draw(t, "size")
		k, s, plain := seal.NewKey(), stream(rapid.Uint32().Draw(t, "part")), random(n)
		var b bytes.Buffer
		w, err := seal.NewWriter(&b, k, s)
		if err != nil {
			t.Fatal(err)
		}
		for rest := plain; len(rest) > 0; {
			m := rapid.IntRange(1, len(rest)).Draw(t, "write")
			if rapid.Bool().Draw(t, "readfrom") {
				_, err = w.ReadFrom(bytes.NewReader(rest[:m]))
			} else {
				_, err = w.Write(rest[:m])
			}
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[m:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		src := &counting{Reader: bytes.NewReader(b.Bytes()), from: 1 << 60}
		r, err := seal.NewReader(src, int64(b.Len()), k, s)
		if err != nil {
			t.Fatal(err)
		}
		off := rapid.IntRange(0, n).Draw(t, "off")
		m := rapid.IntRange(0, n-off).Draw(t, "n")
		got, err := io.ReadAll(r.Range(int64(off), int64(m)))
		if err != nil || !bytes.Equal(got, plain[off:off+m]) {
			t.Fatalf("range %d+%d of %d: %v", off, m, n, err)
		}
		if m > 0 {
			const step = seal.ChunkSize + seal.ChunkOverhead
			from := seal.HeaderSize + int64(off/seal.ChunkSize)*step
			to := min(int64(b.Len()), seal.HeaderSize+int64((off+m-1)/seal.ChunkSize+1)*step)
			if src.from != from || src.to != to {
				t.Fatalf("range %d+%d read sealed bytes %d to %d, not %d to %d", off, m, src.from, src.to, from, to)
			}
		}
		p := make([]byte, m)
		if got, err := r.ReadAt(p, int64(off)); off < n && (got != m || err != nil || !bytes.Equal(p, plain[off:off+m])) {
			t.Fatalf("read at %d+%d of %d: %d %v", off, m, n, got, err)
		}
	})
}

// known says whether an error is one that the package promises.
func known(err error) bool {
	var chunk *seal.ChunkError
	return errors.Is(err, seal.ErrFormat) || errors.Is(err, seal.ErrKey) || errors.Is(err, seal.ErrTruncated) || errors.As(err, &chunk)
}

// readAll opens sealed bytes both ways and fails if they differ.
func readAll(t interface{ Fatalf(string, ...any) }, k *seal.Key, s seal.Stream, sealed []byte) ([]byte, error) {
	inMemory, errMemory := seal.Open(nil, k, s, sealed)
	r, err := seal.NewReader(bytes.NewReader(sealed), int64(len(sealed)), k, s)
	var streamed []byte
	if err == nil {
		streamed, err = io.ReadAll(r.Range(0, r.Size()))
	}
	if (err == nil) != (errMemory == nil) || err == nil && !bytes.Equal(streamed, inMemory) {
		t.Fatalf("in memory: %v; streamed: %v", errMemory, err)
	}
	return inMemory, errMemory
}

// TestPropertyCorruption: any single change is an error, never bytes.
func TestPropertyCorruption(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.SampledFrom(edges), rapid.IntRange(0, 3*seal.ChunkSize)).Draw(t, "size")
		k, s, plain := seal.NewKey(), stream(7), random(n)
		good := seal.Seal(nil, k, s, plain)
		bad := bytes.Clone(good)
		const step = seal.ChunkSize + seal.ChunkOverhead
		switch how := rapid.SampledFrom([]string{"flip", "cut", "grow", "swap", "drop", "splice", "other part", "other blob", "other key"}).Draw(t, "how"); how {
		case "flip":
			at := rapid.IntRange(0, len(bad)-1).Draw(t, "at")
			bad[at] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		case "cut":
			bad = bad[:rapid.IntRange(0, len(bad)-1).Draw(t, "length")]
		case "grow":
			bad = append(bad, random(rapid.IntRange(1, 2*step).Draw(t, "more"))...)
		case "swap":
			if n <= 2*seal.ChunkSize {
				return
			}
			a, b := bad[seal.HeaderSize:][:step], bad[seal.HeaderSize+step:][:step]
			c := bytes.Clone(a)
			copy(a, b)
			copy(b, c)
		case "drop":
			if n <= seal.ChunkSize {
				return
			}
			bad = append(bad[:seal.HeaderSize], bad[seal.HeaderSize+step:]...)
		case "splice": // a chunk of another object under the same key and name
			other := seal.Seal(nil, k, s, random(n))
			copy(bad[seal.HeaderSize:], other[seal.HeaderSize:][:min(step, len(other)-seal.HeaderSize)])
		case "other part":
			s.Part++
		case "other blob":
			s.ID[3] ^= 1
		case "other key":
			k = seal.NewKey()
		}
		got, err := readAll(t, k, s, bad)
		if err == nil {
			t.Fatalf("%d of %d bytes were served", len(got), n)
		}
		if !known(err) {
			t.Fatalf("an error of no promised kind: %v", err)
		}
	})
}

func TestUnclosedIsTruncated(t *testing.T) {
	k, s := seal.NewKey(), stream(0)
	for _, n := range []int{0, 10, seal.ChunkSize, 3*seal.ChunkSize + 5} {
		var b bytes.Buffer
		w, err := seal.NewWriter(&b, k, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(random(n)); err != nil {
			t.Fatal(err)
		}
		w.Abandon()
		if _, err := readAll(t, k, s, b.Bytes()); !known(err) {
			t.Errorf("%d bytes that were never closed: %v", n, err)
		}
		if _, err := w.Write([]byte("more")); !errors.Is(err, seal.ErrClosed) {
			t.Errorf("a write after the end: %v", err)
		}
	}
}

// failing is a destination that takes so many bytes and no more.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return 0, errFull
	}
	f.left -= len(p)
	return len(p), nil
}

func TestDestinationFails(t *testing.T) {
	k, s := seal.NewKey(), stream(0)
	if _, err := seal.NewWriter(&failing{10}, k, s); !errors.Is(err, errFull) {
		t.Errorf("a header that does not fit: %v", err)
	}
	w, err := seal.NewWriter(&failing{100_000}, k, s)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(make([]byte, 1<<20))
	if !errors.Is(err, errFull) {
		t.Errorf("a write that does not fit: %v", err)
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("close after a failed write: %v", err)
	}
}

func TestWrap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kek, k, context := seal.NewKey(), seal.NewKey(), rapid.SliceOf(rapid.Byte()).Draw(t, "context")
		wrapped := seal.Wrap(kek, context, k)
		if len(wrapped) != seal.WrappedSize {
			t.Fatalf("%d bytes", len(wrapped))
		}
		if back, err := seal.Unwrap(kek, context, wrapped); err != nil || !back.Equal(k) {
			t.Fatal(err)
		}
		if _, err := seal.Unwrap(seal.NewKey(), context, wrapped); !errors.Is(err, seal.ErrKey) {
			t.Fatalf("another key opens: %v", err)
		}
		if _, err := seal.Unwrap(kek, append(context, 0), wrapped); !errors.Is(err, seal.ErrKey) {
			t.Fatalf("another context opens: %v", err)
		}
		wrapped[rapid.IntRange(0, len(wrapped)-1).Draw(t, "at")] ^= 1
		if _, err := seal.Unwrap(kek, context, wrapped); !errors.Is(err, seal.ErrKey) {
			t.Fatalf("a flipped byte opens: %v", err)
		}
	})
}

func TestBox(t *testing.T) {
	b := seal.NewBox(seal.NewKey())
	sealed := b.Seal(nil, []byte("value"), []byte("name"))
	if len(sealed) != 5+seal.BoxOverhead {
		t.Errorf("%d bytes", len(sealed))
	}
	if v, err := b.Open(nil, sealed, []byte("name")); err != nil || string(v) != "value" {
		t.Error(err)
	}
	if _, err := b.Open(nil, sealed, []byte("other")); !errors.Is(err, seal.ErrBox) {
		t.Errorf("under another name: %v", err)
	}
}

// TestKeyIsNeverPrinted: no verb and no encoder gives the bytes away.
func TestKeyIsNeverPrinted(t *testing.T) {
	raw := bytes.Repeat([]byte{0xAB}, seal.KeySize)
	k, err := seal.KeyFromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
		for _, v := range []any{k, *k, struct{ K *seal.Key }{k}, struct{ k *seal.Key }{k}, &struct{ k seal.Key }{*k}, []*seal.Key{k}, map[string]any{"k": k}} {
			if text := strings.ToLower(fmt.Sprintf(verb, v)); strings.Contains(text, "abab") || strings.Contains(text, "171 171") {
				t.Errorf("%s prints %s", verb, text)
			}
		}
	}
	if b, err := json.Marshal(k); err == nil {
		t.Errorf("JSON is %s", b)
	}
	if _, err := seal.KeyFromBytes(raw[1:]); err == nil {
		t.Error("31 bytes are a key")
	}
	k.Erase()
	if zero, _ := seal.KeyFromBytes(make([]byte, seal.KeySize)); !k.Equal(zero) {
		t.Error("an erased key is still there")
	}
}

func TestTail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, s := seal.NewKey(), stream(0)
		records := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 12).Draw(t, "records")
		var log bytes.Buffer
		w, err := seal.NewTailWriter(&log, k, s)
		if err != nil {
			t.Fatal(err)
		}
		ends := []int{log.Len()}
		for _, r := range records {
			if err := w.Append(r); err != nil {
				t.Fatal(err)
			}
			ends = append(ends, log.Len())
		}
		whole := bytes.Clone(log.Bytes())
		read := func(b []byte) ([][]byte, *seal.TailReader, error) {
			r, err := seal.OpenTail(bytes.NewReader(b), k, s)
			if err != nil {
				return nil, nil, err
			}
			var got [][]byte
			for {
				rec, err := r.Next()
				if err == io.EOF {
					return got, r, nil
				}
				if err != nil {
					return got, r, err
				}
				got = append(got, bytes.Clone(rec))
			}
		}
		// A torn tail reads as its whole frames, and goes on from there.
		cut := rapid.IntRange(0, len(whole)).Draw(t, "cut")
		got, r, err := read(whole[:cut])
		if cut < seal.HeaderSize {
			if !errors.Is(err, seal.ErrTruncated) {
				t.Fatalf("half a header: %v", err)
			}
			return
		}
		want := 0
		for want < len(records) && ends[want+1] <= cut {
			want++
		}
		if err != nil || len(got) != want || int(r.Offset()) != ends[want] {
			t.Fatalf("cut at %d: %d records to %d, %v", cut, len(got), r.Offset(), err)
		}
		again := bytes.NewBuffer(bytes.Clone(whole[:r.Offset()]))
		if err := r.Resume(again).Append([]byte("after the crash")); err != nil {
			t.Fatal(err)
		}
		again.Write(make([]byte, 100)) // reserved space
		got, _, err = read(again.Bytes())
		if err != nil || len(got) != want+1 || string(got[want]) != "after the crash" {
			t.Fatalf("resumed: %d records, %v", len(got), err)
		}
		for i := range want {
			if !bytes.Equal(got[i], records[i]) {
				t.Fatalf("record %d differs", i)
			}
		}
		// A flipped bit anywhere in whole frames is an error.
		if len(whole) > seal.HeaderSize {
			bad := bytes.Clone(whole)
			bad[rapid.IntRange(0, len(bad)-1).Draw(t, "flip")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			if _, _, err := read(bad); err == nil {
				t.Fatal("a flipped bit went unseen")
			}
		}
	})
}
