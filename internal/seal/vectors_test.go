package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"writ"
	"writ/internal/seal"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

const vectorsFile = "testdata/vectors.json"

// bytesHex is bytes as hex in JSON.
type bytesHex []byte

func (b bytesHex) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

func (b *bytesHex) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

type (
	goodVector struct {
		Name    string     `json:"name"`
		Key     bytesHex   `json:"data_key"`
		ID      bytesHex   `json:"blob_id"`
		Part    uint32     `json:"part"`
		Salt    bytesHex   `json:"salt"`
		Nonces  []bytesHex `json:"nonces"`
		Length  int        `json:"plaintext_length"`
		Pattern string     `json:"plaintext_pattern"` // byte i is (i*7+i/251) mod 256
		SHA256  bytesHex   `json:"plaintext_sha256"`
		Sealed  bytesHex   `json:"sealed,omitempty"`        // whole, when short
		Digest  bytesHex   `json:"sealed_sha256,omitempty"` // when long
	}
	badVector struct {
		Name   string   `json:"name"`
		Key    bytesHex `json:"data_key"`
		ID     bytesHex `json:"blob_id"`
		Part   uint32   `json:"part"`
		Sealed bytesHex `json:"sealed"`
		Error  string   `json:"error"` // truncated, format, key, or chunk N
	}
	wrapVector struct {
		KEK     bytesHex `json:"kek"`
		Context bytesHex `json:"context"`
		Key     bytesHex `json:"data_key"`
		Wrapped bytesHex `json:"wrapped"`
	}
	tailVector struct {
		Key     bytesHex   `json:"data_key"`
		ID      bytesHex   `json:"blob_id"`
		Part    uint32     `json:"part"`
		Records []bytesHex `json:"records"`
		Tail    bytesHex   `json:"tail"`
	}
	vectors struct {
		Comment string       `json:"comment"`
		Good    []goodVector `json:"sealed_objects"`
		Bad     []badVector  `json:"broken_objects"`
		Wrap    []wrapVector `json:"wrapped_keys"`
		Tail    []tailVector `json:"tails"`
	}
)

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i/251)
	}
	return b
}

// The second implementation: docs/sealed-object.md word for word, with the
// standard library alone and none of the package's code. It seals with given
// salts and nonces, which the package never lets anybody choose.
const specFormat = "writ/sealed/v1"

// specGCM lends AES-GCM with nonces of one's choice, which FIPS mode allows to
// nobody: a vector needs them, the product never does.
func specGCM(key []byte, use func(cipher.AEAD)) {
	fips140.WithoutEnforcement(func() {
		block, err := aes.NewCipher(key)
		if err != nil {
			panic(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			panic(err)
		}
		use(gcm)
	})
}

func specBox(key, nonce, plain, ad []byte) (out []byte) {
	specGCM(key, func(gcm cipher.AEAD) { out = gcm.Seal(bytes.Clone(nonce), nonce, plain, ad) })
	return out
}

func specHKDF(key, salt []byte, info string, n int) []byte {
	out, err := hkdf.Key(sha256.New, key, salt, info, n)
	if err != nil {
		panic(err)
	}
	return out
}

func be32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func specSeal(key, id []byte, part uint32, salt []byte, nonces []bytesHex, plain []byte) []byte {
	keys := specHKDF(key, salt, specFormat+" content "+string(id)+string(be32(part)), 64)
	out := join([]byte("WRIT\x00\x01S\n"), id, be32(part), make([]byte, 4), salt, keys[32:])
	for i := 0; ; i++ {
		chunk, last := plain, byte(1)
		if len(plain) > 65536 {
			chunk, last = plain[:65536], 0
		}
		plain = plain[len(chunk):]
		out = append(out, specBox(keys[:32], nonces[i], chunk, join([]byte(specFormat), id, be32(part), be64(uint64(i)), []byte{last}))...)
		if last == 1 {
			return out
		}
	}
}

// fixed returns n bytes that are the same at every run.
func fixed(name string, n int) []byte {
	return specHKDF([]byte("test vector"), nil, name, n)
}

func makeVectors() vectors {
	v := vectors{Comment: "docs/sealed-object.md; byte i of a plaintext is (i*7 + i/251) mod 256; bytes are hex"}
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
	v.Wrap = append(v.Wrap, func() wrapVector {
		w := wrapVector{KEK: fixed("kek", 32), Context: []byte("context"), Key: fixed("wrapped key", 32)}
		w.Wrapped = specBox(w.KEK, fixed("wrap nonce", 12), w.Key, join([]byte(specFormat+" wrap"), w.Context))
		return w
	}())
	v.Tail = append(v.Tail, specTail())
	return v
}

func specTail() tailVector {
	t := tailVector{Key: fixed("tail key", 32), ID: fixed("tail id", 16), Part: 0, Records: []bytesHex{[]byte("first"), {}, pattern(300)}}
	salt := fixed("tail salt", 32)
	keys := specHKDF(t.Key, salt, specFormat+" tail"+string(t.ID)+string(be32(0)), 64)
	t.Tail = join([]byte("WRIT\x00\x01T\n"), t.ID, be32(0), make([]byte, 4), salt, keys[32:])
	for i, r := range t.Records {
		box := specBox(keys[:32], fixed(fmt.Sprintf("tail nonce %d", i), 12), r, join([]byte(specFormat+" tail"), t.ID, be32(0), be64(uint64(i))))
		length := be32(uint32(len(box)))
		t.Tail = join(t.Tail, length, be32(crc32c(join(length, be64(uint64(i)), t.ID))), box)
	}
	return t
}

// crc32c is CRC-32C bit by bit (RFC 3720, appendix B.4), reflected.
func crc32c(b []byte) uint32 {
	c := ^uint32(0)
	for _, x := range b {
		c ^= uint32(x)
		for range 8 {
			c = c>>1 ^ 0x82f63b78&-(c&1)
		}
	}
	return ^c
}

func key(t *testing.T, b []byte) *seal.Key {
	t.Helper()
	k, err := seal.KeyFromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestVectors: what the specification's own words seal, the package opens,
// and what they break, it refuses with the error that they name.
func TestVectors(t *testing.T) {
	if *update {
		b, err := json.MarshalIndent(makeVectors(), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorsFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Good) < 9 || len(v.Bad) < 18 || len(v.Wrap) < 1 || len(v.Tail) < 1 {
		t.Fatal("vectors are missing")
	}
	for _, g := range v.Good {
		plain := pattern(g.Length)
		if sum := sha256.Sum256(plain); !bytes.Equal(sum[:], g.SHA256) {
			t.Errorf("%s: the plaintext is another", g.Name)
		}
		sealed := specSeal(g.Key, g.ID, g.Part, g.Salt, g.Nonces, plain)
		if digest := sha256.Sum256(sealed); g.Sealed != nil && !bytes.Equal(g.Sealed, sealed) || g.Digest != nil && !bytes.Equal(g.Digest, digest[:]) {
			t.Errorf("%s: the specification seals it otherwise", g.Name)
		}
		if got, err := readAll(t, key(t, g.Key), seal.Stream{ID: writ.BlobID(g.ID), Part: g.Part}, sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %v", g.Name, err)
		}
	}
	for _, b := range v.Bad {
		_, err := readAll(t, key(t, b.Key), seal.Stream{ID: writ.BlobID(b.ID), Part: b.Part}, b.Sealed)
		if got := errorName(err); got != b.Error {
			t.Errorf("%s: %q (%v), not %q", b.Name, got, err, b.Error)
		}
	}
	for _, w := range v.Wrap {
		if k, err := seal.Unwrap(key(t, w.KEK), w.Context, w.Wrapped); err != nil || !k.Equal(key(t, w.Key)) {
			t.Errorf("wrapped key: %v", err)
		}
	}
	for _, tv := range v.Tail {
		r, err := seal.OpenTail(bytes.NewReader(tv.Tail), key(t, tv.Key), seal.Stream{ID: writ.BlobID(tv.ID), Part: tv.Part})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range tv.Records {
			if got, err := r.Next(); err != nil || !bytes.Equal(got, want) {
				t.Errorf("record %d of the tail: %v", i, err)
			}
		}
	}
}

func errorName(err error) string {
	var chunk *seal.ChunkError
	switch {
	case err == nil:
		return "no error"
	case errors.Is(err, seal.ErrTruncated):
		return "truncated"
	case errors.Is(err, seal.ErrFormat):
		return "format"
	case errors.Is(err, seal.ErrKey):
		return "key"
	case errors.As(err, &chunk):
		return fmt.Sprintf("chunk %d", chunk.Index)
	}
	return err.Error()
}

// TestSealedBySpecification: what the package seals, the specification's own
// words open.
func TestSealedBySpecification(t *testing.T) {
	for _, n := range edges {
		raw := random(32)
		s := stream(3)
		plain := random(n)
		sealed := seal.Seal(nil, key(t, raw), s, plain)
		keys := specHKDF(raw, sealed[32:64], specFormat+" content "+string(s.ID[:])+string(be32(s.Part)), 64)
		if !bytes.Equal(keys[32:], sealed[64:96]) {
			t.Fatalf("%d bytes: another commitment", n)
		}
		var got []byte
		for i, rest := 0, sealed[96:]; len(rest) > 0; i++ {
			chunk := rest[:min(len(rest), 65564)]
			rest = rest[len(chunk):]
			last := byte(0)
			if len(rest) == 0 {
				last = 1
			}
			var err error
			specGCM(keys[:32], func(gcm cipher.AEAD) {
				got, err = gcm.Open(got, chunk[:12], chunk[12:], join([]byte(specFormat), s.ID[:], be32(s.Part), be64(uint64(i)), []byte{last}))
			})
			if err != nil {
				t.Fatalf("%d bytes: chunk %d: %v", n, i, err)
			}
		}
		if !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: another plaintext", n)
		}
	}
}
