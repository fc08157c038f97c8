package vault

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"writ"
)

// A quota counts whichever way bytes and objects come: by copy, by part, by a
// part sent again, by completion, by versions.
func TestQuotaHasNoWayAround(t *testing.T) {
	r := newRig(t)
	r.minPart = 1
	r.bucket(r.clinic, "scans", VersioningEnabled)
	a := r.put(r.clinic, "scans", "a", strings.Repeat("a", 600))
	full, many := r.begin1(r.clinic, "scans", "b"), r.begin1(r.clinic, "scans", "c")
	if err := r.SetQuota(r.ctx, r.clinic.Customer, Quota{Bytes: 1000, Objects: 2}); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrQuota) {
			t.Errorf("%s: %v", what, err)
		}
	}
	part := func(ref UploadRef, number int, said, size int64) error {
		_, err := r.PutPart(r.ctx, r.clinic, PartInput{UploadRef: ref, Number: number, Body: bytes.NewReader(make([]byte, size)), Size: said})
		return err
	}
	clone := func(to writ.ObjectKey) error {
		_, err := r.Copy(r.ctx, r.clinic, CopyInput{Source: a.ObjectRef, To: PutInput{Bucket: "scans", Key: to}, KeepMeta: true})
		return err
	}
	refused("a copy", clone("copy"))
	refused("a part", part(full, 1, 500, 500))
	refused("a part of no known size", part(full, 1, -1, 500))
	one := r.part(r.clinic, full, 1, pattern(1, 300))
	refused("a part sent again, longer", part(full, 1, -1, 500))
	refused("a part of another upload", part(many, 1, -1, 200))
	_, err := r.CopyPart(r.ctx, r.clinic, CopyPartInput{UploadRef: many, Number: 1, Source: a.ObjectRef})
	refused("a part that is a copy", err)
	two := r.part(r.clinic, many, 1, pattern(2, 50))
	r.complete(r.clinic, full, one)
	_, err = r.CompleteUpload(r.ctx, r.clinic, CompleteInput{UploadRef: many, Size: -1, Parts: []CompletePart{{Number: 1, ETag: two.ETag}}})
	refused("one object more, by completion", err)
	_, err = r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: "a", Body: strings.NewReader("x"), Size: 1})
	refused("one version more", err)
	if err := r.AbortUpload(r.ctx, r.clinic, many); err != nil {
		t.Fatal(err)
	}
	r.wantUsage(r.clinic)
	if u, err := r.Usage(r.ctx, r.clinic.Customer); err != nil || u != (Usage{Bytes: 900, Objects: 2}) {
		t.Errorf("usage is %+v, %v", u, err)
	}
	r.wantClean()
}
