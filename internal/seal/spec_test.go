package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"writ/internal/seal"
)

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

// specTail appends the vector's records to a tail, and says where it ends.
func specTail(t tailVector) ([]byte, int64) {
	salt := fixed("tail salt", 32)
	keys := specHKDF(t.Key, salt, specFormat+" tail"+string(t.ID)+string(be32(t.Part)), 64)
	out := join([]byte("WRIT\x00\x01T\n"), t.ID, be32(t.Part), make([]byte, 4), salt, keys[32:])
	for i, r := range t.Records {
		box := specBox(keys[:32], fixed(fmt.Sprintf("tail nonce %d", i), 12), r, join([]byte(specFormat+" tail"), t.ID, be32(t.Part), be64(uint64(i))))
		length := be32(uint32(len(box)))
		out = join(out, length, be32(crc32c(join(length, be64(uint64(i)), t.ID))), box)
	}
	return out, int64(len(out))
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
