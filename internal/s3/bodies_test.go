package s3_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// A body that is not what was said of it is a clear error, and no version of
// it is seen.
func TestBodiesThatLie(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	const body = "the chart of ward 7"
	md := md5.Sum([]byte("another chart"))
	sum := sha256.Sum256([]byte("another chart"))
	var crc [4]byte
	for name, c := range map[string]struct {
		headers []string
		code    string
	}{
		"MD5":             {[]string{"Content-Md5: " + b64(md[:])}, "BadDigest"},
		"malformed MD5":   {[]string{"Content-Md5: nonsense"}, "InvalidDigest"},
		"CRC32":           {[]string{"X-Amz-Checksum-Crc32: " + b64(crc[:])}, "BadDigest"},
		"CRC32C":          {[]string{"X-Amz-Checksum-Crc32c: " + b64(crc[:])}, "BadDigest"},
		"SHA-1":           {[]string{"X-Amz-Checksum-Sha1: AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "BadDigest"},
		"CRC64NVME":       {[]string{"X-Amz-Checksum-Crc64nvme: AAAAAAAAAAA="}, "BadDigest"},
		"SHA-256":         {[]string{"X-Amz-Checksum-Sha256: " + b64(sum[:])}, "BadDigest"},
		"malformed CRC32": {[]string{"X-Amz-Checksum-Crc32: nonsense"}, "InvalidRequest"},
		"two checksums":   {[]string{"X-Amz-Checksum-Crc32: " + b64(crc[:]), "X-Amz-Checksum-Crc64nvme: AAAAAAAAAAA="}, "InvalidRequest"},
		"signed payload":  {[]string{"X-Amz-Content-Sha256: " + hex.EncodeToString(sum[:])}, "XAmzContentSHA256Mismatch"},
	} {
		if e := r.refusal(r.clinic, "PUT", "/records/ward/7", body, c.headers...); e.Code != c.code {
			t.Errorf("%s: %+v, want %s", name, e, c.code)
		}
	}
	r.nothingIn("records")
	whole := crc32.ChecksumIEEE([]byte(body))
	good := b64([]byte{byte(whole >> 24), byte(whole >> 16), byte(whole >> 8), byte(whole)})
	answer, text := r.do(r.clinic, "PUT", "/records/ward/7", body, "X-Amz-Checksum-Crc32: "+good)
	if answer.StatusCode != http.StatusOK || answer.Header.Get("X-Amz-Checksum-Crc32") != good {
		t.Errorf("right checksum: %s %s", answer.Status, text)
	}
}

// nothingIn fails the test if there is any version in a bucket, or any upload.
func (r *rig) nothingIn(bucket string) {
	r.t.Helper()
	for o := range r.clinic.client.ListObjects(r.ctx, bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		r.t.Errorf("there is %q, %v", o.Key, o.Err)
	}
}

// chunked is a body in aws-chunked form with a trailing CRC32C.
func chunked(body, trailer string) string {
	var b strings.Builder
	if body != "" {
		b.WriteString(hexLength(body) + "\r\n" + body + "\r\n")
	}
	b.WriteString("0\r\n" + trailer + "\r\n\r\n")
	return b.String()
}

func hexLength(s string) string {
	const digits = "0123456789abcdef"
	out := ""
	for n := len(s); n > 0; n >>= 4 {
		out = string(digits[n&15]) + out
	}
	return out
}

func TestTrailingChecksums(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	const body = "the chart of ward 7"
	sum := crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli))
	good := b64([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	send := func(length int, payload string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(r.ctx, "PUT", "https://"+r.addr+"/records/ward/7", strings.NewReader(payload))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		req.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
		req.Header.Set("Content-Encoding", "aws-chunked")
		req.Header.Set("X-Amz-Decoded-Content-Length", strings.TrimLeft(strings.Repeat("0", 3)+itoa(length), "0"))
		return r.send(signer.SignV4(*req, string(r.clinic.ID), r.clinic.Secret, "", "us-east-1"))
	}
	for name, c := range map[string]struct {
		length  int
		payload string
		code    string
	}{
		"wrong checksum":     {len(body), chunked(body, "x-amz-checksum-crc32c:AAAAAA=="), "BadDigest"},
		"malformed checksum": {len(body), chunked(body, "x-amz-checksum-crc32c:nonsense"), "InvalidRequest"},
		"another algorithm":  {len(body), chunked(body, "x-amz-checksum-crc32:"+good), "MalformedTrailerError"},
		"no trailer":         {len(body), chunked(body, ""), "MalformedTrailerError"},
		"shorter than said":  {len(body) + 1, chunked(body, "x-amz-checksum-crc32c:"+good), "IncompleteBody"},
		"longer than said":   {len(body) - 1, chunked(body, "x-amz-checksum-crc32c:"+good), "IncompleteBody"},
		"broken chunk":       {len(body), "zz\r\n" + body + "\r\n0\r\n\r\n", "IncompleteBody"},
		"no last chunk":      {len(body), hexLength(body) + "\r\n" + body + "\r\n", "IncompleteBody"},
	} {
		answer, text := send(c.length, c.payload)
		if answer.StatusCode < 400 || !strings.Contains(text, "<Code>"+c.code+"</Code>") {
			t.Errorf("%s: %s %s, want %s", name, answer.Status, text, c.code)
		}
	}
	r.nothingIn("records")
	if answer, text := send(len(body), chunked(body, "x-amz-checksum-crc32c:"+good)); answer.StatusCode != http.StatusOK ||
		answer.Header.Get("X-Amz-Checksum-Crc32c") != good {
		t.Errorf("right trailer: %s %s", answer.Status, text)
	}
	info, err := r.clinic.client.StatObject(r.ctx, "records", "ward/7", minio.StatObjectOptions{Checksum: true})
	if err != nil || info.ChecksumCRC32C != good || info.Metadata.Get("Content-Encoding") != "" {
		t.Errorf("stored: %+v, %v", info, err)
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// A connection that breaks in the middle of an upload leaves nothing.
func TestAbortedUpload(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	broken := io.MultiReader(bytes.NewReader(make([]byte, 2<<20)), failing{})
	req, err := http.NewRequestWithContext(r.ctx, "PUT", "https://"+r.addr+"/records/ward/7", broken)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 8 << 20
	req.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	if answer, err := r.http.Do(signer.SignV4(*req, string(r.clinic.ID), r.clinic.Secret, "", "us-east-1")); err == nil {
		t.Errorf("aborted upload was answered: %s", answer.Status)
	}
	var kept int
	for range 3000 {
		kept = 0
		if usage, err := r.vault.Usage(r.ctx, r.clinic.Customer); err != nil || usage.Objects+usage.Bytes != 0 {
			t.Fatalf("usage %+v, %v", usage, err)
		}
		if u := r.blobs.Usage(); u.Files == 0 {
			break
		}
		kept = 1
		time.Sleep(20 * time.Millisecond)
	}
	if kept > 0 {
		t.Errorf("sealed bytes are left: %+v", r.blobs.Usage())
	}
	r.nothingIn("records")
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the line is cut") }

// Range as RFC 9110 has it, and what AWS makes of nonsense.
func TestRanges(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	const body = "0123456789"
	r.put(r.clinic, "records", "ward/7", body)
	for header, want := range map[string]string{
		"bytes=0-0": "0", "bytes=2-4": "234", "bytes=5-": "56789", "bytes=-3": "789", "bytes=-99": body, "bytes=8-99": "89",
		"bytes=4-2": body, "bytes=x-y": body, "lines=1-2": body, "bytes=0-1,4-5": body,
	} {
		answer, got := r.do(r.clinic, "GET", "/records/ward/7", "", "Range: "+header)
		if got != want {
			t.Errorf("%s: %s %q, want %q", header, answer.Status, got, want)
		}
		if partial := answer.StatusCode == http.StatusPartialContent; partial != (answer.Header.Get("Content-Range") != "") {
			t.Errorf("%s: %s with Content-Range %q", header, answer.Status, answer.Header.Get("Content-Range"))
		}
	}
	for _, header := range []string{"bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99-100"} {
		if e := r.refusal(r.clinic, "GET", "/records/ward/7", "", "Range: "+header); e.Code != "InvalidRange" {
			t.Errorf("%s: %+v", header, e)
		}
	}
}
