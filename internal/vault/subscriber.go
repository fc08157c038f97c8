package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"writ"
)

// SubscriberRecord is all that the store itself knows of who a customer is and
// what it has, for demands that ask for no more. It holds no secret, and
// neither names nor content of objects. Access keys that were removed, and
// buckets that were deleted, are not on record.
type SubscriberRecord struct {
	At          time.Time              `json:"at"` // the moment of reading
	Customer    writ.CustomerID        `json:"customer"`
	Name        string                 `json:"name"`
	Created     time.Time              `json:"created"`
	Shredded    time.Time              `json:"shredded,omitzero"` // when its keys were destroyed
	Quota       SubscriberQuota        `json:"quota"`
	Usage       SubscriberUsage        `json:"usage"`
	Credentials []SubscriberCredential `json:"credentials"`
	Buckets     []SubscriberBucket     `json:"buckets"` // in order of name
}

// SubscriberQuota is what the customer may keep and ask; 0 bounds nothing.
type SubscriberQuota struct {
	Bytes    int64 `json:"bytes"`
	Objects  int64 `json:"objects"`
	Requests int64 `json:"requests"` // per second
}

// SubscriberUsage is what the customer keeps.
type SubscriberUsage struct {
	Bytes   int64 `json:"bytes"`   // of plaintext, over all versions and parts of uploads
	Objects int64 `json:"objects"` // versions and delete markers
}

// SubscriberCredential is an access key, without its secret.
type SubscriberCredential struct {
	AccessKey writ.CredentialID `json:"access_key"`
	Created   time.Time         `json:"created"`
}

// SubscriberBucket is a bucket of the customer.
type SubscriberBucket struct {
	Bucket  writ.BucketName `json:"bucket"`
	Created time.Time       `json:"created"`
}

// SubscriberRecord returns what the store knows of a customer, or
// [ErrNoCustomer]. It leaves no trace.
func (v *Vault) SubscriberRecord(ctx context.Context, customer writ.CustomerID) (SubscriberRecord, error) {
	record, err := getCustomer(ctx, v.records, customer)
	if err != nil {
		return SubscriberRecord{}, err
	}
	usage, err := v.Usage(ctx, customer)
	if err != nil {
		return SubscriberRecord{}, err
	}
	out := SubscriberRecord{
		At: v.now().UTC(), Customer: customer, Name: record.Name, Created: record.Created.UTC(), Shredded: record.Shredded,
		Quota:       SubscriberQuota{record.Bytes, record.Objects, record.Requests},
		Usage:       SubscriberUsage(usage),
		Credentials: []SubscriberCredential{}, Buckets: []SubscriberBucket{},
	}
	credentials, err := v.Credentials(ctx, customer)
	if err != nil {
		return SubscriberRecord{}, err
	}
	for _, c := range credentials {
		out.Credentials = append(out.Credentials, SubscriberCredential{c.ID, c.Created.UTC()})
	}
	slices.SortFunc(out.Credentials, func(a, b SubscriberCredential) int { return a.Created.Compare(b.Created) })
	for next := writ.BucketName(""); ; {
		page, err := v.Buckets(ctx, customer, "", next, MaxList)
		if err != nil && !errors.Is(err, ErrNoBucket) {
			return SubscriberRecord{}, fmt.Errorf("couldn't list the customer's buckets: %w", err)
		}
		for _, b := range page.Buckets {
			out.Buckets = append(out.Buckets, SubscriberBucket{b.Name, b.Created.UTC()})
		}
		if next = page.Next; next == "" {
			return out, nil
		}
	}
}
