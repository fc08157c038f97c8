package vault

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"
)

// crcOf returns the CRC of data by an implementation that is not ours, in the
// form of S3.
func crcOf(algorithm string, data []byte) string {
	switch algorithm {
	case "CRC32":
		return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(data)))
	case "CRC32C":
		return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))))
	default:
		return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc64.Checksum(data, crc64.MakeTable(0x9a6c9329ac4bc9b5))))
	}
}

func TestWholeChecksumIsThatOfTheBytes(t *testing.T) {
	for algorithm := range crcPolys {
		t.Run(algorithm, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				parts := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 8).Draw(t, "parts")
				whole, err := newWholeChecksum(algorithm, false)
				if err != nil {
					t.Fatal(err)
				}
				var all []byte
				for _, p := range parts {
					all = append(all, p...)
					if err := whole.add(crcOf(algorithm, p), int64(len(p))); err != nil {
						t.Fatal(err)
					}
				}
				if got, want := whole.value(), crcOf(algorithm, all); got != want {
					t.Fatalf("combined %s, want %s", got, want)
				}
			})
		})
	}
}

func TestCompositeChecksum(t *testing.T) {
	for algorithm, made := range map[string]func() hash.Hash{
		"SHA256": sha256.New, "SHA512": sha512.New, "MD5": md5.New,
		"XXHASH64":  func() hash.Hash { return xxhash.New() },
		"XXHASH3":   func() hash.Hash { return xxh3.New() },
		"XXHASH128": func() hash.Hash { return xxh3.New128() },
	} {
		whole, err := newWholeChecksum(algorithm, true)
		if err != nil {
			t.Fatal(err)
		}
		digests := made()
		for _, p := range []string{"first", "second", ""} {
			sum := made()
			sum.Write([]byte(p))
			digests.Write(sum.Sum(nil))
			if err := whole.add(base64.StdEncoding.EncodeToString(sum.Sum(nil)), int64(len(p))); err != nil {
				t.Fatal(err)
			}
		}
		if want := fmt.Sprintf("%s-3", base64.StdEncoding.EncodeToString(digests.Sum(nil))); whole.value() != want {
			t.Errorf("composite %s %s, want %s", algorithm, whole.value(), want)
		}
	}
	if _, err := newWholeChecksum("SHA256", false); err == nil {
		t.Fatal("digests of parts were said to add up to a digest of the whole")
	}
	if _, err := newWholeChecksum("CRC64NVME", true); err == nil {
		t.Fatal("CRC64NVME was said to have a composite form")
	}
}
