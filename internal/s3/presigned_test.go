package s3_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// link sends a presigned link, asked as somebody asks who has it and nothing
// else.
func (r *rig) link(method, link, body string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.ctx, method, link, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	return r.send(req)
}

// A presigned link gives exactly what was signed. Whoever has it can neither
// ask for something else by its query, nor by another method, nor by a header
// that S3 takes for an order.
func TestPresignedGivesNoMore(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	r.bucket(r.clinic, "secrets")
	r.put(r.clinic, "records", "ward/7", "a chart")
	r.put(r.clinic, "secrets", "diary", "a secret")
	get, err := r.clinic.client.PresignedGetObject(r.ctx, "records", "ward/7", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	put, err := r.clinic.client.PresignedPutObject(r.ctx, "records", "inbox", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{
		"&versionId=null", "&response-content-type=text/html", "&tagging", "&acl", "&attributes", "&uploads", "&partNumber=1", "&X-Amz-Expires=6000",
		"&x-amz-expires=6000", "&retention", "&list-type=2", "&%58-Amz-Expires=6000",
	} {
		if answer, text := r.link("GET", get.String()+more, ""); answer.StatusCode != http.StatusForbidden && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("GET with %s: %s %s", more, answer.Status, text)
		}
		if answer, text := r.link("GET", strings.Replace(get.String(), "?", "?"+more[1:]+"&", 1), ""); answer.StatusCode != http.StatusForbidden && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("GET with %s in front: %s %s", more, answer.Status, text)
		}
	}
	for _, method := range []string{"HEAD", "PUT", "DELETE", "POST"} {
		if answer, text := r.link(method, get.String(), "x"); answer.StatusCode < 400 {
			t.Errorf("%s with a link for GET: %s %s", method, answer.Status, text)
		}
	}
	for _, header := range []string{
		"X-Amz-Copy-Source: /secrets/diary", "X-Amz-Tagging: a=b", "X-Amz-Acl: public-read", "X-Amz-Object-Lock-Legal-Hold: ON",
		"X-Amz-Meta-Note: forged", "X-Amz-Storage-Class: GLACIER", "X-Amz-Website-Redirect-Location: https://quayside.example/",
	} {
		answer, text := r.link("PUT", put.String(), "", header)
		got, err := r.read(r.clinic, "records", "inbox", minio.GetObjectOptions{})
		if answer.StatusCode < 400 || strings.Contains(got, "secret") || err == nil {
			t.Errorf("PUT with %s, which was not signed: %s %s; the object is %q", header, answer.Status, text, got)
		}
		if err := r.clinic.client.RemoveObject(r.ctx, "records", "inbox", minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(r.ctx, "PUT", "https://"+r.addr+"/records/inbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Copy-Source", url.PathEscape("records/ward/7"))
	req = signer.PreSignV4(*req, string(r.clinic.ID), r.clinic.Secret, "", "us-east-1", 60)
	if answer, text := r.link("PUT", req.URL.String(), "", "X-Amz-Copy-Source: secrets%2Fdiary"); answer.StatusCode < 400 {
		t.Errorf("PUT with another source than signed: %s %s", answer.Status, text)
	}
	if answer, text := r.link("GET", get.String(), ""); answer.StatusCode != http.StatusOK || text != "a chart" {
		t.Errorf("as signed: %s %q", answer.Status, text)
	}
}
