package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/vault"
)

// MyBucket is a bucket of the customer's. What lies in it is counted over all
// buckets together ([MyStatus]), and for none alone.
type MyBucket struct {
	Name       writ.BucketName `json:"name"`
	Created    time.Time       `json:"created"`
	Versioning string          `json:"versioning" enum:"off,enabled,suspended"`
	ObjectLock bool            `json:"object_lock"`
	Retention  *MyRetention    `json:"default_retention,omitempty" doc:"what each new version gets that asks for none"`
	Settings   []string        `json:"settings" doc:"documents attached to it: policy, cors, lifecycle, …"`
	Custody    string          `json:"custody" enum:"managed"`
}

// MyBuckets is a page of buckets, in order of name.
type MyBuckets struct {
	Buckets []MyBucket      `json:"buckets"`
	Next    writ.BucketName `json:"next,omitempty" doc:"give it as after for the next page"`
}

// MyRetention keeps a version from being deleted.
type MyRetention struct {
	Mode  string    `json:"mode" doc:"GOVERNANCE or COMPLIANCE"`
	Until time.Time `json:"until,omitzero"`
	Days  int32     `json:"days,omitempty"`
	Years int32     `json:"years,omitempty"`
}

// MyObject is a version of an object, as a listing has it.
type MyObject struct {
	Key      writ.ObjectKey `json:"key"`
	Version  writ.VersionID `json:"version"`
	Latest   bool           `json:"latest,omitempty"`
	Marker   bool           `json:"delete_marker,omitempty"`
	Modified time.Time      `json:"modified"`
	Size     int64          `json:"size"`
	ETag     string         `json:"etag,omitempty"`
	Parts    int            `json:"parts,omitempty"`
	Class    string         `json:"class,omitempty"`
}

// MyObjects is a page of current versions, in bytewise order of key.
type MyObjects struct {
	Objects  []MyObject `json:"objects"`
	Prefixes []string   `json:"prefixes" doc:"what stands for keys up to the delimiter"`
	Next     string     `json:"next,omitempty" doc:"give it as after for the next page"`
}

// MyVersions is a page of an object's versions and delete markers, newest first.
type MyVersions struct {
	Versions []MyObject     `json:"versions"`
	Next     writ.VersionID `json:"next,omitempty" doc:"give it as after for the next page"`
}

// MyHead is all that is known of a version.
type MyHead struct {
	MyObject
	ContentType        string            `json:"content_type,omitempty"`
	ContentEncoding    string            `json:"content_encoding,omitempty"`
	ContentDisposition string            `json:"content_disposition,omitempty"`
	ContentLanguage    string            `json:"content_language,omitempty"`
	CacheControl       string            `json:"cache_control,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	Tags               map[string]string `json:"tags,omitempty"`
	Retention          *MyRetention      `json:"retention,omitempty"`
	LegalHold          bool              `json:"legal_hold,omitempty" doc:"set in this bucket by whoever may"`
	Checksum           string            `json:"checksum,omitempty"`
	Algorithm          string            `json:"checksum_algorithm,omitempty"`
}

// BucketPath names a bucket.
type BucketPath struct {
	Bucket string `path:"bucket" maxLength:"63"`
}

// KeyQuery names an object of it.
type KeyQuery struct {
	BucketPath
	Key     string `query:"key" required:"true" maxLength:"1024"`
	Version string `query:"version" maxLength:"64" doc:"the current one if not given"`
}

func (k KeyQuery) ref() vault.ObjectRef {
	return vault.ObjectRef{Bucket: writ.BucketName(k.Bucket), Key: writ.ObjectKey(k.Key), Version: writ.VersionID(k.Version)}
}

func (h mine) buckets(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "my-buckets", Method: http.MethodGet, Path: "/v1/my/buckets", Summary: "Your buckets"},
		func(ctx context.Context, in *struct {
			Prefix string `query:"prefix" maxLength:"63"`
			After  string `query:"after" maxLength:"63"`
			Limit  int    `query:"limit" minimum:"0" maximum:"1000"`
		}) (*output[MyBuckets], error) {
			page, err := h.Vault.Buckets(ctx, ownerOf(ctx).Customer, in.Prefix, writ.BucketName(in.After), in.Limit)
			out := MyBuckets{Buckets: []MyBucket{}, Next: page.Next}
			for _, b := range page.Buckets {
				out.Buckets = append(out.Buckets, myBucket(b))
			}
			return own(h, ctx, out, err)
		})
}

func myBucket(b vault.Bucket) MyBucket {
	as := bucketOf(b)
	out := MyBucket{Name: b.Name, Created: b.Created, Versioning: as.Versioning, ObjectLock: as.ObjectLock, Settings: as.Settings, Custody: CustodyManaged}
	if d := b.Lock.Default; d != nil {
		out.Retention = &MyRetention{Mode: d.Mode.String(), Days: d.Days, Years: d.Years}
	}
	return out
}

func (h mine) objects(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "my-objects", Method: http.MethodGet, Path: "/v1/my/buckets/{bucket}/objects", Summary: "A page of the objects of a bucket"},
		func(ctx context.Context, in *struct {
			BucketPath
			Prefix    string `query:"prefix" maxLength:"1024"`
			Delimiter string `query:"delimiter" maxLength:"1024"`
			After     string `query:"after" maxLength:"1024"`
			Limit     int    `query:"limit" minimum:"0" maximum:"1000"`
		}) (*output[MyObjects], error) {
			out := MyObjects{Objects: []MyObject{}, Prefixes: []string{}}
			b, err := h.bucket(ctx, in.Bucket)
			if err != nil {
				return nil, h.fail(ctx, err)
			}
			page, err := h.Vault.List(ctx, ownerOf(ctx).session(), vault.ListInput{Bucket: b.Name, Prefix: in.Prefix, Delimiter: in.Delimiter, After: in.After, Max: in.Limit})
			for _, v := range page.Versions {
				out.Objects = append(out.Objects, myObject(v))
			}
			out.Prefixes = append(out.Prefixes, page.Prefixes...)
			if page.Truncated {
				out.Next = page.Next
			}
			return own(h, ctx, out, err)
		})
	huma.Register(a, huma.Operation{OperationID: "my-versions", Method: http.MethodGet, Path: "/v1/my/buckets/{bucket}/versions", Summary: "The versions of an object"},
		func(ctx context.Context, in *struct {
			BucketPath
			Key   string `query:"key" required:"true" maxLength:"1024"`
			After string `query:"after" maxLength:"64" doc:"a version; those behind it"`
			Limit int    `query:"limit" minimum:"0" maximum:"1000"`
		}) (*output[MyVersions], error) {
			out := MyVersions{Versions: []MyObject{}}
			b, err := h.bucket(ctx, in.Bucket)
			if err != nil {
				return nil, h.fail(ctx, err)
			}
			ask := vault.ListVersionsInput{Bucket: b.Name, Prefix: in.Key, Max: in.Limit}
			if in.After != "" {
				ask.After, ask.Version = in.Key, writ.VersionID(in.After)
			}
			page, err := h.Vault.ListVersions(ctx, ownerOf(ctx).session(), ask)
			for _, v := range page.Versions {
				if string(v.Key) == in.Key { // keys that it begins come behind it
					out.Versions = append(out.Versions, myObject(v))
				}
			}
			if page.Truncated && page.Next == in.Key {
				out.Next = page.NextVersion
			}
			return own(h, ctx, out, err)
		})
	huma.Register(a, huma.Operation{OperationID: "my-object", Method: http.MethodGet, Path: "/v1/my/buckets/{bucket}/object", Summary: "What is known of a version, without its content"},
		func(ctx context.Context, in *KeyQuery) (*output[MyHead], error) {
			if _, err := h.bucket(ctx, in.Bucket); err != nil {
				return nil, h.fail(ctx, err)
			}
			o, err := h.Vault.Head(ctx, ownerOf(ctx).session(), vault.GetInput{ObjectRef: in.ref()})
			return own(h, ctx, myHead(o.Version), err)
		})
	huma.Register(a, huma.Operation{
		OperationID: "my-delete", Method: http.MethodDelete, Path: "/v1/my/buckets/{bucket}/object", Summary: "Delete an object, or one version of it for ever",
		Description: "Without a version, a bucket with versioning gets a delete marker.",
	}, func(ctx context.Context, in *KeyQuery) (*output[MyDeleted], error) {
		if _, err := h.bucket(ctx, in.Bucket); err != nil {
			return nil, h.fail(ctx, err)
		}
		d, err := h.Vault.Delete(ctx, ownerOf(ctx).session(), vault.DeleteInput{ObjectRef: in.ref()})
		return own(h, ctx, MyDeleted{Version: d.Version, Marker: d.Marker}, err)
	})
}

// MyDeleted is what a deletion did.
type MyDeleted struct {
	Version writ.VersionID `json:"version,omitempty" doc:"that went, or the marker that came"`
	Marker  bool           `json:"delete_marker,omitempty"`
}

func myObject(v vault.Version) MyObject {
	return MyObject{
		Key: v.Key, Version: v.ObjectRef.Version, Latest: v.Latest, Marker: v.Marker, Modified: v.Modified, Size: v.Size, ETag: v.ETag, Parts: v.Parts, Class: v.Class,
	}
}

func myHead(v vault.Version) MyHead {
	out := MyHead{
		MyObject: myObject(v), ContentType: v.Meta.ContentType, ContentEncoding: v.Meta.ContentEncoding, ContentDisposition: v.Meta.ContentDisposition,
		ContentLanguage: v.Meta.ContentLanguage, CacheControl: v.Meta.CacheControl, Metadata: v.Meta.User, Tags: v.Tags, LegalHold: v.LegalHold,
		Checksum: v.Checksum.Value, Algorithm: v.Checksum.Algorithm,
	}
	if v.Retention.Mode != vault.NoLock {
		out.Retention = &MyRetention{Mode: v.Retention.Mode.String(), Until: v.Retention.Until}
	}
	return out
}
