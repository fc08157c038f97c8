package s3

import (
	"context"

	"writ"
	"writ/internal/vault"
)

// A Vault is what the front needs of a store: [*vault.Vault] is one. What
// its methods promise is said there; the front relies on two things above
// all. When a method that changes something returns nil, the change is
// durable. And a body or a Checksum that fails leaves no version behind.
type Vault interface {
	// Who asks.
	Customer(ctx context.Context, nameOrID string) (vault.Customer, error)
	SigningKey(ctx context.Context, access writ.CredentialID, date, region, service string) ([]byte, writ.CustomerID, error)

	// Buckets.
	Bucket(ctx context.Context, name writ.BucketName) (vault.Bucket, error)
	Buckets(ctx context.Context, customer writ.CustomerID, prefix string, after writ.BucketName, max int) (vault.BucketPage, error)
	CreateBucket(ctx context.Context, s vault.Session, o vault.BucketOptions) (vault.Bucket, error)
	DeleteBucket(ctx context.Context, s vault.Session, name writ.BucketName) error
	PutBucketSetting(ctx context.Context, s vault.Session, name writ.BucketName, setting vault.Setting, value []byte) error
	SetVersioning(ctx context.Context, s vault.Session, name writ.BucketName, to vault.Versioning) error
	SetObjectLock(ctx context.Context, s vault.Session, name writ.BucketName, byDefault *vault.DefaultRetention) error

	// Objects.
	Put(ctx context.Context, s vault.Session, in vault.PutInput) (vault.Version, error)
	Head(ctx context.Context, s vault.Session, in vault.GetInput) (vault.Object, error)
	Get(ctx context.Context, s vault.Session, in vault.GetInput) (vault.Object, error)
	Copy(ctx context.Context, s vault.Session, in vault.CopyInput) (vault.Copied, error)
	Delete(ctx context.Context, s vault.Session, in vault.DeleteInput) (vault.Deleted, error)
	DeleteMany(ctx context.Context, s vault.Session, bucket writ.BucketName, ins []vault.DeleteInput) ([]vault.Deleted, error)
	List(ctx context.Context, s vault.Session, in vault.ListInput) (vault.ListPage, error)
	ListVersions(ctx context.Context, s vault.Session, in vault.ListVersionsInput) (vault.VersionsPage, error)
	SetTags(ctx context.Context, s vault.Session, ref vault.ObjectRef, tags map[string]string) (vault.Version, error)
	SetRetention(ctx context.Context, s vault.Session, ref vault.ObjectRef, to vault.Retention, bypassGovernance bool) (vault.Version, error)
	SetLegalHold(ctx context.Context, s vault.Session, ref vault.ObjectRef, on bool) (vault.Version, error)
	ObjectParts(ctx context.Context, s vault.Session, ref vault.ObjectRef, behind, limit int) (vault.PartsPage, error)

	// Multipart uploads.
	BeginUpload(ctx context.Context, s vault.Session, in vault.BeginInput) (vault.Upload, error)
	Upload(ctx context.Context, ref vault.UploadRef) (vault.Upload, error)
	PutPart(ctx context.Context, s vault.Session, in vault.PartInput) (vault.Part, error)
	CopyPart(ctx context.Context, s vault.Session, in vault.CopyPartInput) (vault.CopiedPart, error)
	CompleteUpload(ctx context.Context, s vault.Session, in vault.CompleteInput) (vault.Version, error)
	AbortUpload(ctx context.Context, s vault.Session, ref vault.UploadRef) error
	Parts(ctx context.Context, s vault.Session, ref vault.UploadRef, behind, limit int) (vault.PartsPage, error)
	Uploads(ctx context.Context, s vault.Session, in vault.UploadsInput) (vault.UploadsPage, error)
}

var _ Vault = (*vault.Vault)(nil)
