package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"writ"
	"writ/internal/gate"
	"writ/internal/records"
	"writ/internal/seal"
)

// CustomerPage is a page of customers, in order of name.
type CustomerPage struct {
	Customers []Customer
	Next      string // the name to ask on after; "" at the end
}

// AddCustomer makes a customer and its first key. The name must be unique and
// must not have the form of an id.
func (v *Vault) AddCustomer(ctx context.Context, name string) (Customer, error) {
	return v.AddCustomerWith(ctx, name, CustomerOptions{})
}

// CustomerOptions are what is decided when a customer is added, for ever.
type CustomerOptions struct {
	JournalKey *seal.Recipient // the public key that its journal is sealed to; nil for the server's own key
}

// AddCustomerWith is [Vault.AddCustomer] with options.
func (v *Vault) AddCustomerWith(ctx context.Context, name string, o CustomerOptions) (Customer, error) {
	if !validCustomerName(name) {
		return Customer{}, ErrCustomerName
	}
	id := writ.NewCustomerID()
	record := customerRecord{Name: name, Created: v.now().UTC()}
	// The name is looked up twice: before, so that a name that is taken makes
	// no key, and in the transaction, where it counts.
	if _, err := v.records.Get(ctx, nameKey(name)); err == nil {
		return Customer{}, ErrCustomerExists
	}
	// The key comes first: a customer without one could store nothing, a key
	// without a customer harms nobody.
	if err := v.gate.AddCustomer(ctx, id, o.JournalKey); err != nil {
		return Customer{}, fmt.Errorf("couldn't make customer's key: %w", sealError(err))
	}
	err := v.update(ctx, func(tx records.Tx) error {
		switch _, err := tx.Get(ctx, nameKey(name)); {
		case err == nil:
			return ErrCustomerExists
		case !errors.Is(err, records.ErrNotFound):
			return err
		}
		tx.Put(nameKey(name), []byte(id))
		tx.Put(customerKey(id), encode(record))
		return nil
	})
	if err != nil {
		return Customer{}, fmt.Errorf("couldn't add customer: %w", err)
	}
	return record.public(id), nil
}

func validCustomerName(name string) bool {
	if name == "" || len(name) > 128 || !utf8.ValidString(name) || strings.TrimSpace(name) != name {
		return false
	}
	if _, err := writ.ParseCustomerID(name); err == nil {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// Customer finds a customer by name or id, or returns [ErrNoCustomer].
func (v *Vault) Customer(ctx context.Context, nameOrID string) (Customer, error) {
	id, err := writ.ParseCustomerID(nameOrID)
	if err != nil {
		value, err := v.records.Get(ctx, nameKey(nameOrID))
		if errors.Is(err, records.ErrNotFound) {
			return Customer{}, ErrNoCustomer
		}
		if err != nil {
			return Customer{}, fmt.Errorf("couldn't read customer: %w", recordsError(err))
		}
		id = writ.CustomerID(value)
	}
	record, err := getCustomer(ctx, v.records, id)
	if err != nil {
		return Customer{}, err
	}
	return record.public(id), nil
}

func getCustomer(ctx context.Context, r records.Reader, id writ.CustomerID) (record customerRecord, err error) {
	value, err := r.Get(ctx, customerKey(id))
	if errors.Is(err, records.ErrNotFound) {
		return record, ErrNoCustomer
	}
	if err != nil {
		return record, fmt.Errorf("couldn't read customer: %w", recordsError(err))
	}
	return record, decode(value, &record)
}

// Customers lists customers in order of name, at most max of them (1 to
// [MaxList]), after the name that the page before gave.
func (v *Vault) Customers(ctx context.Context, afterName string, max int) (CustomerPage, error) {
	r := records.Prefix([]byte{tagName})
	if afterName != "" {
		r.Start = after(nameKey(afterName))
	}
	r.Limit = pageSize(max)
	entries, more, err := v.records.Scan(ctx, r)
	if err != nil {
		return CustomerPage{}, fmt.Errorf("couldn't list customers: %w", recordsError(err))
	}
	var page CustomerPage
	for _, e := range entries {
		id := writ.CustomerID(e.Value)
		record, err := getCustomer(ctx, v.records, id)
		if err != nil {
			return CustomerPage{}, err
		}
		page.Customers = append(page.Customers, record.public(id))
	}
	if more {
		page.Next = page.Customers[len(page.Customers)-1].Name
	}
	return page, nil
}

// SetQuota sets what a customer may keep and ask from now on. What it keeps
// already beyond that stays.
func (v *Vault) SetQuota(ctx context.Context, id writ.CustomerID, q Quota) error {
	if q.Bytes < 0 || q.Objects < 0 || q.Requests < 0 {
		return errors.New("a quota is not below zero")
	}
	a, err := v.account(ctx, id)
	if err != nil {
		return err
	}
	err = v.update(ctx, func(tx records.Tx) error {
		record, err := getCustomer(ctx, tx, id)
		if err != nil {
			return err
		}
		record.Bytes, record.Objects, record.Requests = q.Bytes, q.Objects, q.Requests
		tx.Put(customerKey(id), encode(record))
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't set quota: %w", err)
	}
	a.setQuota(q)
	return nil
}

// SetJournalSync sets whether the customer's journal is on the disk before a
// key is released, instead of within a second.
func (v *Vault) SetJournalSync(ctx context.Context, id writ.CustomerID, on bool) error {
	err := v.gate.SetJournalSync(ctx, id, on)
	if errors.Is(err, gate.ErrNoCustomer) {
		return ErrNoCustomer
	}
	if err != nil {
		return fmt.Errorf("couldn't set journal: %w", sealError(err))
	}
	return nil
}
