package s3

import (
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3err"
	"github.com/zeebo/xxh3"

	"writ/internal/vault"
)

// defaultChecksum is what an upload gets that asks for none, as with AWS.
const defaultChecksum = types.ChecksumAlgorithmCrc64nvme

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// newHash returns the hash of an algorithm of S3, nil for what is none.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
func newHash(algorithm types.ChecksumAlgorithm) hash.Hash {
	switch algorithm {
	case types.ChecksumAlgorithmCrc32:
		return crc32.NewIEEE()
	case types.ChecksumAlgorithmCrc32c:
		return crc32.New(castagnoli)
	case types.ChecksumAlgorithmCrc64nvme:
		return crc64nvme.New()
	case types.ChecksumAlgorithmSha1:
		return sha1.New()
	case types.ChecksumAlgorithmSha256:
		return sha256.New()
	case types.ChecksumAlgorithmSha512:
		return sha512.New()
	case types.ChecksumAlgorithmMd5:
		return md5.New()
	case types.ChecksumAlgorithmXxhash64:
		return xxhash.New()
	case types.ChecksumAlgorithmXxhash3:
		return xxh3.New()
	case types.ChecksumAlgorithmXxhash128:
		return xxh3.New128()
	}
	return nil
}

// inFIPS returns an error for an algorithm that is not allowed in FIPS 140
// mode, where its use would panic.
func inFIPS(algorithm types.ChecksumAlgorithm) error {
	if fips140.Enforced() && (algorithm == types.ChecksumAlgorithmMd5 || algorithm == types.ChecksumAlgorithmSha1) {
		return fipsError(string(algorithm))
	}
	return nil
}

// sums are the checksum headers of a request or of a listed part: one, or
// none, or too many.
type sums [10]struct {
	algorithm types.ChecksumAlgorithm
	value     *string
}

// sumsOf orders the checksum fields that so many types of the protocol have.
func sumsOf(crc32, crc32c, crc64nvme, sha1, sha256, sha512, md5, xxhash64, xxhash3, xxhash128 *string) sums {
	return sums{
		{types.ChecksumAlgorithmCrc32, crc32}, {types.ChecksumAlgorithmCrc32c, crc32c},
		{types.ChecksumAlgorithmCrc64nvme, crc64nvme}, {types.ChecksumAlgorithmSha1, sha1},
		{types.ChecksumAlgorithmSha256, sha256}, {types.ChecksumAlgorithmSha512, sha512},
		{types.ChecksumAlgorithmMd5, md5}, {types.ChecksumAlgorithmXxhash64, xxhash64},
		{types.ChecksumAlgorithmXxhash3, xxhash3}, {types.ChecksumAlgorithmXxhash128, xxhash128},
	}
}

// one returns the checksum that was sent, and how many were.
func (s sums) one() (algorithm types.ChecksumAlgorithm, value string, n int) {
	for _, sum := range s {
		if sum.value != nil && *sum.value != "" {
			if n == 0 {
				algorithm, value = sum.algorithm, strings.Clone(*sum.value)
			}
			n++
		}
	}
	return algorithm, value, n
}

// A digest computes the checksum of a body while the vault reads it.
type digest struct {
	body      io.Reader
	algorithm types.ChecksumAlgorithm
	hash      hash.Hash
	expected  string // base64; "" if the client sent none
}

// Read implements [io.Reader].
func (d *digest) Read(p []byte) (int, error) {
	n, err := d.body.Read(p)
	d.hash.Write(p[:n])
	return n, err
}

// sum is what the vault asks for when the body has ended.
func (d *digest) sum() (vault.Checksum, error) {
	value := base64.StdEncoding.EncodeToString(d.hash.Sum(nil))
	if d.expected != "" && d.expected != value {
		return vault.Checksum{}, s3err.GetChecksumBadDigestErr(d.algorithm)
	}
	return vault.Checksum{Algorithm: string(d.algorithm), Value: value}, nil
}

var errNoAlgorithm = errors.New("no such checksum algorithm")

func newDigest(body io.Reader, algorithm types.ChecksumAlgorithm, expected string) (*digest, error) {
	if err := inFIPS(algorithm); err != nil {
		return nil, err
	}
	h := newHash(algorithm)
	if h == nil {
		return nil, errNoAlgorithm
	}
	return &digest{body: body, algorithm: algorithm, hash: h, expected: expected}, nil
}

// checked returns a body that is held against the checksum that the client
// sent in its headers or sends behind the body, and what the vault asks when
// it has ended. Where there is none, byDefault is computed.
func checked(body io.Reader, sent sums, byDefault types.ChecksumAlgorithm) (io.Reader, func() (vault.Checksum, error), error) {
	if trailing, ok := body.(middlewares.ChecksumReader); ok && trailing.Algorithm() != "" {
		// The reader of the chunks has verified it when it says that the
		// body has ended.
		algorithm := types.ChecksumAlgorithm(strings.ToUpper(trailing.Algorithm()))
		if err := inFIPS(algorithm); err != nil {
			return nil, nil, err
		}
		return body, func() (vault.Checksum, error) {
			return vault.Checksum{Algorithm: string(algorithm), Value: trailing.Checksum()}, nil
		}, nil
	}
	algorithm, value, n := sent.one()
	if n == 0 {
		algorithm = byDefault
	}
	d, err := newDigest(body, algorithm, value)
	if err != nil {
		return nil, nil, err
	}
	return d, d.sum, nil
}

// algorithmOf is which algorithm the body of a part has a checksum of, ""
// for none.
func algorithmOf(body io.Reader, sent sums) types.ChecksumAlgorithm {
	if trailing, ok := body.(middlewares.ChecksumReader); ok && trailing.Algorithm() != "" {
		return types.ChecksumAlgorithm(strings.ToUpper(trailing.Algorithm()))
	}
	algorithm, _, _ := sent.one()
	return algorithm
}

// shown is a checksum in the fields that the answers of the protocol have.
type shown struct {
	crc32, crc32c, crc64nvme, sha1, sha256, sha512, md5, xxhash64, xxhash3, xxhash128 *string

	kind types.ChecksumType
}

// show returns a checksum for an answer; the zero value shows nothing.
func show(c vault.Checksum) (s shown) {
	if c.Algorithm == "" {
		return s
	}
	s.kind = types.ChecksumTypeFullObject
	if c.Composite {
		s.kind = types.ChecksumTypeComposite
	}
	value := &c.Value
	switch types.ChecksumAlgorithm(c.Algorithm) {
	case types.ChecksumAlgorithmCrc32:
		s.crc32 = value
	case types.ChecksumAlgorithmCrc32c:
		s.crc32c = value
	case types.ChecksumAlgorithmCrc64nvme:
		s.crc64nvme = value
	case types.ChecksumAlgorithmSha1:
		s.sha1 = value
	case types.ChecksumAlgorithmSha256:
		s.sha256 = value
	case types.ChecksumAlgorithmSha512:
		s.sha512 = value
	case types.ChecksumAlgorithmMd5:
		s.md5 = value
	case types.ChecksumAlgorithmXxhash64:
		s.xxhash64 = value
	case types.ChecksumAlgorithmXxhash3:
		s.xxhash3 = value
	case types.ChecksumAlgorithmXxhash128:
		s.xxhash128 = value
	}
	return s
}
