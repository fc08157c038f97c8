package gate_test

import (
	"io"
	"testing"

	"writ/internal/gate"
	"writ/internal/seal"
)

// BenchmarkOpening is one version of 64 KiB, opened by its owner and under a
// writ: right or warrant, entry, unwrap, and every byte.
func BenchmarkOpening(b *testing.B) {
	c := newCourt(b)
	o := c.put("letters/a", 64<<10)
	list := items(o)
	a := c.authorisation()
	opening := c.begin(c.evidence(a, list), list)
	b.Run("owner", func(b *testing.B) {
		b.SetBytes(64 << 10)
		b.ReportAllocs()
		for b.Loop() {
			key, err := c.g.Open(ctx, gate.Owner(c.customer, credential), use(c.customer, "get", o.item.Blob), o.wrapped)
			must(b, err)
			r, err := seal.NewReader(o.src(), int64(len(o.sealed)), key, seal.Stream{ID: o.item.Blob})
			must(b, err)
			s := r.Range(0, r.Size())
			_, err = io.Copy(io.Discard, s)
			must(b, err)
			s.Close()
			key.Erase()
		}
	})
	b.Run("writ", func(b *testing.B) {
		b.SetBytes(64 << 10)
		b.ReportAllocs()
		for b.Loop() {
			must(b, opening.Read(ctx, 0, o.pinned, func(open func(uint32, io.ReaderAt, int64) (io.ReadCloser, error)) error {
				s, err := open(0, o.src(), int64(len(o.sealed)))
				must(b, err)
				defer s.Close()
				_, err = io.Copy(io.Discard, s)
				return err
			}))
		}
	})
}
