package customer

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"writ/internal/api"
	"writ/internal/console/page"
)

// pair is a name with its value.
type pair struct{ Name, Value string }

// versionView is a version in the list of an object's.
type versionView struct {
	api.MyObject
	Link, Download, Delete string
	Here                   bool // it is the one whose facts are shown
}

// objectPage is what an object's page shows.
type objectPage struct {
	Bucket, Name     string
	Up               string // the folder's address
	Crumbs           []crumb
	Head             *api.MyHead // nil if the current version is a delete marker
	Of               string      // the version that was asked for; "" for the current
	Meta, Tags       []pair
	Type             string
	Versions         []versionView
	Next             string
	Download, Delete string
}

func pairs(m map[string]string) (all []pair) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, pair{shown(k), shown(m[k])})
	}
	return all
}

func (p *pages) object(v *page.Visit) error {
	bucket, key, version, err := keyOf(v)
	if err != nil {
		return err
	}
	own, folder := p.Own(v), key[:strings.LastIndexByte(key, '/')+1]
	d := objectPage{
		Bucket: bucket, Name: shown(key), Of: version, Crumbs: crumbs(bucket, key), Up: inBucket(bucket, "", "prefix", folder),
		Download: inBucket(bucket, "/download", "key", key, "version", version), Delete: inBucket(bucket, "/delete", "key", key, "version", version),
	}
	head, err := own.Object(v.Context(), bucket, key, version)
	switch {
	case err == nil:
		d.Head, d.Type, d.Meta, d.Tags = &head, shown(head.ContentType), pairs(head.Metadata), pairs(head.Tags)
		if head.Retention != nil && head.Retention.Until.Before(v.Now()) {
			d.Head.Retention = nil // it keeps nothing any more
		}
	case !isCode(err, "delete-marker") && !isCode(err, "no-object"):
		return err
	}
	list, listing := own.Versions(v.Context(), bucket, key, v.Query("after"), perPage)
	if listing != nil {
		return listing
	}
	if d.Head == nil && len(list.Versions) == 0 {
		return err
	}
	for _, o := range list.Versions {
		id := string(o.Version)
		d.Versions = append(d.Versions, versionView{
			o, inBucket(bucket, "/object", "key", key, "version", id), inBucket(bucket, "/download", "key", key, "version", id),
			inBucket(bucket, "/delete", "key", key, "version", id), d.Head != nil && d.Head.Version == o.Version,
		})
	}
	if list.Next != "" {
		d.Next = inBucket(bucket, "/object", "key", key, "version", version, "after", string(list.Next))
	}
	return v.Render("object", d)
}

// download gives out an object as a file, never as a page of ours.
func (p *pages) download(v *page.Visit) error {
	bucket, key, version, err := keyOf(v)
	if err != nil {
		return err
	}
	span := v.R.Header.Get("Range")
	if len(span) > 100 {
		span = ""
	}
	resp, err := p.Own(v).Download(v.Context(), bucket, key, version, span)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for _, name := range []string{"Content-Disposition", "Content-Length", "Content-Range", "Accept-Ranges", "ETag", "Last-Modified"} {
		if value := resp.Header.Get(name); value != "" {
			v.W.Header().Set(name, value)
		}
	}
	return stream(v, resp.StatusCode, "application/octet-stream", resp.Body)
}

// stream answers with a file. One that fails on the way is cut, so that it doesn't
// look whole.
func stream(v *page.Visit, status int, media string, body io.Reader) error {
	v.W.Header().Set("Content-Type", media)
	v.W.Header().Set("Cache-Control", "no-store")
	v.W.WriteHeader(status)
	if _, err := io.Copy(v.W, body); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// deletePage asks before an object goes.
type deletePage struct {
	Bucket, Name, Version string
	Versioned             bool // without a version, a marker comes and nothing goes
	Action, Back          string
}

func (p *pages) askDelete(v *page.Visit) error {
	d, err := p.deletion(v)
	if err != nil {
		return err
	}
	return v.Render("delete", d)
}

func (p *pages) deletion(v *page.Visit) (d deletePage, err error) {
	bucket, key, version, err := keyOf(v)
	if err != nil {
		return d, err
	}
	b, err := p.one(v)
	if err != nil {
		return d, err
	}
	return deletePage{
		bucket, shown(key), shown(version), b.Versioning == "enabled", inBucket(bucket, "/delete", "key", key, "version", version),
		inBucket(bucket, "/object", "key", key, "version", version),
	}, nil
}

func (p *pages) delete(v *page.Visit) error {
	d, err := p.deletion(v)
	if err != nil {
		return err
	}
	bucket, key, version, err := keyOf(v)
	if err != nil {
		return err
	}
	if _, err := p.Own(v).Delete(v.Context(), bucket, key, version); err != nil {
		return v.Again("delete", d, err)
	}
	return v.See(inBucket(bucket, "", "prefix", key[:strings.LastIndexByte(key, '/')+1]), "my-object-deleted")
}
