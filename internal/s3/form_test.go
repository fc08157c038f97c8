package s3_test

import (
	"errors"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// A form may say what its policy says and nothing else: each of these fields
// is an order to the server.
func TestPostPolicyGivesNoMore(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "inbox")
	r.bucket(r.clinic, "secrets")
	policy := minio.NewPostPolicy()
	if err := errors.Join(policy.SetBucket("inbox"), policy.SetKeyStartsWith("from/"), policy.SetExpires(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	target, fields, err := r.clinic.client.PresignedPostPolicy(r.ctx, policy)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"acl": "public-read", "Content-Type": "text/html", "x-amz-meta-note": "forged", "tagging": "<Tagging/>", "success_action_redirect": "https://quayside.example/",
		"x-amz-storage-class": "GLACIER", "x-amz-object-lock-legal-hold": "ON", "Expires": "x", "policy": "e30=",
		"x-amz-signature": "00", "x-amz-date": "20200101T000000Z",
	} {
		with := maps.Clone(fields)
		with[name] = value
		if answer, text := r.post(target, with, "from/ines", "a letter"); answer.StatusCode < 400 && answer.StatusCode != http.StatusSeeOther || answer.StatusCode >= 500 {
			t.Errorf("%s=%s, which the policy does not have: %s %s", name, value, answer.Status, text)
		}
	}
	elsewhere := *target
	elsewhere.Path = "/secrets/"
	if answer, text := r.post(&elsewhere, fields, "from/ines", "a letter"); answer.StatusCode != http.StatusForbidden {
		t.Errorf("the form sent to another bucket: %s %s", answer.Status, text)
	}
	for _, bucket := range []string{"inbox", "secrets"} {
		for o := range r.clinic.client.ListObjects(r.ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
			t.Errorf("%s has %q, %v", bucket, o.Key, o.Err)
		}
	}
}
