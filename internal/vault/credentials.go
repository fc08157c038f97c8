package vault

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"writ"
	"writ/internal/records"
)

// AddCredential makes an access key of a customer. Its secret is in the
// answer, and never again anywhere else.
func (v *Vault) AddCredential(ctx context.Context, customer writ.CustomerID) (Credential, error) {
	c := Credential{ID: newAccessKey(), Customer: customer, Secret: newSecret(), Created: v.now().UTC()}
	err := v.update(ctx, func(tx records.Tx) error {
		if _, err := getCustomer(ctx, tx, customer); err != nil {
			return err
		}
		tx.Put(credentialKey(c.ID), encode(credentialRecord{Customer: customer, Secret: c.Secret, Created: c.Created}))
		tx.Put(accessKey(customer, c.ID), nil)
		return nil
	})
	if err != nil {
		return Credential{}, fmt.Errorf("couldn't add credential: %w", err)
	}
	return c, nil
}

// newAccessKey returns 20 characters: "WRIT" and 80 random bits in base32.
func newAccessKey() writ.CredentialID {
	var b [10]byte
	rand.Read(b[:]) // never fails
	return writ.CredentialID("WRIT" + crockford.EncodeToString(b[:]))
}

// newSecret returns 40 characters with 240 random bits.
func newSecret() string {
	var b [30]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Credentials lists a customer's access keys, without secrets.
func (v *Vault) Credentials(ctx context.Context, customer writ.CustomerID) ([]Credential, error) {
	if _, err := getCustomer(ctx, v.records, customer); err != nil {
		return nil, err
	}
	var all []Credential
	err := eachRecord(ctx, v.records, records.Prefix(accessPrefix(customer)), func(e records.Entry) error {
		id := writ.CredentialID(e.Key[1+customerLength:])
		record, err := getCredential(ctx, v.records, id)
		if errors.Is(err, ErrNoCredential) {
			return nil // removed since the page was read
		}
		if err != nil {
			return err
		}
		all = append(all, Credential{ID: id, Customer: record.Customer, Created: record.Created})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't list credentials: %w", err)
	}
	return all, nil
}

func getCredential(ctx context.Context, r records.Reader, id writ.CredentialID) (record credentialRecord, err error) {
	value, err := r.Get(ctx, credentialKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return record, ErrNoCredential
	}
	if err != nil {
		return record, fmt.Errorf("couldn't read credential: %w", recordsError(err))
	}
	return record, decode(value, &record)
}

// RemoveCredential ends an access key: no request that begins after it
// returns is signed with it.
func (v *Vault) RemoveCredential(ctx context.Context, id writ.CredentialID) error {
	err := v.update(ctx, func(tx records.Tx) error {
		record, err := getCredential(ctx, tx, id)
		if err != nil {
			return err
		}
		tx.Delete(credentialKey(id))
		tx.Delete(accessKey(record.Customer, id))
		return nil
	})
	v.signing.forget(func(scope signingScope, _ signingKey) bool { return scope.access == id })
	if err != nil {
		return fmt.Errorf("couldn't remove credential: %w", err)
	}
	return nil
}

// signingScope is what a key of AWS Signature Version 4 is good for.
type signingScope struct {
	access                writ.CredentialID
	date, region, service string
}

type signingKey struct {
	key      [sha256.Size]byte
	customer writ.CustomerID
}

// SigningKey returns the key of AWS Signature Version 4 for one day (date is
// YYYYMMDD), region and service, and whose it is: what a front needs to check
// a signature, without the secret. [ErrNoCredential] if there is no such
// access key.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (v *Vault) SigningKey(ctx context.Context, access writ.CredentialID, date, region, service string) ([]byte, writ.CustomerID, error) {
	scope := signingScope{access, date, region, service}
	k, epoch, ok := v.signing.get(scope)
	if !ok {
		record, err := getCredential(ctx, v.records, access)
		if err != nil {
			return nil, "", err
		}
		key := []byte("AWS4" + record.Secret)
		for _, step := range []string{date, region, service, "aws4_request"} {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(step))
			key = mac.Sum(nil)
		}
		k.customer = record.Customer
		copy(k.key[:], key)
		v.signing.keep(scope, k, epoch)
	}
	return append([]byte(nil), k.key[:]...), k.customer, nil
}
