package vault

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"writ"
	"writ/internal/records"
)

// IdentifiedBy is what about a text named a customer.
type IdentifiedBy string

// What may name a customer.
const (
	ByName       IdentifiedBy = "customer's name"
	ByID         IdentifiedBy = "customer's id"
	ByCredential IdentifiedBy = "access key"
	ByBucket     IdentifiedBy = "bucket"
)

// Identified is one customer whom a text may mean.
type Identified struct {
	By         IdentifiedBy      `json:"by"`
	Customer   writ.CustomerID   `json:"customer"`
	Name       string            `json:"name"`
	Shredded   time.Time         `json:"shredded,omitzero"` // when its keys were destroyed
	Credential writ.CredentialID `json:"credential,omitempty"`
	Bucket     writ.BucketName   `json:"bucket,omitempty"`
	// Path is what an address of S3 named within the bucket: a key, or what
	// keys begin with. Whether there is any is for [Vault.Locate].
	Path string `json:"path,omitempty"`
}

// maxIdentifier is the longest text that is looked for, in bytes: that of an
// address with the longest key, percent-encoded.
const maxIdentifier = 4096

// Identify finds whom an identifier means that an order may name: a customer's
// name or id, an access key, the name of a bucket, or an address of S3
// (s3://…, arn:aws:s3:::…, https://host/bucket/key). It may mean several, or
// nobody. It looks for exactly that text, lists nothing, and leaves no trace.
func (v *Vault) Identify(ctx context.Context, text string) ([]Identified, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxIdentifier || strings.ContainsRune(text, 0) {
		return nil, nil
	}
	var all []Identified
	add := func(one Identified) error {
		record, err := getCustomer(ctx, v.records, one.Customer)
		if err != nil {
			return err
		}
		one.Name, one.Shredded = record.Name, record.Shredded
		all = append(all, one)
		return nil
	}
	c, err := v.Customer(ctx, text)
	switch {
	case errors.Is(err, ErrNoCustomer):
	case err != nil:
		return nil, err
	default:
		by := ByName
		if string(c.ID) == text {
			by = ByID
		}
		if err := add(Identified{By: by, Customer: c.ID}); err != nil {
			return nil, err
		}
	}
	credential, err := getCredential(ctx, v.records, writ.CredentialID(text))
	switch {
	case errors.Is(err, ErrNoCredential):
	case err != nil:
		return nil, err
	default:
		if err := add(Identified{By: ByCredential, Customer: credential.Customer, Credential: writ.CredentialID(text)}); err != nil {
			return nil, err
		}
	}
	bucket, path := bucketIn(text)
	value, err := v.records.Get(ctx, bucketKey(bucket))
	if errors.Is(err, records.ErrNotFound) {
		return all, nil
	}
	if err != nil {
		return nil, recordsError(err)
	}
	there, err := readBucket(bucket, value)
	if err != nil {
		return nil, err
	}
	return all, add(Identified{By: ByBucket, Customer: there.Owner, Bucket: bucket, Path: path})
}

// bucketIn returns the bucket that a text names, and what behind it.
func bucketIn(text string) (bucket writ.BucketName, path string) {
	rest := text
	switch {
	case strings.HasPrefix(text, "s3://"), strings.HasPrefix(text, "arn:aws:s3:::"):
		rest = strings.TrimPrefix(strings.TrimPrefix(text, "s3://"), "arn:aws:s3:::")
	case strings.HasPrefix(text, "https://"), strings.HasPrefix(text, "http://"):
		address, err := url.Parse(text)
		if err != nil {
			return "", ""
		}
		rest = strings.TrimPrefix(address.Path, "/")
	}
	name, path, _ := strings.Cut(rest, "/")
	return writ.BucketName(name), path
}
