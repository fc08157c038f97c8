package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"writ"
	"writ/internal/gate"
)

// openings are the uses of a customer's keys that its journal has, the newest
// last, but for those that sealed what was put.
func (r *rig) openings(customer writ.CustomerID, op string) (out []gate.Entry) {
	r.t.Helper()
	for e, err := range r.gate.Journal(r.ctx, gate.Owner(customer, "TEST"), gate.Use{Customer: customer}, gate.JournalQuery{}) {
		if err != nil {
			r.t.Fatal(err)
		}
		if e.Op == op {
			out = append(out, e)
		}
	}
	return out
}

// The journal has who asked and by which right: which of a customer's
// credentials, that a URL was presigned, which customer by a policy, nobody.
func TestJournalHasWhoAsked(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	r.put(r.clinic, "records", "ward/7", "a chart")
	second := r.credential(r.clinic.Customer)
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"%s","Action":"s3:GetObject","Resource":"arn:aws:s3:::records/ward/*"}]}`, r.press.Customer)
	if err := r.clinic.client.SetBucketPolicy(r.ctx, "records", policy); err != nil {
		t.Fatal(err)
	}
	link, err := second.client.PresignedGetObject(r.ctx, "records", "ward/7", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	get := func(p person) {
		t.Helper()
		if got, err := r.read(p, "records", "ward/7", minio.GetObjectOptions{}); err != nil || got != "a chart" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	get(second)
	answer, err := r.http.Get(link.String())
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
	get(r.press)
	anyone := strings.Replace(policy, string(r.press.Customer), "*", 1)
	if err := r.clinic.client.SetBucketPolicy(r.ctx, "records", anyone); err != nil {
		t.Fatal(err)
	}
	if answer, got := r.do(person{}, "GET", "/records/ward/7", ""); got != "a chart" {
		t.Fatalf("anonymous by policy: %s %s", answer.Status, got)
	}
	entries := r.openings(r.clinic.Customer, "get")
	if len(entries) != 4 {
		t.Fatalf("%d openings: %+v", len(entries), entries)
	}
	owner, presigned, granted, anonymous := entries[0], entries[1], entries[2], entries[3]
	if owner.Reason != writ.ReasonOwner || owner.Credential != second.ID {
		t.Errorf("owner: %+v", owner)
	}
	if presigned.Reason != writ.ReasonGrant || !presigned.Presigned {
		t.Errorf("presigned: %+v", presigned)
	}
	if granted.Principal != string(r.press.Customer) || granted.Policy == [32]byte{} {
		t.Errorf("granted: %+v", granted)
	}
	if anonymous.Reason != writ.ReasonGrant || anonymous.Principal != gate.Anonymous {
		t.Errorf("anonymous: %+v", anonymous)
	}
	for _, e := range entries {
		if e.Addr.String() != "127.0.0.1" || len(e.Request) != 16 || e.Bucket != "records" || e.Key != "ward/7" {
			t.Errorf("entry: %+v", e)
		}
	}
}

// A policy adds what others may; its owner is kept out by an explicit Deny
// only, and never from the policy itself.
func TestOwnerAndPolicy(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	r.put(r.clinic, "records", "ward/7", "a chart")
	policy := func(statement string) {
		t.Helper()
		if err := r.clinic.client.SetBucketPolicy(r.ctx, "records", `{"Version":"2012-10-17","Statement":[`+statement+`]}`); err != nil {
			t.Fatal(err)
		}
	}
	get := func(p person) error {
		_, err := r.read(p, "records", "ward/7", minio.GetObjectOptions{})
		return err
	}
	policy(fmt.Sprintf(`{"Effect":"Allow","Principal":"%s","Action":"s3:GetObject","Resource":"arn:aws:s3:::records/*"}`, r.press.Customer))
	if err := errors.Join(get(r.clinic), get(r.press)); err != nil {
		t.Errorf("with a policy for another: %v", err)
	}
	policy(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::records","arn:aws:s3:::records/*"]}`)
	wantCode(t, get(r.clinic), "AccessDenied")
	wantCode(t, get(r.press), "AccessDenied")
	if got, err := r.clinic.client.GetBucketPolicy(r.ctx, "records"); err != nil || !strings.Contains(got, "Deny") || strings.Contains(got, string(r.clinic.Customer)) {
		t.Errorf("the owner reads %s, %v", got, err)
	}
	if _, err := r.press.client.GetBucketPolicy(r.ctx, "records"); err == nil {
		t.Error("another customer reads the policy")
	}
	if err := r.clinic.client.SetBucketPolicy(r.ctx, "records", ""); err != nil {
		t.Errorf("the owner can't take the policy away: %v", err)
	}
	if err := get(r.clinic); err != nil {
		t.Error(err)
	}
	wantCode(t, get(r.press), "AccessDenied")
	err := r.clinic.client.SetBucketPolicy(r.ctx, "records",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"harbour-clinic","Action":"s3:*","Resource":"arn:aws:s3:::records/*"}]}`)
	wantCode(t, err, "MalformedPolicy") // ids are principals, names are not
}

// A version of an object is judged as the object when it is copied: a Deny of
// the key covers all its versions.
func TestCopyOfAVersionIsJudged(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	r.bucket(r.press, "archive")
	if err := r.clinic.client.EnableVersioning(r.ctx, "records"); err != nil {
		t.Fatal(err)
	}
	secret := r.put(r.clinic, "records", "secret", "a secret")
	open := r.put(r.clinic, "records", "open", "a chart")
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":"%[1]s","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::records/*"},
		{"Effect":"Deny","Principal":"%[1]s","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::records/secret"}]}`, r.press.Customer)
	if err := r.clinic.client.SetBucketPolicy(r.ctx, "records", policy); err != nil {
		t.Fatal(err)
	}
	copyOf := func(key, version string) error {
		_, err := r.press.client.CopyObject(r.ctx, minio.CopyDestOptions{Bucket: "archive", Object: "copy"},
			minio.CopySrcOptions{Bucket: "records", Object: key, VersionID: version})
		return err
	}
	if err := errors.Join(copyOf("open", ""), copyOf("open", open.VersionID)); err != nil {
		t.Errorf("what is allowed: %v", err)
	}
	wantCode(t, copyOf("secret", ""), "AccessDenied")
	wantCode(t, copyOf("secret", secret.VersionID), "AccessDenied")
	wantCode(t, copyOf("secret", "null"), "AccessDenied")
}

// A form with a signed policy puts an object; one that does not fit its
// policy does not.
func TestPostPolicy(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "inbox")
	policy := minio.NewPostPolicy()
	for _, err := range []error{
		policy.SetBucket("inbox"), policy.SetKeyStartsWith("from/"), policy.SetExpires(time.Now().Add(time.Hour)), policy.SetContentLengthRange(1, 100),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	target, fields, err := r.clinic.client.PresignedPostPolicy(r.ctx, policy)
	if err != nil {
		t.Fatal(err)
	}
	if answer, text := r.post(target, fields, "from/ines", "a letter"); answer.StatusCode/100 != 2 || answer.Header.Get("X-Amz-Server-Side-Encryption") != "AES256" {
		t.Fatalf("post: %s %s %v", answer.Status, text, answer.Header)
	}
	if got, err := r.read(r.clinic, "inbox", "from/ines", minio.GetObjectOptions{}); err != nil || got != "a letter" {
		t.Errorf("%q, %v", got, err)
	}
	sealings := r.openings(r.clinic.Customer, "put")
	if len(sealings) != 1 || !sealings[0].Presigned {
		t.Errorf("journal: %+v", sealings)
	}
	for name, c := range map[string]struct{ key, body, extra string }{
		"another key":        {"to/tomas", "a letter", ""},
		"too long":           {"from/ines2", strings.Repeat("x", 101), ""},
		"customer's own key": {"from/ines3", "a letter", "x-amz-server-side-encryption-customer-algorithm"},
	} {
		with := map[string]string{}
		for k, v := range fields {
			with[k] = v
		}
		if c.extra != "" {
			with[c.extra] = "AES256"
		}
		if answer, _ := r.post(target, with, c.key, c.body); answer.StatusCode < 400 {
			t.Errorf("%s: %s", name, answer.Status)
		}
	}
	var n int
	for range r.clinic.client.ListObjects(r.ctx, "inbox", minio.ListObjectsOptions{Recursive: true}) {
		n++
	}
	if n != 1 {
		t.Errorf("%d objects", n)
	}
}

func (r *rig) post(target *url.URL, fields map[string]string, key, body string) (*http.Response, string) {
	r.t.Helper()
	const boundary = "fernhill"
	var form strings.Builder
	field := func(name, value string) {
		fmt.Fprintf(&form, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", boundary, name, value)
	}
	for name, value := range fields {
		if name != "key" {
			field(name, value)
		}
	}
	field("key", key)
	fmt.Fprintf(&form, "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n%s\r\n--%s--\r\n", boundary, body, boundary)
	req, err := http.NewRequestWithContext(r.ctx, "POST", target.String(), strings.NewReader(form.String()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	return r.send(req)
}

func TestPresigned(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	link, err := r.clinic.client.PresignedPutObject(r.ctx, "records", "ward/7", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(context.Background(), "PUT", link.String(), strings.NewReader("a chart"))
	if err != nil {
		t.Fatal(err)
	}
	if answer, text := r.send(req); answer.StatusCode != http.StatusOK {
		t.Fatalf("put: %s %s", answer.Status, text)
	}
	link, err = r.clinic.client.PresignedGetObject(r.ctx, "records", "ward/7", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	for tampered, want := range map[string]int{
		link.String(): http.StatusOK,
		strings.Replace(link.String(), "ward", "room", 1):                           http.StatusForbidden,
		strings.Replace(link.String(), "X-Amz-Expires=60", "X-Amz-Expires=6000", 1): http.StatusForbidden,
	} {
		answer, err := r.http.Get(tampered)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %s, want %d", tampered, answer.Status, want)
		}
	}
}
