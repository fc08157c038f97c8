package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"io"
	"testing"
	"time"

	"writ/internal/seal"
)

const (
	benchSize   = 4 << 20
	sealedChunk = seal.ChunkSize + seal.ChunkOverhead
)

// bareGCM is the cipher of the loops that sealing and opening are held against.
func bareGCM(t testing.TB) cipher.AEAD {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm
}

// bareSeal seals plain, whole chunks, one after the other into out.
func bareSeal(gcm cipher.AEAD, plain, out, ad []byte) {
	for off := 0; off < len(plain); off += seal.ChunkSize {
		gcm.Seal(out[:0], nil, plain[off:off+seal.ChunkSize], ad)
	}
}

// bareOpen opens sealed chunks one after the other into out.
func bareOpen(t testing.TB, gcm cipher.AEAD, sealed, out, ad []byte) {
	for off := 0; off < len(sealed); off += sealedChunk {
		if _, err := gcm.Open(out[:0], nil, sealed[off:off+sealedChunk], ad); err != nil {
			t.Fatal(err)
		}
	}
}

func writeAll(t testing.TB, k *seal.Key, s seal.Stream, plain []byte) {
	w, err := seal.NewWriter(io.Discard, k, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func writeRange(t testing.TB, k *seal.Key, s seal.Stream, src io.ReaderAt, sealed int64) {
	r, err := seal.NewReader(src, sealed, k, s)
	if err != nil {
		t.Fatal(err)
	}
	section := r.Range(0, r.Size())
	if _, err := section.WriteTo(io.Discard); err != nil {
		t.Fatal(err)
	}
	section.Close()
}

// quickest runs the loops in turn and gives each one's best time: what the
// code takes when nothing else takes the processor.
func quickest(b *testing.B, loops ...func()) []time.Duration {
	best := make([]time.Duration, len(loops))
	for b.Loop() {
		for i, loop := range loops {
			start := time.Now()
			loop()
			if took := time.Since(start); best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	return best
}

func report(b *testing.B, bare, ours time.Duration, name string) {
	b.ReportMetric(100*float64(bare)/float64(ours), name)
}

func megabytes(d time.Duration) float64 { return benchSize / 1e6 / d.Seconds() }

// BenchmarkSeal holds the writer against the bare cipher over the same chunks:
// "%bare" is to be 90 or more. ReadFrom also copies from its source, once.
func BenchmarkSeal(b *testing.B) {
	k, s, plain, gcm := seal.NewKey(), stream(0), random(benchSize), bareGCM(b)
	out, ad := make([]byte, 0, sealedChunk), make([]byte, 43)
	best := quickest(b,
		func() { bareSeal(gcm, plain, out, ad) },
		func() { writeAll(b, k, s, plain) },
		func() {
			w, err := seal.NewWriter(io.Discard, k, s)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := w.ReadFrom(bytes.NewReader(plain)); err != nil {
				b.Fatal(err)
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		},
		func() { seal.Seal(plain[:0:0], k, s, plain) })
	b.ReportMetric(megabytes(best[0]), "bare-MB/s")
	report(b, best[0], best[1], "%bare-Write")
	report(b, best[0], best[2], "%bare-ReadFrom")
	report(b, best[0], best[3], "%bare-Seal")
}

// BenchmarkOpen is the same for opening. A reader must first get its chunks
// from the source; the bare loop that does so too, with the same calls, says
// how much of the difference that is.
func BenchmarkOpen(b *testing.B) {
	k, s, gcm := seal.NewKey(), stream(0), bareGCM(b)
	plain := random(benchSize)
	sealed := seal.Seal(nil, k, s, plain)
	ad := make([]byte, 43)
	var chunks []byte
	for off := 0; off < benchSize; off += seal.ChunkSize {
		chunks = gcm.Seal(chunks, nil, plain[off:off+seal.ChunkSize], ad)
	}
	src, bareSrc := bytes.NewReader(sealed), bytes.NewReader(chunks)
	out, ahead, dst := make([]byte, 0, seal.ChunkSize), make([]byte, 4*sealedChunk), make([]byte, 0, benchSize)
	best := quickest(b,
		func() { bareOpen(b, gcm, chunks, out, ad) },
		func() {
			for off := 0; off < len(chunks); off += len(ahead) {
				if _, err := bareSrc.ReadAt(ahead, int64(off)); err != nil {
					b.Fatal(err)
				}
				bareOpen(b, gcm, ahead, out, ad)
			}
		},
		func() { writeRange(b, k, s, src, int64(len(sealed))) },
		func() {
			if _, err := seal.Open(dst, k, s, sealed); err != nil {
				b.Fatal(err)
			}
		})
	b.ReportMetric(megabytes(best[0]), "bare-MB/s")
	report(b, best[0], best[2], "%bare-WriteTo")
	report(b, best[1], best[2], "%bare+source-WriteTo")
	report(b, best[0], best[3], "%bare-Open")
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

// TestNoAllocationPerChunk: a hundred chunks allocate no more than two, beyond
// what the bare cipher itself allocates for so many.
func TestNoAllocationPerChunk(t *testing.T) {
	k, s, gcm := seal.NewKey(), stream(0), bareGCM(t)
	plain, ad := random(100*seal.ChunkSize), make([]byte, 43)
	out := make([]byte, 0, sealedChunk)
	count := func(n int) (sealing, opening float64) {
		sealed := seal.Seal(nil, k, s, plain[:n])
		src := bytes.NewReader(sealed)
		sealing = testing.AllocsPerRun(20, func() { writeAll(t, k, s, plain[:n]) })
		sealing -= testing.AllocsPerRun(20, func() { bareSeal(gcm, plain[:n], out, ad) })
		opening = testing.AllocsPerRun(20, func() { writeRange(t, k, s, src, int64(len(sealed))) })
		return sealing, opening
	}
	fewSeal, fewOpen := count(2 * seal.ChunkSize)
	manySeal, manyOpen := count(len(plain))
	// The race detector empties pools at random; a chunk's share would be 98.
	if manySeal > fewSeal+8 || manyOpen > fewOpen+8 {
		t.Errorf("98 more chunks allocate: sealing %.0f and %.0f, opening %.0f and %.0f", fewSeal, manySeal, fewOpen, manyOpen)
	}
}
