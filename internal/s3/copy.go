package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"writ"
	"writ/internal/vault"
)

// A source is what an object or a part is copied from.
type source struct {
	ref        vault.ObjectRef
	conditions vault.Conditions
	on         subject
}

// sourceOf reads X-Amz-Copy-Source and what goes with it, and checks whose
// the source is expected to be. That the session may read it was judged
// before.
func (b *adapter) sourceOf(ctx context.Context, header, expected, match, none *string, since, unmodified *time.Time) (source, error) {
	bucket, key, version, err := backend.ParseCopySource(own(header))
	if err != nil {
		return source{}, err
	}
	s := source{ref: vault.ObjectRef{Bucket: writ.BucketName(bucket), Key: writ.ObjectKey(key), Version: writ.VersionID(version)}}
	s.on = subject{bucket: s.ref.Bucket, key: s.ref.Key, version: s.ref.Version}
	s.conditions, s.on.read = readConditions(match, none, since, unmodified)
	found, err := b.vault.Bucket(b.ctx, s.ref.Bucket)
	if err != nil {
		return source{}, b.fail(ctx, err, s.on)
	}
	if expected := own(expected); expected != "" && expected != string(found.Owner) {
		return source{}, s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return s, b.mayReadVersion(requestOf(ctx), found, s.ref)
}

// mayReadVersion judges a source of which a version is named. versitygw has
// judged "key?versionId=…" as if it were the key, which a statement that
// denies the key does not cover.
func (b *adapter) mayReadVersion(r request, bucket vault.Bucket, ref vault.ObjectRef) error {
	if ref.Version == "" {
		return nil
	}
	acl, err := auth.ParseACL(bucket.Settings[vault.SettingACL])
	if err != nil {
		return b.fail(r, fmt.Errorf("couldn't read acl: %w", err), subject{})
	}
	acl.Owner = string(bucket.Owner)
	acc, _ := r.UserValue(string(utils.ContextKeyAccount)).(auth.Account)
	handling, ok := r.UserValue(handlingKey).(fiber.Ctx)
	if !ok {
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return auth.VerifyAccess(handling, b, auth.AccessOptions{
		Acl: acl, AclPermission: auth.PermissionRead, Acc: acc, Iam: b.accounts,
		Bucket: string(ref.Bucket), Object: string(ref.Key), Actions: []auth.Action{auth.GetObjectVersionAction},
	})
}

// failCopy is fail for a copy, where either side may be what is wrong.
func (b *adapter) failCopy(ctx context.Context, err error, from, to subject) error {
	var atSource *vault.SourceError
	if !errors.As(err, &atSource) {
		return b.fail(ctx, err, to)
	}
	if marker := markerOf(err); marker != nil && !marker.Current {
		return s3err.GetAPIError(s3err.ErrInvalidRequest) // a delete marker cannot be copied
	}
	return b.fail(ctx, err, from)
}

// CopyObject implements [backend.Backend].
func (b *adapter) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	var none s3response.CopyObjectOutput
	r := requestOf(ctx)
	on := subject{bucket: writ.BucketName(own(in.Bucket)), key: writ.ObjectKey(own(in.Key)), lock: true}
	from, err := b.sourceOf(ctx, in.CopySource, in.ExpectedSourceBucketOwner, in.CopySourceIfMatch, in.CopySourceIfNoneMatch,
		in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince)
	if err != nil {
		return none, err
	}
	tags, err := backend.ParseObjectTags(own(in.Tagging))
	if err != nil {
		return none, err
	}
	ask := vault.CopyInput{
		Source: from.ref, Conditions: from.conditions,
		KeepMeta: in.MetadataDirective != types.MetadataDirectiveReplace,
		KeepTags: in.TaggingDirective != types.TaggingDirectiveReplace,
		Sum:      copySum(in.ChecksumAlgorithm),
		To: vault.PutInput{
			Bucket: on.bucket, Key: on.key, Size: -1,
			Draft: vault.Draft{
				Meta: vault.Meta{
					ContentType: own(in.ContentType), ContentEncoding: encoding(in.ContentEncoding),
					ContentDisposition: own(in.ContentDisposition), ContentLanguage: own(in.ContentLanguage),
					CacheControl: own(in.CacheControl), Expires: own(in.Expires),
					WebsiteRedirect: own(in.WebsiteRedirectLocation), User: in.Metadata,
				},
				Tags:      tags,
				Retention: retention(in.ObjectLockMode, in.ObjectLockRetainUntilDate),
				LegalHold: in.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn,
				Class:     own(ptr(string(in.StorageClass))),
			},
		},
	}
	if ask.KeepMeta {
		if err := b.keepMeta(r, &ask); err != nil {
			return none, b.failCopy(ctx, err, from.on, on)
		}
	}
	copied, err := b.vault.Copy(b.ctx, r.session(), ask)
	if err != nil {
		return none, b.failCopy(ctx, err, from.on, on)
	}
	c := show(copied.Checksum)
	return s3response.CopyObjectOutput{
		CopyObjectResult: &s3response.CopyObjectResult{
			ETag: quotedPtr(copied.ETag), LastModified: &copied.Modified,
			ChecksumCRC32: c.crc32, ChecksumCRC32C: c.crc32c, ChecksumCRC64NVME: c.crc64nvme,
			ChecksumSHA1: c.sha1, ChecksumSHA256: c.sha256, ChecksumSHA512: c.sha512, ChecksumMD5: c.md5,
			ChecksumXXHASH64: c.xxhash64, ChecksumXXHASH3: c.xxhash3, ChecksumXXHASH128: c.xxhash128,
			ChecksumType: c.kind,
		},
		VersionId:           ptr(newVersion(copied.Version)),
		CopySourceVersionId: ptr(b.shownVersion(copied.Source)),
	}, nil
}

// keepMeta has a copy take its source's metadata but for the redirection of a
// website, which is never copied: the copy has the request's, or none.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
func (b *adapter) keepMeta(r request, ask *vault.CopyInput) error {
	to := &ask.To
	if ask.Source.Version == "" && ask.Source.Bucket == to.Bucket && ask.Source.Key == to.Key && to.Meta.WebsiteRedirect == "" {
		return nil // changes nothing, or no more than the class: the vault's to judge
	}
	source, err := b.vault.Head(b.ctx, r.session(), vault.GetInput{ObjectRef: ask.Source})
	if err != nil {
		return &vault.SourceError{Err: err}
	}
	if source.Meta.WebsiteRedirect == to.Meta.WebsiteRedirect {
		return nil
	}
	redirect := to.Meta.WebsiteRedirect
	to.Meta, ask.KeepMeta = source.Meta, false
	to.Meta.WebsiteRedirect = redirect
	if to.Class == "" {
		to.Class = source.Class
	}
	if ask.Conditions.IfMatch == "" {
		ask.Conditions.IfMatch = source.ETag // what was looked at is what is copied
	}
	return nil
}

// shownVersion is a version's id as an answer shows it: none in a bucket that
// never had versioning.
func (b *adapter) shownVersion(v vault.Version) string {
	if bucket, err := b.vault.Bucket(b.ctx, v.Bucket); err != nil || bucket.Versioning == vault.Unversioned {
		return ""
	}
	return string(v.ObjectRef.Version)
}

// copySum has a copy's checksum computed anew, if the client asks for one.
func copySum(algorithm types.ChecksumAlgorithm) func(io.Reader) (io.Reader, func() (vault.Checksum, error)) {
	if algorithm == "" {
		return nil
	}
	return func(body io.Reader) (io.Reader, func() (vault.Checksum, error)) {
		d, err := newDigest(body, types.ChecksumAlgorithm(strings.Clone(string(algorithm))), "")
		if err != nil {
			return body, func() (vault.Checksum, error) { return vault.Checksum{}, err }
		}
		return d, d.sum
	}
}

// UploadPartCopy implements [backend.Backend].
func (b *adapter) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (s3response.CopyPartResult, error) {
	var none s3response.CopyPartResult
	r := requestOf(ctx)
	ref := uploadRef(in.Bucket, in.Key, in.UploadId)
	on := subject{bucket: ref.Bucket, key: ref.Key, upload: ref.ID, part: int(*in.PartNumber)}
	up, err := b.vault.Upload(b.ctx, ref)
	if err != nil {
		return none, b.fail(ctx, err, on)
	}
	from, err := b.sourceOf(ctx, in.CopySource, in.ExpectedSourceBucketOwner, in.CopySourceIfMatch, in.CopySourceIfNoneMatch,
		in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince)
	if err != nil {
		return none, err
	}
	algorithm := types.ChecksumAlgorithm(up.ChecksumAlgorithm)
	if algorithm == "" {
		algorithm = defaultChecksum
	}
	copied, err := b.vault.CopyPart(b.ctx, r.session(), vault.CopyPartInput{
		UploadRef: ref, Number: int(*in.PartNumber), Source: from.ref, Conditions: from.conditions, Sum: copySum(algorithm),
		Range: func(size int64) (int64, int64, error) { return parseSourceRange(size, own(in.CopySourceRange)) },
	})
	if err != nil {
		return none, b.failCopy(ctx, err, from.on, on)
	}
	out := s3response.CopyPartResult{
		ETag: quotedPtr(copied.ETag), LastModified: copied.Modified, CopySourceVersionId: b.shownVersion(copied.Source),
	}
	if up.ChecksumAlgorithm != "" {
		c := show(copied.Checksum)
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME = c.crc32, c.crc32c, c.crc64nvme
		out.ChecksumSHA1, out.ChecksumSHA256, out.ChecksumSHA512, out.ChecksumMD5 = c.sha1, c.sha256, c.sha512, c.md5
		out.ChecksumXXHASH64, out.ChecksumXXHASH3, out.ChecksumXXHASH128 = c.xxhash64, c.xxhash3, c.xxhash128
	}
	return out, nil
}

// parseSourceRange is versitygw's, but for a range without an end, of which
// that makes one byte too many.
func parseSourceRange(size int64, header string) (off, n int64, err error) {
	off, n, err = backend.ParseCopySourceRange(size, header)
	return off, min(n, size-off), err
}
