package s3

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/versity/versitygw/s3err"

	"writ"
	"writ/internal/vault"
)

// How access is judged.
//
// versitygw asks for a bucket's policy and, if there is one, lets nobody in
// whom it does not name, the owner included; its ACL counts only where there
// is no policy. AWS lets the owner's own identity in unless the policy denies
// it. The difference is made up here, where versitygw asks: an owner is shown
// its policy with one statement more, which allows it everything. An explicit
// Deny still wins over that, so that an owner can protect itself from
// mistakes. What no Deny may take from an owner is the policy itself: else a
// slip would lock a bucket for ever.

// policyReads counts how often a request has asked for the policy: versitygw
// asks once to judge a request, and again to answer one that is about it.
const policyReads = "writ-policy-reads"

// GetBucketPolicy implements [backend.Backend].
func (b *adapter) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	found, err := b.bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	r := requestOf(ctx)
	policy, none := found.Settings[vault.SettingPolicy], s3err.GetBucketErr(s3err.ErrNoSuchBucketPolicy, bucket)
	if customer := r.customer(); customer == "" || customer != found.Owner {
		if policy == nil {
			return nil, none
		}
		return policy, nil
	}
	switch about := r.has("policy"); {
	case about && !r.again(policyReads):
		return nil, none // by its ACL the owner may
	case about && policy != nil:
		return policy, nil
	case about:
		return nil, none
	case policy != nil:
		return ownerToo(policy, found.Owner, bucket)
	case r.bypassesGovernance():
		// Only a policy can give the right to bypass.
		return ownerToo([]byte(`{}`), found.Owner, bucket)
	}
	return nil, none
}

// again reports whether it was called before with that name in this request.
func (r request) again(name string) bool {
	before := r.UserValue(name) != nil
	r.SetUserValue(name, true)
	return before
}

// ownerToo returns a policy that also allows its owner everything.
func ownerToo(policy []byte, owner writ.CustomerID, bucket string) ([]byte, error) {
	var doc struct {
		Version   string            `json:",omitempty"`
		Statement []json.RawMessage `json:"Statement"`
	}
	if err := json.Unmarshal(policy, &doc); err != nil {
		return nil, fmt.Errorf("couldn't read policy: %w", err)
	}
	arn := "arn:aws:s3:::" + bucket
	statement, err := json.Marshal(map[string]any{
		"Effect": "Allow", "Principal": string(owner), "Action": "s3:*", "Resource": []string{arn, arn + "/*"},
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read policy: %w", err)
	}
	doc.Statement = append(doc.Statement, statement)
	return json.Marshal(doc)
}

// PutBucketPolicy implements [backend.Backend].
func (b *adapter) PutBucketPolicy(ctx context.Context, bucket string, policy []byte) error {
	return b.putSetting(ctx, bucket, vault.SettingPolicy, policy)
}

// DeleteBucketPolicy implements [backend.Backend].
func (b *adapter) DeleteBucketPolicy(ctx context.Context, bucket string) error {
	return b.putSetting(ctx, bucket, vault.SettingPolicy, nil)
}
