package vault

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
)

// uploadsModel is what uploads should do, in a few lines: parts by number,
// objects by key.
type uploadsModel struct {
	open    map[string]*modelUpload // by id
	objects map[writ.ObjectKey][]byte
}

type modelUpload struct {
	ref   UploadRef
	parts map[int]modelPart
}

type modelPart struct {
	etag string
	body []byte
}

func (m *uploadsModel) usage() (u Usage) {
	for _, up := range m.open {
		for _, p := range up.parts {
			u.Bytes += int64(len(p.body))
		}
	}
	for _, o := range m.objects {
		u.Bytes += int64(len(o))
		u.Objects++
	}
	return u
}

func (m *uploadsModel) pick(t *rapid.T) *modelUpload {
	if len(m.open) == 0 {
		return nil
	}
	ids := make([]string, 0, len(m.open))
	for id := range m.open {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return m.open[rapid.SampledFrom(ids).Draw(t, "upload")]
}

func TestUploadsModel(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	r.minPart = 1
	rapid.Check(t, func(t *rapid.T) {
		r.minPart = 1
		m := uploadsModel{open: map[string]*modelUpload{}, objects: map[writ.ObjectKey][]byte{}}
		keys := []writ.ObjectKey{"a", "a/b", "b"}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				key := rapid.SampledFrom(keys).Draw(t, "key")
				ref := r.begin1(r.clinic, "scans", key)
				m.open[ref.ID] = &modelUpload{ref: ref, parts: map[int]modelPart{}}
			},
			"part": func(t *rapid.T) {
				up := m.pick(t)
				if up == nil {
					return
				}
				number := rapid.SampledFrom([]int{1, 2, 3, 5, 200, 10_000}).Draw(t, "number")
				size := rapid.SampledFrom([]int{1, 100, 70_000}).Draw(t, "size")
				body := pattern(rapid.Uint64().Draw(t, "seed"), size)
				p := r.part(r.clinic, up.ref, number, body)
				up.parts[number] = modelPart{p.ETag, body}
			},
			"complete": func(t *rapid.T) {
				up := m.pick(t)
				if up == nil {
					return
				}
				var list []CompletePart
				var whole []byte
				for _, number := range []int{1, 2, 3, 5, 200, 10_000} {
					if p, ok := up.parts[number]; ok && rapid.Bool().Draw(t, "listed") {
						list = append(list, CompletePart{Number: number, ETag: p.etag})
						whole = append(whole, p.body...)
					}
				}
				if len(list) == 0 {
					return
				}
				r.complete(r.clinic, up.ref, list...)
				if again := r.complete(r.clinic, up.ref, list...); again.Size != int64(len(whole)) {
					t.Fatalf("repeated completion has %d bytes", again.Size)
				}
				m.objects[up.ref.Key] = whole
				delete(m.open, up.ref.ID)
			},
			"complete wrongly": func(t *rapid.T) {
				up := m.pick(t)
				if up == nil {
					return
				}
				_, err := r.CompleteUpload(r.ctx, r.clinic, CompleteInput{UploadRef: up.ref, Size: -1, Parts: []CompletePart{{Number: 4, ETag: "x"}}})
				if !errors.Is(err, ErrInvalidPart) {
					t.Fatalf("error is %v", err)
				}
			},
			"abort": func(t *rapid.T) {
				up := m.pick(t)
				if up == nil {
					return
				}
				if err := r.AbortUpload(r.ctx, r.clinic, up.ref); err != nil {
					t.Fatal(err)
				}
				delete(m.open, up.ref.ID)
			},
			"overwrite": func(t *rapid.T) {
				key := rapid.SampledFrom(keys).Draw(t, "key")
				r.put(r.clinic, "scans", key, "plain")
				m.objects[key] = []byte("plain")
			},
			"delete": func(t *rapid.T) {
				key := rapid.SampledFrom(keys).Draw(t, "key")
				if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "scans", Key: key}}); err != nil {
					t.Fatal(err)
				}
				delete(m.objects, key)
			},
			"restart": func(t *rapid.T) { r.restart(); r.minPart = 1 },
			"": func(t *rapid.T) {
				for key, body := range m.objects {
					got, err := r.read(r.clinic, ObjectRef{Bucket: "scans", Key: key})
					if err != nil || !bytes.Equal(got, body) {
						t.Fatalf("%s has %d bytes (%v), not %d", key, len(got), err, len(body))
					}
				}
				for _, up := range m.open {
					page, err := r.Parts(r.ctx, r.clinic, up.ref, 0, 1000)
					if err != nil || len(page.Parts) != len(up.parts) {
						t.Fatalf("%d parts are listed (%v), not %d", len(page.Parts), err, len(up.parts))
					}
				}
				if u, err := r.Usage(r.ctx, r.clinic.Customer); err != nil || u != m.usage() {
					t.Fatalf("usage is %+v (%v), not %+v", u, err, m.usage())
				}
			},
		})
		r.wantClean()
		for _, up := range m.open {
			if err := r.AbortUpload(r.ctx, r.clinic, up.ref); err != nil {
				t.Fatal(err)
			}
		}
		for key := range m.objects {
			if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "scans", Key: key}}); err != nil {
				t.Fatal(err)
			}
		}
		r.wantEmpty(r.clinic)
	})
}

// modelUploads lists uploads in the slow and plain way.
func modelUploads(all []UploadRef, in UploadsInput) (entries []string, truncated bool) {
	seen := map[string]bool{}
	for _, up := range all {
		key := string(up.Key)
		if !strings.HasPrefix(key, in.Prefix) {
			continue
		}
		entry := key + " " + up.ID
		if in.Delimiter != "" {
			if i := strings.Index(key[len(in.Prefix):], in.Delimiter); i >= 0 {
				entry = key[:len(in.Prefix)+i+len(in.Delimiter)]
				if entry == in.After || seen[entry] || strings.HasPrefix(in.After, entry) && entry <= in.After {
					continue
				}
			}
		}
		switch {
		case in.After == "":
		case key == in.After && in.AfterID != "" && up.ID > in.AfterID:
		case key <= in.After:
			continue
		}
		seen[entry] = true
		entries = append(entries, entry)
	}
	if len(entries) > in.Max {
		return entries[:in.Max], true
	}
	return entries, false
}

func TestUploadsListing(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	r.bucket(r.clinic, "scans2", Unversioned)
	var all []UploadRef
	for _, key := range []writ.ObjectKey{"a", "a", "a-b", "a/1", "a/1", "a/2/x", "a/2/y", "a/3", "b", "b/1", "b\x01", "c//d", "é"} {
		all = append(all, r.begin1(r.clinic, "scans", key))
		time.Sleep(2 * time.Millisecond) // ids order uploads to the millisecond
	}
	r.begin1(r.clinic, "scans2", "a")
	slices.SortStableFunc(all, func(x, y UploadRef) int { return strings.Compare(string(x.Key)+"\x00"+x.ID, string(y.Key)+"\x00"+y.ID) })
	rapid.Check(t, func(t *rapid.T) {
		in := UploadsInput{
			Bucket:    "scans",
			Prefix:    rapid.SampledFrom([]string{"", "a", "a/", "a/2", "b", "c/", "z"}).Draw(t, "prefix"),
			Delimiter: rapid.SampledFrom([]string{"", "/", "-"}).Draw(t, "delimiter"),
			Max:       rapid.IntRange(1, 15).Draw(t, "max"),
		}
		// Through all pages.
		want, _ := modelUploads(all, UploadsInput{Prefix: in.Prefix, Delimiter: in.Delimiter, Max: 1000})
		var got []string
		for page := 0; ; page++ {
			p, err := r.Uploads(r.ctx, r.clinic, in)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(p.Uploads) + len(p.Prefixes); n > in.Max || p.Truncated && n < in.Max || page > 20 {
				t.Fatalf("page has %d entries of %d", n, in.Max)
			}
			var entries []string
			for _, up := range p.Uploads {
				entries = append(entries, string(up.Key)+" "+up.ID)
			}
			entries = append(entries, p.Prefixes...)
			slices.Sort(entries)
			got = append(got, entries...)
			if !p.Truncated {
				break
			}
			in.After, in.AfterID = p.Next, p.NextID
		}
		slices.Sort(got)
		slices.Sort(want)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("listed\n%q\nnot\n%q", got, want)
		}
	})
	// Any marker.
	for _, up := range all {
		for _, id := range []string{"", up.ID} {
			in := UploadsInput{Bucket: "scans", After: string(up.Key), AfterID: id, Max: 1000}
			p, err := r.Uploads(r.ctx, r.clinic, in)
			if err != nil {
				t.Fatal(err)
			}
			if want, _ := modelUploads(all, in); len(p.Uploads) != len(want) {
				t.Fatalf("after %q %q: %d uploads, not %d", up.Key, id, len(p.Uploads), len(want))
			}
		}
	}
	for _, bad := range []UploadsInput{{After: "a", AfterID: "none"}, {After: "a", AfterID: all[5].ID}} {
		bad.Bucket, bad.Max = "scans", 10
		_, err := r.Uploads(r.ctx, r.clinic, bad)
		wantError(t, err, ErrUploadMarker)
	}
	// A marker stays good when its upload has ended.
	if err := r.AbortUpload(r.ctx, r.clinic, all[0]); err != nil {
		t.Fatal(err)
	}
	p, err := r.Uploads(r.ctx, r.clinic, UploadsInput{Bucket: "scans", After: "a", AfterID: all[0].ID, Max: 1})
	if err != nil || len(p.Uploads) != 1 || p.Uploads[0].ID != all[1].ID {
		t.Fatalf("after an ended upload: %+v (%v)", p, err)
	}
	// As many uploads as one likes beneath a common prefix.
	for i := range 50 {
		r.begin1(r.clinic, "scans2", writ.ObjectKey(fmt.Sprintf("deep/%02d", i)))
	}
	p, err = r.Uploads(r.ctx, r.clinic, UploadsInput{Bucket: "scans2", Delimiter: "/", Max: 2})
	if err != nil || len(p.Uploads) != 1 || len(p.Prefixes) != 1 || p.Truncated {
		t.Fatalf("page with a deep prefix: %+v (%v)", p, err)
	}
}
