package seal_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"writ"
	"writ/internal/seal"
)

// FuzzOpen: whatever bytes claim to be a sealed object, they are an error of a
// promised kind, or exactly what was sealed. The seeds are the test vectors:
// the same in every process, as the workers of a fuzzing run need.
func FuzzOpen(f *testing.F) {
	v := loadVectors(f)
	k, s := key(f, v.Good[2].Key), seal.Stream{ID: writ.BlobID(v.Good[2].ID), Part: v.Good[2].Part}
	sealed := map[string]int{}
	for _, n := range []int{0, 1, 100, seal.ChunkSize, seal.ChunkSize + 1} {
		g := goodVector{Key: v.Good[2].Key, ID: v.Good[2].ID, Part: v.Good[2].Part, Length: n}.sentAgain("fuzz", 0)
		sealed[string(g.bytes())] = n
		f.Add(g.bytes())
	}
	sealed[string(v.Good[2].Sealed)] = v.Good[2].Length
	f.Add([]byte(v.Good[2].Sealed))
	for _, b := range v.Bad {
		if len(b.Sealed) > 0 {
			f.Add([]byte(b.Sealed))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readAll(t, k, s, b)
		n, ok := sealed[string(b)]
		switch {
		case err != nil && ok:
			t.Fatalf("what was sealed does not open: %v", err)
		case err != nil && !known(err):
			t.Fatalf("an error of no promised kind: %v", err)
		case err == nil && !ok:
			t.Fatalf("%d bytes that nobody sealed open as %d", len(b), len(got))
		case err == nil && !bytes.Equal(got, pattern(n)):
			t.Fatal("other bytes than were sealed")
		}
	})
}

// FuzzChange: any change of a good object is an error, and any range of it
// reads as the same range of its plaintext. Unlike FuzzOpen it always gets
// past the header.
func FuzzChange(f *testing.F) {
	v := loadVectors(f)
	g := v.Good[6] // two chunks, the second of one byte
	k, s, plain, good := key(f, g.Key), seal.Stream{ID: writ.BlobID(g.ID), Part: g.Part}, pattern(g.Length), g.bytes()
	f.Add(0, byte(1), int64(0), int64(g.Length))
	f.Add(96, byte(0x80), int64(65535), int64(2))
	f.Add(len(good)-1, byte(0), int64(65536), int64(1))
	f.Add(65660, byte(4), int64(-1), int64(1)<<62)
	f.Fuzz(func(t *testing.T, at int, change byte, off, n int64) {
		r, err := seal.NewReader(bytes.NewReader(good), int64(len(good)), k, s)
		if err != nil {
			t.Fatal(err)
		}
		section := r.Range(off, n)
		got, err := io.ReadAll(section)
		section.Close()
		from := min(max(0, off), r.Size())
		want := plain[from : from+min(max(0, n), r.Size()-from)]
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("range %d+%d: %d bytes, not %d, %v", off, n, len(got), len(want), err)
		}
		if at < 0 || at >= len(good) || change == 0 {
			return
		}
		bad := bytes.Clone(good)
		bad[at] ^= change
		if got, err := readAll(t, k, s, bad); err == nil || !known(err) {
			t.Fatalf("byte %d changed by %#x: %d bytes, %v", at, change, len(got), err)
		}
	})
}

// FuzzUnwrap: whatever bytes claim to be a wrapped key or a small value, they
// do not open, unless they are the vectors' own.
func FuzzUnwrap(f *testing.F) {
	v := loadVectors(f)
	kek, box := key(f, v.Wrap[0].KEK), seal.NewBox(key(f, v.Box[0].Key))
	for _, w := range v.Wrap {
		f.Add([]byte(w.Context), []byte(w.Wrapped))
	}
	for _, b := range v.Box {
		f.Add([]byte(b.Data), []byte(b.Box))
	}
	f.Fuzz(func(t *testing.T, data, sealed []byte) {
		own := bytes.Equal(data, v.Wrap[0].Context) && bytes.Equal(sealed, v.Wrap[0].Wrapped)
		if _, err := seal.Unwrap(kek, data, sealed); (err == nil) != own || err != nil && !errors.Is(err, seal.ErrKey) {
			t.Fatalf("a wrapped key of %d bytes: %v", len(sealed), err)
		}
		own = false
		for _, b := range v.Box {
			own = own || b.Error == "" && bytes.Equal(data, b.Data) && bytes.Equal(sealed, b.Box)
		}
		if _, err := box.Open(nil, sealed, data); (err == nil) != own || err != nil && !errors.Is(err, seal.ErrBox) {
			t.Fatalf("a small value of %d bytes: %v", len(sealed), err)
		}
	})
}

// FuzzTail: whatever bytes claim to be a tail, reading them ends, and gives
// nothing but the records that were appended, in their order.
func FuzzTail(f *testing.F) {
	v := loadVectors(f)
	good := v.Tail[0]
	k, s := key(f, good.Key), seal.Stream{ID: writ.BlobID(good.ID), Part: good.Part}
	for _, t := range v.Tail {
		f.Add([]byte(t.Tail))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		records, end, err := readTail(b, k, s)
		if err != nil && !known(err) && !errors.Is(err, seal.ErrTail) {
			t.Fatalf("an error of no promised kind: %v", err)
		}
		if end > int64(len(b)) {
			t.Fatalf("%d bytes end at %d", len(b), end)
		}
		if len(records) > len(good.Records) {
			t.Fatalf("%d records where %d were appended", len(records), len(good.Records))
		}
		for i, r := range records {
			if !bytes.Equal(r, good.Records[i]) {
				t.Fatalf("record %d is another than was appended", i)
			}
		}
	})
}
