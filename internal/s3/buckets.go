package s3

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"writ"
	"writ/internal/vault"
)

// ListBuckets implements [backend.Backend].
func (b *adapter) ListBuckets(ctx context.Context, in s3response.ListBucketsInput) (s3response.ListAllMyBucketsResult, error) {
	r := requestOf(ctx)
	customer, prefix, max := r.customer(), own(&in.Prefix), int(in.MaxBuckets)
	out := s3response.ListAllMyBucketsResult{
		Owner: s3response.CanonicalUser{ID: string(customer)}, Prefix: prefix,
		Buckets: s3response.ListAllMyBucketsList{Bucket: []s3response.ListAllMyBucketsEntry{}},
	}
	after := writ.BucketName(own(&in.ContinuationToken))
	for max > 0 {
		page, err := b.vault.Buckets(b.ctx, customer, prefix, after, min(max, vault.MaxList))
		if err != nil {
			return out, b.fail(ctx, err, subject{})
		}
		for _, bucket := range page.Buckets {
			out.Buckets.Bucket = append(out.Buckets.Bucket, s3response.ListAllMyBucketsEntry{
				Name: string(bucket.Name), BucketRegion: b.region, CreationDate: bucket.Created,
			})
		}
		max -= len(page.Buckets)
		after = page.Next
		if after == "" {
			return out, nil
		}
	}
	out.ContinuationToken = string(after)
	return out, nil
}

// HeadBucket implements [backend.Backend].
func (b *adapter) HeadBucket(ctx context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	if _, err := b.bucket(ctx, *in.Bucket); err != nil {
		return nil, err
	}
	return &s3.HeadBucketOutput{}, nil
}

// bucket finds a bucket, for an answer about it.
func (b *adapter) bucket(ctx context.Context, name string) (vault.Bucket, error) {
	bucket := writ.BucketName(own(&name))
	found, err := b.vault.Bucket(b.ctx, bucket)
	return found, b.fail(ctx, err, subject{bucket: bucket})
}

// CreateBucket implements [backend.Backend].
func (b *adapter) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, acl []byte) error {
	name := writ.BucketName(own(in.Bucket))
	o := vault.BucketOptions{
		Name: name, ObjectLock: in.ObjectLockEnabledForBucket != nil && *in.ObjectLockEnabledForBucket,
		Settings: map[vault.Setting][]byte{
			vault.SettingACL: acl, vault.SettingOwnership: []byte(in.ObjectOwnership),
		},
	}
	if in.CreateBucketConfiguration != nil {
		tags, err := backend.ParseCreateBucketTags(in.CreateBucketConfiguration.Tags)
		if err != nil {
			return err
		}
		if tags != nil {
			if o.Settings[vault.SettingTagging], err = json.Marshal(tags); err != nil {
				return b.fail(ctx, err, subject{bucket: name})
			}
		}
	}
	_, err := b.vault.CreateBucket(b.ctx, requestOf(ctx).session(), o)
	return b.fail(ctx, err, subject{bucket: name})
}

// DeleteBucket implements [backend.Backend].
func (b *adapter) DeleteBucket(ctx context.Context, bucket string) error {
	name := writ.BucketName(own(&bucket))
	err := b.vault.DeleteBucket(b.ctx, requestOf(ctx).session(), name)
	if errors.Is(err, vault.ErrBucketNotEmpty) {
		if found, e := b.vault.Bucket(b.ctx, name); e == nil && found.Versioning != vault.Unversioned {
			return s3err.GetAPIError(s3err.ErrVersionedBucketNotEmpty)
		}
	}
	return b.fail(ctx, err, subject{bucket: name})
}

// PutBucketVersioning implements [backend.Backend].
func (b *adapter) PutBucketVersioning(ctx context.Context, bucket string, status types.BucketVersioningStatus) error {
	name, to := writ.BucketName(own(&bucket)), vault.VersioningEnabled
	if status == types.BucketVersioningStatusSuspended {
		to = vault.VersioningSuspended
	}
	return b.fail(ctx, b.vault.SetVersioning(b.ctx, requestOf(ctx).session(), name, to), subject{bucket: name})
}

// GetBucketVersioning implements [backend.Backend].
func (b *adapter) GetBucketVersioning(ctx context.Context, bucket string) (s3response.GetBucketVersioningOutput, error) {
	found, err := b.bucket(ctx, bucket)
	if err != nil || found.Versioning == vault.Unversioned {
		return s3response.GetBucketVersioningOutput{}, err
	}
	return s3response.GetBucketVersioningOutput{Status: new(types.BucketVersioningStatus(found.Versioning.String()))}, nil
}

// setting returns a document of a bucket, or missing if there is none.
func (b *adapter) setting(ctx context.Context, bucket string, setting vault.Setting, missing s3err.ErrorCode) ([]byte, error) {
	found, err := b.bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	value := found.Settings[setting]
	if value == nil {
		return nil, s3err.GetBucketErr(missing, bucket)
	}
	return value, nil
}

func (b *adapter) putSetting(ctx context.Context, bucket string, setting vault.Setting, value []byte) error {
	name := writ.BucketName(own(&bucket))
	return b.fail(ctx, b.vault.PutBucketSetting(b.ctx, requestOf(ctx).session(), name, setting, value), subject{bucket: name})
}

// GetBucketAcl implements [backend.Backend]: every request for a bucket asks
// for it.
func (b *adapter) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	found, err := b.bucket(ctx, *in.Bucket)
	return found.Settings[vault.SettingACL], err
}

// PutBucketAcl implements [backend.Backend].
func (b *adapter) PutBucketAcl(ctx context.Context, bucket string, data []byte) error {
	return b.putSetting(ctx, bucket, vault.SettingACL, data)
}

// PutBucketOwnershipControls implements [backend.Backend].
func (b *adapter) PutBucketOwnershipControls(ctx context.Context, bucket string, ownership types.ObjectOwnership) error {
	return b.putSetting(ctx, bucket, vault.SettingOwnership, []byte(ownership))
}

// GetBucketOwnershipControls implements [backend.Backend].
func (b *adapter) GetBucketOwnershipControls(ctx context.Context, bucket string) (types.ObjectOwnership, error) {
	value, err := b.setting(ctx, bucket, vault.SettingOwnership, s3err.ErrOwnershipControlsNotFound)
	return types.ObjectOwnership(value), err
}

// DeleteBucketOwnershipControls implements [backend.Backend].
func (b *adapter) DeleteBucketOwnershipControls(ctx context.Context, bucket string) error {
	return b.putSetting(ctx, bucket, vault.SettingOwnership, nil)
}

// PutBucketCors implements [backend.Backend].
func (b *adapter) PutBucketCors(ctx context.Context, bucket string, cors []byte) error {
	return b.putSetting(ctx, bucket, vault.SettingCORS, cors)
}

// GetBucketCors implements [backend.Backend].
func (b *adapter) GetBucketCors(ctx context.Context, bucket string) ([]byte, error) {
	return b.setting(ctx, bucket, vault.SettingCORS, s3err.ErrNoSuchCORSConfiguration)
}

// DeleteBucketCors implements [backend.Backend].
func (b *adapter) DeleteBucketCors(ctx context.Context, bucket string) error {
	return b.putSetting(ctx, bucket, vault.SettingCORS, nil)
}

// PutBucketWebsite implements [backend.Backend]. The configuration is kept
// for clients that read it; no website is served.
func (b *adapter) PutBucketWebsite(ctx context.Context, bucket string, website []byte) error {
	return b.putSetting(ctx, bucket, vault.SettingWebsite, website)
}

// GetBucketWebsite implements [backend.Backend].
func (b *adapter) GetBucketWebsite(ctx context.Context, bucket string) ([]byte, error) {
	return b.setting(ctx, bucket, vault.SettingWebsite, s3err.ErrNoSuchWebsiteConfiguration)
}

// DeleteBucketWebsite implements [backend.Backend].
func (b *adapter) DeleteBucketWebsite(ctx context.Context, bucket string) error {
	return b.putSetting(ctx, bucket, vault.SettingWebsite, nil)
}

// PutBucketTagging implements [backend.Backend].
func (b *adapter) PutBucketTagging(ctx context.Context, bucket string, tags map[string]string) error {
	if tags == nil {
		return b.putSetting(ctx, bucket, vault.SettingTagging, nil)
	}
	value, err := json.Marshal(tags)
	if err != nil {
		return b.fail(ctx, err, subject{})
	}
	return b.putSetting(ctx, bucket, vault.SettingTagging, value)
}

// GetBucketTagging implements [backend.Backend].
func (b *adapter) GetBucketTagging(ctx context.Context, bucket string) (map[string]string, error) {
	value, err := b.setting(ctx, bucket, vault.SettingTagging, s3err.ErrBucketTaggingNotFound)
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	if err := json.Unmarshal(value, &tags); err != nil {
		return nil, b.fail(ctx, err, subject{})
	}
	return tags, nil
}

// DeleteBucketTagging implements [backend.Backend].
func (b *adapter) DeleteBucketTagging(ctx context.Context, bucket string) error {
	return b.putSetting(ctx, bucket, vault.SettingTagging, nil)
}
