package s3

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3response"

	"writ"
	"writ/internal/vault"
)

// DeleteObject implements [backend.Backend].
func (b *adapter) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	r := requestOf(ctx)
	del := vault.DeleteInput{
		ObjectRef: vault.ObjectRef{
			Bucket: writ.BucketName(own(in.Bucket)), Key: writ.ObjectKey(own(in.Key)), Version: writ.VersionID(own(in.VersionId)),
		},
		BypassGovernance: r.bypassesGovernance(), IfMatch: own(in.IfMatch), IfMatchSize: in.IfMatchSize,
	}
	if in.IfMatchLastModifiedTime != nil {
		del.IfMatchModified = *in.IfMatchLastModifiedTime
	}
	done, err := b.vault.Delete(b.ctx, r.session(), del)
	if errors.Is(err, vault.ErrVersion) && couldBeVersion(del.Version) {
		return &s3.DeleteObjectOutput{VersionId: ptr(string(del.Version))}, nil // what is not there is deleted
	}
	if err != nil {
		on := subject{bucket: del.Bucket, key: del.Key, version: del.Version}
		on.write = conditions{ifMatch: del.IfMatch != "", ifModified: !del.IfMatchModified.IsZero(), ifSize: del.IfMatchSize != nil}
		return nil, b.fail(ctx, err, on)
	}
	out := &s3.DeleteObjectOutput{VersionId: ptr(string(done.Version))}
	if done.Marker {
		out.DeleteMarker = &done.Marker
	}
	return out, nil
}

// DeleteObjects implements [backend.Backend].
func (b *adapter) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	r := requestOf(ctx)
	bucket := writ.BucketName(own(in.Bucket))
	objects := in.Delete.Objects
	dels := make([]vault.DeleteInput, len(objects))
	for i, o := range objects {
		dels[i] = vault.DeleteInput{
			ObjectRef:        vault.ObjectRef{Bucket: bucket, Key: writ.ObjectKey(own(o.Key)), Version: writ.VersionID(own(o.VersionId))},
			BypassGovernance: r.bypassesGovernance(), IfMatch: own(o.ETag), IfMatchSize: o.Size,
		}
		if o.LastModifiedTime != nil {
			dels[i].IfMatchModified = *o.LastModifiedTime
		}
	}
	done, err := b.vault.DeleteMany(b.ctx, r.session(), bucket, dels)
	if err != nil {
		return s3response.DeleteResult{}, b.fail(ctx, err, subject{bucket: bucket})
	}
	var out s3response.DeleteResult
	for i, d := range done {
		if d.Err != nil && !(errors.Is(d.Err, vault.ErrVersion) && couldBeVersion(dels[i].Version)) {
			out.Error = append(out.Error, b.deleteError(ctx, objects[i].Key, objects[i].VersionId, d.Err))
			continue
		}
		line := types.DeletedObject{Key: objects[i].Key, VersionId: objects[i].VersionId, DeleteMarker: &done[i].Marker}
		if d.Marker {
			line.DeleteMarkerVersionId = ptr(string(d.Version))
		}
		out.Deleted = append(out.Deleted, line)
	}
	return out, nil
}
