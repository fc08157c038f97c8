package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"

	"writ"
	"writ/internal/vault"
)

// accounts answers versitygw's questions about who there is, from the vault.
// An account is a customer: its Access is the customer's id, whichever of the
// customer's credentials signed.
type accounts struct{ vault Vault }

var (
	_ auth.IAMService         = accounts{}
	_ auth.SigningKeyProvider = accounts{}
)

// DeriveSigningKey implements [auth.SigningKeyProvider]: the vault derives the
// key, so that no secret is ever here. The credential travels to [sessionOf]
// in the account's SessionToken, which nothing else reads: versitygw passes
// the account along, and forgets the access key.
func (a accounts) DeriveSigningKey(access, sessionToken, date, region, service string) ([]byte, auth.Account, error) {
	if sessionToken != "" {
		return nil, auth.Account{}, auth.ErrInvalidSessionToken
	}
	// The strings are the request's own memory: the vault may keep copies only.
	credential := writ.CredentialID(strings.Clone(access))
	key, customer, err := a.vault.SigningKey(context.Background(), credential, strings.Clone(date), strings.Clone(region), strings.Clone(service))
	switch {
	case errors.Is(err, vault.ErrNoCredential):
		return nil, auth.Account{}, auth.ErrNoSuchUser
	case err != nil:
		return nil, auth.Account{}, errorOf(err, subject{})
	}
	account := account(customer)
	account.SessionToken = string(credential)
	return key, account, nil
}

func account(customer writ.CustomerID) auth.Account {
	// RoleUserPlus may create buckets; it is no more than that.
	return auth.Account{Access: string(customer), Role: auth.RoleUserPlus}
}

// GetUserAccount implements [auth.IAMService].
func (a accounts) GetUserAccount(access string) (auth.Account, error) {
	customer, err := a.vault.Customer(context.Background(), strings.Clone(access))
	if errors.Is(err, vault.ErrNoCustomer) || err == nil && string(customer.ID) != access {
		return auth.Account{}, auth.ErrNoSuchUser // names are not principals, ids are
	}
	if err != nil {
		return auth.Account{}, fmt.Errorf("couldn't look up principal: %w", err)
	}
	return account(customer.ID), nil
}

// ResolveAccounts implements [auth.IAMService]: it returns those that do not
// exist.
func (a accounts) ResolveAccounts(accesses []string) (missing []string, err error) {
	for _, access := range accesses {
		_, err := a.GetUserAccount(access)
		if errors.Is(err, auth.ErrNoSuchUser) {
			missing = append(missing, access)
		} else if err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// errNoAdministration answers what only an admin route would ask.
var errNoAdministration = s3err.GetAPIError(s3err.ErrAdminMethodNotSupported)

// CreateAccount implements [auth.IAMService].
func (accounts) CreateAccount(auth.Account) error { return errNoAdministration }

// UpdateUserAccount implements [auth.IAMService].
func (accounts) UpdateUserAccount(string, auth.MutableProps) error { return errNoAdministration }

// DeleteUserAccount implements [auth.IAMService].
func (accounts) DeleteUserAccount(string) error { return errNoAdministration }

// ListUserAccounts implements [auth.IAMService].
func (accounts) ListUserAccounts() ([]auth.Account, error) { return nil, errNoAdministration }

// Shutdown implements [auth.IAMService].
func (accounts) Shutdown() error { return nil }
