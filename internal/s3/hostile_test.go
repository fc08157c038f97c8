package s3_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

func TestWhoAsks(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	r.put(r.clinic, "records", "ward/7", "a chart")

	wrong := r.clinic
	wrong.Secret = "not the secret"
	if e := r.refusal(wrong, "GET", "/records/ward/7", ""); e.Code != "SignatureDoesNotMatch" {
		t.Errorf("wrong secret: %+v", e)
	}
	unknown := r.clinic
	unknown.ID = "NOSUCHCREDENTIAL0000"
	if e := r.refusal(unknown, "GET", "/records/ward/7", ""); e.Code != "InvalidAccessKeyId" {
		t.Errorf("unknown access key: %+v", e)
	}
	for _, target := range []string{"/", "/records", "/records/ward/7", "/records?lifecycle", "/records?encryption", "/records?policy"} {
		if e := r.refusal(person{}, "GET", target, ""); e.Code != "AccessDenied" {
			t.Errorf("anonymous GET %s: %+v", target, e)
		}
		if target == "/" {
			continue
		}
		if e := r.refusal(r.press, "GET", target, ""); e.Code != "AccessDenied" || strings.Contains(e.Message, "harbour") {
			t.Errorf("another customer's GET %s: %+v", target, e)
		}
	}
	for _, method := range []string{"PUT", "DELETE", "HEAD"} {
		if e := r.refusal(r.press, method, "/records/ward/7", ""); e.Code != "AccessDenied" && e.Code != "403 Forbidden" {
			t.Errorf("another customer's %s: %+v", method, e)
		}
	}
	buckets, err := r.press.client.ListBuckets(r.ctx)
	if err != nil || len(buckets) != 0 {
		t.Errorf("another customer lists %v, %v", buckets, err)
	}
	wantCode(t, r.press.client.MakeBucket(r.ctx, "records", minio.MakeBucketOptions{}), "BucketAlreadyExists")
	wantCode(t, r.clinic.client.MakeBucket(r.ctx, "records", minio.MakeBucketOptions{}), "BucketAlreadyOwnedByYou")
}

func TestClockSkew(t *testing.T) {
	r := newRig(t)
	for _, skew := range []time.Duration{-16 * time.Minute, 16 * time.Minute} {
		req, err := http.NewRequestWithContext(r.ctx, "GET", "https://"+r.addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req = signer.SignV4(*req, string(r.clinic.ID), r.clinic.Secret, "", "us-east-1")
		req.Header.Set("X-Amz-Date", time.Now().UTC().Add(skew).Format("20060102T150405Z"))
		answer, body := r.send(req)
		if answer.StatusCode != http.StatusForbidden || !strings.Contains(body, "RequestTimeTooSkewed") {
			t.Errorf("skew %v: %s %s", skew, answer.Status, body)
		}
	}
}

// There is no root, no admin role and no admin route, for anybody.
func TestNoAdministration(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	routes := []string{"/create-user", "/delete-user?access=x", "/update-user?access=x", "/list-users", "/list-buckets",
		"/change-bucket-owner?bucket=records&owner=x", "/records/create", "/stolen/create"}
	askers := []person{{}, r.clinic, r.press}
	for _, name := range []string{"root", "admin", "user", "myaccess", "versitygw"} {
		p := r.clinic
		p.ID, p.Secret = "", name
		askers = append(askers, p)
	}
	for _, asker := range askers {
		for _, route := range routes {
			answer, body := r.do(asker, "PATCH", route, `<Account><Access>x</Access><Secret>y</Secret><Role>admin</Role></Account>`)
			if answer.StatusCode < 400 {
				t.Errorf("PATCH %s as %q: %s %s", route, asker.ID, answer.Status, body)
			}
		}
	}
	for _, root := range []string{"root", "admin", strings.Repeat("0", 64)} {
		p := r.clinic
		p.ID, p.Secret = "ROOT", root
		if e := r.refusal(p, "GET", "/", ""); e.Code != "InvalidAccessKeyId" {
			t.Errorf("as root: %+v", e)
		}
	}
}

// No request with a key of the customer's own gets by: it would be ignored.
func TestCustomerKeysAreRefused(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	r.put(r.clinic, "records", "ward/7", "a chart")
	const key, sum = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "hRasmdxgYDKV3nvbahU1MA=="
	headers := [][]string{
		{"X-Amz-Server-Side-Encryption-Customer-Algorithm: AES256", "X-Amz-Server-Side-Encryption-Customer-Key: " + key, "X-Amz-Server-Side-Encryption-Customer-Key-Md5: " + sum},
		{"X-Amz-Server-Side-Encryption-Customer-Algorithm: AES256"},
		{"x-amz-server-side-encryption-customer-key: " + key},
		{"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key: " + key, "X-Amz-Copy-Source: /records/ward/7"},
		{"X-AMZ-COPY-SOURCE-SERVER-SIDE-ENCRYPTION-CUSTOMER-ALGORITHM: AES256"},
	}
	targets := [][2]string{
		{"GET", "/records/ward/7"}, {"HEAD", "/records/ward/7"}, {"PUT", "/records/new"}, {"POST", "/records/new?uploads"},
		{"PUT", "/records/new?partNumber=1&uploadId=x"}, {"POST", "/records/new?uploadId=x"}, {"DELETE", "/records/ward/7"},
		{"GET", "/records/ward/7?attributes"}, {"POST", "/records"}, {"GET", "/records?encryption"}, {"PUT", "/records?lifecycle"},
	}
	for _, target := range targets {
		for _, h := range headers {
			if e := r.refusal(r.clinic, target[0], target[1], "body", h...); e.Code != "InvalidArgument" && e.Code != "400 Bad Request" {
				t.Errorf("%s %s with %v: %+v", target[0], target[1], h, e)
			}
		}
		sep := "?"
		if strings.Contains(target[1], "?") {
			sep = "&"
		}
		e := r.refusal(r.clinic, target[0], target[1]+sep+"X-Amz-Server-Side-Encryption-Customer-Algorithm=AES256", "body")
		if e.Code != "InvalidArgument" && e.Code != "400 Bad Request" {
			t.Errorf("%s %s in the query: %+v", target[0], target[1], e)
		}
	}
	if got, err := r.read(r.clinic, "records", "ward/7", minio.GetObjectOptions{}); err != nil || got != "a chart" {
		t.Errorf("the object has become %q, %v", got, err)
	}
	if _, err := r.clinic.client.StatObject(r.ctx, "records", "new", minio.StatObjectOptions{}); err == nil {
		t.Error("a refused upload has left an object")
	}
}

func TestNames(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	long := strings.Repeat("k", 1024)
	for _, key := range []string{
		long, "a//b", "a/b/", "/a", "a b", "a+b", "a%2Fb", "é/ü/漢字", "a\tb", "a\nb\x01c", "..a/..b", "a?b&c=d", "a#b", `"<>&'`, "trailing ",
	} {
		r.put(r.clinic, "records", key, "of "+key)
		got, err := r.read(r.clinic, "records", key, minio.GetObjectOptions{})
		if err != nil || got != "of "+key {
			t.Errorf("key %.40q: %.40q, %v", key, got, err)
		}
	}
	var listed int
	for o := range r.clinic.client.ListObjects(r.ctx, "records", minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		listed++
		if o.Key == "a\nb\x01c" {
			listed += 100 // encoding-type=url carries what XML cannot
		}
	}
	if listed != 115 {
		t.Errorf("listing has %d keys, or not the one with control characters", listed)
	}
	for target, code := range map[string]string{
		"/records/" + long + "k":                 "KeyTooLongError",
		"/records/a%00b":                         "InvalidURI",
		"/records/..%2F..%2Fother/x":             "400",
		"/records/%2e%2e/%2e%2e/%2e%2e/etc/keys": "400",
		"/rec..ords/x":                           "NoSuchBucket",
		"/Records/x":                             "InvalidBucketName",
		"/r/x":                                   "InvalidBucketName",
	} {
		if e := r.refusal(r.clinic, "PUT", target, "x"); e.Code != code {
			t.Errorf("PUT %.60s: %+v, want %s", target, e, code)
		}
	}
}

func TestOversized(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	if answer, body := r.do(r.clinic, "GET", "/records", "", "X-Filler: "+strings.Repeat("f", 9000)); answer.StatusCode != http.StatusBadRequest ||
		!strings.Contains(body, "RequestHeaderSectionTooLarge") {
		t.Errorf("9,000 bytes of headers: %s %s", answer.Status, body)
	}
	if answer, body := r.do(r.clinic, "PUT", "/records/x", "", "X-Amz-Meta-Note: "+strings.Repeat("n", 2049)); answer.StatusCode != http.StatusBadRequest ||
		!strings.Contains(body, "MetadataTooLarge") {
		t.Errorf("2,049 bytes of metadata: %s %s", answer.Status, body)
	}
	// What is too long is refused before it has come.
	if answer := r.say("PUT /records?policy HTTP/1.1\r\nHost: x\r\nContent-Length: 9437184\r\n\r\n" + strings.Repeat("x", 16<<10)); !strings.Contains(answer, "MaxMessageLengthExceeded") {
		t.Errorf("a policy of 9 MiB: %s", answer)
	}
	if answer := r.say("PUT /records?policy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"); !strings.Contains(answer, "MissingContentLength") {
		t.Errorf("a policy of no length: %s", answer)
	}
}

// Answers have an id to ask the operator about, and do not say what they were
// made with.
func TestAnswerHeaders(t *testing.T) {
	r := newRig(t)
	answer, body := r.do(person{}, "GET", "/", "")
	id := answer.Header.Get("X-Amz-Request-Id")
	if len(id) != 16 || !strings.Contains(body, id) || answer.Header.Get("X-Amz-Id-2") == "" {
		t.Errorf("request id %q in %s", id, body)
	}
	for name, values := range answer.Header {
		if strings.Contains(strings.ToLower(strings.Join(values, " ")+name), "versity") || name == "Server" {
			t.Errorf("header %s: %v", name, values)
		}
	}
}
