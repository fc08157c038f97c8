package seal_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"writ/internal/seal"
)

// FuzzOpen: whatever bytes claim to be a sealed object, they are an error of a
// promised kind, or exactly what was sealed.
func FuzzOpen(f *testing.F) {
	k, _ := seal.KeyFromBytes(bytes.Repeat([]byte{7}, seal.KeySize))
	s := seal.Stream{Part: 1}
	sealed := map[string]string{}
	for _, n := range []int{0, 1, 100, seal.ChunkSize, seal.ChunkSize + 1} {
		plain := pattern(n)
		b := seal.Seal(nil, k, s, plain)
		sealed[string(b)] = string(plain)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readAll(t, k, s, b)
		if err != nil {
			if !known(err) {
				t.Fatalf("an error of no promised kind: %v", err)
			}
			return
		}
		if want, ok := sealed[string(b)]; ok && want != string(got) {
			t.Fatal("other bytes than were sealed")
		} else if !ok && len(b) < 1<<16 {
			t.Fatalf("%d bytes that nobody sealed open as %d", len(b), len(got))
		}
	})
}

// FuzzTail: whatever bytes claim to be a tail, reading them ends.
func FuzzTail(f *testing.F) {
	k, _ := seal.KeyFromBytes(bytes.Repeat([]byte{9}, seal.KeySize))
	s := seal.Stream{}
	var b bytes.Buffer
	w, err := seal.NewTailWriter(&b, k, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(b.Bytes()))
	for _, r := range []string{"one", "", "three"} {
		if err := w.Append([]byte(r)); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(b.Bytes()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := seal.OpenTail(bytes.NewReader(b), k, s)
		if err != nil {
			if !known(err) {
				t.Fatalf("an error of no promised kind: %v", err)
			}
			return
		}
		for {
			if _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				if !errors.Is(err, seal.ErrTail) {
					t.Fatalf("an error of no promised kind: %v", err)
				}
				break
			}
		}
		if r.Offset() > int64(len(b)) {
			t.Fatalf("%d bytes end at %d", len(b), r.Offset())
		}
	})
}
