package vault

import (
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"

	"github.com/cespare/xxhash/v2"
	"github.com/zeebo/xxh3"
)

// A crcPoly is a reflected CRC polynomial, as wide as bits, of a CRC whose
// start value and final mask are all ones: the three that S3 knows.
type crcPoly struct {
	bits uint
	poly uint64
}

var crcPolys = map[string]crcPoly{
	"CRC32":     {32, 0xedb88320},
	"CRC32C":    {32, 0x82f63b78},
	"CRC64NVME": {64, 0x9a6c9329ac4bc9b5},
}

// combine returns the CRC of a‖b from the CRCs of a and b and the length of
// b in bytes, without the bytes: a's CRC is multiplied by x^(8·len b) modulo
// the polynomial. The method is that of zlib's crc32_combine (M. Adler).
func (p crcPoly) combine(a, b uint64, lenB int64) uint64 {
	power, square := uint64(1)<<(p.bits-1), uint64(1)<<(p.bits-2) // x^0, x^1
	for n := uint64(lenB) * 8; n != 0; n >>= 1 {
		if n&1 != 0 {
			power = p.multiply(power, square)
		}
		square = p.multiply(square, square)
	}
	return p.multiply(power, a) ^ b
}

// multiply returns a·b modulo the polynomial; the highest bit is x^0.
func (p crcPoly) multiply(a, b uint64) (product uint64) {
	for bit := uint64(1) << (p.bits - 1); bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ p.poly
		} else {
			b >>= 1
		}
	}
	return product
}

// A wholeChecksum folds the checksums of parts, in their order, into that of
// the object: FULL_OBJECT as if the bytes had been read at once, COMPOSITE as
// a digest of the parts' digests followed by "-" and their number.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
type wholeChecksum struct {
	algorithm string
	composite hash.Hash // nil: FULL_OBJECT
	poly      crcPoly
	crc       uint64
	parts     int
}

// newWholeChecksum returns an error if the algorithm cannot give a checksum
// of that type.
func newWholeChecksum(algorithm string, composite bool) (*wholeChecksum, error) {
	w := &wholeChecksum{algorithm: algorithm}
	if !composite {
		var ok bool
		if w.poly, ok = crcPolys[algorithm]; !ok {
			return nil, fmt.Errorf("checksums %s of parts do not add up to one of the whole object", algorithm)
		}
		return w, nil
	}
	if fips140.Enforced() && (algorithm == "MD5" || algorithm == "SHA1") {
		return nil, fmt.Errorf("checksums %s are not approved, and FIPS mode is on", algorithm)
	}
	switch algorithm {
	case "CRC32":
		w.composite = crc32.NewIEEE()
	case "CRC32C":
		w.composite = crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "SHA1":
		w.composite = sha1.New()
	case "SHA256":
		w.composite = sha256.New()
	case "SHA512":
		w.composite = sha512.New()
	case "MD5":
		w.composite = md5.New()
	case "XXHASH64":
		w.composite = xxhash.New()
	case "XXHASH3":
		w.composite = xxh3.New()
	case "XXHASH128":
		w.composite = xxh3.New128()
	default:
		return nil, fmt.Errorf("checksums %s have no composite form", algorithm)
	}
	return w, nil
}

// add takes the next part's checksum (base64) and length in bytes.
func (w *wholeChecksum) add(value string, size int64) error {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return fmt.Errorf("part checksum is not base64: %w", err)
	}
	w.parts++
	if w.composite != nil {
		w.composite.Write(raw)
		return nil
	}
	if len(raw) != int(w.poly.bits/8) {
		return fmt.Errorf("part checksum has %d bytes, not %d", len(raw), w.poly.bits/8)
	}
	var wide [8]byte
	copy(wide[8-len(raw):], raw)
	crc := binary.BigEndian.Uint64(wide[:])
	if w.parts == 1 {
		w.crc = crc
	} else {
		w.crc = w.poly.combine(w.crc, crc, size)
	}
	return nil
}

// value returns the whole object's checksum as S3 writes it.
func (w *wholeChecksum) value() string {
	if w.composite != nil {
		return fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(w.composite.Sum(nil)), w.parts)
	}
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], w.crc)
	return base64.StdEncoding.EncodeToString(wide[8-w.poly.bits/8:])
}
