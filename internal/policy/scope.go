package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"writ"
)

// Bounds of a scope, so that an authorisation always fits a hidden statement
// of the ledger and can be read by a person who is to sign it.
const (
	MaxBuckets  = 32
	MaxPrefixes = 64  // of one bucket
	MaxObjects  = 256 // of one bucket, named one by one
	MaxTags     = 10  // of one bucket
	maxScope    = 24 << 10
)

// ErrScope: a scope that says nothing, too much, or the same in two ways.
var ErrScope = errors.New("the scope is not well formed")

// Scope says which data an authorisation, a preservation or a search is
// about: of content, versions in the named buckets that were made within a
// time; of traffic data, the customer's journal within that time. What the
// store knows of a customer has neither bucket nor time.
type Scope struct {
	Buckets []BucketScope    `json:"buckets"`
	From    time.Time        `json:"from,omitzero"`  // inclusive; zero: from the beginning
	Until   time.Time        `json:"until,omitzero"` // exclusive; zero: without end
	Classes []writ.DataClass `json:"classes"`        // what of it: content, or only what the store knows of it
	// Elsewhere says that nothing of this store is in scope, but data of other
	// systems, which counsel attaches.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// BucketScope chooses versions of one bucket: all of them if it names neither
// prefix nor object; else those that a prefix or an object covers. If it names
// tags, a version must carry every one of them besides.
type BucketScope struct {
	Bucket   writ.BucketName   `json:"bucket"`
	Prefixes []string          `json:"prefixes,omitempty"`
	Objects  []ObjectScope     `json:"objects,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// ObjectScope is one object: all its versions, or one.
type ObjectScope struct {
	Key     writ.ObjectKey `json:"key"`
	Version writ.VersionID `json:"version,omitempty"`
}

// Item is one version that is preserved or is to be opened.
type Item struct {
	Bucket  writ.BucketName   `json:"bucket"`
	Key     writ.ObjectKey    `json:"key"`
	Version writ.VersionID    `json:"version"`
	Blob    writ.BlobID       `json:"blob"`
	Size    int64             `json:"size"` // bytes of plaintext
	Made    time.Time         `json:"made"` // UTC
	Tags    map[string]string `json:"tags,omitempty"`
}

// Check says whether a scope can be used. Errors: [ErrScope].
func (s Scope) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrScope, fmt.Sprintf(format, args...))
	}
	switch {
	case len(s.Buckets) == 0 && s.Has(writ.ClassContent) && !s.Elsewhere:
		return bad("it names no bucket")
	case len(s.Buckets) > 0 && s.Elsewhere:
		return bad("it names buckets, and nothing of this store is in it")
	case len(s.Buckets) > 0 && len(s.Classes) > 0 && !s.Has(writ.ClassContent):
		return bad("it names buckets, and reaches no content")
	case len(s.Buckets) > MaxBuckets:
		return bad("it names %d buckets, more than %d", len(s.Buckets), MaxBuckets)
	case !s.From.IsZero() && !s.Until.IsZero() && !s.From.Before(s.Until):
		return bad("its time ends before it begins")
	case len(s.Classes) == 0:
		return bad("it names no class of data")
	}
	classes := map[writ.DataClass]bool{}
	for _, c := range s.Classes {
		switch c {
		case writ.ClassSubscriber, writ.ClassIdentification, writ.ClassTraffic, writ.ClassContent:
		default:
			return bad("%q is no class of data", c)
		}
		if classes[c] {
			return bad("it names the class %s twice", c)
		}
		classes[c] = true
	}
	bytes, seen := 0, map[writ.BucketName]bool{}
	for _, b := range s.Buckets {
		if b.Bucket == "" || len(b.Bucket) > 63 {
			return bad("%q is no bucket", b.Bucket)
		}
		if seen[b.Bucket] {
			return bad("it names the bucket %s twice", b.Bucket)
		}
		seen[b.Bucket] = true
		n, err := b.check()
		if err != nil {
			return bad("bucket %s: %s", b.Bucket, err)
		}
		bytes += len(b.Bucket) + n
	}
	if bytes > maxScope {
		return bad("its names have %d bytes, more than %d", bytes, maxScope)
	}
	return nil
}

// check returns how many bytes the names have.
func (b BucketScope) check() (bytes int, err error) {
	switch {
	case len(b.Prefixes) > MaxPrefixes:
		return 0, fmt.Errorf("%d prefixes, more than %d", len(b.Prefixes), MaxPrefixes)
	case len(b.Objects) > MaxObjects:
		return 0, fmt.Errorf("%d objects, more than %d", len(b.Objects), MaxObjects)
	case len(b.Tags) > MaxTags:
		return 0, fmt.Errorf("%d tags, more than %d", len(b.Tags), MaxTags)
	}
	name := func(what, s string, most int) error {
		if s == "" || len(s) > most || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return fmt.Errorf("%q is no %s", s, what)
		}
		bytes += len(s)
		return nil
	}
	for _, p := range b.Prefixes {
		if err := name("prefix", p, 1024); err != nil {
			return 0, err
		}
	}
	for _, o := range b.Objects {
		if err := name("object key", string(o.Key), 1024); err != nil {
			return 0, err
		}
		if o.Version != "" {
			if err := name("version", string(o.Version), 64); err != nil {
				return 0, err
			}
		}
	}
	for k, v := range b.Tags {
		if err := name("tag", k, 128); err != nil {
			return 0, err
		}
		if len(v) > 256 || !utf8.ValidString(v) {
			return 0, fmt.Errorf("%q is no value of a tag", v)
		}
		bytes += len(v)
	}
	return bytes, nil
}

// Covers says whether a version is in scope.
func (s Scope) Covers(i Item) bool {
	if !s.From.IsZero() && i.Made.Before(s.From) || !s.Until.IsZero() && !i.Made.Before(s.Until) {
		return false
	}
	for _, b := range s.Buckets {
		if b.Bucket == i.Bucket {
			return b.covers(i)
		}
	}
	return false
}

func (b BucketScope) covers(i Item) bool {
	for k, v := range b.Tags {
		if have, ok := i.Tags[k]; !ok || have != v {
			return false
		}
	}
	if len(b.Prefixes) == 0 && len(b.Objects) == 0 {
		return true
	}
	for _, p := range b.Prefixes {
		if strings.HasPrefix(string(i.Key), p) {
			return true
		}
	}
	for _, o := range b.Objects {
		if o.Key == i.Key && (o.Version == "" || o.Version == i.Version) {
			return true
		}
	}
	return false
}

// Opens says whether the scope reaches objects of the store.
func (s Scope) Opens() bool { return len(s.Buckets) > 0 }

// Has says whether the scope reaches a class of data.
func (s Scope) Has(c writ.DataClass) bool {
	for _, have := range s.Classes {
		if have == c {
			return true
		}
	}
	return false
}
