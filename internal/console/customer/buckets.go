package customer

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"writ/internal/api"
	"writ/internal/console/page"
)

// perPage is how many entries a list shows.
const perPage = 100

// bucketView is a bucket as pages show it.
type bucketView struct {
	api.MyBucket
	Link string
}

func (p *pages) buckets(v *page.Visit) error {
	prefix := v.Query("prefix")
	list, err := p.Own(v).Buckets(v.Context(), prefix, v.Query("after"), perPage)
	if err != nil {
		return err
	}
	d := struct {
		Prefix      string
		Buckets     []bucketView
		First, Next string
	}{Prefix: prefix}
	for _, b := range list.Buckets {
		d.Buckets = append(d.Buckets, bucketView{b, inBucket(string(b.Name), "")})
	}
	if list.Next != "" {
		d.Next = api.Asked("/my/buckets", "prefix", prefix, "after", string(list.Next))
	}
	if v.Query("after") != "" {
		d.First = api.Asked("/my/buckets", "prefix", prefix)
	}
	return v.Render("buckets", d)
}

// one is a bucket by its name.
func (p *pages) one(v *page.Visit) (bucketView, error) {
	name := v.Path("bucket")
	list, err := p.Own(v).Buckets(v.Context(), name, "", 1)
	if err != nil {
		return bucketView{}, err
	}
	if len(list.Buckets) == 0 || string(list.Buckets[0].Name) != name {
		return bucketView{}, refusal(http.StatusNotFound, "no-bucket", "you have no bucket of this name", "look at the list of your buckets")
	}
	return bucketView{list.Buckets[0], inBucket(name, "")}, nil
}

// exact is a value of the query as it is, spaces too: it is a key, or begins one.
// What is no key at all is empty.
func exact(v *page.Visit, name string) string {
	s := v.R.URL.Query().Get(name)
	if len(s) > 1024 || !utf8.ValidString(s) {
		return ""
	}
	return s
}

// crumb is a folder on the way to where the reader is.
type crumb struct{ Name, Link string }

// crumbs are the folders of a key or prefix.
func crumbs(bucket, prefix string) (all []crumb) {
	for at := 0; ; {
		i := strings.IndexByte(prefix[at:], '/')
		if i < 0 {
			return all
		}
		all = append(all, crumb{shown(prefix[at:at+i]) + "/", inBucket(bucket, "", "prefix", prefix[:at+i+1])})
		at += i + 1
	}
}

// row is an object or a folder of a listing.
type row struct {
	Name, Link string
	Folder     bool
	Size       int64
	Modified   time.Time
	Download   string
}

// bucketPage is what a bucket's page shows.
type bucketPage struct {
	Bucket      bucketView
	Prefix      string // as it is searched for
	Crumbs      []crumb
	Rows        []row
	First, Next string
	Upload      string // where its form goes
	Folder      string // in which files are stored
	Most        int64
	Replace     bool
}

func (p *pages) bucket(v *page.Visit) error {
	d, err := p.listing(v)
	if err != nil {
		return err
	}
	return v.Render("bucket", d)
}

// listing is one page of a bucket: what begins with the prefix, folders for what
// goes on behind the next "/".
func (p *pages) listing(v *page.Visit) (d bucketPage, err error) {
	if d.Bucket, err = p.one(v); err != nil {
		return d, err
	}
	name, after := string(d.Bucket.Name), exact(v, "after")
	d.Prefix, d.Most = exact(v, "prefix"), page.UploadBody
	list, err := p.Own(v).Objects(v.Context(), name, api.ListObjects{Prefix: d.Prefix, Delimiter: "/", After: after, Limit: perPage})
	if err != nil {
		return d, err
	}
	d.Crumbs = crumbs(name, d.Prefix)
	folder := d.Prefix[:strings.LastIndexByte(d.Prefix, '/')+1]
	d.Upload, d.Folder = inBucket(name, "/upload", "prefix", folder), shown(folder)
	for _, prefix := range list.Prefixes {
		d.Rows = append(d.Rows, row{Name: shown(strings.TrimPrefix(prefix, folder)), Link: inBucket(name, "", "prefix", prefix), Folder: true})
	}
	for _, o := range list.Objects {
		key := string(o.Key)
		d.Rows = append(d.Rows, row{
			Name: shown(strings.TrimPrefix(key, folder)), Link: inBucket(name, "/object", "key", key), Size: o.Size, Modified: o.Modified,
			Download: inBucket(name, "/download", "key", key),
		})
		if d.Rows[len(d.Rows)-1].Name == "" {
			d.Rows[len(d.Rows)-1].Name = shown(key)
		}
	}
	if list.Next != "" {
		d.Next = inBucket(name, "", "prefix", d.Prefix, "after", list.Next)
	}
	if after != "" {
		d.First = inBucket(name, "", "prefix", d.Prefix)
	}
	return d, nil
}

// keyOf is the object that an address names.
func keyOf(v *page.Visit) (bucket, key, version string, err error) {
	q, err := url.ParseQuery(v.R.URL.RawQuery)
	bucket, key, version = v.Path("bucket"), q.Get("key"), q.Get("version")
	if err != nil || key == "" || len(key) > 1024 || len(version) > 64 || !utf8.ValidString(key+version) {
		return "", "", "", refusal(http.StatusNotFound, "no-object", "this address names no object", "go back to the bucket")
	}
	return bucket, key, version, nil
}
