package s3

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3response"

	"writ"
	"writ/internal/vault"
)

// A namer writes names into listings as the client asked for: as they are, or
// escaped as in a URL, which is the only form in which XML 1.0 can hold every
// name.
type namer struct{ escape bool }

// namerOf reads encoding-type, which versitygw does not.
func namerOf(r request) (namer, error) {
	switch r.query("encoding-type") {
	case "":
		return namer{}, nil
	case string(types.EncodingTypeUrl):
		return namer{escape: true}, nil
	}
	return namer{}, errEncodingType
}

func (n namer) name(s string) string {
	if !n.escape {
		return s
	}
	return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/")
}

// ptr returns nil for "".
func (n namer) ptr(s string) *string { return ptr(n.name(s)) }

func (n namer) kind() types.EncodingType {
	if n.escape {
		return types.EncodingTypeUrl
	}
	return ""
}

func (n namer) prefixes(all []string) []types.CommonPrefix {
	out := make([]types.CommonPrefix, 0, len(all))
	for _, p := range all {
		out = append(out, types.CommonPrefix{Prefix: new(n.name(p))})
	}
	return out
}

// limit is how many entries a page may have; 0 is a question that has an
// empty answer.
func limit(max *int32) int {
	if max == nil {
		return vault.MaxList
	}
	return int(*max)
}

// list reads a page of current versions.
func (b *adapter) list(ctx context.Context, bucket, prefix, delimiter *string, after string, max int) (vault.ListPage, error) {
	in := vault.ListInput{Bucket: writ.BucketName(own(bucket)), Prefix: own(prefix), Delimiter: own(delimiter), After: after, Max: max}
	if max == 0 {
		_, err := b.vault.Bucket(b.ctx, in.Bucket)
		return vault.ListPage{}, b.fail(ctx, err, subject{bucket: in.Bucket})
	}
	page, err := b.vault.List(b.ctx, requestOf(ctx).session(), in)
	return page, b.fail(ctx, err, subject{bucket: in.Bucket})
}

func (n namer) objects(page vault.ListPage, owner bool) []s3response.Object {
	out := make([]s3response.Object, 0, len(page.Versions))
	for i := range page.Versions {
		v := &page.Versions[i]
		o := s3response.Object{
			Key: new(n.name(string(v.Key))), ETag: quotedPtr(v.ETag), LastModified: &v.Modified, Size: &v.Size,
			StorageClass: types.ObjectStorageClassStandard,
		}
		if v.Class != "" {
			o.StorageClass = types.ObjectStorageClass(v.Class)
		}
		if v.Checksum.Algorithm != "" {
			o.ChecksumAlgorithm = []types.ChecksumAlgorithm{types.ChecksumAlgorithm(v.Checksum.Algorithm)}
			o.ChecksumType = show(v.Checksum).kind
		}
		if owner {
			o.Owner = &types.Owner{ID: ptr(string(v.Owner))}
		}
		out = append(out, o)
	}
	return out
}

// ListObjects implements [backend.Backend].
func (b *adapter) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (s3response.ListObjectsResult, error) {
	n, err := namerOf(requestOf(ctx))
	if err != nil {
		return s3response.ListObjectsResult{}, err
	}
	page, err := b.list(ctx, in.Bucket, in.Prefix, in.Delimiter, own(in.Marker), limit(in.MaxKeys))
	if err != nil {
		return s3response.ListObjectsResult{}, err
	}
	out := s3response.ListObjectsResult{
		Name: in.Bucket, Prefix: n.ptr(own(in.Prefix)), Marker: n.ptr(own(in.Marker)), MaxKeys: in.MaxKeys,
		Delimiter: n.ptr(own(in.Delimiter)), IsTruncated: &page.Truncated, EncodingType: n.kind(),
		Contents: n.objects(page, true), CommonPrefixes: n.prefixes(page.Prefixes),
	}
	if page.Truncated {
		out.NextMarker = n.ptr(page.Next)
	}
	give(ctx, listXML{out, objectsXML(out.Contents)})
	return s3response.ListObjectsResult{}, nil
}

// ListObjectsV2 implements [backend.Backend]. The continuation token is the
// last name of the page before: it says nothing that the page did not.
func (b *adapter) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	n, err := namerOf(requestOf(ctx))
	if err != nil {
		return s3response.ListObjectsV2Result{}, err
	}
	after := max(own(in.StartAfter), own(in.ContinuationToken))
	page, err := b.list(ctx, in.Bucket, in.Prefix, in.Delimiter, after, limit(in.MaxKeys))
	if err != nil {
		return s3response.ListObjectsV2Result{}, err
	}
	out := s3response.ListObjectsV2Result{
		Name: in.Bucket, Prefix: n.ptr(own(in.Prefix)), StartAfter: n.ptr(own(in.StartAfter)), MaxKeys: in.MaxKeys,
		Delimiter: n.ptr(own(in.Delimiter)), IsTruncated: &page.Truncated, EncodingType: n.kind(),
		ContinuationToken: ptr(own(in.ContinuationToken)), KeyCount: count(len(page.Versions) + len(page.Prefixes)),
		Contents: n.objects(page, in.FetchOwner != nil && *in.FetchOwner), CommonPrefixes: n.prefixes(page.Prefixes),
	}
	if page.Truncated {
		out.NextContinuationToken = ptr(page.Next)
	}
	give(ctx, listV2XML{out, objectsXML(out.Contents)})
	return s3response.ListObjectsV2Result{}, nil
}

// ListObjectVersions implements [backend.Backend].
func (b *adapter) ListObjectVersions(ctx context.Context, in *s3.ListObjectVersionsInput) (s3response.ListVersionsResult, error) {
	r := requestOf(ctx)
	n, err := namerOf(r)
	if err != nil {
		return s3response.ListVersionsResult{}, err
	}
	ask := vault.ListVersionsInput{
		Bucket: writ.BucketName(own(in.Bucket)), Prefix: own(in.Prefix), Delimiter: own(in.Delimiter),
		After: own(in.KeyMarker), Version: writ.VersionID(own(in.VersionIdMarker)), Max: limit(in.MaxKeys),
	}
	on := subject{bucket: ask.Bucket, version: ask.Version}
	var page vault.VersionsPage
	if ask.Max == 0 {
		_, err = b.vault.Bucket(b.ctx, ask.Bucket)
	} else {
		page, err = b.vault.ListVersions(b.ctx, r.session(), ask)
	}
	if err != nil {
		return s3response.ListVersionsResult{}, b.fail(ctx, err, on)
	}
	out := s3response.ListVersionsResult{
		Name: in.Bucket, Prefix: new(n.name(ask.Prefix)), Delimiter: new(n.name(ask.Delimiter)), MaxKeys: in.MaxKeys,
		KeyMarker: new(n.name(ask.After)), VersionIdMarker: new(string(ask.Version)), EncodingType: n.kind(),
		IsTruncated: &page.Truncated, CommonPrefixes: n.prefixes(page.Prefixes),
		NextKeyMarker: new(""), NextVersionIdMarker: new(""),
	}
	if page.Truncated {
		out.NextKeyMarker, out.NextVersionIdMarker = new(n.name(page.Next)), new(string(page.NextVersion))
	}
	for i := range page.Versions {
		v := &page.Versions[i]
		owner, key, id := &types.Owner{ID: ptr(string(v.Owner))}, new(n.name(string(v.Key))), new(string(v.ObjectRef.Version))
		if v.Marker {
			out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{
				IsLatest: &v.Latest, Key: key, LastModified: &v.Modified, Owner: owner, VersionId: id,
			})
			continue
		}
		line := s3response.ObjectVersion{
			ETag: quotedPtr(v.ETag), IsLatest: &v.Latest, Key: key, LastModified: &v.Modified, Owner: owner, Size: &v.Size,
			StorageClass: types.ObjectVersionStorageClassStandard, VersionId: id,
		}
		if v.Class != "" {
			line.StorageClass = types.ObjectVersionStorageClass(v.Class)
		}
		if v.Checksum.Algorithm != "" {
			line.ChecksumAlgorithm = []types.ChecksumAlgorithm{types.ChecksumAlgorithm(v.Checksum.Algorithm)}
			line.ChecksumType = show(v.Checksum).kind
		}
		out.Versions = append(out.Versions, line)
	}
	give(ctx, versionsOf(out))
	return s3response.ListVersionsResult{}, nil
}
