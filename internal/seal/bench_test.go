package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"io"
	"testing"

	"writ/internal/seal"
)

const benchSize = 16 << 20

// bareGCM is the loop that sealing is held against.
func bareGCM(b *testing.B) cipher.AEAD {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		b.Fatal(err)
	}
	return gcm
}

// BenchmarkSeal compares sealing a stream of 16 MiB with the bare cipher over
// the same chunks: the figure to look at is the ratio of the two.
func BenchmarkSeal(b *testing.B) {
	plain := random(benchSize)
	b.Run("bare", func(b *testing.B) {
		gcm, out, ad := bareGCM(b), make([]byte, 0, seal.ChunkSize+64), make([]byte, 43)
		b.SetBytes(benchSize)
		for b.Loop() {
			for off := 0; off < benchSize; off += seal.ChunkSize {
				out = gcm.Seal(out[:0], nil, plain[off:off+seal.ChunkSize], ad)
			}
		}
	})
	b.Run("writer", func(b *testing.B) {
		k, s := seal.NewKey(), stream(0)
		b.SetBytes(benchSize)
		b.ReportAllocs()
		for b.Loop() {
			w, err := seal.NewWriter(io.Discard, k, s)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := w.Write(plain); err != nil {
				b.Fatal(err)
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOpen is the same for opening.
func BenchmarkOpen(b *testing.B) {
	k, s := seal.NewKey(), stream(0)
	sealed := seal.Seal(nil, k, s, random(benchSize))
	b.Run("bare", func(b *testing.B) {
		gcm, ad := bareGCM(b), make([]byte, 43)
		chunk := gcm.Seal(nil, nil, make([]byte, seal.ChunkSize), ad)
		out := make([]byte, 0, seal.ChunkSize)
		b.SetBytes(benchSize)
		for b.Loop() {
			for off := 0; off < benchSize; off += seal.ChunkSize {
				if _, err := gcm.Open(out[:0], nil, chunk, ad); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("reader", func(b *testing.B) {
		b.SetBytes(benchSize)
		b.ReportAllocs()
		for b.Loop() {
			r, err := seal.NewReader(bytes.NewReader(sealed), int64(len(sealed)), k, s)
			if err != nil {
				b.Fatal(err)
			}
			section := r.Range(0, r.Size())
			if _, err := section.WriteTo(io.Discard); err != nil {
				b.Fatal(err)
			}
			section.Close()
		}
	})
}

// BenchmarkSmall is what one object of 4 KiB costs, sealed and opened in memory.
func BenchmarkSmall(b *testing.B) {
	k, s, plain := seal.NewKey(), stream(0), random(4096)
	b.ReportAllocs()
	for b.Loop() {
		sealed := seal.Seal(nil, k, s, plain)
		if _, err := seal.Open(nil, k, s, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoAllocationPerChunk: a stream of a hundred chunks allocates no more
// than one of two.
func TestNoAllocationPerChunk(t *testing.T) {
	k, s := seal.NewKey(), stream(0)
	plain := random(100 * seal.ChunkSize)
	count := func(n int) (sealing, opening float64) {
		sealing = testing.AllocsPerRun(20, func() {
			w, err := seal.NewWriter(io.Discard, k, s)
			if err != nil {
				t.Fatal(err)
			}
			w.Write(plain[:n])
			w.Close()
		})
		sealed := seal.Seal(nil, k, s, plain[:n])
		src := bytes.NewReader(sealed)
		opening = testing.AllocsPerRun(20, func() {
			r, err := seal.NewReader(src, int64(len(sealed)), k, s)
			if err != nil {
				t.Fatal(err)
			}
			section := r.Range(0, r.Size())
			section.WriteTo(io.Discard)
			section.Close()
		})
		return sealing, opening
	}
	fewSeal, fewOpen := count(2 * seal.ChunkSize)
	manySeal, manyOpen := count(len(plain))
	// The race detector empties pools at random; a chunk's share would be 98.
	if manySeal > fewSeal+8 || manyOpen > fewOpen+8 {
		t.Errorf("98 more chunks allocate: sealing %.0f and %.0f, opening %.0f and %.0f", fewSeal, manySeal, fewOpen, manyOpen)
	}
}
