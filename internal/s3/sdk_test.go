package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// sdk is a person's client of AWS's own making.
func (r *rig) sdk(p person) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String("https://" + r.addr), Region: "us-east-1", UsePathStyle: true, HTTPClient: r.http,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: string(p.ID), SecretAccessKey: p.Secret}, nil
		}),
		RetryMaxAttempts: 1,
	})
}

func wantAPI(t *testing.T, what string, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// Parts in any order, one sent again, completed, read part by part; with each
// kind of checksum that the object can have.
func TestMultipart(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans")
	c := r.sdk(r.clinic)
	part := func(n int, size int) []byte { return bytes.Repeat([]byte{byte('a' + n)}, size) }
	sizes := []int{5 << 20, 5<<20 + 1, 100}
	for _, kind := range []struct {
		algorithm types.ChecksumAlgorithm
		kind      types.ChecksumType
	}{
		{types.ChecksumAlgorithmCrc32, types.ChecksumTypeComposite}, {types.ChecksumAlgorithmCrc32c, types.ChecksumTypeFullObject},
		{types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject}, {types.ChecksumAlgorithmSha1, types.ChecksumTypeComposite},
		{types.ChecksumAlgorithmSha256, types.ChecksumTypeComposite},
	} {
		t.Run(fmt.Sprint(kind.algorithm, kind.kind), func(t *testing.T) {
			key := aws.String("scan-" + string(kind.algorithm))
			up, err := c.CreateMultipartUpload(r.ctx, &s3.CreateMultipartUploadInput{
				Bucket: aws.String("scans"), Key: key, ChecksumAlgorithm: kind.algorithm, ChecksumType: kind.kind, ContentType: aws.String("image/png"),
			})
			if err != nil {
				t.Fatal(err)
			}
			if up.ServerSideEncryption != types.ServerSideEncryptionAes256 {
				t.Errorf("encryption %q", up.ServerSideEncryption)
			}
			var parts []types.CompletedPart
			for _, n := range []int{3, 1, 2, 1} { // 1 is sent twice
				out, err := c.UploadPart(r.ctx, &s3.UploadPartInput{
					Bucket: aws.String("scans"), Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(int32(n)),
					Body: bytes.NewReader(part(n, sizes[n-1])), ChecksumAlgorithm: kind.algorithm,
				})
				if err != nil {
					t.Fatal(err)
				}
				parts = slices.DeleteFunc(parts, func(p types.CompletedPart) bool { return *p.PartNumber == int32(n) })
				parts = append(parts, types.CompletedPart{
					PartNumber: aws.Int32(int32(n)), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
					ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256,
				})
			}
			complete := func(parts ...types.CompletedPart) (*s3.CompleteMultipartUploadOutput, error) {
				return c.CompleteMultipartUpload(r.ctx, &s3.CompleteMultipartUploadInput{
					Bucket: aws.String("scans"), Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
				})
			}
			_, err = complete(parts...) // 3, 2, 1
			wantAPI(t, "out of order", err, "InvalidPartOrder")
			slices.SortFunc(parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
			wrong := slices.Clone(parts)
			wrong[1].ETag = aws.String(`"00000000000000000000000000000000-1"`)
			_, err = complete(wrong...)
			wantAPI(t, "wrong ETag", err, "InvalidPart")
			_, err = complete(parts[0], parts[2], types.CompletedPart{PartNumber: aws.Int32(4), ETag: parts[0].ETag})
			if err == nil {
				t.Error("completed with a part that was never sent")
			}
			_, err = complete(parts[2], types.CompletedPart{PartNumber: aws.Int32(10001), ETag: parts[0].ETag})
			wantAPI(t, "part out of range", err, "InvalidArgument")
			if _, err := c.HeadObject(r.ctx, &s3.HeadObjectInput{Bucket: aws.String("scans"), Key: key}); err == nil {
				t.Error("there is an object before the upload is completed")
			}
			done, err := complete(parts...)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := complete(parts...); err != nil || *again.ETag != *done.ETag {
				t.Errorf("asked again: %v, %v", again, err)
			}
			head, err := c.HeadObject(r.ctx, &s3.HeadObjectInput{Bucket: aws.String("scans"), Key: key, ChecksumMode: types.ChecksumModeEnabled})
			if err != nil || head.ChecksumType != kind.kind || !strings.HasSuffix(*head.ETag, `-3"`) || *head.ContentType != "image/png" {
				t.Errorf("head %+v, %v", head, err)
			}
			for n, size := range sizes {
				out, err := c.GetObject(r.ctx, &s3.GetObjectInput{Bucket: aws.String("scans"), Key: key, PartNumber: aws.Int32(int32(n + 1))})
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(out.Body)
				if err != nil || !bytes.Equal(got, part(n+1, size)) || *out.PartsCount != 3 {
					t.Errorf("part %d: %d bytes, %v", n+1, len(got), err)
				}
			}
			_, err = c.GetObject(r.ctx, &s3.GetObjectInput{Bucket: aws.String("scans"), Key: key, PartNumber: aws.Int32(4)})
			wantAPI(t, "part behind the last", err, "InvalidPartNumber")
			attributes, err := c.GetObjectAttributes(r.ctx, &s3.GetObjectAttributesInput{
				Bucket: aws.String("scans"), Key: key, MaxParts: aws.Int32(2),
				ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesObjectParts, types.ObjectAttributesObjectSize},
			})
			if err != nil || len(attributes.ObjectParts.Parts) != 2 || *attributes.ObjectSize != int64(10<<20+101) || !*attributes.ObjectParts.IsTruncated {
				t.Errorf("attributes %+v, %v", attributes, err)
			}
		})
	}
}

// What was aborted is gone, and a part that comes too late does not count.
func TestAbortedMultipart(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans")
	c := r.sdk(r.clinic)
	bucket, key := aws.String("scans"), aws.String("scan")
	up, err := c.CreateMultipartUpload(r.ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	send := func(id *string) error {
		_, err := c.UploadPart(r.ctx, &s3.UploadPartInput{Bucket: bucket, Key: key, UploadId: id, PartNumber: aws.Int32(1), Body: strings.NewReader("part")})
		return err
	}
	if err := send(up.UploadId); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "no-upload", strings.Repeat("0", 36), "../../" + *up.UploadId, *up.UploadId + "x"} {
		if err := send(aws.String(id)); err == nil {
			t.Errorf("a part of upload %q was taken", id)
		}
	}
	if _, err := c.AbortMultipartUpload(r.ctx, &s3.AbortMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId}); err != nil {
		t.Fatal(err)
	}
	wantAPI(t, "part of an aborted upload", send(up.UploadId), "NoSuchUpload")
	_, err = c.ListParts(r.ctx, &s3.ListPartsInput{Bucket: bucket, Key: key, UploadId: up.UploadId})
	wantAPI(t, "parts of an aborted upload", err, "NoSuchUpload")
	if usage, err := r.vault.Usage(r.ctx, r.clinic.Customer); err != nil || usage.Bytes != 0 {
		t.Errorf("usage %+v, %v", usage, err)
	}
}

// Encryption is answered as what always happens, whatever a client asks.
func TestEncryptionIsAnswered(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	c := r.sdk(r.clinic)
	bucket, key := aws.String("records"), aws.String("ward/7")
	for _, ask := range []types.ServerSideEncryption{"", types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms} {
		put, err := c.PutObject(r.ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("a chart"), ServerSideEncryption: ask})
		if err != nil || put.ServerSideEncryption != types.ServerSideEncryptionAes256 {
			t.Errorf("put asking %q: %+v, %v", ask, put, err)
		}
	}
	get, err := c.GetObject(r.ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
	if err != nil || get.ServerSideEncryption != types.ServerSideEncryptionAes256 {
		t.Errorf("get: %+v, %v", get, err)
	}
	head, err := c.HeadObject(r.ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key})
	if err != nil || head.ServerSideEncryption != types.ServerSideEncryptionAes256 {
		t.Errorf("head: %+v, %v", head, err)
	}
	copied, err := c.CopyObject(r.ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String("records/ward/7")})
	if err != nil || copied.ServerSideEncryption != types.ServerSideEncryptionAes256 {
		t.Errorf("copy: %+v, %v", copied, err)
	}
	for ask, code := range map[types.ServerSideEncryption]string{types.ServerSideEncryptionAwsKmsDsse: "InvalidArgument", "ROT13": "InvalidArgument"} {
		_, err := c.PutObject(r.ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("no"), Body: strings.NewReader("x"), ServerSideEncryption: ask})
		wantAPI(t, string(ask), err, code)
	}
	_, err = c.PutObject(r.ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("no"), Body: strings.NewReader("x"),
		ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: aws.String("alias/mine")})
	wantAPI(t, "key id", err, "KMS.NotFoundException")

	truth, err := c.GetBucketEncryption(r.ctx, &s3.GetBucketEncryptionInput{Bucket: bucket})
	if err != nil || truth.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != types.ServerSideEncryptionAes256 {
		t.Fatalf("GetBucketEncryption: %+v, %v", truth, err)
	}
	configure := func(algorithm types.ServerSideEncryption, keyID *string) error {
		_, err := c.PutBucketEncryption(r.ctx, &s3.PutBucketEncryptionInput{Bucket: bucket,
			ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
				ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: algorithm, KMSMasterKeyID: keyID}}}}})
		return err
	}
	if err := errors.Join(configure(types.ServerSideEncryptionAes256, nil), configure(types.ServerSideEncryptionAwsKms, nil)); err != nil {
		t.Error(err)
	}
	wantAPI(t, "configure DSSE", configure(types.ServerSideEncryptionAwsKmsDsse, nil), "InvalidArgument")
	wantAPI(t, "configure a key", configure(types.ServerSideEncryptionAwsKms, aws.String("alias/mine")), "KMS.NotFoundException")
	if _, err := c.DeleteBucketEncryption(r.ctx, &s3.DeleteBucketEncryptionInput{Bucket: bucket}); err != nil {
		t.Error(err)
	}
	_, err = r.sdk(r.press).GetBucketEncryption(r.ctx, &s3.GetBucketEncryptionInput{Bucket: bucket})
	wantAPI(t, "another customer's", err, "AccessDenied")
}

func TestLifecycle(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	c := r.sdk(r.clinic)
	bucket := aws.String("records")
	_, err := c.GetBucketLifecycleConfiguration(r.ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	wantAPI(t, "before", err, "NoSuchLifecycleConfiguration")
	put := func(rule types.LifecycleRule) error {
		_, err := c.PutBucketLifecycleConfiguration(r.ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: bucket,
			LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{rule}}})
		return err
	}
	rule := types.LifecycleRule{ID: aws.String("drafts"), Status: types.ExpirationStatusEnabled,
		Filter: &types.LifecycleRuleFilter{Prefix: aws.String("drafts/")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(30)}}
	if err := put(rule); err != nil {
		t.Fatal(err)
	}
	out, err := c.GetBucketLifecycleConfiguration(r.ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	if err != nil || len(out.Rules) != 1 || *out.Rules[0].ID != "drafts" || *out.Rules[0].Expiration.Days != 30 {
		t.Fatalf("%+v, %v", out, err)
	}
	bad := rule
	bad.Expiration = &types.LifecycleExpiration{Days: aws.Int32(0)}
	wantAPI(t, "no days", put(bad), "InvalidArgument")
	bad = rule
	bad.Transitions = []types.Transition{{Days: aws.Int32(1), StorageClass: types.TransitionStorageClassGlacier}}
	wantAPI(t, "transition", put(bad), "NotImplemented")
	if e := r.refusal(r.clinic, "PUT", "/records?lifecycle", "not XML"); e.Code != "MalformedXML" {
		t.Errorf("nonsense: %+v", e)
	}
	if _, err := c.DeleteBucketLifecycle(r.ctx, &s3.DeleteBucketLifecycleInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetBucketLifecycleConfiguration(r.ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	wantAPI(t, "after", err, "NoSuchLifecycleConfiguration")
}

// Locks: what a retention keeps stays, but for an owner who bypasses
// governance; what was put before a default retention is not under it.
func TestObjectLock(t *testing.T) {
	r := newRig(t)
	c := r.sdk(r.clinic)
	bucket, key := aws.String("evidence"), aws.String("exhibit")
	if _, err := c.CreateBucket(r.ctx, &s3.CreateBucketInput{Bucket: bucket, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	put := func(mode types.ObjectLockMode) *string {
		t.Helper()
		in := &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("exhibit"), ObjectLockMode: mode}
		if mode != "" {
			in.ObjectLockRetainUntilDate = aws.Time(time.Now().Add(time.Hour))
		}
		out, err := c.PutObject(r.ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return out.VersionId
	}
	remove := func(version *string, bypass bool) error {
		_, err := c.DeleteObject(r.ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key, VersionId: version, BypassGovernanceRetention: aws.Bool(bypass)})
		return err
	}
	before, governed, binding := put(""), put(types.ObjectLockModeGovernance), put(types.ObjectLockModeCompliance)
	if _, err := c.PutObjectLockConfiguration(r.ctx, &s3.PutObjectLockConfigurationInput{Bucket: bucket,
		ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: aws.Int32(1)}}}}); err != nil {
		t.Fatal(err)
	}
	byDefault := put("")
	wantAPI(t, "under governance", remove(governed, false), "AccessDenied")
	wantAPI(t, "under the default", remove(byDefault, false), "AccessDenied")
	wantAPI(t, "under compliance", remove(binding, false), "AccessDenied")
	wantAPI(t, "under compliance, bypassing", remove(binding, true), "AccessDenied")
	if err := errors.Join(remove(before, false), remove(governed, true), remove(byDefault, true)); err != nil {
		t.Error(err)
	}
	_, err := c.PutBucketVersioning(r.ctx, &s3.PutBucketVersioningInput{Bucket: bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}})
	wantAPI(t, "suspended", err, "InvalidBucketState")
	if _, err := c.PutObjectLegalHold(r.ctx, &s3.PutObjectLegalHoldInput{Bucket: bucket, Key: key, VersionId: binding,
		LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOn}}); err != nil {
		t.Fatal(err)
	}
	head, err := c.HeadObject(r.ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key, VersionId: binding})
	if err != nil || head.ObjectLockMode != types.ObjectLockModeCompliance || head.ObjectLockLegalHoldStatus != types.ObjectLockLegalHoldStatusOn {
		t.Errorf("%+v, %v", head, err)
	}
}
