package seal_test

import (
	"bytes"
	"crypto/fips140"
	"crypto/sha256"
	"fmt"
	"slices"
)

// fixed returns n bytes that are the same at every run. FIPS mode allows no
// secret so short: these are none.
func fixed(name string, n int) (out []byte) {
	fips140.WithoutEnforcement(func() { out = specHKDF([]byte("test vector"), nil, name, n) })
	return out
}

// makeVectors seals by the specification, and breaks.
func makeVectors() vectors {
	v := vectors{Comment: "docs/sealed-object.md; byte i of a plaintext is (i*7 + i/251) mod 256; bytes are hex; long broken objects are pieces of the sealed objects, joined"}
	for i, n := range []int{0, 1, 16, 4096, 65535, 65536, 65537, 131072, 200000} {
		name := fmt.Sprintf("%d bytes", n)
		g := goodVector{Name: name, Key: fixed(name+" key", 32), ID: fixed(name+" id", 16), Part: uint32(i % 4), Salt: fixed(name+" salt", 32),
			Length: n, Pattern: "(i*7 + i/251) mod 256"}
		for c := 0; c < max(1, (n+65535)/65536); c++ {
			g.Nonces = append(g.Nonces, fixed(fmt.Sprintf("%s nonce %d", name, c), 12))
		}
		plain := pattern(n)
		sum := sha256.Sum256(plain)
		g.SHA256 = sum[:]
		sealed := specSeal(g.Key, g.ID, g.Part, g.Salt, g.Nonces, plain)
		if len(sealed) <= 5000 {
			g.Sealed = sealed
		} else {
			digest := sha256.Sum256(sealed)
			g.Digest = digest[:]
		}
		v.Good = append(v.Good, g)
	}
	v.Good = append(v.Good, v.Good[7].sentAgain("131072 bytes, sent again", 0), v.Good[7].sentAgain("131072 bytes, as another part", 1))
	small := v.Good[2]
	bad := func(name, want string, change func(b *badVector)) {
		b := badVector{Name: name, Key: small.Key, ID: small.ID, Part: small.Part, Sealed: bytes.Clone(small.Sealed), Error: want}
		change(&b)
		v.Bad = append(v.Bad, b)
	}
	flip := func(at int) func(*badVector) { return func(b *badVector) { b.Sealed[at] ^= 1 } }
	bad("no bytes", "truncated", func(b *badVector) { b.Sealed = nil })
	bad("half a header", "truncated", func(b *badVector) { b.Sealed = b.Sealed[:50] })
	bad("a header alone", "truncated", func(b *badVector) { b.Sealed = b.Sealed[:96] })
	bad("the last byte is missing", "chunk 0", func(b *badVector) { b.Sealed = b.Sealed[:len(b.Sealed)-1] })
	bad("a byte too many", "chunk 0", func(b *badVector) { b.Sealed = append(b.Sealed, 0) })
	bad("another magic", "format", flip(0))
	bad("another version", "format", flip(5))
	bad("another blob in the header", "format", flip(8))
	bad("another part in the header", "format", flip(27))
	bad("reserved bytes that are not zero", "format", flip(30))
	bad("another salt", "key", flip(40))
	bad("another commitment", "key", flip(70))
	bad("another nonce", "chunk 0", flip(96))
	bad("another ciphertext", "chunk 0", flip(110))
	bad("another tag", "chunk 0", func(b *badVector) { b.Sealed[len(b.Sealed)-1] ^= 1 })
	bad("another key", "key", func(b *badVector) { b.Key = fixed("another key", 32) })
	bad("asked for as another part", "format", func(b *badVector) { b.Part++ })
	bad("asked for as another blob", "format", func(b *badVector) { b.ID = fixed("another id", 16) })
	v.breakLong()
	v.Wrap, v.Box, v.Derive, v.Tail = wrapVectors(), boxVectors(), deriveVectors(), tailVectors()
	return v
}

// sentAgain is the same object sealed anew, under another salt and other nonces.
func (g goodVector) sentAgain(name string, part uint32) goodVector {
	g.Name, g.Part, g.Salt, g.Nonces = name, g.Part+part, fixed(name+" salt", 32), nil
	for c := range max(1, (g.Length+65535)/65536) {
		g.Nonces = append(g.Nonces, fixed(fmt.Sprintf("%s nonce %d", name, c), 12))
	}
	digest := sha256.Sum256(g.bytes())
	g.Digest = digest[:]
	return g
}

func (g goodVector) bytes() []byte {
	return specSeal(g.Key, g.ID, g.Part, g.Salt, g.Nonces, pattern(g.Length))
}

// bytesOf joins the pieces of a broken object.
func (v *vectors) bytesOf(b badVector) []byte {
	out := bytes.Clone(b.Sealed)
	for _, p := range b.Pieces {
		i := slices.IndexFunc(v.Good, func(g goodVector) bool { return g.Name == p.Of })
		out = append(out, v.Good[i].bytes()[p.From:p.To]...)
	}
	return out
}

// breakLong takes an object of three full chunks and a short one apart, and
// one of two chunks that was sealed three times.
func (v *vectors) breakLong() {
	const (
		long  = "200000 bytes"
		short = "131072 bytes"
		again = "131072 bytes, sent again"
		other = "131072 bytes, as another part"
	)
	of := map[string]goodVector{}
	for _, g := range v.Good {
		of[g.Name] = g
	}
	at := func(chunk int) int { return 96 + chunk*65564 }
	end := len(of[long].bytes())
	bad := func(name, want, as string, pieces ...piece) {
		g := of[as]
		v.Bad = append(v.Bad, badVector{Name: name, Key: g.Key, ID: g.ID, Part: g.Part, Pieces: pieces, Error: want})
	}
	bad("cut at a chunk's edge", "chunk 2", long, piece{long, 0, at(3)})
	bad("cut down to one chunk", "chunk 0", long, piece{long, 0, at(1)})
	bad("cut to a length that no plaintext has", "truncated", long, piece{long, 0, at(1) + 28})
	bad("cut within a chunk's nonce", "truncated", long, piece{long, 0, at(3) + 11})
	bad("two chunks swapped", "chunk 1", long, piece{long, 0, at(1)}, piece{long, at(2), at(3)}, piece{long, at(1), at(2)}, piece{long, at(3), end})
	bad("a chunk in the middle dropped", "chunk 1", long, piece{long, 0, at(1)}, piece{long, at(2), end})
	bad("a chunk twice", "chunk 1", long, piece{long, 0, at(1)}, piece{long, at(0), end})
	bad("the last chunk twice", "truncated", short, piece{short, 0, at(2)}, piece{long, end - 5, end})
	bad("a chunk of the same stream, sealed before", "chunk 0", short, piece{short, 0, at(0)}, piece{again, at(0), at(1)}, piece{short, at(1), at(2)})
	bad("a chunk of another part", "chunk 1", short, piece{short, 0, at(1)}, piece{other, at(1), at(2)})
	bad("the chunks of another object", "chunk 0", short, piece{short, 0, at(0)}, piece{long, at(0), at(2)})
}

func wrapVectors() []wrapVector {
	good := wrapVector{Name: "as it was sealed", KEK: fixed("kek", 32), Context: []byte("context"), Key: fixed("wrapped key", 32)}
	good.Wrapped = specBox(good.KEK, fixed("wrap nonce", 12), good.Key, join([]byte(specFormat+" wrap"), good.Context))
	all := []wrapVector{good}
	bad := func(name string, change func(w *wrapVector)) {
		w := good
		w.Name, w.Key, w.Error, w.Wrapped = name, nil, "key", bytes.Clone(good.Wrapped)
		change(&w)
		all = append(all, w)
	}
	bad("another key-encryption key", func(w *wrapVector) { w.KEK = fixed("another kek", 32) })
	bad("another context", func(w *wrapVector) { w.Context = []byte("Context") })
	bad("another nonce", func(w *wrapVector) { w.Wrapped[0] ^= 1 })
	bad("another ciphertext", func(w *wrapVector) { w.Wrapped[20] ^= 1 })
	bad("another tag", func(w *wrapVector) { w.Wrapped[59] ^= 1 })
	bad("a byte too few", func(w *wrapVector) { w.Wrapped = w.Wrapped[:59] })
	bad("a byte too many", func(w *wrapVector) { w.Wrapped = append(w.Wrapped, 0) })
	bad("no label before the context", func(w *wrapVector) {
		w.Wrapped = specBox(w.KEK, fixed("wrap nonce", 12), fixed("wrapped key", 32), w.Context)
	})
	return all
}

func boxVectors() []boxVector {
	make := func(name string, value, data []byte) boxVector {
		b := boxVector{Name: name, Key: fixed("box key", 32), Data: data, Value: value}
		b.Box = specBox(b.Key, fixed(name+" nonce", 12), value, data)
		return b
	}
	good := make("a value", []byte("value"), []byte("name"))
	all := []boxVector{good, make("an empty value", nil, []byte("name")), make("no additional data", pattern(100), nil)}
	bad := func(name string, change func(b *boxVector)) {
		b := good
		b.Name, b.Value, b.Error, b.Box = name, nil, "box", bytes.Clone(good.Box)
		change(&b)
		all = append(all, b)
	}
	bad("under another name", func(b *boxVector) { b.Data = []byte("other") })
	bad("under another key", func(b *boxVector) { b.Key = fixed("another box key", 32) })
	bad("a flipped bit", func(b *boxVector) { b.Box[14] ^= 0x80 })
	bad("cut", func(b *boxVector) { b.Box = b.Box[:len(b.Box)-1] })
	bad("shorter than any", func(b *boxVector) { b.Box = b.Box[:27] })
	bad("no bytes", func(b *boxVector) { b.Box = nil })
	return all
}

func deriveVectors() (all []deriveVector) {
	for _, d := range []deriveVector{{Info: "records"}, {Info: "", Salt: fixed("derive salt", 32)}, {Info: "a longer text, of its own", Salt: []byte("short")}} {
		d.Key = fixed("derive key", 32)
		d.Derived = specHKDF(d.Key, d.Salt, specFormat+" derive "+d.Info, 32)
		all = append(all, d)
	}
	return all
}

func tailVectors() []tailVector {
	good := tailVector{Name: "three records", Key: fixed("tail key", 32), ID: fixed("tail id", 16), Records: []bytesHex{[]byte("first"), {}, pattern(300)}}
	good.Tail, good.End = specTail(good)
	starts := []int{96, 96 + 8 + 28 + 5, 96 + 8 + 28 + 5 + 8 + 28}
	all := []tailVector{good}
	change := func(name, want string, whole int, change func(t *tailVector)) {
		t := good
		t.Name, t.Error, t.Tail, t.Records = name, want, bytes.Clone(good.Tail), good.Records[:whole]
		t.End = good.End
		if whole < len(starts) {
			t.End = int64(starts[whole])
		}
		if want != "" && want != "tail" {
			t.End = 0 // nothing of it was opened
		}
		change(&t)
		all = append(all, t)
	}
	cut := func(at int) func(*tailVector) { return func(t *tailVector) { t.Tail = t.Tail[:at] } }
	flip := func(at int) func(*tailVector) { return func(t *tailVector) { t.Tail[at] ^= 1 } }
	change("a header alone", "", 0, cut(96))
	change("half a header", "truncated", 0, cut(95))
	change("torn in a frame's front", "", 1, cut(starts[1]+5))
	change("torn in a record", "", 2, cut(starts[2]+100))
	change("reserved space behind", "", 3, func(t *tailVector) { t.Tail = append(t.Tail, make([]byte, 64)...) })
	change("the magic of an object", "format", 0, func(t *tailVector) { t.Tail[6] = 'S' })
	change("asked for as another part", "format", 0, func(t *tailVector) { t.Part++ })
	change("another commitment", "key", 0, flip(70))
	change("another key", "key", 0, func(t *tailVector) { t.Key = fixed("another key", 32) })
	change("another length", "tail", 1, flip(starts[1]+3))
	change("another check", "tail", 1, flip(starts[1]+7))
	change("another record", "tail", 0, flip(starts[0]+8+12))
	change("another tag at the end", "tail", 2, func(t *tailVector) { t.Tail[len(t.Tail)-1] ^= 1 })
	change("a frame dropped", "tail", 0, func(t *tailVector) { t.Tail = append(t.Tail[:starts[0]], t.Tail[starts[1]:]...) })
	change("a frame twice", "tail", 1, func(t *tailVector) {
		t.Tail = join(t.Tail[:starts[1]], good.Tail[starts[0]:])
	})
	return all
}
