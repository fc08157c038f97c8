package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"writ"
	"writ/internal/vault"
)

// A reading is a GET or HEAD of an object on its way through the vault.
type reading struct {
	in     vault.GetInput
	on     subject
	ranged bool // the range that the client asked for is one that is served
}

// readingOf prepares one. rangeHeader is judged as AWS does: a range that
// makes no sense is ignored, one that lies outside is an error.
func readingOf(bucket, key, version, rangeHeader *string, part *int32, match, none *string, since, unmodified *time.Time) *reading {
	g := &reading{in: vault.GetInput{ObjectRef: vault.ObjectRef{
		Bucket: writ.BucketName(own(bucket)), Key: writ.ObjectKey(own(key)), Version: writ.VersionID(own(version)),
	}}}
	g.on = subject{bucket: g.in.Bucket, key: g.in.Key, version: g.in.Version}
	g.in.Conditions, g.on.read = readConditions(match, none, since, unmodified)
	if part != nil {
		g.in.Part, g.on.part = int(*part), int(*part)
	} else if rangeHeader != nil && *rangeHeader != "" {
		g.in.Range = func(size int64) (off, n int64, err error) {
			off, n, g.ranged, err = backend.ParseObjectRange(size, *rangeHeader)
			return off, n, err
		}
	}
	return g
}

func readConditions(match, none *string, since, unmodified *time.Time) (vault.Conditions, conditions) {
	c := vault.Conditions{IfMatch: own(match), IfNoneMatch: own(none)}
	if since != nil {
		c.IfModifiedSince = *since
	}
	if unmodified != nil {
		c.IfUnmodifiedSince = *unmodified
	}
	return c, conditions{ifMatch: c.IfMatch != "", ifNoneMatch: c.IfNoneMatch != "", ifUnmodifiedSince: unmodified != nil}
}

// answer is what GET and HEAD tell of an object alike.
type answer struct {
	etag, contentRange, version    *string
	length                         int64
	modified                       time.Time
	parts, tags                    *int32
	sum                            shown
	class                          types.StorageClass
	lock                           types.ObjectLockMode
	until                          *time.Time
	hold                           types.ObjectLockLegalHoldStatus
	contentType, encoding, shape   *string
	language, cache, expires, move *string
}

func (b *adapter) answer(g *reading, o *vault.Object, mode types.ChecksumMode) answer {
	v := &o.Version
	a := answer{
		etag: quotedPtr(v.ETag), length: o.Length, modified: v.Modified, class: types.StorageClassStandard,
		contentType: ptr(v.Meta.ContentType), encoding: ptr(v.Meta.ContentEncoding), shape: ptr(v.Meta.ContentDisposition),
		language: ptr(v.Meta.ContentLanguage), cache: ptr(v.Meta.CacheControl), expires: ptr(v.Meta.Expires),
		move: ptr(v.Meta.WebsiteRedirect),
	}
	if v.Class != "" {
		a.class = types.StorageClass(v.Class)
	}
	if bucket, err := b.vault.Bucket(b.ctx, v.Bucket); err == nil && bucket.Versioning != vault.Unversioned {
		a.version = ptr(string(v.ObjectRef.Version))
	}
	if g.in.Part > 0 && v.Parts > 0 {
		a.parts = count(v.Parts)
	}
	if g.ranged || g.in.Part > 0 && o.Length > 0 {
		a.contentRange = ptr(fmt.Sprintf("bytes %d-%d/%d", o.Offset, o.Offset+o.Length-1, v.Size))
	}
	if len(v.Tags) > 0 {
		a.tags = count(len(v.Tags))
	}
	if mode == types.ChecksumModeEnabled && o.Length == v.Size {
		a.sum = show(v.Checksum)
	}
	if v.Retention.Mode != vault.NoLock {
		a.lock, a.until = types.ObjectLockMode(v.Retention.Mode.String()), &v.Retention.Until
	}
	if v.LegalHold {
		a.hold = types.ObjectLockLegalHoldStatusOn
	}
	return a
}

func count(n int) *int32 {
	n32 := int32(n)
	return &n32
}

// GetObject implements [backend.Backend].
func (b *adapter) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	r := requestOf(ctx)
	g := readingOf(in.Bucket, in.Key, in.VersionId, in.Range, in.PartNumber,
		in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince)
	o, err := b.vault.Get(b.ctx, r.session(), g.in)
	if err != nil {
		if marker := markerOf(err); marker != nil {
			return &s3.GetObjectOutput{DeleteMarker: new(true), LastModified: &marker.Version.Modified}, b.failReading(ctx, err, g, &o)
		}
		return nil, b.failReading(ctx, err, g, &o)
	}
	a := b.answer(g, &o, in.ChecksumMode)
	return &s3.GetObjectOutput{
		AcceptRanges: new("bytes"), ETag: a.etag, ContentLength: &a.length, ContentRange: a.contentRange,
		LastModified: &a.modified, VersionId: a.version, Metadata: o.Meta.User, TagCount: a.tags, PartsCount: a.parts,
		StorageClass: a.class, ContentType: a.contentType, ContentEncoding: a.encoding, ContentDisposition: a.shape,
		ContentLanguage: a.language, CacheControl: a.cache, ExpiresString: a.expires, WebsiteRedirectLocation: a.move,
		ObjectLockMode: a.lock, ObjectLockRetainUntilDate: a.until, ObjectLockLegalHoldStatus: a.hold,
		ChecksumCRC32: a.sum.crc32, ChecksumCRC32C: a.sum.crc32c, ChecksumCRC64NVME: a.sum.crc64nvme,
		ChecksumSHA1: a.sum.sha1, ChecksumSHA256: a.sum.sha256, ChecksumSHA512: a.sum.sha512, ChecksumMD5: a.sum.md5,
		ChecksumXXHASH64: a.sum.xxhash64, ChecksumXXHASH3: a.sum.xxhash3, ChecksumXXHASH128: a.sum.xxhash128,
		ChecksumType: a.sum.kind,
		Body:         r.patientBody(o.Body, b.brokenBody(r.id())),
	}, nil
}

// brokenBody logs, under the request's id, that a body failed by what is
// stored. That a client went away is none of the operator's business.
func (b *adapter) brokenBody(request string) func(error) {
	return func(err error) {
		var object *vault.ObjectError
		if errors.As(err, &object) && errors.Is(err, vault.ErrCorrupt) {
			b.log.LogAttrs(context.Background(), slog.LevelError, "couldn't go on with a download",
				slog.String("request", request), slog.String("error", err.Error()))
		}
	}
}

// HeadObject implements [backend.Backend].
func (b *adapter) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	g := readingOf(in.Bucket, in.Key, in.VersionId, in.Range, in.PartNumber,
		in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince)
	o, err := b.vault.Head(b.ctx, requestOf(ctx).session(), g.in)
	if err != nil {
		if marker := markerOf(err); marker != nil && !marker.Current {
			return &s3.HeadObjectOutput{DeleteMarker: new(true), LastModified: &marker.Version.Modified}, b.failReading(ctx, err, g, &o)
		}
		return nil, b.failReading(ctx, err, g, &o)
	}
	a := b.answer(g, &o, in.ChecksumMode)
	return &s3.HeadObjectOutput{
		AcceptRanges: new("bytes"), ETag: a.etag, ContentLength: &a.length, ContentRange: a.contentRange,
		LastModified: &a.modified, VersionId: a.version, Metadata: o.Meta.User, TagCount: a.tags, PartsCount: a.parts,
		StorageClass: a.class, ContentType: a.contentType, ContentEncoding: a.encoding, ContentDisposition: a.shape,
		ContentLanguage: a.language, CacheControl: a.cache, ExpiresString: a.expires, WebsiteRedirectLocation: a.move,
		ObjectLockMode: a.lock, ObjectLockRetainUntilDate: a.until, ObjectLockLegalHoldStatus: a.hold,
		ChecksumCRC32: a.sum.crc32, ChecksumCRC32C: a.sum.crc32c, ChecksumCRC64NVME: a.sum.crc64nvme,
		ChecksumSHA1: a.sum.sha1, ChecksumSHA256: a.sum.sha256, ChecksumSHA512: a.sum.sha512, ChecksumMD5: a.sum.md5,
		ChecksumXXHASH64: a.sum.xxhash64, ChecksumXXHASH3: a.sum.xxhash3, ChecksumXXHASH128: a.sum.xxhash128,
		ChecksumType: a.sum.kind,
	}, nil
}

// failReading is fail for what was asked of an object that is there.
func (b *adapter) failReading(ctx context.Context, err error, g *reading, o *vault.Object) error {
	if errors.Is(err, vault.ErrInvalidPart) {
		return s3err.GetInvalidPartNumberRangeErr(int32(max(1, o.Parts)), int32(g.in.Part))
	}
	return b.fail(ctx, err, g.on)
}

// markerOf returns the delete marker that an error is about.
func markerOf(err error) *vault.MarkerError {
	var marker *vault.MarkerError
	errors.As(err, &marker)
	return marker
}

// GetObjectAttributes implements [backend.Backend].
func (b *adapter) GetObjectAttributes(ctx context.Context, in *s3.GetObjectAttributesInput) (s3response.GetObjectAttributesResponse, error) {
	r := requestOf(ctx)
	g := readingOf(in.Bucket, in.Key, in.VersionId, nil, nil, nil, nil, nil, nil)
	o, err := b.vault.Head(b.ctx, r.session(), g.in)
	if err != nil {
		if markerOf(err) != nil {
			// An answer about a delete marker has no attributes to show.
			return s3response.GetObjectAttributesResponse{DeleteMarker: new(true), VersionId: ptr(string(g.in.Version))},
				s3err.GetAPIError(s3err.ErrNoSuchKey)
		}
		return s3response.GetObjectAttributesResponse{}, b.fail(ctx, err, g.on)
	}
	a := b.answer(g, &o, types.ChecksumModeEnabled)
	out := s3response.GetObjectAttributesResponse{
		ETag: ptr(o.ETag), ObjectSize: &o.Version.Size, StorageClass: a.class, LastModified: &a.modified, VersionId: a.version,
		Checksum: &types.Checksum{
			ChecksumCRC32: a.sum.crc32, ChecksumCRC32C: a.sum.crc32c, ChecksumCRC64NVME: a.sum.crc64nvme,
			ChecksumSHA1: a.sum.sha1, ChecksumSHA256: a.sum.sha256, ChecksumSHA512: a.sum.sha512, ChecksumMD5: a.sum.md5,
			ChecksumXXHASH64: a.sum.xxhash64, ChecksumXXHASH3: a.sum.xxhash3, ChecksumXXHASH128: a.sum.xxhash128,
			ChecksumType: a.sum.kind,
		},
	}
	if o.Parts > 0 && strings.Contains(r.header("X-Amz-Object-Attributes"), string(s3response.ObjectAttributesObjectParts)) {
		if out.ObjectParts, err = b.objectParts(r, in, o.ObjectRef); err != nil {
			return s3response.GetObjectAttributesResponse{}, b.fail(ctx, err, g.on)
		}
	}
	return out, nil
}

// objectParts is the page of an object's parts that is asked for.
func (b *adapter) objectParts(r request, in *s3.GetObjectAttributesInput, ref vault.ObjectRef) (*s3response.ObjectParts, error) {
	limit := vault.MaxList
	if in.MaxParts != nil {
		limit = int(*in.MaxParts)
	}
	behind, _ := strconv.Atoi(own(in.PartNumberMarker)) // AWS starts at the beginning too
	page, err := b.vault.ObjectParts(b.ctx, r.session(), ref, max(behind, 0), limit)
	if err != nil {
		return nil, err
	}
	out := &s3response.ObjectParts{
		PartNumberMarker: behind, NextPartNumberMarker: page.Next, MaxParts: limit, IsTruncated: page.Truncated,
	}
	for _, p := range page.Parts {
		c := show(p.Checksum)
		out.Parts = append(out.Parts, types.ObjectPart{
			PartNumber: count(p.Number), Size: &p.Size,
			ChecksumCRC32: c.crc32, ChecksumCRC32C: c.crc32c, ChecksumCRC64NVME: c.crc64nvme,
			ChecksumSHA1: c.sha1, ChecksumSHA256: c.sha256, ChecksumSHA512: c.sha512, ChecksumMD5: c.md5,
			ChecksumXXHASH64: c.xxhash64, ChecksumXXHASH3: c.xxhash3, ChecksumXXHASH128: c.xxhash128,
		})
	}
	return out, nil
}
