package s3

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"

	"writ"
	"writ/internal/vault"
)

// PutObjectLockConfiguration implements [backend.Backend].
func (b *adapter) PutObjectLockConfiguration(ctx context.Context, bucket string, config []byte) error {
	on := subject{bucket: writ.BucketName(own(&bucket))}
	var in auth.BucketLockConfig
	if err := json.Unmarshal(config, &in); err != nil {
		return b.fail(ctx, err, on)
	}
	var byDefault *vault.DefaultRetention
	if d := in.DefaultRetention; d != nil {
		mode, err := vault.ParseLockMode(string(d.Mode))
		if err != nil || d.Days == nil && d.Years == nil {
			return s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		byDefault = &vault.DefaultRetention{Mode: mode}
		if d.Days != nil {
			byDefault.Days = *d.Days
		} else {
			byDefault.Years = *d.Years
		}
	}
	return b.fail(ctx, b.vault.SetObjectLock(b.ctx, requestOf(ctx).session(), on.bucket, byDefault), on)
}

// GetObjectLockConfiguration implements [backend.Backend]. It leaves out when
// the default retention was set: versitygw would take it for a lock on every
// version, and here each version has the retention that it got.
func (b *adapter) GetObjectLockConfiguration(ctx context.Context, bucket string) ([]byte, error) {
	found, err := b.bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	if !found.Lock.Enabled {
		return nil, s3err.GetBucketErr(s3err.ErrObjectLockConfigurationNotFound, bucket)
	}
	out := auth.BucketLockConfig{Enabled: true}
	if d := found.Lock.Default; d != nil {
		out.DefaultRetention = &types.DefaultRetention{Mode: types.ObjectLockRetentionMode(d.Mode.String())}
		if d.Days > 0 {
			out.DefaultRetention.Days = &d.Days
		} else {
			out.DefaultRetention.Years = &d.Years
		}
	}
	value, err := json.Marshal(out)
	return value, b.fail(ctx, err, subject{})
}

func refOf(bucket, key, version string) vault.ObjectRef {
	return vault.ObjectRef{Bucket: writ.BucketName(own(&bucket)), Key: writ.ObjectKey(own(&key)), Version: writ.VersionID(own(&version))}
}

func onVersion(ref vault.ObjectRef) subject {
	return subject{bucket: ref.Bucket, key: ref.Key, version: ref.Version}
}

// version returns a version, for what is said of it beside its bytes.
func (b *adapter) version(ctx context.Context, ref vault.ObjectRef) (vault.Version, error) {
	o, err := b.vault.Head(b.ctx, requestOf(ctx).session(), vault.GetInput{ObjectRef: ref})
	if marker := markerOf(err); marker != nil {
		return vault.Version{}, s3err.GetAPIError(s3err.ErrMethodNotAllowed)
	}
	return o.Version, b.fail(ctx, err, onVersion(ref))
}

// lockable returns a version in a bucket with object lock. versitygw also
// asks for its locks to judge a deletion, which of a version that is not
// there succeeds.
func (b *adapter) lockable(ctx context.Context, ref vault.ObjectRef) (vault.Version, error) {
	v, err := b.version(ctx, ref)
	if r := requestOf(ctx); err != nil && (r.IsDelete() || r.has("delete")) && errors.Is(err, s3err.GetAPIError(s3err.ErrNoSuchVersion)) {
		return v, s3err.GetAPIError(s3err.ErrNoSuchKey)
	}
	if err != nil {
		return v, err
	}
	found, err := b.bucket(ctx, string(ref.Bucket))
	if err == nil && !found.Lock.Enabled {
		err = s3err.GetAPIError(s3err.ErrMissingObjectLockConfiguration)
	}
	return v, err
}

// PutObjectRetention implements [backend.Backend].
func (b *adapter) PutObjectRetention(ctx context.Context, bucket, object, version string, data []byte) error {
	ref := refOf(bucket, object, version)
	in, err := auth.ParseObjectLockRetentionOutput(data)
	if err != nil {
		return b.fail(ctx, err, onVersion(ref))
	}
	to := retention(types.ObjectLockMode(in.Mode), in.RetainUntilDate)
	r := requestOf(ctx)
	_, err = b.vault.SetRetention(b.ctx, r.session(), ref, to, r.bypassesGovernance())
	return b.failAmending(ctx, err, ref)
}

// failAmending is fail for a change of what is said of a version.
func (b *adapter) failAmending(ctx context.Context, err error, ref vault.ObjectRef) error {
	if markerOf(err) != nil {
		return s3err.GetAPIError(s3err.ErrMethodNotAllowed)
	}
	return b.fail(ctx, err, onVersion(ref))
}

// GetObjectRetention implements [backend.Backend].
func (b *adapter) GetObjectRetention(ctx context.Context, bucket, object, version string) ([]byte, error) {
	v, err := b.lockable(ctx, refOf(bucket, object, version))
	if err != nil {
		return nil, err
	}
	if v.Retention.Mode == vault.NoLock {
		return nil, s3err.GetAPIError(s3err.ErrNoSuchObjectLockConfiguration)
	}
	value, err := json.Marshal(types.ObjectLockRetention{
		Mode: types.ObjectLockRetentionMode(v.Retention.Mode.String()), RetainUntilDate: &v.Retention.Until,
	})
	return value, b.fail(ctx, err, subject{})
}

// PutObjectLegalHold implements [backend.Backend].
func (b *adapter) PutObjectLegalHold(ctx context.Context, bucket, object, version string, on bool) error {
	ref := refOf(bucket, object, version)
	_, err := b.vault.SetLegalHold(b.ctx, requestOf(ctx).session(), ref, on)
	return b.failAmending(ctx, err, ref)
}

// GetObjectLegalHold implements [backend.Backend]. A hold that was lifted is
// like one that never was.
func (b *adapter) GetObjectLegalHold(ctx context.Context, bucket, object, version string) (*bool, error) {
	v, err := b.lockable(ctx, refOf(bucket, object, version))
	if err != nil {
		return nil, err
	}
	if !v.LegalHold {
		return nil, s3err.GetAPIError(s3err.ErrNoSuchObjectLockConfiguration)
	}
	return &v.LegalHold, nil
}

// GetObjectTagging implements [backend.Backend].
func (b *adapter) GetObjectTagging(ctx context.Context, bucket, object, version string) (map[string]string, error) {
	v, err := b.version(ctx, refOf(bucket, object, version))
	return v.Tags, err
}

// PutObjectTagging implements [backend.Backend].
func (b *adapter) PutObjectTagging(ctx context.Context, bucket, object, version string, tags map[string]string) error {
	ref := refOf(bucket, object, version)
	_, err := b.vault.SetTags(b.ctx, requestOf(ctx).session(), ref, tags)
	return b.failAmending(ctx, err, ref)
}

// DeleteObjectTagging implements [backend.Backend].
func (b *adapter) DeleteObjectTagging(ctx context.Context, bucket, object, version string) error {
	return b.PutObjectTagging(ctx, bucket, object, version, nil)
}
