package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"writ"
	"writ/internal/vault"
)

func uploadRef(bucket, key, id *string) vault.UploadRef {
	return vault.UploadRef{Bucket: writ.BucketName(own(bucket)), Key: writ.ObjectKey(own(key)), ID: own(id)}
}

func onUpload(ref vault.UploadRef) subject {
	return subject{bucket: ref.Bucket, key: ref.Key, upload: ref.ID}
}

// CreateMultipartUpload implements [backend.Backend].
func (b *adapter) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (s3response.InitiateMultipartUploadResult, error) {
	var none s3response.InitiateMultipartUploadResult
	r := requestOf(ctx)
	on := subject{bucket: writ.BucketName(own(in.Bucket)), key: writ.ObjectKey(own(in.Key)), lock: true}
	if err := inFIPS(in.ChecksumAlgorithm); err != nil {
		return none, err
	}
	tags, err := backend.ParseObjectTags(own(in.Tagging))
	if err != nil {
		return none, err
	}
	up, err := b.vault.BeginUpload(b.ctx, r.session(), vault.BeginInput{
		Bucket: on.bucket, Key: on.key,
		ChecksumAlgorithm: strings.Clone(string(in.ChecksumAlgorithm)),
		ChecksumComposite: in.ChecksumType == types.ChecksumTypeComposite,
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
	})
	if err != nil {
		return none, b.fail(ctx, err, on)
	}
	return s3response.InitiateMultipartUploadResult{Bucket: string(up.Bucket), Key: string(up.Key), UploadId: up.ID}, nil
}

// UploadPart implements [backend.Backend].
func (b *adapter) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	r := requestOf(ctx)
	ref := uploadRef(in.Bucket, in.Key, in.UploadId)
	on := onUpload(ref)
	on.part = int(*in.PartNumber)
	up, err := b.vault.Upload(b.ctx, ref)
	if err != nil {
		return nil, b.fail(ctx, err, on)
	}
	sent := sumsOf(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256,
		in.ChecksumSHA512, in.ChecksumMD5, in.ChecksumXXHASH64, in.ChecksumXXHASH3, in.ChecksumXXHASH128)
	asked, has := types.ChecksumAlgorithm(up.ChecksumAlgorithm), algorithmOf(in.Body, sent)
	switch {
	case asked != "" && has == "" && up.ChecksumComposite:
		return nil, s3err.GetChecksumTypeMismatchErr(asked, "null")
	case asked != "" && has != "" && has != asked:
		return nil, s3err.GetChecksumTypeMismatchErr(asked, has)
	}
	byDefault := defaultChecksum
	if asked != "" {
		byDefault = asked
	}
	put := vault.PartInput{UploadRef: ref, Number: on.part, Size: size(r, in.ContentLength)}
	if put.Body, put.Checksum, err = checked(in.Body, sent, byDefault); err != nil {
		return nil, b.fail(ctx, err, on)
	}
	var own vault.Checksum // of the part, as the client has it
	if asked == "" && has != "" && has != defaultChecksum {
		if err := also(&put, &own); err != nil {
			return nil, b.fail(ctx, err, on)
		}
	}
	put.Body = r.patient(put.Body)
	part, err := b.vault.PutPart(b.ctx, r.session(), put)
	if err != nil {
		r.drain()
		return nil, b.fail(ctx, err, on)
	}
	if own.Algorithm == "" {
		own = part.Checksum
	}
	out := &s3.UploadPartOutput{ETag: quotedPtr(part.ETag)}
	if has != "" || asked != "" {
		c := show(own)
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME = c.crc32, c.crc32c, c.crc64nvme
		out.ChecksumSHA1, out.ChecksumSHA256, out.ChecksumSHA512, out.ChecksumMD5 = c.sha1, c.sha256, c.sha512, c.md5
		out.ChecksumXXHASH64, out.ChecksumXXHASH3, out.ChecksumXXHASH128 = c.xxhash64, c.xxhash3, c.xxhash128
	}
	return out, nil
}

// also has a part keep the checksum that the whole object gets by default,
// where its upload asked for none, beside the one that the client sent for the
// part alone: that is verified, and put where the answer finds it.
func also(put *vault.PartInput, own *vault.Checksum) error {
	verify := put.Checksum
	whole, err := newDigest(put.Body, defaultChecksum, "")
	if err != nil {
		return err
	}
	put.Body = whole
	put.Checksum = func() (sum vault.Checksum, err error) {
		if *own, err = verify(); err != nil {
			return sum, err
		}
		return whole.sum()
	}
	return nil
}

// CompleteMultipartUpload implements [backend.Backend].
func (b *adapter) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	var none s3response.CompleteMultipartUploadResult
	r := requestOf(ctx)
	ref := uploadRef(in.Bucket, in.Key, in.UploadId)
	on := onUpload(ref)
	on.lock, on.write = true, conditions{ifMatch: in.IfMatch != nil, ifNoneMatch: in.IfNoneMatch != nil}
	if err := writeConditions(in.IfMatch, in.IfNoneMatch); err != nil {
		return none, "", err
	}
	complete := vault.CompleteInput{UploadRef: ref, IfMatch: own(in.IfMatch), IfNoneMatch: own(in.IfNoneMatch), Size: -1}
	if in.MpuObjectSize != nil {
		complete.Size = *in.MpuObjectSize
	}
	// What the upload asked for decides what its list must say. One that was
	// completed before is gone, and the vault knows the answer that it had.
	up, upErr := b.vault.Upload(b.ctx, ref)
	algorithm, value, _ := sumsOf(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256,
		in.ChecksumSHA512, in.ChecksumMD5, in.ChecksumXXHASH64, in.ChecksumXXHASH3, in.ChecksumXXHASH128).one()
	if upErr == nil {
		if err := checkType(up, in.ChecksumType); err != nil {
			return none, "", err
		}
		if string(algorithm) == up.ChecksumAlgorithm {
			complete.Checksum = vault.Checksum{Algorithm: string(algorithm), Value: value, Composite: up.ChecksumComposite}
		}
	}
	for _, p := range in.MultipartUpload.Parts {
		line, err := listed(p, up, upErr == nil)
		if err != nil {
			return none, "", err
		}
		complete.Parts = append(complete.Parts, line)
	}
	made, err := b.vault.CompleteUpload(b.ctx, r.session(), complete)
	if err != nil {
		return none, "", b.failCompletion(ctx, err, on, up, complete)
	}
	c := show(made.Checksum)
	out := s3response.CompleteMultipartUploadResult{
		Bucket: in.Bucket, Key: in.Key, ETag: quotedPtr(made.ETag),
		ChecksumCRC32: c.crc32, ChecksumCRC32C: c.crc32c, ChecksumCRC64NVME: c.crc64nvme,
		ChecksumSHA1: c.sha1, ChecksumSHA256: c.sha256, ChecksumSHA512: c.sha512, ChecksumMD5: c.md5,
		ChecksumXXHASH64: c.xxhash64, ChecksumXXHASH3: c.xxhash3, ChecksumXXHASH128: c.xxhash128,
	}
	if c.kind != "" {
		out.ChecksumType = &c.kind
	}
	return out, newVersion(made), nil
}

// checkType holds the type of checksum that a completion names against the
// one that its upload began with.
func checkType(up vault.Upload, kind types.ChecksumType) error {
	has := types.ChecksumTypeFullObject
	if up.ChecksumComposite {
		has = types.ChecksumTypeComposite
	}
	if kind != "" && kind != has {
		if up.ChecksumAlgorithm == "" {
			return s3err.GetChecksumTypeMismatchOnMpErr("null")
		}
		return s3err.GetChecksumTypeMismatchOnMpErr(has)
	}
	return nil
}

// listed is one line of a client's list. known says that the upload is there.
func listed(p types.CompletedPart, up vault.Upload, known bool) (vault.CompletePart, error) {
	if p.PartNumber == nil || p.ETag == nil {
		return vault.CompletePart{}, s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	line := vault.CompletePart{Number: int(*p.PartNumber), ETag: strings.Trim(own(p.ETag), `"`)}
	if line.Number < 1 || line.Number > vault.MaxParts {
		return line, s3err.GetInvalidArgumentErr(s3err.InvalidArgCompleteMpPartNumber, fmt.Sprint(line.Number))
	}
	algorithm, value, n := sumsOf(p.ChecksumCRC32, p.ChecksumCRC32C, p.ChecksumCRC64NVME, p.ChecksumSHA1, p.ChecksumSHA256,
		p.ChecksumSHA512, p.ChecksumMD5, p.ChecksumXXHASH64, p.ChecksumXXHASH3, p.ChecksumXXHASH128).one()
	asked := types.ChecksumAlgorithm(up.ChecksumAlgorithm)
	switch {
	case !known:
	case n > 1:
		return line, s3err.GetInvalidArgumentErr(s3err.InvalidArgChecksumPart, severalSums(p))
	case asked == "" && n > 0:
		return line, s3err.GetInvalidPartErr(up.ID, *p.PartNumber, *p.ETag)
	case asked != "" && n == 0 && up.ChecksumComposite:
		return line, s3err.APIError{
			Code: "InvalidRequest",
			Description: fmt.Sprintf("The upload was created using a %v checksum. The complete request must include the checksum for each part. It was missing for part %v in the request.",
				strings.ToLower(string(asked)), line.Number),
			HTTPStatusCode: http.StatusBadRequest,
		}
	case n > 0 && !utils.IsValidChecksum(value, algorithm):
		return line, s3err.GetInvalidArgumentErr(s3err.InvalidArgChecksumPart, value)
	case n > 0 && algorithm != asked:
		return line, s3err.APIError{
			Code: "BadDigest",
			Description: fmt.Sprintf("The %v you specified for part %v did not match what we received.",
				strings.ToLower(string(algorithm)), line.Number),
			HTTPStatusCode: http.StatusBadRequest,
		}
	case n > 0:
		line.Checksum = vault.Checksum{Algorithm: string(algorithm), Value: value}
	}
	return line, nil
}

// severalSums shows the checksums of a line that has too many.
func severalSums(p types.CompletedPart) string {
	var b strings.Builder
	for _, sum := range sumsOf(p.ChecksumCRC32, p.ChecksumCRC32C, p.ChecksumCRC64NVME, p.ChecksumSHA1, p.ChecksumSHA256,
		nil, nil, nil, nil, nil) {
		if sum.value != nil && *sum.value != "" {
			fmt.Fprintf(&b, "%s:%s;", sum.algorithm, *sum.value)
		}
	}
	return b.String()
}

// AbortMultipartUpload implements [backend.Backend].
func (b *adapter) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	ref := uploadRef(in.Bucket, in.Key, in.UploadId)
	if begun := in.IfMatchInitiatedTime; begun != nil {
		up, err := b.vault.Upload(b.ctx, ref)
		if err != nil {
			return b.fail(ctx, err, onUpload(ref))
		}
		if begun.Unix() != up.Begun.Unix() {
			return s3err.GetPreconditionFailedErr(s3err.ConditionIfMatchInitiatedTime)
		}
	}
	return b.fail(ctx, b.vault.AbortUpload(b.ctx, requestOf(ctx).session(), ref), onUpload(ref))
}

// ListParts implements [backend.Backend].
func (b *adapter) ListParts(ctx context.Context, in *s3.ListPartsInput) (s3response.ListPartsResult, error) {
	var none s3response.ListPartsResult
	ref := uploadRef(in.Bucket, in.Key, in.UploadId)
	behind := 0
	if marker := own(in.PartNumberMarker); marker != "" {
		var err error
		if behind, err = strconv.Atoi(marker); err != nil {
			return none, s3err.GetInvalidArgMaxLimiter("part-number-marker", marker)
		}
	}
	page, err := b.vault.Parts(b.ctx, requestOf(ctx).session(), ref, behind, limit(in.MaxParts))
	if err != nil {
		return none, b.fail(ctx, err, onUpload(ref))
	}
	up := page.Upload
	out := s3response.ListPartsResult{
		Bucket: string(ref.Bucket), Key: string(ref.Key), UploadID: ref.ID,
		ChecksumAlgorithm: types.ChecksumAlgorithm(orNull(up.ChecksumAlgorithm)), ChecksumType: uploadType(up),
		Initiator: s3response.Initiator{ID: string(up.Initiator)}, Owner: s3response.Owner{ID: string(up.Owner)},
		StorageClass: class(up.Class), PartNumberMarker: behind, NextPartNumberMarker: page.Next,
		MaxParts: limit(in.MaxParts), IsTruncated: page.Truncated, Parts: make([]s3response.Part, 0, len(page.Parts)),
	}
	for _, p := range page.Parts {
		var c shown
		if up.ChecksumAlgorithm != "" {
			c = show(p.Checksum)
		}
		out.Parts = append(out.Parts, s3response.Part{
			PartNumber: p.Number, LastModified: p.Modified, ETag: quoted(p.ETag), Size: p.Size,
			ChecksumCRC32: c.crc32, ChecksumCRC32C: c.crc32c, ChecksumCRC64NVME: c.crc64nvme,
			ChecksumSHA1: c.sha1, ChecksumSHA256: c.sha256, ChecksumSHA512: c.sha512, ChecksumMD5: c.md5,
			ChecksumXXHASH64: c.xxhash64, ChecksumXXHASH3: c.xxhash3, ChecksumXXHASH128: c.xxhash128,
		})
	}
	return out, nil
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

// uploadType is the type of checksum that an upload will have, "null" if it
// did not ask for one.
func uploadType(up vault.Upload) types.ChecksumType {
	switch {
	case up.ChecksumAlgorithm == "":
		return "null"
	case up.ChecksumComposite:
		return types.ChecksumTypeComposite
	}
	return types.ChecksumTypeFullObject
}

func class(named string) types.StorageClass {
	if named == "" {
		return types.StorageClassStandard
	}
	return types.StorageClass(named)
}

// ListMultipartUploads implements [backend.Backend].
func (b *adapter) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (s3response.ListMultipartUploadsResult, error) {
	var none s3response.ListMultipartUploadsResult
	r := requestOf(ctx)
	n, err := namerOf(r)
	if err != nil {
		return none, err
	}
	ask := vault.UploadsInput{
		Bucket: writ.BucketName(own(in.Bucket)), Prefix: own(in.Prefix), Delimiter: own(in.Delimiter),
		After: own(in.KeyMarker), AfterID: own(in.UploadIdMarker), Max: limit(in.MaxUploads),
	}
	page, err := b.vault.Uploads(b.ctx, r.session(), ask)
	if err != nil {
		return none, b.fail(ctx, err, subject{bucket: ask.Bucket, upload: ask.AfterID})
	}
	out := s3response.ListMultipartUploadsResult{
		Bucket: string(ask.Bucket), Prefix: n.name(ask.Prefix), Delimiter: n.name(ask.Delimiter),
		KeyMarker: n.name(ask.After), UploadIDMarker: ask.AfterID, EncodingType: string(n.kind()),
		MaxUploads: ask.Max, IsTruncated: page.Truncated,
	}
	if page.Truncated {
		out.NextKeyMarker, out.NextUploadIDMarker = n.name(page.Next), page.NextID
	}
	for _, up := range page.Uploads {
		line := s3response.Upload{
			Key: n.name(string(up.Key)), UploadID: up.ID, Initiated: up.Begun, StorageClass: class(up.Class),
			Initiator: s3response.Initiator{ID: string(up.Initiator)}, Owner: s3response.Owner{ID: string(up.Owner)},
			ChecksumAlgorithm: types.ChecksumAlgorithm(up.ChecksumAlgorithm),
		}
		if up.ChecksumAlgorithm != "" {
			line.ChecksumType = uploadType(up)
		}
		out.Uploads = append(out.Uploads, line)
	}
	for _, p := range page.Prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, s3response.CommonPrefix{Prefix: n.name(p)})
	}
	return out, nil
}

// failCompletion is fail for a completion, some of whose errors show what the
// vault found.
func (b *adapter) failCompletion(ctx context.Context, err error, on subject, up vault.Upload, in vault.CompleteInput) error {
	switch {
	case errors.Is(err, vault.ErrChecksum):
		return s3err.GetChecksumBadDigestErr(types.ChecksumAlgorithm(up.ChecksumAlgorithm))
	case errors.Is(err, vault.ErrUploadSize):
		return s3err.GetIncorrectMpObjectSizeErr(b.listedSize(ctx, in), in.Size)
	}
	return b.fail(ctx, err, on)
}

// listedSize is how many bytes the parts of a list have together.
func (b *adapter) listedSize(ctx context.Context, in vault.CompleteInput) (size int64) {
	behind := 0
	for {
		page, err := b.vault.Parts(b.ctx, requestOf(ctx).session(), in.UploadRef, behind, vault.MaxList)
		if err != nil {
			return size
		}
		for _, p := range page.Parts {
			if slices.ContainsFunc(in.Parts, func(line vault.CompletePart) bool { return line.Number == p.Number }) {
				size += p.Size
			}
		}
		if !page.Truncated {
			return size
		}
		behind = page.Next
	}
}
