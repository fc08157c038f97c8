package vault

import (
	"context"
	"strings"
	"time"

	"writ"
	"writ/internal/records"
)

// listedRecord is what a listing reads of a versionRecord.
type listedRecord struct {
	Stamp    stamp    `cbor:"1,keyasint"`
	Modified int64    `cbor:"2,keyasint"`
	Null     bool     `cbor:"3,keyasint"`
	Marker   bool     `cbor:"4,keyasint"`
	NullAt   stamp    `cbor:"5,keyasint"`
	Size     int64    `cbor:"9,keyasint"`
	Parts    int      `cbor:"11,keyasint"`
	ETag     [16]byte `cbor:"13,keyasint"`
	Checksum Checksum `cbor:"14,keyasint"`
	Draft    struct {
		Class string `cbor:"5,keyasint"`
	} `cbor:"15,keyasint"`
}

// list appends the version to a page, in its place: it is the largest part of
// the work of a listing.
func (r *listedRecord) list(page []Version, b Bucket, key string, latest bool) []Version {
	page = append(page, Version{})
	v := &page[len(page)-1]
	v.Bucket, v.Owner, v.Key = b.Name, b.Owner, writ.ObjectKey(key)
	v.ObjectRef.Version = writ.NullVersion
	if !r.Null {
		v.ObjectRef.Version = r.Stamp.id()
	}
	v.Latest, v.Marker = latest, r.Marker
	v.Modified = time.Unix(0, r.Modified).UTC()
	if !r.Marker {
		v.Size, v.Parts, v.ETag = r.Size, r.Parts, formatETag(r.ETag, max(r.Parts, 1))
		v.Checksum, v.Class = r.Checksum, r.Draft.Class
	}
	return page
}

// A grouping sorts keys of a listing into those that are shown and those that
// a common prefix stands for.
type grouping struct {
	prefix, delimiter, after string
}

// common returns the common prefix that stands for the key, "" if none does.
func (g *grouping) common(key string) string {
	if g.delimiter == "" {
		return ""
	}
	at := strings.Index(key[len(g.prefix):], g.delimiter)
	if at < 0 {
		return ""
	}
	return key[:len(g.prefix)+at+len(g.delimiter)]
}

// first is how many records a listing of max entries reads at first.
func (g *grouping) first(max int) int {
	if g.delimiter == "" {
		return min(max+1, records.MaxLimit) // one more tells whether there is more
	}
	return min(max+1, firstPage)
}

// List lists the current versions of a bucket's objects. Objects whose newest
// version is a delete marker are not in it.
func (v *Vault) List(ctx context.Context, s Session, in ListInput) (ListPage, error) {
	b, err := v.Bucket(ctx, in.Bucket)
	if err != nil {
		return ListPage{}, err
	}
	if err := v.admit(ctx, b.Owner); err != nil {
		return ListPage{}, err
	}
	g := grouping{in.Prefix, in.Delimiter, in.After}
	limit := pageSize(in.Max)
	base := headsPrefix(b.Owner, b.Name)
	r := records.Prefix(concat(base, in.Prefix))
	if in.After >= in.Prefix {
		r.Start = append(concat(base, in.After), 0)
	}
	c := newCursor(ctx, v.records, r, g.first(limit))
	page := ListPage{}
	if in.Delimiter == "" {
		page.Versions = make([]Version, 0, limit)
	}
	var record listedRecord
	for {
		e, err := c.peek()
		if e == nil || err != nil {
			return page, err
		}
		key := string(e.Key[len(base):])
		common := g.common(key)
		if common != "" && common <= g.after {
			c.seek(records.PrefixEnd(concat(base, common)))
			continue
		}
		record = listedRecord{}
		if err := decode(e.Value, &record); err != nil {
			return ListPage{}, err
		}
		if record.Marker {
			c.skip()
			continue
		}
		if len(page.Versions)+len(page.Prefixes) == limit {
			page.Truncated = true
			return page, nil
		}
		if common != "" {
			page.Prefixes = append(page.Prefixes, common)
			page.Next = common
			c.seek(records.PrefixEnd(concat(base, common)))
			continue
		}
		page.Versions = record.list(page.Versions, b, key, true)
		page.Next = key
		c.skip()
	}
}

// concat returns a new slice of both.
func concat(b []byte, s string) []byte {
	return append(append(make([]byte, 0, len(b)+len(s)+1), b...), s...)
}
