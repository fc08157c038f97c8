package s3_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"sync"

	"writ"
	"writ/internal/s3"
	"writ/internal/vault"
)

// aliases is a vault in which accounts are named by their access keys, and
// choose their secrets: versitygw's suite takes both for granted. It changes
// names on their way in and out, and nothing else.
type aliases struct {
	s3.Vault
	store *vault.Vault

	mu      sync.Mutex
	secrets map[string]string          // by access key
	ids     map[string]writ.CustomerID // by access key
	names   map[writ.CustomerID]string // access keys
}

func newAliases(v *vault.Vault) *aliases {
	return &aliases{
		Vault: v, store: v, secrets: map[string]string{}, ids: map[string]writ.CustomerID{}, names: map[writ.CustomerID]string{},
	}
}

var errTaken = errors.New("access key is taken")

// add makes a customer that signs with that access key.
func (a *aliases) add(access, secret string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, taken := a.ids[access]; taken {
		return errTaken
	}
	customer, err := a.store.AddCustomer(context.Background(), access)
	if err != nil {
		return err
	}
	a.secrets[access], a.ids[access], a.names[customer.ID] = secret, customer.ID, access
	return nil
}

func (a *aliases) in(s vault.Session) vault.Session {
	s.Customer = a.id(s.Customer)
	return s
}

func (a *aliases) id(name writ.CustomerID) writ.CustomerID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ids[string(name)]
}

func (a *aliases) name(id writ.CustomerID) writ.CustomerID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return writ.CustomerID(a.names[id])
}

func (a *aliases) SigningKey(_ context.Context, access writ.CredentialID, date, region, service string) ([]byte, writ.CustomerID, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	secret, ok := a.secrets[string(access)]
	if !ok {
		return nil, "", vault.ErrNoCredential
	}
	key := []byte("AWS4" + secret)
	for _, step := range []string{date, region, service, "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(step))
		key = mac.Sum(nil)
	}
	return key, writ.CustomerID(access), nil
}

func (a *aliases) Customer(_ context.Context, name string) (vault.Customer, error) {
	if a.id(writ.CustomerID(name)) == "" {
		return vault.Customer{}, vault.ErrNoCustomer
	}
	return vault.Customer{ID: writ.CustomerID(name), Name: name}, nil
}

func (a *aliases) bucketOut(b vault.Bucket) vault.Bucket { b.Owner = a.name(b.Owner); return b }

func (a *aliases) versionOut(v vault.Version) vault.Version { v.Owner = a.name(v.Owner); return v }

func (a *aliases) uploadOut(u vault.Upload) vault.Upload {
	u.Owner, u.Initiator = a.name(u.Owner), a.name(u.Initiator)
	return u
}

func (a *aliases) Bucket(ctx context.Context, name writ.BucketName) (vault.Bucket, error) {
	b, err := a.Vault.Bucket(ctx, name)
	return a.bucketOut(b), err
}

func (a *aliases) Buckets(ctx context.Context, customer writ.CustomerID, prefix string, after writ.BucketName, max int) (vault.BucketPage, error) {
	page, err := a.Vault.Buckets(ctx, a.id(customer), prefix, after, max)
	for i := range page.Buckets {
		page.Buckets[i] = a.bucketOut(page.Buckets[i])
	}
	return page, err
}

func (a *aliases) CreateBucket(ctx context.Context, s vault.Session, o vault.BucketOptions) (vault.Bucket, error) {
	b, err := a.Vault.CreateBucket(ctx, a.in(s), o)
	return a.bucketOut(b), err
}

func (a *aliases) DeleteBucket(ctx context.Context, s vault.Session, name writ.BucketName) error {
	return a.Vault.DeleteBucket(ctx, a.in(s), name)
}

func (a *aliases) PutBucketSetting(ctx context.Context, s vault.Session, name writ.BucketName, setting vault.Setting, value []byte) error {
	return a.Vault.PutBucketSetting(ctx, a.in(s), name, setting, value)
}

func (a *aliases) SetVersioning(ctx context.Context, s vault.Session, name writ.BucketName, to vault.Versioning) error {
	return a.Vault.SetVersioning(ctx, a.in(s), name, to)
}

func (a *aliases) SetObjectLock(ctx context.Context, s vault.Session, name writ.BucketName, d *vault.DefaultRetention) error {
	return a.Vault.SetObjectLock(ctx, a.in(s), name, d)
}

func (a *aliases) Put(ctx context.Context, s vault.Session, in vault.PutInput) (vault.Version, error) {
	v, err := a.Vault.Put(ctx, a.in(s), in)
	return a.versionOut(v), err
}

func (a *aliases) Head(ctx context.Context, s vault.Session, in vault.GetInput) (vault.Object, error) {
	o, err := a.Vault.Head(ctx, a.in(s), in)
	o.Version = a.versionOut(o.Version)
	return o, err
}

func (a *aliases) Get(ctx context.Context, s vault.Session, in vault.GetInput) (vault.Object, error) {
	o, err := a.Vault.Get(ctx, a.in(s), in)
	o.Version = a.versionOut(o.Version)
	return o, err
}

func (a *aliases) Copy(ctx context.Context, s vault.Session, in vault.CopyInput) (vault.Copied, error) {
	return a.Vault.Copy(ctx, a.in(s), in)
}

func (a *aliases) Delete(ctx context.Context, s vault.Session, in vault.DeleteInput) (vault.Deleted, error) {
	return a.Vault.Delete(ctx, a.in(s), in)
}

func (a *aliases) DeleteMany(ctx context.Context, s vault.Session, bucket writ.BucketName, ins []vault.DeleteInput) ([]vault.Deleted, error) {
	return a.Vault.DeleteMany(ctx, a.in(s), bucket, ins)
}

func (a *aliases) List(ctx context.Context, s vault.Session, in vault.ListInput) (vault.ListPage, error) {
	page, err := a.Vault.List(ctx, a.in(s), in)
	for i := range page.Versions {
		page.Versions[i] = a.versionOut(page.Versions[i])
	}
	return page, err
}

func (a *aliases) ListVersions(ctx context.Context, s vault.Session, in vault.ListVersionsInput) (vault.VersionsPage, error) {
	page, err := a.Vault.ListVersions(ctx, a.in(s), in)
	for i := range page.Versions {
		page.Versions[i] = a.versionOut(page.Versions[i])
	}
	return page, err
}

func (a *aliases) BeginUpload(ctx context.Context, s vault.Session, in vault.BeginInput) (vault.Upload, error) {
	u, err := a.Vault.BeginUpload(ctx, a.in(s), in)
	return a.uploadOut(u), err
}

func (a *aliases) PutPart(ctx context.Context, s vault.Session, in vault.PartInput) (vault.Part, error) {
	return a.Vault.PutPart(ctx, a.in(s), in)
}

func (a *aliases) CopyPart(ctx context.Context, s vault.Session, in vault.CopyPartInput) (vault.CopiedPart, error) {
	return a.Vault.CopyPart(ctx, a.in(s), in)
}

func (a *aliases) CompleteUpload(ctx context.Context, s vault.Session, in vault.CompleteInput) (vault.Version, error) {
	v, err := a.Vault.CompleteUpload(ctx, a.in(s), in)
	return a.versionOut(v), err
}

func (a *aliases) Parts(ctx context.Context, s vault.Session, ref vault.UploadRef, behind, limit int) (vault.PartsPage, error) {
	page, err := a.Vault.Parts(ctx, a.in(s), ref, behind, limit)
	page.Upload = a.uploadOut(page.Upload)
	return page, err
}

func (a *aliases) Uploads(ctx context.Context, s vault.Session, in vault.UploadsInput) (vault.UploadsPage, error) {
	page, err := a.Vault.Uploads(ctx, a.in(s), in)
	for i := range page.Uploads {
		page.Uploads[i] = a.uploadOut(page.Uploads[i])
	}
	return page, err
}
