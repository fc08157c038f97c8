package s3

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"writ"
	"writ/internal/vault"
)

// maxKey is the longest key of an object, in bytes.
const maxKey = 1024

// PutObject implements [backend.Backend], for PutObject and for POST forms.
func (b *adapter) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	var out s3response.PutObjectOutput
	r := requestOf(ctx)
	bucket, key := writ.BucketName(own(in.Bucket)), writ.ObjectKey(own(in.Key))
	on := subject{bucket: bucket, key: key, lock: true, write: conditions{ifMatch: in.IfMatch != nil, ifNoneMatch: in.IfNoneMatch != nil}}
	if form := r.form(); form != nil {
		if err := screenForm(form); err != nil {
			return out, err
		}
	}
	if err := writeConditions(in.IfMatch, in.IfNoneMatch); err != nil {
		return out, err
	}
	tags, err := backend.ParseObjectTags(own(in.Tagging))
	if err != nil {
		return out, err
	}
	put := vault.PutInput{
		Bucket: bucket, Key: key, Size: size(r, in.ContentLength),
		IfMatch: own(in.IfMatch), IfNoneMatch: own(in.IfNoneMatch),
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
			Class:     storageClass(r),
		},
	}
	sent := sumsOf(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256,
		in.ChecksumSHA512, in.ChecksumMD5, in.ChecksumXXHASH64, in.ChecksumXXHASH3, in.ChecksumXXHASH128)
	if put.Body, put.Checksum, err = checked(in.Body, sent, defaultChecksum); err != nil {
		return out, b.fail(ctx, err, on)
	}
	put.Body = r.patient(put.Body)
	made, err := b.vault.Put(b.ctx, r.session(), put)
	if err != nil {
		r.drain()
		return out, b.fail(ctx, err, on)
	}
	c := show(made.Checksum)
	return s3response.PutObjectOutput{
		ETag: quoted(made.ETag), VersionID: newVersion(made), Size: &made.Size,
		ChecksumCRC32: c.crc32, ChecksumCRC32C: c.crc32c, ChecksumCRC64NVME: c.crc64nvme,
		ChecksumSHA1: c.sha1, ChecksumSHA256: c.sha256, ChecksumSHA512: c.sha512, ChecksumMD5: c.md5,
		ChecksumXXHASH64: c.xxhash64, ChecksumXXHASH3: c.xxhash3, ChecksumXXHASH128: c.xxhash128,
		ChecksumType: c.kind,
	}, nil
}

// encoding is a Content-Encoding without the one that is only for the way.
func encoding(header *string) string {
	s := own(header)
	if !strings.Contains(s, "aws-chunked") {
		return s
	}
	var kept []string
	for one := range strings.SplitSeq(s, ",") {
		if one = strings.TrimSpace(one); one != "" && one != "aws-chunked" {
			kept = append(kept, one)
		}
	}
	return strings.Join(kept, ",")
}

// size is how long a body is said to be. What a form says includes what may
// follow the file in it.
func size(r request, declared *int64) int64 {
	if declared == nil || r.form() != nil {
		return -1
	}
	return *declared
}

// storageClass is the class that the client names; versitygw does not pass
// it on.
func storageClass(r request) string {
	class := r.header("X-Amz-Storage-Class")
	if class == string(types.StorageClassStandard) {
		return ""
	}
	return class
}

// writeConditions refuses the combinations that AWS does.
func writeConditions(ifMatch, ifNoneMatch *string) error {
	switch {
	case ifNoneMatch != nil && *ifNoneMatch != "*":
		return s3err.GetNotImplementedErr("If-None-Match", s3err.NmpAdditionalMessageIfNoneMatch)
	case ifNoneMatch != nil && ifMatch != nil:
		return s3err.GetNotImplementedErr("If-Match,If-None-Match", s3err.NmpAdditionalMessageMultipleCondHeaders)
	}
	return nil
}

// retention is the one that an upload's headers ask for.
func retention(mode types.ObjectLockMode, until *time.Time) vault.Retention {
	if mode == "" || until == nil {
		return vault.Retention{}
	}
	parsed, err := vault.ParseLockMode(string(mode))
	if err != nil {
		return vault.Retention{} // versitygw lets no other mode through
	}
	return vault.Retention{Mode: parsed, Until: *until}
}

func quoted(etag string) string { return `"` + etag + `"` }

func quotedPtr(etag string) *string {
	s := quoted(etag)
	return &s
}

// newVersion is the id that the answer to a write shows: none for the null
// version.
func newVersion(v vault.Version) string {
	if v.ObjectRef.Version == writ.NullVersion {
		return ""
	}
	return string(v.ObjectRef.Version)
}
