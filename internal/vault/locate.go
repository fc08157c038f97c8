package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/policy"
	"writ/internal/records"
)

// Locating data.
//
// Counsel learns how much a scope is about, to judge whether it is what an
// order names, and never what it is: numbers, sizes and times, and the names
// of tags, whose values may be content. No key is opened, nothing is written,
// no journal has it, and the customer's rate of requests does not count it.

// Located says how much of a customer's data a scope is about.
type Located struct {
	Customer writ.CustomerID `json:"customer"`
	At       time.Time       `json:"at"`      // the moment that the figures are of
	Buckets  []LocatedBucket `json:"buckets"` // in the scope's order
}

// LocatedBucket is what is in scope of one bucket.
type LocatedBucket struct {
	Bucket     writ.BucketName `json:"bucket"`
	Found      bool            `json:"found"` // whether the customer has such a bucket; if not, nothing below counts
	Created    time.Time       `json:"created,omitzero"`
	Versioning string          `json:"versioning,omitempty"` // "Enabled", "Suspended"; "" if it never had any
	Keys       int64           `json:"keys"`                 // distinct, of versions and delete markers in scope
	Current    Amount          `json:"current"`              // newest versions, of keys that are not deleted
	Older      Amount          `json:"older"`                // versions behind a newer one or a delete marker
	Markers    int64           `json:"markers"`              // delete markers
	Oldest     time.Time       `json:"oldest,omitzero"`      // when the first of the versions was made
	Newest     time.Time       `json:"newest,omitzero"`
	Tags       []TagCount      `json:"tags,omitempty"` // names of tags that the versions carry, the most frequent first
	MoreTags   bool            `json:"more_tags,omitempty"`
}

// Amount is a number of versions and their size.
type Amount struct {
	Versions int64 `json:"versions"`
	Bytes    int64 `json:"bytes"` // of plaintext
}

// TagCount is the name of a tag and how many versions carry it.
type TagCount struct {
	Tag      string `json:"tag"`
	Versions int64  `json:"versions"`
}

// maxTagNames is how many names of tags are told of one bucket.
const maxTagNames = 100

// Total is what is in scope of all buckets.
func (l Located) Total() (t Amount) {
	for _, b := range l.Buckets {
		t.Versions += b.Current.Versions + b.Older.Versions
		t.Bytes += b.Current.Bytes + b.Older.Bytes
	}
	return t
}

// Locate counts what a scope is about, as of one moment, in bounded memory;
// progress is told how many versions were looked at. Errors: [policy.ErrScope],
// [ErrNoCustomer], and that of the context.
func (v *Vault) Locate(ctx context.Context, customer writ.CustomerID, s policy.Scope, progress Progress) (Located, error) {
	if err := s.Check(); err != nil {
		return Located{}, err
	}
	snapshot, err := v.records.Snapshot(ctx)
	if err != nil {
		return Located{}, fmt.Errorf("couldn't locate data: %w", recordsError(err))
	}
	defer snapshot.Close()
	if _, err := getCustomer(ctx, snapshot, customer); err != nil {
		return Located{}, err
	}
	l := locator{ctx: ctx, from: snapshot, customer: customer, scope: s, progress: progress}
	out := Located{Customer: customer, At: v.now().UTC()}
	for _, b := range s.Buckets {
		found, err := l.bucket(b)
		if err != nil {
			return Located{}, fmt.Errorf("couldn't locate data: %w", err)
		}
		out.Buckets = append(out.Buckets, found)
	}
	return out, nil
}

// A locator is one search.
type locator struct {
	ctx      context.Context
	from     records.Reader
	customer writ.CustomerID
	scope    policy.Scope
	progress Progress
	looked   int64
}

func (l *locator) bucket(b policy.BucketScope) (LocatedBucket, error) {
	out := LocatedBucket{Bucket: b.Bucket}
	value, err := l.from.Get(l.ctx, bucketKey(b.Bucket))
	if errors.Is(err, records.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return out, recordsError(err)
	}
	there, err := readBucket(b.Bucket, value)
	if err != nil || there.Owner != l.customer {
		return out, err
	}
	out.Found, out.Created, out.Versioning = true, there.Created, there.Versioning.String()
	tags := tagCounts{of: make(map[string]int64)}
	for _, s := range stretches(b) {
		if err := l.stretch(b.Bucket, s, &out, &tags); err != nil {
			return out, err
		}
	}
	out.Tags, out.MoreTags = tags.list(), tags.more
	return out, nil
}

// stretch counts what lies in one stretch, key by key.
func (l *locator) stretch(bucket writ.BucketName, s stretch, out *LocatedBucket, tags *tagCounts) error {
	heads := newCursor(l.ctx, l.from, s.of(headsPrefix(l.customer, bucket)), firstPage)
	older := newCursor(l.ctx, l.from, s.of(versionsPrefix(l.customer, bucket)), firstPage)
	for {
		e, err := heads.peek()
		if e == nil || err != nil {
			return err
		}
		n, err := parseHead(e.Key)
		if err != nil {
			return err
		}
		in, err := l.version(n, e.Value, true, out, tags)
		if err != nil {
			return err
		}
		prefix := keyVersionsPrefix(n.owner, n.bucket, n.key)
		for {
			o, err := older.peek()
			if err != nil {
				return err
			}
			if o == nil || !bytes.HasPrefix(o.Key, prefix) {
				break
			}
			also, err := l.version(n, o.Value, false, out, tags)
			if err != nil {
				return err
			}
			in = in || also
			older.skip()
		}
		if in {
			out.Keys++
		}
		heads.skip()
	}
}

// version counts one version, if it is in scope.
func (l *locator) version(n name, value []byte, latest bool, out *LocatedBucket, tags *tagCounts) (in bool, err error) {
	if l.looked++; l.looked%1000 == 0 {
		if err := l.ctx.Err(); err != nil {
			return false, err
		}
		l.progress.report("locate", l.looked, 0)
	}
	var r versionRecord
	if err := decode(value, &r); err != nil {
		return false, err
	}
	item := itemOf(n, &r)
	if !l.scope.Covers(item) {
		return false, nil
	}
	if r.Marker {
		out.Markers++
		return true, nil
	}
	amount := &out.Older
	if latest {
		amount = &out.Current
	}
	amount.Versions++
	amount.Bytes += r.Size
	out.Oldest, out.Newest = widen(out.Oldest, out.Newest, item.Made)
	tags.add(item.Tags)
	return true, nil
}

// tagCounts counts names of tags, a bounded number of them.
type tagCounts struct {
	of   map[string]int64
	more bool
}

func (t *tagCounts) add(tags map[string]string) {
	for name := range tags {
		if _, known := t.of[name]; !known && len(t.of) == maxTagNames {
			t.more = true
			continue
		}
		t.of[name]++
	}
}

func (t *tagCounts) list() (all []TagCount) {
	for name, n := range t.of {
		all = append(all, TagCount{name, n})
	}
	slices.SortFunc(all, func(a, b TagCount) int {
		if a.Versions != b.Versions {
			return int(b.Versions - a.Versions)
		}
		return strings.Compare(a.Tag, b.Tag)
	})
	return all
}
