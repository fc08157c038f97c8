package s3_test

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
	"testing"

	"writ"
	"writ/internal/vault"
)

// A file that is uploaded within the second in which it was written must not
// be listed as older than itself, or a client that syncs sends it for ever.
// What the rest of a listing has must be as without that.
func TestListedTimes(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	if err := r.clinic.client.EnableVersioning(r.ctx, "records"); err != nil {
		t.Fatal(err)
	}
	const form = "2006-01-02T15:04:05.000Z"
	var want []string
	for _, key := range []string{"a", "b", "c & d"} {
		r.put(r.clinic, "records", key, "one")
		o, err := r.vault.Head(r.ctx, vault.Session{Customer: r.clinic.Customer}, vault.GetInput{ObjectRef: vault.ObjectRef{Bucket: "records", Key: writ.ObjectKey(key)}})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, o.Version.Modified.UTC().Format(form))
	}
	type entry struct{ Key, LastModified, ETag, Size, VersionId string }
	for _, query := range []string{"", "?list-type=2&fetch-owner=true", "?versions"} {
		answer, text := r.do(r.clinic, http.MethodGet, "/records"+query, "")
		var page struct {
			XMLName           xml.Name
			Name, IsTruncated string
			Contents, Version []entry
		}
		if err := xml.Unmarshal([]byte(text), &page); err != nil {
			t.Fatalf("%q: %v in %s", query, err, text)
		}
		if answer.ContentLength != int64(len(text)) || !strings.HasPrefix(text, "<?xml ") || page.Name != "records" || page.IsTruncated != "false" ||
			!strings.HasPrefix(page.XMLName.Space, "http://s3.amazonaws.com/") || answer.Header.Get("Content-Type") != "application/xml" {
			t.Errorf("%q is answered with %v %s", query, answer.Header, text)
		}
		var got, keys []string
		for _, e := range append(page.Contents, page.Version...) {
			got, keys = append(got, e.LastModified), append(keys, e.Key)
			if e.ETag == "" || e.Size != "3" || (e.VersionId == "") != (query != "?versions") {
				t.Errorf("%q lists %+v", query, e)
			}
		}
		if !slices.Equal(got, want) || !slices.Equal(keys, []string{"a", "b", "c & d"}) {
			t.Errorf("%q lists %q of %q, want %q", query, got, keys, want)
		}
		if n := strings.Count(text, "<LastModified>"); n != 3 {
			t.Errorf("%q has %d times for 3 objects: %s", query, n, text)
		}
	}
	if answer, _ := r.do(r.clinic, http.MethodDelete, "/records/a", ""); answer.StatusCode != http.StatusNoContent {
		t.Fatal(answer.Status)
	}
	_, text := r.do(r.clinic, http.MethodGet, "/records?versions&prefix=a", "")
	var page struct {
		DeleteMarker []struct{ Key, LastModified, IsLatest string }
	}
	if err := xml.Unmarshal([]byte(text), &page); err != nil || len(page.DeleteMarker) != 1 ||
		len(page.DeleteMarker[0].LastModified) != len(form) || page.DeleteMarker[0].IsLatest != "true" {
		t.Errorf("a delete marker is listed as %s (%v)", text, err)
	}
	if e := r.refusal(r.press, http.MethodGet, "/records?list-type=2", ""); e.Code != "AccessDenied" {
		t.Errorf("a stranger's listing: %+v", e)
	}
}
